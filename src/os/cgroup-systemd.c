/* SPDX-License-Identifier: Apache-2.0
 * os/cgroup-systemd.c - systemd as cgroup manager: a transient scope per container, delegated to us.
 *
 * A scope is started with a process in it, but the group is needed before the container's first process exists (that is
 * cloned straight into it). So a keeper sits in the scope meanwhile: a forked process that waits for the end of a pipe
 * which struct cgroup holds open. Limits are set twice: as unit properties, because systemd writes those again whenever it
 * reloads, and through the files by cgroup_set(), for what systemd has no name for. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/units.h"
#include "os/file.h"
#include "os/process.h"
#include "os/systemd-bus.h"

/* ---- names ---- */

struct names {
	char slice[128], scope[256];
};

static bool is_unit_part(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr(":-_.\\@", c)))
			return false;
	}
	return true;
}

/* "slice:prefix:name"; an empty slice is the usual one, an empty prefix none. */
static int parse_names(const struct cgroup_create *how, struct names *n, struct error *err)
{
	const char *path = str_empty(how->path) ? "::" : how->path;
	const char *first = strchr(path, ':'), *second = first ? strchr(first + 1, ':') : NULL;

	if (!second || !is_unit_part(path, strlen(path)))
		return fail(err, ERROR_INVALID, "control group %.100s: the systemd manager expects SLICE:PREFIX:NAME", path);
	int slice_len = (int)(first - path), prefix_len = (int)(second - first - 1);
	const char *name = second[1] ? second + 1 : how->name;
	if (slice_len)
		snprintf(n->slice, sizeof(n->slice), "%.*s", slice_len, path);
	else
		snprintf(n->slice, sizeof(n->slice), "%s", bus_is_user_session() ? "user.slice" : "system.slice");
	int len = snprintf(n->scope, sizeof(n->scope), "%.*s%s%s.scope", prefix_len, first + 1, prefix_len ? "-" : "", name);
	if (len >= (int)sizeof(n->scope) || slice_len >= (int)sizeof(n->slice))
		return fail_with(err, ENAMETOOLONG, "control group");
	return 0;
}

/* ---- the keeper ---- */

static void keep(int pipe_in) __attribute__((noreturn));

