/* SPDX-License-Identifier: Apache-2.0
 * A new definition: what was left open is chosen so that it collides with no other network and no interface. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/random.h>

#include "net/network-impl.h"
#include "os/link.h"

/* What is taken already. */
struct taken {
	struct network_list networks;
	struct ip_net *nets;        /* of interfaces; behind n_addresses: of routes */
	size_t n_nets, n_addresses;
	struct strv links;
};
static void taken_done(struct taken *t)
{
	network_list_done(&t->networks);
	free(t->nets);
	strv_done(&t->links);
}

static int add_net(struct taken *t, const struct ip_net *n, struct error *err)
{
	struct ip_net *v = reallocarray(t->nets, t->n_nets + 1, sizeof(*v));

	if (!v)
		return fail_oom(err);
	t->nets = v;
	v[t->n_nets++] = *n;
	return 0;
}

static int add_address(void *arg, const struct link_address *a, struct error *err)
{
	return ip_is_loopback(&a->net.ip) || ip_is_link_local(&a->net.ip) ? 0 : add_net(arg, &a->net, err);
}

static int add_route(void *arg, const struct link_route *r, struct error *err)
{
	return r->to.prefix && r->type == RTN_UNICAST && !ip_is_link_local(&r->to.ip) ? add_net(arg, &r->to, err) : 0;
}

static int add_link(void *arg, const struct link_info *l, struct error *err)
{
	return strv_add(&((struct taken *)arg)->links, l->name, err);
}

/* A host whose interfaces cannot be listed still has its definitions. */
static int look(const struct net_env *env, struct taken *t, struct error *err)
{
	auto_netlink rt = NETLINK_INIT;
	struct error ignored;

	TRY(network_list(env, &t->networks, err));
	if (netlink_open(env->host_netns, NETLINK_ROUTE, &rt, &ignored) < 0)
		return 0;
	link_address_list(&rt, add_address, t, &ignored);
	t->n_addresses = t->n_nets;
	link_route_list(&rt, add_route, t, &ignored);
	link_list(&rt, add_link, t, &ignored);
	return 0;
}

static bool is_used(const struct taken *t, const struct ip_net *n, bool routes)
{
	for (size_t i = 0; i < (routes ? t->n_nets : t->n_addresses); i++)
		if (ip_net_overlaps(&t->nets[i], n))
			return true;
	for (size_t i = 0; i < t->networks.n; i++)
		if (network_overlaps(&t->networks.v[i], n))
			return true;
	return false;
}

/* ---- subnets ---- */
static int add_subnet(struct network *n, const struct ip_net *net, struct error *err)
{
	struct network_subnet *s = list_add(&n->subnets, sizeof(*s), err);
	char text[IP_NET_TEXT];

	if (!s)
		return -1;
	ip_net_format(net, text);
	return str_set(&s->subnet, text, err);
}

/* 1 found and added; 0 the pool has none left. */
static int try_pool(const struct taken *t, struct network *n, const char *base, uint32_t size, struct error *err)
{
	struct ip_net pool, net;

	if (!ip_net_parse(base, &pool) || pool.ip.family != AF_INET || size < pool.prefix || size > 30)
		return fail(err, ERROR_INVALID, "containers.conf: default_subnet_pools: invalid pool %s, size %u", base, size);
	net = (struct ip_net){ ip_net_first(&pool), (uint8_t)size };
	for (uint64_t i = 0; i < UINT64_C(1) << (size - pool.prefix); i++) {
		if (!is_used(t, &net, true))
			return add_subnet(n, &net, err) < 0 ? -1 : 1;
		net.ip = ip_add(net.ip, INT64_C(1) << (32 - size));
	}
	return 0;
}

static int pick_ipv4(const struct net_env *env, const struct taken *t, struct network *n, struct error *err)
{
	static const char *const pools[] = { "10.89.0.0/16", "10.90.0.0/15", "10.92.0.0/14", "10.96.0.0/11", "10.128.0.0/9" };
	struct json_object *own = env->conf->default_subnet_pools;
	size_t count = own ? json_object_array_length(own) : ARRAY_LEN(pools);
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct json_object *one = own ? json_object_array_get_idx(own, i) : NULL;
		const char *base = one ? json_get_str(one, "base") : pools[i];
		r = try_pool(t, n, base ? base : "", one ? (uint32_t)json_get_i64(one, "size", 0) : 24, err);
	}
	return r ? r : fail(err, ERROR_INVALID, "could not find free subnet from subnet pools");
}

