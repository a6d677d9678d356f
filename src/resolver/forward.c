/* SPDX-License-Identifier: Apache-2.0
 * Questions over UDP. Each one that is passed on has a socket, a random source port and a random id of its own; the
 * kernel takes packets from the asked server only, and the reply must repeat the question. Anything else is dropped and
 * the wait goes on, so a forger who guesses wrong gains nothing. */
#include <errno.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include "resolver/resolver.h"

enum { BURST = 64, PORT_FIRST = 1024, PORT_TRIES = 8 };
static uint8_t out[DNS_MESSAGE_MAX], in[DNS_MESSAGE_MAX];   /* one thread, one message at a time */

uint16_t random16(void)
{
	static uint16_t pool[128];
	static size_t left;

	if (!left) {
		if (getrandom(pool, sizeof(pool), 0) != (ssize_t)sizeof(pool))
			_exit(1);   /* without randomness there is no safe question */
		left = sizeof(pool) / sizeof(pool[0]);
	}
	return pool[--left];
}

void addr_from(const struct sockaddr_storage *s, struct dns_addr *ret)
{
	*ret = (struct dns_addr){};
	if (s->ss_family == AF_INET) {
		ret->len = 4;
		memcpy(ret->b, &((const struct sockaddr_in *)s)->sin_addr, 4);
	} else if (s->ss_family == AF_INET6) {
		ret->len = 16;
		memcpy(ret->b, &((const struct sockaddr_in6 *)s)->sin6_addr, 16);
	}
}

static socklen_t make_sockaddr(const struct dns_addr *a, uint16_t port, struct sockaddr_storage *s)
{
	*s = (struct sockaddr_storage){ .ss_family = a->len == 4 ? AF_INET : AF_INET6 };
	if (a->len == 4) {
		((struct sockaddr_in *)s)->sin_port = htons(port);
		memcpy(&((struct sockaddr_in *)s)->sin_addr, a->b, 4);
		return sizeof(struct sockaddr_in);
	}
	((struct sockaddr_in6 *)s)->sin6_port = htons(port);
	memcpy(&((struct sockaddr_in6 *)s)->sin6_addr, a->b, 16);
	return sizeof(struct sockaddr_in6);
}

/* Unpredictable even where the kernel's own choice is not; taken ones: the kernel's. */
static void bind_random(int fd, uint8_t len)
{
	const struct dns_addr any = { .len = len };
	struct sockaddr_storage s;

	for (int i = 0; i < PORT_TRIES; i++) {
		uint16_t port = random16();
		if (port >= PORT_FIRST && bind(fd, (struct sockaddr *)&s, make_sockaddr(&any, port, &s)) == 0)
			return;
	}
}

