/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include "base/test.h"
#include "base/units.h"

static void test_text_size_when_large_and_small(void **state)
{
	static const struct { int64_t bytes; int digits; const char *between, *text; } cases[] = {
		{ 0, 3, " ", "0 B" },           { 999, 3, " ", "999 B" },      { 1000, 3, "", "1kB" },
		{ 7763000, 3, " ", "7.76 MB" }, { 15200435, 4, "", "15.2MB" }, { 1985408, 4, "", "1.985MB" },
		{ INT64_C(3000000000), 3, " ", "3 GB" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[32];
		assert_string_equal(text_size(cases[i].bytes, cases[i].digits, cases[i].between, text), cases[i].text);
	}
}

static void test_text_times_when_known_and_unknown(void **state)
{
	char ago[56], at[40];
	(void)state;

	assert_string_equal(text_ago(0, ago), "N/A");
	assert_string_equal(text_ago(time_now() - 300 * NSEC_PER_SEC, ago), "5 minutes ago");
	assert_string_equal(text_utc(1728650096, at), "2024-10-11 12:34:56 +0000 UTC");
	assert_string_equal(text_rfc3339(1728650096, at), "2024-10-11T12:34:56Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_size_when_large_and_small),
		cmocka_unit_test(test_text_times_when_known_and_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
