/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <string.h>

#include "base/str.h"
#include "image/digest.h"
#include "image/reference.h"

#define HEX64 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEX32 "e3b0c44298fc1c149afbf4c8996fb924"

static void test_reference_parse_when_valid(void **state)
{
	static const struct {
		const char *in, *domain, *path, *tag, *digest;
	} cases[] = {
		{ "busybox", NULL, "busybox", NULL, NULL },
		{ "busybox:1.36", NULL, "busybox", "1.36", NULL },
		{ "library/busybox", NULL, "library/busybox", NULL, NULL },
		{ "quay.io/a/b__c--d.e:T_1.x-y", "quay.io", "a/b__c--d.e", "T_1.x-y", NULL },
		{ "localhost/x", "localhost", "x", NULL, NULL },
		{ "localhost:5000/x:y", "localhost:5000", "x", "y", NULL },
		{ "[::1]:5000/x", "[::1]:5000", "x", NULL, NULL },
		{ "HOST/x", "HOST", "x", NULL, NULL },
		{ "a.b/c@sha256:" HEX64, "a.b", "c", NULL, "sha256:" HEX64 },
		{ "a.b/c:t@sha256:" HEX64, "a.b", "c", "t", "sha256:" HEX64 },
		{ "host:80", NULL, "host", "80", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_reference r = {};
		struct error err;
		print_message("%s\n", cases[i].in);
		assert_int_equal(reference_parse(cases[i].in, &r, &err), 0);
		assert_true(streq0(r.domain, cases[i].domain));
		assert_true(streq0(r.path, cases[i].path));
		assert_true(streq0(r.tag, cases[i].tag));
		assert_true(streq0(r.digest, cases[i].digest));
		autofree char *text = reference_text(&r);
		assert_string_equal(text, cases[i].in);
	}
}

static void test_reference_parse_when_malformed(void **state)
{
	static const char *const cases[] = {
		"", ":", "/", "a//b", "a/", "/a", "A", "a/B", "a.b/C", "a:", "a:b:c", "a:b c", "a@", "a@sha256:", "a@sha256:" HEX32,
		"a@sha512:" HEX64, "a@md5:" HEX32, "a..b", "a.-b", "-a", "a-", "a__", "a_", ".a", "a b", "a\nb", "a:-t", "a:.t",
		"user@host/x", "a.b:/x", "a.b:x/y", "-a.b/c", "a-.b/c", "[::1/x", "a@sha256:../../etc/passwd",
		"a@sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", HEX64, "p\xc3\xa9/x", "x:\xc3\xa9",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_reference r = {};
		struct error err;
		print_message("%s\n", cases[i]);
		assert_int_equal(reference_parse(cases[i], &r, &err), -1);
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_null(r.path);
	}
}

static void test_reference_parse_when_long(void **state)
{
	char name[400];
	struct error err;
	auto_reference r = {};

	memset(name, 'a', sizeof(name));
	name[255] = '\0';
	assert_int_equal(reference_parse(name, &r, &err), 0);
	reference_done(&r);
	name[255] = 'a';
	name[256] = '\0';
	assert_int_equal(reference_parse(name, &r, &err), -1);
	memset(name, 'a', sizeof(name));
	name[1] = ':';
	name[2 + 129] = '\0';
	assert_int_equal(reference_parse(name, &r, &err), -1);
	name[2 + 128] = '\0';
	assert_int_equal(reference_parse(name, &r, &err), 0);
}

static void test_reference_normalize_when_short_or_docker(void **state)
{
	static const struct {
		const char *in, *local, *docker;
	} cases[] = {
		{ "x", "localhost/x:latest", "docker.io/library/x" },
		{ "x:1", "localhost/x:1", "docker.io/library/x:1" },
		{ "a/x", "localhost/a/x:latest", "docker.io/a/x" },
		{ "docker.io/x", "docker.io/library/x:latest", "docker.io/library/x" },
		{ "index.docker.io/x", "docker.io/library/x:latest", "docker.io/library/x" },
		{ "quay.io/x:2", "quay.io/x:2", "quay.io/x:2" },
		{ "q.io/x:2@sha256:" HEX64, "q.io/x@sha256:" HEX64, "q.io/x:2@sha256:" HEX64 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_reference a = {};
		auto_reference b = {};
		struct error err;
		assert_int_equal(reference_parse(cases[i].in, &a, &err), 0);
		assert_int_equal(reference_copy(&a, &b, &err), 0);
		assert_int_equal(reference_normalize_local(&a, &err), 0);
		assert_int_equal(reference_normalize_docker(&b, &err), 0);
		autofree char *local = reference_text(&a);
		autofree char *docker = reference_text(&b);
		assert_string_equal(local, cases[i].local);
		assert_string_equal(docker, cases[i].docker);
	}
}

static void test_transport_parse_when_prefixed(void **state)
{
	static const struct {
		const char *in;
		enum transport transport;
		const char *path, *selector;
		int64_t index;
	} cases[] = {
		{ "oci:/a/b", TRANSPORT_OCI, "/a/b", NULL, -1 },
		{ "oci:/a/b:n:1", TRANSPORT_OCI, "/a/b", "n:1", -1 },
		{ "oci-archive:x.tar:@3", TRANSPORT_OCI_ARCHIVE, "x.tar", NULL, 3 },
		{ "docker-archive:x.tar", TRANSPORT_DOCKER_ARCHIVE, "x.tar", NULL, -1 },
		{ "dir:/a:b", TRANSPORT_DIR, "/a:b", NULL, -1 },
		{ "docker://q.io/x", TRANSPORT_DOCKER, NULL, NULL, -1 },
		{ "docker:5000", TRANSPORT_NONE, NULL, NULL, -1 },
		{ "containers-storage:[overlay@/a+/b]q.io/x", TRANSPORT_STORAGE, NULL, NULL, -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_transport_name t = { .index = -1 };
		struct error err;
		print_message("%s\n", cases[i].in);
		assert_int_equal(transport_parse(cases[i].in, &t, &err), 0);
		assert_int_equal(t.transport, cases[i].transport);
		assert_true(streq0(t.path, cases[i].path));
		assert_true(streq0(t.selector, cases[i].selector));
		assert_int_equal(t.index, cases[i].index);
	}
}

static void test_transport_parse_when_malformed(void **state)
{
	static const char *const cases[] = { "oci:", "oci::x", "dir:", "oci:/x:@-1", "oci:/x:@y", "docker://", "docker://A" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_transport_name t = { .index = -1 };
		struct error err;
		print_message("%s\n", cases[i]);
		assert_int_equal(transport_parse(cases[i], &t, &err), -1);
	}
}

static void test_digest_parse_when_anything(void **state)
{
	static const struct {
		const char *in;
		bool ok;
	} cases[] = {
		{ "sha256:" HEX64, true }, { "sha256:" HEX64 "0", false }, { "sha256:" HEX32, false }, { "sha256", false },
		{ "sha256:", false }, { HEX64, false }, { "md5:" HEX32, false }, { "sha512:" HEX64 HEX64, true },
		{ "sha384:" HEX64 HEX32, true }, { "sha256:../" HEX64, false }, { "SHA256:" HEX64, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct digest d;
		struct error err;
		char text[DIGEST_TEXT_MAX];
		assert_int_equal(digest_parse(cases[i].in, &d, &err) == 0, cases[i].ok);
		if (cases[i].ok)
			assert_string_equal(digest_format(&d, text), cases[i].in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_parse_when_valid),
		cmocka_unit_test(test_reference_parse_when_malformed),
		cmocka_unit_test(test_reference_parse_when_long),
		cmocka_unit_test(test_reference_normalize_when_short_or_docker),
		cmocka_unit_test(test_transport_parse_when_prefixed),
		cmocka_unit_test(test_transport_parse_when_malformed),
		cmocka_unit_test(test_digest_parse_when_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
