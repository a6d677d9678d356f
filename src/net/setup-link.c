/* SPDX-License-Identifier: Apache-2.0
 * Interfaces, addresses and routes of one attachment. A bridge is configured before it is set up (IFF_UP), so that one
 * whose maker was killed half-way is recognised and finished by the next; everything added twice is fine. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/dhcp.h"
#include "net/setup-impl.h"
#include "os/netns.h"

void link_ends_done(struct link_ends *e)
{
	netlink_close(&e->host);
	netlink_close(&e->inside);
	netlink_close(&e->firewall);
	netlink_batch_done(&e->gone);
}

void link_ends_detach(struct link_ends *e)
{
	netlink_send_detached(&e->host, &e->gone, &e->firewall);
}

int link_ends_open(const struct net_env *env, int netns_fd, struct link_ends *ret, struct error *err)
{
	ret->netns_fd = netns_fd;
	return netlink_open(env->host_netns, NETLINK_ROUTE, &ret->host, err);
}

static int but_existing(void *arg, const char *what, int errnum)
{
	(void)arg;
	(void)what;
	return errnum != EEXIST;
}

static int but_absent(void *arg, const char *what, int errnum)
{
	(void)arg;
	(void)what;
	return errnum != EADDRNOTAVAIL;
}

/* ---- the bridge ---- */
static void sysctl(const struct net_env *env, const char *value, const char *form, const char *name)
{
	char path[96];
	struct error failed;

	snprintf(path, sizeof(path), "net/%s/%s", form, name);
	if (netns_sysctl(env->host_netns, path, value, &failed) < 0)
		log_warn(env->log, "%s", failed.text);
}

/* Forwarding for the host, and what the bridge itself needs: no router advertisements from containers, loopback addresses
 * may leave through it (published ports on localhost), replies may take another way (several networks). */
static void bridge_sysctls(const struct net_env *env, const struct network *n)
{
	const char *br = n->network_interface;
	char name[64];

	if (!n->internal)
		sysctl(env, "1", "ipv4", "ip_forward");
	snprintf(name, sizeof(name), "conf/%s/route_localnet", br);
	sysctl(env, "1", "ipv4", name);
	snprintf(name, sizeof(name), "conf/%s/rp_filter", br);
	sysctl(env, "2", "ipv4", name);
	snprintf(name, sizeof(name), "conf/%s/accept_ra", br);
	sysctl(env, "0", "ipv6", name);
	snprintf(name, sizeof(name), "conf/%s/accept_dad", br);
	sysctl(env, "0", "ipv6", name);
	snprintf(name, sizeof(name), "conf/%s/disable_ipv6", br);
	if (n->ipv6_enabled)   /* somebody asked for it, whatever the host does by default */
		sysctl(env, "0", "ipv6", name);
	if (n->ipv6_enabled && !n->internal)
		sysctl(env, "1", "ipv6", "conf/all/forwarding");
}

static int bridge_error(const struct network *n, struct error *err)
{
	if (err->errnum == EPERM)
		return fail(err, ERROR_DENIED, "network %s: making a bridge needs CAP_NET_ADMIN: use --network host or --network none",
			    n->name);
	if (err->errnum == EOPNOTSUPP)
		return fail(err, ERROR_UNSUPPORTED, "network %s: %s: the kernel lacks this kind of interface (modules bridge, veth, "
						    "macvlan, ipvlan, vrf)", n->name, err->text);
	return fail_wrap(err, "network %s", n->name);
}

/* The VRF must exist; it belongs to the host's administrator. */
static int find_vrf(struct netlink *host, const char *name, uint32_t *ret, struct error *err)
{
	struct link_info l;
	int r = name ? link_find(host, name, &l, err) : 0;

	if (r < 0)
		return -1;
	if (name && (r == 0 || !streq(l.kind, "vrf")))
		return fail(err, ERROR_NOT_FOUND, "vrf %s does not exist", name);
	*ret = r > 0 ? l.index : 0;
	return 0;
}

