/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-system.c - `system check`, `reset`, `renumber`, `migrate`: care of the store as a whole. */
#include <stdio.h>

#include "base/sha256.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "engine/container-update.h"
#include "cli/transfer.h"
#include "engine/event.h"
#include "engine/image-migrate.h"
#include "engine/network.h"
#include "engine/rootless.h"
#include "engine/verify.h"
#include "image/tar-recipe.h"
#include "store/check.h"

/* ---- check ---- */
struct check_params {
	bool force, quick, repair;
	int64_t max;
};
static const struct field check_rows[] = {
	{ .cli = "force", .abbr = 'f', F_BOOL(struct check_params, force),
	  .help = "Repair, and remove images and containers whose content is lost" },
	{ .cli = "max", .abbr = 'm', F_DURATION(struct check_params, max), .fallback = "24h0m0s", .complete = "none",
	  .help = "Leave unreferenced content alone that is younger" },
	{ .cli = "quick", .abbr = 'q', F_BOOL(struct check_params, quick),
	  .help = "Leave out what takes long (digests)" },
	{ .cli = "repair", .abbr = 'r', F_BOOL(struct check_params, repair), .help = "Repair what can be repaired" },
	{}
};

static const char *const object_names[CHECK_OBJECT_MAX] = {
	[CHECK_BLOB] = "blob",           [CHECK_LAYER] = "layer", [CHECK_IMAGE] = "image",
	[CHECK_CONTAINER] = "container", [CHECK_INDEX] = "index", [CHECK_GARBAGE] = "leftover",
};

/* Prints the findings; returns how many are still wrong. Leftovers are untidy, not damage. */
static size_t print_problems(const struct check_report *r)
{
	size_t left = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct check_problem *p = &r->v[i];
		if (p->fixed)
			printf("Repaired %s %s: %s\n", object_names[p->object], p->name, p->text);
		else
			printf("Damaged %s %s:\n\t%s\n", object_names[p->object], p->name, p->text);
		left += !p->fixed && p->object != CHECK_GARBAGE;
	}
	return left;
}

static int check_once(struct store *s, const struct check_options *o, size_t *ret_left, struct error *err)
{
	auto_check_report report = {};

	TRY(store_check(s, o, &report, err));
	*ret_left = print_problems(&report);
	return 0;
}

static int play_layer(void *arg, int recipe, int tree, char ret_digest[72], struct error *err)
{
	struct sha256 hash;

	sha256_init(&hash);
	TRY(recipe_play(recipe, tree, -1, &hash, -1, err));
	sha256_end_text(&hash, ret_digest);
	return 0;
}

static int run_check(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct check_params *p = params;
	bool repair = p->repair || p->force;
	struct engine *e;
	struct store *s;
	size_t left;

	(void)args;
	TRY(cli_engine(cli, &e, err));
	TRY(engine_store(e, &s, err));
	auto_verifier v = { .engine = e };
	struct check_options o = { .full = !p->quick, .repair = repair, .force = p->force, .max_age_ns = p->max,
				   .verify = p->quick ? NULL : verifier_digest, .play = p->quick ? NULL : play_layer, .verify_arg = &v };
	TRY(check_once(s, &o, &left, err));
	if (!repair)
		return left ? fail(err, ERROR_CORRUPT, "damage detected in local storage") : 0;
	o.repair = o.force = false;
	TRY(check_once(s, &o, &left, err));
	return left ? fail(err, ERROR_CORRUPT, "damage in local storage still present after repair attempt") : 0;
}

const struct command cmd_system_check = {
	.summary = "Look for damage in the store and optionally repair it",
	.description = "Compares the stored files with the index and with their digests. Damaged content is\n"
		       "removed on request, so that the next pull brings it again.",
	.examples = "--quick\n--repair",
	.groups = (const struct command_rows[]){ { check_rows }, {} }, .params_size = sizeof(struct check_params),
	.run = run_check,
};

/* Rootless: ends the process that keeps the user namespace. The next command makes a new one, which sees changed
 * subordinate ids. */
static int end_namespace(struct error *err)
{
	auto_paths paths = {};

	TRY(paths_load(&paths, err));
	return paths.rootless ? rootless_end(&paths, err) : 0;
}

/* ---- reset ---- */
struct reset_params {
	bool force;
};
static const struct field reset_rows[] = {
	{ .cli = "force", .abbr = 'f', F_BOOL(struct reset_params, force), .help = "Do not ask" },
	{}
};

static bool confirm_reset(const struct engine *e)
{
	printf("WARNING! This will remove:\n"
	       "        - all containers\n        - all pods\n        - all images\n        - all networks\n"
	       "        - all build cache\n        - all machines\n        - all volumes\n"
	       "        - the graphRoot directory: \"%s\"\n        - the runRoot directory: \"%s\"\n", e->root, e->runroot);
	return cli_confirm("Are you sure you want to continue?");
}

