/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/buf.h"
#include "base/str.h"

static void test_strv_grows_and_shrinks(void **state)
{
	struct error err = {};
	auto_strv l = {};

	for (int round = 0; round < 3; round++) {
		while (l.n < 70)
			assert_int_equal(strv_addf(&l, &err, "%zu", l.n), 0);
		while (l.n > (size_t)round)
			strv_remove(&l, l.n / 2);
		assert_true(!l.v || l.v[l.n] == NULL);
	}
}

static void test_strv_split_and_join(void **state)
{
	static const struct { const char *text; size_t n; } cases[] = { { "", 1 }, { "a", 1 }, { "a,b", 2 }, { ",", 2 }, { "a,,b,", 4 } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		auto_strv l = {};
		assert_int_equal(strv_split(&l, cases[i].text, ',', &err), 0);
		assert_int_equal(l.n, cases[i].n);
		autofree char *again = strv_join(&l, ",");
		assert_string_equal(again, cases[i].text);
	}
}

static void test_strv_env_sets_in_place(void **state)
{
	struct error err = {};
	auto_strv env = {};

	assert_int_equal(strv_env_set(&env, "A", "1", &err), 0);
	assert_int_equal(strv_env_set(&env, "AB", "2", &err), 0);
	assert_int_equal(strv_env_set(&env, "A", "x=y", &err), 0);
	assert_int_equal(env.n, 2);
	assert_string_equal(strv_env_get(&env, "A"), "x=y");
	strv_env_unset(&env, "A");
	assert_null(strv_env_get(&env, "A"));
	assert_string_equal(strv_env_get(&env, "AB"), "2");
}

static void test_strmap_replaces_and_removes(void **state)
{
	struct error err = {};
	auto_strmap m = {}, copy = {};

	assert_int_equal(strmap_add_pair(&m, "a=1=2", &err), 0);
	assert_int_equal(strmap_add_pair(&m, "b", &err), 0);
	assert_int_equal(strmap_set(&m, "a", "3", &err), 0);
	assert_int_equal(strmap_copy(&copy, &m, &err), 0);
	assert_string_equal(strmap_get(&copy, "a"), "3");
	assert_string_equal(strmap_get(&copy, "b"), "");
	assert_int_equal(strmap_set(&copy, "A", "", &err), 0);
	strmap_sort(&copy);
	assert_string_equal(copy.v[0].key, "A");
	assert_string_equal(copy.v[2].key, "b");
	assert_true(strmap_remove(&m, "a"));
	assert_false(strmap_remove(&m, "a"));
	assert_int_equal(m.n, 1);
}

static void test_str_numbers_table(void **state)
{
	static const struct { const char *text; bool i64, u64, u32, mode; } cases[] = {
		{ "0", true, true, true, true }, { "7", true, true, true, true }, { "0755", true, true, true, true },
		{ "8", true, true, true, false }, { "-1", true, false, false, false }, { "+1", true, false, false, false },
		{ "4294967295", true, true, true, false }, { "4294967296", true, true, false, false },
		{ "9223372036854775807", true, true, false, false }, { "9223372036854775808", false, true, false, false },
		{ "-9223372036854775808", true, false, false, false }, { "-9223372036854775809", false, false, false, false },
		{ "18446744073709551615", false, true, false, false }, { "18446744073709551616", false, false, false, false },
		{ "", false, false, false, false }, { "-", false, false, false, false }, { " 1", false, false, false, false },
		{ "1 ", false, false, false, false }, { "0x1", false, false, false, false }, { "10000", true, true, true, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t a;
		uint64_t b;
		uint32_t c, d;
		const char *s = cases[i].text;
		if (parse_i64(s, &a) != cases[i].i64 || parse_u64(s, &b) != cases[i].u64 || parse_u32(s, &c) != cases[i].u32 ||
		    parse_mode(s, &d) != cases[i].mode)
			fail_msg("%s", s);
	}
	int64_t least;
	assert_true(parse_i64("-9223372036854775808", &least) && least == INT64_MIN);
	uint32_t mode;
	assert_true(parse_mode("1777", &mode) && mode == 01777);
	bool yes = false;
	assert_true(parse_bool("TRUE", &yes) && yes);
	assert_false(parse_bool("yes", &yes));
}

static void test_str_utf8_table(void **state)
{
	static const struct { const char *text; size_t len; uint32_t rune; } cases[] = {
		{ "a", 1, 'a' }, { "\xc3\xa9", 2, 0xe9 }, { "\xe2\x82\xac", 3, 0x20ac }, { "\xf0\x9f\x98\x80", 4, 0x1f600 },
		{ "\xf4\x8f\xbf\xbf", 4, 0x10ffff }, { "\xed\x9f\xbf", 3, 0xd7ff },
		{ "\x80", 0, 0xfffd }, { "\xc0\x80", 0, 0xfffd }, { "\xc1\xbf", 0, 0xfffd }, { "\xe0\x80\x80", 0, 0xfffd },
		{ "\xed\xa0\x80", 0, 0xfffd }, { "\xf0\x80\x80\x80", 0, 0xfffd }, { "\xf4\x90\x80\x80", 0, 0xfffd },
		{ "\xf5\x80\x80\x80", 0, 0xfffd }, { "\xe2\x82", 0, 0xfffd }, { "\xc3", 0, 0xfffd }, { "\xff", 0, 0xfffd },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = utf8_length(cases[i].text, strlen(cases[i].text));
		assert_int_equal(n, cases[i].len);
		assert_int_equal(utf8_decode(cases[i].text, n), cases[i].rune);
		if (n) {
			auto_buf out = BUF_INIT(16);
			buf_add_rune(&out, cases[i].rune);
			assert_string_equal(out.data, cases[i].text);
		}
	}
	assert_int_equal(utf8_count("h\xc3\xa9\xff!", 5), 4);
}

static void test_str_random_ids_differ(void **state)
{
	struct error err = {};
	char a[65], b[65];

	assert_int_equal(random_id(a, &err), 0);
	assert_int_equal(random_id(b, &err), 0);
	assert_int_equal(strspn(a, "0123456789abcdef"), 64);
	assert_string_not_equal(a, b);
}

static void test_str_distance_table(void **state)
{
	static const struct { const char *a, *b; size_t d; } cases[] = {
		{ "", "", 0 }, { "", "ab", 2 }, { "run", "RUN", 0 }, { "rnu", "RUN", 1 }, { "cpy", "copy", 1 }, { "copyy", "copy", 1 },
		{ "kitten", "sitting", 3 }, { "ab", "ba", 1 }, { "abc", "", 3 },
		{ "0123456789012345678901234567890123456789012345678901234567890123", "x", SIZE_MAX },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(str_distance(cases[i].a, cases[i].b), cases[i].d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strv_grows_and_shrinks),	   cmocka_unit_test(test_strv_split_and_join),
		cmocka_unit_test(test_strv_env_sets_in_place),	   cmocka_unit_test(test_strmap_replaces_and_removes),
		cmocka_unit_test(test_str_numbers_table),	   cmocka_unit_test(test_str_utf8_table),
		cmocka_unit_test(test_str_random_ids_differ),
		cmocka_unit_test(test_str_distance_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
