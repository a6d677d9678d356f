/* SPDX-License-Identifier: Apache-2.0
 * engine/launch.h - from a recorded container to a process under its monitor (DESIGN section 5).
 *
 * Owns the dance between three processes: E (the command), M (its child: makes the root file system, clones the
 * container's first process, becomes umiak-monitor) and the container's process. E and M talk over one socketpair
 * until M has exec'ed; afterwards E is a client of the monitor (`client`), inherited by it from the start.
 * Life cycle: launch_start() -> launch_wait_pid() -> launch_wait_ready() -> START through `client`
 * (engine/attach.h or monitor_start()) -> launch_done(). Giving up before START kills the container, because the
 * client's role says so. Forks; the store's database is not used in M. Allocates. */
#pragma once
#include <sys/types.h>

#include "base/error.h"
#include "engine/container.h"

struct net_status;
struct launch_options {
	unsigned role;         /* enum monitor_role bits of E's client connection */
	const struct net_status *net;   /* addresses for hosts and resolv.conf; NULL: none */
	const int *keep;       /* descriptors the monitor shall hold (host ports) */
	size_t n_keep;
	bool start_follows;    /* START comes right after launch_wait_ready(), before anything is read from the monitor */
	bool cleanup;          /* the monitor runs `container cleanup` after the exit (unless its owner did) */
};

struct launch {
	struct ctr *container;   /* borrowed */
	int socket;              /* to M; -1 */
	int client;              /* to the monitor; the caller takes it (take_fd) */
	pid_t monitor;           /* M, later the monitor */
	uint64_t monitor_start;
	pid_t pid;               /* the container's first process, 0 until known */
	int netns_fd;            /* its network namespace where it cannot be opened by pid, else -1 */
	uint64_t pid_start;
	char *cgroup;            /* cgroup_save() text; NULL: none */
	char *runtime;           /* another runtime's path; NULL: the built-in one */
};
#define LAUNCH_INIT ((struct launch){ .socket = -1, .client = -1, .monitor = -1, .netns_fd = -1 })

/* Looks up everything that needs the store, forks M and returns. */
int launch_start(struct launch *l, struct ctr *c, const struct launch_options *o, struct error *err);
/* Waits until the container's first process exists: pid, pid_start, monitor_start, cgroup are set. Mounts are being
 * made meanwhile. */
int launch_wait_pid(struct launch *l, struct error *err);
/* Waits until it stands before exec. Its own errors arrive here or at launch_wait_pid(): ERROR_NO_COMMAND,
 * ERROR_NOT_EXECUTABLE, ERROR_RUNTIME, ...; then nothing is left behind. */
int launch_wait_ready(struct launch *l, struct error *err);
/* --log-opt max-size: go-units FromHumanSize (base 1000). */
int log_size_parse(const char *text, int64_t *ret, struct error *err);
/* --runtime-flag words the built-in runtime (runtime NULL) does not know are refused as a runtime would. */
int launch_check_flags(const struct engine *e, const char *runtime, struct error *err);
void launch_done(struct launch *l);
#define auto_launch CLEANUP(launch_done) struct launch
