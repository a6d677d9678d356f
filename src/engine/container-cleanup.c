/* SPDX-License-Identifier: Apache-2.0
 * After the end of a container: exit code into the row, control group and sockets away, then what its restart policy or
 * --rm says. May be killed at any point and run again by anybody: each step is harmless when repeated. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/attach.h"
#include "engine/container-impl.h"
#include "engine/hooks.h"
#include "engine/hosts.h"
#include "engine/image-remove.h"
#include "engine/launch-external.h"
#include "engine/network.h"
#include "engine/pod-impl.h"
#include "engine/volume.h"
#include "monitor/exit.h"

int ctr_remove_live(struct ctr *c, struct error *err)
{
	auto_cgroup cgroup = CGROUP_INIT;
	auto_live live = {};
	autofree char *dir = NULL;
	struct external x;
	int r = ctr_external(c, &live, &dir, &x, err);

	if (r < 0 || ctr_net_teardown(c, live.net, err) < 0 || (r > 0 && external_delete(&x, err) < 0))
		return -1;
	hosts_guest_leave(c);
	TRY(volumes_release(c, err));
	r = ctr_cgroup(c, &cgroup, err);

	return r <= 0 ? r : cgroup_remove(&cgroup, err);
}

static void remove_sockets(struct ctr *c)
{
	struct error ignored;
	autoclose int dir = ctr_open_run_dir(c, &ignored);

	if (dir >= 0)
		unlinkat(dir, MONITOR_SOCKET_NAME, 0);
}

/* ---- restart policies ---- */
static bool wants_restart(const struct ctr *c)
{
	const struct param_restart *r = &c->params.basic.restart;
	const struct container_status *st = &c->at.status;

	if (st->stopped_by_user)
		return false;
	switch (r->policy) {
	case RESTART_ALWAYS:
	case RESTART_UNLESS_STOPPED:
		return true;
	case RESTART_ON_FAILURE:
		return st->exit_code != 0 && (!r->retries || st->restarts < r->retries);
	default:
		return false;
	}
}

static int restart(struct ctr *c, struct error *err)
{
	const struct container_change count = { .expected = CONTAINER_STATE_BIT(CONTAINER_EXITED), .set = CONTAINER_SET_RESTARTS, .to = { .restarts = c->at.status.restarts + 1 } };

	if (ctr_change(c, &count, err) <= 0)
		return err->kind == ERROR_NONE || err->kind == ERROR_NOT_FOUND ? 0 : -1;
	if (c->at.status.stopped_by_user)
		return 0;
	ctr_event(c, EVENT_RESTART);
	return ctr_start(c, err) < 0 ? -1 : 0;
}

static int to_exited(struct ctr *c, struct error *err)
{
	const struct container_change change = {
		.expected = CONTAINER_STATE_BIT(CONTAINER_STOPPED), .set = CONTAINER_SET_STATE | CONTAINER_SET_MONITOR,
		.to = { .state = CONTAINER_EXITED },
	};

	return ctr_change(c, &change, err);
}

/* A hook that fails is told and changes nothing: the container has ended. */
static void run_poststop(struct ctr *c)
{
	struct error failed;

	if (ctr_load(c, &failed) < 0 || hooks_run(c, OCI_HOOK_POSTSTOP, "stopped", &failed) < 0)
		log_warn(c->engine->log, "container %s: poststop: %s", c->id, failed.text);
}

/* 1 *ret_remove says what to do next; 0: somebody else did it all. */
static int clean(struct ctr *c, struct error *err)
{
	auto_lock lock = LOCK_INIT;

	TRY(ctr_lock(c, &lock, err));
	TRY(ctr_reread(c, err));
	if (c->at.status.state != CONTAINER_STOPPED)
		return 0;
	TRY(ctr_remove_live(c, err));
	remove_sockets(c);
	run_poststop(c);
	int r = to_exited(c, err);
	if (r > 0) {
		ctr_event(c, EVENT_DIED);
		ctr_event(c, EVENT_CLEANUP);
	}
	return r;
}

/* --rmi: the image goes too, unless somebody else uses it. */
static void warn(void *arg, const struct error *e)
{
	log_warn(arg, "%s", e->text);
}

static void remove_image(struct ctr *c)
{
	auto_image_removal r = { .failed = warn, .arg = (void *)(uintptr_t)c->engine->log };
	auto_strv names = {};
	struct error ignored;

	if (c->params.basic.remove_image && c->at.record.image_id && strv_add(&names, c->at.record.image_id, &ignored) >= 0)
		image_remove(c->engine, &names, &r, &ignored);
}

int ctr_cleanup(struct ctr *c, const struct ctr_cleanup_options *o, struct error *err)
{
	const struct ctr_remove_options remove = { .volumes = true };
	struct error gone = {};
	int r = clean(c, &gone);

	if (r < 0 && gone.kind == ERROR_NOT_FOUND)
		return 1;
	if (r < 0) {
		*err = gone;
		return -1;
	}
	if (r == 0 && c->at.status.state != CONTAINER_EXITED)
		return 1;
	TRY(ctr_load(c, err));
	if (r > 0 && !o->no_restart && wants_restart(c))
		return restart(c, err);
	if (!o->remove && !c->params.basic.remove) {
		if (r > 0)
			pod_member_ended(c->engine, c->at.record.pod);
		return r == 0;
	}
	if (ctr_remove(c, &remove, NULL, &gone) < 0 && gone.kind != ERROR_NOT_FOUND) {
		*err = gone;
		return -1;
	}
	remove_image(c);
	pod_member_ended(c->engine, c->at.record.pod);
	return 0;
}

/* `run --rm` in the foreground: nobody will ask for the states in between, so none is written. */
static int finish_transient(struct ctr *c, const struct monitor_exit *x, struct error *err)
{
	const struct ctr_remove_options remove = { .volumes = true, .ended = true };
	struct error gone = {};

	c->at.status.exit_code = x->timed_out ? TIMED_OUT_CODE : x->exit_code;
	c->at.status.oom_killed = x->oom;
	run_poststop(c);
	ctr_event(c, EVENT_DIED);
	ctr_event(c, EVENT_CLEANUP);
	if (ctr_remove(c, &remove, NULL, &gone) < 0 && gone.kind != ERROR_NOT_FOUND) {
		*err = gone;
		return -1;
	}
	remove_image(c);
	pod_member_ended(c->engine, c->at.record.pod);
	return 0;
}

int ctr_finish(struct ctr *c, const struct monitor_exit *x, const struct ctr_cleanup_options *o, struct error *err)
{
	struct error gone = {};

	if (c->at.record.transient && c->loaded && c->params.basic.remove)
		return finish_transient(c, x, err);

	if (ctr_record_exit(c, x, &gone) < 0) {
		if (gone.kind == ERROR_NOT_FOUND)
			return 1;
		*err = gone;
		return -1;
	}
	return ctr_cleanup(c, o, err);
}
