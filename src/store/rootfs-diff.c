/* SPDX-License-Identifier: Apache-2.0
 * store/rootfs-diff.c - what an upper directory (or one layer, or a copy) changes against the layers below.
 *
 * Both sides are walked together, as overlay itself looks names up: for every directory we hold the stack of lower
 * directories that are merged into it, topmost first, cut where one is opaque or hidden by something that is no
 * directory. In an overlay's upper directory only what was touched exists; in a copy (vfs) everything does, so there
 * files are compared by their metadata and missing names are deletions. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "os/overlay-marks.h"
#include "store/internal.h"
#include "store/rootfs.h"

struct diff {
	struct rootfs_changes *to;
	bool full;              /* upper is a complete tree */
};

struct level {
	struct diff *diff;
	int upper;
	struct layer_fds lower;   /* topmost first */
	const char *path;         /* "" at the top */
	size_t looking;           /* which lower directory missing_entry() is reading */
};

void rootfs_changes_done(struct rootfs_changes *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->v[i].path);
	free(c->v);
	*c = (struct rootfs_changes){ 0 };
}

static int add_change(const struct level *l, const char *name, enum rootfs_change_kind kind, struct error *err)
{
	struct rootfs_changes *to = l->diff->to;

	if ((to->n & (to->n - 1)) == 0) {
		struct rootfs_change *v = realloc(to->v, (to->n ? to->n * 2 : 1) * sizeof(*v));
		if (!v)
			return fail_oom(err);
		to->v = v;
	}
	struct rootfs_change c = { .kind = kind };
	TRY(str_printf(&c.path, err, "%s/%s", l->path, name));
	to->v[to->n++] = c;
	return 0;
}

/* The entry the lower directories show under this name. 1/0. */
static int stat_lower(const struct level *l, const char *name, struct stat *ret)
{
	for (size_t i = 0; i < l->lower.n; i++)
		if (fstatat(l->lower.v[i], name, ret, AT_SYMLINK_NOFOLLOW) == 0)
			return !whiteout_is(l->lower.v[i], name, ret);
	return 0;
}

