/* SPDX-License-Identifier: Apache-2.0
 * Tests of os/process, os/spawn and os/lock: what has to do with other processes. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/test.h"
#include "base/units.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/process.h"
#include "os/spawn.h"

static void test_process_parse_stat_survives_hostile_names(void **state)
{
	static const char tail[] = " S 1 2 3 4 5 6 7 8 9 10 100 200 11 12 13 14 3 0 4242 8192 5 0 0";
	static const char *const names[] = { "sh", ") R 9 9", "((", "a\nb", "" };
	struct process_stat st;
	char text[256];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(text, sizeof(text), "77 (%s)%s", names[i], tail);
		assert_true(process_parse_stat(text, &st));
		assert_int_equal(st.pid, 77);
		assert_int_equal(st.start, 4242);
		assert_int_equal(st.threads, 3);
		assert_int_equal(st.state, 'S');
		assert_null(strchr(st.comm, '\n'));
	}
	assert_false(process_parse_stat("", &st));
	assert_false(process_parse_stat("77 (sh S 1", &st));
	assert_false(process_parse_stat(")1(", &st));
}

static void test_process_status_of_ourselves(void **state)
{
	struct process_status st;
	struct error err;
	autoclose int proc = procfs_open(&err);

	assert_true(proc >= 0);
	assert_int_equal(process_status(proc, getpid(), &st, &err), 1);
	assert_int_equal(st.uid[1], geteuid());
	assert_int_equal(st.gid[0], getgid());
	assert_int_equal(st.n_groups, getgroups(0, NULL));
	assert_int_equal(st.ns_pid, getpid());
	assert_int_equal(process_status(proc, 0x3fffffff, &st, &err), 0);
	assert_false(process_parse_status("Uid: x", &st));
	assert_false(process_parse_status("", &st));
}

static void test_procfs_refuses_links_and_ways_out(void **state)
{
	static const char *const bad[] = { "self/exe", "self/root/etc/passwd", "self/cwd", "../etc/passwd", "self/fd/0",
					   "/etc/passwd", "self/../../etc/passwd" };
	struct error err;
	char buf[64];
	autoclose int proc = procfs_open(&err);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(procfs_read(proc, bad[i], buf, sizeof(buf)) < 0);
	assert_true(procfs_read(proc, "self/comm", buf, sizeof(buf)) > 0);
	assert_true(procfs_read(proc, "thread-self/comm", buf, sizeof(buf)) > 0);
	assert_true(procfs_read(PROC_HOST, "sys/kernel/ostype", buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "Linux");
}

static pid_t start_sleeper(int exit_code)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (exit_code < 0)
			pause();
		_exit(exit_code);
	}
	return pid;
}

static void test_process_is_alive_when_it_cannot_be_told(void **state)
{
	struct rlimit before;
	int last = fcntl(0, F_DUPFD_CLOEXEC, 3);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	close(last);
	const struct rlimit none = { .rlim_cur = (rlim_t)last, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	bool alive = process_is_alive(PROC_HOST, getpid(), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(alive);
}

static void test_process_identity_and_waiting(void **state)
{
	struct process_info info;
	struct error err;
	uint64_t start;
	int status, fd = -1;
	pid_t pid = start_sleeper(-1);

	assert_int_equal(process_start_time(PROC_HOST, pid, &start, &err), 1);
	assert_true(process_is_alive(PROC_HOST, pid, start));
	assert_false(process_is_alive(PROC_HOST, pid, start + 1));
	assert_int_equal(process_open_verified(pid, start + 1, &fd, &err), 0);
	assert_int_equal(process_open_verified(pid, start, &fd, &err), 1);
	autoclose int pidfd = fd;
	assert_int_equal(process_wait_exit(pidfd, 1000000, &err), 0);
	if (process_get_info(pidfd, &info, &err) == 1)
		assert_int_equal(info.ppid, getpid());
	assert_int_equal(process_signal(pidfd, SIGTERM, &err), 1);
	assert_int_equal(process_wait_exit(pidfd, -1, &err), 1);
	assert_int_equal(process_open_verified(pid, start, &fd, &err), 0);   /* a zombie is gone */
	assert_int_equal(process_reap(pid, &status, &err), 0);
	assert_int_equal(process_exit_code(status), 128 + SIGTERM);
	assert_int_equal(process_signal(pidfd, SIGTERM, &err), 0);
	if (process_get_info(pidfd, &info, &err) == 1) {
		assert_true(info.exited);
		assert_int_equal(process_exit_code(info.status), 128 + SIGTERM);
	}
	char id[37];
	assert_int_equal(process_boot_id(id, &err), 0);
	assert_int_equal(strlen(id), 36);
	assert_true(process_ns_inode(0, "pid") != 0);
	assert_int_equal(process_ns_inode(0, "nonsense"), 0);
}

