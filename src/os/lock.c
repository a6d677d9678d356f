/* SPDX-License-Identifier: Apache-2.0
 * os/lock.c - OFD locks with a deadline. The kernel has no timed F_OFD_SETLKW, so waiting is trying with growing
 * pauses (20 us .. 5 ms): cheap for the short critical sections locks are for. Who holds a lock is found only when it
 * matters, after a timeout, in /proc/PID/fdinfo; taking a lock writes nothing. */
#include "os/lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/str.h"
#include "base/units.h"
#include "os/file.h"

#ifndef NDEBUG
/* What this thread holds, per class: the one piece of state here, and only to prove the order. */
static _Thread_local unsigned held[LOCK_CLASS_MAX];

static void order_check(enum lock_class class)
{
	for (int c = class + 1; class != LOCK_UNORDERED && c < LOCK_CLASS_MAX; c++) {
		if (held[c] == 0)
			continue;
		fprintf(stderr, "lock order: class %d taken while class %d is held\n", class, c);
		abort();
	}
}

static void order_add(enum lock_class class, int n)
{
	held[class] += n;
}
#else
static void order_check(enum lock_class class)
{
}

static void order_add(enum lock_class class, int n)
{
}
#endif

static int set_lock(int fd, int type)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET };
	int r;

	do
		r = fcntl(fd, F_OFD_SETLK, &fl);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* Whether /proc/PID/fdinfo/N tells of a lock on this inode. */
static bool fdinfo_has_lock(int dir, const char *name, const struct stat *st)
{
	char text[2048], want[64];

	if (file_read_small(dir, name, text, sizeof(text)) < 0)
		return false;
	snprintf(want, sizeof(want), " %02x:%02x:%llu ", major(st->st_dev), minor(st->st_dev),
		 (unsigned long long)st->st_ino);
	for (char *line = strstr(text, "lock:\t"); line; line = strstr(line + 1, "lock:\t")) {
		char *end = strchr(line, '\n');
		char *hit = strstr(line, want);
		if (hit && (!end || hit < end))
			return true;
	}
	return false;
}

static bool process_holds(int proc, const char *pid, const struct stat *st)
{
	char path[64];

	snprintf(path, sizeof(path), "%.20s/fdinfo", pid);
	autoclose int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	DIR *dir = fdopendir(dup(fd));
	struct dirent *e;
	bool found = false;
	while (dir && !found && (e = readdir(dir)))
		found = e->d_name[0] != '.' && fdinfo_has_lock(fd, e->d_name, st);
	if (dir)
		closedir(dir);
	return found;
}

/* Appends "pid 12 (umiak), pid 13 (umiak)" for at most four holders. */
static void describe_holders(int lock_fd, char *out, size_t size)
{
	struct stat st;
	DIR *proc = fstat(lock_fd, &st) == 0 ? opendir("/proc") : NULL;
	size_t len = 0;
	struct dirent *e;

	out[0] = '\0';
	for (int n = 0; proc && n < 4 && (e = readdir(proc));) {
		char path[64], comm[32];
		uint32_t pid;
		if (!parse_u32(e->d_name, &pid) || pid == (uint32_t)getpid() ||
		    !process_holds(dirfd(proc), e->d_name, &st))
			continue;
		snprintf(path, sizeof(path), "%u/comm", pid);
		if (file_read_small(dirfd(proc), path, comm, sizeof(comm)) < 0)
			snprintf(comm, sizeof(comm), "?");
		int w = snprintf(out + len, size - len, "%spid %u (%s)", len ? ", " : "", pid, comm);
		len = (size_t)w < size - len ? len + w : size - 1;
		n++;
	}
	if (proc)
		closedir(proc);
	if (!out[0])
		snprintf(out, size, "a process that cannot be seen from here");
}

static int timed_out(int fd, const char *what, int64_t timeout_ns, struct error *err)
{
	char holders[256], span[40];

	describe_holders(fd, holders, sizeof(holders));
	return fail(err, ERROR_TIMEOUT, "lock %s: not free within %s: held by %s", what,
		    duration_format(timeout_ns, span), holders);
}

int lock_acquire_fd(int fd, const char *what, struct lock_how how, struct lock *ret, struct error *err)
{
	int type = how.mode == LOCK_SHARED ? F_RDLCK : F_WRLCK;
	int64_t timeout = how.timeout_ns < 0 ? LOCK_TIMEOUT_DEFAULT : how.timeout_ns;
	long pause = 20000;

	order_check(how.class);
	int r = set_lock(fd, type);
	for (int64_t end = r < 0 ? time_monotonic() + timeout : 0; r == -EAGAIN || r == -EACCES;) {
		if (timeout == 0)
			return 0;
		if (time_monotonic() >= end)
			return timed_out(fd, what, timeout, err);
		nanosleep(&(struct timespec){ .tv_nsec = pause }, NULL);
		pause = pause < 2500000 ? pause * 2 : 5000000;
		r = set_lock(fd, type);
	}
	if (r < 0)
		return fail_with(err, -r, "lock %s", what);
	order_add(how.class, 1);
	*ret = (struct lock){ .fd = fd, .class = how.class };
	return 1;
}

int lock_acquire(int dirfd, const char *name, struct lock_how how, struct lock *ret, struct error *err)
{
	autoclose int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fail_errno(err, "lock %s", name);
	int r = lock_acquire_fd(fd, name, how, ret, err);
	if (r == 1)
		fd = -1;
	return r;
}

int lock_downgrade(struct lock *l, struct error *err)
{
	int r = set_lock(l->fd, F_RDLCK);

	return r < 0 ? fail_with(err, -r, "share a lock") : 0;
}

void lock_release(struct lock *l)
{
	if (l->fd < 0)
		return;
	order_add(l->class, -1);
	/* unlocked by hand: a forked child may still have a duplicate open */
	set_lock(l->fd, F_UNLCK);
	close(l->fd);
	l->fd = -1;
}

void lock_hand_over(struct lock *l)
{
	if (l->fd < 0)
		return;
	order_add(l->class, -1);
	close(l->fd);
	l->fd = -1;
}

int lock_is_held(int dirfd, const char *name, enum lock_mode mode, struct error *err)
{
	struct flock fl = { .l_type = mode == LOCK_SHARED ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &fl) < 0)
		return fail_errno(err, "lock %s", name);
	return fl.l_type != F_UNLCK;
}
