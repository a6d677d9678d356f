/* SPDX-License-Identifier: Apache-2.0
 * os/cgroup-systemd.c - systemd as cgroup manager: a transient scope per container, delegated to us.
 *
 * A scope is started with a process in it, but the group is needed before the container's first process exists (that is
 * cloned straight into it). So a keeper sits in the scope meanwhile: a forked process that waits for the end of a pipe
 * which struct cgroup holds open. Limits are set twice: as unit properties, because systemd writes those again whenever it
 * reloads, and through the files by cgroup_set(), for what systemd has no name for.
 * libsystemd is opened only here. */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/units.h"
#include "os/cgroup-host.h"
#include "os/file.h"
#include "os/ns.h"
#include "os/process.h"

#define START_NS INT64_C(25000000000)
#define SERVICE  "org.freedesktop.systemd1"
#define OBJECT   "/org/freedesktop/systemd1"
#define MANAGER  "org.freedesktop.systemd1.Manager"

/* ---- libsystemd's interface ---- */
struct bus_error {
	const char *name, *message;
	int need_free;
};
struct bus {
	void *lib, *bus;
	int (*open_system)(void **bus);
	int (*open_user)(void **bus);
	void *(*flush_close_unref)(void *bus);
	int (*new_call)(void *bus, void **m, const char *dest, const char *path, const char *iface, const char *member);
	int (*append)(void *m, const char *types, ...);
	int (*open_container)(void *m, char type, const char *contents);
	int (*close_container)(void *m);
	int (*call)(void *bus, void *m, uint64_t usec, struct bus_error *e, void **reply);
	void *(*message_unref)(void *m);
	void (*error_free)(struct bus_error *e);
};

static void bus_done(struct bus *b)
{
	if (b->bus)
		b->flush_close_unref(b->bus);
}

static int bus_symbols(struct bus *b, struct error *err)
{
	const struct { const char *name; void *at; } symbols[] = {
		{ "sd_bus_open_system", &b->open_system }, { "sd_bus_open_user", &b->open_user },
		{ "sd_bus_flush_close_unref", &b->flush_close_unref }, { "sd_bus_message_new_method_call", &b->new_call },
		{ "sd_bus_message_append", &b->append }, { "sd_bus_message_open_container", &b->open_container },
		{ "sd_bus_message_close_container", &b->close_container }, { "sd_bus_call", &b->call },
		{ "sd_bus_message_unref", &b->message_unref }, { "sd_bus_error_free", &b->error_free },
	};

	b->lib = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
		void *sym = b->lib ? dlsym(b->lib, symbols[i].name) : NULL;
		if (!sym)
			return fail(err, ERROR_UNSUPPORTED, "cgroup manager systemd: libsystemd is not installed: use "
							    "--cgroup-manager=cgroupfs");
		memcpy(symbols[i].at, &sym, sizeof(sym));
	}
	return 0;
}

static bool is_user_session(void)
{
	return geteuid() != 0 || !ns_in_initial_user();
}

static int bus_open(struct bus *b, struct error *err)
{
	bool user = is_user_session();

	if (access("/run/systemd/system", F_OK) < 0)
		return fail(err, ERROR_UNSUPPORTED, "cgroup manager systemd: systemd is not running here: use "
						    "--cgroup-manager=cgroupfs");
	TRY(bus_symbols(b, err));
	int r = user ? b->open_user(&b->bus) : b->open_system(&b->bus);
	return r < 0 ? fail_with(err, -r, "connect to the %s bus of systemd", user ? "user" : "system") : 0;
}

/* Sends the call; takes the message. */
static int bus_call(struct bus *b, void *m, const char *what, struct error *err)
{
	struct bus_error e = { 0 };
	void *reply = NULL;
	int r = b->call(b->bus, m, START_NS / 1000, &e, &reply);

	b->message_unref(m);
	if (reply)
		b->message_unref(reply);
	if (r < 0)
		fail_with(err, -r, "%s%s%s", what, e.message ? ": " : "", e.message ? e.message : "");
	b->error_free(&e);
	return r < 0 ? -1 : 0;
}

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
		snprintf(n->slice, sizeof(n->slice), "%s", is_user_session() ? "user.slice" : "system.slice");
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

