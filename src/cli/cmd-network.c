/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-network.c - `network create`, `ls`, `rm`, `prune`, `exists`, `update`: definitions. What concerns containers:
 * cmd-network-container.c. */
#include <stdio.h>
#include <stdlib.h>

#include "base/filter.h"
#include "base/format.h"
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

/* ---- create ---- */
struct create_params {
	struct strv labels, options, subnets, gateways, ranges, routes, dns;
	char *driver, *interface_name, *ipam_driver;
	bool disable_dns, ignore, internal, ipv6;
};
#define P struct create_params

static int add_pairs(const struct strv *from, struct strmap *to, struct error *err)
{
	for (size_t i = 0; i < from->n; i++)
		TRY(strmap_add_pair(to, from->v[i], err));
	return 0;
}

static int range_end(const struct ip *a, char **ret, struct error *err)
{
	char text[IP_TEXT];

	ip_format(a, text);
	return str_set(ret, text, err);
}

/* START-END or CIDR */
static int parse_range(const char *text, struct network_range **ret, struct error *err)
{
	const char *dash = strchr(text, '-');
	autofree char *first = dash ? strndup(text, (size_t)(dash - text)) : NULL;
	struct ip start, end;
	struct ip_net net;

	if (dash && (!first || !ip_parse(first, &start)))
		return fail(err, ERROR_INVALID, "range start ip \"%s\" is not a ip address", first ? first : "");
	if (dash && !ip_parse(dash + 1, &end))
		return fail(err, ERROR_INVALID, "range end ip \"%s\" is not a ip address", dash + 1);
	if (!dash && !ip_net_parse(text, &net))
		return fail(err, ERROR_INVALID, "invalid CIDR address: %s", text);
	if (!dash) {
		start = ip_add(ip_net_first(&net), 1);
		end = ip_add(ip_net_last(&net), net.ip.family == AF_INET && net.prefix < 31 ? -1 : 0);
	}
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return fail_oom(err);
	TRY(range_end(&start, &(*ret)->start_ip, err));
	return range_end(&end, &(*ret)->end_ip, err);
}

static int fill_subnets(const P *p, struct network *n, struct error *err)
{
	if (!p->subnets.n && (p->ranges.n || p->gateways.n))
		return fail(err, ERROR_INVALID, "cannot set gateway or range without subnet");
	if (p->gateways.n > p->subnets.n)
		return fail(err, ERROR_INVALID, "cannot set more gateways than subnets");
	if (p->ranges.n > p->subnets.n)
		return fail(err, ERROR_INVALID, "cannot set more ranges than subnets");
	for (size_t i = 0; i < p->subnets.n; i++) {
		struct network_subnet *s = list_add(&n->subnets, sizeof(*s), err);
		struct ip ignored;
		if (!s)
			return -1;
		TRY(str_set(&s->subnet, p->subnets.v[i], err));
		if (i < p->ranges.n)
			TRY(parse_range(p->ranges.v[i], &s->lease_range, err));
		if (i < p->gateways.n && !ip_parse(p->gateways.v[i], &ignored))
			return fail(err, ERROR_USAGE, "invalid argument \"%s\" for \"--gateway\" flag: invalid string being converted to IP address: %s",
				    p->gateways.v[i], p->gateways.v[i]);
		if (i < p->gateways.n)
			TRY(str_set(&s->gateway, p->gateways.v[i], err));
	}
	return 0;
}

