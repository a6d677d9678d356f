/* SPDX-License-Identifier: Apache-2.0
 * Tests of os/seccomp: the embedded program against the policy tables, against what libseccomp makes of the same policy,
 * and by executing system calls (security matrix K8, K10). */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/test.h"
#include "base/json.h"
#include "base/units.h"
#include "os/file.h"
#include "os/process.h"
#include "os/seccomp-policy.h"
#include "os/seccomp-profile.h"

#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))
#define ALLOW    SECCOMP_RET_ALLOW
#define KILL     SECCOMP_RET_KILL_PROCESS
#define X86_64   AUDIT_ARCH_X86_64
#define I386     AUDIT_ARCH_I386

static struct seccomp_filter builtin(enum seccomp_profile p, capset caps)
{
	struct seccomp_builtin b = { .profile = p, .caps = caps };
	struct seccomp_filter f;
	struct error err;

	assert_int_equal(seccomp_builtin(&b, &f, &err), 0);
	return f;
}

#if defined(__x86_64__)
static void test_seccomp_builtin_answers_as_the_policy_says(void **state)
{
	const capset admin = UINT64_C(1) << CAP_SYS_ADMIN, ptrace_cap = UINT64_C(1) << CAP_SYS_PTRACE;
	const struct {
		enum seccomp_profile p;
		capset caps;
		uint32_t arch;
		int nr;
		uint64_t a0, a2;
		uint32_t want;
	} cases[] = {
		{ 0, 0, X86_64, SYS_read, 0, 0, ALLOW }, { 0, 0, X86_64, SYS_openat2, 0, 0, ALLOW },
		{ 0, 0, X86_64, SYS_keyctl, 0, 0, ERRNO(EPERM) }, { 0, 0, X86_64, 425, 0, 0, ERRNO(ENOSYS) },
		{ 0, 0, X86_64, 5000, 0, 0, ERRNO(ENOSYS) }, { 0, 0, X86_64, -1, 0, 0, ERRNO(ENOSYS) },
		{ 0, 0, X86_64, 0x40000000 | SYS_read, 0, 0, KILL }, { 0, 0, 0, SYS_read, 0, 0, KILL },
		{ 0, 0, AUDIT_ARCH_AARCH64, SYS_read, 0, 0, KILL },
		{ 0, 0, X86_64, SYS_unshare, 0, 0, ALLOW }, { 1, 0, X86_64, SYS_unshare, 0, 0, ERRNO(EPERM) },
		{ 1, admin, X86_64, SYS_unshare, 0, 0, ALLOW }, { 1, 0, X86_64, SYS_clone3, 0, 0, ERRNO(ENOSYS) },
		{ 0, 0, X86_64, SYS_clone3, 0, 0, ALLOW }, { 1, 0, X86_64, SYS_clone, SIGCHLD, 0, ALLOW },
		{ 1, 0, X86_64, SYS_clone, 0x10000000 | SIGCHLD, 0, ERRNO(EPERM) },
		{ 0, 0, X86_64, SYS_clone, 0x10000000 | SIGCHLD, 0, ALLOW },
		{ 0, 0, X86_64, SYS_bpf, 0, 0, ERRNO(EPERM) }, { 0, admin, X86_64, SYS_bpf, 0, 0, ALLOW },
		{ 0, UINT64_C(1) << CAP_BPF, X86_64, SYS_bpf, 0, 0, ALLOW },
		{ 0, 0, X86_64, SYS_pidfd_getfd, 0, 0, ERRNO(EPERM) },
		{ 0, ptrace_cap, X86_64, SYS_pidfd_getfd, 0, 0, ALLOW },
		{ 0, 0, X86_64, SYS_socket, AF_UNIX, 0, ALLOW }, { 0, 0, X86_64, SYS_socket, AF_INET6, 0, ALLOW },
		{ 0, 0, X86_64, SYS_socket, AF_ALG, 0, ERRNO(EAFNOSUPPORT) },
		{ 0, 0, X86_64, SYS_socket, AF_VSOCK, 0, ERRNO(EAFNOSUPPORT) },
		{ 0, 0, X86_64, SYS_socket, AF_NETLINK, 0, ALLOW }, { 0, 0, X86_64, SYS_socket, AF_NETLINK, 12, ALLOW },
		{ 0, 0, X86_64, SYS_socket, AF_NETLINK, 9, ERRNO(EINVAL) },
		{ 0, UINT64_C(1) << CAP_AUDIT_WRITE, X86_64, SYS_socket, AF_NETLINK, 9, ALLOW },
		/* the upper half of an int argument means nothing to the kernel and must not fool the filter */
		{ 0, 0, X86_64, SYS_socket, UINT64_C(0x100000000) | AF_ALG, 0, ERRNO(EAFNOSUPPORT) },
		{ 0, 0, X86_64, SYS_socket, UINT64_C(0x100000000) | AF_NETLINK, UINT64_C(0x100000009), ERRNO(EINVAL) },
		{ 0, 0, X86_64, SYS_personality, 0x20000, 0, ALLOW },
		{ 0, 0, X86_64, SYS_personality, 0x40000, 0, ERRNO(EPERM) },
		{ 0, 0, I386, 3 /* read */, 0, 0, ALLOW }, { 0, 0, I386, 359 /* socket */, AF_ALG, 0, ERRNO(EAFNOSUPPORT) },
		{ 0, 0, I386, 102 /* socketcall */, 0, 0, ALLOW }, { 0, 0, I386, 288 /* keyctl */, 0, 0, ERRNO(EPERM) },
		{ 0, 0, I386, 425, 0, 0, ERRNO(ENOSYS) }, { 0, 0, I386, 0x40000003, 0, 0, ERRNO(ENOSYS) },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_seccomp f = builtin(cases[i].p, cases[i].caps);
		struct seccomp_call c = { cases[i].arch, cases[i].nr, { cases[i].a0, 0, cases[i].a2 } };
		uint32_t got = seccomp_evaluate(&f, &c);
		if (got != cases[i].want)
			fail_msg("case %zu: system call %d: %08x, expected %08x", i, c.nr, got, cases[i].want);
	}
}

