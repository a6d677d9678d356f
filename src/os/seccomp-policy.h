/* SPDX-License-Identifier: Apache-2.0
 * os/seccomp-policy.h - internal to os/seccomp: the built-in policy as tables. The generator (gen-seccomp.c) compiles
 * them to BPF at build time, seccomp-spec.c writes them as a profile, the tests compare both by executing.
 *
 * Every system call is in at most one table; what is in none gets ENOSYS, which is what C libraries probe for.
 * EPERM is for calls whose absence a program would not expect. Absent on purpose: io_uring_*, keyctl, add_key,
 * request_key (each container has its own keyring and no business with others), lookups of the module and swap kind. */
#pragma once
#include <linux/capability.h>
#include <stdint.h>

#define CAP_BIT(c) (UINT64_C(1) << (c))

/* Groups of rules that depend on the container. The embedded program returns ERRNO(SECCOMP_MARK + group) for them;
 * seccomp_builtin() patches that to ALLOW or to the group's error. */
enum seccomp_group {
	SECCOMP_GROUP_NESTED,         /* unshare, setns, clone(NEW*), the mount family */
	SECCOMP_GROUP_NESTED_CLONE3,  /* its flags cannot be seen by a filter: ENOSYS makes libraries use clone */
	SECCOMP_GROUP_SYS_ADMIN, SECCOMP_GROUP_BPF, SECCOMP_GROUP_PERFMON, SECCOMP_GROUP_DAC_READ_SEARCH,
	SECCOMP_GROUP_SYS_CHROOT, SECCOMP_GROUP_SYS_MODULE, SECCOMP_GROUP_SYS_PACCT, SECCOMP_GROUP_SYS_PTRACE,
	SECCOMP_GROUP_SYS_RAWIO, SECCOMP_GROUP_SYS_TIME, SECCOMP_GROUP_SYS_TTY_CONFIG, SECCOMP_GROUP_SYSLOG,
	SECCOMP_GROUP_SYS_BOOT, SECCOMP_GROUP_AUDIT_WRITE, SECCOMP_GROUP_MAX
};
#define SECCOMP_MARK         0xE00
#define SECCOMP_FAMILY_SLOTS 8
#define SECCOMP_FAMILY_MARK  0xFFFFFF00U   /* + slot: a family number nothing has, patched to a wanted one */

struct seccomp_group_info {
	uint64_t caps;   /* any of these allows the group */
	int errnum;      /* else */
};
static const struct seccomp_group_info seccomp_groups[SECCOMP_GROUP_MAX] = {
	[SECCOMP_GROUP_NESTED] = { CAP_BIT(CAP_SYS_ADMIN), 1 },
	[SECCOMP_GROUP_NESTED_CLONE3] = { CAP_BIT(CAP_SYS_ADMIN), 38 },
	[SECCOMP_GROUP_SYS_ADMIN] = { CAP_BIT(CAP_SYS_ADMIN), 1 },
	[SECCOMP_GROUP_BPF] = { CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_BPF), 1 },
	[SECCOMP_GROUP_PERFMON] = { CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_PERFMON), 1 },
	[SECCOMP_GROUP_DAC_READ_SEARCH] = { CAP_BIT(CAP_DAC_READ_SEARCH), 1 },
	[SECCOMP_GROUP_SYS_CHROOT] = { CAP_BIT(CAP_SYS_CHROOT), 1 },
	[SECCOMP_GROUP_SYS_MODULE] = { CAP_BIT(CAP_SYS_MODULE), 1 },
	[SECCOMP_GROUP_SYS_PACCT] = { CAP_BIT(CAP_SYS_PACCT), 1 },
	[SECCOMP_GROUP_SYS_PTRACE] = { CAP_BIT(CAP_SYS_PTRACE), 1 },
	[SECCOMP_GROUP_SYS_RAWIO] = { CAP_BIT(CAP_SYS_RAWIO), 1 },
	[SECCOMP_GROUP_SYS_TIME] = { CAP_BIT(CAP_SYS_TIME), 1 },
	[SECCOMP_GROUP_SYS_TTY_CONFIG] = { CAP_BIT(CAP_SYS_TTY_CONFIG), 1 },
	[SECCOMP_GROUP_SYSLOG] = { CAP_BIT(CAP_SYSLOG), 1 },
	[SECCOMP_GROUP_SYS_BOOT] = { CAP_BIT(CAP_SYS_BOOT), 1 },
	[SECCOMP_GROUP_AUDIT_WRITE] = { CAP_BIT(CAP_AUDIT_WRITE), 22 },
};

