/* SPDX-License-Identifier: Apache-2.0
 * os/gen-seccomp.c - build-time program: compiles os/seccomp-policy.h to a C array of BPF instructions.
 * Usage: gen-seccomp CPU_FAMILY > seccomp-builtin.c
 *
 * libseccomp only tells the numbers of the calls. The code is ours because it must be patchable (one program for every
 * set of capabilities) and short: per machine a binary search over ranges of numbers with the same answer. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/seccomp-policy.h"

#define LEN(a)   (sizeof(a) / sizeof((a)[0]))
#define NR_MAX   1024
#define INSN_MAX 4096
#define X32_BIT  0x40000000U

enum leaf_kind { LEAF_RETURN, LEAF_SOCKET, LEAF_CLONE, LEAF_PERSONALITY };
struct leaf {
	enum leaf_kind kind;
	uint32_t k;
};

struct machine {
	uint32_t scmp, audit;   /* libseccomp's and the kernel's names of it are the same numbers */
	bool has_x32;
};

static struct sock_filter code[INSN_MAX];
static size_t n_code;

static void die(const char *what, const char *name)
{
	fprintf(stderr, "gen-seccomp: %s: %s\n", what, name);
	exit(1);
}

static void emit(uint16_t op, uint32_t k, unsigned jt, unsigned jf)
{
	if (n_code == INSN_MAX || jt > 255 || jf > 255)
		die("program too long", "BPF");
	code[n_code++] = (struct sock_filter){ .code = op, .jt = (uint8_t)jt, .jf = (uint8_t)jf, .k = k };
}

static void emit_return(uint32_t k)
{
	emit(BPF_RET | BPF_K, k, 0, 0);
}

static void emit_load(size_t off)
{
	emit(BPF_LD | BPF_W | BPF_ABS, (uint32_t)off, 0, 0);
}

/* Arguments checked here are ints and unsigned ints of the kernel's: the low half is what it looks at. */
static size_t arg_low(int i)
{
	return offsetof(struct seccomp_data, args) + 8 * (size_t)i + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
}

static uint32_t marked(enum seccomp_group g)
{
	return SECCOMP_RET_ERRNO | (SECCOMP_MARK + g);
}

