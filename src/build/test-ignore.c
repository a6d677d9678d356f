/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/buf.h"
#include "base/str.h"
#include "build/ignore.h"

static void parse(const char *patterns, struct ignore **ret)
{
	struct error err = {};

	assert_int_equal(ignore_new(ret, &err), 0);
	if (ignore_parse(*ret, ".dockerignore", patterns, strlen(patterns), &err) < 0)
		fail_msg("%s", err.text);
}

/* One pattern, one path: whether it is left out. */
static void test_single_patterns(void **state)
{
	static const struct { const char *pattern, *path; bool out; } cases[] = {
		{ "**", "file", true }, { "**", "a/b", true }, { "**/", "file", true }, { "**/", "dir/file", true },
		{ "**/file", "file", true }, { "**/file", "a/b/file", true }, { "**/file", "a/filex", false },
		{ "**file", "file", true }, { "**file", "dir/file", true }, { "**file", "xfile", false },
		{ "dir/**", "dir/file", true }, { "dir/**", "dir", false }, { "dir/**", "dir/a/b", true }, { "dir/**", "dirx/a", false },
		{ "**/**", "a", true }, { "**/a/**", "x/a/y", true }, { "**/a/**", "a", false }, { "a/**/b", "a/b", true },
		{ "a/**/b", "a/x/y/b", true }, { "a/**/b", "a/x", false }, { "a/**/**/b", "a/b", true }, { "a**", "abc/d", true },
		{ "a**b", "ab", true }, { "a**b", "ax/y/b", true }, { "a**b", "axb", false },
		{ "*", "a", true }, { "*", "a/b", true }, { "*.o", "a.o", true }, { "*.o", "d/a.o", false }, { "*/*.o", "d/a.o", true },
		{ "**/*.o", "a.o", true }, { "**/*.o", "x/y/a.o", true }, { "**/.git", "x/.git/config", true },
		{ "a?c", "abc", true }, { "a?c", "a/c", false }, { "a?c", "ac", false }, { "a?c", "a\xc3\xa4""c", true },
		{ "[a-c]x", "bx", true }, { "[^a-c]x", "bx", false }, { "[^a-c]x", "dx", true },
		{ "[\\-x]", "-", true }, { "a\\*", "a*", true }, { "a\\*", "ab", false }, { "a[*]", "a*", true },
		{ "/a", "a", true }, { "./a", "a", true }, { "a/", "a/b", true }, { "a/./b/../c", "a/c", true }, { "../a", "a", false },
		{ " a ", "a", true }, { "# a", "a", false }, { "a/b", "a", false }, { "a/b", "a/b/c", true }, { ".", "a", false }, { "/", "a", false },
		{ "abc*def", "abcdef", true }, { "*b*b*b*b*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false }, { "a.b", "axb", false }, { "a+", "aa", false },
		{ "a(b)", "a(b)", true }, { "dir/*", "dir/a/b", true }, { "*/b", "a/b", true }, { "A", "a", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_ignore *ig = NULL;
		parse(cases[i].pattern, &ig);
		if ((ignore_check(ig, cases[i].path) != IGNORE_KEEP) != cases[i].out)
			fail_msg("%s: %s", cases[i].pattern, cases[i].path);
	}
}

static void test_exceptions(void **state)
{
	static const struct { const char *patterns, *path; enum ignore_verdict verdict; } cases[] = {
		{ "*\n!a", "a", IGNORE_KEEP }, { "*\n!a", "a/b", IGNORE_KEEP }, { "*\n!a", "b", IGNORE_PRUNE },
		{ "d\n!d/keep", "d", IGNORE_DROP }, { "d\n!d/keep", "d/keep", IGNORE_KEEP }, { "d\n!d/keep", "d/other", IGNORE_PRUNE },
		{ "d\n!d/*/k", "d", IGNORE_DROP }, { "d\n!d/*/k", "d/x", IGNORE_PRUNE }, { "d\n!*/k", "d", IGNORE_PRUNE },
		{ "d\n!**/k", "d/x/y", IGNORE_PRUNE }, { "d\n!dx/k", "d", IGNORE_PRUNE }, { "d\n!d/x/k", "d/x", IGNORE_DROP },
		{ "d\n!d/keep\nd/keep/not", "d/keep/not", IGNORE_PRUNE }, { "!a\na", "a", IGNORE_DROP }, { "d\n!e/keep", "d", IGNORE_PRUNE },
		{ "*.md\n!README*.md\nREADME-secret.md", "README.md", IGNORE_KEEP },
		{ "*.md\n!README*.md\nREADME-secret.md", "README-secret.md", IGNORE_PRUNE },
		{ "**\n!**/*.c", "a/b", IGNORE_PRUNE }, { "**\n!**/*.c", "a/b.c", IGNORE_KEEP }, { "d\n!d/[", "", IGNORE_KEEP },
		{ "# c\n\n  \n\xef\xbb\xbf", "a", IGNORE_KEEP }, { "a\r\nb\r\n", "b", IGNORE_PRUNE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_ignore *ig = NULL;
		struct error err = {};
		assert_int_equal(ignore_new(&ig, &err), 0);
		int r = ignore_parse(ig, "x", cases[i].patterns, strlen(cases[i].patterns), &err);
		if (r == 0 && ignore_check(ig, cases[i].path) != cases[i].verdict)
			fail_msg("%s: %s", cases[i].patterns, cases[i].path);
	}
}

static void test_errors(void **state)
{
	static const struct { const char *patterns, *error; } cases[] = {
		{ "a\n[", "x:2: syntax error in pattern \"[\"" }, { "[a-]", "x:1: syntax error" }, { "a\\", "x:1: syntax error" },
		{ "!", "x:1: illegal exclusion pattern: \"!\"" }, { "[]", "x:1: syntax error" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_ignore *ig = NULL;
		struct error err = {};
		assert_int_equal(ignore_new(&ig, &err), 0);
		if (ignore_parse(ig, "x", cases[i].patterns, strlen(cases[i].patterns), &err) == 0 || !str_after(err.text, cases[i].error))
			fail_msg("%s: %s", cases[i].patterns, err.text);
	}
}

static void test_globs(void **state)
{
	assert_true(ignore_glob("a/*.c", "a/b.c"));
	assert_false(ignore_glob("a/*.c", "a/b/b.c"));
	assert_false(ignore_glob("*", "a/b"));
	assert_true(ignore_has_glob("a[b]") && ignore_has_glob("a*") && !ignore_has_glob("a\\*"));
	auto_ignore *ig = NULL;
	parse("./a/\n!b", &ig);
	autofree char *text = ignore_text(ig);
	assert_string_equal(text, "a\n!b\n");
	assert_int_equal(ignore_check(NULL, "a"), IGNORE_KEEP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_patterns), cmocka_unit_test(test_exceptions), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_globs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
