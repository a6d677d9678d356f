/* SPDX-License-Identifier: Apache-2.0
 * Exec sessions: the process is our own child, its pipes or pty are read here. */
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include "base/own.h"
#include "base/str.h"
#include "engine/attach-pump.h"
#include "engine/attach.h"

struct exec_session {
	struct attach_exec *x;
	struct pump pump;
	int from[2];        /* child_out, child_err; -1 when read to the end */
	bool ended;         /* the process has */
	uint8_t data[32768];
};

static void send_signal(void *arg, int sig)
{
	const struct attach_exec *x = arg;

	(void)syscall(SYS_pidfd_send_signal, x->pidfd, sig, NULL, 0);
}

/* Reads once; false: nothing more at the moment. */
static bool read_from(struct exec_session *s, int which)
{
	ssize_t n = read(s->from[which], s->data, sizeof(s->data));

	if (n > 0) {
		pump_offer(&s->pump, s->data, (size_t)n, which == 1);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	s->from[which] = -1;   /* end of file, or EIO of a pty nobody has open */
	return false;
}

static void end_input(struct exec_session *s)
{
	s->pump.end_of_input = false;
	if (s->pump.tty || s->x->child_in < 0)
		return;
	s->pump.to = -1;
	close(take_fd(s->x->child_in));
}

enum { SLOT_OUT = PUMP_SLOTS, SLOT_ERR, SLOT_END, SLOTS };

/* True: the process has ended and nothing of its output is left. */
static int step(struct exec_session *s, struct error *err)
{
	struct pollfd fds[SLOTS];
	bool busy = pump_is_busy(&s->pump), got = false;

	pump_fill(&s->pump, fds);
	fds[SLOT_OUT] = (struct pollfd){ busy ? -1 : s->from[0], POLLIN, 0 };
	fds[SLOT_ERR] = (struct pollfd){ busy ? -1 : s->from[1], POLLIN, 0 };
	fds[SLOT_END] = (struct pollfd){ s->ended ? -1 : s->x->pidfd, POLLIN, 0 };
	/* After the end a background process may still hold the pipe open: only what is there is waited for. */
	if (poll(fds, SLOTS, s->ended && !busy ? 0 : -1) < 0)
		return errno == EINTR ? 0 : fail_errno(err, "wait for the session");
	TRY(pump_serve(&s->pump, fds, err));
	if (s->pump.end_of_input && s->pump.typed_pos == s->pump.typed_len)
		end_input(s);
	for (int i = 0; i < 2 && !got && !busy; i++)
		if (fds[SLOT_OUT + i].revents)
			got = read_from(s, i);
	if (s->ended && !busy && !got)
		return 1;
	if (fds[SLOT_END].revents)
		s->ended = true;
	return 0;
}

int attach_run_exec(struct attach_exec *x, struct error *err)
{
	autofree struct exec_session *s = calloc(1, sizeof(*s));

	if (!s)
		return fail_oom(err);
	s->x = x;
	s->from[0] = x->child_out;
	s->from[1] = x->child_err;
	s->pump = (struct pump){ .in = x->in, .out = x->out, .err = x->err, .to = x->tty ? x->child_out : x->child_in,
				 .tty = x->tty, .proxy = x->sig_proxy, .send_signal = send_signal, .arg = x };
	struct pump *pump CLEANUP_PUMP = &s->pump;
	TRY(pump_init(pump, x->detach_keys, err));
	for (;;) {
		int r = step(s, err);
		if (r != 0)
			return r < 0 ? r : ATTACH_EXITED;
		if (pump->detached)
			return ATTACH_DETACHED;
	}
}
