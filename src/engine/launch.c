/* SPDX-License-Identifier: Apache-2.0
 * How a container starts: the parent's side. (M's side: launch-child.c; the container's: oci/plan.c.)
 *
 *     E                                M                                container
 *     peers, maps, image mounts
 *     fork ------------------------->  setsid, subreaper
 *     network namespace (root) ----->  ...
 *                                      root file system (detached)
 *                                      spec, cgroup, pipes
 *                                      oci_spawn() ------------------->  namespaces, mounts ...
 *     <--------------------- PID       oci_wait_created()                ... stops before exec
 *     status: running (pids)
 *     <------------------- READY
 *     START ------------------------>  start byte --------------------->  exec
 *                                      exec umiak-monitor (before START, when START does not come at once)
 *
 * The row says "running" before START: a command killed in between leaves a row that the next look corrects (the
 * monitor kills a container whose creator vanished and writes an exit record), never a process without a row. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "conf/helpers.h"
#include "engine/container-impl.h"
#include "engine/launch-impl.h"
#include "engine/oci-error.h"
#include "engine/volume.h"
#include "os/fd-pass.h"
#include "os/file.h"
#include "os/ns.h"
#include "os/process.h"
#include "store/image.h"
#include "store/rootfs.h"

void launch_job_done(struct launch_job *j)
{
	free(j->run_dir);
	free(j->dir);
	free(j->monitor_path);
	free(j->self);
	free(j->runtime);
	for (size_t i = 0; i < j->n_peers; i++) {
		free(j->peers[i].id);
		free(j->peers[i].run_dir);
		free(j->peers[i].hostname);
		close_p(&j->peers[i].shm_fd);
	}
	free(j->peers);
	for (size_t i = 0; j->image_fds && i < j->c->params.storage.mounts.n; i++)
		close_p(&j->image_fds[i]);
	free(j->image_fds);
	free(j->maps);
	pod_group_done(&j->group);
	strv_done(&j->cleanup);
	strv_done(&j->health);
	close_p(&j->socket);
	close_p(&j->monitor_client);
}

void launch_done(struct launch *l)
{
	close_p(&l->client);
	close_p(&l->socket);
	close_p(&l->netns_fd);
	free(l->cgroup);
	free(l->runtime);
	*l = LAUNCH_INIT;
}

/* ---- before the fork ---- */
static int add_peer(struct launch_job *j, const struct param_ns *ns, struct error *err)
{
	auto_ctr *other = NULL;
	struct peer *p;

	if (ns->mode != NS_CONTAINER)
		return 0;
	for (size_t i = 0; i < j->n_peers; i++)
		if (streq(j->peers[i].id, ns->value))
			return 0;
	TRY(ctr_find(j->engine, ns->value, &other, err));
	TRY(ctr_load(other, err));
	if (!ctr_is_in(other, CONTAINER_STATE_ALIVE))
		return fail(err, ERROR_STATE, "cannot join a namespace of container %s as it is not running: container state improper",
			    other->id);
	p = reallocarray(j->peers, j->n_peers + 1, sizeof(*p));
	if (!p)
		return fail_oom(err);
	j->peers = p;
	p += j->n_peers++;
	*p = (struct peer){ .pid = other->at.status.pid, .shm_fd = -1 };
	TRY(str_set(&p->id, other->id, err));
	TRY(ctr_run_dir(other, &p->run_dir, err));
	return other->params.ns.hostname ? str_set(&p->hostname, other->params.ns.hostname, err) :
					   str_printf(&p->hostname, err, "%.12s", other->id);
}

static int add_peers(struct launch_job *j, struct error *err)
{
	const struct params_namespaces *ns = &j->c->params.ns;
	const struct param_ns *all[] = { &ns->pid, &ns->ipc, &ns->uts, &ns->cgroup, &ns->user, &ns->net };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		TRY(add_peer(j, all[i], err));
	return 0;
}

/* Option rw: what is written lies below `place`, a directory of the container's own. */
static int mount_writable(struct launch_job *j, const struct strv *layers, const char *place, size_t index, int *ret_fd, struct error *err)
{
	autofree char *upper = NULL, *work = NULL;
	autoclose int upper_fd = -1, work_fd = -1;

	TRY(str_printf(&upper, err, "%s/image-%zu/upper", place, index));
	TRY(str_printf(&work, err, "%s/image-%zu/work", place, index));
	TRY(file_mkdirs(AT_FDCWD, upper, 0755, err));
	TRY(file_mkdirs(AT_FDCWD, work, 0755, err));
	upper_fd = file_open_dir(AT_FDCWD, upper, false, 0, err);
	work_fd = upper_fd < 0 ? -1 : file_open_dir(AT_FDCWD, work, false, 0, err);
	if (work_fd < 0)
		return -1;
	return store_rootfs_open_over(j->store, layers, &(struct rootfs_trees){ .upper = upper_fd, .work = work_fd,
					      .kept = !j->c->at.record.transient }, ret_fd, err);
}

