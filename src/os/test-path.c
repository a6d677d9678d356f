/* SPDX-License-Identifier: Apache-2.0
 * Tests of os/path, each with the kernel's openat2 and with the fallback walker (security matrix A1..A9, A18). */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/test.h"
#include "base/own.h"
#include "base/str.h"
#include "os/file.h"
#include "os/path.h"

/* <tmp>/canary is the host, <tmp>/root the container's root. */
struct tree {
	char dir[32];
	int base, root;
};

static void put(int dir, const char *name, const char *text)
{
	struct error err;

	assert_int_equal(file_replace(dir, name, text, strlen(text), 0644, 0, &err), 0);
}

static int setup(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));
	char target[64];

	memcpy(t->dir, "/tmp/os-path-XXXXXX", 20);
	assert_non_null(mkdtemp(t->dir));
	t->base = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(t->base, "root", 0755), 0);
	assert_int_equal(mkdirat(t->base, "canary", 0755), 0);
	put(t->base, "canary/secret", "host");
	t->root = openat(t->base, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	mkdirat(t->root, "a", 0755);
	mkdirat(t->root, "a/b", 0755);
	put(t->root, "a/b/file", "inside");
	put(t->root, "secret", "inside");
	snprintf(target, sizeof(target), "%s/canary", t->dir);
	assert_int_equal(symlinkat(target, t->root, "absolute"), 0);
	assert_int_equal(symlinkat("../../../../../canary", t->root, "a/relative"), 0);
	assert_int_equal(symlinkat("/a/b", t->root, "good"), 0);
	assert_int_equal(symlinkat("no/such/thing", t->root, "dangling"), 0);
	assert_int_equal(symlinkat("loop2", t->root, "loop1"), 0);
	assert_int_equal(symlinkat("loop1", t->root, "loop2"), 0);
	assert_int_equal(symlinkat("/", t->root, "top"), 0);
	assert_int_equal(symlinkat("/proc/self/root", t->root, "magic"), 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct tree *t = *state;
	struct error err;

	close(t->root);
	close(t->base);
	assert_int_equal(file_remove_tree(AT_FDCWD, t->dir, &err), 0);
	free(t);
	return 0;
}

static const unsigned ways[] = { 0, PATH_WALK };

static void test_path_stays_in_root_whatever_the_links_say(void **state)
{
	const struct { const char *path; int errnum; } cases[] = {
		{ "a/b/file", 0 }, { "/a/b/file", 0 }, { "good/file", 0 }, { "../../a/b/file", 0 }, { "a/../a/./b//file", 0 },
		{ "top/top/a/b/file", 0 }, { "good/../../../a/b/file", 0 }, { "absolute/secret", ENOENT },
		{ "a/relative/secret", ENOENT }, { "dangling", ENOENT }, { "loop1", ELOOP }, { "a/b/file/x", ENOTDIR },
		{ "a/b/file/", ENOTDIR }, { "nothing", ENOENT }, { "", 0 }, { "/", 0 }, { "..", 0 },
	};
	struct tree *t = *state;
	struct error err;

	for (size_t w = 0; w < 2; w++)
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			struct path_open how = { .oflags = O_RDONLY, .flags = ways[w] };
			autoclose int fd = path_open_in_root(t->root, cases[i].path, how, &err);
			if ((fd < 0 ? err.errnum : 0) != cases[i].errnum)
				fail_msg("way %zu, %s: %s", w, cases[i].path, fd < 0 ? err.text : "opened");
			if (fd >= 0)
				assert_int_equal(path_verify_in_root(t->root, fd, &err), 0);
		}
}

static void test_path_last_link_is_returned_with_nofollow(void **state)
{
	struct tree *t = *state;
	struct error err;
	struct stat st;

	for (size_t w = 0; w < 2; w++) {
		struct path_open how = { .oflags = O_PATH | O_NOFOLLOW, .flags = ways[w] };
		autoclose int fd = path_open_in_root(t->root, "a/relative", how, &err);
		assert_true(fd >= 0);
		fstat(fd, &st);
		assert_true(S_ISLNK(st.st_mode));
		how.oflags = O_RDONLY | O_NOFOLLOW;
		assert_int_equal(path_open_in_root(t->root, "good", how, &err), -1);
		assert_int_equal(err.errnum, ELOOP);
	}
}

