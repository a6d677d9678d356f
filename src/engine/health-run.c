/* SPDX-License-Identifier: Apache-2.0
 * One health check of a running container, from the command in it to what follows from its result. The container's
 * lock is not held: a check may take long, and stopping the container must not wait for it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/container-impl.h"
#include "engine/event.h"
#include "engine/exec.h"
#include "engine/health.h"
#include "monitor/protocol.h"
#include "os/lock.h"
#include "os/process.h"

#define OUTPUT_MAX ((size_t)1 << 20)
#define INTERVAL_DEFAULT (30 * NSEC_PER_SEC)

static int64_t or_default(struct opt_int v, int64_t fallback)
{
	return v.set ? v.value : fallback;
}

static enum health_action action_parse(const char *name)
{
	for (int i = 0; name && health_action_names[i]; i++)
		if (streq(name, health_action_names[i]))
			return (enum health_action)i;
	return HEALTH_NONE;
}

void health_check_from(const struct params_health *p, struct health_check *ret)
{
	*ret = (struct health_check){
		.test = &p->test,
		.interval_ns = p->interval_off ? 0 : or_default(p->interval, INTERVAL_DEFAULT),
		.timeout_ns = or_default(p->timeout, INTERVAL_DEFAULT),
		.start_period_ns = or_default(p->start_period, 0),
		.retries = p->retries.set ? (int64_t)p->retries.value : 3,
		.startup_test = p->startup_test.n ? &p->startup_test : NULL,
		.startup_interval_ns = or_default(p->startup_interval, INTERVAL_DEFAULT),
		.startup_timeout_ns = or_default(p->startup_timeout, INTERVAL_DEFAULT),
		.startup_retries = (int64_t)p->startup_retries.value,
		.startup_successes = (int64_t)p->startup_success.value,
		.on_failure = action_parse(p->on_failure),
		.max_log_count = p->max_log_count.set ? p->max_log_count.value : 5,
		.max_log_size = p->max_log_size.set ? p->max_log_size.value : 500,
		.log_destination = p->log_destination,
	};
}

bool health_is_defined(const struct params_health *p)
{
	return p->test.n > 0 && !streq(p->test.v[0], "NONE") && *p->test.v[0];
}

struct health_job {
	struct ctr *c;
	struct health_check check;
	int dir;                /* run-time directory */
	int init_pidfd;         /* the container's first process */
	bool killed;            /* the command got SIGKILL, not from us */
	char *path;             /* of the record */
	struct buf output;
	struct health_result result;
	bool startup;           /* it is a startup check */
	bool timed_out;
};

static void job_done(struct health_job *j)
{
	close_p(&j->dir);
	close_p(&j->init_pidfd);
	free(j->path);
	buf_done(&j->output);
}

/* ---- the command ---- */

/* Takes what is there; what passes the ceiling is read and dropped, the command must not hang on it. */
static bool read_output(struct health_job *j, int fd)
{
	char block[4096];
	ssize_t n = read(fd, block, sizeof(block));

	if (n > 0 && j->output.len + (size_t)n <= OUTPUT_MAX)
		buf_add(&j->output, block, (size_t)n);
	return n > 0 || (n < 0 && (errno == EINTR));
}

/* Until the process has ended, or the deadline: then it is killed. */
static int collect(struct health_job *j, const struct exec_run *run, int from, int64_t timeout_ns, struct error *err)
{
	int64_t deadline = timeout_ns > 0 ? time_monotonic() + timeout_ns : -1;

	for (bool open = true;;) {
		struct pollfd p[2] = { { run->pidfd, POLLIN, 0 }, { open ? from : -1, POLLIN, 0 } };
		int64_t left = deadline < 0 ? -1 : deadline - time_monotonic();
		struct timespec ts = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };

		if (deadline >= 0 && left <= 0) {
			j->timed_out = true;
			process_signal(run->pidfd, SIGKILL, err);
			return 0;
		}
		if (ppoll(p, 2, deadline < 0 ? NULL : &ts, NULL) < 0 && errno != EINTR)
			return fail_errno(err, "wait for the health check");
		if (p[1].revents)
			open = read_output(j, from);
		else if (p[0].revents)
			return 0;
	}
}

