/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-kill.c - `kill`. */
#include <signal.h>

#include "cli/cli.h"
#include "cli/selection.h"

struct kill_params {
	struct selection_params s;
	char *sig;
};
#define P struct kill_params

static int kill_one(struct ctr *c, void *arg, struct error *err)
{
	return ctr_kill(c, *(const int *)arg, err);
}

static int run_kill(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct kill_params *p = params;
	int sig = SIGKILL;
	const struct selection_call call = { .params = &p->s, .names = args, .act = kill_one, .arg = &sig, .print = true,
					     .running_only = true };

	if (p->sig)
		TRY(signal_parse(p->sig, &sig, err));
	return selection_run(cli, &call, err);
}

static const struct field rows[] = {
	SELECTION_ALL(P, s), SELECTION_LATEST(P, s), SELECTION_CIDFILE(P, s),
	{ .cli = "signal", .abbr = 's', F_STR(P, sig), .arg = "string", .fallback = "KILL", .complete = "signals",
	  .help = "Signal to send, by name or number" },
	{}
};

const struct command cmd_kill = {
	.summary = "Send a signal to the main process of containers",
	.description = "Sends SIGKILL, or the signal given, to the main process inside each container.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .examples = "web\n--signal HUP web db\n--all",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .run = run_kill,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};
