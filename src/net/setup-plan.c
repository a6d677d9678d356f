/* SPDX-License-Identifier: Apache-2.0
 * What one container gets on one network: names, MAC, addresses. */
#include <stdio.h>
#include <stdlib.h>

#include "net/dhcp.h"
#include "net/lease.h"
#include "net/setup-impl.h"

enum { METRIC = 100 };   /* of the first network's routes, as Netavark has it */

static bool ifname_is_taken(const struct net_status *s, const char *name)
{
	const struct net_attachment *a = s->attachments.v;

	for (size_t i = 0; i < s->attachments.n; i++)
		if (streq0(a[i].ifname, name))
			return true;
	return false;
}

static int choose_ifname(const struct net_request *r, const struct net_status *s, char **ret, struct error *err)
{
	char name[IFNAMSIZ];

	if (r->interface_name) {
		if (!link_name_is_valid(r->interface_name))
			return fail(err, ERROR_INVALID, "interface name %s invalid: at most 15 letters, no / or :", r->interface_name);
		if (ifname_is_taken(s, r->interface_name))
			return fail(err, ERROR_INVALID, "interface name %s is used twice", r->interface_name);
		return str_set(ret, r->interface_name, err);
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "eth%d", i);
		if (!ifname_is_taken(s, name))
			return str_set(ret, name, err);
	}
	return fail(err, ERROR_INVALID, "too many networks");
}

/* Random, because the pair of a run before may still be dying. */
static int choose_host_ifname(const struct net_request *r, char **ret, struct error *err)
{
	uint8_t random[LINK_MAC];

	if (r->host_interface_name) {
		if (!link_name_is_valid(r->host_interface_name))
			return fail(err, ERROR_INVALID, "host interface name %s invalid: at most 15 letters, no / or :",
				    r->host_interface_name);
		return str_set(ret, r->host_interface_name, err);
	}
	TRY(link_mac_random(random, err));
	return str_printf(ret, err, "veth%02x%02x%02x%02x", random[1], random[2], random[3], random[4]);
}

static int check_static(const struct network *n, const char *text, struct error *err)
{
	const struct network_subnet *s = n->subnets.v;
	struct ip_net net;
	struct ip a;

	if (!text)
		return 0;
	if (!ip_parse(text, &a))
		return fail(err, ERROR_INVALID, "\"%s\" is not a valid ip address", text);
	for (size_t i = 0; i < n->subnets.n; i++)
		if (ip_net_parse(s[i].subnet, &net) && ip_net_has(&net, &a))
			return 0;
	return fail(err, ERROR_INVALID, "requested static ip %s not in any subnet on network %s", text, n->name);
}

/* Unless one is given: the networks' order, so that the first one's default route counts. */
static int64_t choose_metric(const struct net_request *r, const struct network_option *o, const struct net_status *s)
{
	const struct net_attachment *a = s->attachments.v;
	const char *given = strmap_get(&r->options, "metric");
	int64_t metric = METRIC;
	uint32_t n;

	if (given && parse_u32(given, &n))
		return n;
	if (o->metric)
		return o->metric;
	for (size_t i = 0; i < s->attachments.n; i++)
		if (a[i].metric == metric) {
			metric++;
			i = (size_t)-1;   /* look again from the first */
		}
	return metric;
}

int attachment_plan(const struct net_env *env, const struct network *n, const struct net_request *r, const struct net_status *s,
		    struct net_attachment *ret, struct error *err)
{
	struct network_option o;
	uint8_t mac[LINK_MAC];
	bool bridge = streq(n->driver, "bridge");

	TRY(network_options(n, &o, err));
	TRY(net_dhcp_check(env, n, &o, err));
	TRY(check_static(n, r->ip, err));
	TRY(check_static(n, r->ip6, err));
	if (r->mac && !link_mac_parse(r->mac, mac))
		return fail(err, ERROR_INVALID, "address %s: invalid MAC address", r->mac);
	TRY(str_set(&ret->network, n->name, err));
	TRY(str_set(&ret->network_id, n->id, err));
	TRY(str_set(&ret->driver, n->driver, err));
	TRY(str_set(&ret->bridge, n->network_interface, err));
	TRY(str_set(&ret->ip, r->ip, err));
	TRY(str_set(&ret->ip6, r->ip6, err));
	TRY(str_set(&ret->static_mac, r->mac, err));
	TRY(strv_copy(&ret->aliases, &r->aliases, err));
	TRY(strmap_copy(&ret->options, &r->options, err));
	ret->dhcp = !env->netavark && network_is_dhcp(n);
	ret->dns_enabled = n->dns_enabled && !ret->dhcp;   /* whose gateways are not ours to listen on */
	if (ret->dhcp)
		TRY(str_set(&ret->hostname, r->hostname, err));
	ret->internal = n->internal;
	ret->no_default_route = o.no_default_route;
	ret->metric = choose_metric(r, &o, s);
	TRY(choose_ifname(r, s, &ret->ifname, err));
	return bridge ? choose_host_ifname(r, &ret->host_ifname, err) : 0;
}

