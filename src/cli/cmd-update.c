/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-update.c - `update`: the rows of run whose values may change, chosen by name. */
#include <stdio.h>

#include "cli/cli.h"
#include "engine/container-update.h"

struct update_params {
	struct container_params c;
	bool latest;
};
#define P struct update_params

static void init(void *params)
{
	params_init(&((P *)params)->c);
}

static bool given(const void *arg, const char *option)
{
	return cli_given(arg, option);
}

static int run_update(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	P *p = params;
	const struct ctr_update u = { .values = &p->c, .given = given, .arg = cli };
	auto_ctr *c = NULL;
	struct engine *e;

	if (p->latest && args->n)
		return fail(err, ERROR_INVALID, "--latest and containers cannot be used together");
	if (!p->latest && !args->n)
		return fail(err, ERROR_INVALID, "you must provide a name or id, or --latest");
	TRY(cli_engine(cli, &e, err));
	TRY(p->latest ? ctr_latest(e, &c, err) : ctr_find(e, args->v[0] + (args->v[0][0] == '/'), &c, err));
	TRY(ctr_update(c, &u, err));
	puts(c->id);
	return 0;
}

static const struct field own_rows[] = {
	{ .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest container this program knows" }, {}
};

const struct command cmd_update = {
	.summary = "Update an existing container",
	.description = "Changes limits, health checks, restart policy, environment and ulimits of a container. Limits and health checks\n"
		"change at once, the rest counts from the next start.",
	.args = "CONTAINER", .max_args = 1, .params_size = sizeof(P), .init = init,
	.groups = (const struct command_rows[]){
		{ own_rows, 0 }, { params_resources_rows, offsetof(P, c), UPDATE_RESOURCES },
		{ params_health_rows, offsetof(P, c), UPDATE_HEALTH }, { params_basic_rows, offsetof(P, c), "restart" },
		{ params_process_rows, offsetof(P, c), "env unsetenv" }, {} },
	.examples = "--cpus=5 --memory 1g web\n--restart always web\n--health-cmd 'curl -f localhost' web",
	.run = run_update, .flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};
