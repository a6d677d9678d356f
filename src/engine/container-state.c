/* SPDX-License-Identifier: Apache-2.0
 * How the engine's idea of a container keeps up with the world.
 *
 * Truth about a container's end is the monitor's exit record; the row in the run database follows it. Between the two
 * anything may be killed, so whoever reads a row that claims a living process compares (ctr_sync): an exit record is
 * newer -> take it over; first process and monitor both gone without a record -> ended, code unknown; the monitor
 * alone gone -> a new one adopts the container (engine/adopt.h). A STOPPED container whose monitor is gone was not
 * cleaned up by whom it was promised: the reader does it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include "base/units.h"
#include "engine/adopt.h"
#include "engine/container-impl.h"
#include "monitor/exit.h"
#include "os/process.h"

int ctr_change(struct ctr *c, const struct container_change *change, struct error *err)
{
	struct store *s;
	int r;

	TRY(engine_store(c->engine, &s, err));
	r = store_container_change(s, c->id, change, NULL, err);
	if (r < 0)
		return -1;
	TRY(ctr_reread(c, err));
	return r;
}

int ctr_lock(struct ctr *c, struct lock *ret, struct error *err)
{
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	return store_container_lock(s, c->id, -1, ret, err);
}

int ctr_open_init(const struct ctr *c, int *ret_pidfd, struct error *err)
{
	const struct container_status *st = &c->at.status;

	if (!ctr_is_in(c, CONTAINER_STATE_ALIVE) || !st->pid)
		return 0;
	return process_open_verified(st->pid, st->pid_start, ret_pidfd, err);
}

int ctr_cgroup(const struct ctr *c, struct cgroup *ret, struct error *err)
{
	auto_live live = {};

	TRY(ctr_live(c, &live, err));
	if (str_empty(live.cgroup))
		return 0;
	TRY(cgroup_open(live.cgroup, ret, err));
	return 1;
}

int ctr_record_exit(struct ctr *c, const struct monitor_exit *x, struct error *err)
{
	const struct container_change change = {
		.expected = CONTAINER_STATE_ALIVE,
		.set = CONTAINER_SET_STATE | CONTAINER_SET_EXIT | CONTAINER_SET_PID,
		.to = { .state = CONTAINER_STOPPED, .exited = x->exit_code >= 0, .exit_code = x->timed_out ? TIMED_OUT_CODE : x->exit_code,
			.finished = x->finished_ns ? x->finished_ns : time_now(), .oom_killed = x->oom },
	};

	return ctr_change(c, &change, err);
}

/* 1 *ret read; 0 no record yet. A record in the container's store directory outlives the run-time directory. */
static int read_exit(const struct ctr *c, struct monitor_exit *ret, struct error *err)
{
	autofree char *run = NULL, *dir = NULL, *path = NULL;
	int r;

	TRY(ctr_run_dir(c, &run, err));
	TRY(str_printf(&path, err, "%s/" EXIT_RECORD_NAME, run));
	r = exit_record_read(AT_FDCWD, path, ret, err);
	if (r != 0 || c->at.record.transient)
		return r;
	free(take_ptr(path));
	TRY(ctr_dir(c, &dir, err));
	TRY(str_printf(&path, err, "%s/" EXIT_RECORD_NAME, dir));
	return exit_record_read(AT_FDCWD, path, ret, err);
}

static bool monitor_alive(const struct ctr *c)
{
	const struct container_status *st = &c->at.status;

	return st->monitor_pid && process_is_alive(engine_proc(c->engine), st->monitor_pid, st->monitor_start);
}

/* For lists of a thousand: nobody has taken its number for something else meanwhile, or whoever looks closely finds out. */
static bool monitor_seems_alive(const struct ctr *c)
{
	pid_t pid = c->at.status.monitor_pid;

	return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

/* The processes are gone or going, the row does not know. */
static int sync_alive(struct ctr *c, bool closely, struct error *err)
{
	struct monitor_exit x = { .exit_code = -1 };
	const struct container_status *st = &c->at.status;
	int r;

	if (process_is_alive(engine_proc(c->engine), st->pid, st->pid_start))
		return (closely ? monitor_alive(c) : monitor_seems_alive(c)) ? 0 : ctr_adopt(c, err);
	r = read_exit(c, &x, err);
	if (r < 0)
		return -1;
	if (r == 0 && monitor_alive(c))
		return 0;   /* being written this moment */
	if (r == 0)
		r = read_exit(c, &x, err);   /* it was written between the two looks */
	if (r < 0)
		return -1;
	r = ctr_record_exit(c, &x, err);
	return r < 0 ? -1 : 0;
}

static int catch_up(struct ctr *c, bool closely, struct error *err)
{
	const struct ctr_cleanup_options plain = {};

	if (ctr_is_in(c, CONTAINER_STATE_ALIVE) && c->at.status.pid)
		TRY(sync_alive(c, closely, err));
	if (c->at.status.state == CONTAINER_STOPPED && !monitor_alive(c))
		return ctr_cleanup(c, &plain, err) < 0 ? -1 : 0;
	return 0;
}

int ctr_sync(struct ctr *c, struct error *err)
{
	return catch_up(c, true, err);
}

int ctr_sync_listed(struct ctr *c, struct error *err)
{
	return catch_up(c, false, err);
}

int ctr_fail_state(const struct ctr *c, const char *what, struct error *err)
{
	return fail(err, ERROR_STATE, "%s. %s is in state %s: container state improper", what, c->id,
		    container_state_name(c->at.status.state));
}
