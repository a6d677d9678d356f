/* SPDX-License-Identifier: Apache-2.0
 * oci/spawn-child.h - clone3() of the container's process, directly or through a helper stage; shared by runtime.c
 * (first process) and exec.c. Owns nothing. */
#pragma once
#include "oci/apply.h"

struct spawn_child {
	struct child *child;       /* its sync_fd is the child's end of the pair */
	int parent_fd;             /* our end */
	int *child_end;            /* our copy of the child's: closed and -1 once there is a child, so that its death is seen */
	uint64_t flags;            /* CLONE_NEW* */
	int into_cgroup;           /* v2 directory, or -1 */
	int net_fd;                /* directly only: network namespace to be born in, or -1 */
	int join_pid_fd;           /* pid namespace to be born in, or -1 */
	int join_user_fd;          /* user namespace to be born in, or -1 (then `helper`) */
	int join_pidfd;            /* exec: pidfd to join with join_flags in the helper, or -1 */
	uint64_t join_flags;
	bool helper;               /* through the helper stage */
};
/* *ret_pid is our child in either case, *ret_pidfd its pidfd. */
int spawn_child(const struct spawn_child *how, pid_t *ret_pid, int *ret_pidfd, struct error *err);
