/* SPDX-License-Identifier: Apache-2.0
 * build/context-file.c - the Containerfile and the ignore file: where they may lie and what reads them.
 * A path inside the context never leaves it (security-matrix I10); a path the user gave by hand is the user's. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "build/containerfile.h"
#include "build/context-internal.h"
#include "conf/helpers.h"
#include "os/file.h"
#include "os/path.h"
#include "os/spawn.h"

#define CPP_SECONDS 60

static const char *const default_names[] = { "Containerfile", "Dockerfile" };

void containerfile_text_done(struct containerfile_text *t)
{
	free(t->name);
	free(t->text);
	free(t->path);
	free(t->warning);
	*t = (struct containerfile_text){};
}

/* ---- files inside the context ---- */
static bool is_link(int dir, const char *path)
{
	struct error ignored;
	struct path_open link = { .oflags = O_PATH | O_NOFOLLOW };
	struct stat st;
	autoclose int fd = path_open_in_root(dir, path, link, &ignored);

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
}

/* 1: *ret_fd, for reading; 0: there is none. */
static int open_in_context(int dir, const char *path, int *ret_fd, struct error *err)
{
	autoclose int fd = path_open_in_root(dir, path, (struct path_open){ .oflags = O_PATH }, err);

	if (fd < 0 && (err->errnum == ENOENT || err->errnum == ENOTDIR)) {
		if (is_link(dir, path))
			return fail(err, ERROR_INVALID, "%s is a link that leads out of the context or nowhere", path);
		return 0;
	}
	if (fd < 0)
		return -1;
	*ret_fd = path_reopen(fd, O_RDONLY, err);
	return *ret_fd < 0 ? fail_wrap(err, "%s", path) : 1;
}

static int take_file(int fd, const char *name, const char *path, bool in_context, struct containerfile_text *ret,
		     struct error *err)
{
	TRY(str_set(&ret->name, name, err));
	TRY(str_set(&ret->path, path, err));
	ret->in_context = in_context;
	TRY(read_whole(fd, name, &ret->text, &ret->len, err));
	return ret->len ? 1 : fail(err, ERROR_INVALID, "no contents in \"%s\"", name);
}

static bool is_directory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/* `path` in the context; of a directory the default names in it. 1/0/-1. */
static int read_in_context(const struct build_context *c, const char *path, struct containerfile_text *ret, struct error *err)
{
	autoclose int fd = -1;
	int found = open_in_context(c->fd, path, &fd, err);

	if (found <= 0 || !is_directory(fd))
		return found <= 0 ? found : take_file(fd, path, path, true, ret, err);
	for (size_t i = 0; i < ARRAY_LEN(default_names); i++) {
		autofree char *inside = NULL;
		autoclose int file = -1;
		bool here = !*path || streq(path, ".");
		TRY(str_printf(&inside, err, "%s%s%s", here ? "" : path, here ? "" : "/", default_names[i]));
		found = open_in_context(c->fd, inside, &file, err);
		if (found && (found < 0 || !is_directory(file)))
			return found < 0 ? found : take_file(file, inside, inside, true, ret, err);
		if (found && c->path)
			return fail(err, ERROR_INVALID, "%s/%s is not a file", c->path, inside);
	}
	return 0;
}

static int read_default(const struct context_options *o, const struct build_context *c, struct containerfile_text *ret, struct error *err)
{
	int found = c->fd >= 0 ? read_in_context(c, ".", ret, err) : 0;

	if (found)
		return found;
	return fail(err, ERROR_NOT_FOUND, "no Containerfile or Dockerfile specified or found in context directory, %s: %sno such file or directory",
			 c->path ? c->path : c->name, o->as_buildah ? "cannot find Containerfile or Dockerfile: " : "");
}

/* ---- files the user named ---- */
static int read_on_host(const char *path, struct containerfile_text *ret, struct error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(err, "%s", path);
	if (is_directory(fd))
		return fail(err, ERROR_INVALID, "containerfile: \"%s\" cannot be path to a directory", path);
	return take_file(fd, path, path, false, ret, err);
}

static int read_named(const struct build_context *c, const char *file, struct containerfile_text *ret, struct error *err)
{
	int found = read_on_host(file, ret, err);

	if (found == 0 && *file != '/' && c->fd >= 0)
		found = read_in_context(c, file, ret, err);
	return found ? found : fail(err, ERROR_NOT_FOUND, "the specified Containerfile or Dockerfile does not exist, %s: no such file or directory", file);
}

static int read_url(const struct context_options *o, const char *url, struct containerfile_text *ret, struct error *err)
{
	autoclose int fd = fetch_url(o, url, NULL, err);

	return fd < 0 ? -1 : take_file(fd, url, NULL, false, ret, err);
}

static int read_stdin(const struct context_options *o, struct containerfile_text *ret, struct error *err)
{
	if (o->stdin_fd < 0)
		return fail(err, ERROR_INVALID, "standard input is not open");
	return take_file(o->stdin_fd, "-", NULL, false, ret, err);
}

static int use_given(const struct build_context *c, struct containerfile_text *ret, struct error *err)
{
	TRY(str_set(&ret->name, c->name, err));
	ret->text = malloc(c->containerfile_len + 1);
	if (!ret->text)
		return fail_oom(err);
	memcpy(ret->text, c->containerfile, c->containerfile_len + 1);
	ret->len = c->containerfile_len;
	return 0;
}

