/* SPDX-License-Identifier: Apache-2.0 */
#include "base/argv.h"
#include "base/test.h"

static const char *const modes[] = { "private", "host", NULL };

struct params {
	bool rm, tty, interactive;
	char *name, *detach;
	int64_t number, wait, size;
	uint64_t count;
	int mode;
	struct strv env, filters;
	struct strmap labels;
	struct opt_bool tls;
	struct { bool inner; } sub;
};
#define P struct params

static const struct field sub_rows[] = {
	{ .cli = "inner", .type = FIELD_BOOL, .off = 0, .help = "h" }, {}
};
static const struct field rows[] = {
	{ .cli = "rm", F_BOOL(P, rm) },
	{ .cli = "tty", .abbr = 't', F_BOOL(P, tty) },
	{ .cli = "interactive", .abbr = 'i', F_BOOL(P, interactive) },
	{ .cli = "name", .abbr = 'n', MORE(.aliases = "nom naam"), F_STR(P, name) },
	{ .cli = "detach-keys", F_STR(P, detach), .flags = FIELD_OPTIONAL_VALUE, MORE(.implied = "ctrl-p") },
	{ .cli = "number", .abbr = 'N', F_INT(P, number) },
	{ .cli = "count", F_UINT(P, count) },
	{ .cli = "wait", F_DURATION(P, wait) },
	{ .cli = "size", F_SIZE(P, size) },
	{ .cli = "mode", F_ENUM(P, mode, modes) },
	{ .cli = "env", .abbr = 'e', F_STRV(P, env) },
	{ .cli = "filter", .abbr = 'f', F_CSV(P, filters) },
	{ .cli = "label", F_MAP(P, labels) },
	{ .cli = "tls-verify", F_OPT_BOOL(P, tls) },
	{ .type = FIELD_OBJECT, .off = offsetof(P, sub), .rows = sub_rows },
	{}
};
struct globals {
	char *root, *name;
	bool remote;
};
static const struct field global_rows[] = {
	{ .cli = "root", F_STR(struct globals, root) },
	{ .cli = "name", F_STR(struct globals, name) },
	{ .cli = "remote", .abbr = 'r', F_BOOL(struct globals, remote), .flags = FIELD_GLOBAL_FIRST },
	{}
};

struct parsed {
	struct params p;
	struct globals g;
	struct argv a;
	struct error err;
	int r;
};

/* Parses the words of a line separated by '|'. */
static void parse(struct parsed *t, const char *line, unsigned flags)
{
	auto_strv words = {};
	*t = (struct parsed){ .a = ARGV_INIT };
	struct argv_group groups[] = { { rows, &t->p }, { global_rows, &t->g }, {} };

	assert_int_equal(strv_split(&words, line, '|', &t->err), 0);
	t->r = argv_parse(&t->a, groups, words.v, *line ? (int)words.n : 0, flags, &t->err);
}

static void parsed_done(struct parsed *t)
{
	fields_done(rows, &t->p);
	fields_done(global_rows, &t->g);
	argv_done(&t->a);
}

static void test_argv_forms_when_all_written(void **state)
{
	struct parsed t;
	(void)state;

	parse(&t, "--rm|-it|--name=a|x|-e|A=1|-eB=2|-e=C=3|y|--number|0x10|--mode|host|--inner|--|-z|--foo", 0);
	assert_int_equal(t.r, 0);
	assert_true(t.p.rm && t.p.tty && t.p.interactive && t.p.sub.inner);
	assert_string_equal(t.p.name, "a");
	assert_int_equal(t.p.number, 16);
	assert_int_equal(t.p.mode, 1);
	assert_int_equal(t.p.env.n, 3);
	assert_string_equal(t.p.env.v[0], "A=1");
	assert_string_equal(t.p.env.v[1], "B=2");
	assert_string_equal(t.p.env.v[2], "C=3");
	assert_int_equal(t.a.args.n, 4);
	assert_string_equal(t.a.args.v[2], "-z");
	assert_int_equal(t.a.end_of_options, 2);
	assert_true(argv_seen(&t.a, "env"));
	assert_false(argv_seen(&t.a, "count"));
	parsed_done(&t);
}

static void test_argv_values_when_typed(void **state)
{
	struct parsed t;
	(void)state;

	parse(&t, "--wait=1h30m|--size|64m|--filter|a,\"b,c\"|-f|d|--label=k=v|--label|bare|--tls-verify=false|--naam|z|-N-5", 0);
	assert_int_equal(t.r, 0);
	assert_int_equal(t.p.wait, INT64_C(5400) * 1000000000);
	assert_int_equal(t.p.size, 64 << 20);
	assert_int_equal(t.p.filters.n, 3);
	assert_string_equal(t.p.filters.v[1], "b,c");
	assert_string_equal(strmap_get(&t.p.labels, "k"), "v");
	assert_string_equal(strmap_get(&t.p.labels, "bare"), "");
	assert_true(t.p.tls.set && !t.p.tls.value);
	assert_string_equal(t.p.name, "z");
	assert_int_equal(t.p.number, -5);
	parsed_done(&t);
}