/* ---- always allowed, by topic ---- */
static const char *const seccomp_allowed[] = {
	/* files by name */
	"access", "chdir", "chmod", "chown", "chown32", "creat", "faccessat", "faccessat2", "fchdir", "fchmod", "fchmodat",
	"fchmodat2", "fchown", "fchown32", "fchownat", "futimesat", "getcwd", "lchown", "lchown32", "link", "linkat", "mkdir",
	"mkdirat", "mknod", "mknodat", "name_to_handle_at", "open", "openat", "openat2", "readlink", "readlinkat", "rename",
	"renameat", "renameat2", "rmdir", "symlink", "symlinkat", "truncate", "truncate64", "umask", "unlink", "unlinkat",
	"utime", "utimensat", "utimensat_time64", "utimes",
	/* what they are */
	"fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "lstat", "lstat64", "newfstatat", "stat", "stat64", "statfs",
	"statfs64", "statx", "fgetxattr", "flistxattr", "fremovexattr", "fsetxattr", "getxattr", "lgetxattr", "listxattr",
	"llistxattr", "lremovexattr", "lsetxattr", "removexattr", "setxattr",
	/* open files */
	"_llseek", "close", "close_range", "copy_file_range", "dup", "dup2", "dup3", "fadvise64", "fadvise64_64", "fallocate",
	"fcntl", "fcntl64", "fdatasync", "flock", "fsync", "ftruncate", "ftruncate64", "getdents", "getdents64", "ioctl",
	"lseek", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readv", "sendfile",
	"sendfile64", "splice", "sync", "sync_file_range", "syncfs", "tee", "write", "writev",
	/* waiting for them */
	"_newselect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
	"epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "fanotify_mark", "inotify_add_watch", "inotify_init",
	"inotify_init1", "inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_setup", "io_submit", "pipe",
	"pipe2", "poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select", "signalfd", "signalfd4",
	"timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64",
	/* sockets (socket and socketpair: by family) */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recv", "recvfrom",
	"recvmmsg", "recvmmsg_time64", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
	"socketcall",
	/* memory */
	"brk", "get_mempolicy", "madvise", "mbind", "membarrier", "memfd_create", "memfd_secret", "mincore", "mlock", "mlock2",
	"mlockall", "mmap", "mmap2", "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc",
	"pkey_free", "pkey_mprotect", "remap_file_pages", "set_mempolicy", "set_mempolicy_home_node",
	/* processes and threads */
	"arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "get_robust_list",
	"get_thread_area", "getcpu", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrlimit", "getrusage",
	"getsid", "gettid", "ioprio_get", "ioprio_set", "kill", "modify_ldt", "pause", "pidfd_open", "pidfd_send_signal",
	"prctl", "prlimit64", "process_mrelease", "process_vm_readv", "process_vm_writev", "ptrace", "restart_syscall",
	"rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
	"rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "set_robust_list", "set_thread_area",
	"set_tid_address", "setpgid", "setpriority", "setrlimit", "setsid", "sigaltstack", "signal", "sigprocmask",
	"sigreturn", "tgkill", "tkill", "ugetrlimit", "vfork", "wait4", "waitid", "waitpid",
	"sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity",
	"sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield",
	/* who they are */
	"getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32", "getresgid",
	"getresgid32", "getresuid", "getresuid32", "getuid", "getuid32", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32",
	"setgid", "setgid32", "setgroups", "setgroups32", "setregid", "setregid32", "setresgid", "setresgid32", "setresuid",
	"setresuid32", "setreuid", "setreuid32", "setuid", "setuid32",
	/* synchronising, System V and POSIX IPC */
	"futex", "futex_requeue", "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "ipc", "mq_getsetattr",
	"mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64",
	"mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop", "semtimedop_time64",
	"shmat", "shmctl", "shmdt", "shmget",
	/* time */
	"adjtimex", "alarm", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64", "clock_gettime",
	"clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "getitimer", "gettimeofday", "nanosleep", "setitimer",
	"time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime",
	"timer_settime64", "times",
	/* the rest; restricting oneself further is always fine */
	"getrandom", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp", "sysinfo", "uname",
	/* other machines' own */
	"arm_fadvise64_64", "arm_sync_file_range", "breakpoint", "cacheflush", "set_tls", "sync_file_range2", "swapcontext",
	"riscv_flush_icache", "s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr",
};

