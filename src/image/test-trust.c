/* SPDX-License-Identifier: Apache-2.0 - signatures' names against policies, payloads. */
#include "base/test.h"

#include <string.h>

#include "image/payload.h"
#include "image/policy.h"

#define D "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_identity_check_when_kinds(void **state)
{
	static const struct {
		const char *kind, *reference, *repository, *prefix, *signed_prefix, *name, *signed_name;
		bool ok;
	} cases[] = {
		{ NULL, NULL, NULL, NULL, NULL, "q.io/a:1", "q.io/a:1", true },
		{ NULL, NULL, NULL, NULL, NULL, "q.io/a:1", "q.io/a:2", false },
		{ NULL, NULL, NULL, NULL, NULL, "q.io/a@" D, "q.io/a:2", true },
		{ "matchExact", NULL, NULL, NULL, NULL, "q.io/a@" D, "q.io/a:2", false },
		{ "matchExact", NULL, NULL, NULL, NULL, "q.io/a:1", "q.io/a:1", true },
		{ NULL, NULL, NULL, NULL, NULL, "q.io/a:3@" D, "q.io/a:2", true },
		{ "matchExact", NULL, NULL, NULL, NULL, "q.io/a:1@" D, "q.io/a:1", false },
		{ "matchRepository", NULL, NULL, NULL, NULL, "q.io/a:1", "q.io/a:2", true },
		{ "matchRepository", NULL, NULL, NULL, NULL, "q.io/a:1", "q.io/b:1", false },
		{ "exactReference", "q.io/x:1", NULL, NULL, NULL, "q.io/a:1", "q.io/x:1", true },
		{ "exactReference", "q.io/x:1", NULL, NULL, NULL, "q.io/x:2", "q.io/x:2", false },
		{ "exactRepository", NULL, "q.io/x", NULL, NULL, "q.io/a:1", "q.io/x:7", true },
		{ "exactRepository", NULL, "q.io/x", NULL, NULL, "q.io/a:1", "q.io/xx:7", false },
		{ "remapIdentity", NULL, NULL, "m.corp/q", "q.io", "m.corp/q/a:1", "q.io/a:1", true },
		{ "remapIdentity", NULL, NULL, "m.corp/q", "q.io", "m.corp/qq/a:1", "q.io/a:1", false },
		{ "remapIdentity", NULL, NULL, "m.corp/q", "q.io", "q.io/a:1", "q.io/a:1", true },
		{ NULL, NULL, NULL, NULL, NULL, NULL, "q.io/a:1", false },
		{ NULL, NULL, NULL, NULL, NULL, "docker.io/library/b:1", "b:1", true },
		{ NULL, NULL, NULL, NULL, NULL, "q.io/a:1", "Not A Name", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct policy_identity id = { (char *)(uintptr_t)cases[i].kind, (char *)(uintptr_t)cases[i].reference,
					      (char *)(uintptr_t)cases[i].repository, (char *)(uintptr_t)cases[i].prefix,
					      (char *)(uintptr_t)cases[i].signed_prefix };
		auto_reference name = {};
		struct error err;
		print_message("%zu %s\n", i, cases[i].signed_name);
		if (cases[i].name)
			assert_int_equal(reference_parse(cases[i].name, &name, &err), 0);
		int r = policy_identity_check(cases[i].kind ? &id : NULL, cases[i].name ? &name : NULL, cases[i].signed_name, &err);
		assert_int_equal(r == 0, cases[i].ok);
		if (r < 0)
			assert_int_equal(err.kind, ERROR_DENIED);
	}
}

#define CRITICAL(type, more) \
	"{\"critical\":{\"identity\":{\"docker-reference\":\"q.io/a:1\"},\"image\":{\"docker-manifest-digest\":\"" D "\"}," \
	"\"type\":\"" type "\"" more "},\"optional\":"

static void test_payload_parse_when_strict(void **state)
{
	static const struct { const char *text; bool sigstore, ok; } cases[] = {
		{ CRITICAL("atomic container signature", "") "{}}", false, true },
		{ CRITICAL("cosign container image signature", "") "null}", true, true },
		{ CRITICAL("cosign container image signature", "") "{}}", false, false },
		{ CRITICAL("atomic container signature", "") "{}}", true, false },
		{ CRITICAL("atomic container signature", ",\"x\":1") "{}}", false, false },
		{ CRITICAL("atomic container signature", "") "{\"creator\":1}}", false, false },
		{ CRITICAL("atomic container signature", "") "{\"timestamp\":1.5}}", false, false },
		{ CRITICAL("atomic container signature", "") "{},\"more\":1}", false, false },
		{ CRITICAL("atomic container signature", "") "{}} ", false, true },
		{ "{\"critical\":{\"type\":\"atomic container signature\"},\"optional\":{}}", false, false },
		{ "[]", false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_payload s = {};
		struct error err;
		print_message("%s\n", cases[i].text);
		assert_int_equal(payload_parse(cases[i].text, strlen(cases[i].text), cases[i].sigstore, &s, &err) == 0, cases[i].ok);
		if (cases[i].ok)
			assert_string_equal(s.reference, "q.io/a:1");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity_check_when_kinds),
		cmocka_unit_test(test_payload_parse_when_strict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
