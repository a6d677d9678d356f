/* SPDX-License-Identifier: Apache-2.0
 * How a container starts: M's side. A forked child of the command, single-threaded, free to allocate; it must not touch
 * the store's database and ends only by exec or _exit(). */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "engine/launch-external.h"
#include "engine/launch-impl.h"
#include "engine/oci-error.h"
#include "monitor/exit.h"
#include "oci/resources.h"
#include "oci/runtime.h"
#include "os/cgroup.h"
#include "os/fd-pass.h"
#include "os/file.h"
#include "os/idmap.h"
#include "os/mount.h"
#include "os/ns.h"
#include "os/process.h"
#include "os/seccomp.h"

/* What M holds until the monitor inherits it or everything is given back. */
struct child {
	struct launch_job *job;
	struct spec_context x;
	struct oci_spec spec;
	struct cgroup cgroup;
	struct seccomp_filter filter;
	struct oci_process process;
	struct monitor_builder monitor;
	struct lock pod_lock;    /* ends with exec: nobody takes the pod's group away until ours is in it */
	int rootfs_fd, run_dir_fd, netns_fd, userns_fd;
	int stdio[3];            /* the container's ends */
	char cgroup_text[1200];
	char *notify_path;       /* what the container finds as its NOTIFY_SOCKET */
};

#define NOTIFY_NAME "notify.sock"

static int send_message(const struct launch_job *j, const struct launch_message *m, int fd, struct error *err)
{
	if (fd_send(j->socket, m, sizeof(*m), fd) >= 0)
		return 0;
	fail_errno(err, "tell how far the start is");
	shutdown(j->socket, SHUT_RDWR);   /* it waits for this message: the end will do */
	return -1;
}

static void log_warning(void *arg, const char *text)
{
	const struct launch_job *j = arg;

	log_debug(j->engine->log, "%s", text);
}

/* ---- steps ---- */
/* --ipc container:X shares X's /dev/shm. Only inside X's mount namespace may that mount be copied. */
static int copy_shm(struct peer *p, struct error *err)
{
	autoclose int own = ns_open(0, NS_MOUNT, err), theirs = -1;

	if (own < 0)
		return -1;
	theirs = ns_open(p->pid, NS_MOUNT, err);
	if (theirs < 0)
		return -1;
	TRY(ns_join(theirs, NS_MOUNT, err));
	p->shm_fd = mount_clone(AT_FDCWD, "/dev/shm", false, err);
	int r = p->shm_fd;
	struct error back;
	if (ns_join(own, NS_MOUNT, &back) < 0)
		_exit(1);   /* nothing may go on in a container's mount namespace */
	return r < 0 ? fail_wrap(err, "sharing /dev/shm of container %s", p->id) : 0;
}

/* The copy belongs to the other namespace's tree and cannot be cloned again from here, only moved: it gets a place in a
 * mount namespace of our own, where the runtime finds it as an ordinary path. The host sees nothing of it. */
static int place_shm(struct child *k, struct peer *p, struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return fail_errno(err, "unshare");
	TRY(mount_set_propagation("/", MS_SLAVE, true, err));
	autofree char *path = NULL;   /* by name: descriptors opened before still mean the old namespace */
	TRY(str_printf(&path, err, "%s/shm", k->job->run_dir));
	int target = file_open_dir(AT_FDCWD, path, true, 0700, err);
	if (target < 0)
		return -1;
	int r = mount_attach(p->shm_fd, target, err);
	close(target);
	return r;
}

static int share_memory(struct child *k, struct error *err)
{
	const struct param_ns *ipc = &k->job->c->params.ns.ipc;

	for (size_t i = 0; ipc->mode == NS_CONTAINER && i < k->job->n_peers; i++)
		if (streq(k->job->peers[i].id, ipc->value))
			return copy_shm(&k->job->peers[i], err) < 0 ? -1 : place_shm(k, &k->job->peers[i], err);
	return 0;
}

static int open_rootfs(struct child *k, struct error *err)
{
	struct launch_root r = { .job = k->job, .rootfs_fd = -1, .userns_fd = -1 };

	TRY(launch_open_root(&r, err));
	k->rootfs_fd = r.rootfs_fd;
	k->userns_fd = r.userns_fd;
	return 0;
}

