/* SPDX-License-Identifier: Apache-2.0
 * oci/plan-device.c - device nodes and links in /dev; sysctls. */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "oci/plan.h"
#include "os/ns.h"
#include "os/path.h"

/* ---- devices ---- */
static const struct { const char *path; unsigned major, minor; } defaults[] = {
	{ "/dev/null", 1, 3 }, { "/dev/zero", 1, 5 }, { "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

static const struct { const char *path, *target; bool if_there; } links[] = {
	{ "/dev/fd", "/proc/self/fd", false }, { "/dev/stdin", "/proc/self/fd/0", false },
	{ "/dev/stdout", "/proc/self/fd/1", false }, { "/dev/stderr", "/proc/self/fd/2", false },
	{ "/dev/core", "/proc/kcore", true }, { "/dev/ptmx", "pts/ptmx", false },
};

static int device_type(const struct oci_device *d, mode_t *ret, struct error *err)
{
	static const struct { const char *name; mode_t type; } types[] = {
		{ "c", S_IFCHR }, { "u", S_IFCHR }, { "b", S_IFBLK }, { "p", S_IFIFO },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (streq(types[i].name, d->type)) {
			*ret = types[i].type;
			return 0;
		}
	return fail(err, ERROR_INVALID, "linux.devices: `%s` has the unknown type \"%s\"", d->path, d->type);
}

static int convert_device(const struct oci_device *d, bool bind, struct plan_device *to, struct error *err)
{
	mode_t type;

	TRY(device_type(d, &type, err));
	if (d->path[0] != '/')
		return fail(err, ERROR_INVALID, "linux.devices: `%s` is not an absolute path", d->path);
	if (type != S_IFIFO && (d->major < 0 || d->minor < 0 || d->major > 0xfff || d->minor > 0xfffff))
		return fail(err, ERROR_INVALID, "linux.devices: `%s` has the invalid number %lld:%lld", d->path,
			    (long long)d->major, (long long)d->minor);
	*to = (struct plan_device){
		.path = d->path, .fd = -1, .mode = type | (d->file_mode.set ? (mode_t)d->file_mode.value & 07777 : 0666),
		.dev = makedev((unsigned)d->major, (unsigned)d->minor), .bind = bind && type != S_IFIFO,
		.uid = d->uid.set ? (uid_t)d->uid.value : 0, .gid = d->gid.set ? (gid_t)d->gid.value : 0,
	};
	return 0;
}

/* "/dev" bound from elsewhere is left as it is: it is the host's, or another container's. */
static bool dev_is_bound(const struct plan *p)
{
	for (size_t i = 0; i < p->n_mounts; i++) {
		autofree char *clean = p->mounts[i]->bind ? path_clean(p->mounts[i]->target) : NULL;
		if (clean && streq(clean, "/dev"))
			return true;
	}
	return false;
}

/* A bind mount onto a default device's place (-v /dev/null:/dev/random) wins over the node. */
static bool is_mounted(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->n_mounts; i++)
		if (streq(p->mounts[i]->target, path))
			return true;
	return false;
}

static bool is_listed(const struct oci_spec *spec, const char *path)
{
	const struct oci_device *d = spec->lnx.devices.v;

	for (size_t i = 0; i < spec->lnx.devices.n; i++)
		if (streq(d[i].path, path))
			return true;
	return false;
}

/* One node in a file system of ours, as a tree to bind. */
static int precreate_device(int dir, const char *name, struct plan_device *d, struct error *err)
{
	if (mknodat(dir, name, d->mode & S_IFMT, d->dev) < 0)
		return fail_errno(err, "mknod");
	if (fchmodat(dir, name, d->mode & 07777, 0) < 0 || fchownat(dir, name, d->uid, d->gid, 0) < 0)
		return fail_errno(err, "set owner and mode");
	d->fd = mount_clone(dir, name, false, err);
	return d->fd < 0 ? -1 : 0;
}

/* In a user namespace nobody can make nodes, but the parent may: in a tmpfs of its own, bound one by one. Owners are
 * ids of the container: they are looked up in its maps. */
static int precreate_devices(struct plan *p, struct error *err)
{
	struct mount_new how = { .fstype = "tmpfs", .source = "devices", .data = "mode=755,size=64k",
				 .attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC };
	char name[24];
	struct error refused;

	autoclose int dir = mount_new(&how, err);
	if (dir < 0)
		return -1;
	for (size_t i = 0; i < p->n_devices; i++) {
		struct plan_device *d = &p->devices[i];
		uint32_t uid = d->uid, gid = d->gid;
		if (!d->bind)
			continue;
		if (p->maps && (!idmap_to_outside(&p->maps->uids, d->uid, &uid) ||
				!idmap_to_outside(&p->maps->gids, d->gid, &gid)))
			return fail(err, ERROR_INVALID, "device `%s`: owner %u:%u is not mapped", d->path,
				    (unsigned)d->uid, (unsigned)d->gid);
		struct plan_device outside = *d;
		outside.uid = uid;
		outside.gid = gid;
		snprintf(name, sizeof(name), "%zu", i);
		/* Refused (no CAP_MKNOD, an old kernel): the host's own node is tried in the child. */
		if (precreate_device(dir, name, &outside, &refused) == 0)
			d->fd = outside.fd;
	}
	return 0;
}

static int add_device_step(struct plan *p, struct plan_device *d, struct error *err)
{
	struct plan_step *s = plan_add(p, PLAN_DEVICE, err);

	if (!s)
		return -1;
	s->device = d;
	return 0;
}

int plan_devices(struct plan *p, const struct oci_spec *spec, struct error *err)
{
	const struct oci_device *d = spec->lnx.devices.v;
	bool bind = p->userns || p->join_user_fd >= 0 || !ns_in_initial_user();
	bool bound = dev_is_bound(p);

	bool precreate = p->privileged && (p->userns || p->join_user_fd >= 0);

	p->devices = calloc(spec->lnx.devices.n + ARRAY_LEN(defaults), sizeof(*p->devices));
	if (!p->devices)
		return fail_oom(err);
	for (size_t i = 0; i < ARRAY_LEN(defaults) && !bound; i++) {
		if (is_listed(spec, defaults[i].path) || is_mounted(p, defaults[i].path))
			continue;
		struct plan_device *to = &p->devices[p->n_devices++];
		*to = (struct plan_device){ .path = defaults[i].path, .mode = S_IFCHR | 0666, .bind = bind,
			.dev = makedev(defaults[i].major, defaults[i].minor), .fd = -1 };
		TRY(add_device_step(p, to, err));
	}
	for (size_t i = 0; i < spec->lnx.devices.n; i++) {
		struct plan_device *to = &p->devices[p->n_devices++];
		TRY(convert_device(&d[i], bind, to, err));
		TRY(add_device_step(p, to, err));
	}
	if (precreate)
		TRY(precreate_devices(p, err));
	for (size_t i = 0; i < ARRAY_LEN(links) && !bound; i++)
		if (!links[i].if_there || access(links[i].target, F_OK) == 0)
			TRY(plan_add_text(p, PLAN_LINK, links[i].path, links[i].target, err));
	return 0;
}

/* ---- sysctls ---- */
/* sysctl(8): the first separator decides; with dots first, a slash inside stands for a dot (interface names). */
static char *sysctl_path(const char *key)
{
	char *path = strdup(key);
	const char *first = strpbrk(key, "./");

	if (path && first && *first == '.')
		for (char *c = path; *c; c++)
			*c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
	return path;
}

static bool path_is_safe(const char *path)
{
	auto_strv parts = {};
	struct error ignored;

	for (const char *c = path; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("/._-@:", *c))
			return false;
	if (strv_split(&parts, path, '/', &ignored) < 0 || parts.n < 2)
		return false;
	for (size_t i = 0; i < parts.n; i++)
		if (!path_is_name(parts.v[i]))
			return false;
	return true;
}

static const struct { const char *prefix, *ns; bool whole; } sysctl_rows[] = {
	{ "kernel/msgmax", "ipc", true }, { "kernel/msgmnb", "ipc", true }, { "kernel/msgmni", "ipc", true },
	{ "kernel/sem", "ipc", true }, { "kernel/shmall", "ipc", true }, { "kernel/shmmax", "ipc", true },
	{ "kernel/shmmni", "ipc", true }, { "kernel/shm_rmid_forced", "ipc", true },
	{ "kernel/auto_msgmni", "ipc", true }, { "kernel/msg_next_id", "ipc", true },
	{ "kernel/sem_next_id", "ipc", true }, { "kernel/shm_next_id", "ipc", true },
	{ "fs/mqueue/", "ipc", false }, { "net/", "network", false }, { "kernel/domainname", "uts", true },
	{ "user/", "user", false },
};

static const char *sysctl_namespace(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(sysctl_rows); i++)
		if (sysctl_rows[i].whole ? streq(sysctl_rows[i].prefix, path)
					 : str_after(path, sysctl_rows[i].prefix) != NULL)
			return sysctl_rows[i].ns;
	return NULL;
}

/* Set only what belongs to a namespace the container does not share with the host (CVE-2022-0532). */
static int check_sysctl(const struct plan *p, const struct oci_spec *spec, const char *key, const char *path,
			struct error *err)
{
	enum ns_kind kind;
	const char *type = sysctl_namespace(path);

	const char *value = strmap_get(&spec->lnx.sysctl, key);
	if (streq(path, "kernel/domainname") && !str_empty(spec->domainname) && !streq(spec->domainname, value))
		return fail(err, ERROR_INVALID, "sysctl `%s` contradicts domainname `%s`", key, spec->domainname);
	if (streq(path, "kernel/hostname"))
		return fail(err, ERROR_INVALID, "sysctl `%s` cannot be set: use hostname", key);
	if (!type)
		return fail(err, ERROR_INVALID, "the sysctl `%s` is not namespaced: it would change the host", key);
	const struct oci_namespace *ns = oci_spec_namespace(spec, type);
	if (!ns || !ns_kind_parse(type, &kind))
		return fail(err, ERROR_INVALID, "the sysctl `%s` requires a new %s namespace", key, type);
	if (str_empty(ns->path))
		return 0;
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i].kind == PLAN_JOIN && p->steps[i].n == kind)
			return 0;
	return fail(err, ERROR_INVALID, "the sysctl `%s` would change the host: its %s namespace is the host's", key,
		    type);
}

int plan_sysctls(struct plan *p, const struct oci_spec *spec, struct error *err)
{
	const struct strmap *m = &spec->lnx.sysctl;

	for (size_t i = 0; i < m->n; i++) {
		autofree char *path = sysctl_path(m->v[i].key);
		if (!path)
			return fail_oom(err);
		if (!path_is_safe(path))
			return fail(err, ERROR_INVALID, "invalid sysctl name `%s`", m->v[i].key);
		if (strpbrk(m->v[i].value, "\n\r"))
			return fail(err, ERROR_INVALID, "sysctl `%s`: the value has more than one line", m->v[i].key);
		TRY(check_sysctl(p, spec, m->v[i].key, path, err));
		const char *kept = plan_keep(p, path, err);
		if (!kept)
			return -1;
		TRY(plan_add_text(p, PLAN_SYSCTL, kept, m->v[i].value, err));
	}
	return 0;
}