/* ---- spawn ---- */

static int run_shell(const char *script, const char *input, struct buf *out, int64_t timeout, int *status, struct error *err)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	char *env[] = { (char *)"ONLY=this", NULL };
	struct spawn s = SPAWN_INIT;

	s.path = "/bin/sh";
	s.argv = argv;
	s.envp = env;
	return spawn_run(&s, &(struct spawn_io){ .input = input, .input_len = input ? strlen(input) : 0, .out = out,
						 .timeout_ns = timeout }, status, err);
}

static void test_spawn_run_feeds_collects_and_reports(void **state)
{
	auto_buf out = BUF_INIT(100000);
	struct error err;
	int status;

	assert_int_equal(run_shell("cat; echo $ONLY $HOME; exit 3", "in\n", &out, 0, &status, &err), 0);
	assert_int_equal(process_exit_code(status), 3);
	assert_string_equal(out.data, "in\nthis\n");
	buf_truncate(&out, 0);
	int leak = open("/dev/null", O_RDONLY);   /* not close-on-exec: must not appear all the same */
	assert_int_equal(run_shell("ls /proc/self/fd | wc -l", NULL, &out, 0, &status, &err), 0);
	assert_string_equal(out.data, "4\n");
	close(leak);
	assert_int_equal(run_shell("sleep 20", NULL, &out, 20000000, &status, &err), -1);
	assert_int_equal(err.kind, ERROR_TIMEOUT);
	auto_buf small = BUF_INIT(10);
	assert_int_equal(run_shell("yes", NULL, &small, 0, &status, &err), -1);
	/* a program that does not read its input is no failure */
	autofree char *big = calloc(1, 1 << 20);
	memset(big, 'x', (1 << 20) - 1);
	assert_int_equal(run_shell("exit 0", big, &out, 0, &status, &err), 0);
}

static void test_spawn_start_fails_in_the_parent(void **state)
{
	char *argv[] = { (char *)"x", NULL };
	struct spawn s = SPAWN_INIT;
	struct spawned p = SPAWNED_INIT;
	struct error err;

	s.argv = argv;
	s.path = "/no/such/program";
	assert_int_equal(spawn_start(&s, &p, &err), -1);
	assert_int_equal(err.errnum, ENOENT);
	s.path = "/etc/passwd";
	assert_int_equal(spawn_start(&s, &p, &err), -1);
	assert_int_equal(err.errnum, EACCES);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);   /* nothing left to reap */
}

static void test_spawn_places_descriptors_and_identity(void **state)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"cat <&5; cat <&3; id -u; id -g", NULL };
	auto_buf out = BUF_INIT(1000);
	struct spawn s = SPAWN_INIT;
	struct error err;
	int status;
	autoclose int a = file_memfd_data("a", "A", 1, &err);
	autoclose int b = file_memfd_data("b", "B\n", 2, &err);
	/* sources and targets overlap on purpose */
	int low_a = fcntl(a, F_DUPFD, 3), low_b = fcntl(b, F_DUPFD, 3);
	struct spawn_fd fds[] = { { low_a, 5 }, { low_b, 3 } };

	s.path = "/bin/sh";
	s.argv = argv;
	s.fds = fds;
	s.n_fds = 2;
	s.set_ids = geteuid() == 0;
	s.uid = 65532;
	s.gid = 65531;
	assert_int_equal(spawn_run(&s, &(struct spawn_io){ .out = &out }, &status, &err), 0);
	if (geteuid() == 0)
		assert_string_equal(out.data, "AB\n65532\n65531\n");
	else
		assert_memory_equal(out.data, "AB\n", 3);
	close(low_a);
	close(low_b);
}

/* ---- locks ---- */

