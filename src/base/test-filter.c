/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/filter.h"
#include "base/units.h"

static void test_filter_match_regex_table(void **state)
{
	static const struct { const char *pattern, *text; int want; } cases[] = {
		{ "web", "my-web-1", 1 }, { "web", "db", 0 }, { "^web", "my-web", 0 }, { "^web$", "web", 1 }, { "w.b", "wxb", 1 },
		{ "w\\.b", "wxb", 0 }, { "w\\.b", "w.b", 1 }, { "\\d+", "abc1", 1 }, { "\\d+", "abc", 0 }, { "^\\w+$", "a_1", 1 },
		{ "^\\w+$", "a-1", 0 }, { "a\\sb", "a b", 1 }, { "(?i)WEB", "web", 1 }, { "(?:a|b)c", "bc", 1 },
		{ "(?P<x>a)b", "ab", 1 }, { "a{2,3}", "aa", 1 }, { "a{2,3}", "a", 0 }, { "a{x}", "a{x}", 1 }, { "^[^a-c]+$", "xyz", 1 },
		{ "^[^a-c]+$", "xbz", 0 }, { "^[\\d\\-]+$", "1-2", 1 }, { "^[\\]x]+$", "]x", 1 }, { "[\\^]", "a^", 1 },
		{ "[\\w.]+$", "a.b", 1 }, { "\\Qa.b\\E", "a.b", 1 }, { "\\Qa.b\\E", "axb", 0 }, { "\\x41", "A", 1 }, { "a+?b", "aab", 1 },
		{ "\\bweb\\b", "a web b", 1 }, { "\\bweb\\b", "webs", 0 }, { "\\Aweb\\z", "web", 1 }, { "", "x", 1 }, { "a|", "zzz", 1 },
		{ "[[:alpha:]]+[0-9]", "ab1", 1 }, { "[a-]", "-", 1 }, { "}", "}", 1 }, { "^(web|db)-[0-9]{1,2}$", "db-12", 1 },
		{ "*web", "x", -1 }, { "a**", "x", -1 }, { "(a", "x", -1 }, { "[a", "x", -1 }, { "a\\", "x", -1 }, { "(a)\\1", "x", -1 },
		{ "(?=a)", "x", -1 }, { "a{2000}", "x", -1 }, { "((a{100}){100}){100}", "x", -1 }, { "\\pL", "x", -1 }, { "|*", "x", -1 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		int r = match_regex(cases[i].pattern, cases[i].text, &err);
		if (r != cases[i].want)
			fail_msg("%s on %s: %d, want %d (%s)", cases[i].pattern, cases[i].text, r, cases[i].want, err.text);
	}
}

static void test_filter_match_id(void **state)
{
	struct error err = {};

	assert_int_equal(match_id("abc", "abcdef", &err), 1);
	assert_int_equal(match_id("bcd", "abcdef", &err), 0);
	assert_int_equal(match_id("^ab.*f$", "abcdef", &err), 1);
	assert_int_equal(match_id("[", "abcdef", &err), -1);
}

static void test_filter_match_label_table(void **state)
{
	static const struct { const char *value; int want; } cases[] = {
		{ "app", 1 }, { "app=web", 1 }, { "app=", 1 }, { "app=db", 0 }, { "ap", 0 }, { "none", 0 }, { "a*", 1 }, { "*p=web", 1 },
		{ "io.x/y=a=b", 1 }, { "empty", 1 }, { "empty=x", 0 }, { "io.*", 1 },
	};
	struct error err = {};
	auto_strmap labels = {};

	assert_int_equal(strmap_set(&labels, "app", "web", &err), 0);
	assert_int_equal(strmap_set(&labels, "io.x/y", "a=b", &err), 0);
	assert_int_equal(strmap_set(&labels, "empty", "", &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (match_label(cases[i].value, &labels) != cases[i].want)
			fail_msg("%s: want %d", cases[i].value, cases[i].want);
}

struct thing {
	const char *name, *status;
	struct strmap labels;
};

static int thing_name(const void *object, const char *value, struct error *err)
{
	return match_regex(value, ((const struct thing *)object)->name, err);
}

static int thing_status(const void *object, const char *value, struct error *err)
{
	return streq(((const struct thing *)object)->status, value);
}

static int thing_label(const void *object, const char *value, struct error *err)
{
	return match_label(value, &((const struct thing *)object)->labels);
}

static int thing_not_label(const void *object, const char *value, struct error *err)
{
	return !thing_label(object, value, err);
}

static const struct filter_key keys[] = {
	{ "name", FILTER_REGEX, thing_name },
	{ "status", 0, thing_status },
	{ "label", FILTER_ALL, thing_label },
	{ "label!", FILTER_ALL, thing_not_label },
	{},
};

static void test_filters_combine(void **state)
{
	static const struct { const char *filters; int want; } cases[] = {
		{ "", 1 }, { "name=we", 1 }, { "name=db name=web", 1 }, { "name=db", 0 }, { "name=web status=exited", 0 },
		{ "name=web status=exited status=running", 1 }, { "label=a label=b", 1 }, { "label=a label=c", 0 },
		{ "label!=c", 1 }, { "label!=a", 0 }, { "label!=c label!=a", 0 }, { "label=a=1", 1 }, { "label=a=2", 0 },
	};
	struct error err = {};
	struct thing t = { .name = "web", .status = "running" };

	assert_int_equal(strmap_set(&t.labels, "a", "1", &err), 0);
	assert_int_equal(strmap_set(&t.labels, "b", "2", &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_strv texts = {};
		auto_filters f = {};
		if (*cases[i].filters)
			assert_int_equal(strv_split(&texts, cases[i].filters, ' ', &err), 0);
		assert_int_equal(filters_add_all(&f, keys, &texts, &err), 0);
		if (filters_match(&f, &t, &err) != cases[i].want)
			fail_msg("%s: want %d", cases[i].filters, cases[i].want);
	}
	strmap_done(&t.labels);
}

static void test_filters_add_refuses(void **state)
{
	struct error err = {};
	auto_filters f = {};

	assert_int_equal(filters_add(&f, keys, "colour=red", &err), -1);
	assert_string_equal(err.text, "colour is an invalid filter");
	assert_int_equal(filters_add(&f, keys, "name", &err), -1);
	assert_string_equal(err.text, "invalid filter \"name\": want key=value");
	assert_int_equal(filters_add(&f, keys, "name=[", &err), -1);
	assert_string_equal(err.text, "filter name=[: error parsing regexp: missing closing ]: `[`");
	assert_int_equal(filters_add(&f, keys, "name=x=y", &err), 0);
	assert_string_equal(filters_values(&f, "name")->v[0], "x=y");
	assert_null(filters_values(&f, "status"));
}

static void test_filter_time(void **state)
{
	struct error err = {};
	int64_t t = 0;

	assert_int_equal(filter_time("1h", &t, &err), 0);
	assert_true(time_now() - t >= 3600 * NSEC_PER_SEC && time_now() - t < 3700 * NSEC_PER_SEC);
	assert_int_equal(filter_time("never", &t, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter_match_regex_table), cmocka_unit_test(test_filter_match_id),
		cmocka_unit_test(test_filter_match_label_table), cmocka_unit_test(test_filters_combine),
		cmocka_unit_test(test_filters_add_refuses),	 cmocka_unit_test(test_filter_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
