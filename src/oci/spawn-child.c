/* SPDX-License-Identifier: Apache-2.0
 * oci/spawn-child.c - clone3(), directly or through a helper stage.
 *
 * Directly: the child is born into all its new namespaces; a network namespace made ahead is entered by us for the moment
 * of the clone and left again, so that who opens it by the child's pid never finds ours.
 * Helper stage: joining a user namespace cannot be undone, and what is made after it belongs to it. So a short-lived
 * process joins and clones the container's process with CLONE_PARENT: it is our child all the same, no reparenting.
 * An exec always goes this way: one setns() for everything, by a process the container cannot see yet. */
#include "oci/spawn-child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "os/ns.h"
#include "os/process.h"

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP UINT64_C(0x200000000)
#endif

/* Returns twice. */
static pid_t clone_child(const struct spawn_child *how, uint64_t flags, int exit_signal, int *ret_pidfd)
{
	int pidfd = -1;
	struct clone_args a = {
		.flags = flags | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = (uint64_t)exit_signal,
	};

	if (how->into_cgroup >= 0) {
		a.flags |= CLONE_INTO_CGROUP;
		a.cgroup = (uint64_t)how->into_cgroup;
	}
	pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	if (pid > 0)
		*ret_pidfd = pidfd;
	return pid;
}

static int clone_error(struct error *err)
{
	if (errno == EPERM || errno == ENOSPC || errno == EUSERS)
		return fail_errno(err, "clone: cannot make the container's namespaces (see user.max_*_namespaces)");
	return fail_errno(err, "clone");
}

static void leave_child_end(const struct spawn_child *how)
{
	close_p(how->child_end);
	*how->child_end = -1;
}

static int spawn_direct(const struct spawn_child *how, pid_t *ret_pid, int *ret_pidfd, struct error *err)
{
	autoclose int own = -1;

	if (how->net_fd >= 0) {
		own = ns_open(0, NS_NET, err);
		if (own < 0)
			return -1;
		TRY(ns_join(how->net_fd, NS_NET, err));
	}
	pid_t pid = clone_child(how, how->flags, SIGCHLD, ret_pidfd);
	if (pid == 0)
		child_main(how->child);
	int errnum = errno;
	if (own >= 0 && ns_join(own, NS_NET, err) < 0 && pid >= 0)
		return -1;
	errno = errnum;
	if (pid < 0)
		return clone_error(err);
	leave_child_end(how);
	*ret_pid = pid;
	return 0;
}

/* ---- the helper stage ---- */
/* Joins what it may; with last the rest must succeed too. */
static int join_rows(struct plan *p, bool last, struct error *err)
{
	for (size_t i = 0; i < p->n; i++) {
		struct plan_step *s = &p->steps[i];
		if (s->kind != PLAN_JOIN || s->fd < 0 || s->n == NS_MOUNT)
			continue;
		if (ns_join(s->fd, (enum ns_kind)s->n, err) < 0) {
			if (!last && err->errnum == EPERM)
				continue;
			return fail_wrap(err, "join namespace `%s`", s->a);
		}
		s->fd = -1;   /* our copy of the memory: the row is done */
	}
	return 0;
}

/* exec: the child will be seen by the container from its first instruction on, so whatever must not be seen is put away
 * here, where nobody inside can look: descriptors of the host (CVE-2016-9962), and dumpability. */
static int enter_container(const struct spawn_child *how, struct error *err)
{
	struct child *c = how->child;
	const int keep[] = { c->sync_fd, c->stdio[0], c->stdio[1], c->stdio[2], c->console_fd, how->join_pidfd };
	int used[ARRAY_LEN(keep)];
	size_t n = 0;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return fail_errno(err, "prctl PR_SET_DUMPABLE");
	TRY(cgroup_join(&c->cgroup, err));
	c->cgroup.n = 0;
	for (size_t i = 0; i < ARRAY_LEN(keep); i++)
		if (keep[i] >= 3 + (int)c->preserve_fds)
			used[n++] = keep[i];
	TRY(file_close_from(3 + (int)c->preserve_fds, used, n, err));
	TRY(ns_join_process(how->join_pidfd, how->join_flags, err));
	c->target_flags = 0;
	return 0;
}

static int helper_clone(const struct spawn_child *how, struct error *err)
{
	struct spawn_child last = *how;
	int pidfd = -1;

	if (how->join_pidfd >= 0) {
		TRY(enter_container(how, err));
		last.into_cgroup = -1;   /* we are in it, so will be the child */
	} else {
		TRY(join_rows(how->child->plan, false, err));
		if (how->join_user_fd >= 0)
			TRY(ns_join(how->join_user_fd, NS_USER, err));
		if (!how->child->plan->userns)   /* a new user namespace: the child itself joins what is left */
			TRY(join_rows(how->child->plan, true, err));
		if (how->join_pid_fd >= 0)
			TRY(ns_join(how->join_pid_fd, NS_PID, err));
	}
	/* The child says nothing before its pid was told: it waits until this pipe has no writer any more. */
	int gate[2];
	if (pipe2(gate, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	/* With CLONE_PARENT the exit signal is ours: SIGCHLD. */
	pid_t pid = clone_child(&last, how->flags | CLONE_PARENT, 0, &pidfd);
	if (pid == 0) {
		char none;
		close(gate[1]);
		while (read(gate[0], &none, 1) < 0 && errno == EINTR)
			;
		close(gate[0]);
		child_main(how->child);
	}
	close(gate[0]);
	int r = pid < 0 ? clone_error(err) : sync_send_fd(how->child->sync_fd, SYNC_CHILD, pid, pidfd, err);
	close(gate[1]);
	return r;
}

static int spawn_helped(const struct spawn_child *how, pid_t *ret_pid, int *ret_pidfd, struct error *err)
{
	struct sync_message m;
	struct error sent = {};
	int status = 0;

	autoclose int helper_fd = -1;
	struct spawn_child first = *how;
	if (how->join_pidfd < 0)
		first.into_cgroup = -1;
	pid_t helper = clone_child(&first, 0, SIGCHLD, &helper_fd);
	if (helper < 0)
		return clone_error(err);
	if (helper == 0) {
		if (helper_clone(how, &sent) < 0)
			sync_send_error(how->child->sync_fd, &sent);
		_exit(0);
	}
	/* A helper in the container's control group dies with it, without a word. */
	leave_child_end(how);
	int r;
	do
		r = sync_receive(how->parent_fd, &m, ret_pidfd, err);
	while (r == 0 && m.kind == SYNC_WARNING);
	TRY(process_reap(helper, &status, r < 0 ? &sent : err));
	TRY(r);
	if (m.kind != SYNC_CHILD)
		return fail(err, ERROR_RUNTIME, "the container's process could not be made: the container has just ended");
	*ret_pid = (pid_t)m.value;
	return 0;
}

int spawn_child(const struct spawn_child *how, pid_t *ret_pid, int *ret_pidfd, struct error *err)
{
	return how->helper ? spawn_helped(how, ret_pid, ret_pidfd, err) : spawn_direct(how, ret_pid, ret_pidfd, err);
}