/* Arguments that every rule on arguments distinguishes. */
static const uint64_t first_args[] = { 0, 1, 2, 5, 8, 9, 10, 16, 17, 29, 38, 40, 0x20000, 0x20008, 0x10000000, 0xFFFFFFFF };
static const uint64_t third_args[] = { 0, 9 };

static void compare_filters(const struct seccomp_filter *ours, const struct seccomp_filter *theirs, uint32_t arch)
{
	for (int nr = 0; nr <= 600; nr++)
		for (size_t i = 0; i < ARRAY_LEN(first_args); i++)
			for (size_t j = 0; j < ARRAY_LEN(third_args); j++) {
				struct seccomp_call c = { arch, nr, { first_args[i], 0, third_args[j] } };
				uint32_t a = seccomp_evaluate(ours, &c), b = seccomp_evaluate(theirs, &c);
				/* refused by argument: the spec form falls through to the default errno */
				bool both_refuse = a != ALLOW && b == ERRNO(ENOSYS);
				/* and it may be too old for the newest calls, or know only multiplexers on i386 */
				bool unknown = nr >= 449 || (arch == I386 && nr >= 359 && nr <= 402);
				if (a != b && !both_refuse && !(unknown && b == ERRNO(ENOSYS)))
					fail_msg("arch %08x call %d(%lx): program %08x, libseccomp %08x", arch, nr,
						 (unsigned long)first_args[i], a, b);
			}
}

static void test_seccomp_builtin_agrees_with_libseccomp(void **state)
{
	static const capset sets[] = { 0, UINT64_C(0xa80425fb), ~UINT64_C(0) };
	struct error err;

	for (int p = 0; p < SECCOMP_PROFILE_MAX; p++)
		for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
			struct seccomp_builtin b = { .profile = p, .caps = sets[i] };
			auto_seccomp ours = builtin(p, sets[i]);
			auto_seccomp theirs = { 0 };
			auto_json *spec = NULL;
			assert_int_equal(seccomp_builtin_to_spec(&b, &spec, &err), 0);
			if (seccomp_compile(spec, true, &theirs, &err) < 0) {
				if (err.kind == ERROR_UNSUPPORTED)
					skip();
				fail_msg("%s", err.text);
			}
			compare_filters(&ours, &theirs, X86_64);
			compare_filters(&ours, &theirs, I386);
		}
}
#endif

static void test_seccomp_families_can_be_added(void **state)
{
	char *names[] = { (char *)"can", (char *)"VSOCK", NULL }, *bad[] = { (char *)"smtp", NULL };
	struct strv some = { names, 2 }, wrong = { bad, 1 };
	struct seccomp_builtin b = { .families = &some };
	auto_seccomp f = { 0 };
	struct error err;

	assert_int_equal(seccomp_builtin(&b, &f, &err), 0);
	for (uint64_t family = 0; family < 50; family++) {
		struct seccomp_call c = { X86_64, SYS_socket, { family } };
		bool want = family == 1 || family == 2 || family == 10 || family == 16 || family == 17 || family == 29 ||
			    family == 40;
		assert_int_equal(seccomp_evaluate(&f, &c) == ALLOW, want);
	}
	b.families = &wrong;
	assert_int_equal(seccomp_builtin(&b, &f, &err), -1);
	assert_int_equal(err.kind, ERROR_INVALID);
}

