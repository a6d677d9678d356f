/* SPDX-License-Identifier: Apache-2.0
 * os/ns.h - kinds of namespaces: names, clone flags, opening, joining.
 * Owns nothing, allocates nothing: usable between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* In the order in which they are joined: user first (it gives the rights for the rest), mount last. */
enum ns_kind { NS_USER, NS_CGROUP, NS_IPC, NS_UTS, NS_NET, NS_PID, NS_TIME, NS_MOUNT, NS_KIND_MAX };

struct ns_info {
	const char *oci;    /* name in the runtime spec: "user", "network", "mount", ... */
	const char *proc;   /* file in /proc/PID/ns: "user", "net", "mnt", ... */
	uint64_t flag;      /* CLONE_NEW* (time: only unshare/clone3) */
};
const struct ns_info *ns_info(enum ns_kind kind);
/* By either name; false: no such kind. */
bool ns_kind_parse(const char *name, enum ns_kind *ret);

/* The namespace of a process (pid 0: ours) as a descriptor. 0 and *ret_fd, or -1. */
int ns_open(pid_t pid, enum ns_kind kind, struct error *err);
/* A namespace file by path, checked to be an nsfs file of this kind (NS_GET_NSTYPE). */
int ns_open_path(const char *path, enum ns_kind kind, struct error *err);
/* A new namespace of this kind as a descriptor (network, ipc, uts, cgroup); we are back in ours when it returns. Coming
 * back needs CAP_SYS_ADMIN over ours, which a rootless user has not: then it fails before anything is made. */
int ns_make(enum ns_kind kind, struct error *err);
int ns_join(int ns_fd, enum ns_kind kind, struct error *err);
/* setns(pidfd, flags): all the given kinds of one process at once. */
int ns_join_process(int pidfd, uint64_t flags, struct error *err);
/* Whether two descriptors mean the same namespace. */
bool ns_same(int a, int b);
/* Whether we live in the initial user namespace (by inode number: the shape of uid_map lies). */
bool ns_in_initial_user(void);
