/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-stop.c - `stop` and `restart`. */
#include "cli/cli.h"
#include "cli/selection.h"

struct stop_params {
	struct selection_params s;
	int64_t seconds;
	bool service, running;
};
#define P struct stop_params

static void stop_init(void *params)
{
	((struct stop_params *)params)->seconds = INT64_MIN;
}

/* -1: for ever, as Podman reads it */
static struct ctr_stop_options stop_options(const struct stop_params *p)
{
	struct ctr_stop_options o = {};

	if (p->seconds != INT64_MIN)
		o.timeout = (struct opt_uint){ true, p->seconds < 0 ? UINT64_MAX : (uint64_t)p->seconds };
	return o;
}

static int stop_one(struct ctr *c, void *arg, struct error *err)
{
	const struct ctr_stop_options *o = arg;

	int r = ctr_stop(c, o, err);
	const struct container_status *st = &c->at.status;
	/* it was killed together with the only process that could learn its code: stopped, but scripts must not take it for 0 */
	if (r == 0 && st->state == CONTAINER_EXITED && !st->exited)
		return fail(err, ERROR_STATE, "container %s conmon exited prematurely, exit code could not be retrieved: "
					      "conmon process killed", c->id);
	return r < 0 ? -1 : 0;
}

static int run_stop(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct stop_params *p = params;
	struct ctr_stop_options o = stop_options(p);
	const struct selection_call call = { .params = &p->s, .names = args, .act = stop_one, .arg = &o, .print = true,
					     .running_only = true };

	return selection_run(cli, &call, err);
}

static const struct field stop_rows[] = {
	SELECTION_ALL(P, s), SELECTION_LATEST(P, s), SELECTION_CIDFILE(P, s), SELECTION_FILTER(P, s),
	{ .cli = "ignore", .abbr = 'i', F_BOOL(P, s.ignore), .help = "Containers that do not exist are no error" },
	{ .cli = "time", MORE(.aliases = "timeout"), .abbr = 't', F_INT(P, seconds), .arg = "int", .fallback = "10",
	  .help = "Seconds between the stop signal and SIGKILL" },
	{ .cli = "service", F_BOOL(P, service), .flags = FIELD_HIDDEN, .help = "Accepted for units of older versions" },
	{}
};

const struct command cmd_stop = {
	.summary = "Stop containers gracefully, then by SIGKILL",
	.description = "Asks containers to end by their stop signal, and ends them by SIGKILL when that takes too long.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .examples = "web db\n--time 2 --all",
	.groups = (const struct command_rows[]){ { stop_rows, 0 }, {} }, .params_size = sizeof(P), .init = stop_init,
	.run = run_stop, .flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

static int restart_one(struct ctr *c, void *arg, struct error *err)
{
	return ctr_restart(c, arg, err);
}

static int run_restart(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct stop_params *p = params;
	struct ctr_stop_options o = stop_options(p);
	const struct selection_call call = { .params = &p->s, .names = args, .act = restart_one, .arg = &o, .print = true,
					     .running_only = p->running };

	if (p->running && args->n)
		return fail(err, ERROR_INVALID, "--running and containers cannot be used together");
	p->s.all |= p->running;
	return selection_run(cli, &call, err);
}

static const struct field restart_rows[] = {
	SELECTION_ALL(P, s), SELECTION_LATEST(P, s), SELECTION_CIDFILE(P, s), SELECTION_FILTER(P, s),
	{ .cli = "running", F_BOOL(P, running), .help = "Leave containers alone that do not run" },
	{ .cli = "time", MORE(.aliases = "timeout"), .abbr = 't', F_INT(P, seconds), .arg = "int", .fallback = "10",
	  .help = "Seconds between the stop signal and SIGKILL" },
	{}
};

const struct command cmd_restart = {
	.summary = "Stop and start containers",
	.description = "Stops containers that run and starts them again; containers that do not run are started.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .examples = "web\n--time 2 --running --all",
	.groups = (const struct command_rows[]){ { restart_rows, 0 }, {} }, .params_size = sizeof(P), .init = stop_init,
	.run = run_restart, .flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};
