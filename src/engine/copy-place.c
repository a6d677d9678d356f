/* SPDX-License-Identifier: Apache-2.0
 * engine/copy-place.c - finds the ends of a copy.
 *
 * A path is first freed of links as text, so that also a link that leads nowhere yet names the place inside the container
 * where a file is to be made. Then its directory is opened with the kernel's own containment, and only that descriptor
 * and one name are used: whatever the container exchanges meanwhile, nothing outside of its root is reached. */
#include "engine/copy-place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "engine/container-impl.h"
#include "engine/userns.h"
#include "engine/volume.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/path.h"
#include "store/rootfs.h"

#define LINKS_MAX 40

/* What was mounted last goes first. Not there for a container that mounts it itself later: it makes its own. */
static void remove_targets(struct place *p)
{
	struct error ignored;

	for (size_t i = p->n_made; i-- > 0;) {
		struct made_target *m = &p->made[i];
		if (mount_detach_fd(m->mount, &ignored) == 0)
			unlinkat(m->parent, m->name, AT_REMOVEDIR);
		close_p(&m->mount);
		close_p(&m->parent);
	}
	free(p->made);
}

void place_done(struct place *p)
{
	remove_targets(p);
	ctr_free(p->c);
	free(p->given);
	free(p->path);
	free(p->maps);
	free(p->dir_path);
	close_p(&p->root);
	close_p(&p->dir);
	*p = (struct place)PLACE_INIT;
}

/* ---- what the user wrote ---- */
int place_parse(struct engine *e, const char *text, struct place *ret, struct error *err)
{
	const char *colon = *text == '.' || *text == '/' ? NULL : strchr(text, ':');

	if (!colon)
		return str_set(&ret->path, text, err);
	ret->given = strndup(text, (size_t)(colon - text));
	if (!ret->given)
		return fail_oom(err);
	TRY(str_set(&ret->path, colon + 1, err));
	if (ctr_find(e, ret->given, &ret->c, err) < 0) {
		if (err->kind == ERROR_NOT_FOUND)
			return fail(err, ERROR_NOT_FOUND, "container \"%s\" does not exist", ret->given);
		return -1;
	}
	TRY(ctr_load(ret->c, err));
	return userns_maps(e, &ret->c->params, &ret->maps, err);
}

/* ---- roots ---- */
/* A namespace of our own, so that nobody sees what is mounted for a container at rest, and all of it goes with us. */
static int leave_namespace(struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return fail_errno(err, "make a mount namespace");
	return mount_set_propagation("/", MS_PRIVATE, true, err);
}

static int source_of(struct engine *e, int root, const struct param_mount *m, char **ret, struct error *err)
{
	auto_volume v = {};

	if (streq(m->type, "bind"))
		return m->source ? str_set(ret, m->source, err) < 0 ? -1 : 1 : 0;
	if (!streq(m->type, "volume") || !m->source)
		return 0;
	int found = volume_find(e, m->source, &v, err);
	if (found <= 0)
		return found;
	if (str_empty(v.mountpoint))
		return fail(err, ERROR_STATE, "volume %s at %s is not mounted by its plugin %s: start the container, or run volume mount %s first",
			    v.name, m->destination, v.driver, v.name);
	if (!strv_has(&m->options, "nocopy") && !m->subpath)
		TRY(volume_copy_up(e, &v, root, m->destination, (struct volume_owner){}, err));
	TRY(str_printf(ret, err, "%s%s%s", v.mountpoint, m->subpath ? "/" : "", m->subpath ? m->subpath : ""));
	return 1;
}

static int note_made(struct place *p, const char *path, int mount, struct error *err)
{
	struct made_target *v = realloc(p->made, (p->n_made + 1) * sizeof(*v)), n = { .mount = fcntl(mount, F_DUPFD_CLOEXEC, 3) };

	if (!v || n.mount < 0)
		return fail_oom(err);
	p->made = v;
	n.parent = path_open_parent_in_root(p->root, path, (struct path_parent){}, n.name, err);
	v[p->n_made++] = n;
	return n.parent < 0 ? -1 : 0;
}

static int mount_one(struct engine *e, struct place *p, const struct param_mount *m, struct error *err)
{
	autofree char *source = NULL;
	struct stat st;
	int has = source_of(e, p->root, m, &source, err);

	if (has <= 0)
		return has;
	autoclose int tree = mount_clone(AT_FDCWD, source, true, err);
	if (tree < 0 || fstat(tree, &st) < 0)
		return fail_wrap(err, "mount %s", m->destination);
	if (strv_has(&m->options, "ro")) {
		struct mount_attrs a = MOUNT_ATTRS_INIT;
		a.set = MOUNT_ATTR_RDONLY;
		TRY(mount_set_attrs(tree, a, err));
	}
	bool made = false;
	autoclose int target = path_make_target_in_root(p->root, m->destination, S_ISDIR(st.st_mode), 0, &made, err);
	if (target < 0 || mount_attach(tree, target, err) < 0)
		return -1;
	return made ? note_made(p, m->destination, tree, err) : 0;
}

