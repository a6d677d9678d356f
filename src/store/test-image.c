/* SPDX-License-Identifier: Apache-2.0
 * store/test-image.c - blobs, layers, stages, images, names. */
#include "store/test-fixture.h"

static void test_image_found_by_every_name(void **state)
{
	struct fixture *fx = *state;
	char id[65], prefix[80];
	auto_strv search = { 0 };
	static const struct { const char *what; bool found; } cases[] = {
		{ "quay.io/team/app:v1", true }, { "app:v1", true }, { "team/app:v1", true }, { "app", false },
		{ "c0000001", true }, { "sha256:c0000001", true }, { "c0000009", false }, { "busybox", true },
		{ "docker.io/busybox", true }, { "docker.io/library/busybox", true }, { "library/busybox:latest", true },
		{ "busybox:musl", false }, { "pp:v1", false },
		{ "quay.io/team/app@sha256:a000000100000000000000000000000000000000000000000000000000000000", true },
		{ "app@sha256:a000000100000000000000000000000000000000000000000000000000000000", true },
		{ "other@sha256:a000000100000000000000000000000000000000000000000000000000000000", false },
		{ "sha256:a000000100000000000000000000000000000000000000000000000000000000", true },
	};

	add_image(fx, 1, 2, "quay.io/team/app:v1", id);
	OK(store_image_tag(fx->store, id, "docker.io/library/busybox:latest", &fx->err));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_store_image image = { 0 };
		int r = store_image_find(fx->store, cases[i].what, &search, STORE_IMAGE_ALL, &image, NULL, &fx->err);
		if (r != cases[i].found)
			fail_msg("%s: %d", cases[i].what, r);
		if (r == 1) {
			assert_string_equal(image.id, id);
			EQ(image.n_layers, 2);
			EQ(image.names.n, 2);
			assert_string_equal(image.config, "{\"os\":\"linux\"}");
		}
	}
	snprintf(prefix, sizeof(prefix), "%.1s", id);
	add_image(fx, 2, 1, NULL, NULL);
	auto_store_image image = { 0 };
	EQ(store_image_find(fx->store, prefix, NULL, 0, &image, NULL, &fx->err), -1);
	EQ(fx->err.kind, ERROR_INVALID);
}

static void test_image_name_moves_and_is_remembered(void **state)
{
	struct fixture *fx = *state;
	char one[65], two[65];
	auto_store_image image = { 0 };

	add_image(fx, 1, 1, "localhost/x:latest", one);
	add_image(fx, 2, 2, "localhost/x:latest", two);
	EQ(store_image_get(fx->store, one, STORE_IMAGE_ALL, &image, &fx->err), 1);
	EQ(image.names.n, 0);
	EQ(image.history.n, 1);
	EQ(store_image_is_intermediate(fx->store, one, &fx->err), 1);
	EQ(store_image_is_intermediate(fx->store, two, &fx->err), 0);
	EQ(store_image_untag(fx->store, two, "localhost/y:latest", &fx->err), 0);
	EQ(store_image_untag(fx->store, two, NULL, &fx->err), 1);
	auto_store_image found = { 0 };
	EQ(store_image_find(fx->store, "x", NULL, 0, &found, NULL, &fx->err), 0);
}

static void test_image_remove_keeps_shared_content(void **state)
{
	struct fixture *fx = *state;
	char one[65], two[65];
	CLEANUP(store_image_removal_done) struct store_image_removal r = { 0 }, r2 = { 0 };

	add_image(fx, 1, 2, "localhost/one:latest", one);
	add_image(fx, 2, 3, "localhost/two:latest", two);
	OK(store_image_remove(fx->store, two, &r, &fx->err));
	EQ(r.ret_layers.n, 1);
	EQ(r.ret_untagged.n, 1);
	EQ(count_dir(fx, fx->store->root_fd, "layers"), 2);
	EQ(count_dir(fx, fx->store->root_fd, "blobs/sha256"), 2);
	EQ(count_dir(fx, fx->store->root_fd, "images"), 1);
	OK(store_image_remove(fx->store, one, &r2, &fx->err));
	EQ(count_dir(fx, fx->store->root_fd, "layers"), 0);
	EQ(count_dir(fx, fx->store->root_fd, "blobs/sha256"), 0);
	EQ(count_dir(fx, fx->store->root_fd, "staging"), 0);
	EQ(count_dir(fx, fx->store->root_fd, "locks/digest"), 0);
	EQ(store_image_remove(fx->store, one, &r2, &fx->err), -1);
	EQ(fx->err.kind, ERROR_NOT_FOUND);
}

static void test_image_in_use_is_not_removed(void **state)
{
	struct fixture *fx = *state;
	char image[65], id[65];
	CLEANUP(store_image_removal_done) struct store_image_removal r = { 0 };

	add_image(fx, 1, 1, "localhost/one:latest", image);
	add_container(fx, "c", image, true, id);
	EQ(store_image_remove(fx->store, image, &r, &fx->err), -1);
	EQ(fx->err.kind, ERROR_IN_USE);
	EQ(r.ret_users.n, 1);
	assert_string_equal(r.ret_users.v[0], id);
	OK(store_container_remove(fx->store, id, &fx->err));
	OK(store_image_remove(fx->store, image, &r, &fx->err));
}

