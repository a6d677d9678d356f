/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/field.h"

struct inner {
	char *name;
	int64_t weight;
};
static const struct field inner_rows[] = {
	{ .json = "name", F_STR(struct inner, name), .flags = FIELD_REQUIRED },
	{ .json = "weight", F_INT(struct inner, weight) },
	{},
};

static const char *const colours[] = { "red", "green", "blue", NULL };

struct all {
	bool flag;
	char *text;
	int64_t number;
	uint64_t count;
	double ratio;
	struct opt_bool maybe;
	struct opt_int signed_maybe;
	struct opt_uint unsigned_maybe;
	int colour;
	struct strv words, commas;
	struct strmap labels;
	int64_t span, size, when;
	struct numv ids;
	struct inner inside;
	struct inner *outside;
	struct list many;
	struct json_object *raw;
	char custom;
};

static int load_custom(const struct field *f, void *at, struct json_object *value, struct error *err)
{
	*(char *)at = json_object_get_string(value)[0];
	return 0;
}

static int save_custom(const struct field *f, const void *at, struct json_object **ret, struct error *err)
{
	if (*(const char *)at)
		*ret = json_object_new_string_len(at, 1);
	return 0;
}

static const struct field_custom custom_ops = { .load = load_custom, .save = save_custom };

static const struct field rows[] = {
	{ .json = "flag", MORE(.docker = "Flag"), F_BOOL(struct all, flag) },
	{ .json = "text", MORE(.docker = "Text"), F_STR(struct all, text) },
	{ .json = "number", F_INT(struct all, number) },
	{ .json = "count", F_UINT(struct all, count) },
	{ .json = "ratio", F_DOUBLE(struct all, ratio) },
	{ .json = "maybe", F_OPT_BOOL(struct all, maybe) },
	{ .json = "signedMaybe", F_OPT_INT(struct all, signed_maybe) },
	{ .json = "unsignedMaybe", F_OPT_UINT(struct all, unsigned_maybe) },
	{ .json = "colour", F_ENUM(struct all, colour, colours) },
	{ .json = "words", MORE(.docker = "Cmd"), F_STRV(struct all, words) },
	{ .json = "commas", F_CSV(struct all, commas) },
	{ .json = "labels", F_MAP(struct all, labels) },
	{ .json = "span", F_DURATION(struct all, span) },
	{ .json = "size", F_SIZE(struct all, size) },
	{ .json = "when", F_TIME(struct all, when) },
	{ .json = "ids", F_NUMBERS(struct all, ids) },
	{ .json = "inside", F_OBJECT(struct all, inside, inner_rows) },
	{ .json = "outside", F_OPT_OBJECT(struct all, outside, struct inner, inner_rows) },
	{ .json = "many", F_LIST(struct all, many, struct inner, inner_rows) },
	{ .json = "raw", F_JSON(struct all, raw) },
	{ .json = "custom", F_CUSTOM(struct all, custom, &custom_ops) },
	{},
};

static int load(const char *text, enum field_column column, struct all *to, struct strv *unknown, struct error *err)
{
	auto_json *tree = NULL;

	TRY(json_parse("t", text, strlen(text), NULL, &tree, err));
	return fields_load(rows, column, tree, to, unknown, err);
}

static void assert_saves(const struct field *r, const void *from, const char *want)
{
	struct error err = {};
	auto_json *tree = NULL;
	auto_buf out = BUF_INIT(8192);

	assert_int_equal(fields_save(r, FIELD_COLUMN_JSON, from, &tree, &err), 0);
	json_format(&out, tree, 0);
	assert_string_equal(out.data, want);
}