/* The stack of lower directories one level down. */
static int lower_below(const struct level *l, const char *name, struct layer_fds *ret, struct error *err)
{
	struct stat st;

	ret->v = calloc(l->lower.n + 1, sizeof(int));
	if (!ret->v)
		return fail_oom(err);
	for (size_t i = 0; i < l->lower.n; i++) {
		if (fstatat(l->lower.v[i], name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISDIR(st.st_mode))
			return 0;
		int fd = openat(l->lower.v[i], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return fail_errno(err, "open directory %s/%s", l->path, name);
		ret->v[ret->n++] = fd;
		if (opaque_is(fd))
			return 0;
	}
	return 0;
}

static int diff_level(struct level *l, struct error *err);

static int enter(struct level *l, const char *name, struct error *err)
{
	CLEANUP(layer_fds_done) struct layer_fds lower = { 0 };
	autofree char *path = NULL;
	autoclose int upper = openat(l->upper, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (upper < 0)
		return fail_errno(err, "open directory %s/%s", l->path, name);
	TRY(str_printf(&path, err, "%s/%s", l->path, name));
	TRY(lower_below(l, name, &lower, err));
	struct level below = { .diff = l->diff, .upper = upper, .lower = lower, .path = path };
	if (opaque_is(upper)) {   /* everything below was deleted first */
		struct layer_fds none = { 0 };
		below.lower = none;
	}
	return diff_level(&below, err);
}

static bool differs(const struct stat *a, const struct stat *b)
{
	return a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid || a->st_rdev != b->st_rdev ||
	       (!S_ISDIR(a->st_mode) && (a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
					 a->st_mtim.tv_nsec != b->st_mtim.tv_nsec));
}

static int diff_entry(void *arg, int dir, const char *name, struct error *err)
{
	struct level *l = arg;
	struct stat up, low;

	if (fstatat(dir, name, &up, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "stat %s/%s", l->path, name);
	bool known = stat_lower(l, name, &low);
	if (whiteout_is(dir, name, &up))
		return known ? add_change(l, name, ROOTFS_DELETED, err) : 0;
	if (!known)
		TRY(add_change(l, name, ROOTFS_ADDED, err));
	else if (!l->diff->full || differs(&up, &low))
		TRY(add_change(l, name, ROOTFS_MODIFIED, err));
	if (!S_ISDIR(up.st_mode))
		return 0;
	size_t before = l->diff->to->n;
	bool told = !known || !l->diff->full || differs(&up, &low);
	TRY(enter(l, name, err));
	/* in an upper directory every directory on the way to a change stands; here it is to be said */
	return !told && l->diff->to->n > before ? add_change(l, name, ROOTFS_MODIFIED, err) : 0;
}

/* Names that only the lower side has: deleted from a complete tree. Layers further down are seen through the upper. */
static int missing_entry(void *arg, int dir, const char *name, struct error *err)
{
	struct level *l = arg;
	struct stat st;

	for (size_t i = 0; i < l->looking; i++)
		if (fstatat(l->lower.v[i], name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return 0;   /* told there */
	if (fstatat(l->upper, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || stat_lower(l, name, &st) != 1)
		return 0;
	return add_change(l, name, ROOTFS_DELETED, err);
}

static int diff_level(struct level *l, struct error *err)
{
	TRY(dir_each(l->upper, ".", diff_entry, l, err));
	for (l->looking = 0; l->diff->full && l->looking < l->lower.n; l->looking++)
		TRY(dir_each(l->lower.v[l->looking], ".", missing_entry, l, err));
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct rootfs_change *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* lower: lowest first, as everywhere else. */
static int diff_trees(int upper, const struct layer_fds *lower, bool full, struct rootfs_changes *ret, struct error *err)
{
	auto_rootfs_changes found = { 0 };
	struct diff d = { .to = &found, .full = full };
	struct layer_fds top_first = { .v = calloc(lower->n + 1, sizeof(int)), .n = lower->n };

	if (!top_first.v)
		return fail_oom(err);
	for (size_t i = 0; i < lower->n; i++)
		top_first.v[i] = lower->v[lower->n - 1 - i];
	struct level top = { .diff = &d, .upper = upper, .lower = top_first, .path = "" };
	int r = diff_level(&top, err);
	free(top_first.v);   /* the descriptors are the caller's */
	if (r < 0)
		return -1;
	if (found.n > 1)
		qsort(found.v, found.n, sizeof(*found.v), by_path);
	*ret = found;
	found = (struct rootfs_changes){ 0 };
	return 0;
}

int store_rootfs_diff(struct store *s, const struct container *c, struct rootfs_changes *ret, struct error *err)
{
	CLEANUP(layer_fds_done) struct layer_fds lower = { 0 };
	struct error missing;
	autoclose int upper = store_rootfs_upper(s, c->record.id, &missing);

	*ret = (struct rootfs_changes){ 0 };
	if (upper < 0)
		return 0;   /* never started: nothing changed */
	TRY(layer_fds_open(s, &c->record.layers, &lower, err));
	return diff_trees(upper, &lower, store_rootfs_is_copy(s, c->record.id), ret, err);
}

int store_layers_diff(struct store *s, const struct strv *layers, size_t i, struct rootfs_changes *ret, struct error *err)
{
	CLEANUP(layer_fds_done) struct layer_fds fds = { 0 };
	const struct strv up_to = { .v = layers->v, .n = i + 1 };

	if (i >= layers->n)
		return fail(err, ERROR_INVALID, "the image has %zu layers, not %zu", layers->n, i + 1);
	TRY(layer_fds_open(s, &up_to, &fds, err));
	const struct layer_fds lower = { .v = fds.v, .n = i };
	return diff_trees(fds.v[i], &lower, false, ret, err);
}

int store_trees_diff(int tree, int base, struct rootfs_changes *ret, struct error *err)
{
	const struct layer_fds lower = { .v = &base, .n = 1 };

	return diff_trees(tree, &lower, true, ret, err);
}