static void bridge_addresses(const struct network *n, uint32_t index, struct netlink_batch *b)
{
	const struct network_subnet *s = n->subnets.v;
	struct ip_net net;

	for (size_t i = 0; i < n->subnets.n; i++)
		if (s[i].gateway && ip_net_parse(s[i].subnet, &net) && ip_parse(s[i].gateway, &net.ip))
			link_address_add(b, index, &net);
}

static int bridge_make(const struct net_env *env, const struct network *n, const struct network_option *o, struct netlink *host,
		       struct link_info *ret, struct error *err)
{
	auto_netlink_batch make = NETLINK_BATCH_INIT, fill = NETLINK_BATCH_INIT;
	/* An address of its own: else it is that of the lowest port and changes when that one goes, which containers' ARP
	 * tables notice late. */
	uint8_t mac[LINK_MAC];
	struct link_spec bridge = { .kind = "bridge", .name = n->network_interface, .mtu = o->mtu, .netns_fd = -1, .mac = mac,
				    .vlan_filtering = o->vlan != 0 };

	TRY(link_mac_random(mac, err));
	TRY(find_vrf(host, o->vrf, &bridge.master, err));
	link_add(&make, &bridge);
	if (netlink_send_judged(host, &make, but_existing, NULL, err) < 0)
		return bridge_error(n, err);
	int r = link_find(host, n->network_interface, ret, err);
	if (r == 0)
		return fail(err, ERROR_STATE, "network %s: bridge %s vanished", n->name, n->network_interface);
	if (r < 0)
		return -1;
	if (!streq(ret->kind, "bridge"))
		return fail(err, ERROR_IN_USE, "network %s: interface %s exists and is no bridge", n->name, n->network_interface);
	const char *driver = env->conf->firewall_driver;
	if (!str_empty(driver) && !streq(driver, "nftables") && !streq(driver, "none"))
		log_warn(env->log, "containers.conf: firewall_driver \"%s\" is not supported: rules are made with nftables", driver);
	bridge_sysctls(env, n);
	bridge_addresses(n, ret->index, &fill);
	link_up(&fill, ret->index);
	return netlink_send_judged(host, &fill, but_existing, NULL, err) < 0 ? bridge_error(n, err) : 0;
}

static int bridge_get(const struct net_env *env, const struct network *n, const struct network_option *o, struct netlink *host,
		      struct link_info *ret, struct error *err)
{
	int r = link_find(host, n->network_interface, ret, err);

	if (r < 0)
		return -1;
	if (o->unmanaged)
		return r && streq(ret->kind, "bridge") ? 0 :
			       fail(err, ERROR_NOT_FOUND, "network %s: bridge %s (unmanaged) does not exist", n->name,
				    n->network_interface);
	if (r && streq(ret->kind, "bridge") && (ret->flags & IFF_UP))
		return 0;
	return bridge_make(env, n, o, host, ret, err);
}

/* ---- the container's end ---- */
static uint32_t attachment_number(const struct net_attachment *a, const char *option, uint32_t fallback)
{
	const char *text = strmap_get(&a->options, option);
	uint32_t n;

	return text && parse_u32(text, &n) ? n : fallback;
}

static int link_bridge(const struct net_env *env, const struct network *n, const struct network_option *o, struct net_attachment *a,
		       struct link_ends *e, struct error *err)
{
	auto_netlink_batch b = NETLINK_BATCH_INIT;
	struct link_info bridge;
	uint8_t mac[LINK_MAC];
	struct link_spec veth = { .kind = "veth", .name = a->host_ifname, .peer = a->ifname, .netns_fd = e->netns_fd, .mac = mac,
				  .up = true };