static const char full[] =
	"{\"flag\":true,\"text\":\"a\xc3\xa9\",\"number\":-5,\"count\":18446744073709551615,\"ratio\":0.5,\"maybe\":false,"
	"\"signedMaybe\":0,\"unsignedMaybe\":7,\"colour\":\"blue\",\"words\":[\"a\",\"\"],\"commas\":[\"x\"],"
	"\"labels\":{\"k\":\"v\",\"e\":\"\"},\"span\":1000,\"size\":4096,\"when\":\"2006-01-02T15:04:05.5Z\",\"ids\":[1,2],"
	"\"inside\":{\"name\":\"in\"},\"outside\":{\"name\":\"out\",\"weight\":1},"
	"\"many\":[{\"name\":\"one\"},{\"name\":\"two\",\"weight\":2}],\"raw\":{\"x\":[1.10,null]},\"custom\":\"c\"}";

static void test_field_round_trip_of_every_type(void **state)
{
	struct error err = {};
	struct all a = {};
	auto_strv unknown = {};

	setenv("TZ", "UTC", 1);
	assert_int_equal(load(full, FIELD_COLUMN_JSON, &a, &unknown, &err), 0);
	assert_int_equal(unknown.n, 0);
	assert_true(a.maybe.set && !a.maybe.value);
	assert_int_equal(a.colour, 2);
	assert_int_equal(a.when, INT64_C(1136214245500000000));
	assert_int_equal(a.many.n, 2);
	assert_saves(rows, &a, full);
	/* again over what is there: replaced, not added to; nothing leaks */
	assert_int_equal(load(full, FIELD_COLUMN_JSON, &a, NULL, &err), 0);
	assert_saves(rows, &a, full);
	fields_done(rows, &a);
	assert_null(a.text);
	assert_null(a.outside);
	a.custom = 0;
	assert_saves(rows, &a, "{}");
}

