/* SPDX-License-Identifier: Apache-2.0
 * oci/apply-mount.c - the root and the mounts, as descriptors onto descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "oci/apply.h"
#include "os/path.h"

#define IN_ROOT(flags) ((struct path_open){ .oflags = (flags) })

/* ---- sources of bind mounts ---- */
static int apply_attrs(struct plan_mount *m, struct error *err)
{
	struct mount_flags f = m->flags;

	if (!f.propagation) {   /* nothing asked for: what happens inside stays inside */
		f.propagation = MS_PRIVATE;
		f.propagation_rec = true;
	}
	if (m->idmap) {
		m->idmap_fd = idmap_make_userns(m->idmap, err);
		if (m->idmap_fd < 0)
			return fail_wrap(err, "idmapped mount `%s`", m->target);
		struct mount_attrs a = MOUNT_ATTRS_INIT;
		a.idmap_fd = m->idmap_fd;
		a.recursive = f.ridmap;
		if (mount_set_attrs(m->fd, a, err) < 0)
			return fail_wrap(err, err->errnum == EPERM ?
					 "idmapped mount `%s` (the kernel lets users map only what their own namespace mounted: "
					 "use option U instead)" : "idmapped mount `%s`", m->target);
	}
	return mount_apply_flags(m->fd, &f, err);
}

int mount_source_open(struct plan_mount *m, struct error *err)
{
	struct stat st;

	if (m->src_nofollow || m->flags.copy_symlink) {
		autoclose int at = open(m->source, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (at < 0 || fstat(at, &st) < 0)
			return fail_errno(err, "open `%s`", m->source);
		m->source_type = st.st_mode & S_IFMT;
		if (m->flags.copy_symlink && S_ISLNK(st.st_mode)) {
			m->fd = take_fd(at);
			return 0;
		}
		if (m->src_nofollow) {
			m->fd = mount_clone(at, "", m->flags.rbind, err);
			return m->fd < 0 ? -1 : apply_attrs(m, err);
		}
	}
	m->fd = mount_clone(AT_FDCWD, m->source, m->flags.rbind, err);
	if (m->fd < 0)
		return fail_wrap(err, "mount `%s` to `%s`", m->source, m->target);
	if (fstat(m->fd, &st) < 0)
		return fail_errno(err, "stat `%s`", m->source);
	m->source_type = st.st_mode & S_IFMT;
	if (apply_attrs(m, err) < 0)
		return fail_wrap(err, "mount `%s` to `%s`", m->source, m->target);
	return 0;
}

int step_source(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c;
	return mount_source_open(s->mount, err);
}

/* ---- the root ---- */
int step_propagation(struct child *c, const struct plan_step *s, struct error *err)
{
	c->propagation = (unsigned long)s->n;
	return mount_set_propagation("/", c->propagation & ~(unsigned long)MS_REC, c->propagation & MS_REC, err);
}

int step_rootfs(struct child *c, const struct plan_step *s, struct error *err)
{
	struct plan_mount *m = s->mount;
	autoclose int at = -1;

	/* Onto its own directory where there is one, so that createContainer hooks find it there. A mount made on a shared
	 * mount would show up on the host: then, as for a root without a place, it goes over a "/" made private. */
	if (*m->source && !(c->propagation & MS_SHARED))
		at = open(m->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0) {
		if (c->propagation & MS_SHARED)
			TRY(mount_set_propagation("/", MS_PRIVATE, false, err));
		at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (at < 0)
		return fail_errno(err, "open `%s`", m->source);
	if (mount_attach(m->fd, at, err) < 0)
		return fail_wrap(err, "rootfs `%s`", m->source);
	c->root_fd = m->fd;
	if (c->propagation & MS_SHARED)
		return 0;
	/* A clone of a shared mount is shared whatever it is attached to (systemd makes "/" shared), and pivot_root()
	 * refuses a shared root. */
	struct mount_attrs a = MOUNT_ATTRS_INIT;
	a.propagation = c->propagation & MS_SLAVE ? MS_SLAVE : MS_PRIVATE;
	a.recursive = true;
	if (mount_set_attrs(m->fd, a, err) < 0)
		return fail_wrap(err, "rootfs `%s`", m->source);
	return 0;
}

int step_root_readonly(struct child *c, const struct plan_step *s, struct error *err)
{
	struct mount_attrs a = MOUNT_ATTRS_INIT;

	a.set = MOUNT_ATTR_RDONLY;
	if (mount_set_attrs(s->mount ? s->mount->fd : c->root_fd, a, err) < 0)
		return fail_wrap(err, "remount `%s` read-only", s->mount ? s->mount->target : "/");
	return 0;
}

int step_root_propagation(struct child *c, const struct plan_step *s, struct error *err)
{
	(void)c;
	return mount_set_propagation("/", (unsigned long)s->n & ~(unsigned long)MS_REC, false, err);
}

int step_pivot(struct child *c, const struct plan_step *s, struct error *err)
{
	/* The old root goes away with everything on it; that must not travel to the host through a peer group. */
	if (c->propagation & (MS_SHARED | MS_UNBINDABLE))
		TRY(mount_set_propagation("/", MS_SLAVE, true, err));
	return s->n ? mount_move_root(c->root_fd, err) : mount_pivot(c->root_fd, err);
}

/* ---- attaching ---- */
static bool is_root(const char *path)
{
	while (*path == '/' || (path[0] == '.' && (path[1] == '/' || !path[1])))
		path++;
	return !*path;
}

int child_attach(struct child *c, int mount_fd, const char *path, int target_fd, struct error *err)
{
	if (!c->foreign_tree)
		return mount_attach(mount_fd, target_fd, err);
	autoclose int at = mount_attach_verified(mount_fd, c->root_fd, path, target_fd, err);
	return at < 0 ? -1 : 0;
}

/* Over the root itself: from here on that is the root. */
static int attach_as_root(struct child *c, struct plan_mount *m, struct error *err)
{
	if (m->flags.tmpcopyup)
		return fail(err, ERROR_INVALID, "mount `/`: tmpcopyup is not possible on the root itself");
	TRY(mount_attach(m->fd, c->root_fd, err));
	c->root_fd = m->fd;
	return 0;
}

static int open_target(struct child *c, const struct plan_mount *m, bool directory, struct error *err)
{
	char name[NAME_MAX + 1];
	struct stat st;

	if (!m->dest_nofollow && !m->must_be_directory)
		return path_make_target_in_root(c->root_fd, m->target, directory, 0, NULL, err);
	autoclose int parent = path_open_parent_in_root(c->root_fd, m->target, (struct path_parent){ .make = true }, name,
							err);
	if (parent < 0)
		return -1;
	int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return path_make_target_in_root(c->root_fd, m->target, directory, 0, NULL, err);
	if (fd >= 0 && m->must_be_directory && (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))) {
		close(fd);
		return fail(err, ERROR_DENIED, "`%s` of the root file system is not a directory", m->target);
	}
	return fd < 0 ? fail_errno(err, "open `%s`", m->target) : fd;
}

/* ---- new file systems ---- */
static size_t super_options(const struct mount_flags *f, struct mount_option *to)
{
	const struct { bool on; const char *key; } rows[] = {
		{ f->sync, "sync" }, { f->dirsync, "dirsync" }, { f->mand, "mand" }, { f->lazytime, "lazytime" },
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].on)
			to[n++] = (struct mount_option){ .key = rows[i].key };
	return n;
}

