/* SPDX-License-Identifier: Apache-2.0
 * engine/launch-external.h - containers run by another OCI runtime (crun, runc, ...): a bundle on disk and its command
 * line. M stays the subreaper of what the runtime makes, so the monitor is the same. Allocates, runs programs. */
#pragma once
#include "engine/container.h"
#include "oci/spec.h"

struct external {
	const char *path;              /* the runtime */
	const struct strv *flags;      /* "--root=..." words before the command; may be NULL */
	const char *id, *run_dir;      /* bundle: run_dir */
};

struct external_create {
	int rootfs_fd;                 /* attached to run_dir/rootfs in a mount namespace of the caller's own */
	int stdio[3];
	bool terminal, no_pivot;
	unsigned preserve_fds;
};
/* Writes config.json, attaches the root file system and runs `create`. *ret_pid: the container's first process, now a
 * child of the caller (a subreaper); *ret_console: the pty's master or -1. Errors carry the runtime's own sentence. */
int external_create(const struct external *x, struct oci_spec *spec, const struct external_create *c, pid_t *ret_pid,
		    int *ret_console, struct error *err);
/* `start`; `delete --force` (a container it does not know is no error). */
int external_start(const struct external *x, struct error *err);
int external_delete(const struct external *x, struct error *err);
