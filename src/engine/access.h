/* SPDX-License-Identifier: Apache-2.0
 * engine/access.h - refusals of the kernel on a user's files, told so that the user knows what to do: whose file it is, who
 * we are to the kernel, which option helps. Only words: decides nothing, changes nothing.
 * Allocates nothing; still not between clone() and exec() (looks at the path again). */
#pragma once
#include "engine/engine.h"

enum access_act {
	ACCESS_LOOK,    /* reach and open it */
	ACCESS_CHOWN    /* give it to another: the U option, a volume's owner */
};
/* *err is about `path`. When it is a refusal (EACCES, EPERM, an id that is not ours) the story follows its text; else it
 * stays as it is. Returns -1. */
int fail_access(const struct engine *e, enum access_act act, const char *path, struct error *err);
