/* SPDX-License-Identifier: Apache-2.0
 * os/netns.h - doing something inside another network namespace without going there.
 *
 * Sockets, /proc/sys/net and sysfs belong to the namespace of the task that opens them. netns_call() lets a child that
 * shares our memory and descriptors (as after vfork()) enter the namespace, do the work and end; the caller never
 * changes its own. This also works where going back would be refused: a rootless engine may not re-enter the host's
 * namespace. Owns nothing. Single-threaded callers only; not between clone() and exec(). */
#pragma once
#include "base/error.h"

/* Runs fn(arg, err) inside the namespace; its result is returned. netns_fd < 0: called directly, in our own. fn may
 * allocate and open descriptors (they are ours afterwards); it must not exec, fork or exit. */
int netns_call(int netns_fd, int (*fn)(void *arg, struct error *err), void *arg, struct error *err);

/* socket() inside the namespace, close-on-exec: a descriptor, or -1 and *err. */
int netns_socket(int netns_fd, int domain, int type, int protocol, struct error *err);

/* Writes `value` to /proc/sys/<name> of the namespace ("net/ipv4/ip_forward"), only when it is not there yet: a value that
 * stands already needs no right to write. 1 written, 0 it stood; a missing file (protocol not in the kernel) is 0. */
int netns_sysctl(int netns_fd, const char *name, const char *value, struct error *err);

/* A new network namespace in which nobody lives yet: its descriptor. Nothing in it is up. */
int netns_new(struct error *err);
