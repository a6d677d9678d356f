/* SPDX-License-Identifier: Apache-2.0
 * os/spawn-run.c - spawn_run(): feed a program, collect what it says, wait, all within one deadline. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "base/units.h"
#include "os/process.h"
#include "os/spawn.h"

struct talk {
	const struct spawn_io *io;
	int in, out, errout;     /* our ends; -1: closed */
	size_t fed;
	int64_t end;             /* monotonic; 0: no deadline */
};

static void talk_done(struct talk *t)
{
	close_p(&t->in);
	close_p(&t->out);
	close_p(&t->errout);
}

static void drop(int *fd)
{
	close_p(fd);
	*fd = -1;
}

/* Stdin is a socket: sending with MSG_NOSIGNAL spares us SIGPIPE when the program does not read. */
static int feed(struct talk *t, struct error *err)
{
	const char *p = t->io->input;
	ssize_t n = send(t->in, p + t->fed, t->io->input_len - t->fed, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0 && errno != EPIPE && errno != ECONNRESET)
		return fail_errno(err, "write to its standard input");
	t->fed += n > 0 ? (size_t)n : 0;
	if (n < 0 || t->fed == t->io->input_len)
		drop(&t->in);
	return 0;
}

static int collect(int *fd, struct buf *to, struct error *err)
{
	char data[16384];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0)
		return fail_errno(err, "read its output");
	if (n == 0) {
		drop(fd);
		return 0;
	}
	buf_add(to, data, (size_t)n);
	return buf_ok(to, "output", err);
}

static int remaining_ms(const struct talk *t)
{
	if (!t->end)
		return -1;
	int64_t left = t->end - time_monotonic();
	return left <= 0 ? 0 : (int)(left / 1000000 + 1);
}

static int converse(struct talk *t, struct error *err)
{
	while (t->in >= 0 || t->out >= 0 || t->errout >= 0) {
		struct pollfd p[3] = { { t->in, POLLOUT, 0 }, { t->out, POLLIN, 0 }, { t->errout, POLLIN, 0 } };
		int r = poll(p, 3, remaining_ms(t));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return fail_errno(err, "poll");
		if (r == 0)
			return fail(err, ERROR_TIMEOUT, "timed out");
		if (p[0].revents)
			TRY(feed(t, err));
		if (p[1].revents)
			TRY(collect(&t->out, t->io->out, err));
		if (p[2].revents)
			TRY(collect(&t->errout, t->io->errout, err));
	}
	return 0;
}

static int open_pipe(int *ours, int *theirs, struct error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	*ours = fds[0];
	*theirs = fds[1];
	return 0;
}

static int open_input(int *ours, int *theirs, struct error *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return fail_errno(err, "socketpair");
	shutdown(fds[1], SHUT_WR);
	*ours = fds[0];
	*theirs = fds[1];
	return 0;
}

/* Starts the program with our ends of the streams in *t. The program's ends are closed when this returns. */
static int start(const struct spawn *s, struct talk *t, struct spawned *p, struct error *err)
{
	autoclose int in = -1, out = -1, errout = -1;
	struct spawn with = *s;
	bool together = t->io->errout && t->io->errout == t->io->out;

	if (t->io->input) {
		TRY(open_input(&t->in, &in, err));
		with.stdin_fd = in;
	}
	if (t->io->out) {
		TRY(open_pipe(&t->out, &out, err));
		with.stdout_fd = out;
	}
	if (t->io->errout && !together) {
		TRY(open_pipe(&t->errout, &errout, err));
		with.stderr_fd = errout;
	} else if (together) {
		with.stderr_fd = out;
	}
	return spawn_start(&with, p, err);
}

int spawn_run(const struct spawn *s, const struct spawn_io *io, int *ret_status, struct error *err)
{
	CLEANUP(spawn_done) struct spawned p = SPAWNED_INIT;
	CLEANUP(talk_done) struct talk t = {
		.io = io, .in = -1, .out = -1, .errout = -1,
		.end = io->timeout_ns > 0 ? time_monotonic() + io->timeout_ns : 0,
	};
	const char *name = s->path ? s->path : s->argv[0];

	TRY(start(s, &t, &p, err));
	if (t.in >= 0 && io->input_len == 0)
		drop(&t.in);
	if (converse(&t, err) < 0)
		return fail_wrap(err, "%s", name);
	int64_t left = t.end ? t.end - time_monotonic() : -1;
	int r = spawn_wait(&p, t.end && left < 0 ? 0 : left, ret_status, err);
	if (r == 0)
		return fail(err, ERROR_TIMEOUT, "%s: timed out", name);
	return r < 0 ? -1 : 0;
}
