/* SPDX-License-Identifier: Apache-2.0
 * engine/tree-pack.c - walks a tree once: header and data into the stream, the same entry into the copy. */
#include "engine/tree-pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/units.h"
#include "engine/tree-pack-internal.h"
#include "os/file.h"
#include "os/idmap.h"
#include "os/overlay-marks.h"
#include "store/rootfs.h"

enum { PIECE_MAX = 131072 };

/* ---- the stream ---- */
static int put(struct pack *p, const void *bytes, size_t len, struct error *err)
{
	p->how->ret_bytes += (int64_t)len;
	if (p->how->hash)
		sha256_add(p->how->hash, bytes, len);
	if (p->how->out < 0 || !len)
		return 0;
	return file_write_all(p->how->out, bytes, len, err);
}

static int put_header(struct pack *p, struct tar_entry *e, struct error *err)
{
	auto_buf b = BUF_INIT(TAR_SPECIAL_MAX * 2);

	TRY(tar_write_header(&b, e, err));
	p->how->ret_entries++;
	return put(p, b.data, b.len, err);
}

static int put_zeros(struct pack *p, int64_t n, struct error *err)
{
	static const char zeros[16384];

	for (; n > 0; n -= (int64_t)sizeof(zeros))
		TRY(put(p, zeros, n < (int64_t)sizeof(zeros) ? (size_t)n : sizeof(zeros), err));
	return 0;
}

