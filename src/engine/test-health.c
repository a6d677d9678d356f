/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include "base/str.h"
#include "base/units.h"
#include "engine/health.h"

#include <cmocka.h>   /* last: it defines fail() */

#define SECOND NSEC_PER_SEC

static void test_health_command_when_test_is_written(void **state)
{
	static const struct {
		const char *test[4], *want;   /* NULL: refused */
	} cases[] = {
		{{"CMD", "true", "-x"}, "true|-x"},
		{{"CMD-SHELL", "curl x || exit 1"}, "/bin/sh|-c|curl x || exit 1"},
		{{"CMD-SHELL", "a", "b"}, "/bin/sh|-c|a b"},
		{{"/bin/check", "now"}, "/bin/check|now"},
		{{NULL}, NULL},
		{{"NONE"}, NULL},
		{{""}, NULL},
		{{"CMD"}, NULL},
		{{"CMD-SHELL"}, NULL},
		{{"CMD", ""}, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_strv test = {}, got = {};
		struct error err;

		for (size_t k = 0; k < 4 && cases[i].test[k]; k++)
			strv_add(&test, cases[i].test[k], &err);
		int r = health_command("abc", &test, &got, &err);
		if (!cases[i].want) {
			assert_int_equal(r, -1);
			assert_string_equal(err.text, "container abc has no defined healthcheck");
			continue;
		}
		autofree char *joined = strv_join(&got, "|");
		assert_int_equal(r, 0);
		assert_string_equal(joined, cases[i].want);
	}
}

struct step {
	int exit_code;
	bool stopped;
	const char *status;
	int64_t streak;
	bool unhealthy, ready;
	const char *print;
};

static void run_steps(const struct health_check *c, int64_t started, const struct step *steps, size_t n)
{
	auto_health_record r = {};
	struct error err;

	assert_int_equal(str_set(&r.status, "starting", &err), 0);
	for (size_t i = 0; i < n; i++) {
		const struct health_result result = {.start_ns = (int64_t)(i + 1) * SECOND,
						     .end_ns = (int64_t)(i + 1) * SECOND,
						     .exit_code = steps[i].exit_code,
						     .output = "out",
						     .container_stopped = steps[i].stopped};
		struct health_outcome out;
		assert_int_equal(health_apply(c, started, &result, &r, &out, &err), 0);
		assert_string_equal(r.status, steps[i].status);
		assert_int_equal(r.failing_streak, steps[i].streak);
		assert_int_equal(out.turned_unhealthy, steps[i].unhealthy);
		assert_int_equal(out.ready, steps[i].ready);
		assert_int_equal(out.exit_code, steps[i].print ? 1 : 0);
		if (steps[i].print)
			assert_string_equal(out.print, steps[i].print);
		assert_int_equal(r.log.n, i + 1);
	}
}

static void test_health_status_when_checks_fail_and_pass(void **state)
{
	static const struct step steps[] = {
		{ 1, false, "starting", 1, false, false, "unhealthy" },
		{ 0, false, "healthy", 0, false, true, NULL },
		{ 1, false, "healthy", 1, false, false, "unhealthy" },
		{ -1, false, "unhealthy", 2, true, false, "unhealthy" },
		{ 1, false, "unhealthy", 3, true, false, "unhealthy" },
		{ 0, false, "healthy", 0, false, true, NULL },
		{ 0, false, "healthy", 0, false, false, NULL },
		{ 1, true, "stopped", 0, false, false, "stopped" },
	};

	run_steps(&(struct health_check){ .retries = 2 }, 0, steps, ARRAY_LEN(steps));
}

static void test_health_failures_do_not_count_when_in_start_period(void **state)
{
	static const struct step steps[] = {
		{ 1, false, "starting", 0, false, false, "unhealthy" },
		{ 1, false, "starting", 0, false, false, "unhealthy" },
		{ 1, false, "unhealthy", 1, true, false, "unhealthy" },
	};

	run_steps(&(struct health_check){.retries = 1, .start_period_ns = 3 * SECOND - SECOND / 2}, 0, steps,
		  ARRAY_LEN(steps));
}

static void test_health_startup_when_it_gates_regular_checks(void **state)
{
	auto_strv test = {};
	auto_health_record r = {};
	struct error err;
	struct health_outcome out;
	static const struct {
		int exit_code;
		bool startup, done, restart, passed;
		const char *print;
	} steps[] = {
		{ 1, true, false, false, false, "starting" }, { 0, true, false, false, false, NULL },
		{ 1, true, false, true, false, "starting" },  { 0, true, true, false, true, NULL },
		{ 1, false, false, false, true, "unhealthy" },
	};

	strv_add(&test, "CMD", &err);
	strv_add(&test, "true", &err);
	const struct health_check c = {
		.retries = 5, .startup_test = &test, .startup_retries = 2, .startup_successes = 2};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		assert_int_equal(
			health_apply(&c, 0, &(struct health_result){.exit_code = steps[i].exit_code}, &r, &out, &err),
			0);
		assert_int_equal(out.startup, steps[i].startup);
		assert_int_equal(out.startup_done, steps[i].done);
		assert_int_equal(out.restart, steps[i].restart);
		assert_int_equal(r.startup_passed, steps[i].passed);
		assert_int_equal(out.print != NULL, steps[i].print != NULL);
		if (out.print)
			assert_string_equal(out.print, steps[i].print);
	}
}

static void test_health_record_is_bounded_when_full(void **state)
{
	const struct health_check c = { .max_log_count = 3, .max_log_size = 4 };
	auto_health_record r = {}, back = {};
	char dir[] = "/tmp/umiak-test-health-XXXXXX";
	struct health_outcome out;
	struct error err;

	assert_non_null(mkdtemp(dir));
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(health_record_load(fd, "healthcheck.log", &back, &err), 0);
	for (int i = 0; i < 10; i++) {
		char text[32];
		snprintf(text, sizeof(text), "%03d-long", i);
		assert_int_equal(health_apply(&c, 0, &(struct health_result){.output = text, .exit_code = i % 2}, &r,
					      &out, &err),
				 0);
	}
	assert_int_equal(r.log.n, 3);
	assert_string_equal(((struct health_log *)r.log.v)[0].output, "007-");
	assert_int_equal(health_record_save(fd, "healthcheck.log", &r, &err), 0);
	assert_int_equal(health_record_load(fd, "healthcheck.log", &back, &err), 1);
	assert_string_equal(back.status, r.status);
	assert_int_equal(back.log.n, 3);
	assert_string_equal(((struct health_log *)back.log.v)[2].output, "009-");
	assert_int_equal(((struct health_log *)back.log.v)[2].exit_code, 1);
	health_record_done(&back);
	assert_int_equal(health_reset(fd, &c, "id", &err), 0);
	assert_int_equal(health_record_load(fd, "healthcheck.log", &back, &err), 1);
	assert_string_equal(back.status, "starting");
	unlinkat(fd, "healthcheck.log", 0);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_health_command_when_test_is_written),
		cmocka_unit_test(test_health_status_when_checks_fail_and_pass),
		cmocka_unit_test(test_health_failures_do_not_count_when_in_start_period),
		cmocka_unit_test(test_health_startup_when_it_gates_regular_checks),
		cmocka_unit_test(test_health_record_is_bounded_when_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
