/* SPDX-License-Identifier: Apache-2.0
 * cli/build-display-tty.h - the live tree of a build on a terminal. */
#pragma once
#include <stdio.h>

#include "build/build.h"

struct build_tty;
int build_tty_new(FILE *out, struct build_tty **ret, struct error *err);
void build_tty_free(struct build_tty *t);   /* NULL: nothing */
void build_tty_event(struct build_tty *t, const struct build_event *e);
/* The last picture stays. */
void build_tty_end(struct build_tty *t);
