/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-build.c - `build`: a Containerfile becomes an image. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/build.h"
#include "cli/build-display.h"
#include "cli/cli.h"
#include "cli/transfer.h"
#include "engine/image-remove.h"
#include "engine/manifest-list.h"
#include "image/digest.h"
#include "image/reference.h"
#include "os/file.h"

static const struct command_rows groups[] = { { build_rows, 0 }, { image_remote_rows, offsetof(struct build_options, remote) },
	{ image_pull_retry_rows, offsetof(struct build_options, remote) }, {} };

static void done(void *params)
{
	build_options_done(params);
}

static int write_id(const char *path, const char *prefix, const char *id, struct error *err)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "%s%s", prefix, id);
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return fail_errno(err, "failed to write image ID to file \"%s\"", path);
	return file_write_all(fd, text, (size_t)n, err);
}

static int write_metadata(const char *path, const struct build_result *r, struct error *err)
{
	auto_buf text = BUF_INIT(1 << 20);

	buf_addf(&text, "{\"containerimage.config.digest\":\"sha256:%s\",\"containerimage.digest\":\"%s\"", r->id,
		 *r->manifest ? r->manifest : "");
	if (r->names.n) {
		autofree char *names = strv_join(&r->names, ",");
		buf_add_str(&text, ",\"image.name\":");
		buf_add_json(&text, names ? names : "");
	}
	buf_add_str(&text, "}\n");
	TRY(buf_ok(&text, "metadata", err));
	return file_replace(AT_FDCWD, path, text.data, text.len, 0644, 0, err);
}

/* --output -: standard output is for the archive alone. */
static bool goes_to_stdout(const struct build_options *o)
{
	for (size_t i = 0; i < o->outputs.n; i++)
		if (streq(o->outputs.v[i], "-") || str_ends(o->outputs.v[i], "dest=-") || strstr(o->outputs.v[i], "dest=-,"))
			return true;
	return false;
}

static int tell_result(const struct build_options *o, const struct build_result *r, struct error *err)
{
	if (!*r->id)
		return 0;
	if (o->iidfile)
		TRY(write_id(o->iidfile, "sha256:", r->id, err));
	if (o->iidfile_raw)
		TRY(write_id(o->iidfile_raw, "", r->id, err));
	if (o->metadata_file)
		TRY(write_metadata(o->metadata_file, r, err));
	if (!goes_to_stdout(o))
		printf("%s\n", r->id);
	return 0;
}

static enum build_display_mode choose_mode(const struct build_options *o)
{
	if (o->quiet)
		return BUILD_DISPLAY_QUIET;
	if (o->logfile || (o->progress && streq(o->progress, "plain")))
		return BUILD_DISPLAY_PLAIN;
	const char *term = getenv("TERM");
	bool terminal = isatty(1) && isatty(2) && term && !streq(term, "dumb");
	return terminal || (o->progress && streq(o->progress, "tty")) ? BUILD_DISPLAY_TTY : BUILD_DISPLAY_PLAIN;
}

/* ---- names with a transport: the image goes there and is not kept ---- */
static int take_destinations(struct build_options *o, struct strv *to, struct error *err)
{
	static const char local[] = "containers-storage:";

	for (size_t i = 0; i < o->tags.n;) {
		const char *name = str_after(o->tags.v[i], local);
		if (name) {
			autofree char *copy = strdup(name);
			if (!copy)
				return fail_oom(err);
			free(o->tags.v[i]);
			o->tags.v[i++] = take_ptr(copy);
		} else if (strchr(o->tags.v[i], ':') && transport_is_known(o->tags.v[i])) {
			TRY(strv_add(to, o->tags.v[i], err));
			strv_remove(&o->tags, i);
		} else {
			i++;
		}
	}
	return 0;
}

