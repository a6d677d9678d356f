/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-commit.c - `commit`: a container becomes an image. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/text.h"
#include "cli/transfer.h"
#include "engine/commit.h"

struct commit_params {
	struct strv changes;
	char *author, *config, *format, *iidfile, *message;
	bool include_volumes, pause, quiet, squash;
};

#define P struct commit_params
static const struct field rows[] = {
	{ .cli = "author", .abbr = 'a', F_STR(P, author), .arg = "author", .help = "Author to note in the image" },
	{ .cli = "change", .abbr = 'c', F_STRV(P, changes), .arg = "instruction",
	  .help = "Apply a Containerfile instruction to the image (CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ...)" },
	{ .cli = "config", F_STR(P, config), .arg = "file", .complete = "files",
	  .help = "JSON file with a container configuration to merge into the image" },
	{ .cli = "format", .abbr = 'f', F_STR(P, format), .arg = "format", .fallback = "oci", .complete = "image-formats",
	  .help = "Format of manifest and configuration: oci or docker" },
	{ .cli = "iidfile", F_STR(P, iidfile), .arg = "file", .complete = "files", .help = "Write the image's ID to this file" },
	{ .cli = "include-volumes", F_BOOL(P, include_volumes), .help = "Note the container's volumes in the image" },
	{ .cli = "message", .abbr = 'm', F_STR(P, message), .arg = "message", .help = "Message to note in the image's history" },
	{ .cli = "pause", .abbr = 'p', F_BOOL(P, pause), .help = "Pause the container during the commit" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Suppress output" },
	{ .cli = "squash", .abbr = 's', F_BOOL(P, squash), .help = "Make one new layer of everything" },
	{}
};

static int run_commit(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct commit_params *p = params;
	const char *name = args->v[0] + (args->v[0][0] == '/');
	struct ctr_commit o = {
		.author = p->author, .message = p->message, .name = args->n > 1 ? args->v[1] : NULL, .changes = p->changes,
		.config_file = p->config, .format = IMAGE_FORMAT_OCI, .pause = p->pause, .squash = p->squash,
		.include_volumes = p->include_volumes, .progress = cli_progress(p->quiet),
	};
	auto_ctr *c = NULL;
	struct engine *e;
	char id[65];

	if (p->format)
		TRY(image_format_parse(p->format, &o.format, err));
	if (p->message && o.format != IMAGE_FORMAT_V2S2 && !cli->docker)
		return fail(err, ERROR_INVALID, "messages are only compatible with the docker image format (-f docker)");
	TRY(cli_engine(cli, &e, err));
	TRY(ctr_find(e, name, &c, err));
	TRY(ctr_commit(c, &o, id, err));
	if (p->iidfile && text_write_file(p->iidfile, id, 64, err) < 0)
		return fail_wrap(err, "failed to write image ID");
	printf("%s\n", id);
	return 0;
}

const struct command cmd_commit = {
	.summary = "Create an image from a container",
	.description = "Makes an image of what a container has changed and of how it is run: its command, environment, ports, labels,\n"
		"user and working directory. Volumes are not part of it.",
	.args = "CONTAINER [IMAGE]", .min_args = 1, .max_args = 2,
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct commit_params),
	.examples = "--author \"Ann\" --message \"with tools\" web web:2\n"
		    "--change CMD=/bin/zsh --change 'ENV EDITOR=vi' box box:mine\n"
		    "-q --squash box",
	.run = run_commit, .flags = COMMAND_IN_USERNS,
};
