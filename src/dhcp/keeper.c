/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dhcp/dhcp.h"

/* Whole or not at all: readers find it by name. */
static bool write_lease(const char *text, size_t n)
{
	autoclose int fd = open("lease.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd >= 0 && write(fd, text, n) == (ssize_t)n && rename("lease.new", "lease") == 0;
}

/* The one who waits for the first lease. */
static void tell(struct keeper *k, const char *text, size_t n)
{
	bool gone = k->answer >= 0 && write(k->answer, text, n) != (ssize_t)n;

	if (gone)   /* killed: nobody will use this lease */
		kill(k->child, SIGTERM);
	close_p(&k->answer);
	k->answer = -1;
}

static void run_command(struct keeper *k)
{
	sigset_t none;

	k->again = k->command_pid != 0;
	if (k->again || !k->command[0])
		return;
	k->command_pid = fork();
	if (k->command_pid == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		execv(k->command[0], k->command);
		_exit(127);
	}
	if (k->command_pid < 0)
		k->command_pid = 0;
}

/* false: the client is over. */
static bool take_message(struct keeper *k)
{
	char buf[MESSAGE_MAX];
	ssize_t n = recv(k->from_client, buf, sizeof(buf), 0);

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 1)
		return false;
	if (buf[0] == 'F') {
		tell(k, buf + 1, (size_t)n - 1);
	} else if (!write_lease(buf + 1, (size_t)n - 1)) {
		static const char full[] = "its lease cannot be written";
		tell(k, full, sizeof(full) - 1);
		kill(k->child, SIGTERM);
	} else if (k->answer >= 0) {
		tell(k, "ok", 2);
	} else {
		run_command(k);
	}
	return true;
}

static void reap(struct keeper *k)
{
	for (pid_t pid = waitpid(-1, NULL, WNOHANG); pid > 0; pid = waitpid(-1, NULL, WNOHANG))
		if (pid == k->command_pid) {
			k->command_pid = 0;
			if (k->again)
				run_command(k);
		}
}

static void take_signal(struct keeper *k)
{
	struct signalfd_siginfo s;

	if (read(k->signals, &s, sizeof(s)) != sizeof(s))
		return;
	if (s.ssi_signo == SIGCHLD)
		reap(k);
	else
		kill(k->child, (int)s.ssi_signo);   /* still ours to reap unless it ended: then there is no such process */
}

int keeper_run(struct keeper *k)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	k->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (k->signals < 0) {
		kill(k->child, SIGKILL);
		return 1;
	}
	struct pollfd p[3] = { { k->from_client, POLLIN, 0 }, { k->signals, POLLIN, 0 }, { k->answer, 0, 0 } };
	for (;;) {
		p[2].fd = k->answer;
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents && !take_message(k))
			break;
		if (p[1].revents)
			take_signal(k);
		if (k->answer >= 0 && p[2].revents)   /* who asked is gone */
			kill(k->child, SIGTERM);
	}
	static const char ended[] = "its client ended unexpectedly";
	tell(k, ended, sizeof(ended) - 1);
	return 0;
}