static int send_away(struct engine *e, const struct build_options *o, const struct strv *destinations, const struct build_result *r,
		     struct error *err)
{
	struct image_push push = { .remote = o->remote, .accept_uncompressed = !o->compression, .progress = cli_progress(o->quiet),
				   .compression = o->compression, .compression_level = o->compression_level,
				   .force_compression = o->force_compression, .compress = o->compression != NULL };
	auto_image_removal removal = {};
	auto_strv ids = {};
	char digest[DIGEST_TEXT_MAX];
	struct error ignored;

	if (!destinations->n || !*r->id)
		return 0;
	if (o->format)
		TRY(image_format_parse(strstr(o->format, "docker") ? "docker" : "oci", &push.format, err));
	for (size_t i = 0; i < destinations->n; i++)
		TRY(image_push(e, r->id, destinations->v[i], &push, digest, err));
	TRY(strv_add(&ids, r->id, err));
	if (!r->names.n)
		image_remove(e, &ids, &removal, &ignored);
	return 0;
}

/* The command's own exit code is ours (Podman). */
static int failure(const struct build_result *r, struct error *err)
{
	if (r->status <= 0)
		return -1;
	err->kind = ERROR_EXIT;
	err->errnum = r->status;
	return -1;
}

/* ---- several platforms ---- */
struct platforms {
	struct strv names;           /* none: the machine's own */
	char list[65];               /* id of the manifest list; "" without --manifest */
};

static void platforms_done(struct platforms *p)
{
	strv_done(&p->names);
}

/* --logsplit: FILE_OS_ARCH for each of them. */
static int split_log(const struct build_options *o, const char *platform, FILE **ret, struct error *err)
{
	autofree char *path = NULL;

	TRY(str_printf(&path, err, "%s_%s", o->logfile, platform));
	for (char *p = path + strlen(o->logfile); *p; p++)
		if (*p == '/')
			*p = '_';
	*ret = fopen(path, "we");
	return *ret ? 0 : fail_errno(err, "opening logfile: \"%s\"", path);
}

static int build_platform(struct engine *e, struct build_options *o, struct build_request *request, const char *platform,
			  struct build_result *ret, struct error *err)
{
	CLEANUP(build_display_free_p) struct build_display *own = NULL;
	autofclose FILE *log = NULL;
	struct build_request r = *request;

	strv_done(&o->platforms);
	if (platform) {
		TRY(strv_add(&o->platforms, platform, err));
		build_display_prefix(r.data, platform);
	}
	if (platform && o->logfile && o->logsplit.value) {
		TRY(split_log(o, platform, &log, err));
		TRY(build_display_new(BUILD_DISPLAY_PLAIN, log, log, &own, err));
		r.data = own;
	}
	int result = build_image(e, &r, ret, err);
	build_display_end(r.data);
	return result < 0 && platform ? fail_wrap(err, "[%s]", platform) : result;
}

static int add_to_list(struct engine *e, const struct build_options *o, const char *id, char list[65], struct error *err)
{
	const struct manifest_list_add add = { .remote = o->remote };
	auto_strv digests = {};
	autofree char *image = NULL;

	TRY(str_printf(&image, err, "containers-storage:%.40s", id));
	return manifest_list_add_image(e, o->manifest, image, &add, &digests, list, err);
}

/* An image for each platform: with --manifest all of them in one list, whose id is the result; without it the tags are
 * the last one's and the first one's id is the result (Podman). */
static int build_platforms(struct engine *e, struct build_options *o, struct build_request *request, struct build_result *ret,
			   struct error *err)
{
	CLEANUP(platforms_done) struct platforms p = { .names = o->platforms };
	const struct manifest_list_create create = { .amend = true };
	char first[65] = "";

	o->platforms = (struct strv){};
	if (o->manifest && strv_has(&o->tags, o->manifest))
		return fail(err, ERROR_INVALID, "the same name must not be specified for both '--tag' and '--manifest'");
	if (o->manifest)
		TRY(manifest_list_create(e, o->manifest, &create, p.list, err));
	for (size_t i = 0; i < p.names.n || i == 0; i++) {
		build_result_done(ret);
		*ret = (struct build_result){};
		TRY(build_platform(e, o, request, p.names.n ? p.names.v[i] : NULL, ret, err));
		if (o->manifest)
			TRY(add_to_list(e, o, ret->id, p.list, err));
		if (!*first)
			memcpy(first, ret->id, sizeof(first));
	}
	memcpy(ret->id, o->manifest ? p.list : first, sizeof(ret->id));
	return 0;
}