static void test_argv_optional_value_when_bare_and_given(void **state)
{
	struct parsed t;
	(void)state;

	parse(&t, "--detach-keys|word", 0);
	assert_string_equal(t.p.detach, "ctrl-p");
	assert_string_equal(t.a.args.v[0], "word");
	parsed_done(&t);
	parse(&t, "--detach-keys=", 0);
	assert_string_equal(t.p.detach, "");
	parsed_done(&t);
}

static void test_argv_stop_when_first_word_seen(void **state)
{
	struct parsed t;
	(void)state;

	parse(&t, "--rm|image|--tty|-x", ARGV_STOP);
	assert_int_equal(t.r, 0);
	assert_false(t.p.tty);
	assert_int_equal(t.a.args.n, 3);
	assert_int_equal(t.a.next, 1);
	parsed_done(&t);
}

static void test_argv_groups_when_names_clash(void **state)
{
	struct parsed t;
	(void)state;

	parse(&t, "--name|local|--root|/r", ARGV_AFTER);
	assert_string_equal(t.p.name, "local");
	assert_null(t.g.name);
	assert_string_equal(t.g.root, "/r");
	parsed_done(&t);
	parse(&t, "--remote", 0);
	assert_true(t.g.remote);
	parsed_done(&t);
}

static void test_argv_errors_when_line_is_wrong(void **state)
{
	static const struct { const char *line; unsigned flags; const char *text; } cases[] = {
		{ "--nope", 0, "unknown flag: --nope" },
		{ "--nope=1", 0, "unknown flag: --nope" },
		{ "--na=1", 0, "unknown flag: --na" },
		{ "-ixy", 0, "unknown shorthand flag: 'x' in -xy" },
		{ "--name", 0, "flag needs an argument: --name" },
		{ "-in", 0, "flag needs an argument: 'n' in -n" },
		{ "--rm=maybe", 0, "invalid argument \"maybe\" for \"--rm\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax" },
		{ "-N|ten", 0, "invalid argument \"ten\" for \"-N, --number\" flag: strconv.ParseInt: parsing \"ten\": invalid syntax" },
		{ "--number=99999999999999999999", 0,
		  "invalid argument \"99999999999999999999\" for \"-N, --number\" flag: strconv.ParseInt: parsing "
		  "\"99999999999999999999\": value out of range" },
		{ "--count=-1", 0, "invalid argument \"-1\" for \"--count\" flag: strconv.ParseUint: parsing \"-1\": invalid syntax" },
		{ "--mode=x", 0, "invalid argument \"x\" for \"--mode\" flag: \"x\" is not a valid value, choose from: private, host" },
		{ "--=x", 0, "bad flag syntax: --=x" },
		{ "---x", 0, "bad flag syntax: ---x" },
		{ "--remote", ARGV_AFTER, "unknown flag: --remote" },
		{ "-r", ARGV_AFTER, "unknown shorthand flag: 'r' in -r" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct parsed t;
		parse(&t, cases[i].line, cases[i].flags);
		assert_int_equal(t.r, -1);
		assert_int_equal(t.err.kind, ERROR_USAGE);
		assert_string_equal(t.err.text, cases[i].text);
		parsed_done(&t);
	}
}

static void test_argv_lenient_when_completing(void **state)
{
	struct parsed t;
	(void)state;

	parse(&t, "--nope|-q|--number=ten|a|--name", ARGV_LENIENT);
	assert_int_equal(t.r, 0);
	assert_int_equal(t.a.args.n, 1);
	parsed_done(&t);
}

static void test_argv_default_when_list_is_given(void **state)
{
	struct parsed t = { .a = ARGV_INIT };
	struct argv_group groups[] = { { rows, &t.p }, {} };
	char *words[] = { (char[]){ "-e" }, (char[]){ "new" } };
	(void)state;

	assert_int_equal(strv_add(&t.p.env, "default", &t.err), 0);
	assert_int_equal(argv_parse(&t.a, groups, words, 2, 0, &t.err), 0);
	assert_int_equal(t.p.env.n, 1);
	assert_string_equal(t.p.env.v[0], "new");
	parsed_done(&t);
}

static void test_csv_split_when_quoted_or_broken(void **state)
{
	static const struct { const char *text; const char *pieces; } cases[] = {
		{ "a", "a" }, { "a,b", "a|b" }, { "\"a,b\",c", "a,b|c" }, { "\"a\"\"b\"", "a\"b" }, { "a,", "a|" },
		{ "a\"b", NULL }, { "\"a", NULL }, { "\"a\"b", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_strv l = {};
		struct error err = {};
		int r = csv_split(&l, cases[i].text, &err);
		if (!cases[i].pieces) {
			assert_int_equal(r, -1);
			continue;
		}
		assert_int_equal(r, 0);
		autofree char *joined = strv_join(&l, "|");
		assert_string_equal(joined, cases[i].pieces);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_argv_forms_when_all_written),
		cmocka_unit_test(test_argv_values_when_typed),
		cmocka_unit_test(test_argv_optional_value_when_bare_and_given),
		cmocka_unit_test(test_argv_stop_when_first_word_seen),
		cmocka_unit_test(test_argv_groups_when_names_clash),
		cmocka_unit_test(test_argv_errors_when_line_is_wrong),
		cmocka_unit_test(test_argv_lenient_when_completing),
		cmocka_unit_test(test_argv_default_when_list_is_given),
		cmocka_unit_test(test_csv_split_when_quoted_or_broken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
