/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/str.h"
#include "os/link.h"

enum { MACVLAN_BC_CUTOFF = 9 };   /* IFLA_MACVLAN_BC_CUTOFF, Linux 6.4: not in every libc's copy of the headers */

/* ---- interfaces ---- */
static void put_names(struct netlink_batch *b, const char *name, const uint8_t *mac, uint32_t mtu, int netns_fd)
{
	netlink_put_str(b, IFLA_IFNAME, name);
	if (mac)
		netlink_put(b, IFLA_ADDRESS, mac, LINK_MAC);
	if (mtu)
		netlink_put_u32(b, IFLA_MTU, mtu);
	if (netns_fd >= 0)
		netlink_put_u32(b, IFLA_NET_NS_FD, (uint32_t)netns_fd);
}

/* Unasked the kernel makes one queue per processor, each with its directories in sysfs, takes all but the first away again
 * and uses that one. */
static void put_queues(struct netlink_batch *b)
{
	netlink_put_u32(b, IFLA_NUM_TX_QUEUES, 1);
	netlink_put_u32(b, IFLA_NUM_RX_QUEUES, 1);
}

static void put_veth(struct netlink_batch *b, const struct link_spec *l)
{
	const struct ifinfomsg peer = { .ifi_family = AF_UNSPEC };
	size_t at = netlink_nest(b, VETH_INFO_PEER);

	buf_add(&b->b, &peer, sizeof(peer));
	put_names(b, l->peer, l->mac, l->mtu, l->netns_fd);
	put_queues(b);
	netlink_nest_end(b, at);
}

static void put_data(struct netlink_batch *b, const struct link_spec *l)
{
	size_t at = netlink_nest(b, IFLA_INFO_DATA);

	if (streq(l->kind, "veth"))
		put_veth(b, l);
	if (streq(l->kind, "macvlan") && l->mode)
		netlink_put_u32(b, IFLA_MACVLAN_MODE, l->mode);
	if (streq(l->kind, "macvlan") && l->bclim_set)
		netlink_put_u32(b, MACVLAN_BC_CUTOFF, (uint32_t)l->bclim);
	if (streq(l->kind, "ipvlan"))
		netlink_put_u16(b, IFLA_IPVLAN_MODE, (uint16_t)l->mode);
	if (streq(l->kind, "vlan"))
		netlink_put_u16(b, IFLA_VLAN_ID, l->vlan_id);
	if (streq(l->kind, "vrf"))
		netlink_put_u32(b, IFLA_VRF_TABLE, l->vrf_table);
	if (streq(l->kind, "bridge") && l->vlan_filtering)
		netlink_put_u8(b, IFLA_BR_VLAN_FILTERING, 1);
	netlink_nest_end(b, at);
}

void link_add(struct netlink_batch *b, const struct link_spec *l)
{
	bool veth = streq(l->kind, "veth");
	const struct ifinfomsg m = { .ifi_family = AF_UNSPEC, .ifi_flags = l->up ? IFF_UP : 0, .ifi_change = l->up ? IFF_UP : 0 };

	netlink_message(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &m, sizeof(m), "create %s interface %s", l->kind, l->name);
	/* of a veth pair only the peer goes elsewhere */
	put_names(b, l->name, veth ? NULL : l->mac, l->mtu, veth ? -1 : l->netns_fd);
	if (veth)
		put_queues(b);
	if (l->master)
		netlink_put_u32(b, IFLA_MASTER, l->master);
	if (l->parent)
		netlink_put_u32(b, IFLA_LINK, l->parent);
	size_t info = netlink_nest(b, IFLA_LINKINFO);
	netlink_put_str(b, IFLA_INFO_KIND, l->kind);
	put_data(b, l);
	netlink_nest_end(b, info);
}

void link_delete(struct netlink_batch *b, const char *name)
{
	const struct ifinfomsg m = { .ifi_family = AF_UNSPEC };

	netlink_message(b, RTM_DELLINK, 0, &m, sizeof(m), "delete interface %s", name);
	netlink_put_str(b, IFLA_IFNAME, name);
}

static void change(struct netlink_batch *b, uint32_t index, unsigned flags, const char *what)
{
	const struct ifinfomsg m = { .ifi_family = AF_UNSPEC, .ifi_index = (int)index, .ifi_flags = flags, .ifi_change = flags };

	netlink_message(b, RTM_NEWLINK, 0, &m, sizeof(m), "%s interface %u", what, index);
}

void link_up(struct netlink_batch *b, uint32_t index)
{
	change(b, index, IFF_UP, "activate");
}

void link_set_master(struct netlink_batch *b, uint32_t index, uint32_t master)
{
	change(b, index, 0, "set master of");
	netlink_put_u32(b, IFLA_MASTER, master);
}

