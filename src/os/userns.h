/* SPDX-License-Identifier: Apache-2.0
 * os/userns.h - making a user (and mount) namespace that a sleeping process keeps alive, and joining it.
 * Owns nothing. Used by engine/rootless.c, which knows where the process is recorded. [alloc] before clone(). */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "os/idmap.h"

/* Starts a process that sleeps in a new user + mount namespace with these mappings: own session, no descriptors but
 * /dev/null, comm `title` (<= 15 bytes). It ends only by SIGTERM, SIGKILL and the like. *ret_pid is its pid; the caller records
 * it. It is a child without exit signal: wait() does not see it, and it outlives the caller. */
int userns_start_pause(const struct idmap_pair *m, const char *title, pid_t *ret_pid, struct error *err);
/* Forks the same kind of process in the namespaces the caller is in now. Its pid, or -1. */
pid_t userns_fork_pause(const char *title, struct error *err);
/* Joins the user and the mount namespace of the process behind pidfd and becomes uid 0, gid 0 there (supplementary
 * groups stay). The caller must be single-threaded. */
int userns_join(int pidfd, struct error *err);
/* Who made the user namespace that pid lives in, as a uid of our own namespace. */
int userns_owner(pid_t pid, uid_t *ret, struct error *err);
