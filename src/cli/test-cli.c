/* SPDX-License-Identifier: Apache-2.0
 * cli/test-cli.c - whole command lines through cli_main(): exit codes, messages, completion. No store is opened. */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/test.h"

struct outcome {
	int code;
	char out[65536], err[8192];
};

/* Standard output and error go to memory files while a line runs. */
static int redirect(int fd, int *ret_saved)
{
	int memory = memfd_create("output", MFD_CLOEXEC);

	*ret_saved = dup(fd);
	assert_true(memory >= 0 && *ret_saved >= 0 && dup2(memory, fd) == fd);
	return memory;
}

static void restore(int fd, int saved, int memory, char *to, size_t room)
{
	ssize_t n = pread(memory, to, room - 1, 0);

	to[n > 0 ? n : 0] = '\0';
	assert_int_equal(dup2(saved, fd), fd);
	close(saved);
	close(memory);
}

static void run_line(const char *line, struct outcome *ret)
{
	auto_strv words = {};
	struct error err = {};
	struct cli cli;
	int out, errors;

	assert_int_equal(strv_split(&words, line, '|', &err), 0);
	fflush(stdout);
	int out_memory = redirect(STDOUT_FILENO, &out), err_memory = redirect(STDERR_FILENO, &errors);
	ret->code = cli_main(&cli, (int)words.n, words.v);
	cli_done(&cli);
	restore(STDOUT_FILENO, out, out_memory, ret->out, sizeof(ret->out));
	restore(STDERR_FILENO, errors, err_memory, ret->err, sizeof(ret->err));
}

static void test_cli_errors_when_line_is_wrong(void **state)
{
	static const struct { const char *line; int code; const char *err; } cases[] = {
		{ "podman|nonesuch", 125,
		  "Error: unrecognized command `podman nonesuch`\nTry 'podman --help' for more information\n" },
		{ "podman|image|nonesuch", 125,
		  "Error: unrecognized command `podman image nonesuch`\nTry 'podman image --help' for more information\n" },
		{ "podman|versio", 125, "Error: unrecognized command `podman versio`\n\nDid you mean this?\n\tversion\n\n"
					"Try 'podman --help' for more information\n" },
		{ "podman|nonesuch|--bogus", 125, "Error: unknown flag: --bogus\nSee 'podman --help'\n" },
		{ "podman", 125, "Error: missing command 'podman COMMAND'\n" },
		{ "podman|system", 125, "Error: missing command 'podman system COMMAND'\n" },
		{ "podman|--remote", 125, "Error: missing command 'podman COMMAND'\n" },
		{ "podman|version|--remote", 125, "Error: unknown flag: --remote\nSee 'podman version --help'\n" },
		{ "podman|--bogus", 125, "Error: unknown flag: --bogus\nSee 'podman --help'\n" },
		{ "podman|version|-xyz", 125, "Error: unknown shorthand flag: 'x' in -xyz\nSee 'podman version --help'\n" },
		{ "podman|version|--format", 125, "Error: flag needs an argument: --format\nSee 'podman version --help'\n" },
		{ "podman|version|word", 125, "Error: `podman version` takes no arguments\n" },
		{ "podman|image|ls|a|b", 125, "Error: accepts at most 1 arg(s), received 2\n" },
		{ "podman|history", 125, "Error: accepts 1 arg(s), received 0\n" },
		{ "podman|tag|a", 125, "Error: requires at least 2 arg(s), only received 1\n" },
		{ "podman|--log-level=loud|version", 1,
		  "Log Level \"loud\" is not supported, choose from: trace, debug, info, warn, warning, error, fatal, panic\n" },
		{ "podman|--debug|--log-level=panic|version", 1, "Setting --log-level and --debug is not allowed\n" },
		{ "podman|--context=swarm|images", 125, "Error: read cli flags: connection \"swarm\" not found\n" },
		{ "docker|nonesuch", 1, "docker: unknown command: docker nonesuch\n\nRun 'docker --help' for more information\n" },
		{ "docker|version|--bogus", 125,
		  "unknown flag: --bogus\n\nUsage:  docker version [OPTIONS]\n\nRun 'docker version --help' for more information\n" },
	};
	static struct outcome o;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		run_line(cases[i].line, &o);
		assert_string_equal(o.err, cases[i].err);
		assert_int_equal(o.code, cases[i].code);
	}
}