/* Through our own memory, because the bytes are hashed. */
static int put_hashed(struct pack *p, int fd, const char *name, int64_t size, struct error *err)
{
	off_t at = 0;

	while (at < size) {
		ssize_t n = pread(fd, p->piece, size - at < PIECE_MAX ? (size_t)(size - at) : PIECE_MAX, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(err, "read %s", name);
		if (n == 0)
			break;
		TRY(put(p, p->piece, (size_t)n, err));
		at += n;
	}
	return put_zeros(p, size - at + (-size & (TAR_BLOCK - 1)), err);
}

/* Exactly `size` bytes of the file, whatever happens to it meanwhile. */
static int put_data(struct pack *p, int fd, const char *name, int64_t size, struct error *err)
{
	off_t at = 0;
	bool slow = false;

	if (!p->piece && !(p->piece = malloc(PIECE_MAX)))   /* on the stack it would be zeroed for each file */
		return fail_oom(err);
	if (p->how->hash)
		return put_hashed(p, fd, name, size, err);
	while (at < size && p->how->out >= 0) {
		size_t want = size - at > (1 << 20) ? 1 << 20 : (size_t)(size - at);
		ssize_t n = slow ? pread(fd, p->piece, want < PIECE_MAX ? want : PIECE_MAX, at) :
				   sendfile(p->how->out, fd, &at, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && !slow && (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
			slow = true;
			continue;
		}
		if (n < 0)
			return fail_errno(err, "read %s", name);
		if (n == 0)
			break;
		if (slow) {
			TRY(file_write_all(p->how->out, p->piece, (size_t)n, err));
			at += n;
		}
	}
	p->how->ret_bytes += p->how->out < 0 ? size : at;
	return put_zeros(p, (p->how->out < 0 ? 0 : size - at) + (-size & (TAR_BLOCK - 1)), err);
}

/* ---- attributes ---- */
static bool is_carried(const char *name)
{
	return streq(name, "security.capability") || streq(name, "system.posix_acl_access") ||
	       streq(name, "system.posix_acl_default") ||
	       (str_after(name, "user.") && !str_after(name, "user.overlay."));
}

static int add_xattr(struct entry *e, const char *name, const char *value, size_t len, struct error *err)
{
	struct tar_xattr *v = realloc(e->tar.xattrs, (e->tar.n_xattrs + 1) * sizeof(*v));
	struct tar_xattr x = { .len = len };

	if (!v)
		return fail_oom(err);
	e->tar.xattrs = v;
	x.name = strdup(name);
	x.value = malloc(len + 1);
	v[e->tar.n_xattrs++] = x;   /* owned by the entry now */
	if (!x.name || !x.value)
		return fail_oom(err);
	memcpy(x.value, value, len);
	x.value[len] = '\0';
	return 0;
}

static int read_all_xattrs(struct entry *e, int fd, struct error *err)
{
	char names[8192], value[65536];
	auto_strv sorted = {};
	ssize_t n = flistxattr(fd, names, sizeof(names));

	for (char *at = names; n > 0 && at < names + n; at += strlen(at) + 1)
		if (is_carried(at))
			TRY(strv_add(&sorted, at, err));
	strv_sort(&sorted);
	for (size_t i = 0; i < sorted.n; i++) {
		ssize_t len = fgetxattr(fd, sorted.v[i], value, sizeof(value));
		if (len >= 0)
			TRY(add_xattr(e, sorted.v[i], value, (size_t)len, err));
	}
	return 0;
}

/* Most have none: the buffers, which are zeroed, cost more than to ask. */
static int read_xattrs(struct entry *e, int fd, struct error *err)
{
	return flistxattr(fd, NULL, 0) > 0 ? read_all_xattrs(e, fd, err) : 0;
}

void pack_entry_done(struct entry *e)
{
	for (size_t i = 0; i < e->tar.n_xattrs; i++) {
		free(e->tar.xattrs[i].name);
		free(e->tar.xattrs[i].value);
	}
	free(e->tar.xattrs);
	free(e->name);
	free(e->link);
	close_p(&e->fd);
}

/* ---- what an entry says ---- */
static int set_owner(const struct pack *p, const struct stat *st, struct entry *e, struct error *err)
{
	const struct tree_pack *h = p->how;
	uint32_t uid = st->st_uid, gid = st->st_gid;

	if (h->set_owner) {
		uid = h->uid;
		gid = h->gid;
	} else if (h->maps) {
		bool mapped = idmap_to_inside(&h->maps->uids, st->st_uid, &uid) && idmap_to_inside(&h->maps->gids, st->st_gid, &gid);
		if (!mapped && !h->maps_part)
			return fail(err, ERROR_INVALID, "%s belongs to %u:%u, which the container's user namespace does not map",
				    e->name, st->st_uid, st->st_gid);
	}
	e->tar.uid = uid;
	e->tar.gid = gid;
	return 0;
}

static void set_time(const struct pack *p, const struct stat *st, struct entry *e)
{
	int64_t ns = st->st_mtim.tv_sec * NSEC_PER_SEC;   /* whole seconds, as every builder writes them */

	e->mtime = st->st_mtim;
	if (p->how->times == PACK_TIMES_SET || (p->how->times == PACK_TIMES_CLAMP && ns > p->how->time_ns)) {
		ns = p->how->time_ns;
		e->mtime = (struct timespec){ .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };
	}
	e->tar.mtime_ns = ns - ns % NSEC_PER_SEC;
}

static enum tar_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return TAR_DIRECTORY;
	case S_IFLNK: return TAR_SYMLINK;
	case S_IFCHR: return TAR_CHAR;
	case S_IFBLK: return TAR_BLOCK_DEVICE;
	case S_IFIFO: return TAR_FIFO;
	default: return TAR_FILE;
	}
}

static int read_link(int dir, const char *name, struct entry *e, struct error *err)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(dir, name, text, sizeof(text) - 1);

	if (n < 0)
		return fail_errno(err, "read link %s", e->name);
	text[n] = '\0';
	return str_set(&e->link, text, err);
}

/* Opened only when it is what stat said: a FIFO or device put in its place meanwhile is not touched. */
static int open_entry(int dir, const char *name, struct entry *e, struct error *err)
{
	struct stat now;
	int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (S_ISDIR(e->st.st_mode) ? O_DIRECTORY : 0);

	e->fd = openat(dir, name, flags);
	if (e->fd < 0 || fstat(e->fd, &now) < 0)
		return fail_errno(err, "open %s", e->name);
	if (now.st_ino != e->st.st_ino || now.st_dev != e->st.st_dev)
		return fail(err, ERROR_STATE, "%s was replaced while it was read", e->name);
	e->st = now;
	return 0;
}

