/* SPDX-License-Identifier: Apache-2.0
 * os/procfs.c - procfs handles, and what /proc/PID tells. A container may mount anything over /proc in namespaces we
 * look into, so files are opened beneath a private instance, and every descriptor is checked to be procfs
 * (CVE-2019-16884, CVE-2025-52881). */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "os/file.h"
#include "os/path.h"
#include "os/process.h"

#define PROC_ROOT_INODE 1

static bool is_procfs(int fd)
{
	struct statfs s;

	return fstatfs(fd, &s) == 0 && s.f_type == PROC_SUPER_MAGIC;
}

static int check_root(int fd, struct error *err)
{
	struct stat st;

	if (!is_procfs(fd) || fstat(fd, &st) < 0 || st.st_ino != PROC_ROOT_INODE)
		return fail(err, ERROR_DENIED, "/proc is not a proc file system: something is mounted over it");
	return 0;
}

static int new_instance(void)
{
	autoclose int fs = fsopen("proc", FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static int host_proc(struct error *err)
{
	autoclose int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return fail_errno(err, "/proc");
	TRY(check_root(fd, err));
	return take_fd(fd);
}

int procfs_open_host(struct error *err)
{
	return host_proc(err);
}

int procfs_open(struct error *err)
{
	autoclose int fd = new_instance();

	if (fd < 0)
		return host_proc(err);
	TRY(check_root(fd, err));
	return take_fd(fd);
}

/* "self/..." and "thread-self/..." start with a link of procfs itself, whose text is made by the kernel: *path then is what
 * follows. Others need no descriptor of their own: -1, *path as it was. */
static int open_head(int proc, const char **path, struct error *err)
{
	static const char *const heads[] = { "self", "thread-self" };

	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		const char *rest = str_after(*path, heads[i]);
		if (!rest || *rest != '/')
			continue;
		*path = rest + 1;
		return path_open_in_root(proc, heads[i], (struct path_open){ .oflags = O_PATH | O_DIRECTORY }, err);
	}
	return -1;
}

/* Inside a container /proc/sys is a read-only mount of its own, of the same file system. Reading through it tells what
 * the container may know; nothing is written that way. */
static bool may_cross(int proc, const char *path, int oflags)
{
	return proc == PROC_HOST && (oflags & O_ACCMODE) == O_RDONLY && str_after(path, "sys/");
}

int procfs_open_file(int proc, const char *path, int oflags, struct error *err)
{
	const char *rest = path;
	autoclose int own = proc == PROC_HOST ? host_proc(err) : -1;

	if (proc == PROC_HOST && own < 0)
		return -1;
	int base = proc == PROC_HOST ? own : proc;
	autoclose int head = open_head(base, &rest, err);
	if (head < 0 && rest != path)
		return fail_wrap(err, "/proc/%s", path);
	autoclose int fd = path_open_beneath(rest == path ? base : head, rest,
					     (struct path_open){ .oflags = oflags | O_NOCTTY,
								.flags = may_cross(proc, path, oflags) ? 0 : PATH_NO_XDEV },
					     err);
	if (fd < 0)
		return fail_wrap(err, "/proc/%s", path);
	if (!is_procfs(fd))
		return fail(err, ERROR_DENIED, "/proc/%s: not on a proc file system", path);
	return take_fd(fd);
}

int procfs_write(int proc, const char *path, const char *text, struct error *err)
{
	autoclose int fd = procfs_open_file(proc, path, O_WRONLY, err);
	size_t len = strlen(text);

	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, len);
	if (n < 0)
		return fail_errno(err, "write /proc/%s", path);
	return (size_t)n == len ? 0 : fail_with(err, EIO, "write /proc/%s", path);
}

ssize_t procfs_read(int proc, const char *path, char *buf, size_t size)
{
	struct error e = { 0 };
	autoclose int fd = procfs_open_file(proc, path, O_RDONLY, &e);

	if (fd < 0)
		return e.errnum ? -e.errnum : -EACCES;
	ssize_t n = file_read_full(fd, buf, size - 1, &e);
	if (n < 0)
		return e.errnum ? -e.errnum : -EIO;
	buf[n] = '\0';
	if (n > 0 && buf[n - 1] == '\n')
		buf[--n] = '\0';
	return n;
}

