/* SPDX-License-Identifier: Apache-2.0
 * store/test-check.c - damage is found, repaired, and pulled again; reset; df. */
#include <sqlite3.h>

#include "store/test-fixture.h"

static size_t problems(struct fixture *fx, struct check_options o, enum check_object object)
{
	auto_check_report r = { 0 };
	size_t n = 0;

	OK(store_check(fx->store, &o, &r, &fx->err));
	for (size_t i = 0; i < r.n; i++)
		n += r.v[i].object == object;
	return n;
}

static size_t all_problems(struct fixture *fx, struct check_options o)
{
	auto_check_report r = { 0 };

	OK(store_check(fx->store, &o, &r, &fx->err));
	return r.n;
}

static void test_check_healthy_store_has_no_problems(void **state)
{
	struct fixture *fx = *state;
	char image[65];

	add_image(fx, 1, 3, "localhost/one:latest", image);
	add_container(fx, "c", image, false, NULL);
	add_container(fx, "t", image, true, NULL);
	EQ(all_problems(fx, (struct check_options){ .full = true, .max_age_ns = 1 }), 0);
	EQ(all_problems(fx, (struct check_options){ .full = true, .repair = true, .max_age_ns = 1 }), 0);
	EQ(count_dir(fx, fx->store->root_fd, "layers"), 3);
}

static void test_check_damaged_layer_is_quarantined_and_heals(void **state)
{
	struct fixture *fx = *state;
	char path[200], digest[72], image[65];
	struct store_layer l = { 0 };

	add_image(fx, 1, 2, "localhost/one:latest", image);
	snprintf(path, sizeof(path), "%s/layers/sha256-%s/tree/common", fx->root, fake_digest(digest, 'd', 1) + 7);
	EQ(truncate(path, 0), 0);
	EQ(problems(fx, (struct check_options){ .full = true }, CHECK_LAYER), 1);
	EQ(store_layer_find(fx->store, digest, &l, &fx->err), 1);
	store_layer_done(&l);
	EQ(problems(fx, (struct check_options){ .full = true, .repair = true }, CHECK_LAYER), 1);
	EQ(store_layer_find(fx->store, digest, &l, &fx->err), 0);
	EQ(problems(fx, (struct check_options){ .full = true }, CHECK_IMAGE), 1);
	add_image(fx, 1, 2, "localhost/one:latest", image);   /* pulled again */
	EQ(all_problems(fx, (struct check_options){ .full = true }), 0);
}

static int bad_hash(void *arg, int fd, char ret[72], struct error *err)
{
	fake_digest(ret, 'f', 1);
	return 0;
}

static void test_check_verifies_digests_when_it_can(void **state)
{
	struct fixture *fx = *state;

	add_image(fx, 1, 1, "localhost/one:latest", NULL);
	EQ(problems(fx, (struct check_options){ .full = true, .verify = bad_hash }, CHECK_BLOB), 2);
	EQ(problems(fx, (struct check_options){ .full = true, .repair = true, .force = true, .verify = bad_hash },
		    CHECK_IMAGE), 2);
	auto_store_image_list l = { 0 };
	OK(store_image_list(fx->store, 0, &l, &fx->err));
	EQ(l.n, 0);
}

