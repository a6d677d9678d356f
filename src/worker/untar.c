/* SPDX-License-Identifier: Apache-2.0
 * worker/untar.c - entry by entry, a tar stream becomes a tree. */
#include "worker/untar.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "os/overlay-marks.h"
#include "worker/untar-internal.h"

#define BIG_FILE (INT64_C(256) << 10)
#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

typedef int make_fn(struct untar *u, struct place *p, const struct tar_entry *e, struct error *err);

/* ---- regular files ---- */
static int write_all(int fd, const uint8_t *data, size_t len, int64_t at, bool sparse)
{
	while (len) {
		ssize_t n = sparse ? pwrite(fd, data, len, at) : write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_data(struct untar *u, int fd, const char *path, const struct tar_entry *e, struct error *err)
{
	const uint8_t *data;
	size_t len;
	int64_t at;
	int n;

	while ((n = tar_data_at(u->tar, &at, &data, &len, err)) > 0) {
		if (write_all(fd, data, len, at, e->is_sparse) < 0)
			return fail_errno(err, "write %.300s", e->name);
		if (u->o->tap)
			TRY(recipe_tap_data(u->o->tap, path, at, data, len, err));
	}
	if (n == 0 && e->is_sparse && ftruncate(fd, e->size) < 0)
		return fail_errno(err, "write %.300s", e->name);
	return n;
}

static int create_file(struct place *p, mode_t mode)
{
	return openat(p->parent->fd, p->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

static int make_file(struct untar *u, struct place *p, const struct tar_entry *e, struct error *err)
{
	struct timespec ts[2];
	bool chowned;
	autoclose int fd = create_file(p, e->mode);

	if (fd < 0)
		return fail_errno(err, "create %.300s", p->path);
	u->result.entries++;
	u->result.bytes += e->size;
	TRY(write_data(u, fd, p->path, e, err));
	if (e->stored >= BIG_FILE)
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);   /* a hint: the commit will wait for the disk */
	TRY(untar_owner(u, p, e, &chowned, err));
	if ((e->mode & 06000) && fchmod(fd, e->mode) < 0)   /* chown clears these bits, and so does write() of a user's root */
		return fail_errno(err, "change the mode of %.300s", p->path);
	if (e->n_xattrs)
		TRY(untar_xattrs(u, fd, e, err));
	untar_times(e, ts);
	return futimens(fd, ts) < 0 ? fail_errno(err, "set the times of %.300s", p->path) : 0;
}

/* ---- directories ---- */
static int dress_directory(struct untar *u, struct place *p, const struct tar_entry *e, bool existed, struct error *err)
{
	bool chowned;

	if (existed && !u->o->ignore_chown && e->uid < UINT32_MAX && e->gid < UINT32_MAX &&
	    fchownat(p->parent->fd, p->name, (uid_t)e->uid, (gid_t)e->gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EINVAL)
		return fail_errno(err, "change the owner of %.300s", p->path);
	TRY(untar_owner(u, p, e, &chowned, err));
	/* mkdir() takes neither setuid nor setgid, and hands the parent's setgid down. Not a link: we just made it. */
	if ((existed || (e->mode & 06000) || p->parent->setgid) && fchmodat(p->parent->fd, p->name, e->mode, 0) < 0)
		return fail_errno(err, "change the mode of %.300s", p->path);
	if (e->mode & 02000 || existed)
		untar_forget(u);   /* the cache knows whether a directory is setgid */
	return 0;
}

static int directory_xattrs(struct untar *u, const char *path, const struct tar_entry *e, struct error *err)
{
	struct place p;

	if (!e->n_xattrs)
		return 0;
	snprintf(p.path, sizeof(p.path), "%s", path);
	int at = u->o->root;
	if (*path) {
		TRY(untar_place(u, &p, err));
		at = p.parent->fd;
	}
	autoclose int fd = openat(at, *path ? p.name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail_errno(err, "open %.300s", path) : untar_xattrs(u, fd, e, err);
}

static int make_directory(struct untar *u, struct place *p, const struct tar_entry *e, struct error *err)
{
	struct stat st;
	bool existed = false, opaque = false;

	u->result.entries++;
	if (mkdirat(p->parent->fd, p->name, e->mode) < 0) {
		if (errno != EEXIST || fstatat(p->parent->fd, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return fail_errno(err, "make directory %.300s", p->path);
		existed = S_ISDIR(st.st_mode);
		u->result.entries -= existed;
		opaque = whiteout_is(p->parent->fd, p->name, &st);   /* removed and made anew in one layer: what is below stays hidden */
		if (!existed) {
			TRY(untar_remove(u, p, err));
			untar_forget(u);
			TRY(untar_place(u, p, err));
			if (mkdirat(p->parent->fd, p->name, e->mode) < 0)
				return fail_errno(err, "make directory %.300s", p->path);
		}
	}
	if (opaque) {
		autoclose int fd = openat(p->parent->fd, p->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return fail_errno(err, "open %.300s", p->path);
		TRY(untar_make_opaque(fd, err));
	}
	TRY(dress_directory(u, p, e, existed, err));
	TRY(directory_xattrs(u, p->path, e, err));
	return untar_late_add(u, p->path, e->mtime_ns, err);
}

/* The entry "./": attributes of the tree's root. */
static int dress_root(struct untar *u, const struct tar_entry *e, struct error *err)
{
	if (e->type != TAR_DIRECTORY)   /* security-matrix F3 */
		return fail(err, ERROR_CORRUPT, "\"%.200s\" would replace the root of the layer", e->name);
	if (!u->o->ignore_chown && e->uid < UINT32_MAX && e->gid < UINT32_MAX &&
	    fchownat(u->o->root, ".", (uid_t)e->uid, (gid_t)e->gid, 0) < 0)
		return fail_errno(err, "change the owner of the layer's root");
	if (fchmodat(u->o->root, ".", e->mode, 0) < 0)
		return fail_errno(err, "change the mode of the layer's root");
	untar_forget(u);
	TRY(directory_xattrs(u, "", e, err));
	return untar_late_add(u, "", e->mtime_ns, err);
}

/* ---- links, devices, FIFOs ---- */
static int dress_other(struct untar *u, struct place *p, const struct tar_entry *e, struct error *err)
{
	struct timespec ts[2];
	bool chowned;

	TRY(untar_owner(u, p, e, &chowned, err));
	untar_times(e, ts);
	if (utimensat(p->parent->fd, p->name, ts, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "set the times of %.300s", p->path);
	return 0;
}

static int make_symlink(struct untar *u, struct place *p, const struct tar_entry *e, struct error *err)
{
	if (symlinkat(e->link, p->parent->fd, p->name) < 0)
		return fail_errno(err, "make link %.300s", p->path);
	u->result.entries++;
	return dress_other(u, p, e, err);
}

static int make_hardlink(struct untar *u, struct place *p, const struct tar_entry *e, struct error *err)
{
	struct place to;

	TRY(untar_clean(e->link, to.path, err));
	if (!*to.path)
		return fail(err, ERROR_CORRUPT, "%.300s: a hard link to the root of the layer", p->path);
	TRY(untar_place(u, &to, err));
	autoclose int from = fcntl(to.parent->fd, F_DUPFD_CLOEXEC, 0);   /* the next look-up may drop it from the cache */
	if (from < 0)
		return fail_errno(err, "dup");
	TRY(untar_place(u, p, err));
	if (linkat(from, to.name, p->parent->fd, p->name, 0) < 0) {
		if (errno == ENOENT)
			return fail(err, ERROR_CORRUPT, "%.300s is a hard link to %.300s, which is not in this layer", p->path,
				    to.path);
		return fail_errno(err, "make hard link %.300s to %.300s", p->path, to.path);
	}
	u->result.entries++;
	return 0;
}

static int make_special(struct untar *u, struct place *p, mode_t type, dev_t dev, const struct tar_entry *e,
			struct error *err)
{
	bool chowned;

	if (mknodat(p->parent->fd, p->name, type | e->mode, dev) < 0)
		return fail_errno(err, "make special file %.300s", p->path);
	u->result.entries++;
	TRY(dress_other(u, p, e, err));
	if ((e->mode & 06000) == 0 && !p->parent->setgid)
		return 0;
	TRY(untar_owner(u, p, e, &chowned, err));
	return fchmodat(p->parent->fd, p->name, e->mode, 0) < 0 ? fail_errno(err, "change the mode of %.300s", p->path) : 0;
}

static int make_device(struct untar *u, struct place *p, const struct tar_entry *e, struct error *err)
{
	if (u->o->userns)   /* no device works there: left out, as Podman does */
		return 0;
	/* A 0:0 character device is overlay's whiteout: a layer says that with ".wh." names. */
	if (e->type == TAR_CHAR && e->major == 0 && e->minor == 0)
		return 0;
	return make_special(u, p, e->type == TAR_CHAR ? S_IFCHR : S_IFBLK, makedev(e->major, e->minor), e, err);
}

static int make_fifo(struct untar *u, struct place *p, const struct tar_entry *e, struct error *err)
{
	return make_special(u, p, S_IFIFO, 0, e, err);
}

/* ---- whiteouts ---- */
static int make_whiteout(struct untar *u, struct place *p, const char *hidden, struct error *err)
{
	struct stat st;

	if (!*hidden || streq(hidden, ".") || streq(hidden, ".."))
		return fail(err, ERROR_CORRUPT, "%.300s: a whiteout of nothing", p->path);
	if (whiteout_make(p->parent->fd, hidden) == 0) {
		u->result.entries++;
		return 0;
	}
	if (errno != EEXIST || fstatat(p->parent->fd, hidden, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "make whiteout %.300s", p->path);
	/* It speaks of lower layers only: what this layer brought stays, and a directory hides what is below it. */
	if (!S_ISDIR(st.st_mode))
		return 0;
	autoclose int fd = openat(p->parent->fd, hidden, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail_errno(err, "open %.300s", p->path) : untar_make_opaque(fd, err);
}

static int take_whiteout(struct untar *u, struct place *p, struct error *err)
{
	if (streq(p->name, WHITEOUT_OPAQUE))
		return untar_make_opaque(p->parent->fd, err);
	if (str_after(p->name, WHITEOUT_META))   /* aufs' own files */
		return 0;
	return make_whiteout(u, p, p->name + strlen(WHITEOUT), err);
}

/* ---- entries ---- */
static make_fn *const makers[TAR_TYPE_MAX] = {
	[TAR_FILE] = make_file, [TAR_HARDLINK] = make_hardlink, [TAR_SYMLINK] = make_symlink, [TAR_CHAR] = make_device,
	[TAR_BLOCK_DEVICE] = make_device, [TAR_DIRECTORY] = make_directory, [TAR_FIFO] = make_fifo,
};

/* Creating fails where something is; only then the look and the removal are paid for. */
static int make_entry(struct untar *u, struct place *p, const struct tar_entry *e, struct error *err)
{
	struct stat st;
	struct error first;

	if (makers[e->type](u, p, e, &first) == 0)
		return 0;
	bool in_the_way = first.errnum == EEXIST && e->type != TAR_DIRECTORY;
	if (!in_the_way) {
		*err = first;
		return -1;
	}
	TRY(untar_place(u, p, err));
	if (fstatat(p->parent->fd, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "stat %.300s", p->path);
	TRY(untar_remove(u, p, err));
	if (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode)) {
		untar_forget(u);
		TRY(untar_place(u, p, err));
	}
	return makers[e->type](u, p, e, err);
}

/* A hard link of a name to itself is a no-op everywhere; removing "what is in the way" would remove the file. */
static bool is_self_link(const struct place *p, const struct tar_entry *e)
{
	char target[TAR_NAME_MAX + 1];
	struct error ignored;

	return e->type == TAR_HARDLINK && untar_clean(e->link, target, &ignored) == 0 && streq(target, p->path);
}

static int take_entry(struct untar *u, const struct tar_entry *e, struct error *err)
{
	struct place p;

	if (e->type == TAR_GLOBAL)
		return 0;
	TRY(untar_clean(e->name, p.path, err));
	if (!*p.path)
		return dress_root(u, e, err);
	TRY(untar_place(u, &p, err));
	if (!u->o->plain && str_after(p.name, WHITEOUT))
		return take_whiteout(u, &p, err);
	if (is_self_link(&p, e))
		return 0;
	return make_entry(u, &p, e, err);
}

static int check_limits(struct untar *u, const struct tar_entry *e, struct error *err)
{
	int64_t max_entries = u->o->max_entries ? u->o->max_entries : UNTAR_ENTRIES_MAX;
	int64_t max_bytes = u->o->max_bytes ? u->o->max_bytes : UNTAR_BYTES_MAX;

	if (++u->seen > max_entries)
		return fail(err, ERROR_CORRUPT, "the layer has more than %lld entries", (long long)max_entries);
	if (e->stored > max_bytes - u->stored)
		return fail(err, ERROR_CORRUPT, "the layer unpacks to more than %lld bytes", (long long)max_bytes);
	u->stored += e->stored;
	return 0;
}

static int take_all(struct untar *u, struct error *err)
{
	const struct tar_entry *e;
	int n;

	while ((n = tar_next(u->tar, &e, err)) > 0) {
		TRY(check_limits(u, e, err));
		TRY(take_entry(u, e, err));
	}
	return n < 0 ? -1 : untar_late_apply(u, err);
}

int untar(struct tar_source source, const struct untar_options *o, struct untar_result *ret, struct error *err)
{
	struct untar u = { .o = o };

	for (size_t i = 0; i < CACHE_SLOTS; i++)
		u.cache[i].fd = -1;
	int r = tar_reader_new(source, &u.tar, err);
	if (r == 0)
		r = take_all(&u, err);
	tar_reader_free(u.tar);
	untar_forget(&u);
	for (size_t i = 0; i < u.late.n; i++)
		free(u.late.v[i].path);
	free(u.late.v);
	if (r == 0)
		*ret = u.replaced ? (struct untar_result){ -1, -1 } : u.result;
	return r;
}
