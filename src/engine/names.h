/* SPDX-License-Identifier: Apache-2.0
 * engine/names.h - names of objects: random ones and the rule for given ones. Owns nothing. */
#pragma once
#include "base/error.h"

/* A random "adjective_noun" name, malloc'ed. `attempt` > 0 adds digits. */
int name_random(unsigned attempt, char **ret, struct error *err);
/* [a-zA-Z0-9][a-zA-Z0-9_.-]*: `names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument` */
int name_check(const char *name, struct error *err);
