/* SPDX-License-Identifier: Apache-2.0
 * engine/tree-pack-copy.c - the copy that is made while a tree is packed, and a tree that becomes its own copy. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "engine/tree-pack-internal.h"
#include "os/file.h"
#include "os/overlay-marks.h"

static int set_meta(int dir, const char *name, const struct entry *e, struct error *err)
{
	const struct timespec times[2] = { e->mtime, e->mtime };

	if (fchownat(dir, name, e->tar.uid, e->tar.gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "change the owner of %s", e->name);
	if (!S_ISLNK(e->st.st_mode) && fchmodat(dir, name, e->st.st_mode & 07777, 0) < 0)
		return fail_errno(err, "change the mode of %s", e->name);
	if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "set the times of %s", e->name);
	return 0;
}

static int set_xattrs(int fd, const struct entry *e, struct error *err)
{
	for (size_t i = 0; i < e->tar.n_xattrs; i++) {
		const struct tar_xattr *x = &e->tar.xattrs[i];
		if (fsetxattr(fd, x->name, x->value, x->len, 0) < 0 && errno != EPERM && errno != EOPNOTSUPP)
			return fail_errno(err, "copy attribute %s of %s", x->name, e->name);
	}
	return 0;
}

/* The stream's data comes from the copy from now on: it does not change any more. */
static int copy_file(const struct pack_level *l, const char *name, struct entry *e, struct error *err)
{
	struct stat st;
	autoclose int to = openat(l->to, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (to < 0)
		return fail_errno(err, "copy %s", e->name);
	if (ioctl(to, FICLONE, e->fd) < 0)
		TRY(file_copy_fd(e->fd, to, NULL, err));
	if (fstat(to, &st) < 0)
		return fail_errno(err, "copy %s", e->name);
	e->tar.size = e->tar.stored = st.st_size;
	TRY(set_meta(l->to, name, e, err));   /* the owner first: chown takes capabilities away */
	TRY(set_xattrs(to, e, err));
	close_p(&e->fd);
	e->fd = take_fd(to);
	return 0;
}

/* ---- in place ---- */
static void drop_overlay_notes(int fd, bool keep_opaque)
{
	char names[8192];
	ssize_t n = flistxattr(fd, names, sizeof(names));

	for (char *at = names; n > 0 && at < names + n; at += strlen(at) + 1) {
		const char *what = str_after(at, "trusted.overlay.");
		if (!what)
			what = str_after(at, "user.overlay.");
		if (what && !(keep_opaque && streq(what, "opaque")))
			fremovexattr(fd, at);
	}
}

static int put_right(struct pack *p, const struct pack_level *l, const char *name, struct entry *e, struct error *err)
{
	if (e->fd >= 0)
		drop_overlay_notes(e->fd, false);
	if (p->how->times != PACK_TIMES_KEEP || p->how->maps)
		return set_meta(l->from, name, e, err);
	return 0;
}

int pack_drop(const struct pack_level *l, const char *name, struct error *err)
{
	return file_remove_tree(l->from, name, err);
}

/* ---- entries ---- */
int pack_copy_object(struct pack *p, const struct pack_level *l, const char *name, struct entry *e, struct error *err)
{
	if (p->how->in_place)
		return put_right(p, l, name, e, err);
	if (l->to < 0)
		return 0;
	if (S_ISREG(e->st.st_mode))
		return copy_file(l, name, e, err);
	if (S_ISLNK(e->st.st_mode) ? symlinkat(e->link, l->to, name) < 0 :
				     mknodat(l->to, name, e->st.st_mode, e->st.st_rdev) < 0)
		return fail_errno(err, "make %s", e->name);
	return set_meta(l->to, name, e, err);
}

int pack_copy_link(struct pack *p, const struct pack_level *l, const char *name, struct entry *e, struct error *err)
{
	if (l->to < 0)
		return 0;
	if (linkat(p->how->to, e->link + p->prefix_len, l->to, name, 0) < 0)
		return fail_errno(err, "link %s", e->name);
	return 0;
}

int pack_copy_whiteout(struct pack *p, const struct pack_level *l, const char *name, struct error *err)
{
	(void)p;
	if (l->to < 0)
		return 0;
	return whiteout_make(l->to, name) < 0 ? fail_errno(err, "make %s%s", l->path, name) : 0;
}

int pack_copy_directory(const struct pack_level *l, const char *name, int *ret_fd, struct error *err)
{
	if (mkdirat(l->to, name, 0700) < 0)
		return fail_errno(err, "make directory %s%s", l->path, name);
	*ret_fd = openat(l->to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? fail_errno(err, "open directory %s%s", l->path, name) : 0;
}

/* Last: times, and modes that would lock us out. */
int pack_finish_directory(struct pack *p, const struct pack_level *l, struct entry *e, bool opaque, struct error *err)
{
	const struct timespec times[2] = { e->mtime, e->mtime };
	int fd = p->how->in_place ? l->from : l->to;

	if (fd < 0)
		return 0;
	if (p->how->in_place)
		drop_overlay_notes(fd, true);
	else if (opaque && opaque_make(fd) < 0)
		return fail_errno(err, "mark directory %s opaque", e->name);
	if (!p->how->in_place)
		TRY(set_xattrs(fd, e, err));
	if (fchown(fd, e->tar.uid, e->tar.gid) < 0 || fchmod(fd, e->st.st_mode & 07777) < 0 || futimens(fd, times) < 0)
		return fail_errno(err, "set owner, mode and times of %s", e->name);
	return 0;
}

bool pack_is_empty(int dir, const char *name)
{
	struct stat st;

	/* An empty directory has two links on the file systems that count them; others are looked into. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink > 2)
		return false;
	autoclose int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	char buf[1024];
	return fd >= 0 && lseek(fd, 0, SEEK_SET) == 0 && getdents64(fd, buf, sizeof(buf)) <= 48 + 1;
}