static int pick_ipv6(const struct taken *t, struct network *n, struct error *err)
{
	struct ip_net net = { { .family = AF_INET6 }, 64 };

	for (int i = 0; i < 10000; i++) {
		if (getrandom(net.ip.b, 8, 0) != 8)
			return fail_errno(err, "getrandom");
		net.ip.b[0] = 0xfd;   /* RFC 4193 */
		if (!is_used(t, &net, true))
			return add_subnet(n, &net, err);
	}
	return fail(err, ERROR_SYSTEM, "could not find free ipv6 subnet");
}

static bool has_family(const struct network *n, uint8_t family)
{
	const struct network_subnet *s = n->subnets.v;
	struct ip_net net;

	for (size_t i = 0; i < n->subnets.n; i++)
		if (ip_net_parse(s[i].subnet, &net) && net.ip.family == family)
			return true;
	return false;
}

static int pick_subnets(const struct net_env *env, const struct taken *t, struct network *n, bool ipv6, struct error *err)
{
	const char *ipam = strmap_get(&n->ipam_options, "driver");

	if (!str_empty(ipam) && !streq(ipam, "host-local"))
		return 0;
	if (!streq(n->driver, "bridge"))
		return strmap_set(&n->ipam_options, "driver", n->subnets.n ? "host-local" : "dhcp", err);
	if (!n->subnets.n || (ipv6 && !has_family(n, AF_INET)))
		TRY(pick_ipv4(env, t, n, err));
	if (ipv6 && !has_family(n, AF_INET6))
		TRY(pick_ipv6(t, n, err));
	return strmap_set(&n->ipam_options, "driver", "host-local", err);
}

/* Host bits away, gateway set, nobody else's. */
static int complete_subnet(const struct taken *t, const struct network *n, struct network_subnet *s, bool check, struct error *err)
{
	char text[IP_NET_TEXT];
	struct ip_net net;

	if (!s->subnet || !ip_net_parse(s->subnet, &net))
		return fail(err, ERROR_INVALID, "invalid CIDR address: %s", s->subnet ? s->subnet : "");
	net.ip = ip_net_first(&net);
	ip_net_format(&net, text);
	TRY(str_set(&s->subnet, text, err));
	if (check && is_used(t, &net, false))
		return fail(err, ERROR_INVALID, "subnet %s is already used on the host or by another config", text);
	if (s->gateway || (n->internal && !n->dns_enabled))
		return 0;
	struct ip first = ip_add(net.ip, 1);
	ip_format(&first, text);
	return str_set(&s->gateway, text, err);
}

static int complete_subnets(const struct taken *t, struct network *n, struct error *err)
{
	struct network_subnet *s = n->subnets.v;
	bool unmanaged = streq0(strmap_get(&n->options, "mode"), "unmanaged");

	for (size_t i = 0; i < n->subnets.n; i++)
		TRY(complete_subnet(t, n, &s[i], streq(n->driver, "bridge") && !unmanaged, err));
	n->ipv6_enabled |= has_family(n, AF_INET6);
	return 0;
}

/* ---- names ---- */
static bool interface_is_taken(const struct taken *t, const char *name, bool live)
{
	for (size_t i = 0; i < t->networks.n; i++)
		if (streq(t->networks.v[i].driver, "bridge") && streq0(t->networks.v[i].network_interface, name))
			return true;
	return live && strv_has(&t->links, name);
}

static bool name_is_taken(const struct taken *t, const char *name)
{
	for (size_t i = 0; i < t->networks.n; i++)
		if (streq(t->networks.v[i].name, name))
			return true;
	return false;
}