/* ---- /proc/PID ---- */

/* 1: text read; 0: no such process. */
static int read_pid_file(int proc, pid_t pid, const char *file, char *buf, size_t size, struct error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/%s", pid, file);
	ssize_t n = procfs_read(proc, path, buf, size);
	if (n == -ENOENT || n == -ESRCH)
		return 0;
	return n < 0 ? fail_with(err, (int)-n, "/proc/%s", path) : 1;
}

static void copy_comm(const char *from, size_t len, char *to, size_t size)
{
	size_t n = len < size - 1 ? len : size - 1;

	for (size_t i = 0; i < n; i++)
		to[i] = iscntrl((unsigned char)from[i]) ? '?' : from[i];
	to[n] = '\0';
}

/* The numbers of /proc/PID/stat behind the state, in proc(5)'s order. */
enum stat_column {
	STAT_PPID, STAT_PGRP, STAT_SESSION, STAT_TTY, STAT_UTIME = 10, STAT_STIME, STAT_THREADS = 16, STAT_START = 18, STAT_VSIZE,
	STAT_RSS, STAT_COLUMNS
};

/* No scanf: `ps` of a thousand containers reads two thousand of these lines. */
static bool parse_columns(const char *p, unsigned long long v[STAT_COLUMNS])
{
	for (size_t i = 0; i < STAT_COLUMNS; i++) {
		char *end;
		v[i] = strtoull(p, &end, 10);   /* negative ones wrap and come back as they were in what they are kept in */
		if (end == p)
			return false;
		p = end;
	}
	return true;
}

bool process_parse_stat(const char *text, struct process_stat *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	unsigned long long v[STAT_COLUMNS];
	char *after_pid;

	/* comm may hold anything, also ") R 1": the last parenthesis ends it */
	if (!open || !close || close < open || close[1] != ' ' || !close[2] || !parse_columns(close + 3, v))
		return false;
	struct process_stat s = {
		.pid = (pid_t)strtol(text, &after_pid, 10), .state = close[2], .ppid = (pid_t)v[STAT_PPID], .pgrp = (pid_t)v[STAT_PGRP],
		.session = (pid_t)v[STAT_SESSION], .tty = (int)v[STAT_TTY], .utime = v[STAT_UTIME], .stime = v[STAT_STIME],
		.threads = (long)v[STAT_THREADS], .start = v[STAT_START], .vsize = v[STAT_VSIZE],
	};
	if (after_pid == text)
		return false;
	copy_comm(open + 1, (size_t)(close - open - 1), s.comm, sizeof(s.comm));
	s.rss = (long long)v[STAT_RSS] > 0 ? (uint64_t)v[STAT_RSS] * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
	*ret = s;
	return true;
}

/* 1 one line read; 0: no such process. The kernel makes it whole for the first read(). */
static int read_stat(int proc, pid_t pid, char *buf, size_t size, struct error *err)
{
	char path[32];

	snprintf(path, sizeof(path), "%d/stat", pid);
	autoclose int fd = procfs_open_file(proc, path, O_RDONLY, err);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);
	int why = fd < 0 ? err->errnum : errno;

	if (n < 0 && (why == ENOENT || why == ESRCH))
		return 0;
	if (n < 0)
		return fd < 0 ? -1 : fail_errno(err, "/proc/%s", path);
	buf[n] = '\0';
	return 1;
}

int process_stat(int proc, pid_t pid, struct process_stat *ret, struct error *err)
{
	char text[2048];
	int r = read_stat(proc, pid, text, sizeof(text), err);

	if (r == 1 && !process_parse_stat(text, ret))
		return fail(err, ERROR_CORRUPT, "/proc/%d/stat: cannot be understood", pid);
	return r;
}