static int build_spec(struct child *k, struct error *err)
{
	struct launch_job *j = k->job;

	k->x = (struct spec_context){
		.net = j->options->net, .container = j->c, .params = &j->c->params, .engine = j->engine, .rootfs_fd = k->rootfs_fd,
		.run_dir = j->run_dir, .dir = j->c->at.record.transient ? j->run_dir : j->dir, .run_dir_fd = k->run_dir_fd,
		.peers = j->peers, .n_peers = j->n_peers, .maps = j->maps, .image_fds = j->image_fds,
		.rootless = j->engine->paths.rootless, .external = j->runtime != NULL,
	};
	if (j->maps && j->c->params.ns.user.mode == NS_KEEP_ID) {
		const struct passwd *own = getpwuid(j->engine->paths.uid);
		if (own) {
			k->x.passwd_name = own->pw_name;
			k->x.passwd_home = own->pw_dir;
		}
	}
	if (k->x.rootless) {
		struct idmap gids = {};
		uint32_t ignored;
		TRY(idmap_load(0, true, &gids, err));
		k->x.rootless_gid5 = idmap_to_outside(&gids, 5, &ignored);
	}
	TRY(spec_build(&k->x, &k->spec, err));
	return launch_activation_env(j->activated, &k->spec.process->env, err);
}

static void show_warnings(const struct launch_job *j, const struct cgroup_warnings *w, bool quiet)
{
	for (size_t i = 0; i < w->n; i++) {
		if (quiet)
			log_debug(j->engine->log, "%s", w->text[i]);
		else
			log_warn(j->engine->log, "%s", w->text[i]);
	}
}

static int make_cgroup(struct child *k, struct error *err)
{
	uint32_t systemd = 0;
	struct cgroup_warnings w = {};
	CLEANUP(cgroup_resources_done) struct cgroup_resources r = {};
	struct cgroup_create how = { .path = k->spec.lnx.cgroups_path, .resources = &r };

	/* systemd keeps its units there on v1 and hybrid hosts, and gives up when it cannot */
	if (k->job->c->params.process.systemd_mode)
		systemd = 1u << CGROUP_SYSTEMD;
	if (how.path && k->job->group.path)
		TRY(pod_group_make(k->job->store, &k->job->group, &k->pod_lock, &how.also, &w, err));
	how.also |= systemd;
	if (!how.path || k->job->runtime)   /* another runtime makes its own */
		return 0;
	if (streq(engine_cgroup_manager(k->job->engine), "systemd"))
		how.manager = CGROUP_MANAGER_SYSTEMD;
	else   /* first, so that a kill between here and the first change of state leaves no group (store/container.h) */
		TRY(file_replace(k->run_dir_fd, STORE_CONTAINER_CGROUP, how.path, strlen(how.path), 0600, 0, err));
	TRY(oci_resources_convert(k->spec.lnx.resources, &r, err));
	TRY(cgroup_create(&how, &k->cgroup, &w, err));
	TRY(cgroup_set(&k->cgroup, &r, &w, err));
	show_warnings(k->job, &w, !spec_limits_asked(&k->job->c->params.resources) || spec_limits_ignored(k->job->engine));
	return cgroup_save(&k->cgroup, k->cgroup_text, sizeof(k->cgroup_text), err) < 0 ? -1 : 0;
}

static bool log_passes_through(const struct launch_job *j)
{
	const char *driver = j->c->params.log.driver;

	return driver && (streq(driver, "passthrough") || streq(driver, "passthrough-tty"));
}

static int make_stdio(struct child *k, struct error *err)
{
	const struct params_process *p = &k->job->c->params.process;
	int32_t *mine = k->monitor.c.stdio_fd;

	if (log_passes_through(k->job)) {
		for (int i = 0; i < 3; i++)
			k->stdio[i] = i;
		return 0;
	}
	if (p->tty)
		return 0;
	if (p->interactive) {
		TRY(monitor_stdio_pipe(false, &k->stdio[0], &mine[0], err));
	} else {
		k->stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (k->stdio[0] < 0)
			return fail_errno(err, "open /dev/null");
	}
	TRY(monitor_stdio_pipe(true, &k->stdio[1], &mine[1], err));
	return monitor_stdio_pipe(true, &k->stdio[2], &mine[2], err);
}

static int make_filter(struct child *k, struct error *err)
{
	const struct seccomp_builtin b = {
		.profile = k->x.seccomp_hardened ? SECCOMP_PROFILE_HARDENED : SECCOMP_PROFILE_DEFAULT, .caps = k->x.bounding,
	};

	return k->x.seccomp_builtin ? seccomp_builtin(&b, &k->filter, err) : 0;
}

