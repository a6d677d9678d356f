/* SPDX-License-Identifier: Apache-2.0
 * Tests of os/cgroup: pure parts always, the rest as root where the host has control groups. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/sched.h>

#include "base/test.h"
#include "base/units.h"
#include "os/cgroup-host.h"
#include "os/process.h"

static void test_cgroup_parse_process_finds_each_hierarchy(void **state)
{
	static const char text[] = "12:cpu,cpuacct:/a\n11:name=systemd:/user.slice\n10:pids:/p:with:colons\n0::/u\n";
	static const struct { enum cgroup_controller c; int r; const char *path; } cases[] = {
		{ CGROUP_CPU, 1, "/a" }, { CGROUP_CPUACCT, 1, "/a" }, { CGROUP_SYSTEMD, 1, "/user.slice" },
		{ CGROUP_PIDS, 1, "/p:with:colons" }, { CGROUP_UNIFIED, 1, "/u" }, { CGROUP_MEMORY, 0, NULL },
	};
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char path[64] = "";
		assert_int_equal(cgroup_parse_process(text, cases[i].c, path, sizeof(path), &err), cases[i].r);
		if (cases[i].r)
			assert_string_equal(path, cases[i].path);
	}
	char small[3];
	assert_int_equal(cgroup_parse_process(text, CGROUP_SYSTEMD, small, sizeof(small), &err), -1);
	assert_int_equal(cgroup_parse_process("nonsense\n", CGROUP_CPU, small, sizeof(small), &err), -1);
}

static void test_cgroup_list_is_valid_for_lists_only(void **state)
{
	static const struct { const char *text; bool ok; } cases[] = {
		{ "0", true }, { "0-3", true }, { "0-3,7", true }, { "1,2,3", true }, { "", false }, { "3-1", false },
		{ "0-", false }, { "-1", false }, { "0,,1", false }, { "0,", false }, { "a", false }, { " 0", false },
		{ "0-9999999999", false }, { "0-999999999", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(cgroup_list_is_valid(cases[i].text), cases[i].ok);
}

static void test_cgroup_shares_convert_as_runc(void **state)
{
	static const struct { uint64_t shares, weight; } cases[] = {
		{ 0, 0 }, { 2, 1 }, { 1024, 39 }, { 262144, 10000 }, { 1, 1 }, { 999999, 10000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(cgroup_shares_to_weight(cases[i].shares), cases[i].weight);
}

static void test_cgroup_create_refuses_dotdot(void **state)
{
	static const char *const bad[] = { "/a/../b", "..", "/..", "a/..", "/", "//." };
	struct error err;

	if (cgroup_mode() == CGROUP_NONE)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_cgroup c = CGROUP_INIT;
		struct cgroup_create how = { .path = bad[i] };
		assert_int_equal(cgroup_create(&how, &c, NULL, &err), -1);
		assert_int_equal(err.kind, ERROR_INVALID);
	}
}

/* Somebody else may run the same tests at the same time. */
static const char *unique(const char *base, char name[64])
{
	snprintf(name, 64, "%s-%d", base, getpid());
	return name;
}

static void need_root(void)
{
	if (geteuid() != 0 || cgroup_mode() == CGROUP_NONE)
		skip();
}

static struct cgroup_device rules[] = {
	{ false, 'a', -1, -1, true, true, true },
	{ true, 'c', 1, 3, true, true, true },
	{ true, 'c', 1, 5, true, false, false },
	{ true, 'c', -1, -1, false, false, true },
};

/* A child in the group: cloned into the unified hierarchy, joined to the rest, then runs fn and exits with its value. */
static pid_t start_child(const struct cgroup *c, int (*fn)(void))
{
	struct cgroup_join join = CGROUP_JOIN_INIT;
	struct error err;
	int into = cgroup_clone_fd(c);
	struct clone_args args = { .flags = into >= 0 ? CLONE_INTO_CGROUP : 0, .exit_signal = SIGCHLD,
				   .cgroup = into >= 0 ? (uint64_t)into : 0 };

	assert_int_equal(cgroup_open_join(c, into >= 0, &join, &err), 0);
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		_exit(cgroup_join(&join, &err) < 0 ? 99 : fn());
	cgroup_join_done(&join);
	assert_true(pid > 0);
	return pid;
}