/* ---- refused with EPERM ---- */
static const char *const seccomp_eperm[] = {
	"add_key", "bdflush", "cachestat", "io_pgetevents", "io_pgetevents_time64", "kexec_file_load", "kexec_load", "keyctl",
	"map_shadow_stack", "migrate_pages", "move_pages", "nfsservctl", "nice", "oldfstat", "oldlstat", "oldolduname",
	"oldstat", "olduname", "pciconfig_iobase", "pciconfig_read", "pciconfig_write", "request_key", "sgetmask", "ssetmask",
	"swapoff", "swapon", "sysfs", "uselib", "userfaultfd", "ustat", "vm86", "vm86old", "vmsplice",
};

/* ---- by group ---- */
struct seccomp_gated {
	const char *name;
	enum seccomp_group group;
};
static const struct seccomp_gated seccomp_gated[] = {
	{ "unshare", SECCOMP_GROUP_NESTED }, { "setns", SECCOMP_GROUP_NESTED }, { "mount", SECCOMP_GROUP_NESTED },
	{ "umount", SECCOMP_GROUP_NESTED }, { "umount2", SECCOMP_GROUP_NESTED }, { "pivot_root", SECCOMP_GROUP_NESTED },
	{ "fsopen", SECCOMP_GROUP_NESTED }, { "fsconfig", SECCOMP_GROUP_NESTED }, { "fsmount", SECCOMP_GROUP_NESTED },
	{ "fspick", SECCOMP_GROUP_NESTED }, { "open_tree", SECCOMP_GROUP_NESTED }, { "move_mount", SECCOMP_GROUP_NESTED },
	{ "mount_setattr", SECCOMP_GROUP_NESTED },
	{ "clone3", SECCOMP_GROUP_NESTED_CLONE3 },
	{ "fanotify_init", SECCOMP_GROUP_SYS_ADMIN }, { "lookup_dcookie", SECCOMP_GROUP_SYS_ADMIN },
	{ "quotactl", SECCOMP_GROUP_SYS_ADMIN }, { "quotactl_fd", SECCOMP_GROUP_SYS_ADMIN },
	{ "setdomainname", SECCOMP_GROUP_SYS_ADMIN }, { "sethostname", SECCOMP_GROUP_SYS_ADMIN },
	{ "bpf", SECCOMP_GROUP_BPF }, { "perf_event_open", SECCOMP_GROUP_PERFMON },
	{ "open_by_handle_at", SECCOMP_GROUP_DAC_READ_SEARCH }, { "chroot", SECCOMP_GROUP_SYS_CHROOT },
	{ "delete_module", SECCOMP_GROUP_SYS_MODULE }, { "finit_module", SECCOMP_GROUP_SYS_MODULE },
	{ "init_module", SECCOMP_GROUP_SYS_MODULE }, { "query_module", SECCOMP_GROUP_SYS_MODULE },
	{ "acct", SECCOMP_GROUP_SYS_PACCT }, { "kcmp", SECCOMP_GROUP_SYS_PTRACE },
	{ "process_madvise", SECCOMP_GROUP_SYS_PTRACE }, { "pidfd_getfd", SECCOMP_GROUP_SYS_PTRACE },
	{ "ioperm", SECCOMP_GROUP_SYS_RAWIO }, { "iopl", SECCOMP_GROUP_SYS_RAWIO },
	{ "clock_settime", SECCOMP_GROUP_SYS_TIME }, { "clock_settime64", SECCOMP_GROUP_SYS_TIME },
	{ "settimeofday", SECCOMP_GROUP_SYS_TIME }, { "stime", SECCOMP_GROUP_SYS_TIME },
	{ "vhangup", SECCOMP_GROUP_SYS_TTY_CONFIG }, { "syslog", SECCOMP_GROUP_SYSLOG },
	{ "reboot", SECCOMP_GROUP_SYS_BOOT },
};

