/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-buildah-rmi.c - `buildah rmi`: as `rmi`, in Buildah's words and with its exit code. */
#include <stdio.h>

#include "cli/cli.h"
#include "engine/image-remove.h"

struct rmi_params {
	bool all, force, prune;
};
static const struct field rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct rmi_params, all), .help = "Remove all images" },
	{ .cli = "force", .abbr = 'f', F_BOOL(struct rmi_params, force), .help = "Also images that containers use, with those containers" },
	{ .cli = "prune", .abbr = 'p', F_BOOL(struct rmi_params, prune), .help = "Remove images without a name that nothing uses" },
	{}
};

static void collect(void *arg, const struct error *e)
{
	struct strv *failures = arg;
	struct error ignored;

	strv_add(failures, e->text, &ignored);
}

static int check(const struct rmi_params *p, const struct strv *args, struct error *err)
{
	if (!args->n && !p->all && !p->prune)
		return fail(err, ERROR_INVALID, "image name or ID must be specified");
	if (args->n && p->all)
		return fail(err, ERROR_INVALID, "when using the --all switch, you may not pass any images names or IDs");
	if (p->all && p->prune)
		return fail(err, ERROR_INVALID, "when using the --all switch, you may not use --prune switch");
	if (args->n && p->prune)
		return fail(err, ERROR_INVALID, "when using the --prune switch, you may not pass any images names or IDs");
	return 0;
}

static int tell(const struct strv *failures, struct error *err)
{
	if (failures->n == 1)
		return fail(err, ERROR_INVALID, "%s", failures->v[0]);
	if (!failures->n)
		return 0;
	fprintf(stderr, "Error: %zu errors occurred:\n", failures->n);
	for (size_t i = 0; i < failures->n; i++)
		fprintf(stderr, "\t* %s\n", failures->v[i]);
	return 125;
}

static int run_rmi(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct rmi_params *p = params;
	const struct image_prune_options prune = {};
	auto_strv failures = {};
	auto_image_removal r = { .all = p->all, .force = p->force, .ignore = p->force, .failed = collect, .arg = &failures };
	struct engine *e;

	TRY(check(p, args, err));
	TRY(cli_engine(cli, &e, err));
	int done = p->prune ? image_prune(e, &prune, &r, err) : image_remove(e, args, &r, err);
	for (size_t i = 0; i < r.untagged.n; i++)
		printf("untagged: %s\n", r.untagged.v[i]);
	for (size_t i = 0; i < r.deleted.n; i++)
		printf("%s\n", r.deleted.v[i]);
	return done < 0 ? done : tell(&failures, err);
}

const struct command cmd_working_rmi = {
	.summary = "Remove images",
	.description = "Takes names away; an image goes with its last name. An image that containers use is kept unless forced.",
	.args = "IMAGE [IMAGE...]", .max_args = ARGS_ANY, .groups = (const struct command_rows[]){ { rows }, {} },
	.params_size = sizeof(struct rmi_params), .examples = "app:1 app:2\n--all --force\n--prune", .run = run_rmi,
	.flags = COMMAND_IN_USERNS | COMMAND_FLAGS_FIRST,
};
