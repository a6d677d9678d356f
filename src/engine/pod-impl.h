/* SPDX-License-Identifier: Apache-2.0
 * engine/pod-impl.h - what pods and containers say to each other. Not for front ends. */
#pragma once
#include "engine/container-impl.h"
#include "engine/pod.h"
#include "os/cgroup.h"

/* Writes the record. */
int pod_save(const struct pod *p, struct error *err);
int pod_delete_record(const struct pod *p, struct error *err);
/* Claims the pod for an act of ours: see enum pod_intent. */
int pod_set_intent(struct pod *p, enum pod_intent intent, struct error *err);
/* Whether a record of that name exists, whatever its intent. 1, 0. */
int pod_name_is_taken(struct engine *e, const char *name, struct error *err);
/* By id, whatever its intent. 1, 0. */
int pod_load(struct engine *e, const char *id, struct pod **ret, struct error *err);
void pod_event(const struct pod *p, enum event_status status);

/* Takes what the pod shares into a container's params, before defaults are folded in. */
int pod_join(struct pod *p, struct container_params *c, struct error *err);

/* ---- the pod's control group ---- */
/* What launching one member needs to know about it. */
struct pod_group {
	char *id, *path;                  /* path NULL: none is made by us */
	struct container_params settings; /* of the pod: its limits */
};
void pod_group_done(struct pod_group *g);
int pod_group_plan(struct engine *e, const char *pod_id, struct pod_group *ret, struct error *err);
/* Path of the group of a pod with that id under `parent` (NULL: the default one); NULL in *ret where none can be. */
int pod_group_path(const struct engine *e, const char *parent, const char *id, char **ret, struct error *err);
struct store;
/* In the launching child: makes the group, sets its limits and notes it down. *ret_hierarchies: where it has
 * directories. *lock is held until the caller is gone: nobody takes the group away meanwhile. */
int pod_group_make(const struct store *s, const struct pod_group *g, struct lock *lock, uint32_t *ret_hierarchies,
		   struct cgroup_warnings *w, struct error *err);
/* Removes the group when no member lives. */
int pod_group_drop(struct pod *p, struct error *err);
/* A member ended for good: exit policy, control group. Never fails. */
void pod_member_ended(struct engine *e, const char *pod_id);
