/* SPDX-License-Identifier: Apache-2.0
 * net/dns.h - name resolution on networks: who is told to umiak-resolver, and its life.
 *
 * Owns <run dir>/dns: a directory per network with a file per container and one "listen" (format: resolver/zone.h), made by
 * rename, taken away by unlink; ".running", on which the resolver holds a lock as long as it lives; ".lock", held for the
 * moment in which a network's directory appears or goes. The resolver follows the files; it is started by whoever adds a
 * container and finds ".running" free, so one that was killed comes back with the next command, and it ends by itself.
 * Where containers look: port 53 of the gateway. In a rootless namespace the resolver has that very port; on a real host
 * it listens on a high one and the firewall leads 53 there, so that no other name server of the host is in its way.
 * Starts a program. Allocates: not between clone() and exec(). */
#pragma once
#include "net/setup.h"

struct netlink;
struct net_dns_member {
	const char *id;                   /* the container's */
	const struct strv *names;         /* its own first, then aliases and the short id */
	const struct net_attachment *at;  /* its addresses on this network */
	const struct strv *servers;       /* --dns: asked instead of the host's; NULL: none */
};
struct net_dns_wait {
	struct ip address;
	uint16_t port;                    /* 0: nothing to wait for */
};
/* After the bridge is there. The resolver reads it meanwhile: once net_dns_wait() returned, the name resolves. A resolver
 * that does not come up is a warning: containers run without names, too. */
int net_dns_add(const struct net_env *env, const struct network *n, const struct net_dns_member *m, struct net_dns_wait *ret,
		struct error *err);
int net_dns_wait(const struct net_env *env, const char *network, const struct net_dns_wait *w, struct error *err);
struct net_dns_gone {
	const char *network_id, *id;
	struct netlink *firewall;         /* as struct firewall_change's socket; NULL: none */
};
/* Not there: success. */
int net_dns_remove(const struct net_env *env, const struct net_dns_gone *g, struct error *err);
/* The resolver is started again if it died and the firewall's redirections are restored (after a reload). */
int net_dns_restore(const struct net_env *env, const struct network *n, struct error *err);
/* The resolver ends now: the namespace it lives in goes. */
int net_dns_stop(const struct net_env *env, struct error *err);
