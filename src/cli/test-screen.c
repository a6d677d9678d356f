/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include "base/str.h"
#include "cli/stats-screen.h"

static struct stats_row row(char *name, double cpu)
{
	struct stats_row r = { .name = name, .s = { .cpu = cpu, .memory = 50000000, .memory_limit = 100000000, .memory_percent = 50,
						    .pids = 3, .cpu_ns = UINT64_C(1234567891) }, .past = { 0, 50 }, .n_past = 2 };

	snprintf(r.id, sizeof(r.id), "0123456789abcdef");
	snprintf(r.pod, sizeof(r.pod), "fedcba9876543210");
	r.past[1] = (float)cpu;
	return r;
}

/* Every line within the window, whatever its size. */
static void test_stats_frame_fits_any_window(void **state)
{
	char name[] = "a-container-with-a-rather-long-name", second[] = "b";
	const struct stats_row rows[] = { row(name, 12.345), row(second, 99), row(second, 0) };

	(void)state;
	for (int columns = 1; columns < 220; columns++)
		for (int lines = 1; lines < 8; lines++) {
			const struct screen_look look = { .columns = columns, .lines = lines, .unicode = columns % 2 };
			auto_buf out = BUF_INIT(1 << 20);
			int n = 0;
			stats_frame(&out, &look, rows, ARRAY_LEN(rows), columns % 3 == 0);
			for (const char *p = out.data, *nl; (nl = strchr(p, '\n')); p = nl + 1, n++)
				assert_true(utf8_count(p, (size_t)(nl - p)) <= (size_t)columns);
			assert_true(n < lines || lines < 4);
		}
}

static void test_stats_frame_shows_more_where_there_is_room(void **state)
{
	static const struct { int columns; const char *has, *has_not; } cases[] = {
		{ 24, "CPU %", "MEM" }, { 33, "MEM %", "LIMIT" }, { 60, "MEM USAGE / LIMIT", "NET" }, { 110, "NET IO", "AVG" },
		{ 200, "AVG CPU %", "POD" },
	};
	char name[] = "web";
	const struct stats_row one = row(name, 12.345);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct screen_look look = { .columns = cases[i].columns, .lines = 24 };
		auto_buf out = BUF_INIT(1 << 20);
		stats_frame(&out, &look, &one, 1, false);
		if (!strstr(out.data, cases[i].has) || strstr(out.data, cases[i].has_not) || !strstr(out.data, "12.35%"))
			fail_msg("%d columns:\n%s", cases[i].columns, out.data);
	}
}

static void test_stats_frame_counts_what_finds_no_line(void **state)
{
	const struct screen_look look = { .columns = 80, .lines = 6, .color = true };
	struct stats_row rows[9];
	auto_buf out = BUF_INIT(1 << 20);
	char name[] = "x";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		rows[i] = row(name, 1);
	stats_frame(&out, &look, rows, ARRAY_LEN(rows), false);
	assert_non_null(strstr(out.data, "and 6 more"));
	assert_non_null(strstr(out.data, "\033[32m"));
}

static void test_pieces(void **state)
{
	const struct screen_look plain = { .columns = 5, .lines = 3 }, nice = { .columns = 5, .lines = 3, .unicode = true };
	const float values[] = { 0, 0.5f, 1, 2 };
	auto_buf out = BUF_INIT(1 << 20);

	(void)state;
	screen_bar(&out, &plain, 0.5, 4);
	screen_bar(&out, &nice, 0.5625, 4);
	screen_curve(&out, &plain, values, 4, 6);
	screen_curve(&out, &nice, values, 4, 3);
	screen_text(&out, &plain, "abcdef", 4);
	screen_text(&out, &nice, "ab\x1b", 4);
	screen_cut_lines(&out, &plain, "1234567\nab\nzzz", 14);
	assert_string_equal(out.data, "##--██▎   _=##▅██abc+ab? 12345\nab\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stats_frame_fits_any_window), cmocka_unit_test(test_stats_frame_shows_more_where_there_is_room),
		cmocka_unit_test(test_stats_frame_counts_what_finds_no_line), cmocka_unit_test(test_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