static void test_check_lost_records_are_written_again(void **state)
{
	struct fixture *fx = *state;
	char image[65], id[65], path[200];

	add_image(fx, 1, 1, "localhost/one:latest", image);
	add_container(fx, "c", image, false, id);
	snprintf(path, sizeof(path), "%s/images/%s.json", fx->root, image);
	EQ(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/containers/%s/container.json", fx->root, id);
	EQ(unlink(path), 0);
	EQ(all_problems(fx, (struct check_options){ .repair = true }), 2);
	EQ(all_problems(fx, (struct check_options){ 0 }), 0);
}

static void test_check_broken_index_is_rebuilt(void **state)
{
	struct fixture *fx = *state;
	char image[65], path[200];
	static const char junk[] = "this is no database, it only looks as if it were one for a while";
	auto_store_image i = { 0 };

	add_image(fx, 1, 2, "localhost/one:latest", image);
	add_container(fx, "c", image, false, NULL);
	fixture_close(fx);
	snprintf(path, sizeof(path), "%s/index.db-wal", fx->root);
	unlink(path);
	snprintf(path, sizeof(path), "%s/index.db", fx->root);
	int fd = open(path, O_WRONLY | O_TRUNC);
	EQ(write(fd, junk, sizeof(junk)), sizeof(junk));
	close(fd);
	fixture_open(fx);
	EQ(store_image_find(fx->store, "one", NULL, 0, &i, NULL, &fx->err), -1);
	EQ(fx->err.kind, ERROR_CORRUPT);
	EQ(problems(fx, (struct check_options){ .repair = true }, CHECK_INDEX), 1);
	EQ(store_image_find(fx->store, "one", NULL, 0, &i, NULL, &fx->err), 1);
	fixture_reboot(fx);
	auto_container c = { 0 };
	EQ(store_container_find(fx->store, "c", 0, &c, &fx->err), 1);
}

static void test_check_garbage_is_removed_when_old_enough(void **state)
{
	struct fixture *fx = *state;
	char digest[72], path[128];

	add_image(fx, 1, 1, NULL, NULL);
	snprintf(path, sizeof(path), "blobs/sha256/%s", fake_digest(digest, 'e', 1) + 7);
	write_at(fx->store->root_fd, path, "lost");
	snprintf(path, sizeof(path), "containers/%s", digest + 7);
	mkdirat(fx->store->root_fd, path, 0700);
	EQ(all_problems(fx, (struct check_options){ .repair = true }), 0);
	EQ(all_problems(fx, (struct check_options){ .repair = true, .max_age_ns = 1 }), 2);
	EQ(all_problems(fx, (struct check_options){ .repair = true, .max_age_ns = 1 }), 0);
	assert_false(exists(fx, path));
}

static void test_reboot_sweeps_what_no_row_knows(void **state)
{
	struct fixture *fx = *state;
	char digest[72], path[128];

	add_image(fx, 1, 1, NULL, NULL);
	snprintf(path, sizeof(path), "blobs/sha256/%s", fake_digest(digest, 'e', 1) + 7);
	write_at(fx->store->root_fd, path, "lost");
	snprintf(path, sizeof(path), "layers/sha256-%s", digest + 7);
	mkdirat(fx->store->root_fd, path, 0700);
	snprintf(path, sizeof(path), "images/%s.json", digest + 7);
	write_at(fx->store->root_fd, path, "");
	snprintf(path, sizeof(path), "containers/%s", digest + 7);
	mkdirat(fx->store->root_fd, path, 0700);
	fixture_reboot(fx);
	EQ(count_dir(fx, fx->store->root_fd, "blobs/sha256"), 2);
	EQ(count_dir(fx, fx->store->root_fd, "layers"), 1);
	EQ(count_dir(fx, fx->store->root_fd, "images"), 1);
	EQ(count_dir(fx, fx->store->root_fd, "containers"), 0);
	EQ(count_dir(fx, fx->store->root_fd, "staging"), 0);
}

static void test_reset_leaves_an_empty_store(void **state)
{
	struct fixture *fx = *state;
	char image[65];
	auto_store_image_list l = { 0 };

	add_image(fx, 1, 1, "localhost/one:latest", image);
	add_container(fx, "c", image, false, NULL);
	OK(store_reset(fx->store, &fx->err));
	EQ(count_dir(fx, fx->store->root_fd, "."), 0);
	fixture_reopen(fx);
	OK(store_image_list(fx->store, 0, &l, &fx->err));
	EQ(l.n, 0);
}

static void test_usage_counts_shared_layers_once(void **state)
{
	struct fixture *fx = *state;
	char one[65];
	struct store_usage u;

	add_image(fx, 1, 2, NULL, one);   /* layers of 2 bytes */
	add_image(fx, 2, 3, NULL, NULL);
	add_container(fx, "c", one, false, NULL);
	OK(store_usage(fx->store, &u, &fx->err));
	EQ(u.images, 2);
	EQ(u.images_active, 1);
	EQ(u.images_bytes, 6 + 2 * 16);   /* layers once, manifest and configuration of both */
	EQ(u.images_reclaimable, 6 + 16);   /* shared layers count, used or not, as other engines have it */
	EQ(u.containers, 1);
}

static bool device_fails;

static ssize_t pread_or_fail(int fd, void *to, size_t n, off_t at)
{
	if (!device_fails)
		return pread(fd, to, n, at);
	errno = EIO;
	return -1;
}

static int open_after_reboot(struct fixture *fx)
{
	const struct store_options o = { .root = fx->root, .runroot = fx->runroot };
	char run[200];

	snprintf(run, sizeof(run), "%s/%s", fx->runroot, fx->store->run_name);
	fixture_close(fx);
	unlink(run);
	return store_open(&o, &fx->store, &fx->err);
}

static void test_index_on_a_failing_device_is_no_damage(void **state)
{
	static const char *const calls[] = { "pread", "pread64" };
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	struct fixture *fx = *state;
	auto_store_image i = { 0 };
	struct stat before, after;

	add_image(fx, 1, 2, "localhost/one:latest", NULL);
	for (size_t k = 0; k < ARRAY_LEN(calls); k++)
		vfs->xSetSystemCall(vfs, calls[k], (sqlite3_syscall_ptr)pread_or_fail);
	fixture_reopen(fx);
	EQ(fstatat(fx->store->root_fd, "index.db", &before, 0), 0);
	device_fails = true;
	EQ(store_image_find(fx->store, "one", NULL, 0, &i, NULL, &fx->err), -1);
	EQ(fx->err.errnum, EIO);
	EQ(fx->err.kind, ERROR_SYSTEM);
	struct check_report r = { 0 };
	EQ(store_check(fx->store, &(struct check_options){ .repair = true }, &r, &fx->err), -1);
	check_report_done(&r);
	EQ(fx->err.errnum, EIO);
	EQ(open_after_reboot(fx), -1);
	EQ(fx->err.errnum, EIO);
	device_fails = false;
	vfs->xSetSystemCall(vfs, NULL, NULL);
	fixture_open(fx);
	EQ(fstatat(fx->store->root_fd, "index.db", &after, 0), 0);
	EQ(after.st_ino, before.st_ino);   /* not made anew */
	EQ(store_image_find(fx->store, "one", NULL, 0, &i, NULL, &fx->err), 1);
}

static void test_newer_format_is_refused(void **state)
{
	struct fixture *fx = *state;
	const struct store_options o = { .root = fx->root, .runroot = fx->runroot };
	struct store *s = NULL;

	write_at(fx->store->root_fd, "format", "umiak store 2\n");
	EQ(store_open(&o, &s, &fx->err), -1);
	EQ(fx->err.kind, ERROR_UNSUPPORTED);
	write_at(fx->store->root_fd, "format", "something\n");
	EQ(store_open(&o, &s, &fx->err), -1);
	EQ(fx->err.kind, ERROR_CORRUPT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_check_healthy_store_has_no_problems), T(test_check_damaged_layer_is_quarantined_and_heals),
		T(test_check_verifies_digests_when_it_can), T(test_check_lost_records_are_written_again),
		T(test_check_broken_index_is_rebuilt), T(test_check_garbage_is_removed_when_old_enough),
		T(test_reboot_sweeps_what_no_row_knows), T(test_reset_leaves_an_empty_store),
		T(test_index_on_a_failing_device_is_no_damage),
		T(test_usage_counts_shared_layers_once), T(test_newer_format_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
