/* SPDX-License-Identifier: Apache-2.0
 * engine/rootless.c - see rootless.h.
 *
 * The record names the sleeping process by pid and start time; a pidfd is opened, the start time compared, and the
 * namespace's owner must be this user: a recycled pid or a planted record leads nowhere. The first look takes no lock.
 * Whoever finds nothing usable takes the lock, looks again, and only then makes the namespace: two first commands at the
 * same time end up in one. */
#include "engine/rootless.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "os/caps.h"
#include "os/file.h"
#include "os/idmap.h"
#include "os/lock.h"
#include "os/ns.h"
#include "os/process.h"
#include "os/userns.h"
#include "engine/pause-file.h"

#define RECORD "pause"
#define LOCK   "pause.lock"
#define TITLE  "umiak-pause"
#define CONFIGURED "_CONTAINERS_USERNS_CONFIGURED"

bool rootless_is_needed(void)
{
	const char *configured = getenv(CONFIGURED);

	if (geteuid() != 0)
		return true;
	return str_empty(configured) && !caps_have(CAP_SYS_ADMIN);
}

static int open_dir(const struct paths *p, struct error *err)
{
	struct stat st;
	autofree char *path = NULL;

	TRY(str_printf(&path, err, "%s/umiak", p->runtime_dir));
	autoclose int fd = file_open_dir(AT_FDCWD, path, true, 0700, err);
	if (fd < 0)
		return -1;
	/* in a shared /tmp somebody else could have made it first */
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "%s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return fail(err, ERROR_DENIED, "%s: must belong to the user and be writable by nobody else: remove it", path);
	return take_fd(fd);
}

/* ---- the record ---- */

struct record {
	pid_t pid;
	uint64_t start;
};

/* 1: *ret; 0: none, or nonsense. One that cannot be read is no reason to make another namespace beside it. */
static int read_record(int dir, struct record *ret, struct error *err)
{
	char text[64];
	ssize_t n = file_read_small(dir, RECORD, text, sizeof(text));

	if (n < 0 && n != -ENOENT)
		return fail_with(err, (int)-n, "the record of the user namespace");
	if (n < 0)
		return 0;
	return sscanf(text, "%d %" SCNu64, &ret->pid, &ret->start) == 2 && ret->pid > 1;
}