static int mount_layers(struct launch_job *j, const struct param_mount *m, const struct strv *layers, int *ret_fd, struct error *err)
{
	size_t index = (size_t)(m - (const struct param_mount *)j->c->params.storage.mounts.v);
	struct error again;

	if (!strv_has(&m->options, "rw"))
		return store_rootfs_open_layers(j->store, layers, ret_fd, err);
	if (mount_writable(j, layers, j->dir, index, ret_fd, err) >= 0)
		return 0;
	/* a store that cannot carry an overlay's upper directory: then until the next boot */
	return mount_writable(j, layers, j->run_dir, index, ret_fd, &again);
}

static int mount_image(struct launch_job *j, const struct param_mount *m, int *ret_fd, struct error *err)
{
	auto_store_image image = {};
	auto_strv layers = {};
	struct store *s;
	int r;

	TRY(engine_store(j->engine, &s, err));
	r = store_image_find(s, m->source, NULL, STORE_IMAGE_LAYERS, &image, NULL, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return fail(err, ERROR_NOT_FOUND, "%s: image not known", m->source);
	for (size_t i = 0; i < image.n_layers; i++)
		TRY(strv_add(&layers, image.layers[i].diff_id, err));
	return mount_layers(j, m, &layers, ret_fd, err);
}

static int mount_images(struct launch_job *j, struct error *err)
{
	const struct list *mounts = &j->c->params.storage.mounts;
	const struct param_mount *m = mounts->v;

	for (size_t i = 0; i < mounts->n; i++) {
		if (!streq(m[i].type, "image"))
			continue;
		if (!j->image_fds) {
			j->image_fds = malloc(mounts->n * sizeof(int));
			if (!j->image_fds)
				return fail_oom(err);
			for (size_t k = 0; k < mounts->n; k++)
				j->image_fds[k] = -1;
		}
		TRY(mount_image(j, &m[i], &j->image_fds[i], err));
	}
	return 0;
}

static int own_program(char **ret, struct error *err)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		return fail_errno(err, "readlink /proc/self/exe");
	path[n] = '\0';
	return str_set(ret, path, err);
}

static int add_commands(struct launch_job *j, struct error *err)
{
	TRY(own_program(&j->self, err));
	TRY(strv_add(&j->cleanup, j->self, err));
	TRY(engine_command_line(j->engine, &j->cleanup, err));
	/* also where there is no check: `update` may give one to a running container */
	TRY(strv_copy(&j->health, &j->cleanup, err));
	TRY(strv_add(&j->health, "healthcheck", err));
	TRY(strv_add(&j->health, "run", err));
	TRY(strv_add(&j->health, "--ignore-result", err));
	TRY(strv_add(&j->health, j->c->id, err));
	TRY(strv_add(&j->cleanup, "container", err));
	TRY(strv_add(&j->cleanup, "cleanup", err));
	TRY(strv_add(&j->cleanup, "--stopped-only", err));
	return strv_add(&j->cleanup, j->c->id, err);
}

int launch_job_commands(struct launch_job *j, struct error *err)
{
	TRY(ctr_run_dir(j->c, &j->run_dir, err));
	TRY(ctr_dir(j->c, &j->dir, err));
	TRY(helper_find("umiak-monitor", &j->monitor_path, err));
	return add_commands(j, err);
}

/* The built-in runtime has no command line of its own to hand flags to; those that would change nothing are fine. */
int launch_check_flags(const struct engine *e, const char *runtime, struct error *err)
{
	static const char *const known[] = { "debug", "log", "log-format", "root", "systemd-cgroup", "cgroup-manager" };
	const struct strv *flags = engine_runtime_flags(e);

	for (size_t i = 0; !runtime && flags && i < flags->n; i++) {
		bool ok = false;
		for (size_t k = 0; k < ARRAY_LEN(known); k++) {
			const char *rest = str_after(flags->v[i], known[k]);
			ok |= rest && (!*rest || *rest == '=');
		}
		if (!ok)
			return fail(err, ERROR_NOT_EXECUTABLE, "%s: unknown option '--%s': OCI permission denied",
				    engine_runtime_name(e), flags->v[i]);
	}
	return 0;
}

