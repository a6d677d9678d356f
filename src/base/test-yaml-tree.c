/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <string.h>

#include "base/str.h"
#include "base/yaml-tree.h"

/* As JSON; "! part of the message" when it is refused. */
static const struct {
	const char *yaml, *json;
} cases[] = {
	{ "", "null" }, { "# only a comment\n", "null" }, { "---\n...\n", "null" },
	{ "a: 1\nb: -2\nc: 0x1F\nd: 0o17\ne: 017\nf: 1.5\ng: .5\nh: 1e3\ni: +7\n",
	  "{\"a\":1,\"b\":-2,\"c\":31,\"d\":15,\"e\":15,\"f\":1.5,\"g\":0.5,\"h\":1000,\"i\":7}" },
	{ "[18446744073709551615, 18446744073709551616, 1_000, 08, 0x, -, 1.2.3, 1e9999]",
	  "[18446744073709551615,18446744073709552000,\"1_000\",8,\"0x\",\"-\",\"1.2.3\",\"1e9999\"]" },
	{ "[true, False, yes, null, ~, '', 'true', \"1\", , NULL]", "!" },
	{ "[true, False, yes, null, ~, '', 'true', \"1\"]", "[true,false,\"yes\",null,null,\"\",\"true\",\"1\"]" },
	{ "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc: *x\n", "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"q\":3,\"p\":1},\"c\":{\"p\":1,\"q\":2}}" },
	{ "a: |\n  one\n  two\nb: >-\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}" },
	{ "{\"a\": [1, {\"b\": null}]}", "{\"a\":[1,{\"b\":null}]}" },
	{ "a: !!int \"3\"\nb: !!null x\n", "{\"a\":3,\"b\":\"x\"}" },
	{ "- a\n-   - b\n", "[\"a\",[\"b\"]]" },
	{ "a: 1\na: 2\n", "!t:2: key \"a\" is there twice" }, { "? [a]\n: b\n", "!the key of a mapping is not a scalar" },
	{ "a: 1\n---\nb: 2\n", "!more than one document" }, { "a: *nowhere\n", "!t:1: " }, { "a: b: c\n", "!t:1: " },
	{ "\t- a\n", "!t:1: " }, { "a: !!binary aGVsbG8=\n", "!binary" }, { "<<: 1\n", "!<< wants a mapping" }, { "a: \"\\xff", "!" },
	{ "1: a\ntrue: b\n", "{\"1\":\"a\",\"true\":\"b\"}" },
};

static void test_documents_as_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf out = BUF_INIT(1 << 20);
		auto_json *o = NULL;
		struct error err = {};
		bool ok = yaml_tree_parse("t", cases[i].yaml, strlen(cases[i].yaml), &o, &err) == 0;
		if (ok)
			json_format(&out, o, 0);
		bool right = *cases[i].json == '!' ? !ok && strstr(err.text, cases[i].json + 1) : ok && streq(out.data, cases[i].json);
		if (!right)
			fail_msg("case %zu: %s%s\n%s", i, ok ? out.data : "", err.text, cases[i].yaml);
	}
}

/* Few bytes that say they are many. */
static void test_documents_that_grow_are_refused(void **state)
{
	auto_buf laughs = BUF_INIT(1 << 20), deep = BUF_INIT(1 << 20), long_one = BUF_INIT(1 << 22);
	struct json_object *o = NULL;
	struct error err = {};

	(void)state;
	buf_add_str(&laughs, "a0: &a0 [x]\n");
	for (int i = 1; i < 30; i++)
		buf_addf(&laughs, "a%d: &a%d [*a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1);
	assert_int_equal(yaml_tree_parse("t", laughs.data, laughs.len, &o, &err), -1);
	assert_non_null(strstr(err.text, "too many values"));
	for (int i = 0; i < 500000; i++)   /* so many that going through all of them for each would take minutes */
		buf_add_str(&deep, "[");
	assert_int_equal(yaml_tree_parse("t", deep.data, deep.len, &o, &err), -1);
	assert_non_null(strstr(err.text, "nested too deeply"));
	buf_add_str(&long_one, "a: &a ");
	for (int i = 0; i < 1000000; i++)
		buf_add_char(&long_one, 'x');
	buf_add_str(&long_one, "\nb: [");
	for (int i = 0; i < 1000; i++)
		buf_add_str(&long_one, "*a, ");
	buf_add_str(&long_one, "]\n");
	assert_int_equal(yaml_tree_parse("t", long_one.data, long_one.len, &o, &err), -1);
	assert_non_null(strstr(err.text, "too much text"));
	assert_int_equal(yaml_tree_parse("t", "a: &a [*a]\n", 11, &o, &err), -1);
}

static void test_all_documents(void **state)
{
	static const char text[] = "kind: Pod\n---\n---\nkind: Volume\n";
	auto_buf out = BUF_INIT(1 << 20);
	auto_json *o = NULL;
	struct error err;

	(void)state;
	assert_int_equal(yaml_tree_parse_all("t", text, strlen(text), &o, &err), 0);
	json_format(&out, o, 0);
	assert_string_equal(out.data, "[{\"kind\":\"Pod\"},{\"kind\":\"Volume\"}]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents_as_table), cmocka_unit_test(test_documents_that_grow_are_refused),
		cmocka_unit_test(test_all_documents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
