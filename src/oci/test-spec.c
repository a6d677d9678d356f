/* SPDX-License-Identifier: Apache-2.0
 * oci/test-spec.c - loading, checking and saving specifications; states and ids. */
#include "base/test.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "oci/resources.h"
#include "oci/spec.h"
#include "oci/state.h"
#include "os/file.h"

static int load(const char *text, struct oci_spec *s, struct error *err)
{
	return oci_spec_load("test", text, strlen(text), s, err);
}

static void test_spec_load_members(void **state)
{
	auto_oci_spec s = {};
	struct error err = {};

	(void)state;
	assert_int_equal(load("{\"ociVersion\":\"1.2.0\",\"unknown\":{\"x\":1},\"process\":{\"cwd\":\"/\",\"args\":[\"a\",\"b\"],"
			      "\"user\":{\"uid\":4294967294,\"gid\":7,\"additionalGids\":[1,2],\"umask\":18},"
			      "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":18446744073709551615}],"
			      "\"oomScoreAdj\":-5},\"root\":{\"path\":\"r\",\"readonly\":true},\"linux\":{\"resources\":"
			      "{\"memory\":{\"limit\":-1},\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
			      "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"}]}}",
			      &s, &err), 0);
	assert_int_equal(s.process->user.uid, 4294967294u);
	assert_int_equal(s.process->user.additional_gids.n, 2);
	assert_int_equal(s.process->user.umask.value, 022);
	assert_true(((struct oci_rlimit *)s.process->rlimits.v)[0].hard == UINT64_MAX);
	assert_int_equal(s.process->oom_score_adj.value, -5);
	assert_true(s.root->readonly);
	assert_true(s.lnx.resources->memory.limit.set && s.lnx.resources->memory.limit.value == -1);
	assert_string_equal(oci_spec_namespace(&s, "pid")->path, "/proc/1/ns/pid");
	assert_null(oci_spec_namespace(&s, "user"));
}

#define PROCESS "\"process\":{\"cwd\":\"/\",\"args\":[\"a\"]}"
static const struct { const char *text, *error; } refused[] = {
	{ "{", "test:" },
	{ "[]", "an object" },
	{ "{\"ociVersion\":\"2.0\"}", "unknown version" },
	{ "{\"process\":{\"cwd\":\"/\"}}", "process.args is empty" },
	{ "{\"process\":{\"args\":[\"a\"]}}", "process.cwd is missing" },
	{ "{\"process\":{\"cwd\":\"tmp\",\"args\":[\"a\"]}}", "not an absolute path" },
	{ "{\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"env\":[\"AWS\"]}}", "no \"=\"" },
	{ "{\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"user\":{\"uid\":-1}}}", "uid" },
	{ "{\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"user\":{\"uid\":4294967295}}}", "out of range" },
	{ "{\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"user\":{\"uid\":\"0\"}}}", "process.user.uid: expected a number" },
	{ "{\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"oomScoreAdj\":9999}}", "oomScoreAdj" },
	{ "{\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"rlimits\":[{\"type\":\"A\"},{\"type\":\"A\"}]}}", "twice" },
	{ "{\"root\":{}}", "missing" },
	{ "{\"hostname\":\"x\"}", "UTS namespace" },
	{ "{\"linux\":{\"namespaces\":[{\"type\":\"net\"}]}}", "invalid namespace type" },
	{ "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]}}", "twice" },
	{ "{\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]}}", "not absolute" },
	{ "{\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":4294967295,\"size\":2}]}}", "out of range" },
	{ "{\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":0}]}}", "out of range" },
	{ "{\"hooks\":{\"prestart\":[{\"path\":\"bin/x\"}]}}", "not absolute" },
	{ "{\"hooks\":{\"poststop\":[{\"path\":\"/x\",\"timeout\":0}]}}", "timeout" },
	{ "{\"mounts\":[{\"destination\":\"\"}]}", "destination is empty" },
	{ "{\"linux\":{\"timeOffsets\":{\"boottime\":{\"secs\":1}}}}", "time namespace" },
};

static void test_spec_load_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		auto_oci_spec s = {};
		struct error err = {};
		if (load(refused[i].text, &s, &err) == 0)
			fail_msg("accepted: %s", refused[i].text);
		if (!strstr(err.text, refused[i].error))
			fail_msg("%s: %s", refused[i].text, err.text);
	}
}

