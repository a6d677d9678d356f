/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-run.c - `run` and `create`. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/attached.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/run-options.h"

static int run_create_command(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	auto_ctr *c = NULL;

	TRY(run_create(cli, params, args, &c, err));
	puts(c->id);
	return 0;
}

/* A container that could not be started and was to be removed is removed now. */
static int give_up(struct ctr *c)
{
	const struct ctr_remove_options o = { .force = true, .volumes = true };
	struct error ignored;

	if (c->params.basic.remove)
		ctr_remove(c, &o, NULL, &ignored);
	return -1;
}

static int run_detached(struct ctr *c, struct error *err)
{
	if (ctr_start(c, err) < 0)
		return give_up(c);
	puts(c->id);
	return 0;
}

static int run_run(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct run_params *p = params;
	auto_ctr *c = NULL;
	int code;

	p->c.basic.provisional = true;
	TRY(run_create(cli, p, args, &c, err));
	if (p->detach)
		return run_detached(c, err);
	const struct attached_options o = {
		.detach_keys = p->detach_keys, .sig_proxy = p->sig_proxy, .streams = &c->params.process.attach,
		.interactive = c->params.process.interactive,
	};
	if (o.streams->n == 1 && strcasecmp(o.streams->v[0], "stdin") == 0)
		puts(c->id);
	code = attached_start(cli, c, &o, err);
	if (code < 0)
		return give_up(c);
	return code;
}

/* Behind the image: what lies in the image. */
static int complete_run_words(struct cli *cli, void *params, struct completion *c, struct error *err)
{
	const struct run_params *p = params;

	if (!c->args->n || p->c.basic.rootfs)
		return 0;
	int r = complete_image_path(cli, c, c->args->v[0], err);
	if (!r)
		c->directive = COMPLETE_DEFAULT;
	return r < 0 ? r : 1;
}

const struct command cmd_run = {
	.summary = "Create a container and start it",
	.description = "Makes a container from the image and starts a command in it.",
	.args = "IMAGE [COMMAND [ARG...]]", .min_args = 1, .max_args = ARGS_ANY,
	.missing = "requires at least 1 arg(s), only received 0",
	.examples = "-it --rm alpine\n"
		    "-d --name web --publish 8080:80 --restart always web:1.4\n"
		    "--rm --volume .:/src:ro --workdir /src alpine wc -l README.md",
	.groups = run_groups, .params_size = sizeof(struct run_params), .init = run_params_init, .run = run_run, .complete = complete_run_words,
	.flags = COMMAND_ARGS_STOP | COMMAND_IN_USERNS,
};

const struct command cmd_create = {
	.summary = "Prepare a container and leave it stopped",
	.description = "Makes a container from the image, prints its ID and leaves it stopped; start runs it.",
	.args = "IMAGE [COMMAND [ARG...]]", .min_args = 1, .max_args = ARGS_ANY,
	.missing = "requires at least 1 arg(s), only received 0",
	.examples = "--name web --publish 8080:80 web:1.4\n--interactive --tty alpine sh",
	.groups = create_groups, .params_size = sizeof(struct run_params), .init = run_params_init, .run = run_create_command,
	.complete = complete_run_words,
	.flags = COMMAND_ARGS_STOP | COMMAND_IN_USERNS,
};