/* ---- addresses ---- */
/* The same address on the same network always has the same MAC: nobody's neighbour table is wrong after a restart. */
static void mac_of(const char *network_id, const char *address, uint8_t ret[LINK_MAC])
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);   /* FNV-1a */

	for (const char *c = network_id; *c; c++)
		h = (h ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	for (const char *c = address; *c; c++)
		h = (h ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	h ^= h >> 40;
	for (int i = 0; i < LINK_MAC; i++)
		ret[i] = (uint8_t)(h >> (8 * i));
	ret[0] = (uint8_t)((ret[0] & 0xfe) | 0x02);
}

static int choose_mac(const struct network *n, const char *id, struct net_attachment *a, struct error *err)
{
	const struct net_address *x = a->addresses.v;
	uint8_t mac[LINK_MAC];
	char text[18];

	if (a->static_mac)
		link_mac_parse(a->static_mac, mac);
	else if (a->addresses.n)
		mac_of(n->id, x[0].net, mac);
	else if (a->dhcp)   /* the same container is known to its server again */
		mac_of(n->id, id, mac);
	else
		TRY(link_mac_random(mac, err));
	link_mac_format(mac, text);
	return str_set(&a->mac, text, err);
}

static bool wants(const char *text, const struct ip_net *net, struct ip *ret)
{
	return text && ip_parse(text, ret) && ip_net_has(net, ret);
}

static int lease_subnet(const struct net_env *env, const struct network *n, const struct network_subnet *s, const char *id,
			struct net_attachment *a, struct error *err)
{
	struct net_address *x;
	struct ip_net net;
	struct ip want;
	char text[IP_NET_TEXT];

	if (!ip_net_parse(s->subnet, &net))
		return fail(err, ERROR_INVALID, "subnet %s", s->subnet);
	bool is_static = wants(a->ip, &net, &want) || wants(a->ip6, &net, &want);
	x = list_add(&a->addresses, sizeof(*x), err);
	if (!x)
		return -1;
	if (lease_take(env, n, s, id, is_static ? &want : NULL, &net.ip, err) < 0) {
		a->addresses.n--;
		return -1;
	}
	ip_net_format(&net, text);
	TRY(str_set(&x->net, text, err));
	if (n->internal && !n->dns_enabled)
		return 0;
	if (n->dns_enabled && s->gateway)
		TRY(strv_add(&a->dns_servers, s->gateway, err));
	return str_set(&x->gateway, n->internal ? NULL : s->gateway, err);
}

int attachment_lease(const struct net_env *env, const struct network *n, const char *id, struct net_attachment *a, struct error *err)
{
	const struct network_subnet *s = n->subnets.v;

	for (size_t i = 0; streq(network_ipam_driver(n), "host-local") && i < n->subnets.n; i++)
		TRY(lease_subnet(env, n, &s[i], id, a, err));
	return choose_mac(n, id, a, err);
}

int attachment_release(const struct net_env *env, const char *id, const struct net_attachment *a, struct error *err)
{
	const struct net_address *x = a->addresses.v;
	struct ip_net net;
	int r = 0;

	if (!a->addresses.n)   /* an intent does not know them */
		return lease_give_network(env, a->network_id, id, err);
	for (size_t i = 0; i < a->addresses.n; i++)
		if (ip_net_parse(x[i].net, &net) && lease_give(env, a->network_id, &net.ip, id, err) < 0)
			r = -1;
	return r;
}

bool attachment_is_leased(const struct net_env *env, const char *id, const struct net_attachment *a)
{
	const struct net_address *x = a->addresses.v;
	struct ip_net net;

	if (a->dhcp)
		return net_dhcp_is_held(env, id, a);
	return a->addresses.n && ip_net_parse(x[0].net, &net) && lease_is_of(env, a->network_id, &net.ip, id);
}
