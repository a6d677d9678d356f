/* SPDX-License-Identifier: Apache-2.0
 * tests/fault/killat.c - killat N [-f | -x A B] COMMAND [ARG...]: kills the whole process tree at its N-th system call.
 *
 * Calls are counted over all processes and threads of the tree, in the order their entry stops arrive; at the N-th the
 * call does not happen and everybody gets SIGKILL. N = 0 counts only and prints "calls COUNT" on stderr. Children are
 * followed wherever they go (fork, vfork, clone, daemons), and die with us (EXITKILL).
 * -x A B: nobody is killed; before the N-th call the names A and B are exchanged, as a container would do that lies in wait.
 * -f: nobody is killed; only calls that a full disk, a broken one or an exhausted table can refuse are counted (the rows
 *     below), and the N-th of them does not happen and returns its row's error. What failed is said in the file that the
 *     environment variable KILLAT_LOG names.
 * Exit: 9 killed at N; else the command's own code (128 + signal); 125 for our own trouble. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILURE(name, errnum) {SYS_##name, #name, errnum}

static const struct failure {
	long nr;
	const char *name;
	int errnum;
} failures[] = {
	FAILURE(openat, EMFILE),    FAILURE(openat2, ENFILE),     FAILURE(write, ENOSPC),       FAILURE(pwrite64, ENOSPC),
	FAILURE(writev, ENOSPC),    FAILURE(read, EIO),           FAILURE(pread64, EIO),        FAILURE(fsync, EIO),
	FAILURE(fdatasync, EIO),    FAILURE(syncfs, EIO),         FAILURE(ftruncate, ENOSPC),   FAILURE(fallocate, ENOSPC),
	FAILURE(renameat, EIO),     FAILURE(renameat2, ENOSPC),   FAILURE(linkat, ENOSPC),      FAILURE(symlinkat, ENOSPC),
	FAILURE(mkdirat, ENOSPC),   FAILURE(mknodat, ENOSPC),     FAILURE(unlinkat, EIO),       FAILURE(getdents64, EIO),
	FAILURE(fchmod, EIO),       FAILURE(fchownat, EIO),       FAILURE(utimensat, EIO),      FAILURE(fsetxattr, ENOSPC),
	FAILURE(copy_file_range, EIO), FAILURE(sendfile, EIO),    FAILURE(splice, ENOMEM),      FAILURE(flock, ENOLCK),
	FAILURE(mount, ENOMEM),     FAILURE(umount2, EBUSY),      FAILURE(fsopen, EMFILE),      FAILURE(fsconfig, ENOMEM),
	FAILURE(fsmount, ENOMEM),   FAILURE(open_tree, ENOMEM),   FAILURE(move_mount, ENOMEM),  FAILURE(mount_setattr, ENOMEM),
	FAILURE(clone, EAGAIN),     FAILURE(clone3, EAGAIN),      FAILURE(unshare, ENOSPC),     FAILURE(setns, ENOMEM),
	FAILURE(execve, ENOMEM),    FAILURE(execveat, ENOMEM),    FAILURE(pidfd_open, EMFILE),  FAILURE(memfd_create, ENFILE),
	FAILURE(socket, EMFILE),    FAILURE(socketpair, EMFILE),  FAILURE(connect, EAGAIN),     FAILURE(bind, ENOMEM),
	FAILURE(listen, ENOMEM),    FAILURE(sendmsg, ENOBUFS),    FAILURE(sendto, ENOBUFS),     FAILURE(recvmsg, ENOMEM),
	FAILURE(pipe2, EMFILE),     FAILURE(epoll_create1, EMFILE), FAILURE(epoll_ctl, ENOSPC), FAILURE(timerfd_create, EMFILE),
	FAILURE(signalfd4, EMFILE), FAILURE(eventfd2, EMFILE),    FAILURE(inotify_init1, EMFILE), FAILURE(dup3, EMFILE),
};

enum { TASKS_MAX = 32768, EXIT_KILLED = 9, EXIT_TROUBLE = 125, LET_GO = 1 << 20 };

struct tree {
	int pidfds[TASKS_MAX];   /* of everyone ever seen: a pid may be used again, a pidfd not */
	int n;
	pid_t root;
	int root_status;
	long calls, limit;
	char **swap;             /* two names, or NULL */
	bool fails, counts;      /* -f, and the command has begun: what we do before it is not its */
	pid_t failing;           /* whose call was refused and has not come back yet, or 0 */
	const struct failure *failure;
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