static void test_path_beneath_refuses_links_and_dotdot(void **state)
{
	const struct { const char *path; bool ok; } cases[] = {
		{ "a/b/file", true }, { "a//b/./file", true }, { "good/file", false }, { "../canary/secret", false },
		{ "/etc/passwd", false }, { "a/../a/b/file", false }, { "absolute", false }, { ".", true },
	};
	struct tree *t = *state;
	struct error err;

	for (size_t w = 0; w < 2; w++)
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			autoclose int fd = path_open_beneath(t->root, cases[i].path,
							     (struct path_open){ O_RDONLY, 0, ways[w] }, &err);
			/* the kernel resolves "a/.." beneath, the walker refuses every "..": both are inside */
			if (strstr(cases[i].path, "a/../a") && fd >= 0)
				continue;
			if ((fd >= 0) != cases[i].ok)
				fail_msg("way %zu, %s: %s", w, cases[i].path, fd < 0 ? err.text : "opened");
		}
}

static int count_entries(int base, const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", base, name);
	return stat(path, &st) == 0 ? (int)st.st_nlink : -1;
}

static void test_path_mkdirs_creates_only_inside(void **state)
{
	static const char *const paths[] = { "new/x/y", "absolute/made", "a/relative/made", "dangling/more", "/good/z",
					     "a/b/../../../../q/w" };
	struct tree *t = *state;
	struct error err;

	for (size_t w = 0; w < 2; w++)
		for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
			autoclose int fd = path_mkdirs_in_root(t->root, paths[i], 0755, ways[w], &err);
			if (fd < 0)
				fail_msg("%s: %s", paths[i], err.text);
			assert_int_equal(path_verify_in_root(t->root, fd, &err), 0);
		}
	assert_int_equal(count_entries(t->base, "canary"), 2);
	assert_int_equal(path_mkdirs_in_root(t->root, "a/b/file/x", 0755, 0, &err), -1);
	assert_int_equal(path_mkdirs_in_root(t->root, "loop1/x", 0755, 0, &err), -1);
}

static void test_path_make_target_makes_file_or_directory(void **state)
{
	struct tree *t = *state;
	struct error err;
	struct stat st;
	bool made;

	for (size_t w = 0; w < 2; w++) {
		char name[32];
		snprintf(name, sizeof(name), "etc%zu/conf/file", w);
		autoclose int fd = path_make_target_in_root(t->root, name, false, ways[w], &made, &err);
		assert_true(fd >= 0 && made);
		fstat(fd, &st);
		assert_true(S_ISREG(st.st_mode));
		autoclose int again = path_make_target_in_root(t->root, name, false, ways[w], &made, &err);
		assert_true(again >= 0 && !made);
		assert_int_equal(path_make_target_in_root(t->root, "a/b", false, ways[w], NULL, &err), -1);
		assert_int_equal(err.errnum, EISDIR);
		assert_int_equal(path_make_target_in_root(t->root, "a/b/file", true, ways[w], NULL, &err), -1);
		assert_int_equal(err.errnum, ENOTDIR);
	}
	/* A9: a dangling last component creates its target inside */
	autoclose int fd = path_make_target_in_root(t->root, "absolute/new", false, 0, &made, &err);
	assert_true(fd >= 0);
	assert_int_equal(path_verify_in_root(t->root, fd, &err), 0);
	assert_int_equal(faccessat(t->base, "canary/new", F_OK, 0), -1);
}

static void test_path_parent_names_the_last_component(void **state)
{
	static const struct { const char *path, *name; } cases[] = {
		{ "a/b/new", "new" }, { "/new", "new" }, { "good/new/", "new" }, { "dangling", "dangling" },
	};
	static const char *const bad[] = { "", "/", "//", "a/..", ".." , "." };
	struct tree *t = *state;
	char name[NAME_MAX + 1];
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autoclose int fd = path_open_parent_in_root(t->root, cases[i].path, (struct path_parent){ 0 }, name, &err);
		assert_true(fd >= 0);
		assert_string_equal(name, cases[i].name);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(path_open_parent_in_root(t->root, bad[i], (struct path_parent){ 0 }, name, &err), -1);
}