static int exit_of(pid_t pid)
{
	struct error err;
	int status;

	assert_int_equal(process_reap(pid, &status, &err), 0);
	return process_exit_code(status);
}

static int sleep_long(void)
{
	sleep(60);
	return 0;
}

static bool can_open(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Bit set: allowed. */
static int use_devices(void)
{
	int r = 0;

	r |= can_open("/dev/null", O_RDWR) ? 1 : 0;
	r |= can_open("/dev/zero", O_RDONLY) ? 2 : 0;
	r |= can_open("/dev/zero", O_RDWR) ? 4 : 0;
	r |= can_open("/dev/full", O_RDONLY) ? 8 : 0;
	r |= mknod("/tmp/os-test-node", S_IFCHR | 0600, makedev(10, 200)) == 0 ? 16 : 0;
	unlink("/tmp/os-test-node");
	r |= mknod("/tmp/os-test-node", S_IFBLK | 0600, makedev(8, 0)) == 0 ? 32 : 0;
	unlink("/tmp/os-test-node");
	return r;
}

static void check_device_matrix(bool by_bpf)
{
	auto_cgroup c = CGROUP_INIT;
	struct cgroup_resources r = { .devices = { rules, ARRAY_LEN(rules) } };
	struct cgroup_resources none = { 0 };
	char name[64];
	struct cgroup_create how = { .path = unique("/os-test-devices", name), .resources = by_bpf ? &none : &r };
	struct cgroup_warnings w = { 0 };
	struct error err;

	assert_int_equal(cgroup_create(&how, &c, &w, &err), 0);
	if (!c.made)
		skip();
	assert_int_equal(exit_of(start_child(&c, use_devices)), 63);   /* control: nothing refused without rules */
	if (cgroup_set(&c, &r, &w, &err) < 0)
		fail_msg("%s", err.text);
	if (w.n == 0)
		assert_int_equal(exit_of(start_child(&c, use_devices)), 1 | 2 | 16);
	else
		print_message("%s\n", w.text[0]);
	assert_int_equal(cgroup_set(&c, &r, &w, &err), 0);   /* an update keeps it */
	if (w.n == 0)
		assert_int_equal(exit_of(start_child(&c, use_devices)), 1 | 2 | 16);
	assert_int_equal(cgroup_remove(&c, &err), 0);
}

static void test_cgroup_devices_by_files(void **state)
{
	need_root();
	if (cgroup_mode() == CGROUP_V2)
		skip();
	check_device_matrix(false);
}

static void test_cgroup_devices_by_bpf(void **state)
{
	need_root();
	if (cgroup_mode() == CGROUP_V1)
		skip();
	check_device_matrix(true);
}

static void test_cgroup_life_freeze_kill_remove(void **state)
{
	auto_cgroup c = CGROUP_INIT, again = CGROUP_INIT;
	struct cgroup_resources r = { .pids = { true, 100 } };
	char name[64];
	struct cgroup_create how = { .path = name, .resources = &r };
	struct cgroup_warnings w = { 0 };
	struct cgroup_pids pids = { 0 };
	struct cgroup_stats stats;
	struct error err;
	char saved[1200];

	need_root();
	snprintf(name, sizeof(name), "/os-test/life-%d", getpid());
	assert_int_equal(cgroup_create(&how, &c, &w, &err), 0);
	if (!c.made)
		skip();
	assert_int_equal(cgroup_set(&c, &r, &w, &err), 0);
	assert_false(cgroup_is_populated(&c));
	pid_t pid = start_child(&c, sleep_long);
	assert_true(cgroup_save(&c, saved, sizeof(saved), &err) > 0);
	assert_int_equal(cgroup_open(saved, &again, &err), 0);
	assert_true(cgroup_is_populated(&again));
	assert_int_equal(cgroup_pids(&again, &pids, &err), 0);
	assert_int_equal(pids.n, 1);
	assert_int_equal(pids.v[0], pid);
	cgroup_pids_done(&pids);
	assert_int_equal(cgroup_freeze(&again, &err), 0);
	assert_int_equal(cgroup_is_frozen(&again, &err), 1);
	assert_int_equal(cgroup_thaw(&again, &err), 0);
	assert_int_equal(cgroup_is_frozen(&again, &err), 0);
	/* the child joins the v1 hierarchies by itself, in its own time */
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(cgroup_stats(&again, &stats, &err), 0);
		if (stats.pids == 1)
			break;
		usleep(1000);
	}
	assert_int_equal(stats.pids, 1);
	assert_int_equal(cgroup_freeze(&again, &err), 0);
	assert_int_equal(cgroup_kill(&again, &err), 0);   /* frozen ones die as well */
	assert_int_equal(exit_of(pid), 128 + SIGKILL);
	assert_int_equal(cgroup_remove(&again, &err), 0);
	rmdir("/sys/fs/cgroup/unified/os-test");
	rmdir("/sys/fs/cgroup/pids/os-test");
	rmdir("/sys/fs/cgroup/freezer/os-test");
	rmdir("/sys/fs/cgroup/os-test");
}

