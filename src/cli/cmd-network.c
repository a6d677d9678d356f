/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-network.c - `network ls`, `rm`, `prune`, `exists`, `update`: definitions that are there. What concerns containers:
 * cmd-network-container.c. */
#include <stdio.h>
#include <stdlib.h>

#include "base/filter.h"
#include "base/format.h"
#include "cli/list.h"
#include "cli/network.h"
#include "cli/text.h"
#include "engine/event.h"

/* ---- filters ---- */
#define FILTER(name) static int name(const void *object, const char *value, struct error *err)
#define NETWORK (((const struct network_filter_object *)object)->network)
FILTER(by_name)
{
	return match_regex(value, NETWORK->name, err);
}

FILTER(by_driver)
{
	(void)err;
	return streq(NETWORK->driver, value);
}

FILTER(by_id)
{
	return match_regex(value, NETWORK->id, err);
}

FILTER(by_label)
{
	(void)err;
	return match_label(value, &NETWORK->labels);
}

FILTER(by_not_label)
{
	return !by_label(object, value, err);
}

FILTER(by_until)
{
	int64_t t;

	TRY(filter_time(value, &t, err));
	return NETWORK->created < t;
}

FILTER(by_dangling)
{
	const struct network_filter_object *o = object;
	auto_strv users = {};
	bool want;

	if (!parse_bool(value, &want))
		return fail(err, ERROR_INVALID, "invalid dangling filter value \"%s\"", value);
	TRY(network_users(o->engine, o->network->name, &users, err));
	return (!users.n && !streq(o->network->name, "podman")) == want;
}

const struct filter_key network_filter_keys[] = {
	{ "name", 0, by_name }, { "driver", 0, by_driver }, { "id", 0, by_id }, { "label", FILTER_ALL, by_label },
	{ "label!", FILTER_ALL, by_not_label }, { "until", 0, by_until }, { "dangling", 0, by_dangling }, {},
};
static const struct filter_key prune_keys[] = {
	{ "label", FILTER_ALL, by_label }, { "label!", FILTER_ALL, by_not_label }, { "until", 0, by_until }, {},
};

void network_tell(struct engine *e, enum event_status status, const struct network *n)
{
	struct strmap_entry entry = { (char *)"driver", n->driver };
	const struct strmap driver = { &entry, 1 };

	engine_event(e, &(struct event){ .type = EVENT_NETWORK, .status = status, .id = n->id, .network = n->name, .attributes = &driver });
}

/* ---- ls ---- */
struct ls_params {
	struct strv filters;
	char *format;
	bool quiet, noheading, no_trunc;
};
#define P struct ls_params

static int show_id(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	const struct network_row *r = self;

	(void)err;
	*ret = r->no_trunc ? value_str(r->network.id) : value_strf(c->pool, "%.12s", r->network.id);
	return 0;
}

static int show_labels(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	const struct strmap *labels = &((const struct network_row *)self)->network.labels;
	auto_strv pairs = {};

	for (size_t i = 0; i < labels->n; i++)
		TRY(strv_addf(&pairs, err, "%s=%s", labels->v[i].key, labels->v[i].value));
	strv_sort(&pairs);
	autofree char *text = strv_join(&pairs, ",");
	*ret = value_strf(c->pool, "%s", text ? text : "");
	return 0;
}

static int row_json(const void *self, struct json_object **ret, struct error *err)
{
	return fields_save(network_rows, FIELD_COLUMN_JSON, &((const struct network_row *)self)->network, ret, err);
}

static const struct value_type row_type = {
	.name = "networks.ListPrintReports", .rows = network_rows, .json = row_json,
	.methods = (const struct value_method[]){ { "ID", show_id }, { "Labels", show_labels }, {} },
};

static int run_ls(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	auto_place place = NETWORK_PLACE_INIT;
	auto_network_list all = {};
	auto_filters filters = {};
	struct engine *e;

	(void)args;
	TRY(filters_add_all(&filters, network_filter_keys, &p->filters, err));
	TRY(cli_engine(cli, &e, err));
	networks_heal(e);
	TRY(network_place(e, false, &place, err));
	TRY(network_list(&place.env, &all, err));
	autofree struct network_row *rows = calloc(all.n + 1, sizeof(*rows));
	autofree struct network_filter_object *objects = calloc(all.n + 1, sizeof(*objects));
	if (!rows || !objects)
		return fail_oom(err);
	for (size_t i = 0; i < all.n; i++) {
		rows[i] = (struct network_row){ all.v[i], p->no_trunc };   /* borrowed */
		objects[i] = (struct network_filter_object){ &all.v[i], e };
	}
	const struct list_of list = {
		.name = "network ls", .what = "networks", .n = all.n, .objects = objects, .object_size = sizeof(*objects), .shown = rows,
		.shown_size = sizeof(*rows), .type = &row_type, .filters = &filters, .format = p->format, .noheading = p->noheading,
		.fallback = p->quiet ? "{{.Name}}" : "table {{.ID}}\t{{.Name}}\t{{.Driver}}",
		.headers = (const struct format_header[]){ { "ID", "NETWORK ID" }, {} },
	};
	return list_print(&list, err);
}

