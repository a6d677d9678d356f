/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-attach.c - `attach`. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "engine/attach.h"
#include "engine/container.h"

struct attach_params {
	char *detach_keys;
	bool latest, no_stdin, sig_proxy;
};
#define P struct attach_params

static void init_attach(void *params)
{
	((struct attach_params *)params)->sig_proxy = true;
}

static struct attach_options streams(const struct cli *cli, const struct ctr *c, const struct attach_params *p)
{
	struct attach_options o = ATTACH_OPTIONS_INIT;

	o.in = p->no_stdin ? -1 : STDIN_FILENO;
	o.out = STDOUT_FILENO;
	o.err = STDERR_FILENO;
	o.tty = c->params.process.tty;
	/* With a terminal the keys are typed into the container's own. */
	o.sig_proxy = p->sig_proxy && !o.tty;
	o.detach_keys = p->detach_keys ? p->detach_keys : cli->engine->conf.engine.detach_keys;
	return o;
}

static int run_attach(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct attach_params *p = params;
	auto_ctr *c = NULL;
	auto_attach a = ATTACH_INIT;
	struct monitor_exit x;
	struct engine *e;

	if (p->latest && args->n)
		return fail(err, ERROR_INVALID, "--latest and containers cannot be used together");
	if (args->n != 1 && !p->latest)
		return fail(err, ERROR_INVALID,
			    "attach requires the name or id of one running container or the latest flag");
	TRY(cli_engine(cli, &e, err));
	TRY(p->latest ? ctr_latest(e, &c, err) : ctr_find(e, args->v[0], &c, err));
	TRY(ctr_load(c, err));
	const struct attach_options o = streams(cli, c, p);
	int r = ctr_attach(c, &o, &a, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return fail(err, ERROR_STATE, "you can only attach to running containers");
	ctr_started_attached(c, true);
	if (attach_run(&a, &x, err) < 0)
		return fail_wrap(err, "attaching to container %s", c->id);
	/* Podman ends the line, whatever was on it. */
	if (!cli->docker)
		putchar('\n');
	return 0;
}

static const struct field rows[] = {
	{ .cli = "detach-keys", F_STR(P, detach_keys), .arg = "string", .fallback = "ctrl-p,ctrl-q", .complete = "none",
	  .help = "Key sequence that detaches from the container: a character or ctrl-<value>, separated by commas" },
	{ .cli = "latest", .abbr = 'l', F_BOOL(P, latest), .help = "Act on the latest container this program knows" },
	{ .cli = "no-stdin", F_BOOL(P, no_stdin), .help = "Do not attach STDIN" },
	{ .cli = "sig-proxy", F_BOOL(P, sig_proxy), .fallback = "true",
	  .help = "Pass signals on to the container's process" },
	{}
};

const struct command cmd_attach = {
	.summary = "Connect the terminal to a running container's stdio",
	.description = "Connects this terminal to the standard streams of a running container's process.",
	.args = "CONTAINER", .max_args = 1, .examples = "web\n--no-stdin --detach-keys=ctrl-x web",
	.groups = (const struct command_rows[]){ { rows, 0 }, {} }, .params_size = sizeof(P), .init = init_attach,
	.run = run_attach, .flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};
