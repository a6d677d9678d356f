/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-volume.c - `volume create`, `ls`, `rm`, `inspect`, `exists`, `prune`: local volumes. */
#include <stdio.h>
#include <stdlib.h>

#include "base/filter.h"
#include "base/format.h"
#include "cli/cli.h"
#include "cli/list.h"
#include "cli/text.h"
#include "engine/container.h"
#include "engine/volume.h"

struct volumes {
	struct volume *v;
	size_t n;
};

static void volumes_done(struct volumes *l)
{
	for (size_t i = 0; i < l->n; i++)
		volume_done(&l->v[i]);
	free(l->v);
}

static int load_all(struct engine *e, struct volumes *l, struct error *err)
{
	auto_strv names = {};

	TRY(volume_list(e, &names, err));
	l->v = calloc(names.n ? names.n : 1, sizeof(*l->v));
	if (!l->v)
		return fail_oom(err);
	for (size_t i = 0; i < names.n; i++) {
		int r = volume_find(e, names.v[i], &l->v[l->n], err);
		if (r < 0)
			return -1;
		if (r)
			TRY(volume_count_mounts(e, &l->v[l->n], err));
		l->n += (size_t)r;   /* 0: it was removed this moment */
	}
	return 0;
}

/* ---- filters ---- */
static int by_name(const void *object, const char *value, struct error *err)
{
	return match_regex(value, ((const struct volume *)object)->name, err);
}

static int by_driver(const void *object, const char *value, struct error *err)
{
	(void)err;
	return streq(((const struct volume *)object)->driver, value);
}

static int by_label(const void *object, const char *value, struct error *err)
{
	(void)err;
	return match_label(value, &((const struct volume *)object)->labels);
}

static int by_not_label(const void *object, const char *value, struct error *err)
{
	return !by_label(object, value, err);
}

static int by_anonymous(const void *object, const char *value, struct error *err)
{
	bool want;

	if (!parse_bool(value, &want))
		return fail(err, ERROR_INVALID, "%s is not true or false", value);
	return ((const struct volume *)object)->anonymous == want;
}

static int by_until(const void *object, const char *value, struct error *err)
{
	int64_t t;

	TRY(filter_time(value, &t, err));
	return ((const struct volume *)object)->created < t;
}

static const struct filter_key keys[] = {
	{ "name", 0, by_name }, { "driver", 0, by_driver }, { "label", FILTER_ALL, by_label },
	{ "label!", FILTER_ALL, by_not_label }, { "anonymous", 0, by_anonymous }, { "until", 0, by_until }, {},
};

/* ---- create ---- */
struct create_params {
	struct strmap labels, options;
	char *driver;
	struct opt_uint uid, gid;
	bool ignore;
};
#define P struct create_params

static int run_create(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct create_params *p = params;
	auto_volume v = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(strmap_copy(&v.options, &p->options, err));
	v.uid = (int64_t)p->uid.value;
	v.gid = (int64_t)p->gid.value;
	if (args->n)
		TRY(str_set(&v.name, args->v[0], err));
	TRY(str_set(&v.driver, p->driver, err));
	TRY(strmap_copy(&v.labels, &p->labels, err));
	if (volume_create(e, &v, err) < 0 && !(p->ignore && err->kind == ERROR_EXISTS))
		return -1;
	puts(v.name);
	return 0;
}

static const struct field create_rows[] = {
	{ .cli = "driver", .abbr = 'd', F_STR(P, driver), .arg = "string", .fallback = "local", .help = "Specify volume driver name" },
	{ .cli = "gid", F_OPT_UINT(P, gid), .arg = "gid", .help = "Group of the volume" },
	{ .cli = "ignore", F_BOOL(P, ignore), .help = "Do not fail if the volume already exists" },
	{ .cli = "label", .abbr = 'l', F_MAP(P, labels), .arg = "stringArray", .help = "Set metadata for a volume" },
	{ .cli = "opt", .abbr = 'o', F_MAP(P, options), .arg = "stringArray", .help = "Set driver specific options" },
	{ .cli = "uid", F_OPT_UINT(P, uid), .arg = "uid", .help = "Owner of the volume" },
	{}
};
#undef P

const struct command cmd_volume_create = {
	.summary = "Create a new volume", .description = "Creates a volume to be mounted by containers.", .args = "[NAME]",
	.max_args = 1, .examples = "myvol\n--label foo=bar myvol", .groups = (const struct command_rows[]){ { create_rows, 0 }, {} },
	.params_size = sizeof(struct create_params), .run = run_create, .flags = COMMAND_IN_USERNS,
};

