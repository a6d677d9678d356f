/* SPDX-License-Identifier: Apache-2.0
 * store/test-container.c - container records, states, recovery. */
#include "store/test-fixture.h"

static void test_container_create_find_remove(void **state)
{
	struct fixture *fx = *state;
	char image[65], id[65], path[128];

	add_image(fx, 1, 1, "localhost/one:latest", image);
	for (int transient = 0; transient < 2; transient++) {
		auto_container c = { 0 };
		add_container(fx, "c", image, transient, id);
		EQ(store_container_find(fx->store, "c", CONTAINER_PARAMS, &c, &fx->err), 1);
		assert_string_equal(c.record.id, id);
		assert_string_equal(c.record.params, "{\"x\":1}");
		EQ(c.status.state, CONTAINER_CREATED);
		EQ(c.record.transient, transient);
		id[12] = '\0';
		auto_container again = { 0 };
		EQ(store_container_find(fx->store, id, 0, &again, &fx->err), 1);
		snprintf(path, sizeof(path), "containers/%s", c.record.id);
		assert_true(exists(fx, path));
		OK(store_container_remove(fx->store, c.record.id, &fx->err));
		assert_false(exists(fx, path));
		EQ(store_container_find(fx->store, "c", 0, &again, &fx->err), 0);
		EQ(store_container_remove(fx->store, c.record.id, &fx->err), 0);
	}
	EQ(store_container_get(fx->store, "nope", 0, &(struct container){ 0 }, &fx->err), -1);
	assert_string_equal(fx->err.text, "no container with name or ID \"nope\" found: no such container");
	EQ(count_dir(fx, fx->store->runroot_fd, "locks/container"), 0);
}

static void test_container_name_is_unique_over_both_kinds(void **state)
{
	struct fixture *fx = *state;
	char image[65];
	struct container_record r = { .name = (char *)"c" };

	add_image(fx, 1, 1, NULL, image);
	add_container(fx, "c", image, true, NULL);
	r.image_id = image;
	EQ(store_container_create(fx->store, &r, &fx->err), -1);
	EQ(fx->err.kind, ERROR_EXISTS);
	assert_non_null(strstr(fx->err.text, "that name is already in use"));
	r.id[0] = '\0';
	r.name = (char *)"d";
	r.image_id = (char *)"0000000000000000000000000000000000000000000000000000000000000000";
	EQ(store_container_create(fx->store, &r, &fx->err), -1);
	EQ(fx->err.kind, ERROR_NOT_FOUND);
	EQ(count_dir(fx, fx->store->root_fd, "containers"), 1);
}

static void test_container_rename_and_update_survive_reboot(void **state)
{
	struct fixture *fx = *state;
	char image[65], id[65];
	auto_container c = { 0 };

	add_image(fx, 1, 1, NULL, image);
	add_container(fx, "old", image, false, id);
	add_container(fx, "other", image, true, NULL);
	EQ(store_container_rename(fx->store, id, "other", &fx->err), -1);
	EQ(fx->err.kind, ERROR_EXISTS);
	OK(store_container_rename(fx->store, id, "new", &fx->err));
	const struct container_record changes = { .params = (char *)"{\"y\":2}" };
	OK(store_container_update(fx->store, id, &changes, &fx->err));
	fixture_reboot(fx);
	assert_true(store_was_recovered(fx->store));
	EQ(store_container_find(fx->store, "new", CONTAINER_PARAMS, &c, &fx->err), 1);
	assert_string_equal(c.record.params, "{\"y\":2}");
	auto_container gone = { 0 };
	EQ(store_container_find(fx->store, "other", 0, &gone, &fx->err), 0);   /* transient */
	EQ(count_dir(fx, fx->store->root_fd, "containers"), 1);
}