static const struct field ls_rows[] = {
	{ .cli = "filter", .abbr = 'f', F_STRV(P, filters), .arg = "stringArray", .complete = "network-filters",
	  .help = "Choose networks by conditions (key=value)" },
	{ .cli = "format", F_STR(P, format), .arg = "string", .help = "Show as JSON or by a Go template" },
	{ .cli = "no-trunc", F_BOOL(P, no_trunc), .help = "Show whole IDs" },
	{ .cli = "noheading", .abbr = 'n', F_BOOL(P, noheading), .help = "No line of headings" },
	{ .cli = "quiet", .abbr = 'q', F_BOOL(P, quiet), .help = "Show names only" },
	{}
};
#undef P

const struct command cmd_network_ls = {
	.summary = "List networks", .description = "Lists the networks that are defined.", .examples = "--format json\n-q",
	.groups = (const struct command_rows[]){ { ls_rows, 0 }, {} }, .params_size = sizeof(struct ls_params), .run = run_ls,
	.format_type = &row_type, .flags = COMMAND_IN_USERNS,
};

/* ---- rm and prune ---- */
struct rm_params {
	struct strv filters;
	bool force;
	struct opt_uint time;
};
#define P struct rm_params

static int remove_users(struct engine *e, const struct strv *ids, const struct opt_uint *time, struct error *err)
{
	const struct ctr_remove_options o = { .force = true, .depend = true, .volumes = true, .timeout = *time };

	for (size_t i = 0; i < ids->n; i++) {
		auto_ctr *c = NULL;
		if (ctr_find(e, ids->v[i], &c, err) < 0 || ctr_remove(c, &o, NULL, err) < 0) {
			if (err->kind != ERROR_NOT_FOUND)
				return -1;
			*err = (struct error){};
		}
	}
	return 0;
}

/* The bridge goes while there is a definition to try again with; and once more, should a start have made it meanwhile. */
static int remove_both_sides(struct engine *e, const struct network_place *place, const struct network *n, struct error *err)
{
	auto_place host = NETWORK_PLACE_INIT;
	struct error failed;
	const bool there = network_place(e, true, &host, &failed) >= 0;

	if (there && net_forget(&host.env, n, err) < 0)
		return fail_wrap(err, "network %s", n->name);
	TRY(network_remove(&place->env, n, err));
	if (!there || net_forget(&host.env, n, &failed) < 0)
		log_warn(e->log, "network %s: %s", n->name, failed.text);
	return 0;
}

static int remove_one(struct engine *e, const char *name, const P *p, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	auto_network n = {};
	auto_strv users = {};

	TRY(network_place(e, false, &place, err));
	TRY(network_get(&place.env, name, &n, err));
	if (streq(n.name, str_empty(e->conf.network.default_network) ? "podman" : e->conf.network.default_network))
		return fail(err, ERROR_INVALID, "default network %s cannot be removed", n.name);
	TRY(network_users(e, n.name, &users, err));
	if (users.n && !p->force)
		return fail(err, ERROR_IN_USE, "\"%s\" has associated containers with it. Use -f to forcibly delete containers and pods: "
					       "network is being used", n.name);
	TRY(remove_users(e, &users, &p->time, err));
	TRY(remove_both_sides(e, &place, &n, err));
	network_tell(e, EVENT_REMOVE, &n);
	return 0;
}

