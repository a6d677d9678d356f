/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-pause.c - `pause`, `unpause`, `init`. */
#include "cli/cli.h"
#include "cli/selection.h"

#define P struct selection_params
struct whole {
	struct selection_params s;
};

static int pause_one(struct ctr *c, void *arg, struct error *err)
{
	(void)arg;
	return ctr_pause(c, err);
}

/* --all passes over what is in no state for it. */
static int unpause_one(struct ctr *c, void *arg, struct error *err)
{
	const struct selection_params *p = arg;

	if ((p->all || p->filters.n) && c->at.status.state != CONTAINER_PAUSED)
		return SELECTION_PASSED;
	return ctr_unpause(c, err);
}

static int init_one(struct ctr *c, void *arg, struct error *err)
{
	const struct selection_params *p = arg;

	if (p->all && c->at.status.state != CONTAINER_CREATED && c->at.status.state != CONTAINER_EXITED)
		return SELECTION_PASSED;
	return ctr_init(c, err);
}

static int run(struct cli *cli, struct whole *p, struct strv *args,
	       int (*act)(struct ctr *c, void *arg, struct error *err), bool running_only, struct error *err)
{
	const struct selection_call call = { .params = &p->s, .names = args, .act = act, .arg = &p->s, .print = true,
					     .running_only = running_only };

	return selection_run(cli, &call, err);
}

static int run_pause(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return run(cli, params, args, pause_one, true, err);
}

static int run_unpause(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return run(cli, params, args, unpause_one, false, err);
}

static int run_init(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	return run(cli, params, args, init_one, false, err);
}

static const struct field rows[] = {
	SELECTION_ALL(struct whole, s), SELECTION_LATEST(struct whole, s), SELECTION_CIDFILE(struct whole, s),
	SELECTION_FILTER(struct whole, s), {}
};
static const struct field init_rows[] = { SELECTION_ALL(struct whole, s), SELECTION_LATEST(struct whole, s), {} };

const struct command cmd_pause = {
	.summary = "Freeze all processes of containers",
	.description = "Freezes every process of the containers; they go on with unpause.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .examples = "web db\n--all",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(struct whole), .run = run_pause,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

const struct command cmd_unpause = {
	.summary = "Thaw paused containers",
	.description = "Lets the processes of paused containers go on.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .examples = "web\n--all",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(struct whole), .run = run_unpause,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

const struct command cmd_init = {
	.summary = "Set up a container up to the point before its process starts",
	.description = "Makes all that a container needs - mounts, namespaces, its first process - without running its command.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .examples = "web\n--latest",
	.groups = (const struct command_rows[]){ { init_rows, 0 }, {} }, .params_size = sizeof(struct whole), .run = run_init,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};
