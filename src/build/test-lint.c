/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/buf.h"
#include "build/lint.h"

/* Rule and line of each warning: "FromAsCasing:1 ". */
static void test_rules_table(void **state)
{
	static const struct { const char *text, *warnings; } cases[] = {
		{ "FROM scratch\nCOPY a /", "" },
		{ "FROM scratch AS Builder", "StageNameCasing:1 " }, { "FROM scratch as b", "FromAsCasing:1 " }, { "from scratch as b", "" },
		{ "FROM scratch\nCOPY a \\\n\n b /", "NoEmptyContinuation:2 " }, { "FROM scratch\ncopy a /", "ConsistentInstructionCasing:2 " },
		{ "from scratch\ncopy a /\nCOPY b /", "ConsistentInstructionCasing:3 " }, { "FROM scratch\nCopy a /", "ConsistentInstructionCasing:2 " },
		{ "FROM scratch AS a\nFROM scratch AS a", "DuplicateStageName:2 " }, { "FROM scratch AS scratch", "ReservedStageName:1 " },
		{ "FROM scratch AS context", "ReservedStageName:1 " },
		{ "FROM scratch\nCMD a", "JSONArgsRecommended:2 " }, { "FROM scratch\nENTRYPOINT a", "JSONArgsRecommended:2 " },
		{ "FROM scratch\nSHELL [\"s\"]\nCMD a", "" }, { "FROM scratch\nCMD [\"a\"]", "" }, { "FROM scratch\nRUN a", "" },
		{ "FROM scratch\nMAINTAINER m", "MaintainerDeprecated:2 " },
		{ "FROM a:$TAG", "UndefinedArgInFrom:1 " }, { "ARG TAG=1\nFROM a:$TAG", "" },
		{ "ARG TAG\nFROM a:$TAG", "InvalidDefaultArgInFrom:2 " }, { "ARG TAG\nFROM a:${TAG:-1}", "" },
		{ "ARG VARIANT=a\nFROM b:${VARIENT}", "UndefinedArgInFrom:2 " },
		{ "FROM --platform=$BUILDPLATFORM a", "" }, { "FROM --platform=$TARGETPLATFORM a", "RedundantTargetPlatform:1 " },
		{ "FROM --platform=linux/amd64 a", "FromPlatformFlagConstDisallowed:1 " }, { "FROM --platform=linux/amd64 a AS build_amd64", "" },
		{ "FROM scratch\nWORKDIR a", "WorkdirRelativePath:2 " }, { "FROM scratch\nWORKDIR /a\nWORKDIR b", "" },
		{ "FROM scratch AS x\nWORKDIR /a\nFROM x\nWORKDIR b", "" },
		{ "FROM scratch\nCOPY $X /", "UndefinedVar:2 " }, { "FROM scratch\nARG X\nCOPY $X /", "" }, { "FROM scratch\nENV X=1\nCOPY $X /", "" },
		{ "FROM scratch\nCOPY ${X:-y} /", "" }, { "FROM image\nCOPY $OF_THE_IMAGE /", "" }, { "FROM image\nARG DIRECTORY=1\nCOPY $DIRECTROY /", "UndefinedVar:3 " },
		{ "FROM image\nENV PATH=$PATH:/x", "" }, { "FROM image\nENV PATH=$PAHT:/x", "UndefinedVar:2 " },
		{ "FROM scratch AS a\nENV X=1\nFROM a\nCOPY $X /", "" }, { "FROM scratch\nONBUILD COPY $X /", "" }, { "FROM scratch\nRUN echo $X", "" },
		{ "FROM scratch\nCMD [\"a\"]\nCMD [\"b\"]", "MultipleInstructionsDisallowed:2 " },
		{ "FROM scratch\nHEALTHCHECK NONE\nHEALTHCHECK CMD x\nHEALTHCHECK CMD y", "MultipleInstructionsDisallowed:2 MultipleInstructionsDisallowed:3 " },
		{ "FROM scratch\nCMD [\"a\"]\nFROM scratch\nCMD [\"b\"]", "" },
		{ "FROM scratch\nENV a b", "LegacyKeyValueFormat:2 " }, { "FROM scratch\nLABEL a b", "LegacyKeyValueFormat:2 " },
		{ "FROM scratch\nARG API_KEY", "SecretsUsedInArgOrEnv:2 " }, { "FROM scratch\nENV DB_PASSWORD=x", "SecretsUsedInArgOrEnv:2 " },
		{ "FROM scratch\nENV PUBLIC_KEY=x KEYBOARD=y", "" }, { "ARG TOKEN=x\nFROM scratch", "SecretsUsedInArgOrEnv:1 " },
		{ "FROM scratch\nEXPOSE 80/TCP", "ExposeProtoCasing:2 " }, { "FROM scratch\nEXPOSE 127.0.0.1:80:80 81", "ExposeInvalidFormat:2 " },
		/* the directive */
		{ "# check=skip=JSONArgsRecommended,FromAsCasing\nFROM scratch as b\nCMD a", "" }, { "# check=skip=all\nFROM scratch as B\ncmd a", "" },
		{ "# check=skip=Other;error=true\nFROM scratch as b", "FromAsCasing:2 error" },
		{ "# other text\nFROM scratch AS b", "" }, { "# check=experimental=all\n# other text\nFROM scratch AS b", "InvalidDefinitionDescription:3 " },
		{ "# check=experimental=all\n# b is it\nFROM scratch AS b\n# X is x\nARG X", "" },
		{ "# check=experimental=CopyIgnoredFile\nFROM scratch\nCOPY ignored kept /\nCOPY --from=x ignored /", "CopyIgnoredFile:3 " },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_containerfile f = {};
		auto_lint_result r = {};
		auto_buf got = BUF_INIT(1 << 16);
		auto_ignore *ig = NULL;
		assert_int_equal(ignore_new(&ig, &err), 0);
		assert_int_equal(ignore_add(ig, "ignored", &err), 0);
		if (containerfile_parse("C", cases[i].text, strlen(cases[i].text), &f, &err) < 0 ||
		    lint_run(&f, &(struct lint_options){ .ignore = ig }, &r, &err) < 0)
			fail_msg("%s", err.text);
		for (size_t k = 0; k < r.warnings.n; k++) {
			const struct lint_warning *w = &((struct lint_warning *)r.warnings.v)[k];
			buf_addf(&got, "%s:%u ", w->rule->name, w->line);
		}
		buf_add_str(&got, r.error ? "error" : "");
		if (strcmp(got.data, cases[i].warnings) != 0)
			fail_msg("%s: %s", cases[i].text, got.data);
	}
}