static int run_command(struct health_job *j, const struct strv *command, int64_t timeout_ns, struct error *err)
{
	const struct exec_params params = { .command = *command, .no_session = true };
	auto_exec_run run = EXEC_RUN_INIT;
	int pipe_fds[2], code;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return fail_errno(err, "make a pipe");
	autoclose int from = pipe_fds[0], to = pipe_fds[1];
	autoclose int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || fcntl(from, F_SETFL, O_NONBLOCK) < 0)
		return fail_errno(err, "prepare the health check's output");
	TRY(exec_start(j->c, &params, (int[]){ null, to, to }, &run, err));
	close(take_fd(to));
	int collected = collect(j, &run, from, timeout_ns, err);
	TRY(exec_wait(&run, &code, err));
	TRY(collected);
	while (!j->timed_out && read_output(j, from))
		;
	j->result.exit_code = j->timed_out ? -1 : code ? 1 : 0;
	j->killed = !j->timed_out && code == 128 + SIGKILL;
	return 0;
}

/* A command that cannot be run is an unhealthy container, not an error of ours. */
static int check(struct health_job *j, const struct strv *command, int64_t timeout_ns, struct error *err)
{
	j->result.start_ns = time_now();
	int r = run_command(j, command, timeout_ns, err);
	j->result.end_ns = time_now();
	if (r < 0) {
		bool cannot = err->kind == ERROR_NO_COMMAND || err->kind == ERROR_NOT_EXECUTABLE ||
			      err->kind == ERROR_RUNTIME;
		j->result.exit_code = cannot ? 1 : 125;
		r = cannot ? 0 : -1;
	}
	buf_add_char(&j->output, '\0');
	j->result.output = j->output.data;
	return r;
}

/* A container that is stopped takes the command down with it, perhaps a moment before its own first process is seen
 * as ended: a killed command waits for that. */
static void look_whether_stopped(struct health_job *j)
{
	struct error ignored;

	if (j->result.exit_code != 0)
		j->result.container_stopped =
			process_wait_exit(j->init_pidfd, j->killed ? NSEC_PER_SEC / 2 : 0, &ignored) != 0;
}

/* ---- what follows ---- */

static int record(struct health_job *j, struct health_record *record, struct health_outcome *out, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	const struct lock_how how = { .mode = LOCK_EXCLUSIVE, .class = LOCK_UNORDERED, .timeout_ns = -1 };
	struct container_change change = { .set = CONTAINER_SET_HEALTH };
	bool same;

	TRY(lock_acquire(j->dir, "healthcheck.lock", how, &lock, err));
	TRY(health_record_load(j->dir, j->path, record, err));
	TRY(health_apply(&j->check, j->c->at.status.started, &j->result, record, out, err));
	TRY(health_record_save(j->dir, j->path, record, err));
	same = streq0(j->c->at.status.health, record->status);
	change.to.health = record->status;
	return same ? 0 : ctr_change(j->c, &change, err);
}

static void tell_event(struct health_job *j, const struct health_record *record)
{
	const struct ctr *c = j->c;
	const struct health_log *log = record->log.v;
	const char *where = j->check.log_destination;
	const struct event e = {
		.type = EVENT_CONTAINER,
		.status = EVENT_HEALTH_STATUS,
		.id = c->id,
		.name = c->at.record.name,
		.image = c->at.record.image_name,
		.pod_id = c->at.record.pod,
		.attributes = &c->params.basic.labels,
		.health_status = record->status,
		.health_failing_streak = record->failing_streak,
		.health_log =
			where && streq(where, "events_logger") && record->log.n ? log[record->log.n - 1].output : NULL,
	};

	if (c->engine->conf.engine.healthcheck_events)
		engine_event(c->engine, &e);
}

