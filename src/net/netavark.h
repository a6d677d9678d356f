/* SPDX-License-Identifier: Apache-2.0
 * net/netavark.h - Netavark's program in the place of our own bridges, rules and names (root's containers only).
 *
 * Chosen by `netavark = "PATH"` in [network] of containers.conf. Definitions, addresses and MACs stay ours, as they are
 * Podman's there; it is told what to make by its own protocol: JSON on stdin of `netavark setup|teardown NETNS`, JSON on
 * stdout. It takes containers down with their namespace at hand, so that is kept by a mount on <run dir>/netavark/ID from
 * set-up to tear-down. Names are aardvark-dns', found beside it. Who was set up by it has its path in the status, so that
 * a change of the configuration concerns new containers only.
 * Starts programs, mounts. Allocates: not between clone() and exec(). */
#pragma once
#include "net/setup.h"

struct netavark_job {
	const char *id;                   /* the container's */
	const struct net_status *status;  /* netavark and name are set */
	size_t first, n;                  /* which of its attachments */
};
/* ERROR_NOT_EXECUTABLE with Netavark's own words when it fails. Addresses that it chose (dhcp) are added to *ret, the
 * job's status; NULL: no need. */
int netavark_setup(const struct net_env *env, const struct netavark_job *job, int netns_fd, struct net_status *ret,
		   struct error *err);
/* The namespace that is kept. */
int netavark_netns(const struct net_env *env, const char *id, struct error *err);
/* Any number of times; never set up or rebooted: success. `last`: the namespace is let go. */
int netavark_teardown(const struct net_env *env, const struct netavark_job *job, bool last, struct error *err);
/* Running containers' name servers change. */
int netavark_update_dns(const struct net_env *env, const struct network *n, struct error *err);