	TRY(bridge_get(env, n, o, &e->host, &bridge, err));
	link_mac_parse(a->mac, mac);
	veth.master = bridge.index;
	veth.mtu = attachment_number(a, "mtu", o->mtu ? o->mtu : bridge.mtu != 1500 ? bridge.mtu : 0);
	link_add(&b, &veth);
	link_bridge_hairpin(&b, a->host_ifname);
	if (netlink_send(&e->host, &b, err) < 0)
		return bridge_error(n, err);
	if (!o->vlan)
		return 0;
	auto_netlink_batch v = NETLINK_BATCH_INIT;
	struct link_info port;
	if (link_find(&e->host, a->host_ifname, &port, err) <= 0)
		return fail(err, ERROR_STATE, "interface %s vanished", a->host_ifname);
	link_bridge_vlan(&v, port.index, o->vlan);
	return netlink_send(&e->host, &v, err) < 0 ? bridge_error(n, err) : 0;
}

static int default_route(void *arg, const struct link_route *r, struct error *err)
{
	uint32_t *index = arg;

	(void)err;
	if (!*index && !r->to.prefix && r->type == RTN_UNICAST)
		*index = r->index;
	return 0;
}

static int find_parent(const struct network *n, struct netlink *host, uint32_t *ret, struct error *err)
{
	struct link_info l;

	*ret = 0;
	if (str_empty(n->network_interface)) {
		TRY(link_route_list(host, default_route, ret, err));
		return *ret ? 0 : fail(err, ERROR_NOT_FOUND, "network %s: no default route, so no parent interface: create it with "
							     "--opt parent=INTERFACE", n->name);
	}
	int r = link_find(host, n->network_interface, &l, err);
	if (r == 0)
		return fail(err, ERROR_NOT_FOUND, "network %s: parent interface %s does not exist", n->name, n->network_interface);
	*ret = l.index;
	return r < 0 ? -1 : 0;
}

static uint32_t link_mode(const struct network *n, const struct network_option *o)
{
	static const struct { const char *driver, *mode; uint32_t value; } modes[] = {
		{ "macvlan", "bridge", MACVLAN_MODE_BRIDGE }, { "macvlan", "private", MACVLAN_MODE_PRIVATE },
		{ "macvlan", "vepa", MACVLAN_MODE_VEPA }, { "macvlan", "passthru", MACVLAN_MODE_PASSTHRU },
		{ "ipvlan", "l2", IPVLAN_MODE_L2 }, { "ipvlan", "l3", IPVLAN_MODE_L3 }, { "ipvlan", "l3s", IPVLAN_MODE_L3S },
	};

	for (size_t i = 0; o->mode && i < ARRAY_LEN(modes); i++)
		if (streq(n->driver, modes[i].driver) && streq(o->mode, modes[i].mode))
			return modes[i].value;
	return streq(n->driver, "macvlan") ? MACVLAN_MODE_BRIDGE : IPVLAN_MODE_L2;
}

static int link_child(const struct network *n, const struct network_option *o, struct net_attachment *a, struct link_ends *e,
		      struct error *err)
{
	auto_netlink_batch b = NETLINK_BATCH_INIT;
	uint8_t mac[LINK_MAC];
	struct link_spec l = { .kind = n->driver, .name = a->ifname, .netns_fd = e->netns_fd, .mode = link_mode(n, o),
			       .mtu = attachment_number(a, "mtu", o->mtu), .bclim = o->bclim, .bclim_set = o->bclim_set };

	TRY(find_parent(n, &e->host, &l.parent, err));
	if (streq(n->driver, "macvlan")) {
		link_mac_parse(a->mac, mac);
		l.mac = mac;
	}
	link_add(&b, &l);
	return netlink_send(&e->host, &b, err) < 0 ? bridge_error(n, err) : 0;
}

/* ---- addresses and routes inside ---- */
static uint8_t route_type(const char *name)
{
	return !name || streq(name, "unicast") ? RTN_UNICAST : streq(name, "blackhole") ? RTN_BLACKHOLE :
	       streq(name, "unreachable") ? RTN_UNREACHABLE : RTN_PROHIBIT;
}

static void static_routes(const struct network *n, uint32_t metric, uint32_t index, struct netlink_batch *b)
{
	const struct network_route *r = n->routes.v;

	for (size_t i = 0; i < n->routes.n; i++) {
		struct link_route x = { .type = route_type(r[i].route_type), .metric = r[i].metric.set ? (uint32_t)r[i].metric.value : metric };
		ip_net_parse(r[i].destination, &x.to);
		if (r[i].gateway)
			ip_parse(r[i].gateway, &x.via);
		if (x.type == RTN_UNICAST)
			x.index = index;
		link_route_add(b, &x);
	}
}

