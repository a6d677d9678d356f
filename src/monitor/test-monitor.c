/* SPDX-License-Identifier: Apache-2.0 */
#include "test-monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"
#include "monitor/exit.h"

#include <cmocka.h>   /* last: it defines fail() */

#define ALL (MONITOR_ROLE_STDOUT | MONITOR_ROLE_STDERR)
#define DAY_NS INT64_C(86400000000000)

struct got {
	char out[4096], err[4096];
	size_t n_out, n_err, total;
	struct monitor_exit exit;
};

static void keep(char *at, size_t *n, const char *data, size_t len)
{
	if (*n + len < 4096) {
		memcpy(at + *n, data, len);
		*n += len;
	}
}

/* Reads until EXIT. */
static void collect(int fd, struct got *g)
{
	char data[MONITOR_DATA_MAX];
	struct monitor_message head;
	struct error e;

	memset(g, 0, sizeof(*g));
	for (;;) {
		ssize_t n = monitor_receive(fd, &head, data, sizeof(data), &e);
		assert_true(n >= 0);
		if (head.type == MONITOR_STDOUT)
			keep(g->out, &g->n_out, data, (size_t)n);
		else if (head.type == MONITOR_STDERR)
			keep(g->err, &g->n_err, data, (size_t)n);
		if (head.type == MONITOR_STDOUT || head.type == MONITOR_STDERR)
			g->total += (size_t)n;
		if (head.type == MONITOR_EXIT) {
			assert_int_equal(n, sizeof(g->exit));
			memcpy(&g->exit, data, sizeof(g->exit));
			return;
		}
	}
}

static void start(const struct box *b)
{
	struct error e = {};

	if (monitor_start(b->client, &e) < 0)
		fail_msg("%s", e.text);
}

static void test_monitor_exit_code_when_container_ends(void **state)
{
	static const struct {
		const char *script;
		int code, signal;
	} cases[] = {{"exit 0", 0, 0}, {"exit 200", 200, 0}, {"kill -9 $$", 137, 9}, {"kill -TERM $$", 143, 15}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct box b;
		struct got g;
		struct monitor_exit record;
		struct error e;

		box_start(&b,
			  &(struct box_options){.script = cases[i].script, .role = ALL, .cleanup = "touch cleaned"});
		start(&b);
		collect(b.client, &g);
		assert_int_equal(g.exit.exit_code, cases[i].code);
		assert_int_equal(g.exit.signal, cases[i].signal);
		assert_true(g.exit.finished_ns >= g.exit.started_ns && g.exit.started_ns > 0);
		assert_int_equal(exit_record_read(b.dir_fd, EXIT_RECORD_NAME, &record, &e), 1);
		assert_memory_equal(&record, &g.exit, sizeof(record));
		assert_int_equal(box_wait_monitor(&b), 0);
		assert_true(box_has(&b, "cleaned"));
		box_done(&b);
	}
}

static void test_monitor_start_error_when_exec_fails(void **state)
{
	struct box b;
	struct got g;
	struct error e = {};

	box_start(&b, &(struct box_options){ .role = ALL });
	assert_int_equal(monitor_start(b.client, &e), -1);
	assert_int_equal(e.kind, ERROR_NO_COMMAND);
	assert_string_equal(e.text, "no such program");
	collect(b.client, &g);
	assert_int_equal(g.exit.exit_code, 127);
	box_done(&b);
}

static void test_monitor_takes_start_and_leaves_the_rest(void **state)
{
	static const struct { uint32_t type; bool taken; } cases[] = {
		{ 0, false }, { MONITOR_SIGNAL, false }, { MONITOR_START, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_monitor_builder b = {};
		autoclose int client = -1, container = -1;
		int start[2];
		char byte;
		struct error e = {};

		monitor_builder_init(&b);
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, start) == 0, 1);
		assert_int_equal(monitor_client_pair(&client, &b.c.client[0].fd, &e), 0);
		b.c.start_fd = start[0];
		container = start[1];
		if (cases[i].type)
			assert_int_equal(monitor_send(client, cases[i].type, 15, NULL, 0, &e), 0);
		monitor_take_start(&b, 0);
		assert_int_equal((b.c.flags & MONITOR_STARTING) != 0, cases[i].taken);
		assert_int_equal(recv(container, &byte, 1, MSG_DONTWAIT), cases[i].taken ? 1 : -1);
		assert_int_equal(recv(b.c.client[0].fd, &byte, 1, MSG_DONTWAIT), cases[i].type && !cases[i].taken ? 1 : -1);
		close(b.c.client[0].fd);
		close(start[0]);
	}
}

