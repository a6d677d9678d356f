/* SPDX-License-Identifier: Apache-2.0
 * Tests of os/user (security matrix D1..D6, O1). */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/test.h"
#include "base/units.h"
#include "os/file.h"
#include "os/user.h"

static const char passwd[] =
	"root:x:0:0:root:/root:/bin/sh\n"
	"# comment\n"
	"daemon:x:1:1::/usr/sbin:\n"
	"1000:x:0:0:trap:/root:/bin/sh\n"
	"4294967296:x:0:0:trap:/root:/bin/sh\n"
	"broken:x:-1:0::/:\n"
	"alice:x:1000:1000:Alice:/home/alice:/bin/zsh\n"
	"nohome:x:1001:7::relative:/bin/sh\n"
	"short:x:1\n"
	"last:x:1002:1002::/:/bin/sh";
static const char group[] =
	"root:x:0:\n"
	"wheel:x:10:root,alice\n"
	"video:x:44:alice\n"
	"alice:x:1000:alice\n"
	"almost:x:45:alicea,xalice,alice2\n"
	"bad:x:99999999999:alice\n"
	"\n";

static int look(const char *spec, const struct strv *extra, struct user_result *r, struct error *err)
{
	struct user_lookup l = { .spec = spec, .extra = extra };

	return user_lookup_in_text(passwd, sizeof(passwd) - 1, group, sizeof(group) - 1, &l, r, err);
}

static void test_user_lookup_finds_numbers_and_names(void **state)
{
	static const struct { const char *spec; uid_t uid; gid_t gid; size_t groups; const char *home; } cases[] = {
		{ "", 0, 0, 1, "/root" }, { "root", 0, 0, 1, "/root" }, { "0", 0, 0, 1, "/root" }, { "00", 0, 0, 1, "/root" },
		{ "1000", 1000, 1000, 2, "/home/alice" }, { "alice", 1000, 1000, 2, "/home/alice" },
		{ "alice:wheel", 1000, 10, 0, "/home/alice" }, { "alice:0", 1000, 0, 0, "/home/alice" },
		{ "12345", 12345, 0, 0, "/" }, { "12345:678", 12345, 678, 0, "/" }, { "nohome", 1001, 7, 0, "/" },
		{ "last", 1002, 1002, 0, "/" }, { "4294967294", 4294967294U, 0, 0, "/" }, { "2147483648", 2147483648U, 0, 0, "/" },
	};
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_user r = { 0 };
		if (look(cases[i].spec, NULL, &r, &err) < 0)
			fail_msg("%s: %s", cases[i].spec, err.text);
		assert_int_equal(r.uid, cases[i].uid);
		assert_int_equal(r.gid, cases[i].gid);
		assert_int_equal(r.n_groups, cases[i].groups);
		assert_string_equal(r.home, cases[i].home);
	}
}

static void test_user_lookup_refuses_everything_else(void **state)
{
	static const char *const bad[] = {
		"-1", "4294967295", "4294967296", "18446744073709551616", "0x0", " 0", "0 ", "+0", "1:", ":1", "1:2:3", "a b",
		"nobody-here", "alice:nothing", "root:4294967295", "\t", "-alice", "alice:-1", "99999999999999999999999",
		"alice,bob", "0X10",
	};
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_user r = { 0 };
		if (look(bad[i], NULL, &r, &err) == 0)
			fail_msg("accepted: '%s' as %u:%u", bad[i], r.uid, r.gid);
		assert_int_equal(err.kind, ERROR_INVALID);
	}
	autofree char *digits = malloc(1 << 20);
	auto_user r = { 0 };
	memset(digits, '1', (1 << 20) - 1);
	digits[(1 << 20) - 1] = '\0';
	assert_int_equal(look(digits, NULL, &r, &err), -1);
}

static void test_user_extra_groups_are_added_once(void **state)
{
	char *names[] = { (char *)"video", (char *)"77", (char *)"44", NULL }, *unknown[] = { (char *)"nope", NULL };
	struct strv extra = { names, 3 }, wrong = { unknown, 1 };
	auto_user r = { 0 };
	struct error err;

	assert_int_equal(look("alice", &extra, &r, &err), 0);
	assert_int_equal(r.n_groups, 3);
	assert_int_equal(r.groups[0], 10);
	assert_int_equal(r.groups[1], 44);
	assert_int_equal(r.groups[2], 77);
	auto_user other = { 0 };
	assert_int_equal(look("alice", &wrong, &other, &err), -1);
	assert_non_null(strstr(err.text, "nope"));
}

/* The processor's time, not the clock's: the machine may be busy. */
static int64_t cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

static long max_rss_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static void test_user_lookup_bounds_hostile_files(void **state)
{
	char dir[] = "/tmp/os-user-XXXXXX";
	struct user_lookup l = { .spec = "root" };
	struct error err;

	assert_non_null(mkdtemp(dir));
	autoclose int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(root, "etc", 0755);
	{
		auto_user r = { 0 };
		assert_int_equal(user_lookup(root, &l, &r, &err), -1);   /* a name, and no file that knows it */
	}
	l.spec = "0";
	auto_user none = { 0 };
	assert_int_equal(user_lookup(root, &l, &none, &err), 0);   /* missing files are empty ones */
	long before = max_rss_kib();
	int64_t start = cpu_time();
	/* sparse and huge */
	autoclose int fd = openat(root, "etc/group", O_CREAT | O_WRONLY, 0644);
	assert_int_equal(ftruncate(fd, INT64_C(2) << 30), 0);
	auto_user r = { 0 };
	assert_int_equal(user_lookup(root, &l, &r, &err), -1);
	/* one line without end, below the file limit */
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(user_lookup(root, &l, &r, &err), -1);
	/* a FIFO must not hang, a directory and a device be no file */
	unlinkat(root, "etc/group", 0);
	mkfifoat(root, "etc/group", 0644);
	assert_int_equal(user_lookup(root, &l, &r, &err), -1);
	unlinkat(root, "etc/group", 0);
	/* out of the root */
	assert_int_equal(symlinkat("../../../../../../../etc/group", root, "etc/group"), 0);
	assert_int_equal(user_lookup(root, &l, &r, &err), -1);   /* resolves to itself: a loop, not the host's file */
	assert_true(cpu_time() - start < NSEC_PER_SEC);
	assert_true(max_rss_kib() - before < 32 * 1024);
	assert_int_equal(file_remove_tree(AT_FDCWD, dir, &err), 0);
}

static void test_user_field_is_safe(void **state)
{
	assert_true(user_field_is_safe("Alice B."));
	assert_false(user_field_is_safe("a:b"));
	assert_false(user_field_is_safe("a\nroot::0:0::/:"));
	assert_false(user_field_is_safe("a\r"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user_lookup_finds_numbers_and_names),
		cmocka_unit_test(test_user_lookup_refuses_everything_else),
		cmocka_unit_test(test_user_extra_groups_are_added_once),
		cmocka_unit_test(test_user_lookup_bounds_hostile_files),
		cmocka_unit_test(test_user_field_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
