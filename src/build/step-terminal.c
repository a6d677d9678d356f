/* SPDX-License-Identifier: Apache-2.0
 * build/step-terminal.c - a command with a terminal of its own: bytes between it and our standard streams. Who made our
 * terminal raw is who started the step. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "build/step-run.h"
#include "engine/attach.h"
#include "os/file.h"

enum { CHUNK = 4096, LOOK_MS = 500, END_OF_INPUT = 4 };

static void follow_size(int master)
{
	const int streams[] = { 0, 1, 2 };
	struct winsize ours, theirs;

	if (terminal_size(streams, 3, &ours) && ioctl(master, TIOCGWINSZ, &theirs) == 0 &&
	    (ours.ws_row != theirs.ws_row || ours.ws_col != theirs.ws_col))
		ioctl(master, TIOCSWINSZ, &ours);
}

/* False: there is no more. */
static bool take_output(int master, int out)
{
	struct error ignored;
	char data[CHUNK];
	ssize_t n;

	do
		n = read(master, data, sizeof(data));
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return true;
	return n > 0 && file_write_all(out, data, (size_t)n, &ignored) == 0;
}

/* The master does not block: what the command does not read yet is offered again. False: the input has ended. */
static bool give_input(int master, char *data, size_t *len)
{
	ssize_t n;

	if (!*len) {
		n = read(0, data, CHUNK);
		if (n < 0)
			return errno == EINTR || errno == EAGAIN;
		data[0] = n ? data[0] : END_OF_INPUT;
		*len = n ? (size_t)n : 1;
		if (!n) {
			n = write(master, data, 1);
			return false;
		}
	}
	n = write(master, data, *len);
	if (n > 0) {
		*len -= (size_t)n;
		memmove(data, data + n, *len);
	}
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

int step_terminal_pump(const struct runner *k, int socket, struct error *err)
{
	int master = k->process.console_master;
	struct pollfd fds[] = { { .fd = k->process.pidfd, .events = POLLIN }, { .fd = socket, .events = POLLIN },
				{ .fd = master, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
	char data[CHUNK];
	size_t len = 0;

	fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
	while (!fds[0].revents && !fds[1].revents) {
		follow_size(master);
		if (poll(fds, 4, LOOK_MS) < 0 && errno != EINTR)
			return fail_errno(err, "poll");
		if (fds[2].revents && !take_output(master, k->job->out))
			fds[2].fd = -1;
		if (fds[3].revents && !give_input(master, data, &len))
			fds[3].fd = -1;
	}
	/* what it wrote last */
	for (int more = 1; more > 0 && fds[2].fd >= 0;) {
		struct pollfd last = { .fd = master, .events = POLLIN };
		more = poll(&last, 1, 0);
		if (more > 0 && !take_output(master, k->job->out))
			more = 0;
	}
	return 0;
}
