/* SPDX-License-Identifier: Apache-2.0
 * os/mount.c - mounts by descriptor through the mount API of Linux 5.2 and later. */
#include "os/mount.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "os/path.h"

/* Reads what the kernel itself says about the failure ("e overlay: ...") into the error. */
static int fail_fs(int fs, const char *what, struct error *err)
{
	int e = errno;
	char text[512];
	ssize_t n = read(fs, text, sizeof(text) - 1);

	if (n <= 2)
		return fail_with(err, e, "%s", what);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return fail_with(err, e, "%s: %s", what, text[1] == ' ' ? text + 2 : text);
}

static int set_option(int fs, const char *key, const char *value)
{
	return value ? fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0)
		     : fsconfig(fs, FSCONFIG_SET_FLAG, key, NULL, 0);
}

/* Takes "mode=755,size=64k,ro" apart. */
static int set_data(int fs, const char *data, struct error *err)
{
	char word[4096];

	for (const char *p = data; *p; p += *p == ',') {
		size_t len = strcspn(p, ",");
		if (len >= sizeof(word))
			return fail_with(err, ENAMETOOLONG, "mount option");
		memcpy(word, p, len);
		word[len] = '\0';
		p += len;
		if (len == 0)
			continue;
		char *value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		if (set_option(fs, word, value) < 0)
			return fail_fs(fs, word, err);
	}
	return 0;
}

static int configure(int fs, const struct mount_new *m, struct error *err)
{
	if (m->source && set_option(fs, "source", m->source) < 0)
		return fail_fs(fs, "source", err);
	for (size_t i = 0; i < m->n_options; i++) {
		const struct mount_option *o = &m->options[i];
		int r = o->fd_option ? fsconfig(fs, FSCONFIG_SET_FD, o->key, NULL, o->fd)
				     : set_option(fs, o->key, o->value);
		if (r < 0)
			return fail_fs(fs, o->key, err);
	}
	if (m->data)
		TRY(set_data(fs, m->data, err));
	if (m->super_ro && set_option(fs, "ro", NULL) < 0)
		return fail_fs(fs, "ro", err);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_fs(fs, "create", err);
	return 0;
}

int mount_new(const struct mount_new *m, struct error *err)
{
	autoclose int fs = fsopen(m->fstype, FSOPEN_CLOEXEC);

	if (fs < 0)
		return fail_errno(err, "mount %s", m->fstype);
	if (configure(fs, m, err) < 0)
		return fail_wrap(err, "mount %s", m->fstype);
	int fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)m->attrs);
	return fd >= 0 ? fd : fail_fs(fs, m->fstype, err);
}

int mount_clone(int dirfd, const char *path, bool recursive, struct error *err)
{
	int fd = open_tree(dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT |
			   (*path ? 0 : AT_EMPTY_PATH) | (recursive ? AT_RECURSIVE : 0));

	return fd >= 0 ? fd : fail_errno(err, "clone the mount%s%s", *path ? " of " : "", path);
}

static int set_attrs(int fd, struct mount_attrs a)
{
	struct mount_attr m = { .attr_set = a.set, .attr_clr = a.clear, .propagation = a.propagation };

	if (a.idmap_fd >= 0) {
		m.attr_set |= MOUNT_ATTR_IDMAP;
		m.userns_fd = (uint64_t)a.idmap_fd;
	}
	if (!m.attr_set && !m.attr_clr && !m.propagation)
		return 0;
	return mount_setattr(fd, "", AT_EMPTY_PATH | (a.recursive ? AT_RECURSIVE : 0), &m, sizeof(m));
}

int mount_set_attrs(int mount_fd, struct mount_attrs a, struct error *err)
{
	return set_attrs(mount_fd, a) < 0 ? fail_errno(err, "set mount attributes") : 0;
}

/* Flags a mount brought into this user namespace are locked: they cannot be cleared. Keeping them is the stricter and
 * expected outcome, so what is set stays set. */
static int set_unlocked(int fd, struct mount_attrs a, struct error *err)
{
	struct mount_stat st;

	if (set_attrs(fd, a) == 0)
		return 0;
	if (errno != EPERM || mount_stat(fd, &st, err) < 0)
		return fail_errno(err, "set mount attributes");
	uint64_t locked = st.attrs & ~a.set & ~(uint64_t)MOUNT_ATTR__ATIME;
	a.clear &= ~locked;
	if (set_attrs(fd, a) == 0)
		return 0;
	/* the access-time mode is locked as well */
	a.clear &= ~(uint64_t)MOUNT_ATTR__ATIME;
	a.set &= ~(uint64_t)MOUNT_ATTR__ATIME;
	return mount_set_attrs(fd, a, err);
}

