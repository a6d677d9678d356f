/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"

#include <cmocka.h>   /* last: it defines fail() */

static pid_t start(const char *const *argv, int out)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (out >= 0)
			dup2(out, 1);
		execv(getenv("UMIAK_INIT"), (char *const *)argv);
		_exit(99);
	}
	return pid;
}

static int finish(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_init_exit_code_when_command_ends(void **state)
{
	static const struct {
		const char *argv[8];
		int code;
	} cases[] = {
		{ { "umiak-init", "--", "true" }, 0 },
		{ { "umiak-init", "true" }, 0 },
		{ { "umiak-init", "--", "sh", "-c", "exit 7" }, 7 },
		{ { "umiak-init", "-g", "--", "sh", "-c", "kill -9 $$" }, 137 },
		{ { "umiak-init", "--", "/no/such/command" }, 127 },
		{ { "umiak-init", "--", "/etc/passwd" }, 126 },
		{ { "umiak-init" }, 125 },
		{ { "umiak-init", "-P", "true" }, 125 },
		{ { "umiak-init", "-x" }, 125 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(finish(start(cases[i].argv, -1)), cases[i].code);
}

static void wait_for(int fd, const char *text)
{
	char got[64] = "";
	size_t n = 0;

	while (n < strlen(text)) {
		ssize_t r = read(fd, got + n, sizeof(got) - 1 - n);
		assert_true(r > 0);
		n += (size_t)r;
	}
	assert_string_equal(got, text);
}

static void test_init_passes_signal_when_command_handles_it(void **state)
{
	static const char *const argv[] = { "umiak-init", "--", "sh", "-c",
					    "trap 'exit 42' TERM; echo up; while :; do sleep 0.05; done", NULL };
	int p[2];

	assert_int_equal(pipe(p), 0);
	pid_t pid = start(argv, p[1]);
	wait_for(p[0], "up\n");
	kill(pid, SIGTERM);
	assert_int_equal(finish(pid), 42);
	close(p[0]);
	close(p[1]);
}

static void test_init_reaps_orphans_when_command_leaves_them(void **state)
{
	/* The orphan's parent becomes init; once it ended it must not stay as a zombie. */
	static const char script[] = "(sleep 0.1 & echo $! > \"$0\"); read -r pid < \"$0\"; i=0; "
				     "while test $i -lt 600; do test -e /proc/$pid || exit 0; sleep 0.1; i=$((i + 1)); done; exit 1";
	char path[] = "/tmp/umiak-test-init-XXXXXX";
	int fd = mkstemp(path);
	const char *const argv[] = { "umiak-init", "--", "sh", "-c", script, path, NULL };

	assert_true(fd >= 0);
	assert_int_equal(finish(start(argv, -1)), 0);
	close(fd);
	unlink(path);
}

static void test_init_pauses_until_signal(void **state)
{
	static const char *const argv[] = { "umiak-init", "-P", NULL };
	pid_t pid = start(argv, -1);

	usleep(100000);
	kill(pid, SIGHUP);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGTERM);
	assert_int_equal(finish(pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_exit_code_when_command_ends),
		cmocka_unit_test(test_init_passes_signal_when_command_handles_it),
		cmocka_unit_test(test_init_reaps_orphans_when_command_leaves_them),
		cmocka_unit_test(test_init_pauses_until_signal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
