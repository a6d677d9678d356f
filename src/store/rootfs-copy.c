/* SPDX-License-Identifier: Apache-2.0
 * store/rootfs-copy.c - the vfs driver: a container's root as a full copy of its layers.
 *
 * Layers are laid over each other from the lowest up: what a layer has replaces what is there, its whiteouts remove, its
 * opaque directories empty. File data is shared with the layer where the file system can (FICLONE). The copy is made
 * beside its place and renamed, so a killed copy is simply made again. Trees are the store's own, unpacked by the
 * worker inside their root: entries are taken one component at a time and links are copied, never followed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "os/file.h"
#include "os/idmap.h"
#include "os/overlay-marks.h"
#include "store/internal.h"
#include "store/rootfs.h"

struct link {
	dev_t dev;
	ino_t ino;
	char *path;    /* below the copy's root */
};

struct copy {
	int root;               /* of the copy */
	int from, to;           /* directories of this level */
	char *path;             /* of this level below the root, "" at the top */
	struct layer_copy_how how;
	struct link *links;     /* files with several names already copied from this layer */
	size_t n_links;
};

static void copy_forget_links(struct copy *c)
{
	for (size_t i = 0; i < c->n_links; i++)
		free(c->links[i].path);
	free(c->links);
	c->links = NULL;
	c->n_links = 0;
}

/* ---- attributes ---- */
static bool is_kept_attribute(const char *name)
{
	return !str_after(name, "trusted.overlay.") && !str_after(name, "user.overlay.");
}

static int copy_xattrs(const struct copy *c, int from, int to, struct error *err)
{
	char names[8192], value[65536];
	ssize_t len = flistxattr(from, names, sizeof(names));

	for (char *n = names; len > 0 && n < names + len; n += strlen(n) + 1) {
		ssize_t size = c->how.verbatim || is_kept_attribute(n) ? fgetxattr(from, n, value, sizeof(value)) : -1;
		if (size >= 0 && fsetxattr(to, n, value, (size_t)size, 0) < 0 && errno != EPERM && errno != EOPNOTSUPP)
			return fail_errno(err, "copy attribute %s", n);
	}
	return 0;
}

static int owner_of(const struct copy *c, const struct stat *st, uid_t *uid, gid_t *gid, struct error *err)
{
	const struct idmap_pair *maps = c->how.maps;

	*uid = st->st_uid;
	*gid = st->st_gid;
	if (!maps || (idmap_to_outside(&maps->uids, st->st_uid, uid) && idmap_to_outside(&maps->gids, st->st_gid, gid)))
		return 0;
	return fail(err, ERROR_INVALID, "the image has a file owned by %u:%u, which the user namespace does not map: give it more "
		    "ids", st->st_uid, st->st_gid);
}

static int copy_meta(const struct copy *c, int dir, const char *name, const struct stat *st, struct error *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	uid_t uid;
	gid_t gid;

	TRY(owner_of(c, st, &uid, &gid, err));
	if (fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "change the owner of %s", name);
	if (!S_ISLNK(st->st_mode) && fchmodat(dir, name, st->st_mode & 07777, 0) < 0)
		return fail_errno(err, "change the mode of %s", name);
	if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "set the times of %s", name);
	return 0;
}

