/* SPDX-License-Identifier: Apache-2.0
 * store/rootfs.c - overlay mounts that are attached nowhere.
 *
 * Directories travel as descriptors: "lowerdir+" and "upperdir" with FSCONFIG_SET_FD (Linux 6.13), then as
 * /proc/self/fd/N strings (6.8), then in one string for mount(2) on a private place that is cloned and detached at once
 * (5.2). redirect_dir=nofollow, metacopy=off, index=off: a layer is a stranger's, its attributes must not lead overlay
 * anywhere. Ids: with the container's own user namespace lower layers are seen through it (id-mapped clones) and new
 * files in upper carry the host ids, as containers/storage does it. */
#include "store/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "os/file.h"
#include "os/mount.h"
#include "store/internal.h"

enum { LAYERS_MAX = 499, OPTIONS_MAX = LAYERS_MAX + 17 };   /* overlay takes 500 lower directories */

/* ---- layers as descriptors ---- */
void layer_fds_done(struct layer_fds *l)
{
	for (size_t i = 0; i < l->n; i++)
		close_p(&l->v[i]);
	free(l->v);
	*l = (struct layer_fds){ 0 };
}

int layer_fds_open(const struct store *s, const struct strv *layers, struct layer_fds *ret, struct error *err)
{
	CLEANUP(layer_fds_done) struct layer_fds l = { .v = calloc(layers->n + 1, sizeof(int)) };

	if (!l.v)
		return fail_oom(err);
	if (layers->n > LAYERS_MAX)
		return fail(err, ERROR_UNSUPPORTED, "an image of %zu layers: overlay takes at most %d", layers->n, LAYERS_MAX);
	for (; l.n < layers->n; l.n++) {
		int fd = store_layer_open(s, layers->v[l.n], err);
		if (fd < 0)
			return -1;
		l.v[l.n] = fd;
	}
	*ret = l;
	l = (struct layer_fds){ 0 };
	return 0;
}

/* Takes fd, -1: nothing to put. There is room for one more (calloc of n + 1). */
static void layer_fds_put_lowest(struct layer_fds *l, int fd)
{
	if (fd < 0)
		return;
	memmove(l->v + 1, l->v, l->n * sizeof(int));
	l->v[0] = fd;
	l->n++;
}

/* Rootless, or where the file system has no id-mapped mounts, a copy with other owners does it. */
static int map_layers(const struct store *s, const struct rootfs_options *o, struct layer_fds *l, struct error *err)
{
	for (size_t i = 0; i < l->n && !s->userxattr; i++) {
		struct mount_attrs a = MOUNT_ATTRS_INIT;
		a.idmap_fd = o->userns_fd;
		autoclose int mnt = mount_clone(l->v[i], "", false, err);
		if (mnt < 0 || mount_set_attrs(mnt, a, err) < 0) {
			if (!o->maps || i > 0)
				return fail_wrap(err, "id-map a layer (the file system of the store must support id-mapped mounts)");
			return layer_fds_map_by_copy(s, o->layers, l, o->maps, err);
		}
		close_p(&l->v[i]);
		l->v[i] = take_fd(mnt);
	}
	return s->userxattr && o->maps ? layer_fds_map_by_copy(s, o->layers, l, o->maps, err) : 0;
}

/* ---- upper and work ---- */
struct upper {
	int upper, work;
};

static void upper_done(struct upper *u)
{
	close_p(&u->upper);
	close_p(&u->work);
}

static int open_made(int dir, const char *name, mode_t mode, struct error *err)
{
	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return fail_errno(err, "make directory %s", name);
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? fd : fail_errno(err, "open directory %s", name);
}

static int own(int fd, uid_t uid, gid_t gid, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(err, "stat");
	if (st.st_uid == uid && st.st_gid == gid)
		return 0;
	return fchown(fd, uid, gid) < 0 ? fail_errno(err, "change the owner of the container's directory") : 0;
}

/* The upper directory's mode is the mode of "/" in the container: that of the topmost layer, when it is made. */
static int copy_root_mode(int upper, const struct layer_fds *l, struct error *err)
{
	struct stat st = { .st_mode = 0755 };

	if (l->n && fstat(l->v[l->n - 1], &st) < 0)
		return fail_errno(err, "stat");
	return fchmod(upper, st.st_mode & 07777) < 0 ? fail_errno(err, "change mode of the upper directory") : 0;
}

static int open_container_dir(const struct store *s, const char *id, struct error *err)
{
	char path[96];

	snprintf(path, sizeof(path), "containers/%.64s", id);
	int fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? fd : fail_errno(err, "%s/%s", s->root, path);
}