/* What a DHCP server said. A router that is not a neighbour is made one, as such servers mean it. */
static void given_routes(const struct net_attachment *a, uint32_t metric, uint32_t index, struct netlink_batch *b)
{
	const struct net_address *x = a->addresses.v;
	char to[IP_NET_TEXT], via[IP_TEXT];
	struct ip_net net;

	for (size_t i = 0; i < a->routes.n; i++) {
		struct link_route r = { .index = index, .metric = metric };
		if (sscanf(a->routes.v[i], "%49s %45s", to, via) == 2 && ip_net_parse(to, &r.to) && (streq(via, "link") || ip_parse(via, &r.via)))
			link_route_add(b, &r);
	}
	for (size_t i = 0; i < a->addresses.n; i++) {
		struct link_route r = { .index = index, .metric = metric };
		if (!x[i].gateway || !ip_parse(x[i].gateway, &r.to.ip) || !ip_net_parse(x[i].net, &net) || ip_net_has(&net, &r.to.ip))
			continue;
		r.to.prefix = (uint8_t)ip_bits(&r.to.ip);
		link_route_add(b, &r);
	}
}

static void default_routes(const struct net_attachment *a, uint32_t metric, uint32_t index, struct netlink_batch *b)
{
	const struct net_address *x = a->addresses.v;
	bool done[2] = { false, false };

	for (size_t i = 0; i < a->addresses.n; i++) {
		struct link_route r = { .index = index, .metric = metric };
		if (!x[i].gateway || !ip_parse(x[i].gateway, &r.via))
			continue;
		r.to.ip.family = r.via.family;
		bool *mine = &done[r.via.family == AF_INET6];
		if (!*mine)
			link_route_add(b, &r);
		*mine = true;
	}
}

/* One visit to the container's namespace for all that can only be done there. */
struct visit {
	const char *ifname;
	bool quiet, ipv6, open;
	struct error warning;             /* of what is not worth a failure */
};

/* Addresses and routes are ours to give: router advertisements of a neighbour change nothing, and where no IPv6 was asked
 * for there is none (CVE-2020-13401). Before the interface is up. */
static int quiet_ipv6(const struct visit *v, struct error *err)
{
	char name[96];

	snprintf(name, sizeof(name), "net/ipv6/conf/%s/accept_ra", v->ifname);
	TRY(netns_sysctl(-1, name, "0", err));
	snprintf(name, sizeof(name), "net/ipv6/conf/%s/disable_ipv6", v->ifname);
	return netns_sysctl(-1, name, v->ipv6 ? "0" : "1", err);   /* whatever the default is */
}

static int visit(void *arg, struct error *err)
{
	struct visit *v = arg;

	if (v->quiet)
		quiet_ipv6(v, &v->warning);
	return v->open ? netns_socket(-1, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, err) : 0;
}

static int enter_inside(const struct net_env *env, const struct network *n, const struct net_attachment *a, struct link_ends *e,
			struct error *err)
{
	/* else somebody else gives addresses */
	struct visit v = { .ifname = a->ifname, .quiet = streq(network_ipam_driver(n), "host-local"), .ipv6 = n->ipv6_enabled,
			   .open = e->inside.fd < 0 };

	if (!v.quiet && !v.open)
		return 0;
	int fd = netns_call(e->netns_fd, visit, &v, err);
	if (fd < 0)
		return fail_wrap(err, "netlink");
	if (v.open)
		netlink_adopt(fd, NETLINK_ROUTE, &e->inside);
	if (v.warning.kind)
		log_warn(env->log, "%s", v.warning.text);
	return 0;
}