static void test_seccomp_log_mode_refuses_nothing(void **state)
{
	struct seccomp_builtin b = { .log = true };
	auto_seccomp f = { 0 };
	struct error err;

	assert_int_equal(seccomp_builtin(&b, &f, &err), 0);
	for (int nr = 0; nr < 500; nr++) {
		uint32_t r = seccomp_evaluate(&f, &(struct seccomp_call){ X86_64, nr, { 0 } });
		assert_true(r == ALLOW || r == SECCOMP_RET_LOG);
	}
}

/* ---- by executing ---- */

#if defined(__x86_64__)
static long call_i386(long nr)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(-1L), "c"(-1L), "d"(-1L), "S"(-1L), "D"(-1L) : "memory", "r8",
			 "r9", "r10", "r11");
	return r;
}

static long call_x86_64(long nr)
{
	long r;
	register long r10 __asm__("r10") = -1, r8 __asm__("r8") = -1, r9 __asm__("r9") = -1;

	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(-1L), "S"(-1L), "d"(-1L), "r"(r10), "r"(r8), "r"(r9)
			 : "memory", "rcx", "r11");
	return r;
}

/* Runs one system call with arguments of -1 in a child under the filter: 0..4095 errno (negated result), 10000 no error
 * or death by something else than the filter, 20000 killed by the filter (SIGSYS). */
static int execute(const struct seccomp_filter *f, bool i386, long nr)
{
	struct error err;
	int status, *result = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*result = 10000;
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (seccomp_install(f, &err) < 0)
			_exit(99);
		long r = i386 ? call_i386(nr) : call_x86_64(nr);
		*result = r < 0 && r > -4096 ? (int)-r : 10000;
		_exit(0);
	}
	assert_int_equal(process_reap(pid, &status, &err), 0);
	int r = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? 20000 : *result;
	munmap(result, 4096);
	return r;
}

/* Calls that would stop, hang or harm the test when they are let through are not executed. */
static bool is_safe_to_try(uint32_t arch, int nr, uint32_t verdict)
{
	/* x86_64's uretprobe and uprobe pass every filter by themselves */
	return verdict != ALLOW && !(arch == X86_64 && (nr == 335 || nr == 336));
}

static void execute_all(const struct seccomp_filter *f, uint32_t arch)
{
	for (int nr = 0; nr <= 600; nr++) {
		struct seccomp_call c = { arch, nr, { ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL } };
		if (arch == I386)
			for (int i = 0; i < 6; i++)
				c.args[i] = UINT32_MAX;
		uint32_t want = seccomp_evaluate(f, &c);
		if (!is_safe_to_try(arch, nr, want))
			continue;
		int got = execute(f, arch == I386, nr);
		int expected = want == KILL ? 20000 : (int)(want & SECCOMP_RET_DATA);
		/* a kernel without the 32-bit entry kills the child with SIGSEGV */
		if (arch == I386 && got == 10000)
			skip();
		if (got != expected)
			fail_msg("arch %08x call %d: %d, expected %d", arch, nr, got, expected);
	}
}

static void test_seccomp_refusals_happen_when_executed(void **state)
{
	auto_seccomp f = builtin(SECCOMP_PROFILE_HARDENED, caps_default());

	execute_all(&f, X86_64);
	assert_int_equal(execute(&f, false, 0x40000000 | SYS_getpid), 20000);   /* x32 */
	execute_all(&f, I386);
}

static int socket_errno(const struct seccomp_filter *f, int family, int protocol)
{
	int status;
	struct error err;
	pid_t pid = fork();

	if (pid == 0) {
		if (f) {
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			if (seccomp_install(f, &err) < 0)
				_exit(255);
		}
		_exit(socket(family, SOCK_RAW, protocol) >= 0 || socket(family, SOCK_SEQPACKET, 0) >= 0 ||
		      socket(family, SOCK_STREAM, 0) >= 0 ? 0 : errno);
	}
	process_reap(pid, &status, &err);
	return process_exit_code(status);
}

static void test_seccomp_alg_sockets_are_refused(void **state)
{
	auto_seccomp f = builtin(SECCOMP_PROFILE_DEFAULT, caps_default());

	assert_int_equal(socket_errno(&f, AF_UNIX, 0), 0);
	assert_int_equal(socket_errno(NULL, AF_NETLINK, 0), 0);
	assert_int_equal(socket_errno(&f, AF_NETLINK, 0), 0);
	if (socket_errno(NULL, AF_ALG, 0) != 0)
		print_message("no positive control: this kernel has no AF_ALG\n");
	assert_int_equal(socket_errno(&f, AF_ALG, 0), EAFNOSUPPORT);
}
#endif

