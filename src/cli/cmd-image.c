/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-image.c - `tag`, `untag`, `rmi`, `image exists`, `image prune`, `image inspect`: names in, ids out. */
#include <stdio.h>

#include "base/format.h"
#include "cli/cli.h"
#include "cli/skopeo.h"
#include "cli/text.h"
#include "engine/image-inspect.h"
#include "engine/image-list.h"
#include "engine/image-remove.h"
#include "engine/named-store.h"

/* ---- names ---- */
static int run_tag(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct engine *e;

	(void)params;
	TRY(cli_engine(cli, &e, err));
	for (size_t i = 1; i < args->n; i++)
		TRY(image_tag(e, args->v[0], args->v[i], err));
	return 0;
}

const struct command cmd_tag = {
	.summary = "Add a name to an image",
	.description = "Gives a stored image one or more further names. A name that another image had moves.",
	.args = "IMAGE TARGET_NAME [TARGET_NAME...]", .min_args = 2, .max_args = ARGS_ANY,
	.examples = "alpine registry.example:5000/base/alpine:3\n4f21a9 web:stable web:1.4", .run = run_tag,
};

static int run_untag(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	auto_strv names = {};
	struct engine *e;

	(void)params;
	TRY(cli_engine(cli, &e, err));
	for (size_t i = 1; i < args->n; i++)
		TRY(strv_add(&names, args->v[i], err));
	return image_untag(e, args->v[0], &names, err);
}

const struct command cmd_untag = {
	.summary = "Remove names from an image",
	.description = "Takes the given names of an image away, all its names when only the image is given. The image stays.",
	.args = "IMAGE [IMAGE...]", .min_args = 1, .max_args = ARGS_ANY,
	.examples = "web web:1.3\n4f21a9", .run = run_untag,
};

static int run_exists(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct engine *e;

	(void)params;
	TRY(cli_engine(cli, &e, err));
	int r = image_exists(e, args->v[0], err);
	return r < 0 ? r : !r;
}

const struct command cmd_image_exists = {
	.summary = "Exit status tells whether the image is stored",
	.description = "Ends with 0 when the image is in the store, with 1 when it is not, with 125 when that cannot be told.",
	.args = "IMAGE", .min_args = 1, .max_args = 1, .examples = "alpine:3", .run = run_exists,
};

/* ---- removing ---- */
struct rmi_params {
	bool all, force, ignore, no_prune;
};
static const struct field rmi_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct rmi_params, all), .help = "Delete every image" },
	{ .cli = "force", .abbr = 'f', F_BOOL(struct rmi_params, force),
	  .help = "Remove also with several names, and containers that use the image" },
	{ .cli = "ignore", .abbr = 'i', F_BOOL(struct rmi_params, ignore),
	  .help = "Images that do not exist are no error" },
	{ .cli = "no-prune", F_BOOL(struct rmi_params, no_prune),
	  .help = "Keep unnamed parents that nothing needs any more" },
	{}
};

/* What went wrong with single images, for the exit code. */
struct failures {
	struct cli *cli;
	bool unknown, in_use, other;
};

static void note_failure(void *arg, const struct error *e)
{
	struct failures *f = arg;

	cli_note_error(f->cli, e);
	f->unknown |= e->kind == ERROR_NOT_FOUND;
	f->in_use |= e->kind == ERROR_IN_USE;
	f->other |= e->kind != ERROR_NOT_FOUND && e->kind != ERROR_IN_USE;
}

static int exit_code_of(const struct failures *f)
{
	return f->in_use ? 2 : f->other ? 125 : f->unknown ? 1 : 0;
}

static int run_rmi(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct rmi_params *p = params;
	struct failures failures = { .cli = cli };
	auto_image_removal r = { .all = p->all, .force = p->force, .ignore = p->ignore || p->force,
				 .no_prune = p->no_prune, .failed = note_failure, .arg = &failures };
	struct engine *e;

	if (!args->n && !p->all)
		return fail(err, ERROR_INVALID, "image name or ID must be specified");
	if (args->n && p->all)
		return fail(err, ERROR_INVALID, "when using the --all switch, you may not pass any images names or IDs");
	TRY(cli_engine(cli, &e, err));
	int done = image_remove(e, args, &r, err);
	for (size_t i = 0; i < r.untagged.n; i++)
		printf("%sntagged: %s\n", streq(cli->program, "buildah") ? "u" : "U", r.untagged.v[i]);
	for (size_t i = 0; i < r.deleted.n; i++)
		printf("Deleted: %s\n", r.deleted.v[i]);
	return done < 0 ? done : exit_code_of(&failures);
}

const struct command cmd_rmi = {
	.summary = "Delete images or their names",
	.description = "Takes names away; an image goes with its last name. An image that containers use is kept\n"
		       "unless forced.",
	.args = "IMAGE [IMAGE...]", .min_args = 1, .max_args = ARGS_ANY, .flags = COMMAND_LATEST,
	.examples = "web:1.3 web:1.2\n--force alpine\n--all",
	.groups = (const struct command_rows[]){ { rmi_rows }, {} }, .params_size = sizeof(struct rmi_params),
	.run = run_rmi,
};