/* The shallower ones first: "/a" below "/a/b". */
static int by_depth(const void *a, const void *b)
{
	const struct param_mount *const *x = a, *const *y = b;
	size_t m = strlen((*x)->destination), n = strlen((*y)->destination);

	return (m > n) - (m < n);
}

static int mount_all(struct engine *e, struct place *p, struct error *err)
{
	const struct list *mounts = &p->c->params.storage.mounts;
	autofree const struct param_mount **sorted = calloc(mounts->n + 1, sizeof(*sorted));

	if (!sorted)
		return fail_oom(err);
	for (size_t i = 0; i < mounts->n; i++)
		sorted[i] = &((const struct param_mount *)mounts->v)[i];
	qsort(sorted, mounts->n, sizeof(*sorted), by_depth);
	for (size_t i = 0; i < mounts->n; i++)
		TRY(mount_one(e, p, sorted[i], err));
	return 0;
}

static int attach_resting(struct engine *e, struct place *p, int tree, struct error *err)
{
	autofree char *dir = NULL, *at = NULL;

	TRY(ctr_run_dir(p->c, &dir, err));
	TRY(str_printf(&at, err, "%s/cp", dir));
	TRY(file_mkdirs(AT_FDCWD, at, 0700, err));
	autoclose int target = open(at, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return fail_errno(err, "open %s", at);
	TRY(mount_attach(tree, target, err));
	p->root = open(at, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->root < 0)
		return fail_errno(err, "open %s", at);
	return mount_all(e, p, err);
}

static bool is_resting(const struct place *p)
{
	return p->c && !(CONTAINER_STATE_BIT(p->c->at.status.state) & CONTAINER_STATE_ALIVE);
}

/* *ret_tree: the root of a container at rest, mounted nowhere yet. */
static int open_root(struct engine *e, struct place *p, int *ret_tree, struct error *err)
{
	struct store *s;

	if (!p->c) {
		p->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		return p->root < 0 ? fail_errno(err, "open /") : 0;
	}
	TRY(engine_store(e, &s, err));
	return store_rootfs_view(s, &p->c->at, is_resting(p) ? ret_tree : &p->root, err);
}

/* The roots are opened first: the store mounts where it is known, which is the namespace we leave. */
int place_enter(struct engine *e, struct place *from, struct place *to, struct error *err)
{
	bool same = from->c && to->c && streq(from->c->id, to->c->id);
	autoclose int a = -1, b = -1;

	TRY(open_root(e, from, &a, err));
	if (!same)
		TRY(open_root(e, to, &b, err));
	if (a >= 0 || b >= 0)
		TRY(leave_namespace(err));
	if (a >= 0)
		TRY(attach_resting(e, from, a, err));
	if (b >= 0)
		TRY(attach_resting(e, to, b, err));
	if (same)
		to->root = fcntl(from->root, F_DUPFD_CLOEXEC, 3);
	return to->root < 0 ? fail_errno(err, "dup") : 0;
}

/* ---- paths ---- */
static int missing(const struct place *p, int errnum, struct error *err)
{
	const char *why = errnum == ENOENT ? "no such file or directory" : errnum == ENOTDIR ? "not a directory" : strerror(errnum);

	if (p->c)
		return fail(err, ERROR_NOT_FOUND, "\"%s\" could not be found on container %s: %s", p->path, p->given, why);
	return fail(err, ERROR_NOT_FOUND, "\"%s\" could not be found on the host: %s", p->path, why);
}

/* Absolute, below the container's working directory or ours. Slashes and dots at the end stay. */
static int absolute(const struct place *p, char **ret, struct error *err)
{
	if (*p->path == '/')
		return str_set(ret, p->path, err);
	if (p->c) {
		const char *dir = p->c->params.process.workdir;
		return str_printf(ret, err, "/%s/%s", str_empty(dir) ? "" : dir, p->path);
	}
	autofree char *cwd = getcwd(NULL, 0);
	if (!cwd)
		return fail_errno(err, "current directory");
	return str_printf(ret, err, "%s/%s", cwd, p->path);
}

/* Cuts "/" and "/." off the end: 1 when there was a dot. */
static bool trim(char *path)
{
	bool dot = false;
	size_t n = strlen(path);

	for (;;) {
		if (n > 1 && path[n - 1] == '/')
			n--;
		else if (n >= 2 && path[n - 1] == '.' && path[n - 2] == '/')
			n -= n > 2 ? 2 : 1, dot = true;
		else
			break;
		path[n] = '\0';
	}
	return dot;
}

static int set_root(struct place *p, struct error *err)
{
	p->dir = fcntl(p->root, F_DUPFD_CLOEXEC, 3);
	if (p->dir < 0)
		return fail_errno(err, "dup");
	snprintf(p->name, sizeof(p->name), ".");
	p->is_root = true;
	return str_set(&p->dir_path, "/", err);
}

/* One step of canonical(): `name` below the resolved path `done`. A link's text is put in front of *rest. */
static int step(const struct place *p, struct buf *done, const char *name, char **rest, struct error *err)
{
	autofree char *text = NULL, *longer = NULL;
	struct error ignored;
	autoclose int dir = path_open_in_root(p->root, done->len ? done->data : "/",
					      (struct path_open){ .oflags = O_PATH | O_DIRECTORY }, &ignored);

	if (dir < 0 || path_readlink(dir, name, &text, &ignored) < 0) {
		buf_addf(done, "/%s", name);
		return 0;
	}
	TRY(str_printf(&longer, err, "%s/%s", text, *rest));
	if (*text == '/')
		buf_truncate(done, 0);
	free(*rest);
	*rest = take_ptr(longer);
	return 1;
}

static void pop(struct buf *done)
{
	const char *slash = done->len ? strrchr(done->data, '/') : NULL;

	buf_truncate(done, slash ? (size_t)(slash - done->data) : 0);
}

/* The path without links and dots, as far as it exists. Only a name for what is opened afterwards inside the root. */
static int canonical(const struct place *p, const char *path, char **ret, struct error *err)
{
	auto_buf done = BUF_INIT(PATH_MAX);
	autofree char *rest = strdup(path);
	int links = 0;

	while (rest && *rest) {
		size_t skip = strspn(rest, "/"), n = strcspn(rest + skip, "/");
		char name[NAME_MAX + 1];
		if (n > NAME_MAX)
			return missing(p, ENAMETOOLONG, err);
		memcpy(name, rest + skip, n);
		name[n] = '\0';
		memmove(rest, rest + skip + n, strlen(rest + skip + n) + 1);
		if (!n || streq(name, "."))
			continue;
		if (streq(name, "..")) {
			pop(&done);
			continue;
		}
		int link = step(p, &done, name, &rest, err);
		TRY(link);
		links += link;
		if (links > LINKS_MAX)
			return missing(p, ELOOP, err);
	}
	if (!rest)
		return fail_oom(err);
	if (buf_ok(&done, "path", err) < 0)
		return missing(p, ENAMETOOLONG, err);
	return str_set(ret, done.len ? done.data : "/", err);
}

/* One look at `path`: parent and name, or the root itself. */
static int look(struct place *p, const char *path, struct error *err)
{
	struct error why;

	close_p(&p->dir);
	p->dir = path_open_parent_in_root(p->root, path, (struct path_parent){}, p->name, &why);
	if (p->dir < 0 && why.errnum == EISDIR)
		return set_root(p, err);
	if (p->dir < 0)
		return missing(p, why.errnum, err);
	size_t n = (size_t)(strrchr(path, '/') - path);
	free(take_ptr(p->dir_path));
	return str_printf(&p->dir_path, err, "%.*s", n ? (int)n : 1, path);
}

static int find(struct place *p, struct error *err)
{
	autofree char *path = NULL, *real = NULL;
	struct stat st;

	TRY(absolute(p, &path, err));
	size_t len = strlen(path);
	bool slash = path[len - 1] == '/', dot = trim(path);
	TRY(canonical(p, path, &real, err));
	TRY(look(p, real, err));
	p->contents = dot || p->is_root;
	p->exists = fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	p->is_dir = p->exists && S_ISDIR(st.st_mode);
	if (p->exists && !p->is_dir && (slash || dot))
		return missing(p, ENOTDIR, err);
	return slash && !p->exists ? missing(p, ENOENT, err) : 0;
}

int place_find_source(struct place *p, struct error *err)
{
	if (p->c && strchr(p->path, '*'))
		return missing(p, ENOENT, err);
	TRY(find(p, err));
	return p->exists ? 0 : missing(p, ENOENT, err);
}

int place_find_target(struct place *p, struct error *err)
{
	struct stat st;

	if (p->c && strchr(p->path, '*'))
		return missing(p, ENOENT, err);
	if (!p->c && stat(p->path, &st) == 0 && !S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return fail(err, ERROR_INVALID, "invalid destination: \"%s\" must be a directory or a regular file", p->path);
	return find(p, err);
}

int place_open_dir(const struct place *p, struct error *err)
{
	int fd = openat(p->dir, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? fail_errno(err, "open \"%s\"", p->path) : fd;
}