/* ---- by argument: socket, socketpair (family), clone (flags), personality (value) ---- */
#define SECCOMP_CLONE_NEW_MASK 0x7E020000U   /* CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET} */
#define SECCOMP_NETLINK        16
#define SECCOMP_NETLINK_AUDIT  9
#define SECCOMP_EAFNOSUPPORT   97
static const uint32_t seccomp_families[] = { 1 /* UNIX */, 2 /* INET */, 10 /* INET6 */, 17 /* PACKET */ };
static const uint32_t seccomp_personalities[] = { 0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF };

/* Families that may be asked for with --security-opt socket-family=NAME. */
struct seccomp_family {
	const char *name;
	uint32_t number;
};
static const struct seccomp_family seccomp_extra_families[] = {
	{ "alg", 38 }, { "appletalk", 5 }, { "ax25", 3 }, { "bluetooth", 31 }, { "caif", 37 }, { "can", 29 },
	{ "ieee802154", 36 }, { "ipx", 4 }, { "iucv", 32 }, { "kcm", 41 }, { "key", 15 }, { "llc", 26 }, { "mctp", 45 },
	{ "netrom", 6 }, { "nfc", 39 }, { "phonet", 35 }, { "pppox", 24 }, { "qipcrtr", 42 }, { "rds", 21 },
	{ "rose", 11 }, { "smc", 43 }, { "tipc", 30 }, { "vsock", 40 }, { "x25", 9 }, { "xdp", 44 },
};

/* Calls newer than the libseccomp we may meet. From 424 on the numbers are the same on all machines (alpha aside). */
struct seccomp_new_call {
	const char *name;
	int nr;
};
static const struct seccomp_new_call seccomp_new_calls[] = {
	{ "quotactl_fd", 443 }, { "landlock_create_ruleset", 444 }, { "landlock_add_rule", 445 },
	{ "landlock_restrict_self", 446 }, { "process_mrelease", 448 }, { "futex_waitv", 449 },
	{ "set_mempolicy_home_node", 450 }, { "cachestat", 451 }, { "fchmodat2", 452 }, { "map_shadow_stack", 453 },
	{ "futex_wake", 454 }, { "futex_wait", 455 }, { "futex_requeue", 456 }, { "statmount", 457 }, { "listmount", 458 },
	{ "lsm_get_self_attr", 459 }, { "lsm_set_self_attr", 460 }, { "lsm_list_modules", 461 }, { "mseal", 462 },
	{ "setxattrat", 463 }, { "getxattrat", 464 }, { "listxattrat", 465 }, { "removexattrat", 466 },
	{ "open_tree_attr", 467 }, { "file_getattr", 468 }, { "file_setattr", 469 },
};
