/* SPDX-License-Identifier: Apache-2.0
 * net/dhcp.h - addresses from a DHCP server (root's networks with ipam driver "dhcp"): umiak-dhcp's life and its leases.
 *
 * Owns <run dir>/dhcp/CONTAINER-NETWORK (ids, shortened): ".running", which the program holds locked as long as it lives
 * (net/kept.h), and "lease", its text (format: dhcp/message.h). One program per attachment is started when the interface is
 * up and without an address; the set-up waits for its first answer, ten seconds at most. It renews the lease by itself.
 * When the lease becomes another one it starts env->reload_command, which comes back here (net_dhcp_follow()). It ends with
 * the attachment, before the interface goes, and gives the address back. One that was killed is started again by
 * `network reload`. Starts programs. Allocates: not between clone() and exec(). */
#pragma once
#include "net/setup.h"

/* Whether this network can have it: macvlan, ipvlan in mode l2, unmanaged bridges; not a user's. */
int net_dhcp_check(const struct net_env *env, const struct network *n, const struct network_option *o, struct error *err);
/* Addresses, gateway, routes, name servers and search domain of the lease become the attachment's. */
int net_dhcp_start(const struct net_env *env, const struct network *n, const char *id, struct net_attachment *a, int netns_fd,
		   struct error *err);
/* An attachment in use: the program is started again if it died, otherwise asked to renew; the interface gets what the
 * lease says now. 1: that is something else than before, which is in *ret_old (net_attachment_done()); 0: as before. */
int net_dhcp_follow(const struct net_env *env, const char *id, struct net_attachment *a, int netns_fd, struct net_attachment *ret_old,
		    struct error *err);
/* Any number of times; attachments without DHCP: nothing. */
int net_dhcp_stop(const struct net_env *env, const char *id, const struct net_attachment *a, struct error *err);
/* Whether it was started and not stopped. */
bool net_dhcp_is_held(const struct net_env *env, const char *id, const struct net_attachment *a);