static int free_name(const struct taken *t, char **ret, struct error *err)
{
	char name[IFNAMSIZ];

	for (int i = 0; i < 1000000; i++) {
		snprintf(name, sizeof(name), "podman%d", i);
		if (!interface_is_taken(t, name, true) && !name_is_taken(t, name))
			return str_set(ret, name, err);
	}
	return fail(err, ERROR_SYSTEM, "could not find free device name");
}

/* Docker's words for what Podman calls otherwise. */
static int translate_options(struct network *n, struct error *err)
{
	const char *name = strmap_get(&n->options, "com.docker.network.bridge.name");
	const char *mtu = strmap_get(&n->options, "com.docker.network.driver.mtu");
	const char *parent = strmap_get(&n->options, "parent");

	if (name && streq(n->driver, "bridge")) {
		TRY(str_set(&n->network_interface, name, err));
		strmap_remove(&n->options, "com.docker.network.bridge.name");
	}
	if (mtu) {
		autofree char *copy = strdup(mtu);
		if (!copy)
			return fail_oom(err);
		TRY(strmap_set(&n->options, "mtu", copy, err));
		strmap_remove(&n->options, "com.docker.network.driver.mtu");
	}
	if (parent && !streq(n->driver, "bridge")) {
		TRY(str_set(&n->network_interface, parent, err));
		strmap_remove(&n->options, "parent");
	}
	return 0;
}

static int choose_interface(const struct taken *t, struct network *n, struct error *err)
{
	bool unmanaged = streq0(strmap_get(&n->options, "mode"), "unmanaged");

	if (!streq(n->driver, "bridge")) {
		if (n->network_interface && !strv_has(&t->links, n->network_interface))
			return fail(err, ERROR_INVALID, "parent interface %s does not exist", n->network_interface);
		return 0;
	}
	if (!n->network_interface)
		return free_name(t, &n->network_interface, err);
	if (!link_name_is_valid(n->network_interface))
		return fail(err, ERROR_INVALID, "bridge name %s invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument",
			    n->network_interface);
	if (!unmanaged && interface_is_taken(t, n->network_interface, false))
		return fail(err, ERROR_INVALID, "bridge name %s already in use", n->network_interface);
	return 0;
}

static int choose_names(const struct taken *t, struct network *n, struct error *err)
{
	static const char *const words[] = { "none", "host", "bridge", "private", "slirp4netns", "pasta", "container", "ns", "default" };
	char id[65];

	if (!n->name)
		TRY(free_name(t, &n->name, err));
	if (!network_name_is_valid(n->name))
		return fail(err, ERROR_INVALID, "network name %s invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument",
			    n->name);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (streq(words[i], n->name))
			return fail(err, ERROR_INVALID, "cannot create network with name \"%s\" because it conflicts with a valid network mode: "
							"invalid argument", n->name);
	if (name_is_taken(t, n->name))
		return fail(err, ERROR_EXISTS, "netavark: network already exists %s", n->name);
	TRY(random_id(id, err));
	TRY(str_set(&n->id, id, err));
	return choose_interface(t, n, err);
}

int network_create(const struct net_env *env, struct network *n, const struct network_create *how, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	CLEANUP(taken_done) struct taken t = {};

	if (!n->driver)
		TRY(str_set(&n->driver, "bridge", err));
	TRY(network_lock(env, &lock, err));
	if (how->ignore && n->name) {
		auto_network old = {};
		int r = network_find(env, n->name, &old, err);
		if (r < 0)
			return -1;
		if (r > 0 && streq(old.name, n->name)) {
			network_done(n);
			*n = old;
			old = (struct network){};
			return 0;
		}
	}
	TRY(look(env, &t, err));
	TRY(translate_options(n, err));
	TRY(choose_names(&t, n, err));
	TRY(pick_subnets(env, &t, n, how->ipv6, err));
	if (!streq(n->driver, "bridge") || streq(network_ipam_driver(n), "none"))
		n->dns_enabled = false;   /* nobody of ours could serve names there */
	TRY(complete_subnets(&t, n, err));
	n->created = network_now();
	TRY(network_check(n, err));
	return network_save(env, n, err) < 0 ? -1 : 1;
}