static int report_pid(struct child *k, struct error *err)
{
	struct launch_message m = { .type = LAUNCH_PID, .pid = k->process.pid };

	if (process_start_time(PROC_HOST, k->process.pid, &m.pid_start, err) < 0 ||
	    process_start_time(PROC_HOST, getpid(), &m.monitor_start, err) < 0)
		return -1;
	snprintf(m.cgroup, sizeof(m.cgroup), "%s", k->cgroup_text);
	int r = send_message(k->job, &m, k->process.netns_fd, err);
	close_p(&k->process.netns_fd);
	return r;
}

static int spawn_external(struct child *k, struct error *err)
{
	const struct launch_job *j = k->job;
	const struct external x = { .path = j->runtime, .flags = engine_runtime_flags(j->engine), .id = j->c->id,
				    .run_dir = j->run_dir };
	const struct external_create how = {
		.rootfs_fd = k->rootfs_fd, .stdio = { k->stdio[0], k->stdio[1], k->stdio[2] },
		.terminal = j->c->params.process.tty && !log_passes_through(j), .no_pivot = j->engine->conf.engine.no_pivot_root,
		.preserve_fds = (unsigned)j->c->params.process.preserve_fds.value + j->activated,
	};
	struct cgroup_create cgroup = { .path = k->spec.lnx.cgroups_path };
	struct cgroup_warnings w = {};
	struct error ignored;

	if (external_create(&x, &k->spec, &how, &k->process.pid, &k->process.console_master, err) < 0)
		return oci_error(j->engine, err);
	k->process.pidfd = process_open(k->process.pid, err);
	if (k->process.pidfd < 0)
		return -1;
	/* for signals, freezing and statistics; made by the runtime */
	if (cgroup.path && cgroup_create(&cgroup, &k->cgroup, &w, &ignored) >= 0)
		cgroup_save(&k->cgroup, k->cgroup_text, sizeof(k->cgroup_text), &ignored);
	return report_pid(k, err);
}

/* --sdnotify=container: the container talks to a socket of ours; the monitor hands on the words that are harmless. */
static int make_notify(struct child *k, struct error *err)
{
	const char *mode = k->job->c->params.basic.sdnotify_mode;
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if ((!str_empty(mode) && !streq(mode, "container")) || str_empty(getenv("NOTIFY_SOCKET")) || k->job->runtime)
		return 0;
	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/" NOTIFY_NAME, k->run_dir_fd);
	unlinkat(k->run_dir_fd, NOTIFY_NAME, 0);
	autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || fchmodat(k->run_dir_fd, NOTIFY_NAME, 0777, 0) < 0)
		return fail_errno(err, "make the notify socket");
	TRY(str_printf(&k->notify_path, err, "%s/" NOTIFY_NAME, k->job->run_dir));
	k->monitor.c.notify_fd = take_fd(fd);
	return 0;
}

static int take_netns(struct child *k, struct error *err)
{
	char byte;

	if (!k->job->netns_ahead)
		return 0;
	if (fd_receive(k->job->socket, &byte, 1, &k->netns_fd) == 1)
		return 0;
	return fail(err, ERROR_RUNTIME, "the command that starts the container is gone");
}

static int spawn(struct child *k, struct error *err)
{
	if (k->job->runtime)
		return spawn_external(k, err);
	const struct launch_job *j = k->job;
	struct oci_options o = OCI_OPTIONS_INIT;

	o.id = j->c->id;
	o.bundle = j->run_dir;
	o.rootfs_fd = k->rootfs_fd;
	o.netns_fd = k->netns_fd;
	o.stdin_fd = k->stdio[0];
	o.stdout_fd = k->stdio[1];
	o.stderr_fd = k->stdio[2];
	o.cgroup = k->cgroup.mode == CGROUP_NONE ? NULL : &k->cgroup;
	o.no_pivot = j->engine->conf.engine.no_pivot_root;
	o.no_new_keyring = !j->engine->conf.containers.keyring;
	o.preserve_fds = (unsigned)j->c->params.process.preserve_fds.value + j->activated;
	o.seccomp = k->x.seccomp_builtin ? &k->filter : NULL;
	o.notify_socket = k->notify_path;
	o.warn = log_warning;
	o.warn_arg = k->job;
	if (oci_spawn(&k->spec, &o, &k->process, err) < 0)
		return oci_error(j->engine, err);
	return report_pid(k, err);
}