static int run_rm(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	size_t failed = 0, missing = 0, used = 0;
	struct engine *e;

	if (p->time.set && !p->force)
		return fail(err, ERROR_INVALID, "--force option must be specified to use the --time option");
	TRY(cli_engine(cli, &e, err));
	for (size_t i = 0; i < args->n; i++) {
		struct error why = {};
		if (remove_one(e, args->v[i], p, &why) >= 0) {
			puts(args->v[i]);
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

/* -1 is "no time out" to Podman's scripts. */
static int parse_time(const struct field *f, void *at, const char *value, struct error *err)
{
	struct opt_uint *t = at;
	int64_t n;

	(void)f;
	if (!parse_i64(value, &n) || n < -1)
		return fail(err, ERROR_USAGE, "invalid argument \"%s\" for \"-t, --time\" flag", value);
	*t = (struct opt_uint){ true, n < 0 ? UINT32_MAX : (uint64_t)n };
	return 0;
}
static const struct field_custom time_custom = { .parse = parse_time };

static const struct field rm_rows[] = {
	{ .cli = "force", .abbr = 'f', F_BOOL(P, force), .help = "Remove the containers on the network as well" },
	{ .cli = "time", .abbr = 't', F_CUSTOM(P, time, &time_custom), .arg = "int",
	  .help = "Seconds that running containers get to stop" },
	{}
};

const struct command cmd_network_rm = {
	.summary = "Remove networks", .description = "Removes definitions of networks that no container uses, and their bridges.",
	.args = "NETWORK [NETWORK...]", .min_args = 1, .max_args = ARGS_ANY, .examples = "backend\n--force front back",
	.groups = (const struct command_rows[]){ { rm_rows, 0 }, {} }, .params_size = sizeof(struct rm_params), .run = run_rm,
	.flags = COMMAND_IN_USERNS,
};

int network_prune(struct cli *cli, struct engine *e, const struct strv *texts, struct strv *removed, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	auto_network_list all = {};
	auto_filters filters = {};

	TRY(filters_add_all(&filters, prune_keys, texts, err));
	TRY(network_place(e, false, &place, err));
	TRY(network_list(&place.env, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		const struct network_filter_object o = { &all.v[i], e };
		const P plain = {};
		struct error why = {};
		int r = all.v[i].builtin ? 0 : filters_match(&filters, &o, err);
		if (r < 0)
			return -1;
		if (r && remove_one(e, all.v[i].name, &plain, &why) >= 0)
			TRY(strv_add(removed, all.v[i].name, err));
		else if (r && why.kind != ERROR_IN_USE && why.kind != ERROR_INVALID && why.kind != ERROR_NOT_FOUND)   /* gone meanwhile */
			cli_note_error(cli, &why);
	}
	return 0;
}

static int run_prune(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	auto_filters checked = {};
	auto_strv removed = {};
	struct engine *e;

	(void)args;
	TRY(filters_add_all(&checked, prune_keys, &p->filters, err));   /* before it asks */
	if (!p->force) {
		puts("WARNING! This will remove all networks not used by at least one container.");
		if (!cli_confirm("Are you sure you want to continue?"))
			return 0;
	}
	TRY(cli_engine(cli, &e, err));
	int r = network_prune(cli, e, &p->filters, &removed, err);
	for (size_t i = 0; i < removed.n; i++)
		puts(removed.v[i]);
	return r;
}

static const struct field prune_rows[] = {
	{ .cli = "filter", F_STRV(P, filters), .arg = "stringArray", .help = "Choose networks by conditions (label=<key>=<value>, until)" },
	{ .cli = "force", .abbr = 'f', F_BOOL(P, force), .help = "Do not ask" },
	{}
};
#undef P

const struct command cmd_network_prune = {
	.summary = "Remove all unused networks", .description = "Removes the networks that no container uses.",
	.groups = (const struct command_rows[]){ { prune_rows, 0 }, {} }, .params_size = sizeof(struct rm_params), .run = run_prune,
	.flags = COMMAND_IN_USERNS,
};

/* ---- exists and update ---- */
static int run_exists(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	auto_network n = {};
	struct engine *e;

	(void)params;
	TRY(cli_engine(cli, &e, err));
	TRY(network_place(e, false, &place, err));
	int r = network_find(&place.env, args->v[0], &n, err);
	return r < 0 ? -1 : !r;
}

const struct command cmd_network_exists = {
	.summary = "Check if a network exists", .description = "Exit code 0 when the network is defined, 1 when not.", .args = "NETWORK",
	.min_args = 1, .max_args = 1, .examples = "backend", .run = run_exists, .flags = COMMAND_IN_USERNS,
};

struct update_params {
	struct strv add, drop;
};

static int run_update(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct update_params *p = params;
	auto_place place = NETWORK_PLACE_INIT;
	auto_network n = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(network_place(e, false, &place, err));
	TRY(network_get(&place.env, args->v[0], &n, err));
	TRY(network_update_dns(&place.env, &n, &p->add, &p->drop, err));
	TRY(network_tell_dns(e, &n, err));
	puts(args->v[0]);
	return 0;
}

static const struct field update_rows[] = {
	{ .cli = "dns-add", F_CSV(struct update_params, add), .arg = "strings", .help = "Add a name server of the network (repeatable)" },
	{ .cli = "dns-drop", F_CSV(struct update_params, drop), .arg = "strings", .help = "Drop a name server of the network (repeatable)" },
	{}
};

const struct command cmd_network_update = {
	.summary = "Change the name servers of a network", .description = "Adds and drops name servers that a network's containers ask.",
	.args = "NETWORK", .min_args = 1, .max_args = 1, .examples = "--dns-add 8.8.8.8,1.1.1.1 backend",
	.groups = (const struct command_rows[]){ { update_rows, 0 }, {} }, .params_size = sizeof(struct update_params), .run = run_update,
	.flags = COMMAND_IN_USERNS,
};
