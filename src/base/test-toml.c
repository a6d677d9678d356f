/* SPDX-License-Identifier: Apache-2.0
 * Tests of base/toml.h: documents and the JSON they are, documents that are refused. */
#include "base/toml.h"

#include "base/str.h"
#include "base/test.h"

static void test_toml_parse_valid_documents(void **state)
{
	static const struct { const char *toml, *json; } cases[] = {
		{ "", "{}" },
		{ "# only a comment", "{}" },
		{ "a = 1\nb = -2\nc = +3\nd = 1_000\n", "{\"a\":1,\"b\":-2,\"c\":3,\"d\":1000}" },
		{ "a = 0xff\nb = 0o17\nc = 0b101\n", "{\"a\":255,\"b\":15,\"c\":5}" },
		{ "a = 1.5\nb = 5e2\n", "{\"a\":1.5,\"b\":500}" },
		{ "a = true\nb = false", "{\"a\":true,\"b\":false}" },
		{ "a = \"x\\ty\\u00e9\\U0001F600\"", "{\"a\":\"x\\ty\xc3\xa9\xf0\x9f\x98\x80\"}" },
		{ "a = 'C:\\x'", "{\"a\":\"C:\\\\x\"}" },
		{ "a = \"\"\"\none\ntwo \\\n   three\"\"\"", "{\"a\":\"one\\ntwo three\"}" },
		{ "a = '''''x'''''", "{\"a\":\"''x''\"}" },
		{ "a = [1, 2, # c\n 3,\n]", "{\"a\":[1,2,3]}" },
		{ "a = [\"x\", {append=true}]", "{\"a\":[\"x\",{\"append\":true}]}" },
		{ "a = {b = 1, c.d = 2}", "{\"a\":{\"b\":1,\"c\":{\"d\":2}}}" },
		{ "a.b.c = 1\na.b.d = 2", "{\"a\":{\"b\":{\"c\":1,\"d\":2}}}" },
		{ "\"a b\" = 1\n'c.d' = 2", "{\"a b\":1,\"c.d\":2}" },
		{ "[a]\nx = 1\n[a.b]\ny = 2\n[c]\n", "{\"a\":{\"x\":1,\"b\":{\"y\":2}},\"c\":{}}" },
		{ "[a.b]\nx = 1\n[a]\ny = 2", "{\"a\":{\"b\":{\"x\":1},\"y\":2}}" },
		{ "[[r]]\nl = 1\n[[r.m]]\nk = 2\n[[r.m]]\nk = 3\n[[r]]\nl = 4",
		  "{\"r\":[{\"l\":1,\"m\":[{\"k\":2},{\"k\":3}]},{\"l\":4}]}" },
		{ "a = 1979-05-27T07:32:00Z\nb = 1979-05-27\nc = 07:32:00.5", "{\"a\":\"1979-05-27T07:32:00Z\",\"b\":\"1979-05-27\",\"c\":\"07:32:00.5\"}" },
		{ "a = 1\r\nb = 2\r\n", "{\"a\":1,\"b\":2}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_json *tree = NULL;
		struct error err = {};
		auto_buf b = BUF_INIT(4096);
		if (toml_parse("t", cases[i].toml, strlen(cases[i].toml), &tree, &err) < 0)
			fail_msg("'%s': %s", cases[i].toml, err.text);
		json_format(&b, tree, 0);
		assert_string_equal(b.data, cases[i].json);
	}
}

/* Comments are gone over eight bytes at a time: what does not belong there is seen at every place of the eight. */
static void test_toml_parse_comment_bytes(void **state)
{
	static const struct { unsigned char c; bool good; } cases[] = {
		{ ' ', true }, { '~', true }, { '\t', true }, { '#', true },
		{ 0, false }, { 0x1f, false }, { 0x7f, false }, { 0x80, false }, { 0xff, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t at = 1; at < 26; at++) {
			char text[] = "#abcdefghijklmnopqrstuvwxyz\na = 1";
			auto_json *tree = NULL;
			struct error err = {};
			text[at] = (char)cases[i].c;
			assert_int_equal(toml_parse("t", text, sizeof(text) - 1, &tree, &err), cases[i].good ? 0 : -1);
			assert_true(!cases[i].good || json_object_object_length(tree) == 1);
		}
	}
}

static void test_toml_parse_refuses(void **state)
{
	static const struct { const char *toml, *want; } cases[] = {
		{ "a = ", "t:1:5" },
		{ "a = 1 b = 2", "end of the line" },
		{ "a = 1\na = 2", "given twice" },
		{ "a = 01", "invalid number" },
		{ "a = 1__0", "misplaced _" },
		{ "a = .5", "invalid number" },
		{ "a = 9223372036854775808", "invalid number" },
		{ "a = \"x\n\"", "not closed" },
		{ "a = \"\\q\"", "unknown escape" },
		{ "a = \"\\ud800\"", "no character" },
		{ "a = 'x", "not closed" },
		{ "[a]\n[a]", "already defined" },
		{ "a = {b=1}\n[a.c]", "cannot be extended" },
		{ "a = [1]\n[[a]]", "no array of tables" },
		{ "[a]\nb.c = 1\n[a.b]", "already defined" },
		{ "a.b = 1\n[a]\n", "already defined" },
		{ "a = [1", "array" },
		{ "a = {b=1", "inline table" },
		{ "[[a]\n", "]]" },
		{ "= 1", "expected a key" },
		{ "a = \"\xff\"", "UTF-8" },
		{ "a = nan", "no use" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_json *tree = NULL;
		struct error err = {};
		assert_int_equal(toml_parse("t", cases[i].toml, strlen(cases[i].toml), &tree, &err), -1);
		if (!strstr(err.text, cases[i].want))
			fail_msg("'%s': '%s' lacks '%s'", cases[i].toml, err.text, cases[i].want);
	}
}

static void test_toml_parse_bounds_depth(void **state)
{
	auto_buf b = BUF_INIT(4096);
	auto_json *tree = NULL;
	struct error err = {};

	buf_add_str(&b, "a = ");
	for (int i = 0; i < 200; i++)
		buf_add_char(&b, '[');
	assert_int_equal(toml_parse("t", b.data, b.len, &tree, &err), -1);
	assert_non_null(strstr(err.text, "too deeply"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_toml_parse_valid_documents),
		cmocka_unit_test(test_toml_parse_comment_bytes),
		cmocka_unit_test(test_toml_parse_refuses),
		cmocka_unit_test(test_toml_parse_bounds_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
