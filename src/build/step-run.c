/* SPDX-License-Identifier: Apache-2.0
 * How a RUN runs.
 *
 *     view     the layers below, read-only: users are looked up in it, missing mount points are found
 *     init     one more layer between them and the upper directory: those mount points. So nothing of ours gets into
 *              the layer that the step makes
 *     root     overlay of layers, init, upper (volatile); the in-process runtime starts the command in it
 *
 * The container is one of `run` in every respect (params -> spec -> oci_spawn), but is recorded nowhere: M waits for it,
 * and its directory lies in the stage. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "build/place.h"
#include "build/step-run.h"
#include "engine/launch.h"
#include "engine/oci-error.h"
#include "engine/resolve.h"
#include "oci/resources.h"
#include "oci/runtime.h"
#include "os/file.h"
#include "os/idmap.h"
#include "os/mount.h"
#include "os/process.h"
#include "os/seccomp.h"
#include "store/rootfs.h"

/* ---- params ---- */
static int add_env(struct strmap *to, const struct strv *env, struct error *err)
{
	for (size_t i = 0; i < env->n; i++) {
		const char *eq = strchr(env->v[i], '=');
		autofree char *name = eq ? strndup(env->v[i], (size_t)(eq - env->v[i])) : NULL;
		if (!name)
			continue;
		TRY(strmap_set(to, name, eq + 1, err));
	}
	return 0;
}

static int choose_network(struct runner *k, struct container_params *p, struct error *err)
{
	const char *word = k->job->run.network;

	if (p->net.networks.n == 1 && streq(p->net.networks.v[0], "container")) {   /* Buildah's word for one of its own */
		strv_done(&p->net.networks);
		p->ns.net.mode = NS_DEFAULT;
	}
	if (word && !streq(word, "default")) {
		strv_done(&p->net.networks);
		p->ns.net.mode = streq(word, "none") ? NS_NONE : NS_HOST;
	}
	if (k->job->run.isolation == BUILD_ISOLATION_CHROOT && p->ns.net.mode != NS_NONE)
		p->ns.net.mode = NS_HOST;
	(void)err;
	return 0;
}

/* chroot: no namespace but one for mounts, no cgroup: what works inside a container without further rights. */
static int confine_less(struct container_params *p, struct error *err)
{
	p->ns.pid.mode = p->ns.ipc.mode = p->ns.uts.mode = p->ns.cgroup.mode = NS_HOST;
	return str_set(&p->ns.cgroups, "disabled", err);
}

static int add_volumes(struct container_params *p, const struct strv *volumes, struct error *err)
{
	for (size_t i = 0; i < volumes->n; i++) {
		struct param_mount *m = list_add(&p->storage.mounts, sizeof(*m), err);
		if (!m)
			return -1;
		TRY(str_set(&m->type, "tmpfs", err));
		TRY(str_set(&m->destination, volumes->v[i], err));
		TRY(strv_add(&m->options, "tmpcopyup", err));
	}
	return 0;
}

static int add_devices(struct container_params *p, const struct strv *devices, struct error *err)
{
	for (size_t i = 0; i < devices->n; i++)
		TRY(param_device_parse(devices->v[i], &p->storage.devices, err));
	return 0;
}

