/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-unshare.c - `unshare`: a command inside the user's namespace. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "engine/engine.h"

struct unshare_params {
	bool rootless_netns;
};

static int set_environment(const struct engine *e, struct error *err)
{
	if (setenv("CONTAINERS_GRAPHROOT", e->root, 1) < 0 || setenv("CONTAINERS_RUNROOT", e->runroot, 1) < 0)
		return fail_oom(err);
	return 0;
}

static int run_unshare(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct unshare_params *p = params;
	const char *shell = getenv("SHELL");
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	if (!e->paths.rootless)
		return fail(err, ERROR_INVALID, "please use unshare with rootless");
	if (p->rootless_netns)
		return fail(err, ERROR_UNSUPPORTED, "--rootless-netns: there is no network namespace that containers share in this build");
	if (!args->n && str_empty(shell))
		return fail(err, ERROR_INVALID, "no command specified and no $SHELL specified");
	if (!args->n)
		TRY(strv_add(args, shell, err));
	TRY(set_environment(e, err));
	fflush(NULL);
	execvp(args->v[0], args->v);
	return fail_with(err, errno, "%s", args->v[0]) < 0 && err->errnum == ENOENT ?
		(err->kind = ERROR_NO_COMMAND, -1) : (err->kind = ERROR_NOT_EXECUTABLE, -1);
}

static const struct field rows[] = {
	{ .cli = "rootless-netns", F_BOOL(struct unshare_params, rootless_netns),
	  .help = "Join the network namespace of the user's bridge networks" }, {}
};

const struct command cmd_unshare = {
	.summary = "Run a command in the user's own namespace",
	.description = "Runs a command in the user and mount namespace that a user's containers are made in: as its root, with all\n"
		"subordinate ids, and with the mounts of this program in sight. Without a command: $SHELL.",
	.args = "[COMMAND [ARG...]]", .max_args = ARGS_ANY, .examples = "id\ncat /proc/self/uid_map\nls -l ~/.local/share",
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(struct unshare_params),
	.run = run_unshare, .flags = COMMAND_IN_USERNS | COMMAND_ARGS_STOP,
};
