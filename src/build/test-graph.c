/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/buf.h"
#include "build/graph.h"

struct made {
	struct containerfile file;
	struct scope_head head;
	struct build_graph graph;
	struct error err;
	int result;
};

static void make(struct made *m, const char *text, const char *target, const struct strmap *contexts)
{
	struct graph_options o = { .head = &m->head, .target = target, .contexts = contexts };

	if (containerfile_parse("C", text, strlen(text), &m->file, &m->err) < 0 ||
	    scope_head_init(&m->head, "linux/amd64", "linux/arm/v7", &m->err) < 0)
		fail_msg("%s", m->err.text);
	m->result = build_graph_make(&m->file, &o, &m->graph, &m->err);
}

static void unmake(struct made *m)
{
	build_graph_done(&m->graph);
	scope_head_done(&m->head);
	containerfile_done(&m->file);
}

/* Which stages are needed ("0 2"), or the error. */
static void test_needed_table(void **state)
{
	static const struct { const char *text, *target, *needed; } cases[] = {
		{ "FROM a", NULL, "0 " }, { "FROM a AS x\nFROM b", NULL, "1 " }, { "FROM a AS x\nFROM x", NULL, "0 1 " },
		{ "FROM a AS x\nFROM b\nCOPY --from=x f /", NULL, "0 1 " }, { "FROM a\nFROM b\nCOPY --from=0 f /", NULL, "0 1 " },
		{ "FROM a AS x\nFROM b AS y\nFROM c\nRUN --mount=from=y,target=/t z", NULL, "1 2 " },
		{ "FROM a AS x\nFROM b", "x", "0 " }, { "FROM a AS x\nFROM b", "X", "0 " }, { "FROM a\nFROM b", "0", "0 " },
		{ "ARG N=x\nFROM a AS x\nFROM b\nARG N\nCOPY --from=$N f /", NULL, "0 1 " },
		{ "ARG N=x\nFROM a AS x\nFROM $N", NULL, "0 1 " }, { "FROM a AS x\nFROM b\nENV N=x\nCOPY --from=$N f /", NULL, "0 1 " },
		{ "FROM a AS x\nFROM b AS x\nFROM x", NULL, "1 2 " }, { "FROM a AS a\nFROM a", NULL, "0 1 " },
		{ "FROM b\nCOPY --from=y f /\nFROM a AS y\nFROM scratch", "0", "0 1 " },
		{ "FROM a AS x\nCOPY --from=x f /", NULL, "0 " },
		{ "FROM a AS x\nCOPY --from=y f /\nFROM b AS y\nCOPY --from=x f /", NULL, "C:2: circular dependency detected on stage x" },
		{ "FROM a\nCOPY --from=3 f /", NULL, "C:2: invalid stage index \"3\"" },
		{ "FROM a\nCOPY --from=0 f /", NULL, "C:2: invalid stage index \"0\"" },
		{ "FROM $X", NULL, "C:1: base name is empty: X is not set" }, { "FROM a", "no", "the target \"no\" was not found" },
		{ "FROM a AS x\nFROM --after=x b", NULL, "0 1 " }, { "FROM a\nFROM --after=no b", NULL, "C:2: FROM --after=no: stage \"no\" not found" },
		{ "FROM a\nFROM 0", NULL, "0 1 " }, { "ARG N=x\nFROM a AS ${N}y\nFROM xy", NULL, "0 1 " },
		{ "ARG N=1\nFROM a AS $N", NULL, "C:2: invalid name for build stage: \"1\"" },
		{ "FROM a\nENV B=\"${OF_THE_IMAGE:?}\"", NULL, "0 " },
		{ "ARG X", NULL, "C: no FROM in the file" },
		{ "ARG X=a\nARG Y=$X-b\nFROM ${Y:-none}", NULL, "0 " },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct made m = {};
		auto_buf needed = BUF_INIT(4096);
		make(&m, cases[i].text, cases[i].target, NULL);
		for (size_t s = 0; s < m.graph.stages.n; s++)
			if (STAGE(&m.graph, s)->needed)
				buf_addf(&needed, "%zu ", s);
		const char *got = m.result < 0 ? m.err.text : needed.data;
		if (!str_after(got, cases[i].needed))
			fail_msg("%s: %s", cases[i].text, got);
		unmake(&m);
	}
}

static void test_sources(void **state)
{
	struct made m = {};
	struct error err = {};
	auto_strmap contexts = {};
	auto_buf plan = BUF_INIT(1 << 16);

	assert_int_equal(strmap_set(&contexts, "ctx", "dir", &err), 0);
	assert_int_equal(strmap_set(&contexts, "one", "dir", &err), 0);
	make(&m, "ARG P=linux/$TARGETARCH\nFROM --platform=$P alpine AS one\nFROM one AS two\nFROM scratch\n"
		 "COPY --from=two a /\nCOPY --from=ctx a /\nCOPY --from=quay.io/x a /\nCOPY --from=two b /\n", NULL, &contexts);
	assert_int_equal(m.result, 0);
	assert_string_equal(STAGE(&m.graph, 0)->platform, "linux/arm");
	assert_int_equal(STAGE(&m.graph, 1)->base.kind, GRAPH_CONTEXT);
	struct graph_source by_number = {};
	assert_int_equal(build_graph_find(&m.graph, &(struct graph_options){ .contexts = &contexts }, 2, "0", &by_number, &err), 0);
	assert_int_equal(by_number.kind, GRAPH_CONTEXT);
	assert_string_equal(by_number.name, "one");
	graph_source_done(&by_number);
	build_graph_print(&m.graph, &plan);
	assert_string_equal(plan.data,
		"stage 1 two from context one\n"
		"stage 2 from scratch needs stage two (1), context ctx, image quay.io/x\n"
		"  C:5 COPY --from=two a /\n  C:6 COPY --from=ctx a /\n  C:7 COPY --from=quay.io/x a /\n  C:8 COPY --from=two b /\n"
		"image from stage 2\n");
	unmake(&m);
}

