/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/layer-tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/str.h"
#include "image/tar.h"
#include "os/file.h"
#include "os/path.h"

enum { DATA_MAX = 1 << 20, HEADER_MAX = 4 << 20, DEPTH_MAX = 1024, ATTRIBUTES_MAX = 64, ATTRIBUTE_BYTES_MAX = 65536 };
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

struct linked {
	uint64_t ino;
	char *name;
};

struct packer {
	struct layer_tar *t;
	struct sha256 hash;
	struct buf head;             /* headers and padding on their way */
	char *data;                  /* DATA_MAX bytes */
	struct buf path;             /* of the entry, relative */
	struct linked *links;        /* open addressing, ino 0: free */
	size_t n_links, cap_links;
	int depth;
};

static void packer_done(struct packer *p)
{
	for (size_t i = 0; i < p->cap_links; i++)
		free(p->links[i].name);
	free(p->links);
	free(p->data);
	buf_done(&p->head);
	buf_done(&p->path);
}

/* ---- bytes ---- */
static int put(struct packer *p, const void *data, size_t len, struct error *err)
{
	sha256_add(&p->hash, data, len);
	p->t->size += (int64_t)len;
	return p->t->out < 0 ? 0 : file_write_all(p->t->out, data, len, err);
}

static int flush_head(struct packer *p, struct error *err)
{
	TRY(buf_ok(&p->head, "tar header", err));
	int r = put(p, p->head.data, p->head.len, err);
	buf_truncate(&p->head, 0);
	return r;
}

/* ---- files with several names ---- */
static struct linked *find_link(struct packer *p, uint64_t ino)
{
	size_t i = (ino * UINT64_C(0x9e3779b97f4a7c15)) & (p->cap_links - 1);

	while (p->links[i].ino && p->links[i].ino != ino)
		i = (i + 1) & (p->cap_links - 1);
	return &p->links[i];
}

static int grow_links(struct packer *p, struct error *err)
{
	struct linked *old = p->links;
	size_t n = p->cap_links;

	p->cap_links = n ? n * 2 : 64;
	p->links = calloc(p->cap_links, sizeof(*p->links));
	if (!p->links) {
		p->links = old;
		p->cap_links = n;
		return fail_oom(err);
	}
	for (size_t i = 0; i < n; i++)
		if (old[i].ino)
			*find_link(p, old[i].ino) = old[i];
	free(old);
	return 0;
}

/* 1: it was met before, *ret is its first name. */
static int meet_link(struct packer *p, uint64_t ino, const char *name, const char **ret, struct error *err)
{
	if (p->n_links * 2 >= p->cap_links)
		TRY(grow_links(p, err));
	struct linked *l = find_link(p, ino);
	if (l->ino) {
		*ret = l->name;
		return 1;
	}
	l->name = strdup(name);
	if (!l->name)
		return fail_oom(err);
	l->ino = ino;
	p->n_links++;
	return 0;
}

/* ---- attributes ---- */
static bool is_kept(const char *name)
{
	return (str_after(name, "user.") && !str_after(name, "user.overlay.")) || streq(name, "security.capability");
}

struct attributes {
	struct tar_xattr v[ATTRIBUTES_MAX];
	size_t n;
	char list[ATTRIBUTE_BYTES_MAX];
};

static void attributes_clear(struct attributes *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i].value);
	a->n = 0;
}

static int read_attribute(int fd, const char *name, struct attributes *a, struct error *err)
{
	char value[ATTRIBUTE_BYTES_MAX];
	ssize_t n = fgetxattr(fd, name, value, sizeof(value));

	if (n < 0)
		return errno == ENODATA ? 0 : fail_errno(err, "read attribute %s", name);
	if (a->n == ATTRIBUTES_MAX)
		return fail(err, ERROR_UNSUPPORTED, "more than %d extended attributes", ATTRIBUTES_MAX);
	char *copy = malloc((size_t)n + 1);
	if (!copy)
		return fail_oom(err);
	memcpy(copy, value, (size_t)n);
	copy[n] = '\0';
	a->v[a->n++] = (struct tar_xattr){ .name = (char *)name, .value = copy, .len = (size_t)n };
	return 0;
}