/* ---- one entry ---- */
static int copy_file(struct copy *c, const char *name, const struct stat *st, struct error *err)
{
	autoclose int from = openat(c->from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	autoclose int to = openat(c->to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (from < 0 || to < 0)
		return fail_errno(err, "copy %s", name);
	TRY(file_copy_fd(from, to, NULL, err));
	TRY(copy_meta(c, c->to, name, st, err));
	return copy_xattrs(c, from, to, err);
}

static int copy_link(struct copy *c, const char *name, struct error *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(c->from, name, target, sizeof(target) - 1);

	if (n < 0)
		return fail_errno(err, "read link %s", name);
	target[n] = '\0';
	return symlinkat(target, c->to, name) < 0 ? fail_errno(err, "make link %s", name) : 0;
}

static int copy_node(struct copy *c, const char *name, const struct stat *st, struct error *err)
{
	if (S_ISREG(st->st_mode))
		return copy_file(c, name, st, err);
	if (S_ISLNK(st->st_mode))
		TRY(copy_link(c, name, err));
	else if (mknodat(c->to, name, st->st_mode, st->st_rdev) < 0)
		return fail_errno(err, "make %s", name);
	return copy_meta(c, c->to, name, st, err);
}

/* 1: the file has another name that is there already, and now this one too. */
static int copy_hard_link(struct copy *c, const char *name, const struct stat *st, struct error *err)
{
	for (size_t i = 0; i < c->n_links; i++) {
		if (c->links[i].dev != st->st_dev || c->links[i].ino != st->st_ino)
			continue;
		return linkat(c->root, c->links[i].path, c->to, name, 0) < 0 ? fail_errno(err, "link %s", name) : 1;
	}
	return 0;
}

static int remember_link(struct copy *c, const char *name, const struct stat *st, struct error *err)
{
	struct link *v = realloc(c->links, (c->n_links + 1) * sizeof(*v));
	struct link l = { .dev = st->st_dev, .ino = st->st_ino };

	if (!v)
		return fail_oom(err);
	c->links = v;
	TRY(str_printf(&l.path, err, "%s%s%s", c->path, *c->path ? "/" : "", name));
	v[c->n_links++] = l;
	return 0;
}

static int copy_other(struct copy *c, const char *name, const struct stat *st, struct error *err)
{
	TRY(file_remove_tree(c->to, name, err));
	int linked = st->st_nlink > 1 ? copy_hard_link(c, name, st, err) : 0;
	if (linked)
		return linked < 0 ? -1 : 0;
	TRY(copy_node(c, name, st, err));
	return st->st_nlink > 1 ? remember_link(c, name, st, err) : 0;
}

static int copy_entry(void *arg, int dir, const char *name, struct error *err);

static int empty_entry(void *arg, int dir, const char *name, struct error *err)
{
	return file_remove_tree(dir, name, err);
}

static int enter(struct copy *c, int from, int to, const char *name, struct error *err)
{
	struct copy below = *c;   /* shares the links */

	TRY(str_printf(&below.path, err, "%s%s%s", c->path, *c->path ? "/" : "", name));
	below.from = from;
	below.to = to;
	int r = !c->how.verbatim && opaque_is(from) ? dir_each(to, ".", empty_entry, NULL, err) : 0;
	if (r == 0)
		r = dir_each(from, ".", copy_entry, &below, err);
	free(below.path);
	c->links = below.links;
	c->n_links = below.n_links;
	return r;
}

static int copy_directory(struct copy *c, const char *name, const struct stat *st, struct error *err)
{
	struct stat have;

	if (fstatat(c->to, name, &have, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(have.st_mode))
		TRY(file_remove_tree(c->to, name, err));
	if (mkdirat(c->to, name, 0700) < 0 && errno != EEXIST)
		return fail_errno(err, "make directory %s", name);
	autoclose int from = openat(c->from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	autoclose int to = openat(c->to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0 || to < 0)
		return fail_errno(err, "open directory %s", name);
	TRY(enter(c, from, to, name, err));
	TRY(copy_xattrs(c, from, to, err));
	return copy_meta(c, c->to, name, st, err);   /* last: times, and modes that would lock us out */
}

static int copy_entry(void *arg, int dir, const char *name, struct error *err)
{
	struct copy *c = arg;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "stat %s", name);
	if (!c->how.verbatim && whiteout_is(dir, name, &st))
		return file_remove_tree(c->to, name, err);
	return S_ISDIR(st.st_mode) ? copy_directory(c, name, &st, err) : copy_other(c, name, &st, err);
}

/* ---- the whole ---- */
int layer_copy(int from, int to, struct layer_copy_how how, struct error *err)
{
	struct copy c = { .root = to, .from = from, .to = to, .path = (char[]){ "" }, .how = how };
	struct stat st;
	uid_t uid;
	gid_t gid;

	int r = dir_each(from, ".", copy_entry, &c, err);
	copy_forget_links(&c);
	if (r < 0 || fstat(from, &st) < 0)
		return r < 0 ? r : fail_errno(err, "stat");
	TRY(owner_of(&c, &st, &uid, &gid, err));
	TRY(copy_xattrs(&c, from, to, err));
	if (fchown(to, uid, gid) < 0 || fchmod(to, st.st_mode & 07777) < 0)
		return fail_errno(err, "set owner and mode of the root directory");
	return 0;
}

static int make_copy(const struct store *s, int dir, const struct strv *layers, const struct idmap_pair *maps,
		     struct error *err)
{
	CLEANUP(layer_fds_done) struct layer_fds l = { 0 };

	TRY(layer_fds_open(s, layers, &l, err));
	TRY(file_remove_tree(dir, "root.new", err));
	if (mkdirat(dir, "root.new", 0755) < 0)
		return fail_errno(err, "make a copy of the image");
	autoclose int to = openat(dir, "root.new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return fail_errno(err, "make a copy of the image");
	for (size_t i = 0; i < l.n; i++)
		if (layer_copy(l.v[i], to, (struct layer_copy_how){ .maps = maps }, err) < 0)
			return fail_wrap(err, "copy layer %s", layers->v[i]);
	return renameat(dir, "root.new", dir, "root") < 0 ? fail_errno(err, "finish the copy of the image") : 0;
}

static int open_dir(const struct store *s, const char *id)
{
	char path[96];

	snprintf(path, sizeof(path), "containers/%.64s", id);
	return openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

bool store_rootfs_is_copy(const struct store *s, const char *id)
{
	autoclose int dir = open_dir(s, id);

	return dir >= 0 && faccessat(dir, "root", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int rootfs_copy_open(const struct store *s, const char *id, const struct strv *layers, const struct idmap_pair *maps,
		     struct error *err)
{
	autoclose int dir = open_dir(s, id);

	if (dir < 0)
		return fail_errno(err, "container %.12s", id);
	if (faccessat(dir, "root", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		TRY(make_copy(s, dir, layers, maps, err));
	int fd = openat(dir, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? fd : fail_errno(err, "container %.12s", id);
}

/* ---- whether copies are needed at all ---- */
bool rootfs_overlay_is_impossible(const struct error *err)
{
	return err->errnum == EINVAL || err->errnum == EPERM || err->errnum == ENODEV || err->errnum == EOPNOTSUPP;
}

/* Whether an overlay of three directories below `dir` is refused for ever; what fails for another reason is not. */
static bool is_refused_in(const struct store *s, int dir)
{
	static const char *const names[] = { "lower", "upper", "work" };
	struct error why;
	int fds[ARRAY_LEN(names)] = { -1, -1, -1 }, mounted = -1;
	bool made = true, refused = false;

	for (size_t i = 0; i < ARRAY_LEN(names) && made; i++) {
		made = mkdirat(dir, names[i], 0700) == 0;
		fds[i] = made ? openat(dir, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		made = fds[i] >= 0;
	}
	const struct rootfs_trees t = { .lower = fds, .n = 1, .upper = fds[1], .work = fds[2] };
	if (made && store_rootfs_open_trees(s, &t, &mounted, &why) < 0)
		refused = rootfs_overlay_is_impossible(&why);
	close_p(&mounted);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		close_p(&fds[i]);
	return refused;
}

/* Who asks only looks and waits for nobody: no stage, which is begun under a lock. A sweeper that finds the directory
 * takes it for garbage; the answer is then the usual one. */
bool store_carries_overlay(struct store *s)
{
	struct error ignored;
	char name[64];

	if (s->driver == STORE_VFS)
		return false;
	autoclose int staging = openat(s->root_fd, "staging", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (staging < 0 || file_make_temp_dir(staging, "probe-", name, sizeof(name), &ignored) < 0)
		return true;
	autoclose int dir = openat(staging, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	bool refused = dir >= 0 && is_refused_in(s, dir);
	file_remove_tree(staging, name, &ignored);
	return !refused;
}
