/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/str.h"
#include "image/tar-format.h"
#include "os/file.h"
#include "worker/untar.h"

/* ---- a tar made by hand: any header, however wrong ---- */
static void add_entry(struct buf *b, char type, const char *name, const char *link, const char *data)
{
	struct tar_header h = { .typeflag = type };
	size_t size = data ? strlen(data) : 0;
	unsigned sum = 0;

	snprintf(h.name, sizeof(h.name), "%s", name);
	snprintf(h.linkname, sizeof(h.linkname), "%s", link ? link : "");
	snprintf(h.mode, sizeof(h.mode), "%07o", type == '5' ? 0755u : 0644u);
	snprintf(h.uid, sizeof(h.uid), "%07o", 0u);
	snprintf(h.gid, sizeof(h.gid), "%07o", 0u);
	snprintf(h.size, sizeof(h.size), "%011o", (unsigned)size & 07777777);
	snprintf(h.mtime, sizeof(h.mtime), "%011o", 1000000000u);
	memcpy(h.magic, "ustar\0" "00", 8);
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((unsigned char *)&h)[i];
	snprintf(h.checksum, sizeof(h.checksum), "%06o", sum);
	buf_add(b, &h, sizeof(h));
	if (data)
		buf_add(b, data, size);
	static const char zeros[1024];
	buf_add(b, zeros, -size & 511);
}

struct entry {
	char type;
	const char *name, *link, *data;
};

struct memory {
	const struct buf *b;
	size_t at;
};

static int next(void *data, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	struct memory *m = data;

	(void)err;
	*ret = (const uint8_t *)m->b->data + m->at;
	*ret_len = m->b->len - m->at < 700 ? m->b->len - m->at : 700;   /* headers split over pieces */
	m->at += *ret_len;
	return *ret_len > 0;
}

/* A fresh directory with a canary beside the tree: "<tmp>/tree" and "<tmp>/canary". */
struct fixture {
	char path[64];
	int dir, tree;
	struct error err;
};

static int setup(void **state)
{
	static struct fixture f;

	snprintf(f.path, sizeof(f.path), "/tmp/umiak-untar-XXXXXX");
	if (!mkdtemp(f.path))
		return -1;
	f.dir = open(f.path, O_RDONLY | O_DIRECTORY);
	if (mkdirat(f.dir, "tree", 0755) < 0 || mkdirat(f.dir, "canary", 0755) < 0)
		return -1;
	f.tree = openat(f.dir, "tree", O_RDONLY | O_DIRECTORY);
	umask(0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->tree);
	close(f->dir);
	return file_remove_tree(AT_FDCWD, f->path, &f->err);
}

static int run(struct fixture *f, const struct entry *e, size_t n)
{
	auto_buf b = BUF_INIT(1 << 20);
	struct untar_options o = { .root = f->tree, .userns = geteuid() != 0 };
	struct untar_result r;

	for (size_t i = 0; i < n; i++)
		add_entry(&b, e[i].type, e[i].name, e[i].link, e[i].data);
	static const char end[1024];
	buf_add(&b, end, sizeof(end));
	struct memory m = { &b, 0 };
	return untar((struct tar_source){ .next = next, .data = &m }, &o, &r, &f->err);
}
#define RUN(f, ...) run(f, (const struct entry[]){ __VA_ARGS__ }, ARRAY_LEN(((const struct entry[]){ __VA_ARGS__ })))