void link_set_mac(struct netlink_batch *b, uint32_t index, const uint8_t mac[LINK_MAC])
{
	change(b, index, 0, "set address of");
	netlink_put(b, IFLA_ADDRESS, mac, LINK_MAC);
}

void link_rename(struct netlink_batch *b, uint32_t index, const char *name)
{
	change(b, index, 0, "rename");
	netlink_put_str(b, IFLA_IFNAME, name);
}

void link_bridge_hairpin(struct netlink_batch *b, const char *name)
{
	const struct ifinfomsg m = { .ifi_family = AF_UNSPEC };

	netlink_message(b, RTM_NEWLINK, 0, &m, sizeof(m), "set hairpin of %s", name);
	netlink_put_str(b, IFLA_IFNAME, name);
	size_t info = netlink_nest(b, IFLA_LINKINFO);
	netlink_put_str(b, IFLA_INFO_SLAVE_KIND, "bridge");
	size_t data = netlink_nest(b, IFLA_INFO_SLAVE_DATA);
	netlink_put_u8(b, IFLA_BRPORT_MODE, 1);
	netlink_nest_end(b, data);
	netlink_nest_end(b, info);
}

void link_bridge_vlan(struct netlink_batch *b, uint32_t index, uint16_t vlan)
{
	const struct ifinfomsg m = { .ifi_family = AF_BRIDGE, .ifi_index = (int)index };
	const struct bridge_vlan_info info = { .flags = BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, .vid = vlan };

	netlink_message(b, RTM_SETLINK, 0, &m, sizeof(m), "set vlan %u", vlan);
	size_t at = netlink_nest(b, IFLA_AF_SPEC);
	netlink_put(b, IFLA_BRIDGE_VLAN_INFO, &info, sizeof(info));
	netlink_nest_end(b, at);
}

static void read_link(const struct netlink_answer *a, struct link_info *ret)
{
	const struct ifinfomsg *m = a->data;
	struct netlink_attr t[IFLA_LINKINFO + 1];

	netlink_attrs((const char *)a->data + sizeof(*m), a->len - sizeof(*m), t, IFLA_LINKINFO);
	*ret = (struct link_info){ .index = (uint32_t)m->ifi_index, .flags = m->ifi_flags };
	if (t[IFLA_IFNAME].data)
		snprintf(ret->name, sizeof(ret->name), "%.*s", (int)t[IFLA_IFNAME].len, (const char *)t[IFLA_IFNAME].data);
	if (t[IFLA_MASTER].len == sizeof(uint32_t))
		memcpy(&ret->master, t[IFLA_MASTER].data, sizeof(ret->master));
	if (t[IFLA_MTU].len == sizeof(uint32_t))
		memcpy(&ret->mtu, t[IFLA_MTU].data, sizeof(ret->mtu));
	if (t[IFLA_ADDRESS].len == LINK_MAC)
		memcpy(ret->mac, t[IFLA_ADDRESS].data, LINK_MAC);
	if (!t[IFLA_LINKINFO].data)
		return;
	struct netlink_attr info[IFLA_INFO_KIND + 1];
	netlink_attrs(t[IFLA_LINKINFO].data, t[IFLA_LINKINFO].len, info, IFLA_INFO_KIND);
	if (info[IFLA_INFO_KIND].data)
		snprintf(ret->kind, sizeof(ret->kind), "%.*s", (int)info[IFLA_INFO_KIND].len, (const char *)info[IFLA_INFO_KIND].data);
}

struct link_walk {
	int (*each)(void *arg, const struct link_info *l, struct error *err);
	void *arg;
	struct link_info *one;
};

static int each_link(void *arg, const struct netlink_answer *a, struct error *err)
{
	const struct link_walk *w = arg;
	struct link_info l;

	if (a->type != RTM_NEWLINK || a->len < sizeof(struct ifinfomsg))
		return 0;
	read_link(a, w->one ? w->one : &l);
	return w->one ? 0 : w->each(w->arg, &l, err);
}

int link_find(struct netlink *n, const char *name, struct link_info *ret, struct error *err)
{
	auto_netlink_batch b = NETLINK_BATCH_INIT;
	const struct ifinfomsg m = { .ifi_family = AF_UNSPEC };
	struct link_info found = {};
	struct link_walk w = { .one = &found };

	netlink_message(&b, RTM_GETLINK, 0, &m, sizeof(m), "look for interface %s", name);
	netlink_put_str(&b, IFLA_IFNAME, name);
	netlink_put_u32(&b, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);   /* most of the answer */
	if (netlink_ask(n, &b, each_link, &w, err) < 0)
		return err->errnum == ENODEV ? 0 : -1;
	if (!found.index)
		return 0;
	*ret = found;
	return 1;
}