/* Whoever passed the start byte on, the answer comes from the monitor. */
static void test_monitor_answers_a_start_taken_before_it_was(void **state)
{
	for (int ended = 0; ended < 2; ended++) {
		struct box b;
		struct got g;
		struct error e = {};

		box_start(&b, &(struct box_options){ .script = "echo hello; exit 3", .role = ALL, .take_start = true,
						     .ended = ended, .cleanup = "touch cleaned" });
		start(&b);
		collect(b.client, &g);
		assert_memory_equal(g.out, "hello\n", 6);
		assert_int_equal(g.exit.exit_code, 3);
		assert_true(g.exit.started_ns > 0);
		assert_int_equal(box_wait_monitor(&b), 0);
		assert_true(box_has(&b, "cleaned"));
		box_done(&b);
		box_start(&b, &(struct box_options){ .role = ALL, .take_start = true, .ended = ended });
		assert_int_equal(monitor_start(b.client, &e), -1);
		assert_int_equal(e.kind, ERROR_NO_COMMAND);
		collect(b.client, &g);
		box_done(&b);
	}
}

static void test_monitor_streams_and_log_when_container_writes(void **state)
{
	struct box b;
	struct got g;

	box_start(&b, &(struct box_options){
			      .script = "echo one; echo two >&2; sleep 0.1; printf 'th'; sleep 0.1; printf 'ree'",
			      .role = ALL,
			      .driver = MONITOR_LOG_K8S_FILE});
	start(&b);
	collect(b.client, &g);
	assert_int_equal(g.n_out, 9);
	assert_memory_equal(g.out, "one\nthree", 9);
	assert_memory_equal(g.err, "two\n", 4);
	autofree char *log = box_read(&b, "ctr.log");
	assert_non_null(strstr(log, " stdout F one\n"));
	assert_non_null(strstr(log, " stderr F two\n"));
	assert_non_null(strstr(log, " stdout P th\n"));
	assert_non_null(strstr(log, " stdout P ree\n"));
	assert_non_null(strstr(log, " stdout F \n"));
	assert_true(log[4] == '-' && log[10] == 'T' && log[19] == '.' && log[35] == ' ');
	box_done(&b);
}

static void test_monitor_json_when_driver_is_json_file(void **state)
{
	struct box b;
	struct got g;

	box_start(&b, &(struct box_options){.script = "printf 'a\"b\\\\c\\t\\377\\n'; sleep 0.1; printf 'x'",
					    .role = ALL,
					    .driver = MONITOR_LOG_JSON_FILE});
	start(&b);
	collect(b.client, &g);
	autofree char *log = box_read(&b, "ctr.log");
	assert_non_null(str_after(log, "{\"log\":\"a\\\"b\\\\c\\u0009\\ufffd\\n\",\"stream\":\"stdout\",\"time\":\""));
	assert_non_null(strstr(log, "{\"log\":\"x\",\"stream\":\"stdout\""));
	box_done(&b);
}

static size_t count(const char *text, char c)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

static void test_monitor_rotates_when_log_is_full(void **state)
{
	struct box b;
	struct got g;
	struct stat st;

	/* 4,000 lines of some 50 bytes with 4 × 64 KiB of room */
	box_start(&b, &(struct box_options){.script = "i=0; while [ $i -lt 4000 ]; do echo line $i; i=$((i+1)); done",
					    .role = ALL,
					    .driver = MONITOR_LOG_K8S_FILE,
					    .max_size = 65536,
					    .keep = 3});
	start(&b);
	collect(b.client, &g);
	size_t lines = 0;
	const char *const names[] = { "ctr.log.3", "ctr.log.2", "ctr.log.1", "ctr.log" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		autofree char *text = box_read(&b, names[i]);
		assert_non_null(text);
		assert_int_equal(fstatat(b.dir_fd, names[i], &st, 0), 0);
		assert_true(st.st_size <= 65536);
		/* begins and ends at a line's border */
		assert_true(text[4] == '-' && text[strlen(text) - 1] == '\n');
		lines += count(text, '\n');
	}
	autofree char *last = box_read(&b, "ctr.log");
	assert_non_null(strstr(last, "line 3999\n"));
	assert_true(lines > 3000);
	box_done(&b);
}

