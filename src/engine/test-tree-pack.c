/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "engine/tree-merge.h"
#include "engine/tree-pack.h"
#include "image/tar.h"
#include "os/file.h"
#include "store/rootfs.h"

#define ASSERT_OK(call, e) do { if ((call) < 0) fail_msg("%s: %s", #call, (e).text); } while (0)

struct place {
	char path[64];
	int fd;
	struct error err;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->path, sizeof(p->path), "/tmp/umiak-pack.XXXXXX");
	if (!mkdtemp(p->path))
		return -1;
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = p;
	return p->fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	close(p->fd);
	file_remove_tree(AT_FDCWD, p->path, &p->err);
	free(p);
	return 0;
}

static int make_dir(struct place *p, const char *name)
{
	assert_int_equal(mkdirat(p->fd, name, 0755), 0);
	int fd = openat(p->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void put(int dir, const char *name, const char *text, mode_t mode)
{
	const struct timespec times[2] = { { 1000, 5 }, { 1000, 5 } };
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	fchmod(fd, mode);
	futimens(fd, times);
	close(fd);
}

static void fill(int dir)
{
	put(dir, "z-first-made", "z", 0644);
	put(dir, "a", "content of a", 04755);
	assert_int_equal(linkat(dir, "a", dir, "b-is-a", 0), 0);
	assert_int_equal(symlinkat("../../outside", dir, "link"), 0);
	assert_int_equal(mkdirat(dir, "sub", 0700), 0);
	int sub = openat(dir, "sub", O_RDONLY | O_DIRECTORY);
	put(sub, "empty", "", 0400);
	assert_int_equal(mkfifoat(sub, "fifo", 0644), 0);
	close(sub);
}

/* The stream as a memfd; its length. */
static int64_t pack(struct place *p, struct tree_pack *how, int *ret_fd)
{
	*ret_fd = file_memfd("pack", &p->err);
	how->out = *ret_fd;
	ASSERT_OK(tree_pack(how, &p->err), p->err);
	assert_int_equal(lseek(*ret_fd, 0, SEEK_END), how->ret_bytes);
	return how->ret_bytes;
}

static void assert_same(int a, int b, int64_t n)
{
	char *x = malloc((size_t)n), *y = malloc((size_t)n);

	assert_int_equal(pread(a, x, (size_t)n, 0), n);
	assert_int_equal(pread(b, y, (size_t)n, 0), n);
	assert_memory_equal(x, y, (size_t)n);
	free(x);
	free(y);
}

struct pieces {
	const uint8_t *at;
	size_t len;
};

static int next_piece(void *data, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	struct pieces *p = data;

	(void)err;
	*ret = p->at;
	*ret_len = p->len;
	p->len = 0;
	return *ret_len > 0;
}

/* Names with types, one a line: "5 sub/\n". */
static void list(struct place *p, int fd, int64_t n, struct buf *to)
{
	uint8_t *bytes = malloc((size_t)n);
	struct pieces pieces = { bytes, (size_t)n };
	const struct tar_entry *e;
	auto_tar_reader *r = NULL;

	assert_int_equal(pread(fd, bytes, (size_t)n, 0), n);
	ASSERT_OK(tar_reader_new((struct tar_source){ next_piece, &pieces, NULL }, &r, &p->err), p->err);
	int more;
	while ((more = tar_next(r, &e, &p->err)) == 1)
		buf_addf(to, "%d %s%s%s\n", e->type, e->name, *e->link ? " " : "", e->link);
	assert_int_equal(more, 0);
	free(bytes);
}

static void test_pack_is_the_same_for_a_tree_and_its_copy(void **state)
{
	struct place *p = *state;
	int from = make_dir(p, "from"), to = make_dir(p, "to"), a, b, c;
	auto_buf names = BUF_INIT(1 << 16);

	fill(from);
	struct tree_pack how = TREE_PACK_INIT;
	how.from = from;
	how.to = to;
	int64_t n = pack(p, &how, &a);
	struct tree_pack again = TREE_PACK_INIT;
	again.from = from;
	assert_int_equal(pack(p, &again, &b), n);
	assert_same(a, b, n);
	struct tree_pack copy = TREE_PACK_INIT;
	copy.from = to;
	assert_int_equal(pack(p, &copy, &c), n);
	assert_same(a, c, n);
	list(p, a, n, &names);
	assert_string_equal(names.data, "5 ./\n0 a\n1 b-is-a a\n2 link ../../outside\n5 sub/\n0 sub/empty\n6 sub/fifo\n0 z-first-made\n");
	close(a), close(b), close(c), close(from), close(to);
}

static void test_pack_marks_become_whiteouts_and_stay_marks(void **state)
{
	struct place *p = *state;
	int from = make_dir(p, "from"), to = make_dir(p, "to"), fd;
	auto_buf names = BUF_INIT(1 << 16);
	struct stat st;

	if (geteuid() != 0 || mknodat(from, "gone", S_IFCHR, makedev(0, 0)) < 0)
		skip();
	int sub = make_dir(p, "from/new");
	assert_int_equal(fsetxattr(sub, "user.overlay.opaque", "y", 1, 0), 0);
	close(sub);
	struct tree_pack how = TREE_PACK_INIT;
	how.from = from;
	how.to = to;
	how.overlay = true;
	int64_t n = pack(p, &how, &fd);
	list(p, fd, n, &names);
	assert_string_equal(names.data, "5 ./\n0 .wh.gone\n5 new/\n0 new/.wh..wh..opq\n");
	assert_int_equal(fstatat(to, "gone", &st, 0), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
	close(fd), close(from), close(to);
}

static void test_pack_times_and_what_is_left_out(void **state)
{
	struct place *p = *state;
	int from = make_dir(p, "from"), fd;
	auto_buf names = BUF_INIT(1 << 16);
	auto_strv skipped = {};

	put(from, "hosts", "", 0644);
	put(from, "keeps", "something", 0644);
	assert_int_equal(mkdirat(from, "mountpoint", 0755), 0);
	ASSERT_OK(strv_add(&skipped, "/hosts", &p->err), p->err);
	ASSERT_OK(strv_add(&skipped, "/keeps", &p->err), p->err);
	ASSERT_OK(strv_add(&skipped, "/mountpoint", &p->err), p->err);
	struct tree_pack how = TREE_PACK_INIT;
	how.from = from;
	how.skip = &skipped;
	how.times = PACK_TIMES_SET;
	how.time_ns = 0;
	int64_t n = pack(p, &how, &fd);
	list(p, fd, n, &names);
	assert_string_equal(names.data, "5 ./\n0 keeps\n");   /* what holds something is never left out */
	close(fd), close(from);
}

/* A layer made of changes is packed again from its tree whenever it leaves: the same bytes, or its digest is a lie. */
static void test_pack_of_changes_is_the_same_as_that_of_their_copy(void **state)
{
	struct place *p = *state;
	int from = make_dir(p, "from"), to = make_dir(p, "to"), a, b;

	fill(from);
	struct rootfs_change v[] = {
		{ (char[]){ "/a" }, ROOTFS_MODIFIED }, { (char[]){ "/aa-gone" }, ROOTFS_DELETED },
		{ (char[]){ "/sub/empty" }, ROOTFS_MODIFIED }, { (char[]){ "/sub/dropped" }, ROOTFS_DELETED },
		{ (char[]){ "/z-first-made" }, ROOTFS_ADDED },
	};
	const struct rootfs_changes only = { v, ARRAY_LEN(v) };
	struct tree_pack how = TREE_PACK_INIT, again = TREE_PACK_INIT;
	how.from = from;
	how.to = to;
	how.only = &only;
	how.overlay = again.overlay = true;
	int64_t n = pack(p, &how, &a);
	again.from = to;
	assert_int_equal(pack(p, &again, &b), n);
	assert_same(a, b, n);
	close(a), close(b), close(from), close(to);
}

static void test_pack_only_changes(void **state)
{
	struct place *p = *state;
	int from = make_dir(p, "from"), fd;
	auto_buf names = BUF_INIT(1 << 16);

	fill(from);
	struct rootfs_change v[] = {
		{ (char[]){ "/deleted" }, ROOTFS_DELETED }, { (char[]){ "/sub/empty" }, ROOTFS_MODIFIED },
		{ (char[]){ "/sub/gone" }, ROOTFS_DELETED },
	};
	const struct rootfs_changes only = { v, ARRAY_LEN(v) };
	struct tree_pack how = TREE_PACK_INIT;
	how.from = from;
	how.only = &only;
	int64_t n = pack(p, &how, &fd);
	list(p, fd, n, &names);
	assert_string_equal(names.data, "5 ./\n0 .wh.deleted\n5 sub/\n0 sub/empty\n0 sub/.wh.gone\n");
	close(fd), close(from);
}

static void test_merge_never_follows_a_link_and_respects_kinds(void **state)
{
	struct place *p = *state;
	int from = make_dir(p, "from"), to = make_dir(p, "to"), out = make_dir(p, "outside");
	struct tree_merge how = { .set_owner = true, .uid = geteuid(), .gid = getegid(), .where = "" };
	struct stat st;

	put(out, "f", "canary", 0644);
	assert_int_equal(mkdirat(from, "d", 0755), 0);
	int d = openat(from, "d", O_RDONLY | O_DIRECTORY);
	put(d, "f", "evil", 0644);
	close(d);
	assert_int_equal(symlinkat("../outside", to, "d"), 0);   /* planted */
	assert_int_equal(tree_merge_object(&how, from, "d", to, "d", &p->err), -1);
	assert_int_equal(p->err.kind, ERROR_EXISTS);
	assert_non_null(strstr(p->err.text, "file exists"));
	how.overwrite = true;
	ASSERT_OK(tree_merge_object(&how, from, "d", to, "d", &p->err), p->err);
	assert_int_equal(fstatat(to, "d", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(fstatat(out, "f", &st, 0), 0);
	assert_int_equal(st.st_size, 6);
	put(to, "plain", "x", 0644);
	how.overwrite = false;
	assert_int_equal(tree_merge_object(&how, from, "d", to, "plain", &p->err), -1);
	assert_int_equal(symlinkat("outside/f", p->fd, "l"), 0);
	ASSERT_OK(tree_merge_object(&how, p->fd, "l", to, "plain", &p->err), p->err);   /* copied, not followed */
	assert_int_equal(fstatat(to, "plain", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	close(from), close(to), close(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pack_is_the_same_for_a_tree_and_its_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pack_marks_become_whiteouts_and_stay_marks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pack_times_and_what_is_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pack_of_changes_is_the_same_as_that_of_their_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pack_only_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_merge_never_follows_a_link_and_respects_kinds, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