static void test_spec_save_is_stable(void **state)
{
	auto_oci_spec a = {};
	auto_oci_spec b = {};
	auto_buf one = BUF_INIT(1 << 20);
	auto_buf two = BUF_INIT(1 << 20);
	struct error err = {};

	(void)state;
	for (int rootless = 0; rootless < 2; rootless++) {
		buf_truncate(&one, 0);
		buf_truncate(&two, 0);
		assert_int_equal(oci_spec_default(rootless, &a, &err), 0);
		assert_int_equal(oci_spec_save(&a, 0, &one, &err), 0);
		assert_int_equal(oci_spec_load("own", one.data, one.len, &b, &err), 0);
		assert_int_equal(oci_spec_save(&b, 0, &two, &err), 0);
		assert_string_equal(one.data, two.data);
		assert_true(rootless == (oci_spec_namespace(&b, "user") != NULL));
		oci_spec_done(&a);
		oci_spec_done(&b);
	}
}

static void test_resources_convert_devices(void **state)
{
	static const struct { const char *rule; bool ok; } cases[] = {
		{ "{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":229,\"access\":\"rw\"}", true },
		{ "{\"allow\":false,\"access\":\"rwm\"}", true },
		{ "{\"allow\":true,\"type\":\"z\"}", false },
		{ "{\"allow\":true,\"access\":\"rwx\"}", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(oci_resources_free_p) struct oci_resources *r = NULL;
		struct cgroup_resources c = {};
		struct error err = {};
		char text[200];
		snprintf(text, sizeof(text), "{\"devices\":[%s]}", cases[i].rule);
		assert_int_equal(oci_resources_load("t", text, strlen(text), &r, &err), 0);
		assert_int_equal(oci_resources_convert(r, &c, &err) == 0, cases[i].ok);
		if (cases[i].ok) {
			const struct cgroup_device *d = c.devices.v;
			assert_true(c.devices.n > 1);   /* what every container needs comes after */
			assert_true(d[0].allow == (i == 0) && d[0].major == (i == 0 ? 10 : -1) && d[0].mknod == (i == 1));
		}
		cgroup_resources_done(&c);
	}
}

static void test_id_check(void **state)
{
	static const struct { const char *id; bool ok; } cases[] = {
		{ "a", true }, { "test-1_2.3+x", true }, { "_a", true }, { "", false }, { ".", false }, { "..", false },
		{ ".foo", false }, { "-a", false }, { "foo bar", false }, { "foo/bar", false }, { "a\n", false },
		{ "\xc3\xa4", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		if ((oci_id_check(cases[i].id, &err) == 0) != cases[i].ok)
			fail_msg("id `%s`: %s", cases[i].id, err.text);
	}
}

static void test_state_life(void **state)
{
	char root[] = "/tmp/test-oci-XXXXXX";
	struct error err = {};
	auto_strv ids = {};
	auto_oci_state s = {};
	enum oci_status status;

	(void)state;
	assert_non_null(mkdtemp(root));
	{
		auto_oci_state_dir d = OCI_STATE_DIR_INIT;
		auto_oci_state_dir again = OCI_STATE_DIR_INIT;
		auto_oci_state w = { .pid = 1, .start_time = 12345678901 };
		assert_int_equal(oci_state_create(root, "one", &d, &err), 0);
		assert_int_equal(str_set(&w.id, "one", &err), 0);
		assert_int_equal(str_set(&w.bundle, "/b", &err), 0);
		assert_int_equal(oci_state_save(&d, &w, &err), 0);
		assert_int_equal(oci_state_create(root, "one", &again, &err), -1);
		assert_int_equal(err.kind, ERROR_EXISTS);
	}
	auto_oci_state_dir d = OCI_STATE_DIR_INIT;
	assert_int_equal(oci_state_open(root, "one", true, &d, &err), 0);
	assert_int_equal(oci_state_load(&d, &s, &err), 0);
	assert_string_equal(s.bundle, "/b");
	/* pid 1 lives, but was not started at that time: it is another process */
	assert_int_equal(oci_state_status(&d, &s, &status, NULL, &err), 0);
	assert_int_equal(status, OCI_STOPPED);
	assert_int_equal(oci_state_list(root, &ids, &err), 0);
	assert_int_equal(ids.n, 1);
	assert_int_equal(oci_state_remove(root, "one", &err), 0);
	assert_int_equal(oci_state_remove(root, "one", &err), 0);
	auto_oci_state_dir gone = OCI_STATE_DIR_INIT;
	assert_int_equal(oci_state_open(root, "one", false, &gone, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spec_load_members),
		cmocka_unit_test(test_spec_load_refuses),
		cmocka_unit_test(test_spec_save_is_stable),
		cmocka_unit_test(test_resources_convert_devices),
		cmocka_unit_test(test_id_check),
		cmocka_unit_test(test_state_life),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