static void test_monitor_truncates_when_no_file_is_kept(void **state)
{
	struct box b;
	struct got g;

	box_start(&b, &(struct box_options){ .script = "seq 1 10000", .role = ALL, .driver = MONITOR_LOG_K8S_FILE,
					     .max_size = 32768 });
	start(&b);
	collect(b.client, &g);
	assert_false(box_has(&b, "ctr.log.1"));
	autofree char *log = box_read(&b, "ctr.log");
	assert_non_null(strstr(log, " 10000\n"));
	box_done(&b);
}

static void test_monitor_all_output_when_100_megabytes(void **state)
{
	struct box b;
	struct got g;
	struct stat st;

	box_start(&b, &(struct box_options){.script = "head -c 104857600 /dev/zero | tr '\\0' 'x' | fold -w 99",
					    .role = ALL,
					    .driver = MONITOR_LOG_K8S_FILE});
	start(&b);
	collect(b.client, &g);
	assert_int_equal(g.total, 104857600 + 104857600 / 99);   /* fold adds no newline at the very end */
	assert_int_equal(fstatat(b.dir_fd, "ctr.log", &st, 0), 0);
	assert_true(st.st_size > 104857600);
	box_done(&b);
}

static void test_monitor_log_is_complete_when_client_is_stuck(void **state)
{
	struct box b;
	struct error e;
	struct monitor_exit x;
	struct got g;
	int waiter;

	/* Far more than the client's socket holds, less than a pipe does: the container can end. */
	box_start(&b, &(struct box_options){.script = "head -c 60000 /dev/zero | tr '\\0' 'y'; echo; echo end",
					    .role = ALL,
					    .client_buffer = 4096,
					    .driver = MONITOR_LOG_K8S_FILE,
					    .cleanup = "touch cleaned"});
	start(&b);
	/* Nobody reads b.client, but who waits is told. */
	assert_int_equal(monitor_connect(b.dir_fd, MONITOR_SOCKET_NAME, &waiter, &e), 1);
	assert_int_equal(monitor_hello(waiter, MONITOR_ROLE_WAIT, NULL, NULL, &e), 0);
	assert_int_equal(monitor_wait(waiter, 10000000000, &x, &e), 1);
	close(waiter);
	autofree char *log = box_read(&b, "ctr.log");
	assert_non_null(strstr(log, " stdout F end\n"));
	box_wait_file(&b, "cleaned");
	collect(b.client, &g);
	assert_int_equal(g.total, 60005);
	assert_int_equal(box_wait_monitor(&b), 0);
	box_done(&b);
}

static void test_monitor_goes_on_when_client_is_killed(void **state)
{
	struct box b;
	struct error e;
	struct monitor_exit x;
	int waiter;

	box_start(&b, &(struct box_options){ .script = "head -c 2000000 /dev/zero | tr '\\0' 'z'; echo; echo end",
					     .role = ALL | MONITOR_ROLE_OWNER, .driver = MONITOR_LOG_K8S_FILE,
					     .cleanup = "touch cleaned" });
	start(&b);
	usleep(100000);   /* its socket is full now */
	assert_false(box_has(&b, "exit.json"));
	close(b.client);
	b.client = -1;
	if (monitor_connect(b.dir_fd, MONITOR_SOCKET_NAME, &waiter, &e) == 1) {
		if (monitor_hello(waiter, MONITOR_ROLE_WAIT, NULL, NULL, &e) == 0)
			monitor_wait(waiter, 10000000000, &x, &e);
		close(waiter);
	}
	assert_int_equal(box_wait_monitor(&b), 0);
	assert_true(box_has(&b, "cleaned"));
	autofree char *log = box_read(&b, "ctr.log");
	assert_non_null(strstr(log, " stdout F end\n"));
	box_done(&b);
}

static void test_monitor_no_cleanup_when_owner_cleaned(void **state)
{
	for (int say = 0; say < 2; say++) {
		struct box b;
		struct got g;
		struct error e;

		box_start(&b, &(struct box_options){ .script = "exit 3", .role = ALL | MONITOR_ROLE_OWNER,
						     .cleanup = "touch cleaned" });
		start(&b);
		collect(b.client, &g);
		usleep(20000);
		assert_false(box_has(&b, "cleaned"));
		if (say)
			assert_int_equal(monitor_send(b.client, MONITOR_CLEANED, 0, NULL, 0, &e), 0);
		close(b.client);
		b.client = -1;
		assert_int_equal(box_wait_monitor(&b), 0);
		assert_int_equal(box_has(&b, "cleaned"), !say);
		box_done(&b);
	}
}