static int in_child(int dir, enum lock_mode mode, int64_t timeout, char *text, size_t size)
{
	int fds[2], status;

	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		auto_lock l = LOCK_INIT;
		struct error err = { .text = "" };
		int r = lock_acquire(dir, "l", (struct lock_how){ .mode = mode, .timeout_ns = timeout }, &l, &err);
		ssize_t n = write(fds[1], err.text, strlen(err.text) + 1);
		_exit(n < 0 ? 99 : r == 1 ? 1 : r == 0 ? 0 : 50 + (int)err.kind);
	}
	close(fds[1]);
	ssize_t n = read(fds[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	waitpid(pid, &status, 0);
	return process_exit_code(status);
}

static void test_lock_excludes_and_names_the_holder(void **state)
{
	char path[] = "/tmp/os-lock-XXXXXX", text[512], want[64], comm[20];
	struct error err;
	auto_lock l = LOCK_INIT;

	assert_non_null(mkdtemp(path));
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct lock_how shared = { .mode = LOCK_SHARED }, exclusive = { .mode = LOCK_EXCLUSIVE };
	assert_int_equal(lock_is_held(dir, "l", LOCK_EXCLUSIVE, &err), 0);
	assert_int_equal(lock_acquire(dir, "l", exclusive, &l, &err), 1);
	assert_int_equal(in_child(dir, LOCK_SHARED, 0, text, sizeof(text)), 0);
	assert_int_equal(in_child(dir, LOCK_EXCLUSIVE, 5000000, text, sizeof(text)), 50 + ERROR_TIMEOUT);
	prctl(PR_GET_NAME, comm);
	snprintf(want, sizeof(want), "pid %d (%s)", getpid(), comm);
	assert_non_null(strstr(text, want));
	assert_int_equal(lock_is_held(dir, "l", LOCK_SHARED, &err), 1);
	assert_int_equal(lock_downgrade(&l, &err), 0);
	assert_int_equal(in_child(dir, LOCK_SHARED, 0, text, sizeof(text)), 1);
	assert_int_equal(in_child(dir, LOCK_EXCLUSIVE, 0, text, sizeof(text)), 0);
	lock_release(&l);
	assert_int_equal(in_child(dir, LOCK_EXCLUSIVE, 0, text, sizeof(text)), 1);
	auto_lock two = LOCK_INIT;
	assert_int_equal(lock_acquire(dir, "l", shared, &l, &err), 1);
	assert_int_equal(lock_acquire(dir, "l", shared, &two, &err), 1);
	assert_int_equal(file_remove_tree(AT_FDCWD, path, &err), 0);
}

static void test_lock_waits_for_release(void **state)
{
	char path[] = "/tmp/os-lock-XXXXXX";
	struct error err;
	struct lock l = LOCK_INIT;
	struct lock_how how = { .mode = LOCK_EXCLUSIVE, .timeout_ns = INT64_C(5000000000) };
	int ready[2];

	assert_non_null(mkdtemp(path));
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		lock_acquire(dir, "l", how, &l, &err);
		if (write(ready[1], "x", 1) == 1)
			usleep(30000);
		_exit(0);   /* dying releases */
	}
	char c;
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(lock_acquire(dir, "l", how, &l, &err), 1);
	lock_release(&l);
	lock_release(&l);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(file_remove_tree(AT_FDCWD, path, &err), 0);
}

static void test_lock_order_is_proved(void **state)
{
	char path[] = "/tmp/os-lock-XXXXXX";
	struct error err;
	int status;

	assert_non_null(mkdtemp(path));
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t pid = fork();
	if (pid == 0) {
		struct lock a = LOCK_INIT, b = LOCK_INIT;
		prctl(PR_SET_DUMPABLE, 0);
		close(2);
		lock_acquire(dir, "a", (struct lock_how){ .mode = LOCK_EXCLUSIVE, .class = LOCK_CONTAINER }, &a, &err);
		lock_acquire(dir, "b", (struct lock_how){ .mode = LOCK_EXCLUSIVE, .class = LOCK_IMAGE }, &b, &err);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(process_exit_code(status), 128 + SIGABRT);
	assert_int_equal(file_remove_tree(AT_FDCWD, path, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process_parse_stat_survives_hostile_names),
		cmocka_unit_test(test_process_status_of_ourselves),
		cmocka_unit_test(test_procfs_refuses_links_and_ways_out),
		cmocka_unit_test(test_process_is_alive_when_it_cannot_be_told),
		cmocka_unit_test(test_process_identity_and_waiting),
		cmocka_unit_test(test_spawn_run_feeds_collects_and_reports),
		cmocka_unit_test(test_spawn_start_fails_in_the_parent),
		cmocka_unit_test(test_spawn_places_descriptors_and_identity),
		cmocka_unit_test(test_lock_excludes_and_names_the_holder),
		cmocka_unit_test(test_lock_waits_for_release),
		cmocka_unit_test(test_lock_order_is_proved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