static int is_gone(void *arg, const struct netlink_answer *a)
{
	const uint32_t *index = arg;
	const struct ifinfomsg *m = a->data;

	/* bridges tell of ports that leave them in the same way, with a family */
	return a->type == RTM_DELLINK && a->len >= sizeof(*m) && m->ifi_family == AF_UNSPEC && (uint32_t)m->ifi_index == *index;
}

static int but_missing(void *arg, const char *what, int errnum)
{
	(void)arg;
	(void)what;
	return errnum != ENODEV;
}

int link_remove(int netns_fd, const char *name, struct netlink *last, struct error *err)
{
	auto_netlink_batch b = NETLINK_BATCH_INIT;
	auto_netlink n = NETLINK_INIT;
	struct link_info l;

	TRY(netlink_open(netns_fd, NETLINK_ROUTE, &n, err));
	int r = link_find(&n, name, &l, err);
	if (r <= 0)
		return r;
	const struct netlink_watch w = { RTNLGRP_LINK, is_gone, &l.index, last };
	link_delete(&b, name);
	return netlink_send_watched(&n, &b, &w, but_missing, err) < 0 ? -1 : 1;
}

int link_list(struct netlink *n, int (*each)(void *arg, const struct link_info *l, struct error *err), void *arg,
	      struct error *err)
{
	auto_netlink_batch b = NETLINK_BATCH_INIT;
	const struct ifinfomsg m = { .ifi_family = AF_UNSPEC };
	struct link_walk w = { .each = each, .arg = arg };

	netlink_message(&b, RTM_GETLINK, NLM_F_DUMP, &m, sizeof(m), "list interfaces");
	return netlink_ask(n, &b, each_link, &w, err);
}

/* ---- addresses ---- */
static void address(struct netlink_batch *b, uint16_t type, uint16_t flags, uint32_t index, const struct ip_net *a)
{
	char text[IP_NET_TEXT];
	const struct ifaddrmsg m = { .ifa_family = a->ip.family, .ifa_prefixlen = a->prefix, .ifa_index = index,
				     .ifa_scope = ip_is_link_local(&a->ip) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE };

	ip_net_format(a, text);
	netlink_message(b, type, flags, &m, sizeof(m), "%s address %s", type == RTM_NEWADDR ? "add" : "remove", text);
	netlink_put(b, IFA_LOCAL, a->ip.b, ip_len(&a->ip));
	netlink_put(b, IFA_ADDRESS, a->ip.b, ip_len(&a->ip));
	if (a->ip.family == AF_INET6)
		netlink_put_u32(b, IFA_FLAGS, IFA_F_NODAD);
	else if (a->prefix < 31) {
		struct ip last = ip_net_last(a);
		netlink_put(b, IFA_BROADCAST, last.b, 4);
	}
}

void link_address_add(struct netlink_batch *b, uint32_t index, const struct ip_net *a)
{
	address(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, a);
}

void link_address_delete(struct netlink_batch *b, uint32_t index, const struct ip_net *a)
{
	address(b, RTM_DELADDR, 0, index, a);
}

static bool read_ip(const struct netlink_attr *a, uint8_t family, struct ip *ret)
{
	const struct ip x = { .family = family };

	if ((family != AF_INET && family != AF_INET6) || a->len != ip_len(&x))
		return false;
	*ret = x;
	memcpy(ret->b, a->data, a->len);
	return true;
}

struct address_walk {
	int (*each)(void *arg, const struct link_address *a, struct error *err);
	void *arg;
};

static int each_address(void *arg, const struct netlink_answer *a, struct error *err)
{
	const struct address_walk *w = arg;
	const struct ifaddrmsg *m = a->data;
	struct netlink_attr t[IFA_LOCAL + 1];
	struct link_address one = {};

	if (a->type != RTM_NEWADDR || a->len < sizeof(*m))
		return 0;
	netlink_attrs((const char *)a->data + sizeof(*m), a->len - sizeof(*m), t, IFA_LOCAL);
	if (!read_ip(t[IFA_LOCAL].data ? &t[IFA_LOCAL] : &t[IFA_ADDRESS], m->ifa_family, &one.net.ip))
		return 0;
	one.net.prefix = m->ifa_prefixlen;
	one.index = m->ifa_index;
	one.scope = m->ifa_scope;
	return w->each(w->arg, &one, err);
}

int link_address_list(struct netlink *n, int (*each)(void *arg, const struct link_address *a, struct error *err), void *arg,
		      struct error *err)
{
	auto_netlink_batch b = NETLINK_BATCH_INIT;
	const struct ifaddrmsg m = { .ifa_family = AF_UNSPEC };
	struct address_walk w = { each, arg };

	netlink_message(&b, RTM_GETADDR, NLM_F_DUMP, &m, sizeof(m), "list addresses");
	return netlink_ask(n, &b, each_address, &w, err);
}

