/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tar-recipe.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "base/sha256.h"
#include "base/test.h"
#include "os/file.h"

#define ASSERT_OK(call, e) do { if ((call) < 0) fail_msg("%s", (e).text); } while (0)

struct place {
	char path[64];
	int fd, recipe, out;
	struct error err;
};

static int setup(void **state)
{
	static struct place p;

	snprintf(p.path, sizeof(p.path), "/tmp/umiak-recipe.XXXXXX");
	p.fd = mkdtemp(p.path) ? open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	p.recipe = file_memfd("recipe", &p.err);
	p.out = file_memfd("out", &p.err);
	*state = &p;
	return p.fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	close(p->fd), close(p->recipe), close(p->out);
	return file_remove_tree(AT_FDCWD, p->path, &p->err);
}

static void put(struct place *p, const char *name, const void *bytes, size_t n)
{
	int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

/* A stream of `n` bytes: a head, the file "a" from 1000 on, a gap of zeros, "b" in two chunks, a tail. */
enum { A_AT = 1000, A_LEN = 3000, B_AT = 7000, B_LEN = 2000, ALL = 10240 };

static void make(struct place *p, uint8_t all[ALL])
{
	struct recipe_tap t;
	const size_t cut = B_AT + 500;

	for (size_t i = 0; i < ALL; i++)
		all[i] = i >= A_AT + A_LEN && i < B_AT ? 0 : (uint8_t)(i * 7 + i / 256 + 1);
	put(p, "a", all + A_AT, A_LEN);
	put(p, "b", all + B_AT, B_LEN);
	recipe_tap_init(&t, p->recipe);
	ASSERT_OK(recipe_tap_chunk(&t, all, cut, &p->err), p->err);
	ASSERT_OK(recipe_tap_data(&t, "a", 0, all + A_AT, A_LEN, &p->err), p->err);
	ASSERT_OK(recipe_tap_data(&t, "b", 0, all + B_AT, 500, &p->err), p->err);
	ASSERT_OK(recipe_tap_chunk(&t, all + cut, ALL - cut, &p->err), p->err);
	ASSERT_OK(recipe_tap_data(&t, "b", 500, all + cut, B_LEN - 500, &p->err), p->err);
	ASSERT_OK(recipe_tap_end(&t, &p->err), p->err);
	recipe_tap_done(&t);
}

static void test_recipe_gives_the_stream_back(void **state)
{
	struct place *p = *state;
	uint8_t all[ALL], back[ALL];
	char want[SHA256_TEXT_MAX], got[SHA256_TEXT_MAX];
	struct sha256 a, b;

	make(p, all);
	sha256_init(&a);
	sha256_add(&a, all, ALL);
	sha256_init(&b);
	ASSERT_OK(recipe_play(p->recipe, p->fd, p->out, &b, ALL, &p->err), p->err);
	assert_int_equal(pread(p->out, back, ALL, 0), ALL);
	assert_memory_equal(back, all, ALL);
	assert_string_equal(sha256_end_text(&b, got), sha256_end_text(&a, want));
	assert_true(lseek(p->recipe, 0, SEEK_END) < ALL - A_LEN - B_LEN - (B_AT - A_AT - A_LEN) + 200);   /* zeros cost nothing */
}

static void test_play_tells_a_changed_tree(void **state)
{
	struct place *p = *state;
	uint8_t all[ALL];

	make(p, all);
	assert_int_equal(recipe_play(p->recipe, p->fd, -1, NULL, ALL + 1, &p->err), -1);
	assert_int_equal(recipe_play(p->recipe, p->fd, -1, NULL, ALL - 1, &p->err), -1);
	put(p, "b", "short", 5);
	assert_int_equal(recipe_play(p->recipe, p->fd, -1, NULL, ALL, &p->err), -1);
	assert_int_equal(p->err.kind, ERROR_CORRUPT);
	unlinkat(p->fd, "b", 0);
	assert_int_equal(symlinkat("/etc/passwd", p->fd, "b"), 0);
	assert_int_equal(recipe_play(p->recipe, p->fd, -1, NULL, ALL, &p->err), -1);
}

static void test_next_refuses_what_is_no_recipe(void **state)
{
	struct place *p = *state;
	static const char *const texts[] = {
		"", "umiak", "umiak-recipe 1\n", "umiak-recipe 1\nX", "umiak-recipe 1\nL", "umiak-recipe 1\nL\x05x",
		"umiak-recipe 1\nF\x01", "umiak-recipe 1\nE\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "umiak-recipe 1\nF\xff\x7fx",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct recipe_cursor c = { .at = (const uint8_t *)texts[i], .end = (const uint8_t *)texts[i] + strlen(texts[i]) };
		struct recipe_item item;
		assert_int_equal(recipe_next(&c, &item, &p->err), -1);
		assert_int_equal(p->err.kind, ERROR_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_recipe_gives_the_stream_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_play_tells_a_changed_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next_refuses_what_is_no_recipe, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