/* The number of the call that begins, or -1: none begins. */
static long entry_of(pid_t pid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return -1;
	return (long)info.entry.nr;
}

static const struct failure *failure_of(long nr)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++)
		if (failures[i].nr == nr)
			return &failures[i];
	return NULL;
}

/* The call that begins becomes one that does not exist. */
static int call_refuse(pid_t pid)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof(regs)};
	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &io) < 0)
		return -1;
	regs.orig_rax = ~0ULL;
	return (int)ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &io);
#elif defined(__aarch64__)
	int nr = -1;
	struct iovec io = {&nr, sizeof(nr)};
	return (int)ptrace(PTRACE_SETREGSET, pid, (void *)NT_ARM_SYSTEM_CALL, &io);
#else
	(void)pid;
	errno = ENOSYS;
	return -1;
#endif
}

/* The call that ends returns -errnum. */
static int call_answer(pid_t pid, int errnum)
{
#if defined(__x86_64__) || defined(__aarch64__)
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof(regs)};
	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &io) < 0)
		return -1;
#if defined(__x86_64__)
	regs.rax = (unsigned long long)-errnum;
#else
	regs.regs[0] = (unsigned long long)-errnum;
#endif
	return (int)ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &io);
#else
	(void)pid, (void)errnum;
	return -1;
#endif
}

static void failure_log(pid_t pid, const struct failure *f)
{
	const char *name = getenv("KILLAT_LOG");
	char path[64], program[256] = "";
	FILE *log = name ? fopen(name, "a") : NULL;

	if (!log)
		return;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (readlink(path, program, sizeof(program) - 1) < 0)
		program[0] = '\0';
	fprintf(log, "%s: %s: %s\n", program, f->name, strerror(f->errnum));
	fclose(log);
}

/* A call begins or ends: one is refused at the limit, and answered when it comes back. */
static void look_at_failing(struct tree *t, pid_t pid)
{
	long nr = entry_of(pid);
	const struct failure *f = failure_of(nr);

	if (t->failing == pid && nr < 0) {
		if (call_answer(pid, t->failure->errnum) < 0)
			perror("killat: answer");
		t->failing = 0;
		return;
	}
	if (!f || !t->counts || ++t->calls != t->limit)
		return;
	failure_log(pid, f);
	if (call_refuse(pid) < 0) {
		perror("killat: refuse");
		return;
	}
	t->failing = pid;
	t->failure = f;
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

/* Returns the signal to pass on; -1: the limit is reached; LET_GO: it is not to be followed any longer. */
static int look_at(struct tree *t, pid_t pid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

#ifdef SYS_pause
	/* the process that keeps a user's namespace: it sleeps until somebody ends it, and nobody waits for it */
	if (sig == (SIGTRAP | 0x80) && entry_of(pid) == SYS_pause)
		return LET_GO;
#endif
	if (sig == (SIGTRAP | 0x80) && t->fails) {
		look_at_failing(t, pid);
		return 0;
	}
	if (sig == (SIGTRAP | 0x80))
		return entry_of(pid) >= 0 && ++t->calls == t->limit ? at_limit(t) : 0;
	if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
		unsigned long child = 0;
		if (ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child) == 0)
			add_task(t, (pid_t)child);
	}
	t->counts |= event == PTRACE_EVENT_EXEC;
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
		if (sig == LET_GO) {
			ptrace(PTRACE_DETACH, pid, NULL, NULL);
			continue;
		}
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
	if (argc > 3 && !strcmp(argv[2], "-f")) {
		t.fails = true;
		command = argv + 3;
	}
	if (argc < 3 || (t.limit = strtol(argv[1], &end, 10), *end)) {
		fprintf(stderr, "usage: killat N [-f | -x A B] COMMAND [ARG...]\n");
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
