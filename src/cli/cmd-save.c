/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-save.c - `save`: images into an archive or a directory. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/transfer.h"

struct save_params {
	char *format, *output, *signature_policy;
	bool compress, multi, quiet, uncompressed;
};

#define P struct save_params
static const struct field rows[] = {
	{ .cli = "compress", F_BOOL(P, compress),
	  .help = "With the dir format: compress layers that are not" },
	{ .cli = "format", F_STR(P, format), .arg = "string", .fallback = "\"docker-archive\"",
	  .help = "Save image to oci-archive, oci-dir, docker-archive or docker-dir" },
	{ .cli = "multi-image-archive", .abbr = 'm', F_BOOL(P, multi),
	  .help = "Further arguments are images, not names of the first one" },
	{ .cli = "output", .abbr = 'o', F_STR(P, output), .arg = "string", .complete = "files",
	  .help = "File or directory to write (default: standard output, not a terminal)" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Suppress the output" },
	{ .cli = "signature-policy", F_STR(P, signature_policy), .arg = "path", .flags = FIELD_HIDDEN,
	  .help = "Signature policy to use instead of policy.json" },
	{ .cli = "uncompressed", F_BOOL(P, uncompressed),
	  .help = "With the OCI formats: write layers without compression" },
	{}
};

static int decide(const struct save_params *p, struct image_save *o, struct error *err)
{
	TRY(archive_kind_parse(p->format ? p->format : "docker-archive", &o->kind, err));
	if (p->compress && o->kind != SAVE_DOCKER_DIR)
		return fail(err, ERROR_INVALID, "--compress can only be set when --format is 'docker-dir'");
	o->compress = p->compress;
	o->uncompressed = p->uncompressed;
	if (!p->output && isatty(STDOUT_FILENO))
		return fail(err, ERROR_INVALID, "refusing to save to terminal. Use -o flag or redirect");
	return 0;
}

static int run_save(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct save_params *p = params;
	struct image_save o = { .path = p->output, .fd = STDOUT_FILENO, .progress = cli_progress(p->quiet) };
	auto_strv images = {};
	struct engine *e;

	TRY(decide(p, &o, err));
	TRY(cli_engine(cli, &e, err));
	if (p->multi)
		return image_save(e, args, &o, err);
	TRY(strv_add(&images, args->v[0], err));
	o.extra_names = (struct strv){ args->v + 1, args->n - 1 };   /* borrowed */
	return image_save(e, &images, &o, err);
}

const struct command cmd_save = {
	.summary = "Write images to an archive",
	.description = "Writes images of the local storage into an archive or a directory that load, Docker and Skopeo read.",
	.args = "IMAGE [IMAGE...]", .min_args = 1, .max_args = ARGS_ANY,
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct save_params),
	.examples = "--quiet --output web.tar web:1.4\n--format oci-dir --output web-dir web:1.4",
	.run = run_save, .flags = COMMAND_IN_USERNS,
};