static int put_u64(struct bus *b, void *m, const char *name, uint64_t v)
{
	return b->append(m, "(sv)", name, "t", v);
}

static int put_bool(struct bus *b, void *m, const char *name, bool v)
{
	return b->append(m, "(sv)", name, "b", (int)v);
}

static uint64_t limit_or_max(int64_t v)
{
	return v < 0 ? UINT64_MAX : (uint64_t)v;
}

static int put_memory(struct bus *b, void *m, const struct cgroup_memory *mem, bool v2)
{
	if (mem->limit.set && mem->limit.value)
		TRY(put_u64(b, m, v2 ? "MemoryMax" : "MemoryLimit", limit_or_max(mem->limit.value)));
	if (v2 && mem->reservation.set && mem->reservation.value)
		TRY(put_u64(b, m, "MemoryLow", limit_or_max(mem->reservation.value)));
	if (v2 && mem->swap.set && mem->swap.value && mem->limit.value > 0 && mem->swap.value >= mem->limit.value)
		TRY(put_u64(b, m, "MemorySwapMax", (uint64_t)(mem->swap.value - mem->limit.value)));
	return 0;
}

static int put_limits(struct bus *b, void *m, const struct cgroup_resources *r, bool v2)
{
	uint64_t period = r->cpu.period.set && r->cpu.period.value ? r->cpu.period.value : 100000;

	TRY(put_memory(b, m, &r->memory, v2));
	if (r->cpu.shares.set && r->cpu.shares.value)
		TRY(put_u64(b, m, v2 ? "CPUWeight" : "CPUShares",
			    v2 ? cgroup_shares_to_weight(r->cpu.shares.value) : r->cpu.shares.value));
	/* systemd rounds to 10 ms a second, upwards: so do we, that a reload changes nothing */
	if (r->cpu.quota.set && r->cpu.quota.value > 0)
		TRY(put_u64(b, m, "CPUQuotaPerSecUSec",
			    ((uint64_t)r->cpu.quota.value * 1000000 / period + 9999) / 10000 * 10000));
	if (r->pids.set)
		TRY(put_u64(b, m, "TasksMax", r->pids.value > 0 ? (uint64_t)r->pids.value : UINT64_MAX));
	return 0;
}

static int put_properties(struct bus *b, void *m, const struct names *n, pid_t pid, const struct cgroup_create *how)
{
	bool v2 = cgroup_mode() == CGROUP_V2;

	TRY(b->append(m, "(sv)", "Description", "s", "umiak container"));
	TRY(b->append(m, "(sv)", "Slice", "s", n->slice));
	TRY(put_bool(b, m, "Delegate", true));
	TRY(put_bool(b, m, "DefaultDependencies", false));
	TRY(b->append(m, "(sv)", "CollectMode", "s", "inactive-or-failed"));
	TRY(b->append(m, "(sv)", "PIDs", "au", 1, (uint32_t)pid));
	return how->resources ? put_limits(b, m, how->resources, v2) : 0;
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
	int r = b->new_call(b->bus, &m, SERVICE, OBJECT, MANAGER, "StartTransientUnit");

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
	int64_t end = time_monotonic() + START_NS;
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
	CLEANUP(bus_done) struct bus b = { 0 };
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
	CLEANUP(bus_done) struct bus b = { 0 };
	struct error ignored;
	void *m = NULL;

	/* a scope ends by itself with its last process; this is for one that does not */
	if (!*c->scope || !cgroup_is_populated(c) || bus_open(&b, &ignored) < 0)
		return 0;
	if (b.new_call(b.bus, &m, SERVICE, OBJECT, MANAGER, "StopUnit") < 0)
		return 0;
	if (b.append(m, "ss", c->scope, "replace") < 0) {
		b.message_unref(m);
		return 0;
	}
	bus_call(&b, m, "stop the scope", &ignored);
	return 0;
}
