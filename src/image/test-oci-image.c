/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <string.h>

#include "base/str.h"
#include "image/oci-image.h"
#include "image/policy.h"
#include "image/wire.h"
#include "image/worker.h"

#define A "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define CONFIG "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" A "\",\"size\":2}"
#define LAYER "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"" A "\",\"size\":3}"
#define LAYERS "\"layers\":[" LAYER "]"
#define ENTRY(os, arch, variant) \
	"{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" A "\",\"size\":1,\"platform\":{\"os\":\"" os \
	"\",\"architecture\":\"" arch "\",\"variant\":\"" variant "\"}}"

static int parse(const char *text, enum media_type hint, struct oci_manifest *m, struct error *err)
{
	return oci_manifest_parse(text, strlen(text), hint, m, err);
}

static void test_manifest_parse_when_valid(void **state)
{
	static const struct {
		const char *text;
		enum media_type hint, type;
		size_t layers, manifests;
	} cases[] = {
		{ "{\"schemaVersion\":2," CONFIG "," LAYERS "}", MEDIA_UNKNOWN, MEDIA_OCI_MANIFEST, 1, 0 },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", MEDIA_OCI_MANIFEST, MEDIA_OCI_MANIFEST, 0, 0 },
		{ "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\"," CONFIG "," LAYERS "}",
		  MEDIA_DOCKER_MANIFEST, MEDIA_DOCKER_MANIFEST, 1, 0 },
		{ "{\"schemaVersion\":2,\"manifests\":[" ENTRY("linux", "amd64", "") "]}", MEDIA_UNKNOWN, MEDIA_OCI_INDEX, 0, 1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_manifest m = {};
		struct error err;
		assert_int_equal(parse(cases[i].text, cases[i].hint, &m, &err), 0);
		assert_int_equal(m.type, cases[i].type);
		assert_int_equal(m.layers.n, cases[i].layers);
		assert_int_equal(m.manifests.n, cases[i].manifests);
	}
}

static void test_manifest_parse_when_hostile(void **state)
{
	static const struct {
		const char *text;
		enum media_type hint;
	} cases[] = {
		{ "", 0 }, { "null", 0 }, { "[]", 0 }, { "{}", 0 }, { "{\"schemaVersion\":2}", 0 },
		/* both a manifest and an index (CVE-2021-41190) */
		{ "{\"schemaVersion\":2," CONFIG "," LAYERS ",\"manifests\":[]}", 0 },
		{ "{\"schemaVersion\":2," CONFIG "," LAYERS ",\"Manifests\":[],\"manifests\":[]}", 0 },
		{ "{\"schemaVersion\":2," CONFIG "," LAYERS ",\"LAYERS\":[]}", 0 },
		{ "{\"schemaVersion\":2," CONFIG "," LAYERS "," LAYERS "}", 0 },
		/* announced as something else */
		{ "{\"schemaVersion\":2," CONFIG "," LAYERS "}", MEDIA_OCI_INDEX },
		{ "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\"," CONFIG "," LAYERS "}", 0 },
		{ "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\"," CONFIG "," LAYERS "}",
		  MEDIA_DOCKER_MANIFEST },
		/* schema 1 */
		{ "{\"schemaVersion\":1,\"fsLayers\":[],\"signatures\":[]}", 0 },
		{ "{\"schemaVersion\":1," CONFIG "," LAYERS "}", 0 },
		/* digests and sizes */
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"sha256:../../x\",\"size\":1}]}", 0 },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"" A "\",\"size\":-1}]}", 0 },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"" A "\",\"size\":9223372036854775807}]}", 0 },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":\"" A "\"}]}", 0 },
		{ "{\"schemaVersion\":2,\"config\":{}," LAYERS "}", 0 },
		/* not strict JSON */
		{ "{\"schemaVersion\":2," CONFIG "," LAYERS "} x", 0 }, { "\xef\xbb\xbf{}", 0 },
		{ "{\"schemaVersion\":NaN," CONFIG "," LAYERS "}", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_manifest m = {};
		struct error err;
		print_message("%zu: %s\n", i, cases[i].text);
		assert_int_equal(parse(cases[i].text, cases[i].hint, &m, &err), -1);
		assert_true(err.kind == ERROR_CORRUPT || err.kind == ERROR_UNSUPPORTED);
		assert_null(m.layers.v);
	}
}

