/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/json.h"
#include "base/str.h"
#include "base/units.h"

static void test_json_parse_table(void **state)
{
	/* want: compact text of the tree, or (bad) the end of the error */
	static const struct { const char *text, *want; bool bad; } cases[] = {
		{ "null", "null", false }, { " true ", "true", false }, { "false\n", "false", false }, { "0", "0", false },
		{ "-0", "0", false }, { "-12", "-12", false }, { "1.10", "1.10", false }, { "1e5", "1e5", false }, { "0.1", "0.1", false },
		{ "9007199254740993", "9007199254740993", false },
		{ "9223372036854775807", "9223372036854775807", false },
		{ "9223372036854775808", "9223372036854775808", false },
		{ "18446744073709551615", "18446744073709551615", false },
		{ "-9223372036854775808", "-9223372036854775808", false },
		{ "\"\"", "\"\"", false }, { "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"a\\\"\\\\/\\b\\f\\n\\r\\t\"", false },
		{ "\"\\u00e9\\u20ac\\ud83d\\ude00\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", false },
		{ "\"\\ud800\"", "\"\xef\xbf\xbd\"", false }, { "\"\\ud800\\u0041\"", "\"\xef\xbf\xbd" "A\"", false },
		{ "\"a\\u0000b\"", "\"a\\u0000b\"", false }, { "[]", "[]", false }, { "{}", "{}", false },
		{ "[1, [2,[]], {\"a\" : null}]", "[1,[2,[]],{\"a\":null}]", false },
		{ "{\"a\":1,\"a\":2}", "{\"a\":2}", false },
		{ "", "t:1:1: unexpected end of the text", true }, { "  \n ", "t:2:2: unexpected end of the text", true },
		{ "NaN", "t:1:1: want a value", true }, { "Infinity", "t:1:1: want a value", true },
		{ "-Infinity", "t:1:2: want a value", true }, { "1e400", "t:1:1: number is too large", true },
		{ "\"a\tb\"", "t:1:3: control character in a string", true },
		{ "{\"a\\u0000b\":1}", "t:1:4: a key may not contain \\u0000", true },
		{ "18446744073709551616", "t:1:1: number does not fit into 64 bits", true },
		{ "-9223372036854775809", "t:1:1: number does not fit into 64 bits", true },
		{ "{'a':1}", "t:1:2: want a key in double quotes", true }, { "'a'", "t:1:1: want a value", true },
		{ "\"\xc0\x80\"", "t:1:2: invalid UTF-8 in a string", true },
		{ "\"\xed\xa0\x80\"", "t:1:2: invalid UTF-8 in a string", true },
		{ "\"\xff\"", "t:1:2: invalid UTF-8 in a string", true }, { "\"\xe2\x82\"", "t:1:2: invalid UTF-8 in a string", true },
		{ "01", "t:1:2: unexpected text after the value", true }, { "1.", "t:1:3: unexpected end of the text", true },
		{ ".5", "t:1:1: want a value", true }, { "+1", "t:1:1: want a value", true }, { "1e+", "t:1:4: unexpected end of the text", true },
		{ "[1,]", "t:1:4: want a value", true }, { "[1 2]", "t:1:4: want ',' or ']' after an element", true },
		{ "{\"a\":1,}", "t:1:8: want a key in double quotes", true }, { "{\"a\" 1}", "t:1:6: want ':' after a key", true },
		{ "{\n \"a\": tru\n}", "t:2:7: want a value", true }, { "[1] x", "t:1:5: unexpected text after the value", true },
		{ "\"\\x\"", "t:1:2: unknown escape in a string", true }, { "\"\\u12g4\"", "t:1:6: want four hexadecimal digits after \\u", true },
		{ "\"abc", "t:1:5: unexpected end of the text", true }, { "[", "t:1:2: unexpected end of the text", true },
		{ "/* c */ 1", "t:1:1: want a value", true }, { "\xef\xbb\xbf" "1", "t:1:1: want a value", true },
		{ "[[[[[1]]]]]", "t:1:5: nested too deeply", true },
	};
	const struct json_limits limits = { .max_depth = 4 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_json *o = NULL;
		auto_buf out = BUF_INIT(4096);
		int r = json_parse("t", cases[i].text, strlen(cases[i].text), &limits, &o, &err);
		if (r == 0)
			json_format(&out, o, 0);
		const char *got = r == 0 ? out.data : err.text;
		if ((r < 0) != cases[i].bad || !streq(got, cases[i].want))
			fail_msg("%s: %s, want %s", cases[i].text, got, cases[i].want);
	}
}