static void test_monitor_kills_when_creator_dies_before_start(void **state)
{
	struct box b;
	struct monitor_exit x;
	struct error e;

	box_start(&b, &(struct box_options){ .script = "sleep 60", .role = ALL | MONITOR_ROLE_ABANDON,
					     .cleanup = "touch cleaned" });
	close(b.client);
	b.client = -1;
	assert_int_equal(box_wait_monitor(&b), 0);
	assert_true(box_has(&b, "cleaned"));
	assert_int_equal(exit_record_read(b.dir_fd, EXIT_RECORD_NAME, &x, &e), 1);
	assert_int_equal(x.started_ns, 0);
	box_done(&b);
}

static void test_monitor_stdin_when_client_types(void **state)
{
	for (int once = 0; once < 2; once++) {
		struct box b;
		struct got g;
		struct error e;
		struct monitor_welcome w;
		int in = -1;

		box_start(&b, &(struct box_options){ .script = once ? "cat" : "read x; echo \"$x\"",
						     .role = ALL | MONITOR_ROLE_STDIN,
						     .flags = once ? MONITOR_STDIN_ONCE : 0 });
		assert_int_equal(monitor_welcome(b.client, &w, &in, &e), 0);
		assert_true(in >= 0 && w.stdin_open && !w.tty && !w.started);
		assert_int_equal(w.pid, b.pid);
		start(&b);
		assert_int_equal(write(in, "hello\n", 6), 6);
		close(in);
		assert_int_equal(monitor_send(b.client, MONITOR_STDIN_EOF, 0, NULL, 0, &e), 0);
		collect(b.client, &g);
		assert_int_equal(g.n_out, 6);
		assert_memory_equal(g.out, "hello\n", 6);
		box_done(&b);
	}
}

static void test_monitor_stdin_ends_when_client_dies(void **state)
{
	struct box b;
	struct error e;
	int in = -1;

	box_start(&b, &(struct box_options){ .script = "cat; echo done > out", .role = ALL | MONITOR_ROLE_STDIN,
					     .flags = MONITOR_STDIN_ONCE });
	assert_int_equal(monitor_welcome(b.client, NULL, &in, &e), 0);
	start(&b);
	close(in);
	close(b.client);
	b.client = -1;
	assert_int_equal(box_wait_monitor(&b), 0);
	assert_true(box_has(&b, "out"));
	box_done(&b);
}

static void test_monitor_tty_when_resized_and_typed(void **state)
{
	struct box b;
	struct got g;
	struct error e;
	struct monitor_welcome w;
	const struct winsize size = { .ws_row = 33, .ws_col = 77 };
	int in = -1;

	box_start(&b, &(struct box_options){ .script = "stty -echo; stty size; read x; echo got $x >&2",
					     .role = ALL | MONITOR_ROLE_STDIN, .flags = MONITOR_TTY,
					     .driver = MONITOR_LOG_K8S_FILE });
	assert_int_equal(monitor_welcome(b.client, &w, &in, &e), 0);
	assert_true(w.tty && in >= 0);
	assert_int_equal(ioctl(in, TIOCSWINSZ, &size), 0);
	start(&b);
	usleep(100000);
	assert_int_equal(write(in, "word\n", 5), 5);
	collect(b.client, &g);
	close(in);
	assert_non_null(strstr(g.out, "33 77\r\n"));
	assert_non_null(strstr(g.out, "got word\r\n"));
	assert_int_equal(g.n_err, 0);
	autofree char *log = box_read(&b, "ctr.log");
	assert_non_null(strstr(log, " stdout F got word\r\n"));
	box_done(&b);
}

static void test_monitor_late_client_when_connecting(void **state)
{
	struct box b;
	struct got g;
	struct error e;
	struct monitor_welcome w;
	int late;

	box_start(&b, &(struct box_options){
			      .script = "echo early; while [ ! -e go ]; do sleep 0.02; done; echo late; exit 5",
			      .role = MONITOR_ROLE_WAIT});
	start(&b);
	usleep(100000);
	assert_int_equal(monitor_connect(b.dir_fd, MONITOR_SOCKET_NAME, &late, &e), 1);
	assert_int_equal(monitor_hello(late, ALL, &w, NULL, &e), 0);
	assert_true(w.started);
	close(openat(b.dir_fd, "go", O_CREAT | O_WRONLY, 0600));
	collect(late, &g);
	assert_memory_equal(g.out, "late\n", 5);
	assert_int_equal(g.exit.exit_code, 5);
	close(late);
	box_done(&b);
}

