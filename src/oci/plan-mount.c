/* SPDX-License-Identifier: Apache-2.0
 * oci/plan-mount.c - the root and the mounts of a specification as steps; option words; who opens a bind's source. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/apply.h"
#include "oci/plan.h"
#include "os/cgroup.h"
#include "os/path.h"

/* ---- option words ---- */
static int add_data(struct buf *data, const char *word)
{
	if (data->len)
		buf_add_char(data, ',');
	buf_add_str(data, word);
	return 0;
}

static int parse_options(struct plan_mount *m, const struct strv *options, struct error *err)
{
	auto_buf data = BUF_INIT(1 << 20);

	for (size_t i = 0; i < options->n; i++) {
		const char *w = options->v[i];
		int known = mount_flag_parse(w, &m->flags, err);
		TRY(known);
		if (known)
			continue;
		if (streq(w, "src-nofollow")) {
			m->src_nofollow = true;
		} else if (streq(w, "dest-nofollow")) {
			m->dest_nofollow = true;
		} else {
			m->has_mode |= str_after(w, "mode=") != NULL;
			add_data(&data, w);
		}
	}
	TRY(buf_ok(&data, "mount options", err));
	if (data.len && !(m->data = buf_steal(&data)))
		return fail_oom(err);
	return 0;
}

