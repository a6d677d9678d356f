/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/str.h"
#include "os/file.h"

#define DEPTH_MAX 512

struct copied_link {
	dev_t dev;
	ino_t ino;
	char *path;   /* below the top of the copy */
};
struct copy {
	int top;      /* destination */
	struct copied_link *links;
	size_t n;
};

static void copy_done(struct copy *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->links[i].path);
	free(c->links);
}

/* A few attributes of files matter (capabilities, user.*, ACLs); what the target cannot hold is left out. */
static void copy_xattrs(int from, int to)
{
	char names[4096], value[4096];
	ssize_t n = flistxattr(from, names, sizeof(names));

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
		ssize_t len = fgetxattr(from, names + i, value, sizeof(value));
		if (len >= 0 && !str_after(names + i, "trusted.") && !str_after(names + i, "user.overlay."))
			fsetxattr(to, names + i, value, (size_t)len, 0);
	}
}

static int copy_meta(int fd, const struct stat *st, struct error *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchown(fd, st->st_uid, st->st_gid) < 0)
		return fail_errno(err, "chown");
	if (fchmod(fd, st->st_mode & 07777) < 0)
		return fail_errno(err, "chmod");
	return futimens(fd, times) < 0 ? fail_errno(err, "utimensat") : 0;
}

static int copy_file(int from, const char *name, int to, const struct stat *st, struct error *err)
{
	autoclose int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), out = -1;

	if (in < 0)
		return fail_errno(err, "open %s", name);
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return fail_errno(err, "create %s", name);
	TRY(file_copy_fd(in, out, NULL, err));
	copy_xattrs(in, out);
	return copy_meta(out, st, err);
}

static int copy_symlink(int from, const char *name, int to, const struct stat *st, struct error *err)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(from, name, text, sizeof(text) - 1);

	if (n < 0)
		return fail_errno(err, "readlink %s", name);
	text[n] = '\0';
	if (symlinkat(text, to, name) < 0)
		return fail_errno(err, "symlink %s", name);
	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "chown %s", name);
	return 0;
}

static int copy_special(const char *name, int to, const struct stat *st, struct error *err)
{
	if (S_ISSOCK(st->st_mode))
		return 0;
	if (mknodat(to, name, st->st_mode, st->st_rdev) < 0)
		return errno == EPERM ? 0 : fail_errno(err, "mknod %s", name);
	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "chown %s", name);
	return 0;
}

/* 1: the file was copied before under another name and is linked now; 0: not yet. */
static int copy_link(struct copy *c, const char *name, int to, const char *path, const struct stat *st,
		     struct error *err)
{
	struct copied_link *l;

	for (size_t i = 0; i < c->n; i++)
		if (c->links[i].dev == st->st_dev && c->links[i].ino == st->st_ino)
			return linkat(c->top, c->links[i].path, to, name, 0) < 0 ? fail_errno(err, "link %s", name) : 1;
	l = reallocarray(c->links, c->n + 1, sizeof(*l));
	if (!l)
		return fail_oom(err);
	c->links = l;
	l[c->n].path = strdup(path);
	if (!l[c->n].path)
		return fail_oom(err);
	l[c->n].dev = st->st_dev;
	l[c->n++].ino = st->st_ino;
	return 0;
}

static int copy_dir(struct copy *c, int from, int to, const char *path, unsigned depth, struct error *err);

static int copy_entry(struct copy *c, int from, const char *name, int to, const char *dir, unsigned depth,
		      struct error *err)
{
	autofree char *path = NULL;
	struct stat st;

	TRY(str_printf(&path, err, "%s%s%s", dir, *dir ? "/" : "", name));
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "stat %s", path);
	if (S_ISDIR(st.st_mode)) {
		autoclose int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), out = -1;
		if (in < 0)
			return fail_errno(err, "open %s", path);
		if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
			return fail_errno(err, "mkdir %s", path);
		out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (out < 0)
			return fail_errno(err, "open %s", path);
		return copy_dir(c, in, out, path, depth + 1, err);
	}
	if (st.st_nlink > 1) {
		int r = copy_link(c, name, to, path, &st, err);
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	if (S_ISREG(st.st_mode))
		return copy_file(from, name, to, &st, err);
	if (S_ISLNK(st.st_mode))
		return copy_symlink(from, name, to, &st, err);
	return copy_special(name, to, &st, err);
}

static int copy_dir(struct copy *c, int from, int to, const char *path, unsigned depth, struct error *err)
{
	struct stat st;
	struct dirent *entry;
	DIR *d;
	int r = 0;

	if (depth > DEPTH_MAX)
		return fail(err, ERROR_INVALID, "%s: more than %d directories deep", path, DEPTH_MAX);
	if (fstat(from, &st) < 0)
		return fail_errno(err, "stat %s", path);
	d = file_stream(from, ".");
	if (!d)
		return fail_errno(err, "open %s", path);
	while (r >= 0 && (entry = file_next_entry(d, path, &r, err)))
		r = copy_entry(c, from, entry->d_name, to, path, depth, err);
	closedir(d);
	if (r < 0)
		return -1;
	copy_xattrs(from, to);
	return copy_meta(to, &st, err);
}

int copy_tree(int from, int to, struct error *err)
{
	CLEANUP(copy_done) struct copy c = { .top = to };

	return copy_dir(&c, from, to, "", 0, err);
}
