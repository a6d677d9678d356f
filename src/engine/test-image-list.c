/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/image-list.h"

#include "base/test.h"

static void test_image_repository_len_when_tagged_or_digested(void **state)
{
	static const struct { const char *name; size_t len; } cases[] = {
		{ "quay.io/a/b:tag", 11 }, { "quay.io/a/b", 11 }, { "quay.io/a/b@sha256:00", 11 },
		{ "localhost:5000/a", 16 }, { "localhost:5000/a:1", 16 }, { "localhost:5000/a:1@sha256:00", 16 },
		{ "a", 1 }, { "a:1", 1 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(image_repository_len(cases[i].name), cases[i].len);
}

static void add(struct strv *l, const char *s)
{
	struct error err = {};
	assert_int_equal(strv_add(l, s, &err), 0);
}

static void test_image_names_when_tags_and_digests_mix(void **state)
{
	auto_store_image image = {};
	auto_strv tags = {}, digests = {}, history = {};
	struct error err = {};
	(void)state;

	add(&image.names, "quay.io/b/c:1");
	add(&image.names, "quay.io/b/c@sha256:11");
	add(&image.names, "a.example/x:2");
	add(&image.digests, "sha256:11");
	add(&image.digests, "sha256:22");
	add(&image.history, "old/one:1");
	add(&image.history, "old/two:1");
	add(&image.history, "quay.io/b/c:1");
	assert_int_equal(image_repo_tags(&image, &tags, &err), 0);
	assert_int_equal(tags.n, 2);
	assert_string_equal(tags.v[1], "a.example/x:2");
	assert_int_equal(image_repo_digests(&image, &digests, &err), 0);
	assert_int_equal(digests.n, 4);
	assert_string_equal(digests.v[0], "a.example/x@sha256:11");
	assert_string_equal(digests.v[3], "quay.io/b/c@sha256:22");
	/* names it has, then those it had, the latest first, each once */
	assert_int_equal(image_names_history(&image, &history, &err), 0);
	assert_int_equal(history.n, 5);
	assert_string_equal(history.v[3], "old/two:1");
	assert_string_equal(history.v[4], "old/one:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image_repository_len_when_tagged_or_digested),
		cmocka_unit_test(test_image_names_when_tags_and_digests_mix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
