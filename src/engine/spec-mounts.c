/* SPDX-License-Identifier: Apache-2.0
 * Which mounts a container gets: the default ones, the engine's files, what the user asked for. A user's mount takes
 * the place of a default one with the same destination. Order: parents before children. */
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/helpers.h"
#include "engine/spec.h"
#include "engine/access.h"
#include "engine/volume.h"
#include "os/file.h"
#include "os/path.h"

static int add_words(struct strv *to, const char *words, struct error *err)
{
	return str_empty(words) ? 0 : strv_split(to, words, ',', err);
}

static int add_mount(struct oci_spec *s, const char *destination, const char *type, const char *source, const char *options,
		     struct oci_mount **ret, struct error *err)
{
	struct oci_mount *m = list_add(&s->mounts, sizeof(*m), err);

	if (!m)
		return -1;
	TRY(str_set(&m->destination, destination, err));
	TRY(str_set(&m->type, type, err));
	TRY(str_set(&m->source, source, err));
	TRY(add_words(&m->options, options, err));
	if (ret)
		*ret = m;
	return 0;
}

static const struct param_mount *user_mount(const struct spec_context *x, const char *destination)
{
	const struct param_mount *m = x->params->storage.mounts.v;

	for (size_t i = 0; i < x->params->storage.mounts.n; i++)
		if (streq0(m[i].destination, destination))
			return &m[i];
	return NULL;
}

/* ---- what every container has ---- */
static int add_default(struct spec_context *x, struct oci_spec *s, const char *destination, const char *type,
		       const char *source, const char *options, struct error *err)
{
	return user_mount(x, destination) ? 0 : add_mount(s, destination, type, source, options, NULL, err);
}

static int mount_proc_sys(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	bool privileged = x->params->security.privileged;
	/* sysfs shows a network namespace: one that our user namespace does not own cannot be mounted anew */
	bool foreign_net = (x->maps || x->rootless) && (x->params->ns.net.mode == NS_HOST ||
							 x->params->ns.net.mode == NS_CONTAINER || x->params->ns.net.mode == NS_PATH);
	bool foreign_pid = (x->maps || x->rootless) && x->params->ns.pid.mode == NS_HOST;

	if (foreign_pid)
		TRY(add_default(x, s, "/proc", "bind", "/proc", "rbind,nosuid,noexec,nodev", err));
	else
		TRY(add_default(x, s, "/proc", "proc", "proc", "nosuid,noexec,nodev", err));
	/* what is mounted below it belongs to the host; a user's own namespace may not part it from that */
	const char *bind = x->rootless ? "rbind" : "bind", *read_only = privileged ? "" : ",rro";
	char words[80];
	snprintf(words, sizeof(words), "%s,rprivate,nosuid,noexec,nodev%s", bind, read_only);
	if (foreign_net)
		return add_default(x, s, "/sys", "bind", "/sys", words, err);
	return add_default(x, s, "/sys", "sysfs", "sysfs",
			   privileged ? "rprivate,nosuid,noexec,nodev,rw" : "rprivate,nosuid,noexec,nodev,ro", err);
}

static int mount_shm(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct param_ns *ipc = &x->params->ns.ipc;
	const struct peer *peer = spec_peer(x, ipc);
	autofree char *text = NULL;

	if (ipc->mode == NS_NONE)
		return 0;
	if (ipc->mode == NS_HOST)
		return add_default(x, s, "/dev/shm", "bind", "/dev/shm", "rbind,nosuid,noexec,nodev", err);
	if (peer) {
		if (peer->shm_fd < 0)
			return 0;
		TRY(str_printf(&text, err, "%s/shm", x->run_dir));
		return add_default(x, s, "/dev/shm", "bind", text, "bind,nosuid,noexec,nodev", err);
	}
	const struct opt_bool *ro_tmpfs = &x->params->storage.read_only_tmpfs;
	/* an infra container's is its pod's, whatever its own root is */
	bool ro = x->params->storage.read_only.value && ro_tmpfs->set && !ro_tmpfs->value && !x->params->basic.infra;
	if (x->params->storage.shm_size.value > 0)
		TRY(str_printf(&text, err, "nosuid,noexec,nodev,mode=1777,size=%lld%s",
			       (long long)x->params->storage.shm_size.value, ro ? ",ro" : ""));
	return add_default(x, s, "/dev/shm", "tmpfs", "shm", text ? text : "nosuid,noexec,nodev,mode=1777", err);
}

