/* SPDX-License-Identifier: Apache-2.0
 * What a definition may say. */
#include <stdlib.h>

#include "base/units.h"
#include "net/network-impl.h"
#include "os/link.h"

enum { NETWORK_NAME_MAX = 200 };   /* it is the name of a file, too */

int64_t network_now(void)
{
	return time_now();
}

bool network_name_is_valid(const char *name)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = strlen(name);

	if (!len || len > NETWORK_NAME_MAX || !strchr(first, name[0]))
		return false;
	for (const char *c = name; *c; c++)
		if (!strchr(first, *c) && !strchr("_.-", *c))
			return false;
	return true;
}

const char *network_ipam_driver(const struct network *n)
{
	const char *d = strmap_get(&n->ipam_options, "driver");

	return str_empty(d) ? (n->subnets.n || streq0(n->driver, "bridge") ? "host-local" : "dhcp") : d;
}

bool network_is_dhcp(const struct network *n)
{
	return streq(network_ipam_driver(n), "dhcp");
}

/* ---- options ---- */
static int number(const char *name, const char *value, uint32_t max, uint32_t *ret, struct error *err)
{
	if (!parse_u32(value, ret) || *ret > max)
		return fail(err, ERROR_INVALID, "unable to parse \"%s\" for option %s: invalid argument", value, name);
	return 0;
}

static int boolean(const char *name, const char *value, bool *ret, struct error *err)
{
	return parse_bool(value, ret) ? 0 : fail(err, ERROR_INVALID, "unable to parse \"%s\" for option %s: invalid argument", value,
						 name);
}

static int option_mtu(const char *v, struct network_option *o, struct error *err)
{
	return number("mtu", v, 65536, &o->mtu, err);
}

static int option_vlan(const char *v, struct network_option *o, struct error *err)
{
	uint32_t id;

	TRY(number("vlan", v, 4094, &id, err));
	if (id == 0)
		return fail(err, ERROR_INVALID, "vlan ID %s must be between 0 and 4094: invalid argument", v);
	o->vlan = (uint16_t)id;
	return 0;
}

static int option_isolate(const char *v, struct network_option *o, struct error *err)
{
	o->isolate_strict = streq(v, "strict");
	return o->isolate_strict ? 0 : boolean("isolate", v, &o->isolate, err);
}

static int option_metric(const char *v, struct network_option *o, struct error *err)
{
	return number("metric", v, UINT32_MAX, &o->metric, err);
}

static int option_no_default_route(const char *v, struct network_option *o, struct error *err)
{
	return boolean("no_default_route", v, &o->no_default_route, err);
}

static int option_vrf(const char *v, struct network_option *o, struct error *err)
{
	if (!link_name_is_valid(v))
		return fail(err, ERROR_INVALID, "vrf name \"%s\" is not valid: invalid argument", v);
	o->vrf = v;
	return 0;
}

static int option_mode(const char *v, struct network_option *o, struct error *err)
{
	(void)err;
	o->mode = v;
	return 0;
}

static int option_bclim(const char *v, struct network_option *o, struct error *err)
{
	int64_t n;

	if (!parse_i64(v, &n) || n < INT32_MIN || n > INT32_MAX)
		return fail(err, ERROR_INVALID, "failed to parse \"bclim\" option: %s: invalid argument", v);
	o->bclim = (int32_t)n;
	o->bclim_set = true;
	return 0;
}

static int outbound(const char *v, uint8_t family, const char **ret, struct error *err)
{
	struct ip a;

	if (!ip_parse(v, &a) || a.family != family)
		return fail(err, ERROR_INVALID, "outbound address \"%s\" is not an IPv%d address: invalid argument", v,
			    family == AF_INET ? 4 : 6);
	*ret = v;
	return 0;
}

static int option_outbound4(const char *v, struct network_option *o, struct error *err)
{
	return outbound(v, AF_INET, &o->outbound_addr4, err);
}

static int option_outbound6(const char *v, struct network_option *o, struct error *err)
{
	return outbound(v, AF_INET6, &o->outbound_addr6, err);
}

