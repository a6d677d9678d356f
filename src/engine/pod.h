/* SPDX-License-Identifier: Apache-2.0
 * engine/pod.h - pods: containers that share namespaces, limits and a life.
 *
 * A pod is a record; what it shares is held by its infra container (umiak-init -P on an empty root file system, or an
 * image of the user's choice), an ordinary container whose record is marked: networks, ports, hosts and ids of the pod
 * are set up for it like for any container, and the others join it by "container:INFRA" (pod-join.c).
 *
 *   <root>/pods/ID.json      the record, durable
 *   <runroot>/pods/ID        the pod's control group as it was made (cgroup_save()), dies with the boot
 *
 * Intent before action: a record says "creating" or "removing" and by which process. Such a pod is no pod yet (any
 * more); whoever lists pods and finds that process gone finishes the removal. Members say in their record which pod they
 * belong to, so nothing has to be kept in step. Functions that act on all members report each failure and go on.
 * Allocates: not between clone() and exec(). */
#pragma once
#include "base/json.h"
#include "base/value.h"
#include "engine/container.h"

enum pod_intent { POD_READY, POD_CREATING, POD_REMOVING };

struct pod_config {
	char *id, *name;
	int64_t created;                  /* Unix ns */
	char *hostname, *exit_policy;     /* "continue", "stop" */
	char *infra_id;                   /* NULL: no infra container */
	char *cgroup_parent, *cgroup;     /* the pod's own group, as cgroup_create() takes it; NULL: none */
	struct strmap labels;
	struct strv create_command;
	struct strv shared;               /* "cgroup" "ipc" "net" "pid" "uts" "user", sorted */
	bool infra, share_parent;
	struct param_restart restart;
	int64_t intent, owner;            /* enum pod_intent; process that has it */
	uint64_t owner_start;
	struct json_object *settings;     /* params_save() of what was asked for; owned */
};
extern const struct field pod_config_rows[];

struct pod {
	struct engine *engine;            /* borrowed */
	struct pod_config config;
};
void pod_free(struct pod *p);
DEFINE_CLEANUP(struct pod, pod_free);
#define auto_pod CLEANUP(pod_free_p) struct pod

struct pod_list {
	struct pod **v;
	size_t n;
};
void pod_list_done(struct pod_list *l);
#define auto_pod_list CLEANUP(pod_list_done) struct pod_list

/* ---- look-up ---- */
/* By name, id or unique id prefix. ERROR_NOT_FOUND `no pod with name or ID X found: no such pod`. */
int pod_find(struct engine *e, const char *name_or_id, struct pod **ret, struct error *err);
/* 1 there, 0 not. */
int pod_exists(struct engine *e, const char *name_or_id, struct error *err);
/* The newest one. */
int pod_latest(struct engine *e, struct pod **ret, struct error *err);
/* All of them, oldest first; finishes what dead processes left. */
int pod_list(struct engine *e, struct pod_list *ret, struct error *err);
/* Names by id for `ps`: fills what can be read, never fails for a damaged record. */
int pod_names(struct engine *e, struct strmap *ret, struct error *err);
/* The pod's members, oldest first (the infra container is the first), states synced. */
int pod_containers(struct pod *p, struct ctr_list *ret, struct error *err);
/* "Created" "Running" "Degraded" "Paused" "Exited" "Stopped" "Error" */
const char *pod_state(const struct ctr_list *members);
/* What was asked for at creation. */
int pod_settings(const struct pod *p, struct container_params *ret, struct error *err);
/* Whether the kind of namespace ("net") is shared by the infra container. */
bool pod_shares(const struct pod *p, const char *kind);

/* ---- life ---- */
struct pod_params {
	struct container_params c;        /* name, labels and settings of the pod, and of its infra container */
	char *infra_command, *infra_image, *infra_name, *infra_conmon_pidfile, *share, *exit_policy;
	struct opt_bool infra, share_parent;
};
void pod_params_done(struct pod_params *p);
/* Takes the params over. ERROR_EXISTS `name "x" is in use: pod already exists`. */
int pod_create(struct engine *e, struct pod_params *params, struct pod **ret, struct error *err);

/* A new pod with the settings of another, those in `changes` replaced (it is emptied), and copies of its containers. */
int pod_clone(struct pod *from, struct pod_params *changes, struct pod **ret, struct error *err);

/* Where failures of single members go. */
struct pod_report {
	void (*failed)(void *arg, const struct ctr *c, const struct error *why);
	void *arg;
};
/* Init containers first, each to its end; then all members in the order of their dependencies. ERROR_STATE `starting
 * some containers: some containers failed` when one failed. */
int pod_start(struct pod *p, const struct pod_report *r, struct error *err);
/* Members before the infra container. All get their signal at once. */
int pod_stop(struct pod *p, const struct opt_uint *timeout, const struct pod_report *r, struct error *err);
int pod_restart(struct pod *p, const struct pod_report *r, struct error *err);
int pod_kill(struct pod *p, int sig, const struct pod_report *r, struct error *err);
int pod_pause(struct pod *p, const struct pod_report *r, struct error *err);
int pod_unpause(struct pod *p, const struct pod_report *r, struct error *err);
struct pod_remove_options {
	bool force;                       /* members that run are stopped */
	struct opt_uint timeout;
	struct strv *removed;             /* ids of the containers that went; may be NULL */
};
/* Members, infra container, group, record. */
int pod_remove(struct pod *p, const struct pod_remove_options *o, const struct pod_report *r, struct error *err);

/* ---- what is shown ---- */
/* The document of `pod inspect`; new reference. Shown through pod_schema (base/value.h). */
int pod_inspect(struct pod *p, struct json_object **ret, struct error *err);
struct value_schema;
extern const struct value_schema pod_schema;

/* One row of `pod ps`. */
struct pod_row;
extern const struct value_type pod_row_type;
struct pod_rows {
	struct pod_row *v;
	size_t n;
};
struct pod_ps_options {
	const struct strv *filters;       /* ctr-ids ctr-names ctr-number ctr-status id name label label! network status until */
	const char *sort;                 /* created id name number status; NULL: created */
	bool latest, no_trunc;
};
int pod_ps(struct engine *e, const struct pod_ps_options *o, struct pod_rows *ret, struct error *err);
void pod_rows_done(struct pod_rows *r);
/* Borrowed view for base/format.h. */
struct value pod_rows_value(const struct pod_rows *r);
