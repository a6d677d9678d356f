/* SPDX-License-Identifier: Apache-2.0
 * Networks and ports as elements of the sets that firewall-rules.c looks things up in. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "net/firewall-impl.h"

enum { ELEMENTS_PER_MESSAGE = 512 };

static int open_socket(const struct net_env *env, struct netlink *ret, struct error *err)
{
	return ret->fd >= 0 ? 0 : netlink_open(env->host_netns, NETLINK_NETFILTER, ret, err);
}

/* One clear line where the kernel has no nftables or we no right to it. */
static int explain(struct error *err)
{
	if (err->errnum == EPERM)
		return fail(err, ERROR_DENIED, "container networks need CAP_NET_ADMIN: use --network host or --network none: %s",
			    strerror(EPERM));
	if (err->errnum == EOPNOTSUPP || err->errnum == EPROTONOSUPPORT) {
		err->kind = ERROR_UNSUPPORTED;
		return fail_wrap(err, "container networks need nftables in the kernel (modules nf_tables, nft_nat, nft_masq, nft_fib_inet; "
				      "--network host does without)");
	}
	return fail_wrap(err, "firewall");
}

static void chain_name(const struct network *n, char ret[FIREWALL_CHAIN_MAX])
{
	snprintf(ret, FIREWALL_CHAIN_MAX, FIREWALL_CHAIN "%.12s", n->id);
}

/* ---- networks ---- */
static void put_name(struct nft *t, const char *set, const char *name, bool remove)
{
	char key[FIREWALL_NAME * 2] = {};
	bool pair = streq(set, SET_SAME);

	snprintf(key, FIREWALL_NAME, "%s", name);
	if (pair)
		memcpy(key + FIREWALL_NAME, key, FIREWALL_NAME);
	nft_elements_begin(t, set, remove, false);
	nft_elements_put(t, &(struct nft_element){ .key = key, .key_len = pair ? sizeof(key) : FIREWALL_NAME });
	nft_elements_end(t);
}

static void put_subnet(struct nft *t, const char *subnet, const char *chain, bool remove)
{
	struct ip_net net;

	if (!ip_net_parse(subnet, &net))
		return;
	struct ip first = ip_net_first(&net), end = ip_add(ip_net_last(&net), 1);
	nft_elements_begin(t, net.ip.family == AF_INET6 ? MAP_NET6 : MAP_NET4, remove, false);
	nft_elements_put(t, &(struct nft_element){ .key = first.b, .key_len = ip_len(&first), .chain = remove ? NULL : chain });
	nft_elements_put(t, &(struct nft_element){ .key = end.b, .key_len = ip_len(&end), .interval_end = true });
	nft_elements_end(t);
}

static int add_network(struct nft *t, const struct network *n, struct error *err)
{
	const struct network_subnet *s = n->subnets.v;
	char chain[FIREWALL_CHAIN_MAX];
	struct network_option o;

	TRY(network_options(n, &o, err));
	if (o.unmanaged || !streq(n->driver, "bridge") || !n->network_interface)
		return 0;
	chain_name(n, chain);
	TRY(firewall_network_chain(t, n, chain, err));
	for (size_t i = 0; i < n->subnets.n; i++)
		put_subnet(t, s[i].subnet, chain, false);
	const struct { const char *set; bool on; } names[] = {
		{ SET_BRIDGES, true }, { SET_SAME, true }, { SET_ISOLATED, o.isolate || o.isolate_strict }, { SET_STRICT, o.isolate_strict },
		{ SET_INTERNAL, n->internal },
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].on)
			put_name(t, names[i].set, n->network_interface, false);
	return 0;
}