/* What the container writes gets a project. work is last: a project there tells that both have it. */
static int limit_upper(const struct store *s, const struct upper *u, struct error *err)
{
	uint32_t project;
	autoclose int home = -1;

	if (!quota_limits(&s->quota))
		return 0;
	home = file_open_dir(s->root_fd, "containers", false, 0, err);
	if (home < 0)
		return -1;
	if (quota_project(u->work) != quota_project(home))
		return 0;
	if (quota_assign(home, "work", u->upper, &s->quota, &project, err) < 0 || quota_join(u->work, project, err) < 0)
		return fail_wrap(err, "storage option size is not supported");
	return 0;
}

static int open_upper(const struct store *s, const struct rootfs_options *o, const struct layer_fds *l, struct upper *ret,
		      struct error *err)
{
	CLEANUP(upper_done) struct upper u = { -1, -1 };
	struct error ignored;
	autoclose int dir = open_container_dir(s, o->id, err);

	if (dir < 0)
		return -1;
	bool is_new = faccessat(dir, "upper", F_OK, AT_SYMLINK_NOFOLLOW) < 0;
	u.upper = open_made(dir, "upper", 0755, err);
	u.work = u.upper < 0 ? -1 : open_made(dir, "work", 0700, err);
	if (u.work < 0)
		return -1;
	TRY(limit_upper(s, &u, err));
	if (is_new)
		TRY(copy_root_mode(u.upper, l, err));
	TRY(own(u.upper, o->root_uid, o->root_gid, err));
	TRY(own(u.work, o->root_uid, o->root_gid, err));
	/* The mark of an earlier volatile mount. Its record lives in this epoch's run database, so there was no crash. */
	if (!is_new)
		file_remove_tree(u.work, "work/incompat", &ignored);
	*ret = u;
	u = (struct upper){ -1, -1 };
	return 0;
}

/* A file of this name says that the changes are an overlay's upper directory whatever the driver. */
#define LAYERED "layered"