/* One stage; what RUN's environment is at its end. */
static void test_scope_table(void **state)
{
	static const struct { const char *text, *given, *env; } cases[] = {
		{ "FROM a\nARG A=1\nENV B=$A", NULL, "BASE=b B=1 A=1" }, { "FROM a\nARG A=1\nENV B=$A", "A=2", "BASE=b B=2 A=2" },
		{ "ARG A=1\nFROM a\nENV B=x$A", NULL, "BASE=b B=x" }, { "ARG A=1\nFROM a\nARG A\nENV B=x$A", NULL, "BASE=b B=x1 A=1" },
		{ "ARG A=1\nFROM a\nARG A=2\n", NULL, "BASE=b A=2" }, { "FROM a\nARG A", NULL, "BASE=b" }, { "FROM a\nARG A", "A=", "BASE=b A=" },
		{ "FROM a\nENV A=1\nARG A=2", "A=3", "BASE=b A=1" }, { "FROM a\nARG BASE=x\nENV C=$BASE", NULL, "BASE=b C=b" },
		{ "FROM a\nENV A=1\nENV A=2 B=$A", NULL, "BASE=b A=2 B=1" }, { "FROM a\nARG A=1 B=$A", NULL, "BASE=b A=1 B=1" },
		{ "FROM a\nARG TARGETARCH\nARG TARGETVARIANT TARGETPLATFORM BUILDOS", NULL,
		  "BASE=b TARGETARCH=arm TARGETVARIANT=v7 TARGETPLATFORM=linux/arm/v7 BUILDOS=linux" },
		{ "FROM a\nENV B=[$TARGETARCH]", NULL, "BASE=b B=[]" }, { "FROM a\nARG TARGETARCH=x", NULL, "BASE=b TARGETARCH=x" },
		{ "FROM a\nARG TARGETARCH", "TARGETARCH=y", "BASE=b TARGETARCH=y" }, { "FROM a", "HTTP_PROXY=p", "BASE=b HTTP_PROXY=p" },
		{ "FROM a\nENV HTTP_PROXY=q", "HTTP_PROXY=p", "BASE=b HTTP_PROXY=q" }, { "FROM a\nENV a=\"x y\" b='$BASE'", NULL, "BASE=b a=x y b=$BASE" },
		{ "FROM a\nENV A one  two", NULL, "BASE=b A=one  two" },
	};
	char *base[] = { (char *)"BASE=b", NULL };
	struct strv base_env = { base, 1 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct made m = {};
		struct error err = {};
		auto_scope scope = {};
		auto_strv env = {};
		if (cases[i].given)
			assert_int_equal(strmap_add_pair(&m.head.given, cases[i].given, &err), 0);
		make(&m, cases[i].text, NULL, NULL);
		assert_int_equal(m.result, 0);
		assert_int_equal(scope_init(&scope, &m.head, '\\', &base_env, NULL, &err), 0);
		for (size_t j = STAGE(&m.graph, 0)->first + 1; j < m.file.instructions.n; j++) {
			const struct instruction *in = INSTRUCTION(&m.file, j);
			assert_int_equal(in->kind == INSTRUCTION_ARG ? scope_arg(&scope, in, &err) : scope_env(&scope, in, &err), 0);
		}
		assert_int_equal(scope_run_env(&scope, &env, &err), 0);
		autofree char *text = strv_join(&env, " ");
		if (strcmp(text, cases[i].env) != 0)
			fail_msg("%s: %s", cases[i].text, text);
		unmake(&m);
	}
}

static void test_missing_build_args(void **state)
{
	struct made m = {};

	make(&m, "ARG G=1\nFROM a\nARG NOT_NEEDED\nFROM b\nARG G TARGETOS http_proxy ONE\nARG TWO=\nENV X=$ONE", NULL, NULL);
	assert_int_equal(m.graph.warnings.n, 1);
	assert_string_equal(m.graph.warnings.v[0], "missing \"ONE\" build argument. Try adding \"--build-arg ONE=<VALUE>\" to the command line");
	unmake(&m);
}

static void test_unused_build_args(void **state)
{
	struct made m = {};
	struct error err = {};
	auto_strv unused = {};

	assert_int_equal(strmap_set(&m.head.given, "A", "1", &err), 0);
	assert_int_equal(strmap_set(&m.head.given, "B", "1", &err), 0);
	assert_int_equal(strmap_set(&m.head.given, "https_proxy", "1", &err), 0);
	make(&m, "ARG A\nFROM a", NULL, NULL);
	assert_int_equal(scope_head_unused(&m.head, &unused, &err), 0);
	assert_int_equal(unused.n, 1);
	assert_string_equal(unused.v[0], "B");
	unmake(&m);
}

/* security-matrix I17: ten thousand stages in a row. */
static void test_many_stages(void **state)
{
	struct made m = {};
	auto_buf text = BUF_INIT(8 << 20);

	buf_add_str(&text, "FROM scratch AS s0\n");
	for (int i = 1; i < GRAPH_STAGES_MAX; i++)
		buf_addf(&text, "FROM s%d AS s%d\n", i - 1, i);
	make(&m, text.data, NULL, NULL);
	assert_int_equal(m.result, 0);
	assert_true(STAGE(&m.graph, 0)->needed);
	unmake(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_needed_table), cmocka_unit_test(test_sources), cmocka_unit_test(test_scope_table),
		cmocka_unit_test(test_missing_build_args), cmocka_unit_test(test_unused_build_args), cmocka_unit_test(test_many_stages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
