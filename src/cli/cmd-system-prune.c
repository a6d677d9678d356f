/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-system-prune.c - `system prune`: everything nothing uses. */
#include <fcntl.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/network.h"
#include "cli/text.h"
#include "base/units.h"
#include "engine/container.h"
#include "engine/pod.h"
#include "engine/image-remove.h"
#include "engine/ps.h"
#include "engine/volume.h"
#include "store/check.h"
#include "store/rootfs.h"

struct prune_params {
	struct strv filters;
	bool all, build, external, force, volumes;
};
#define P struct prune_params
static const struct field rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Remove all unused images, not only unnamed ones" },
	{ .cli = "build", F_BOOL(P, build), .help = "Remove build containers, too" },
	{ .cli = "external", F_BOOL(P, external),
	  .help = "Remove only leftovers in the store that belong to no container" },
	{ .cli = "filter", F_STRV(P, filters), .arg = "stringArray", .complete = "prune-filters",
	  .help = "Remove only what matches (label=, until=; repeatable)" },
	{ .cli = "force", .abbr = 'f', F_BOOL(P, force), .help = "Do not ask" },
	{ .cli = "volumes", F_BOOL(P, volumes), .help = "Remove volumes no container uses, too" },
	{}
};

static bool confirm(const P *p)
{
	printf("WARNING! This command removes:\n"
	       "\t- all stopped containers\n\t- all stopped pods\n\t- all networks not used by at least one container%s%s\n\t- %s\n\t- %s\n\n",
	       p->volumes ? "\n\t- all volumes not used by at least one container" : "",
	       p->build ? "\n\t- all build containers" : "",
	       p->all ? "all images without at least one container associated with them" : "all dangling images",
	       p->all ? "all build cache" : "all dangling build cache");
	return cli_confirm("Are you sure you want to continue?");
}

static void print_list(const char *heading, const struct strv *l)
{
	if (l->n)
		puts(heading);
	for (size_t i = 0; i < l->n; i++)
		puts(l->v[i]);
}

/* ---- pods ---- */
static int match_pod_label(const void *object, const char *value, struct error *err)
{
	(void)err;
	return match_label(value, &((const struct pod *)object)->config.labels);
}

static int match_pod_no_label(const void *object, const char *value, struct error *err)
{
	return !match_pod_label(object, value, err);
}

static int match_pod_until(const void *object, const char *value, struct error *err)
{
	int64_t until;

	TRY(filter_time(value, &until, err));
	return ((const struct pod *)object)->config.created < until;
}

static const struct filter_key pod_keys[] = {
	{ "label", FILTER_ALL, match_pod_label }, { "label!", FILTER_ALL, match_pod_no_label }, { "until", 0, match_pod_until }, {}
};

