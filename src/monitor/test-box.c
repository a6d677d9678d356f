/* SPDX-License-Identifier: Apache-2.0 */
#include "test-monitor.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"

#include <cmocka.h>   /* last: it defines fail() */

#define CHECK(x)                                              \
	do {                                                  \
		if (!(x)) {                                   \
			perror(#x);                           \
			_exit(70);                            \
		}                                             \
	} while (0)

static void run_container(const struct box_options *o, const int stdio[3], int start)
{
	char byte;
	struct error e = {};

	if (recv(start, &byte, 1, 0) != 1)
		_exit(0);
	if (o->flags & MONITOR_TTY) {
		setsid();
		ioctl(stdio[0], TIOCSCTTY, 0);
	}
	for (int i = 0; i < 3; i++)
		dup2(stdio[i], i);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	if (o->script)
		execl("/bin/sh", "sh", "-c", o->script, NULL);
	e.kind = ERROR_NO_COMMAND;
	snprintf(e.text, sizeof(e.text), "no such program");
	(void)!send(start, &e, sizeof(e), 0);
	_exit(1);
}

static void make_stdio(const struct box_options *o, struct monitor_config *c, int ret[3])
{
	struct error e;

	if (!(o->flags & MONITOR_TTY)) {
		CHECK(monitor_stdio_pipe(false, &ret[0], &c->stdio_fd[0], &e) == 0);
		CHECK(monitor_stdio_pipe(true, &ret[1], &c->stdio_fd[1], &e) == 0);
		CHECK(monitor_stdio_pipe(true, &ret[2], &c->stdio_fd[2], &e) == 0);
		return;
	}
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	c->stdio_fd[0] = master;
	ret[0] = ret[1] = ret[2] = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(ret[0] >= 0);
}

static struct monitor_list script(struct monitor_builder *b, const char *text)
{
	char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)text, NULL };

	return text ? monitor_builder_list(b, argv) : (struct monitor_list){ 0, 0 };
}

static void fill(struct monitor_builder *b, const struct box_options *o, const char *dir)
{
	struct monitor_config *c = &b->c;
	struct error e;
	char path[128];

	snprintf(path, sizeof(path), "%s/ctr.log", dir);
	c->id = monitor_builder_string(b, "0123456789abcdef");
	c->flags = o->flags;
	c->run_dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	c->store_dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	c->listen_fd = monitor_listen(c->run_dir_fd, MONITOR_SOCKET_NAME, &e);
	CHECK(c->listen_fd >= 0);
	c->log_driver = o->driver;
	c->log_path = monitor_builder_string(b, path);
	if (o->driver == MONITOR_LOG_K8S_FILE || o->driver == MONITOR_LOG_JSON_FILE)
		c->log_fd = monitor_log_open(path, &e);
	c->log_max_size = o->max_size;
	c->log_keep = o->keep;
	c->timeout_ns = o->timeout_ns;
	c->health_interval_ns = o->health_interval_ns;
	c->health_argv = script(b, o->health);
	c->cleanup_argv = script(b, o->cleanup);
	c->notify = o->notify;
	c->notify_socket = monitor_builder_string(b, o->notify_socket);
	monitor_builder_env(b);
}

static void become_monitor(const struct box *x, const struct box_options *o, int monitor_end, int tell)
{
	auto_monitor_builder b = {};
	struct error e;
	int start[2], stdio[3];
	pid_t pid;

	if (x->client >= 0)
		close(x->client);   /* else the container's process, not yet exec'ed, keeps it open */
	CHECK(chdir(x->dir) == 0);
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	monitor_builder_init(&b);
	fill(&b, o, x->dir);
	make_stdio(o, &b.c, stdio);
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, start) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(start[0]);
		run_container(o, stdio, start[1]);
	}
	close(start[1]);
	for (int i = 0; i < 3; i++)
		close(stdio[i]);
	CHECK(write(tell, &pid, sizeof(pid)) == sizeof(pid));
	b.c.pid = pid;
	b.c.start_fd = start[0];
	if (monitor_end >= 0) {
		b.c.client[0].fd = monitor_end;
		b.c.client[0].role = o->role;
	}
	if (o->take_start)
		monitor_take_start(&b, 10000);
	if (o->ended) {
		siginfo_t info;
		waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	}
	monitor_exec(&b, getenv("UMIAK_MONITOR"), &e);
	dprintf(2, "%s\n", e.text);
	_exit(71);
}

void box_start(struct box *b, const struct box_options *o)
{
	int monitor_end = -1, tell[2];
	struct error e;

	*b = (struct box){ .dir = "/tmp/umiak-test-monitor-XXXXXX", .client = -1 };
	assert_non_null(mkdtemp(b->dir));
	b->dir_fd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->role)
		assert_int_equal(monitor_client_pair(&b->client, &monitor_end, &e), 0);
	if (o->client_buffer)
		setsockopt(monitor_end, SOL_SOCKET, SO_SNDBUF, &o->client_buffer, sizeof(o->client_buffer));
	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	b->monitor = fork();
	assert_true(b->monitor >= 0);
	if (b->monitor == 0)
		become_monitor(b, o, monitor_end, tell[1]);
	close(tell[1]);
	if (monitor_end >= 0)
		close(monitor_end);
	assert_int_equal(read(tell[0], &b->pid, sizeof(b->pid)), sizeof(b->pid));
	close(tell[0]);
}

int box_wait_monitor(struct box *b)
{
	int status = -1;

	for (int i = 0; i < 3000; i++) {
		if (waitpid(b->monitor, &status, WNOHANG) == b->monitor) {
			b->monitor = 0;
			return status;
		}
		usleep(10000);
	}
	return -1;
}

char *box_read(const struct box *b, const char *name)
{
	int fd = openat(b->dir_fd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	if (fd < 0)
		return NULL;
	assert_int_equal(fstat(fd, &st), 0);
	text = calloc(1, (size_t)st.st_size + 1);
	assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
	close(fd);
	return text;
}

bool box_has(const struct box *b, const char *name)
{
	return faccessat(b->dir_fd, name, F_OK, 0) == 0;
}

void box_wait_file(const struct box *b, const char *name)
{
	for (int i = 0; i < 1000 && !box_has(b, name); i++)
		usleep(10000);
	assert_true(box_has(b, name));
}

void box_done(struct box *b)
{
	static const char *const names[] = { "ctr.log", "ctr.log.1", "ctr.log.2", "ctr.log.3", "attach", "exit.json",
					     "out", "cleaned", "health", "notify", "go" };

	if (b->client >= 0)
		close(b->client);
	if (b->monitor > 0) {
		kill(b->pid, SIGKILL);
		box_wait_monitor(b);
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unlinkat(b->dir_fd, names[i], 0);
	close(b->dir_fd);
	rmdir(b->dir);
}