static void emit_if_equal_allow(uint32_t value)
{
	emit(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	emit_return(SECCOMP_RET_ALLOW);
}

static void emit_socket(void)
{
	emit_load(arg_low(0));
	for (size_t i = 0; i < LEN(seccomp_families); i++)
		emit_if_equal_allow(seccomp_families[i]);
	for (uint32_t i = 0; i < SECCOMP_FAMILY_SLOTS; i++)
		emit_if_equal_allow(SECCOMP_FAMILY_MARK + i);
	emit(BPF_JMP | BPF_JEQ | BPF_K, SECCOMP_NETLINK, 1, 0);
	emit_return(SECCOMP_RET_ERRNO | SECCOMP_EAFNOSUPPORT);
	emit_load(arg_low(2));
	emit(BPF_JMP | BPF_JEQ | BPF_K, SECCOMP_NETLINK_AUDIT, 1, 0);
	emit_return(SECCOMP_RET_ALLOW);
	emit_return(marked(SECCOMP_GROUP_AUDIT_WRITE));
}

static void emit_leaf(struct leaf l)
{
	switch (l.kind) {
	case LEAF_RETURN:
		emit_return(l.k);
		break;
	case LEAF_SOCKET:
		emit_socket();
		break;
	case LEAF_CLONE:
		emit_load(arg_low((int)l.k));
		emit(BPF_JMP | BPF_JSET | BPF_K, SECCOMP_CLONE_NEW_MASK, 0, 1);
		emit_return(marked(SECCOMP_GROUP_NESTED));
		emit_return(SECCOMP_RET_ALLOW);
		break;
	case LEAF_PERSONALITY:
		emit_load(arg_low(0));
		for (size_t i = 0; i < LEN(seccomp_personalities); i++)
			emit_if_equal_allow(seccomp_personalities[i]);
		emit_return(SECCOMP_RET_ERRNO | EPERM);
		break;
	}
}

struct range {
	uint32_t start;
	struct leaf leaf;
};

/* if (nr >= r[mid].start) right half, else left half */
static void emit_search(const struct range *r, size_t n)
{
	if (n == 1) {
		emit_leaf(r[0].leaf);
		return;
	}
	size_t mid = n / 2, at = n_code;
	emit(BPF_JMP | BPF_JGE | BPF_K, r[mid].start, 0, 0);
	emit_search(r, mid);
	size_t left = n_code - at - 1;
	if (left > 255) {
		/* too far for a conditional jump: hop over an unconditional one */
		emit(BPF_RET | BPF_K, 0, 0, 0);
		memmove(&code[at + 2], &code[at + 1], left * sizeof(code[0]));
		code[at].jf = 1;
		code[at + 1] = (struct sock_filter){ .code = BPF_JMP | BPF_JA, .k = (uint32_t)left };
	} else {
		code[at].jt = (uint8_t)left;
	}
	emit_search(r + mid, n - mid);
}

/* i386 and s390 got direct calls for these late (4.3, 5.1); libseccomp only knows their old multiplexers there. */
static const struct seccomp_new_call late_calls[] = {
	{ "socket", 359 }, { "socketpair", 360 }, { "bind", 361 }, { "connect", 362 }, { "listen", 363 }, { "accept4", 364 },
	{ "getsockopt", 365 }, { "setsockopt", 366 }, { "getsockname", 367 }, { "getpeername", 368 }, { "sendto", 369 },
	{ "sendmsg", 370 }, { "recvfrom", 371 }, { "recvmsg", 372 }, { "shutdown", 373 }, { "semget", 393 },
	{ "semctl", 394 }, { "shmget", 395 }, { "shmctl", 396 }, { "shmat", 397 }, { "shmdt", 398 }, { "msgget", 399 },
	{ "msgsnd", 400 }, { "msgrcv", 401 }, { "msgctl", 402 },
};
static const struct seccomp_new_call late_calls_x86[] = { { "recvmmsg", 337 }, { "sendmmsg", 345 } };
static const struct seccomp_new_call late_calls_s390[] = { { "recvmmsg", 357 }, { "sendmmsg", 358 } };

static int find_call(const struct seccomp_new_call *calls, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].nr;
	return -1;
}

/* -1: this machine has no such call. */
static int number_of(const struct machine *m, const char *name)
{
	int nr = seccomp_syscall_resolve_name_arch(m->scmp, name);
	bool multiplexed = m->scmp == SCMP_ARCH_X86 || m->scmp == SCMP_ARCH_S390X || m->scmp == SCMP_ARCH_S390;

	if (nr < 0 && multiplexed)
		nr = find_call(late_calls, LEN(late_calls), name);
	if (nr < 0 && m->scmp == SCMP_ARCH_X86)
		nr = find_call(late_calls_x86, LEN(late_calls_x86), name);
	else if (nr < 0 && multiplexed)
		nr = find_call(late_calls_s390, LEN(late_calls_s390), name);
	if (nr < 0)
		nr = find_call(seccomp_new_calls, LEN(seccomp_new_calls), name);
	return nr < NR_MAX ? nr : -1;
}

static void set_leaf(const struct machine *m, struct leaf *table, bool *taken, const char *name, struct leaf l)
{
	int nr = number_of(m, name);

	if (nr < 0)
		return;
	if (taken[nr])
		die("in two tables", name);
	taken[nr] = true;
	table[nr] = l;
}

static void fill(const struct machine *m, struct leaf *table)
{
	static bool taken[NR_MAX];
	/* s390's clone has its flags second */
	uint32_t clone_arg = m->scmp == SCMP_ARCH_S390X || m->scmp == SCMP_ARCH_S390 ? 1 : 0;

	memset(taken, 0, sizeof(taken));
	for (size_t i = 0; i < NR_MAX; i++)
		table[i] = (struct leaf){ LEAF_RETURN, SECCOMP_RET_ERRNO | ENOSYS };
	for (size_t i = 0; i < LEN(seccomp_allowed); i++)
		set_leaf(m, table, taken, seccomp_allowed[i], (struct leaf){ LEAF_RETURN, SECCOMP_RET_ALLOW });
	for (size_t i = 0; i < LEN(seccomp_eperm); i++)
		set_leaf(m, table, taken, seccomp_eperm[i], (struct leaf){ LEAF_RETURN, SECCOMP_RET_ERRNO | EPERM });
	for (size_t i = 0; i < LEN(seccomp_gated); i++)
		set_leaf(m, table, taken, seccomp_gated[i].name,
			 (struct leaf){ LEAF_RETURN, marked(seccomp_gated[i].group) });
	set_leaf(m, table, taken, "socket", (struct leaf){ LEAF_SOCKET, 0 });
	set_leaf(m, table, taken, "socketpair", (struct leaf){ LEAF_SOCKET, 0 });
	set_leaf(m, table, taken, "clone", (struct leaf){ LEAF_CLONE, clone_arg });
	set_leaf(m, table, taken, "personality", (struct leaf){ LEAF_PERSONALITY, 0 });
}

