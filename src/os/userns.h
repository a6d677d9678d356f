/* SPDX-License-Identifier: Apache-2.0
 * os/userns.h - making a user (and mount) namespace that a sleeping process keeps alive, and joining it.
 * Owns nothing. Used by engine/rootless.c, which knows where the process is recorded. [alloc] before clone(). */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "os/idmap.h"

/* Starts a process that sleeps in a new user + mount namespace with these mappings, in its own session, with no
 * descriptors but /dev/null, dumpable off, argv[0] "umiak-pause" (comm). It ends only by SIGTERM or SIGKILL.
 * *ret_pid is its pid; the caller records it. Never returns in the child. */
int userns_start_pause(const struct idmap_pair *m, pid_t *ret_pid, struct error *err);
/* Joins the user and the mount namespace of the process behind pidfd and becomes uid 0, gid 0 there.
 * The caller must be single-threaded. */
int userns_join(int pidfd, struct error *err);