static void remove_all_containers(struct cli *cli, struct engine *e)
{
	struct ctr_remove_options o = { .force = true, .volumes = true, .depend = true, .with_pod = true, .timeout = { true, 0 } };
	auto_ctr_list all = {};
	struct error why = {};

	if (ctr_list(e, &all, &why) < 0) {
		log_error(&cli->log, "%s", why.text);   /* a store that cannot be read must be resettable all the same */
		return;
	}
	for (size_t i = 0; i < all.n; i++)
		if (ctr_remove(all.v[i], &o, NULL, &why) < 0 && why.kind != ERROR_NOT_FOUND)
			log_error(&cli->log, "%s", why.text);
}

static int run_reset(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct reset_params *p = params;
	struct error failed = {};
	struct engine *e;
	struct store *s;

	(void)args;
	TRY(cli_engine(cli, &e, err));
	if (!p->force && !confirm_reset(e))
		return 0;
	TRY(engine_store(e, &s, err));
	remove_all_containers(cli, e);
	if (networks_reset(e, &failed) < 0)
		log_error(&cli->log, "networks: %s", failed.text);
	TRY(end_namespace(err));   /* before its record goes with the run-time directory; we stay inside */
	return store_reset(s, err);
}

const struct command cmd_system_reset = {
	.summary = "Delete everything the engine has stored",
	.description = "Stops and removes all containers, then removes all images, volumes and the store itself.",
	.examples = "--force",
	.groups = (const struct command_rows[]){ { reset_rows }, {} }, .params_size = sizeof(struct reset_params),
	.run = run_reset,
};

/* ---- renumber, migrate ---- */
static int run_renumber(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct engine *e;

	(void)params;
	(void)args;
	TRY(cli_engine(cli, &e, err));
	engine_event(e, &(struct event){ .type = EVENT_SYSTEM, .status = EVENT_RENUMBER });
	return 0;
}

const struct command cmd_system_renumber = {
	.summary = "Assign new lock numbers",
	.description = "Accepted for scripts. Locks of this engine are files with names: they have no numbers and\n"
		       "no limit, so that there is nothing to assign.",
	.run = run_renumber,
};

struct migrate_params {
	char *from_podman, *new_runtime;
	bool migrate_db;
};
static const struct field migrate_rows[] = {
	{ .cli = "from-podman", F_STR(struct migrate_params, from_podman), .arg = "path", MORE(.implied = ""),
	  .flags = FIELD_OPTIONAL_VALUE, .help = "Copy the images of Podman's store (PATH: the podman program)" },
	{ .cli = "migrate-db", F_BOOL(struct migrate_params, migrate_db),
	  .help = "Accepted for scripts: there is no older database to convert" },
	{ .cli = "new-runtime", F_STR(struct migrate_params, new_runtime), .arg = "runtime",
	  .help = "Run all containers with this OCI runtime from their next start on" },
	{}
};

/* Images come over, one after the other; Podman's own store stays as it is. */
static int bring_images(struct engine *e, const struct migrate_params *p, struct error *err)
{
	struct image_progress progress = cli_progress(false);
	auto_strv names = {};

	TRY(image_migrate_podman(e, p->from_podman, &progress, &names, err));
	for (size_t i = 0; i < names.n; i++)
		printf("%s\n", names.v[i]);
	return 0;
}

static int change_runtimes(struct engine *e, const char *runtime, struct error *err)
{
	autofree char *path = NULL;
	auto_ctr_list all = {};

	TRY(engine_runtime(e, runtime, &path, err));   /* there is one */
	TRY(ctr_list(e, &all, err));
	for (size_t i = 0; i < all.n; i++)
		if (ctr_set_runtime(all.v[i], runtime, err) < 0)
			return fail_wrap(err, "container %s", all.v[i]->id);
	return 0;
}

/* Running ones hold what is to be renewed: the user namespace with its ids, the old runtime. */
static int stop_all(struct engine *e, struct error *err)
{
	auto_ctr_list all = {};

	TRY(ctr_list(e, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		int r = ctr_stop(all.v[i], &(struct ctr_stop_options){ .ignore_stopped = true }, err);
		if (r < 0 && err->kind != ERROR_NOT_FOUND)
			return fail_wrap(err, "cannot stop container %s", all.v[i]->id);
		if (r == 0)
			printf("stopped %s\n", all.v[i]->id);
	}
	return 0;
}

static int run_migrate(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct migrate_params *p = params;
	struct engine *e;
	struct store *s;

	(void)args;
	TRY(cli_engine(cli, &e, err));
	if (p->from_podman)
		return bring_images(e, p, err);
	TRY(stop_all(e, err));
	TRY(engine_store(e, &s, err));   /* opening adapts the store to this version */
	TRY(store_sweep(s, err));
	if (p->new_runtime)
		TRY(change_runtimes(e, p->new_runtime, err));
	/* the one this command is in: the next command makes a new one */
	return end_namespace(err) < 0 ? -1 : 0;
}

const struct command cmd_system_migrate = {
	.summary = "Adapt the store to a new version of the engine",
	.description = "Stops all running containers, opens the store, which brings it to this version's format, and\n"
		       "removes what dead commands left behind. Without root it also ends the user namespace: the\n"
		       "next command makes a new one, which sees changed subordinate ids. With --from-podman it\n"
		       "copies the images of a Podman store instead and stops nothing.",
	.groups = (const struct command_rows[]){ { migrate_rows }, {} }, .params_size = sizeof(struct migrate_params),
	.run = run_migrate,
};
