/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-start.c - `start`. */
#include <stdio.h>

#include "cli/attached.h"
#include "cli/cli.h"
#include "cli/selection.h"

struct start_params {
	struct selection_params s;
	char *detach_keys;
	bool attach, interactive, sig_proxy;
};
#define P struct start_params

static int start_one(struct ctr *c, void *arg, struct error *err)
{
	(void)arg;
	if (ctr_start(c, err) >= 0)
		return 0;
	/* 126 and 127 are for those who wait for the command */
	if (err->kind == ERROR_NO_COMMAND || err->kind == ERROR_NOT_EXECUTABLE)
		err->kind = ERROR_SYSTEM;
	return -1;
}

static int start_attached(struct cli *cli, struct start_params *p, struct strv *args, struct error *err)
{
	auto_ctr *c = NULL;
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(p->s.latest ? ctr_latest(e, &c, err) : ctr_find(e, args->v[0], &c, err));
	TRY(ctr_load(c, err));
	const struct attached_options o = {
		.detach_keys = p->detach_keys, .interactive = p->interactive || (p->attach && c->params.process.interactive &&
										 c->params.process.tty),
		.sig_proxy = p->sig_proxy || p->attach, .streams = NULL,
	};
	return attached_start(cli, c, &o, err);
}

static int check(const struct start_params *p, const struct strv *args, struct error *err)
{
	if (p->attach && (args->n > 1 || p->s.all))
		return fail(err, ERROR_INVALID, "you cannot start and attach multiple containers at once");
	if (p->sig_proxy && !p->attach && !p->interactive)
		return fail(err, ERROR_INVALID, "you cannot use sig-proxy without --attach: invalid argument");
	if (p->s.all && p->s.latest)
		return fail(err, ERROR_INVALID, "--all and --latest cannot be used together");
	if (p->s.latest && args->n)
		return fail(err, ERROR_INVALID, "--latest and containers cannot be used together");
	if (p->s.all && args->n)
		return fail(err, ERROR_INVALID, "either start all containers or the container(s) provided in the arguments");
	if (!args->n && !p->s.all && !p->s.latest && !p->s.filters.n)
		return fail(err, ERROR_INVALID, "start requires at least one argument");
	return 0;
}

/* --all: those that are not running */
static int start_stopped(struct ctr *c, void *arg, struct error *err)
{
	if (c->at.status.state == CONTAINER_RUNNING || c->at.status.state == CONTAINER_PAUSED)
		return 0;
	TRY(start_one(c, arg, err));
	puts(c->id);
	return 0;
}

static int run_start(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct start_params *p = params;
	struct selection_call call = { .params = &p->s, .names = args, .act = start_one, .print = true, .filter_names = true };

	TRY(check(p, args, err));
	if (p->attach || p->interactive)
		return start_attached(cli, p, args, err);
	if (p->s.all) {
		call.act = start_stopped;
		call.print = false;
	}
	return selection_run(cli, &call, err);
}

static const struct field rows[] = {
	{ .cli = "all", F_BOOL(P, s.all), .help = "Start every container" },
	{ .cli = "attach", .abbr = 'a', F_BOOL(P, attach),
	  .help = "Connect to the container's output and wait for its end" },
	{ .cli = "detach-keys", F_STR(P, detach_keys), .arg = "[a-Z] | ctrl-<value>", .fallback = "ctrl-p,ctrl-q",
	  .help = "Key sequence that detaches from the container" },
	SELECTION_FILTER(P, s), SELECTION_LATEST(P, s),
	{ .cli = "interactive", .abbr = 'i', F_BOOL(P, interactive),
	  .help = "Connect standard input, too" },
	{ .cli = "sig-proxy", F_BOOL(P, sig_proxy),
	  .help = "Pass signals on to the container's process (default true if attached)" },
	{}
};

const struct command cmd_start = {
	.summary = "Start stopped containers",
	.description = "Starts containers that exist and do not run.",
	.args = "CONTAINER [CONTAINER...]", .max_args = ARGS_ANY, .examples = "web db\n--attach --interactive shell",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .run = run_start,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};
