/* SPDX-License-Identifier: Apache-2.0
 * net/firewall.h - the one nftables table of ours: `inet umiak` in the host side's namespace.
 *
 * The table has a fixed set of chains whose rules look things up in sets and maps; a network or a port is a set element,
 * so rules do not grow with the number of ports. Tables of others are neither read nor written. The layout (firewall.c)
 * carries a version; a table of another version, or one that a flush emptied, is made again in the same transaction.
 * Callers restore the elements of running containers with net_reload(). Allocates: not between clone() and exec(). */
#pragma once
#include "net/setup.h"
#include "os/netlink.h"

/* Everything one container or network adds or removes, sent as one transaction. */
struct firewall_change {
	bool remove;
	bool replace;                            /* everything again, whatever is there (`network reload`) */
	const struct network *const *networks;   /* their bridges and subnets */
	size_t n_networks;
	const struct net_status *status;         /* its ports lead to the first attachment's addresses; may be NULL */
	/* Opened when it is not and left open: closing it after a removal takes milliseconds (netlink_send_detached()).
	 * NULL: one of its own. */
	struct netlink *socket;
};
/* Networks that have their chain already cost one question; a port that is there is replaced: who has its socket owns it.
 * 1: the table had to be made (it was flushed, or this is the first network): those of other containers are missing. */
int firewall_apply(const struct net_env *env, const struct firewall_change *c, struct error *err);
/* `address:53` (udp and tcp) of the host side leads to address:port. */
struct firewall_dns {
	const struct ip *addresses;
	size_t n;
	uint16_t port;
	bool remove;
	struct netlink *socket;                  /* as above */
};
enum { FIREWALL_DNS_MAX = 8 };
int firewall_dns(const struct net_env *env, const struct firewall_dns *d, struct error *err);
/* 1: the table is there and complete; 0: it is missing or was flushed. */
int firewall_intact(const struct net_env *env, struct error *err);
/* The whole table goes when no network is in it. */
int firewall_remove_unused(const struct net_env *env, struct error *err);
