/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/str.h"
#include "base/units.h"
#include "engine/attach.h"
#include "test-monitor.h"

#include <cmocka.h>   /* last: it defines fail() */

/* ---- keys ---- */

static void test_detach_keys_parse_when_written(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		uint8_t key[4];
	} good[] = {
		{ NULL, 2, { 16, 17 } },       { "", 0, {} },          { "ctrl-a", 1, { 1 } },
		{ "ctrl-p,q", 2, { 16, 'q' } }, { "ctrl-@,ctrl-[", 2, { 0, 27 } }, { "ctrl-^,ctrl-_", 2, { 30, 31 } },
		{ "a,b,c", 3, { 'a', 'b', 'c' } }, { ",", 1, { ',' } },
	};
	static const char *const bad[] = { "ctrl-", "ctrl-1", "ab", "ctrl-p,", "ctrl-pp", "CTRL-A",
					   "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q" };
	struct detach_keys k;
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(detach_keys_parse(good[i].text, &k, &err), 0);
		assert_int_equal(k.n, good[i].n);
		assert_memory_equal(k.key, good[i].key, k.n);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(detach_keys_parse(bad[i], &k, &err), -1);
}

static void test_detach_keys_feed_when_typed(void **state)
{
	static const struct {
		const char *keys, *in, *out;
		bool detach;
	} cases[] = {
		{ "ctrl-p,ctrl-q", "hello", "hello", false },
		{ "ctrl-p,ctrl-q", "x\x10\x11y", "x", true },
		{ "ctrl-p,ctrl-q", "\x10z", "\x10z", false },
		{ "ctrl-p,ctrl-q", "\x10\x10\x11", "\x10", true },
		{ "a,a,b", "aaab", "a", true },
		{ "a,b,a,c", "ababac", "ab", true },
		{ "a,b,a,c", "abx", "abx", false },
		{ "", "\x10\x11", "\x10\x11", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* whole, and byte by byte */
		for (int split = 0; split < 2; split++) {
			uint8_t out[64];
			size_t n = 0, len = strlen(cases[i].in);
			bool detach = false;
			struct detach_keys k;
			struct error err;

			assert_int_equal(detach_keys_parse(cases[i].keys, &k, &err), 0);
			for (size_t at = 0; at < len && !detach; at += split ? 1 : len) {
				size_t got;
				detach = detach_keys_feed(&k, (const uint8_t *)cases[i].in + at, split ? 1 : len,
							  out + n, &got);
				n += got;
			}
			assert_int_equal(detach, cases[i].detach);
			assert_int_equal(n, strlen(cases[i].out));
			assert_memory_equal(out, cases[i].out, n);
		}
	}
}

/* ---- sessions ---- */

struct ends {
	int in[2], out[2], err[2];   /* pipes: our stdio as the session sees it */
};

static void ends_make(struct ends *e)
{
	assert_int_equal(pipe2(e->in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(e->out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(e->err, O_CLOEXEC), 0);
}

static void ends_done(struct ends *e)
{
	for (int i = 0; i < 2; i++) {
		if (e->in[i] >= 0)
			close(e->in[i]);
		close(e->out[i]);
		close(e->err[i]);
	}
}

static struct attach_options options(const struct ends *e, bool input)
{
	struct attach_options o = ATTACH_OPTIONS_INIT;

	o.in = input ? e->in[0] : -1;
	o.out = e->out[1];
	o.err = e->err[1];
	return o;
}

static void expect_text(int fd, const char *want)
{
	char got[256] = "";
	ssize_t n = read(fd, got, sizeof(got) - 1);

	assert_true(n >= 0);
	assert_string_equal(got, want);
}

static void run_inherited(struct box *b, const struct attach_options *o, struct attach *a)
{
	struct error err = {};

	if (attach_inherit(take_fd(b->client), o, a, &err) < 0 || attach_start(a, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_attach_streams_when_inherited(void **state)
{
	struct ends e;
	struct box b;
	auto_attach a = ATTACH_INIT;
	struct monitor_exit x;
	struct error err;

	ends_make(&e);
	struct attach_options o = options(&e, true);
	o.owner = true;
	box_start(&b, &(struct box_options){ .script = "cat; echo oops >&2; exit 6", .role = attach_role(&o),
					     .flags = MONITOR_STDIN_ONCE, .cleanup = "touch cleaned" });
	assert_int_equal(write(e.in[1], "typed\n", 6), 6);
	close(take_fd(e.in[1]));
	run_inherited(&b, &o, &a);
	assert_int_equal(attach_run(&a, &x, &err), ATTACH_EXITED);
	assert_int_equal(x.exit_code, 6);
	expect_text(e.out[0], "typed\n");
	expect_text(e.err[0], "oops\n");
	attach_cleaned(&a);
	attach_done(&a);
	assert_int_equal(box_wait_monitor(&b), 0);
	assert_false(box_has(&b, "cleaned"));
	box_done(&b);
	ends_done(&e);
}

static void test_attach_opens_when_running(void **state)
{
	struct ends e;
	struct box b;
	auto_attach a = ATTACH_INIT;
	struct monitor_exit x;
	struct error err;

	ends_make(&e);
	struct attach_options o = options(&e, false);
	box_start(&b, &(struct box_options){.script = "while [ ! -e go ]; do sleep 0.02; done; echo hi",
					    .role = MONITOR_ROLE_WAIT});
	assert_int_equal(monitor_start(b.client, &err), 0);
	assert_int_equal(attach_open(b.dir_fd, &o, &a, &err), 1);
	assert_false(a.tty);
	close(openat(b.dir_fd, "go", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(attach_run(&a, &x, &err), ATTACH_EXITED);
	expect_text(e.out[0], "hi\n");
	attach_done(&a);
	close(take_fd(b.client));
	box_wait_monitor(&b);
	assert_int_equal(attach_open(b.dir_fd, &o, &a, &err), 0);
	box_done(&b);
	ends_done(&e);
}

static void test_attach_detaches_when_keys_are_typed(void **state)
{
	struct ends e;
	struct box b;
	auto_attach a = ATTACH_INIT;
	struct monitor_exit x;
	struct error err;

	ends_make(&e);
	struct attach_options o = options(&e, true);
	o.tty = true;
	o.detach_keys = "ctrl-x,x";
	box_start(&b, &(struct box_options){
			      .script = "stty -echo; read x; exit 3", .role = attach_role(&o), .flags = MONITOR_TTY});
	assert_int_equal(write(e.in[1], "ab\x18x", 4), 4);
	run_inherited(&b, &o, &a);
	assert_true(a.tty);
	assert_int_equal(attach_run(&a, &x, &err), ATTACH_DETACHED);
	/* It goes on, and can be attached again. */
	assert_int_equal(attach_open(b.dir_fd, &o, &a, &err), 1);
	assert_int_equal(write(e.in[1], "\r", 1), 1);
	assert_int_equal(attach_run(&a, &x, &err), ATTACH_EXITED);
	assert_int_equal(x.exit_code, 3);
	attach_done(&a);
	box_done(&b);
	ends_done(&e);
}

static void test_attach_terminal_is_restored_when_session_ends(void **state)
{
	struct box b;
	auto_attach a = ATTACH_INIT;
	struct monitor_exit x;
	struct error err;
	struct termios before, after;
	const struct winsize size = { .ws_row = 11, .ws_col = 22 };
	int master, slave, r[2];

	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	assert_int_equal(pipe2(r, O_CLOEXEC), 0);
	assert_int_equal(tcgetattr(slave, &before), 0);
	struct attach_options o = ATTACH_OPTIONS_INIT;
	o.in = slave;
	o.out = r[1];
	o.tty = true;
	box_start(&b, &(struct box_options){ .script = "stty size", .role = attach_role(&o), .flags = MONITOR_TTY });
	run_inherited(&b, &o, &a);
	assert_int_equal(attach_run(&a, &x, &err), ATTACH_EXITED);
	expect_text(r[0], "11 22\r\n");
	assert_int_equal(tcgetattr(slave, &after), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	attach_done(&a);
	box_done(&b);
	close(master);
	close(slave);
	close(r[0]);
	close(r[1]);
}

static void test_attach_signals_when_proxied(void **state)
{
	struct ends e;
	struct box b;
	auto_attach a = ATTACH_INIT;
	struct monitor_exit x;
	struct error err;

	ends_make(&e);
	struct attach_options o = options(&e, false);
	o.sig_proxy = true;
	box_start(&b, &(struct box_options){
			      .script = "trap 'echo got; exit 8' USR1; echo x > go; while :; do sleep 0.02; done",
			      .role = attach_role(&o)});
	run_inherited(&b, &o, &a);
	pid_t killer = fork();
	if (killer == 0) {
		for (int i = 0; i < 500 && !box_has(&b, "go"); i++)
			usleep(10000);
		usleep(50000);
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	assert_int_equal(attach_run(&a, &x, &err), ATTACH_EXITED);
	assert_int_equal(x.exit_code, 8);
	expect_text(e.out[0], "got\n");
	waitpid(killer, NULL, 0);
	attach_done(&a);
	box_done(&b);
	ends_done(&e);
}

static void test_attach_lost_when_monitor_is_killed(void **state)
{
	struct ends e;
	struct box b;
	auto_attach a = ATTACH_INIT;
	struct monitor_exit x;
	struct error err;

	ends_make(&e);
	struct attach_options o = options(&e, false);
	box_start(&b, &(struct box_options){ .script = "exec sleep 20", .role = attach_role(&o) });
	run_inherited(&b, &o, &a);
	kill(b.monitor, SIGKILL);
	assert_int_equal(attach_run(&a, &x, &err), ATTACH_LOST);
	attach_done(&a);
	kill(b.pid, SIGKILL);
	waitpid(b.monitor, NULL, 0);
	b.monitor = 0;
	box_done(&b);
	ends_done(&e);
}

static void test_attach_goes_on_when_output_is_closed(void **state)
{
	struct ends e;
	struct box b;
	auto_attach a = ATTACH_INIT;
	struct monitor_exit x;
	struct error err;

	ends_make(&e);
	struct attach_options o = options(&e, false);
	close(e.out[0]);
	box_start(&b, &(struct box_options){ .script = "head -c 300000 /dev/zero; exit 5", .role = attach_role(&o) });
	run_inherited(&b, &o, &a);
	assert_int_equal(attach_run(&a, &x, &err), ATTACH_EXITED);
	assert_int_equal(x.exit_code, 5);
	attach_done(&a);
	box_done(&b);
	e.out[0] = open("/dev/null", O_RDONLY);
	ends_done(&e);
}

static void *throughput_reader(int fd, size_t *ret)
{
	char data[65536];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		*ret += (size_t)n;
	return NULL;
}

static void test_attach_all_output_when_much(void **state)
{
	const size_t want = 50 << 20;
	struct ends e;
	struct box b;
	auto_attach a = ATTACH_INIT;
	struct monitor_exit x;
	struct error err;
	int status;

	ends_make(&e);
	struct attach_options o = options(&e, false);
	box_start(&b, &(struct box_options){ .script = "head -c 52428800 /dev/zero", .role = attach_role(&o) });
	pid_t reader = fork();
	if (reader == 0) {
		size_t got = 0;
		close(e.out[1]);
		throughput_reader(e.out[0], &got);
		_exit(got == want ? 0 : 1);
	}
	run_inherited(&b, &o, &a);
	int64_t begin = time_monotonic();
	assert_int_equal(attach_run(&a, &x, &err), ATTACH_EXITED);
	print_message("50 MiB in %d ms\n", (int)((time_monotonic() - begin) / 1000000));
	attach_done(&a);
	close(e.out[1]);
	e.out[1] = open("/dev/null", O_WRONLY);
	waitpid(reader, &status, 0);
	assert_int_equal(status, 0);
	box_done(&b);
	ends_done(&e);
}

/* ---- exec ---- */

static void test_attach_exec_streams_when_process_ends(void **state)
{
	struct ends e;
	int in[2], out[2], errs[2], status;
	struct error err;

	ends_make(&e);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(errs, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(errs[1], 2);
		/* The background process keeps the pipes open: the session ends all the same. */
		execl("/bin/sh", "sh", "-c", "cat; echo e >&2; sleep 5 & exit 2", NULL);
	}
	close(in[0]);
	close(out[1]);
	close(errs[1]);
	assert_int_equal(write(e.in[1], "abc", 3), 3);
	close(take_fd(e.in[1]));
	struct attach_exec x = {.in = e.in[0],
				.out = e.out[1],
				.err = e.err[1],
				.child_in = in[1],
				.child_out = out[0],
				.child_err = errs[0],
				.pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
	int64_t begin = time_monotonic();
	assert_int_equal(attach_run_exec(&x, &err), ATTACH_EXITED);
	assert_true(time_monotonic() - begin < 3000000000);
	assert_int_equal(x.child_in, -1);
	expect_text(e.out[0], "abc");
	expect_text(e.err[0], "e\n");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 2);
	close(out[0]);
	close(errs[0]);
	close(x.pidfd);
	ends_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_detach_keys_parse_when_written),
		cmocka_unit_test(test_detach_keys_feed_when_typed),
		cmocka_unit_test(test_attach_streams_when_inherited),
		cmocka_unit_test(test_attach_opens_when_running),
		cmocka_unit_test(test_attach_detaches_when_keys_are_typed),
		cmocka_unit_test(test_attach_terminal_is_restored_when_session_ends),
		cmocka_unit_test(test_attach_signals_when_proxied),
		cmocka_unit_test(test_attach_lost_when_monitor_is_killed),
		cmocka_unit_test(test_attach_goes_on_when_output_is_closed),
		cmocka_unit_test(test_attach_all_output_when_much),
		cmocka_unit_test(test_attach_exec_streams_when_process_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