static void test_container_change_is_compare_and_set(void **state)
{
	struct fixture *fx = *state;
	char image[65], id[65];
	enum container_state was;
	CLEANUP(container_status_done) struct container_status st = { 0 };
	const struct container_change run = {
		.expected = CONTAINER_STATE_BIT(CONTAINER_CREATED) | CONTAINER_STATE_BIT(CONTAINER_EXITED),
		.set = CONTAINER_SET_STATE | CONTAINER_SET_PID | CONTAINER_SET_STARTED | CONTAINER_SET_RUNTIME,
		.to = { .state = CONTAINER_RUNNING, .pid = 77, .pid_start = 88, .started = 99, .runtime = (char *)"{}" },
	};

	add_image(fx, 1, 1, NULL, image);
	add_container(fx, "c", image, false, id);
	EQ(store_container_change(fx->store, id, &run, &was, &fx->err), 1);
	EQ(store_container_change(fx->store, id, &run, &was, &fx->err), 0);
	EQ(was, CONTAINER_RUNNING);
	EQ(store_container_status(fx->store, id, &st, &fx->err), 1);
	EQ(st.pid, 77);
	EQ(st.pid_start, 88);
	EQ(st.started, 99);
	assert_string_equal(st.runtime, "{}");
	EQ(store_container_change(fx->store, image, &run, &was, &fx->err), -1);
	EQ(fx->err.kind, ERROR_NOT_FOUND);
	fixture_reboot(fx);
	container_status_done(&st);
	EQ(store_container_status(fx->store, id, &st, &fx->err), 1);
	EQ(st.state, CONTAINER_EXITED);
	EQ(st.exit_code, 255);
	EQ(st.pid, 0);
	assert_string_equal(st.error, "reboot");
}

static void test_container_exit_code_survives_reboot(void **state)
{
	struct fixture *fx = *state;
	char image[65], id[65];
	CLEANUP(container_status_done) struct container_status st = { 0 };
	const struct container_change done = { .set = CONTAINER_SET_STATE | CONTAINER_SET_EXIT,
		.to = { .state = CONTAINER_EXITED, .exited = true, .exit_code = 7, .finished = 5 } };

	add_image(fx, 1, 1, NULL, image);
	add_container(fx, "c", image, false, id);
	EQ(store_container_change(fx->store, id, &done, NULL, &fx->err), 1);
	fixture_reboot(fx);
	EQ(store_container_status(fx->store, id, &st, &fx->err), 1);
	EQ(st.exit_code, 7);
	EQ(st.finished, 5);
}

static void test_container_list_filters(void **state)
{
	struct fixture *fx = *state;
	char image[65], name[16];
	const struct container_change run = { .set = CONTAINER_SET_STATE, .to = { .state = CONTAINER_RUNNING } };

	add_image(fx, 1, 2, NULL, image);
	for (int i = 0; i < 10; i++) {
		char id[65];
		snprintf(name, sizeof(name), "c%d", i);
		add_container(fx, name, image, true, id);
		if (i % 2)
			EQ(store_container_change(fx->store, id, &run, NULL, &fx->err), 1);
	}
	auto_container_list all = { 0 }, running = { 0 };
	OK(store_container_list(fx->store, &(struct container_query){ 0 }, &all, &fx->err));
	EQ(all.n, 10);
	assert_string_equal(all.v[3].record.name, "c3");
	OK(store_container_list(fx->store, &(struct container_query){ .states = CONTAINER_STATE_ALIVE, .image_id = image },
				&running, &fx->err));
	EQ(running.n, 5);
	assert_null(running.v[0].record.params);
}

