/* SPDX-License-Identifier: Apache-2.0
 * oci/exec.c - the parent's side of a further process in a running container. */
#include "oci/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "oci/agent.h"
#include "oci/plan.h"
#include "oci/spawn-child.h"
#include "oci/sync.h"
#include "os/cgroup.h"
#include "os/file.h"
#include "os/ns.h"
#include "os/path.h"
#include "os/process.h"

/* All kinds in which the target differs from us: joining the own user namespace is refused by the kernel. */
static int foreign_namespaces(const struct oci_exec_options *o, uint64_t *ret, struct error *err)
{
	uint64_t flags = 0;

	for (int k = 0; k < NS_KIND_MAX; k++) {
		const struct ns_info *i = ns_info((enum ns_kind)k);
		uint64_t theirs = process_ns_inode(o->target_pid, i->proc);
		if (!theirs && k == NS_TIME)   /* a kernel without */
			continue;
		if (!theirs)
			return fail(err, ERROR_STATE, "the container `%s` is not running", o->id ? o->id : "");
		if (theirs != process_ns_inode(0, i->proc))
			flags |= i->flag;
	}
	/* The pid may have gone to another process between our looks: the pidfd knows. */
	if (process_signal(o->target_pidfd, 0, err) != 1)
		return fail(err, ERROR_STATE, "the container `%s` is not running", o->id ? o->id : "");
	*ret = flags;
	return 0;
}

/* The container's group with `sub` below it in every hierarchy that has such a directory. */
static int sub_group(const struct cgroup *group, const char *sub, struct cgroup *ret, struct error *err)
{
	auto_strv parts = {};

	TRY(strv_split(&parts, sub, '/', err));
	for (size_t i = 0; i < parts.n; i++)
		if (streq(parts.v[i], ".."))
			return fail(err, ERROR_INVALID, "cgroup `%s`: `..` components are not allowed", sub);
	while (*sub == '/')
		sub++;
	bool found = false;
	*ret = *group;
	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++) {
		struct error missing;
		if (group->fds[i] < 0)
			continue;
		ret->fds[i] = path_open_beneath(group->fds[i], sub, (struct path_open){ .oflags = O_RDONLY | O_DIRECTORY },
						&missing);
		found |= ret->fds[i] >= 0;
		if (ret->fds[i] < 0)
			ret->fds[i] = file_dup(group->fds[i], 3, err);
	}
	return found ? 0 : fail(err, ERROR_NOT_FOUND, "cgroup `%s` does not exist below the container's", sub);
}

static void child_setup(struct child *c, const struct oci_exec_options *o, struct plan *p, int child_end)
{
	*c = CHILD_INIT;
	c->plan = p;
	c->sync_fd = child_end;
	c->stdio[0] = o->stdin_fd;
	c->stdio[1] = o->stdout_fd;
	c->stdio[2] = o->stderr_fd;
	c->console_fd = o->console_fd;
	c->terminal = p->process->terminal;
	c->preserve_fds = o->preserve_fds;
	c->target_pidfd = o->target_pidfd;
}

static int forward_listener(const struct oci_exec_options *o, pid_t pid, int listener, struct error *err)
{
	const char *path = o->seccomp ? json_get_str(o->seccomp, "listenerPath") : NULL;
	const struct oci_hook_state state = { .id = o->id, .status = "running", .pid = o->target_pid };
	auto_buf inner = BUF_INIT(1 << 20);
	struct hook_state_text outer = {};
	size_t outer_len = 0;
	char end[] = "}";

	if (!path)
		return 0;
	TRY(oci_hook_state_format(&state, &inner, err));
	autoclose int sock = agent_connect(path, err);
	if (sock < 0 || seccomp_state_text_make(json_get_str(o->seccomp, "listenerMetadata"), &outer, err) < 0)
		return -1;
	const char *text = hook_state_text_pid(&outer, pid, &outer_len);
	const struct iovec v[] = { { (char *)text, outer_len }, { inner.data, inner.len }, { end, 1 } };
	int r = agent_send(sock, v, ARRAY_LEN(v), listener, err);
	hook_state_text_done(&outer);
	return r;
}