static void parse_groups(const char *p, struct process_status *s)
{
	while (*p && *p != '\n') {
		char *end;
		unsigned long g = strtoul(p, &end, 10);
		if (end == p)
			break;
		if (s->n_groups < ARRAY_LEN(s->groups))
			s->groups[s->n_groups] = (gid_t)g;
		s->n_groups++;
		p = end + strspn(end, " \t");
	}
}

static void parse_last_number(const char *p, pid_t *ret)
{
	int n;

	while (sscanf(p, "%d", ret) == 1) {
		sscanf(p, "%*d%n", &n);
		p += n;
		p += strspn(p, " \t");
		if (*p == '\n')
			break;
	}
}

static bool parse_status_line(const char *line, struct process_status *s, unsigned *seen)
{
	static const struct { const char *key; size_t off; } caps[] = {
		{ "CapInh:", offsetof(struct process_status, cap_inh) },
		{ "CapPrm:", offsetof(struct process_status, cap_prm) },
		{ "CapEff:", offsetof(struct process_status, cap_eff) },
		{ "CapBnd:", offsetof(struct process_status, cap_bnd) },
		{ "CapAmb:", offsetof(struct process_status, cap_amb) },
	};
	const char *v;
	int on;

	if ((v = str_after(line, "Uid:"))) {
		*seen |= 1;
		return sscanf(v, "%u %u %u %u", &s->uid[0], &s->uid[1], &s->uid[2], &s->uid[3]) == 4;
	}
	if ((v = str_after(line, "Gid:"))) {
		*seen |= 2;
		return sscanf(v, "%u %u %u %u", &s->gid[0], &s->gid[1], &s->gid[2], &s->gid[3]) == 4;
	}
	for (size_t i = 0; i < ARRAY_LEN(caps); i++)
		if ((v = str_after(line, caps[i].key)))
			*(uint64_t *)((char *)s + caps[i].off) = strtoull(v, NULL, 16);
	if ((v = str_after(line, "Groups:")))
		parse_groups(v + strspn(v, " \t"), s);
	else if ((v = str_after(line, "NSpid:")))
		parse_last_number(v, &s->ns_pid);
	else if ((v = str_after(line, "NoNewPrivs:")))
		s->no_new_privs = sscanf(v, "%d", &on) == 1 && on;
	else if ((v = str_after(line, "Seccomp:")))
		return sscanf(v, "%d", &s->seccomp) == 1;
	return true;
}

bool process_parse_status(const char *text, struct process_status *ret)
{
	struct process_status s = { 0 };
	unsigned seen = 0;

	for (const char *line = text; line && *line;) {
		if (!parse_status_line(line, &s, &seen))
			return false;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (seen != 3)
		return false;
	*ret = s;
	return true;
}

int process_status(int proc, pid_t pid, struct process_status *ret, struct error *err)
{
	char text[16384];
	int r = read_pid_file(proc, pid, "status", text, sizeof(text), err);

	if (r == 1 && !process_parse_status(text, ret))
		return fail(err, ERROR_CORRUPT, "/proc/%d/status: cannot be understood", pid);
	return r;
}

static int read_vector(int proc, pid_t pid, const char *file, struct strv *ret, struct error *err)
{
	char path[64];
	autofree char *text = NULL;
	size_t len = 0;

	snprintf(path, sizeof(path), "%d/%s", pid, file);
	autoclose int fd = procfs_open_file(proc, path, O_RDONLY, err);
	if (fd < 0)
		return err->errnum == ENOENT || err->errnum == ESRCH ? 0 : -1;
	TRY(file_read_fd(fd, path, (size_t)1 << 20, &text, &len, err));
	for (size_t i = 0; i < len; i += strlen(text + i) + 1)
		TRY(strv_add(ret, text + i, err));
	return 1;
}

int process_environ(int proc, pid_t pid, struct strv *ret, struct error *err)
{
	return read_vector(proc, pid, "environ", ret, err);
}

int process_cmdline(int proc, pid_t pid, struct strv *ret, struct error *err)
{
	return read_vector(proc, pid, "cmdline", ret, err);
}