/* Killed while its row said "create": the next command takes it away. */
static void test_container_half_created_is_swept(void **state)
{
	struct fixture *fx = *state;
	char image[65];

	add_image(fx, 1, 1, NULL, image);
	fixture_close(fx);
	pid_t child = fork();
	if (child == 0) {
		struct container_record r = { .name = (char *)"c", .image_id = image };
		struct container c = { .record = r };
		struct lock l = LOCK_INIT;
		struct db *run;
		fixture_open(fx);
		OK(random_id(c.record.id, &fx->err));
		OK(store_container_lock(fx->store, c.record.id, -1, &l, &fx->err));
		OK(store_run(fx->store, &run, &fx->err));
		OK(container_insert_run(run, &c, INTENT_CREATE, &fx->err));
		char path[128];
		snprintf(path, sizeof(path), "containers/%s", c.record.id);
		mkdirat(fx->store->root_fd, path, 0700);
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
	fixture_open(fx);
	EQ(count_dir(fx, fx->store->root_fd, "containers"), 1);
	auto_container_list all = { 0 };
	OK(store_container_list(fx->store, &(struct container_query){ 0 }, &all, &fx->err));
	EQ(all.n, 0);
	EQ(count_dir(fx, fx->store->root_fd, "containers"), 0);
	EQ(count_dir(fx, fx->store->runroot_fd, "locks/container"), 0);
	add_container(fx, "c", image, false, NULL);
}

/* `run`: gone with its creator unless it was started. */
static void test_container_provisional_goes_with_its_creator(void **state)
{
	struct fixture *fx = *state;
	char image[65];

	add_image(fx, 1, 1, NULL, image);
	fixture_close(fx);
	for (int started = 0; started < 2; started++) {
		pid_t child = fork();
		if (child == 0) {
			struct container_record r = { .name = (char *)"c", .image_id = image, .transient = true, .provisional = true };
			const struct container_change run = { .set = CONTAINER_SET_STATE, .to = { .state = CONTAINER_RUNNING } };
			auto_container c = { 0 };
			fixture_open(fx);
			OK(store_container_create(fx->store, &r, &fx->err));
			fixture_reopen(fx);   /* another command while we live */
			EQ(store_container_find(fx->store, "c", 0, &c, &fx->err), 1);
			if (started)
				EQ(store_container_change(fx->store, r.id, &run, NULL, &fx->err), 1);
			raise(SIGKILL);
		}
		waitpid(child, NULL, 0);
		fixture_open(fx);
		auto_container_list all = { 0 };
		OK(store_container_list(fx->store, &(struct container_query){ 0 }, &all, &fx->err));
		EQ(all.n, started);
		EQ(count_dir(fx, fx->store->root_fd, "containers"), started);
		fixture_close(fx);
	}
	fixture_open(fx);
}

static void test_exec_sessions_live_with_their_container(void **state)
{
	struct fixture *fx = *state;
	char image[65], id[65];
	auto_exec_session e = { .params = NULL }, got = { 0 };
	auto_strv ids = { 0 };

	add_image(fx, 1, 1, NULL, image);
	add_container(fx, "c", image, true, id);
	memcpy(e.container, id, 65);
	OK(store_exec_add(fx->store, &e, &fx->err));
	e.pid = 5;
	e.exited = true;
	e.exit_code = 3;
	EQ(store_exec_set(fx->store, &e, &fx->err), 1);
	EQ(store_exec_get(fx->store, e.id, &got, &fx->err), 1);
	EQ(got.exit_code, 3);
	OK(store_exec_list(fx->store, id, &ids, &fx->err));
	EQ(ids.n, 1);
	OK(store_container_remove(fx->store, id, &fx->err));
	EQ(store_exec_get(fx->store, e.id, &got, &fx->err), 0);
	EQ(store_exec_add(fx->store, &e, &fx->err), -1);
}

enum { WRITERS = 16, ROUNDS = 12 };

static void writer(struct fixture *fx, int n, char *image)
{
	char name[32];

	fixture_open(fx);
	for (int i = 0; i < ROUNDS; i++) {
		char id[65];
		snprintf(name, sizeof(name), "w%d-%d", n, i);
		add_container(fx, name, image, i % 3, id);
		if (i % 2) {
			auto_lock l = LOCK_INIT;
			OK(store_container_lock(fx->store, id, -1, &l, &fx->err));
			EQ(store_container_remove(fx->store, id, &fx->err), 1);
		}
		snprintf(name, sizeof(name), "localhost/t%d:%d", n, i);
		OK(store_image_tag(fx->store, image, name, &fx->err));
	}
	_exit(0);
}

static void test_sixteen_writers_lose_nothing(void **state)
{
	struct fixture *fx = *state;
	char image[65];
	auto_container_list all = { 0 };
	auto_store_image i = { 0 };

	add_image(fx, 1, 1, NULL, image);
	fixture_close(fx);
	for (int n = 0; n < WRITERS; n++)
		if (fork() == 0)
			writer(fx, n, image);
	for (int n = 0, status; n < WRITERS; n++) {
		wait(&status);
		EQ(status, 0);
	}
	fixture_open(fx);
	OK(store_container_list(fx->store, &(struct container_query){ 0 }, &all, &fx->err));
	EQ(all.n, WRITERS * ROUNDS / 2);
	EQ(store_image_get(fx->store, image, STORE_IMAGE_ALL, &i, &fx->err), 1);
	EQ(i.names.n, WRITERS * ROUNDS);
	EQ(count_dir(fx, fx->store->root_fd, "staging"), 0);
}

/* SQLite's, too: a disk that does not take the write-ahead log. */
static int refused_syncs;
__attribute__((visibility("default"))) int fdatasync(int fd)
{
	char link[64], path[256] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (refused_syncs && readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, "index.db-wal")) {
		refused_syncs--;
		errno = EIO;
		return -1;
	}
	return fsync(fd);
}

