/* SPDX-License-Identifier: Apache-2.0
 * CREATED or EXITED -> INITIALIZED -> RUNNING. The dance itself is launch.c. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/attach.h"
#include "engine/container-impl.h"
#include "engine/health.h"
#include "engine/hooks.h"
#include "engine/hosts.h"
#include "engine/launch.h"
#include "engine/network.h"
#include "engine/launch-external.h"
#include "engine/oci-error.h"
#include "engine/spec.h"
#include "monitor/exit.h"
#include "os/process.h"

#define STARTABLE                                                                                          \
	(CONTAINER_STATE_BIT(CONTAINER_CREATED) | CONTAINER_STATE_BIT(CONTAINER_EXITED) |                  \
	 CONTAINER_STATE_BIT(CONTAINER_STOPPED))

/* ---- rows ---- */
static int record_launched(struct ctr *c, const struct launch *l, struct ctr_net *net, bool running, struct error *err)
{
	const struct ctr_live live = { .cgroup = l->cgroup, .runtime = l->runtime, .net = net->planned ? &net->status : NULL,
				       .nofile = spec_default_limit(&c->params.resources, SPEC_LIMIT_NOFILE),
				       .nproc = spec_default_limit(&c->params.resources, SPEC_LIMIT_NPROC) };
	autofree char *text = NULL;
	struct container_change change = {
		.expected = STARTABLE,
		.set = CONTAINER_SET_STATE | CONTAINER_SET_PID | CONTAINER_SET_MONITOR | CONTAINER_SET_RUNTIME | CONTAINER_SET_EXIT |
		       CONTAINER_SET_STARTED | CONTAINER_SET_STOPPED_BY_USER | CONTAINER_SET_ERROR | CONTAINER_SET_HEALTH,
		.to = { .health = (char *)(health_is_defined(&c->params.health) ? "starting" : NULL),
			.state = running ? CONTAINER_RUNNING : CONTAINER_INITIALIZED, .pid = l->pid, .pid_start = l->pid_start,
			.monitor_pid = l->monitor, .monitor_start = l->monitor_start, .started = time_now() },
	};
	struct store *s;

	TRY(ctr_live_format(&live, &text, err));
	change.to.runtime = text;
	TRY(engine_store(c->engine, &s, err));
	int r = store_container_change(s, c->id, &change, NULL, err);
	if (r == 0)
		return fail(err, ERROR_STATE, "container %s was started by somebody else meanwhile: container state improper", c->id);
	if (r < 0)
		return -1;
	/* the caller's copy, without asking the database again */
	TRY(str_set(&c->at.status.health, change.to.health, err));
	free(c->at.status.runtime);
	free(c->at.status.error);
	char *health = c->at.status.health;
	int64_t restarts = c->at.status.restarts;
	c->at.status = change.to;
	c->at.status.health = health;
	c->at.status.restarts = restarts;
	c->at.status.runtime = take_ptr(text);
	return 0;
}

/* Somebody stopped, killed or removed it between its row and its first step: that is the reason then. */
static bool overtaken(struct ctr *c, struct error *err)
{
	struct error gone = {};

	if (err->kind == ERROR_NO_COMMAND || err->kind == ERROR_NOT_EXECUTABLE || ctr_is_in(c, STARTABLE))
		return false;
	bool there = ctr_reread(c, &gone) >= 0;
	if (!there && gone.kind != ERROR_NOT_FOUND)
		return false;
	if (there && !c->at.status.stopped_by_user && c->at.status.state != CONTAINER_REMOVING)
		return false;
	fail(err, ERROR_STATE, "container %s was %s while it was being started: container state improper", c->id,
	     there ? "stopped" : "removed");
	return true;
}

/* Nothing of it ran: the row goes back, the reason is kept. */
static void record_failed(struct ctr *c, const struct error *why)
{
	struct error ignored;
	const struct container_change change = {
		.expected = CONTAINER_STATE_ANY & ~CONTAINER_STATE_BIT(CONTAINER_REMOVING),
		.set = CONTAINER_SET_STATE | CONTAINER_SET_PID | CONTAINER_SET_MONITOR | CONTAINER_SET_RUNTIME | CONTAINER_SET_EXIT |
		       CONTAINER_SET_STARTED | CONTAINER_SET_ERROR,
		.to = { .state = CONTAINER_CREATED, .error = (char *)why->text, .exit_code = error_exit_code(why) },
	};

	ctr_change(c, &change, &ignored);
}

static int reset_health(struct ctr *c, struct error *err)
{
	struct health_check check;
	autoclose int dir = -1;

	if (!health_is_defined(&c->params.health))
		return 0;
	health_check_from(&c->params.health, &check);
	dir = ctr_open_run_dir(c, err);
	return dir < 0 ? -1 : health_reset(dir, &check, c->id, err);
}