static int compare_xattrs(const void *a, const void *b)
{
	return strcmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

static int read_attributes(int fd, struct attributes *a, struct error *err)
{
	ssize_t n = flistxattr(fd, a->list, sizeof(a->list));

	a->n = 0;
	if (n <= 0)
		return n == 0 || errno == ENOTSUP || errno == EOPNOTSUPP ? 0 : fail_errno(err, "list attributes");
	for (char *name = a->list; name < a->list + n; name += strlen(name) + 1)
		if (is_kept(name))
			TRY(read_attribute(fd, name, a, err));
	qsort(a->v, a->n, sizeof(*a->v), compare_xattrs);
	return 0;
}

static bool is_opaque(int dir)
{
	char value[2];

	return (fgetxattr(dir, "trusted.overlay.opaque", value, sizeof(value)) >= 1 && value[0] == 'y') ||
	       (fgetxattr(dir, "user.overlay.opaque", value, sizeof(value)) >= 1 && value[0] == 'y');
}

/* ---- entries ---- */
static int64_t entry_time(const struct packer *p, const struct stat *st)
{
	int64_t s = st->st_mtim.tv_sec;

	if (p->t->clamp && s > p->t->latest)
		s = p->t->latest;
	if (s < 0)
		s = 0;
	return s * INT64_C(1000000000);
}

static struct tar_entry make_entry(const struct packer *p, enum tar_type type, const struct stat *st)
{
	return (struct tar_entry){ .type = type, .name = p->path.data, .link = (char *)"", .mode = st->st_mode & 07777,
				   .uid = st->st_uid, .gid = st->st_gid, .mtime_ns = entry_time(p, st) };
}

static int put_header(struct packer *p, const struct tar_entry *e, struct error *err)
{
	p->t->entries++;
	TRY(tar_write_header(&p->head, e, err));
	return p->head.len > DATA_MAX ? flush_head(p, err) : 0;
}

static int put_data(struct packer *p, int fd, int64_t size, struct error *err)
{
	int64_t left = size;

	TRY(flush_head(p, err));
	while (left > 0) {
		ssize_t n = file_read_full(fd, p->data, left < DATA_MAX ? (size_t)left : DATA_MAX, err);
		if (n < 0)
			return -1;
		if (n == 0)
			return fail(err, ERROR_STATE, "the file became shorter while it was read");
		TRY(put(p, p->data, (size_t)n, err));
		left -= n;
	}
	tar_write_padding(&p->head, size);
	return 0;
}

static int put_file(struct packer *p, int dir, const char *name, const struct stat *st, struct error *err)
{
	struct tar_entry e = make_entry(p, TAR_FILE, st);
	struct attributes a;
	const char *first = NULL;

	if (st->st_nlink > 1) {
		int met = meet_link(p, st->st_ino, p->path.data, &first, err);
		if (met < 0)
			return -1;
		if (met) {
			e.type = TAR_HARDLINK;
			e.link = (char *)first;
			return put_header(p, &e, err);
		}
	}
	autoclose int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "open");
	TRY(read_attributes(fd, &a, err));
	e.size = e.stored = st->st_size;
	e.xattrs = a.v;
	e.n_xattrs = a.n;
	int r = put_header(p, &e, err);
	attributes_clear(&a);
	p->t->bytes += st->st_size;
	return r < 0 ? -1 : st->st_size ? put_data(p, fd, st->st_size, err) : 0;
}

static int put_symlink(struct packer *p, int dir, const char *name, const struct stat *st, struct error *err)
{
	struct tar_entry e = make_entry(p, TAR_SYMLINK, st);
	autofree char *target = NULL;

	TRY(path_readlink(dir, name, &target, err));
	e.link = target;
	e.mode = 0777;
	return put_header(p, &e, err);
}

static int put_whiteout(struct packer *p, const char *name, const struct stat *st, struct error *err)
{
	struct stat plain = *st;

	plain.st_mode = 0;
	buf_truncate(&p->path, p->path.len - strlen(name));
	buf_addf(&p->path, WHITEOUT "%s", name);
	TRY(buf_ok(&p->path, "path", err));
	struct tar_entry e = make_entry(p, TAR_FILE, &plain);
	e.uid = e.gid = 0;
	e.mtime_ns = 0;   /* when something was removed is nobody's content */
	return put_header(p, &e, err);
}

