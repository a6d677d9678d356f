/* SPDX-License-Identifier: Apache-2.0
 * umiak-monitor - one small process per container.
 *
 * How a container is watched. The engine's child has started the container's first process, which stands before its
 * exec, and becomes this program by exec: so it is that process's parent and holds its stdio. Its whole knowledge is a
 * sealed memory file (monitor/config.h). It maps it, tells inherited clients hello, and loops: container output goes
 * into the log, then to attached clients; clients' requests are answered (monitor/protocol.h); timers run health
 * checks; when the first process ends, the rest of the output is saved, the exit record is written, everyone waiting
 * is told, and clean-up is somebody's: the foreground command that owns the container, or the clean-up command that
 * this process turns into.
 *
 * It is killed by nothing but SIGKILL: hang-ups, a broken pipe, a full disk or a dead client cost what they concern.
 * If it is killed, the container runs on (its output pipes have a reader of their own) and the next command that
 * finds the lock free starts a new monitor in watch mode. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"
#include "monitor/monitor.h"

enum slot { SLOT_SIGNAL, SLOT_LISTEN, SLOT_START, SLOT_PIDFD, SLOT_NOTIFY, SLOT_OUT, SLOT_ERR, SLOT_CLIENTS };
#define SLOT_MAX (SLOT_CLIENTS + MONITOR_CLIENTS_MAX)

static const struct monitor_config *map_config(const char *number)
{
	const struct monitor_config *c;
	struct stat st;
	char *end;
	long fd = strtol(number, &end, 10);

	if (*end || fd < 3 || fd > INT32_MAX || fstat((int)fd, &st) < 0 || (size_t)st.st_size < sizeof(*c))
		return NULL;
	c = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, (int)fd, 0);
	close((int)fd);
	if (c == MAP_FAILED || c->magic != MONITOR_MAGIC || c->version != MONITOR_CONFIG_VERSION ||
	    c->size != (uint64_t)st.st_size)
		return NULL;
	return c;
}

/* What we start must not inherit anything of the container. */
static void keep_descriptors_private(void)
{
	if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		for (int fd = 3; fd < 1024; fd++)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
}

enum { BLIND_NS = 100000000 };

