/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"

/* What was written through a pipe since the last call. */
static const char *drain(int fd)
{
	static char text[8192];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void make_log(struct log *l, int pipe_fds[2])
{
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	log_init(l, pipe_fds[1], NULL);
}

static void test_log_line_when_not_a_terminal(void **state)
{
	struct log l;
	int p[2];
	(void)state;

	make_log(&l, p);
	log_warn(&l, "say \"%s\"\n\ttwice", "hi");
	const char *line = drain(p[0]);
	assert_non_null(strstr(line, "time=\"20"));
	assert_non_null(strstr(line, "\" level=warning msg=\"say \\\"hi\\\"\\n\\ttwice\"\n"));
	log_pairs(&l, LOG_LEVEL_ERROR, "m", "plain", "a/b.c", "odd", "a b", NULL);
	assert_non_null(strstr(drain(p[0]), "level=error msg=\"m\" plain=a/b.c odd=\"a b\"\n"));
}

static void test_log_nothing_when_below_threshold(void **state)
{
	struct log l;
	int p[2];
	(void)state;

	make_log(&l, p);
	log_info(&l, "no");
	log_debug(&l, "no");
	log_warn(NULL, "no");
	assert_string_equal(drain(p[0]), "");
}

static void test_log_cut_when_too_long(void **state)
{
	char long_text[6000];
	struct log l;
	int p[2];
	(void)state;

	make_log(&l, p);
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	log_pairs(&l, LOG_LEVEL_WARN, long_text, "k", long_text, NULL);
	const char *line = drain(p[0]);
	assert_true(strlen(line) < 4200);
	assert_non_null(strstr(line, "...\n"));
}

static void test_log_short_form_when_terminal(void **state)
{
	struct log l;
	int p[2];
	(void)state;

	make_log(&l, p);
	l.terminal = true;
	log_error(&l, "broken");
	assert_string_equal(drain(p[0]), "ERRO[0000] broken\n");
	l.color = true;
	log_warn(&l, "w");
	assert_string_equal(drain(p[0]), "\033[33mWARN\033[0m[0000] w\n");
}

static void test_log_level_parse_when_named(void **state)
{
	struct error err = {};
	enum log_level level;
	(void)state;

	assert_int_equal(log_level_parse("Warn", &level, &err), 0);
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_int_equal(log_level_parse("trace", &level, &err), 0);
	assert_int_equal(level, LOG_LEVEL_TRACE);
	assert_int_equal(log_level_parse("loud", &level, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_line_when_not_a_terminal),
		cmocka_unit_test(test_log_nothing_when_below_threshold),
		cmocka_unit_test(test_log_cut_when_too_long),
		cmocka_unit_test(test_log_short_form_when_terminal),
		cmocka_unit_test(test_log_level_parse_when_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
