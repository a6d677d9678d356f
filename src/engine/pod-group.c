/* SPDX-License-Identifier: Apache-2.0
 * The control group of a pod: made by whichever member starts first, taken away when the last one has ended. A lock file
 * of its own keeps the two apart: shared by who starts, exclusive by who removes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/pod-impl.h"
#include "engine/spec.h"
#include "oci/resources.h"
#include "os/file.h"

#define DEFAULT_PARENT "/libpod_parent"
#define GROUP_TEXT_MAX 1200

void pod_group_done(struct pod_group *g)
{
	free(g->id);
	free(g->path);
	params_done(&g->settings);
	*g = (struct pod_group){};
}

/* systemd makes slices for the scopes in them; elsewhere it is a directory. */
int pod_group_path(const struct engine *e, const char *parent, const char *id, char **ret, struct error *err)
{
	if (streq(engine_cgroup_manager(e), "systemd")) {
		const char *slice = parent ? parent : e->paths.rootless ? "user.slice" : "machine.slice";
		return str_printf(ret, err, "%.*s-libpod_pod_%s.slice", (int)(str_ends(slice, ".slice") ? strlen(slice) - 6 : strlen(slice)),
				  slice, id);
	}
	return str_printf(ret, err, "%s/%s", parent ? parent : DEFAULT_PARENT, id);
}

int pod_group_plan(struct engine *e, const char *pod_id, struct pod_group *ret, struct error *err)
{
	auto_pod *p = NULL;
	int r = pod_load(e, pod_id, &p, err);

	if (r <= 0)
		return r;   /* its pod is gone: it runs without the group */
	if (!p->config.cgroup || (str_ends(p->config.cgroup, ".slice") && !streq(engine_cgroup_manager(e), "systemd")))
		return 0;
	TRY(str_set(&ret->id, pod_id, err));
	TRY(str_set(&ret->path, p->config.cgroup, err));
	return pod_settings(p, &ret->settings, err);
}

static int group_lock(const struct store *s, const char *id, struct lock_how how, struct lock *ret, struct error *err)
{
	return store_lock((struct store *)(uintptr_t)s, "pod", id, how, ret, err);
}

static int note_path(const struct store *s, const char *id, char **ret, struct error *err)
{
	return str_printf(ret, err, "%s/pods/%s", store_runroot(s), id);
}

/* Members make directories in hierarchies the pod itself has no limits in: every one is looked at in the end. */
static int note_down(const struct store *s, const char *id, const struct cgroup *c, struct error *err)
{
	autofree char *dir = NULL, *path = NULL;
	char text[GROUP_TEXT_MAX];
	struct cgroup all = *c;   /* borrows */

	if (!*c->scope)
		all.made |= cgroup_hierarchies(c->mode);
	int n = cgroup_save(&all, text, sizeof(text), err);

	if (n < 0)
		return -1;
	TRY(str_printf(&dir, err, "%s/pods", store_runroot(s)));
	if (file_mkdirs(AT_FDCWD, dir, 0700, err) < 0)
		return -1;
	TRY(note_path(s, id, &path, err));
	return file_replace(AT_FDCWD, path, text, (size_t)n, 0600, 0, err);
}

/* Noted down first: a slice outlives whoever is killed here. */
static int make_slice(const struct store *s, const struct pod_group *g, const struct cgroup_resources *r, struct cgroup_warnings *w,
		      struct error *err)
{
	auto_cgroup c = CGROUP_INIT;

	c.mode = cgroup_mode();
	c.manager = CGROUP_MANAGER_SYSTEMD;
	if (snprintf(c.scope, sizeof(c.scope), "%s", g->path) >= (int)sizeof(c.scope))
		return fail_with(err, ENAMETOOLONG, "slice %s", g->path);
	TRY(note_down(s, g->id, &c, err));
	return cgroup_slice_start(c.scope, r, w, err);
}

int pod_group_make(const struct store *s, const struct pod_group *g, struct lock *lock, uint32_t *ret_hierarchies,
		   struct cgroup_warnings *w, struct error *err)
{
	auto_cgroup c = CGROUP_INIT;
	CLEANUP(cgroup_resources_done) struct cgroup_resources r = {};
	CLEANUP(oci_resources_free_p) struct oci_resources *limits = calloc(1, sizeof(*limits));

