/* SPDX-License-Identifier: Apache-2.0
 * tests/fault/killat.c - killat N [-x A B] COMMAND [ARG...]: kills the whole process tree at its N-th system call.
 *
 * Calls are counted over all processes and threads of the tree, in the order their entry stops arrive; at the N-th the
 * call does not happen and everybody gets SIGKILL. N = 0 counts only and prints "calls COUNT" on stderr. Children are
 * followed wherever they go (fork, vfork, clone, daemons), and die with us (EXITKILL).
 * -x A B: nobody is killed; before the N-th call the names A and B are exchanged, as a container would do that lies in wait.
 * Exit: 9 killed at N; else the command's own code (128 + signal); 125 for our own trouble. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TASKS_MAX = 32768, EXIT_KILLED = 9, EXIT_TROUBLE = 125 };

struct tree {
	int pidfds[TASKS_MAX];   /* of everyone ever seen: a pid may be used again, a pidfd not */
	int n;
	pid_t root;
	int root_status;
	long calls, limit;
	char **swap;             /* two names, or NULL */
};

static void add_task(struct tree *t, pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		fd = (int)syscall(SYS_pidfd_open, pid, O_EXCL);   /* PIDFD_THREAD: it is no group leader */
	if (fd >= 0 && t->n < TASKS_MAX)
		t->pidfds[t->n++] = fd;
}

static void kill_all(struct tree *t)
{
	for (int i = 0; i < t->n; i++)
		syscall(SYS_pidfd_send_signal, t->pidfds[i], SIGKILL, NULL, 0);
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == ECHILD)
			return;
		/* born while we were killing: stopped at its first instruction */
		if (pid > 0 && WIFSTOPPED(status))
			kill(pid, SIGKILL);
	}
}

static bool is_entry(pid_t pid)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

/* At the limit: -1, kill; or the exchange, and on. */
static int at_limit(const struct tree *t)
{
	if (!t->swap)
		return -1;
	if (syscall(SYS_renameat2, AT_FDCWD, t->swap[0], AT_FDCWD, t->swap[1], 2 /* RENAME_EXCHANGE */) < 0)
		perror("killat: exchange");
	return 0;
}

/* Returns the signal to pass on, or -1: the limit is reached. */
static int look_at(struct tree *t, pid_t pid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (sig == (SIGTRAP | 0x80))
		return is_entry(pid) && ++t->calls == t->limit ? at_limit(t) : 0;
	if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
		unsigned long child = 0;
		if (ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child) == 0)
			add_task(t, (pid_t)child);
	}
	return event ? 0 : sig;
}

static void go_on(pid_t pid, int status, int sig)
{
	bool group_stop = status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP;

	if (group_stop)
		ptrace(PTRACE_LISTEN, pid, NULL, NULL);
	else
		ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)sig);
}

/* 1: killed at the limit; 0: everybody ended by themselves. */
static int trace(struct tree *t)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return 0;
		if (!WIFSTOPPED(status)) {
			if (pid == t->root)
				t->root_status = status;
			continue;
		}
		int sig = look_at(t, pid, status);
		if (sig < 0) {
			kill_all(t);
			return 1;
		}
		go_on(pid, status, sig);
	}
}

static pid_t start(char **argv)
{
	int gate[2];

	if (pipe(gate) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		close(gate[1]);
		if (read(gate[0], &c, 1) != 1)
			_exit(EXIT_TROUBLE);
		close(gate[0]);
		execvp(argv[0], argv);
		fprintf(stderr, "killat: %s: %s\n", argv[0], strerror(errno));
		_exit(EXIT_TROUBLE);
	}
	close(gate[0]);
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	if (pid < 0 || ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || write(gate[1], "x", 1) != 1)
		return -1;
	close(gate[1]);
	return pid;
}

int main(int argc, char **argv)
{
	static struct tree t;
	char *end, **command = argv + 2;

	if (argc > 5 && !strcmp(argv[2], "-x")) {
		t.swap = argv + 3;
		command = argv + 5;
	}
	if (argc < 3 || (t.limit = strtol(argv[1], &end, 10), *end)) {
		fprintf(stderr, "usage: killat N [-x A B] COMMAND [ARG...]\n");
		return EXIT_TROUBLE;
	}
	t.root = start(command);
	if (t.root < 0) {
		perror("killat");
		return EXIT_TROUBLE;
	}
	add_task(&t, t.root);
	if (trace(&t))
		return EXIT_KILLED;
	if (!t.limit)
		fprintf(stderr, "calls %ld\n", t.calls);
	return WIFEXITED(t.root_status) ? WEXITSTATUS(t.root_status) : 128 + WTERMSIG(t.root_status);
}
