/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <time.h>

#include "base/str.h"
#include "base/units.h"

#define MS INT64_C(1000000)
#define S NSEC_PER_SEC
#define M (60 * S)
#define H (60 * M)
#define BAD (INT64_MIN + 7)   /* no case has this value */

static void test_duration_parse_table(void **state)
{
	static const struct { const char *text; int64_t ns; } cases[] = {
		{ "0", 0 }, { "+0", 0 }, { "-0", 0 }, { "5s", 5 * S }, { "+5s", 5 * S }, { "-5s", -5 * S },
		{ "5.0s", 5 * S }, { "5.6s", 5 * S + 600 * MS }, { "5.s", 5 * S }, { ".5s", 500 * MS },
		{ "1.0s", S }, { "1.00s", S }, { "1.004s", S + 4 * MS }, { "100.00100s", 100 * S + MS },
		{ "10ns", 10 }, { "11us", 11000 }, { "12\xc2\xb5s", 12000 }, { "12\xce\xbcs", 12000 }, { "13ms", 13 * MS },
		{ "14s", 14 * S }, { "15m", 15 * M }, { "16h", 16 * H }, { "3h30m", 3 * H + 30 * M },
		{ "10.5s4m", 4 * M + 10 * S + 500 * MS }, { "-2m3.4s", -(2 * M + 3 * S + 400 * MS) },
		{ "1h2m3s4ms5us6ns", H + 2 * M + 3 * S + 4 * MS + 5006 },
		{ "39h9m14.425s", 39 * H + 9 * M + 14 * S + 425 * MS },
		{ "52763797000ns", 52763797000 }, { "0.3333333333333333333h", 20 * M },
		{ "9007199254740993ns", 9007199254740993 },   /* 2^53 + 1 */
		{ "9223372036854775807ns", INT64_MAX }, { "9223372036854775.807us", INT64_MAX },
		{ "9223372036s854ms775us807ns", INT64_MAX }, { "-9223372036854775808ns", INT64_MIN },
		{ "0.100000000000000000000h", 6 * M }, { "0.830103483285477580700h", 49 * M + 48 * S + 372539827 },
		{ "", BAD }, { "3", BAD }, { "-", BAD }, { "s", BAD }, { ".", BAD }, { "-.", BAD }, { ".s", BAD },
		{ "+.s", BAD }, { "1d", BAD }, { "3000000h", BAD }, { "9223372036854775808ns", BAD },
		{ "9223372036854775.808us", BAD }, { "9223372036854ms775us808ns", BAD }, { " 5s", BAD }, { "5s ", BAD },
		{ "0x5s", BAD }, { "5S", BAD }, { "infs", BAD }, { "1e3s", BAD },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		int64_t ns = BAD;
		int r = duration_parse(cases[i].text, &ns, &err);
		if (ns != cases[i].ns || (r < 0) != (cases[i].ns == BAD))
			fail_msg("%s: %lld, want %lld", cases[i].text, (long long)ns, (long long)cases[i].ns);
	}
}

