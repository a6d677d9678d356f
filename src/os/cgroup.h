/* SPDX-License-Identifier: Apache-2.0
 * os/cgroup.h - control groups of containers: v2, v1 and hybrid hosts, with cgroupfs or systemd as manager.
 *
 * A struct cgroup is one group: a path below the hierarchy roots, and which hierarchies hold a directory for it. On v1
 * only the hierarchies that do something get one: those of requested limits, the device list, and one to count and kill
 * by (the unified one on hybrid hosts). It is a plain value of fixed size plus descriptors; cgroup_done() closes those
 * and removes nothing.
 *
 * Getting a process in. Writing another process' pid to cgroup.procs makes the kernel wait for an RCU grace period (5 to
 * 15 ms measured); two ways do not: CLONE_INTO_CGROUP (v2, and the unified hierarchy of hybrid hosts), and a
 * single-threaded process writing "0" into v1 `tasks` itself (20 us). So: clone3() with cgroup_clone_fd(), without
 * CLONE_NEWCGROUP (it would take the parent's group as its root); the child calls cgroup_join() for the rest, and only
 * then unshare(CLONE_NEWCGROUP).
 * Where a controller is missing or not writable, a limit that was asked for becomes a warning in struct cgroup_warnings
 * - or an error when the caller marked it required - never silence.
 * cgroup_join() is usable between clone() and exec(); the rest is not. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/field.h"
#include "base/str.h"

enum cgroup_mode { CGROUP_NONE, CGROUP_V1, CGROUP_HYBRID, CGROUP_V2, CGROUP_MODE_MAX };
enum cgroup_manager { CGROUP_MANAGER_CGROUPFS, CGROUP_MANAGER_SYSTEMD, CGROUP_MANAGER_DISABLED, CGROUP_MANAGER_MAX };

/* v1 hierarchies; on v2 the same numbers name controllers. */
enum cgroup_controller {
	CGROUP_CPU, CGROUP_CPUACCT, CGROUP_CPUSET, CGROUP_MEMORY, CGROUP_PIDS, CGROUP_BLKIO /* io */, CGROUP_DEVICES,
	CGROUP_FREEZER, CGROUP_HUGETLB, CGROUP_NET_CLS, CGROUP_NET_PRIO, CGROUP_PERF_EVENT, CGROUP_RDMA, CGROUP_MISC,
	CGROUP_SYSTEMD /* named hierarchy */, CGROUP_UNIFIED, CGROUP_CONTROLLER_MAX
};
const char *cgroup_controller_name(enum cgroup_controller c);   /* v1 name */

/* ---- the host ---- */
enum cgroup_mode cgroup_mode(void);   /* by statfs of /sys/fs/cgroup; NONE: not mounted */
/* What kind of directory names: "v1" or "v2" for `info` (hybrid counts as v1, as podman says). */
const char *cgroup_mode_version(enum cgroup_mode m);
/* Controllers available to us (bit = 1 << enum cgroup_controller), v2: of the group we would create ours under. */
uint32_t cgroup_controllers(void);
/* Hierarchies there are (bits): where a group and those below it may have directories. */
uint32_t cgroup_hierarchies(enum cgroup_mode mode);
/* The cgroup of a process (pid 0: our own) in one hierarchy as a path from the hierarchy's root. 1; 0: none. */
int cgroup_of_process(pid_t pid, enum cgroup_controller c, char *ret, size_t size, struct error *err);
/* The same from the text of /proc/PID/cgroup. */
int cgroup_parse_process(const char *text, enum cgroup_controller c, char *ret, size_t size, struct error *err);

/* ---- limits: unset members change nothing ---- */
struct cgroup_memory {
	struct opt_int limit, reservation, swap /* memory + swap */, kernel, kernel_tcp;   /* bytes, -1: no limit */
	struct opt_uint swappiness;
	struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};