static void test_stage_uncommitted_content_goes(void **state)
{
	struct fixture *fx = *state;
	char digest[72];
	struct stage *st;
	struct stage_layer l = STAGE_LAYER_INIT;

	OK(stage_begin(fx->store, "test", &st, &fx->err));
	OK(stage_blob_add(st, fake_digest(digest, 'b', 1), "hello", 5, &fx->err));
	add_layer(fx, st, 1);
	OK(stage_layer_begin(st, &l, &fx->err));
	close(l.tree_fd);
	EQ(store_blob_find(fx->store, digest, NULL, &fx->err), 1);
	stage_done(st);
	EQ(store_blob_find(fx->store, digest, NULL, &fx->err), 0);
	EQ(count_dir(fx, fx->store->root_fd, "layers"), 0);
	EQ(count_dir(fx, fx->store->root_fd, "staging"), 0);
}

static void test_stage_wrong_size_is_refused(void **state)
{
	struct fixture *fx = *state;
	char digest[72];
	auto_stage *st = NULL;
	struct stage_blob b = STAGE_BLOB_INIT;

	OK(stage_begin(fx->store, "test", &st, &fx->err));
	OK(stage_blob_begin(st, &b, &fx->err));
	EQ(write(b.fd, "abc", 3), 3);
	EQ(stage_blob_commit(&b, fake_digest(digest, 'b', 2), 4, &fx->err), -1);
	EQ(fx->err.kind, ERROR_CORRUPT);
	EQ(store_blob_find(fx->store, digest, NULL, &fx->err), 0);
	EQ(stage_blob_add(st, "sha256:../../etc/passwd", "x", 1, &fx->err), -1);
	EQ(fx->err.kind, ERROR_INVALID);
}

static void test_stage_blob_is_resumed(void **state)
{
	struct fixture *fx = *state;
	char digest[72];
	struct stage *st;
	struct stage_blob b = STAGE_BLOB_INIT;
	int64_t have = -1;

	fake_digest(digest, 'b', 9);
	OK(stage_begin(fx->store, "pull", &st, &fx->err));
	OK(stage_blob_resume(st, digest, &b, &have, &fx->err));
	EQ(have, 0);
	EQ(write(b.fd, "abc", 3), 3);
	stage_blob_abort(&b);
	stage_done(st);
	EQ(store_blob_find(fx->store, digest, NULL, &fx->err), 0);
	OK(stage_begin(fx->store, "pull", &st, &fx->err));
	OK(stage_blob_resume(st, digest, &b, &have, &fx->err));
	EQ(have, 3);
	EQ(write(b.fd, "def", 3), 3);
	OK(stage_blob_commit(&b, digest, 6, &fx->err));
	EQ(store_blob_find(fx->store, digest, &have, &fx->err), 1);
	EQ(have, 6);
	EQ(count_dir(fx, fx->store->root_fd, "partial"), 0);
	stage_done(st);
	EQ(count_dir(fx, fx->store->root_fd, "blobs/sha256"), 0);
}

static void test_stage_dead_owner_is_swept(void **state)
{
	struct fixture *fx = *state;
	char image[65];

	add_image(fx, 1, 1, "localhost/one:latest", image);
	fixture_close(fx);
	pid_t child = fork();
	if (child == 0) {
		struct stage *st;
		char digest[72];
		fixture_open(fx);
		OK(stage_begin(fx->store, "pull", &st, &fx->err));
		add_layer(fx, st, 0);   /* shared with the image */
		add_layer(fx, st, 5);
		OK(stage_blob_add(st, fake_digest(digest, 'b', 1), "hello", 5, &fx->err));
		raise(SIGKILL);
	}
	int status;
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	fixture_open(fx);
	EQ(count_dir(fx, fx->store->root_fd, "staging"), 0);
	EQ(count_dir(fx, fx->store->root_fd, "layers"), 1);
	EQ(count_dir(fx, fx->store->root_fd, "blobs/sha256"), 2);
}

static void append_to(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	EQ(write(fd, "x", 1), 1);
	close(fd);
}

/* Until the file has n bytes, at most 30 s. */
static void wait_for_size(const char *path, off_t n)
{
	struct stat st = { 0 };

	for (int i = 0; i < 3000 && (stat(path, &st) < 0 || st.st_size < n); i++)
		usleep(10000);
	EQ(st.st_size, n);
}

