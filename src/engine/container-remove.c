/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "engine/container-impl.h"
#include "engine/logs.h"
#include "engine/pod-impl.h"
#include "engine/volume.h"
#include "os/file.h"
#include "store/rootfs.h"

/* Containers that use this one's namespaces or volumes. */
static int dependents(struct ctr *c, struct ctr_list *ret, struct error *err)
{
	CLEANUP(container_list_done) struct container_list all = {};
	const struct container_query q = { .want = CONTAINER_PARAMS };
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	TRY(store_container_list(s, &q, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		auto_ctr *other = NULL;
		/* cheap before exact: parsing every record only to find no dependency would be felt */
		if (!all.v[i].record.params || !strstr(all.v[i].record.params, c->id) || streq(all.v[i].record.id, c->id))
			continue;
		TRY(ctr_new(c->engine, &all.v[i], &other, err));
		TRY(ctr_load(other, err));
		if (strv_has(&other->config.depends, c->id))
			TRY(ctr_list_add(ret, &other, err));
	}
	return 0;
}

static int remove_dependents(struct ctr *c, const struct ctr_remove_options *o, struct strv *removed, struct error *err)
{
	auto_ctr_list list = {};

	if (c->at.record.transient && !o->depend)
		return 0;
	TRY(dependents(c, &list, err));
	if (!list.n)
		return 0;
	if (!o->depend) {
		auto_strv ids = {};
		for (size_t i = 0; i < list.n; i++)
			TRY(strv_add(&ids, list.v[i]->id, err));
		autofree char *text = strv_join(&ids, " ");
		return fail(err, ERROR_IN_USE, "container %s has dependent containers which must be removed before it: %s: container "
					       "already exists", c->id, text ? text : "");
	}
	for (size_t i = 0; i < list.n; i++)
		TRY(ctr_remove(list.v[i], o, removed, err));
	return 0;
}

static int stop_first(struct ctr *c, const struct ctr_remove_options *o, struct error *err)
{
	const struct ctr_stop_options stop = { .timeout = o->timeout };
	const char *what = c->at.status.state == CONTAINER_PAUSED ? "paused" : container_state_name(c->at.status.state);

	if (!ctr_is_in(c, CONTAINER_STATE_ALIVE))
		return 0;
	if (!o->force)
		return fail(err, ERROR_STATE, "cannot remove container %s as it is %s - running or paused containers cannot be "
					      "removed without force: container state improper", c->id, what);
	return ctr_stop(c, &stop, err) < 0 ? -1 : 0;
}

static void remove_volumes(const struct ctr *c)
{
	struct error ignored;

	for (size_t i = 0; i < c->config.anonymous_volumes.n; i++)
		volume_remove(c->engine, c->config.anonymous_volumes.v[i], &ignored);
}

static void remove_log(const struct ctr *c)
{
	struct error ignored;
	autofree char *dir = NULL;

	/* a log in the container's own directory goes with it; one elsewhere has its own life when it was given */
	if (!c->config.log_path || strmap_get(&c->params.log.options, "path") || ctr_dir(c, &dir, &ignored) < 0)
		return;
	if (!str_after(c->config.log_path, dir))
		logs_remove(c->config.log_path, &ignored);
}

/* A start killed before the container's row knew its group leaves the group's name in the run root (launch-child.c). */
static void remove_unrecorded_cgroup(const struct ctr *c)
{
	auto_cgroup cgroup = CGROUP_INIT;
	struct cgroup_warnings w = {};
	struct error ignored;
	char path[1024];
	autoclose int dir = ctr_open_run_dir(c, &ignored);

	if (dir < 0 || file_read_small(dir, STORE_CONTAINER_CGROUP, path, sizeof(path)) <= 0)
		return;
	const struct cgroup_create how = { .path = path, .all_controllers = true };
	if (cgroup_create(&how, &cgroup, &w, &ignored) == 0)
		cgroup_remove(&cgroup, &ignored);
}

/* What holds a pod's namespaces goes with the pod only. */
static int check_infra(const struct ctr *c, const struct ctr_remove_options *o, struct error *err)
{
	auto_pod *p = NULL;   /* read only to know that it is there */

	if (!c->at.record.infra || o->with_pod || !c->at.record.pod)
		return 0;
	struct error damaged;
	if (pod_load(c->engine, c->at.record.pod, &p, &damaged) <= 0)
		return 0;   /* its pod is lost */
	return fail(err, ERROR_EXISTS, "container %s is the infra container of pod %s and cannot be removed without removing the pod",
		    c->id, c->at.record.pod);
}

/* A working container that is mounted: somebody works in it. */
static int check_working(struct ctr *c, const struct ctr_remove_options *o, struct error *err)
{
	autofree char *path = NULL;
	struct store *s;

	if (o->force || !ctr_is_working(c))
		return 0;
	TRY(engine_store(c->engine, &s, err));
	int mounted = store_rootfs_mounted(s, c->id, &path, err);
	return mounted <= 0 ? mounted : fail(err, ERROR_STATE, "container %s is mounted and cannot be removed without using force: "
					     "container state improper", c->id);
}

int ctr_remove(struct ctr *c, const struct ctr_remove_options *o, struct strv *removed, struct error *err)
{
	const struct container_change removing = { .set = CONTAINER_SET_STATE, .to = { .state = CONTAINER_REMOVING } };
	auto_lock lock = LOCK_INIT;
	struct error gone = {};
	struct store *s;

	TRY(ctr_load(c, err));
	TRY(check_infra(c, o, err));
	TRY(check_working(c, o, err));
	engine_make_room(c->engine);
	TRY(remove_dependents(c, o, removed, err));
	TRY(engine_store(c->engine, &s, err));
	/* a restart policy may bring it back between stop and lock */
	for (int attempt = 0; attempt < 20; attempt++) {
		if (!o->ended)
			TRY(stop_first(c, o, err));
		TRY(ctr_lock(c, &lock, err));
		if (ctr_reread(c, &gone) < 0 || !ctr_is_in(c, CONTAINER_STATE_ALIVE) || !o->force)
			break;
		lock_release(&lock);
	}
	if (gone.kind != ERROR_NONE) {
		if (gone.kind != ERROR_NOT_FOUND) {
			*err = gone;
			return -1;
		}
		return removed ? strv_add(removed, c->id, err) : 0;   /* --rm was faster */
	}
	if (ctr_is_in(c, CONTAINER_STATE_ALIVE) && !o->ended)
		return fail(err, ERROR_IN_USE, "container %s was started meanwhile: container state improper", c->id);
	TRY(ctr_remove_live(c, err));
	if (str_empty(c->at.status.runtime))
		remove_unrecorded_cgroup(c);
	/* a killed removal is finished by the store; the intent is the state */
	TRY(store_container_change(s, c->id, &removing, NULL, err));
	remove_log(c);
	TRY(store_container_remove(s, c->id, err));
	lock_release(&lock);
	if (o->volumes)
		remove_volumes(c);
	ctr_event(c, EVENT_REMOVE);
	return removed ? strv_add(removed, c->id, err) : 0;
}