struct cgroup_cpu {
	struct opt_uint shares, period, realtime_period;
	struct opt_int quota, realtime_runtime, idle;
	struct opt_uint burst;
	char *cpus, *mems;          /* "0-3,7"; NULL: unset */
};
struct cgroup_weight_device { int64_t major, minor; struct opt_uint weight, leaf_weight; };
struct cgroup_throttle_device { int64_t major, minor; uint64_t rate; };
struct cgroup_blkio {
	struct opt_uint weight, leaf_weight;
	struct list weight_device;                       /* struct cgroup_weight_device */
	struct list read_bps, write_bps, read_iops, write_iops;   /* struct cgroup_throttle_device */
};
struct cgroup_hugepage { char *page_size; uint64_t limit; };
struct cgroup_rdma { char *device; struct opt_uint handles, objects; };
struct cgroup_net_prio { char *name; uint32_t priority; };
struct cgroup_device {
	bool allow;
	char type;                  /* 'a', 'b', 'c' */
	int64_t major, minor;       /* -1: any */
	bool read, write, mknod;
};
struct cgroup_resources {
	struct cgroup_memory memory;
	struct cgroup_cpu cpu;
	struct opt_int pids;        /* -1 or 0: no limit */
	struct cgroup_blkio blkio;
	struct list hugepages;      /* struct cgroup_hugepage */
	struct list rdma;           /* struct cgroup_rdma */
	struct opt_uint net_class;
	struct list net_prio;       /* struct cgroup_net_prio */
	struct strmap unified;      /* v2 file name -> value */
	struct list devices;        /* struct cgroup_device, in order; empty: device access is not restricted */
	uint32_t required;          /* controllers (bits) whose limits must work: failing there is an error */
};
void cgroup_resources_done(struct cgroup_resources *r);

/* "0-3,7": true when it is a cpu/memory node list; O(1) memory whatever the numbers (CVE-2018-20699). */
bool cgroup_list_is_valid(const char *text);
/* runc's conversion of v1 shares (2..262144) to v2 weight (1..10000), and of blkio weight to io.weight. */
uint64_t cgroup_shares_to_weight(uint64_t shares);

/* ---- one group ---- */
struct cgroup_warnings {
	char text[6][200];          /* one sentence each */
	size_t n, dropped;
};

#define CGROUP_PATH_MAX 768
struct cgroup {
	enum cgroup_mode mode;
	enum cgroup_manager manager;
	char path[CGROUP_PATH_MAX];   /* "/libpod_parent/libpod-<id>", from each hierarchy's root; "": none */
	uint32_t made;                /* bits: hierarchies with a directory of ours */
	int fds[CGROUP_CONTROLLER_MAX];   /* directory descriptors of those, -1 */
	char scope[300];              /* systemd: unit name */
	int keeper;                   /* systemd: open as long as the empty scope shall live; -1 */
};
#define CGROUP_INIT { .mode = CGROUP_NONE, .keeper = -1, .fds = { [0 ... CGROUP_CONTROLLER_MAX - 1] = -1 } }
void cgroup_done(struct cgroup *c);
#define auto_cgroup CLEANUP(cgroup_done) struct cgroup

struct cgroup_create {
	enum cgroup_manager manager;
	const char *path;             /* cgroupfs: "/parent/name" or "parent/name" relative to our own group; ".." is
				       * refused. systemd: "slice:prefix:name". NULL or "": under our own group, `name` */
	const char *name;             /* last component when path is empty, e.g. "umiak-<id>" */
	pid_t pid;                    /* systemd: a process to start the scope with; 0: one of our own sits in it until
				       * cgroup_done() or the end of this program */
	const struct cgroup_resources *resources;   /* what will be set: decides which v1 hierarchies are needed */
	uint32_t also;                /* v1: hierarchies (bits) that get a directory besides: a pod's, whose limits shall hold */
	bool all_controllers;         /* v1: a directory everywhere (umiak-oci for other engines, nested managers) */
	bool must_be_new;             /* an existing, populated group is an error (ERROR_EXISTS) */
};
/* Makes the group. No writable hierarchy at all (rootless without delegation): success with made == 0 and a warning only
 * if limits were asked for. */