/* Each in a transaction of its own: what is gone already does not stop the others. */
static int remove_network(struct netlink *n, const struct network *net, struct error *err)
{
	static const char *const sets[] = { SET_BRIDGES, SET_SAME, SET_ISOLATED, SET_STRICT, SET_INTERNAL };
	const struct network_subnet *s = net->subnets.v;
	char chain[FIREWALL_CHAIN_MAX];
	struct error failed;

	chain_name(net, chain);
	for (size_t i = 0; i < ARRAY_LEN(sets) + net->subnets.n + 1; i++) {
		auto_nft t = NFT_INIT(FIREWALL_TABLE);
		nft_begin(&t);
		if (i < ARRAY_LEN(sets))
			put_name(&t, sets[i], net->network_interface, true);
		else if (i < ARRAY_LEN(sets) + net->subnets.n)
			put_subnet(&t, s[i - ARRAY_LEN(sets)].subnet, chain, true);
		else
			nft_chain_delete(&t, chain);
		if (nft_commit(&t, n, NULL, NULL, &failed) < 0 && failed.errnum != ENOENT) {
			*err = failed;
			return -1;
		}
	}
	return 0;
}

/* ---- ports ---- */
struct port_element {
	const char *map;
	uint8_t key[24], data[20];
	uint32_t key_len, data_len;
};
struct port_elements {
	struct port_element *v;
	size_t n;
};

static uint8_t protocol_number(const char *name)
{
	return streq(name, "udp") ? IPPROTO_UDP : streq(name, "sctp") ? IPPROTO_SCTP : IPPROTO_TCP;
}

static void fill(struct port_element *e, const struct ip *host, uint8_t protocol, uint16_t from, const struct ip *to, uint16_t port)
{
	bool six = to->family == AF_INET6;
	uint16_t from_be = htons(from), port_be = htons(port);
	uint32_t at = 0;

	*e = (struct port_element){ .map = host ? (six ? MAP_ADDR6 : MAP_ADDR4) : (six ? MAP_PORT6 : MAP_PORT4) };
	if (host) {
		at = ip_len(host);
		memcpy(e->key, host->b, at);
	}
	e->key[at] = protocol;
	memcpy(e->key + at + 4, &from_be, 2);
	e->key_len = at + 8;
	memcpy(e->data, to->b, ip_len(to));
	memcpy(e->data + ip_len(to), &port_be, 2);
	e->data_len = ip_len(to) + 4;
}

/* Where published ports lead: the first network that has an address of the family and a way out. */
static bool find_target(const struct net_status *s, uint8_t family, struct ip *ret)
{
	const struct net_attachment *a = s->attachments.v;
	struct ip_net net;

	for (size_t i = 0; i < s->attachments.n; i++) {
		const struct net_address *x = a[i].addresses.v;
		for (size_t k = 0; !a[i].internal && k < a[i].addresses.n; k++)
			if (ip_net_parse(x[k].net, &net) && net.ip.family == family) {
				*ret = net.ip;
				return true;
			}
	}
	return false;
}

static int add_port(struct port_elements *l, const struct net_status *s, const struct net_port *p, struct error *err)
{
	struct ip host = {}, to;
	bool any = str_empty(p->host_ip);

	if (!any && !ip_parse(p->host_ip, &host))
		return fail(err, ERROR_INVALID, "host address %s of a published port", p->host_ip);
	bool wild = any || ip_is_any(&host);
	for (int six = 0; six < 2; six++) {
		uint8_t family = six ? AF_INET6 : AF_INET;
		if ((!any && host.family != family) || !find_target(s, family, &to))
			continue;
		for (int64_t i = 0; i < p->range; i++)
			fill(&l->v[l->n++], wild ? NULL : &host, protocol_number(p->protocol), (uint16_t)(p->host_port + i), &to,
			     (uint16_t)(p->container_port + i));
	}
	return 0;
}

static int list_ports(const struct net_status *s, struct port_elements *l, struct error *err)
{
	const struct net_port *p = s ? s->ports.v : NULL;
	size_t max = 1;

	for (size_t i = 0; p && i < s->ports.n; i++)
		max += 2 * (size_t)p[i].range;
	l->v = calloc(max, sizeof(*l->v));
	if (!l->v)
		return fail_oom(err);
	for (size_t i = 0; p && i < s->ports.n; i++)
		TRY(add_port(l, s, &p[i], err));
	return 0;
}

