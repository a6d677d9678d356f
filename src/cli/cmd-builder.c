/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-builder.c - `builder prune` and what else goes with `buildx`. */
#include <stdio.h>

#include "base/units.h"
#include "cli/cli.h"
#include "engine/engine.h"
#include "engine/info.h"
#include "os/file.h"
#include "store/build-cache.h"

struct prune_params {
	bool all, force;
	struct strv filters;
};

#define P struct prune_params
static const struct field prune_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Also results that images still use, and the contents of cache mounts" },
	{ .cli = "filter", F_CSV(P, filters), .arg = "until=DURATION", .help = "Only results that were not used for that long" },
	{ .cli = "force", .abbr = 'f', F_BOOL(P, force), .help = "Do not ask" },
	{}
};

static int read_filters(const struct strv *filters, struct build_cache_prune *p, struct error *err)
{
	for (size_t i = 0; i < filters->n; i++) {
		const char *text = str_after(filters->v[i], "until=");
		int64_t age;
		if (!text)
			return fail(err, ERROR_INVALID, "\"%s\" is an invalid filter: until=DURATION is known", filters->v[i]);
		TRY(duration_parse(text, &age, err));
		p->before = time_now() - age;
	}
	return 0;
}

static int run_prune(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct prune_params *p = params;
	struct build_cache_prune prune = { .all = p->all };
	struct engine *e;
	struct store *s;
	char size[32];

	(void)args;
	TRY(read_filters(&p->filters, &prune, err));
	if (!p->force && !cli_confirm("WARNING! This command removes results of builds.\nAre you sure you want to continue?"))
		return 0;
	TRY(cli_engine(cli, &e, err));
	TRY(engine_store(e, &s, err));
	TRY(build_cache_prune(s, &prune, err));
	if (p->all && !prune.before)
		TRY(file_remove_tree(store_root_fd(s), "build-cache", err));
	size_format(prune.ret_bytes, size);
	printf("Total reclaimed space: %s\n", size);
	return 0;
}

const struct command cmd_builder_prune = {
	.summary = "Remove results of builds that no image uses",
	.description = "Forgets what steps of builds gave and removes the layers that no image uses. The next build does those steps\nagain.",
	.groups = (const struct command_rows[]){ { prune_rows, 0 }, {} }, .params_size = sizeof(struct prune_params),
	.examples = "--force\n--all --filter until=72h", .run = run_prune, .flags = COMMAND_IN_USERNS,
};

static int run_version(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	(void)cli;
	(void)params;
	(void)args;
	(void)err;
	puts("buildah " BUILDAH_LEVEL);
	return 0;
}

const struct command cmd_buildx_version = {
	.summary = "Show which Buildah release builds follow", .run = run_version, .flags = COMMAND_EARLY,
};
