/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tree-merge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "os/file.h"
#include "os/idmap.h"

#define DEPTH_MAX 1024

struct link {
	dev_t dev;
	ino_t ino;
	int dir;         /* where it is already: a duplicate of the directory's descriptor */
	char *name;
};

struct merge {
	const struct tree_merge *how;
	struct link *links;
	size_t n_links;
};

struct level {
	int from, to;
	const char *path;    /* below `where`, for messages; begins with a slash or is empty */
	unsigned depth;
	bool is_object;      /* the level of tree_merge_object(): its one entry is what was asked for */
};

static void merge_done(struct merge *m)
{
	for (size_t i = 0; i < m->n_links; i++) {
		close_p(&m->links[i].dir);
		free(m->links[i].name);
	}
	free(m->links);
}

/* ---- owner, mode, times ---- */
static void owner_of(const struct tree_merge *h, const struct stat *st, uint32_t *uid, uint32_t *gid)
{
	uint32_t inside_uid = st->st_uid, inside_gid = st->st_gid;

	if (h->set_owner) {
		*uid = h->uid;
		*gid = h->gid;
		return;
	}
	if (h->from_maps) {   /* what the maps do not know stays as it is */
		idmap_to_inside(&h->from_maps->uids, st->st_uid, &inside_uid);
		idmap_to_inside(&h->from_maps->gids, st->st_gid, &inside_gid);
	}
	*uid = inside_uid;
	*gid = inside_gid;
	if (h->to_maps) {
		idmap_to_outside(&h->to_maps->uids, inside_uid, uid);
		idmap_to_outside(&h->to_maps->gids, inside_gid, gid);
	}
}