static void test_cli_output_when_line_is_right(void **state)
{
	static const struct { const char *line, *out; } cases[] = {
		{ "podman|--version", "podman version 6.0.0\n" },
		{ "podman|-v", "podman version 6.0.0\n" },
		{ "podman|help", "Manage pods, containers and images\n" },
		{ "podman|--help", "Manage pods, containers and images\n" },
		{ "podman|-h", "Manage pods, containers and images\n" },
		{ "podman|version|--help|--bogus", "Print client and server versions\n" },
		{ "podman|help|image|ls", "List stored images\n\nDescription:\n" },
		{ "podman|image|--root|/x|ls|-h", "List stored images\n\nDescription:\n" },
		{ "podman|noexist|--help", "" },
		{ "podman|__completeNoDesc|image|li", "list\nlist-tags\n:4\n" },
		{ "podman|__completeNoDesc|image|ls|--no", "--no-trunc\n--noheading\n:4\n" },
		{ "podman|__complete|image|ls|--sort|r", "repository\n:4\n" },
		{ "podman|__complete|image|ls|--sort=t", "tag\n:4\n" },
		{ "podman|__complete|image|ls|-q|--qui", ":4\n" },
		{ "podman|__completeNoDesc|--log-level|de", "debug\n:4\n" },
		{ "podman|__completeNoDesc|system|df|", ":4\n" },
		{ "podman|__completeNoDesc|completion|bash|", ":4\n" },
		{ "podman|__completeNoDesc|--root|", ":0\n" },
		{ "podman|__completeNoDesc|version|--format|{{.Client.Ver", "{{.Client.Version}}\n:6\n" },
		{ "podman|__complete|hist", "history\tList the build steps behind an image\n:4\n" },
	};
	static struct outcome o;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		run_line(cases[i].line, &o);
		if (!str_after(o.out, cases[i].out))
			fail_msg("%s: got\n%s%s", cases[i].line, o.out, o.err);
		if (*cases[i].out)
			assert_int_equal(o.code, 0);
	}
}

static void test_cli_help_hides_remote_when_chosen(void **state)
{
	static struct outcome o;
	(void)state;

	unsetenv("CONTAINER_HOST");
	run_line("podman|--help", &o);
	assert_non_null(strstr(o.out, " --remote "));
	run_line("podman|--url|foobar|--help", &o);
	assert_null(strstr(o.out, " --remote "));
	setenv("CONTAINER_HOST", "foobar", 1);
	run_line("podman|--help", &o);
	assert_null(strstr(o.out, " --remote "));
	unsetenv("CONTAINER_HOST");
}

static void test_cli_logs_when_level_is_given(void **state)
{
	static const struct { const char *line; const char *yes, *no; } cases[] = {
		{ "podman|--log-level=trace|version", " level=trace ", " level=warn" },
		{ "podman|--log-level=debug|version", " level=debug ", " level=trace " },
		{ "podman|--log-level=info|version", " level=info ", " level=debug " },
		{ "podman|--log-level=warn|version", "", " level=" },
		{ "podman|-D|version", " level=debug ", " level=trace " },
		{ "podman|--log-level=debug|version", "Shutting down engines", " level=warn" },
	};
	static struct outcome o;
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		run_line(cases[i].line, &o);
		assert_int_equal(o.code, 0);
		assert_non_null(strstr(o.err, cases[i].yes));
		assert_null(strstr(o.err, cases[i].no));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cli_errors_when_line_is_wrong),
		cmocka_unit_test(test_cli_output_when_line_is_right),
		cmocka_unit_test(test_cli_help_hides_remote_when_chosen),
		cmocka_unit_test(test_cli_logs_when_level_is_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
