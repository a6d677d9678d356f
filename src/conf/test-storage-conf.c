/* SPDX-License-Identifier: Apache-2.0
 * Tests of conf/storage-conf.h. */
#include "conf/storage-conf.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/test.h"

static struct paths paths = {
	.rootless = true, .uid = 1000, .home = "/home/u", .config_home = "/nonexistent", .data_home = "/home/u/.local/share",
	.runtime_dir = "/run/user/1000", .store_root = "/home/u/.local/share/umiak", .run_root = "/run/user/1000/umiak",
};

/* Loads `text` as $CONTAINERS_STORAGE_CONF. */
static int load(struct storage_conf *c, const char *text, struct error *err)
{
	char path[] = "/tmp/test-storage-conf-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	setenv("CONTAINERS_STORAGE_CONF", path, 1);
	int r = storage_conf_load(c, &paths, err);
	unlink(path);
	return r;
}

static void test_storage_conf_podmans_places_mean_ours(void **state)
{
	static const struct { const char *text, *graphroot; } cases[] = {
		{ "", "/home/u/.local/share/umiak" },
		{ "[storage]\ngraphroot = \"/var/lib/containers/storage\"\n", "/home/u/.local/share/umiak" },
		{ "[storage]\ngraphroot = \"$HOME/.local/share/containers/storage\"\n", "/home/u/.local/share/umiak" },
		{ "[storage]\ngraphroot = \"/data/${UID}/store\"\n", "/data/1000/store" },
		{ "[storage]\nrootless_storage_path = \"$HOME/s\"\n", "/home/u/s" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_storage_conf c = {};
		struct error err = {};
		if (load(&c, cases[i].text, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(c.graphroot, cases[i].graphroot);
	}
}

static void test_storage_conf_options_from_tables_and_flags(void **state)
{
	auto_storage_conf c = {};
	struct error err = {};

	assert_int_equal(load(&c, "[storage]\ndriver = \"overlay\"\n[storage.options]\nadditionalimagestores = [\"/a\"]\n"
				  "[storage.options.overlay]\nmountopt = \"nodev\"\nignore_chown_errors = \"true\"\n", &err), 0);
	assert_string_equal(c.driver, "overlay");
	assert_string_equal(c.mountopt, "nodev");
	assert_true(c.ignore_chown_errors);
	assert_int_equal(c.additional_image_stores.n, 1);
	assert_true(storage_conf_option(&c, "overlay.mountopt=nosuid", &err) >= 0);
	assert_string_equal(c.mountopt, "nosuid");
	assert_true(storage_conf_option(&c, "overlay.additionalimagestore=/b", &err) >= 0);
	assert_string_equal(c.additional_image_stores.v[1], "/b");
	assert_int_equal(storage_conf_option(&c, "overlay.nosuch=1", &err), -1);
	assert_int_equal(storage_conf_option(&c, "nonsense", &err), -1);
}

static void test_storage_conf_errors_when_file_is_missing_or_relative(void **state)
{
	auto_storage_conf c = {};
	struct error err = {};

	setenv("CONTAINERS_STORAGE_CONF", "/no/such/storage.conf", 1);
	assert_int_equal(storage_conf_load(&c, &paths, &err), -1);
	assert_non_null(strstr(err.text, "/no/such/storage.conf"));
	assert_int_equal(load(&c, "[storage]\ngraphroot = \"relative\"\n", &err), -1);
	assert_non_null(strstr(err.text, "absolute"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_storage_conf_podmans_places_mean_ours),
		cmocka_unit_test(test_storage_conf_options_from_tables_and_flags),
		cmocka_unit_test(test_storage_conf_errors_when_file_is_missing_or_relative),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