/* ---- another runtime ---- */
int ctr_external(const struct ctr *c, struct ctr_live *live, char **ret_run_dir, struct external *ret, struct error *err)
{
	TRY(ctr_live(c, live, err));
	if (!live->runtime)
		return 0;
	TRY(ctr_run_dir(c, ret_run_dir, err));
	*ret = (struct external){ .path = live->runtime, .flags = engine_runtime_flags(c->engine), .id = c->id,
				  .run_dir = *ret_run_dir };
	return 1;
}

/* The monitor only looks on when another runtime holds the start. */
static int start_external(struct ctr *c, struct error *err)
{
	auto_live live = {};
	autofree char *dir = NULL;
	struct external x;
	int r = ctr_external(c, &live, &dir, &x, err);

	if (r <= 0)
		return r;
	return external_start(&x, err);
}

/* ---- launching ---- */
/* The run root forgets everything at a reboot; the container does not. */
static int make_run_dir(const struct ctr *c, struct error *err)
{
	autofree char *path = NULL;

	TRY(ctr_run_dir(c, &path, err));
	return mkdir(path, 0700) < 0 && errno != EEXIST ? fail_errno(err, "make %s", path) : 0;
}

/* Beside the mounts. A container whose network cannot be made does not come to life. */
static int set_up_network(struct ctr *c, struct launch *l, struct ctr_net *net, struct error *err)
{
	struct error child;

	if (ctr_net_apply(c, net, &(struct ctr_net_end){ l->pid, l->netns_fd }, err) >= 0)
		return 0;
	bool gone = err->errnum == ENOENT || err->errnum == ESRCH;   /* it ended by itself, and said why */
	kill(l->pid, SIGKILL);
	if (launch_wait_ready(l, &child) < 0 && gone)
		*err = child;
	return -1;
}

static int launch(struct ctr *c, unsigned role, bool running, struct launch *l, struct error *err)
{
	auto_ctr_net net = CTR_NET_INIT;

	TRY(ctr_load(c, err));
	TRY(make_run_dir(c, err));
	TRY(reset_health(c, err));
	TRY(ctr_net_plan(c, &net, err));
	const bool start_follows = running && !(role & MONITOR_ROLE_STDIN);   /* who types waits for WELCOME first */
	const struct launch_options o = { .role = role, .cleanup = true, .start_follows = start_follows,
					  .net = net.planned ? &net.status : NULL, .keep = net.sockets.v, .n_keep = net.sockets.n };
	if (launch_start(l, c, &o, err) < 0 || launch_wait_pid(l, err) < 0 || set_up_network(c, l, &net, err) < 0 ||
	    record_launched(c, l, &net, running, err) < 0 || launch_wait_ready(l, err) < 0) {
		ctr_net_abort(c, &net);
		hosts_guest_leave(c);
		overtaken(c, err);
		return -1;
	}
	ctr_net_commit(c, &net);
	return 0;
}

static int start_dependencies(struct ctr *c, struct error *err)
{
	TRY(ctr_load(c, err));
	for (size_t i = 0; i < c->config.depends.n; i++) {
		auto_ctr *other = NULL;
		if (ctr_find(c->engine, c->config.depends.v[i], &other, err) < 0)
			return fail_wrap(err, "dependency of container %s", c->id);
		if (ctr_start(other, err) < 0)
			return fail_wrap(err, "starting dependency %s of container %s", other->id, c->id);
	}
	return 0;
}

/* Locks (the caller releases), looks again and launches. 1: it was running; 2: it was initialized (nothing launched). */
static int launch_locked(struct ctr *c, unsigned role, bool running, struct launch *l, struct lock *ret, struct error *err)
{
	if (ctr_is_working(c))
		return fail(err, ERROR_STATE, "container %s is a working container: it cannot be started, use buildah run", c->at.record.name);
	TRY(start_dependencies(c, err));
	TRY(ctr_lock(c, ret, err));
	TRY(ctr_reread(c, err));
	if (c->at.status.state == CONTAINER_INITIALIZED)
		return 2;
	if (ctr_is_running(c))
		return 1;
	if (!ctr_is_in(c, STARTABLE)) {
		if (c->at.status.state == CONTAINER_PAUSED)
			return fail(err, ERROR_STATE, "container %s must be in Created or Stopped state to be started: container state "
						      "improper", c->id);
		return ctr_fail_state(c, "container must be in created or stopped state to be started", err);
	}
	if (launch(c, role, running, l, err) < 0) {
		record_failed(c, err);
		return -1;
	}
	return 0;
}

/* A hook that fails is told and changes nothing: the command runs already. */
static void run_poststart(struct ctr *c)
{
	struct error failed;

	if (hooks_run(c, OCI_HOOK_POSTSTART, "running", &failed) < 0)
		log_warn(c->engine->log, "container %s: poststart: %s", c->id, failed.text);
}

