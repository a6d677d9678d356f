/* SPDX-License-Identifier: Apache-2.0
 * resolver/resolver.h - what the files of umiak-resolver share.
 *
 * One process per host side of networks. Everything is bounded: questions under way, connections, their ages. Nothing is
 * cached: what a name server says goes to who asked and is forgotten, so a forged answer cannot outlive one question, and
 * names of containers never leave (they are answered here or not at all). */
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include "resolver/zone.h"

enum {
	LISTENERS_MAX = ZONE_NETWORKS, PENDING_MAX = 256, STREAMS_MAX = 32,
	PENDING_PER_ASKER = 64,          /* of PENDING_MAX: one container cannot take all */
	TRY_MS = 2000, TRIES_MAX = 4, STREAM_MS = 10000, LINGER_MS = 1000, RETRY_BIND_MS = 500,
};

struct listener {
	char network[ZONE_ID];
	struct dns_addr addr;
	uint16_t port;
	int udp, tcp;                    /* -1: not there */
	bool seen;
};

struct servers {
	struct dns_addr v[ZONE_SERVERS];
	uint8_t n;
};

struct asker {
	struct sockaddr_storage from;
	socklen_t from_len;
	struct dns_addr addr;
};

/* A question that a name server is working on. */
struct pending {
	int fd;                          /* its own socket; -1: free */
	uint16_t id;                     /* as the server sees it */
	uint32_t listener;
	struct asker asker;
	struct servers servers;
	uint8_t tries;
	int64_t deadline;
	struct dns_query q;
	uint8_t *query;
	size_t query_len;
};

enum phase { PHASE_QUESTION, PHASE_SEND, PHASE_REPLY, PHASE_ANSWER };
/* A TCP connection of a container, and the one to a name server it needs meanwhile. */
struct stream {
	int client, upstream;            /* client -1: free */
	enum phase phase;
	uint32_t listener;
	struct dns_addr addr;
	struct servers servers;
	uint8_t tries;
	int64_t deadline;
	struct dns_query q;
	uint16_t id;                     /* of the question as the server sees it */
	uint8_t *buf, *query;            /* buf: what is read or written, with its two length bytes */
	size_t have, need, query_len;
};

struct resolver {
	int epoll, inotify, dir;
	int root_watch;
	struct zone zone;
	struct { int wd; char id[ZONE_ID]; } watches[ZONE_NETWORKS];
	size_t n_watches;
	struct listener listeners[LISTENERS_MAX];
	size_t n_listeners;
	bool unbound;                    /* a listener could not be bound yet */
	struct pending pending[PENDING_MAX];
	struct stream streams[STREAMS_MAX];
	int64_t empty_since;             /* 0: somebody is there */
	uint32_t turn;                   /* rotates addresses */
	struct servers host;             /* of /etc/resolv.conf */
	int64_t host_checked, host_mtime;
};

enum event { EVENT_INOTIFY, EVENT_UDP, EVENT_TCP, EVENT_PENDING, EVENT_CLIENT, EVENT_UPSTREAM };
int event_watch(struct resolver *r, int fd, uint32_t events, enum event kind, size_t index);
int event_change(struct resolver *r, int fd, uint32_t events, enum event kind, size_t index);
int64_t now_ms(void);

/* ---- listen.c ---- */
int listen_setup(struct resolver *r);
void listen_changed(struct resolver *r);     /* inotify has news */
void listen_sync(struct resolver *r);        /* sockets as the zone says */

/* ---- answer.c ---- */
/* What to do with a question: > 0: `out` holds an answer of that length; 0: ask *ret_servers; -1: nothing. */
ssize_t answer_question(struct resolver *r, const struct listener *l, const struct dns_addr *from, const uint8_t *query, size_t n,
			struct dns_query *q, uint8_t *out, size_t cap, struct servers *ret_servers);
/* An answer without records. */
size_t answer_code(const uint8_t *query, const struct dns_query *q, int code, uint8_t *out, size_t cap);

/* ---- forward.c ---- */
void udp_receive(struct resolver *r, size_t listener);
void pending_receive(struct resolver *r, size_t i);
void pending_expire(struct resolver *r, int64_t now);
/* A socket to that server, bound to a random port (udp), not blocking; -1. */
int server_socket(const struct dns_addr *server, int type);
uint16_t random16(void);
void addr_from(const struct sockaddr_storage *s, struct dns_addr *ret);

/* ---- stream.c ---- */
void stream_accept(struct resolver *r, size_t listener);
void stream_client(struct resolver *r, size_t i, uint32_t events);
void stream_upstream(struct resolver *r, size_t i, uint32_t events);
void stream_expire(struct resolver *r, int64_t now);

/* ---- sandbox.c ---- */
/* No rights, no files but what is read, few system calls. What the kernel lacks is left out. */
void sandbox_enter(void);
