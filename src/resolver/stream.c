/* SPDX-License-Identifier: Apache-2.0
 * Questions over TCP (RFC 7766): length, question, length, answer, as often as the container likes. What is not known here
 * is asked over TCP, too. One question of a connection at a time; a connection that does nothing is closed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "resolver/resolver.h"

enum { PREFIX = 2, BUF = DNS_MESSAGE_MAX + PREFIX, PER_ADDR = 8 };

static void close_upstream(struct stream *s)
{
	if (s->upstream >= 0)
		close(s->upstream);
	s->upstream = -1;
}

static void stream_free(struct stream *s)
{
	close(s->client);
	close_upstream(s);
	free(s->buf);
	free(s->query);
	*s = (struct stream){ .client = -1, .upstream = -1 };
}

static void expect_question(struct resolver *r, struct stream *s, size_t i)
{
	free(s->query);
	s->query = NULL;
	s->phase = PHASE_QUESTION;
	s->have = 0;
	s->need = PREFIX;
	event_change(r, s->client, EPOLLIN, EVENT_CLIENT, i);
}

/* ---- moving bytes. 1: all of it; 0: later; -1: the other side is gone ---- */
static int pull(struct stream *s, int fd)
{
	while (s->have < s->need) {
		ssize_t n = recv(fd, s->buf + s->have, s->need - s->have, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return -1;
		s->have += (size_t)n;
		if (s->have == PREFIX && s->need == PREFIX)
			s->need = PREFIX + dns_get16(s->buf);
	}
	return s->need > PREFIX ? 1 : -1;
}

static int push(struct stream *s, int fd)
{
	while (s->have < s->need) {
		ssize_t n = send(fd, s->buf + s->have, s->need - s->have, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return -1;
		s->have += (size_t)n;
	}
	return 1;
}

static void start_message(struct stream *s, size_t len)
{
	dns_put16(s->buf, (uint16_t)len);
	s->have = 0;
	s->need = PREFIX + len;
}

static void send_answer(struct resolver *r, struct stream *s, size_t i, size_t len)
{
	close_upstream(s);
	start_message(s, len);
	s->phase = PHASE_ANSWER;
	event_change(r, s->client, EPOLLOUT, EVENT_CLIENT, i);
}

static void ask_next(struct resolver *r, struct stream *s, size_t i)
{
	close_upstream(s);
	for (; s->tries < s->servers.n; s->tries++) {
		s->upstream = server_socket(&s->servers.v[s->tries], SOCK_STREAM);
		if (s->upstream < 0)
			continue;
		s->tries++;
		s->id = random16();
		dns_put16(s->query, s->id);
		memcpy(s->buf + PREFIX, s->query, s->query_len);
		start_message(s, s->query_len);
		s->phase = PHASE_SEND;
		s->deadline = now_ms() + STREAM_MS;
		if (event_watch(r, s->upstream, EPOLLOUT, EVENT_UPSTREAM, i) < 0)
			continue;
		event_change(r, s->client, 0, EVENT_CLIENT, i);
		return;
	}
	dns_put16(s->query, s->q.id);
	send_answer(r, s, i, answer_code(s->query, &s->q, DNS_SERVFAIL, s->buf + PREFIX, DNS_MESSAGE_MAX));
}

/* A whole question is in the buffer. */
static void take_question(struct resolver *r, struct stream *s, size_t i)
{
	static uint8_t answer[DNS_MESSAGE_MAX];
	size_t len = s->need - PREFIX;

	if (s->listener >= r->n_listeners || len > DNS_QUERY_MAX) {
		stream_free(s);
		return;
	}
	ssize_t n = answer_question(r, &r->listeners[s->listener], &s->addr, s->buf + PREFIX, len, &s->q, answer, sizeof(answer),
				    &s->servers);
	s->tries = 0;
	s->query = n == 0 ? malloc(len) : NULL;
	if (n < 0 || (n == 0 && !s->query)) {
		stream_free(s);
		return;
	}
	if (n > 0) {
		memcpy(s->buf + PREFIX, answer, (size_t)n);
		send_answer(r, s, i, (size_t)n);
		return;
	}
	memcpy(s->query, s->buf + PREFIX, len);
	s->query_len = len;
	ask_next(r, s, i);
}

/* ---- events ---- */
static size_t count_of(const struct resolver *r, const struct dns_addr *a)
{
	size_t n = 0;

	for (size_t i = 0; i < STREAMS_MAX; i++)
		n += r->streams[i].client >= 0 && dns_addr_equal(&r->streams[i].addr, a);
	return n;
}

void stream_accept(struct resolver *r, size_t listener)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	struct dns_addr addr;
	size_t i = 0;
	int fd = accept4(r->listeners[listener].tcp, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	addr_from(&from, &addr);
	while (i < STREAMS_MAX && r->streams[i].client >= 0)
		i++;
	uint8_t *buf = i < STREAMS_MAX && count_of(r, &addr) < PER_ADDR ? malloc(BUF) : NULL;
	if (!buf || event_watch(r, fd, EPOLLIN, EVENT_CLIENT, i) < 0) {
		free(buf);
		close(fd);
		return;
	}
	r->streams[i] = (struct stream){ .client = fd, .upstream = -1, .listener = (uint32_t)listener, .addr = addr, .buf = buf,
					 .need = PREFIX, .deadline = now_ms() + STREAM_MS };
}

void stream_client(struct resolver *r, size_t i, uint32_t events)
{
	struct stream *s = &r->streams[i];

	if (s->client < 0)
		return;
	if (s->phase == PHASE_SEND || s->phase == PHASE_REPLY) {
		if (events & (EPOLLHUP | EPOLLERR))   /* the asker left */
			stream_free(s);
		return;
	}
	int done = s->phase == PHASE_QUESTION ? pull(s, s->client) : push(s, s->client);
	if (done < 0) {
		stream_free(s);
		return;
	}
	if (!done)
		return;
	s->deadline = now_ms() + STREAM_MS;
	if (s->phase == PHASE_QUESTION)
		take_question(r, s, i);
	else
		expect_question(r, s, i);
}

void stream_upstream(struct resolver *r, size_t i, uint32_t events)
{
	struct stream *s = &r->streams[i];

	(void)events;
	if (s->upstream < 0)
		return;
	int done = s->phase == PHASE_SEND ? push(s, s->upstream) : pull(s, s->upstream);
	if (done < 0) {
		ask_next(r, s, i);
		return;
	}
	if (!done)
		return;
	if (s->phase == PHASE_SEND) {
		s->phase = PHASE_REPLY;
		s->have = 0;
		s->need = PREFIX;
		event_change(r, s->upstream, EPOLLIN, EVENT_UPSTREAM, i);
		return;
	}
	size_t len = s->need - PREFIX;
	if (!dns_reply_is_for(s->buf + PREFIX, len, s->id, s->query, &s->q)) {
		ask_next(r, s, i);
		return;
	}
	dns_put16(s->buf + PREFIX, s->q.id);
	send_answer(r, s, i, len);
}

void stream_expire(struct resolver *r, int64_t now)
{
	for (size_t i = 0; i < STREAMS_MAX; i++) {
		struct stream *s = &r->streams[i];
		if (s->client < 0 || s->deadline > now)
			continue;
		if (s->upstream >= 0)
			ask_next(r, s, i);
		else
			stream_free(s);
	}
}