static void test_monitor_requests_when_asked(void **state)
{
	struct box b;
	struct monitor_exit x;
	struct error e;
	int64_t ns = DAY_NS;

	box_start(&b, &(struct box_options){ .script = "trap 'exit 9' USR1; echo up; while :; do sleep 0.02; done",
					     .role = MONITOR_ROLE_WAIT, .driver = MONITOR_LOG_K8S_FILE, .keep = 1 });
	start(&b);
	usleep(100000);
	assert_int_equal(monitor_request(b.dir_fd, MONITOR_ROTATE_LOG, 0, NULL, 0, &e), 1);
	assert_true(box_has(&b, "ctr.log.1"));
	assert_int_equal(unlinkat(b.dir_fd, "ctr.log", 0), 0);
	assert_int_equal(monitor_request(b.dir_fd, MONITOR_REOPEN_LOG, 0, NULL, 0, &e), 1);
	assert_true(box_has(&b, "ctr.log"));
	assert_int_equal(monitor_request(b.dir_fd, MONITOR_TIMEOUT, 0, &ns, sizeof(ns), &e), 1);
	assert_int_equal(monitor_request(b.dir_fd, MONITOR_HEALTH_INTERVAL, 0, &ns, sizeof(ns), &e), 1);
	assert_int_equal(monitor_request(b.dir_fd, MONITOR_HEALTH_READY, 0, NULL, 0, &e), 1);
	assert_int_equal(monitor_request(b.dir_fd, MONITOR_SIGNAL, 999, NULL, 0, &e), -1);
	assert_int_equal(monitor_request(b.dir_fd, 55, 0, NULL, 0, &e), -1);
	assert_int_equal(e.kind, ERROR_UNSUPPORTED);
	assert_int_equal(monitor_request(b.dir_fd, MONITOR_SIGNAL, SIGUSR1, NULL, 0, &e), 1);
	assert_int_equal(monitor_wait(b.client, 10000000000, &x, &e), 1);
	assert_int_equal(x.exit_code, 9);
	close(b.client);
	b.client = -1;
	box_wait_monitor(&b);
	assert_int_equal(monitor_request(b.dir_fd, MONITOR_SIGNAL, SIGUSR1, NULL, 0, &e), 0);
	box_done(&b);
}

static void test_monitor_disconnects_when_client_lies(void **state)
{
	static const struct {
		uint32_t type;
		size_t len;
	} cases[] = { { MONITOR_START, 0 }, { MONITOR_HELLO, 0 }, { 12345, 0 }, { MONITOR_HELLO, 1000 }, { 0, 64 } };
	struct box b;
	struct error e;
	char data[1000] = "";

	box_start(&b, &(struct box_options){ .script = "sleep 60", .role = MONITOR_ROLE_WAIT });
	start(&b);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct monitor_message head;
		int fd;
		assert_int_equal(monitor_connect(b.dir_fd, MONITOR_SOCKET_NAME, &fd, &e), 1);
		assert_int_equal(monitor_send(fd, cases[i].type, 0, data, cases[i].len, &e), 0);
		assert_int_equal(monitor_receive(fd, &head, data, sizeof(data), &e), -1);
		assert_int_equal(e.kind, ERROR_NOT_FOUND);
		close(fd);
	}
	assert_int_equal(monitor_request(b.dir_fd, MONITOR_SIGNAL, SIGKILL, NULL, 0, &e), 1);
	box_done(&b);
}

static void test_monitor_many_clients_when_slots_are_full(void **state)
{
	struct box b;
	struct error e;
	int fd[MONITOR_CLIENTS_MAX + 4];
	size_t refused = 0;

	box_start(&b, &(struct box_options){ .script = "sleep 60", .role = MONITOR_ROLE_WAIT });
	start(&b);
	for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
		fd[i] = -1;
		assert_int_equal(monitor_connect(b.dir_fd, MONITOR_SOCKET_NAME, &fd[i], &e), 1);
		if (monitor_hello(fd[i], MONITOR_ROLE_WAIT, NULL, NULL, &e) < 0)
			refused++;
	}
	assert_int_equal(refused, 5);   /* the inherited one has a slot, too */
	for (size_t i = 0; i < ARRAY_LEN(fd); i++)
		close(fd[i]);
	usleep(50000);
	assert_int_equal(monitor_request(b.dir_fd, MONITOR_SIGNAL, SIGKILL, NULL, 0, &e), 1);
	box_done(&b);
}