static void test_cgroup_limits_land_in_files(void **state)
{
	auto_cgroup c = CGROUP_INIT;
	struct cgroup_resources r = {
		.pids = { true, 77 }, .memory = { .limit = { true, 64 << 20 }, .swap = { true, 128 << 20 } },
		.cpu = { .shares = { true, 512 }, .quota = { true, 50000 }, .period = { true, 100000 } },
	};
	char name[64];
	struct cgroup_create how = { .path = unique("/os-test-limits", name), .resources = &r };
	struct cgroup_warnings w = { 0 };
	struct cgroup_stats stats;
	struct error err;

	need_root();
	assert_int_equal(cgroup_create(&how, &c, &w, &err), 0);
	if (!c.made)
		skip();
	if (cgroup_set(&c, &r, &w, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(cgroup_stats(&c, &stats, &err), 0);
	for (size_t i = 0; i < w.n; i++)
		print_message("%s\n", w.text[i]);
	assert_int_equal(stats.pids_limit, 77);
	assert_int_equal(stats.memory_limit, 64 << 20);
	r.memory.limit.value = INT64_C(256) << 20;   /* above the old memory+swap limit: needs the other order */
	r.memory.swap.value = INT64_C(512) << 20;
	assert_int_equal(cgroup_set(&c, &r, &w, &err), 0);
	r.cpu.cpus = (char *)"0-9999";
	assert_int_equal(cgroup_set(&c, &r, NULL, &err), cgroup_controller_fd(&c, CGROUP_CPUSET) >= 0 ? -1 : 0);
	assert_int_equal(cgroup_remove(&c, &err), 0);
}

static void test_cgroup_hot_path_is_fast(void **state)
{
	struct cgroup_resources r = { .pids = { true, 2048 }, .devices = { rules, ARRAY_LEN(rules) } };
	char name[64];
	struct cgroup_create how = { .path = unique("/os-test-fast", name), .resources = &r };
	struct error err;
	int64_t t[5], best[4] = { INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX };

	need_root();
	for (int i = 0; i < 20; i++) {
		auto_cgroup c = CGROUP_INIT;
		struct cgroup_warnings w = { 0 };
		t[0] = time_monotonic();
		assert_int_equal(cgroup_create(&how, &c, &w, &err), 0);
		t[1] = time_monotonic();
		assert_int_equal(cgroup_set(&c, &r, &w, &err), 0);
		t[2] = time_monotonic();
		exit_of(start_child(&c, getpid));
		t[3] = time_monotonic();
		assert_int_equal(cgroup_remove(&c, &err), 0);
		t[4] = time_monotonic();
		for (int j = 0; j < 4; j++)
			best[j] = t[j + 1] - t[j] < best[j] ? t[j + 1] - t[j] : best[j];
	}
	print_message("create %ld us, set %ld us, child %ld us, remove %ld us\n", (long)best[0] / 1000,
		      (long)best[1] / 1000, (long)best[2] / 1000, (long)best[3] / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroup_parse_process_finds_each_hierarchy),
		cmocka_unit_test(test_cgroup_list_is_valid_for_lists_only),
		cmocka_unit_test(test_cgroup_shares_convert_as_runc),
		cmocka_unit_test(test_cgroup_create_refuses_dotdot),
		cmocka_unit_test(test_cgroup_devices_by_files),
		cmocka_unit_test(test_cgroup_devices_by_bpf),
		cmocka_unit_test(test_cgroup_life_freeze_kill_remove),
		cmocka_unit_test(test_cgroup_limits_land_in_files),
		cmocka_unit_test(test_cgroup_hot_path_is_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
