/* SPDX-License-Identifier: Apache-2.0
 * store/container.h - container records: creation, lookup, state changes, exec sessions, removal.
 *
 * A record is what never changes by running (names, image, layers, the engine's params as JSON text) plus hot text
 * columns `ps` shows; a status is what does (state, pids, exit code). Both live in the run database; a container that
 * is not transient also in <root>/containers/ID/container.json and the index, durable when the call returns.
 * A transient one (--rm) costs no fsync and is gone after a reboot; so are its directories.
 *
 * State changes are compare-and-set and need no lock; sequences of them (start, stop, remove) run under
 * store_container_lock(). Readers take none and never wait. Lock order: os/lock.h. Not after fork() except where said. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"
#include "os/lock.h"
#include "store/store.h"

enum container_state {
	CONTAINER_CREATED,       /* recorded; users read "created" (Podman's word inside: configured) */
	CONTAINER_INITIALIZED,   /* its init waits for start */
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPING,
	CONTAINER_STOPPED,       /* init gone, clean-up still to do */
	CONTAINER_EXITED,
	CONTAINER_REMOVING,
	CONTAINER_STATE_MAX
};
#define CONTAINER_STATE_BIT(state) (1u << (state))
#define CONTAINER_STATE_ANY ((1u << CONTAINER_STATE_MAX) - 1)
/* A process of it exists. */
#define CONTAINER_STATE_ALIVE                                                                       \
	(CONTAINER_STATE_BIT(CONTAINER_INITIALIZED) | CONTAINER_STATE_BIT(CONTAINER_RUNNING) |      \
	 CONTAINER_STATE_BIT(CONTAINER_PAUSED) | CONTAINER_STATE_BIT(CONTAINER_STOPPING))
const char *container_state_name(enum container_state state);   /* "created", "running", ... */
bool container_state_parse(const char *name, enum container_state *ret);   /* also "configured" */

struct container_record {
	char id[65];
	char *name;
	char *image_id;       /* 64 hex digits; NULL: --rootfs */
	char *image_name;     /* as shown by ps */
	int64_t created;      /* Unix nanoseconds */
	char *command;        /* text of the command line as shown by ps */
	char *labels;         /* JSON object text or NULL */
	char *pod;            /* pod id or NULL */
	char *ports, *networks, *mounts;   /* text the engine renders once, for ps; NULL: none */
	char *restart_policy; /* NULL: no */
	char *rootfs;         /* absolute path of a user-given rootfs (--rootfs); NULL: from the image */
	char *size_limit;     /* reserved for storage options */
	struct strv layers;   /* diff-ids, lowest first: enough to mount without the index */
	bool transient, infra, read_only;
	bool provisional;     /* create only, transient only: when the creating process dies before the first change of
			       * state, the next command removes the container (`run`) */
	char *params;         /* JSON text of the engine; only where asked for */
};

struct container_status {
	enum container_state state;
	pid_t pid;                  /* init on the host, 0: none */
	uint64_t pid_start;         /* field 22 of its stat: pid + start time identify */
	pid_t monitor_pid;          /* of a provisional container: its creator */
	uint64_t monitor_start;
	bool exited;                /* exit_code is known; false after a reaper vanished: "unknown" */
	int exit_code;
	int64_t started, finished;  /* Unix nanoseconds, 0: never */
	bool oom_killed;
	bool stopped_by_user;       /* restart policies stay quiet */
	int64_t restarts;
	char *health;               /* "starting", "healthy", "unhealthy" or NULL */
	char *error;                /* why it did not start, or "reboot" */
	char *runtime;              /* engine's text about live resources (cgroup path, netns, ...), JSON; dies with the boot */
};

struct container {
	struct container_record record;
	struct container_status status;
};
void container_record_done(struct container_record *r);
void container_status_done(struct container_status *st);
void container_done(struct container *c);
#define auto_container CLEANUP(container_done) struct container

struct container_list {
	struct container *v;
	size_t n;
};
void container_list_done(struct container_list *l);
#define auto_container_list CLEANUP(container_list_done) struct container_list

/* ---- directories; safe after fork ---- */
/* <root>/containers/ID and <runroot>/containers/ID as malloc'ed paths. Both exist as long as the record does. */
int store_container_dir(const struct store *s, const char *id, char **ret, struct error *err);
int store_container_rundir(const struct store *s, const char *id, char **ret, struct error *err);

/* A file of this name in the run-time directory holds the path of the container's cgroup (cgroupfs), written before it is
 * made: when the owner of a half-begun container dies, the sweep removes the group as well. */
#define STORE_CONTAINER_CGROUP "cgroup"

/* ---- life ---- */
/* Records a container in state created and makes its directories. record->id "" : a random one is made and written
 * there; name NULL is an error. The image must exist (ERROR_NOT_FOUND), unless rootfs is set.
 * ERROR_EXISTS with Podman's text when the name or id is taken. */
