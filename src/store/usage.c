/* SPDX-License-Identifier: Apache-2.0
 * store/usage.c - how much lies in a directory, and in the store as a whole (`system df`). */
#include "os/overlay-marks.h"
#include "store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "store/rootfs.h"

/* Files with several names, so that each counts once: open addressing, empty = inode 0. */
struct inode_set {
	uint64_t *v;
	size_t n, cap;
};

static void inode_set_done(struct inode_set *s)
{
	free(s->v);
}

static bool inode_put(struct inode_set *s, uint64_t ino)
{
	for (size_t i = (ino * UINT64_C(0x9e3779b97f4a7c15)) & (s->cap - 1);; i = (i + 1) & (s->cap - 1)) {
		if (s->v[i] == ino)
			return false;
		if (s->v[i])
			continue;
		s->v[i] = ino;
		s->n++;
		return true;
	}
}

static int inode_grow(struct inode_set *s, struct error *err)
{
	struct inode_set bigger = { .cap = s->cap ? s->cap * 2 : 256 };

	bigger.v = calloc(bigger.cap, sizeof(*bigger.v));
	if (!bigger.v)
		return fail_oom(err);
	for (size_t i = 0; i < s->cap; i++)
		if (s->v[i])
			inode_put(&bigger, s->v[i]);
	free(s->v);
	*s = bigger;
	return 0;
}

/* 1: seen for the first time. */
static int inode_add(struct inode_set *s, uint64_t ino, struct error *err)
{
	if (s->n * 2 >= s->cap)
		TRY(inode_grow(s, err));
	return inode_put(s, ino);
}

struct walk {
	struct inode_set links;
	int64_t bytes, entries;
	int depth;
	bool settle;
};
enum { DEPTH_MAX = 4096 };

/* The sandboxed unpacker may not write trusted.*: it leaves notes of the user's kind, which overlay as root ignores. */
static int settle_marks(int dir, const char *name, int flags, struct error *err)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags);

	if (fd < 0)
		return fail_errno(err, "open %s", name);
	return overlay_marks_settle(fd) < 0 ? fail_errno(err, "settle the marks of %s", name) : 0;
}

static int count_entry(void *arg, int dir, const char *name, struct error *err)
{
	struct walk *w = arg;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "stat %s", name);
	w->entries++;
	if (S_ISREG(st.st_mode)) {
		if (w->settle && !st.st_size && whiteout_is(dir, name, &st))
			TRY(settle_marks(dir, name, 0, err));
		int first = st.st_nlink > 1 ? inode_add(&w->links, st.st_ino, err) : 1;
		w->bytes += first == 1 ? st.st_size : 0;
		return first < 0 ? -1 : 0;
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (w->settle)
		TRY(settle_marks(dir, name, O_DIRECTORY, err));
	if (++w->depth > DEPTH_MAX)
		return fail(err, ERROR_INVALID, "%s: directories are nested more than %d deep", name, DEPTH_MAX);
	TRY(dir_each(dir, name, count_entry, w, err));
	w->depth--;
	return 0;
}

static int walk_tree(int dirfd, const char *path, bool settle, int64_t *ret_bytes, int64_t *ret_entries, struct error *err)
{
	struct walk w = { .settle = settle };
	int r = settle ? settle_marks(dirfd, path, O_DIRECTORY, err) : 0;

	if (r == 0)
		r = dir_each(dirfd, path, count_entry, &w, err);
	inode_set_done(&w.links);
	if (r < 0)
		return -1;
	*ret_bytes = w.bytes;
	if (ret_entries)
		*ret_entries = w.entries;
	return 0;
}

int store_tree_usage(int dirfd, const char *path, int64_t *ret_bytes, int64_t *ret_entries, struct error *err)
{
	return walk_tree(dirfd, path, false, ret_bytes, ret_entries, err);
}

int store_tree_settle(const struct store *s, int tree, int64_t *ret_bytes, int64_t *ret_entries, struct error *err)
{
	return walk_tree(tree, ".", !s->userxattr, ret_bytes, ret_entries, err);
}

/* ---- df ---- */
/* Layers once each, and what every image has for itself (manifest, configuration). */
static int image_bytes(struct db *index, int64_t *ret, struct error *err)
{
	int64_t layers = 0, own = 0;

	TRY(db_get_int(index, &layers, err, "SELECT ifnull(sum(b),0) FROM (SELECT max(l.bytes) AS b FROM image_layers l"
		       " GROUP BY l.diff_id)", ""));
	TRY(db_get_int(index, &own, err, "SELECT ifnull(sum(max(0, i.size-(SELECT ifnull(sum(l.bytes),0) FROM image_layers l"
		       " WHERE l.image=i.row))),0) FROM images i", ""));
	*ret = layers + own;
	return 0;
}

/* What this image alone has: its own files and the layers of no other. */
static int image_unique(struct db *index, const char *id, int64_t *ret, struct error *err)
{
	int64_t shared = 0, size = 0;

	TRY(db_get_int(index, &size, err, "SELECT ifnull(max(size),0) FROM images WHERE id=?1", "s", id));
	TRY(db_get_int(index, &shared, err, "SELECT ifnull(sum(l.bytes),0) FROM image_layers l JOIN images i ON i.row=l.image"
		       " WHERE i.id=?1 AND EXISTS (SELECT 1 FROM image_layers o WHERE o.diff_id=l.diff_id AND o.image<>l.image)", "s", id));
	*ret = size > shared ? size - shared : 0;
	return 0;
}

/* Reclaimable as Docker and Podman count it: all but what images in use have alone. A layer that several images share
 * counts as reclaimable even while one of them is in use. */
static int image_usage(struct store *s, struct store_usage *u, struct error *err)
{
	auto_store_image_list l = { 0 };
	struct db *index;

	TRY(store_image_list(s, 0, &l, err));
	TRY(store_index(s, &index, err));
	TRY(image_bytes(index, &u->images_bytes, err));
	u->images_reclaimable = u->images_bytes;
	for (size_t i = 0; i < l.n; i++) {
		int64_t unique = 0;
		if (l.v[i].read_only)
			continue;
		u->images++;
		if (!l.v[i].containers)
			continue;
		u->images_active++;
		TRY(image_unique(index, l.v[i].id, &unique, err));
		u->images_reclaimable -= unique;
	}
	return 0;
}

static int container_usage(struct store *s, struct store_usage *u, struct error *err)
{
	auto_container_list l = { 0 };

	TRY(store_container_list(s, &(struct container_query){ 0 }, &l, err));
	for (size_t i = 0; i < l.n; i++) {
		struct rootfs_size size = { 0 };
		bool alive = CONTAINER_STATE_BIT(l.v[i].status.state) & CONTAINER_STATE_ALIVE;
		TRY(store_rootfs_size(s, &l.v[i], &size, err));
		u->containers++;
		u->containers_active += alive;
		u->containers_bytes += size.rw;
		u->containers_reclaimable += alive ? 0 : size.rw;
	}
	return 0;
}

static int volume_entry(void *arg, int dir, const char *name, struct error *err)
{
	struct store_usage *u = arg;
	int64_t bytes, entries;

	TRY(store_tree_usage(dir, name, &bytes, &entries, err));
	u->volumes++;
	u->volumes_bytes += bytes;
	return 0;
}

int store_usage(struct store *s, struct store_usage *ret, struct error *err)
{
	struct store_usage u = { 0 };

	TRY(image_usage(s, &u, err));
	TRY(container_usage(s, &u, err));
	TRY(dir_each(s->root_fd, "volumes", volume_entry, &u, err));
	*ret = u;
	return 0;
}
