/* SPDX-License-Identifier: Apache-2.0
 * The process of an exec is described by the container's own params with a few of them replaced, and goes through the
 * same topics of the spec (spec_process, spec_security) as the first process: what holds for that holds here. */
#include "engine/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "conf/helpers.h"
#include "engine/container-impl.h"
#include "engine/oci-error.h"
#include "engine/params-parse.h"
#include "engine/spec.h"
#include "monitor/config.h"
#include "oci/exec.h"
#include "os/file.h"
#include "os/process.h"
#include "os/seccomp.h"

int exec_params_finish(struct exec_params *p, struct error *err)
{
	auto_strmap all = {};

	if (!p->env_files.n)
		return 0;
	for (size_t i = 0; i < p->env_files.n; i++) {
		autofree char *text = NULL;
		int r = file_read(AT_FDCWD, p->env_files.v[i], 1 << 20, &text, NULL, err);
		if (r == 0)
			return fail_with(err, ENOENT, "open %s", p->env_files.v[i]);
		if (r < 0)
			return -1;
		TRY(param_env_file_parse(p->env_files.v[i], text, &all, err));
	}
	TRY(strmap_copy(&all, &p->env, err));
	strmap_done(&p->env);
	p->env = all;
	all = (struct strmap){};
	return 0;
}

void exec_params_done(struct exec_params *p)
{
	strv_done(&p->command);
	strmap_done(&p->env);
	strv_done(&p->env_files);
	free(p->user);
	free(p->workdir);
	*p = (struct exec_params){};
}

void exec_run_done(struct exec_run *s)
{
	struct store *store;
	struct error ignored;

	close_p(&s->pidfd);
	close_p(&s->console_master);
	if (s->engine && engine_store(s->engine, &store, &ignored) >= 0)
		store_exec_remove(store, s->id, &ignored);
	*s = EXEC_RUN_INIT;
}

/* ---- building ---- */
struct building {
	struct ctr *c;
	struct container_params view;   /* the container's, borrowed, with some members replaced */
	struct strmap env;              /* owned */
	struct spec_context x;
	struct oci_spec spec;
	struct seccomp_filter filter;
	struct cgroup cgroup;
	int root_fd, pidfd;
};

static void building_done(struct building *b)
{
	strmap_done(&b->env);
	spec_context_done(&b->x);
	oci_spec_done(&b->spec);
	seccomp_filter_done(&b->filter);
	cgroup_done(&b->cgroup);
	close_p(&b->root_fd);
	close_p(&b->pidfd);
}
#define BUILDING_INIT(ctr_) { .c = (ctr_), .cgroup = CGROUP_INIT, .root_fd = -1, .pidfd = -1 }

static int open_target(struct building *b, struct error *err)
{
	char path[64];
	int r;

	if (!ctr_is_running(b->c))
		r = 0;
	else
		r = ctr_open_init(b->c, &b->pidfd, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return fail(err, ERROR_STATE, "can only create exec sessions on running containers: container state improper");
	snprintf(path, sizeof(path), "/proc/%d/root", b->c->at.status.pid);
	b->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->root_fd < 0 && (errno == ENOENT || errno == ESRCH))   /* a dying process has no root any more, see proc(5) */
		return fail(err, ERROR_STATE, "container %s has just ended: container state improper", b->c->id);
	return b->root_fd < 0 ? fail_errno(err, "open the root of container %s", b->c->id) : 0;
}

static int replace_params(struct building *b, const struct exec_params *p, struct error *err)
{
	struct params_process *v;

	b->view = b->c->params;
	v = &b->view.process;
	TRY(strmap_copy(&b->env, &v->env, err));
	if (p->tty && !strmap_get(&b->env, "TERM"))
		TRY(strmap_set(&b->env, "TERM", "xterm", err));
	TRY(strmap_copy(&b->env, &p->env, err));
	v->env = b->env;
	v->init = (struct opt_bool){};
	v->tty = p->tty;
	if (p->user)
		v->user = p->user;
	if (p->workdir) {
		if (*p->workdir != '/')
			return fail(err, ERROR_INVALID, "workdir \"%s\" must be an absolute path", p->workdir);
		v->workdir = p->workdir;
		v->make_workdir = false;
	}
	b->view.security.privileged |= p->privileged;
	return 0;
}