/* ---- routes ---- */
static void route(struct netlink_batch *b, uint16_t message, uint16_t flags, const struct link_route *r)
{
	char text[IP_NET_TEXT];
	struct rtmsg m = { .rtm_family = r->to.ip.family, .rtm_dst_len = r->to.prefix, .rtm_table = RT_TABLE_MAIN,
			   .rtm_protocol = RTPROT_STATIC, .rtm_type = r->type ? r->type : RTN_UNICAST };

	m.rtm_scope = message == RTM_DELROUTE ? RT_SCOPE_NOWHERE :
		      r->via.family || m.rtm_type != RTN_UNICAST ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	ip_net_format(&r->to, text);
	netlink_message(b, message, flags, &m, sizeof(m), "%s route %s", message == RTM_NEWROUTE ? "add" : "remove", text);
	if (r->to.prefix)
		netlink_put(b, RTA_DST, r->to.ip.b, ip_len(&r->to.ip));
	if (r->via.family)
		netlink_put(b, RTA_GATEWAY, r->via.b, ip_len(&r->via));
	if (r->index)
		netlink_put_u32(b, RTA_OIF, r->index);
	if (r->metric)
		netlink_put_u32(b, RTA_PRIORITY, r->metric);
}

void link_route_add(struct netlink_batch *b, const struct link_route *r)
{
	route(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, r);
}

void link_route_delete(struct netlink_batch *b, const struct link_route *r)
{
	route(b, RTM_DELROUTE, 0, r);
}

struct route_walk {
	int (*each)(void *arg, const struct link_route *r, struct error *err);
	void *arg;
};

static int each_route(void *arg, const struct netlink_answer *a, struct error *err)
{
	const struct route_walk *w = arg;
	const struct rtmsg *m = a->data;
	struct netlink_attr t[RTA_PRIORITY + 1];
	struct link_route r = {};

	if (a->type != RTM_NEWROUTE || a->len < sizeof(*m) || m->rtm_table != RT_TABLE_MAIN)
		return 0;
	netlink_attrs((const char *)a->data + sizeof(*m), a->len - sizeof(*m), t, RTA_PRIORITY);
	r.to.ip.family = m->rtm_family;
	r.to.prefix = m->rtm_dst_len;
	r.type = m->rtm_type;
	if (t[RTA_DST].data && !read_ip(&t[RTA_DST], m->rtm_family, &r.to.ip))
		return 0;
	if (t[RTA_GATEWAY].data)
		read_ip(&t[RTA_GATEWAY], m->rtm_family, &r.via);
	if (t[RTA_OIF].len == sizeof(uint32_t))
		memcpy(&r.index, t[RTA_OIF].data, sizeof(r.index));
	if (t[RTA_PRIORITY].len == sizeof(uint32_t))
		memcpy(&r.metric, t[RTA_PRIORITY].data, sizeof(r.metric));
	return w->each(w->arg, &r, err);
}

int link_route_list(struct netlink *n, int (*each)(void *arg, const struct link_route *r, struct error *err), void *arg,
		    struct error *err)
{
	auto_netlink_batch b = NETLINK_BATCH_INIT;
	const struct rtmsg m = { .rtm_family = AF_UNSPEC };
	struct route_walk w = { each, arg };

	netlink_message(&b, RTM_GETROUTE, NLM_F_DUMP, &m, sizeof(m), "list routes");
	return netlink_ask(n, &b, each_route, &w, err);
}

/* ---- words ---- */
bool link_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= IFNAMSIZ || streq(name, ".") || streq(name, ".."))
		return false;
	for (const char *c = name; *c; c++)
		if (*c == '/' || *c == ':' || (unsigned char)*c <= ' ')
			return false;
	return true;
}

int link_mac_random(uint8_t ret[LINK_MAC], struct error *err)
{
	if (getrandom(ret, LINK_MAC, 0) != LINK_MAC)
		return fail_errno(err, "getrandom");
	ret[0] = (uint8_t)((ret[0] & 0xfe) | 0x02);
	return 0;
}

bool link_mac_parse(const char *text, uint8_t ret[LINK_MAC])
{
	uint8_t mac[LINK_MAC];

	if (strlen(text) != 17)
		return false;
	for (int i = 0; i < LINK_MAC; i++) {
		char two[3] = { text[i * 3], text[i * 3 + 1], 0 }, *end;
		char between = text[i * 3 + 2];
		if (strspn(two, "0123456789abcdefABCDEF") != 2 || (i < 5 && between != ':' && between != '-'))
			return false;
		mac[i] = (uint8_t)strtoul(two, &end, 16);
	}
	memcpy(ret, mac, LINK_MAC);
	return true;
}

void link_mac_format(const uint8_t mac[LINK_MAC], char out[18])
{
	snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}
