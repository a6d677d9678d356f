/* SPDX-License-Identifier: Apache-2.0
 * umiak-init - PID 1 inside a container (--init), and the infra process of a pod.
 *
 *     umiak-init [-g] [--] COMMAND [ARG...]   start the command, pass signals on, reap orphans, end with its exit code
 *     umiak-init -P                           only wait (SIGTERM and SIGINT end it) and reap: "pause"
 *
 * As catatonit is called, so that either can stand in for the other: -g sends signals to the command's process group,
 * -L (its socket activation) is not offered. Exit code: the command's, 128 + signal, 127 not found, 126 not executable.
 * PID 1 gets no signal it has not asked for; hence the handler-less design: everything is blocked and read by
 * sigtimedwait(). Libc only, static; it is mounted into containers of any distribution. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct init {
	pid_t child;     /* 0: pause mode */
	bool group;
	sigset_t before; /* the command's signal mask */
};

/* Synchronous faults are ours, SIGCHLD is answered by reaping. */
static bool is_passed_on(int sig)
{
	static const int own[] = { SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i] == sig)
			return false;
	return true;
}

static void block_signals(sigset_t *ret_before)
{
	sigset_t all;

	sigfillset(&all);
	for (int sig = 1; sig < 32; sig++)
		if (!is_passed_on(sig) && sig != SIGCHLD)
			sigdelset(&all, sig);
	sigprocmask(SIG_SETMASK, &all, ret_before);
}

static int shell_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Reaps everything that ended. True: the command is among it. */
static bool reap(const struct init *in, int *ret_code)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == in->child) {
			*ret_code = shell_code(status);
			ended = true;
		}
	return ended;
}

static _Noreturn void run_command(const struct init *in, char **argv)
{
	int code;

	/* Its own foreground process group, where there is a terminal: job control of a shell needs it. */
	if (setpgid(0, 0) == 0 && isatty(0)) {
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(0, getpgrp());
		signal(SIGTTOU, SIG_DFL);
	}
	sigprocmask(SIG_SETMASK, &in->before, NULL);
	execvp(argv[0], argv);
	code = errno == ENOENT ? 127 : 126;
	dprintf(2, "umiak-init: %s: %s\n", argv[0], strerror(errno));
	_exit(code);
}

static void pass_on(const struct init *in, int sig)
{
	if (in->child > 0)
		kill(in->group ? -in->child : in->child, sig);
}

static int serve(const struct init *in)
{
	sigset_t all;
	int code = 0;

	sigfillset(&all);
	for (;;) {
		int sig = sigwaitinfo(&all, NULL);

		if (sig < 0)
			continue;   /* EINTR: stopped and continued */
		if (sig == SIGCHLD) {
			if (reap(in, &code))
				return code;
		} else if (in->child > 0) {
			if (is_passed_on(sig))
				pass_on(in, sig);
		} else if (sig == SIGTERM || sig == SIGINT) {
			return 0;
		}
	}
}

static int usage(void)
{
	dprintf(2, "usage: umiak-init [-g] [--] COMMAND [ARG...]\n       umiak-init -P\n");
	return 125;
}

int main(int argc, char **argv)
{
	struct init in = {};
	bool pause_only = false;
	int opt;

	/* "+": options of the command are its own. */
	while ((opt = getopt(argc, argv, "+gPV")) != -1) {
		if (opt == 'V') {
			dprintf(1, "umiak-init\n");
			return 0;
		}
		if (opt == 'g')
			in.group = true;
		else if (opt == 'P')
			pause_only = true;
		else
			return usage();
	}
	if (pause_only ? optind != argc : optind >= argc)
		return usage();
	/* Not PID 1 (--pid=host): orphans come to us all the same. */
	if (getpid() != 1)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	block_signals(&in.before);
	if (!pause_only) {
		in.child = fork();
		if (in.child < 0) {
			dprintf(2, "umiak-init: fork: %s\n", strerror(errno));
			return 126;
		}
		if (in.child == 0)
			run_command(&in, argv + optind);
	}
	return serve(&in);
}
