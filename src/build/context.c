/* SPDX-License-Identifier: Apache-2.0
 * build/context.c - a context by what its text looks like: a row per kind, tried in order. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "build/containerfile.h"
#include "build/context-internal.h"
#include "os/file.h"
#include "os/path.h"

void build_context_done(struct build_context *c)
{
	close_p(&c->fd);
	free(c->name);
	free(c->path);
	free(c->image);
	free(c->containerfile);
	ignore_free(c->ignore);
	free(c->ignore_name);
	*c = (struct build_context)BUILD_CONTEXT_INIT;
}

int scratch_dir(const struct context_options *o, const char *prefix, char **ret_path, struct error *err)
{
	char name[64];

	TRY(file_make_temp_dir(o->scratch_fd, prefix, name, sizeof(name), err));
	autoclose int fd = openat(o->scratch_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "open %s/%s", o->scratch_path, name);
	if (fchmod(fd, 0755) < 0)   /* the scratch directory itself is closed to others */
		return fail_errno(err, "chmod %s/%s", o->scratch_path, name);
	if (ret_path)
		TRY(str_printf(ret_path, err, "%s/%s", o->scratch_path, name));
	return take_fd(fd);
}

int scratch_file(const struct context_options *o, struct error *err)
{
	int fd = openat(o->scratch_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	return fd < 0 ? fail_errno(err, "make a temporary file in %s", o->scratch_path) : fd;
}

bool is_http(const char *s)
{
	return str_after(s, "http://") || str_after(s, "https://");
}

int read_whole(int fd, const char *what, char **ret, size_t *ret_len, struct error *err)
{
	auto_buf text = BUF_INIT(CONTAINERFILE_BYTES_MAX);
	char block[16 << 10];
	ssize_t n;

	while ((n = file_read_full(fd, block, sizeof(block), err)) > 0)
		buf_add(&text, block, (size_t)n);
	if (n < 0)
		return fail_wrap(err, "%s", what);
	TRY(buf_ok(&text, what, err));
	*ret_len = text.len;
	*ret = buf_steal(&text);
	return *ret ? 0 : fail_oom(err);
}

/* ---- trees ---- */
static int set_tree(struct build_context *c, int fd, char *path, bool scratch)
{
	c->kind = CONTEXT_TREE;
	c->fd = fd;
	c->path = path;
	c->scratch = scratch;
	return 1;
}

/* An archive or, if it is none, a Containerfile. fd: seekable, at offset 0. */
static int open_file(const struct context_options *o, int fd, struct build_context *c, struct error *err)
{
	char *path = NULL;
	autoclose int tree = scratch_dir(o, "context-", &path, err);
	autofree char *owned = path;

	if (tree < 0)
		return -1;
	int unpacked = add_unpack(o, fd, c->name, tree, err);
	TRY(unpacked);
	set_tree(c, take_fd(tree), take_ptr(owned), true);
	if (unpacked)
		return 1;
	c->kind = CONTEXT_NONE;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "%s", c->name);
	TRY(read_whole(fd, c->name, &c->containerfile, &c->containerfile_len, err));
	return c->containerfile_len ? 1 : fail(err, ERROR_INVALID, "%s: no contents: want a tar archive or a Containerfile", c->name);
}

/* ---- kinds: 1 it is this one, 0 it is another ---- */
typedef int open_fn(const struct context_options *o, const char *spec, struct build_context *c, struct error *err);

static int open_stdin(const struct context_options *o, const char *spec, struct build_context *c, struct error *err)
{
	if (!streq(spec, "-"))
		return 0;
	if (o->named || o->stdin_fd < 0)
		return fail(err, ERROR_INVALID, "standard input cannot be a named context");
	TRY(str_set(&c->name, "standard input", err));
	autoclose int fd = scratch_file(o, err);
	if (fd < 0)
		return -1;
	if (file_copy_fd(o->stdin_fd, fd, NULL, err) < 0)
		return fail_wrap(err, "reading standard input");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "standard input");
	return open_file(o, fd, c, err);
}

static int open_image(const struct context_options *o, const char *spec, struct build_context *c, struct error *err)
{
	static const struct { const char *prefix; int kind; } kinds[] = {
		{ "docker-image://", CONTEXT_IMAGE }, { "container-image://", CONTEXT_IMAGE }, { "docker://", CONTEXT_IMAGE },
		{ "containers-storage:", CONTEXT_IMAGE }, { "oci-layout://", CONTEXT_OCI_LAYOUT }, { "oci-layout:", CONTEXT_OCI_LAYOUT },
	};

	for (size_t i = 0; o->named && i < ARRAY_LEN(kinds); i++) {
		const char *rest = str_after(spec, kinds[i].prefix);
		if (!rest)
			continue;
		if (!*rest)
			return fail(err, ERROR_INVALID, "%s names nothing", spec);
		c->kind = kinds[i].kind;
		TRY(str_set(&c->image, rest, err));
		return 1;
	}
	return 0;
}

static int open_git(const struct context_options *o, const char *spec, struct build_context *c, struct error *err)
{
	auto_git_address g = {};
	struct stat st;

	if (!strstr(spec, "://") && stat(spec, &st) == 0)   /* a directory that looks like HOST:PATH or X.git */
		return 0;
	int is = git_address_parse(spec, &g, err);
	if (is <= 0)
		return is;
	TRY(git_fetch(o, &g, &c->fd, &c->path, err));
	c->kind = CONTEXT_TREE;
	c->scratch = true;
	return 1;
}

static int open_url(const struct context_options *o, const char *spec, struct build_context *c, struct error *err)
{
	if (!is_http(spec))
		return strstr(spec, "://") ? fail(err, ERROR_INVALID, "context %s: unknown kind of address", spec) : 0;
	autoclose int fd = fetch_url(o, spec, NULL, err);
	return fd < 0 ? -1 : open_file(o, fd, c, err);
}

static int open_path(const struct context_options *o, const char *spec, struct build_context *c, struct error *err)
{
	struct stat st;
	autoclose int fd = open(*spec ? spec : ".", O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? fail(err, ERROR_NOT_FOUND, "no such context directory or file %s: no such file or directory", spec) :
			fail_errno(err, "context %s", spec);
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "context %s", spec);
	char *path = realpath(*spec ? spec : ".", NULL);
	if (S_ISDIR(st.st_mode))
		return set_tree(c, take_fd(fd), path, false);
	free(path);
	if (!S_ISREG(st.st_mode))
		return fail(err, ERROR_INVALID, "context %s is neither a directory nor a file", spec);
	autoclose int file = path_reopen(fd, O_RDONLY, err);
	if (file < 0)
		return fail_wrap(err, "context %s", spec);
	if (!looks_like_archive(file))
		return fail(err, ERROR_INVALID, "context must be a directory or a tar archive: %s (a Containerfile is named with -f)",
			    spec);
	return open_file(o, file, c, err);
}

int build_context_open(const struct context_options *o, const char *spec, struct build_context *ret, struct error *err)
{
	static open_fn *const kinds[] = { open_stdin, open_image, open_git, open_url, open_path };
	auto_build_context c = BUILD_CONTEXT_INIT;
	int is = 0;

	TRY(str_set(&c.name, spec, err));
	for (size_t i = 0; is == 0 && i < ARRAY_LEN(kinds); i++)
		is = kinds[i](o, spec, &c, err);
	TRY(is);
	*ret = c;
	c = (struct build_context)BUILD_CONTEXT_INIT;
	return 0;
}
