/* SPDX-License-Identifier: Apache-2.0
 * net/setup.h - one container's networks: plan, apply, tear down.
 *
 *   net_plan()      thinks and takes leases: definitions are read, addresses, names and MACs decided. Before that an
 *                   intent <run dir>/pending/ID is written and locked: whoever finds it unlocked cleans up after us.
 *   net_apply()     beside the container's mounts: bridges, veth pairs, addresses, routes, one firewall transaction.
 *   net_commit()    the status is in the container's row: the intent goes.
 *   net_teardown()  from the status alone, in any order of earlier failures, any number of times.
 *   net_sweep()     undoes what killed commands began (one readdir when there is nothing).
 *
 * The status is the container's live record (engine/container.h struct ctr_live) and the source of `inspect`.
 * Allocates: not between clone() and exec(). Forked children must close the intent's lock (it is close-on-exec). */
#pragma once
#include "base/field.h"
#include "net/network.h"
#include "os/lock.h"

enum { NET_NETWORKS_MAX = 64 };   /* per container */

/* What the user asks for, per network. */
struct net_request {
	char *network;                    /* name or id */
	char *ip, *ip6, *mac, *interface_name, *host_interface_name;
	struct strv aliases;
	char *hostname;                   /* the container's, for DHCP servers */
	struct strmap options;            /* "mtu", "metric", "vrf" ... */
};
extern const struct field net_request_rows[];
void net_request_done(struct net_request *r);

/* A published port of one protocol; range consecutive ports. */
struct net_port {
	char *host_ip;                    /* "" : all */
	char *protocol;                   /* "tcp" "udp" "sctp" */
	int64_t host_port, container_port, range;
};
extern const struct field net_port_rows[];

/* One network of a container as it is. */
struct net_address {
	char *net;                        /* "10.88.0.5/16" */
	char *gateway;                    /* NULL: none */
};
struct net_attachment {
	char *network, *network_id, *driver;
	char *ifname, *host_ifname;       /* in the container; on the host (NULL: none) */
	char *bridge;                     /* host side bridge or parent; NULL: none */
	char *mac;
	struct list addresses;            /* struct net_address */
	struct strv aliases, dns_servers; /* dns_servers: what resolv.conf shall name for this network */
	bool dhcp;                        /* addresses, servers and these are a DHCP server's (net/dhcp.h): */
	struct strv dns_search, routes;   /* routes: "NET/N ADDRESS", "NET/N link" */
	char *hostname;                   /* told to it */
	bool dns_enabled, internal, no_default_route;
	int64_t metric;                   /* of its routes */
	char *ip, *ip6, *static_mac;      /* as asked for */
	struct strmap options;            /* as asked for: "mtu", "metric" */
};
struct net_status {
	struct list attachments;          /* struct net_attachment */
	struct list ports;                /* struct net_port */
	char *mode;                       /* "bridge", "pasta" */
	char *netavark, *name;            /* the program that made them and the container's name for it; NULL: we did */
	int64_t helper_pid;               /* whose namespace a pasta serves (net/pasta.h: its name); 0: none */
	uint64_t helper_start;
	char *host_address;               /* what host.containers.internal means; NULL: the gateway, or nothing */
};
extern const struct field net_status_rows[], net_attachment_rows[];
void net_status_done(struct net_status *s);
#define auto_net_status CLEANUP(net_status_done) struct net_status
void net_attachment_done(struct net_attachment *a);
struct net_attachment *net_status_find(const struct net_status *s, const char *network);

struct net_job {
	const char *id, *name;            /* the container's */
	const struct net_request *requests;
	size_t n_requests;
	const struct net_port *ports;     /* host ports decided */
	size_t n_ports;
};

/* What can be said before anything is made: the networks are there and of a kind that is possible here. net_plan() says it, too. */
int net_check(const struct net_env *env, const struct net_job *job, struct error *err);
int net_plan(const struct net_env *env, const struct net_job *job, struct lock *ret_intent, struct net_status *ret,
	     struct error *err);
/* netns_fd: the container's. The status is completed (MACs the kernel chose). After a failure: net_teardown().
 * 1: the rules of other containers are missing (net/firewall.h) and shall be restored with net_reload(). */
int net_apply(const struct net_env *env, const char *id, struct net_status *s, int netns_fd, struct error *err);
void net_commit(const struct net_env *env, const char *id, struct lock *intent);
/* netns_fd -1: the container's namespace is gone or going. The first error is told, everything is tried. */
int net_teardown(const struct net_env *env, const char *id, const struct net_status *s, int netns_fd, struct error *err);
int net_sweep(const struct net_env *env, struct error *err);

/* One more network of a running container: planned and leased as the last attachment of the status, which the caller
 * records, so that whatever is killed behind it is found by net_teardown(); then made. A failure takes it out again, as
 * does net_connect_forget() when it was never made. Results as net_apply()'s. */
struct net_join {
	const char *id;                   /* the container's */
	const struct network *network;
	struct net_status *status;
};
int net_connect_plan(const struct net_env *env, const struct net_join *j, const struct net_request *r, struct error *err);
int net_connect(const struct net_env *env, const struct net_join *j, int netns_fd, struct error *err);
void net_connect_forget(const struct net_env *env, const struct net_join *j);
/* One less, its names with it. */
int net_disconnect(const struct net_env *env, const char *id, const char *network, struct net_status *s, int netns_fd,
		   struct error *err);
/* Firewall rules of a running container again (another tool flushed them). One that ended meanwhile gets none. */
int net_reload(const struct net_env *env, const char *id, const struct net_status *s, struct error *err);
/* 1: some container, whoever's, is on the bridge. Interfaces of containers that just ended are waited for. */
int net_is_used(const struct net_env *env, const struct network *n, struct error *err);
/* What the network left on the host side (bridge, rules) goes. */
int net_forget(const struct net_env *env, const struct network *n, struct error *err);
