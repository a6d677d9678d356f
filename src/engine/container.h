/* SPDX-License-Identifier: Apache-2.0
 * engine/container.h - containers: find, create, start, stop, kill, remove, pause, wait, rename.
 *
 * A struct ctr is one container as read from the store: its immutable configuration (params after params_resolve())
 * and a copy of its changing status (the store's own struct container is the part `at`). Functions that change state take the container's lock, load the state again,
 * act, store it and release the lock; the caller's copy is then fresh. Loading first sweeps: a container whose
 * monitor wrote an exit record newer than the index, or whose processes died with the host, is brought up to date
 * by whoever looks (ctr_sync()). So no command depends on another having finished.
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
#include "store/container.h"

/* Fixed at creation; the record's JSON beside the params. Name, image, time and the hot columns are the store's
 * (store/container.h struct container_record). */
struct ctr_config {
	char *image_digest;
	char *log_path;
	char *runtime;                    /* --runtime as given; NULL: the built-in one */
	struct strv depends;              /* ids of containers whose namespaces or volumes are used */
	struct strv anonymous_volumes;    /* removed with the container */
	struct strv args;                 /* entrypoint and command: what is executed */
};
extern const struct field ctr_config_rows[];

struct net_status;

/* What dies with the boot; kept as text in container_status.runtime. */
struct ctr_live {
	char *cgroup;                     /* cgroup_save() text */
	char *runtime;                    /* path of another runtime; NULL: the built-in one */
	int64_t nofile, nproc;            /* the limits of a container that none were given to (spec.h), 0: given */
	struct net_status *net;           /* its networks and ports as they are; NULL: none of our making */
};
extern const struct field ctr_live_rows[];

/* A container as the engine sees it: the store's record and status, and what they say in full. */
struct ctr {
	struct engine *engine;            /* borrowed */
	struct container at;              /* record and status, as read last */
	const char *id;                   /* = at.record.id */
	struct ctr_config config;
	struct container_params params;   /* resolved */
	bool loaded;                      /* config and params are there; ctr_load() */
	bool bare;                        /* nothing was ever put into them: ps has a thousand of these */
	int run_dir_fd;                   /* of one that is recorded nowhere (a step of a build): its run-time directory; borrowed.
	                                   * 0: the store knows */
};

void ctr_free(struct ctr *c);
DEFINE_CLEANUP(struct ctr, ctr_free);
#define auto_ctr CLEANUP(ctr_free_p) struct ctr

struct ctr_list {
	struct ctr **v;
	size_t n;
};
void ctr_list_done(struct ctr_list *l);
/* Appends; *c is taken over (NULL afterwards). */
int ctr_list_add(struct ctr_list *l, struct ctr **c, struct error *err);
#define auto_ctr_list CLEANUP(ctr_list_done) struct ctr_list

/* ---- look-up ---- */
/* By full name, full id or unique id prefix. ERROR_NOT_FOUND `no container with name or ID "X" found: no such
 * container`; an ambiguous prefix is ERROR_INVALID. The state is synced. */
int ctr_find(struct engine *e, const char *name_or_id, struct ctr **ret, struct error *err);
/* Parses the record's params into c->config and c->params when that was not done yet. */
int ctr_load(struct ctr *c, struct error *err);
/* 1: it mounts the volume of that name; 0: it does not. */
int ctr_uses_volume(struct ctr *c, const char *name, struct error *err);
/* 1 found, 0 not there. */
int ctr_exists(struct engine *e, const char *name_or_id, struct error *err);
/* A working container of `buildah from` (build/working.h): Podman's commands see it only where they are asked for external
 * containers. Reads the record's params. */
#define CTR_WORKING_COMMAND "[\"buildah\"]"   /* their record's command: others are told from them without reading more */
bool ctr_is_working(struct ctr *c);
/* The newest container (by creation). ERROR_NOT_FOUND when there is none. */
int ctr_latest(struct engine *e, struct ctr **ret, struct error *err);
/* All of them, oldest first, states synced. */
int ctr_list(struct engine *e, struct ctr_list *ret, struct error *err);
/* Reads the state again and brings it up to date with what the kernel and exit records say. */
int ctr_sync(struct ctr *c, struct error *err);
/* The same for one of many: whether its monitor lives is only asked by number. */
int ctr_sync_listed(struct ctr *c, struct error *err);

/* Which containers an operation is for: names, or --all, --latest, --cidfile, --filter (ps keys). */
struct ctr_selection {
	const struct strv *names, *cid_files, *filters;
	bool all, latest;
	bool ignore;      /* names that do not exist (and missing cid files) are no error */
	bool running_only;/* with all: only running ones */
};
/* Names that cannot be found are reported through `failed` (called with the error; the loop goes on), so one bad name
 * does not stop the others. */
int ctr_select(struct engine *e, const struct ctr_selection *s, struct ctr_list *ret,
		     void (*failed)(void *arg, const char *name, const struct error *e), void *arg, struct error *err);

/* ---- life ---- */
struct attach;
struct attach_options;
struct monitor_exit;
struct ctr_cleanup_options {
	bool remove;                      /* --rm asked for by the caller; the record's own --rm is always honoured */
	bool no_restart;                  /* leave the restart policy out */
};

