/* SPDX-License-Identifier: Apache-2.0
 * engine/launch-impl.h - what launch.c (the parent's side) and launch-child.c (M) share. */
#pragma once
#include "engine/launch.h"
#include "engine/pod-impl.h"
#include "engine/spec.h"
#include "monitor/config.h"

enum launch_message_type { LAUNCH_PID = 1, LAUNCH_READY, LAUNCH_ERROR };
struct launch_message {
	uint32_t type;
	int32_t pid;
	uint64_t pid_start, monitor_start;
	char cgroup[1200];
	struct error error;
};

/* All that M needs to know, collected in E before the fork. */
struct launch_job {
	struct ctr *c;
	struct engine *engine;
	const struct store *store;
	const struct launch_options *options;
	char *run_dir, *dir;
	char *runtime;                 /* another runtime's path; NULL: the built-in one */
	char *monitor_path, *self;     /* umiak-monitor; our own program for clean-up and health checks */
	struct peer *peers;
	size_t n_peers;
	int *image_fds;                /* by index of storage.mounts; NULL: no image mounts */
	struct idmap_pair *maps;       /* NULL: no user namespace of its own */
	struct pod_group group;        /* of its pod; path NULL: none */
	struct strv cleanup, health;   /* command lines; empty: none */
	bool netns_ahead;              /* E makes the network namespace while M prepares, and sends it */
	unsigned activated;            /* descriptors from 3 on that were handed to us (LISTEN_FDS) and are handed on */
	int socket, monitor_client;    /* M's ends */
};
/* How many sockets the service manager gave to this very process. */
unsigned launch_activated(void);
/* LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES for the container's process. */
int launch_activation_env(unsigned n, struct strv *env, struct error *err);
void launch_job_done(struct launch_job *j);
#define auto_launch_job CLEANUP(launch_job_done) struct launch_job

/* Directories, programs and command lines of the job. */
int launch_job_commands(struct launch_job *j, struct error *err);
/* The mounted root file system, detached, and the user namespace that its ids were mapped by (launch-root.c). What was
 * opened before a failure stays open: M ends. */
struct launch_root {
	const struct launch_job *job;
	int rootfs_fd, userns_fd;      /* -1: none */
};
int launch_open_root(struct launch_root *k, struct error *err);
/* M. Never returns. */
_Noreturn void launch_child(struct launch_job *j);
/* What the monitor shall do for this container: log, timers, commands. */
int launch_configure_monitor(struct launch_job *j, struct monitor_builder *b, struct error *err);
/* --pidfile, --conmon-pidfile: `pid` and this process. */
int launch_write_pids(const struct launch_job *j, pid_t pid, struct error *err);