/* ---- ls ---- */
struct ls_params {
	struct strv filters;
	char *format;
	bool quiet, noheading;
};
#define P struct ls_params

static int run_ls(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct ls_params *p = params;
	CLEANUP(volumes_done) struct volumes l = {};
	auto_filters filters = {};
	struct engine *e;

	(void)args;
	TRY(filters_add_all(&filters, keys, &p->filters, err));
	TRY(cli_engine(cli, &e, err));
	TRY(load_all(e, &l, err));
	const struct list_of list = {
		.name = "volume ls", .what = "volumes", .n = l.n, .objects = l.v, .object_size = sizeof(*l.v), .type = &volume_list_value_type,
		.filters = &filters, .format = p->format, .noheading = p->noheading,
		.fallback = p->quiet ? "{{.Name}}" : "table {{.Driver}}\t{{.Name}}",
		.headers = (const struct format_header[]){ { "Name", "VOLUME NAME" }, {} },
	};
	return list_print(&list, err);
}

static const struct field ls_rows[] = {
	{ .cli = "filter", .abbr = 'f', F_STRV(P, filters), .arg = "stringArray", .help = "Filter volume output" },
	{ .cli = "format", F_STR(P, format), .arg = "string", .help = "Format volume output using JSON or a Go template" },
	{ .cli = "noheading", .abbr = 'n', F_BOOL(P, noheading), .help = "Do not print headers" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Print volume output in quiet mode" },
	{}
};
#undef P

const struct command cmd_volume_ls = {
	.summary = "List volumes", .description = "Lists all volumes.", .examples = "--format json\n-q",
	.groups = (const struct command_rows[]){ { ls_rows, 0 }, {} }, .params_size = sizeof(struct ls_params), .run = run_ls,
	.format_type = &volume_list_value_type, .flags = COMMAND_IN_USERNS,
};

/* ---- rm and prune ---- */
struct rm_params {
	struct strv filters;
	bool all, force, dry_run;
	struct opt_int seconds;   /* -1: wait as long as it takes */
};
#define P struct rm_params

/* Ids of the containers that mount the volume. */
static int users(struct ctr_list *all, const char *name, struct strv *ret, struct error *err)
{
	for (size_t i = 0; i < all->n; i++) {
		int r = ctr_uses_volume(all->v[i], name, err);
		TRY(r);
		if (r)
			TRY(strv_add(ret, all->v[i]->id, err));
	}
	return 0;
}

static int remove_users(struct engine *e, const struct strv *ids, const struct opt_uint *timeout, struct error *err)
{
	const struct ctr_remove_options o = { .force = true, .timeout = *timeout };

	for (size_t i = 0; i < ids->n; i++) {
		auto_ctr *c = NULL;
		if (ctr_find(e, ids->v[i], &c, err) < 0) {
			if (err->kind == ERROR_NOT_FOUND)
				continue;
			return -1;
		}
		TRY(ctr_remove(c, &o, NULL, err));
	}
	return 0;
}

struct removal {
	bool force;
	struct opt_uint timeout;
};

static int remove_one(struct engine *e, struct ctr_list *containers, const char *name, struct removal how, struct error *err)
{
	auto_strv ids = {};

	TRY(users(containers, name, &ids, err));
	if (ids.n && !how.force) {
		autofree char *text = strv_join(&ids, ", ");
		return fail(err, ERROR_IN_USE, "volume %s is being used by the following container(s): %s: volume is being used", name,
			    text ? text : "");
	}
	TRY(remove_users(e, &ids, &how.timeout, err));
	return volume_remove_unused(e, name, err);   /* somebody may have begun to use it since the list was made */
}

/* A unique prefix will do, as everywhere. */
static int full_name(const struct volumes *l, const char *word, const char **ret, struct error *err)
{
	*ret = NULL;
	for (size_t i = 0; i < l->n; i++) {
		if (streq(l->v[i].name, word)) {
			*ret = l->v[i].name;
			return 0;
		}
		if (!str_after(l->v[i].name, word))
			continue;
		if (*ret)
			return fail(err, ERROR_INVALID, "more than one result for volume name %s: volume already exists", word);
		*ret = l->v[i].name;
	}
	return *ret ? 0 : fail(err, ERROR_NOT_FOUND, "no volume with name \"%s\" found: no such volume", word);
}

static int run_rm(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct rm_params *p = params;
	CLEANUP(volumes_done) struct volumes l = {};
	auto_ctr_list containers = {};
	const struct removal how = { p->force, { p->seconds.set, p->seconds.value < 0 ? UINT32_MAX : (uint64_t)p->seconds.value } };
	size_t failed = 0, missing = 0, used = 0;
	struct engine *e;

	if (p->all == (args->n > 0))
		return fail(err, ERROR_INVALID, p->all ? "cannot use --all and volume names together" :
							  "choose at least one volume or specify --all");
	TRY(cli_engine(cli, &e, err));
	TRY(load_all(e, &l, err));
	TRY(ctr_list(e, &containers, err));
	for (size_t i = 0; i < (p->all ? l.n : args->n); i++) {
		const char *name = p->all ? l.v[i].name : NULL;
		struct error why = {};
		if ((name || full_name(&l, args->v[i], &name, &why) >= 0) && remove_one(e, &containers, name, how, &why) >= 0) {
			puts(p->all ? name : args->v[i]);
			continue;
		}
		if (p->force && why.kind == ERROR_NOT_FOUND)
			continue;
		failed++;
		missing += why.kind == ERROR_NOT_FOUND;
		used += why.kind == ERROR_IN_USE;
		cli_note_error(cli, &why);
	}
	return !failed ? 0 : missing == failed ? 1 : used ? 2 : 125;
}

static const struct field rm_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Remove all volumes" },
	{ .cli = "force", .abbr = 'f', F_BOOL(P, force), .help = "Remove a volume by force, even if it is being used by a container" },
	{ .cli = "time", .abbr = 't', F_OPT_INT(P, seconds), .arg = "int", .help = "Seconds to wait for running containers to stop before killing" },
	{}
};

