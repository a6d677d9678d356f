/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-network-container.c - `network connect`, `disconnect`, `inspect`, `reload`: networks and the containers on them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/format.h"
#include "cli/network.h"
#include "cli/selection.h"
#include "cli/text.h"
#include "engine/container-impl.h"

/* ---- connect and disconnect ---- */
struct connect_params {
	struct strv aliases;
	char *ip, *ip6, *mac;
};
#define P struct connect_params

static int fill_request(const P *p, const char *network, struct net_request *r, struct error *err)
{
	const struct { const char *flag, *value; uint8_t family; } ips[] = { { "ip", p->ip, AF_INET }, { "ip6", p->ip6, AF_INET6 } };
	struct ip a;

	for (size_t i = 0; i < ARRAY_LEN(ips); i++)
		if (ips[i].value && (!ip_parse(ips[i].value, &a) || a.family != ips[i].family))
			return fail(err, ERROR_USAGE, "invalid argument \"%s\" for \"--%s\" flag: failed to parse IP: \"%s\"", ips[i].value,
				    ips[i].flag, ips[i].value);
	TRY(str_set(&r->network, network, err));
	TRY(str_set(&r->ip, p->ip, err));
	TRY(str_set(&r->ip6, p->ip6, err));
	TRY(str_set(&r->mac, p->mac, err));
	return strv_copy(&r->aliases, &p->aliases, err);
}

static int run_connect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	CLEANUP(net_request_done) struct net_request r = {};
	auto_ctr *c = NULL;
	struct engine *e;

	TRY(fill_request(params, args->v[0], &r, err));
	TRY(cli_engine(cli, &e, err));
	TRY(ctr_find(e, args->v[1], &c, err));
	return ctr_net_connect(c, &r, err);
}

static const struct field connect_rows[] = {
	{ .cli = "alias", F_CSV(P, aliases), .arg = "strings", .help = "Further name of the container on the network (repeatable)" },
	{ .cli = "ip", F_STR(P, ip), .arg = "ip", .help = "IPv4 address of the container" },
	{ .cli = "ip6", F_STR(P, ip6), .arg = "ip", .help = "IPv6 address of the container" },
	{ .cli = "mac-address", F_STR(P, mac), .arg = "string", .help = "MAC address of the container" },
	{}
};
#undef P

const struct command cmd_network_connect = {
	.summary = "Connect a container to a network",
	.description = "Connects a container to a further network, at once when it is running.", .args = "NETWORK CONTAINER",
	.min_args = 2, .max_args = 2, .examples = "backend web\n--ip 10.89.1.13 --alias db backend web",
	.groups = (const struct command_rows[]){ { connect_rows, 0 }, {} }, .params_size = sizeof(struct connect_params),
	.run = run_connect, .flags = COMMAND_IN_USERNS,
};

struct disconnect_params {
	bool force;
};

static int run_disconnect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct disconnect_params *p = params;
	auto_ctr *c = NULL;
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	TRY(ctr_find(e, args->v[1], &c, err));
	return ctr_net_disconnect(c, args->v[0], p->force, err);
}

static const struct field disconnect_rows[] = {
	{ .cli = "force", .abbr = 'f', F_BOOL(struct disconnect_params, force), .help = "Disconnect also when that disturbs the container" },
	{}
};

const struct command cmd_network_disconnect = {
	.summary = "Disconnect a container from a network", .description = "Takes a network away from a container, at once when it is running.",
	.args = "NETWORK CONTAINER", .min_args = 2, .max_args = 2, .examples = "backend web",
	.groups = (const struct command_rows[]){ { disconnect_rows, 0 }, {} }, .params_size = sizeof(struct disconnect_params),
	.run = run_disconnect, .flags = COMMAND_IN_USERNS,
};

/* ---- inspect ---- */
static int add_subnet(struct json_object *to, const struct net_address *a, struct error *err)
{
	struct json_object *o = json_object_new_object();

	if (!o || json_object_array_add(to, o) < 0)
		return fail_oom(err);
	TRY(json_add_str(o, "ipnet", a->net, err));
	return a->gateway ? json_add_str(o, "gateway", a->gateway, err) : 0;
}

static int add_container(struct json_object *to, const struct ctr *c, const struct net_attachment *a, struct error *err)
{
	struct json_object *one = json_object_new_object(), *interfaces = json_object_new_object(), *link = json_object_new_object(),
			   *subnets = json_object_new_array();
	const struct net_address *x = a->addresses.v;

	TRY(json_add(to, c->id, one, err));
	TRY(json_add_str(one, "name", c->at.record.name, err));
	TRY(json_add(one, "interfaces", interfaces, err));
	TRY(json_add(interfaces, a->ifname, link, err));
	for (size_t i = 0; i < a->addresses.n; i++)
		TRY(add_subnet(subnets, &x[i], err));
	TRY(json_add(link, "subnets", subnets, err));
	return json_add_str(link, "mac_address", a->mac, err);
}