static void test_duration_format_table(void **state)
{
	static const struct { int64_t ns; const char *text; } cases[] = {
		{ 0, "0s" }, { 1, "1ns" }, { 1100, "1.1\xc2\xb5s" }, { 2200 * 1000, "2.2ms" }, { 3300 * MS, "3.3s" },
		{ 4 * M + 5 * S, "4m5s" }, { 4 * M + 5001 * MS, "4m5.001s" }, { 5 * H + 6 * M + 7001 * MS, "5h6m7.001s" },
		{ 8 * M + 1, "8m0.000000001s" }, { H, "1h0m0s" }, { -H, "-1h0m0s" }, { 250 * MS, "250ms" },
		{ INT64_MAX, "2562047h47m16.854775807s" }, { INT64_MIN, "-2562047h47m16.854775808s" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[40];
		assert_string_equal(duration_format(cases[i].ns, out), cases[i].text);
	}
}

static void test_duration_human_table(void **state)
{
	static const int64_t day = 24 * H, week = 7 * day, year = 365 * day;
	const struct { int64_t ns; const char *text; } cases[] = {
		{ 450 * MS, "Less than a second" }, { S, "1 second" }, { 47 * S, "47 seconds" }, { M, "About a minute" },
		{ 3 * M + 46 * S, "3 minutes" }, { 35 * M, "35 minutes" }, { H, "About an hour" }, { H + 45 * M, "2 hours" },
		{ 3 * H + 29 * M, "3 hours" }, { 3 * H + 30 * M, "4 hours" }, { 47 * H, "47 hours" }, { 48 * H, "2 days" },
		{ 2 * day + 12 * H, "2 days" }, { week, "7 days" }, { 13 * day + 5 * H, "13 days" }, { 2 * week, "2 weeks" },
		{ 2 * week + 4 * day, "2 weeks" }, { 60 * day, "2 months" }, { 90 * day, "3 months" },
		{ 2 * year - 1 * day, "24 months" }, { 2 * year, "2 years" }, { -5 * S, "Less than a second" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[40];
		assert_string_equal(duration_human(cases[i].ns, out), cases[i].text);
	}
}

static void test_size_parse_table(void **state)
{
	static const struct { const char *text; int64_t bytes; } cases[] = {
		{ "0", 0 }, { "32", 32 }, { "32b", 32 }, { "32B", 32 }, { "32k", 32768 }, { "32K", 32768 }, { "32kb", 32768 },
		{ "32Kb", 32768 }, { "32KiB", 32768 }, { "32Mb", 32 << 20 }, { "32Gb", INT64_C(32) << 30 },
		{ "32Tb", INT64_C(32) << 40 }, { "32Pb", INT64_C(32) << 50 }, { "32 MB", 32 << 20 }, { "32.5kB", 33280 },
		{ "32.3 kB", 33075 }, { "0.3K", 307 }, { "1.5gib", INT64_C(3) << 29 }, { ".5k", 512 }, { "65536k", 65536 << 10 },
		{ "", BAD }, { "hello", BAD }, { "-32", BAD }, { "32bb", BAD }, { "32m b", BAD }, { "32bm", BAD }, { "22 ii", BAD },
		{ "32e", BAD }, { "0x20", BAD }, { "inf", BAD }, { "nan", BAD }, { "9000p", BAD }, { "1ki", BAD }, { " 1", BAD },
		{ "32  k", BAD }, { "1kibb", BAD },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		int64_t n = BAD;
		int r = size_parse(cases[i].text, &n, &err);
		if (n != cases[i].bytes || (r < 0) != (cases[i].bytes == BAD))
			fail_msg("%s: %lld, want %lld", cases[i].text, (long long)n, (long long)cases[i].bytes);
	}
}

static void test_size_format_table(void **state)
{
	static const struct { int64_t bytes; const char *human, *binary; } cases[] = {
		{ 0, "0B", "0B" }, { 999, "999B", "999B" }, { 1000, "1kB", "1000B" }, { 1024, "1.024kB", "1KiB" },
		{ 1230000, "1.23MB", "1.173MiB" }, { 1000000, "1MB", "976.6KiB" }, { INT64_C(3420000000), "3.42GB", "3.185GiB" },
		{ INT64_C(5370000000000), "5.37TB", "4.884TiB" }, { INT64_C(2220000000000000), "2.22PB", "1.972PiB" },
		{ 1048576, "1.049MB", "1MiB" }, { 8 << 20, "8.389MB", "8MiB" }, { -5, "-5B", "-5B" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[24];
		assert_string_equal(size_format(cases[i].bytes, out), cases[i].human);
		assert_string_equal(size_format_binary(cases[i].bytes, out), cases[i].binary);
	}
}

static const int64_t noon = INT64_C(1136214245) * S;   /* 2006-01-02T15:04:05Z */

static void test_time_format_table(void **state)
{
	static const struct { const char *tz; int64_t add; const char *rfc3339, *go; } cases[] = {
		{ "UTC", 0, "2006-01-02T15:04:05Z", "2006-01-02 15:04:05 +0000 UTC" },
		{ "UTC", 1, "2006-01-02T15:04:05.000000001Z", "2006-01-02 15:04:05.000000001 +0000 UTC" },
		{ "UTC", 120 * MS, "2006-01-02T15:04:05.12Z", "2006-01-02 15:04:05.12 +0000 UTC" },
		{ "MST7", 0, "2006-01-02T08:04:05-07:00", "2006-01-02 08:04:05 -0700 MST" },
		{ "XXX-5:30", 0, "2006-01-02T20:34:05+05:30", "2006-01-02 20:34:05 +0530 XXX" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[64];
		setenv("TZ", cases[i].tz, 1);
		tzset();
		assert_string_equal(time_format_rfc3339(noon + cases[i].add, out), cases[i].rfc3339);
		assert_string_equal(time_format_go(noon + cases[i].add, out), cases[i].go);
	}
	char out[48];
	setenv("TZ", "UTC", 1);
	tzset();
	assert_string_equal(time_format_rfc3339(-1, out), "1969-12-31T23:59:59.999999999Z");
}

static void test_time_parse_table(void **state)
{
	static const int64_t now = INT64_C(1700000000) * S;
	static const struct { const char *text; int64_t ns; } cases[] = {
		{ "2006-01-02T15:04:05Z", noon }, { "2006-01-02T15:04:05.5Z", noon + 500 * MS },
		{ "2006-01-02T15:04:05.123456789123+00:00", noon + 123456789 }, { "2006-01-02T08:04:05-07:00", noon },
		{ "2006-01-02T20:34:05+05:30", noon }, { "2006-01-02T17:04:05", noon }, { "2006-01-02T17:04", noon - 5 * S },
		{ "2006-01-02T17", noon - 5 * S - 4 * M }, { "2006-01-02T15Z", noon - 5 * S - 4 * M },
		{ "2006-01-02", noon - 5 * S - 4 * M - 17 * H }, { "2006-01-02Z", noon - 5 * S - 4 * M - 15 * H },
		{ "1136214245", noon }, { "1136214245.000000001", noon + 1 }, { "1136214245.5", noon + 500 * MS }, { "0", 0 },
		{ "10m", now - 10 * M }, { "1h30m", now - H - 30 * M }, { "-10m", now + 10 * M }, { "-1", -S },
		{ "2000-02-29", INT64_C(951775200) * S }, { "1969-12-31T23:59:59Z", -S },
		{ "2001-02-29", BAD }, { "2006-13-02", BAD }, { "2006-01-32", BAD }, { "2006-00-10", BAD }, { "06-01-02", BAD },
		{ "2006-01-02T25:00:00Z", BAD }, { "2006-01-02T15:04:05.Z", BAD }, { "2006-01-02T15:04:05Zx", BAD },
		{ "yesterday", BAD }, { "", BAD }, { "1.2.3", BAD }, { "99999999999999999999", BAD }, { "9999-12-31", BAD },
		{ "2006-01-02T15:04:05+0700", BAD },
	};

	setenv("TZ", "EET-2", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {};
		int64_t ns = BAD;
		int r = time_parse(cases[i].text, now, &ns, &err);
		if (ns != cases[i].ns || (r < 0) != (cases[i].ns == BAD))
			fail_msg("%s: %lld, want %lld", cases[i].text, (long long)ns, (long long)cases[i].ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duration_parse_table), cmocka_unit_test(test_duration_format_table),
		cmocka_unit_test(test_duration_human_table), cmocka_unit_test(test_size_parse_table),
		cmocka_unit_test(test_size_format_table),    cmocka_unit_test(test_time_format_table),
		cmocka_unit_test(test_time_parse_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