int ctr_init(struct ctr *c, struct error *err)
{
	auto_launch l = LAUNCH_INIT;
	auto_lock lock = LOCK_INIT;
	int r = launch_locked(c, MONITOR_ROLE_WAIT, false, &l, &lock, err);

	if (r > 0)
		return fail(err, ERROR_STATE, "container %s has already been created in runtime: container state improper", c->id);
	if (r < 0)
		return -1;
	ctr_event(c, EVENT_INIT);
	return 0;
}

static int change_to_running(struct ctr *c, struct error *err)
{
	const struct container_change change = {
		.expected = CONTAINER_STATE_BIT(CONTAINER_INITIALIZED), .set = CONTAINER_SET_STATE | CONTAINER_SET_STARTED,
		.to = { .state = CONTAINER_RUNNING, .started = time_now() },
	};

	return ctr_change(c, &change, err) < 0 ? -1 : 0;
}

static int connect_initialized(struct ctr *c, int *ret_fd, struct error *err)
{
	autoclose int dir = ctr_open_run_dir(c, err);

	if (dir < 0)
		return -1;
	int r = monitor_connect(dir, MONITOR_SOCKET_NAME, ret_fd, err);
	if (r == 0)
		return fail(err, ERROR_STATE, "the monitor of container %s is gone: container state improper", c->id);
	return r < 0 ? -1 : 0;
}

/* From the row to the first step of the command, under the lock. 1: it was running. */
static int start_locked(struct ctr *c, struct error *err)
{
	auto_launch l = LAUNCH_INIT;
	auto_lock lock = LOCK_INIT;
	autoclose int fd = -1;
	int r = launch_locked(c, MONITOR_ROLE_WAIT | MONITOR_ROLE_ABANDON, true, &l, &lock, err);

	if (r < 0 || r == 1)
		return r;
	if (r == 2) {
		TRY(connect_initialized(c, &fd, err));
		TRY(monitor_hello(fd, MONITOR_ROLE_WAIT, NULL, NULL, err));
		TRY(change_to_running(c, err));
	} else {
		fd = take_fd(l.client);
	}
	if (monitor_start(fd, err) < 0 || start_external(c, err) < 0)
		return ctr_start_failed(c, err);
	return 0;
}

int ctr_start(struct ctr *c, struct error *err)
{
	int r = start_locked(c, err);

	if (r != 0)
		return r;
	ctr_event(c, EVENT_INIT);
	ctr_event(c, EVENT_START);
	run_poststart(c);
	return 0;
}

/* Another runtime holds the start: the monitor is told first, so that no output comes before its answer. 1: it runs. */
static int attach_external(struct ctr *c, int client, const struct attach_options *o, struct attach *ret, struct error *err)
{
	TRY(attach_inherit(client, o, ret, err));
	if (attach_start(ret, err) < 0 || start_external(c, err) < 0)
		return ctr_start_failed(c, err);
	ctr_event(c, EVENT_INIT);
	ctr_event(c, EVENT_START);
	run_poststart(c);
	return 1;
}

int ctr_start_attached(struct ctr *c, const struct attach_options *o, struct attach *ret, struct error *err)
{
	auto_launch l = LAUNCH_INIT;
	auto_lock lock = LOCK_INIT;
	unsigned role = attach_role(o) | MONITOR_ROLE_ABANDON;
	int r = launch_locked(c, role, true, &l, &lock, err);

	if (r < 0)
		return -1;
	if (r == 0 && l.runtime)
		return attach_external(c, take_fd(l.client), o, ret, err);
	if (r == 0)
		return attach_inherit(take_fd(l.client), o, ret, err) < 0 ? -1 : 0;
	if (r == 2)
		TRY(change_to_running(c, err));
	int attached = ctr_attach(c, o, ret, err);
	if (attached == 0)
		return fail(err, ERROR_STATE, "the monitor of container %s is gone: container state improper", c->id);
	return attached < 0 ? -1 : r == 1;
}

void ctr_started_attached(struct ctr *c, bool was_running)
{
	if (!was_running) {
		ctr_event(c, EVENT_INIT);
		ctr_event(c, EVENT_START);
		run_poststart(c);
	}
	ctr_event(c, EVENT_ATTACH);
}

int ctr_start_failed(struct ctr *c, struct error *err)
{
	struct error ignored;
	auto_cgroup cgroup = CGROUP_INIT;
	auto_live live = {};

	if (overtaken(c, err))
		return -1;   /* and who did that cleans up */
	if (ctr_live(c, &live, &ignored) >= 0)
		ctr_net_teardown(c, live.net, &ignored);
	hosts_guest_leave(c);
	if (ctr_cgroup(c, &cgroup, &ignored) > 0)
		cgroup_remove(&cgroup, &ignored);
	record_failed(c, err);
	return oci_error(c->engine, err);
}

int ctr_attach(struct ctr *c, const struct attach_options *o, struct attach *ret, struct error *err)
{
	autoclose int dir = ctr_open_run_dir(c, err);

	if (dir < 0)
		return -1;
	return attach_open(dir, o, ret, err);
}
