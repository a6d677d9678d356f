/* SPDX-License-Identifier: Apache-2.0
 * os/cgroup-run.c - what is in a group: joining, listing, freezing, killing, removing. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "os/cgroup-host.h"
#include "os/file.h"
#include "os/process.h"

#define WAIT_NS    INT64_C(10000000000)
#define DEPTH_MAX  32

/* ---- getting in ---- */

void cgroup_join_done(struct cgroup_join *j)
{
	for (size_t i = 0; i < j->n; i++)
		close(j->fds[i]);
	j->n = 0;
}

int cgroup_open_join(const struct cgroup *c, bool cloned_into, struct cgroup_join *ret, struct error *err)
{
	struct cgroup_join j = { .n = 0 };

	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++) {
		/* only v1's `tasks` spares the wait; v2 has cgroup.procs alone for whole processes */
		const char *file = i == CGROUP_UNIFIED ? "cgroup.procs" : "tasks";
		if (c->fds[i] < 0 || (cloned_into && i == CGROUP_UNIFIED))
			continue;
		int fd = openat(c->fds[i], file, O_WRONLY | O_CLOEXEC);
		if (fd < 0) {
			fail_errno(err, "control group %s: %s", c->path, file);
			cgroup_join_done(&j);
			return -1;
		}
		j.fds[j.n++] = fd;
	}
	*ret = j;
	return 0;
}

int cgroup_join(const struct cgroup_join *j, struct error *err)
{
	for (size_t i = 0; i < j->n; i++)
		if (write(j->fds[i], "0", 1) < 0)
			return fail_errno(err, "join the control group");
	return 0;
}

int cgroup_attach(const struct cgroup *c, pid_t pid, struct error *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++)
		if (c->fds[i] >= 0 && file_write_str(c->fds[i], "cgroup.procs", text, err) < 0)
			return fail_wrap(err, "move process %d into control group %s", pid, c->path);
	return 0;
}

/* ---- walking the group and its descendants ---- */

typedef int (*visit_fn)(int dir_fd, void *data, struct error *err);

static int walk(int dir_fd, int depth, visit_fn visit, void *data, struct error *err)
{
	autoclose int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "control group");
	if (depth == 0)
		return fail(err, ERROR_INVALID, "control group: nested too deeply");
	DIR *dir = fdopendir(dup(fd));
	if (!dir)
		return fail_oom(err);
	struct dirent *e;
	int r = 0;
	while (r >= 0 && (e = readdir(dir))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		autoclose int sub = openat(fd, e->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = sub < 0 ? 0 : walk(sub, depth - 1, visit, data, err);
	}
	closedir(dir);
	return r < 0 ? r : visit(fd, data, err);
}

void cgroup_pids_done(struct cgroup_pids *p)
{
	free(p->v);
	*p = (struct cgroup_pids){ 0 };
}

static int add_pids(int dir_fd, void *data, struct error *err)
{
	struct cgroup_pids *p = data;
	autofree char *text = NULL;

	int r = file_read(dir_fd, "cgroup.procs", (size_t)64 << 20, &text, NULL, err);
	if (r < 0 && (err->errnum == ENODEV || err->errnum == EOPNOTSUPP))
		return 0;   /* removed meanwhile, or a threaded group, whose processes its parent lists */
	if (r <= 0)
		return r;
	for (char *s = text, *end; *s; s = end + (*end == '\n')) {
		long pid = strtol(s, &end, 10);
		if (end == s)
			break;
		if (pid <= 0)
			continue;   /* 0: a process of another pid namespace */
		pid_t *v = realloc(p->v, (p->n + 1) * sizeof(*v));
		if (!v)
			return fail_oom(err);
		p->v = v;
		p->v[p->n++] = (pid_t)pid;
	}
	return 0;
}

int cgroup_pids(const struct cgroup *c, struct cgroup_pids *ret, struct error *err)
{
	enum cgroup_controller which;
	int fd = cgroup_control_fd(c, &which);
	struct cgroup_pids p = { 0 };

	if (fd >= 0 && walk(fd, DEPTH_MAX, add_pids, &p, err) < 0) {
		cgroup_pids_done(&p);
		return -1;
	}
	*ret = p;
	return 0;
}

/* The value of "key N" in a flat-keyed file; -1: not there. */
static long keyed_value(int fd, const char *file, const char *key)
{
	char text[1024];

	if (file_read_small(fd, file, text, sizeof(text)) < 0)
		return -1;
	for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *v = str_after(line, key);
		if (v && *v == ' ')
			return strtol(v + 1, NULL, 10);
	}
	return -1;
}

bool cgroup_is_populated(const struct cgroup *c)
{
	enum cgroup_controller which;
	int fd = cgroup_control_fd(c, &which);
	struct cgroup_pids p = { 0 };
	struct error ignored;

	if (fd < 0)
		return false;
	if (which == CGROUP_UNIFIED)
		return keyed_value(fd, "cgroup.events", "populated") == 1;
	bool any = cgroup_pids(c, &p, &ignored) == 0 && p.n > 0;
	cgroup_pids_done(&p);
	return any;
}

/* ---- freezing ---- */

static int is_frozen(int fd, enum cgroup_controller which)
{
	char text[32];

	if (which == CGROUP_UNIFIED)
		return keyed_value(fd, "cgroup.events", "frozen") == 1;
	return file_read_small(fd, "freezer.state", text, sizeof(text)) > 0 && streq(text, "FROZEN");
}

