/* SPDX-License-Identifier: Apache-2.0
 * store/test-rootfs.c - overlay and copied root file systems. Needs the right to mount: skipped without. */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

#include "os/idmap.h"
#include "os/mount.h"
#include "os/process.h"
#include "store/test-fixture.h"

static void need_mount(void)
{
	if (geteuid() != 0)
		skip();
}

static int open_rootfs(struct fixture *fx, const struct container *c, bool transient)
{
	const struct rootfs_options o = { .id = c->record.id, .layers = &c->record.layers, .transient = transient,
					  .userns_fd = -1 };
	int fd = -1;

	OK(store_rootfs_open(fx->store, &o, &fd, &fx->err));
	return fd;
}

static void read_at(int dir, const char *name, char out[64])
{
	assert_true(file_read_small(dir, name, out, 64) >= 0);
}

static void make(struct fixture *fx, unsigned layers, bool transient, struct container *c)
{
	char image[65], id[65];
	auto_store_image i = { 0 };
	struct container_record r = { .name = (char *)"c", .image_id = image, .transient = transient };

	add_image(fx, 1, layers, NULL, image);
	EQ(store_image_get(fx->store, image, STORE_IMAGE_LAYERS, &i, &fx->err), 1);
	for (size_t n = 0; n < i.n_layers; n++)
		OK(strv_add(&r.layers, i.layers[n].diff_id, &fx->err));
	OK(store_container_create(fx->store, &r, &fx->err));
	memcpy(id, r.id, 65);
	strv_done(&r.layers);
	EQ(store_container_find(fx->store, id, CONTAINER_PARAMS, c, &fx->err), 1);
}

static const char *const expected_changes[] = { "C /etc", "A /etc/new", "D /etc/layer-0", "C /common" };

static void check_changes(struct fixture *fx, const struct container *c)
{
	auto_rootfs_changes d = { 0 };

	OK(store_rootfs_diff(fx->store, c, &d, &fx->err));
	EQ(d.n, ARRAY_LEN(expected_changes));
	for (size_t i = 0; i < ARRAY_LEN(expected_changes); i++) {
		bool found = false;
		for (size_t n = 0; n < d.n; n++) {
			char line[64];
			snprintf(line, sizeof(line), "%c %s", "CAD"[d.v[n].kind], d.v[n].path);
			found |= streq(line, expected_changes[i]);
		}
		if (!found)
			fail_msg("%s is missing", expected_changes[i]);
	}
}

static void change_something(int fd)
{
	write_at(fd, "etc/new", "new");
	write_at(fd, "common", "changed");
	EQ(unlinkat(fd, "etc/layer-0", 0), 0);
}

static void test_rootfs_merges_layers_and_keeps_changes(void **state)
{
	struct fixture *fx = *state;
	auto_container c = { 0 };
	char text[64];
	struct rootfs_size size;

	need_mount();
	for (int transient = 0; transient < 2; transient++) {
		make(fx, 3, transient, &c);
		int fd = open_rootfs(fx, &c, transient);
		read_at(fd, "common", text);
		assert_string_equal(text, "2");
		read_at(fd, "etc/layer-0", text);
		assert_string_equal(text, "0");
		change_something(fd);
		close(fd);
		check_changes(fx, &c);
		fd = open_rootfs(fx, &c, transient);   /* again, also with the mark of a volatile mount */
		read_at(fd, "common", text);
		assert_string_equal(text, "changed");
		close(fd);
		OK(store_rootfs_size(fx->store, &c, &size, &fx->err));
		EQ(size.rw, 10);
		EQ(size.root, 16);
		OK(store_container_remove(fx->store, c.record.id, &fx->err));
		container_done(&c);
	}
}

static void test_rootfs_vfs_copies(void **state)
{
	struct fixture *fx = *state;
	auto_container c = { 0 };
	char text[64];

	need_mount();
	fx->store->driver = STORE_VFS;
	make(fx, 3, false, &c);
	int fd = open_rootfs(fx, &c, false);
	read_at(fd, "common", text);
	assert_string_equal(text, "2");
	change_something(fd);
	close(fd);
	assert_true(store_rootfs_is_copy(fx->store, c.record.id));
	auto_rootfs_changes d = { 0 };
	OK(store_rootfs_diff(fx->store, &c, &d, &fx->err));
	EQ(d.n, 4);   /* with the directory in which something changed, as an overlay has it */
}