int cgroup_create(const struct cgroup_create *how, struct cgroup *ret, struct cgroup_warnings *w, struct error *err);
/* systemd: a slice with limits of its own (a pod's) is made; one that is there gets them anew. */
int cgroup_slice_start(const char *slice, const struct cgroup_resources *r, struct cgroup_warnings *w, struct error *err);
/* 1: there is none, or it is ended now; 0: there are processes in it, it stays. */
int cgroup_slice_stop(const char *slice, struct error *err);
/* Finds an existing group again by what cgroup_save() wrote. Missing directories are simply not there any more. */
int cgroup_open(const char *saved, struct cgroup *ret, struct error *err);
/* "mode:manager:made-bits:scope:path" for state files; the length. */
int cgroup_save(const struct cgroup *c, char *out, size_t size, struct error *err);

/* Descriptor for clone3(CLONE_INTO_CGROUP), borrowed; -1: pure v1, or no group. */
int cgroup_clone_fd(const struct cgroup *c);
/* The files through which a child gets into the other hierarchies, opened by the parent with its rights. */
struct cgroup_join {
	int fds[CGROUP_CONTROLLER_MAX];
	size_t n;
};
#define CGROUP_JOIN_INIT { .n = 0 }
/* cloned_into: the child comes from clone3(CLONE_INTO_CGROUP), so it is in the unified hierarchy already. */
int cgroup_open_join(const struct cgroup *c, bool cloned_into, struct cgroup_join *ret, struct error *err);
/* Moves the calling, single-threaded process. */
int cgroup_join(const struct cgroup_join *j, struct error *err);
void cgroup_join_done(struct cgroup_join *j);
/* Moves another process into every directory of the group: slow, see above. */
int cgroup_attach(const struct cgroup *c, pid_t pid, struct error *err);
/* Sets limits and device rules. */
int cgroup_set(struct cgroup *c, const struct cgroup_resources *r, struct cgroup_warnings *w, struct error *err);
int cgroup_freeze(const struct cgroup *c, struct error *err);   /* waits until all are frozen (10 s at most) */
int cgroup_thaw(const struct cgroup *c, struct error *err);
int cgroup_is_frozen(const struct cgroup *c, struct error *err);   /* 1, 0 */
/* Sends SIGKILL to everything in the group and below, atomically where possible. Does not wait. */
int cgroup_kill(const struct cgroup *c, struct error *err);
int cgroup_signal(const struct cgroup *c, int sig, struct error *err);
/* All pids in the group and below. */
struct cgroup_pids { pid_t *v; size_t n; };
int cgroup_pids(const struct cgroup *c, struct cgroup_pids *ret, struct error *err);
void cgroup_pids_done(struct cgroup_pids *p);
bool cgroup_is_populated(const struct cgroup *c);
/* Kills what is left, removes the directories bottom-up; missing ones are fine. ERROR_TIMEOUT after 10 s. */
int cgroup_remove(struct cgroup *c, struct error *err);
/* The unified (v2) or, on v1, one hierarchy's directory as a path on the host, for cgroup mounts and inspect. */
int cgroup_dir(const struct cgroup *c, enum cgroup_controller which, char *ret, size_t size, struct error *err);

/* ---- statistics ---- */
struct cgroup_io_stat { uint32_t major, minor; uint64_t rbytes, wbytes, rios, wios; };
struct cgroup_stats {
	uint64_t cpu_usage_ns, cpu_user_ns, cpu_system_ns, cpu_periods, cpu_throttled, cpu_throttled_ns;
	uint64_t memory_usage, memory_max_usage, memory_limit /* UINT64_MAX: none */, memory_cache, memory_rss;
	uint64_t memory_inactive_file, swap_usage, swap_limit, oom_kills;
	uint64_t pids, pids_limit;
	struct cgroup_io_stat io[16];
	size_t n_io;
	uint32_t have;              /* controllers (bits) that gave numbers */
};
int cgroup_stats(const struct cgroup *c, struct cgroup_stats *ret, struct error *err);
/* Nanoseconds used on each CPU, at most `max` of them into ret; how many. 0 where the kernel does not count them (v2). */
size_t cgroup_cpu_each(const struct cgroup *c, uint64_t *ret, size_t max);
