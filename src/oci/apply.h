/* SPDX-License-Identifier: Apache-2.0
 * oci/apply.h - the child's side: one loop over the rows of a plan.
 *
 * struct child is made before clone() and lives in the child's copy of the memory. Nothing here allocates, prints or
 * locks; every function returns -1 with the child's own sentence in *err. Files: apply.c (the loop, identity,
 * namespaces), apply-mount.c, apply-device.c, apply-process.c (late stages, exec). */
#pragma once
#include "oci/plan.h"
#include "oci/sync.h"

struct child {
	struct plan *plan;
	struct cgroup_join cgroup;  /* files of v1 groups to enter by ourselves; empty: none */
	int sync_fd;               /* our end of the pair */
	int start_listen_fd;       /* -1: *start* comes through sync_fd */
	int stdio[3];              /* -1: as inherited */
	int console_fd;            /* pty slave, given or made; -1 */
	bool terminal, debug;
	unsigned preserve_fds;
	int target_pidfd;          /* exec */
	uint64_t target_flags;

	/* found on the way */
	int root_fd;               /* the root-to-be, afterwards "/" */
	int proc_fd;               /* private procfs; -1 */
	int mask_fd, null_fd;      /* what masked paths are covered with */
	int agent_fd;              /* connected listener of seccomp notifications */
	int bundle_fd;
	pid_t host_pid;            /* as the runtime sees us; 0: not looked up */
	int dir_fd;                /* parent of the last node or link made, and its path's first dir_len bytes */
	const char *dir_path;
	size_t dir_len;
	bool foreign_tree;         /* somebody else's directory is mounted: verify what we mount from now on */
	bool cwd_done;
	char interpreter[256];
	unsigned long propagation;
};
#define CHILD_INIT                                                                                              \
	((struct child){ .sync_fd = -1, .start_listen_fd = -1, .stdio = { -1, -1, -1 }, .console_fd = -1,         \
			 .target_pidfd = -1, .root_fd = -1, .proc_fd = -1, .mask_fd = -1, .null_fd = -1,           \
			 .agent_fd = -1, .bundle_fd = -1, .dir_fd = -1 })

/* Applies the plan and execs. Never returns: reports an error into sync_fd and exits. */
void child_main(struct child *c) __attribute__((noreturn));
/* Warns through the parent. */
void child_warn(struct child *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Our pid as the runtime sees it: from the host's procfs, while that is still ours. */
int child_host_pid(struct child *c, struct error *err);

typedef int step_fn(struct child *c, const struct plan_step *s, struct error *err);
/* apply-mount.c */
step_fn step_source, step_propagation, step_rootfs, step_mount, step_cgroup_v1, step_pivot, step_readonly_path,
	step_mask_path, step_root_readonly, step_root_propagation;
/* apply-device.c */
step_fn step_device, step_link, step_make_cwd, step_console;
/* apply-process.c */
step_fn step_stdio, step_label, step_rlimit, step_scheduler, step_io_priority, step_personality, step_memory_policy,
	step_affinity, step_umask, step_cwd, step_user, step_no_new_privs, step_seccomp, step_capabilities, step_command,
	step_created, step_descriptors, step_exec;

/* Clones the tree at the mount's source and gives it its attributes: by the parent, or by the child as a step. */
int mount_source_open(struct plan_mount *m, struct error *err);
/* Attaches a detached mount inside the root, verified where the tree is not ours alone. */
int child_attach(struct child *c, int mount_fd, const char *path, int target_fd, struct error *err);
/* Copies the contents of a directory up into a new tmpfs (option tmpcopyup). */
int copy_up(int from_fd, int to_fd, struct error *err);