static void put_ports(struct nft *t, const struct port_elements *l, const char *map, bool remove, bool exclusive)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct port_element *e = &l->v[i];
		if (!streq(e->map, map))
			continue;
		if (n++ % ELEMENTS_PER_MESSAGE == 0) {
			if (n > 1)
				nft_elements_end(t);
			nft_elements_begin(t, map, remove, exclusive);
		}
		nft_elements_put(t, &(struct nft_element){ .key = e->key, .key_len = e->key_len, .data = remove ? NULL : e->data,
							   .data_len = e->data_len });
	}
	if (n)
		nft_elements_end(t);
}

static void put_all_ports(struct nft *t, const struct port_elements *l, bool remove, bool exclusive)
{
	static const char *const maps[] = { MAP_PORT4, MAP_PORT6, MAP_ADDR4, MAP_ADDR6 };

	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		put_ports(t, l, maps[i], remove, exclusive);
}

static int remove_ports(struct netlink *n, const struct port_elements *l, struct error *err)
{
	auto_nft all = NFT_INIT(FIREWALL_TABLE);

	if (!l->n)
		return 0;
	nft_begin(&all);
	put_all_ports(&all, l, true, false);
	if (nft_commit(&all, n, NULL, NULL, err) >= 0)
		return 0;
	if (err->errnum != ENOENT)
		return -1;
	/* some are gone already: one at a time */
	for (size_t i = 0; i < l->n; i++) {
		const struct port_elements one = { &l->v[i], 1 };
		auto_nft t = NFT_INIT(FIREWALL_TABLE);
		nft_begin(&t);
		put_all_ports(&t, &one, true, false);
		if (nft_commit(&t, n, NULL, NULL, err) < 0 && err->errnum != ENOENT)
			return -1;
	}
	*err = (struct error){};
	return 0;
}

/* ---- changes ---- */
static int try_add(struct netlink *n, const struct firewall_change *c, const struct port_elements *ports, bool base, struct error *err)
{
	auto_nft t = NFT_INIT(FIREWALL_TABLE);

	nft_begin(&t);
	if (base)
		firewall_base(&t);
	for (size_t i = 0; i < c->n_networks; i++)
		TRY(add_network(&t, c->networks[i], err));
	put_all_ports(&t, ports, false, !c->replace);
	if (t.b.n == 1)
		return 0;
	return nft_commit(&t, n, NULL, NULL, err);
}

/* What nft_chain_find() says at least of a chain that nobody flushed: more than the one rule or element that leads there. */
enum { CHAIN_WHOLE = 3 };

static int is_intact(struct netlink *n, struct error *err)
{
	int r = nft_chain_find(n, FIREWALL_TABLE, "ports", err);

	return r < 0 ? -1 : r >= CHAIN_WHOLE;
}

/* Which of the networks have no chain yet: most often none. */
static int missing_networks(struct netlink *n, const struct firewall_change *c, const struct network **ret, size_t *ret_n,
			    struct error *err)
{
	char chain[FIREWALL_CHAIN_MAX];
	struct network_option o;

	*ret_n = 0;
	for (size_t i = 0; i < c->n_networks; i++) {
		TRY(network_options(c->networks[i], &o, err));
		if (o.unmanaged || !streq(c->networks[i]->driver, "bridge"))
			continue;
		chain_name(c->networks[i], chain);
		int r = c->replace ? 0 : nft_chain_find(n, FIREWALL_TABLE, chain, err);
		if (r < 0)
			return -1;
		if (r < CHAIN_WHOLE)
			ret[(*ret_n)++] = c->networks[i];
	}
	return 0;
}