/* Exchanges root/swap (a directory) with root/link (a link to the host's canary) for as long as the test runs. */
struct racer {
	int root;
	atomic_bool stop;
};

static void *race(void *arg)
{
	struct racer *r = arg;

	while (!r->stop)
		renameat2(r->root, "swap", r->root, "link", RENAME_EXCHANGE);
	return NULL;
}

static void test_path_never_leaves_while_links_are_exchanged(void **state)
{
	struct tree *t = *state;
	struct racer r = { .root = t->root };
	struct error err;
	pthread_t thread;

	mkdirat(t->root, "swap", 0755);
	assert_int_equal(symlinkat("../../../../../../../../..", t->root, "link"), 0);
	pthread_create(&thread, NULL, race, &r);
	for (int i = 0; i < 2000; i++) {
		struct path_open how = { .oflags = O_PATH, .flags = ways[i % 2] };
		autoclose int fd = path_open_in_root(t->root, "swap/../swap/canary/secret", how, &err);
		assert_int_equal(fd, -1);
		autoclose int dir = path_mkdirs_in_root(t->root, "swap/deep/er", 0755, how.flags, &err);
		if (dir >= 0)
			assert_int_equal(path_verify_in_root(t->root, dir, &err), 0);
	}
	r.stop = true;
	pthread_join(thread, NULL);
	assert_int_equal(faccessat(t->base, "deep", F_OK, 0), -1);
	assert_int_equal(faccessat(t->base, "canary/deep", F_OK, 0), -1);
}

static void test_path_reopen_refuses_what_is_no_file(void **state)
{
	struct tree *t = *state;
	struct error err;

	assert_int_equal(mkfifoat(t->root, "fifo", 0644), 0);
	autoclose int fifo = path_open_in_root(t->root, "fifo", (struct path_open){ .oflags = O_PATH }, &err);
	assert_int_equal(path_reopen(fifo, O_RDONLY, &err), -1);
	assert_int_equal(err.kind, ERROR_INVALID);
	autoclose int file = path_open_in_root(t->root, "secret", (struct path_open){ .oflags = O_PATH }, &err);
	autoclose int again = path_reopen(file, O_RDONLY, &err);
	assert_true(again >= 0);
}

static void test_path_clean_is_gos(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "", "." }, { ".", "." }, { "/", "/" }, { "//", "/" }, { "/..", "/" }, { "/../a", "/a" }, { "a//b", "a/b" },
		{ "a/./b", "a/b" }, { "a/b/..", "a" }, { "a/..", "." }, { "..", ".." }, { "../..", "../.." },
		{ "../../abc", "../../abc" }, { "abc/../../def", "../def" }, { "/abc/def/../..", "/" }, { "abc/", "abc" },
		{ "/abc/", "/abc" }, { "abc/def/../ghi/../jkl", "abc/jkl" }, { "abc/../..", ".." }, { "/a/b/../../../x", "/x" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *got = path_clean(cases[i].in);
		assert_string_equal(got, cases[i].out);
	}
	assert_true(path_text_is_below("/a", "/a/b"));
	assert_true(path_text_is_below("/a", "/a"));
	assert_true(path_text_is_below("/", "/x"));
	assert_false(path_text_is_below("/a", "/ab"));
	assert_true(path_is_name("x"));
	assert_false(path_is_name(".."));
	assert_false(path_is_name("a/b"));
}

int main(void)
{
#define WITH_TREE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_TREE(test_path_stays_in_root_whatever_the_links_say),
		WITH_TREE(test_path_last_link_is_returned_with_nofollow),
		WITH_TREE(test_path_beneath_refuses_links_and_dotdot),
		WITH_TREE(test_path_mkdirs_creates_only_inside),
		WITH_TREE(test_path_make_target_makes_file_or_directory),
		WITH_TREE(test_path_parent_names_the_last_component),
		WITH_TREE(test_path_never_leaves_while_links_are_exchanged),
		WITH_TREE(test_path_reopen_refuses_what_is_no_file),
		cmocka_unit_test(test_path_clean_is_gos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