static void test_container_whose_commit_fails_does_not_come_back(void **state)
{
	struct fixture *fx = *state;
	const struct store_options o = { .root = fx->root, .runroot = fx->runroot, .userxattr = !ns_in_initial_user() };
	struct container_record r = { .name = (char *)"c" };
	auto_container_list all = { 0 };
	char image[65];

	add_image(fx, 1, 1, NULL, image);
	r.image_id = image;
	fixture_close(fx);
	OK(store_open(&o, &fx->store, &fx->err));
	refused_syncs = 1;
	EQ(store_container_create(fx->store, &r, &fx->err), -1);
	EQ(refused_syncs, 0);
	fixture_reboot(fx);
	OK(store_container_list(fx->store, &(struct container_query){ 0 }, &all, &fx->err));
	EQ(all.n, 0);
	EQ(count_dir(fx, fx->store->root_fd, "containers"), 0);
}

/* Whether whoever opens it next takes it as it is instead of reading the WAL: what SQLite itself looks at. */
static bool is_held(int dirfd, const char *name)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 128, .l_len = 1 };
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	EQ(fcntl(fd, F_OFD_GETLK, &l), 0);
	return l.l_type != F_UNLCK;
}

/* As a monitor does for the commands to come: forked from one that has both databases open. */
static void hold_in_child(struct fixture *fx, int go[2], int ready[2])
{
	int32_t held[STORE_HOLDS];
	char byte;

	close(go[1]);
	store_hold(fx->store, held);
	if (held[0] < 0 || held[1] < 0 || write(ready[1], "", 1) != 1)
		_exit(1);
	_exit(read(go[0], &byte, 1) == 0 ? 0 : 1);
}

static void test_databases_held_by_a_child_stay_open_and_true(void **state)
{
	struct fixture *fx = *state;
	int32_t held[STORE_HOLDS];
	auto_container_list all = { 0 };
	char image[65], run[64], byte;
	int go[2], ready[2], status;

	add_image(fx, 1, 1, NULL, image);
	add_container(fx, "before", image, false, NULL);
	snprintf(run, sizeof(run), "%s-shm", fx->store->run_name);
	EQ(pipe(go), 0);
	EQ(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0)
		hold_in_child(fx, go, ready);
	EQ(read(ready[0], &byte, 1), 1);
	fixture_close(fx);
	fixture_open(fx);
	assert_true(is_held(fx->store->root_fd, "index.db-shm") && is_held(fx->store->runroot_fd, run));
	add_container(fx, "after", image, false, NULL);
	fixture_reopen(fx);
	OK(store_container_list(fx->store, &(struct container_query){ 0 }, &all, &fx->err));
	EQ(all.n, 2);
	close(go[1]);
	waitpid(child, &status, 0);
	EQ(status, 0);
	fixture_reopen(fx);   /* nobody has a database open yet */
	assert_false(is_held(fx->store->root_fd, "index.db-shm"));
	store_hold(fx->store, held);
	EQ(held[0], -1);
	close(go[0]);
	close(ready[0]);
	close(ready[1]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_container_create_find_remove), T(test_container_name_is_unique_over_both_kinds),
		T(test_container_rename_and_update_survive_reboot), T(test_container_change_is_compare_and_set),
		T(test_container_exit_code_survives_reboot), T(test_container_list_filters),
		T(test_container_half_created_is_swept),
		T(test_container_provisional_goes_with_its_creator), T(test_exec_sessions_live_with_their_container),
		T(test_databases_held_by_a_child_stay_open_and_true), T(test_sixteen_writers_lose_nothing), T(test_container_whose_commit_fails_does_not_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