/* The directory to freeze by; v1 needs the freezer hierarchy itself. */
static int freezer_fd(const struct cgroup *c, enum cgroup_controller *which, struct error *err)
{
	*which = c->fds[CGROUP_UNIFIED] >= 0 ? CGROUP_UNIFIED : CGROUP_FREEZER;
	if (c->fds[*which] < 0)
		return fail(err, ERROR_UNSUPPORTED, "the container has no control group by which it could be paused");
	return c->fds[*which];
}

static int set_frozen(int fd, enum cgroup_controller which, bool frozen, struct error *err)
{
	if (which == CGROUP_UNIFIED)
		return file_write_str(fd, "cgroup.freeze", frozen ? "1" : "0", err);
	return file_write_str(fd, "freezer.state", frozen ? "FROZEN" : "THAWED", err);
}

int cgroup_freeze(const struct cgroup *c, struct error *err)
{
	enum cgroup_controller which;
	int fd = freezer_fd(c, &which, err);
	long pause = 20000;

	if (fd < 0)
		return -1;
	TRY(set_frozen(fd, which, true, err));
	for (int64_t end = time_monotonic() + WAIT_NS; !is_frozen(fd, which);) {
		if (time_monotonic() > end) {
			struct error ignored;
			set_frozen(fd, which, false, &ignored);
			return fail(err, ERROR_TIMEOUT, "control group %s: not frozen within 10 seconds", c->path);
		}
		nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
		pause = pause < 5000000 ? pause * 2 : pause;
		/* v1: tasks forked while freezing are caught by asking again */
		if (which == CGROUP_FREEZER)
			TRY(set_frozen(fd, which, true, err));
	}
	return 0;
}

int cgroup_thaw(const struct cgroup *c, struct error *err)
{
	enum cgroup_controller which;
	int fd = freezer_fd(c, &which, err);

	return fd < 0 ? -1 : set_frozen(fd, which, false, err);
}

int cgroup_is_frozen(const struct cgroup *c, struct error *err)
{
	enum cgroup_controller which;
	int fd = freezer_fd(c, &which, err);

	return fd < 0 ? -1 : is_frozen(fd, which);
}

/* ---- killing ---- */

int cgroup_signal(const struct cgroup *c, int sig, struct error *err)
{
	struct cgroup_pids p = { 0 };

	TRY(cgroup_pids(c, &p, err));
	for (size_t i = 0; i < p.n; i++) {
		/* the pid came from the group a moment ago: through a pidfd it cannot have become another process
		 * between the check and the signal */
		autoclose int fd = process_open(p.v[i], err);
		if (fd >= 0)
			process_signal(fd, sig, err);
	}
	cgroup_pids_done(&p);
	return 0;
}

/* Without cgroup.kill: frozen processes cannot fork away from the signal. */
static int kill_frozen(const struct cgroup *c, struct error *err)
{
	struct error ignored;
	bool frozen = c->fds[CGROUP_FREEZER] >= 0 && cgroup_freeze(c, &ignored) == 0;

	for (int round = 0; round < (frozen ? 1 : 50); round++) {
		TRY(cgroup_signal(c, SIGKILL, err));
		if (frozen || !cgroup_is_populated(c))
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
	}
	return frozen ? cgroup_thaw(c, err) : 0;
}

int cgroup_kill(const struct cgroup *c, struct error *err)
{
	int fd = c->fds[CGROUP_UNIFIED];

	if (fd >= 0 && file_try_write(fd, "cgroup.kill", "1") == 0)
		return 0;
	return kill_frozen(c, err);
}

/* ---- removing ---- */

static int remove_children(int dir_fd, const char *name);

static void remove_below(int fd)
{
	DIR *dir = fdopendir(dup(fd));
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			remove_children(fd, e->d_name);
	if (dir)
		closedir(dir);
}

/* rmdir bottom-up; 0 or -errno. Depth is bounded by the kernel's cgroup.max.depth or the path length. */
static int remove_children(int dir_fd, const char *name)
{
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY)
		return -errno;
	autoclose int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		remove_below(fd);
	return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

static int remove_one(const struct cgroup *c, enum cgroup_controller which, int64_t end, struct error *err)
{
	char dir[CGROUP_PATH_MAX + 64];
	long pause = 50000;

	TRY(cgroup_dir(c, which, dir, sizeof(dir), err));
	for (;;) {
		int r = remove_children(AT_FDCWD, dir);
		if (r == 0)
			return 0;
		if (r != -EBUSY)
			return fail_with(err, -r, "remove control group %s", dir);
		if (time_monotonic() > end)
			return fail(err, ERROR_TIMEOUT, "control group %s: still has processes after 10 seconds", dir);
		nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
		pause = pause < 10000000 ? pause * 2 : pause;
	}
}

int cgroup_remove(struct cgroup *c, struct error *err)
{
	int64_t end = time_monotonic() + WAIT_NS;

	if (!c->made)
		return 0;
	if (cgroup_is_populated(c))
		TRY(cgroup_kill(c, err));
	if (c->manager == CGROUP_MANAGER_SYSTEMD)
		TRY(cgroup_systemd_stop(c, err));
	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++) {
		if (!(c->made & BIT_OF(i)))
			continue;
		TRY(remove_one(c, i, end, err));
		c->made &= ~BIT_OF(i);
	}
	cgroup_done(c);
	return 0;
}
