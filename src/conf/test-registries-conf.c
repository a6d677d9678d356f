/* SPDX-License-Identifier: Apache-2.0
 * Tests of conf/registries-conf.h. */
#include "conf/registries-conf.h"

#include "base/test.h"

static const char sample[] =
	"unqualified-search-registries = [\"docker.io\", \"quay.io\"]\n"
	"short-name-mode = \"permissive\"\n"
	"[[registry]]\nprefix = \"docker.io\"\nlocation = \"127.0.0.1:5000\"\ninsecure = true\n"
	"[[registry]]\nlocation = \"example.com\"\n"
	"[[registry.mirror]]\nlocation = \"mirror.example.org/cache\"\n"
	"[[registry.mirror]]\nlocation = \"digests.example.org\"\npull-from-mirror = \"digest-only\"\n"
	"[[registry]]\nprefix = \"example.com/deep\"\nlocation = \"deep.example.net/x\"\n"
	"[[registry]]\nprefix = \"*.blocked.org\"\nblocked = true\n"
	"[aliases]\nmyapp = \"quay.io/org/myapp\"\n";

static void load(struct registries_conf *c)
{
	struct error err = {};
	if (registries_conf_merge(c, "registries.conf", sample, strlen(sample), false, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_registries_conf_sources_longest_prefix(void **state)
{
	static const struct { const char *name, *sources; } cases[] = {
		{ "docker.io/library/busybox:1", "127.0.0.1:5000/library/busybox:1!" },
		{ "example.com/app:1", "mirror.example.org/cache/app:1 example.com/app:1" },
		{ "example.com/app@sha256:00", "mirror.example.org/cache/app@sha256:00 digests.example.org/app@sha256:00 example.com/app@sha256:00" },
		{ "example.com/deep/app:1", "deep.example.net/x/app:1" },
		{ "example.com/deeper/app:1", "mirror.example.org/cache/deeper/app:1 example.com/deeper/app:1" },
		{ "example.com:8080/app", "example.com:8080/app" },
		{ "example.community/app", "example.community/app" },
	};
	auto_registries_conf c = {};

	load(&c);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct list l = {};
		struct error err = {};
		auto_buf got = BUF_INIT(4096);
		assert_int_equal(registries_conf_sources(&c, cases[i].name, &l, &err), 0);
		for (size_t k = 0; k < l.n; k++) {
			struct registry_source *s = (struct registry_source *)l.v + k;
			buf_addf(&got, "%s%s%s", k ? " " : "", s->name, s->insecure ? "!" : "");
		}
		assert_string_equal(got.data, cases[i].sources);
		registry_sources_done(&l);
	}
}

static void test_registries_conf_blocked_by_wildcard(void **state)
{
	auto_registries_conf c = {};
	struct list l = {};
	struct error err = {};

	load(&c);
	assert_int_equal(registries_conf_sources(&c, "a.blocked.org/x", &l, &err), -1);
	assert_int_equal(err.kind, ERROR_DENIED);
	assert_int_equal(registries_conf_sources(&c, "blocked.org/x", &l, &err), 0);
	registry_sources_done(&l);
}

static void test_registries_conf_resolve_short_names(void **state)
{
	static const struct { const char *name, *full; } cases[] = {
		{ "busybox", "docker.io/library/busybox quay.io/busybox" },
		{ "org/app:2", "docker.io/org/app:2 quay.io/org/app:2" },
		{ "myapp:3", "quay.io/org/myapp:3" },
		{ "localhost/x", "localhost/x" },
		{ "docker.io/busybox", "docker.io/library/busybox" },
		{ "host:5000/x", "host:5000/x" },
	};
	auto_registries_conf c = {};

	load(&c);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_strv names = {};
		struct error err = {};
		bool ambiguous;
		assert_true(registries_conf_resolve(&c, cases[i].name, &names, &ambiguous, &err) >= 0);
		autofree char *all = strv_join(&names, " ");
		assert_string_equal(all, cases[i].full);
		assert_false(ambiguous);
	}
}

static void test_registries_conf_errors_when_wrong(void **state)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "[registries.search]\nregistries = []\n", "version 1" },
		{ "[[registry]]\ninsecure = true\n", "both location and prefix" },
		{ "[[registry]]\nprefix = \"a\"\n", "location is unset" },
		{ "[[registry]]\nlocation = \"https://a\"\n", "URI schemes" },
		{ "short-name-mode = \"maybe\"\n", "short-name-mode" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_registries_conf c = {};
		struct error err = {};
		assert_int_equal(registries_conf_merge(&c, "r.conf", cases[i].text, strlen(cases[i].text), false, &err), -1);
		if (!strstr(err.text, cases[i].want))
			fail_msg("got '%s'", err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registries_conf_sources_longest_prefix),
		cmocka_unit_test(test_registries_conf_blocked_by_wildcard),
		cmocka_unit_test(test_registries_conf_resolve_short_names),
		cmocka_unit_test(test_registries_conf_errors_when_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
