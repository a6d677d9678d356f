/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/yaml.h"

#include <string.h>

#include "base/test.h"

static void test_yaml_format_when_read_back(void **state)
{
	static const struct { const char *json, *yaml; } cases[] = {
		{ "{\"b\":1,\"a\":{\"y\":[],\"x\":{}}}", "a:\n  x: {}\n  \"y\": []\nb: 1\n" },
		{ "{\"l\":[\"a\",\"b\"]}", "l:\n- a\n- b\n" },
		{ "{\"l\":[{\"k\":1,\"m\":[2]},{\"k\":3}]}", "l:\n- k: 1\n  m:\n  - 2\n- k: 3\n" },
		{ "{\"s\":\"\",\"t\":\"true\",\"n\":\"12\",\"v\":\"1.42.0\",\"d\":\"2026-11-22\",\"z\":null,\"f\":false}",
		  "d: \"2026-11-22\"\nf: false\n\"n\": \"12\"\ns: \"\"\nt: \"true\"\nv: 1.42.0\nz: null\n" },
		{ "{\"s\":\"a: b\",\"q\":\"'x\",\"n\":\"two\\nlines\",\"c\":\"end:\",\"h\":\"a #b\"}",
		  "c: 'end:'\nh: 'a #b'\n\"n\": \"two\\nlines\"\nq: '''x'\ns: 'a: b'\n" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf out = BUF_INIT(1 << 16);
		auto_json *tree = NULL;
		struct error err = {};
		assert_int_equal(json_parse("case", cases[i].json, strlen(cases[i].json), NULL, &tree, &err), 0);
		assert_int_equal(yaml_format(&out, tree, &err), 0);
		assert_string_equal(out.data, cases[i].yaml);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_yaml_format_when_read_back) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