/* DESTINATION,GATEWAY[,METRIC] or DESTINATION,TYPE[,METRIC] with blackhole, unreachable, prohibit */
static int add_route(const char *text, struct network *n, struct error *err)
{
	struct network_route *r = list_add(&n->routes, sizeof(*r), err);
	auto_strv parts = {};
	uint32_t metric;
	struct ip_net to;
	struct ip via;

	if (!r)
		return -1;
	TRY(strv_split(&parts, text, ',', err));
	if (parts.n < 2 || parts.n > 3)
		return fail(err, ERROR_INVALID, "invalid route: %s\nFormat: --route <destination in CIDR>,<gateway>,<metric (optional)>", text);
	if (!ip_net_parse(parts.v[0], &to))
		return fail(err, ERROR_INVALID, "invalid route destination %s", parts.v[0]);
	TRY(str_set(&r->destination, parts.v[0], err));
	bool special = streq(parts.v[1], "blackhole") || streq(parts.v[1], "unreachable") || streq(parts.v[1], "prohibit");
	if (!special && !ip_parse(parts.v[1], &via))
		return fail(err, ERROR_INVALID, "invalid route gateway %s", parts.v[1]);
	TRY(str_set(special ? &r->route_type : &r->gateway, parts.v[1], err));
	if (parts.n == 3 && !parse_u32(parts.v[2], &metric))
		return fail(err, ERROR_INVALID, "invalid route metric %s", parts.v[2]);
	if (parts.n == 3)
		r->metric = (struct opt_uint){ true, metric };
	return 0;
}

static int fill_network(const P *p, const struct strv *args, struct network *n, struct error *err)
{
	TRY(str_set(&n->name, args->n ? args->v[0] : NULL, err));
	TRY(str_set(&n->driver, p->driver, err));
	TRY(str_set(&n->network_interface, p->interface_name, err));
	TRY(add_pairs(&p->labels, &n->labels, err));
	TRY(add_pairs(&p->options, &n->options, err));
	TRY(strv_copy(&n->dns_servers, &p->dns, err));
	if (p->ipam_driver)
		TRY(strmap_set(&n->ipam_options, "driver", p->ipam_driver, err));
	n->internal = p->internal;
	n->ipv6_enabled = p->ipv6;
	n->dns_enabled = !p->disable_dns;
	TRY(fill_subnets(p, n, err));
	for (size_t i = 0; i < p->routes.n; i++)
		TRY(add_route(p->routes.v[i], n, err));
	return 0;
}

static int run_create(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	const struct network_create how = { .ipv6 = p->ipv6, .ignore = p->ignore };
	auto_place place = NETWORK_PLACE_INIT;
	auto_network n = {};
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(network_place(e, false, &place, err));
	TRY(fill_network(p, args, &n, err));
	int r = network_create(&place.env, &n, &how, err);
	if (r < 0)
		return -1;
	if (r > 0)
		network_tell(e, EVENT_CREATE, &n);
	puts(n.name);
	return 0;
}

static const struct field create_rows[] = {
	{ .cli = "disable-dns", F_BOOL(P, disable_dns), .help = "Do not resolve names of containers on the network" },
	{ .cli = "dns", F_CSV(P, dns), .arg = "strings", .help = "Name server that containers of the network ask (repeatable)" },
	{ .cli = "driver", .abbr = 'd', F_STR(P, driver), .arg = "string", .fallback = "bridge", .complete = "network-drivers",
	  .help = "Kind of network: bridge, macvlan or ipvlan" },
	{ .cli = "gateway", F_CSV(P, gateways), .arg = "ipSlice", .help = "Gateway of a subnet, in the order of --subnet (repeatable)" },
	{ .cli = "ignore", F_BOOL(P, ignore), .help = "A network of that name that exists is no error" },
	{ .cli = "interface-name", F_STR(P, interface_name), .arg = "string", .complete = "interfaces",
	  .help = "Name of the bridge, or of the parent interface" },
	{ .cli = "internal", F_BOOL(P, internal), .help = "No way out of the network" },
	{ .cli = "ip-range", F_STRV(P, ranges), .arg = "stringArray",
	  .help = "Addresses given to containers: CIDR or START-END (repeatable)" },
	{ .cli = "ipam-driver", F_STR(P, ipam_driver), .arg = "string", .help = "Who gives out addresses: host-local or none" },
	{ .cli = "ipv6", F_BOOL(P, ipv6), .help = "Add an IPv6 subnet" },
	{ .cli = "label", F_STRV(P, labels), .arg = "stringArray", .help = "Note about the network, key=value (repeatable)" },
	{ .cli = "opt", .abbr = 'o', F_STRV(P, options), .arg = "stringArray",
	  .help = "Option of the driver: mtu, vlan, isolate, metric, mode, ... (repeatable)" },
	{ .cli = "route", F_STRV(P, routes), .arg = "stringArray", .help = "Route for containers: CIDR,GATEWAY[,METRIC] (repeatable)" },
	{ .cli = "subnet", F_STRV(P, subnets), .arg = "stringArray", .help = "Subnet in CIDR form (repeatable)" },
	{}
};
#undef P