/* The kernel refuses a new sysfs, proc or mqueue where the namespace behind it is not ours: then the host's is shown. */
static int mount_fallback(struct plan_mount *m, struct error *err)
{
	struct error first = *err;

	m->fd = mount_clone(AT_FDCWD, m->fallback, true, err);
	if (m->fd < 0) {
		*err = first;
		return -1;
	}
	m->bind = true;
	/* What the host has mounted below must be no more open than what was asked for: cgroups in /sys above all. */
	m->flags.rec_set |= m->flags.attr_set;
	return apply_attrs(m, err);
}

static int mount_make(struct plan_mount *m, int target_fd, struct error *err)
{
	struct mount_option options[8];
	size_t n = super_options(&m->flags, options);
	char mode[16];
	struct stat st;
	bool tmpfs = streq(m->fstype, "tmpfs");

	if (tmpfs && !m->has_mode) {   /* as the directory it covers */
		if (fstat(target_fd, &st) < 0)
			return fail_errno(err, "stat `%s`", m->target);
		snprintf(mode, sizeof(mode), "%o", st.st_mode & 07777);
		options[n++] = (struct mount_option){ .key = "mode", .value = mode };
	}
	struct mount_new how = {
		.fstype = m->fstype, .source = m->source, .options = options, .n_options = n, .data = m->data,
		.attrs = m->flags.attr_set,
	};
	if (m->flags.tmpcopyup || m->readonly_late)
		how.attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	m->fd = mount_new(&how, err);
	if (m->fd < 0 && m->fallback && (err->errnum == EPERM || err->errnum == EBUSY || err->errnum == EINVAL))
		return mount_fallback(m, err);
	if (m->fd < 0)
		return -1;
	if (m->flags.tmpcopyup)
		TRY(copy_up(target_fd, m->fd, err));
	if (m->flags.rec_set || m->flags.rec_clear || (m->flags.tmpcopyup && !m->readonly_late))
		TRY(mount_apply_flags(m->fd, &m->flags, err));
	return 0;
}