/* ---- where nothing may be mounted ---- */
int plan_check_target(const char *target, bool is_procfs, struct error *err)
{
	/* What lxcfs and friends put over procfs files; everything else there would fool us and the container alike. */
	static const char *const allowed[] = {
		"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
		"/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
	};
	autofree char *clean = path_clean(target[0] == '/' ? target : "/");

	if (!clean)
		return fail_oom(err);
	if (!path_text_is_below("/proc", clean))
		return 0;
	if (streq(clean, "/proc"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (streq(clean, allowed[i]))
			return 0;
	if (is_procfs)
		return 0;
	return fail(err, ERROR_INVALID, "mounts: `%s` cannot be mounted over: it is inside /proc", target);
}

/* What is on /proc itself has to be a proc file system: the labels and limits we write go through there. */
static int check_proc(struct plan_mount *m, struct error *err)
{
	autofree char *clean = path_clean(m->target);

	if (!clean)
		return fail_oom(err);
	m->must_be_procfs = streq(clean, "/proc");
	if (m->must_be_procfs && !m->bind && !streq(m->fstype, "proc"))
		return fail(err, ERROR_INVALID, "mounts: `/proc` cannot be mounted over with type %s", m->fstype);
	return 0;
}

/* ---- one mount ---- */
static struct plan_mount *mount_add(struct plan *p, struct error *err)
{
	struct plan_mount **v = reallocarray(p->mounts, p->n_mounts + 1, sizeof(*v));

	if (v)
		p->mounts = v;
	struct plan_mount *m = v ? calloc(1, sizeof(*m)) : NULL;
	if (!m) {
		fail_oom(err);
		return NULL;
	}
	m->fd = m->idmap_fd = -1;
	p->mounts[p->n_mounts++] = m;
	return m;
}

static int add_step(struct plan *p, enum plan_kind kind, struct plan_mount *m, struct error *err)
{
	struct plan_step *s = plan_add(p, kind, err);

	if (!s)
		return -1;
	s->mount = m;
	return 0;
}

static int add_ranges(const struct list *from, struct idmap *to, struct error *err)
{
	const struct oci_idmap *v = from->v;

	for (size_t i = 0; i < from->n; i++) {
		const struct idmap_range r = { (uint32_t)v[i].container_id, (uint32_t)v[i].host_id, (uint32_t)v[i].size };
		TRY(idmap_add(to, r, err));
	}
	return 0;
}

/* "idmap=uids=0-1-10#..;gids=.." is crun's text form: container-host-size triples joined by '#'; '@' marks a mapping
 * relative to the container's user namespace. */
static int parse_idmap_part(const char *text, const struct idmap *relative, struct idmap *to, struct error *err)
{
	auto_strv lines = {};

	TRY(strv_split(&lines, text, '#', err));
	for (size_t i = 0; i < lines.n; i++) {
		auto_strv n = {};
		struct idmap_range r;
		const char *line = lines.v[i];
		bool inside = line[0] == '@';
		TRY(strv_split(&n, inside ? line + 1 : line, '-', err));
		if (n.n != 3 || !parse_u32(n.v[0], &r.inside) || !parse_u32(n.v[1], &r.outside) ||
		    !parse_u32(n.v[2], &r.count))
			return fail(err, ERROR_INVALID, "invalid mapping `%s` in mount option idmap", line);
		if (inside && (!relative || !idmap_to_outside(relative, r.outside, &r.outside)))
			return fail(err, ERROR_INVALID, "mapping `%s` is outside the user namespace", line);
		TRY(idmap_add(to, r, err));
	}
	return 0;
}

int plan_idmap_parse(const char *text, const struct idmap_pair *maps, struct idmap_pair *to, struct error *err)
{
	auto_strv parts = {};

	TRY(strv_split(&parts, text, ';', err));
	for (size_t i = 0; i < parts.n; i++) {
		const char *uids = str_after(parts.v[i], "uids=");
		const char *gids = str_after(parts.v[i], "gids=");
		if (!uids && !gids)
			return fail(err, ERROR_INVALID, "invalid mount option idmap=%s", text);
		TRY(parse_idmap_part(uids ? uids : gids, maps ? (uids ? &maps->uids : &maps->gids) : NULL,
				     uids ? &to->uids : &to->gids, err));
	}
	return 0;
}

static int mount_idmap(struct plan *p, struct plan_mount *m, const struct oci_mount *spec, struct error *err)
{
	bool wanted = m->flags.idmap || m->flags.ridmap || spec->uid_mappings.n || spec->gid_mappings.n;

	if (!wanted)
		return 0;
	if (!m->bind)
		return fail(err, ERROR_INVALID, "mount `%s`: only bind mounts can be idmapped", spec->destination);
	m->idmap = calloc(1, sizeof(*m->idmap));
	if (!m->idmap)
		return fail_oom(err);
	if (m->flags.idmap_text)
		return plan_idmap_parse(m->flags.idmap_text, p->maps, m->idmap, err);
	if (spec->uid_mappings.n || spec->gid_mappings.n) {
		TRY(add_ranges(&spec->uid_mappings, &m->idmap->uids, err));
		return add_ranges(&spec->gid_mappings, &m->idmap->gids, err);
	}
	if (!p->maps)
		return fail(err, ERROR_INVALID, "mount `%s`: idmap needs a user namespace or mappings",
			    spec->destination);
	*m->idmap = *p->maps;
	return 0;
}

/* What to show instead when the kernel refuses a new instance (user namespace without the network's, pid's or ipc's). */
static const char *fallback_of(const char *fstype)
{
	static const struct { const char *fstype, *path; } rows[] = {
		{ "sysfs", "/sys" }, { "proc", "/proc" }, { "mqueue", "/dev/mqueue" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (streq(rows[i].fstype, fstype))
			return rows[i].path;
	return NULL;
}

static bool selinux_is_on(void)
{
	return access("/sys/fs/selinux/enforce", F_OK) == 0;
}

static int add_label(struct plan_mount *m, const struct oci_spec *spec, struct error *err)
{
	static const char *const labelled[] = { "tmpfs", "devpts", "mqueue", "shm" };
	autofree char *old = NULL;

	if (str_empty(spec->lnx.mount_label) || m->bind || !selinux_is_on())
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(labelled); i++)
		if (streq(labelled[i], m->fstype)) {
			old = take_ptr(m->data);
			return str_printf(&m->data, err, "%s%scontext=\"%s\"", old ? old : "", old ? "," : "",
					  spec->lnx.mount_label);
		}
	return 0;
}

/* The source of a bind is opened by the parent when it may: the container's root may be unable to walk there. */
static int open_source(struct plan *p, struct plan_mount *m, struct error *err)
{
	if (p->privileged)
		return mount_source_open(m, err);
	return add_step(p, PLAN_SOURCE, m, err);
}

static int relative_source(struct plan *p, struct plan_mount *m, const struct oci_options *o, struct error *err)
{
	autofree char *path = NULL;

	if (m->source[0] == '/' || str_empty(o->bundle))
		return 0;
	TRY(str_printf(&path, err, "%s/%s", o->bundle, m->source));
	m->source = plan_keep(p, path, err);
	return m->source ? 0 : -1;
}

static bool is_cgroup(const struct plan_mount *m)
{
	return !m->bind && (streq(m->fstype, "cgroup") || streq(m->fstype, "cgroup2"));
}

/* A cgroup mount is one of three things: cgroup2, a bind of our part of it, or a tmpfs with the v1 hierarchies. */
static int plan_cgroup_mount(struct plan *p, struct plan_mount *m, const struct oci_spec *spec,
			     const struct oci_options *o, struct error *err)
{
	bool ns = oci_spec_namespace(spec, "cgroup") != NULL;
	char dir[CGROUP_PATH_MAX + 64];

	if (cgroup_mode() != CGROUP_V2)
		return plan_cgroup_v1(m, ns, o->cgroup, err);
	m->fstype = "cgroup2";
	m->fallback = "/sys/fs/cgroup";
	if (ns || !o->cgroup || cgroup_dir(o->cgroup, CGROUP_UNIFIED, dir, sizeof(dir), err) <= 0)
		return 0;
	m->bind = true;
	m->source = plan_keep(p, dir, err);
	return m->source ? open_source(p, m, err) : -1;
}

static int plan_one(struct plan *p, const struct oci_mount *spec_mount, const struct oci_spec *spec,
		    const struct oci_options *o, struct error *err)
{
	struct plan_mount *m = mount_add(p, err);

	if (!m)
		return -1;
	m->target = spec_mount->destination;
	m->source = spec_mount->source;
	m->fstype = spec_mount->type ? spec_mount->type : "";
	TRY(parse_options(m, &spec_mount->options, err));
	m->bind = streq(m->fstype, "bind") || streq(m->fstype, "rbind") || m->flags.bind || m->flags.rbind;
	m->flags.rbind |= streq(m->fstype, "rbind");
	if (m->bind && str_empty(m->source))
		return fail(err, ERROR_INVALID, "mount `%s` has no source", m->target);
	if (!m->bind && str_empty(m->fstype))
		return fail(err, ERROR_INVALID, "mount `%s` has neither a type nor the option bind", m->target);
	TRY(plan_check_target(m->target, streq(m->fstype, "proc"), err));
	TRY(check_proc(m, err));
	TRY(mount_idmap(p, m, spec_mount, err));
	TRY(add_label(m, spec, err));
	if (is_cgroup(m))
		return plan_cgroup_mount(p, m, spec, o, err);
	if (m->bind) {
		TRY(relative_source(p, m, o, err));
		TRY(open_source(p, m, err));
	} else {
		m->fallback = fallback_of(m->fstype);
	}
	return 0;
}

/* ---- the root ---- */
static const struct { const char *word; unsigned long flags; } propagations[] = {
	{ "private", MS_PRIVATE }, { "rprivate", MS_PRIVATE | MS_REC }, { "slave", MS_SLAVE },
	{ "rslave", MS_SLAVE | MS_REC }, { "shared", MS_SHARED }, { "rshared", MS_SHARED | MS_REC },
	{ "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC },
};

static int root_propagation(const char *word, unsigned long *ret, struct error *err)
{
	*ret = MS_PRIVATE | MS_REC;
	if (str_empty(word))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++)
		if (streq(propagations[i].word, word)) {
			*ret = propagations[i].flags;
			return 0;
		}
	return fail(err, ERROR_INVALID, "linux.rootfsPropagation: unknown value \"%s\"", word);
}

static struct plan_mount *plan_root(struct plan *p, const struct oci_spec *spec, const struct oci_options *o,
				    struct error *err)
{
	struct plan_mount *m = mount_add(p, err);

	if (!m)
		return NULL;
	m->target = "/";
	m->bind = true;
	m->flags.rbind = true;
	m->fstype = "bind";
	if (o->rootfs_fd >= 0) {
		m->fd = fcntl(o->rootfs_fd, F_DUPFD_CLOEXEC, 3);
		m->source = "";
		if (m->fd < 0)
			fail_errno(err, "rootfs descriptor");
		return m->fd < 0 ? NULL : m;
	}
	if (!spec->root) {
		fail(err, ERROR_INVALID, "root is missing: there is no root file system");
		return NULL;
	}
	m->source = spec->root->path;
	if (relative_source(p, m, o, err) < 0)
		return NULL;
	if (open_source(p, m, err) < 0) {
		fail_wrap(err, "rootfs");
		return NULL;
	}
	return m;
}

static bool has_dev(const struct oci_spec *spec)
{
	const struct oci_mount *m = spec->mounts.v;

	for (size_t i = 0; i < spec->mounts.n; i++) {
		autofree char *clean = path_clean(m[i].destination);
		if (clean && streq(clean, "/dev"))
			return true;
	}
	return false;
}

/* /dev is never the image's directory (CVE-2026-41579): without a mount for it, it gets our own tmpfs. */
static int plan_own_dev(struct plan *p, struct error *err)
{
	struct plan_mount *m = mount_add(p, err);

	if (!m)
		return -1;
	m->target = "/dev";
	m->source = m->fstype = "tmpfs";
	m->flags.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME;
	m->has_mode = m->must_be_directory = true;
	m->data = strdup("mode=755,size=64k");
	if (!m->data)
		return fail_oom(err);
	return add_step(p, PLAN_MOUNT, m, err);
}

/* /dev and other new tmpfs mounts that are to be read-only: devices and the targets of later mounts are made first. */
static int plan_late_readonly(struct plan *p, size_t first, size_t end, struct error *err)
{
	for (size_t i = first; i < end; i++) {
		struct plan_mount *m = p->mounts[i];
		if (m->bind || m->hierarchies || !streq0(m->fstype, "tmpfs") || !(m->flags.attr_set & MOUNT_ATTR_RDONLY))
			continue;
		m->readonly_late = true;
		TRY(add_step(p, PLAN_ROOT_READONLY, m, err));
	}
	return 0;
}

static int plan_notify(struct plan *p, const struct oci_options *o, struct error *err)
{
	if (!o->notify_socket || o->notify_socket[0] != '/' || access(o->notify_socket, F_OK) < 0)
		return 0;
	struct plan_mount *m = mount_add(p, err);
	if (!m)
		return -1;
	m->target = PLAN_NOTIFY_SOCKET;
	m->source = o->notify_socket;
	m->fstype = "bind";
	m->bind = p->notify = true;
	return open_source(p, m, err);
}

int plan_mounts(struct plan *p, const struct oci_spec *spec, const struct oci_options *o, struct error *err)
{
	const struct oci_mount *v = spec->mounts.v;
	unsigned long propagation;

	TRY(root_propagation(spec->lnx.rootfs_propagation, &propagation, err));
	struct plan_mount *root = plan_root(p, spec, o, err);
	if (!root)
		return -1;
	/* First pass: everything that is cloned from the host's tree, before that tree's propagation is cut. */
	size_t first = p->n_mounts;
	for (size_t i = 0; i < spec->mounts.n; i++)
		if (plan_one(p, &v[i], spec, o, err) < 0)
			return fail_wrap(err, "mounts[%zu]", i);
	TRY(plan_notify(p, o, err));
	size_t end = p->n_mounts;
	TRY(plan_add_number(p, PLAN_PROPAGATION, (int64_t)propagation, err));
	TRY(add_step(p, PLAN_ROOTFS, root, err));
	if (!has_dev(spec))
		TRY(plan_own_dev(p, err));
	for (size_t i = first; i < end; i++)
		TRY(add_step(p, p->mounts[i]->hierarchies ? PLAN_CGROUP_V1 : PLAN_MOUNT, p->mounts[i], err));
	TRY(plan_devices(p, spec, err));
	if (!streq(spec->process->cwd, "/"))
		TRY(plan_add_text(p, PLAN_MAKE_CWD, spec->process->cwd, NULL, err));
	if (spec->process->terminal && o->console_fd < 0)
		TRY(plan_add_number(p, PLAN_CONSOLE, 0, err));
	TRY(plan_late_readonly(p, first, end, err));
	if (propagation & (MS_SHARED | MS_SLAVE | MS_UNBINDABLE))
		p->root_propagation = propagation;
	return 0;
}
