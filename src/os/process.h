/* SPDX-License-Identifier: Apache-2.0
 * os/process.h - looking at, waiting for and signalling processes without racing their pids; procfs handles.
 *
 * A pid alone names nothing for long: keep (pid, start time) in records, a pidfd in memory. Owns nothing; allocates
 * nothing unless marked [alloc]. /proc is the host's ordinary one where `proc` is AT_FDCWD-like PROC_HOST, or a
 * handle from procfs_open(): use a handle for everything that happens once a container's mounts may be around.
 * Usable after fork() and between clone() and exec(). */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

#define PROC_HOST (-1)   /* instead of a procfs handle: the /proc of our own mount namespace, checked to be procfs */

/* A private procfs: fsopen("proc") + fsmount, attached nowhere, so nothing can be mounted over its files (falls back
 * to /proc, checked PROC_SUPER_MAGIC and root inode, where a new instance may not be made). Returns a directory fd. */
int procfs_open(struct error *err);
/* The ordinary /proc, checked once: for many looks at processes while no container's mounts are around. */
int procfs_open_host(struct error *err);
/* Opens path beneath the handle: no links, no mount crossings, result checked to be procfs. "thread-self/..." and
 * "self/..." are allowed as first component. */
int procfs_open_file(int proc, const char *path, int oflags, struct error *err);
/* Writes the text with one write(); as procfs_open_file. */
int procfs_write(int proc, const char *path, const char *text, struct error *err);
/* At most size-1 bytes, NUL-terminated; returns length or -errno. */
ssize_t procfs_read(int proc, const char *path, char *buf, size_t size);

/* ---- identity ---- */
/* Start time in clock ticks since boot (field 22 of stat). 1: *ret set; 0: no such process (or a zombie's gone). */
int process_start_time(int proc, pid_t pid, uint64_t *ret, struct error *err);
/* Whether pid is alive (not a zombie) and was started at `start` (0: any). When that cannot be told (no descriptors left,
 * say) it is: nobody shall clean up after what may be running. One that is hidden from us is not. */
bool process_is_alive(int proc, pid_t pid, uint64_t start);
/* This boot's id, 36 characters. */
int process_boot_id(char ret[37], struct error *err);
/* Inode number of a namespace file of a process: kind is "pid", "user", ...; pid 0: our own. 0 when unreadable. */
uint64_t process_ns_inode(pid_t pid, const char *kind);

/* ---- pidfds ---- */
int process_open(pid_t pid, struct error *err);             /* pidfd; ESRCH when gone */
/* pidfd only if the process is the one that started at `start`. 1: *ret_fd; 0: gone, a zombie, or another. */
int process_open_verified(pid_t pid, uint64_t start, int *ret_fd, struct error *err);
/* 1: sent; 0: the process is gone. */
int process_signal(int pidfd, int sig, struct error *err);
/* Waits until the process has ended (any process, not only children). 1: ended; 0: the time is over. <0 ns: forever. */
int process_wait_exit(int pidfd, int64_t timeout_ns, struct error *err);
/* waitpid for a child: *ret_status as of wait(2). EINTR handled. */
int process_reap(pid_t pid, int *ret_status, struct error *err);
/* Shell's view of a wait status: exit code, or 128 + signal. */
int process_exit_code(int status);

struct process_info {
	pid_t pid, tgid, ppid;
	uid_t ruid, euid;
	gid_t rgid, egid;
	uint64_t cgroup_id;      /* 0: unknown */
	bool exited;
	int status;              /* wait(2) status when exited and the kernel keeps it (>= 6.15) */
};
/* PIDFD_GET_INFO. 1: *ret set; 0: this kernel cannot. Credentials, ppid and cgroup also after death where kept. */
int process_get_info(int pidfd, struct process_info *ret, struct error *err);

/* ---- /proc/PID ---- */
struct process_stat {
	pid_t pid, ppid, pgrp, session;
	int tty;
	char comm[64];           /* untrusted bytes, control characters replaced by '?' */
	char state;              /* R S D Z T ... */
	uint64_t utime, stime;   /* clock ticks */
	uint64_t start;          /* clock ticks since boot */
	uint64_t vsize, rss;     /* bytes */
	long threads;
};
int process_stat(int proc, pid_t pid, struct process_stat *ret, struct error *err);   /* 1; 0: no such process */

struct process_status {
	uid_t uid[4];            /* real, effective, saved, file system */
	gid_t gid[4];
	gid_t groups[64];        /* the first 64 */
	size_t n_groups;         /* all of them */
	uint64_t cap_inh, cap_prm, cap_eff, cap_bnd, cap_amb;
	bool no_new_privs;
	int seccomp;             /* 0 off, 1 strict, 2 filter */
	pid_t ns_pid;            /* pid in the innermost pid namespace */
};
int process_status(int proc, pid_t pid, struct process_status *ret, struct error *err);
/* Text parsers of the above, for tests and fuzzing. False when the text makes no sense. */
bool process_parse_stat(const char *text, struct process_stat *ret);
bool process_parse_status(const char *text, struct process_status *ret);
/* [alloc] The NUL-separated vectors, at most 1 MiB. 1; 0: no such process. */
int process_environ(int proc, pid_t pid, struct strv *ret, struct error *err);
int process_cmdline(int proc, pid_t pid, struct strv *ret, struct error *err);
