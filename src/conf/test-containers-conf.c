/* SPDX-License-Identifier: Apache-2.0
 * Tests of conf/containers-conf.h and base/toml.h as configuration files use it. */
#include "conf/containers-conf.h"

#include "base/test.h"

static struct paths rootful = { .store_root = "/var/lib/umiak", .config_home = "/nonexistent" };
static struct paths rootless = { .rootless = true, .uid = 1000, .store_root = "/home/u/.local/share/umiak", .config_home = "/nonexistent" };

static void merge(struct containers_conf *c, const char *text)
{
	struct error err = {};
	if (containers_conf_merge(c, "test.conf", text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
}

static void test_containers_conf_defaults_when_no_file(void **state)
{
	auto_containers_conf c = {};
	struct error err = {};

	assert_int_equal(containers_conf_init(&c, &rootful, &err), 0);
	assert_int_equal(c.containers.default_capabilities.n, 11);
	assert_int_equal(c.containers.pids_limit, 2048);
	assert_string_equal(c.engine.detach_keys, "ctrl-p,ctrl-q");
	assert_string_equal(conf_named_list_find(&c.engine.runtimes, "crun")->v[0], "/usr/bin/crun");
	containers_conf_done(&c);
	assert_int_equal(containers_conf_init(&c, &rootless, &err), 0);
	assert_int_equal(c.containers.pids_limit, 0);
	assert_string_equal(c.network.network_config_dir, "/home/u/.local/share/umiak/networks");
}

static void test_containers_conf_merge_keeps_and_replaces(void **state)
{
	auto_containers_conf c = {};
	struct error err = {};

	assert_int_equal(containers_conf_init(&c, &rootful, &err), 0);
	merge(&c, "[containers]\nenv = [\"A=1\", {append=true}]\nlog_size_max = -1\nenv_host = true\n"
		  "[engine]\nevents_logfile_max_size = \"2m\"\nruntime = \"runc\"\n[engine.runtimes]\nrunc = [\"/opt/runc\"]\n");
	assert_int_equal(c.containers.env.n, 2);
	assert_string_equal(c.containers.env.v[1], "A=1");
	merge(&c, "[containers]\nenv = [\"B=2\"]\n");   /* append is sticky */
	assert_int_equal(c.containers.env.n, 3);
	merge(&c, "[engine.volume_plugins]\na = \"/run/a\"\nb = \"/run/b\"\n");
	merge(&c, "[engine.volume_plugins]\nb = \"/run/c\"\n");
	assert_string_equal(strmap_get(&c.engine.volume_plugins, "a"), "/run/a");
	assert_string_equal(strmap_get(&c.engine.volume_plugins, "b"), "/run/c");
	merge(&c, "[containers]\nenv = [\"C=3\", {append=false}]\n");
	assert_int_equal(c.containers.env.n, 1);
	assert_true(c.containers.env_host);
	assert_int_equal(c.engine.events_logfile_max_size, 2 << 20);
	assert_string_equal(conf_named_list_find(&c.engine.runtimes, "runc")->v[0], "/opt/runc");
	assert_non_null(conf_named_list_find(&c.engine.runtimes, "crun"));
}

static void test_containers_conf_destinations_by_name(void **state)
{
	auto_containers_conf c = {};
	struct error err = {};

	assert_int_equal(containers_conf_init(&c, &rootful, &err), 0);
	merge(&c, "[engine.service_destinations.prod]\nuri = \"ssh://host/run/sock\"\nidentity = \"~/.ssh/id\"\n");
	assert_string_equal(conf_destination_find(&c, "prod")->uri, "ssh://host/run/sock");
	assert_null(conf_destination_find(&c, "other"));
}

static void test_containers_conf_errors_name_file_and_key(void **state)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "[containers]\nenv = 3\n", "test.conf: containers.env" },
		{ "[containers]\npids_limit = \"many\"\n", "pids_limit" },
		{ "[containers\n", "test.conf:1:12" },
		{ "[containers]\nenv = [\"A\", {append=1}]\n", "containers.env" },
		{ "x = 1\nx = 2\n", "test.conf:2:4" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_containers_conf c = {};
		struct error err = {};
		assert_int_equal(containers_conf_init(&c, &rootful, &err), 0);
		assert_int_equal(containers_conf_merge(&c, "test.conf", cases[i].text, strlen(cases[i].text), &err), -1);
		if (!strstr(err.text, cases[i].want))
			fail_msg("'%s': got '%s'", cases[i].text, err.text);
	}
}

static void test_containers_conf_unknown_key_is_a_warning(void **state)
{
	auto_containers_conf c = {};
	struct error err = {};

	assert_int_equal(containers_conf_init(&c, &rootful, &err), 0);
	merge(&c, "[containers]\nnosuchkey = 1\n");
	assert_int_equal(c.warnings.n, 1);
	assert_non_null(strstr(c.warnings.v[0], "nosuchkey"));
}

static void test_containers_conf_every_row_has_a_name_once(void **state)
{
	size_t n = 0;
	EACH_FIELD(table, containers_conf_rows) {
		EACH_FIELD(f, table->rows) {
			n++;
			EACH_FIELD(g, table->rows)
				assert_true(f == g || !streq(f->conf, g->conf));
		}
	}
	assert_true(n >= 129);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containers_conf_defaults_when_no_file),
		cmocka_unit_test(test_containers_conf_merge_keeps_and_replaces),
		cmocka_unit_test(test_containers_conf_destinations_by_name),
		cmocka_unit_test(test_containers_conf_errors_name_file_and_key),
		cmocka_unit_test(test_containers_conf_unknown_key_is_a_warning),
		cmocka_unit_test(test_containers_conf_every_row_has_a_name_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