/* ---- JSON ---- */

static const char profile[] =
	"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"defaultErrno\":\"ENOSYS\","
	"\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\"]}],"
	"\"syscalls\":["
	"{\"names\":[\"read\",\"write\",\"no_such_call\"],\"action\":\"SCMP_ACT_ALLOW\"},"
	"{\"names\":[\"keyctl\"],\"action\":\"SCMP_ACT_ERRNO\",\"errno\":\"EPERM\"},"
	"{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_BPF\"]}},"
	"{\"names\":[\"chroot\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":[\"CAP_SYS_CHROOT\"]}},"
	"{\"names\":[\"ptrace\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"4.8\"}},"
	"{\"names\":[\"acct\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"99.1\"}},"
	"{\"names\":[\"sync\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"s390x\"]}},"
	"{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
	"{\"index\":0,\"value\":8,\"valueTwo\":0,\"op\":\"SCMP_CMP_EQ\"},"
	"{\"index\":0,\"value\":0,\"valueTwo\":0,\"op\":\"SCMP_CMP_EQ\"}]},"
	"{\"names\":[\"fchmodat2\"],\"action\":\"SCMP_ACT_ALLOW\"}]}";

#if defined(__x86_64__)
static void check_profile(const struct seccomp_filter *f)
{
	const struct { int nr; uint64_t a0; uint32_t want; } cases[] = {
		{ SYS_read, 0, ALLOW }, { SYS_keyctl, 0, ERRNO(EPERM) }, { SYS_bpf, 0, ERRNO(ENOSYS) },
		{ SYS_chroot, 0, ALLOW }, { SYS_ptrace, 0, ALLOW }, { SYS_acct, 0, ERRNO(ENOSYS) },
		{ SYS_sync, 0, ERRNO(ENOSYS) }, { SYS_personality, 8, ALLOW }, { SYS_personality, 0, ALLOW },
		{ SYS_personality, 1, ERRNO(ENOSYS) }, { 452, 0, ALLOW },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(seccomp_evaluate(f, &(struct seccomp_call){ X86_64, cases[i].nr, { cases[i].a0 } }),
				 cases[i].want);
}

static void test_seccomp_json_follows_conditions_and_is_cached(void **state)
{
	char dir[] = "/tmp/os-seccomp-XXXXXX";
	struct seccomp_json how = { .cache_dir = dir, .ignore_unknown = true };
	struct error err;

	assert_non_null(mkdtemp(dir));
	for (int round = 0; round < 2; round++) {
		auto_seccomp f = { 0 };
		int64_t t = time_monotonic();
		if (seccomp_from_json(profile, sizeof(profile) - 1, &how, &f, &err) < 0)
			fail_msg("%s", err.text);
		print_message("%s: %ld us\n", round ? "cached" : "compiled", (long)(time_monotonic() - t) / 1000);
		check_profile(&f);
	}
	assert_int_equal(file_remove_tree(AT_FDCWD, dir, &err), 0);
	how.cache_dir = NULL;
	how.ignore_unknown = false;
	auto_seccomp f = { 0 };
	assert_int_equal(seccomp_from_json(profile, sizeof(profile) - 1, &how, &f, &err), -1);
	assert_non_null(strstr(err.text, "no_such_call"));
}
#endif

static void test_seccomp_json_refuses_nonsense(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"defaultAction\":\"SCMP_ACT_MAYBE\"}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_PDP11\"]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"X\"]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\","
		"\"args\":[{\"index\":9,\"op\":\"SCMP_CMP_EQ\"}]}]}",
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\","
		"\"includes\":{\"caps\":[\"CAP_FLY\"]}}]}",
	};
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_seccomp f = { 0 };
		int r = seccomp_from_json(bad[i], strlen(bad[i]), &(struct seccomp_json){ 0 }, &f, &err);
		if (r != -1)
			fail_msg("accepted: %s", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#if defined(__x86_64__)
		cmocka_unit_test(test_seccomp_builtin_answers_as_the_policy_says),
		cmocka_unit_test(test_seccomp_builtin_agrees_with_libseccomp),
		cmocka_unit_test(test_seccomp_refusals_happen_when_executed),
		cmocka_unit_test(test_seccomp_alg_sockets_are_refused),
		cmocka_unit_test(test_seccomp_json_follows_conditions_and_is_cached),
#endif
		cmocka_unit_test(test_seccomp_families_can_be_added),
		cmocka_unit_test(test_seccomp_log_mode_refuses_nothing),
		cmocka_unit_test(test_seccomp_json_refuses_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
