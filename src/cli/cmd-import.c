/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-import.c - `import`: a tar of a file system becomes an image. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/transfer.h"

struct import_params {
	struct strv changes;
	char *message, *os, *arch, *variant, *signature_policy;
	bool quiet;
};

#define P struct import_params
static const struct field rows[] = {
	{ .cli = "arch", F_STR(P, arch), .arg = "string", .complete = "arch",
	  .help = "Architecture to note in the image" },
	{ .cli = "change", .abbr = 'c', F_STRV(P, changes), .arg = "INSTRUCTION",
	  .help = "Apply a Containerfile instruction to the image (CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ...)" },
	{ .cli = "message", .abbr = 'm', F_STR(P, message), .arg = "string",
	  .help = "Message to note in the image's history" },
	{ .cli = "os", F_STR(P, os), .arg = "string", .help = "Operating system to note in the image" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Suppress output" },
	{ .cli = "signature-policy", F_STR(P, signature_policy), .arg = "path", .flags = FIELD_HIDDEN,
	  .help = "Signature policy to use instead of policy.json" },
	{ .cli = "variant", F_STR(P, variant), .arg = "string", .help = "Architecture variant to note in the image" },
	{}
};

static int run_import(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct import_params *p = params;
	struct image_import o = {
		.path = args->v[0], .fd = STDIN_FILENO, .reference = args->n > 1 ? args->v[1] : NULL, .changes = p->changes,
		.message = p->message, .os = p->os, .arch = p->arch, .variant = p->variant,
		.signature_policy = p->signature_policy, .progress = cli_progress(p->quiet),
	};
	struct engine *e;
	char id[65];

	TRY(cli_engine(cli, &e, err));
	TRY(image_import(e, &o, id, err));
	printf("sha256:%s\n", id);
	return 0;
}

const struct command cmd_import = {
	.summary = "Create a one-layer image from a tar file or URL",
	.description = "Unpacks a tar archive (plain or compressed; a file, an URL, or - for standard input) as the one layer of a "
		"new\nimage and prints the image's id.",
	.args = "PATH [REFERENCE]", .min_args = 1, .max_args = 2,
	.missing = "the path of a tar archive must be given, or - for standard input",
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct import_params),
	.examples = "root.tar.gz base:1\n"
		    "--change 'CMD [\"/bin/sh\"]' --message 'old server' root.tar old:1",
	.run = run_import, .flags = COMMAND_IN_USERNS | COMMAND_BRINGS_IMAGES,
};
