/* SPDX-License-Identifier: Apache-2.0
 * engine/container-impl.h - what the files that make up containers share among themselves (container-*.c, launch.c,
 * exec.c, inspect.c, ps.c). Not for front ends: they use engine/container.h. */
#pragma once
#include "engine/container.h"
#include "engine/events.h"
#include "monitor/protocol.h"
#include "os/cgroup.h"

/* Exit code of a container that --timeout ended: what `inspect` shows. A process that ends with it ends with 255. */
#define TIMED_OUT_CODE (-1)

/* Wraps what the store read; `at` is emptied. */
int ctr_new(struct engine *e, struct container *at, struct ctr **ret, struct error *err);
int ctr_find_unsynced(struct engine *e, const char *name_or_id, struct ctr **ret, struct error *err);
/* Params and config as the record's text. */
int ctr_format_record(const struct ctr *c, char **ret, struct error *err);
/* Reads the status again from the store. ERROR_NOT_FOUND when the container is gone. */
int ctr_reread(struct ctr *c, struct error *err);

/* The same with record and params, ctr_load() included: under the lock, before they are changed. */
int ctr_refresh(struct ctr *c, struct error *err);

void ctr_live_done(struct ctr_live *l);
#define auto_live CLEANUP(ctr_live_done) struct ctr_live
int ctr_live(const struct ctr *c, struct ctr_live *ret, struct error *err);
int ctr_live_format(const struct ctr_live *l, char **ret, struct error *err);

/* Takes away what a run left outside of files: control group, another runtime's state. */
int ctr_remove_live(struct ctr *c, struct error *err);
struct external;
/* 1: another runtime runs it; *ret borrows from *live and *ret_run_dir. */
int ctr_external(const struct ctr *c, struct ctr_live *live, char **ret_run_dir, struct external *ret, struct error *err);

int ctr_open_run_dir(const struct ctr *c, struct error *err);   /* descriptor */

static inline bool ctr_is_in(const struct ctr *c, unsigned states)
{
	return CONTAINER_STATE_BIT(c->at.status.state) & states;
}
static inline bool ctr_is_running(const struct ctr *c)
{
	return ctr_is_in(c, CONTAINER_STATE_BIT(CONTAINER_RUNNING) | CONTAINER_STATE_BIT(CONTAINER_STOPPING));
}

/* Compare-and-set on the store's status, and the caller's copy freshened. 1 done, 0 it was in another state. */
int ctr_change(struct ctr *c, const struct container_change *change, struct error *err);
/* `can only X ... : container state improper` */
int ctr_fail_state(const struct ctr *c, const char *what, struct error *err);
/* The store's lock of this container, for sequences of changes. */
int ctr_lock(struct ctr *c, struct lock *ret, struct error *err);

/* The control group of a container that runs (or left one). 1: *ret is open; 0: it has none. */
int ctr_cgroup(const struct ctr *c, struct cgroup *ret, struct error *err);
/* Takes over how it ended: status becomes STOPPED with code and time. */
int ctr_record_exit(struct ctr *c, const struct monitor_exit *x, struct error *err);
/* The maps of the user namespace it runs in, its own or the one it joins; NULL in *ret: ours. */
struct idmap_pair;
int ctr_maps(struct ctr *c, struct idmap_pair **ret, struct error *err);
/* A pidfd of the living first process. 1; 0: it is gone. */
int ctr_open_init(const struct ctr *c, int *ret_pidfd, struct error *err);
/* Writes an event about this container; never fails. */
void ctr_event(const struct ctr *c, enum event_status status);
