/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/str.h"
#include "base/units.h"
#include "engine/log-file.h"
#include "engine/log-line.h"
#include "engine/logs-impl.h"

#include <cmocka.h>   /* last: it defines fail() */

/* ---- one line ---- */

static void test_log_line_fields_when_well_formed(void **state)
{
	static const struct {
		const char *line, *text, *time;
		bool is_stderr, partial;
	} cases[] = {
		{ "2026-11-22T10:00:00.123456789+01:00 stdout F hello  world", "hello  world",
		  "2026-11-22T10:00:00.123456789+01:00", false, false },
		{ "2026-11-22T10:00:00.5Z stderr P part", "part", "2026-11-22T10:00:00.500000000Z", true, true },
		{ "2026-02-28T23:59:59-00:30 stdout F ", "", "2026-02-28T23:59:59.000000000-00:30", false, false },
		{ "{\"log\":\"a\\\"b\\n\",\"stream\":\"stderr\",\"time\":\"2024-02-29T00:00:00.000000001Z\"}", "a\"b",
		  "2024-02-29T00:00:00.000000001Z", true, false },
		{ "{\"log\":\"no end\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:00Z\"}", "no end",
		  "1970-01-01T00:00:00.000000000Z", false, true },
	};
	auto_buf scratch = BUF_INIT(4096);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct log_line l;
		char stamp[40];

		assert_int_equal(log_line_parse(cases[i].line, strlen(cases[i].line), &scratch, &l), 1);
		assert_int_equal(l.len, strlen(cases[i].text));
		assert_memory_equal(l.text, cases[i].text, l.len);
		assert_string_equal(log_time_format(l.time_ns, l.offset_s, stamp), cases[i].time);
		assert_int_equal(l.is_stderr, cases[i].is_stderr);
		assert_int_equal(l.partial, cases[i].partial);
	}
}

static void test_log_line_refused_when_garbage(void **state)
{
	static const char *const cases[] = {
		"",
		"hello",
		"2026-11-22T10:00:00Z",
		"2026-11-22T10:00:00Z stdout",
		"2026-11-22T10:00:00Z stdout F",
		"2026-11-22T10:00:00Z stdfoo F x",
		"2026-11-22T10:00:00Z stdout X x",
		"2026-13-22T10:00:00Z stdout F x",
		"2026-11-22 10:00:00Z stdout F x",
		"2026-11-22T10:00:00.Z stdout F x",
		"2026-11-22T10:00:00+1:00 stdout F x",
		"{",
		"{}",
		"[]",
		"{\"log\":1,\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:00Z\"}",
		"{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"yesterday\"}",
	};
	auto_buf scratch = BUF_INIT(4096);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct log_line l;
		assert_int_equal(log_line_parse(cases[i], strlen(cases[i]), &scratch, &l), 0);
	}
}

