/* SPDX-License-Identifier: Apache-2.0
 * os/pipe-signal.c - SIGPIPE of one thread, held back for a while. */
#include "os/pipe-signal.h"

#include <errno.h>
#include <time.h>

static void only_pipe(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGPIPE);
}

void pipe_signal_block(struct pipe_signal *p)
{
	sigset_t set;

	only_pipe(&set);
	pthread_sigmask(SIG_BLOCK, &set, &p->before);
}

void pipe_signal_restore(const struct pipe_signal *p)
{
	const struct timespec now = {};
	int saved = errno;
	sigset_t set;

	only_pipe(&set);
	if (!sigismember(&p->before, SIGPIPE))
		while (sigtimedwait(&set, NULL, &now) == SIGPIPE)
			;
	pthread_sigmask(SIG_SETMASK, &p->before, NULL);
	errno = saved;
}