static void test_field_load_accepts(void **state)
{
	static const struct { enum field_column column; const char *text, *want; } cases[] = {
		{ FIELD_COLUMN_JSON, "{\"FLAG\":true,\"Text\":\"x\"}", "{\"flag\":true,\"text\":\"x\"}" },
		{ FIELD_COLUMN_JSON, "{\"flag\":\"true\"}", "{\"flag\":true}" },
		{ FIELD_COLUMN_JSON, "{\"text\":null,\"words\":null,\"inside\":null,\"raw\":null}", "{}" },
		{ FIELD_COLUMN_JSON, "{\"span\":\"1s\",\"size\":\"4k\"}", "{\"span\":1000000000,\"size\":4096}" },
		{ FIELD_COLUMN_JSON, "{\"labels\":{\"a\":null}}", "{\"labels\":{\"a\":\"\"}}" },
		{ FIELD_COLUMN_JSON, "{\"colour\":\"\"}", "{}" },
		{ FIELD_COLUMN_JSON, "{\"when\":\"0001-01-01T00:00:00Z\"}", "{}" },
		{ FIELD_COLUMN_JSON, "{\"ratio\":2}", "{\"ratio\":2}" },
		{ FIELD_COLUMN_DOCKER, "{\"Cmd\":\"ls\",\"number\":5}", "{\"words\":[\"ls\"]}" },
		{ FIELD_COLUMN_JSON, "{\"text\":\"exact\",\"TEXT\":\"folded\"}", "{\"text\":\"exact\"}" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		struct all a = {};
		if (load(cases[i].text, cases[i].column, &a, NULL, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_saves(rows, &a, cases[i].want);
		fields_done(rows, &a);
	}
}

static void test_field_load_errors_name_the_path(void **state)
{
	static const struct { const char *text, *want; } cases[] = {
		{ "[]", "expected an object, got array" },
		{ "{\"flag\":1}", "flag: expected true or false, got int" },
		{ "{\"text\":5}", "text: expected a string, got int" },
		{ "{\"text\":\"a\\u0000b\"}", "text: contains a NUL byte" },
		{ "{\"number\":1.5}", "number: expected a number, got double" },
		{ "{\"number\":9223372036854775808}", "number: number is too large" },
		{ "{\"count\":-1}", "count: must not be negative" },
		{ "{\"colour\":\"pink\"}", "colour: unknown value \"pink\"" },
		{ "{\"words\":[\"a\",5]}", "words[1]: expected a string, got int" },
		{ "{\"words\":\"a\"}", "words: expected a list of strings, got string" },
		{ "{\"labels\":{\"a\":[]}}", "labels.a: expected a string, got array" },
		{ "{\"ids\":[1,-2]}", "ids[1]: must not be negative" },
		{ "{\"inside\":{\"name\":\"x\",\"weight\":\"y\"}}", "inside.weight: expected a number, got string" },
		{ "{\"inside\":{}}", "inside.name: is missing" },
		{ "{\"outside\":7}", "outside: expected an object, got int" },
		{ "{\"many\":[{\"name\":\"x\"},{\"weight\":1}]}", "many[1].name: is missing" },
		{ "{\"many\":[null]}", "many[0]: expected an object, got null" },
		{ "{\"when\":\"soon\"}", "when: failed to parse value as time or duration: \"soon\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		struct all a = {};
		if (load(cases[i].text, FIELD_COLUMN_JSON, &a, NULL, &err) == 0)
			fail_msg("%s: accepted", cases[i].text);
		if (!str_after(err.text, cases[i].want))
			fail_msg("%s: %s, want %s", cases[i].text, err.text, cases[i].want);
		fields_done(rows, &a);
	}
}

static void test_field_load_notes_unknown_members(void **state)
{
	static const char text[] = "{\"what\":1,\"inside\":{\"name\":\"x\",\"ever\":2},\"many\":[{\"name\":\"x\",\"you\":3}]}";
	struct error err = {};
	struct all a = {};
	auto_strv unknown = {};

	assert_int_equal(load(text, FIELD_COLUMN_JSON, &a, &unknown, &err), 0);
	strv_sort(&unknown);
	autofree char *names = strv_join(&unknown, " ");
	assert_string_equal(names, "inside.ever many[0].you what");
	fields_done(rows, &a);
}

static void test_field_save_always(void **state)
{
	static const struct field always[] = {
		{ .json = "a", F_BOOL(struct all, flag), .flags = FIELD_ALWAYS },
		{ .json = "b", F_STR(struct all, text), .flags = FIELD_ALWAYS },
		{ .json = "c", F_INT(struct all, number), .flags = FIELD_ALWAYS },
		{ .json = "d", F_STRV(struct all, words), .flags = FIELD_ALWAYS },
		{ .json = "e", F_MAP(struct all, labels), .flags = FIELD_ALWAYS },
		{ .json = "f", F_OPT_INT(struct all, signed_maybe), .flags = FIELD_ALWAYS },
		{ .json = "g", F_OPT_OBJECT(struct all, outside, struct inner, inner_rows), .flags = FIELD_ALWAYS },
		{ .json = "h", F_LIST(struct all, many, struct inner, inner_rows), .flags = FIELD_ALWAYS },
		{ .json = "i", F_TIME(struct all, when), .flags = FIELD_ALWAYS },
		{ .json = "j", F_OBJECT(struct all, inside, inner_rows), .flags = FIELD_ALWAYS },
		{ .json = "k", F_ENUM(struct all, colour, colours), .flags = FIELD_ALWAYS },
		{},
	};
	struct all a = {};

	assert_saves(always, &a,
		     "{\"a\":false,\"b\":\"\",\"c\":0,\"d\":[],\"e\":{},\"f\":null,\"g\":null,\"h\":[],"
		     "\"i\":\"0001-01-01T00:00:00Z\",\"j\":{},\"k\":\"red\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_field_round_trip_of_every_type),
		cmocka_unit_test(test_field_load_accepts),
		cmocka_unit_test(test_field_load_errors_name_the_path),
		cmocka_unit_test(test_field_load_notes_unknown_members),
		cmocka_unit_test(test_field_save_always),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
