/* SPDX-License-Identifier: Apache-2.0
 * The end of a container: the log is completed, the record written (durably, before anybody is told), clients get
 * their data and the exit code, and somebody cleans up: an owner who says so, or the clean-up command. */
#include "monitor/monitor.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "monitor/exit.h"

/* PIDFD_GET_INFO with exit information, Linux 6.15; own copy because older headers lack it. */
struct pidfd_info_exit {
	uint64_t mask, cgroup_id;
	uint32_t pid, tgid, ppid, ids[8];
	int32_t exit_code;
	uint32_t spare[8];
};
#define PIDFD_INFO_EXIT_MASK (UINT64_C(1) << 3)
#define PIDFD_GET_INFO_EXIT _IOWR(0xFF, 11, struct pidfd_info_exit)

/* "oom_kill N" of memory.events (v2) or memory.oom_control (v1). */
static bool was_oom_killed(int fd)
{
	char text[1024];
	ssize_t n = fd >= 0 ? pread(fd, text, sizeof(text) - 1, 0) : 0;
	const char *at;

	if (n <= 0)
		return false;
	text[n] = 0;
	for (at = text; (at = strstr(at, "oom_kill ")); at++)
		if ((at == text || at[-1] == '\n') && at[9] >= '1' && at[9] <= '9')
			return true;
	return false;
}

static void set_status(struct monitor_exit *e, int status, bool known)
{
	if (!known) {
		e->exit_code = -1;
	} else if (WIFSIGNALED(status)) {
		e->signal = WTERMSIG(status);
		e->exit_code = 128 + e->signal;
	} else {
		e->exit_code = WEXITSTATUS(status);
	}
}

static void write_records(const struct monitor *m)
{
	const struct monitor_config *c = m->config;

	if (c->store_dir_fd >= 0 && !(c->flags & MONITOR_TRANSIENT))
		exit_record_write(c->store_dir_fd, EXIT_RECORD_NAME, &m->exit, true);
	if (c->run_dir_fd >= 0)
		exit_record_write(c->run_dir_fd, EXIT_RECORD_NAME, &m->exit, false);
}

/* The container ended before the loop saw how its exec went. What exec reported wins over the child's status: 126 and
 * 127 are decided by the kind of the error. No report means that exec succeeded. */
static void answer_starter(struct monitor *m)
{
	struct error e = {};
	bool failed = m->start_fd >= 0 && read(m->start_fd, &e, sizeof(e)) == sizeof(e);

	close_fd(&m->start_fd);
	if (failed) {
		m->exit.exit_code = error_exit_code(&e);
	} else {
		m->exit.started_ns = m->exit.finished_ns;
		notify_started(m);
	}
	if (m->starter >= 0)
		client_send(m, (size_t)m->starter, MONITOR_STARTED, 0, failed ? &e : NULL, failed ? sizeof(e) : 0);
	m->starter = -1;
}

void container_exited(struct monitor *m, int status, bool known)
{
	enum phase before = m->phase;

	m->reaped = true;
	set_status(&m->exit, status, known);
	m->exit.finished_ns = monitor_realtime();
	m->exit.oom = was_oom_killed(m->config->oom_fd);
	if (before == PHASE_STARTING)
		answer_starter(m);
	m->timers = (struct timers){};
	for (int s = 0; s < STREAM_MAX; s++)
		stream_finish(m, (enum stream_id)s);
	write_records(m);
	m->phase = PHASE_FINISHING;   /* from here on clients are told */
	clients_close_stdin(m);
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (m->client[i].fd >= 0)
			client_flush(m, i);
}

/* The exit code is there once the process's parent has reaped it: give it a moment. */
void watch_exited(struct monitor *m)
{
	for (int tries = 0; tries < 100; tries++) {
		struct pidfd_info_exit info = { .mask = PIDFD_INFO_EXIT_MASK };
		if (ioctl(m->pidfd, PIDFD_GET_INFO_EXIT, &info) == 0 && (info.mask & PIDFD_INFO_EXIT_MASK)) {
			container_exited(m, info.exit_code, true);
			return;
		}
		poll(NULL, 0, 20);
	}
	container_exited(m, 0, false);
}

static bool has_owner(const struct monitor *m)
{
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (m->client[i].fd >= 0 && (m->client[i].role & MONITOR_ROLE_OWNER))
			return true;
	return false;
}

static bool has_client(const struct monitor *m)
{
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (m->client[i].fd >= 0 && m->client[i].greeted)
			return true;
	return false;
}

void finish_step(struct monitor *m)
{
	if (m->cleaned || has_owner(m))
		return;
	m->cleaned = true;
	/* With nobody left to serve there is no need for a second process. */
	if (!has_client(m))
		child_exec(m, &m->config->cleanup_argv);
	else
		m->cleanup_pid = child_spawn(m, &m->config->cleanup_argv);
}

bool finish_is_done(struct monitor *m)
{
	return m->cleaned && !has_client(m);
}
