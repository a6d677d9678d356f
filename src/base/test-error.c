/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void test_error_tells_a_story(void **state)
{
	struct error err = {};

	errno = ENOENT;
	assert_int_equal(fail_errno(&err, "open %s", "/x"), -1);
	assert_int_equal(fail_wrap(&err, "read configuration"), -1);
	assert_string_equal(err.text, "read configuration: open /x: No such file or directory");
	assert_int_equal(err.kind, ERROR_SYSTEM);
	assert_int_equal(err.errnum, ENOENT);
	assert_int_equal(fail(&err, ERROR_NOT_FOUND, "no such container"), -1);
	assert_int_equal(err.errnum, 0);
	assert_int_equal(fail_with(&err, EPERM, "mount"), -1);
	assert_string_equal(err.text, "mount: Operation not permitted");
}

static void test_error_cuts_visibly_and_keeps_the_cause(void **state)
{
	struct error err = {};
	char longer[2000];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	fail(&err, ERROR_INVALID, "%s", longer);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_string_equal(err.text + sizeof(err.text) - 4, "...");
	fail(&err, ERROR_INVALID, "cause");
	fail_wrap(&err, "%s", longer);   /* does not fit: left out */
	assert_string_equal(err.text, "cause");
}

static void test_error_exit_codes(void **state)
{
	struct error err = {};

	fail_exit(&err, 42);
	fail_wrap(&err, "outer");
	assert_string_equal(err.text, "");
	assert_int_equal(error_exit_code(&err), 42);
	fail(&err, ERROR_NO_COMMAND, "x");
	assert_int_equal(error_exit_code(&err), 127);
	fail(&err, ERROR_NOT_EXECUTABLE, "x");
	assert_int_equal(error_exit_code(&err), 126);
	fail(&err, ERROR_USAGE, "x");
	assert_int_equal(error_exit_code(&err), 125);
	for (int kind = 0; kind < ERROR_KIND_MAX; kind++)
		assert_non_null(error_kind_info(kind)->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_tells_a_story),
		cmocka_unit_test(test_error_cuts_visibly_and_keeps_the_cause),
		cmocka_unit_test(test_error_exit_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