int mount_apply_flags(int mount_fd, const struct mount_flags *f, struct error *err)
{
	struct mount_attrs rec = { .set = f->rec_set, .clear = f->rec_clear, .idmap_fd = -1, .recursive = true };
	struct mount_attrs own = { .set = f->attr_set, .clear = f->attr_clear, .idmap_fd = -1 };
	struct mount_attrs prop = { .propagation = f->propagation, .idmap_fd = -1, .recursive = f->propagation_rec };

	TRY(set_unlocked(mount_fd, rec, err));
	TRY(set_unlocked(mount_fd, own, err));
	return mount_set_attrs(mount_fd, prop, err);
}

int mount_attach(int mount_fd, int target_fd, struct error *err)
{
	if (move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return fail_errno(err, "attach a mount");
	return 0;
}

int mount_attach_verified(int mount_fd, int root, const char *path, int target_fd, struct error *err)
{
	uint64_t want, got;

	TRY(mount_attach(mount_fd, target_fd, err));
	autoclose int fd = path_open_in_root(root, path, (struct path_open){ .oflags = O_PATH }, err);
	if (fd < 0)
		return -1;
	TRY(mount_id(mount_fd, &want, err));
	TRY(mount_id(fd, &got, err));
	if (want != got)
		return fail(err, ERROR_DENIED, "%s: is not what was mounted there: the path was exchanged", path);
	return take_fd(fd);
}

int mount_detach(const char *path, struct error *err)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return fail_errno(err, "unmount %s", path);
	return 0;
}

int mount_detach_fd(int fd, struct error *err)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (umount2(link, MNT_DETACH) < 0 && errno != EINVAL)
		return fail_errno(err, "unmount");
	return 0;
}

int mount_set_propagation(const char *path, uint64_t propagation, bool recursive, struct error *err)
{
	if (mount(NULL, path, NULL, propagation | (recursive ? MS_REC : 0), NULL) == 0)
		return 0;
	if (errno == EINVAL && streq(path, "/"))
		return fail(err, ERROR_UNSUPPORTED, "/ is not a mount point, as in a chroot: bind its directory onto itself and enter it "
			    "with pivot_root");
	return fail_errno(err, "set the propagation of %s", path);
}

int mount_pivot(int new_root_fd, struct error *err)
{
	if (fchdir(new_root_fd) < 0)
		return fail_errno(err, "enter the new root");
	/* the old root ends up mounted on top of the new one, at the same place */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return fail_errno(err, "pivot_root");
	if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return fail_errno(err, "separate the old root");
	if (umount2(".", MNT_DETACH) < 0)
		return fail_errno(err, "unmount the old root");
	return chdir("/") < 0 ? fail_errno(err, "change directory to /") : 0;
}

/* What a chroot would leave behind "..": full views of proc and sysfs (they would allow mounting fresh ones). */
static int drop_outside_mounts(const char *new_root, struct error *err)
{
	auto_mountinfo l = { 0 };

	TRY(mountinfo_load(0, &l, err));
	for (size_t i = 0; i < l.n; i++) {
		const struct mountinfo *m = &l.v[i];
		bool special = streq(m->fstype, "proc") || streq(m->fstype, "sysfs");
		if (!special || !streq(m->root, "/") || path_text_is_below(new_root, m->target))
			continue;
		if (mount(NULL, m->target, NULL, MS_SLAVE | MS_REC, NULL) == 0 && umount2(m->target, MNT_DETACH) == 0)
			continue;
		if (errno != EINVAL && errno != EPERM)
			return fail_errno(err, "unmount %s", m->target);
		if (mount("tmpfs", m->target, "tmpfs", 0, NULL) < 0)
			return fail_errno(err, "cover %s", m->target);
	}
	return 0;
}

int mount_move_root(int new_root_fd, struct error *err)
{
	char name[PATH_MAX];

	TRY(path_of_fd(new_root_fd, name, err));
	TRY(drop_outside_mounts(name, err));
	if (fchdir(new_root_fd) < 0)
		return fail_errno(err, "enter the new root");
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		return fail_errno(err, "move the new root");
	if (chroot(".") < 0 || chdir("/") < 0)
		return fail_errno(err, "chroot");
	return 0;
}