static bool has(struct fixture *f, const char *path)
{
	struct stat st;

	return fstatat(f->tree, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool canary_untouched(struct fixture *f)
{
	struct stat st;

	/* Only tree and canary are there, and nothing lies in the canary. */
	return fstatat(f->dir, "canary", &st, 0) == 0 && st.st_nlink == 2 && (st.st_mode & 07777) == 0755 &&
	       faccessat(f->dir, "canary/x", F_OK, 0) < 0 && faccessat(f->dir, "x", F_OK, 0) < 0;
}

static void test_untar_names_when_normal_or_climbing(void **state)
{
	static const struct {
		const char *name, *lands;   /* NULL: refused */
	} cases[] = {
		{ "x", "x" }, { "./x1", "x1" }, { "/x2", "x2" }, { "//x3", "x3" }, { "a/./x4", "a/x4" }, { "a/b/../x5", "a/x5" },
		{ "/a//x6", "a/x6" }, { "../x", NULL }, { "a/../../x", NULL }, { "/../x", NULL }, { "..", NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int r = RUN(f, { '0', cases[i].name, NULL, "data" });
		print_message("%s\n", cases[i].name);
		assert_int_equal(r, cases[i].lands ? 0 : -1);
		if (cases[i].lands)
			assert_true(has(f, cases[i].lands));
		assert_true(canary_untouched(f));
	}
}

static void test_untar_links_when_leading_outside(void **state)
{
	struct fixture *f = *state;
	char canary[100];

	snprintf(canary, sizeof(canary), "%s/canary", f->path);
	/* Resolved inside the tree (where the target is missing) or refused; never followed out. */
	RUN(f, { '2', "l", canary, NULL }, { '0', "l/x", NULL, "evil" });
	assert_true(canary_untouched(f));
	RUN(f, { '2', "m", "../canary", NULL }, { '0', "m/x", NULL, "evil" }, { '0', "m/.wh.y", NULL, NULL });
	assert_true(canary_untouched(f));
	RUN(f, { '2', "r", canary, NULL }, { '5', "r", NULL, NULL }, { '0', "r/x", NULL, "fine" });
	assert_true(canary_untouched(f));
	assert_true(has(f, "r/x"));   /* the directory replaced the link */
	assert_int_equal(RUN(f, { '1', "h", "../canary/x", NULL }), -1);
	assert_int_equal(RUN(f, { '2', "s", canary, NULL }, { '1', "hs", "s", NULL }), 0);   /* a second name of the link */
	struct stat st;
	assert_int_equal(fstatat(f->tree, "hs", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_true(canary_untouched(f));
}

static void test_untar_root_when_not_directory(void **state)
{
	static const char *const names[] = { ".", "./", "/", "//", "./." };
	static const char types[] = { '0', '1', '2', '3', '6' };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		for (size_t k = 0; k < sizeof(types); k++) {
			size_t n = strlen(names[i]);
			if (types[k] == '0' && names[i][n - 1] == '/')
				continue;   /* a v7 directory */
			assert_int_equal(RUN(f, { types[k], names[i], "/tmp", NULL }), -1);
		}
		assert_int_equal(RUN(f, { '5', names[i], NULL, NULL }), 0);
	}
}

static void test_untar_types_when_flipping(void **state)
{
	static const char types[] = { '0', '2', '5', '6', '1' };
	struct fixture *f = *state;

	assert_int_equal(RUN(f, { '0', "t", NULL, "target" }), 0);
	for (size_t i = 0; i < sizeof(types); i++)
		for (size_t k = 0; k < sizeof(types); k++) {
			struct stat st;
			int r = RUN(f, { '0', "t", NULL, "target" }, { types[i], "e", "t", NULL },
				    { types[k], "e", "t", types[k] == '0' ? "second" : NULL });
			assert_int_equal(r, 0);
			assert_int_equal(fstatat(f->tree, "e", &st, AT_SYMLINK_NOFOLLOW), 0);
			mode_t want = types[k] == '2' ? S_IFLNK : types[k] == '5' ? S_IFDIR : types[k] == '6' ? S_IFIFO : S_IFREG;
			assert_int_equal(st.st_mode & S_IFMT, want);
			assert_int_equal(fstatat(f->tree, "t", &st, AT_SYMLINK_NOFOLLOW), 0);
			assert_int_equal(st.st_size, 6);   /* writing "e" never went through a link into "t" */
		}
}

static void test_untar_times_when_directories(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(RUN(f, { '5', "d", NULL, NULL }, { '0', "d/f", NULL, "x" }, { '2', "d/l", "f", NULL }), 0);
	static const char *const names[] = { "d", "d/f", "d/l" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(fstatat(f->tree, names[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	}
}

static void test_untar_whiteouts_when_any(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char value[8];

	if (geteuid() != 0)
		skip();
	assert_int_equal(RUN(f, { '5', "d", NULL, NULL }, { '0', "d/.wh..wh..opq", NULL, NULL }, { '0', ".wh.gone", NULL, NULL },
			     { '0', ".wh..wh.plnk", NULL, NULL }), 0);
	assert_int_equal(fstatat(f->tree, "gone", &st, 0), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
	assert_false(has(f, ".wh..wh.plnk"));
	autoclose int d = openat(f->tree, "d", O_RDONLY | O_DIRECTORY);
	assert_int_equal(fgetxattr(d, "trusted.overlay.opaque", value, sizeof(value)), 1);
	/* Removed and made anew in one layer: what is below stays hidden. */
	assert_int_equal(RUN(f, { '0', ".wh.n", NULL, NULL }, { '5', "n", NULL, NULL }), 0);
	autoclose int n = openat(f->tree, "n", O_RDONLY | O_DIRECTORY);
	assert_int_equal(fgetxattr(n, "trusted.overlay.opaque", value, sizeof(value)), 1);
	static const char *const bad[] = { ".wh.", ".wh..", ".wh...", "a/.wh..." };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(RUN(f, { '0', bad[i], NULL, NULL }), -1);
	/* A whiteout device smuggled in as a device does not become one. */
	assert_int_equal(RUN(f, { '3', "dev", NULL, NULL }), 0);
	assert_false(has(f, "dev"));
}

static void test_untar_streams_when_damaged(void **state)
{
	struct fixture *f = *state;
	auto_buf b = BUF_INIT(1 << 20);
	struct untar_options o = { .root = f->tree };
	struct untar_result r;

	add_entry(&b, '0', "file", NULL, "0123456789");
	for (size_t len = 1; len < b.len; len += 97) {
		struct buf cut = { .data = b.data, .len = len, .max = b.max };
		struct memory m = { &cut, 0 };
		int n = untar((struct tar_source){ .next = next, .data = &m }, &o, &r, &f->err);
		assert_int_equal(n, len < 522 ? -1 : 0);   /* the padding of the last entry may be missing */
	}
	b.data[0] ^= 1;
	struct memory m = { &b, 0 };
	assert_int_equal(untar((struct tar_source){ .next = next, .data = &m }, &o, &r, &f->err), -1);
	assert_int_equal(f->err.kind, ERROR_CORRUPT);
}

static void test_untar_limits_when_passed(void **state)
{
	struct fixture *f = *state;
	auto_buf b = BUF_INIT(1 << 20);
	struct untar_result r;
	char name[16];

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		add_entry(&b, '0', name, NULL, "12345678");
	}
	static const struct { int64_t entries, bytes; int want; } cases[] = { { 20, 160, 0 }, { 19, 160, -1 }, { 20, 159, -1 } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct untar_options o = { .root = f->tree, .max_entries = cases[i].entries, .max_bytes = cases[i].bytes };
		struct memory m = { &b, 0 };
		assert_int_equal(untar((struct tar_source){ .next = next, .data = &m }, &o, &r, &f->err), cases[i].want);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_untar_names_when_normal_or_climbing), TEST(test_untar_links_when_leading_outside),
		TEST(test_untar_root_when_not_directory), TEST(test_untar_types_when_flipping),
		TEST(test_untar_times_when_directories), TEST(test_untar_whiteouts_when_any),
		TEST(test_untar_streams_when_damaged), TEST(test_untar_limits_when_passed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
