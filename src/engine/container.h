/* SPDX-License-Identifier: Apache-2.0
 * engine/container.h - containers: find, create, start, stop, kill, remove, pause, wait, rename.
 *
 * A struct container is one loaded record: its immutable configuration (params after params_resolve(), image, time)
 * and a copy of its changing state. Functions that change state take the container's lock, load the state again,
 * act, store it and release the lock; the caller's copy is then fresh. Loading first sweeps: a container whose
 * monitor wrote an exit record newer than the index, or whose processes died with the host, is brought up to date
 * by whoever looks (container_sync()). So no command depends on another having finished.
 *
 * Where things are (NAME of the parts, see also store/container.h):
 *   <root>/containers/ID/   durable: config.json (this record), upper/work, secrets; exit record
 *   <runroot>/containers/ID/   hosts, resolv.conf, hostname, .containerenv, attach and control sockets, shm, log of
 *                           the monitor, exit record; for --rm containers everything
 *
 * The functions are the API of every front end: no printing, no exit codes, no reading of the terminal.
 * Allocates: not between clone() and exec(). */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/params.h"

enum container_status {
	CONTAINER_CREATED,      /* recorded, never started */
	CONTAINER_INITIALIZED,  /* namespaces and mounts exist, the command waits for start */
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPING,
	CONTAINER_STOPPED,      /* ended, not yet cleaned up */
	CONTAINER_EXITED,       /* ended and cleaned up */
	CONTAINER_REMOVING,
	CONTAINER_UNKNOWN,
	CONTAINER_STATUS_MAX
};
extern const char *const container_status_names[];   /* "created" ... as ps and inspect show them */

/* Changes over the container's life. */
struct container_state {
	int status;                       /* enum container_status */
	int64_t pid, monitor_pid;         /* 0: none */
	uint64_t pid_start, monitor_start;/* clock ticks since boot: with the pid they name a process for good */
	int64_t started, finished;        /* Unix ns, 0: never */
	int64_t exit_code;
	bool exited;                      /* exit_code and finished mean something */
	bool oom_killed, stopped_by_user, restarting;
	int64_t restarts;
	char *error;                      /* of the last start, NULL: none */
	char *cgroup_path;                /* below the cgroup root */
	struct strv exec_ids;
};

/* Fixed at creation (except name). */
struct container_config {
	char *id, *name;
	char *image_id, *image_name;      /* image_name as shown: "localhost/x:latest"; rootfs containers: "" */
	char *image_digest;
	char *rootfs;                     /* --rootfs: absolute directory */
	int64_t created;                  /* Unix ns */
	char *log_path;
	struct strv depends;              /* ids of containers whose namespaces or volumes are used */
	struct strv anonymous_volumes;    /* removed with the container */
	struct strv capabilities;         /* effective set, for inspect */
	char *lock;                       /* unused number Podman shows; NULL */
	char *infra_pod;
	bool is_infra;
};

struct container {
	struct engine *engine;            /* borrowed */
	struct container_config config;
	struct container_params params;   /* resolved */
	struct container_state state;
	int64_t revision;                 /* of the state in the store, for compare-and-set */
	bool transient;                   /* --rm: lives in the run-time directory only */
};

extern const struct field container_config_rows[], container_state_rows[];

void container_free(struct container *c);
DEFINE_CLEANUP(struct container, container_free);
#define auto_container CLEANUP(container_free_p) struct container

struct container_list {
	struct container **v;
	size_t n;
};
void container_list_done(struct container_list *l);
#define auto_container_list CLEANUP(container_list_done) struct container_list

/* ---- look-up ---- */
/* By full name, full id or unique id prefix. ERROR_NOT_FOUND `no container with name or ID "X" found: no such
 * container`; an ambiguous prefix is ERROR_INVALID. The state is synced. */
int container_find(struct engine *e, const char *name_or_id, struct container **ret, struct error *err);
/* 1 found, 0 not there. */
int container_exists(struct engine *e, const char *name_or_id, struct error *err);
/* The newest container (by creation). ERROR_NOT_FOUND when there is none. */
int container_latest(struct engine *e, struct container **ret, struct error *err);
/* All of them, oldest first, states synced. */
int container_list(struct engine *e, struct container_list *ret, struct error *err);
/* Reads the state again and brings it up to date with what the kernel and exit records say. */
int container_sync(struct container *c, struct error *err);