const struct command cmd_volume_rm = {
	.summary = "Remove one or more volumes", .description = "Removes volumes that no container uses.",
	.args = "VOLUME [VOLUME...]", .max_args = ARGS_ANY, .examples = "myvol1 myvol2\n--all\n--force myvol",
	.groups = (const struct command_rows[]){ { rm_rows, 0 }, {} }, .params_size = sizeof(struct rm_params), .run = run_rm,
	.flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

/* "all=true" chooses as --all does and is no filter of volumes. */
static int prune_filters(const P *p, bool *all, struct filters *to, struct error *err)
{
	*all = p->all;
	for (size_t i = 0; i < p->filters.n; i++) {
		const char *value = str_after(p->filters.v[i], "all=");
		bool on = false;
		if (!value) {
			TRY(filters_add(to, keys, p->filters.v[i], err));
			continue;
		}
		if (!parse_bool(value, &on))
			return fail(err, ERROR_INVALID, "all=%s: want true or false", value);
		if (p->all)
			return fail(err, ERROR_INVALID, "--all and --filter all cannot be used together");
		*all |= on;
	}
	return 0;
}

/* Names of the volumes to go, in order. */
static int prune_choose(struct volumes *l, struct ctr_list *containers, const struct filters *filters, bool all, struct strv *ret,
			struct error *err)
{
	for (size_t i = 0; i < l->n; i++) {
		auto_strv ids = {};
		int r = filters_match(filters, &l->v[i], err);
		TRY(r);
		if (!r || (!all && !l->v[i].anonymous))
			continue;
		TRY(users(containers, l->v[i].name, &ids, err));
		if (!ids.n)
			TRY(strv_add(ret, l->v[i].name, err));
	}
	return 0;
}

static bool prune_confirm(const struct strv *names, bool all)
{
	if (all)
		puts("WARNING! This will remove all volumes not used by at least one container. The following volumes will be removed:");
	else
		puts("WARNING! This will remove anonymous local volumes not used by at least one container. The following volumes will "
		     "be removed:");
	if (!names->n) {
		puts(all ? "No dangling volumes found" : "No dangling anonymous volumes found");
		return false;
	}
	for (size_t i = 0; i < names->n; i++)
		puts(names->v[i]);
	return cli_confirm("Are you sure you want to continue?");
}

static int run_prune(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct rm_params *p = params;
	CLEANUP(volumes_done) struct volumes l = {};
	auto_ctr_list containers = {};
	auto_filters filters = {};
	auto_strv names = {};
	struct engine *e;
	bool all;

	(void)args;
	if (p->force && p->dry_run)
		return fail(err, ERROR_INVALID, "--force and --dry-run cannot be used together");
	TRY(prune_filters(p, &all, &filters, err));
	TRY(cli_engine(cli, &e, err));
	TRY(load_all(e, &l, err));
	TRY(ctr_list(e, &containers, err));
	TRY(prune_choose(&l, &containers, &filters, all, &names, err));
	if (!p->force && !p->dry_run && !prune_confirm(&names, all))
		return 0;
	if (p->dry_run)
		puts("Volumes that would be pruned:");
	for (size_t i = 0; i < names.n; i++) {
		struct error why = {};
		if (p->dry_run || remove_one(e, &containers, names.v[i], (struct removal){}, &why) >= 0)
			puts(names.v[i]);
		else
			cli_note_prune_error(cli, &why);
	}
	return 0;
}

static const struct field prune_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(P, all), .help = "Named volumes too, not only anonymous ones" },
	{ .cli = "dry-run", F_BOOL(P, dry_run), .help = "Show what would be removed" },
	{ .cli = "filter", F_STRV(P, filters), .arg = "stringArray", .help = "Provide filter values (e.g. 'label=<key>=<value>')" },
	{ .cli = "force", .abbr = 'f', F_BOOL(P, force), .help = "Do not prompt for confirmation" },
	{}
};
#undef P

