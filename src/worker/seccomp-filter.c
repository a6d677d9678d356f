/* SPDX-License-Identifier: Apache-2.0
 * worker/seccomp-filter.c - a role's allow-list as classic BPF.
 *
 * Everything not listed fails with EPERM; what would only ever be an attack (exec, ptrace, mounts, modules) is not
 * listed either, so it fails the same way. clone3 answers ENOSYS so that the C library falls back to clone, whose flags
 * a filter can see: only threads. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "worker/sandbox.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ARCH AUDIT_ARCH_S390X
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#elif defined(__i386__)
#define ARCH AUDIT_ARCH_I386
#else
#error "name this architecture's AUDIT_ARCH"
#endif

#define ALL 0xffu
#define R(role) (1u << WORKER_##role)
#define FILES (R(UNPACK) | R(PACK))            /* roles that walk a tree */
#define READERS (R(UNPACK) | R(PACK) | R(FETCH))

/* The most frequent first: the kernel caches plain allowances, but old ones walk the list. */
static const struct allowed {
	int nr;
	unsigned roles;
} allowed[] = {
	{ SYS_write, ALL }, { SYS_read, ALL }, { SYS_close, ALL }, { SYS_openat, READERS }, { SYS_utimensat, FILES },
	{ SYS_futex, ALL }, { SYS_openat2, FILES }, { SYS_fchownat, R(UNPACK) }, { SYS_mkdirat, R(UNPACK) },
	{ SYS_symlinkat, R(UNPACK) }, { SYS_linkat, R(UNPACK) }, { SYS_unlinkat, R(UNPACK) }, { SYS_mknodat, R(UNPACK) },
	{ SYS_fchmod, R(UNPACK) }, { SYS_fchmodat, R(UNPACK) }, { SYS_fchown, R(UNPACK) }, { SYS_fsetxattr, R(UNPACK) },
	{ SYS_renameat2, R(UNPACK) }, { SYS_ftruncate, ALL }, { SYS_fallocate, ALL }, { SYS_pwrite64, ALL },
	{ SYS_pread64, ALL },
#ifdef SYS_sync_file_range
	{ SYS_sync_file_range, R(UNPACK) },
#endif
#ifdef SYS_sync_file_range2
	{ SYS_sync_file_range2, R(UNPACK) },
#endif
	 { SYS_readv, ALL }, { SYS_writev, ALL }, { SYS_lseek, ALL }, { SYS_fstat, ALL },
	{ SYS_statx, ALL },
#ifdef SYS_newfstatat
	{ SYS_newfstatat, ALL },
#endif
	{ SYS_getdents64, READERS }, { SYS_readlinkat, FILES }, { SYS_flistxattr, R(PACK) }, { SYS_fgetxattr, FILES },
	{ SYS_llistxattr, R(PACK) }, { SYS_lgetxattr, R(PACK) }, { SYS_getxattr, R(PACK) }, { SYS_listxattr, R(PACK) },
	{ SYS_copy_file_range, ALL }, { SYS_sendfile, ALL }, { SYS_splice, ALL }, { SYS_fcntl, ALL }, { SYS_dup, ALL },
	{ SYS_sendmsg, ALL }, { SYS_recvmsg, ALL }, { SYS_memfd_create, ALL }, { SYS_ppoll, ALL },
	{ SYS_mmap, ALL }, { SYS_munmap, ALL }, { SYS_mprotect, ALL }, { SYS_mremap, ALL }, { SYS_madvise, ALL },
	{ SYS_brk, ALL }, { SYS_exit, ALL }, { SYS_exit_group, ALL }, { SYS_rt_sigaction, ALL },
	{ SYS_rt_sigprocmask, ALL }, { SYS_rt_sigreturn, ALL }, { SYS_sigaltstack, ALL }, { SYS_set_robust_list, ALL },
	{ SYS_rseq, ALL }, { SYS_getpid, ALL }, { SYS_gettid, ALL }, { SYS_tgkill, ALL }, { SYS_sched_yield, ALL },
	{ SYS_sched_getaffinity, ALL }, { SYS_clock_gettime, ALL }, { SYS_clock_nanosleep, ALL }, { SYS_nanosleep, ALL },
	{ SYS_getrandom, ALL }, { SYS_restart_syscall, ALL }, { SYS_prlimit64, ALL }, { SYS_sysinfo, ALL },
	{ SYS_membarrier, ALL },
#ifdef SYS_poll
	{ SYS_poll, ALL },
#endif
	/* network */
	{ SYS_connect, R(FETCH) }, { SYS_sendto, R(FETCH) }, { SYS_recvfrom, R(FETCH) }, { SYS_sendmmsg, R(FETCH) },
	{ SYS_getsockopt, R(FETCH) }, { SYS_setsockopt, R(FETCH) }, { SYS_getsockname, R(FETCH) },
	{ SYS_getpeername, R(FETCH) }, { SYS_shutdown, R(FETCH) }, { SYS_bind, R(FETCH) }, { SYS_socketpair, R(FETCH) },
	{ SYS_ioctl, R(FETCH) }, { SYS_uname, R(FETCH) }, { SYS_eventfd2, R(FETCH) }, { SYS_pipe2, R(FETCH) },
	{ SYS_gettimeofday, R(FETCH) }, { SYS_geteuid, ALL }, { SYS_getuid, ALL }, { SYS_getegid, ALL },
	{ SYS_getgid, ALL }, { SYS_faccessat, R(FETCH) }, { SYS_epoll_create1, R(FETCH) }, { SYS_epoll_ctl, R(FETCH) },
	{ SYS_epoll_pwait, R(FETCH) },
#ifdef SYS_access
	{ SYS_access, R(FETCH) }, { SYS_readlink, R(FETCH) }, { SYS_stat, R(FETCH) }, { SYS_lstat, R(FETCH) },
	{ SYS_open, R(FETCH) },
#endif
};

