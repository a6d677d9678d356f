/* SPDX-License-Identifier: Apache-2.0
 * Signals, stop, pause, restart, rename, wait. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/param.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/container-impl.h"
#include "engine/names.h"
#include "engine/network.h"
#include "monitor/exit.h"
#include "os/process.h"

/* ---- signals ---- */
static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "HUP", SIGHUP }, { "INT", SIGINT }, { "QUIT", SIGQUIT }, { "ILL", SIGILL }, { "TRAP", SIGTRAP }, { "ABRT", SIGABRT },
	{ "BUS", SIGBUS }, { "FPE", SIGFPE }, { "KILL", SIGKILL }, { "USR1", SIGUSR1 }, { "SEGV", SIGSEGV },
	{ "USR2", SIGUSR2 }, { "PIPE", SIGPIPE }, { "ALRM", SIGALRM }, { "TERM", SIGTERM }, { "STKFLT", SIGSTKFLT },
	{ "CHLD", SIGCHLD }, { "CONT", SIGCONT }, { "STOP", SIGSTOP }, { "TSTP", SIGTSTP }, { "TTIN", SIGTTIN },
	{ "TTOU", SIGTTOU }, { "URG", SIGURG }, { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ }, { "VTALRM", SIGVTALRM },
	{ "PROF", SIGPROF }, { "WINCH", SIGWINCH }, { "IO", SIGIO }, { "PWR", SIGPWR }, { "SYS", SIGSYS }, { "IOT", SIGIOT },
	{ "CLD", SIGCHLD }, { "POLL", SIGPOLL },
};

/* RTMIN, RTMIN+3, RTMAX, RTMAX-2: the kernel's numbers 34..64, as Go's signal tables have them */
static bool real_time(const char *name, int *ret)
{
	const char *min = str_after(name, "RTMIN"), *max = str_after(name, "RTMAX");
	int64_t n = 0;

	if (min && (!*min || (*min == '+' && parse_i64(min + 1, &n) && n >= 0 && n <= 15))) {
		*ret = 34 + (int)n;
		return true;
	}
	if (max && (!*max || (*max == '-' && parse_i64(max + 1, &n) && n >= 0 && n <= 14))) {
		*ret = 64 - (int)n;
		return true;
	}
	return false;
}

int signal_parse(const char *s, int *ret, struct error *err)
{
	char upper[16];
	const char *name;
	int64_t n;
	size_t i;

	if (*s == '-')
		s++;   /* kill -s -HUP */
	name = strncasecmp(s, "SIG", 3) == 0 ? s + 3 : s;

	if (parse_i64(s, &n)) {
		if (n == 0)
			return fail(err, ERROR_INVALID, "invalid signal: %s", s);
		if (n < 1 || n > 64)
			return fail(err, ERROR_INVALID, "valid signals are 1 through 64");
		*ret = (int)n;
		return 0;
	}
	for (i = 0; name[i] && i < sizeof(upper) - 1; i++)
		upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
	upper[i] = '\0';
	if (real_time(upper, ret))
		return 0;
	for (i = 0; i < ARRAY_LEN(signals); i++)
		if (streq(upper, signals[i].name)) {
			*ret = signals[i].number;
			return 0;
		}
	return fail(err, ERROR_INVALID, "invalid signal: %s", s);
}