/* 1: the table was not there or had been flushed. */
static int add(struct netlink *n, const struct firewall_change *c, const struct port_elements *ports, struct error *err)
{
	const struct network *missing[NET_NETWORKS_MAX];
	struct firewall_change todo = { .networks = missing, .replace = c->replace };
	int intact = 1;

	if (c->n_networks > ARRAY_LEN(missing))
		return fail(err, ERROR_INVALID, "more than %d networks", NET_NETWORKS_MAX);
	TRY(missing_networks(n, c, missing, &todo.n_networks, err));
	if (todo.n_networks && (intact = is_intact(n, err)) < 0)
		return -1;
	int r = try_add(n, &todo, ports, todo.n_networks > 0, err);
	if (r < 0 && err->errnum == EEXIST) {
		/* The sockets of these ports are ours, so no living container has them: leftovers. */
		TRY(remove_ports(n, ports, err));
		r = try_add(n, &todo, ports, todo.n_networks > 0, err);
	}
	if (r < 0 && err->errnum == ENOENT && !todo.n_networks) {   /* it went a moment ago */
		intact = 0;
		r = try_add(n, c, ports, true, err);
	}
	return r < 0 ? -1 : !intact;
}

/* containers.conf firewall_driver = "none": somebody else makes the rules. */
static bool firewall_is_off(const struct net_env *env)
{
	return streq0(env->conf->firewall_driver, "none");
}

int firewall_apply(const struct net_env *env, const struct firewall_change *c, struct error *err)
{
	auto_netlink own = NETLINK_INIT;
	struct netlink *n = c->socket ? c->socket : &own;
	struct port_elements ports = {};

	if (firewall_is_off(env))
		return 0;
	int r = list_ports(c->status, &ports, err);

	if (r >= 0 && (c->n_networks || ports.n)) {
		r = open_socket(env, n, err);
		if (r >= 0 && c->remove)
			r = remove_ports(n, &ports, err);
		else if (r >= 0)
			r = add(n, c, &ports, err);
		for (size_t i = 0; r >= 0 && c->remove && i < c->n_networks; i++)
			r = remove_network(n, c->networks[i], err);
		if (r < 0)
			r = explain(err);
	}
	free(ports.v);
	return r;
}

int firewall_dns(const struct net_env *env, const struct firewall_dns *d, struct error *err)
{
	static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_TCP };
	struct port_element e[ARRAY_LEN(protocols) * FIREWALL_DNS_MAX];
	struct port_elements l = { e, 0 };
	auto_netlink own = NETLINK_INIT;
	struct netlink *n = d->socket ? d->socket : &own;

	if (firewall_is_off(env) || !d->n)
		return 0;
	for (size_t i = 0; i < d->n && i < FIREWALL_DNS_MAX; i++)
		for (size_t k = 0; k < ARRAY_LEN(protocols); k++)
			fill(&e[l.n++], &d->addresses[i], protocols[k], 53, &d->addresses[i], d->port);
	TRY(open_socket(env, n, err));
	if (d->remove)
		return remove_ports(n, &l, err);
	struct firewall_change nothing = { .replace = true };
	struct error absent;
	if (try_add(n, &nothing, &l, false, &absent) >= 0)
		return 0;
	remove_ports(n, &l, &absent);
	return try_add(n, &nothing, &l, true, err) < 0 ? explain(err) : 0;
}

int firewall_intact(const struct net_env *env, struct error *err)
{
	auto_netlink n = NETLINK_INIT;

	if (firewall_is_off(env))
		return 1;
	TRY(open_socket(env, &n, err));
	return is_intact(&n, err);
}

int firewall_remove_unused(const struct net_env *env, struct error *err)
{
	auto_netlink n = NETLINK_INIT;
	auto_nft t = NFT_INIT(FIREWALL_TABLE);

	if (firewall_is_off(env))
		return 0;
	TRY(open_socket(env, &n, err));
	int empty = nft_set_is_empty(&n, FIREWALL_TABLE, SET_BRIDGES, err);
	if (empty <= 0)
		return empty;
	nft_begin(&t);
	nft_table_delete(&t);
	return nft_commit(&t, &n, NULL, NULL, err) < 0 && err->errnum != ENOENT ? -1 : 0;
}
