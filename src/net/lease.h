/* SPDX-License-Identifier: Apache-2.0
 * net/lease.h - addresses given out: who has which address of which network.
 *
 * A lease is a symbolic link <run dir>/leases/NETWORK-ID/ADDRESS -> CONTAINER-ID: made in one atomic step that fails when
 * the address is taken, owner and all, so sixty-four starts at once need no lock and never share an address. The next
 * address follows the one given last (a hint in the link "last"; wrong hints cost time only). A lease whose owner neither
 * runs nor is being started (net_env.alive) is free: it is taken over when its address is asked for or the network is full.
 * Allocates: not between clone() and exec(). */
#pragma once
#include "net/network.h"

/* Takes an address of the subnet for container `id`: `want` if not NULL, else the next free one. Texts are Podman's:
 * `IPAM error: requested ip address X is already allocated to container ID Y`,
 * `IPAM error: failed to find free IP in range: ...`. */
int lease_take(const struct net_env *env, const struct network *n, const struct network_subnet *s, const char *id,
	       const struct ip *want, struct ip *ret, struct error *err);
/* Gives one address back if it is still this container's. */
int lease_give(const struct net_env *env, const char *network_id, const struct ip *a, const char *id, struct error *err);
/* Whether this container has the address. */
bool lease_is_of(const struct net_env *env, const char *network_id, const struct ip *a, const char *id);
/* Gives back everything this container holds in the network (slow: for sweeps). */
int lease_give_network(const struct net_env *env, const char *network_id, const char *id, struct error *err);
/* All leases of a network are forgotten (the network goes). */
int lease_forget(const struct net_env *env, const char *network_id, struct error *err);