static int make_symlink(struct child *c, const struct plan_mount *m, struct error *err)
{
	char text[PATH_MAX], name[NAME_MAX + 1];
	ssize_t n = readlinkat(m->fd, "", text, sizeof(text) - 1);

	if (n < 0)
		return fail_errno(err, "readlink `%s`", m->source);
	text[n] = '\0';
	autoclose int parent = path_open_parent_in_root(c->root_fd, m->target, (struct path_parent){ .make = true }, name,
							err);
	if (parent < 0)
		return -1;
	if (symlinkat(text, parent, name) < 0 && errno != EEXIST)
		return fail_errno(err, "symlink `%s`", m->target);
	return 0;
}

static int mount_one(struct child *c, struct plan_mount *m, struct error *err)
{
	bool bind = m->bind;
	bool directory = !bind || S_ISDIR(m->source_type);

	if (bind && S_ISLNK(m->source_type) && m->flags.copy_symlink)
		return make_symlink(c, m, err);
	if (is_root(m->target)) {
		if (!bind)
			TRY(mount_make(m, c->root_fd, err));
		return attach_as_root(c, m, err);
	}
	autoclose int target = open_target(c, m, directory, err);
	if (target < 0)
		return -1;
	if (!bind)
		TRY(mount_make(m, target, err));
	if (m->must_be_procfs && !mount_is_fstype(m->fd, PROC_SUPER_MAGIC))
		return fail(err, ERROR_DENIED, "only a proc file system can be mounted there");
	TRY(child_attach(c, m->fd, m->target, target, err));
	if (bind && directory)
		c->foreign_tree = true;
	if (!bind && m->flags.propagation) {   /* of a new file system: counts only once it is attached */
		struct mount_attrs a = MOUNT_ATTRS_INIT;
		a.propagation = m->flags.propagation;
		a.recursive = m->flags.propagation_rec;
		return mount_set_attrs(m->fd, a, err);
	}
	return 0;
}

int step_mount(struct child *c, const struct plan_step *s, struct error *err)
{
	struct plan_mount *m = s->mount;

	if (mount_one(c, m, err) < 0)
		return fail_wrap(err, "mount `%s` to `%s`", m->source && *m->source ? m->source : m->fstype, m->target);
	return 0;
}

