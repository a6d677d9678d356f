/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/buf.h"
#include "image/config-change.h"

/* Changes (one a line) over a config with a CMD of its own, against the JSON of "config". */
static void test_change_table(void **state)
{
	static const struct { const char *changes, *json; } cases[] = {
		{ "CMD [\"a\",\"b c\"]", "{\"Cmd\":[\"a\",\"b c\"],\"WorkingDir\":\"/w\"}" },
		{ "CMD=a b", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"a b\"],\"WorkingDir\":\"/w\"}" },
		{ "SHELL [\"/bin/x\",\"-e\"]\nCMD a", "{\"Cmd\":[\"/bin/x\",\"-e\",\"a\"],\"WorkingDir\":\"/w\",\"Shell\":[\"/bin/x\",\"-e\"]}" },
		{ "ENTRYPOINT [\"e\"]", "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"old\"],\"WorkingDir\":\"/w\"}" },
		{ "ENV a=b \"c=d e\"\nENV a x y", "{\"Env\":[\"a=x y\",\"c=d e\"],\"Cmd\":[\"old\"],\"WorkingDir\":\"/w\"}" },
		{ "LABEL a=b c='d e'", "{\"Cmd\":[\"old\"],\"WorkingDir\":\"/w\",\"Labels\":{\"a\":\"b\",\"c\":\"d e\"}}" },
		{ "EXPOSE 80 81-82/UDP 1.2.3.4:9:10", "{\"ExposedPorts\":{\"80/tcp\":{},\"81/udp\":{},\"82/udp\":{},\"10/tcp\":{}},\"Cmd\":[\"old\"],\"WorkingDir\":\"/w\"}" },
		{ "VOLUME [\"/a\"]\nVOLUME /b /a", "{\"Cmd\":[\"old\"],\"Volumes\":{\"/a\":{},\"/b\":{}},\"WorkingDir\":\"/w\"}" },
		{ "WORKDIR x/../y/", "{\"Cmd\":[\"old\"],\"WorkingDir\":\"/w/y\"}" }, { "WORKDIR /z/", "{\"Cmd\":[\"old\"],\"WorkingDir\":\"/z\"}" },
		{ "USER u\nSTOPSIGNAL 9\nONBUILD RUN x", "{\"User\":\"u\",\"Cmd\":[\"old\"],\"WorkingDir\":\"/w\",\"OnBuild\":[\"RUN x\"],\"StopSignal\":\"9\"}" },
		{ "HEALTHCHECK --interval=1s --retries=2 CMD [\"t\"]", "{\"Cmd\":[\"old\"],\"Healthcheck\":{\"Test\":[\"CMD\",\"t\"],"
		  "\"Interval\":1000000000,\"Retries\":2},\"WorkingDir\":\"/w\"}" },
		{ "healthcheck cmd t u", "{\"Cmd\":[\"old\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"t u\"]},\"WorkingDir\":\"/w\"}" },
		{ "HEALTHCHECK NONE", "{\"Cmd\":[\"old\"],\"Healthcheck\":{\"Test\":[\"NONE\"]},\"WorkingDir\":\"/w\"}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_image_config c = {};
		auto_strv changes = {};
		auto_json *tree = NULL;
		auto_buf text = BUF_INIT(1 << 16);
		assert_int_equal(strv_add(&c.config.cmd, "old", &err), 0);
		assert_int_equal(str_set(&c.config.working_dir, "/w", &err), 0);
		assert_int_equal(strv_split(&changes, cases[i].changes, '\n', &err), 0);
		for (size_t j = 0; j < changes.n; j++)
			if (image_change_apply(&c, changes.v[j], &err) < 0)
				fail_msg("%s", err.text);
		assert_int_equal(fields_save(image_run_config_rows, FIELD_COLUMN_JSON, &c.config, &tree, &err), 0);
		json_format(&text, tree, 0);
		if (strcmp(text.data, cases[i].json) != 0)
			fail_msg("%s: %s", cases[i].changes, text.data);
	}
}

static void test_change_refused(void **state)
{
	static const char *const cases[] = {
		"", "CMD", "RUN x", "FROM x", "COPY a b", "EXPOSE x", "EXPOSE 70000", "EXPOSE 9-8", "EXPOSE 80/icmp", "EXPOSE 1-", "ENV a",
		"ENV =b", "LABEL x", "SHELL sh", "HEALTHCHECK x", "HEALTHCHECK --bad CMD x", "ENV 'a=b", "VOLUME [\"\"]", "HEALTHCHECK NONE --x",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_image_config c = {};
		if (image_change_apply(&c, cases[i], &err) == 0)
			fail_msg("accepted: %s", cases[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_change_table), cmocka_unit_test(test_change_refused) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
