/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-buildah-source.c - `buildah source`: sources of images as images of their own. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "build/source-image.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "cli/transfer.h"
#include "engine/image-copy.h"
#include "os/file.h"

/* ---- create ---- */
struct create_params {
	char *author;
	struct opt_bool timestamp;
};
static const struct field create_rows[] = {
	{ .cli = "author", F_STR(struct create_params, author), .arg = "author", .help = "Who made it" },
	{ .cli = "time-stamp", F_OPT_BOOL(struct create_params, timestamp), .fallback = "true", .help = "Note when it was made" },
	{}
};

static int run_create(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct create_params *p = params;
	const struct source_image o = { .author = p->author, .timestamp = !p->timestamp.set || p->timestamp.value };

	(void)cli;
	return source_image_create(args->v[0], &o, err);
}

const struct command cmd_source_create = {
	.summary = "Make an empty source image: a directory", .args = "PATH", .min_args = 1, .max_args = 1,
	.groups = (const struct command_rows[]){ { create_rows, 0 }, {} }, .params_size = sizeof(struct create_params),
	.examples = "--author me /tmp/sources", .run = run_create,
};

/* ---- add ---- */
struct add_params {
	struct strv annotations;
};
static const struct field add_rows[] = {
	{ .cli = "annotation", F_STRV(struct add_params, annotations), .arg = "key=value", .help = "Annotation of the layer (repeatable)" },
	{}
};

static int run_add(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct add_params *p = params;
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	return source_image_add(e, args->v[0], args->v[1], &p->annotations, err);
}

const struct command cmd_source_add = {
	.summary = "Add a file or directory to a source image", .args = "PATH ARTIFACT", .min_args = 2, .max_args = 2,
	.groups = (const struct command_rows[]){ { add_rows, 0 }, {} }, .params_size = sizeof(struct add_params),
	.examples = "/tmp/sources project.tar.gz\n--annotation license=MIT /tmp/sources src/", .run = run_add,
};

/* ---- push and pull ---- */
struct transfer_params {
	char *creds, *digestfile;
	struct opt_bool tls_verify;
	bool quiet;
};
#define P struct transfer_params
#define TRANSFER_ROWS                                                                                                     \
	{ .cli = "creds", F_STR(P, creds), .arg = "[username[:password]]", .help = "Credentials for the registry" },      \
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Print no progress" },                                   \
	{ .cli = "tls-verify", F_OPT_BOOL(P, tls_verify), .fallback = "true", .help = "Demand HTTPS and verify certificates" }
static const struct field pull_rows[] = { TRANSFER_ROWS, {} };
static const struct field push_rows[] = {
	TRANSFER_ROWS,
	{ .cli = "digestfile", F_STR(P, digestfile), .arg = "file", .complete = "files", .help = "File the digest is written to" },
	{}
};
#undef P

static int registry_name(const char *given, char **ret, struct error *err)
{
	size_t host = strcspn(given, "/");

	if (!given[host] || (!memchr(given, '.', host) && !memchr(given, ':', host) && strncmp(given, "localhost/", 10) != 0))
		return fail(err, ERROR_INVALID, "source images by short name (\"%s\") are not supported, please use a fully-qualified name", given);
	return str_printf(ret, err, "docker://%s", given);
}

static int copy(struct cli *cli, const struct transfer_params *p, const char *from, const char *to, char *digest, struct error *err)
{
	const struct image_remote remote = { .creds = p->creds, .tls_verify = p->tls_verify };
	const struct image_copy o = { .from = remote, .to = remote, .preserve_digests = true, .to_fd = -1, .progress = cli_progress(p->quiet) };
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	return image_copy(e, from, to, &o, digest, err);
}

static int run_push(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct transfer_params *p = params;
	autofree char *from = NULL, *to = NULL;
	char digest[DIGEST_TEXT_MAX] = "";

	TRY(source_image_check(args->v[0], err));
	TRY(str_printf(&from, err, "oci:%s", args->v[0]));
	TRY(registry_name(args->v[1], &to, err));
	if (copy(cli, p, from, to, digest, err) < 0)
		return fail_wrap(err, "pushing source image");
	return p->digestfile ? text_write_file(p->digestfile, digest, strlen(digest), err) : 0;
}

static int run_pull(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	autofree char *from = NULL, *to = NULL;
	struct error ignored;
	struct stat st;

	if (lstat(args->v[1], &st) == 0)
		return fail(err, ERROR_EXISTS, "\"%s\" already exists", args->v[1]);
	TRY(registry_name(args->v[0], &from, err));
	TRY(str_printf(&to, err, "oci:%s", args->v[1]));
	if (copy(cli, params, from, to, NULL, err) == 0 && source_image_check(args->v[1], err) == 0)
		return 0;
	file_remove_tree(AT_FDCWD, args->v[1], &ignored);
	return fail_wrap(err, "pulling source image");
}

const struct command cmd_source_pull = {
	.summary = "Fetch a source image from a registry into a directory", .args = "REGISTRY PATH", .min_args = 2, .max_args = 2,
	.groups = (const struct command_rows[]){ { pull_rows, 0 }, {} }, .params_size = sizeof(struct transfer_params),
	.examples = "registry.example/sources:1 /tmp/sources", .run = run_pull, .flags = COMMAND_IN_USERNS,
};
const struct command cmd_source_push = {
	.summary = "Send a source image to a registry", .args = "PATH REGISTRY", .min_args = 2, .max_args = 2,
	.groups = (const struct command_rows[]){ { push_rows, 0 }, {} }, .params_size = sizeof(struct transfer_params),
	.examples = "/tmp/sources registry.example/sources:1", .run = run_push, .flags = COMMAND_IN_USERNS,
};