enum { FOR_BRIDGE = 1, FOR_MACVLAN = 2, FOR_IPVLAN = 4, FOR_ALL = 7 };
static const struct option {
	const char *name;
	int (*read)(const char *v, struct network_option *o, struct error *err);
	unsigned drivers;
} options[] = {
	{ "mtu", option_mtu, FOR_ALL }, { "com.docker.network.driver.mtu", option_mtu, FOR_BRIDGE },
	{ "vlan", option_vlan, FOR_BRIDGE }, { "isolate", option_isolate, FOR_BRIDGE }, { "metric", option_metric, FOR_ALL },
	{ "no_default_route", option_no_default_route, FOR_ALL }, { "vrf", option_vrf, FOR_BRIDGE },
	{ "mode", option_mode, FOR_ALL }, { "bclim", option_bclim, FOR_MACVLAN },
	{ "outbound_addr4", option_outbound4, FOR_BRIDGE }, { "outbound_addr6", option_outbound6, FOR_BRIDGE },
};
static const struct {
	const char *name;
	unsigned bit;
	const char *modes[5];
} drivers[] = {
	{ "bridge", FOR_BRIDGE, { "managed", "unmanaged" } },
	{ "macvlan", FOR_MACVLAN, { "bridge", "private", "vepa", "passthru" } },
	{ "ipvlan", FOR_IPVLAN, { "l2", "l3", "l3s" } },
};

static int read_option(size_t driver, const char *name, const char *value, struct network_option *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (streq(options[i].name, name) && (options[i].drivers & drivers[driver].bit))
			return options[i].read(value, ret, err);
	return fail(err, ERROR_INVALID, "unsupported %s network option %s: invalid argument", drivers[driver].name, name);
}

static int check_mode(size_t driver, const struct network_option *o, struct error *err)
{
	for (size_t i = 0; o->mode && drivers[driver].modes[i]; i++)
		if (streq(o->mode, drivers[driver].modes[i]))
			return 0;
	return o->mode ? fail(err, ERROR_INVALID, "unknown %s mode \"%s\": invalid argument", drivers[driver].name, o->mode) : 0;
}

static int find_driver(const struct network *n, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (streq0(n->driver, drivers[i].name))
			return (int)i;
	return fail(err, ERROR_UNSUPPORTED, "unsupported driver %s: invalid argument", n->driver ? n->driver : "");
}

int network_options(const struct network *n, struct network_option *ret, struct error *err)
{
	struct network_option o = {};
	int driver = find_driver(n, err);

	if (driver < 0)
		return -1;
	for (size_t i = 0; i < n->options.n; i++)
		TRY(read_option((size_t)driver, n->options.v[i].key, n->options.v[i].value, &o, err));
	TRY(check_mode((size_t)driver, &o, err));
	o.unmanaged = streq0(o.mode, "unmanaged");
	*ret = o;
	return 0;
}

/* ---- subnets and routes ---- */
static int inside(const struct ip_net *net, const char *address, const char *what, const char *subnet, struct error *err)
{
	struct ip a;

	if (!address)
		return 0;
	if (!ip_parse(address, &a))
		return fail(err, ERROR_INVALID, "%s %s is not an IP address: invalid argument", what, address);
	return ip_net_has(net, &a) ? 0 : fail(err, ERROR_INVALID, "%s %s not in subnet %s: invalid argument", what, address, subnet);
}

static int check_subnet(const struct network_subnet *s, struct ip_net *net, struct error *err)
{
	if (!s->subnet || !ip_net_parse(s->subnet, net))
		return fail(err, ERROR_INVALID, "subnet \"%s\" is not an address with a prefix length: invalid argument",
			    s->subnet ? s->subnet : "");
	TRY(inside(net, s->gateway, "gateway", s->subnet, err));
	if (!s->lease_range)
		return 0;
	TRY(inside(net, s->lease_range->start_ip, "lease range start ip", s->subnet, err));
	return inside(net, s->lease_range->end_ip, "lease range end ip", s->subnet, err);
}

static int check_subnets(const struct network *n, struct error *err)
{
	const struct network_subnet *s = n->subnets.v;
	struct ip_net nets[NETWORK_SUBNETS_MAX];

	if (n->subnets.n > NETWORK_SUBNETS_MAX)
		return fail(err, ERROR_INVALID, "network %s: more than %d subnets", n->name, NETWORK_SUBNETS_MAX);
	for (size_t i = 0; i < n->subnets.n; i++) {
		TRY(check_subnet(&s[i], &nets[i], err));
		for (size_t k = 0; k < i; k++)
			if (ip_net_overlaps(&nets[i], &nets[k]))
				return fail(err, ERROR_INVALID, "overlapping subnets detected: %s and %s: invalid argument", s[k].subnet,
					    s[i].subnet);
	}
	return 0;
}