static int open_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU };
	static const int read[] = { SIGCHLD, SIGTERM, SIGINT, SIGQUIT };
	sigset_t set;

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(read); i++)
		sigaddset(&set, read[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void set_up(struct monitor *m, const struct monitor_config *c)
{
	m->config = c;
	m->pid = c->pid;
	m->pidfd = c->pidfd;
	m->start_fd = c->start_fd;
	m->listen_fd = c->listen_fd;
	m->stdin_fd = c->stdio_fd[0];
	m->notify_fd = c->notify_fd;
	m->phase = c->flags & MONITOR_STARTING ? PHASE_STARTING : PHASE_CREATED;
	m->starter = c->flags & MONITOR_STARTING ? 0 : -1;
	m->want_ready = true;
	m->exit.exit_code = -1;
	m->stream[STREAM_OUT].fd = c->flags & MONITOR_TTY ? c->stdio_fd[0] : c->stdio_fd[1];
	m->stream[STREAM_ERR].fd = c->flags & MONITOR_TTY ? -1 : c->stdio_fd[2];
	for (int s = 0; s < STREAM_MAX; s++) {
		m->stream[s].data = m->chunk[s];
		if (m->stream[s].fd >= 0)
			fcntl(m->stream[s].fd, F_SETFL, O_NONBLOCK | (fcntl(m->stream[s].fd, F_GETFL) & ~O_NONBLOCK));
	}
	/* Reading and typing end at different times. */
	if ((c->flags & MONITOR_TTY) && m->stdin_fd >= 0)
		m->stdin_fd = fcntl(m->stdin_fd, F_DUPFD_CLOEXEC, 3);
	log_init(&m->log, c);
	clients_init(m);
}

static void fill_slots(struct monitor *m, struct pollfd *p)
{
	p[SLOT_SIGNAL].fd = m->signal_fd;
	p[SLOT_LISTEN].fd = m->listen_fd;
	p[SLOT_START].fd = m->phase == PHASE_STARTING ? m->start_fd : -1;
	p[SLOT_PIDFD].fd = (m->config->flags & MONITOR_WATCH) && !m->reaped ? m->pidfd : -1;
	p[SLOT_NOTIFY].fd = m->notify_fd;
	/* STARTED comes before the first byte of output. */
	for (int s = 0; s < STREAM_MAX; s++)
		p[SLOT_OUT + s].fd = m->phase != PHASE_STARTING && stream_is_drained(m, (enum stream_id)s)
					     ? m->stream[s].fd : -1;
	for (int i = 0; i < SLOT_MAX; i++)
		p[i].events = POLLIN;
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
		p[SLOT_CLIENTS + i].fd = m->client[i].fd;
		if (client_wants_output(m, i))
			p[SLOT_CLIENTS + i].events |= POLLOUT;
	}
}

/* The start socket became readable: an end of file says that exec succeeded. An error of the child stays there until
 * the child is dead (at once); then finish.c reads it. */
static void read_start(struct monitor *m)
{
	char probe;
	ssize_t n = recv(m->start_fd, &probe, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		poll(NULL, 0, 1);
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	close_fd(&m->start_fd);
	timers_start(m);
	if (m->starter >= 0)
		client_send(m, (size_t)m->starter, MONITOR_STARTED, 0, NULL, 0);
	m->starter = -1;
}

static void read_signals(struct monitor *m)
{
	struct signalfd_siginfo info;

	while (read(m->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			children_reap(m);
		else
			container_signal(m, (int)info.ssi_signo);   /* a service manager stops its main process */
	}
}

static void serve_clients(struct monitor *m, const struct pollfd *p)
{
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++) {
		short events = p[SLOT_CLIENTS + i].revents;

		if (p[SLOT_CLIENTS + i].fd < 0 || m->client[i].fd != p[SLOT_CLIENTS + i].fd)
			continue;
		if (events & (POLLIN | POLLHUP | POLLERR))
			client_read(m, i);
		if ((events & POLLOUT) && m->client[i].fd >= 0)
			client_flush(m, i);
	}
}

static void serve(struct monitor *m, const struct pollfd *p)
{
	for (int s = 0; s < STREAM_MAX; s++)
		if (p[SLOT_OUT + s].revents && m->stream[s].fd >= 0)
			stream_pump(m, (enum stream_id)s);
	serve_clients(m, p);
	if (p[SLOT_LISTEN].revents)
		client_accept(m);
	if (p[SLOT_NOTIFY].revents)
		notify_forward(m);
	if (p[SLOT_START].revents && m->phase == PHASE_STARTING)
		read_start(m);
	if (p[SLOT_SIGNAL].revents)
		read_signals(m);
	if (p[SLOT_PIDFD].revents && !m->reaped)
		watch_exited(m);
}

/* There was no descriptor for signals: until there is one we look ourselves for children that have ended. */
static int64_t look_without_signals(struct monitor *m)
{
	m->signal_fd = open_signals();
	children_reap(m);
	int64_t wait = timers_next(m);
	return m->signal_fd < 0 && (wait < 0 || wait > BLIND_NS) ? BLIND_NS : wait;
}

static int run(struct monitor *m)
{
	struct pollfd p[SLOT_MAX];

	for (;;) {
		int64_t wait = m->signal_fd < 0 ? look_without_signals(m) : timers_next(m);
		struct timespec ts = { wait / 1000000000, wait % 1000000000 };

		if (m->phase == PHASE_FINISHING) {
			finish_step(m);
			if (finish_is_done(m))
				return 0;
		}
		memset(p, 0, sizeof(p));
		fill_slots(m, p);
		if (ppoll(p, SLOT_MAX, wait < 0 ? NULL : &ts, NULL) < 0 && errno != EINTR)
			return 1;
		serve(m, p);
		timers_run(m);
	}
}

int main(int argc, char **argv)
{
	static struct monitor monitor;   /* not on the stack: mostly never touched */

	if (argc == 2 && streq(argv[1], "--version"))   /* as `info` says it, with the path */
		return dprintf(1, "umiak-monitor version " UMIAK_VERSION "\n") < 0;
	const struct monitor_config *config = argc >= 2 ? map_config(argv[1]) : NULL;
	if (!config) {
		dprintf(2, "umiak-monitor is started by umiak, not by hand\n");
		return 125;
	}
	keep_descriptors_private();
	monitor.signal_fd = open_signals();
	set_up(&monitor, config);
	if (config->flags & MONITOR_STARTED_ALREADY)
		timers_start(&monitor);
	/* It may have ended before we began to listen for SIGCHLD. */
	children_reap(&monitor);
	return run(&monitor);
}
