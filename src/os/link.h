/* SPDX-License-Identifier: Apache-2.0
 * os/link.h - network interfaces, addresses and routes: rtnetlink messages appended to a batch (os/netlink.h).
 *
 * Functions without a result only append; errors come from netlink_send(). Addresses are struct ip (os/ip.h).
 * Interface names are at most 15 bytes (link_name_is_valid()). Allocates: not between clone() and exec(). */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/ip.h"
#include "os/netlink.h"

enum { LINK_MAC = 6 };

struct link_spec {
	const char *kind;         /* "bridge" "veth" "macvlan" "ipvlan" "vlan" "dummy" "vrf" */
	const char *name;
	bool up;
	const uint8_t *mac;       /* NULL: the kernel's choice */
	uint32_t mtu;             /* 0: default */
	uint32_t master;          /* ifindex of a bridge or VRF; 0: none */
	uint32_t parent;          /* macvlan, ipvlan, vlan: ifindex of the lower device, in the socket's namespace */
	int netns_fd;             /* the interface (veth: its peer) is made in that namespace; -1: the socket's */
	const char *peer;         /* veth: name of the other end, which gets `mac` */
	uint32_t mode;            /* macvlan, ipvlan: LINK_MODE_*, value of the kernel's attribute */
	bool bclim_set;
	int32_t bclim;            /* macvlan */
	uint16_t vlan_id;
	bool vlan_filtering;      /* bridge */
	uint32_t vrf_table;
};
/* Makes the interface; exists already: EEXIST. */
void link_add(struct netlink_batch *b, const struct link_spec *l);
void link_delete(struct netlink_batch *b, const char *name);
/* Takes it away and comes back when nobody can find it any more (with the other end of a pair): what the kernel frees after
 * a grace period, and the closing of `last` (may be NULL; os/netlink.h), is waited for by nobody. 1; 0: there was none.
 * netns_fd: where it is (< 0: here). */
int link_remove(int netns_fd, const char *name, struct netlink *last, struct error *err);
void link_up(struct netlink_batch *b, uint32_t index);
void link_set_master(struct netlink_batch *b, uint32_t index, uint32_t master);
void link_set_mac(struct netlink_batch *b, uint32_t index, const uint8_t mac[LINK_MAC]);
void link_rename(struct netlink_batch *b, uint32_t index, const char *name);
/* The bridge may send a frame back through the port it came from (a container that reaches itself through a published
 * port, on hosts where net.bridge.bridge-nf-call-iptables is on). */
void link_bridge_hairpin(struct netlink_batch *b, const char *name);
/* Bridge port in a VLAN: pvid, untagged. */
void link_bridge_vlan(struct netlink_batch *b, uint32_t index, uint16_t vlan);

struct link_info {
	uint32_t index, master, mtu, flags;
	uint8_t mac[LINK_MAC];
	char name[IFNAMSIZ], kind[IFNAMSIZ];
};
/* 1 found, 0 no such interface. */
int link_find(struct netlink *n, const char *name, struct link_info *ret, struct error *err);
int link_list(struct netlink *n, int (*each)(void *arg, const struct link_info *l, struct error *err), void *arg,
	      struct error *err);

/* Adds the address; exists already: EEXIST. IPv6 without duplicate address detection. */
void link_address_add(struct netlink_batch *b, uint32_t index, const struct ip_net *a);
void link_address_delete(struct netlink_batch *b, uint32_t index, const struct ip_net *a);
struct link_address {
	uint32_t index;
	struct ip_net net;
	uint8_t scope;           /* RT_SCOPE_* */
};
int link_address_list(struct netlink *n, int (*each)(void *arg, const struct link_address *a, struct error *err), void *arg,
		      struct error *err);

struct link_route {
	struct ip_net to;          /* prefix 0: default */
	struct ip via;             /* family 0: none */
	uint32_t index;            /* outgoing interface; 0: none */
	uint32_t metric;           /* 0: the kernel's */
	uint8_t type;              /* RTN_UNICAST (0 means it), RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT */
};
void link_route_add(struct netlink_batch *b, const struct link_route *r);
void link_route_delete(struct netlink_batch *b, const struct link_route *r);
/* Routes of the main table. */
int link_route_list(struct netlink *n, int (*each)(void *arg, const struct link_route *r, struct error *err), void *arg,
		    struct error *err);

bool link_name_is_valid(const char *name);
/* A random locally administered unicast address. */
int link_mac_random(uint8_t ret[LINK_MAC], struct error *err);
/* "aa:bb:cc:dd:ee:ff" (also with dashes); false: not one. */
bool link_mac_parse(const char *text, uint8_t ret[LINK_MAC]);
void link_mac_format(const uint8_t mac[LINK_MAC], char out[18]);