/* A root file system without a command: said as the runtime would, before anything is made. */
static int check_command(const struct launch_job *j, struct error *err)
{
	const struct strv *args = &j->c->config.args;

	if (!args->n || *args->v[0])
		return 0;
	fail(err, ERROR_NO_COMMAND, "executable file `` not found in $PATH: No such file or directory");
	return oci_error(j->engine, err);
}

static int prepare(struct launch_job *j, struct error *err)
{
	struct store *s;

	TRY(ctr_load(j->c, err));
	TRY(engine_store(j->engine, &s, err));
	j->store = s;
	TRY(launch_job_commands(j, err));
	TRY(engine_runtime(j->engine, j->c->config.runtime, &j->runtime, err));
	TRY(check_command(j, err));
	TRY(launch_check_flags(j->engine, j->runtime, err));
	TRY(volumes_mount_for(j->c, err));
	TRY(add_peers(j, err));
	TRY(mount_images(j, err));
	if (j->c->at.record.pod && j->c->params.ns.cgroup_parent)
		TRY(pod_group_plan(j->engine, j->c->at.record.pod, &j->group, err));
	return ctr_maps(j->c, &j->maps, err);
}

static bool is_joined(const struct param_ns *ns)
{
	return ns->mode == NS_CONTAINER || ns->mode == NS_PATH;
}

/* It belongs to the user namespace of its maker, which must be the container's. */
static bool can_make_netns(const struct launch_job *j)
{
	const struct params_namespaces *ns = &j->c->params.ns;

	return !j->engine->paths.rootless && !j->runtime && !j->maps && !is_joined(&ns->user) && !is_joined(&ns->pid) &&
	       !is_joined(&ns->net) && ns->net.mode != NS_HOST;
}

/* The kernel takes half a millisecond for it, which M needs for the mounts anyway. */
static void give_netns(const struct launch *l)
{
	struct error ignored;
	autoclose int fd = ns_make(NS_NET, &ignored);

	/* none: M makes it itself, or says why not */
	if (fd_send(l->socket, "", 1, fd) < 0)
		shutdown(l->socket, SHUT_RDWR);   /* it waits for a word: the end will do */
}

int launch_start(struct launch *l, struct ctr *c, const struct launch_options *o, struct error *err)
{
	auto_launch_job j = { .c = c, .engine = c->engine, .options = o, .socket = -1, .monitor_client = -1 };
	int pair[2];

	if (prepare(&j, err) < 0) {
		struct error ignored;
		volumes_release(c, &ignored);
		return -1;
	}
	j.activated = launch_activated();
	j.netns_ahead = can_make_netns(&j);
	l->container = c;
	TRY(monitor_client_pair(&l->client, &j.monitor_client, err));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(err, "socketpair");
	TRY(str_set(&l->runtime, j.runtime, err));
	l->socket = pair[0];
	j.socket = pair[1];
	l->monitor = fork();
	if (l->monitor < 0)
		return fail_errno(err, "fork");
	if (l->monitor == 0) {
		close_p(&l->socket);
		close_p(&l->client);
		launch_child(&j);
	}
	if (j.netns_ahead)
		give_netns(l);
	return 0;
}

/* ---- after it ---- */
static int receive(struct launch *l, enum launch_message_type want, struct launch_message *m, struct error *err)
{
	int received;
	ssize_t n;

	do   /* M failed before it took the namespace: the kernel says that once, before what M said */
		n = fd_receive(l->socket, m, sizeof(*m), &received);
	while (n < 0 && errno == ECONNRESET);
	autoclose int fd = received;

	if (n == (ssize_t)sizeof(*m) && m->type == (uint32_t)want) {
		if (fd >= 0)
			l->netns_fd = take_fd(fd);
		return 0;
	}
	if (n == (ssize_t)sizeof(*m) && m->type == LAUNCH_ERROR)
		*err = m->error;
	else
		fail(err, ERROR_RUNTIME, "the process that starts the container died");
	waitpid(l->monitor, NULL, 0);
	return -1;
}

int launch_wait_pid(struct launch *l, struct error *err)
{
	struct launch_message m;

	TRY(receive(l, LAUNCH_PID, &m, err));
	l->pid = m.pid;
	l->pid_start = m.pid_start;
	l->monitor_start = m.monitor_start;
	return m.cgroup[0] ? str_set(&l->cgroup, m.cgroup, err) : 0;
}

int launch_wait_ready(struct launch *l, struct error *err)
{
	struct launch_message m;

	return receive(l, LAUNCH_READY, &m, err);
}