static int mount_dev(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	bool gid_mapped = true;
	uint32_t ignored;

	if (x->maps)
		gid_mapped = idmap_to_outside(&x->maps->gids, 5, &ignored);
	else if (x->rootless)
		gid_mapped = x->rootless_gid5;
	if (user_mount(x, "/dev"))
		return 0;
	TRY(add_mount(s, "/dev", "tmpfs", "tmpfs", "nosuid,noexec,strictatime,mode=755,size=65536k", NULL, err));
	TRY(add_default(x, s, "/dev/pts", "devpts", "devpts",
			gid_mapped ? "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" :
				     "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620", err));
	if (x->params->ns.ipc.mode == NS_HOST || x->params->ns.ipc.mode == NS_CONTAINER) {
		if (access("/dev/mqueue", F_OK) == 0 && x->params->ns.ipc.mode == NS_HOST)
			TRY(add_default(x, s, "/dev/mqueue", "bind", "/dev/mqueue", "rbind,nosuid,noexec,nodev", err));
		else if (x->params->ns.ipc.mode == NS_CONTAINER)
			TRY(add_default(x, s, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev", err));
	} else {
		TRY(add_default(x, s, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev", err));
	}
	return mount_shm(x, s, err);
}

/* systemd as the first process wants its places as tmpfs. */
static int mount_systemd(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	static const char *const places[] = { "/run", "/run/lock", "/tmp", "/var/log/journal" };
	const struct opt_int *size = &x->params->storage.shm_size_systemd;
	char options[128];

	if (!x->params->process.systemd_mode)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		int n = snprintf(options, sizeof(options), "rw,rprivate,nosuid,nodev,mode=%s", i == 2 ? "1777" : "755");
		if (i != 2)
			n += snprintf(options + n, sizeof(options) - (size_t)n, ",tmpcopyup");
		if (size->set && size->value > 0)
			snprintf(options + n, sizeof(options) - (size_t)n, ",size=%lld", (long long)size->value);
		TRY(add_default(x, s, places[i], "tmpfs", "tmpfs", options, err));
	}
	return 0;
}

static int mount_cgroup(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	return add_default(x, s, "/sys/fs/cgroup", "cgroup", "cgroup",
			   x->params->security.privileged || x->params->process.systemd_mode ?
				   "rprivate,nosuid,noexec,nodev,relatime,rw" :
							    "rprivate,nosuid,noexec,nodev,relatime,ro", err);
}

/* ---- the engine's files ---- */
static int mount_file(struct spec_context *x, struct oci_spec *s, const char *dir, const char *name, const char *destination,
		      struct error *err)
{
	autofree char *source = NULL;

	TRY(str_printf(&source, err, "%s/%s", dir, name));
	if (access(source, F_OK) < 0)
		return 0;
	return add_default(x, s, destination, "bind", source, "bind,rprivate,nosuid,nodev,noexec", err);
}

/* A directory of the host on /run shall not get a file of ours. */
static bool hides_run(const struct spec_context *x)
{
	const struct param_mount *m = user_mount(x, "/run");

	return m && !streq(m->type, "tmpfs");
}

/* --chrootdirs: the same files for daemons that chroot themselves. */
static int mount_chroot_files(struct spec_context *x, struct oci_spec *s, const char *net_dir, struct error *err)
{
	static const char *const names[] = { "hosts", "resolv.conf", "hostname" };
	const struct strv *dirs = &x->params->process.chroot_dirs;

	for (size_t i = 0; i < dirs->n; i++)
		for (size_t j = 0; j < ARRAY_LEN(names); j++) {
			autofree char *to = NULL, *clean = NULL;
			TRY(str_printf(&to, err, "%s/etc/%s", dirs->v[i], names[j]));
			clean = path_clean(to);
			if (!clean)
				return fail_oom(err);
			if (*clean != '/')
				return fail(err, ERROR_INVALID, "--chrootdirs %s: must be an absolute path", dirs->v[i]);
			TRY(mount_file(x, s, j < 2 ? net_dir : x->run_dir, names[j], clean, err));
		}
	return 0;
}

static int mount_files(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct peer *net = spec_peer(x, &x->params->ns.net);
	const char *net_dir = net ? net->run_dir : x->run_dir;
	static const char *const own[][2] = { { "hostname", "/etc/hostname" }, { ".containerenv", "/run/.containerenv" },
		{ "passwd", "/etc/passwd" }, { "group", "/etc/group" }, { "localtime", "/etc/localtime" } };

	TRY(mount_file(x, s, net_dir, "hosts", "/etc/hosts", err));
	TRY(mount_file(x, s, net_dir, "resolv.conf", "/etc/resolv.conf", err));
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (!(i == 1 && hides_run(x)))
			TRY(mount_file(x, s, x->run_dir, own[i][0], own[i][1], err));
	TRY(mount_chroot_files(x, s, net_dir, err));
	bool bare = x->params->basic.infra && !x->container->at.record.image_id;   /* nothing else is in it */
	if (!bare && (!x->params->process.init.value || x->params->ns.pid.mode != NS_PRIVATE))
		return 0;
	autofree char *init = NULL;
	const char *given = x->params->process.init_path ? x->params->process.init_path :
							     x->engine->conf.containers.init_path;
	if (given)
		TRY(str_set(&init, given, err));
	else
		TRY(helper_find("umiak-init", &init, err));
	if (access(init, X_OK) < 0)
		return fail_errno(err, "container-init binary %s", init);
	return add_default(x, s, SPEC_INIT_PATH, "bind", init, "bind,rprivate,ro,nosuid,nodev", err);
}

static int mount_read_only_tmpfs(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	static const char *const places[] = { "/run", "/tmp", "/var/tmp" };
	const struct params_storage *p = &x->params->storage;

	if (!p->read_only.value || (p->read_only_tmpfs.set && !p->read_only_tmpfs.value))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		TRY(add_default(x, s, places[i], "tmpfs", "tmpfs", "rw,rprivate,nosuid,nodev,tmpcopyup", err));
	return 0;
}

/* ---- what the user asked for ---- */
static bool has_any(const struct strv *options, const char *const *words)
{
	for (; *words; words++)
		if (strv_has(options, *words))
			return true;
	return false;
}

static int add_unless(struct oci_mount *m, const char *const *excluding, const char *word, struct error *err)
{
	return has_any(&m->options, excluding) ? 0 : strv_add(&m->options, word, err);
}

/* Options that are the engine's business, not the kernel's. */
static bool is_engine_option(const char *o)
{
	static const char *const words[] = { "z", "Z", "U", "O", "copy", "nocopy", "cached", "delegated", "consistent",
		"no-dereference" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(o, words[i]))
			return true;
	return str_after(o, "upperdir=") || str_after(o, "workdir=");
}

static int copy_options(struct oci_mount *m, const struct param_mount *p, struct error *err)
{
	for (size_t i = 0; i < p->options.n; i++)
		if (!is_engine_option(p->options.v[i]))
			TRY(strv_add(&m->options, p->options.v[i], err));
	if (strv_has(&p->options, "no-dereference"))
		TRY(strv_add(&m->options, "copy-symlink", err));
	return 0;
}

static int complete_bind(struct oci_mount *m, struct error *err)
{
	static const char *const recursion[] = { "bind", "rbind", NULL };
	static const char *const propagation[] = { "private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable",
		"runbindable", NULL };
	static const char *const access_words[] = { "ro", "rw", NULL }, *const suid[] = { "suid", "nosuid", NULL },
		*const dev[] = { "dev", "nodev", NULL };

	TRY(add_unless(m, recursion, "rbind", err));
	TRY(add_unless(m, propagation, "rprivate", err));
	TRY(add_unless(m, access_words, "rw", err));
	TRY(add_unless(m, suid, "nosuid", err));
	TRY(add_unless(m, dev, "nodev", err));
	/* read-only means also what is mounted below */
	for (size_t i = 0; i < m->options.n; i++)
		if (streq(m->options.v[i], "ro") && strv_has(&m->options, "rbind"))
			return str_set(&m->options.v[i], "rro", err);
	return 0;
}

static int mount_bind(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, const char *source,
		      struct error *err)
{
	struct oci_mount *m;

	(void)x;
	TRY(add_mount(s, p->destination, "bind", source, NULL, &m, err));
	TRY(copy_options(m, p, err));
	return complete_bind(m, err);
}

static int mount_user_bind(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err)
{
	struct stat st;

	if (lstat(p->source, &st) < 0) {
		fail_errno(err, "statfs %s", p->source);
		return fail_access(x->engine, ACCESS_LOOK, p->source, err);
	}
	if (strv_has(&p->options, "U"))
		TRY(spec_chown_source(x, p->source, err));
	return mount_bind(x, s, p, p->source, err);
}

/* Who the process is, as stored outside. */
static struct volume_owner owner_of_process(const struct spec_context *x)
{
	struct volume_owner o = { (uint32_t)x->uid, (uint32_t)x->gid };

	if (x->maps) {
		idmap_to_outside(&x->maps->uids, (uint32_t)x->uid, &o.uid);
		idmap_to_outside(&x->maps->gids, (uint32_t)x->gid, &o.gid);
	}
	return o;
}

static int mount_volume(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err)
{
	auto_volume v = {};
	autofree char *sub = NULL;
	int r;

	if (!p->source)
		return fail(err, ERROR_INVALID, "the volume for %s was not created", p->destination);
	r = volume_find(x->engine, p->source, &v, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return fail(err, ERROR_NOT_FOUND, "volume %s of container %s does not exist any more: no such volume", p->source,
			    x->container->id);
	bool fresh = (v.needs_copy_up || v.needs_chown) && strv_has(&p->options, "idmap") && volume_is_empty(&v);
	if (!strv_has(&p->options, "nocopy") && !p->subpath)
		TRY(volume_copy_up(x->engine, &v, x->rootfs_fd, p->destination, owner_of_process(x), err));
	if (fresh)   /* it will be seen through the mapping, the next time through another one */
		TRY(spec_unmap_volume(x, &v, err));
	if (strv_has(&p->options, "U"))
		TRY(spec_chown_source(x, v.mountpoint, err));
	if (p->subpath)
		TRY(str_printf(&sub, err, "%s/%s", v.mountpoint, p->subpath));
	return mount_bind(x, s, p, sub ? sub : v.mountpoint, err);
}

static int mount_tmpfs(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err)
{
	static const char *const access_words[] = { "ro", "rw", NULL }, *const suid[] = { "suid", "nosuid", NULL },
		*const dev[] = { "dev", "nodev", NULL }, *const exec[] = { "exec", "noexec", NULL },
		*const copy[] = { "tmpcopyup", "notmpcopyup", NULL },
		*const propagation[] = { "private", "rprivate", "slave", "rslave", "shared", "rshared", NULL };
	struct oci_mount *m;

	(void)x;
	TRY(add_mount(s, p->destination, p->type, p->type, NULL, &m, err));
	TRY(copy_options(m, p, err));
	TRY(add_unless(m, access_words, "rw", err));
	TRY(add_unless(m, propagation, "rprivate", err));
	TRY(add_unless(m, suid, "nosuid", err));
	TRY(add_unless(m, dev, "nodev", err));
	TRY(add_unless(m, exec, "noexec", err));
	TRY(add_unless(m, copy, "tmpcopyup", err));
	for (size_t i = m->options.n; i-- > 0;)
		if (streq(m->options.v[i], "notmpcopyup") || (streq(m->options.v[i], "tmpcopyup") && streq(p->type, "ramfs")))
			strv_remove(&m->options, i);
	return 0;
}

static int mount_devpts(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err)
{
	struct oci_mount *m;

	(void)x;
	TRY(add_mount(s, p->destination, "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666", &m, err));
	return copy_options(m, p, err);
}

/* The mount shows owner and mode of the upper directory: those of what lies below. Where a user may not give it away (ids that are
 * not mapped) it stays ours. */
static int make_upper_like(const char *upper, const char *lower, struct error *err)
{
	struct stat st;

	if (stat(lower, &st) < 0)
		return fail_errno(err, "overlay volume: %s", lower);
	autoclose int fd = open(upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "open %s", upper);
	if (fchown(fd, st.st_uid, st.st_gid) < 0 && errno != EPERM && errno != EINVAL)
		return fail_errno(err, "set the owner of %s", upper);
	return fchmod(fd, st.st_mode & 07777) < 0 ? fail_errno(err, "set the mode of %s", upper) : 0;
}

/* -v DIR:DEST:O: the directory below, changes in a private upper directory that goes with the container. */
static int mount_overlay(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err)
{
	autofree char *upper = NULL, *work = NULL, *lower = NULL, *options = NULL;

	for (size_t i = 0; i < p->options.n; i++) {
		const char *u = str_after(p->options.v[i], "upperdir="), *w = str_after(p->options.v[i], "workdir=");
		if (u)
			TRY(str_set(&upper, u, err));
		if (w)
			TRY(str_set(&work, w, err));
	}
	if (!upper != !work)
		return fail(err, ERROR_INVALID, "overlay volume %s: upperdir and workdir must be given together", p->destination);
	const bool fresh = !upper;
	if (fresh) {
		TRY(str_printf(&upper, err, "%s/overlay-%zu/upper", x->dir, s->mounts.n));
		TRY(str_printf(&work, err, "%s/overlay-%zu/work", x->dir, s->mounts.n));
		TRY(file_mkdirs(AT_FDCWD, upper, 0755, err));
		TRY(file_mkdirs(AT_FDCWD, work, 0755, err));
	}
	for (int i = 0; i < 2; i++)
		if (access(i ? work : upper, F_OK) < 0)
			return fail_errno(err, "overlay volume %s: %s %s", p->destination, i ? "workdir" : "upperdir", i ? work : upper);
	if (*p->source == '/') {
		TRY(str_set(&lower, p->source, err));
	} else {
		auto_volume v = {};
		int r = volume_find(x->engine, p->source, &v, err);
		if (r < 0)
			return -1;
		if (r == 0)
			return fail(err, ERROR_NOT_FOUND, "no volume with name \"%s\" found: no such volume", p->source);
		TRY(str_set(&lower, v.mountpoint, err));
	}
	if (fresh)
		TRY(make_upper_like(upper, lower, err));
	TRY(str_printf(&options, err, "lowerdir=%s,upperdir=%s,workdir=%s%s", lower, upper, work,
		       x->rootless ? ",userxattr" : ""));
	return add_mount(s, p->destination, "overlay", "overlay", options, NULL, err);
}

static int mount_glob(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err)
{
	const size_t first = s->mounts.n;
	glob_t g = {};
	int r = 0;

	if (glob(p->source, GLOB_NOSORT, NULL, &g) != 0 || !g.gl_pathc) {
		globfree(&g);
		return fail(err, ERROR_NOT_FOUND, "no file paths matching glob \"%s\"", p->source);
	}
	for (size_t i = 0; r >= 0 && i < g.gl_pathc; i++) {
		struct param_mount one = *p;
		autofree char *destination = NULL;
		if (p->destination)
			r = str_printf(&destination, err, "%s/%s", p->destination, strrchr(g.gl_pathv[i], '/') + 1);
		else
			r = str_set(&destination, g.gl_pathv[i], err);
		one.destination = destination;
		for (size_t k = first; r >= 0 && k < s->mounts.n; k++)
			if (streq(((struct oci_mount *)s->mounts.v)[k].destination, destination))
				r = fail(err, ERROR_EXISTS, "%s: duplicate mount destination", destination);
		if (r >= 0)
			r = mount_bind(x, s, &one, g.gl_pathv[i], err);
	}
	globfree(&g);
	return r;
}

static const struct {
	const char *type;
	int (*mount)(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err);
} user_types[] = {
	{ "bind", mount_user_bind }, { "volume", mount_volume }, { "tmpfs", mount_tmpfs }, { "ramfs", mount_tmpfs },
	{ "devpts", mount_devpts }, { "overlay", mount_overlay }, { "glob", mount_glob }, { "image", spec_mount_image },
	{ "artifact", spec_mount_artifact },
};

static int mount_user(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(user_types); i++)
		if (streq(p->type, user_types[i].type))
			return user_types[i].mount(x, s, p, err);
	return fail(err, ERROR_INVALID, "invalid mount type \"%s\"", p->type);
}

int spec_mounts(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const struct param_mount *user = x->params->storage.mounts.v;

	TRY(mount_proc_sys(x, s, err));
	TRY(mount_dev(x, s, err));
	TRY(mount_cgroup(x, s, err));
	TRY(mount_read_only_tmpfs(x, s, err));
	TRY(mount_systemd(x, s, err));
	TRY(mount_files(x, s, err));
	for (size_t i = 0; i < x->params->storage.mounts.n; i++)
		TRY(mount_user(x, s, &user[i], err));
	TRY(spec_default_mounts(x, s, err));
	oci_mounts_sort(&s->mounts);
	return 0;
}
