/* SPDX-License-Identifier: Apache-2.0
 * oci/foreground.c - `umiak-oci run` and `exec` in the foreground: signals go to the container, a terminal is copied,
 * the container's exit code becomes ours. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "oci/cli.h"
#include "os/file.h"
#include "os/process.h"

struct foreground {
	pid_t pid;
	int pidfd, master, signals;
	bool stdin_open, raw;
	struct termios saved;
};

static void terminal_size(const struct foreground *f)
{
	struct winsize size;

	if (f->master >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row)
		(void)ioctl(f->master, TIOCSWINSZ, &size);
}

static void terminal_raw(struct foreground *f)
{
	struct termios raw;

	if (f->master < 0 || tcgetattr(STDIN_FILENO, &f->saved) < 0)
		return;
	raw = f->saved;
	cfmakeraw(&raw);
	f->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
	terminal_size(f);
}

static void foreground_done(struct foreground *f)
{
	if (f->raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &f->saved);
	close_p(&f->signals);
}

/* 1: bytes were copied; 0: the source has ended. */
static int copy(int from, int to)
{
	char room[8192];
	struct error ignored;

	ssize_t n = read(from, room, sizeof(room));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n <= 0)
		return 0;
	return file_write_all(to, room, (size_t)n, &ignored) < 0 ? 0 : 1;
}

static void forward_signal(struct foreground *f)
{
	struct signalfd_siginfo info;
	struct error ignored;

	if (read(f->signals, &info, sizeof(info)) != (ssize_t)sizeof(info) || info.ssi_signo == SIGCHLD)
		return;
	if (info.ssi_signo == SIGWINCH)
		terminal_size(f);
	else
		(void)process_signal(f->pidfd, (int)info.ssi_signo, &ignored);
}

/* The container may have orphans of ours as the subreaper: everything is reaped, one status counts. */
static bool reap(const struct foreground *f, int *ret_status)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == f->pid) {
			*ret_status = status;
			return true;
		}
	return false;
}

static int open_signals(struct foreground *f, struct error *err)
{
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < 5; i++)
		sigdelset(&set, (const int[]){ SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT }[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	f->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return f->signals < 0 ? fail_errno(err, "signalfd") : 0;
}

static int loop(struct foreground *f, int *ret_status, struct error *err)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = f->pidfd, .events = POLLIN }, { .fd = f->signals, .events = POLLIN },
			{ .fd = f->master, .events = POLLIN },
			{ .fd = f->master >= 0 && f->stdin_open ? STDIN_FILENO : -1, .events = POLLIN },
		};
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return fail_errno(err, "poll");
		if (p[2].revents && !copy(f->master, STDOUT_FILENO))
			f->master = -1;
		if (p[3].revents && !copy(STDIN_FILENO, f->master))
			f->stdin_open = false;
		if (p[1].revents)
			forward_signal(f);
		if ((p[0].revents || p[1].revents) && reap(f, ret_status))
			return 0;
	}
}

int wait_foreground(pid_t pid, int pidfd, int master, struct error *err)
{
	CLEANUP(foreground_done) struct foreground f = {
		.pid = pid, .pidfd = pidfd, .master = master, .signals = -1, .stdin_open = true,
	};
	int status = 0;

	TRY(open_signals(&f, err));
	terminal_raw(&f);
	TRY(loop(&f, &status, err));
	while (f.master >= 0 && copy(f.master, STDOUT_FILENO))   /* what was still in the terminal */
		;
	return process_exit_code(status);
}
