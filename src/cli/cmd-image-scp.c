/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-image-scp.c - `image scp`: images to and from other machines and users. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/transfer.h"
#include "engine/image-scp.h"

struct scp_params {
	char *format;
	bool quiet;
};
#define P struct scp_params
static const struct field rows[] = {
	{ .cli = "format", F_STR(P, format), .arg = "format",
	  .help = "How the image travels: docker-archive (default) or oci-archive" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show no progress" },
	{}
};

static int run_scp(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct scp_params *p = params;
	struct image_scp o = { .format = SAVE_DOCKER_ARCHIVE, .quiet = p->quiet, .progress = cli_progress(p->quiet) };
	auto_strv names = {};
	struct engine *e;

	if (p->format && !streq(p->format, "docker-archive") && !streq(p->format, "oci-archive"))
		return fail(err, ERROR_USAGE, "invalid argument \"%s\" for \"--format\" flag: \"%s\" is not a valid value.  Choose from: "
			    "\"docker-archive, oci-archive\"", p->format, p->format);
	if (p->format && streq(p->format, "oci-archive"))
		o.format = SAVE_OCI_ARCHIVE;
	TRY(cli_engine(cli, &e, err));
	fflush(stdout);
	TRY(image_scp(e, args->v[0], args->n > 1 ? args->v[1] : NULL, &o, &names, err));
	for (size_t i = 0; i < names.n; i++)
		printf("Loaded image: %s\n", names.v[i]);
	return 0;
}

const struct command cmd_image_scp = {
	.summary = "Copy an image to or from another machine or user",
	.description = "Copies an image by ssh, or between users of this machine (USER@localhost::).",
	.args = "IMAGE [HOST::]", .min_args = 1, .max_args = 2,
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct scp_params),
	.examples = "fedora ann@build.example::\nann@build.example::fedora\nfedora ann@localhost::", .run = run_scp,
	.flags = COMMAND_IN_USERNS,
};