static int copy_meta(const struct merge *m, const struct level *l, const char *as, const struct stat *st, struct error *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	uint32_t uid, gid;

	owner_of(m->how, st, &uid, &gid);
	if (fchownat(l->to, as, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "change the owner of \"%s%s/%s\"", m->how->where, l->path, as);
	/* fchmodat follows links: what was made a moment ago may have been exchanged, so the object itself is opened */
	autoclose int fd = S_ISLNK(st->st_mode) ? -1 : openat(l->to, as, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		char path[40];
		struct stat now;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (fstat(fd, &now) == 0 && !S_ISLNK(now.st_mode) && chmod(path, st->st_mode & 07777) < 0)
			return fail_errno(err, "change the mode of \"%s%s/%s\"", m->how->where, l->path, as);
	}
	utimensat(l->to, as, times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static void copy_xattrs(int from, int to)
{
	char names[8192], value[65536];
	ssize_t n = flistxattr(from, names, sizeof(names));

	for (char *at = names; n > 0 && at < names + n; at += strlen(at) + 1) {
		bool kept = streq(at, "security.capability") || (str_after(at, "user.") && !str_after(at, "user.overlay.")) ||
			    str_after(at, "system.posix_acl_");
		ssize_t len = kept ? fgetxattr(from, at, value, sizeof(value)) : -1;
		if (len >= 0)   /* what the destination cannot hold is left out */
			fsetxattr(to, at, value, (size_t)len, 0);
	}
}

/* ---- making way ---- */
static int conflict(const struct merge *m, const struct level *l, const char *as, const char *call, struct error *err)
{
	return fail(err, ERROR_EXISTS, "error creating \"%s%s/%s\": %s %s%s/%s: file exists", m->how->where, l->path, as, call,
		    m->how->where, l->path, as);
}

/* Removes what has the name and is not to be kept. 1: a directory is there and stays. */
static int make_way(const struct merge *m, const struct level *l, const char *as, bool directory, struct error *err)
{
	struct stat st;

	if (fstatat(l->to, as, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "\"%s%s/%s\"", m->how->where, l->path, as);
	if (S_ISDIR(st.st_mode) && directory)
		return 1;
	if ((S_ISDIR(st.st_mode) || directory) && !m->how->overwrite)
		return conflict(m, l, as, directory ? "mkdir" : "open", err);
	if (S_ISDIR(st.st_mode))
		return file_remove_tree(l->to, as, err);
	if (unlinkat(l->to, as, 0) < 0 && errno != ENOENT && errno != EBUSY)
		return fail_errno(err, "replace \"%s%s/%s\"", m->how->where, l->path, as);
	return 0;
}

/* ---- entries ---- */
/* A file that is a mount point cannot be removed: it is written over. */
static int open_target(const struct merge *m, const struct level *l, const char *as, struct error *err)
{
	int fd = openat(l->to, as, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 && errno == EEXIST)
		fd = openat(l->to, as, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "error creating \"%s%s/%s\"", m->how->where, l->path, as);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || ftruncate(fd, 0) < 0) {
		close(fd);
		return fail(err, ERROR_INVALID, "error creating \"%s%s/%s\": not a regular file", m->how->where, l->path, as);
	}
	return fd;
}

static int copy_file(const struct merge *m, const struct level *l, const char *name, const char *as, const struct stat *st,
		     struct error *err)
{
	autoclose int in = openat(l->from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), out = -1;
	struct stat now;

	if (in < 0 && errno == EACCES && m->how->skip_unreadable)
		return 0;
	if (in < 0 || fstat(in, &now) < 0)
		return fail_errno(err, "open \"%s\"", name);
	if (!S_ISREG(now.st_mode))
		return fail(err, ERROR_STATE, "\"%s\" was replaced while it was copied", name);
	TRY(make_way(m, l, as, false, err));
	out = open_target(m, l, as, err);
	if (out < 0)
		return -1;
	if (ioctl(out, FICLONE, in) < 0 && file_copy_fd(in, out, NULL, err) < 0)
		return fail_wrap(err, "copy \"%s%s/%s\"", m->how->where, l->path, as);
	TRY(copy_meta(m, l, as, st, err));
	copy_xattrs(in, out);
	return 0;
}

static int copy_symlink(const struct merge *m, const struct level *l, const char *name, const char *as, const struct stat *st,
			struct error *err)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(l->from, name, text, sizeof(text) - 1);

	if (n < 0)
		return fail_errno(err, "read link \"%s\"", name);
	text[n] = '\0';
	TRY(make_way(m, l, as, false, err));
	if (symlinkat(text, l->to, as) < 0)
		return fail_errno(err, "error creating \"%s%s/%s\"", m->how->where, l->path, as);
	return copy_meta(m, l, as, st, err);
}

static int copy_special(const struct merge *m, const struct level *l, const char *as, const struct stat *st, struct error *err)
{
	if (S_ISSOCK(st->st_mode) || (m->how->no_devices && !S_ISFIFO(st->st_mode)))
		return 0;
	TRY(make_way(m, l, as, false, err));
	if (mknodat(l->to, as, st->st_mode, st->st_rdev) < 0)
		return fail_errno(err, "error creating \"%s%s/%s\"", m->how->where, l->path, as);
	return copy_meta(m, l, as, st, err);
}

/* 1: another name of the same file was copied before, and this one is a link to it now. */
static int copy_link(struct merge *m, const struct level *l, const char *as, const struct stat *st, struct error *err)
{
	for (size_t i = 0; i < m->n_links; i++) {
		if (m->links[i].dev != st->st_dev || m->links[i].ino != st->st_ino)
			continue;
		TRY(make_way(m, l, as, false, err));
		return linkat(m->links[i].dir, m->links[i].name, l->to, as, 0) == 0;   /* else copied once more */
	}
	return 0;
}

static int remember_link(struct merge *m, const struct level *l, const char *as, const struct stat *st, struct error *err)
{
	struct link *v = m->n_links < 256 ? realloc(m->links, (m->n_links + 1) * sizeof(*v)) : NULL;

	if (!v)
		return 0;   /* descriptors are dear: further ones become copies */
	m->links = v;
	struct link n = { st->st_dev, st->st_ino, fcntl(l->to, F_DUPFD_CLOEXEC, 3), strdup(as) };
	m->links[m->n_links++] = n;
	return n.dir < 0 || !n.name ? fail_oom(err) : 0;
}

static int merge_level(struct merge *m, const struct level *l, struct error *err);

static int copy_directory(struct merge *m, const struct level *l, const char *name, const char *as, const struct stat *st,
			  struct error *err)
{
	autofree char *path = NULL;
	autoclose int from = openat(l->from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), to = -1;

	if (from < 0 && errno == EACCES && m->how->skip_unreadable)
		return 0;
	if (from < 0)
		return fail_errno(err, "open \"%s\"", name);
	int there = make_way(m, l, as, true, err);
	TRY(there);
	if (!there && mkdirat(l->to, as, 0700) < 0)
		return fail_errno(err, "error creating \"%s%s/%s\"", m->how->where, l->path, as);
	to = openat(l->to, as, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return fail_errno(err, "open \"%s%s/%s\"", m->how->where, l->path, as);
	TRY(str_printf(&path, err, "%s/%s", l->path, as));
	const struct level below = { .from = from, .to = to, .path = path, .depth = l->depth + 1 };
	if (below.depth > DEPTH_MAX)
		return fail(err, ERROR_INVALID, "%.200s...: more than %d directories deep", path, DEPTH_MAX);
	TRY(merge_level(m, &below, err));
	copy_xattrs(from, to);
	return copy_meta(m, l, as, st, err);
}

static int merge_object(struct merge *m, const struct level *l, const char *name, const char *as, struct error *err)
{
	struct stat st;

	if (fstatat(l->from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT && l->depth ? 0 : fail_errno(err, "\"%s\"", name);
	if (S_ISLNK(st.st_mode) && l->is_object && m->how->no_link)
		return fail(err, ERROR_STATE, "\"%s\" became a link while it was being copied", name);
	if (S_ISDIR(st.st_mode))
		return copy_directory(m, l, name, as, &st, err);
	if (st.st_nlink > 1) {
		int linked = copy_link(m, l, as, &st, err);
		if (linked)
			return linked < 0 ? -1 : 0;
	}
	TRY(S_ISREG(st.st_mode) ? copy_file(m, l, name, as, &st, err) :
	    S_ISLNK(st.st_mode) ? copy_symlink(m, l, name, as, &st, err) : copy_special(m, l, as, &st, err));
	return st.st_nlink > 1 ? remember_link(m, l, as, &st, err) : 0;
}

static int read_names(int dir, struct strv *ret, struct error *err)
{
	DIR *d = file_stream(dir, ".");
	struct dirent *e;
	int r = 0;

	if (!d)
		return fail_errno(err, "read a directory");
	while (r == 0 && (e = file_next_entry(d, "of a tree", &r, err)))
		r = strv_add(ret, e->d_name, err);
	closedir(d);
	return r;
}

/* The names first: a tree copied into itself ends. */
static int merge_level(struct merge *m, const struct level *l, struct error *err)
{
	auto_strv names = {};

	TRY(read_names(l->from, &names, err));
	for (size_t i = 0; i < names.n; i++) {
		if (!l->depth && m->how->skip_top && strv_has(m->how->skip_top, names.v[i]))
			continue;
		TRY(merge_object(m, l, names.v[i], names.v[i], err));
	}
	return 0;
}

int tree_merge_object(const struct tree_merge *how, int from, const char *name, int to, const char *as, struct error *err)
{
	CLEANUP(merge_done) struct merge m = { .how = how };
	const struct level top = { .from = from, .to = to, .path = "", .is_object = true };

	return merge_object(&m, &top, name, as, err);
}

int tree_merge_contents(const struct tree_merge *how, int from, int to, struct error *err)
{
	CLEANUP(merge_done) struct merge m = { .how = how };
	const struct level top = { .from = from, .to = to, .path = "" };

	return merge_level(&m, &top, err);
}