static bool is_archive(int fd)
{
	static const struct {
		size_t at;
		const char *bytes;
		size_t len;
	} kinds[] = { { 257, "ustar", 5 }, { 0, "\x1f\x8b", 2 }, { 0, "BZh", 3 }, { 0, "\xfd" "7zXZ", 5 }, { 0, "\x28\xb5\x2f\xfd", 4 } };
	char head[512] = "";

	if (pread(fd, head, sizeof(head), 0) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (memcmp(head + kinds[i].at, kinds[i].bytes, kinds[i].len) == 0)
			return true;
	return false;
}

/* A Containerfile in the context's place: its directory is the context (Buildah). */
static int split_context(struct build_options *o, const char *given, char **ret_dir, struct error *err)
{
	autoclose int fd = given && !o->files.n && !streq(given, "-") ? open(given, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || is_archive(fd))
		return str_set(ret_dir, given, err);
	if (!st.st_size)
		return fail(err, ERROR_INVALID, "no contents in \"%s\"", given);
	const char *slash = strrchr(given, '/');
	TRY(strv_add(&o->files, given, err));
	return slash ? str_printf(ret_dir, err, "%.*s", slash == given ? 1 : (int)(slash - given), given) : str_set(ret_dir, ".", err);
}

/* Without a CONTEXT it is the directory of the first Containerfile that is a file (Podman), or the current one; nothing
 * when the Containerfile comes from standard input or a descriptor. */
static int choose_context(struct build_options *o, char **ret, struct error *err)
{
	for (size_t i = 0; i < o->files.n; i++) {
		const char *file = o->files.v[i], *slash = strrchr(file, '/');
		if (streq(file, "-") || str_after(file, "/dev/fd/") || str_after(file, "/proc/self/fd/") || str_after(file, "/dev/stdin"))
			return 0;
		if (strstr(file, "://"))
			continue;
		if (!slash)
			break;
		autofree char *here = getcwd(NULL, 0), *full = NULL;
		if (access(file, F_OK) < 0 || !here)
			return errno == ENOTDIR ? fail(err, ERROR_NOT_FOUND, "%s: not a directory", file) :
			       fail_with(err, errno, "the specified Containerfile or Dockerfile does not exist, %s", file);
		TRY(str_printf(&full, err, "%s%s%s", *file == '/' ? "" : here, *file == '/' ? "" : "/", file));
		TRY(str_printf(ret, err, "%.*s", slash == file ? 1 : (int)(slash - file), file));
		free(o->files.v[i]);   /* seen from the context it would be another one */
		o->files.v[i] = take_ptr(full);
		return 0;
	}
	return str_set(ret, ".", err);
}

/* As Buildah: one layer, every step done again; its --squash is Podman's --squash-all. */
static void buildah_defaults(struct build_options *o)
{
	o->layers = (struct opt_bool){ true, false };
	if (!o->cache_to.n)
		strv_done(&o->cache_from);   /* there is nothing it could serve */
}

/* Credentials from a pipe, --authfile <(...), can be read once and are asked for by every pull: they become a file. */
static int keep_authfile(struct image_remote *r, int *ret_fd, struct error *err)
{
	struct stat st;

	if (!r->authfile || stat(r->authfile, &st) < 0 || !S_ISFIFO(st.st_mode))
		return 0;
	autoclose int pipe = open(r->authfile, O_RDONLY | O_CLOEXEC);
	if (pipe < 0)
		return fail_errno(err, "%s", r->authfile);
	*ret_fd = file_memfd("credentials", err);
	TRY(*ret_fd);
	TRY(file_copy_fd(pipe, *ret_fd, NULL, err));
	free(r->authfile);
	r->authfile = NULL;
	return str_printf(&r->authfile, err, "/proc/self/fd/%d", *ret_fd);
}

static int run_build(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct build_options *o = params;
	CLEANUP(build_display_free_p) struct build_display *display = NULL;
	CLEANUP(build_result_done) struct build_result result = {};
	autofclose FILE *log = NULL;
	auto_strv destinations = {};
	autofree char *context = NULL;
	autoclose int credentials = -1;
	struct engine *e;

	o->as_buildah = streq(cli->program, "buildah");
	if (o->as_buildah && o->pull && strcasecmp(o->pull, "false") == 0)
		TRY(str_set(&o->pull, "never", err));
	if (o->as_buildah && o->squash) {   /* there it means all layers, the base's too */
		o->squash = false;
		o->squash_all = true;
	}
	if (o->as_buildah && !o->layers.set && !getenv("BUILDAH_LAYERS"))
		buildah_defaults(o);
	if (o->as_buildah && o->squash) {
		o->squash = false;
		o->squash_all = true;
	}
	TRY(build_options_finish(o, err));
	TRY(take_destinations(o, &destinations, err));
	o->wanted = destinations.n;
	TRY(args->n ? split_context(o, args->v[0], &context, err) : choose_context(o, &context, err));
	if (o->logfile && !(log = fopen(o->logfile, "ae")))
		return fail_errno(err, "opening logfile %s", o->logfile);
	const char *runtime = o->runtime || !o->as_buildah ? o->runtime : getenv("BUILDAH_RUNTIME");
	if (!str_empty(runtime) && !cli->global.runtime)
		TRY(str_set(&cli->global.runtime, runtime, err));
	TRY(strv_copy(&cli->global.runtime_flags, &o->runtime_flags, err));
	TRY(strv_copy(&cli->global.hooks_dirs, &o->hooks_dirs, err));
	TRY(strv_copy(&cli->global.cdi_spec_dirs, &o->cdi_dirs, err));
	signal(SIGINT, SIG_DFL);   /* also behind a shell's "&", which ignores it: as Podman */
	TRY(cli_engine(cli, &e, err));
	TRY(build_settle_userns(e, o, err));
	TRY(keep_authfile(&o->remote, &credentials, err));
	FILE *told = log ? log : goes_to_stdout(o) ? stderr : stdout;
	TRY(build_display_new(choose_mode(o), told, log ? log : stderr, &display, err));
	struct build_request request = {
		.options = o, .context = context, .stdin_fd = STDIN_FILENO,
		.event = build_display_event, .data = display, .ticks = choose_mode(o) == BUILD_DISPLAY_TTY,
	};
	if (o->all_platforms)
		TRY(build_all_platforms(e, &request, &o->platforms, err));
	bool several = o->manifest || o->platforms.n > 1;
	int r = several ? build_platforms(e, o, &request, &result, err) : build_image(e, &request, &result, err);
	build_display_end(display);
	if (r < 0)
		return failure(&result, err);
	TRY(send_away(e, o, &destinations, &result, err));
	return tell_result(o, &result, err);
}

const struct command cmd_build = {
	.summary = "Build an image from a Containerfile",
	.description = "Builds an image from the instructions of a Containerfile (or Dockerfile). CONTEXT is a directory, an archive, a\n"
		       "git repository or a URL; '-' reads a Containerfile or an archive from standard input. Without CONTEXT it is the\n"
		       "directory of the file named by --file, or the current directory.",
	.args = "[CONTEXT]", .max_args = 1,
	.examples = "-t app:1 .\n"
		    "-f Containerfile.simple --target test .\n"
		    "--build-arg VERSION=2 -t app https://example.com/app.git#main",
	.groups = groups, .params_size = sizeof(struct build_options), .init = build_options_init, .done = done, .run = run_build,
	.flags = COMMAND_IN_USERNS | COMMAND_BRINGS_IMAGES,
};
