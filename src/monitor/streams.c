/* SPDX-License-Identifier: Apache-2.0
 * From the container's stdout and stderr into the log, then to the clients.
 *
 * Log first; then a chunk stays until every attached client has it, and meanwhile nothing more is read: a slow client
 * slows the container down (its pipe fills), a dead one is noticed by its socket and dropped. */
#include "monitor/monitor.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/own.h"

#define PTY_REST ((size_t)128 << 10)   /* more than a pty buffers */
#define REST_MAX ((size_t)4 << 20)

static bool wants(const struct client *c, enum stream_id s)
{
	return c->fd >= 0 && (c->role & (s == STREAM_OUT ? MONITOR_ROLE_STDOUT : MONITOR_ROLE_STDERR));
}

bool stream_is_drained(const struct monitor *m, enum stream_id s)
{
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (wants(&m->client[i], s) && m->client[i].sent[s] < m->stream[s].len)
			return false;
	return true;
}

static void forget_chunk(struct monitor *m, enum stream_id s)
{
	m->stream[s].len = 0;
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		m->client[i].sent[s] = 0;
}

static void pass_on(struct monitor *m, enum stream_id s)
{
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (wants(&m->client[i], s))
			client_flush(m, i);
}

/* Reads once into at; 0: nothing now, closed when it never will be again. */
static size_t read_some(struct stream *st, char *at, size_t room)
{
	ssize_t n;

	do
		n = read(st->fd, at, room);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return (size_t)n;
	/* EIO: a pty nobody has open any more. */
	if (n == 0 || errno != EAGAIN)
		close_fd(&st->fd);
	return 0;
}

void stream_pump(struct monitor *m, enum stream_id s)
{
	struct stream *st = &m->stream[s];

	forget_chunk(m, s);
	st->len = read_some(st, st->data, CHUNK_SIZE);
	if (st->len == 0) {
		if (st->fd < 0)
			log_end_line(&m->log, s, &st->partial);
		return;
	}
	if (st->len > 4096)
		m->timers.trim = monitor_now() + 5000000000;
	log_add(&m->log, s, st->data, st->len, &st->partial);
	log_flush(&m->log);
	pass_on(m, s);
}

/* Bytes some client still has to get: everything behind the slowest one's position. */
static size_t slowest(const struct monitor *m, enum stream_id s)
{
	size_t at = m->stream[s].len;

	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		if (wants(&m->client[i], s) && m->client[i].sent[s] < at)
			at = m->client[i].sent[s];
	return at;
}

static size_t rest_size(const struct monitor *m, const struct stream *st)
{
	int n = 0;

	if (m->config->flags & MONITOR_TTY)
		return PTY_REST;
	if (ioctl(st->fd, FIONREAD, &n) < 0 || n < 0)
		return 0;
	return (size_t)n < REST_MAX ? (size_t)n : REST_MAX;
}

/* Makes data a mapping with room for `rest` more bytes behind those not yet delivered. False: no memory. */
static bool enlarge(struct monitor *m, enum stream_id s, size_t rest)
{
	struct stream *st = &m->stream[s];
	size_t from = slowest(m, s);
	char *big = mmap(NULL, st->len - from + rest + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (big == MAP_FAILED)
		return false;
	memcpy(big, st->data + from, st->len - from);
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		m->client[i].sent[s] = wants(&m->client[i], s) ? m->client[i].sent[s] - from : 0;
	st->len -= from;
	st->data = big;
	return true;
}

static void take_rest(struct monitor *m, enum stream_id s, size_t rest)
{
	struct stream *st = &m->stream[s];

	while (st->fd >= 0 && rest > 0) {
		size_t n = read_some(st, st->data + st->len, rest < CHUNK_SIZE ? rest : CHUNK_SIZE);
		if (n == 0)
			break;
		log_add(&m->log, s, st->data + st->len, n, &st->partial);
		st->len += n;
		rest -= n;
	}
}

void stream_finish(struct monitor *m, enum stream_id s)
{
	struct stream *st = &m->stream[s];
	size_t rest = st->fd >= 0 ? rest_size(m, st) : 0;

	if (rest > 0 && enlarge(m, s, rest))
		take_rest(m, s, rest);
	close_fd(&st->fd);
	log_end_line(&m->log, s, &st->partial);
	log_flush(&m->log);
	pass_on(m, s);
}

void streams_trim(struct monitor *m)
{
	for (int s = 0; s < STREAM_MAX; s++)
		if (stream_is_drained(m, s)) {
			forget_chunk(m, s);
			madvise(m->chunk[s], sizeof(m->chunk[s]), MADV_DONTNEED);
		}
	madvise(m->log.buffer, sizeof(m->log.buffer), MADV_DONTNEED);   /* empty between two calls of log_flush() */
}
