/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/buf.h"
#include "build/expand.h"

static char *const env_v[] = { (char *)"V=value", (char *)"EMPTY=", (char *)"PATH=/usr/bin:/bin", (char *)"SP=a b  c",
	(char *)"FILE=archive.tar.gz", (char *)"STAR=a*b", (char *)"Q=it's \"q\"", NULL };
static const struct strv env = { (char **)env_v, ARRAY_LEN(env_v) - 1 };

static struct expand with(char escape)
{
	return (struct expand){ .get = expand_get_env, .data = (void *)&env, .escape = escape };
}

#define BAD NULL

static void test_expand_word_table(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "", "" }, { "plain", "plain" }, { "$V", "value" }, { "${V}", "value" }, { "$V$V", "valuevalue" },
		{ "a${V}b", "avalueb" }, { "$Vx", "" }, { "$V.x", "value.x" }, { "$", "$" }, { "a$", "a$" }, { "$ x", "$ x" },
		{ "$/x", "$/x" }, { "$none", "" }, { "${none}", "" }, { "$1x", "x" }, { "$$V", "V" },
		/* quotes and escapes */
		{ "'$V'", "$V" }, { "\"$V\"", "value" }, { "\\$V", "$V" }, { "\\a", "a" }, { "\"\\a\"", "\\a" },
		{ "\"\\\"\"", "\"" }, { "\"\\$V\"", "$V" }, { "\"\\\\\"", "\\" }, { "'\\'", "\\" }, { "a\\", "a" },
		{ "'a'\"b\"c", "abc" }, { "''", "" }, { "\"a b\"", "a b" }, { "$Q", "it's \"q\"" },
		{ "'unclosed", BAD }, { "\"unclosed", BAD }, { "\"a\\", BAD },
		/* defaults */
		{ "${V:-x}", "value" }, { "${V-x}", "value" }, { "${EMPTY:-x}", "x" }, { "${EMPTY-x}", "" },
		{ "${none:-x}", "x" }, { "${none-x}", "x" }, { "${none:-$V}", "value" }, { "${none:-${EMPTY:-${V}}}", "value" },
		{ "${none:-'a}b'}", "a}b" }, { "${none:-a\\}b}", "a}b" }, { "${none:-}", "" },
		{ "${V:+x}", "x" }, { "${V+x}", "x" }, { "${EMPTY:+x}", "" }, { "${EMPTY+x}", "x" }, { "${none:+x}", "" },
		{ "${V:?gone}", "value" }, { "${EMPTY?gone}", "" }, { "${EMPTY:?gone}", BAD }, { "${none?}", BAD },
		/* patterns */
		{ "${FILE%.*}", "archive.tar" }, { "${FILE%%.*}", "archive" }, { "${FILE#*.}", "tar.gz" },
		{ "${FILE##*.}", "gz" }, { "${FILE#x}", "archive.tar.gz" }, { "${FILE%x}", "archive.tar.gz" },
		{ "${FILE#archive?}", "tar.gz" }, { "${STAR#a\\*}", "b" }, { "${STAR%\\*b}", "a" }, { "${PATH##*:}", "/bin" },
		{ "${V#*}", "value" }, { "${V##*}", "" }, { "${V%%*}", "" }, { "${none#x}", "" }, { "${EMPTY%%x}", "" },
		{ "${V/a/A}", "vAlue" }, { "${V/l*/L}", "vaL" }, { "${PATH//\\//_}", "_usr_bin:_bin" },
		{ "${PATH/\\/bin/X}", "/usrX:/bin" }, { "${PATH//bin/}", "/usr/:/" }, { "${V//x/y}", "value" },
		{ "${V/$EMPTY/y}", "yvalue" }, { "${none/a/b}", "" }, { "${STAR/\\*/-}", "a-b" }, { "${V//?/.}", "....." },
		/* errors */
		{ "${", BAD }, { "${}", BAD }, { "${:x}", BAD }, { "${V", BAD }, { "${V:", BAD }, { "${V:-", BAD }, { "${V:x}", BAD },
		{ "${V=x}", BAD }, { "${V:#x}", BAD }, { "${V:%x}", BAD }, { "${{V}}", BAD }, { "${V/a}", BAD }, { "${V/a/b", BAD },
		{ "${V^^}", BAD }, { "${V,}", BAD },
	};
	struct expand x = with('\\');

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		autofree char *out = NULL;
		int r = expand_word(&x, cases[i].in, &out, &err);
		if ((r < 0) != !cases[i].out || (r == 0 && strcmp(out, cases[i].out) != 0))
			fail_msg("%s: %s, want %s (%s)", cases[i].in, out ? out : "failure", cases[i].out ? cases[i].out : "failure",
				 err.text);
	}
}