static int write_record(int dir, pid_t pid, struct error *err)
{
	char text[64];
	uint64_t start;

	int r = process_start_time(PROC_HOST, pid, &start, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return fail(err, ERROR_SYSTEM, "the process of the user namespace died");
	int n = snprintf(text, sizeof(text), "%d %" PRIu64 "\n", pid, start);
	return file_replace(dir, RECORD, text, (size_t)n, 0600, 0, err);
}

/* Whether the process lives in a namespace that this user made and that is not ours already. */
static bool is_our_namespace(pid_t pid)
{
	struct error ignored;
	uid_t owner;

	return process_ns_inode(pid, "user") != process_ns_inode(0, "user") && userns_owner(pid, &owner, &ignored) == 0 &&
	       owner == geteuid();
}

/* The recorded process by identity and name alone, also from inside its namespace. 1: *ret_pidfd; 0: it is gone. */
static int open_sleeping(int dir, int *ret_pidfd, struct error *err)
{
	struct record rec;
	struct process_stat st;

	int fd = -1;

	int r = read_record(dir, &rec, err);
	if (r == 1)
		r = process_open_verified(rec.pid, rec.start, &fd, err);
	if (r == 1 && (process_stat(PROC_HOST, rec.pid, &st, err) != 1 || (!streq(st.comm, TITLE) && !streq(st.comm, PAUSE_TITLE)))) {
		close(fd);
		return 0;
	}
	if (r == 1)
		*ret_pidfd = fd;
	return r;
}

/* A pidfd of the recorded process. 1; 0: it is gone. */
static int open_recorded(int dir, int *ret_pidfd, struct error *err)
{
	struct record rec;

	int fd = -1;

	int r = read_record(dir, &rec, err);
	if (r == 1)
		r = process_open_verified(rec.pid, rec.start, &fd, err);
	if (r <= 0)
		return r;
	if (!is_our_namespace(rec.pid)) {
		close(fd);
		return 0;
	}
	*ret_pidfd = fd;
	return 1;
}

/* ---- a namespace that lost its sleeping process ---- */

/* Monitors live in the namespace as long as their containers do. One in another pid namespace belongs to an engine that
 * runs inside some container: its mounts are not ours. */
static bool is_monitor(pid_t pid)
{
	struct process_stat st;
	struct error ignored;

	return process_stat(PROC_HOST, pid, &st, &ignored) == 1 && streq(st.comm, "umiak-monitor") && st.state != 'Z' &&
	       process_ns_inode(pid, "pid") == process_ns_inode(0, "pid");
}

/* Whether our run-time directory is the same one there: a test's or a service's mount namespace may show another world
 * under the same paths. */
static bool sees_directory(pid_t pid, int dir)
{
	char link[48], path[PATH_MAX], there[PATH_MAX + 32];
	struct stat ours, theirs;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	snprintf(there, sizeof(there), "/proc/%d/root%s", (int)pid, path);
	return fstat(dir, &ours) == 0 && stat(there, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
	       ours.st_ino == theirs.st_ino;
}

static pid_t find_monitor(int run_dir)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	while (dir && !found && (e = readdir(dir))) {
		uint32_t pid;
		if (parse_u32(e->d_name, &pid) && is_monitor((pid_t)pid) && is_our_namespace((pid_t)pid) &&
		    sees_directory((pid_t)pid, run_dir))
			found = (pid_t)pid;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Starts a sleeping process in the namespaces of the process behind pidfd. Its parent exits at once, so that it belongs to
 * nobody here; the pid comes back through a pipe. */
static int start_pause_in(int pidfd, const char *title, pid_t *ret, struct error *err)
{
	int fds[2], status;
	struct error ignored;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	autoclose int in = fds[0];
	pid_t pid = fork();
	if (pid == 0) {
		if (userns_join(pidfd, &ignored) < 0)
			_exit(1);
		pid_t own = userns_fork_pause(title, &ignored);
		if (own < 0 || file_write_all(fds[1], &own, sizeof(own), &ignored) < 0)
			_exit(1);
		_exit(0);
	}
	close(fds[1]);
	if (pid < 0)
		return fail_errno(err, "fork");
	pid_t made = 0;
	ssize_t n = file_read_full(in, &made, sizeof(made), err);
	TRY(process_reap(pid, &status, err));
	if (n != (ssize_t)sizeof(made) || status != 0)
		return fail(err, ERROR_SYSTEM, "cannot join the user namespace of the running containers");
	*ret = made;
	return 0;
}

/* 1: *ret is a new sleeping process in the old namespace; 0: there is no such namespace. */
static int adopt_namespace(int run_dir, const char *title, pid_t *ret, struct error *err)
{
	pid_t monitor = find_monitor(run_dir);

	if (!monitor)
		return 0;
	autoclose int fd = process_open(monitor, err);
	if (fd < 0 || start_pause_in(fd, title, ret, err) < 0)
		return 0;
	return 1;
}

/* ---- a new namespace ---- */

static void degrade(struct rootless *r, const char *why)
{
	r->single_id = true;
	snprintf(r->warning, sizeof(r->warning),
		 "only one user id is available in containers: %.380s; files of other owners will belong to that one", why);
}

static int rootless_maps(const struct paths *p, struct idmap_pair *m, struct rootless *r, struct error *err)
{
	struct subid_ranges uids = { .n = 0 }, gids = { .n = 0 };
	const struct passwd *pw = getpwuid(p->uid);
	const char *user = pw ? pw->pw_name : NULL;

	TRY(subid_load(user, p->uid, false, &uids, err));
	TRY(subid_load(user, p->uid, true, &gids, err));
	if (uids.n == 0 || gids.n == 0) {
		char why[256];
		snprintf(why, sizeof(why), "%s has no range in /etc/sub%cid (usermod --add-sub%cids 100000-165535 %s)",
			 user ? user : "this user", uids.n ? 'g' : 'u', uids.n ? 'g' : 'u', user ? user : "USER");
		degrade(r, why);
		uids.n = gids.n = 0;
	}
	TRY(idmap_rootless(geteuid(), &uids, &m->uids, err));
	return idmap_rootless(getegid(), &gids, &m->gids, err);
}

/* Root without CAP_SYS_ADMIN: every id we have stays what it is. */
static int root_maps(struct idmap_pair *m, struct error *err)
{
	struct idmap *maps[] = { &m->uids, &m->gids };

	for (int i = 0; i < 2; i++) {
		TRY(idmap_load(0, i == 1, maps[i], err));
		for (size_t j = 0; j < maps[i]->n; j++)
			maps[i]->v[j].outside = maps[i]->v[j].inside;
	}
	return 0;
}

static int single_maps(struct idmap_pair *m, struct error *err)
{
	struct subid_ranges none = { .n = 0 };

	TRY(idmap_rootless(geteuid(), &none, &m->uids, err));
	return idmap_rootless(getegid(), &none, &m->gids, err);
}

static int make_namespace(const struct paths *p, const char *title, pid_t *ret, struct rootless *r, struct error *err)
{
	struct idmap_pair m = { .uids = { .n = 0 } };
	struct error first;

	TRY(geteuid() == 0 ? root_maps(&m, err) : rootless_maps(p, &m, r, err));
	if (userns_start_pause(&m, title, ret, err) == 0)
		return 0;
	/* the namespace itself was refused, or there is nothing simpler to try */
	if (r->single_id || (m.uids.n == 1 && m.uids.v[0].count == 1))
		return -1;
	first = *err;
	TRY(single_maps(&m, err));
	if (userns_start_pause(&m, title, ret, err) < 0)
		return -1;
	degrade(r, first.text);
	return 0;
}

/* Under the lock: the recorded process, a left-over namespace, or a new one. Returns a pidfd. */
static int find_or_make(int dir, const struct paths *p, struct rootless *r, struct error *err)
{
	const char *title = pause_file_wanted(r->program) ? PAUSE_TITLE : TITLE;
	int fd = -1;
	pid_t pid;

	int found = open_recorded(dir, &fd, err);
	if (found != 0)
		return found < 0 ? -1 : fd;
	found = adopt_namespace(dir, title, &pid, err);
	if (found < 0)
		return -1;
	if (found == 0) {
		TRY(make_namespace(p, title, &pid, r, err));
		r->made = true;
	}
	if (write_record(dir, pid, err) < 0) {
		kill(pid, SIGKILL);
		return -1;
	}
	return process_open(pid, err);
}

static int find_locked(int dir, const struct paths *p, struct rootless *r, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	struct lock_how how = { .mode = LOCK_EXCLUSIVE, .timeout_ns = INT64_C(30000000000) };

	TRY(lock_acquire(dir, LOCK, how, &lock, err));
	return find_or_make(dir, p, r, err);
}

static int set_environment(const struct paths *p, struct error *err)
{
	char uid[16], gid[16];

	snprintf(uid, sizeof(uid), "%u", p->uid);
	snprintf(gid, sizeof(gid), "%u", p->gid);
	if (setenv(CONFIGURED, "done", 1) < 0 || setenv("_CONTAINERS_ROOTLESS_UID", uid, 1) < 0 ||
	    setenv("_CONTAINERS_ROOTLESS_GID", gid, 1) < 0)
		return fail_oom(err);
	return 0;
}

static bool has_single_id(void)
{
	struct idmap m;
	struct error ignored;

	return idmap_load(0, false, &m, &ignored) == 0 && idmap_size(&m) <= 1;
}

static int join_once(int dir, bool may_make, const struct paths *p, struct rootless *r, struct error *err)
{
	int found = -1;
	int known = open_recorded(dir, &found, err);

	if (known < 0)
		return -1;
	if (known == 0 && !may_make)
		return fail_with(err, ESRCH, "find the user namespace");
	if (known == 0)
		found = find_locked(dir, p, r, err);
	autoclose int pidfd = found;
	return pidfd < 0 ? -1 : userns_join(pidfd, err);
}

static void keep_pause_file(int dir, const struct paths *p, struct rootless *r)
{
	struct error ignored;
	struct record rec;

	if (read_record(dir, &rec, &ignored) == 1)
		pause_file_write(p->runtime_dir, rec.pid, r->note, sizeof(r->note));
}

static int enter(int dir, const struct paths *p, struct rootless *r, struct error *err)
{
	int joined = join_once(dir, false, p, r, err);
	bool known = joined == 0;

	/* none yet, or it died between looking and joining: a few rounds are enough for any honest race */
	for (int i = 0; joined < 0 && err->errnum == ESRCH && i < 5; i++)
		joined = join_once(dir, true, p, r, err);
	if (joined < 0)
		return -1;
	r->entered = true;
	r->single_id = has_single_id();
	if (pause_file_wanted(r->program) && (!known || !pause_file_exists(p->runtime_dir)))
		keep_pause_file(dir, p, r);
	return set_environment(p, err);
}

int rootless_enter(const struct paths *p, const char *program, struct rootless *ret, struct error *err)
{
	struct rootless r = { .program = program };

	if (rootless_is_needed()) {
		autoclose int dir = open_dir(p, err);
		if (dir < 0 || enter(dir, p, &r, err) < 0)
			return fail_wrap(err, "cannot set up rootless containers");
	}
	*ret = r;
	return 0;
}

int rootless_end(const struct paths *p, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	struct lock_how how = { .mode = LOCK_EXCLUSIVE, .timeout_ns = INT64_C(30000000000) };
	autoclose int dir = open_dir(p, err);
	struct record rec;
	int fd = -1;

	if (dir < 0)
		return -1;
	TRY(lock_acquire(dir, LOCK, how, &lock, err));
	if (read_record(dir, &rec, err) == 1)
		pause_file_remove(p->runtime_dir, rec.pid);
	int r = open_sleeping(dir, &fd, err);
	autoclose int pidfd = fd;
	if (r == 1)
		TRY(process_signal(pidfd, SIGKILL, err));
	unlinkat(dir, RECORD, 0);
	return r;
}
