/* SPDX-License-Identifier: Apache-2.0
 * Each layer stands alone: a kernel that lacks one still has the others. Nothing here may fail the start. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "resolver/resolver.h"

enum { NOBODY = 65534 };

static void drop_rights(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = {};
	const struct rlimit no_core = { 0, 0 };
	int rest = 0;

	setrlimit(RLIMIT_CORE, &no_core);
	rest |= setgroups(0, NULL);
	rest |= setresgid(NOBODY, NOBODY, NOBODY);
	rest |= setresuid(NOBODY, NOBODY, NOBODY);
	(void)rest;   /* where only one id is mapped there is no nobody: the capabilities go all the same */
	syscall(SYS_capset, &head, none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Reading below the own directory, /etc and /run (/etc/resolv.conf may lead there); everything else is closed. */
static void restrict_files(void)
{
	static const char *const places[] = { ".", "/etc", "/run" };
	const struct landlock_ruleset_attr all = { .handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
	int set = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

	if (set < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct landlock_path_beneath_attr beneath = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR };
		beneath.parent_fd = open(places[i], O_PATH | O_CLOEXEC);
		if (beneath.parent_fd < 0)
			continue;
		syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
		close(beneath.parent_fd);
	}
	syscall(SYS_landlock_restrict_self, set, 0);
	close(set);
}

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif
#define NR  (uint32_t)offsetof(struct seccomp_data, nr)
#define ARG(i) (uint32_t)offsetof(struct seccomp_data, args[i])
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define DENY  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define CALL(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), ALLOW

static void restrict_calls(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0), DENY,
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
#if defined(__x86_64__)
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), DENY,   /* x32 */
		CALL(epoll_wait), CALL(stat), CALL(fstat), CALL(open), CALL(newfstatat),
#else
		CALL(fstat), CALL(newfstatat),
#endif
		CALL(epoll_pwait), CALL(epoll_ctl), CALL(recvfrom), CALL(sendto), CALL(recvmsg), CALL(sendmsg), CALL(read), CALL(readv),
		CALL(write), CALL(close), CALL(bind), CALL(connect), CALL(listen), CALL(accept4), CALL(setsockopt),
		CALL(getsockopt), CALL(fcntl), CALL(openat), CALL(statx), CALL(getdents64), CALL(lseek), CALL(dup), CALL(inotify_init1),
		CALL(inotify_add_watch), CALL(inotify_rm_watch), CALL(getrandom), CALL(clock_gettime), CALL(brk), CALL(munmap),
		CALL(mremap), CALL(madvise), CALL(futex), CALL(rt_sigreturn), CALL(rt_sigprocmask), CALL(exit), CALL(exit_group),
		CALL(restart_syscall),
		/* memory that is never executable, sockets of the internet families */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(2)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 6), DENY,
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0), DENY, ALLOW,
	};
	const struct sock_fprog program = { ARRAY_LEN(code), code };

	if (ARCH)
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

void sandbox_enter(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	restrict_files();
	drop_rights();
	restrict_calls();
}
