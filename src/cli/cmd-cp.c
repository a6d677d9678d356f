/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-cp.c - `cp`: files between the host and containers. */
#include "cli/cli.h"
#include "engine/container-copy.h"

struct cp_params {
	bool archive, overwrite, extract, pause;
};

#define P struct cp_params
static void init(void *params)
{
	((P *)params)->archive = ((P *)params)->pause = true;
}

static int run_cp(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	const struct ctr_copy o = { .from = args->v[0], .to = args->v[1], .keep_owner = !p->archive, .overwrite = p->overwrite };
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	return ctr_copy(e, &o, err);
}

static const struct field rows[] = {
	{ .cli = "archive", .abbr = 'a', F_BOOL(P, archive), .fallback = "true",
	  .help = "Give what is copied to the container's user" },
	{ .cli = "extract", F_BOOL(P, extract), .flags = FIELD_HIDDEN | FIELD_DEPRECATED, .help = "Deprecated: changes nothing" },
	{ .cli = "overwrite", F_BOOL(P, overwrite), .help = "Let directories replace other files and the other way round" },
	{ .cli = "pause", F_BOOL(P, pause), .flags = FIELD_HIDDEN | FIELD_DEPRECATED, .help = "Deprecated: changes nothing" },
	{}
};

const struct command cmd_cp = {
	.summary = "Copy files between containers and the host",
	.description = "Copies a file or directory between the host and a container or between two containers. - reads or writes a\n"
		"tar archive on standard input or output. A directory that exists receives the source; a source that ends\n"
		"in /. gives its contents. Paths of a container begin at its working directory.",
	.args = "[CONTAINER:]SRC_PATH [CONTAINER:]DEST_PATH", .min_args = 2, .max_args = 2,
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(P), .init = init,
	.examples = "web:/etc/hosts .\nsite/. web:/srv/www\nweb:/var/log - > log.tar",
	.run = run_cp, .flags = COMMAND_IN_USERNS,
};