static void test_index_choose_when_platforms(void **state)
{
	static const char text[] = "{\"schemaVersion\":2,\"manifests\":[" ENTRY("unknown", "unknown", "") ","
		ENTRY("linux", "amd64", "") "," ENTRY("linux", "arm", "v6") "," ENTRY("linux", "arm", "v7") ","
		ENTRY("linux", "arm64", "") "," ENTRY("windows", "amd64", "") "]}";
	static const struct {
		const char *want;
		int index;   /* -1: none */
	} cases[] = {
		{ "linux/amd64", 1 }, { "linux/arm", 3 }, { "linux/arm/v6", 2 }, { "linux/arm/v5", -1 }, { "linux/arm64/v8", 4 },
		{ "windows/amd64", 5 }, { "linux/s390x", -1 }, { "linux/x86_64", 1 }, { "aarch64", 4 },
	};
	auto_manifest m = {};
	struct error err;

	assert_int_equal(parse(text, MEDIA_UNKNOWN, &m, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(platform_done) struct platform p = {};
		const struct oci_descriptor *d = NULL;
		assert_int_equal(platform_parse(cases[i].want, &p, &err), 0);
		int r = oci_index_choose(&m, &p, &d, &err);
		print_message("%s\n", cases[i].want);
		assert_int_equal(r, cases[i].index < 0 ? -1 : 0);
		if (r == 0)
			assert_int_equal(d - DESCRIPTOR(&m.manifests, 0), cases[i].index);
	}
}

static void test_config_parse_when_docker_fields(void **state)
{
	static const char text[] = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"A=b\",\"AWS_*\",\"=x\",\"P\\u0001=1\"],"
		"\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":5},\"Shell\":[\"/bin/bash\",\"-c\"],\"OnBuild\":[\"RUN x\"],"
		"\"StopSignal\":\"SIGINT\",\"ExposedPorts\":{\"80/tcp\":{}},\"Volumes\":{\"/v\":{}},\"Labels\":{\"a\":\"b\"}},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" A "\"]},\"history\":[{\"created_by\":\"x\",\"empty_layer\":true}]}";
	auto_image_config c = {};
	auto_image_config again = {};
	auto_buf out = BUF_INIT(1 << 20);
	struct error err;

	assert_int_equal(image_config_parse(text, strlen(text), &c, &err), 0);
	assert_int_equal(c.config.env.n, 1);   /* what is not NAME=VALUE is dropped: E1 */
	assert_string_equal(c.config.healthcheck->test.v[1], "x");
	assert_string_equal(c.config.exposed_ports.v[0], "80/tcp");
	assert_string_equal(c.diff_ids.v[0], A);
	assert_int_equal(image_config_format(&c, &out, &err), 0);
	assert_int_equal(image_config_parse(out.data, out.len, &again, &err), 0);
	assert_int_equal(again.config.healthcheck->interval, 5);
	assert_string_equal(again.config.shell.v[0], "/bin/bash");
	assert_true(((struct image_history *)again.history.v)[0].empty_layer);
}

static void test_config_parse_when_hostile(void **state)
{
	static const char *const cases[] = {
		"{\"rootfs\":{\"diff_ids\":[\"sha256:x\"]}}", "{\"rootfs\":{\"type\":\"foo\"}}", "{\"config\":{\"StopTimeout\":-5}}",
		"{\"config\":{\"User\":\"a\\u0001\"}}", "{\"config\":{\"Healthcheck\":{\"Retries\":-1}}}", "[]", "{\"config\":[]}",
		"{\"config\":{\"Env\":[1]}}", "{\"os\":\"a\",\"os\":\"b\"}",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_image_config c = {};
		struct error err;
		print_message("%s\n", cases[i]);
		assert_int_equal(image_config_parse(cases[i], strlen(cases[i]), &c, &err), -1);
	}
}

