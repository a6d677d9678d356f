/* SPDX-License-Identifier: Apache-2.0
 * os/pipe-signal.h - writing to a pipe or socket whose reader may die: EPIPE, not SIGPIPE.
 *
 * For the calling thread only, between begin and end; a SIGPIPE that came meanwhile is taken away again. The command's own
 * standard output keeps the signal's default, so that `umiak ps | head -1` ends as other programs do. */
#pragma once
#include <signal.h>

struct pipe_signal {
	sigset_t before;
};

void pipe_signal_block(struct pipe_signal *p);
void pipe_signal_restore(const struct pipe_signal *p);   /* errno is as before */