struct prune_params {
	struct strv filters;
	bool all, build_cache, external, force;
};
static const struct field prune_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct prune_params, all),
	  .help = "Remove all images no container uses, not only unnamed ones" },
	{ .cli = "build-cache", F_BOOL(struct prune_params, build_cache),
	  .help = "Remove what --mount=type=cache kept, too" },
	{ .cli = "external", F_BOOL(struct prune_params, external),
	  .help = "Remove images that only working containers (buildah) use, too" },
	{ .cli = "filter", F_STRV(struct prune_params, filters), .arg = "stringArray", .complete = "prune-filters",
	  .help = "Remove only what matches (label=, until=; repeatable)" },
	{ .cli = "force", .abbr = 'f', F_BOOL(struct prune_params, force), .help = "Do not ask" },
	{}
};

static bool confirm_prune(bool all)
{
	fputs(all ? "WARNING! This command removes all images without at least one container associated with them.\n"
		  : "WARNING! This command removes all dangling images.\n",
	      stdout);
	return cli_confirm("Are you sure you want to continue?");
}

static int run_prune(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct prune_params *p = params;
	struct failures failures = { .cli = cli };
	auto_image_removal r = { .failed = note_failure, .arg = &failures };
	struct image_prune_options o = { .all = p->all, .external = p->external, .filters = &p->filters };
	struct engine *e;

	(void)args;
	if (!p->force && !confirm_prune(p->all))
		return 0;
	TRY(cli_engine(cli, &e, err));
	TRY(image_prune(e, &o, &r, err));
	for (size_t i = 0; i < r.deleted.n; i++)
		puts(r.deleted.v[i]);
	return exit_code_of(&failures) ? 125 : 0;
}

const struct command cmd_image_prune = {
	.summary = "Delete images that nothing uses",
	.description = "Removes images without a name that no other image is made of; with --all also named ones\n"
		       "that no container uses.",
	.examples = "--all --force\n--filter label=temporary",
	.groups = (const struct command_rows[]){ { prune_rows }, {} }, .params_size = sizeof(struct prune_params),
	.run = run_prune,
};

/* ---- inspect ---- */
struct inspect_params {
	struct skopeo_place place;
	char *format;
	bool config, raw;
};
static const struct field inspect_rows[] = {
	{ .cli = "config", F_BOOL(struct inspect_params, config), .help = "Show the image's config" },
	{ .cli = "format", .abbr = 'f', F_STR(struct inspect_params, format), .fallback = "json",
	  .help = "Show JSON, or what a Go template makes of each image" },
	{ .cli = "raw", F_BOOL(struct inspect_params, raw), .help = "Show the manifest's (or with --config the config's) very bytes" },
	{}
};

struct inspected {
	struct image_inspect **v;
	size_t n;
};

static void inspected_done(struct inspected *l)
{
	for (size_t i = 0; i < l->n; i++)
		image_inspect_free(l->v[i]);
	free(l->v);
}

static int inspect_one(struct engine *e, const char *what, struct inspected *to, struct error *err)
{
	auto_named_store store = {};
	auto_store_image image = {};

	TRY(named_store_find(e, what, &store, err));
	if (store.is_other)
		e = &store.engine;
	TRY(image_find(e, store.is_store ? store.name : what, STORE_IMAGE_ALL, &image, NULL, err));
	TRY(image_inspect_new(e, &image, &to->v[to->n], err));
	to->n++;
	return 0;
}

/* "docker://host/image" and the like are looked at where they are. */
static bool is_elsewhere(const char *name)
{
	return transport_is_known(name) && !str_after(name, "containers-storage:");
}

static int run_inspect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct inspect_params *p = params;
	CLEANUP(inspected_done) struct inspected l = { .v = calloc(args->n, sizeof(*l.v)) };
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	struct engine *e;

	if (!l.v)
		return fail_oom(err);
	TRY(cli_engine(cli, &e, err));
	if (p->raw || p->config || is_elsewhere(args->v[0])) {
		for (size_t i = 0; i < args->n; i++)
			TRY(look_print(cli, &p->place, args->v[i], (struct look_how){ p->format, p->raw, p->config }, err));
		return 0;
	}
	for (size_t i = 0; i < args->n; i++) {
		struct error why = {};
		if (inspect_one(e, args->v[i], &l, &why) < 0)
			cli_note_error(cli, &why);
	}
	struct format_request rq = { .name = "inspect", .format = p->format, .type = &image_inspect_type };
	struct value list = value_struct_ptrs(&image_inspect_type, (const void *const *)l.v, l.n);
	TRY(format_each(&rq, &list, &out, err));
	return text_print(&out, "inspect", err);
}

const struct command cmd_image_inspect = {
	.summary = "Full metadata of an image as JSON",
	.description = "Shows images of the local storage; with a transport (docker://, oci: and so on) images where they\nare, as skopeo "
		"inspect does.",
	.args = "IMAGE [IMAGE...]", .min_args = 1, .max_args = ARGS_ANY,
	.examples = "alpine\n--format '{{.Digest}} {{len .RootFS.Layers}}' alpine",
	.groups = (const struct command_rows[]){ { inspect_rows }, { skopeo_place_rows, offsetof(struct inspect_params, place) },
		{} }, .params_size = sizeof(struct inspect_params),
	.run = run_inspect, .format_type = &image_inspect_type,
};