#define MAX_CODE (2 * ARRAY_LEN(allowed) + 32)

struct program {
	struct sock_filter code[MAX_CODE];
	unsigned short n;
};

static void emit(struct program *p, struct sock_filter f)
{
	p->code[p->n++] = f;
}

static void load(struct program *p, size_t offset)
{
	emit(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void ret(struct program *p, uint32_t value)
{
	emit(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value));
}

static void emit_list(struct program *p, enum worker_role role)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		if (!(allowed[i].roles & 1u << role))
			continue;
		emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i].nr, 0, 1));
		ret(p, SECCOMP_RET_ALLOW);
	}
}

static size_t arg_low(int i)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return offsetof(struct seccomp_data, args[i]) + 4;
#else
	return offsetof(struct seccomp_data, args[i]);
#endif
}

/* clone: threads only. socket: Internet families and netlink (address selection), the fetcher alone. */
static void emit_special(struct program *p, enum worker_role role, bool unix_sockets)
{
	/* The last one only where a daemon's socket is to be reached. */
	static const uint32_t all[] = { 2 /* AF_INET */, 10 /* AF_INET6 */, 16 /* AF_NETLINK */, 1 /* AF_UNIX */ };
	size_t n = ARRAY_LEN(all) - !unix_sockets;

#ifdef __s390x__
	size_t clone_flags = arg_low(1);
#else
	size_t clone_flags = arg_low(0);
#endif
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1));
	ret(p, SECCOMP_RET_ERRNO | ENOSYS);
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4));
	load(p, clone_flags);
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1));
	ret(p, SECCOMP_RET_ALLOW);
	ret(p, SECCOMP_RET_ERRNO | EPERM);
	if (role != WORKER_FETCH)
		return;
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, (uint8_t)(2 + 2 * n)));
	load(p, arg_low(0));
	for (size_t i = 0; i < n; i++) {
		emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, all[i], 0, 1));
		ret(p, SECCOMP_RET_ALLOW);
	}
	ret(p, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
}

int seccomp_filter_load(enum worker_role role, bool unix_sockets)
{
	struct program p = {};

	load(&p, offsetof(struct seccomp_data, arch));
	emit(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	ret(&p, SECCOMP_RET_KILL_PROCESS);
	load(&p, offsetof(struct seccomp_data, nr));
	emit_list(&p, role);
	emit_special(&p, role, unix_sockets);
	ret(&p, SECCOMP_RET_ERRNO | EPERM);
	struct sock_fprog prog = { p.n, p.code };
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) < 0 ? -errno : 0;
}
