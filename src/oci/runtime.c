/* SPDX-License-Identifier: Apache-2.0
 * oci/runtime.c - the parent's side of a container's start: spawn, serve until created, start. */
#include "oci/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "oci/plan.h"
#include "oci/spawn-child.h"
#include "oci/sync.h"
#include "os/cgroup.h"
#include "os/file.h"
#include "os/idmap.h"
#include "os/process.h"

struct oci_spawned {
	struct plan plan;
	struct child child;
	const struct oci_spec *spec;
	struct oci_options o;
};

static void spawned_free(struct oci_spawned *s)
{
	if (!s)
		return;
	plan_done(&s->plan);
	cgroup_join_done(&s->child.cgroup);
	free(s);
}
DEFINE_CLEANUP(struct oci_spawned, spawned_free);

static void kill_and_reap(pid_t pid, int pidfd)
{
	struct error ignored;
	int status;

	if (pid <= 0)
		return;
	if (pidfd < 0 || process_signal(pidfd, SIGKILL, &ignored) < 0)
		kill(pid, SIGKILL);
	(void)process_reap(pid, &status, &ignored);
}

void oci_process_done(struct oci_process *p)
{
	if (p->state)
		kill_and_reap(p->pid, p->pidfd);
	spawned_free(p->state);
	close_p(&p->pidfd);
	close_p(&p->start_fd);
	close_p(&p->netns_fd);
	close_p(&p->console_master);
	*p = OCI_PROCESS_INIT;
}

static void child_setup(struct oci_spawned *s, int child_end)
{
	const struct oci_options *o = &s->o;

	s->child = CHILD_INIT;
	s->child.plan = &s->plan;
	s->child.sync_fd = child_end;
	s->child.start_listen_fd = o->start_listen_fd;
	s->child.stdio[0] = o->stdin_fd;
	s->child.stdio[1] = o->stdout_fd;
	s->child.stdio[2] = o->stderr_fd;
	s->child.console_fd = o->console_fd;
	s->child.terminal = s->spec->process->terminal;
	s->child.preserve_fds = o->preserve_fds;
	s->child.debug = o->plan != NULL;
}

/* From here, not by the child: in a new user namespace it could not even lower what it has. */
static int set_oom_score(const struct oci_spawned *s, pid_t pid, struct error *err)
{
	const struct oci_process_spec *p = s->spec->process;
	char path[64], text[16];

	if (!p->oom_score_adj.set)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	snprintf(text, sizeof(text), "%d", (int)p->oom_score_adj.value);
	int r = file_try_write(AT_FDCWD, path, text);
	if (r == -EACCES || r == -EPERM) {
		if (s->o.warn)
			s->o.warn(s->o.warn_arg, "oom score not set: lowering it needs CAP_SYS_RESOURCE");
		return 0;
	}
	return r < 0 ? fail_with(err, -r, "set oom_score_adj to %s", text) : 0;
}

static int receive_netns(int sock, int *ret, struct error *err)
{
	struct sync_message m;

	TRY(sync_receive(sock, &m, ret, err));
	return m.kind == SYNC_NETNS && *ret >= 0 ? 0 : fail(err, ERROR_RUNTIME, "the container's process died at once");
}

static int spawn_process(struct oci_spawned *s, int parent_fd, int *child_end, struct oci_process *ret, struct error *err)
{
	struct plan *p = &s->plan;
	struct spawn_child how = {
		.child = &s->child, .parent_fd = parent_fd, .child_end = child_end, .flags = p->clone_flags, .net_fd = -1,
		.into_cgroup = s->o.cgroup ? cgroup_clone_fd(s->o.cgroup) : -1,
		.join_pid_fd = p->join_pid_fd, .join_user_fd = p->join_user_fd, .join_pidfd = -1,
		/* pid namespaces: who joined one for its children cannot always come back (rootless: ours is not our own) */
		.helper = p->join_user_fd >= 0 || p->join_pid_fd >= 0 || (p->early_joins && p->userns && p->privileged),
	};

	if (s->o.netns_fd >= 0 && (how.flags & CLONE_NEWNET) && !p->userns && !how.helper) {
		how.net_fd = s->o.netns_fd;
		how.flags &= ~(uint64_t)CLONE_NEWNET;
	}
	TRY(spawn_child(&how, &ret->pid, &ret->pidfd, err));
	if (p->tell_netns)
		TRY(receive_netns(parent_fd, &ret->netns_fd, err));
	return set_oom_score(s, ret->pid, err);
}

