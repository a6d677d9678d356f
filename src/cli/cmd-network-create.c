/* SPDX-License-Identifier: Apache-2.0
 * cli/cmd-network-create.c - `network create`. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/network.h"
#include "engine/event.h"

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
		start = ip_add(ip_net_first(&net), net.prefix < ip_bits(&net.ip) ? 1 : 0);
		end = ip_net_last(&net);   /* the subnet's broadcast address is left out by who gives addresses */
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
	{ .cli = "ipam-driver", F_STR(P, ipam_driver), .arg = "string", .help = "Addresses from: host-local, none, dhcp" },
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
