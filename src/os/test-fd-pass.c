/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "os/fd-pass.h"

static void test_fd_pass_bytes_and_descriptor(void **state)
{
	int pair[2], got = 7;
	struct stat a, b;
	char text[8];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd_send(pair[0], "abc", 3, fd), 3);
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), &got), 3);
	assert_memory_equal(text, "abc", 3);
	assert_int_equal(fstat(fd, &a) + fstat(got, &b), 0);
	assert_true(a.st_rdev == b.st_rdev && fd != got);
	assert_true(fcntl(got, F_GETFD) & FD_CLOEXEC);
	close(got);
	close(fd);
	/* bytes alone; then nobody */
	assert_int_equal(fd_send(pair[0], "d", 1, -1), 1);
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), &got), 1);
	assert_int_equal(got, -1);
	close(pair[0]);
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), &got), 0);
	assert_int_equal(got, -1);
	assert_int_equal(fd_send(pair[1], "e", 1, -1), -1);   /* no signal */
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_fd_pass_bytes_and_descriptor) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
