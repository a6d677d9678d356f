/* SPDX-License-Identifier: Apache-2.0
 * net/setup-impl.h - what plan (setup-plan.c), drivers (setup-link.c) and life cycle (setup.c) share. */
#pragma once
#include "net/setup.h"
#include "os/link.h"

/* Decides everything about one attachment but its addresses. `s` holds the ones before it. */
int attachment_plan(const struct net_env *env, const struct network *n, const struct net_request *r, const struct net_status *s,
		    struct net_attachment *ret, struct error *err);
/* Takes the addresses. */
int attachment_lease(const struct net_env *env, const struct network *n, const char *id, struct net_attachment *a, struct error *err);
int attachment_release(const struct net_env *env, const char *id, const struct net_attachment *a, struct error *err);
bool attachment_is_leased(const struct net_env *env, const char *id, const struct net_attachment *a);

/* The two ends of the work, opened once per container. */
struct link_ends {
	struct netlink host, inside;      /* inside: opened when first needed */
	int netns_fd;                     /* the container's */
	struct netlink firewall;          /* rules were taken away with it (net/firewall.h) */
	struct netlink_batch gone;        /* interfaces nobody waits for */
};
#define LINK_ENDS_INIT { .host = NETLINK_INIT, .inside = NETLINK_INIT, .netns_fd = -1, .firewall = NETLINK_INIT, \
			 .gone = NETLINK_BATCH_INIT }
void link_ends_done(struct link_ends *e);
#define auto_ends CLEANUP(link_ends_done) struct link_ends
int link_ends_open(const struct net_env *env, int netns_fd, struct link_ends *ret, struct error *err);
/* What takes the kernel long at the end of a container, all at once and without waiting. */
void link_ends_detach(struct link_ends *e);

/* Bridge (made when missing), pair, addresses, routes. */
int attachment_link(const struct net_env *env, const struct network *n, const char *id, struct net_attachment *a, struct link_ends *e,
		    struct error *err);
/* Other addresses and routes for an interface that is there. */
int attachment_readdress(const struct net_env *env, const struct network *n, const struct net_attachment *old, struct net_attachment *a,
			 struct link_ends *e, struct error *err);
/* Takes the interface away (and closes e->firewall), or notes it in e->gone when its namespace is going; gone already is
 * fine. */
int attachment_unlink(const struct net_env *env, const struct net_attachment *a, struct link_ends *e, struct error *err);

/* ---- the life cycle's (setup.c) ---- */
struct networks {
	struct network v[NET_NETWORKS_MAX];
	size_t n;
};
void networks_done(struct networks *l);
#define auto_networks CLEANUP(networks_done) struct networks
/* The definitions of all attachments. */
int setup_load_networks(const struct net_env *env, const struct net_status *s, struct networks *l, struct error *err);
/* Plans one more attachment, to the network that the request names. */
int setup_add_attachment(const struct net_env *env, const struct network *n, const struct net_request *r, struct net_status *s,
			 struct error *err);
int setup_firewall(const struct net_env *env, const struct networks *l, const struct net_status *s, bool replace, struct error *err);
/* Whether an address is still the container's. */
bool setup_owns_address(const struct net_env *env, const char *id, const struct net_status *s);