static int add_containers(struct engine *e, struct network_inspected *v, struct error *err)
{
	auto_ctr_list all = {};

	v->containers = json_object_new_object();
	if (!v->containers)
		return fail_oom(err);
	TRY(ctr_list(e, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		auto_live live = {};
		if (!ctr_is_in(all.v[i], CONTAINER_STATE_ALIVE))
			continue;
		TRY(ctr_live(all.v[i], &live, err));
		const struct net_attachment *a = live.net ? net_status_find(live.net, v->network.name) : NULL;
		if (a)
			TRY(add_container(v->containers, all.v[i], a, err));
	}
	return 0;
}

static int show_containers(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	static const char *const maps[] = { "interfaces", NULL };
	static const struct value_schema schema = { .name = "entities.NetworkContainerInfo", .struct_maps = maps };

	(void)c;
	(void)err;
	*ret = value_document_map(&schema, ((const struct network_inspected *)self)->containers);
	return 0;
}

static int inspected_json(const void *self, struct json_object **ret, struct error *err)
{
	const struct network_inspected *v = self;

	TRY(fields_save(network_rows, FIELD_COLUMN_JSON, &v->network, ret, err));
	return json_add(*ret, "containers", json_object_get(v->containers), err);
}

const struct value_type network_inspected_type = {
	.name = "types.NetworkInspectReport", .rows = network_rows, .json = inspected_json,
	.methods = (const struct value_method[]){ { "Containers", show_containers }, {} },
};

struct inspect_params {
	char *format;
};

void network_inspected_done(struct network_inspected *v)
{
	network_done(&v->network);
	json_object_put(v->containers);
}

int network_inspect(struct engine *e, const char *name, struct network_inspected *ret, struct error *err)
{
	auto_place place = NETWORK_PLACE_INIT;

	TRY(network_place(e, false, &place, err));
	TRY(network_get(&place.env, name, &ret->network, err));
	if (add_containers(e, ret, err) >= 0)
		return 0;
	network_inspected_done(ret);
	*ret = (struct network_inspected){};
	return -1;
}

static int inspect(struct cli *cli, const struct strv *args, struct network_inspected *all, size_t *n, struct error *err)
{
	struct engine *e;

	TRY(cli_engine(cli, &e, err));
	networks_heal(e);
	for (size_t i = 0; i < args->n; i++) {
		struct error why = {};
		if (network_inspect(e, args->v[i], &all[*n], &why) < 0)
			cli_note_error(cli, &why);
		else
			(*n)++;
	}
	return 0;
}

static int run_inspect(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	const struct inspect_params *p = params;
	struct network_inspected *all = calloc(args->n, sizeof(*all));
	auto_buf out = BUF_INIT(BUF_MAX_DEFAULT);
	size_t n = 0;

	if (!all)
		return fail_oom(err);
	int r = inspect(cli, args, all, &n, err);
	if (r >= 0) {
		const struct format_request rq = { .name = "network inspect", .format = p->format, .type = &network_inspected_type };
		struct value list = value_structs(&network_inspected_type, all, n, sizeof(*all));
		r = format_each(&rq, &list, &out, err);
	}
	if (r >= 0)
		r = text_print(&out, "networks", err);
	for (size_t i = 0; i < n; i++)
		network_inspected_done(&all[i]);
	free(all);
	return r;
}

static const struct field inspect_rows[] = {
	{ .cli = "format", .abbr = 'f', F_STR(struct inspect_params, format), .arg = "string", .help = "Show by a Go template" },
	{}
};

const struct command cmd_network_inspect = {
	.summary = "Show networks in full", .description = "Shows the definitions of networks and the running containers on them.",
	.args = "NETWORK [NETWORK...]", .min_args = 1, .max_args = ARGS_ANY, .examples = "podman\n--format '{{.Subnets}}' backend",
	.groups = (const struct command_rows[]){ { inspect_rows, 0 }, {} }, .params_size = sizeof(struct inspect_params),
	.run = run_inspect, .format_type = &network_inspected_type, .flags = COMMAND_IN_USERNS,
};

/* ---- reload ---- */
struct reload_params {
	struct selection_params selection;
};

static int reload_one(struct ctr *c, void *arg, struct error *err)
{
	const struct selection_params *p = arg;

	TRY(ctr_load(c, err));
	if (p->all && c->params.ns.net.mode != NS_BRIDGE)
		return 0;
	TRY(ctr_net_reload(c, err));
	puts(c->id);
	return 0;
}

static int run_reload(struct cli *cli, void *params, struct strv *args, struct error *err)
{
	struct selection_params *p = &((struct reload_params *)params)->selection;
	const struct selection_call call = { .params = p, .names = args, .running_only = true, .act = reload_one, .arg = p };

	TRY(selection_check(p, args, err));
	return selection_run(cli, &call, err);
}

static const struct field reload_rows[] = {
	SELECTION_ALL(struct reload_params, selection), SELECTION_LATEST(struct reload_params, selection), {}
};

const struct command cmd_network_reload = {
	.summary = "Make the firewall rules of containers again",
	.description = "Makes the rules and published ports of running containers again after another program removed them.",
	.args = "[CONTAINER...]", .max_args = ARGS_ANY, .examples = "web\n--all", .groups = (const struct command_rows[]){ { reload_rows, 0 }, {} },
	.params_size = sizeof(struct reload_params), .run = run_reload, .flags = COMMAND_IN_USERNS,
};