/* Pods whose containers have all ended. */
static int prune_pods(struct cli *cli, struct engine *e, const struct strv *texts, struct error *err)
{
	const struct pod_remove_options o = {};
	auto_pod_list all = {};
	auto_filters filters = {};
	auto_strv removed = {};

	TRY(filters_add_all(&filters, pod_keys, texts, err));
	TRY(pod_list(e, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		auto_ctr_list members = {};
		struct error why = {};
		TRY(pod_containers(all.v[i], &members, err));
		if (!streq(pod_state(&members), "Exited") && !streq(pod_state(&members), "Stopped"))
			continue;
		int match = filters_match(&filters, all.v[i], err);
		TRY(match);
		if (!match)
			continue;
		if (pod_remove(all.v[i], &o, NULL, &why) < 0)
			cli_note_prune_error(cli, &why);
		else
			TRY(strv_add(&removed, all.v[i]->config.id, err));
	}
	print_list("Deleted Pods", &removed);
	return 0;
}

/* ---- containers ---- */
static int64_t container_bytes(struct store *s, const struct container *c)
{
	struct rootfs_size size = {};
	struct error ignored = {};

	return store_rootfs_size(s, c, &size, &ignored) < 0 ? 0 : size.rw;
}

/* Working containers of builds and of Buildah's commands go when they are asked for, whatever the filters. 1, 0, or -1. */
static int is_prunable(struct ctr *c, struct engine *e, const P *p, const struct filters *filters, struct error *err)
{
	struct container_filter_object object = { c, e };

	if ((CONTAINER_STATE_BIT(c->at.status.state) & CONTAINER_STATE_ALIVE) || c->at.record.infra)
		return 0;
	return ctr_is_working(c) ? p->build : filters_match(filters, &object, err);
}

static int prune_containers(struct cli *cli, struct engine *e, const P *p, int64_t *bytes, struct error *err)
{
	auto_ctr_list all = {};
	auto_filters filters = {};
	auto_strv removed = {};
	struct ctr_remove_options o = {};
	struct store *s;

	TRY(filters_add_all(&filters, container_filter_keys, &p->filters, err));
	TRY(engine_store(e, &s, err));
	TRY(ctr_list(e, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		struct error why = {};
		int match = is_prunable(all.v[i], e, p, &filters, err);
		TRY(match);
		if (!match)
			continue;
		int64_t size = container_bytes(s, &all.v[i]->at);
		if (ctr_remove(all.v[i], &o, &removed, &why) < 0)
			cli_note_prune_error(cli, &why);
		else
			*bytes += size;
	}
	print_list("Deleted Containers", &removed);
	return 0;
}

/* ---- images ---- */
static void note_failure(void *arg, const struct error *e)
{
	cli_note_prune_error(arg, e);
}

static int prune_images(struct cli *cli, struct engine *e, const P *p, int64_t *bytes, struct error *err)
{
	auto_image_removal r = { .failed = note_failure, .arg = cli };
	struct image_prune_options o = { .all = p->all, .filters = &p->filters };

	TRY(image_prune(e, &o, &r, err));
	*bytes += r.bytes;
	print_list("Deleted Images", &r.deleted);
	return 0;
}

/* ---- volumes ---- */
/* Names of the volumes some container's record has. */
static int volumes_in_use(struct engine *e, struct strv *ret, struct error *err)
{
	auto_ctr_list all = {};

	TRY(ctr_list(e, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		TRY(ctr_load(all.v[i], err));
		const struct list *mounts = &all.v[i]->params.storage.mounts;
		const struct param_mount *m = mounts->v;
		for (size_t k = 0; k < mounts->n; k++)
			if (streq0(m[k].type, "volume") && m[k].source)
				TRY(strv_add(ret, m[k].source, err));
	}
	return 0;
}

static int match_label_value(const void *object, const char *value, struct error *err)
{
	(void)err;
	return match_label(value, &((const struct volume *)object)->labels);
}

static int match_no_label(const void *object, const char *value, struct error *err)
{
	(void)err;
	return !match_label(value, &((const struct volume *)object)->labels);
}

static int match_until(const void *object, const char *value, struct error *err)
{
	int64_t until;

	TRY(filter_time(value, &until, err));
	return ((const struct volume *)object)->created < until;
}

static const struct filter_key volume_keys[] = {
	{ "label", FILTER_ALL, match_label_value }, { "label!", FILTER_ALL, match_no_label }, { "until", 0, match_until }, {}
};

static int prune_volume(struct engine *e, const char *name, const struct filters *filters, struct strv *removed,
			int64_t *bytes, struct error *err)
{
	auto_volume v = {};
	struct error ignored = {};
	int64_t size = 0;
	int r = volume_find(e, name, &v, err);

	if (r > 0)
		r = filters_match(filters, &v, err);
	if (r <= 0)
		return r;
	(void)store_tree_usage(AT_FDCWD, v.mountpoint, &size, NULL, &ignored);
	TRY(volume_remove_unused(e, name, err));
	*bytes += size;
	return strv_add(removed, name, err);
}

static int prune_volumes(struct cli *cli, struct engine *e, const P *p, int64_t *bytes, struct error *err)
{
	auto_strv names = {}, used = {}, removed = {};
	auto_filters filters = {};

	TRY(filters_add_all(&filters, volume_keys, &p->filters, err));
	TRY(volumes_in_use(e, &used, err));
	TRY(volume_list(e, &names, err));
	for (size_t i = 0; i < names.n; i++) {
		struct error why = {};
		if (!strv_has(&used, names.v[i]) && prune_volume(e, names.v[i], &filters, &removed, bytes, &why) < 0)
			cli_note_prune_error(cli, &why);
	}
	print_list("Deleted Volumes", &removed);
	return 0;
}

/* ---- the command ---- */
static int sweep(struct engine *e, struct error *err)
{
	struct store *s;

	TRY(engine_store(e, &s, err));
	return store_sweep(s, err);
}

static int run_prune(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	auto_strv networks = {};
	struct engine *e;
	int64_t bytes = 0;
	char size[24];

	(void)args;
	if (p->external && (p->all || p->build || p->volumes || p->filters.n))
		return fail(err, ERROR_INVALID, "system prune --external cannot be combined with other options");
	if (!p->force && !p->external && !confirm(p))
		return 0;
	TRY(cli_engine(cli, &e, err));
	if (p->external)
		return sweep(e, err);
	TRY(prune_pods(cli, e, &p->filters, err));
	TRY(prune_containers(cli, e, p, &bytes, err));
	if (p->volumes)
		TRY(prune_volumes(cli, e, p, &bytes, err));
	TRY(prune_images(cli, e, p, &bytes, err));
	TRY(network_prune(cli, e, &p->filters, &networks, err));
	print_list("Deleted Networks", &networks);
	printf("Total reclaimed space: %s\n", size_format(bytes, size));
	return 0;
}

const struct command cmd_system_prune = {
	.summary = "Delete all unused containers, images and optionally volumes",
	.description = "Removes containers that do not run, images and networks nothing uses; with --volumes also\n"
		       "volumes no container uses, with --build the working containers of builds.",
	.examples = "--force\n--all --volumes\n--filter until=24h",
	.groups = (const struct command_rows[]){ { rows }, {} }, .params_size = sizeof(P),
	.run = run_prune,
};
