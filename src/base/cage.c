/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cage.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"

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

static void restrict_files(const struct cage *c)
{
	const struct landlock_ruleset_attr all = { .handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
	int set = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

	if (set < 0)
		return;
	for (size_t i = 0; i < c->n_places; i++) {
		struct landlock_path_beneath_attr beneath = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR };
		beneath.parent_fd = open(c->places[i], O_PATH | O_CLOEXEC);
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
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what)
#define IS(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define DENY  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

static const struct sock_filter head[] = {
	LOAD((uint32_t)offsetof(struct seccomp_data, arch)), IS(ARCH, 1, 0), DENY, LOAD(NR),
#if defined(__x86_64__)
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), DENY,   /* x32 */
#endif
	IS(SYS_mmap, 0, 4), LOAD(ARG(2)), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), DENY, ALLOW,
};
static const struct sock_filter internet[] = {
	IS(SYS_socket, 0, 4), LOAD(ARG(0)), IS(AF_INET, 1, 0), IS(AF_INET6, 0, 1), ALLOW,
};

static void restrict_calls(const struct cage *c)
{
	static struct sock_filter code[ARRAY_LEN(head) + ARRAY_LEN(internet) + 2 * CAGE_CALLS_MAX + 1];
	struct sock_fprog program = { 0, code };

	for (size_t i = 0; i < ARRAY_LEN(head); i++)
		code[program.len++] = head[i];
	for (size_t i = 0; i < c->n_calls && i < CAGE_CALLS_MAX; i++) {
		code[program.len++] = (struct sock_filter)IS((uint32_t)c->calls[i], 0, 1);
		code[program.len++] = (struct sock_filter)ALLOW;
	}
	for (size_t i = 0; c->internet && i < ARRAY_LEN(internet); i++)
		code[program.len++] = internet[i];
	code[program.len++] = (struct sock_filter)DENY;
	if (ARCH)
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

void cage_enter(const struct cage *c)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	restrict_files(c);
	drop_rights();
	restrict_calls(c);
}
