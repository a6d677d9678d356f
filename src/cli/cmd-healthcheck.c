/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-healthcheck.c - `healthcheck run`; also what the container's monitor calls. */
#include <stdio.h>

#include "cli/cli.h"
#include "engine/container.h"
#include "engine/health.h"

struct healthcheck_params {
	bool ignore_result;
};
#define P struct healthcheck_params

static int run_healthcheck(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct healthcheck_params *p = params;
	struct health_outcome outcome = {};
	auto_ctr *c = NULL;
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	if (ctr_find(e, args->v[0], &c, err) < 0)
		return fail_wrap(err, "unable to look up %s to perform a health check", args->v[0]);
	TRY(health_run(c, &outcome, err));
	if (outcome.print)
		puts(outcome.print);
	return p->ignore_result ? 0 : outcome.exit_code;
}

static const struct field rows[] = {
	{ .cli = "ignore-result", F_BOOL(P, ignore_result), .help = "Exit with 0 whatever the result is" },
	{}
};

const struct command cmd_healthcheck_run = {
	.summary = "Run a container's health check once and set the exit status",
	.description = "Runs the container's health check: 0 healthy, 1 unhealthy, 125 it could not be run.",
	.args = "CONTAINER", .min_args = 1, .max_args = 1, .examples = "web",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .run = run_healthcheck,
	.flags = COMMAND_IN_USERNS,
};