static int put_node(struct packer *p, const char *name, const struct stat *st, struct error *err)
{
	struct tar_entry e = make_entry(p, S_ISCHR(st->st_mode) ? TAR_CHAR : S_ISBLK(st->st_mode) ? TAR_BLOCK_DEVICE : TAR_FIFO,
					st);

	if (S_ISSOCK(st->st_mode))
		return 0;
	if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0))
		return put_whiteout(p, name, st, err);
	e.major = S_ISFIFO(st->st_mode) ? 0 : major(st->st_rdev);
	e.minor = S_ISFIFO(st->st_mode) ? 0 : minor(st->st_rdev);
	return put_header(p, &e, err);
}

static int walk(struct packer *p, int dir, struct error *err);

static int put_directory(struct packer *p, int dir, const char *name, const struct stat *st, struct error *err)
{
	struct attributes a;
	autoclose int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(err, "open");
	buf_add_char(&p->path, '/');
	TRY(buf_ok(&p->path, "path", err));
	TRY(read_attributes(fd, &a, err));
	struct tar_entry e = make_entry(p, TAR_DIRECTORY, st);
	e.xattrs = a.v;
	e.n_xattrs = a.n;
	int r = put_header(p, &e, err);
	attributes_clear(&a);
	if (r < 0)
		return -1;
	if (is_opaque(fd)) {
		struct stat plain = { .st_mode = 0 };
		size_t len = p->path.len;
		buf_add_str(&p->path, OPAQUE);
		TRY(buf_ok(&p->path, "path", err));
		struct tar_entry mark = make_entry(p, TAR_FILE, &plain);
		TRY(put_header(p, &mark, err));
		buf_truncate(&p->path, len);
	}
	if (++p->depth > DEPTH_MAX)
		return fail(err, ERROR_UNSUPPORTED, "directories are nested more than %d deep", DEPTH_MAX);
	r = walk(p, fd, err);
	p->depth--;
	return r;
}

static int put_entry(struct packer *p, int dir, const char *name, struct error *err)
{
	struct stat st;
	size_t len = p->path.len;

	buf_add_str(&p->path, name);
	TRY(buf_ok(&p->path, "path", err));
	int r = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? fail_errno(err, "stat") :
		S_ISREG(st.st_mode)				 ? put_file(p, dir, name, &st, err) :
		S_ISDIR(st.st_mode)				 ? put_directory(p, dir, name, &st, err) :
		S_ISLNK(st.st_mode)				 ? put_symlink(p, dir, name, &st, err) :
								   put_node(p, name, &st, err);
	if (r < 0 && p->depth == 0)
		return fail_wrap(err, "/%s", p->path.data ? p->path.data : name);
	if (r >= 0)
		buf_truncate(&p->path, len);
	return r;
}

static int list_names(int dir, struct strv *names, struct error *err)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	int r = 0;

	if (!d) {
		close_p(&copy);
		return fail_errno(err, "open directory");
	}
	while (r >= 0 && (errno = 0, e = readdir(d)))
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			r = strv_add(names, e->d_name, err);
	if (r >= 0 && errno)
		r = fail_errno(err, "read directory");
	closedir(d);
	strv_sort(names);
	return r;
}

static int walk(struct packer *p, int dir, struct error *err)
{
	auto_strv names = {};

	TRY(list_names(dir, &names, err));
	for (size_t i = 0; i < names.n; i++)
		TRY(put_entry(p, dir, names.v[i], err));
	return 0;
}

int layer_tar_make(struct layer_tar *t, struct error *err)
{
	CLEANUP(packer_done) struct packer p = { .t = t, .head = BUF_INIT(HEADER_MAX), .path = BUF_INIT(PATH_MAX * 4),
						 .data = malloc(DATA_MAX) };

	if (!p.data)
		return fail_oom(err);
	t->size = t->entries = t->bytes = 0;
	sha256_init(&p.hash);
	TRY(walk(&p, t->tree, err));
	tar_write_end(&p.head);
	TRY(flush_head(&p, err));
	sha256_end_text(&p.hash, t->digest);
	return 0;
}