int server_socket(const struct dns_addr *server, int type)
{
	struct sockaddr_storage s;
	socklen_t len = make_sockaddr(server, 53, &s);
	int fd = socket(s.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (type == SOCK_DGRAM)
		bind_random(fd, server->len);
	if (connect(fd, (struct sockaddr *)&s, len) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

/* ---- one question under way ---- */
static void pending_free(struct pending *p)
{
	close(p->fd);
	free(p->query);
	*p = (struct pending){ .fd = -1 };
}

static void reply(struct resolver *r, const struct pending *p, const uint8_t *data, size_t len)
{
	const struct listener *l = &r->listeners[p->listener];

	if (p->listener < r->n_listeners && l->udp >= 0)
		sendto(l->udp, data, len, MSG_DONTWAIT, (const struct sockaddr *)&p->asker.from, p->asker.from_len);
}

static void give_up(struct resolver *r, struct pending *p)
{
	dns_put16(p->query, p->q.id);
	reply(r, p, out, answer_code(p->query, &p->q, DNS_SERVFAIL, out, sizeof(out)));
	pending_free(p);
}

/* The next server; none left: the asker hears so. */
static void ask_next(struct resolver *r, struct pending *p)
{
	size_t i = (size_t)(p - r->pending);

	for (; p->tries < TRIES_MAX; p->tries++) {
		int fd = server_socket(&p->servers.v[p->tries % p->servers.n], SOCK_DGRAM);
		if (fd < 0)
			continue;
		if (p->fd >= 0)
			close(p->fd);
		p->fd = fd;
		p->id = random16();
		dns_put16(p->query, p->id);
		if (event_watch(r, fd, EPOLLIN, EVENT_PENDING, i) < 0 || send(fd, p->query, p->query_len, 0) < 0)
			continue;
		p->tries++;
		p->deadline = now_ms() + TRY_MS;
		return;
	}
	give_up(r, p);
}

static struct pending *find_free(struct resolver *r, const struct asker *a)
{
	struct pending *found = NULL;
	size_t of_asker = 0;

	for (size_t i = 0; i < PENDING_MAX; i++) {
		struct pending *p = &r->pending[i];
		if (p->fd < 0)
			found = p;
		else if (dns_addr_equal(&p->asker.addr, &a->addr))
			of_asker++;
	}
	return of_asker < PENDING_PER_ASKER ? found : NULL;
}

/* false: there is no room. */
static bool forward(struct resolver *r, size_t listener, const struct asker *a, const struct dns_query *q, size_t len,
		    const struct servers *servers)
{
	struct pending *p = find_free(r, a);
	uint8_t *copy = p ? malloc(len) : NULL;

	if (!copy)
		return false;
	memcpy(copy, in, len);
	*p = (struct pending){ .fd = -1, .listener = (uint32_t)listener, .asker = *a, .servers = *servers, .q = *q, .query = copy,
			       .query_len = len };
	ask_next(r, p);
	return true;
}

void udp_receive(struct resolver *r, size_t listener)
{
	struct listener *l = &r->listeners[listener];

	for (int i = 0; i < BURST && l->udp >= 0; i++) {
		struct asker a = { .from_len = sizeof(a.from) };
		struct servers servers = {};
		struct dns_query q;
		ssize_t n = recvfrom(l->udp, in, DNS_QUERY_MAX + 1, MSG_DONTWAIT, (struct sockaddr *)&a.from, &a.from_len);
		if (n < 0)
			return;
		addr_from(&a.from, &a.addr);
		int code = dns_query_parse(in, (size_t)n, &q);
		size_t cap = code >= 0 ? q.udp_size : DNS_UDP_PLAIN;
		ssize_t len = answer_question(r, l, &a.addr, in, (size_t)n, &q, out, cap, &servers);
		if (len < 0)
			continue;
		if (len == 0 && forward(r, listener, &a, &q, (size_t)n, &servers))
			continue;
		if (len == 0)
			len = (ssize_t)answer_code(in, &q, DNS_SERVFAIL, out, cap);
		sendto(l->udp, out, (size_t)len, MSG_DONTWAIT, (struct sockaddr *)&a.from, a.from_len);
	}
}

void pending_receive(struct resolver *r, size_t i)
{
	struct pending *p = &r->pending[i];

	while (p->fd >= 0) {
		ssize_t n = recv(p->fd, in, sizeof(in), MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {   /* nobody listens there */
			ask_next(r, p);
			return;
		}
		if (!dns_reply_is_for(in, (size_t)n, p->id, p->query, &p->q))
			continue;
		int code = in[3] & 15;
		if ((code == DNS_SERVFAIL || code == DNS_REFUSED) && p->tries < p->servers.n) {
			ask_next(r, p);
			return;
		}
		dns_put16(in, p->q.id);
		reply(r, p, in, (size_t)n);
		pending_free(p);
	}
}

void pending_expire(struct resolver *r, int64_t now)
{
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (r->pending[i].fd >= 0 && r->pending[i].deadline <= now)
			ask_next(r, &r->pending[i]);
}