int pack_describe(struct pack *p, int dir, const char *name, struct entry *e, struct error *err)
{
	static char none[] = "";   /* outlives this call, as a compound literal would not */

	e->tar.type = type_of(e->st.st_mode);
	if (S_ISLNK(e->st.st_mode))
		TRY(read_link(dir, name, e, err));
	if (S_ISREG(e->st.st_mode) || S_ISDIR(e->st.st_mode)) {
		TRY(open_entry(dir, name, e, err));
		TRY(read_xattrs(e, e->fd, err));
	}
	e->tar.name = e->name;
	e->tar.link = e->link ? e->link : none;
	e->tar.mode = e->st.st_mode & 07777;
	if (S_ISLNK(e->st.st_mode))
		e->tar.mode = 0777;
	if (S_ISCHR(e->st.st_mode) || S_ISBLK(e->st.st_mode)) {
		e->tar.major = major(e->st.st_rdev);
		e->tar.minor = minor(e->st.st_rdev);
	}
	if (S_ISREG(e->st.st_mode))
		e->tar.size = e->tar.stored = e->st.st_size;
	set_time(p, &e->st, e);
	return set_owner(p, &e->st, e, err);
}

/* ---- overlay ---- */
/* Times and owners of marks say nothing, so they are always the same. */
static int put_mark(struct pack *p, const char *path, const char *name, struct error *err)
{
	autofree char *text = NULL;
	struct tar_entry e = { .type = TAR_FILE, .link = (char[]){ "" } };

	TRY(str_printf(&text, err, "%s.wh.%s", path, name));
	e.name = text;
	return put_header(p, &e, err);
}

/* ---- hard links ---- */
static int grow_links(struct pack *p, struct error *err)
{
	size_t cap = p->links_cap ? p->links_cap * 2 : 64;
	struct pack_link *v = calloc(cap, sizeof(*v));

	if (!v)
		return fail_oom(err);
	for (size_t i = 0; i < p->links_cap; i++) {
		if (!p->links[i].name)
			continue;
		size_t at = (p->links[i].ino * UINT64_C(0x9e3779b97f4a7c15)) & (cap - 1);
		while (v[at].name)
			at = (at + 1) & (cap - 1);
		v[at] = p->links[i];
	}
	free(p->links);
	p->links = v;
	p->links_cap = cap;
	return 0;
}

/* 1: the object was met before and e is a link to that name; 0: it is noted now. */
static int find_link(struct pack *p, struct entry *e, struct error *err)
{
	if (p->n_links * 2 >= p->links_cap)
		TRY(grow_links(p, err));
	size_t at = (e->st.st_ino * UINT64_C(0x9e3779b97f4a7c15)) & (p->links_cap - 1);
	for (; p->links[at].name; at = (at + 1) & (p->links_cap - 1)) {
		if (p->links[at].ino != e->st.st_ino || p->links[at].dev != e->st.st_dev)
			continue;
		TRY(str_set(&e->link, p->links[at].name, err));
		return 1;
	}
	p->links[at] = (struct pack_link){ e->st.st_dev, e->st.st_ino, strdup(e->name) };
	p->n_links++;
	return p->links[at].name ? 0 : fail_oom(err);
}

/* ---- entries ---- */
static int put_entry(struct pack *p, struct entry *e, struct error *err)
{
	TRY(put_header(p, &e->tar, err));
	return e->tar.type == TAR_FILE ? put_data(p, e->fd, e->name, e->tar.stored, err) : 0;
}

static int pack_object(struct pack *p, const struct pack_level *l, const char *name, struct entry *e, struct error *err)
{
	int linked = e->st.st_nlink > 1 ? find_link(p, e, err) : 0;

	TRY(linked);
	if (linked) {
		e->tar.type = TAR_HARDLINK;
		e->tar.link = e->link;
		e->tar.size = e->tar.stored = 0;
		e->tar.n_xattrs = 0;
		TRY(put_header(p, &e->tar, err));
		return pack_copy_link(p, l, name, e, err);
	}
	TRY(pack_copy_object(p, l, name, e, err));   /* first: what is sent is what was copied */
	return put_entry(p, e, err);
}

