/* SPDX-License-Identifier: Apache-2.0
 * engine/launch.h - from a recorded container to a process under its monitor (DESIGN section 5).
 *
 * Owns the dance between three processes: E (the command), M (its child: makes the root file system, clones the
 * container's first process, becomes umiak-monitor) and the container's process. E and M talk over one socketpair
 * until M has exec'ed; afterwards over the monitor's control socket (monitor/protocol.h).
 * Life cycle: launch_start() -> launch_wait_ready() -> launch_go(); launch_done() at any point gives up and leaves
 * nothing behind. Allocates and forks; the store's handle is not used in M. */
#pragma once
#include <sys/types.h>

#include "base/error.h"
#include "engine/container.h"

struct launch_options {
	bool foreground;       /* E stays attached and cleans up: the monitor need not spawn `container cleanup` */
	int stdin_fd, stdout_fd, stderr_fd;   /* log driver passthrough: the container's own stdio; else -1 */
};

struct launch {
	struct ctr *container;   /* borrowed */
	int socket;                    /* to M, then the monitor's sync socket; -1 */
	pid_t monitor;                 /* M, later the monitor */
	pid_t pid;                     /* the container's first process, 0 until known */
	int pidfd;                     /* of it, -1 */
};
#define LAUNCH_INIT ((struct launch){ .socket = -1, .monitor = -1, .pidfd = -1 })

/* Forks M. Returns as soon as M runs. */
int launch_start(struct launch *l, struct ctr *c, const struct launch_options *o, struct error *err);
/* Waits until the container's process stands before exec and the monitor serves its sockets. The errors of the
 * container's own side arrive here (ERROR_NO_COMMAND, ERROR_NOT_EXECUTABLE, ERROR_RUNTIME, ...). */
int launch_wait_ready(struct launch *l, struct error *err);
/* Says *start*; returns when the command was executed. */
int launch_go(struct launch *l, struct error *err);
void launch_done(struct launch *l);
#define auto_launch CLEANUP(launch_done) struct launch