/* Which containers an operation is for: names, or --all, --latest, --cidfile, --filter (ps keys). */
struct container_selection {
	const struct strv *names, *cid_files, *filters;
	bool all, latest;
	bool ignore;      /* names that do not exist (and missing cid files) are no error */
	bool running_only;/* with all: only running ones */
};
/* Names that cannot be found are reported through `failed` (called with the error; the loop goes on), so one bad name
 * does not stop the others. */
int container_select(struct engine *e, const struct container_selection *s, struct container_list *ret,
		     void (*failed)(void *arg, const char *name, const struct error *e), void *arg, struct error *err);

/* ---- life ---- */
/* Checks params, resolves the image, records the container (durable unless --rm). `params` is taken over (emptied)
 * on success. ERROR_EXISTS when the name is taken, with the --replace hint. */
int container_create(struct engine *e, struct container_params *params, struct container **ret, struct error *err);
/* Mounts, namespaces, monitor: CREATED/EXITED -> INITIALIZED. */
int container_init(struct container *c, struct error *err);
/* Initializes when needed and lets the command run. ERROR_STATE when it runs already is left to the caller:
 * returns 1 when it was running before. Dependencies are started first. */
int container_start(struct container *c, struct error *err);

struct container_stop_options {
	struct opt_uint timeout;          /* seconds, unset: the container's own */
	int sig;                          /* 0: the container's stop signal */
	bool ignore_stopped;
};
/* Stop signal, time-out, SIGKILL, wait until the exit is recorded and cleaned up. 1: it was not running. */
int container_stop(struct container *c, const struct container_stop_options *o, struct error *err);
int container_kill(struct container *c, int sig, struct error *err);   /* ERROR_STATE unless running or paused */
int container_pause(struct container *c, struct error *err);
int container_unpause(struct container *c, struct error *err);
int container_restart(struct container *c, const struct container_stop_options *o, struct error *err);
int container_rename(struct container *c, const char *name, struct error *err);

struct container_remove_options {
	bool force;                       /* stop or kill first */
	bool volumes;                     /* anonymous volumes too */
	bool depend;                      /* containers that depend on it too */
	struct opt_uint timeout;
};
/* Removes processes, mounts, cgroup, files, record. ERROR_STATE when running without force (edge: exit code 2),
 * ERROR_IN_USE when others depend on it. Ids removed (itself and dependents) are appended to `removed` (may be
 * NULL). */
int container_remove(struct container *c, const struct container_remove_options *o, struct strv *removed,
		     struct error *err);

enum container_wait_condition { WAIT_CONFIGURED, WAIT_CREATED, WAIT_INITIALIZED, WAIT_RUNNING, WAIT_PAUSED,
	WAIT_STOPPING, WAIT_STOPPED, WAIT_EXITED, WAIT_REMOVING, WAIT_UNKNOWN, WAIT_HEALTHY, WAIT_UNHEALTHY,
	WAIT_CONDITION_MAX };
extern const char *const container_wait_condition_names[];
/* Waits until one of the conditions (bit set of 1 << condition; 0: stopped or exited) holds. *ret_code: exit code,
 * -1 when the condition was another. interval_ns is the longest time between looks where no notification exists. */
int container_wait(struct container *c, unsigned conditions, int64_t interval_ns, int64_t *ret_code,
		   struct error *err);

/* After the exit: exit record -> index, mounts, cgroup and run-time files away, restart policy, --rm. What
 * `container cleanup` and a foreground `run --rm` do. Works on a container that is in any state; 1: nothing to do. */
struct container_cleanup_options {
	bool remove;                      /* --rm asked for by the caller; the record's own --rm is always honoured */
	bool no_restart;                  /* leave the restart policy out */
};
int container_cleanup(struct container *c, const struct container_cleanup_options *o, struct error *err);

/* ---- places (malloc'ed) ---- */
int container_dir(const struct container *c, char **ret, struct error *err);       /* durable */
int container_run_dir(const struct container *c, char **ret, struct error *err);   /* run-time */

/* "SIGTERM", "TERM", "15" -> number; ERROR_INVALID `invalid signal: X`. */
int signal_parse(const char *s, int *ret, struct error *err);
const char *signal_name(int sig);   /* "SIGTERM", NULL: none */
/* The signal and seconds that stop this container. */
int container_stop_signal(const struct container *c);