const struct command cmd_volume_prune = {
	.summary = "Remove all unused volumes",
	.description = "Removes the anonymous volumes that no container uses; with --all the named ones, too.",
	.groups = (const struct command_rows[]){ { prune_rows, 0 }, {} }, .params_size = sizeof(struct rm_params),
	.run = run_prune, .flags = COMMAND_IN_USERNS,
};

/* ---- inspect and exists ---- */
struct inspect_params {
	char *format;
	bool all;
};

static int run_inspect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct inspect_params *p = params;
	CLEANUP(volumes_done) struct volumes l = {};
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	struct engine *e;
	size_t n = 0;

	if (p->all == (args->n > 0))
		return fail(err, ERROR_INVALID, p->all ? "provide one or more volume names or use --all" :
							  "provide one or more volume names or use --all");
	TRY(cli_engine(cli, &e, err));
	TRY(load_all(e, &l, err));
	size_t wanted = p->all ? l.n : args->n;
	autofree struct value *rows = calloc(wanted ? wanted : 1, sizeof(*rows));
	if (!rows)
		return fail_oom(err);
	for (size_t i = 0; i < wanted; i++) {
		const char *name = p->all ? l.v[i].name : NULL;
		struct error why = {};
		if (!name && full_name(&l, args->v[i], &name, &why) < 0) {
			cli_note_error(cli, &why);
			continue;
		}
		for (size_t j = 0; j < l.n; j++)
			if (l.v[j].name == name)
				rows[n++] = value_struct(&volume_value_type, &l.v[j]);
	}
	const struct format_request rq = { .name = "volume inspect", .format = p->format, .type = &volume_value_type };
	struct value list = value_list(rows, n);
	TRY(format_each(&rq, &list, &out, err));
	return text_print(&out, "volumes", err);
}

static const struct field inspect_rows[] = {
	{ .cli = "all", .abbr = 'a', F_BOOL(struct inspect_params, all), .help = "Inspect all volumes" },
	{ .cli = "format", .abbr = 'f', F_STR(struct inspect_params, format), .arg = "string", .fallback = "json",
	  .help = "Format volume output using Go template" },
	{}
};

const struct command cmd_volume_inspect = {
	.summary = "Display detailed information on one or more volumes", .description = "Shows all that is known about volumes.",
	.args = "VOLUME [VOLUME...]", .max_args = ARGS_ANY, .examples = "myvol\n--all",
	.groups = (const struct command_rows[]){ { inspect_rows, 0 }, {} }, .params_size = sizeof(struct inspect_params),
	.run = run_inspect, .format_type = &volume_value_type, .flags = COMMAND_LATEST | COMMAND_IN_USERNS,
};

static int run_exists(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	auto_volume v = {};
	struct engine *e;

	(void)params;
	TRY(cli_engine(cli, &e, err));
	int r = volume_find(e, args->v[0], &v, err);
	return r < 0 ? -1 : !r;
}

const struct command cmd_volume_exists = {
	.summary = "Check if a volume exists", .description = "Exit code 0 when the volume exists, 1 when not.", .args = "VOLUME",
	.min_args = 1, .max_args = 1, .examples = "myvol", .run = run_exists, .flags = COMMAND_IN_USERNS,
};
