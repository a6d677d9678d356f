/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-help.c - `help [command]`. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/help.h"

static int unknown_topic(struct cli *cli, const struct strv *args, struct error *err)
{
	fputs("Unknown help topic [", stdout);
	for (size_t i = 0; i < args->n; i++)
		printf("%s`%s`", i ? " " : "", args->v[i]);
	fputs("]\n", stdout);
	return help_print(cli, NULL, cli->program, stdout, err);
}

static int run_help(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	auto_buf path = BUF_INIT(4096);
	int used;
	const struct command_row *row = command_find(args->v, (int)args->n, &used);

	(void)params;
	if ((size_t)used < args->n)
		return unknown_topic(cli, args, err);
	buf_addf(&path, "%s%s%s", cli->program, row ? " " : "", row ? row->path : "");
	TRY(buf_ok(&path, "command path", err));
	return help_print(cli, row, path.data, stdout, err);
}

static int complete_help(struct cli *cli, void *params, struct completion *c, struct error *err)
{
	autofree const struct command_row **v = NULL;
	size_t n;
	int used;
	const struct command_row *row = command_find(c->args->v, (int)c->args->n, &used);

	(void)cli;
	(void)params;
	c->directive = COMPLETE_NO_FILES;
	if ((size_t)used < c->args->n || (row && row->cmd))
		return 1;
	TRY(help_children(row ? row->path : "", &v, &n, err));
	for (size_t i = 0; i < n; i++)
		TRY(complete_add(c, command_name(v[i]), command_summary(v[i]), err));
	return 1;
}

const struct command cmd_help = {
	.summary = "Help about any command",
	.description = "Shows the help of a command or group, of the program itself without one.",
	.args = "[COMMAND...]", .max_args = ARGS_ANY, .run = run_help, .complete = complete_help, .flags = COMMAND_EARLY,
};