static int make_params(struct runner *k, struct error *err)
{
	const struct step_run *r = &k->job->run;
	struct container_params *p = &k->c.params;
	const struct image_defaults none = {};

	*p = r->options->run;   /* ours since the fork */
	TRY(add_env(&p->process.env, &r->env, err));
	p->basic.external = true;
	p->process.entrypoint_given = true;
	TRY(strv_add(&p->process.unset_env, "container", err));   /* RUN sees what the image has, as with Docker and Buildah */
	p->process.make_workdir = true;
	p->process.passwd = (struct opt_bool){ true, false };
	TRY(strv_copy(&p->process.command, &r->args, err));
	TRY(str_set(&p->process.user, str_empty(r->user) ? "0" : r->user, err));
	TRY(str_set(&p->process.workdir, str_empty(r->workdir) ? "/" : r->workdir, err));
	TRY(str_set(&p->storage.image_volume, "ignore", err));
	if (r->security && streq(r->security, "insecure"))
		p->security.privileged = true;
	if (r->fixed_hostname && !p->ns.hostname)
		TRY(str_set(&p->ns.hostname, "sandbox", err));
	TRY(choose_network(k, p, err));
	if (r->isolation == BUILD_ISOLATION_CHROOT)
		TRY(confine_less(p, err));
	TRY(add_volumes(p, &r->volumes, err));
	TRY(add_devices(p, &r->devices, err));
	TRY(step_run_choose_userns(p, err));
	TRY(params_finish(p, err));
	TRY(params_resolve(p, &none, k->job->engine, err));
	p->process.make_workdir = true;
	return strv_copy(&k->c.config.args, &r->args, err);
}