static void test_rootfs_vfs_has_the_owners_of_the_user_namespace(void **state)
{
	struct fixture *fx = *state;
	auto_container c = { 0 };
	struct idmap_pair m = { 0 };
	struct stat st;
	int fd = -1;

	need_mount();
	fx->store->driver = STORE_VFS;
	make(fx, 2, false, &c);
	OK(idmap_add(&m.uids, (struct idmap_range){ 0, 10, 100 }, &fx->err));
	OK(idmap_add(&m.gids, (struct idmap_range){ 0, 20, 100 }, &fx->err));
	const struct rootfs_options o = { .id = c.record.id, .layers = &c.record.layers, .userns_fd = 0, .maps = &m,
					  .root_uid = 10, .root_gid = 20 };
	OK(store_rootfs_open(fx->store, &o, &fd, &fx->err));
	EQ(fstatat(fd, "etc/layer-1", &st, 0), 0);
	EQ(st.st_uid, 10);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_gid, 20);
	close(fd);
}

static void test_rootfs_without_layers_is_empty_and_private(void **state)
{
	struct fixture *fx = *state;
	auto_container c = { 0 };

	need_mount();
	make(fx, 0, false, &c);
	int fd = open_rootfs(fx, &c, false);
	EQ(count_dir(fx, fd, "."), 0);
	write_at(fd, "x", "y");
	close(fd);
	auto_rootfs_changes d = { 0 };
	OK(store_rootfs_diff(fx->store, &c, &d, &fx->err));
	EQ(d.n, 1);
	EQ(d.v[0].kind, ROOTFS_ADDED);
}

static void test_rootfs_missing_layer_names_the_remedy(void **state)
{
	struct fixture *fx = *state;
	auto_container c = { 0 };
	char path[128];
	int fd;

	need_mount();
	make(fx, 2, false, &c);
	snprintf(path, sizeof(path), "layers/sha256-%s", c.record.layers.v[1] + 7);
	OK(file_remove_tree(fx->store->root_fd, path, &fx->err));
	const struct rootfs_options o = { .id = c.record.id, .layers = &c.record.layers, .userns_fd = -1 };
	EQ(store_rootfs_open(fx->store, &o, &fd, &fx->err), -1);
	assert_non_null(strstr(fx->err.text, "pull the image again"));
}

static void test_rootfs_is_idmapped_for_a_user_namespace(void **state)
{
	struct fixture *fx = *state;
	auto_container c = { 0 };
	struct idmap_pair m = { 0 };
	struct stat st;
	int fd = -1;

	need_mount();
	make(fx, 2, false, &c);
	OK(idmap_add(&m.uids, (struct idmap_range){ 0, 300000, 1000 }, &fx->err));
	OK(idmap_add(&m.gids, (struct idmap_range){ 0, 300000, 1000 }, &fx->err));
	autoclose int userns = idmap_make_userns(&m, &fx->err);
	if (userns < 0)
		skip();
	const struct rootfs_options o = { .id = c.record.id, .layers = &c.record.layers, .userns_fd = userns,
					  .root_uid = 300000, .root_gid = 300000 };
	OK(store_rootfs_open(fx->store, &o, &fd, &fx->err));
	EQ(fstatat(fd, "common", &st, 0), 0);
	EQ(st.st_uid, 300000);
	EQ(fstat(fd, &st), 0);
	EQ(st.st_uid, 300000);
	close(fd);
}

/* What rootless does, where no mount can be id-mapped. */
static void test_rootfs_is_copied_for_a_user_namespace(void **state)
{
	struct fixture *fx = *state;
	auto_container c = { 0 };
	struct idmap_pair m = { 0 };
	struct stat st;
	int fd = -1;
	CLEANUP(store_image_removal_done) struct store_image_removal r = { 0 };
	char path[128];

	need_mount();
	make(fx, 2, false, &c);
	OK(idmap_add(&m.uids, (struct idmap_range){ 0, 10, 100 }, &fx->err));
	OK(idmap_add(&m.gids, (struct idmap_range){ 0, 20, 100 }, &fx->err));
	bool rootless = fx->store->userxattr;
	fx->store->userxattr = true;
	const struct rootfs_options o = { .id = c.record.id, .layers = &c.record.layers, .userns_fd = 0, .maps = &m,
					  .root_uid = 10, .root_gid = 20 };
	EQ(store_rootfs_needs_copy(fx->store, &o, &fx->err), 1);
	OK(store_rootfs_open(fx->store, &o, &fd, &fx->err));
	EQ(store_rootfs_needs_copy(fx->store, &o, &fx->err), 0);
	EQ(fstatat(fd, "etc/layer-0", &st, 0), 0);
	EQ(st.st_uid, 10);
	EQ(st.st_gid, 20);
	close(fd);
	fx->store->userxattr = rootless;
	EQ(count_dir(fx, fx->store->root_fd, "staging"), 0);
	snprintf(path, sizeof(path), "mapped/%s", c.record.layers.v[0] + 7);
	assert_true(exists(fx, path));
	OK(store_container_remove(fx->store, c.record.id, &fx->err));
	OK(store_image_remove(fx->store, c.record.image_id, &r, &fx->err));
	assert_false(exists(fx, path));
}

