/* SPDX-License-Identifier: Apache-2.0
 * os/process.c - identity of processes, pidfds, waiting. */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/units.h"
#include "os/file.h"

int process_start_time(int proc, pid_t pid, uint64_t *ret, struct error *err)
{
	struct process_stat st;
	int r = process_stat(proc, pid, &st, err);

	if (r == 1)
		*ret = st.start;
	return r;
}

bool process_is_alive(int proc, pid_t pid, uint64_t start)
{
	struct process_stat st;
	struct error why;

	if (pid <= 0)
		return false;
	int r = process_stat(proc, pid, &st, &why);
	if (r < 0)   /* no descriptor, no memory: that says nothing about it, and what is taken for dead is cleaned away */
		return why.errnum != EACCES && why.errnum != EPERM;
	if (r == 0)
		return false;
	return st.state != 'Z' && st.state != 'X' && (start == 0 || st.start == start);
}

int process_boot_id(char ret[37], struct error *err)
{
	char text[64];
	ssize_t n = procfs_read(PROC_HOST, "sys/kernel/random/boot_id", text, sizeof(text));

	if (n < 0)
		return fail_with(err, (int)-n, "boot id");
	if (n != 36)
		return fail(err, ERROR_CORRUPT, "boot id: not an UUID");
	memcpy(ret, text, 37);
	return 0;
}

uint64_t process_ns_inode(pid_t pid, const char *kind)
{
	char path[64];
	struct stat st;

	if (pid == 0)
		snprintf(path, sizeof(path), "/proc/self/ns/%.20s", kind);
	else
		snprintf(path, sizeof(path), "/proc/%d/ns/%.20s", pid, kind);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

int process_open(pid_t pid, struct error *err)
{
	int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (pid <= 0)
		return fail_with(err, EINVAL, "process %d", pid);
	return fd >= 0 ? fd : fail_errno(err, "process %d", pid);
}

int process_open_verified(pid_t pid, uint64_t start, int *ret_fd, struct error *err)
{
	struct process_stat now;
	autoclose int fd = process_open(pid, err);

	if (fd < 0)
		return err->errnum == ESRCH || err->errnum == EINVAL ? 0 : -1;
	/* read after the pidfd was opened: when they match now, the pidfd means that process */
	int r = process_stat(PROC_HOST, pid, &now, err);
	if (r <= 0)
		return r;
	if (now.start != start || now.state == 'Z' || now.state == 'X')
		return 0;
	*ret_fd = take_fd(fd);
	return 1;
}

int process_signal(int pidfd, int sig, struct error *err)
{
	if (syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0)
		return 1;
	return errno == ESRCH ? 0 : fail_errno(err, "send signal %d", sig);
}

int process_wait_exit(int pidfd, int64_t timeout_ns, struct error *err)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int64_t end = timeout_ns < 0 ? 0 : time_monotonic() + timeout_ns;

	for (;;) {
		int64_t left = timeout_ns < 0 ? 0 : end - time_monotonic();
		struct timespec ts = { .tv_sec = left > 0 ? left / NSEC_PER_SEC : 0,
				       .tv_nsec = left > 0 ? left % NSEC_PER_SEC : 0 };
		int r = ppoll(&p, 1, timeout_ns < 0 ? NULL : &ts, NULL);
		if (r >= 0)
			return r;
		if (errno != EINTR)
			return fail_errno(err, "wait for a process");
	}
}

int process_reap(pid_t pid, int *ret_status, struct error *err)
{
	int status;
	pid_t r;

	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return fail_errno(err, "wait for process %d", pid);
	*ret_status = status;
	return 0;
}

int process_exit_code(int status)
{
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/* linux/pidfd.h of 6.15; older headers lack it. Version 0 is 64 bytes, the kernel accepts any size from there on. */
struct pidfd_info {
	uint64_t mask, cgroup_id;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
#define INFO_CREDS  (1U << 1)
#define INFO_CGROUP (1U << 2)
#define INFO_EXIT   (1U << 3)
#define IOCTL_PIDFD_GET_INFO _IOWR(0xFF, 11, struct pidfd_info)

int process_get_info(int pidfd, struct process_info *ret, struct error *err)
{
	struct pidfd_info i = { .mask = INFO_CREDS | INFO_CGROUP | INFO_EXIT };

	if (ioctl(pidfd, IOCTL_PIDFD_GET_INFO, &i) < 0) {
		if (errno == ENOTTY || errno == EINVAL || errno == ESRCH)
			return 0;
		return fail_errno(err, "PIDFD_GET_INFO");
	}
	*ret = (struct process_info){
		.pid = i.pid, .tgid = i.tgid, .ppid = i.ppid, .ruid = i.ruid, .euid = i.euid, .rgid = i.rgid,
		.egid = i.egid, .cgroup_id = i.mask & INFO_CGROUP ? i.cgroup_id : 0,
		.exited = (i.mask & INFO_EXIT) != 0, .status = i.mask & INFO_EXIT ? i.exit_code : 0,
	};
	return 1;
}
