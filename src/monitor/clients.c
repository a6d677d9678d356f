/* SPDX-License-Identifier: Apache-2.0
 * Clients: accepting, their messages, what they are sent (monitor/protocol.h). */
#include "monitor/monitor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/own.h"

#define REQUEST_MAX 64   /* payload of a client's message */

static bool reading(const struct client *c)
{
	return c->role & (MONITOR_ROLE_STDOUT | MONITOR_ROLE_STDERR);
}

static struct monitor_welcome welcome(const struct monitor *m)
{
	return (struct monitor_welcome){
		.version = MONITOR_PROTOCOL_VERSION,
		.monitor_pid = getpid(),
		.pid = m->pid,
		.tty = (m->config->flags & MONITOR_TTY) != 0,
		.started = m->phase >= PHASE_RUNNING,
		.stdin_open = m->stdin_fd >= 0,
	};
}

/* The one message that carries a descriptor: the container's stdin for who wants to type. */
static void send_welcome(struct monitor *m, size_t i)
{
	struct client *c = &m->client[i];
	struct monitor_welcome w = welcome(m);
	struct monitor_message head = { MONITOR_WELCOME, 0 };
	struct iovec iov[2] = { { &head, sizeof(head) }, { &w, sizeof(w) } };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if ((c->role & MONITOR_ROLE_STDIN) && m->stdin_fd >= 0) {
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &m->stdin_fd, sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	if (sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		client_close(m, i);
}

/* A newcomer gets output from now on. */
static void skip_past(struct monitor *m, struct client *c)
{
	for (int s = 0; s < STREAM_MAX; s++)
		c->sent[s] = m->stream[s].len;
}

void clients_init(struct monitor *m)
{
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		m->client[i].fd = -1;
	for (size_t i = 0; i < MONITOR_INHERITED_MAX; i++) {
		const struct monitor_client_config *from = &m->config->client[i];
		if (from->fd < 0)
			continue;
		m->client[i] = (struct client){ .fd = from->fd, .role = from->role, .greeted = true };
		if (from->role & MONITOR_ROLE_STDIN)
			send_welcome(m, i);
	}
}

static bool peer_is_us(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

void client_accept(struct monitor *m)
{
	autoclose int fd = accept4(m->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 || !peer_is_us(fd))
		return;
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (m->client[i].fd < 0) {
			m->client[i] = (struct client){ .fd = take_fd(fd) };
			return;
		}
}

void clients_close_stdin(struct monitor *m)
{
	if (m->stdin_fd < 0 || (m->config->flags & MONITOR_TTY))
		return;
	close_fd(&m->stdin_fd);
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (m->client[i].fd >= 0 && (m->client[i].role & MONITOR_ROLE_STDIN))
			client_send(m, i, MONITOR_STDIN_CLOSED, 0, NULL, 0);
}

void client_close(struct monitor *m, size_t i)
{
	struct client *c = &m->client[i];
	uint32_t role = c->role;

	close_fd(&c->fd);
	c->role = 0;
	if (m->starter == (int)i)
		m->starter = -1;
	if ((role & MONITOR_ROLE_ABANDON) && m->phase == PHASE_CREATED)
		container_kill(m);
	/* Its input ends with it, as a pipe's would. */
	if ((role & MONITOR_ROLE_STDIN) && (m->config->flags & MONITOR_STDIN_ONCE))
		clients_close_stdin(m);
}

bool client_send(struct monitor *m, size_t i, uint32_t type, uint32_t value, const void *data, size_t len)
{
	struct monitor_message head = { type, value };
	struct iovec iov[2] = { { &head, sizeof(head) }, { (void *)data, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = len ? 2 : 1 };

	if (sendmsg(m->client[i].fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM)
		return true;
	client_close(m, i);
	return false;
}

/* Sends the stream as far as the socket takes it. True: all of it is sent. */
static bool flush_stream(struct monitor *m, size_t i, enum stream_id s)
{
	static const uint32_t types[] = { MONITOR_STDOUT, MONITOR_STDERR };
	static const uint32_t roles[] = { MONITOR_ROLE_STDOUT, MONITOR_ROLE_STDERR };
	struct client *c = &m->client[i];
	const struct stream *st = &m->stream[s];

	while (c->fd >= 0 && (c->role & roles[s]) && c->sent[s] < st->len) {
		size_t n = st->len - c->sent[s], most = MONITOR_DATA_MAX >> c->smaller;
		struct monitor_message head = { types[s], 0 };
		struct iovec iov[2] = { { &head, sizeof(head) }, { st->data + c->sent[s], n < most ? n : most } };
		struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

		if (sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
			c->sent[s] += iov[1].iov_len;
		} else if (errno == EMSGSIZE && most > 512) {
			c->smaller++;   /* net.core.wmem_default is very small here */
		} else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
			return false;
		} else if (errno != EINTR) {
			client_close(m, i);
			return false;
		}
	}
	return c->fd >= 0;
}

static bool exit_is_due(const struct monitor *m, const struct client *c)
{
	return m->phase == PHASE_FINISHING && c->greeted && !c->exit_sent;
}

bool client_wants_output(const struct monitor *m, size_t i)
{
	const struct client *c = &m->client[i];

	if (c->fd < 0)
		return false;
	for (int s = 0; s < STREAM_MAX; s++)
		if ((c->role & (s == STREAM_OUT ? MONITOR_ROLE_STDOUT : MONITOR_ROLE_STDERR)) &&
		    c->sent[s] < m->stream[s].len)
			return true;
	return exit_is_due(m, c);
}

void client_flush(struct monitor *m, size_t i)
{
	struct client *c = &m->client[i];
	struct monitor_message head = { MONITOR_EXIT, 0 };
	struct iovec iov[2] = { { &head, sizeof(head) }, { &m->exit, sizeof(m->exit) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	for (int s = 0; s < STREAM_MAX; s++)
		if (!flush_stream(m, i, s))
			return;
	if (!exit_is_due(m, c))
		return;
	if (sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			client_close(m, i);
		return;
	}
	c->exit_sent = true;
	/* The owner is waited for: it cleans up now. */
	if (!(c->role & MONITOR_ROLE_OWNER))
		client_close(m, i);
}

/* ---- messages ---- */

struct request {
	uint32_t value;
	int64_t number;   /* payload of messages with one int64_t */
};

static void on_hello(struct monitor *m, size_t i, const struct request *r)
{
	struct client *c = &m->client[i];

	if (c->greeted)
		return;
	c->greeted = true;
	/* Owners are inherited only: a second one could fool the first. */
	c->role = r->value & (MONITOR_ROLE_WAIT | MONITOR_ROLE_STDIN | MONITOR_ROLE_STDOUT | MONITOR_ROLE_STDERR |
			      MONITOR_ROLE_OWNER);
	skip_past(m, c);
	send_welcome(m, i);
}

static void on_start(struct monitor *m, size_t i, const struct request *r)
{
	if (m->phase != PHASE_CREATED) {
		struct error e = {};
		fail(&e, ERROR_STATE, "container state improper: it was started already");
		client_send(m, i, MONITOR_STARTED, 0, &e, sizeof(e));
		return;
	}
	m->starter = (int)i;
	if (m->start_fd < 0) {
		timers_start(m);
		client_send(m, i, MONITOR_STARTED, 0, NULL, 0);
		return;
	}
	m->phase = PHASE_STARTING;
	if (!monitor_release(m->start_fd))
		shutdown(m->start_fd, SHUT_RDWR);   /* the child takes it for our death and ends */
}

static void answer(struct monitor *m, size_t i, int result)
{
	client_send(m, i, MONITOR_DONE, result < 0 ? (uint32_t)-result : 0, NULL, 0);
}

static void on_signal(struct monitor *m, size_t i, const struct request *r)
{
	answer(m, i, r->value < 1 || r->value > 64 ? -EINVAL : container_signal(m, (int)r->value));
}

static void on_stdin_eof(struct monitor *m, size_t i, const struct request *r)
{
	if (m->config->flags & MONITOR_STDIN_ONCE)
		clients_close_stdin(m);
}

static void on_detach(struct monitor *m, size_t i, const struct request *r)
{
	m->client[i].role &= ~(uint32_t)(MONITOR_ROLE_STDIN | MONITOR_ROLE_ABANDON);
	client_close(m, i);
}

static void on_cleaned(struct monitor *m, size_t i, const struct request *r)
{
	if (m->client[i].role & MONITOR_ROLE_OWNER)
		m->cleaned = true;
}

static void on_reopen_log(struct monitor *m, size_t i, const struct request *r)
{
	answer(m, i, log_reopen(&m->log));
}

static void on_rotate_log(struct monitor *m, size_t i, const struct request *r)
{
	answer(m, i, log_rotate(&m->log));
}

static void on_health_interval(struct monitor *m, size_t i, const struct request *r)
{
	monitor_set_health_interval(m, r->number);
	answer(m, i, 0);
}

static void on_health_ready(struct monitor *m, size_t i, const struct request *r)
{
	notify_healthy(m);
	answer(m, i, 0);
}

static void on_timeout(struct monitor *m, size_t i, const struct request *r)
{
	monitor_set_timeout(m, r->number);
	answer(m, i, 0);
}

static const struct {
	uint32_t type;
	size_t payload;   /* at least */
	void (*handle)(struct monitor *m, size_t i, const struct request *r);
} handlers[] = {
	{ MONITOR_HELLO, sizeof(uint32_t), on_hello },
	{ MONITOR_START, 0, on_start },
	{ MONITOR_SIGNAL, 0, on_signal },
	{ MONITOR_STDIN_EOF, 0, on_stdin_eof },
	{ MONITOR_DETACH, 0, on_detach },
	{ MONITOR_CLEANED, 0, on_cleaned },
	{ MONITOR_REOPEN_LOG, 0, on_reopen_log },
	{ MONITOR_ROTATE_LOG, 0, on_rotate_log },
	{ MONITOR_HEALTH_INTERVAL, sizeof(int64_t), on_health_interval },
	{ MONITOR_HEALTH_READY, 0, on_health_ready },
	{ MONITOR_TIMEOUT, sizeof(int64_t), on_timeout },
};

static void dispatch(struct monitor *m, size_t i, const struct monitor_message *head, const char *payload, size_t len)
{
	struct request r = { .value = head->value };

	if (!m->client[i].greeted && head->type != MONITOR_HELLO) {
		client_close(m, i);
		return;
	}
	for (size_t h = 0; h < ARRAY_LEN(handlers); h++) {
		if (handlers[h].type != head->type)
			continue;
		if (len < handlers[h].payload) {
			client_close(m, i);
			return;
		}
		if (handlers[h].payload == sizeof(int64_t))
			memcpy(&r.number, payload, sizeof(r.number));
		handlers[h].handle(m, i, &r);
		return;
	}
	client_send(m, i, MONITOR_UNKNOWN, head->type, NULL, 0);
}

void client_read(struct monitor *m, size_t i)
{
	struct monitor_message head;
	char payload[REQUEST_MAX];
	struct iovec iov[2] = { { &head, sizeof(head) }, { payload, sizeof(payload) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };   /* no room for descriptors: refused by the kernel */
	ssize_t n = recvmsg(m->client[i].fd, &msg, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < (ssize_t)sizeof(head) || (msg.msg_flags & MSG_TRUNC)) {
		client_close(m, i);
		return;
	}
	dispatch(m, i, &head, payload, (size_t)n - sizeof(head));
	/* In the last phase a late waiter gets its answer at once. */
	if (m->client[i].fd >= 0 && m->phase == PHASE_FINISHING && !reading(&m->client[i]))
		client_flush(m, i);
}
