/* SPDX-License-Identifier: Apache-2.0
 * os/spawn.c - the child shares our memory until exec (CLONE_VM | CLONE_VFORK): no page tables are copied, and a failed
 * step leaves its errno in the parent's struct. It therefore only makes system calls and touches its own locals;
 * signals are blocked meanwhile so that no handler of ours runs in it. */
#include "os/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/units.h"
#include "os/file.h"
#include "os/process.h"

#define STACK_SIZE ((size_t)64 << 10)
/* The child runs on a stack that the address sanitizer does not know, in memory that it does. */
#define ON_BORROWED_STACK __attribute__((no_sanitize("address")))

struct child {
	const struct spawn *s;
	sigset_t mask;          /* the caller's signal mask */
	pid_t parent;
	int errnum;             /* why it failed */
	const char *step;       /* at what */
};

static ON_BORROWED_STACK int child_failed(struct child *c, const char *step)
{
	c->errnum = errno;
	c->step = step;
	return -1;
}

static ON_BORROWED_STACK void reset_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);   /* EINVAL for SIGKILL, SIGSTOP and libc's own: nothing to do */
}

/* Puts every descriptor where the program wants it. First all are lifted above the highest target, so that no dup2()
 * overwrites a source. */
static ON_BORROWED_STACK int place_fds(struct child *c)
{
	const struct spawn *s = c->s;
	struct spawn_fd all[SPAWN_FDS_MAX + 3] = { { s->stdin_fd, 0 }, { s->stdout_fd, 1 }, { s->stderr_fd, 2 } };
	size_t n = s->n_fds + 3;
	int above = 3;

	for (size_t i = 3; i < n; i++) {
		all[i] = s->fds[i - 3];
		above = all[i].to >= above ? all[i].to + 1 : above;
	}
	for (size_t i = 0; i < n; i++) {
		int from = all[i].from < 0 && i < 3 ? open("/dev/null", O_RDWR | O_CLOEXEC) : all[i].from;
		all[i].from = fcntl(from, F_DUPFD_CLOEXEC, above);
		if (all[i].from < 0)
			return child_failed(c, "pass a descriptor");
	}
	for (size_t i = 0; i < n; i++)
		if (dup2(all[i].from, all[i].to) < 0)
			return child_failed(c, "pass a descriptor");
	return 0;
}

/* Closes nothing (the memory is shared, the descriptor table is not): marks all but the wanted ones close-on-exec. */
static ON_BORROWED_STACK int hide_other_fds(struct child *c)
{
	const struct spawn *s = c->s;

	if (syscall(SYS_close_range, 3, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */) < 0) {
		for (int fd = 3; fd < 65536; fd++)   /* before 5.11; no opendir() here */
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	for (size_t i = 0; i < s->n_fds; i++)
		if (fcntl(s->fds[i].to, F_SETFD, 0) < 0)
			return child_failed(c, "pass a descriptor");
	return 0;
}

/* Raw system calls: glibc's wrappers would change the parent's other threads, whose memory this is. */
static ON_BORROWED_STACK int set_identity(struct child *c)
{
	const struct spawn *s = c->s;

	if (!s->set_ids)
		return 0;
	if (syscall(SYS_setgroups, s->n_groups, s->groups) < 0 && (errno != EPERM || s->n_groups > 0))
		return child_failed(c, "setgroups");
	if (syscall(SYS_setresgid, s->gid, s->gid, s->gid) < 0)
		return child_failed(c, "setresgid");
	if (syscall(SYS_setresuid, s->uid, s->uid, s->uid) < 0)
		return child_failed(c, "setresuid");
	return 0;
}

static ON_BORROWED_STACK int set_process(struct child *c)
{
	const struct spawn *s = c->s;

	if (s->new_session && setsid() < 0)
		return child_failed(c, "setsid");
	if (s->cwd_fd >= 0 && fchdir(s->cwd_fd) < 0)
		return child_failed(c, "change directory");
	return 0;
}

static ON_BORROWED_STACK int tie_to_parent(struct child *c)
{
	if (!c->s->die_with_parent)
		return 0;
	/* after the identity: a change of it clears the signal */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return child_failed(c, "PR_SET_PDEATHSIG");
	return 0;
}

static ON_BORROWED_STACK int child_main(void *arg)
{
	static char *const no_env[] = { NULL };
	struct child *c = arg;
	const struct spawn *s = c->s;
	char *const *env = s->envp ? s->envp : no_env;

	reset_signals();
	if (set_process(c) < 0 || set_identity(c) < 0 || tie_to_parent(c) < 0)
		_exit(127);
	/* lifted here too, before targets are overwritten */
	int program = s->program_fd < 0 ? -1 : fcntl(s->program_fd, F_DUPFD_CLOEXEC, 1000);
	if (program < 0 && s->program_fd >= 0)
		program = s->program_fd;
	if (place_fds(c) < 0 || hide_other_fds(c) < 0)
		_exit(127);
	sigprocmask(SIG_SETMASK, &c->mask, NULL);
	if (program >= 0)
		syscall(SYS_execveat, program, "", s->argv, env, AT_EMPTY_PATH);
	else
		execve(s->path, s->argv, env);
	child_failed(c, "execute");
	_exit(127);
}

static const char *program_name(const struct spawn *s)
{
	return s->path ? s->path : s->argv[0];
}

static int clone_child(struct child *c, struct spawned *ret, struct error *err)
{
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	sigset_t all;
	int pidfd = -1;

	if (stack == MAP_FAILED)
		return fail_errno(err, "allocate a stack");
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &c->mask);
	pid_t pid = clone(child_main, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, c, &pidfd);
	int e = errno;
	sigprocmask(SIG_SETMASK, &c->mask, NULL);
	munmap(stack, STACK_SIZE);
	if (pid < 0)
		return fail_with(err, e, "start %s", program_name(c->s));
	*ret = (struct spawned){ .pid = pid, .pidfd = pidfd };
	return 0;
}

int spawn_start(const struct spawn *s, struct spawned *ret, struct error *err)
{
	struct child c = { .s = s, .parent = getpid() };
	struct spawned p = SPAWNED_INIT;

	if (s->n_fds > SPAWN_FDS_MAX)
		return fail(err, ERROR_INVALID, "start %s: more than %d descriptors to pass", program_name(s),
			    SPAWN_FDS_MAX);
	TRY(clone_child(&c, &p, err));
	if (c.step) {
		spawn_done(&p);
		return fail_with(err, c.errnum, "%s %s", c.step, program_name(s));
	}
	*ret = p;
	return 0;
}

int spawn_wait(struct spawned *p, int64_t timeout_ns, int *ret_status, struct error *err)
{
	if (timeout_ns >= 0) {
		int r = process_wait_exit(p->pidfd, timeout_ns, err);
		if (r <= 0)
			return r;
	}
	TRY(process_reap(p->pid, ret_status, err));
	close(p->pidfd);
	*p = (struct spawned)SPAWNED_INIT;
	return 1;
}

void spawn_done(struct spawned *p)
{
	struct error ignored;
	int status;

	if (p->pidfd < 0)
		return;
	process_signal(p->pidfd, SIGKILL, &ignored);
	spawn_wait(p, -1, &status, &ignored);
}