/* ---- the container that nobody records ---- */
static int make_container(struct runner *k, struct error *err)
{
	k->c.engine = k->job->engine;
	k->c.loaded = true;
	TRY(random_id(k->c.at.record.id, err));
	k->c.id = k->c.at.record.id;
	if (k->job->run.name)
		TRY(str_set(&k->c.at.record.name, k->job->run.name, err));
	else
		TRY(str_printf(&k->c.at.record.name, err, "build-%.12s", k->c.id));
	TRY(str_set(&k->c.at.record.image_name, k->job->run.image, err));
	TRY(str_set(&k->c.at.record.image_id, k->job->run.image_id, err));
	k->c.at.record.transient = true;
	if (mkdirat(k->job->scratch, "run", 0700) < 0 && errno != EEXIST)
		return fail_errno(err, "make a directory for the step");
	TRY(str_printf(&k->run_dir, err, "%s/run", k->job->scratch_path));
	k->run_dir_fd = openat(k->job->scratch, "run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	k->c.run_dir_fd = k->run_dir_fd;
	return k->run_dir_fd < 0 ? fail_errno(err, "open %s", k->run_dir) : 0;
}

static int open_view(struct runner *k, struct error *err)
{
	struct step_trees *below = &k->job->below;

	if (k->job->run.in_upper)
		below->v[below->n++] = k->job->upper;
	int r = step_view(k->job, below, &k->view, err);
	below->n -= k->job->run.in_upper;
	TRY(r);
	if (k->view >= 0)
		return 0;
	k->view = openat(k->job->upper, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return k->view < 0 ? fail_errno(err, "open the root") : 0;
}

/* Mounts that need rights we do not have come from outside instead. */
static int bind_kernel_mounts(struct oci_spec *s, struct error *err)
{
	static const char *const types[] = { "proc", "sysfs", "mqueue", "devpts" };
	struct oci_mount *m = s->mounts.v;

	for (size_t i = 0; i < s->mounts.n; i++)
		for (size_t t = 0; t < ARRAY_LEN(types); t++) {
			if (!streq0(m[i].type, types[t]) || access(m[i].destination, F_OK) < 0)
				continue;
			TRY(str_set(&m[i].type, "bind", err));
			TRY(str_set(&m[i].source, m[i].destination, err));
			strv_done(&m[i].options);
			TRY(strv_split(&m[i].options, "rbind,rslave,nosuid,noexec", ',', err));
		}
	return 0;
}

static void drop_mount(struct oci_spec *s, const char *destination)
{
	struct oci_mount *m = s->mounts.v;

	for (size_t i = 0; i < s->mounts.n; i++) {
		if (!streq(m[i].destination, destination))
			continue;
		fields_done(oci_mount_rows, &m[i]);
		memmove(&m[i], &m[i + 1], (s->mounts.n - i - 1) * sizeof(*m));
		s->mounts.n--;
		return;
	}
}

/* Builders put the primary group among the supplementary ones, too. */
static int add_own_group(struct oci_user *u, struct error *err)
{
	struct numv *g = &u->additional_gids;

	for (size_t i = 0; i < g->n; i++)
		if (g->v[i] == u->gid)
			return 0;
	if (!u->gid)
		return 0;
	uint64_t *grown = realloc(g->v, (g->n + 1) * sizeof(*grown));
	if (!grown)
		return fail_oom(err);
	g->v = grown;
	g->v[g->n++] = u->gid;
	return 0;
}

/* Users other than root hold none of the capabilities, whatever was added. */
static void drop_users_capabilities(struct oci_process_spec *p)
{
	struct oci_capabilities *c = p->capabilities;
	struct strv *const held[] = { c ? &c->effective : NULL, c ? &c->permitted : NULL, c ? &c->inheritable : NULL,
				      c ? &c->ambient : NULL };

	for (size_t i = 0; c && p->user.uid && i < ARRAY_LEN(held); i++) {
		strv_done(held[i]);
		*held[i] = (struct strv){};
	}
}

static int make_spec(struct runner *k, struct error *err)
{
	TRY(step_run_plan_network(k, err));
	k->x = (struct spec_context){
		.net = k->net.planned ? &k->net.status : NULL, .container = &k->c, .params = &k->c.params, .engine = k->job->engine, .rootfs_fd = k->view,
		.run_dir = k->run_dir, .dir = k->run_dir, .run_dir_fd = k->run_dir_fd, .rootless = k->job->engine->paths.rootless,
		.external = k->job->run.runtime != NULL,
	};
	if (k->x.rootless) {
		struct idmap gids = {};
		uint32_t ignored;
		TRY(idmap_load(0, true, &gids, err));
		k->x.rootless_gid5 = idmap_to_outside(&gids, 5, &ignored);
	}
	TRY(step_run_make_userns(k, err));
	TRY(spec_build(&k->x, &k->spec, err));
	TRY(add_own_group(&k->spec.process->user, err));
	drop_users_capabilities(k->spec.process);
	if (k->job->run.isolation == BUILD_ISOLATION_CHROOT) {
		TRY(bind_kernel_mounts(&k->spec, err));
		drop_mount(&k->spec, "/sys/fs/cgroup");
	}
	if (k->c.params.ns.no_hostname)
		drop_mount(&k->spec, "/etc/hostname");
	return step_run_mounts(k, err);
}

/* ---- volumes ---- */
/* The image's volumes are there when a command runs. */
static int make_volumes(struct runner *k, struct error *err)
{
	const struct strv *volumes = &k->job->run.image_volumes;
	const struct place_owner owner = { 0, 0, 0755 };
	char real[PATH_MAX];

	for (size_t i = 0; i < volumes->n; i++) {
		if (*volumes->v[i] != '/')
			continue;
		int there = place_resolve(k->view, volumes->v[i], real, NULL, err);
		if (there < 0)
			return fail_wrap(err, "volume %s", volumes->v[i]);
		if (there)
			continue;
		int fd = place_mkdirs(k->view, k->job->upper, real, owner, NULL, err);
		close_p(&fd);
		if (fd < 0)
			return fail_wrap(err, "volume %s", volumes->v[i]);
	}
	return 0;
}

/* ---- mount points ---- */
static bool lies_in_a_mount(const struct oci_spec *s, size_t i)
{
	const struct oci_mount *m = s->mounts.v;

	for (size_t k = 0; k < s->mounts.n; k++)
		if (k != i && !streq(m[k].destination, m[i].destination) && !streq(m[k].destination, "/") &&
		    path_text_is_below(m[k].destination, m[i].destination))
			return true;
	return false;
}

static bool is_file(const struct oci_mount *m)
{
	struct stat st;

	return streq0(m->type, "bind") && m->source && stat(m->source, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* 1: the init layer is needed. */
static int make_mount_points(struct runner *k, int init, struct error *err)
{
	const struct oci_mount *m = k->spec.mounts.v;
	int view = k->job->below.n ? k->view : -1, any = 0;

	for (size_t i = 0; i < k->spec.mounts.n; i++) {
		if (lies_in_a_mount(&k->spec, i))
			continue;
		int made = place_target(view, init, m[i].destination, !is_file(&m[i]), err);
		if (made < 0)
			return fail_wrap(err, "mount point %s", m[i].destination);
		any |= made;
	}
	return any;
}

static int make_dir(int at, const char *name, struct error *err)
{
	if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
		return fail_errno(err, "make directory %s", name);
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail_errno(err, "open directory %s", name) : fd;
}

/* Overlay on overlay, on a FUSE or in a container without the right: a copy works everywhere. */
static bool is_overlay_impossible(const struct error *err)
{
	return err->errnum == EINVAL || err->errnum == EPERM || err->errnum == ENODEV || err->errnum == EOPNOTSUPP;
}

static int open_root(struct runner *k, struct error *err)
{
	const struct step_trees *below = &k->job->below;
	autofree int *lower = calloc(below->n + 1, sizeof(int));
	autoclose int init = make_dir(k->job->scratch, "init", err), work = -1;
	struct rootfs_trees t = { .lower = lower, .n = below->n, .upper = k->job->upper };
	struct stat st;

	if (!lower)
		return fail_oom(err);
	if (init < 0 || (work = make_dir(k->job->scratch, "work", err)) < 0)
		return -1;
	if (below->n)
		memcpy(lower, below->v, below->n * sizeof(int));
	int needed = make_mount_points(k, init, err);
	if (needed < 0)
		return -1;
	if (needed) {
		if (fstat(k->job->upper, &st) < 0 || fchmod(init, st.st_mode & 07777) < 0)
			return fail_errno(err, "set mode of a directory");
		lower[t.n++] = init;
		k->init_used = true;
	}
	t.work = work;
	struct error overlay;
	if (k->userns >= 0 && step_run_map_trees(k, &t, lower, &overlay) < 0) {   /* a user's mounts, and file systems that cannot */
		*err = overlay;
		return is_overlay_impossible(&overlay) ? step_run_copy_root(k, err) : -1;
	}
	if (store_rootfs_open_trees(k->job->store, &t, &k->rootfs, &overlay) == 0)
		return 0;
	*err = overlay;
	return is_overlay_impossible(&overlay) ? step_run_copy_root(k, err) : -1;
}

/* ---- running ---- */
static int make_cgroup(struct runner *k, struct error *err)
{
	struct cgroup_warnings w = {};
	CLEANUP(cgroup_resources_done) struct cgroup_resources r = {};
	struct cgroup_create how = { .path = k->spec.lnx.cgroups_path, .resources = &r };

	if (!how.path || k->job->run.isolation == BUILD_ISOLATION_CHROOT || k->job->run.runtime)   /* another runtime makes its own */
		return 0;
	if (streq(engine_cgroup_manager(k->job->engine), "systemd"))
		how.manager = CGROUP_MANAGER_SYSTEMD;
	TRY(oci_resources_convert(k->spec.lnx.resources, &r, err));
	TRY(cgroup_create(&how, &k->cgroup, &w, err));
	return cgroup_set(&k->cgroup, &r, &w, err);
}

static int make_filter(struct runner *k, struct error *err)
{
	const struct seccomp_builtin b = {
		.profile = k->x.seccomp_hardened ? SECCOMP_PROFILE_HARDENED : SECCOMP_PROFILE_DEFAULT, .caps = k->x.bounding,
	};

	return k->x.seccomp_builtin ? seccomp_builtin(&b, &k->filter, err) : 0;
}

static int spawn(struct runner *k, struct error *err)
{
	struct oci_options o = OCI_OPTIONS_INIT;
	autoclose int null = k->job->run.options->use_stdin ? dup(0) : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (launch_check_flags(k->job->engine, k->job->run.runtime, err) < 0) {
		err->kind = ERROR_RUNTIME;
		return -1;
	}
	if (k->job->run.runtime)
		return step_run_spawn_external(k, null, err);
	o.id = k->c.id;
	o.bundle = k->run_dir;
	o.rootfs_fd = k->rootfs;
	o.stdin_fd = null;
	o.stdout_fd = k->job->out;
	o.stderr_fd = k->job->err;
	o.cgroup = k->cgroup.mode == CGROUP_NONE ? NULL : &k->cgroup;
	o.no_pivot = k->job->engine->conf.engine.no_pivot_root;
	o.no_new_keyring = !k->job->engine->conf.containers.keyring;
	o.seccomp = k->x.seccomp_builtin ? &k->filter : NULL;
	if (oci_spawn(&k->spec, &o, &k->process, err) < 0)
		return oci_error(k->job->engine, err);
	step_send(k->socket, &(struct step_message){ .event = STEP_RUNS, .status = k->process.pid });
	if (step_run_apply_network(k, err) < 0)
		return -1;
	if (oci_wait_created(&k->process, err) < 0)
		return oci_error(k->job->engine, err);
	return oci_start(&k->process, err) < 0 ? oci_error(k->job->engine, err) : 0;
}

/* The command's end, or the builder's: then everything is killed. */
static int wait_for_end(struct runner *k, int socket, int *ret_status, struct error *err)
{
	struct pollfd fds[2] = { { .fd = k->process.pidfd, .events = POLLIN }, { .fd = socket, .events = POLLIN } };

	if (k->process.console_master >= 0)
		TRY(step_terminal_pump(k, socket, err));
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return fail_errno(err, "poll");
		if (fds[0].revents)
			return process_reap(k->process.pid, ret_status, err);
		if (fds[1].revents) {
			kill(k->process.pid, SIGKILL);
			process_reap(k->process.pid, ret_status, err);
			return fail(err, ERROR_STATE, "the build was stopped");
		}
	}
}

static void runner_done(struct runner *k)
{
	struct error ignored;

	step_run_end_network(k);
	step_run_end_external(k);
	oci_process_done(&k->process);
	if (k->cgroup.mode != CGROUP_NONE)
		cgroup_remove(&k->cgroup, &ignored);
	cgroup_done(&k->cgroup);
	close_p(&k->rootfs);
	k->rootfs = -1;
	close_p(&k->view);
	k->view = -1;
	close_p(&k->userns);
	k->userns = -1;
}

static int run(struct runner *k, int socket, int *ret_status, struct error *err)
{
	static int (*const steps[])(struct runner *k, struct error *err) = {
		make_container, make_params, open_view, make_volumes, make_spec, open_root, make_cgroup, make_filter, spawn,
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		TRY(steps[i](k, err));
	return wait_for_end(k, socket, ret_status, err);
}

int step_run_child(struct step_job *j, int socket, struct step_message *ret, struct error *err)
{
	struct runner k = { .job = j, .socket = socket, .copy = -1, .userns = -1, .view = -1, .rootfs = -1, .run_dir_fd = -1, .cgroup = CGROUP_INIT, .net = CTR_NET_INIT,
			    .process = OCI_PROCESS_INIT };
	int status = 0;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	int r = run(&k, socket, &status, err);
	autofree struct idmap_pair *maps = k.maps;   /* needed as long as owners are looked at */
	runner_done(&k);   /* the root must not be mounted while its upper directory is read */
	if (r < 0) {
		/* what a runtime program would have ended with */
		ret->status = err->kind == ERROR_NO_COMMAND ? 127 : err->kind == ERROR_NOT_EXECUTABLE ? 126 : err->kind == ERROR_RUNTIME;
		return -1;
	}
	int code = process_exit_code(status);
	if (code) {
		ret->status = code;
		return fail(err, ERROR_RUNTIME, "while running runtime: exit status %d", code);
	}
	TRY(k.copy < 0 ? step_run_drop_marks(&k, err) : 0);
	r = k.copy >= 0 ? step_run_collect_copy(&k, ret, err) : step_layer(j, ret, err);
	close_p(&k.copy);
	return r;
}