const char *signal_name(int sig)
{
	static const char *const names[] = {
		[SIGHUP] = "SIGHUP", [SIGINT] = "SIGINT", [SIGQUIT] = "SIGQUIT", [SIGKILL] = "SIGKILL", [SIGUSR1] = "SIGUSR1",
		[SIGUSR2] = "SIGUSR2", [SIGTERM] = "SIGTERM", [SIGCONT] = "SIGCONT", [SIGSTOP] = "SIGSTOP", [SIGPWR] = "SIGPWR",
		[SIGWINCH] = "SIGWINCH", [SIGABRT] = "SIGABRT", [SIGSEGV] = "SIGSEGV", [SIGALRM] = "SIGALRM",
		[SIGPIPE] = "SIGPIPE", [SIGTSTP] = "SIGTSTP", [SIGTRAP] = "SIGTRAP", [SIGILL] = "SIGILL", [SIGBUS] = "SIGBUS",
		[SIGFPE] = "SIGFPE", [SIGSTKFLT] = "SIGSTKFLT", [SIGCHLD] = "SIGCHLD", [SIGTTIN] = "SIGTTIN",
		[SIGTTOU] = "SIGTTOU", [SIGURG] = "SIGURG", [SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ",
		[SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF", [SIGIO] = "SIGIO", [SIGSYS] = "SIGSYS",
		[37] = "SIGRTMIN+3",
	};

	return sig > 0 && sig < (int)ARRAY_LEN(names) ? names[sig] : NULL;
}

int ctr_stop_signal(const struct ctr *c)
{
	struct error ignored;
	int sig = SIGTERM;

	if (c->params.process.stop_signal)
		signal_parse(c->params.process.stop_signal, &sig, &ignored);
	return sig;
}

static int send_signal(struct ctr *c, int sig, struct error *err)
{
	autoclose int pidfd = -1;
	int r = ctr_open_init(c, &pidfd, err);

	return r <= 0 ? r : process_signal(pidfd, sig, err);
}

int ctr_kill(struct ctr *c, int sig, struct error *err)
{
	if (!ctr_is_running(c) && c->at.status.state != CONTAINER_PAUSED)
		return ctr_fail_state(c, "can only kill running containers", err);
	TRY(ctr_load(c, err));
	if (sig == SIGKILL || sig == ctr_stop_signal(c)) {
		const struct container_change by_user = { .set = CONTAINER_SET_STOPPED_BY_USER, .to = { .stopped_by_user = true } };
		TRY(ctr_change(c, &by_user, err));
	}
	TRY(send_signal(c, sig, err));
	ctr_event(c, EVENT_KILL);
	return 0;
}

/* ---- waiting for the end ---- */
/* 1 it ended (or is not running); 0 the time is over */
static int wait_gone(struct ctr *c, int64_t timeout_ns, struct error *err)
{
	autoclose int pidfd = -1;
	int r = ctr_open_init(c, &pidfd, err);

	if (r < 0)
		return -1;
	return r == 0 ? 1 : process_wait_exit(pidfd, timeout_ns, err);
}

/* The first process is gone; its monitor records that and cleans up. Whoever is faster does it. */
static int settle(struct ctr *c, struct error *err)
{
	const struct ctr_cleanup_options o = { .no_restart = true };
	int64_t deadline = time_monotonic() + 10 * NSEC_PER_SEC;
	struct error gone = {};

	for (int64_t pause = 500000; time_monotonic() < deadline; pause = MIN(pause + pause / 2, 20000000)) {
		if (ctr_reread(c, &gone) < 0)
			break;
		if (!ctr_is_in(c, CONTAINER_STATE_ALIVE | CONTAINER_STATE_BIT(CONTAINER_STOPPED)))
			return 0;
		if (ctr_is_in(c, CONTAINER_STATE_ALIVE) && ctr_sync(c, &gone) < 0)
			break;
		if (c->at.status.state == CONTAINER_STOPPED && ctr_cleanup(c, &o, &gone) < 0)
			break;
		if (ctr_is_in(c, CONTAINER_STATE_BIT(CONTAINER_EXITED)))
			return 0;
		usleep((useconds_t)(pause / 1000));
	}
	if (gone.kind == ERROR_NOT_FOUND)
		return 0;   /* --rm */
	if (gone.kind != ERROR_NONE) {
		*err = gone;
		return -1;
	}
	return fail(err, ERROR_TIMEOUT, "container %s has ended but is not cleaned up", c->id);
}

static int kill_hard(struct ctr *c, struct error *err)
{
	auto_cgroup cgroup = CGROUP_INIT;
	struct error ignored;
	int r;

	TRY(send_signal(c, SIGKILL, err));
	if (ctr_cgroup(c, &cgroup, &ignored) > 0 && cgroup.made && c->params.ns.pid.mode != NS_PRIVATE)
		cgroup_kill(&cgroup, &ignored);
	r = wait_gone(c, 30 * NSEC_PER_SEC, err);
	if (r == 0)
		return fail(err, ERROR_TIMEOUT, "sending SIGKILL to container %s did not end it", c->id);
	return r < 0 ? -1 : 0;
}

static int thaw_if_paused(struct ctr *c, struct error *err)
{
	auto_cgroup cgroup = CGROUP_INIT;

	if (c->at.status.state != CONTAINER_PAUSED)
		return 0;
	int r = ctr_cgroup(c, &cgroup, err);
	return r <= 0 ? r : cgroup_thaw(&cgroup, err);
}

/* Under the lock: one that is just being started comes to its first step before it is stopped. */
static int change_to_stopping(struct ctr *c, struct error *err)
{
	const struct container_change stopping = {
		.expected = CONTAINER_STATE_ALIVE, .set = CONTAINER_SET_STATE | CONTAINER_SET_STOPPED_BY_USER,
		.to = { .state = CONTAINER_STOPPING, .stopped_by_user = true },
	};
	auto_lock lock = LOCK_INIT;

	TRY(ctr_lock(c, &lock, err));
	return ctr_change(c, &stopping, err);
}

int ctr_stop_begin(struct ctr *c, struct error *err)
{
	TRY(ctr_load(c, err));
	if (!ctr_is_running(c))
		return 1;
	int r = change_to_stopping(c, err);
	if (r <= 0)
		return r < 0 ? -1 : 1;
	return send_signal(c, ctr_stop_signal(c), err) < 0 ? -1 : 0;
}

int ctr_stop(struct ctr *c, const struct ctr_stop_options *o, struct error *err)
{

	TRY(ctr_load(c, err));
	if (c->at.status.state == CONTAINER_STOPPED)
		return settle(c, err) < 0 ? -1 : 1;
	if (!ctr_is_in(c, CONTAINER_STATE_ALIVE))
		return 1;
	uint64_t seconds = o->timeout.set ? o->timeout.value :
			   c->params.process.stop_timeout.set ? c->params.process.stop_timeout.value : 10;
	bool hard = c->at.status.state == CONTAINER_INITIALIZED;
	TRY(thaw_if_paused(c, err));
	int r = change_to_stopping(c, err);
	if (r <= 0)
		return r < 0 ? -1 : settle(c, err);
	if (!hard && seconds) {
		if (!o->signalled)
			TRY(send_signal(c, o->sig ? o->sig : ctr_stop_signal(c), err));
		r = wait_gone(c, seconds > 1000000 ? -1 : (int64_t)seconds * NSEC_PER_SEC, err);
		if (r < 0)
			return -1;
		if (r == 0)
			log_warn(c->engine->log, "StopSignal %s failed to stop container %s in %llu seconds, resorting to SIGKILL",
				 signal_name(ctr_stop_signal(c)) ? signal_name(ctr_stop_signal(c)) : "",
				 c->at.record.name, (unsigned long long)seconds);
		hard = r == 0;
	} else {
		hard = true;
	}
	if (hard)
		TRY(kill_hard(c, err));
	TRY(settle(c, err));
	ctr_event(c, EVENT_STOP);
	return 0;
}

int ctr_restart(struct ctr *c, const struct ctr_stop_options *o, struct error *err)
{
	if (c->at.status.state == CONTAINER_PAUSED)
		return fail(err, ERROR_STATE, "unable to restart a container in a paused or unknown state: container state improper");
	TRY(ctr_stop(c, o, err));
	TRY(ctr_start(c, err));
	ctr_event(c, EVENT_RESTART);
	return 0;
}

/* ---- pause ---- */
static int freeze_change(struct ctr *c, enum container_state from, enum container_state to, struct error *err)
{
	const struct container_change change = {
		.expected = CONTAINER_STATE_BIT(from), .set = CONTAINER_SET_STATE, .to = { .state = to },
	};
	int r = ctr_change(c, &change, err);

	return r < 0 ? -1 : r ? 0 : ctr_fail_state(c, "the container changed meanwhile", err);
}

static int open_frozen(struct ctr *c, struct cgroup *cgroup, struct error *err)
{
	int r = ctr_cgroup(c, cgroup, err);

	if (r < 0)
		return -1;
	if (r == 0 || !cgroup->made)
		return fail(err, ERROR_UNSUPPORTED, "container %s has no control group: pausing needs one%s", c->id,
			    c->engine->paths.rootless ? " (rootless: cgroup v2 with delegation)" : "");
	return 0;
}

int ctr_pause(struct ctr *c, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	auto_cgroup cgroup = CGROUP_INIT;

	TRY(ctr_sync(c, err));   /* may clean up, which takes the lock itself */
	TRY(ctr_lock(c, &lock, err));
	TRY(ctr_reread(c, err));
	if (c->at.status.state == CONTAINER_PAUSED)
		return fail(err, ERROR_STATE, "\"%s\" is already paused: container state improper", c->id);
	if (c->at.status.state != CONTAINER_RUNNING)
		return fail(err, ERROR_STATE, "\"%s\" is not running, can't pause: container state improper", c->id);
	TRY(open_frozen(c, &cgroup, err));
	TRY(cgroup_freeze(&cgroup, err));
	TRY(freeze_change(c, CONTAINER_RUNNING, CONTAINER_PAUSED, err));
	ctr_event(c, EVENT_PAUSE);
	return 0;
}

int ctr_unpause(struct ctr *c, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	auto_cgroup cgroup = CGROUP_INIT;

	TRY(ctr_sync(c, err));   /* may clean up, which takes the lock itself */
	TRY(ctr_lock(c, &lock, err));
	TRY(ctr_reread(c, err));
	if (c->at.status.state != CONTAINER_PAUSED)
		return fail(err, ERROR_STATE, "\"%s\" is not paused, can't unpause: container state improper", c->id);
	TRY(open_frozen(c, &cgroup, err));
	TRY(cgroup_thaw(&cgroup, err));
	TRY(freeze_change(c, CONTAINER_PAUSED, CONTAINER_RUNNING, err));
	ctr_event(c, EVENT_UNPAUSE);
	return 0;
}

/* ---- names ---- */
int ctr_rename(struct ctr *c, const char *name, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	struct store *s;

	TRY(name_check(name, err));
	TRY(engine_store(c->engine, &s, err));
	TRY(ctr_lock(c, &lock, err));
	if (streq(c->at.record.name, name))
		return fail(err, ERROR_EXISTS, "renaming container %s: container already has that name: name \"%s\" is in use: "
					       "container already exists", c->id, name);
	TRY(store_container_rename(s, c->id, name, err));
	TRY(str_set(&c->at.record.name, name, err));
	ctr_event(c, EVENT_RENAME);
	return ctr_net_rename(c, err);
}

/* ---- wait ---- */
const char *const ctr_condition_names[] = {
	[WAIT_CONFIGURED] = "configured", [WAIT_CREATED] = "created", [WAIT_INITIALIZED] = "initialized",
	[WAIT_RUNNING] = "running", [WAIT_PAUSED] = "paused", [WAIT_STOPPING] = "stopping", [WAIT_STOPPED] = "stopped",
	[WAIT_EXITED] = "exited", [WAIT_REMOVING] = "removing", [WAIT_UNKNOWN] = "unknown", [WAIT_HEALTHY] = "healthy",
	[WAIT_UNHEALTHY] = "unhealthy", NULL,
};

unsigned ctr_conditions(const struct ctr *c)
{
	static const unsigned by_state[] = {
		[CONTAINER_CREATED] = 1u << WAIT_CONFIGURED | 1u << WAIT_CREATED, [CONTAINER_INITIALIZED] = 1u << WAIT_INITIALIZED,
		[CONTAINER_RUNNING] = 1u << WAIT_RUNNING, [CONTAINER_PAUSED] = 1u << WAIT_PAUSED,
		[CONTAINER_STOPPING] = 1u << WAIT_STOPPING, [CONTAINER_STOPPED] = 1u << WAIT_STOPPED,
		[CONTAINER_EXITED] = 1u << WAIT_EXITED | 1u << WAIT_STOPPED, [CONTAINER_REMOVING] = 1u << WAIT_REMOVING,
	};
	const char *health = c->at.status.health;
	unsigned now = by_state[c->at.status.state];

	if (health && streq(health, "healthy"))
		now |= 1u << WAIT_HEALTHY;
	if (health && streq(health, "unhealthy"))
		now |= 1u << WAIT_UNHEALTHY;
	return now;
}

/* Sleeps until the container ends or the interval is over, whichever is first; *ret_exit says how it ended. 1: it did. */
static int sleep_until_exit(struct ctr *c, int64_t interval_ns, struct monitor_exit *ret_exit, struct error *err)
{
	autoclose int dir = ctr_open_run_dir(c, err), fd = -1;
	struct error lost = {};

	if (dir < 0)
		return -1;
	int r = monitor_connect(dir, MONITOR_SOCKET_NAME, &fd, &lost);
	if (r > 0 && monitor_hello(fd, MONITOR_ROLE_WAIT, NULL, NULL, &lost) >= 0) {
		r = monitor_wait(fd, interval_ns, ret_exit, &lost);
		if (r >= 0)
			return r;
	}
	usleep(interval_ns < 0 || interval_ns > 5000000 ? 5000 : (useconds_t)(interval_ns / 1000));
	return 0;
}

int ctr_wait(struct ctr *c, unsigned conditions, int64_t interval_ns, int64_t *ret_code, struct error *err)
{
	const unsigned ended = 1u << WAIT_STOPPED | 1u << WAIT_EXITED;
	struct monitor_exit x = { .exit_code = -1 };
	struct error gone = {};
	bool known = false;

	if (!conditions)
		conditions = ended;
	for (;;) {
		if (ctr_sync(c, &gone) < 0) {
			if (gone.kind == ERROR_NOT_FOUND && known) {
				*ret_code = x.exit_code;   /* removed (--rm) while we looked */
				return 0;
			}
			*err = gone;
			return -1;
		}
		unsigned now = ctr_conditions(c);
		/* a container that never ran does not run: code 0, as Podman says */
		bool never = c->at.status.state == CONTAINER_CREATED && conditions == ended;
		if ((now & conditions) || never) {
			*ret_code = never ? 0 : (now & conditions & ended) ? c->at.status.exit_code : -1;
			return 0;
		}
		if (!ctr_is_in(c, CONTAINER_STATE_ALIVE)) {
			usleep(interval_ns > 0 && interval_ns < 250000000 ? (useconds_t)(interval_ns / 1000) : 250000);
		} else {
			int r = sleep_until_exit(c, (conditions & ~ended) ? interval_ns : -1, &x, err);
			if (r < 0)
				return -1;
			known |= r > 0;
		}
		if (known && (conditions & ended)) {
			*ret_code = x.exit_code;
			return 0;
		}
		if (ctr_reread(c, &gone) < 0) {
			*err = gone;
			return -1;
		}
	}
}
