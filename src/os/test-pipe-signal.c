/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"
#include "os/pipe-signal.h"

static void test_pipe_signal_write_without_reader(void **state)
{
	struct pipe_signal quiet;
	sigset_t now;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	pipe_signal_block(&quiet);
	assert_int_equal(write(ends[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	pipe_signal_restore(&quiet);
	assert_int_equal(errno, EPIPE);
	close(ends[1]);
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	assert_false(sigismember(&now, SIGPIPE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe_signal_write_without_reader),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
