/* SPDX-License-Identifier: Apache-2.0
 * Tests of engine/rootless, as a user without subordinate ids in a run-time directory of its own. Everything happens in
 * children: entering a namespace cannot be undone. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/test.h"
#include "engine/rootless.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/process.h"

#define TEST_UID 65431   /* nobody's, and without an entry in /etc/subuid */

struct place {
	char dir[40];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	memcpy(p->dir, "/tmp/rootless-XXXXXX", 21);
	assert_non_null(mkdtemp(p->dir));
	if (geteuid() == 0)
		assert_int_equal(chown(p->dir, TEST_UID, TEST_UID), 0);
	*state = p;
	return 0;
}

static struct paths paths_for(const struct place *p)
{
	return (struct paths){ .rootless = true, .uid = geteuid(), .gid = getegid(), .runtime_dir = (char *)p->dir };
}

static void become_user(void)
{
	unsetenv("_CONTAINERS_USERNS_CONFIGURED");
	if (geteuid() == 0 && (setgid(TEST_UID) < 0 || setuid(TEST_UID) < 0))
		_exit(80);
	prctl(PR_SET_DUMPABLE, 1);   /* as after an exec: a change of uid takes it away */
}

/* 0: entered an existing namespace, 1: made it; else 80.. with a message. */
static int enter(const struct place *p)
{
	struct paths paths = paths_for(p);
	struct rootless r;
	struct error err;

	if (rootless_enter(&paths, NULL, &r, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		/* not possible here at all */
		_exit(err.errnum == EPERM || err.errnum == ENOSPC ? 77 : 81);
	}
	int m = mount_new(&(struct mount_new){ .fstype = "tmpfs" }, &err);
	bool ok = r.entered && geteuid() == 0 && m >= 0 && getenv("_CONTAINERS_USERNS_CONFIGURED") &&
		  strtoul(getenv("_CONTAINERS_ROOTLESS_UID"), NULL, 10) == paths.uid;
	return ok ? r.made : 82;
}

static int status_of(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	if (process_exit_code(status) == 77)
		skip();
	return process_exit_code(status);
}

static int in_user(const struct place *p, int (*fn)(const struct place *p))
{
	pid_t pid = fork();

	if (pid == 0) {
		become_user();
		_exit(fn(p));
	}
	return status_of(pid);
}

static int end(const struct place *p)
{
	struct paths paths = paths_for(p);
	struct error err;

	return rootless_end(&paths, &err) < 0 ? 83 : 0;
}

static int teardown(void **state)
{
	struct error err;

	in_user(*state, end);
	file_remove_tree(AT_FDCWD, ((struct place *)*state)->dir, &err);
	free(*state);
	return 0;
}

static void read_pause(const struct place *p, pid_t *pid, uint64_t *ns)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "%s/umiak/pause", p->dir);
	assert_true(file_read_small(AT_FDCWD, path, text, sizeof(text)) > 0);
	*pid = (pid_t)strtol(text, NULL, 10);
	*ns = process_ns_inode(*pid, "user");
}

/* Kills and waits: death takes its time on a busy machine, and a dying process can still be joined. */
static void kill_and_wait(pid_t pid)
{
	kill(pid, SIGKILL);
	while (process_is_alive(PROC_HOST, pid, 0))
		usleep(1000);
}

static void test_rootless_first_makes_later_ones_join(void **state)
{
	assert_int_equal(in_user(*state, enter), 1);
	assert_int_equal(in_user(*state, enter), 0);
	assert_int_equal(in_user(*state, enter), 0);
}

static void test_rootless_many_at_once_share_one_namespace(void **state)
{
	pid_t pids[8];
	int made = 0;

	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			become_user();
			_exit(enter(*state));
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		int r = status_of(pids[i]);
		assert_true(r == 0 || r == 1);
		made += r;
	}
	assert_int_equal(made, 1);
}

static void test_rootless_new_namespace_after_the_old_one_died(void **state)
{
	pid_t pid, again;
	uint64_t ns, ns2;

	assert_int_equal(in_user(*state, enter), 1);
	read_pause(*state, &pid, &ns);
	kill_and_wait(pid);
	assert_int_equal(in_user(*state, enter), 1);
	read_pause(*state, &again, &ns2);
	assert_int_not_equal(pid, again);
}

static int enter_and_stay(const struct place *p)
{
	int r = enter(p);

	prctl(PR_SET_NAME, "umiak-monitor");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(20);
	pause();
	return r;
}

static void test_rootless_namespace_of_running_containers_is_kept(void **state)
{
	pid_t pid, again;
	uint64_t ns, ns2;

	assert_int_equal(in_user(*state, enter), 1);
	read_pause(*state, &pid, &ns);
	pid_t monitor = fork();
	if (monitor == 0) {
		become_user();
		_exit(enter_and_stay(*state));
	}
	while (process_ns_inode(monitor, "user") == process_ns_inode(0, "user"))
		usleep(1000);
	char comm[32] = "";
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/comm", monitor);
	while (!streq(comm, "umiak-monitor"))
		if (file_read_small(AT_FDCWD, path, comm, sizeof(comm)) < 0)
			break;
	kill_and_wait(pid);
	assert_int_equal(in_user(*state, enter), 0);
	read_pause(*state, &again, &ns2);
	assert_int_not_equal(pid, again);
	assert_int_equal(ns, ns2);
	kill(monitor, SIGKILL);
	waitpid(monitor, NULL, 0);
}

static int plant_record(const struct place *p)
{
	char dir[64], text[64];
	struct error err;
	uint64_t start;

	/* somebody else's process, correctly described */
	snprintf(dir, sizeof(dir), "%s/umiak", p->dir);
	mkdir(dir, 0700);
	if (process_start_time(PROC_HOST, 1, &start, &err) != 1)
		return 84;
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int n = snprintf(text, sizeof(text), "%d %llu\n", getppid(), (unsigned long long)start);
	return file_replace(fd, "pause", text, (size_t)n, 0600, 0, &err) < 0 ? 85 : 0;
}

static void test_rootless_planted_records_lead_nowhere(void **state)
{
	assert_int_equal(in_user(*state, plant_record), 0);
	assert_int_equal(in_user(*state, enter), 1);
}

static int open_directory_of_others(const struct place *p)
{
	struct paths paths = paths_for(p);
	struct rootless r;
	struct error err;
	char dir[64];

	snprintf(dir, sizeof(dir), "%s/umiak", p->dir);
	mkdir(dir, 0777);
	if (chmod(dir, 0777) < 0)
		return 86;
	int result = rootless_enter(&paths, NULL, &r, &err);
	chmod(dir, 0700);
	return result < 0 && err.kind == ERROR_DENIED ? 0 : 87;
}

static void test_rootless_refuses_a_directory_others_can_write(void **state)
{
	assert_int_equal(in_user(*state, open_directory_of_others), 0);
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_PLACE(test_rootless_first_makes_later_ones_join),
		IN_PLACE(test_rootless_many_at_once_share_one_namespace),
		IN_PLACE(test_rootless_new_namespace_after_the_old_one_died),
		IN_PLACE(test_rootless_namespace_of_running_containers_is_kept),
		IN_PLACE(test_rootless_planted_records_lead_nowhere),
		IN_PLACE(test_rootless_refuses_a_directory_others_can_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