/* The monitor keeps the timer. That it is gone is no matter: then there is nothing to time either. */
static void tell_monitor(struct health_job *j, const struct health_outcome *out)
{
	struct error ignored;
	int64_t interval = j->check.interval_ns;

	if (out->startup_done)
		monitor_request(j->dir, MONITOR_HEALTH_INTERVAL, 0, &interval, sizeof(interval), &ignored);
	if (out->ready && j->c->params.basic.sdnotify_mode && streq(j->c->params.basic.sdnotify_mode, "healthy"))
		monitor_request(j->dir, MONITOR_HEALTH_READY, 0, NULL, 0, &ignored);
}

static int act(struct health_job *j, const struct health_outcome *out, struct error *err)
{
	const struct ctr_stop_options stop = {};
	enum health_action action = out->restart            ? HEALTH_RESTART
				    : out->turned_unhealthy ? j->check.on_failure
							    : HEALTH_NONE;

	switch (action) {
	case HEALTH_KILL:
		return ctr_kill(j->c, SIGKILL, err) < 0
			       ? fail_wrap(err, "killing container health-check turned unhealthy")
			       : 0;
	case HEALTH_RESTART:
		return ctr_restart(j->c, &stop, err) < 0 ?
			       fail_wrap(err, "restarting container after health-check turned unhealthy") : 0;
	case HEALTH_STOP:
		return ctr_stop(j->c, &stop, err) < 0 ?
			       fail_wrap(err, "stopping container after health-check turned unhealthy") : 0;
	default:
		return 0;
	}
}

static int finish(struct health_job *j, struct health_outcome *ret, struct error *err)
{
	auto_health_record r = {};

	look_whether_stopped(j);
	if (record(j, &r, ret, err) < 0)
		return fail_wrap(err, "unable to update health check log %s for %s", j->path, j->c->id);
	tell_event(j, &r);
	tell_monitor(j, ret);
	return j->result.container_stopped ? 0 : act(j, ret, err);
}

static int prepare(struct health_job *j, struct strv *command, struct error *err)
{
	auto_health_record before = {};
	struct ctr *c = j->c;

	if (c->at.status.state != CONTAINER_RUNNING)
		return fail(err, ERROR_STATE, "container %s is not running", c->id);
	TRY(ctr_load(c, err));
	health_check_from(&c->params.health, &j->check);
	if (!health_is_defined(&c->params.health))
		return fail(err, ERROR_STATE, "container %s has no defined healthcheck", c->id);
	if (ctr_open_init(c, &j->init_pidfd, err) <= 0)
		return fail(err, ERROR_STATE, "container %s is not running", c->id);
	j->dir = ctr_open_run_dir(c, err);
	if (j->dir < 0)
		return -1;
	TRY(health_record_path(&j->check, c->id, &j->path, err));
	TRY(health_record_load(j->dir, j->path, &before, err));
	j->startup = j->check.startup_test && !before.startup_passed;
	return health_command(c->id, j->startup ? j->check.startup_test : j->check.test, command, err);
}

int health_run(struct ctr *c, struct health_outcome *ret, struct error *err)
{
	CLEANUP(job_done)
	struct health_job j = {.c = c, .dir = -1, .init_pidfd = -1, .output = BUF_INIT(OUTPUT_MAX + 1)};
	auto_strv command = {};
	struct error failed = {};
	char text[40];

	TRY(prepare(&j, &command, err));
	int64_t timeout = j.startup ? j.check.startup_timeout_ns : j.check.timeout_ns;
	int r = check(&j, &command, timeout, &failed);
	TRY(finish(&j, ret, err));
	if (j.result.container_stopped)
		return 0;
	if (r < 0) {
		*err = failed;
		return -1;
	}
	if (j.timed_out)
		return fail(err, ERROR_TIMEOUT, "healthcheck command exceeded timeout of %s",
			    duration_format(timeout, text));
	return 0;
}

int health_read(const struct ctr *c, struct health_record *ret, struct error *err)
{
	struct health_check check;
	autofree char *path = NULL;
	autoclose int dir = -1;

	health_check_from(&c->params.health, &check);
	TRY(health_record_path(&check, c->id, &path, err));
	dir = ctr_open_run_dir(c, err);
	if (dir < 0)
		return -1;
	return health_record_load(dir, path, ret, err);
}
