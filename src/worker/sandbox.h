/* SPDX-License-Identifier: Apache-2.0
 * worker/sandbox.h - what a role may do from OP_SETUP on, and no longer.
 *
 * Layers, each useful without the others: no_new_privs and no core dumps; rlimits; chroot into the one directory the role
 * works in; Landlock (only that directory, or only a few files to read); capabilities reduced to the role's; a seccomp
 * allow-list. The order matters: chroot needs a capability, Landlock needs no_new_privs, seccomp comes last.
 * Should: run while the process has one thread (credentials and Landlock are per thread; later threads inherit).
 * Mustn't: have read a byte from outside before it. A kernel without Landlock is told in *ret, not an error. */
#pragma once
#include "image/worker.h"

/* root: the directory of setup->has_root, or -1; borrowed. */
int sandbox_enter(enum worker_role role, const struct op_setup *setup, int root, struct op_ready *ret,
		  struct error *err);

/* seccomp-filter.c: 0 loaded; -errno when the kernel has no seccomp filters. */
int seccomp_filter_load(enum worker_role role, bool unix_sockets);