/* Checks params, resolves the image, records the container (durable unless --rm). `params` is taken over (emptied)
 * on success. ERROR_EXISTS when the name is taken, with the --replace hint. */
int ctr_create(struct engine *e, struct container_params *params, struct ctr **ret, struct error *err);
/* Mounts, namespaces, monitor: CREATED/EXITED -> INITIALIZED. */
int ctr_init(struct ctr *c, struct error *err);
/* Initializes when needed and lets the command run. ERROR_STATE when it runs already is left to the caller:
 * returns 1 when it was running before. Dependencies are started first. */
int ctr_start(struct ctr *c, struct error *err);

/* As ctr_start(), but the caller is attached before the command runs: attach_start(ret), attach_run(ret) follow
 * (engine/attach.h). 1: it was running already, the attach goes to the running command. When attach_start() fails the
 * caller says ctr_start_failed(). Containers that were initialized before are connected to. */
int ctr_start_attached(struct ctr *c, const struct attach_options *o, struct attach *ret, struct error *err);
/* After attach_start(): tells that the container runs and is attached (events). */
void ctr_started_attached(struct ctr *c, bool was_running);
/* The command could not be executed, *err says why: keeps that with the container and says it as the runtime's word, or
 * says that somebody stopped or removed the container meanwhile. -1. */
int ctr_start_failed(struct ctr *c, struct error *err);
/* Attaches to a container that runs. 1 attached, 0 it does not run. */
int ctr_attach(struct ctr *c, const struct attach_options *o, struct attach *ret, struct error *err);
/* What attach_run() reported is taken over, then as ctr_cleanup(). */
int ctr_finish(struct ctr *c, const struct monitor_exit *x, const struct ctr_cleanup_options *o, struct error *err);

struct ctr_stop_options {
	struct opt_uint timeout;          /* seconds, unset: the container's own */
	int sig;                          /* 0: the container's stop signal */
	bool ignore_stopped;
	bool signalled;                   /* ctr_stop_begin() was called */
};
/* Sends the stop signal and notes that the user wants it to end; ctr_stop() waits. 1: it was not running. */
int ctr_stop_begin(struct ctr *c, struct error *err);
/* Stop signal, time-out, SIGKILL, wait until the exit is recorded and cleaned up. 1: it was not running. */
int ctr_stop(struct ctr *c, const struct ctr_stop_options *o, struct error *err);
int ctr_kill(struct ctr *c, int sig, struct error *err);   /* ERROR_STATE unless running or paused */
int ctr_pause(struct ctr *c, struct error *err);
int ctr_unpause(struct ctr *c, struct error *err);
int ctr_restart(struct ctr *c, const struct ctr_stop_options *o, struct error *err);
int ctr_rename(struct ctr *c, const char *name, struct error *err);

struct ctr_remove_options {
	bool force;                       /* stop or kill first */
	bool volumes;                     /* anonymous volumes too */
	bool depend;                      /* containers that depend on it too */
	bool with_pod;                    /* its pod goes, too: an infra container may be removed */
	bool ended;                       /* the caller saw it end: the row need not say so first */
	struct opt_uint timeout;
};
/* Removes processes, mounts, cgroup, files, record. ERROR_STATE when running without force (edge: exit code 2),
 * ERROR_IN_USE when others depend on it. Ids removed (itself and dependents) are appended to `removed` (may be
 * NULL). */
int ctr_remove(struct ctr *c, const struct ctr_remove_options *o, struct strv *removed,
		     struct error *err);

enum ctr_condition { WAIT_CONFIGURED, WAIT_CREATED, WAIT_INITIALIZED, WAIT_RUNNING, WAIT_PAUSED,
	WAIT_STOPPING, WAIT_STOPPED, WAIT_EXITED, WAIT_REMOVING, WAIT_UNKNOWN, WAIT_HEALTHY, WAIT_UNHEALTHY,
	WAIT_CONDITION_MAX };
extern const char *const ctr_condition_names[];
/* The conditions that hold for the container as it was read last. */
unsigned ctr_conditions(const struct ctr *c);
/* Waits until one of the conditions (bit set of 1 << condition; 0: stopped or exited) holds. *ret_code: exit code,
 * -1 when the condition was another. interval_ns is the longest time between looks where no notification exists. */
int ctr_wait(struct ctr *c, unsigned conditions, int64_t interval_ns, int64_t *ret_code,
		   struct error *err);

/* After the exit: exit record -> index, mounts, cgroup and run-time files away, restart policy, --rm. What
 * `container cleanup` and a foreground `run --rm` do. Works on a container that is in any state; 1: nothing to do. */
int ctr_cleanup(struct ctr *c, const struct ctr_cleanup_options *o, struct error *err);

/* ---- places (malloc'ed) ---- */
int ctr_dir(const struct ctr *c, char **ret, struct error *err);       /* durable */
int ctr_run_dir(const struct ctr *c, char **ret, struct error *err);   /* run-time */

/* "SIGTERM", "TERM", "15" -> number; ERROR_INVALID `invalid signal: X`. */
int signal_parse(const char *s, int *ret, struct error *err);
const char *signal_name(int sig);   /* "SIGTERM", NULL: none */
/* The signal and seconds that stop this container. */
int ctr_stop_signal(const struct ctr *c);