/* Every row of every message must be one the wire knows: empty structs go over and come back. */
static void test_wire_when_every_operation(void **state)
{
	for (int op = 0; op < OP_MAX; op++) {
		const struct { const struct field *rows; size_t size; } sides[] = {
			{ worker_ops[op].request, worker_ops[op].request_size }, { worker_ops[op].reply, worker_ops[op].reply_size },
		};
		for (size_t s = 0; s < 2; s++) {
			autofree void *in = calloc(1, sides[s].size);
			autofree void *out = calloc(1, sides[s].size);
			auto_buf bytes = BUF_INIT(1 << 16);
			struct error err;
			assert_int_equal(wire_encode(sides[s].rows, in, &bytes, &err), 0);
			assert_int_equal(wire_decode(sides[s].rows, bytes.data, bytes.len, out, &err), 0);
			for (size_t cut = 0; cut < bytes.len; cut++) {
				memset(out, 0, sides[s].size);
				assert_int_equal(wire_decode(sides[s].rows, bytes.data, cut, out, &err), -1);
			}
		}
	}
}

static void test_policy_decide_when_scopes(void **state)
{
	static const char text[] = "{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{"
		"\"q.io/ok\":[{\"type\":\"insecureAcceptAnything\"}],\"q.io/ok/not\":[{\"type\":\"reject\"}],"
		"\"*.corp.example\":[{\"type\":\"insecureAcceptAnything\"}],"
		"\"s.io\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"/k\"}]},"
		"\"dir\":{\"\":[{\"type\":\"reject\"}],\"/a\":[{\"type\":\"insecureAcceptAnything\"}]}}}";
	static const struct {
		enum transport transport;
		const char *scope;
		bool ok, is_signed;
	} cases[] = {
		{ TRANSPORT_DOCKER, "q.io/ok:1", true }, { TRANSPORT_DOCKER, "q.io/ok/x:1", true },
		{ TRANSPORT_DOCKER, "q.io/ok/not:1", false }, { TRANSPORT_DOCKER, "q.io/other:1", false },
		{ TRANSPORT_DOCKER, "a.corp.example/x:1", true }, { TRANSPORT_DOCKER, "corp.example/x:1", false },
		{ TRANSPORT_DOCKER, "s.io/x:1", false, true }, { TRANSPORT_DIR, "/a/b", true }, { TRANSPORT_DIR, "/b", false },
		{ TRANSPORT_OCI, "/x", false },
	};
	auto_json *doc = NULL;
	struct error err;

	assert_int_equal(json_parse("p", text, strlen(text), NULL, &doc, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("%s\n", cases[i].scope);
		auto_policy_needs needs = {};
		struct policy p = { .doc = doc };
		bool ok = policy_decide(&p, cases[i].transport, cases[i].scope, &needs, &err) == 0;
		assert_int_equal(ok, cases[i].ok || cases[i].is_signed);
		assert_int_equal(needs.n, cases[i].is_signed);
		if (ok)
			continue;
		if (!cases[i].ok)
			assert_int_equal(err.kind, ERROR_DENIED);
	}
}

static void test_policy_decide_when_malformed(void **state)
{
	static const char *const cases[] = {
		"{}", "[]", "{\"default\":[]}", "{\"default\":[{\"type\":\"x\"}]}", "{\"default\":[{\"type\":\"reject\",\"x\":1}]}",
		"{\"default\":[{\"type\":\"reject\"}],\"extra\":1}", "{\"default\":[{\"type\":\"insecureAcceptAnything\"}],\"transports\":{\"dir\":[]}}",
		"{\"default\":[{\"type\":\"insecureAcceptAnything\"}],\"transports\":{\"dir\":{\"\":[]}}}",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_json *doc = NULL;
		struct error err;
		print_message("%s\n", cases[i]);
		assert_int_equal(json_parse("p", cases[i], strlen(cases[i]), NULL, &doc, &err), 0);
		auto_policy_needs needs = {};
		struct policy p = { .doc = doc };
		assert_int_equal(policy_decide(&p, TRANSPORT_DIR, "/x", &needs, &err), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest_parse_when_valid),
		cmocka_unit_test(test_manifest_parse_when_hostile),
		cmocka_unit_test(test_index_choose_when_platforms),
		cmocka_unit_test(test_config_parse_when_docker_fields),
		cmocka_unit_test(test_config_parse_when_hostile),
		cmocka_unit_test(test_wire_when_every_operation),
		cmocka_unit_test(test_policy_decide_when_scopes),
		cmocka_unit_test(test_policy_decide_when_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
