/* SPDX-License-Identifier: Apache-2.0
 * oci/plan-device.c - device nodes and links in /dev; sysctls. */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
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
		.path = d->path, .mode = type | (d->file_mode.set ? (mode_t)d->file_mode.value & 07777 : 0666),
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

	p->devices = calloc(spec->lnx.devices.n + ARRAY_LEN(defaults), sizeof(*p->devices));
	if (!p->devices)
		return fail_oom(err);
	for (size_t i = 0; i < ARRAY_LEN(defaults) && !bound; i++) {
		if (is_listed(spec, defaults[i].path) || is_mounted(p, defaults[i].path))
			continue;
		struct plan_device *to = &p->devices[p->n_devices++];
		*to = (struct plan_device){ .path = defaults[i].path, .mode = S_IFCHR | 0666, .bind = bind,
			.dev = makedev(defaults[i].major, defaults[i].minor), .is_default = true };
		TRY(add_device_step(p, to, err));
	}
	for (size_t i = 0; i < spec->lnx.devices.n; i++) {
		struct plan_device *to = &p->devices[p->n_devices++];
		TRY(convert_device(&d[i], bind, to, err));
		TRY(add_device_step(p, to, err));
	}
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