static void keep(int pipe_in)
{
	struct error ignored;
	char c;

	prctl(PR_SET_NAME, "umiak-keeper", 0, 0, 0);
	setsid();
	file_close_from(3, &pipe_in, 1, &ignored);
	while (read(pipe_in, &c, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

/* Forked twice: whoever reaps orphans reaps it. Returns its pid; *ret_fd keeps it alive. */
static int start_keeper(int *ret_fd, struct error *err)
{
	int life[2], tell[2], status;
	pid_t pid = -1;

	if (pipe2(life, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	autoclose int in = life[0];
	autoclose int out = life[1];
	if (pipe2(tell, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	autoclose int told = tell[0];
	pid_t child = fork();
	if (child == 0) {
		struct error ignored;
		pid = fork();
		if (pid == 0)
			keep(in);
		_exit(pid < 0 || file_write_all(tell[1], &pid, sizeof(pid), &ignored) < 0);
	}
	close(tell[1]);
	if (child < 0)
		return fail_errno(err, "fork");
	ssize_t n = file_read_full(told, &pid, sizeof(pid), err);
	TRY(process_reap(child, &status, err));
	if (n != (ssize_t)sizeof(pid))
		return fail(err, ERROR_SYSTEM, "cannot start a process for the scope");
	*ret_fd = take_fd(out);
	return pid;
}

/* ---- the scope ---- */

static int put_properties(struct bus *b, void *m, const struct names *n, pid_t pid, const struct cgroup_create *how)
{
	bool v2 = cgroup_mode() == CGROUP_V2;

	TRY(b->append(m, "(sv)", "Description", "s", "umiak container"));
	TRY(b->append(m, "(sv)", "Slice", "s", n->slice));
	TRY(bus_put_bool(b, m, "Delegate", true));
	TRY(bus_put_bool(b, m, "DefaultDependencies", false));
	TRY(b->append(m, "(sv)", "CollectMode", "s", "inactive-or-failed"));
	TRY(b->append(m, "(sv)", "PIDs", "au", 1, (uint32_t)pid));
	return how->resources ? bus_put_limits(b, m, how->resources, v2) : 0;
}

static int fill_start(struct bus *b, void *m, const struct names *n, pid_t pid, const struct cgroup_create *how)
{
	TRY(b->append(m, "ss", n->scope, "fail"));
	TRY(b->open_container(m, 'a', "(sv)"));
	TRY(put_properties(b, m, n, pid, how));
	TRY(b->close_container(m));
	return b->append(m, "a(sa(sv))", 0);
}

static int start_unit(struct bus *b, const struct names *n, pid_t pid, const struct cgroup_create *how, struct error *err)
{
	void *m = NULL;
	int r = bus_manager_call(b, &m, "StartTransientUnit");

	if (r >= 0)
		r = fill_start(b, m, n, pid, how);
	if (r < 0) {
		if (m)
			b->message_unref(m);
		return fail_with(err, -r, "start %s", n->scope);
	}
	char what[300];
	snprintf(what, sizeof(what), "start %s", n->scope);
	return bus_call(b, m, what, err);
}

/* The job has been queued: the process is in its scope when its cgroup says so. */
static int wait_for_scope(pid_t pid, const struct names *n, struct cgroup *ret, struct error *err)
{
	enum cgroup_controller which = ret->mode == CGROUP_V2 ? CGROUP_UNIFIED : CGROUP_SYSTEMD;
	int64_t end = time_monotonic() + SYSTEMD_WAIT_NS;
	long pause = 100000;

	for (;;) {
		char path[CGROUP_PATH_MAX];
		int r = cgroup_of_process(pid, which, path, sizeof(path), err);
		if (r < 0)
			return -1;
		if (r == 1 && str_ends(path, n->scope)) {
			memcpy(ret->path, path, sizeof(path));
			return 0;
		}
		if (time_monotonic() > end)
			return fail(err, ERROR_TIMEOUT, "start %s: systemd did not do it within 25 seconds", n->scope);
		nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
		pause = pause < 10000000 ? pause * 2 : pause;
	}
}

int cgroup_systemd_start(const struct cgroup_create *how, struct cgroup *ret, struct error *err)
{
	auto_bus b = {};
	struct names n;
	pid_t pid = how->pid;

	TRY(parse_names(how, &n, err));
	TRY(bus_open(&b, err));
	if (pid == 0)
		pid = start_keeper(&ret->keeper, err);
	if (pid < 0)
		return -1;
	TRY(start_unit(&b, &n, pid, how, err));
	memcpy(ret->scope, n.scope, sizeof(n.scope));
	return wait_for_scope(pid, &n, ret, err);
}

int cgroup_systemd_stop(const struct cgroup *c, struct error *err)
{
	auto_bus b = {};
	struct error ignored;
	void *m = NULL;

	/* a scope ends by itself with its last process; this is for one that does not */
	if (!*c->scope || !cgroup_is_populated(c) || bus_open(&b, &ignored) < 0)
		return 0;
	if (bus_manager_call(&b, &m, "StopUnit") < 0)
		return 0;
	if (b.append(m, "ss", c->scope, "replace") < 0) {
		b.message_unref(m);
		return 0;
	}
	bus_call(&b, m, "stop the scope", &ignored);
	return 0;
}

/* ---- slices ---- */
static int fill_slice(struct bus *b, void *m, const char *slice, const struct cgroup_resources *r)
{
	TRY(b->append(m, "ss", slice, "replace"));
	TRY(b->open_container(m, 'a', "(sv)"));
	TRY(b->append(m, "(sv)", "Description", "s", "umiak pod"));
	TRY(bus_put_bool(b, m, "DefaultDependencies", false));
	TRY(bus_put_limits(b, m, r, cgroup_mode() == CGROUP_V2));
	TRY(b->close_container(m));
	return b->append(m, "a(sa(sv))", 0);
}

static int fill_change(struct bus *b, void *m, const char *slice, const struct cgroup_resources *r)
{
	TRY(b->append(m, "sb", slice, 1));   /* until the next boot, as the slice */
	TRY(b->open_container(m, 'a', "(sv)"));
	TRY(bus_put_limits(b, m, r, cgroup_mode() == CGROUP_V2));
	return b->close_container(m);
}

static int send_slice(struct bus *b, const char *slice, const struct cgroup_resources *r, bool change, struct error *err)
{
	char what[300];
	void *m = NULL;
	int n = bus_manager_call(b, &m, change ? "SetUnitProperties" : "StartTransientUnit");

	snprintf(what, sizeof(what), "start %s", slice);
	if (n >= 0)
		n = change ? fill_change(b, m, slice, r) : fill_slice(b, m, slice, r);
	if (n >= 0)
		return bus_call(b, m, what, err);
	if (m)
		b->message_unref(m);
	return fail_with(err, -n, "%s", what);
}

/* What systemd's properties cannot say is not set elsewhere: a slice's files are systemd's. */
static void warn_of_rest(const struct cgroup_resources *r, struct cgroup_warnings *w)
{
	bool cpuset = !str_empty(r->cpu.cpus) || !str_empty(r->cpu.mems);
	bool blkio = r->blkio.weight.set || r->blkio.weight_device.n || r->blkio.read_bps.n || r->blkio.write_bps.n;

	if (cgroup_mode() != CGROUP_V2 && (cpuset || blkio))
		cgroup_warn(w, "the limits %s are not applied to the slice: systemd sets them with cgroup v2 only",
			    cpuset ? "on CPUs and memory nodes" : "on block devices");
}

int cgroup_slice_start(const char *slice, const struct cgroup_resources *r, struct cgroup_warnings *w, struct error *err)
{
	auto_bus b = {};

	if (!is_unit_part(slice, strlen(slice)))
		return fail(err, ERROR_INVALID, "slice %.100s: not a name of systemd", slice);
	TRY(bus_open(&b, err));
	warn_of_rest(r, w);
	if (send_slice(&b, slice, r, false, err) == 0)
		return 0;
	return err->kind == ERROR_EXISTS ? send_slice(&b, slice, r, true, err) : -1;
}

/* Without accounting there is no number; then none is taken for zero. */
static bool has_tasks(struct bus *b, const char *slice)
{
	autofree char *path = NULL;
	uint64_t n = 0;

	return b->path_encode(SYSTEMD_OBJECT "/unit", slice, &path) >= 0 &&
	       b->get_trivial(b->bus, SYSTEMD_SERVICE, path, SYSTEMD_SERVICE ".Slice", "TasksCurrent", NULL, 't', &n) >= 0 &&
	       n > 0 && n != UINT64_MAX;
}

int cgroup_slice_stop(const char *slice, struct error *err)
{
	auto_bus b = {};
	void *m = NULL;

	TRY(bus_open(&b, err));
	if (has_tasks(&b, slice))
		return 0;
	int n = bus_manager_call(&b, &m, "StopUnit");
	if (n >= 0)
		n = b.append(m, "ss", slice, "replace");
	if (n < 0) {
		if (m)
			b.message_unref(m);
		return fail_with(err, -n, "stop %s", slice);
	}
	if (bus_call(&b, m, "stop the slice", err) == 0)
		return 1;
	return err->kind == ERROR_NOT_FOUND ? 1 : -1;
}