static void test_monitor_kills_when_time_is_over(void **state)
{
	struct box b;
	struct monitor_exit x;
	struct error e;

	box_start(&b,
		  &(struct box_options){.script = "exec sleep 60", .role = MONITOR_ROLE_WAIT, .timeout_ns = 200000000});
	start(&b);
	assert_int_equal(monitor_wait(b.client, 10000000000, &x, &e), 1);
	assert_int_equal(x.exit_code, 137);
	assert_true(x.timed_out);
	box_done(&b);
}

static void test_monitor_checks_health_when_due(void **state)
{
	struct box b;
	struct error e;

	box_start(&b, &(struct box_options){ .script = "exec sleep 60", .role = MONITOR_ROLE_WAIT,
					     .health = "echo x >> health", .health_interval_ns = 100000000 });
	start(&b);
	usleep(650000);
	autofree char *text = box_read(&b, "health");
	assert_non_null(text);
	assert_in_range(count(text, 'x'), 3, 7);
	assert_int_equal(monitor_request(b.dir_fd, MONITOR_SIGNAL, SIGKILL, NULL, 0, &e), 1);
	box_done(&b);
}

static void test_monitor_notifies_when_started(void **state)
{
	struct box b;
	char path[64], text[128] = "", want[64];
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(path, sizeof(path), "/tmp/umiak-test-notify-%d", (int)getpid());
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	box_start(&b, &(struct box_options){ .script = "sleep 0.2", .role = MONITOR_ROLE_WAIT,
					     .notify = MONITOR_NOTIFY_CONMON, .notify_socket = path });
	start(&b);
	assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
	snprintf(want, sizeof(want), "MAINPID=%d\nREADY=1", (int)b.monitor);
	assert_string_equal(text, want);
	close(fd);
	unlink(path);
	box_done(&b);
}

static void test_monitor_stays_when_hung_up(void **state)
{
	static const int signals[] = { SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGTSTP };
	struct box b;
	struct monitor_exit x;
	struct error e;

	box_start(&b, &(struct box_options){ .script = "trap 'exit 4' TERM; echo up > go; while :; do sleep 0.02; done",
					     .role = MONITOR_ROLE_WAIT });
	start(&b);
	box_wait_file(&b, "go");
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		assert_int_equal(kill(b.monitor, signals[i]), 0);
	assert_int_equal(monitor_wait(b.client, 100000000, &x, &e), 0);
	/* ... and SIGTERM is the container's. */
	assert_int_equal(kill(b.monitor, SIGTERM), 0);
	assert_int_equal(monitor_wait(b.client, 10000000000, &x, &e), 1);
	assert_int_equal(x.exit_code, 4);
	box_done(&b);
}