static int build_process(struct building *b, const struct exec_params *p, struct error *err)
{
	const struct params_namespaces *ns = &b->c->params.ns;

	b->x = (struct spec_context){ .container = b->c, .params = &b->view, .engine = b->c->engine, .rootfs_fd = b->root_fd };
	if (ns->uts.mode == NS_PRIVATE)
		TRY(ns->hostname ? str_set(&b->x.hostname, ns->hostname, err) : str_printf(&b->x.hostname, err, "%.12s", b->c->id));
	TRY(spec_process(&b->x, &b->spec, err));
	strv_done(&b->spec.process->args);
	TRY(strv_copy(&b->spec.process->args, &p->command, err));
	TRY(spec_security(&b->x, &b->spec, err));
	if (b->x.seccomp_builtin) {
		const struct seccomp_builtin how = {
			.profile = b->x.seccomp_hardened ? SECCOMP_PROFILE_HARDENED : SECCOMP_PROFILE_DEFAULT, .caps = b->x.bounding,
		};
		TRY(seccomp_builtin(&how, &b->filter, err));
	}
	return ctr_cgroup(b->c, &b->cgroup, err) < 0 ? -1 : 0;
}

static int build(struct building *b, const struct exec_params *p, struct error *err)
{
	TRY(ctr_load(b->c, err));
	TRY(open_target(b, err));
	TRY(replace_params(b, p, err));
	return build_process(b, p, err);
}

static int spawn(struct building *b, const struct exec_params *p, const int stdio[3], struct oci_process *ret,
		 struct error *err)
{
	struct oci_exec_options o = OCI_EXEC_OPTIONS_INIT;

	o.id = b->c->id;
	o.target_pidfd = b->pidfd;
	o.target_pid = b->c->at.status.pid;
	if (!p->tty) {
		o.stdin_fd = stdio[0];
		o.stdout_fd = stdio[1];
		o.stderr_fd = stdio[2];
	}
	o.cgroup = b->cgroup.mode == CGROUP_NONE ? NULL : &b->cgroup;
	o.seccomp = b->spec.lnx.seccomp;
	o.filter = b->x.seccomp_builtin ? &b->filter : NULL;
	o.preserve_fds = (unsigned)p->preserve_fds;
	o.no_new_keyring = !b->c->engine->conf.containers.keyring;
	return oci_exec_spawn(b->spec.process, &o, ret, err) < 0 ? oci_error(b->c->engine, err) : 0;
}

/* ---- attached ---- */
static int record(struct ctr *c, const char *id, pid_t pid, struct error *err)
{
	auto_exec_session e = { .created = time_now(), .pid = pid, .running = true };
	struct store *s;

	snprintf(e.id, sizeof(e.id), "%s", id);
	snprintf(e.container, sizeof(e.container), "%s", c->id);
	TRY(process_start_time(PROC_HOST, pid, &e.pid_start, err));
	TRY(engine_store(c->engine, &s, err));
	return store_exec_add(s, &e, err);
}

int exec_start(struct ctr *c, const struct exec_params *p, const int stdio[3], struct exec_run *ret, struct error *err)
{
	CLEANUP(building_done) struct building b = BUILDING_INIT(c);
	auto_oci_process process = OCI_PROCESS_INIT;
	struct error unrecorded;

	TRY(random_id(ret->id, err));
	TRY(build(&b, p, err));
	TRY(spawn(&b, p, stdio, &process, err));
	ret->pid = process.pid;
	ret->pidfd = take_fd(process.pidfd);
	ret->console_master = take_fd(process.console_master);
	process.pid = -1;
	/* a session nobody can look up is better than a command that does not run */
	if (!p->no_session && record(c, ret->id, ret->pid, &unrecorded) >= 0)
		ret->engine = c->engine;
	ctr_event(c, EVENT_EXEC);
	return 0;
}

int exec_wait(struct exec_run *s, int *ret_code, struct error *err)
{
	int status;

	TRY(process_reap(s->pid, &status, err));
	*ret_code = process_exit_code(status);
	return 0;
}

/* ---- detached: a monitor of its own ---- */
struct detached {
	struct ctr *c;
	const struct exec_params *params;
	char id[65], *dir, *monitor;
	struct strv cleanup;
	int socket;
};

static int make_session_dir(struct detached *d, struct error *err)
{
	autofree char *dir = NULL;

	TRY(d->c->at.record.transient ? ctr_run_dir(d->c, &dir, err) : ctr_dir(d->c, &dir, err));
	TRY(str_printf(&d->dir, err, "%s/exec-%s", dir, d->id));
	if (mkdir(d->dir, 0700) < 0)
		return fail_errno(err, "mkdir %s", d->dir);
	return 0;
}

static int write_exec_pid(const struct detached *d, pid_t pid, struct error *err)
{
	autofree char *path = NULL;
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", pid);

	TRY(str_printf(&path, err, "%s/exec_pid", d->dir));
	return file_replace(AT_FDCWD, path, text, (size_t)n, 0600, 0, err);
}