static int one_base(void *data, const char *image, struct lint_base *ret, struct error *err)
{
	return streq(image, "known") && strv_add(&ret->env, "OF_THE_IMAGE=1", err) == 0 &&
	       platform_parse("linux/arm64", &ret->platform, err) == 0;
}

static void test_base_environment(void **state)
{
	static const char text[] = "FROM known\nCOPY $OF_THE_IMAGE $OTHER /\nFROM strange\nCOPY $OTHER /";
	struct error err = {};
	auto_containerfile f = {};
	auto_lint_result r = {};

	assert_int_equal(containerfile_parse("C", text, strlen(text), &f, &err), 0);
	assert_int_equal(lint_run(&f, &(struct lint_options){ .base = one_base }, &r, &err), 0);
	assert_int_equal(r.warnings.n, 1);
	assert_string_equal(((struct lint_warning *)r.warnings.v)->text, "Usage of undefined variable '$OTHER'");
}

/* What is wanted is what FROM says, else the build's platform. */
static void test_base_platform(void **state)
{
	static const char text[] = "FROM known\nFROM --platform=$TARGETPLATFORM known AS b\nFROM --platform=linux/arm64 known AS arm64\nFROM strange";
	struct error err = {};
	auto_containerfile f = {}, plain = {};
	auto_lint_result r = {}, same = {};

	assert_int_equal(containerfile_parse("C", text, strlen(text), &f, &err), 0);
	assert_int_equal(lint_run(&f, &(struct lint_options){ .base = one_base, .platform = "linux/amd64" }, &r, &err), 0);
	const struct lint_warning *w = r.warnings.v;
	assert_true(r.warnings.n >= 1 && w[0].line == 1);
	assert_string_equal(w[0].rule->name, "InvalidBaseImagePlatform");
	assert_string_equal(w[0].text, "Base image known was pulled with platform \"linux/arm64\", expected \"linux/amd64\" for current build");
	for (size_t i = 1; i < r.warnings.n; i++)
		assert_true(!streq(w[i].rule->name, "InvalidBaseImagePlatform") || w[i].line == 2);
	assert_int_equal(containerfile_parse("C", "FROM known", 10, &plain, &err), 0);
	assert_int_equal(lint_run(&plain, &(struct lint_options){ .base = one_base, .platform = "linux/arm64/v8" }, &same, &err), 0);
	assert_int_equal(same.warnings.n, 0);
}

static void test_print_and_errors(void **state)
{
	static const char text[] = "FROM scratch\nCMD a\n";
	struct error err = {};
	auto_containerfile f = {}, bad = {};
	auto_lint_result r = {};
	auto_buf out = BUF_INIT(1 << 16);
	auto_strmap args = {};
	size_t n;

	assert_int_equal(containerfile_parse("C", text, strlen(text), &f, &err), 0);
	assert_int_equal(lint_run(&f, &(struct lint_options){}, &r, &err), 0);
	lint_print(&r, "C", text, strlen(text), &out);
	assert_string_equal(out.data, "Check complete, 1 warning has been found!\n\nWARNING: JSONArgsRecommended\n"
		"JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals: "
		"JSON arguments recommended for CMD to prevent unintended behavior related to OS signals\nC:2\n"
		"--------------------\n   2 | >>> CMD a\n--------------------\n");
	lint_result_done(&r);
	assert_int_equal(strmap_set(&args, "BUILDKIT_DOCKERFILE_CHECK", "skip=all;error=1", &err), 0);
	assert_int_equal(lint_run(&f, &(struct lint_options){ .build_args = &args }, &r, &err), 0);
	assert_true(r.warnings.n == 0 && r.error);
	assert_int_equal(containerfile_parse("C", "# check=bad=1\nFROM a", 20, &bad, &err), 0);
	assert_int_equal(lint_run(&bad, &(struct lint_options){}, &r, &err), -1);
	assert_non_null(lint_rules(&n));
	assert_int_equal(n, 22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_table), cmocka_unit_test(test_base_environment), cmocka_unit_test(test_base_platform), cmocka_unit_test(test_print_and_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
