/* SPDX-License-Identifier: Apache-2.0
 * oci/exec.h - a further process in a running container.
 *
 * One setns() on a pidfd of the container's init joins all of its namespaces (one per namespace where the kernel
 * refuses), one clone makes the process in the joined pid namespace as a child of the caller, then the same late
 * stages run as for the first process (oci/plan.h).
 * Owns: the new process until it has exec'ed; a failure before that is reported by oci_exec_spawn() itself and
 * nothing is left. Afterwards the process is the caller's child to wait for. Allocates before, never in the child. */
#pragma once
#include "oci/runtime.h"

struct oci_exec_options {
	const char *id;               /* the container's, for messages */
	int target_pidfd;             /* of the container's init, stays the caller's */
	pid_t target_pid;             /* the same process: for /proc look-ups that are checked against the pidfd */
	int stdin_fd, stdout_fd, stderr_fd;   /* -1: inherit. Stay the caller's */
	int console_fd;               /* pty slave when process->terminal; -1: made inside, master returned */
	struct cgroup *cgroup;        /* joined first; NULL: the one of the target where it can be joined */
	const char *sub_cgroup;       /* below the container's, NULL: itself. ".." is refused */
	struct json_object *seccomp;  /* linux.seccomp of the container's spec, or NULL */
	const struct seccomp_filter *filter;   /* a ready filter; wins over `seccomp` */
	const struct oci_personality *personality;   /* NULL: inherited */
	unsigned preserve_fds;
	bool no_new_keyring;
	void (*warn)(void *arg, const char *text);
	void *warn_arg;
};
#define OCI_EXEC_OPTIONS_INIT                                                                   \
	((struct oci_exec_options){ .target_pidfd = -1, .stdin_fd = -1, .stdout_fd = -1,         \
				    .stderr_fd = -1, .console_fd = -1 })

/* Returns when the command was executed; *ret has pid, pidfd and console_master (start_fd is -1).
 * ERROR_NO_COMMAND, ERROR_NOT_EXECUTABLE, ERROR_STATE (the container is not running). */
int oci_exec_spawn(const struct oci_process_spec *process, const struct oci_exec_options *o, struct oci_process *ret,
		   struct error *err);