static void test_log_line_print_when_styled(void **state)
{
	const struct log_line full = { .time_ns = 1500000000, .text = "x", .len = 1 };
	const struct log_line part = { .time_ns = 1500000000, .text = "x", .len = 1, .partial = true };
	const struct {
		struct log_style style;
		const struct log_line *line;
		const char *want;
	} cases[] = {
		{ {}, &full, "x\n" },
		{ {}, &part, "x" },
		{ { .timestamps = true }, &full, "1970-01-01T00:00:01.500000000Z x\n" },
		{ { .prefix = "web", .timestamps = true }, &full, "web 1970-01-01T00:00:01.500000000Z x\n" },
		{ { .prefix = "web", .colour = true, .colour_number = 8 }, &full, "\033[31mweb x\033[0m\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf out = BUF_INIT(4096);
		log_line_print(cases[i].line, &cases[i].style, &out);
		assert_string_equal(out.data, cases[i].want);
	}
}

/* ---- files ---- */

#define STAMP "2026-11-22T10:00:00.000000000Z stdout F "
#define PART "2026-11-22T10:00:00.000000000Z stdout P "

struct scratch {
	char dir[64], path[96];
};

static void scratch_make(struct scratch *s)
{
	*s = (struct scratch){ .dir = "/tmp/umiak-test-logs-XXXXXX" };
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/ctr.log", s->dir);
}

static void scratch_done(struct scratch *s)
{
	struct error e;

	assert_int_equal(logs_remove(s->path, &e), 0);
	assert_int_equal(rmdir(s->dir), 0);
}

static void append(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void append_suffix(const struct scratch *s, const char *suffix, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", s->path, suffix);
	append(path, text);
}

/* Collects "text," of every line. */
struct seen {
	struct buf text;
	size_t lines;
};

static int see(void *arg, size_t source, const struct log_line *l, struct error *err)
{
	struct seen *s = arg;

	buf_add(&s->text, l->text, l->len);
	buf_add_char(&s->text, l->partial ? '~' : ',');
	__atomic_add_fetch(&s->lines, 1, __ATOMIC_RELAXED);
	return 0;
}

static void expect(const struct logs_source *source, const struct logs_options *o, const char *want)
{
	struct seen s = { .text = BUF_INIT(1 << 20) };
	const struct logs_output out = { .line = see, .arg = &s };
	struct error e = {};

	if (logs_read(source, 1, o, &out, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(s.text.len ? s.text.data : "", want);
	buf_done(&s.text);
}

static void test_logs_read_when_rotated(void **state)
{
	struct scratch s;

	scratch_make(&s);
	struct logs_source source = { .id = "x", .driver = LOGS_FILE, .path = s.path, .wake_fd = -1 };
	append_suffix(&s, ".2", STAMP "1\n" STAMP "2\n");
	append_suffix(&s, ".1", STAMP "3\n" PART "4a\n");
	append_suffix(&s, "", STAMP "4b\ngarbage\n" STAMP "5\n" STAMP "torn");
	static const struct {
		int64_t tail;
		const char *want;
	} cases[] = { { -1, "1,2,3,4a~4b,5,torn," }, { 0, "" },      { 1, "torn," }, { 2, "5,torn," },
		      { 3, "4a~4b,5,torn," },        { 4, "3,4a~4b,5,torn," }, { 5, "2,3,4a~4b,5,torn," },
		      { 6, "1,2,3,4a~4b,5,torn," },  { 100, "1,2,3,4a~4b,5,torn," } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect(&source, &(struct logs_options){ .tail = cases[i].tail, .stop_fd = -1 }, cases[i].want);
	scratch_done(&s);
}

static void test_logs_tail_when_last_line_is_partial(void **state)
{
	struct scratch s;

	scratch_make(&s);
	struct logs_source source = { .id = "x", .driver = LOGS_FILE, .path = s.path, .wake_fd = -1 };
	append(s.path, STAMP "1\r\n" PART "2\n" STAMP "\r\n" STAMP "3\r\n" PART "4\n");
	expect(&source, &(struct logs_options){ .tail = 1, .stop_fd = -1 }, "4~");
	expect(&source, &(struct logs_options){ .tail = 2, .stop_fd = -1 }, "3\r,4~");
	expect(&source, &(struct logs_options){ .tail = 3, .stop_fd = -1 }, "2~\r,3\r,4~");
	scratch_done(&s);
}

static void test_logs_times_when_since_and_until(void **state)
{
	struct scratch s;
	int64_t at;
	struct error e;

	scratch_make(&s);
	struct logs_source source = { .id = "x", .driver = LOGS_FILE, .path = s.path, .wake_fd = -1 };
	append(s.path,
	       "2026-11-22T10:00:00Z stdout F a\n2026-11-22T10:00:01Z stdout F b\n2026-11-22T10:00:02Z stdout F c\n");
	assert_int_equal(time_parse("2026-11-22T10:00:01Z", 0, &at, &e), 0);
	expect(&source, &(struct logs_options){ .tail = -1, .since_ns = at, .stop_fd = -1 }, "c,");
	expect(&source, &(struct logs_options){ .tail = -1, .until_ns = at, .stop_fd = -1 }, "a,");
	scratch_done(&s);
}

static void test_logs_empty_when_there_is_no_file(void **state)
{
	struct logs_source source = { .id = "x", .driver = LOGS_FILE, .path = "/tmp/umiak-no-such-log", .wake_fd = -1 };

	expect(&source, &(struct logs_options){ .tail = -1, .stop_fd = -1 }, "");
	expect(&source, &(struct logs_options){ .tail = 5, .stop_fd = -1 }, "");
	expect(&source, &(struct logs_options){ .tail = -1, .follow = true, .stop_fd = -1 }, "");
}

static void test_logs_long_lines_when_skipped(void **state)
{
	struct scratch s;
	autofree char *big = malloc(LOG_FILE_LINE_MAX + 200000);

	scratch_make(&s);
	struct logs_source source = { .id = "x", .driver = LOGS_FILE, .path = s.path, .wake_fd = -1 };
	memset(big, 'x', LOG_FILE_LINE_MAX + 199999);
	big[LOG_FILE_LINE_MAX + 199999] = 0;
	append(s.path, STAMP "1\n" STAMP);
	append(s.path, big);
	append(s.path, "\n" STAMP "2\n");
	expect(&source, &(struct logs_options){ .tail = -1, .stop_fd = -1 }, "1,2,");
	expect(&source, &(struct logs_options){ .tail = 2, .stop_fd = -1 }, "1,2,");
	scratch_done(&s);
}

/* ---- follow ---- */

struct writer {
	const struct scratch *s;
	volatile bool running;
	int lines;
	struct seen *reader;
};

static bool is_running(void *arg)
{
	return ((struct writer *)arg)->running;
}

static void rotate(const char *path)
{
	char from[128], to[128];

	for (int i = 3; i > 0; i--) {
		snprintf(from, sizeof(from), i == 1 ? "%s" : "%s.%d", path, i - 1);
		snprintf(to, sizeof(to), "%s.%d", path, i);
		rename(from, to);
	}
}

/* Who is more than the kept files behind has lost lines by right: on a busy machine the reader is waited for. */
static void wait_for_reader(const struct writer *w, size_t lines)
{
	for (int i = 0; i < 60000 && __atomic_load_n(&w->reader->lines, __ATOMIC_RELAXED) < lines; i++)
		usleep(1000);
}

/* As the monitor does: append, rotate now and then; the reader must see every line once and in order. */
static void *write_lines(void *arg)
{
	struct writer *w = arg;

	for (int i = 0; i < w->lines; i++) {
		char line[96];
		snprintf(line, sizeof(line), STAMP "%d\n", i);
		append(w->s->path, line);
		if (i % 50 == 49) {
			wait_for_reader(w, (size_t)i - 49);
			rotate(w->s->path);
		}
		if (i % 5 == 0)
			usleep(500);
	}
	w->running = false;
	return NULL;
}

static void test_logs_follow_when_rotating(void **state)
{
	struct scratch s;
	struct seen seen = { .text = BUF_INIT(1 << 20) };
	struct writer w = { .s = &s, .running = true, .lines = 1000, .reader = &seen };
	const struct logs_output out = { .line = see, .arg = &seen };
	auto_buf want = BUF_INIT(1 << 20);
	struct error e = {};
	pthread_t thread;

	scratch_make(&s);
	struct logs_source source = {
		.id = "x", .driver = LOGS_FILE, .path = s.path, .is_running = is_running, .arg = &w, .wake_fd = -1};
	assert_int_equal(pthread_create(&thread, NULL, write_lines, &w), 0);
	assert_int_equal(
		logs_read(&source, 1, &(struct logs_options){.tail = -1, .follow = true, .stop_fd = -1}, &out, &e), 0);
	pthread_join(thread, NULL);
	for (int i = 0; i < w.lines; i++)
		buf_addf(&want, "%d,", i);
	assert_string_equal(seen.text.data, want.data);
	buf_done(&seen.text);
	scratch_done(&s);
}

static void *truncate_later(void *arg)
{
	struct writer *w = arg;

	usleep(100000);
	assert_int_equal(truncate(w->s->path, 0), 0);
	append(w->s->path, STAMP "new\n");
	usleep(100000);
	w->running = false;
	return NULL;
}

static void test_logs_follow_when_truncated(void **state)
{
	struct scratch s;
	struct writer w = { .s = &s, .running = true };
	struct seen seen = { .text = BUF_INIT(1 << 20) };
	const struct logs_output out = { .line = see, .arg = &seen };
	struct error e = {};
	pthread_t thread;

	scratch_make(&s);
	struct logs_source source = {
		.id = "x", .driver = LOGS_FILE, .path = s.path, .is_running = is_running, .arg = &w, .wake_fd = -1};
	append(s.path, STAMP "old\n" STAMP "older\n");
	assert_int_equal(pthread_create(&thread, NULL, truncate_later, &w), 0);
	assert_int_equal(
		logs_read(&source, 1, &(struct logs_options){.tail = -1, .follow = true, .stop_fd = -1}, &out, &e), 0);
	pthread_join(thread, NULL);
	assert_string_equal(seen.text.data, "old,older,new,");
	buf_done(&seen.text);
	scratch_done(&s);
}

static void test_logs_follow_ends_when_until_passes(void **state)
{
	struct scratch s;
	struct writer w = { .s = &s, .running = true };
	int64_t begin = time_monotonic();

	scratch_make(&s);
	struct logs_source source = {
		.id = "x", .driver = LOGS_FILE, .path = s.path, .is_running = is_running, .arg = &w, .wake_fd = -1};
	append(s.path, "2020-01-01T00:00:00Z stdout F a\n");
	expect(&source,
	       &(struct logs_options){.tail = -1, .follow = true, .until_ns = time_now() + 200000000, .stop_fd = -1},
	       "a,");
	assert_in_range(time_monotonic() - begin, 150000000, 2000000000);
	scratch_done(&s);
}

/* ---- journal ---- */

static void test_logs_journal_entries_when_exported(void **state)
{
	static const char text[] =
		"__CURSOR=x\n__REALTIME_TIMESTAMP=1500000000000000\nPRIORITY=3\nMESSAGE\n"
		"\x05\0\0\0\0\0\0\0a\nb\0c\nOTHER=1\n\n"
		"__REALTIME_TIMESTAMP=1500000000000001\nPRIORITY=6\nCONTAINER_PARTIAL_MESSAGE=true\nMESSAGE=hi\n\n"
		"NOTHING=1\n\n__REALTIME_TIMESTAMP=15";
	size_t len = sizeof(text) - 1, used = 0, n;
	struct log_line l;

	n = journal_entry_length(text, len);
	assert_true(n > 0 && logs_journal_parse(text, n, &l) && l.is_stderr && !l.partial);
	assert_int_equal(l.len, 5);
	assert_memory_equal(l.text, "a\nb\0c", 5);
	assert_true(l.time_ns == INT64_C(1500000000000000000));
	used += n;
	n = journal_entry_length(text + used, len - used);
	assert_true(n > 0 && logs_journal_parse(text + used, n, &l) && !l.is_stderr && l.partial && l.len == 2);
	used += n;
	n = journal_entry_length(text + used, len - used);
	assert_true(n > 0 && !logs_journal_parse(text + used, n, &l));
	used += n;
	assert_int_equal(journal_entry_length(text + used, len - used), 0);
	/* A length that lies. */
	assert_int_equal(journal_entry_length("MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff" "abc\n", 20), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_line_fields_when_well_formed),
		cmocka_unit_test(test_log_line_refused_when_garbage),
		cmocka_unit_test(test_log_line_print_when_styled),
		cmocka_unit_test(test_logs_read_when_rotated),
		cmocka_unit_test(test_logs_tail_when_last_line_is_partial),
		cmocka_unit_test(test_logs_times_when_since_and_until),
		cmocka_unit_test(test_logs_empty_when_there_is_no_file),
		cmocka_unit_test(test_logs_long_lines_when_skipped),
		cmocka_unit_test(test_logs_follow_when_rotating),
		cmocka_unit_test(test_logs_follow_when_truncated),
		cmocka_unit_test(test_logs_follow_ends_when_until_passes),
		cmocka_unit_test(test_logs_journal_entries_when_exported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