static bool is_layered(const struct store *s, const char *id)
{
	struct error ignored;
	autoclose int dir = open_container_dir(s, id, &ignored);

	return dir >= 0 && faccessat(dir, LAYERED, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int store_rootfs_make_upper(const struct store *s, const struct rootfs_options *o, struct error *err)
{
	CLEANUP(layer_fds_done) struct layer_fds lower = { 0 };
	CLEANUP(upper_done) struct upper upper = { -1, -1 };
	autoclose int dir = open_container_dir(s, o->id, err);

	if (dir < 0)
		return -1;
	autoclose int mark = openat(dir, LAYERED, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (mark < 0)
		return fail_errno(err, "mark container %.12s", o->id);
	TRY(layer_fds_open(s, o->layers, &lower, err));
	TRY(open_upper(s, o, &lower, &upper, err));
	return take_fd(upper.upper);
}

int store_rootfs_upper(const struct store *s, const char *id, struct error *err)
{
	autoclose int dir = open_container_dir(s, id, err);

	if (dir < 0)
		return -1;
	/* the copy first: where overlay was tried in vain an empty upper directory lies beside it */
	int fd = openat(dir, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		fd = openat(dir, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? fd : fail_errno(err, "container %.12s has no upper directory", id);
}

/* Overlay refuses a directory twice. Of layers that are the same only the uppermost counts: whatever lies between them
 * changes nothing that it does not change back. `own`: the descriptors left out are closed. */
static int drop_repeated(struct layer_fds *l, bool own, struct error *err)
{
	struct stat st[LAYERS_MAX + 1];
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++)
		if (fstat(l->v[i], &st[i]) < 0)
			return fail_errno(err, "stat");
	for (size_t i = 0; i < l->n; i++) {
		bool again = false;
		for (size_t k = i + 1; k < l->n; k++)
			again |= st[i].st_ino == st[k].st_ino && st[i].st_dev == st[k].st_dev;
		if (again && own)
			close_p(&l->v[i]);
		if (!again)
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
	return 0;
}

/* ---- overlay ---- */
struct overlay {
	const struct layer_fds *lower;
	const struct upper *upper;   /* NULL: read-only */
	bool transient, userxattr;
	const char *label;
	struct mount_option options[OPTIONS_MAX];
	size_t n;
	char paths[LAYERS_MAX + 5][24];
};

static void add_option(struct overlay *o, const char *key, const char *value)
{
	o->options[o->n++] = (struct mount_option){ .key = key, .value = value };
}

static void add_dir(struct overlay *o, const char *key, int fd, bool by_fd)
{
	if (by_fd) {
		o->options[o->n++] = (struct mount_option){ .key = key, .fd = fd, .fd_option = true };
		return;
	}
	char *path = o->paths[o->n];
	snprintf(path, sizeof(o->paths[0]), "/proc/self/fd/%d", fd);
	add_option(o, key, path);
}

static void add_common(struct overlay *o)
{
	add_option(o, "redirect_dir", "nofollow");
	add_option(o, "metacopy", "off");
	add_option(o, "index", "off");
	if (o->userxattr)
		add_option(o, "userxattr", NULL);
	if (o->upper && o->transient)
		add_option(o, "volatile", NULL);
	if (o->label)
		add_option(o, "context", o->label);
}

static int mount_once(struct overlay *o, bool by_fd, struct error *err)
{
	o->n = 0;
	for (size_t i = o->lower->n; i > 0; i--)   /* the first one given lies topmost */
		add_dir(o, "lowerdir+", o->lower->v[i - 1], by_fd);
	if (o->upper) {
		add_dir(o, "upperdir", o->upper->upper, by_fd);
		add_dir(o, "workdir", o->upper->work, by_fd);
	}
	add_common(o);
	const struct mount_new m = { .fstype = "overlay", .source = "overlay", .options = o->options, .n_options = o->n };
	return mount_new(&m, err);
}

static int format_data(struct overlay *o, struct buf *to, struct error *err)
{
	buf_add_str(to, "lowerdir=");
	for (size_t i = o->lower->n; i > 0; i--)
		buf_addf(to, "/proc/self/fd/%d%s", o->lower->v[i - 1], i > 1 ? ":" : "");
	if (o->upper)
		buf_addf(to, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d", o->upper->upper, o->upper->work);
	o->n = 0;
	add_common(o);
	for (size_t i = 0; i < o->n; i++)
		buf_addf(to, ",%s%s%s", o->options[i].key, o->options[i].value ? "=" : "",
			 o->options[i].value ? o->options[i].value : "");
	return buf_ok(to, "overlay options", err);
}

/* Kernels whose overlay has no "lowerdir+". `place` is a directory of the container's own. */
static int mount_old(struct overlay *o, const char *place, struct error *err)
{
	auto_buf data = BUF_INIT(4000);

	TRY(format_data(o, &data, err));
	if (mount("overlay", place, "overlay", 0, data.data) < 0)
		return fail_errno(err, "mount overlay on %s", place);
	int fd = mount_clone(AT_FDCWD, place, false, err);
	mount_detach(place, &(struct error){ 0 });
	return fd;
}

/* What says "this kernel does not know that way", not "these directories will not do". */
static bool is_unknown_way(const struct error *err)
{
	return err->errnum == EINVAL || err->errnum == ENOSYS || err->errnum == EBADF || err->errnum == EOPNOTSUPP;
}

static int mount_overlay(struct overlay *o, const char *place, struct error *err)
{
	struct error later;

	int fd = mount_once(o, true, err);
	if (fd >= 0 || !is_unknown_way(err))
		return fd;
	fd = mount_once(o, false, &later);
	if (fd < 0 && place && is_unknown_way(&later))
		fd = mount_old(o, place, &later);
	if (fd < 0)
		*err = later;
	return fd;
}

/* ---- opening ---- */
static int set_read_only(int fd, struct error *err)
{
	struct mount_attrs a = MOUNT_ATTRS_INIT;

	a.set = MOUNT_ATTR_RDONLY;
	return mount_set_attrs(fd, a, err);
}

static int make_place(const struct store *s, const char *id, char **ret, struct error *err)
{
	autofree char *dir = NULL;

	TRY(store_container_dir(s, id, &dir, err));
	TRY(store_path_join(ret, err, dir, "merged", NULL));
	return mkdir(*ret, 0700) < 0 && errno != EEXIST ? fail_errno(err, "make %s", *ret) : 0;
}

static int open_overlay(const struct store *s, const struct rootfs_options *o, struct error *err)
{
	CLEANUP(layer_fds_done) struct layer_fds lower = { 0 };
	CLEANUP(upper_done) struct upper upper = { -1, -1 };
	autofree char *place = NULL;
	autofree struct overlay *mount = calloc(1, sizeof(*mount));

	if (!mount)
		return fail_oom(err);
	TRY(layer_fds_open(s, o->layers, &lower, err));
	TRY(open_upper(s, o, &lower, &upper, err));
	if (!lower.n)
		return mount_clone(upper.upper, "", false, err);
	if (o->userns_fd >= 0)
		TRY(map_layers(s, o, &lower, err));
	TRY(drop_repeated(&lower, true, err));
	if (o->mountpoints && o->userns_fd < 0)
		layer_fds_put_lowest(&lower, rootfs_mountpoints_open(s));
	mount->lower = &lower;
	mount->upper = &upper;
	mount->transient = o->transient;
	mount->userxattr = s->userxattr;
	mount->label = o->mount_label;
	struct error first;
	int fd = mount_overlay(mount, NULL, &first);
	if (fd >= 0)
		return fd;
	TRY(make_place(s, o->id, &place, err));
	fd = mount_overlay(mount, place, err);
	return fd;
}

static int open_copy(const struct store *s, const struct rootfs_options *o, struct error *err)
{
	autoclose int dir = rootfs_copy_open(s, o->id, o->layers, o->userns_fd >= 0 ? o->maps : NULL, err);

	return dir < 0 ? -1 : mount_clone(dir, "", false, err);
}

static int open_root(const struct store *s, const struct rootfs_options *o, struct error *err)
{
	struct error overlay;

	if ((s->driver == STORE_VFS || store_rootfs_is_copy(s, o->id)) && !is_layered(s, o->id))
		return open_copy(s, o, err);
	int fd = open_overlay(s, o, &overlay);
	if (fd >= 0)
		return fd;
	bool impossible = rootfs_overlay_is_impossible(&overlay);
	if (impossible && is_layered(s, o->id)) {
		*err = overlay;
		return fail_wrap(err, "the store's file system carries no overlay, which a working container needs to be mounted "
				 "(steps run without; --root on ext4, xfs, btrfs or tmpfs helps)");
	}
	if (impossible && (o->userns_fd < 0 || o->maps)) {
		fd = open_copy(s, o, err);
		if (fd >= 0)
			return fd;
	}
	*err = overlay;
	return -1;
}

int store_rootfs_open(const struct store *s, const struct rootfs_options *o, int *ret_fd, struct error *err)
{
	autoclose int fd = open_root(s, o, err);

	if (fd < 0)
		return fail_wrap(err, "mount the root file system of container %.12s", o->id);
	if (o->read_only)
		TRY(set_read_only(fd, err));
	*ret_fd = take_fd(fd);
	return 0;
}

int store_rootfs_open_layers(const struct store *s, const struct strv *layers, int *ret_fd, struct error *err)
{
	CLEANUP(layer_fds_done) struct layer_fds lower = { 0 };
	autofree struct overlay *mount = calloc(1, sizeof(*mount));
	autoclose int fd = -1;

	if (!mount)
		return fail_oom(err);
	TRY(layer_fds_open(s, layers, &lower, err));
	if (!lower.n)
		return fail(err, ERROR_INVALID, "an image without layers has nothing to mount");
	TRY(drop_repeated(&lower, true, err));
	mount->lower = &lower;
	mount->userxattr = s->userxattr;
	/* overlay wants two lower directories when there is no upper one */
	fd = lower.n == 1 ? mount_clone(lower.v[0], "", false, err) : mount_overlay(mount, NULL, err);
	if (fd < 0)
		return fail_wrap(err, "mount an image");
	TRY(set_read_only(fd, err));
	*ret_fd = take_fd(fd);
	return 0;
}

int store_rootfs_open_trees(const struct store *s, const struct rootfs_trees *t, int *ret_fd, struct error *err)
{
	int fds[LAYERS_MAX + 1];
	struct layer_fds lower = { .v = fds, .n = t->n };
	const struct upper upper = { t->upper, t->work };
	autofree struct overlay *mount = calloc(1, sizeof(*mount));
	bool writable = t->upper >= 0;
	int fd;

	if (!mount)
		return fail_oom(err);
	if (t->n > LAYERS_MAX || (!t->n && !writable))
		return fail(err, ERROR_UNSUPPORTED, "a root file system of %zu layers: overlay takes 1 to %d", t->n, LAYERS_MAX);
	if (t->n)
		memcpy(fds, t->lower, t->n * sizeof(int));
	TRY(drop_repeated(&lower, false, err));
	mount->lower = &lower;
	mount->upper = writable ? &upper : NULL;
	mount->transient = !t->kept;
	mount->userxattr = s->userxattr;
	if (lower.n + writable == 1)
		fd = mount_clone(writable ? t->upper : lower.v[0], "", false, err);
	else
		fd = mount_overlay(mount, NULL, err);
	if (fd < 0)
		return fail_wrap(err, "mount the root file system");
	*ret_fd = fd;
	return writable ? 0 : set_read_only(fd, err);
}

int store_rootfs_open_over(const struct store *s, const struct strv *layers, const struct rootfs_trees *t, int *ret_fd, struct error *err)
{
	CLEANUP(layer_fds_done) struct layer_fds lower = { 0 };
	struct rootfs_trees all = *t;

	TRY(layer_fds_open(s, layers, &lower, err));
	all.lower = lower.v;
	all.n = lower.n;
	return store_rootfs_open_trees(s, &all, ret_fd, err);
}
