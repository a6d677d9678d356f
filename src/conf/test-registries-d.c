/* SPDX-License-Identifier: Apache-2.0 - registries.d: the YAML it is written in, and which entry counts. */
#include "base/test.h"

#include <fcntl.h>
#include <string.h>

#include "base/str.h"
#include "conf/registries-d.h"
#include "conf/yaml-map.h"
#include "os/file.h"

static void test_yaml_map_parse_when_valid(void **state)
{
	static const struct { const char *text, *json; } cases[] = {
		{ "", "{}" }, { "# only\n---\n", "{}" }, { "a: b\n", "{\"a\":\"b\"}" },
		{ "a:\n  b: c # d\n  e: 'f''g'\nh: \"i\\nj\"\n", "{\"a\":{\"b\":\"c\",\"e\":\"f'g\"},\"h\":\"i\\nj\"}" },
		{ "a:\n  b:\n    c: true\nd: 'true'\n", "{\"a\":{\"b\":{\"c\":true}},\"d\":\"true\"}" },
		{ "u: https://x:1/y#z\n", "{\"u\":\"https://x:1/y#z\"}" }, { "a:\nb: {}\nc: ~\n", "{\"a\":null,\"b\":{},\"c\":null}" },
		{ "host:5000/x:\n  y: z\n", "{\"host:5000/x\":{\"y\":\"z\"}}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_json *doc = NULL;
		auto_buf text = BUF_INIT(4096);
		struct error err;
		print_message("%s\n", cases[i].text);
		assert_int_equal(yaml_map_parse("f", cases[i].text, strlen(cases[i].text), &doc, &err), 0);
		json_format(&text, doc, 0);
		assert_string_equal(text.data, cases[i].json);
	}
}

static void test_yaml_map_parse_when_refused(void **state)
{
	static const char *const cases[] = {
		"a: [b]\n", "- a\n", "a: &x b\n", "a: |\n  b\n", "a: b\n  c: d\n", "a:\n    b: c\n  d: e\n", "a: b\na: c\n", "\ta: b\n",
		"a\n", "a: \"b\n", "a: 'b\n", "a: 'b' c\n", "a:b\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_json *doc = NULL;
		struct error err;
		print_message("%s\n", cases[i]);
		assert_int_equal(yaml_map_parse("f", cases[i], strlen(cases[i]), &doc, &err), -1);
		assert_int_equal(err.kind, ERROR_INVALID);
	}
}

static void test_lookaside_find_when_scopes(void **state)
{
	static const char text[] = "default-docker:\n  sigstore: file:///default/\ndocker:\n  q.io/a:\n    lookaside: https://read\n"
				   "    lookaside-staging: file:///write\n  q.io/a/b:\n    use-sigstore-attachments: true\n"
				   "  '*.corp':\n    lookaside: file:///corp\n";
	static const struct { const char *name, *read, *write; bool attachments; } cases[] = {
		{ "q.io/a:1", "https://read", "file:///write", false }, { "q.io/a/b:1", "https://read", "file:///write", true },
		{ "x.corp/y:1", "file:///corp", "file:///corp", false }, { "o.io/z:1", "file:///default", "file:///default", false },
	};
	char dir[64] = "/tmp/";
	struct error err;
	struct paths paths = { .config_home = dir, .data_home = dir };

	assert_int_equal(file_make_temp_dir(AT_FDCWD, "/tmp/test-registries-d.", dir, sizeof(dir), &err), 0);
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_replace(fd, "a.yaml", text, strlen(text), 0644, 0, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_lookaside l = {};
		print_message("%s\n", cases[i].name);
		assert_int_equal(lookaside_find(&paths, dir, cases[i].name, &l, &err), 0);
		assert_string_equal(l.read, cases[i].read);
		assert_string_equal(l.write, cases[i].write);
		assert_int_equal(l.attachments, cases[i].attachments);
	}
	assert_int_equal(file_remove_tree(AT_FDCWD, dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_map_parse_when_valid), cmocka_unit_test(test_yaml_map_parse_when_refused),
		cmocka_unit_test(test_lookaside_find_when_scopes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