static int cleanup_command(struct detached *d, struct error *err)
{
	TRY(engine_own_command(d->c->engine, &d->cleanup, err));
	TRY(strv_add(&d->cleanup, "container", err));
	TRY(strv_add(&d->cleanup, "cleanup", err));
	TRY(strv_addf(&d->cleanup, err, "--exec=%s", d->id));
	return strv_add(&d->cleanup, d->c->id, err);
}

int exec_cleanup(struct ctr *c, const char *id, struct error *err)
{
	autofree char *dir = NULL, *name = NULL;
	autoclose int fd = -1;
	struct store *s;

	if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64)
		return fail(err, ERROR_INVALID, "%s is no exec session: must be 64 hexadecimal digits", id);
	TRY(engine_store(c->engine, &s, err));
	TRY(store_exec_remove(s, id, err));
	TRY(c->at.record.transient ? ctr_run_dir(c, &dir, err) : ctr_dir(c, &dir, err));
	TRY(str_printf(&name, err, "exec-%s", id));
	fd = file_open_dir(AT_FDCWD, dir, false, 0, err);
	return fd < 0 ? -1 : file_remove_tree(fd, name, err);
}

/* In the child: start the command, tell the parent, become the monitor. */
static int detached_child(struct detached *d, struct error *err)
{
	CLEANUP(building_done) struct building b = BUILDING_INIT(d->c);
	auto_oci_process process = OCI_PROCESS_INIT;
	auto_monitor_builder m = {};
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int stdio[3] = { null, null, null };
	struct error ok = {};

	monitor_builder_init(&m);
	TRY(build(&b, d->params, err));
	TRY(spawn(&b, d->params, stdio, &process, err));
	ok.errnum = process.pid;
	if (send(d->socket, &ok, sizeof(ok), MSG_NOSIGNAL) < 0)
		return -1;
	m.c.flags = MONITOR_TRANSIENT | MONITOR_STARTED_ALREADY | (d->params->tty ? MONITOR_TTY : 0);
	m.c.pid = process.pid;
	m.c.pidfd = take_fd(process.pidfd);
	if (d->params->tty)
		m.c.stdio_fd[0] = take_fd(process.console_master);
	process.pid = -1;
	m.c.run_dir_fd = open(d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	m.c.id = monitor_builder_string(&m, d->id);
	m.c.name = monitor_builder_string(&m, d->c->at.record.name);
	m.c.cleanup_argv = monitor_builder_list(&m, d->cleanup.v);
	monitor_builder_env(&m);
	TRY(write_exec_pid(d, m.c.pid, err));
	return monitor_exec(&m, d->monitor, err);
}

static int run_detached(struct detached *d, struct error *err)
{
	int pair[2];
	struct error answer;

	TRY(make_session_dir(d, err));
	TRY(cleanup_command(d, err));
	TRY(helper_find("umiak-monitor", &d->monitor, err));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "socketpair");
	autoclose int mine = pair[0], theirs = pair[1];
	pid_t child = fork();
	if (child < 0)
		return fail_errno(err, "fork");
	if (child == 0) {
		struct error failed = {};
		close_p(&mine);
		d->socket = theirs;
		setsid();
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		detached_child(d, &failed);
		while (send(theirs, &failed, sizeof(failed), MSG_NOSIGNAL) < 0 && errno == EINTR)
			;
		_exit(1);
	}
	close_p(&theirs);
	if (recv(mine, &answer, sizeof(answer), 0) != sizeof(answer))
		return fail(err, ERROR_RUNTIME, "the process that starts the command died");
	if (answer.kind != ERROR_NONE) {
		waitpid(child, NULL, 0);
		rmdir(d->dir);
		*err = answer;
		return -1;
	}
	return answer.errnum;
}

int exec_detached(struct ctr *c, const struct exec_params *p, char **ret_id, struct error *err)
{
	struct detached d = { .c = c, .params = p, .socket = -1 };
	struct error unrecorded;
	int pid;

	TRY(random_id(d.id, err));
	TRY(ctr_load(c, err));
	if (!ctr_is_running(c))
		return fail(err, ERROR_STATE, "can only create exec sessions on running containers: container state improper");
	pid = run_detached(&d, err);
	free(d.dir);
	free(d.monitor);
	strv_done(&d.cleanup);
	if (pid < 0)
		return -1;
	record(c, d.id, pid, &unrecorded);
	ctr_event(c, EVENT_EXEC);
	return str_set(ret_id, d.id, err);
}