static void test_expand_word_with_backtick(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "`$V", "$V" }, { "c:\\dir\\$V", "c:\\dir\\value" }, { "\"a`\"b\"", "a\"b" }, { "\\", "\\" },
		{ "${FILE%%`.*}", "archive" },
	};
	struct expand x = with('`');

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		autofree char *out = NULL;
		assert_int_equal(expand_word(&x, cases[i].in, &out, &err), 0);
		assert_string_equal(out, cases[i].out);
	}
}

static void test_expand_words_table(void **state)
{
	static const struct { const char *in, *out; } cases[] = {   /* words joined by '|' */
		{ "a b", "a|b" }, { "  a\t b ", "a|b" }, { "'a b' c", "a b|c" }, { "$SP", "a|b|c" }, { "\"$SP\"", "a b  c" },
		{ "x$SP", "xa|b|c" }, { "$EMPTY", "" }, { "\"\"", "" }, { "a \"\" b", "a|b" }, { "a\\ b", "a b" },
		{ "${none:-p q}", "p|q" },
	};
	struct expand x = with('\\');

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_strv words = {};
		assert_int_equal(expand_words(&x, cases[i].in, &words, &err), 0);
		autofree char *joined = strv_join(&words, "|");
		if (strcmp(joined, cases[i].out) != 0)
			fail_msg("%s: %s, want %s", cases[i].in, joined, cases[i].out);
	}
}

static void test_expand_text_keeps_quotes(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "say \"$V\"\n", "say \"value\"\n" }, { "it's ${V:-x}\n", "it's value\n" }, { "\\$V \\n \\\\\n", "$V \\n \\\n" },
		{ "end\\\n", "end\\\n" },
	};
	struct expand x = with('\\');

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		autofree char *out = NULL;
		assert_int_equal(expand_text(&x, cases[i].in, &out, &err), 0);
		assert_string_equal(out, cases[i].out);
	}
}

static void test_expand_keep_unset(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "$none ${none} $V", "$none ${none} value" }, { "${none:-x}", "${none:-x}" }, { "${none#y}z", "${none#y}z" },
		{ "${none/a/b}", "${none/a/b}" },
	};
	auto_strv unset = {};
	struct expand x = with('\\');
	x.keep_unset = true;
	x.unset = &unset;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		autofree char *out = NULL;
		assert_int_equal(expand_word(&x, cases[i].in, &out, &err), 0);
		assert_string_equal(out, cases[i].out);
	}
	assert_int_equal(unset.n, 1);
	assert_string_equal(unset.v[0], "none");
}

/* security-matrix I17: bombs end with an error, soon. */
static void test_expand_bounds(void **state)
{
	struct error err = {};
	auto_buf deep = BUF_INIT(1 << 20), wide = BUF_INIT(1 << 24);
	autofree char *out = NULL;
	struct expand x = with('\\');

	for (int i = 0; i < 1000; i++)
		buf_add_str(&deep, "${none:-");
	assert_int_equal(expand_word(&x, deep.data, &out, &err), -1);
	assert_non_null(strstr(err.text, "nested deeper"));
	for (int i = 0; i < 500000; i++)
		buf_add_str(&wide, "$V");
	assert_int_equal(expand_word(&x, wide.data, &out, &err), -1);
	assert_non_null(strstr(err.text, "larger than"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand_word_table),
		cmocka_unit_test(test_expand_word_with_backtick),
		cmocka_unit_test(test_expand_words_table),
		cmocka_unit_test(test_expand_text_keeps_quotes),
		cmocka_unit_test(test_expand_keep_unset),
		cmocka_unit_test(test_expand_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