static void test_json_parse_limits(void **state)
{
	struct error err = {};
	auto_json *o = NULL;

	assert_int_equal(json_parse("t", "[1,2,3]", 7, &(struct json_limits){ .max_bytes = 6 }, &o, &err), -1);
	assert_string_equal(err.text, "t: larger than 6 bytes");
	static const char twice[] = "{\"a\":1,\n\"a\":2}";
	assert_int_equal(json_parse("t", twice, strlen(twice), &(struct json_limits){ .unique_keys = true }, &o, &err), -1);
	assert_string_equal(err.text, "t:2:1: the key was there before");
	assert_int_equal(json_parse("t", "a\0b", 3, NULL, &o, &err), -1);
	assert_int_equal(json_parse("t", "1\0", 2, NULL, &o, &err), -1);
	assert_null(o);
}

static void test_json_write_indented_like_go(void **state)
{
	static const char text[] = "{\"a\":[],\"b\":{},\"c\":[1,{\"d\":\"<&>\\u2028/\"}],\"e\":null}";
	struct error err = {};
	auto_json *o = NULL;
	auto_buf out = BUF_INIT(4096), html = BUF_INIT(4096), prefixed = BUF_INIT(4096);

	assert_int_equal(json_parse("t", text, strlen(text), NULL, &o, &err), 0);
	json_format(&out, o, 4);
	assert_string_equal(out.data, "{\n    \"a\": [],\n    \"b\": {},\n    \"c\": [\n        1,\n        {\n"
				      "            \"d\": \"<&>\\u2028/\"\n        }\n    ],\n    \"e\": null\n}");
	json_write(&html, o, &(struct json_style){ .html = true });
	assert_string_equal(html.data,
			    "{\"a\":[],\"b\":{},\"c\":[1,{\"d\":\"\\u003c\\u0026\\u003e\\u2028/\"}],\"e\":null}");
	json_write(&prefixed, json_get_array(o, "c"), &(struct json_style){ .indent = 1, .prefix = ">" });
	assert_string_equal(prefixed.data, "[\n> 1,\n> {\n>  \"d\": \"<&>\\u2028/\"\n> }\n>]");
}

static void test_json_write_strings(void **state)
{
	auto_buf out = BUF_INIT(256);

	buf_add_json(&out, "a\"\\\b\f\n\r\t\x01\x7f\xc3\xa9\xff");
	assert_string_equal(out.data, "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7f\xc3\xa9\\ufffd\"");
}

static void test_json_write_computed_doubles(void **state)
{
	static const struct { double n; const char *want; } cases[] = {
		{ 0, "0" }, { 0.1, "0.1" }, { 1, "1" }, { -1.5, "-1.5" }, { 100, "100" }, { 1e20, "100000000000000000000" },
		{ 1e21, "1e+21" }, { 123456789.25, "123456789.25" }, { 0.000001, "0.000001" }, { 1e-7, "1e-7" },
		{ 1.5e-9, "1.5e-9" }, { 1.7976931348623157e308, "1.7976931348623157e+308" }, { 5e-324, "5e-324" },
		{ 0.30000000000000004, "0.30000000000000004" }, { 1e100, "1e+100" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_json *o = json_object_new_double(cases[i].n);
		auto_buf out = BUF_INIT(64);
		json_format(&out, o, 0);
		assert_string_equal(out.data, cases[i].want);
	}
	char text[FLOAT_FORMAT_SIZE];
	assert_string_equal(float_format(1e-5, text), "1e-05");
	assert_string_equal(float_format(0.0001, text), "0.0001");
	assert_string_equal(float_format(1e21, text), "1e+21");
	assert_string_equal(float_format(2.5, text), "2.5");
	assert_string_equal(float_format(123456, text), "123456");
	assert_string_equal(float_format(1234567, text), "1.234567e+06");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_parse_table),
		cmocka_unit_test(test_json_parse_limits),
		cmocka_unit_test(test_json_write_indented_like_go),
		cmocka_unit_test(test_json_write_strings),
		cmocka_unit_test(test_json_write_computed_doubles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
