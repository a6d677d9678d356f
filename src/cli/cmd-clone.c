/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-clone.c - `container clone`: a container's settings for a new one. */
#include <stdio.h>

#include "cli/cli.h"
#include "engine/container-clone.h"

struct clone_params {
	struct container_params c;
	char *name, *pod;
	bool destroy, force, run;
};
#define P struct clone_params

static void init(void *params)
{
	params_init(&((P *)params)->c);
}

static int destroy(struct ctr *c, const P *p, struct error *err)
{
	const struct ctr_remove_options o = { .force = p->force };

	return ctr_remove(c, &o, NULL, err);
}

static int run_clone(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	P *p = params;
	auto_ctr *from = NULL, *to = NULL;
	struct engine *e;
	const struct ctr_clone o = { .name = args->n > 1 ? args->v[1] : p->name, .image = args->n > 2 ? args->v[2] : NULL,
				     .pod = p->pod, .changes = &p->c };

	if (p->force && !p->destroy)
		return fail(err, ERROR_INVALID, "cannot set --force without --destroy: invalid argument");
	TRY(cli_engine(cli, &e, err));
	TRY(ctr_find(e, args->v[0], &from, err));
	TRY(ctr_clone(from, &o, &to, err));
	if (p->destroy)
		TRY(destroy(from, p, err));
	if (p->run)
		TRY(ctr_start(to, err) < 0 ? -1 : 0);
	puts(to->id);
	return 0;
}

static const struct field own_rows[] = {
	{ .cli = "destroy", F_BOOL(P, destroy), .help = "Remove the original container" },
	{ .cli = "force", .abbr = 'f', F_BOOL(P, force), .help = "Remove the original container even when it runs" },
	{ .cli = "name", F_STR(P, name), .arg = "name", .help = "Name of the new container" },
	{ .cli = "pod", F_STR(P, pod), .arg = "name", .complete = "pods", .help = "Pod the new container joins" },
	{ .cli = "run", F_BOOL(P, run), .help = "Start the new container" }, {}
};

const struct command cmd_container_clone = {
	.summary = "Clone an existing container",
	.description = "Makes a container with the settings of another one, some of them changed, from the same or another image. Files\n"
		"that the original has changed are not copied.",
	.args = "CONTAINER [NAME [IMAGE]]", .min_args = 1, .max_args = 3, .params_size = sizeof(P), .init = init,
	.groups = (const struct command_rows[]){
		{ own_rows, 0 },
		{ params_resources_rows, offsetof(P, c), "blkio-weight blkio-weight-device cpu-period cpu-quota cpu-rt-period "
		  "cpu-rt-runtime cpu-shares cpus cpuset-cpus cpuset-mems device-read-bps device-write-bps memory "
		  "memory-reservation memory-swap memory-swappiness" }, {} },
	.examples = "web\n--cpus 4 web web2\nweb web2 fedora:latest", .run = run_clone, .flags = COMMAND_IN_USERNS,
};