static int check_route(const struct network_route *r, struct error *err)
{
	static const char *const types[] = { "unicast", "blackhole", "unreachable", "prohibit" };
	struct ip_net to;
	struct ip via;
	bool known = !r->route_type;

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		known |= streq0(r->route_type, types[i]);
	if (!known)
		return fail(err, ERROR_INVALID, "unknown route type \"%s\": invalid argument", r->route_type);
	if (!r->destination || !ip_net_parse(r->destination, &to))
		return fail(err, ERROR_INVALID, "route destination ip \"%s\" not valid: invalid argument",
			    r->destination ? r->destination : "");
	struct ip first = ip_net_first(&to);
	if (!ip_equal(&first, &to.ip))
		return fail(err, ERROR_INVALID, "route destination \"%s\" invalid: it has host bits set: invalid argument", r->destination);
	if (r->metric.set && r->metric.value > UINT32_MAX)
		return fail(err, ERROR_INVALID, "route metric out of range: invalid argument");
	bool unicast = !r->route_type || streq(r->route_type, "unicast");
	if (unicast != (r->gateway != NULL))
		return fail(err, ERROR_INVALID, "a %s route to %s %s a gateway: invalid argument", unicast ? "unicast" : r->route_type,
			    r->destination, unicast ? "needs" : "cannot have");
	if (r->gateway && (!ip_parse(r->gateway, &via) || via.family != to.ip.family))
		return fail(err, ERROR_INVALID, "gateway \"%s\" of the route to %s is not an address of its family: invalid argument",
			    r->gateway, r->destination);
	return 0;
}

static int check_ipam(const struct network *n, struct error *err)
{
	const char *d = network_ipam_driver(n);

	if (streq(d, "none"))
		return n->subnets.n ? fail(err, ERROR_INVALID, "none ipam driver is set but subnets are given: invalid argument") : 0;
	if (network_is_dhcp(n))
		return streq0(n->driver, "bridge") || !n->subnets.n ? 0 :
			       fail(err, ERROR_INVALID, "ipam driver dhcp set but subnets are set: invalid argument");
	if (!streq(d, "host-local"))
		return fail(err, ERROR_INVALID, "unsupported ipam driver \"%s\": invalid argument", d);
	return n->subnets.n ? 0 : fail(err, ERROR_INVALID, "ipam driver host-local of network %s needs a subnet", n->name);
}

int network_check(const struct network *n, struct error *err)
{
	struct network_option o;
	const struct network_route *r = n->routes.v;
	struct ip ignored;

	if (n->name && strlen(n->name) > NETWORK_NAME_MAX)
		return fail(err, ERROR_INVALID, "network name %.20s... invalid: it has more than %d letters: invalid argument", n->name,
			    NETWORK_NAME_MAX);
	if (!n->name || !network_name_is_valid(n->name))
		return fail(err, ERROR_INVALID, "network name %s invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument",
			    n->name ? n->name : "\"\"");
	if (!n->id || strlen(n->id) != 64 || strspn(n->id, "0123456789abcdef") != 64)
		return fail(err, ERROR_INVALID, "network %s: invalid network ID", n->name);
	if (n->network_interface && *n->network_interface && !link_name_is_valid(n->network_interface))
		return fail(err, ERROR_INVALID, "interface name %s invalid: invalid argument", n->network_interface);
	TRY(network_options(n, &o, err));
	TRY(check_subnets(n, err));
	for (size_t i = 0; i < n->routes.n; i++)
		TRY(check_route(&r[i], err));
	for (size_t i = 0; i < n->dns_servers.n; i++)
		if (!ip_parse(n->dns_servers.v[i], &ignored))
			return fail(err, ERROR_INVALID, "unable to parse ip %s: invalid argument", n->dns_servers.v[i]);
	return check_ipam(n, err);
}

bool network_overlaps(const struct network *n, const struct ip_net *subnet)
{
	const struct network_subnet *s = n->subnets.v;
	struct ip_net net;

	for (size_t i = 0; i < n->subnets.n; i++)
		if (ip_net_parse(s[i].subnet, &net) && ip_net_overlaps(&net, subnet))
			return true;
	return false;
}