int oci_spawn(const struct oci_spec *spec, const struct oci_options *o, struct oci_process *ret, struct error *err)
{
	auto_oci_process process = OCI_PROCESS_INIT;
	int sync[2];

	TRY(oci_spec_check(spec, err));
	CLEANUP(spawned_free_p) struct oci_spawned *s = calloc(1, sizeof(*s));
	if (!s)
		return fail_oom(err);
	s->plan = PLAN_INIT;
	s->spec = spec;
	s->o = *o;
	TRY(plan_build(spec, o, &s->plan, err));
	TRY(sync_pair(sync, err));
	process.start_fd = sync[0];
	autoclose int child_end = sync[1];
	child_setup(s, child_end);
	if (plan_must_attach(o->cgroup))
		TRY(cgroup_open_join(o->cgroup, cgroup_clone_fd(o->cgroup) >= 0, &s->child.cgroup, err));
	int r = spawn_process(s, process.start_fd, &child_end, &process, err);
	process.state = take_ptr(s);
	TRY(r);
	*ret = process;
	process = OCI_PROCESS_INIT;
	return 0;
}

/* ---- serving the child ---- */
static int outside_hooks(struct oci_spawned *s, pid_t pid, struct error *err)
{
	const struct oci_hook_state state = {
		.id = s->o.id, .status = "creating", .bundle = s->o.bundle, .pid = pid,
		.annotations = &s->spec->annotations, .root = s->spec->root ? s->spec->root->path : NULL,
		.stdout_fd = s->o.hook_stdout_fd, .stderr_fd = s->o.hook_stderr_fd,
	};

	TRY(oci_hooks_run(&s->spec->hooks, OCI_HOOK_PRESTART, &state, err));
	return oci_hooks_run(&s->spec->hooks, OCI_HOOK_CREATE_RUNTIME, &state, err);
}

static void show_step(const struct oci_spawned *s, long i)
{
	auto_buf line = BUF_INIT(4096);

	if (!s->o.plan || i < 0 || (size_t)i >= s->plan.n)
		return;
	plan_step_format(&s->plan.steps[i], &line);
	if (line.data)
		s->o.plan(s->o.plan_arg, line.data);
}

/* 1: created; 0: go on. */
static int serve(struct oci_process *p, const struct sync_message *m, int *fd, struct error *err)
{
	struct oci_spawned *s = p->state;

	switch (m->kind) {
	case SYNC_MAP:
		if (idmap_write(p->pid, s->plan.maps, err) < 0)
			return fail_wrap(err, "user namespace");
		TRY(sync_send(p->start_fd, SYNC_GO, 0, err));
		return 0;
	case SYNC_HOOKS:
		TRY(outside_hooks(s, p->pid, err));
		TRY(sync_send(p->start_fd, SYNC_GO, 0, err));
		return 0;
	case SYNC_CONSOLE:
		close_p(&p->console_master);
		p->console_master = take_fd(*fd);
		return 0;
	case SYNC_WARNING:
		if (s->o.warn)
			s->o.warn(s->o.warn_arg, m->text);
		return 0;
	case SYNC_STEP:
		show_step(s, m->value);
		return 0;
	case SYNC_CREATED:
		return 1;
	default:
		return fail(err, ERROR_RUNTIME, "the container's process died before it could be started");
	}
}

static int serve_until_created(struct oci_process *p, struct error *err)
{
	for (;;) {
		struct sync_message m;
		autoclose int fd = -1;
		TRY(sync_receive(p->start_fd, &m, &fd, err));
		int done = serve(p, &m, &fd, err);
		if (done)
			return done;
	}
}

int oci_wait_created(struct oci_process *p, struct error *err)
{
	if (!p->state)
		return fail(err, ERROR_STATE, "no container process to wait for");
	if (serve_until_created(p, err) < 0) {
		oci_process_done(p);
		return -1;
	}
	spawned_free(take_ptr(p->state));
	return 0;
}

int oci_start_fd(int start_fd, struct error *err)
{
	struct sync_message m;

	TRY(sync_send(start_fd, SYNC_START, 0, err));
	do
		TRY(sync_receive(start_fd, &m, NULL, err));
	while (m.kind == SYNC_WARNING || m.kind == SYNC_STEP);
	return 0;
}

int oci_start(struct oci_process *p, struct error *err)
{
	return oci_start_fd(p->start_fd, err);
}