static void test_rootfs_mount_is_counted(void **state)
{
	struct fixture *fx = *state;
	auto_container c = { 0 };
	autofree char *one = NULL, *two = NULL, *where = NULL;
	char path[200], text[64];

	need_mount();
	make(fx, 2, true, &c);
	OK(store_rootfs_mount(fx->store, &c, &one, &fx->err));
	OK(store_rootfs_mount(fx->store, &c, &two, &fx->err));
	assert_string_equal(one, two);
	snprintf(path, sizeof(path), "%s/common", one);
	read_at(AT_FDCWD, path, text);
	assert_string_equal(text, "1");
	EQ(store_rootfs_unmount(fx->store, c.record.id, false, &fx->err), 0);
	EQ(store_rootfs_mounted(fx->store, c.record.id, &where, &fx->err), 1);
	EQ(store_rootfs_unmount(fx->store, c.record.id, false, &fx->err), 1);
	EQ(store_rootfs_unmount(fx->store, c.record.id, false, &fx->err), 0);
	free(take_ptr(one));
	OK(store_rootfs_mount(fx->store, &c, &one, &fx->err));
	EQ(store_container_remove(fx->store, c.record.id, &fx->err), 1);
	EQ(faccessat(AT_FDCWD, two, F_OK, 0), -1);
}

/* A process with the container's root as its "/" in a mount namespace of its own. */
static pid_t start_fake(int root_fd, int ready)
{
	pid_t pid = fork();
	struct error err;

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNS) < 0 || mount_set_propagation("/", MS_PRIVATE, true, &err) < 0 ||
	    mount("tmpfs", "/mnt", "tmpfs", 0, NULL) < 0)
		_exit(1);
	int target = open("/mnt", O_PATH | O_DIRECTORY);
	if (mount_attach(root_fd, target, &err) < 0)
		_exit(2);
	int inside = open("/mnt", O_PATH | O_DIRECTORY);
	if (mount_pivot(inside, &err) < 0)
		_exit(3);
	if (write(ready, "x", 1) != 1)
		_exit(4);
	pause();
	_exit(0);
}

static void test_rootfs_of_a_running_container_is_shared(void **state)
{
	struct fixture *fx = *state;
	auto_container c = { 0 };
	autofree char *where = NULL;
	char path[200], text[64];
	int p[2], view = -1;

	need_mount();
	make(fx, 2, true, &c);
	int fd = open_rootfs(fx, &c, true);
	EQ(pipe(p), 0);
	pid_t pid = start_fake(fd, p[1]);
	close(p[1]);
	EQ(read(p[0], text, 1), 1);
	c.status.state = CONTAINER_RUNNING;
	c.status.pid = pid;
	EQ(process_start_time(PROC_HOST, pid, &c.status.pid_start, &fx->err), 1);
	OK(store_rootfs_view(fx->store, &c, &view, &fx->err));
	read_at(view, "common", text);
	assert_string_equal(text, "1");
	write_at(view, "from-inside", "hello");
	close(view);
	OK(store_rootfs_mount(fx->store, &c, &where, &fx->err));
	snprintf(path, sizeof(path), "%s/from-inside", where);
	read_at(AT_FDCWD, path, text);
	assert_string_equal(text, "hello");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EQ(store_rootfs_unmount(fx->store, c.record.id, true, &fx->err), 1);
	close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rootfs_merges_layers_and_keeps_changes), T(test_rootfs_vfs_copies),
		T(test_rootfs_vfs_has_the_owners_of_the_user_namespace),
		T(test_rootfs_without_layers_is_empty_and_private), T(test_rootfs_missing_layer_names_the_remedy),
		T(test_rootfs_is_idmapped_for_a_user_namespace),
		T(test_rootfs_is_copied_for_a_user_namespace), T(test_rootfs_mount_is_counted),
		T(test_rootfs_of_a_running_container_is_shared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