static void box_make_file(const struct box *b, const char *name)
{
	int fd = openat(b->dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	close(fd);
}

static void test_monitor_container_survives_when_monitor_is_killed(void **state)
{
	struct box b;
	int32_t stdio[3];
	struct error e;
	char text[64] = "";

	box_start(&b,
		  &(struct box_options){.script = "echo up > go; while [ ! -e killed ]; do sleep 0.02; done; echo still here; "
						  "echo yes > wrote; while [ ! -e seen ]; do sleep 0.02; done; echo ok > out",
					.role = MONITOR_ROLE_WAIT});
	start(&b);
	box_wait_file(&b, "go");
	kill(b.monitor, SIGKILL);
	waitpid(b.monitor, NULL, 0);
	b.monitor = 0;
	box_make_file(&b, "killed");
	/* Adopted: the output written meanwhile is still in the pipe. */
	box_wait_file(&b, "wrote");
	assert_int_equal(monitor_stdio_adopt(b.pid, stdio, &e), 0);
	assert_true(stdio[1] >= 0);
	assert_int_equal(read(stdio[1], text, sizeof(text) - 1), 11);
	assert_string_equal(text, "still here\n");
	box_make_file(&b, "seen");
	box_wait_file(&b, "out");
	for (int i = 0; i < 3; i++)
		if (stdio[i] >= 0)
			close(stdio[i]);
	box_done(&b);
}

/* Adoption: not the parent. The code comes from the kernel's pidfd information (Linux 6.15) or is unknown. */
static void test_monitor_exit_code_when_it_only_watches(void **state)
{
	struct box b = { .dir = "/tmp/umiak-test-monitor-XXXXXX", .client = -1 };
	struct monitor_exit x;
	struct error e;

	assert_non_null(mkdtemp(b.dir));
	b.dir_fd = open(b.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b.pid = fork();
	if (b.pid == 0)
		execl("/bin/sh", "sh", "-c", "sleep 0.3; exit 9", NULL);
	b.monitor = fork();
	if (b.monitor == 0) {
		struct monitor_builder m;
		monitor_builder_init(&m);
		m.c.flags = MONITOR_WATCH | MONITOR_STARTED_ALREADY | MONITOR_TRANSIENT;
		m.c.pid = b.pid;
		m.c.pidfd = (int)syscall(SYS_pidfd_open, b.pid, 0);
		m.c.run_dir_fd = b.dir_fd;
		m.c.listen_fd = monitor_listen(b.dir_fd, MONITOR_SOCKET_NAME, &e);
		monitor_exec(&m, getenv("UMIAK_MONITOR"), &e);
		_exit(71);
	}
	assert_int_equal(waitpid(b.pid, NULL, 0), b.pid);
	assert_int_equal(box_wait_monitor(&b), 0);
	assert_int_equal(exit_record_read(b.dir_fd, EXIT_RECORD_NAME, &x, &e), 1);
	assert_true(x.exit_code == 9 || x.exit_code == -1);
	box_done(&b);
}

static void test_exit_record_refused_when_garbage(void **state)
{
	static const char *const cases[] = {"",
					    "{",
					    "{}",
					    "[]",
					    "{\"exit_code\":}",
					    "{\"exit_code\":1} x",
					    "{\"colour\":1}",
					    "{\"exit_code\":1,}",
					    "{\"oom\":1}",
					    "{\"exit_code\":4294967296}"};
	struct monitor_exit x;
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(exit_record_parse(cases[i], strlen(cases[i]), &x, &e), -1);
	const char *blanks = "{ \"oom\" : true , \"exit_code\":-1 }\n";
	assert_int_equal(exit_record_parse(blanks, strlen(blanks), &x, &e), 0);
	assert_true(x.oom && x.exit_code == -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_monitor_exit_code_when_container_ends),
		cmocka_unit_test(test_monitor_takes_start_and_leaves_the_rest),
		cmocka_unit_test(test_monitor_answers_a_start_taken_before_it_was),
		cmocka_unit_test(test_monitor_start_error_when_exec_fails),
		cmocka_unit_test(test_monitor_streams_and_log_when_container_writes),
		cmocka_unit_test(test_monitor_json_when_driver_is_json_file),
		cmocka_unit_test(test_monitor_rotates_when_log_is_full),
		cmocka_unit_test(test_monitor_truncates_when_no_file_is_kept),
		cmocka_unit_test(test_monitor_all_output_when_100_megabytes),
		cmocka_unit_test(test_monitor_log_is_complete_when_client_is_stuck),
		cmocka_unit_test(test_monitor_goes_on_when_client_is_killed),
		cmocka_unit_test(test_monitor_no_cleanup_when_owner_cleaned),
		cmocka_unit_test(test_monitor_kills_when_creator_dies_before_start),
		cmocka_unit_test(test_monitor_stdin_when_client_types),
		cmocka_unit_test(test_monitor_stdin_ends_when_client_dies),
		cmocka_unit_test(test_monitor_tty_when_resized_and_typed),
		cmocka_unit_test(test_monitor_late_client_when_connecting),
		cmocka_unit_test(test_monitor_requests_when_asked),
		cmocka_unit_test(test_monitor_disconnects_when_client_lies),
		cmocka_unit_test(test_monitor_many_clients_when_slots_are_full),
		cmocka_unit_test(test_monitor_kills_when_time_is_over),
		cmocka_unit_test(test_monitor_checks_health_when_due),
		cmocka_unit_test(test_monitor_notifies_when_started),
		cmocka_unit_test(test_monitor_stays_when_hung_up),
		cmocka_unit_test(test_monitor_container_survives_when_monitor_is_killed),
		cmocka_unit_test(test_monitor_exit_code_when_it_only_watches),
		cmocka_unit_test(test_exit_record_refused_when_garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