/* 8 processes want the same layer: one makes it, all get it. */
static void test_stage_lease_is_shared(void **state)
{
	struct fixture *fx = *state;
	char digest[72], path[128], have[128];

	fake_digest(digest, 'd', 3);
	snprintf(path, sizeof(path), "%s/made", fx->dir);
	snprintf(have, sizeof(have), "%s/have", fx->dir);
	fixture_close(fx);
	for (int i = 0; i < 8; i++) {
		if (fork() != 0)
			continue;
		struct stage *st;
		struct store_layer l = { 0 };
		fixture_open(fx);
		OK(stage_begin(fx->store, "pull", &st, &fx->err));
		EQ(stage_lease(st, digest, -1, &fx->err), 1);
		if (store_layer_find(fx->store, digest, &l, &fx->err) == 0) {
			usleep(20000);
			append_to(path);
			add_layer(fx, st, 3);
		}
		append_to(have);
		wait_for_size(have, 8);   /* content nobody holds any more would be collected and made again */
		EQ(store_layer_find(fx->store, digest, &l, &fx->err), 1);
		stage_done(st);
		_exit(0);
	}
	for (int i = 0, status; i < 8; i++) {
		wait(&status);
		EQ(status, 0);
	}
	struct stat st;
	EQ(stat(path, &st), 0);
	EQ(st.st_size, 1);
	fixture_open(fx);
	EQ(count_dir(fx, fx->store->root_fd, "layers"), 0);
}

static void test_index_rebuilt_from_files(void **state)
{
	struct fixture *fx = *state;
	char one[65], path[128], id[65];
	auto_store_image image = { 0 };
	auto_container c = { 0 };

	add_image(fx, 1, 2, "localhost/one:latest", one);
	OK(store_image_tag(fx->store, one, "localhost/other:v2", &fx->err));
	add_container(fx, "durable", one, false, id);
	fixture_close(fx);
	snprintf(path, sizeof(path), "%s/index.db", fx->root);
	EQ(unlink(path), 0);
	fixture_open(fx);
	EQ(store_image_find(fx->store, "other:v2", NULL, STORE_IMAGE_ALL, &image, NULL, &fx->err), 1);
	EQ(image.names.n, 2);
	EQ(image.n_layers, 2);
	assert_true(image.size > 0);
	fixture_reboot(fx);
	EQ(store_container_find(fx->store, "durable", CONTAINER_PARAMS, &c, &fx->err), 1);
	assert_string_equal(c.record.params, "{\"x\":1}");
}

static void test_index_json_names_every_image(void **state)
{
	struct fixture *fx = *state;
	autofree char *text = NULL;

	add_image(fx, 1, 1, "localhost/one:latest", NULL);
	add_image(fx, 2, 1, NULL, NULL);
	EQ(file_read(fx->store->root_fd, "index.json", 1 << 20, &text, NULL, &fx->err), 1);
	assert_non_null(strstr(text, "\"org.opencontainers.image.ref.name\":\"localhost/one:latest\""));
	assert_non_null(strstr(text, "sha256:a0000002"));
}

static void use_additional(struct fixture *fx, bool alone)
{
	char one[65], other_root[128], other_run[128], path[160];
	auto_strv additional = { 0 };
	auto_store_image image = { 0 };
	CLEANUP(store_image_removal_done) struct store_image_removal r = { 0 };

	add_image(fx, 1, 2, "localhost/one:latest", one);
	snprintf(other_root, sizeof(other_root), "%s/other", fx->dir);
	snprintf(other_run, sizeof(other_run), "%s/other-run", fx->dir);
	fixture_close(fx);
	if (alone) {   /* as a read-only medium shows it */
		snprintf(path, sizeof(path), "%s/index.db-wal", fx->root);
		EQ(unlink(path), 0);
	}
	OK(strv_add(&additional, fx->root, &fx->err));
	const struct store_options o = { .root = other_root, .runroot = other_run, .no_sync = true, .additional = &additional };
	OK(store_open(&o, &fx->store, &fx->err));
	EQ(store_image_find(fx->store, "one", NULL, STORE_IMAGE_ALL, &image, NULL, &fx->err), 1);
	assert_true(image.read_only);
	autoclose int fd = store_layer_open(fx->store, image.layers[1].diff_id, &fx->err);
	assert_true(fd >= 0);
	EQ(store_image_remove(fx->store, one, &r, &fx->err), -1);
	EQ(fx->err.kind, ERROR_DENIED);
	add_container(fx, "c", one, false, NULL);
}

static void test_root_removed_under_its_run_root(void **state)
{
	struct fixture *fx = *state;
	char id[72];

	fixture_close(fx);
	OK(file_remove_tree(AT_FDCWD, fx->root, &fx->err));
	fixture_open(fx);
	add_image(fx, 1, 2, "localhost/a:1", id);   /* takes an image's lock: the index must be there */
}

static void test_additional_store_is_looked_at_after_ours(void **state)
{
	use_additional(*state, false);
}

static void test_additional_store_needs_no_wal(void **state)
{
	use_additional(*state, true);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_image_found_by_every_name), T(test_image_name_moves_and_is_remembered),
		T(test_image_remove_keeps_shared_content), T(test_image_in_use_is_not_removed),
		T(test_stage_uncommitted_content_goes), T(test_stage_wrong_size_is_refused),
		T(test_stage_blob_is_resumed), T(test_stage_dead_owner_is_swept), T(test_stage_lease_is_shared), T(test_index_rebuilt_from_files),
		T(test_index_json_names_every_image), T(test_additional_store_is_looked_at_after_ours),
		T(test_additional_store_needs_no_wal), T(test_root_removed_under_its_run_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