static bool same_leaf(struct leaf a, struct leaf b)
{
	return a.kind == b.kind && a.k == b.k;
}

static void emit_machine(const struct machine *m)
{
	static struct leaf table[NR_MAX];
	static struct range ranges[NR_MAX];
	size_t n = 0;

	fill(m, table);
	for (uint32_t nr = 0; nr < NR_MAX; nr++)
		if (nr == 0 || !same_leaf(table[nr], table[nr - 1]))
			ranges[n++] = (struct range){ nr, table[nr] };
	emit_load(offsetof(struct seccomp_data, nr));
	if (m->has_x32) {
		/* -1 is "skipped by a tracer", not x32 */
		emit(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 2);
		emit(BPF_JMP | BPF_JEQ | BPF_K, 0xFFFFFFFF, 1, 0);
		emit_return(SECCOMP_RET_KILL_PROCESS);
	}
	emit_search(ranges, n);
}

struct family {
	const char *name;   /* meson's cpu_family */
	struct machine machines[2];
	size_t n;
};
static const struct family families[] = {
	{ "x86_64", { { SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, true }, { SCMP_ARCH_X86, AUDIT_ARCH_I386, false } }, 2 },
	{ "x86", { { SCMP_ARCH_X86, AUDIT_ARCH_I386, false } }, 1 },
	{ "aarch64", { { SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, false }, { SCMP_ARCH_ARM, AUDIT_ARCH_ARM, false } }, 2 },
	{ "arm", { { SCMP_ARCH_ARM, AUDIT_ARCH_ARM, false } }, 1 },
	{ "riscv64", { { SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64, false } }, 1 },
	{ "ppc64", { { SCMP_ARCH_PPC64LE, AUDIT_ARCH_PPC64LE, false } }, 1 },
	{ "s390x", { { SCMP_ARCH_S390X, AUDIT_ARCH_S390X, false }, { SCMP_ARCH_S390, AUDIT_ARCH_S390, false } }, 2 },
};

static void emit_all(const struct family *f)
{
	for (size_t i = 0; i < f->n; i++) {
		emit_load(offsetof(struct seccomp_data, arch));
		size_t at = n_code;
		/* not this machine: skip its whole part */
		emit(BPF_JMP | BPF_JEQ | BPF_K, f->machines[i].audit, 1, 0);
		emit(BPF_JMP | BPF_JA, 0, 0, 0);
		emit_machine(&f->machines[i]);
		code[at + 1].k = (uint32_t)(n_code - at - 2);
	}
	emit_return(SECCOMP_RET_KILL_PROCESS);
}

static void print_all(const struct family *f)
{
	printf("/* Generated by gen-seccomp for %s. */\n#include \"os/seccomp-builtin.h\"\n", f->name);
	printf("const struct sock_filter seccomp_builtin_code[] = {\n");
	for (size_t i = 0; i < n_code; i++)
		printf("\t{ 0x%04x, %u, %u, 0x%08x },\n", code[i].code, code[i].jt, code[i].jf, code[i].k);
	printf("};\nconst uint16_t seccomp_builtin_len = %zu;\n", n_code);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < LEN(families); i++)
		if (strcmp(families[i].name, argv[1]) == 0) {
			emit_all(&families[i]);
			print_all(&families[i]);
			return 0;
		}
	die("no policy for this machine", argc == 2 ? argv[1] : "(none given)");
}