static bool has_terminal(const struct child *k)
{
	return k->job->c->params.process.tty && !log_passes_through(k->job);
}

/* The monitor's socket, log and timers, while the container makes its mounts. */
static int prepare_monitor(struct child *k, struct error *err)
{
	struct monitor_builder *b = &k->monitor;

	b->keep = k->job->options->keep;
	b->n_keep = k->job->options->n_keep;
	b->c.flags = has_terminal(k) ? MONITOR_TTY : 0;
	b->c.pid = k->process.pid;
	b->c.run_dir_fd = k->run_dir_fd;
	_Static_assert(ARRAY_LEN(b->c.hold_fd) == STORE_HOLDS, "one per database");
	store_hold(k->job->store, b->c.hold_fd);
	b->c.client[0] = (struct monitor_client_config){ k->job->monitor_client, k->job->options->role };
	if (k->cgroup.fds[CGROUP_UNIFIED] >= 0 && k->cgroup.mode == CGROUP_V2) {
		b->c.kill_fd = openat(k->cgroup.fds[CGROUP_UNIFIED], "cgroup.kill", O_WRONLY | O_CLOEXEC);
		b->c.oom_fd = openat(k->cgroup.fds[CGROUP_UNIFIED], "memory.events", O_RDONLY | O_CLOEXEC);
	} else if (k->cgroup.fds[CGROUP_MEMORY] >= 0) {
		b->c.oom_fd = openat(k->cgroup.fds[CGROUP_MEMORY], "memory.oom_control", O_RDONLY | O_CLOEXEC);
	}
	return launch_configure_monitor(k->job, b, err);
}

static int wait_created(struct child *k, struct error *err)
{
	if (k->job->runtime)
		return 0;
	return oci_wait_created(&k->process, err) < 0 ? oci_error(k->job->engine, err) : 0;
}

static void drop_container_ends(struct child *k)
{
	for (int i = 0; i < 3; i++)
		if (k->stdio[i] > 2)
			close_p(&k->stdio[i]);
}

/* Long enough on a loaded machine, and nothing is lost when START comes later: then the monitor reads it. */
enum { START_WAIT_MS = 100 };

static int become_monitor(struct child *k, struct error *err)
{
	struct monitor_builder *b = &k->monitor;
	struct launch_message ready = { .type = LAUNCH_READY };

	drop_container_ends(k);
	if (has_terminal(k))
		b->c.stdio_fd[0] = take_fd(k->process.console_master);
	b->c.pidfd = k->process.pidfd;
	b->c.start_fd = k->process.start_fd;
	TRY(launch_write_pids(k->job, k->process.pid, err));
	TRY(send_message(k->job, &ready, -1, err));
	if (k->job->options->start_follows && !k->job->runtime)
		monitor_take_start(b, START_WAIT_MS);
	return monitor_exec(b, k->job->monitor_path, err);
}

static int run_steps(struct child *k, struct error *err)
{
	static int (*const steps[])(struct child *k, struct error *err) = {
		open_rootfs, share_memory, build_spec, make_cgroup, make_stdio, make_filter, make_notify, take_netns, spawn,
		prepare_monitor, wait_created, become_monitor,
	};

	k->run_dir_fd = open(k->job->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->run_dir_fd < 0)
		return fail_errno(err, "open %s", k->job->run_dir);
	unlinkat(k->run_dir_fd, EXIT_RECORD_NAME, 0);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		TRY(steps[i](k, err));
	return 0;
}

_Noreturn void launch_child(struct launch_job *j)
{
	struct child k = { .job = j, .cgroup = CGROUP_INIT, .pod_lock = LOCK_INIT, .process = OCI_PROCESS_INIT, .rootfs_fd = -1, .run_dir_fd = -1,
			   .netns_fd = -1, .userns_fd = -1, .stdio = { -1, -1, -1 } };
	struct launch_message m = { .type = LAUNCH_ERROR };
	struct error ignored;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	monitor_builder_init(&k.monitor);
	run_steps(&k, &m.error);
	/* only a failure comes back here */
	oci_process_done(&k.process);
	if (k.cgroup.mode != CGROUP_NONE)
		cgroup_remove(&k.cgroup, &ignored);
	send_message(j, &m, -1, &ignored);
	_exit(1);
}
