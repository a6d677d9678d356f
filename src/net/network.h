/* SPDX-License-Identifier: Apache-2.0
 * net/network.h - network definitions: Podman's JSON files, one per network.
 *
 * Owns <config dir>/NAME.json: /etc/containers/networks for root, <root>/networks for a user. The files are those of
 * Podman with Netavark, byte-compatible in both directions. The default network ("podman", 10.88.0.0/16) exists
 * without a file. Does not own: what is made of a network on the host (net/setup.h), addresses given out
 * (net/lease.h), who uses a network (engine/network.h).
 *
 * Saving: temporary file, fsync, rename, fsync of the directory; creations queue on a lock file in the directory, so
 * that two never choose the same subnet or interface. Readers take no lock. A file that is not valid is passed over
 * by listings with a warning and is an error for who names it. Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"
#include "net/env.h"
#include "os/ip.h"

struct network_range {
	char *start_ip, *end_ip;          /* NULL: the subnet's first / last usable */
};
struct network_subnet {
	char *subnet;                     /* "10.88.0.0/16" */
	char *gateway;                    /* NULL: none */
	struct network_range *lease_range;
};
struct network_route {
	char *destination, *gateway;
	struct opt_uint metric;
	char *route_type;                 /* NULL: unicast; "blackhole" "unreachable" "prohibit" */
};
struct network {
	char *name, *id;                  /* 64 hex digits */
	char *driver;                     /* "bridge" "macvlan" "ipvlan" */
	char *network_interface;          /* bridge, or parent of macvlan/ipvlan; NULL: none */
	int64_t created;                  /* Unix ns */
	struct list subnets;              /* struct network_subnet */
	struct list routes;               /* struct network_route */
	bool ipv6_enabled, internal, dns_enabled;
	struct strv dns_servers;
	struct strmap labels, options, ipam_options;
	bool builtin;                     /* the default network without a file */
};
extern const struct field network_rows[];
void network_done(struct network *n);
#define auto_network CLEANUP(network_done) struct network
struct network_list {
	struct network *v;
	size_t n;
};
void network_list_done(struct network_list *l);
#define auto_network_list CLEANUP(network_list_done) struct network_list

/* ---- reading ---- */
/* By name, full id or unique id prefix. 1 found, 0 no such network. */
int network_find(const struct net_env *env, const char *name_or_id, struct network *ret, struct error *err);
/* As find; none is ERROR_NOT_FOUND `unable to find network with name or ID X: network not found`. */
int network_get(const struct net_env *env, const char *name_or_id, struct network *ret, struct error *err);
/* All of them, by name. */
int network_list(const struct net_env *env, struct network_list *ret, struct error *err);
/* A definition's text (fuzzing; files). Bounded; checks everything network_check() checks. */
int network_parse(const char *what, const char *text, size_t len, struct network *ret, struct error *err);

/* ---- changing ---- */
struct network_create {
	bool ipv6;                        /* --ipv6: an IPv6 subnet is added when none is given */
	bool ignore;                      /* an existing one of that name is the answer */
};
/* Completes (id, name, interface, subnets from the pools, gateways), checks and saves. n is complete afterwards.
 * 1: made; 0: `ignore` and there was one. ERROR_EXISTS `network already exists X`. */
int network_create(const struct net_env *env, struct network *n, const struct network_create *how, struct error *err);
/* Removes the definition; the caller saw to it that nobody uses it. ERROR_NOT_FOUND. The default network stays. */
int network_remove(const struct net_env *env, const struct network *n, struct error *err);
/* Adds and drops name servers. */
int network_update_dns(const struct net_env *env, struct network *n, const struct strv *add, const struct strv *drop,
		       struct error *err);

/* ---- what a definition says ---- */
struct network_option {
	bool isolate, isolate_strict, no_default_route, unmanaged, vrf_set;
	bool outbound4, outbound6;
	uint32_t mtu, metric;
	uint16_t vlan;
	const char *vrf, *mode;           /* borrowed from the definition */
	const char *outbound_addr4, *outbound_addr6;
	const char *host_interface_name;
	int32_t bclim;
	bool bclim_set;
};
/* Reads and checks the options; unknown ones are ERROR_INVALID `unsupported bridge network option X`. */
int network_options(const struct network *n, struct network_option *ret, struct error *err);
/* Names of ipam drivers: "host-local", "dhcp", "none". */
const char *network_ipam_driver(const struct network *n);
bool network_is_dhcp(const struct network *n);
/* Everything that needs no look at other networks. */
int network_check(const struct network *n, struct error *err);
/* The one that cannot be removed. */
bool network_is_default(const struct net_env *env, const struct network *n);
/* Whether a and b have a subnet in common. */
bool network_overlaps(const struct network *n, const struct ip_net *subnet);