	if (!limits)
		return fail_oom(err);
	TRY(group_lock(s, g->id, (struct lock_how){ LOCK_SHARED, LOCK_UNORDERED, -1 }, lock, err));
	TRY(spec_limits(&g->settings.resources, limits, err));
	TRY(oci_resources_convert(limits, &r, err));
	if (str_ends(g->path, ".slice")) {
		*ret_hierarchies = 0;
		return make_slice(s, g, &r, w, err);
	}
	const struct cgroup_create how = { .path = g->path, .resources = &r };
	TRY(cgroup_create(&how, &c, w, err));
	TRY(cgroup_set(&c, &r, w, err));
	*ret_hierarchies = c.made;
	return c.made ? note_down(s, g->id, &c, err) : 0;
}

static bool has_living(const struct ctr_list *members)
{
	for (size_t i = 0; i < members->n; i++)
		if (ctr_is_in(members->v[i], CONTAINER_STATE_ALIVE))
			return true;
	return false;
}

/* Rows and processes: a member that is being started has a process before its row says so. */
static int is_empty(struct store *s, const char *id, const struct cgroup *c, struct error *err)
{
	CLEANUP(container_list_done) struct container_list living = {};
	const struct container_query q = { .pod = id, .states = CONTAINER_STATE_ALIVE };
	struct cgroup_pids pids = {};

	TRY(store_container_list(s, &q, &living, err));
	if (living.n)
		return 0;
	if (*c->scope)
		return 1;   /* of systemd, which knows */
	TRY(cgroup_pids(c, &pids, err));
	bool empty = pids.n == 0;
	cgroup_pids_done(&pids);
	return empty;
}

int pod_group_drop(struct pod *p, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	auto_cgroup c = CGROUP_INIT;
	autofree char *path = NULL, *text = NULL;
	struct store *s;

	TRY(engine_store(p->engine, &s, err));
	TRY(note_path(s, p->config.id, &path, err));
	int r = file_read(AT_FDCWD, path, GROUP_TEXT_MAX, &text, NULL, err);
	if (r <= 0)
		return r;
	r = group_lock(s, p->config.id, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, 0 }, &lock, err);
	if (r <= 0)
		return r;
	TRY(cgroup_open(text, &c, err));
	r = is_empty(s, p->config.id, &c, err);
	if (r <= 0)
		return r;
	r = *c.scope ? cgroup_slice_stop(c.scope, err) : cgroup_remove(&c, err) < 0 ? -1 : 1;
	if (r <= 0)
		return r;
	return unlink(path) < 0 && errno != ENOENT ? fail_errno(err, "remove %s", path) : 0;
}

/* ---- a member has ended ---- */
static bool only_infra_lives(const struct pod *p, const struct ctr_list *members, struct ctr **ret_infra)
{
	*ret_infra = NULL;
	for (size_t i = 0; i < members->n; i++) {
		struct ctr *c = members->v[i];
		if (streq0(c->id, p->config.infra_id ? p->config.infra_id : ""))
			*ret_infra = c;
		else if (ctr_is_in(c, CONTAINER_STATE_ALIVE | CONTAINER_STATE_BIT(CONTAINER_STOPPED)))
			return false;
	}
	return *ret_infra && ctr_is_in(*ret_infra, CONTAINER_STATE_ALIVE);
}

static int after_exit(struct engine *e, const char *pod_id, struct error *err)
{
	const struct ctr_stop_options stop = { .timeout = { true, 0 } };
	auto_pod *p = NULL;
	auto_ctr_list members = {};
	struct ctr *infra;
	int r = pod_load(e, pod_id, &p, err);

	if (r <= 0 || p->config.intent != POD_READY)
		return r < 0 ? -1 : 0;
	TRY(pod_containers(p, &members, err));
	if (streq(p->config.exit_policy, "stop") && only_infra_lives(p, &members, &infra)) {
		if (ctr_stop(infra, &stop, err) < 0)
			return -1;
		pod_event(p, EVENT_STOP);
	}
	return has_living(&members) ? 0 : pod_group_drop(p, err);
}

void pod_member_ended(struct engine *e, const char *pod_id)
{
	struct error ignored;

	if (pod_id && after_exit(e, pod_id, &ignored) < 0)
		log_debug(e->log, "pod %s: %s", pod_id, ignored.text);
}