static int pack_directory(struct pack *p, const struct pack_level *l, const char *name, struct entry *e, struct error *err)
{
	struct pack_level below = { .from = e->fd, .to = -1, .path = e->name, .dev = e->st.st_dev };
	bool opaque = p->how->overlay && opaque_is(e->fd);
	autoclose int to = -1;

	TRY(put_header(p, &e->tar, err));
	if (opaque)
		TRY(put_mark(p, e->name, ".wh..opq", err));
	if (p->how->to >= 0)
		TRY(pack_copy_directory(l, name, &to, err));
	below.to = to;
	if (!p->how->one_fs || e->st.st_dev == l->dev)
		TRY(pack_level(p, &below, err));
	return pack_finish_directory(p, &below, e, opaque, err);
}

/* ---- only what changed ---- */
/* The first change whose path is not before `path`. */
static size_t find_change(const struct rootfs_changes *c, const char *path)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (strcmp(c->v[mid].path, path) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Whether an entry is a change, or a directory with changes below. */
static int is_wanted(const struct pack *p, const struct pack_level *l, const char *name, struct error *err)
{
	const struct rootfs_changes *only = p->how->only;
	autofree char *path = NULL;

	if (!only)
		return 1;
	TRY(str_printf(&path, err, "/%s%s/", l->path, name));
	size_t len = strlen(path);
	size_t below = find_change(only, path);
	if (below < only->n && strncmp(only->v[below].path, path, len) == 0)
		return 1;
	path[len - 1] = '\0';
	size_t at = find_change(only, path);
	return at < only->n && streq(only->v[at].path, path) && only->v[at].kind != ROOTFS_DELETED;
}

/* Names of this directory that were deleted, sorted. */
static int list_deletions(struct pack *p, const struct pack_level *l, struct strv *ret, struct error *err)
{
	const struct rootfs_changes *only = p->how->only;
	autofree char *dir = NULL;

	TRY(str_printf(&dir, err, "/%s", l->path));
	for (size_t i = find_change(only, dir); i < only->n && str_after(only->v[i].path, dir); i++) {
		const char *name = str_after(only->v[i].path, dir);
		if (only->v[i].kind == ROOTFS_DELETED && !strchr(name, '/'))
			TRY(strv_add(ret, name, err));
	}
	strv_sort(ret);
	return 0;
}

static int pack_deletion(struct pack *p, const struct pack_level *l, const char *name, struct error *err)
{
	TRY(put_mark(p, l->path, name, err));
	return pack_copy_whiteout(p, l, name, err);
}

static bool is_skipped(const struct pack *p, const struct pack_level *l, const char *name, const struct stat *st)
{
	char path[TAR_NAME_MAX];

	if (!p->how->skip || !p->how->skip->n)
		return false;
	if ((size_t)snprintf(path, sizeof(path), "/%s%s", l->path + p->prefix_len, name) >= sizeof(path) ||
	    !strv_has(p->how->skip, path))
		return false;
	return S_ISREG(st->st_mode) ? st->st_size == 0 : S_ISDIR(st->st_mode) && pack_is_empty(l->from, name);
}

static int pack_entry(struct pack *p, const struct pack_level *l, const char *name, struct error *err)
{
	CLEANUP(pack_entry_done) struct entry e = { .fd = -1 };

	if (fstatat(l->from, name, &e.st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "%s%s", l->path, name);
	if (S_ISSOCK(e.st.st_mode) || is_skipped(p, l, name, &e.st))
		return p->how->in_place ? pack_drop(l, name, err) : 0;
	int wanted = is_wanted(p, l, name, err);
	if (wanted <= 0)
		return wanted;
	if (p->how->overlay && whiteout_is(l->from, name, &e.st)) {
		TRY(put_mark(p, l->path, name, err));
		return pack_copy_whiteout(p, l, name, err);
	}
	TRY(str_printf(&e.name, err, "%s%s%s", l->path, name, S_ISDIR(e.st.st_mode) ? "/" : ""));
	if (strlen(e.name) >= TAR_NAME_MAX)
		return fail(err, ERROR_INVALID, "%.100s...: the path is too long for an archive", e.name);
	TRY(pack_describe(p, l->from, name, &e, err));
	return S_ISDIR(e.st.st_mode) ? pack_directory(p, l, name, &e, err) : pack_object(p, l, name, &e, err);
}

static int list_names(int fd, struct strv *ret, struct error *err)
{
	DIR *d = file_stream(fd, ".");
	struct dirent *e;
	int r = 0;

	if (!d)
		return fail_errno(err, "read a directory");
	while (r == 0 && (errno = 0, e = readdir(d)))
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			r = strv_add(ret, e->d_name, err);
	if (r == 0 && errno)
		r = fail_errno(err, "read a directory");
	closedir(d);
	return r;
}

int pack_level(struct pack *p, const struct pack_level *l, struct error *err)
{
	auto_strv names = {}, gone = {};
	size_t k = 0;

	TRY(list_names(l->from, &names, err));
	strv_sort(&names);
	if (p->how->only)
		TRY(list_deletions(p, l, &gone, err));
	for (size_t i = 0; i < names.n; i++) {   /* in one order: so they come when the copy is packed again */
		for (; k < gone.n && strcmp(gone.v[k], names.v[i]) < 0; k++)
			TRY(pack_deletion(p, l, gone.v[k], err));
		TRY(pack_entry(p, l, names.v[i], err));
	}
	for (; k < gone.n; k++)
		TRY(pack_deletion(p, l, gone.v[k], err));
	return 0;
}

/* ---- the whole ---- */
static void pack_done(struct pack *p)
{
	for (size_t i = 0; i < p->links_cap; i++)
		free(p->links[i].name);
	free(p->links);
	free(p->piece);
}

static int put_end(struct pack *p, struct error *err)
{
	return put_zeros(p, 2 * TAR_BLOCK, err);
}

/* What every unpacker gives a root nobody describes needs no entry. */
static bool root_is_plain(const struct entry *e)
{
	return e->tar.mode == 0555 && e->tar.uid == 0 && e->tar.gid == 0 && !e->tar.n_xattrs;
}

int tree_pack(struct tree_pack *how, struct error *err)
{
	CLEANUP(pack_done) struct pack p = { .how = how };
	CLEANUP(pack_entry_done) struct entry root = { .fd = -1 };
	const char *prefix = how->prefix ? how->prefix : "";

	p.prefix_len = strlen(prefix);
	how->ret_bytes = how->ret_entries = 0;
	TRY(str_set(&root.name, *prefix ? prefix : "./", err));
	if (fstat(how->from, &root.st) < 0)
		return fail_errno(err, "stat");
	TRY(pack_describe(&p, how->from, ".", &root, err));
	if (how->root_entry || !root_is_plain(&root))
		TRY(put_header(&p, &root.tar, err));
	struct pack_level top = { .from = root.fd, .to = how->to, .path = prefix, .dev = root.st.st_dev };
	TRY(pack_level(&p, &top, err));
	TRY(pack_finish_directory(&p, &top, &root, false, err));
	return put_end(&p, err);
}

int tree_pack_one(struct tree_pack *how, const char *name, const char *as, struct error *err)
{
	CLEANUP(pack_done) struct pack p = { .how = how };
	CLEANUP(pack_entry_done) struct entry e = { .fd = -1 };

	how->ret_bytes = how->ret_entries = 0;
	TRY(str_set(&e.name, as, err));
	if (fstatat(how->from, name, &e.st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "%s", as);
	TRY(pack_describe(&p, how->from, name, &e, err));
	TRY(put_entry(&p, &e, err));
	return put_end(&p, err);
}