/* ---- cgroup v1 ---- */
static int hierarchy_open(const struct plan_mount *m, const struct plan_hierarchy *h, struct error *err)
{
	struct mount_new how = { .fstype = h->unified ? "cgroup2" : "cgroup", .source = "cgroup",
				 .data = h->unified ? NULL : h->options, .attrs = m->flags.attr_set };

	if (!h->bind[0])
		return mount_new(&how, err);
	int fd = mount_clone(AT_FDCWD, h->bind, false, err);
	if (fd < 0)
		return -1;
	struct mount_attrs a = MOUNT_ATTRS_INIT;
	a.set = m->flags.attr_set;
	a.propagation = MS_PRIVATE;
	if (mount_set_attrs(fd, a, err) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int hierarchy_links(int tmpfs, const struct plan_hierarchy *h, struct error *err)
{
	char part[sizeof(h->name)];

	if (!strchr(h->name, ','))
		return 0;
	for (const char *p = h->name; *p;) {
		size_t len = strcspn(p, ",");
		memcpy(part, p, len);
		part[len] = '\0';
		if (symlinkat(h->name, tmpfs, part) < 0 && errno != EEXIST)
			return fail_errno(err, "symlink `%s`", part);
		p += len + (p[len] == ',');
	}
	return 0;
}

static int hierarchy_add(const struct plan_mount *m, const struct plan_hierarchy *h, struct error *err)
{
	autoclose int fd = hierarchy_open(m, h, err);
	if (fd < 0)
		return -1;
	if (mkdirat(m->fd, h->name, 0755) < 0)
		return fail_errno(err, "mkdir `%s`", h->name);
	autoclose int at = openat(m->fd, h->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0)
		return fail_errno(err, "open `%s`", h->name);
	TRY(mount_attach(fd, at, err));
	return hierarchy_links(m->fd, h, err);
}

int step_cgroup_v1(struct child *c, const struct plan_step *s, struct error *err)
{
	struct plan_mount *m = s->mount;
	const struct mount_option mode = { .key = "mode", .value = "755" };
	struct mount_new how = { .fstype = "tmpfs", .source = "tmpfs", .options = &mode, .n_options = 1,
				 .attrs = m->flags.attr_set & ~(uint64_t)MOUNT_ATTR_RDONLY };
	struct error first = {};

	autoclose int target = open_target(c, m, true, err);
	if (target < 0)
		return fail_wrap(err, "mount cgroup to `%s`", m->target);
	m->fd = mount_new(&how, err);
	if (m->fd < 0 || child_attach(c, m->fd, m->target, target, err) < 0)
		return fail_wrap(err, "mount cgroup to `%s`", m->target);
	/* A hierarchy that cannot be shown (rootless, busy) is left out; nothing at all would be an error. */
	size_t shown = 0;
	for (size_t i = 0; i < m->n_hierarchies; i++)
		if (hierarchy_add(m, &m->hierarchies[i], shown || first.kind ? err : &first) == 0)
			shown++;
	if (!(m->flags.attr_set & MOUNT_ATTR_RDONLY))
		return 0;
	struct mount_attrs a = MOUNT_ATTRS_INIT;
	a.set = MOUNT_ATTR_RDONLY;
	return mount_set_attrs(m->fd, a, err);
}

/* ---- read-only and masked paths ---- */
/* 1: *ret_fd; 0: not there, which is fine. */
static int open_path(struct child *c, const char *path, int *ret_fd, struct error *err)
{
	int fd = path_open_in_root(c->root_fd, path, IN_ROOT(O_PATH), err);

	if (fd < 0 && (err->errnum == ENOENT || err->errnum == ENOTDIR || err->errnum == EACCES))
		return 0;
	*ret_fd = fd;
	return fd < 0 ? -1 : 1;
}

int step_readonly_path(struct child *c, const struct plan_step *s, struct error *err)
{
	autoclose int at = -1;
	struct mount_attrs a = MOUNT_ATTRS_INIT;

	int there = open_path(c, s->a, &at, err);
	if (there <= 0)
		return there;
	autoclose int tree = mount_clone(at, "", true, err);
	a.set = MOUNT_ATTR_RDONLY;
	a.recursive = true;
	if (tree < 0 || mount_set_attrs(tree, a, err) < 0 || child_attach(c, tree, s->a, at, err) < 0)
		return fail_wrap(err, "make `%s` read-only", s->a);
	return 0;
}

/* The host's /dev/null, and nothing that only looks like it (CVE-2025-31133). */
static int open_null(struct child *c, struct error *err)
{
	struct stat st;

	if (c->null_fd >= 0)
		return 0;
	c->null_fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (c->null_fd < 0 || fstat(c->null_fd, &st) < 0)
		return fail_errno(err, "open /dev/null");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return fail(err, ERROR_DENIED, "the host's /dev/null is not the null device");
	return 0;
}

static int mask_tree(struct child *c, bool directory, struct error *err)
{
	if (!directory) {
		TRY(open_null(c, err));
		return mount_clone(c->null_fd, "", false, err);
	}
	if (c->mask_fd >= 0)   /* one empty directory serves all */
		return mount_clone(c->mask_fd, "", false, err);
	struct mount_new how = { .fstype = "tmpfs", .source = "tmpfs", .data = "mode=755,size=0k,nr_inodes=1",
				 .attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC };
	c->mask_fd = mount_new(&how, err);
	return c->mask_fd < 0 ? -1 : fcntl(c->mask_fd, F_DUPFD_CLOEXEC, 3);
}

int step_mask_path(struct child *c, const struct plan_step *s, struct error *err)
{
	autoclose int at = -1;
	struct stat st;

	int there = open_path(c, s->a, &at, err);
	if (there <= 0)
		return there;
	if (fstat(at, &st) < 0)
		return fail_errno(err, "stat `%s`", s->a);
	autoclose int tree = mask_tree(c, S_ISDIR(st.st_mode), err);
	if (tree < 0 || child_attach(c, tree, s->a, at, err) < 0)
		return fail_wrap(err, "mask `%s`", s->a);
	return 0;
}
