/* SPDX-License-Identifier: Apache-2.0
 * build/ahead.h - (internal) hashes what later COPYs of a stage copy while a step of it runs.
 *
 * ahead_begin() with the first process of a stage; its socket is polled; ahead_receive() takes what came, ends it when it
 * is through. op.ahead says what is known of a COPY: while it is AHEAD_PENDING the step waits, AHEAD_KNOWN: op.content.
 * ahead_end() may be called any time. Owns the process. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct build;
struct op;
struct stage_run;

enum ahead_state { AHEAD_NOT, AHEAD_PENDING, AHEAD_KNOWN };
struct ahead {
	bool begun;
	pid_t pid;                       /* 0: none */
	int socket;                      /* -1 */
};
int ahead_begin(struct stage_run *st, struct error *err);
void ahead_receive(struct stage_run *st);
void ahead_end(struct stage_run *st);
/* The cache's key for "this was copied before"; false: the step is not of the kind that can be looked at early. */
bool ahead_key(const struct build *b, const struct op *op, char ret[65]);
