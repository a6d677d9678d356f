/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/str.h"
#include "worker/challenge.h"

static void test_challenge_parse_when_valid(void **state)
{
	static const struct {
		const char *in;
		enum auth_scheme scheme;
		const char *realm, *service, *scope;
	} cases[] = {
		{ "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull\"", AUTH_BEARER, "https://a/t", "s",
		  "repository:x:pull" },
		{ "Basic realm=\"r\"", AUTH_BASIC, "r", NULL, NULL }, { "basic realm=r", AUTH_BASIC, "r", NULL, NULL },
		{ "Basic realm=\"r\", Bearer realm=\"https://a\"", AUTH_BEARER, "https://a", NULL, NULL },
		{ "Negotiate", AUTH_NONE, NULL, NULL, NULL }, { "Bearer realm=\"a\\\"b\"", AUTH_BEARER, "a\"b", NULL, NULL },
		{ "", AUTH_NONE, NULL, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_challenge c = {};
		struct error err;
		print_message("%s\n", cases[i].in);
		assert_int_equal(challenge_parse(cases[i].in, &c, &err), 0);
		assert_int_equal(c.scheme, cases[i].scheme);
		assert_true(streq0(c.realm, cases[i].realm));
		assert_true(streq0(c.service, cases[i].service));
		assert_true(streq0(c.scope, cases[i].scope));
	}
}

static void test_challenge_parse_when_malformed(void **state)
{
	static const char *const cases[] = { "=", "Bearer realm=\"x", "Bearer realm=\"a\r\nX: y\"", "\"x\"" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_challenge c = {};
		struct error err;
		assert_int_equal(challenge_parse(cases[i], &c, &err), -1);
	}
}

static void test_origin_credentials_when_realms(void **state)
{
	static const struct {
		const char *registry, *realm;
		bool may;
	} cases[] = {
		{ "https://registry-1.docker.io/", "https://auth.docker.io/token", true },
		{ "https://registry.gitlab.com", "https://gitlab.com/jwt/auth", true },
		{ "https://q.io", "https://evil.io/t", false }, { "https://a.co.uk", "https://b.co.uk/", false },
		{ "https://r.a.co.uk", "https://s.a.co.uk/", true }, { "https://q.io", "http://q.io/", false },
		{ "http://127.0.0.1:5000", "http://127.0.0.1:5001/", true }, { "http://127.0.0.1", "http://127.0.0.2/", false },
		{ "https://10.0.0.1", "https://169.254.169.254/", false }, { "http://localhost:5000", "http://localhost:5001", true },
		{ "https://a", "https://b", false }, { "https://io", "https://x.io", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct origin a, b;
		struct error err;
		print_message("%s -> %s\n", cases[i].registry, cases[i].realm);
		assert_int_equal(origin_parse(cases[i].registry, &a, &err), 0);
		assert_int_equal(origin_parse(cases[i].realm, &b, &err), 0);
		assert_int_equal(origin_may_have_credentials(&a, &b), cases[i].may);
	}
}

static void test_origin_parse_when_malformed(void **state)
{
	static const char *const cases[] = { "", "file:///etc/passwd", "unix:/x", "https://", "https://u:p@h/", "http://h:0/",
		"http://h:99999", "http://h:x", "ftp://h" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct origin o;
		struct error err;
		assert_int_equal(origin_parse(cases[i], &o, &err), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_challenge_parse_when_valid), cmocka_unit_test(test_challenge_parse_when_malformed),
		cmocka_unit_test(test_origin_credentials_when_realms), cmocka_unit_test(test_origin_parse_when_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