const struct command cmd_network_create = {
	.summary = "Define a network",
	.description = "Defines a network for containers. Subnet, bridge and name are chosen when they are not given.", .args = "[NAME]",
	.max_args = 1, .examples = "podman1\n--subnet 192.168.33.0/24 --gateway 192.168.33.3 backend\n--ipv6 -o isolate=true front",
	.groups = (const struct command_rows[]){ { create_rows, 0 }, {} }, .params_size = sizeof(struct create_params), .run = run_create,
	.flags = COMMAND_IN_USERNS,
};

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
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	struct engine *e;
	size_t n = 0;

	(void)args;
	TRY(filters_add_all(&filters, network_filter_keys, &p->filters, err));
	TRY(cli_engine(cli, &e, err));
	networks_heal(e);
	TRY(network_place(e, false, &place, err));
	TRY(network_list(&place.env, &all, err));
	autofree struct network_row *rows = calloc(all.n + 1, sizeof(*rows));
	autofree struct value *values = calloc(all.n + 1, sizeof(*values));
	if (!rows || !values)
		return fail_oom(err);
	for (size_t i = 0; i < all.n; i++) {
		const struct network_filter_object o = { &all.v[i], e };
		int r = filters_match(&filters, &o, err);
		if (r < 0)
			return -1;
		rows[n] = (struct network_row){ all.v[i], p->no_trunc };   /* borrowed */
		if (r)
			values[n] = value_struct(&row_type, &rows[n]), n++;
	}
	const struct format_request rq = { .name = "network ls", .format = p->format, .noheading = p->noheading,
					   .fallback = p->quiet ? "{{.Name}}" : "table {{.ID}}\t{{.Name}}\t{{.Driver}}", .type = &row_type,
					   .headers = (const struct format_header[]){ { "ID", "NETWORK ID" }, {} } };
	struct value list = value_list(values, n);
	TRY(format_rows(&rq, &list, &out, err));
	return text_print(&out, "networks", err);
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

static int remove_one(struct engine *e, const char *name, const P *p, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;
	auto_network n = {};
	auto_strv users = {};
	struct error failed;

	TRY(network_place(e, false, &place, err));
	TRY(network_get(&place.env, name, &n, err));
	if (streq(n.name, str_empty(e->conf.network.default_network) ? "podman" : e->conf.network.default_network))
		return fail(err, ERROR_INVALID, "default network %s cannot be removed", n.name);
	TRY(network_users(e, n.name, &users, err));
	if (users.n && !p->force)
		return fail(err, ERROR_IN_USE, "\"%s\" has associated containers with it. Use -f to forcibly delete containers and pods: "
					       "network is being used", n.name);
	TRY(remove_users(e, &users, &p->time, err));
	TRY(network_remove(&place.env, &n, err));
	network_tell(e, EVENT_REMOVE, &n);
	auto_place host = NETWORK_PLACE_INIT;
	if (network_place(e, true, &host, &failed) >= 0 && net_forget(&host.env, &n, &failed) < 0)
		log_warn(e->log, "network %s: %s", n.name, failed.text);
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

static int run_prune(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const P *p = params;
	auto_place place = NETWORK_PLACE_INIT;
	auto_network_list all = {};
	auto_filters filters = {};
	struct engine *e;

	(void)args;
	TRY(filters_add_all(&filters, prune_keys, &p->filters, err));
	if (!p->force) {
		puts("WARNING! This will remove all networks not used by at least one container.");
		if (!cli_confirm("Are you sure you want to continue?"))
			return 0;
	}
	TRY(cli_engine(cli, &e, err));
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
			puts(all.v[i].name);
		else if (r && why.kind != ERROR_IN_USE && why.kind != ERROR_INVALID)
			cli_note_error(cli, &why);
	}
	return 0;
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