int store_container_create(struct store *s, struct container_record *record, struct error *err);
/* Replaces params, labels and the hot text columns (update). NULL members stay as they are. Durable when not transient. */
int store_container_update(struct store *s, const char *id, const struct container_record *changes, struct error *err);
/* The same of a whole record that was read with CONTAINER_PARAMS under the container's lock and changed since (but its
 * name). `runtime` (NULL: stays) becomes the status's in the same transaction if a process of the container exists then:
 * 1; else 0. */
int store_container_save(struct store *s, const struct container_record *record, const char *runtime, struct error *err);
/* ERROR_EXISTS when the new name is taken. Caller holds the container's lock. */
int store_container_rename(struct store *s, const char *id, const char *name, struct error *err);
/* Removes record, directories and run-time directory; unmounts what store_rootfs_mount() mounted. Any state: the
 * caller has stopped it. Caller holds the container's lock (released by the caller afterwards; the lock file goes).
 * Killed half-way it is finished by the next command. 1: removed; 0: there was none. */
int store_container_remove(struct store *s, const char *id, struct error *err);

/* ---- reading ---- */
enum container_want { CONTAINER_PARAMS = 1 << 0 };
/* By name or unique id prefix, in that order; what looks like a full id is one first. 1: found; 0: no such container; ambiguous: ERROR_INVALID,
 * Podman's text. Names and ids only: where the caller wants an error for 0, store_container_get(). */
int store_container_find(struct store *s, const char *name_or_id, unsigned want, struct container *ret,
			 struct error *err);
/* Whether a container has, or is about to have, exactly this name: 1 or 0. */
int store_container_name_taken(struct store *s, const char *name, struct error *err);
/* As find, but nothing found is ERROR_NOT_FOUND `no container with name or ID "x" found: no such container`. */
int store_container_get(struct store *s, const char *name_or_id, unsigned want, struct container *ret,
			struct error *err);
/* Those in one of `states` (bits), oldest first. pod NULL: all pods. */
struct container_query {
	unsigned states;      /* 0: any */
	unsigned want;        /* enum container_want */
	const char *pod;
	const char *image_id;
};
int store_container_list(struct store *s, const struct container_query *q, struct container_list *ret,
			 struct error *err);
int store_container_status(struct store *s, const char *id, struct container_status *ret, struct error *err); /* 1/0 */

/* ---- state ---- */
/* Held for sequences of changes, never while it runs. As lock_acquire(). timeout_ns < 0: the store's default. */
int store_container_lock(struct store *s, const char *id, int64_t timeout_ns, struct lock *ret, struct error *err);

enum container_change_field {
	CONTAINER_SET_STATE = 1 << 0,
	CONTAINER_SET_PID = 1 << 1,        /* pid, pid_start */
	CONTAINER_SET_MONITOR = 1 << 2,    /* monitor_pid, monitor_start */
	CONTAINER_SET_EXIT = 1 << 3,       /* exited, exit_code, finished, oom_killed */
	CONTAINER_SET_STARTED = 1 << 4,
	CONTAINER_SET_STOPPED_BY_USER = 1 << 5,
	CONTAINER_SET_RESTARTS = 1 << 6,
	CONTAINER_SET_HEALTH = 1 << 7,
	CONTAINER_SET_ERROR = 1 << 8,
	CONTAINER_SET_RUNTIME = 1 << 9,
};
struct container_change {
	unsigned expected;                /* bits of states it must be in; 0: any */
	unsigned set;                     /* enum container_change_field */
	struct container_status to;       /* members named by `set`; strings borrowed */
};
/* Entering CONTAINER_REMOVING (under the lock) is a promise: if we die, the next command removes the container.
 * UPDATE ... WHERE state IN expected. 1: done; 0: it was in another state (*ret_state, may be NULL) and nothing
 * changed; ERROR_NOT_FOUND when it is gone. For a container that is not transient, entering running or exited is
 * also written to the index, so that a reboot leaves the right state. */
int store_container_change(struct store *s, const char *id, const struct container_change *change,
			   enum container_state *ret_state, struct error *err);

/* ---- exec sessions: die with the boot and with their container ---- */
struct exec_session {
	char id[65];
	char container[65];
	int64_t created;
	pid_t pid;
	uint64_t pid_start;
	bool running, exited;
	int exit_code;
	char *params;        /* JSON text of the engine */
};
void exec_session_done(struct exec_session *e);
#define auto_exec_session CLEANUP(exec_session_done) struct exec_session
/* id "": a random one is made. */
int store_exec_add(struct store *s, struct exec_session *e, struct error *err);
int store_exec_get(struct store *s, const char *id, struct exec_session *ret, struct error *err);   /* 1/0; full id or unique prefix */
/* Sets pid, pid_start, running, exited, exit_code. 1/0. */
int store_exec_set(struct store *s, const struct exec_session *e, struct error *err);
int store_exec_remove(struct store *s, const char *id, struct error *err);   /* 1/0 */
/* Ids of a container's sessions, oldest first. */
int store_exec_list(struct store *s, const char *container, struct strv *ret_ids, struct error *err);