/* End of file is success: exec closed the child's end. */
static int wait_exec(const struct oci_exec_options *o, struct oci_process *p, struct error *err)
{
	for (;;) {
		struct sync_message m;
		autoclose int fd = -1;
		TRY(sync_receive(p->start_fd, &m, &fd, err));
		switch (m.kind) {
		case SYNC_GONE:
			return 0;
		case SYNC_CONSOLE:
			close_p(&p->console_master);
			p->console_master = take_fd(fd);
			break;
		case SYNC_LISTENER:
			TRY(forward_listener(o, p->pid, fd, err));
			break;
		case SYNC_WARNING:
			if (o->warn)
				o->warn(o->warn_arg, m.text);
			break;
		default:
			return fail(err, ERROR_RUNTIME, "exec: unexpected message %d", (int)m.kind);
		}
	}
}

static int set_oom_score(const struct oci_process_spec *process, pid_t pid)
{
	char path[64], text[16];

	if (!process->oom_score_adj.set)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	snprintf(text, sizeof(text), "%d", (int)process->oom_score_adj.value);
	return file_try_write(AT_FDCWD, path, text);
}

static int spawn_into(const struct oci_exec_options *o, struct child *c, int parent_fd, int *child_end, uint64_t flags,
		      struct oci_process *ret, struct error *err)
{
	const struct spawn_child how = {
		.child = c, .parent_fd = parent_fd, .child_end = child_end, .net_fd = -1, .join_pid_fd = -1, .join_user_fd = -1,
		.join_pidfd = o->target_pidfd, .join_flags = flags, .helper = true,
		.into_cgroup = o->cgroup ? cgroup_clone_fd(o->cgroup) : -1,
	};

	return spawn_child(&how, &ret->pid, &ret->pidfd, err);
}

static void kill_and_reap(struct oci_process *p)
{
	struct error ignored;
	int status;

	if (p->pid <= 0)
		return;
	if (p->pidfd >= 0)
		(void)process_signal(p->pidfd, SIGKILL, &ignored);
	(void)process_reap(p->pid, &status, &ignored);
}

int oci_exec_spawn(const struct oci_process_spec *process, const struct oci_exec_options *options,
		   struct oci_process *ret, struct error *err)
{
	auto_oci_process p = OCI_PROCESS_INIT;
	auto_plan plan = PLAN_INIT;
	uint64_t flags = 0;
	struct child child;
	int sync[2];

	auto_cgroup sub = CGROUP_INIT;
	struct oci_exec_options own = *options;
	const struct oci_exec_options *o = &own;

	TRY(oci_process_spec_check(process, err));
	if (!str_empty(own.sub_cgroup) && own.cgroup) {
		TRY(sub_group(own.cgroup, own.sub_cgroup, &sub, err));
		own.cgroup = &sub;
	}
	TRY(foreign_namespaces(o, &flags, err));
	TRY(plan_build_exec(process, o, &plan, err));
	TRY(sync_pair(sync, err));
	p.start_fd = sync[0];
	autoclose int child_end = sync[1];
	child_setup(&child, o, &plan, child_end);
	CLEANUP(cgroup_join_done) struct cgroup_join join = {};
	if (plan_must_attach(o->cgroup))
		TRY(cgroup_open_join(o->cgroup, cgroup_clone_fd(o->cgroup) >= 0, &join, err));
	child.cgroup = join;
	TRY(spawn_into(o, &child, p.start_fd, &child_end, flags, &p, err));
	(void)set_oom_score(process, p.pid);
	if (wait_exec(o, &p, err) < 0) {
		kill_and_reap(&p);
		return -1;
	}
	close_p(&p.start_fd);
	p.start_fd = -1;
	*ret = p;
	p = OCI_PROCESS_INIT;
	return 0;
}