/* ---- cpp ---- */
static int cpp_arguments(const struct build_context *c, const struct strv *flags, struct strv *argv, struct error *err)
{
	static const char *const fixed[] = { "-E", "-iquote" }, *const last[] = { "-traditional", "-undef", "-" };
	const char *env = getenv("CPPFLAGS");

	TRY(strv_add(argv, "cpp", err));
	auto_strv words = {};
	if (env)
		TRY(strv_split(&words, env, ' ', err));
	for (size_t i = 0; i < words.n; i++)
		if (*words.v[i])
			TRY(strv_add(argv, words.v[i], err));
	if (flags)
		TRY(strv_copy(argv, flags, err));
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		TRY(strv_add(argv, fixed[i], err));
	TRY(strv_add(argv, c->path ? c->path : ".", err));
	for (size_t i = 0; i < ARRAY_LEN(last); i++)
		TRY(strv_add(argv, last[i], err));
	return 0;
}

/* The text through cpp, as Buildah runs it. */
static int preprocess(const struct build_context *c, const struct strv *flags, struct containerfile_text *t, struct error *err)
{
	autofree char *program = NULL;
	auto_strv argv = {}, env = {};
	auto_buf out = BUF_INIT(CONTAINERFILE_BYTES_MAX), complaint = BUF_INIT(64 << 10);
	int status;

	if (c->scratch && t->in_context)
		return fail(err, ERROR_INVALID, "%s: a fetched context may not use cpp: it could include files of this machine", t->name);
	TRY(helper_find_foreign("cpp", NULL, true, &program, err));
	TRY(cpp_arguments(c, flags, &argv, err));
	TRY(strv_addf(&env, err, "PATH=%s", getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin"));
	struct spawn s = SPAWN_INIT;
	s.path = program;
	s.argv = argv.v;
	s.envp = env.v;
	s.die_with_parent = true;
	struct spawn_io io = { .input = t->text, .input_len = t->len, .out = &out, .errout = &complaint,
		.timeout_ns = CPP_SECONDS * INT64_C(1000000000) };
	TRY(spawn_run(&s, &io, &status, err));
	/* As Buildah: what cpp complains about while it still gives a text is not fatal. */
	if (!out.len)
		return fail(err, ERROR_INVALID, "%s: cpp: %s", t->name, complaint.data ? complaint.data : "no output");
	if (complaint.len)
		TRY(str_printf(&t->warning, err, "Ignoring %s", complaint.data));
	free(t->text);
	t->len = out.len;
	t->text = buf_steal(&out);
	return t->text ? 0 : fail_oom(err);
}

int build_context_read_file(const struct context_options *o, const struct build_context *c, const char *file,
			    const struct strv *cpp_flags, struct containerfile_text *ret, struct error *err)
{
	auto_containerfile_text t = {};

	if (!file && c->containerfile)
		TRY(use_given(c, &t, err));
	else if (!file)
		TRY(read_default(o, c, &t, err));
	else if (streq(file, "-") || streq(file, "/dev/stdin"))
		TRY(read_stdin(o, &t, err));
	else
		TRY(is_http(file) ? read_url(o, file, &t, err) : read_named(c, file, &t, err));
	if (t.path && str_ends(t.path, ".in"))
		TRY(preprocess(c, cpp_flags, &t, err));
	*ret = t;
	t = (struct containerfile_text){};
	return 0;
}

/* ---- ignore files ---- */
static int take_ignore(struct build_context *c, int fd, const char *name, struct error *err)
{
	autofree char *text = NULL;
	auto_ignore *ig = NULL;
	size_t len;

	TRY(read_whole(fd, name, &text, &len, err));
	TRY(ignore_new(&ig, err));
	TRY(ignore_parse(ig, name, text, len, err));
	TRY(str_set(&c->ignore_name, name, err));
	c->ignore = take_ptr(ig);
	return 1;
}

/* 1/0/-1 */
static int try_in_context(struct build_context *c, const char *path, struct error *err)
{
	autoclose int fd = -1;
	int found = open_in_context(c->fd, path, &fd, err);

	if (found <= 0)
		return found;
	autofree char *full = NULL;
	TRY(str_printf(&full, err, "%s/%s", c->path ? c->path : "", path));
	return take_ignore(c, fd, full, err);
}

static int try_on_host(struct build_context *c, const char *path, bool must, struct error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return !must && errno == ENOENT ? 0 : fail_errno(err, "%s", path);
	return take_ignore(c, fd, path, err);
}

/* Containerfile.foo.containerignore, Containerfile.foo.dockerignore */
static int try_beside(struct build_context *c, const struct containerfile_text *file, struct error *err)
{
	static const char *const ends[] = { "containerignore", "dockerignore" };
	int found = 0;

	for (size_t i = 0; found == 0 && file && file->path && i < ARRAY_LEN(ends); i++) {
		autofree char *path = NULL;
		TRY(str_printf(&path, err, "%s.%s", file->path, ends[i]));
		found = file->in_context ? try_in_context(c, path, err) : try_on_host(c, path, false, err);
	}
	return found;
}

int build_context_load_ignore(struct build_context *c, const char *ignorefile, const struct containerfile_text *file,
			      struct error *err)
{
	static const char *const names[] = { ".containerignore", ".dockerignore" };

	if (!str_empty(ignorefile))
		return try_on_host(c, ignorefile, true, err) < 0 ? -1 : 0;
	int found = try_beside(c, file, err);
	for (size_t i = 0; found == 0 && c->fd >= 0 && i < ARRAY_LEN(names); i++)
		found = try_in_context(c, names[i], err);
	return found < 0 ? -1 : 0;
}
