/* SPDX-License-Identifier: Apache-2.0
 * net/rootless.h - where a user's networks live: one network namespace per run root, with pasta as its way out.
 *
 * Owns <dir>/umiak-rootless-HASH, on which the namespace is mounted (in the user's own mount namespace; pasta watches the
 * name, see net/pasta.h), and <run dir>/rootless: a file per container that uses it, which names the process that starts it
 * (or "unshare-PID" for a process that does). Made by the first container on a
 * bridge, gone with the last. Inside everything is as on root's host: bridges, leases, firewall, resolver.
 * Published ports do not go through it: a pasta of the container's own leads them straight into its namespace, which
 * keeps the client's address and is as fast as pasta is; replies find their way back by a rule on their source.
 * Starts programs. Allocates: not between clone() and exec(). */
#pragma once
#include "net/pasta.h"

struct rootless_net {
	const char *program;              /* pasta; absolute path */
	const char *dir;                  /* <run-time directory of the user>/netns */
};
/* The namespace, made when missing; its way out is restored when pasta died. `id`: the container that will use it.
 * Returns the descriptor. */
int rootless_net_open(const struct net_env *env, const struct rootless_net *r, const char *id, struct error *err);
/* Packets from networks to `address` reach `host`. 1 done, 0 not for these families. (rootless-host.c) */
int rootless_host_map(int netns, const char *address, const char *host, struct error *err);
/* The address that means the host in it. 1: *ret; 0: there is none. */
int rootless_net_host(const struct net_env *env, char **ret, struct error *err);
/* 1: *ret_fd; 0: there is none. */
int rootless_net_find(const struct net_env *env, const struct rootless_net *r, int *ret_fd, struct error *err);
/* The container uses it no more; the last one takes it away. Any number of times. */
int rootless_net_leave(const struct net_env *env, const struct rootless_net *r, const char *id, struct error *err);

/* Leads job->ports into the container's namespace, beside its networks. pasta_stop() ends it. */
int rootless_net_publish(const struct net_env *env, const struct pasta_job *job, int netns_fd, struct error *err);
