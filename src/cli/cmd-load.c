/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-load.c - `load`: images out of a file, a directory or standard input. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/transfer.h"

struct load_params {
	char *input, *signature_policy;
	bool quiet;
};

#define P struct load_params
static const struct field rows[] = {
	{ .cli = "input", .abbr = 'i', F_STR(P, input), .arg = "string", .complete = "files",
	  .help = "Load from file, directory or URL. Read from stdin if not specified" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Print less" },
	{ .cli = "signature-policy", F_STR(P, signature_policy), .arg = "path", .flags = FIELD_HIDDEN,
	  .help = "Signature policy to use instead of policy.json" },
	{}
};

static int run_load(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct load_params *p = params;
	struct image_load o = { .path = p->input, .fd = STDIN_FILENO, .signature_policy = p->signature_policy,
				.progress = cli_progress(p->quiet) };
	auto_strv names = {};
	struct engine *e;

	(void)args;
	if (!p->input && isatty(STDIN_FILENO))
		return fail(err, ERROR_INVALID, "cannot read from terminal, use command-line redirection or the --input flag");
	TRY(cli_engine(cli, &e, err));
	TRY(image_load_archive(e, &o, &names, err));
	for (size_t i = 0; i < names.n; i++)
		printf("Loaded image: %s\n", names.v[i]);
	return 0;
}

const struct command cmd_load = {
	.summary = "Read images from an archive file or stdin",
	.description = "Reads images from an archive (docker-archive or oci-archive, plain or compressed) or a directory (OCI "
		"layout or\ndir:) into the local storage.",
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct load_params),
	.examples = "--input alpine.tar\n--quiet < alpine.tar.zst", .run = run_load, .flags = COMMAND_IN_USERNS | COMMAND_BRINGS_IMAGES,
};