static int find_inside(struct link_ends *e, const struct net_attachment *a, struct link_info *ret, struct error *err)
{
	if (e->inside.fd < 0)
		TRY(netlink_open(e->netns_fd, NETLINK_ROUTE, &e->inside, err));
	int r = link_find(&e->inside, a->ifname, ret, err);
	return r ? r : fail(err, ERROR_STATE, "interface %s vanished", a->ifname);
}

/* Up and without an address: what a DHCP client needs. */
static int raise_inside(struct net_attachment *a, struct link_ends *e, struct error *err)
{
	auto_netlink_batch b = NETLINK_BATCH_INIT;
	struct link_info l;

	TRY(find_inside(e, a, &l, err));
	link_up(&b, 1);   /* lo */
	link_up(&b, l.index);
	return netlink_send(&e->inside, &b, err);
}

static int configure_inside(const struct net_env *env, const struct network *n, const struct network_option *o,
			    struct net_attachment *a, struct link_ends *e, struct error *err)
{
	auto_netlink_batch b = NETLINK_BATCH_INIT;
	const struct net_address *x = a->addresses.v;
	struct link_info l;
	struct ip_net net;

	TRY(enter_inside(env, n, a, e, err));
	TRY(find_inside(e, a, &l, err));
	link_up(&b, 1);   /* lo */
	for (size_t i = 0; i < a->addresses.n; i++)
		if (ip_net_parse(x[i].net, &net))
			link_address_add(&b, l.index, &net);
	link_up(&b, l.index);
	uint32_t metric = (uint32_t)a->metric;
	given_routes(a, metric, l.index, &b);
	if (!o->no_default_route)
		default_routes(a, metric, l.index, &b);
	if (!a->dhcp || a->addresses.n)   /* without an address no router is reached */
		static_routes(n, metric, l.index, &b);
	return netlink_send_judged(&e->inside, &b, a->dhcp ? but_existing : NULL, NULL, err) < 0 ? fail_wrap(err, "network %s", n->name) : 0;
}

int attachment_readdress(const struct net_env *env, const struct network *n, const struct net_attachment *old, struct net_attachment *a,
			 struct link_ends *e, struct error *err)
{
	auto_netlink_batch b = NETLINK_BATCH_INIT;
	const struct net_address *x = old->addresses.v;
	struct network_option o;
	struct ip_net net;
	struct link_info l;

	TRY(network_options(n, &o, err));
	TRY(find_inside(e, a, &l, err));
	for (size_t i = 0; i < old->addresses.n; i++)   /* routes go with the last one */
		if (ip_net_parse(x[i].net, &net))
			link_address_delete(&b, l.index, &net);
	TRY(netlink_send_judged(&e->inside, &b, but_absent, NULL, err));
	return configure_inside(env, n, &o, a, e, err);
}

int attachment_link(const struct net_env *env, const struct network *n, const char *id, struct net_attachment *a, struct link_ends *e,
		    struct error *err)
{
	struct network_option o;

	TRY(network_options(n, &o, err));
	if (streq(n->driver, "bridge"))
		TRY(link_bridge(env, n, &o, a, e, err));
	else
		TRY(link_child(n, &o, a, e, err));
	if (a->dhcp) {
		TRY(raise_inside(a, e, err));
		TRY(net_dhcp_start(env, n, id, a, e->netns_fd, err));
	}
	return configure_inside(env, n, &o, a, e, err);
}

int attachment_unlink(const struct net_env *env, const struct net_attachment *a, struct link_ends *e, struct error *err)
{
	struct link_info l;

	if (e->netns_fd >= 0)
		return link_remove(a->host_ifname ? env->host_netns : e->netns_fd, a->host_ifname ? a->host_ifname : a->ifname,
				   &e->firewall, err) < 0 ? -1 : 0;
	if (!a->host_ifname)   /* macvlan, ipvlan: gone with the namespace */
		return 0;
	/* Most often the namespace died with its last process and takes the pair along; one that others share must lose it
	 * now. */
	int r = link_find(&e->host, a->host_ifname, &l, err);
	if (r > 0)
		link_delete(&e->gone, a->host_ifname);
	return r < 0 ? -1 : 0;
}
