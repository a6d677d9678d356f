/* SPDX-License-Identifier: Apache-2.0
 * umiak-resolver LOCK-FD [NETNS-FD] - names of containers, for containers.
 *
 * How a name is resolved. Containers of a network with names have its gateway as name server. There this process listens,
 * one for all networks of a host side (root's own, or a user's rootless namespace), on a port that containers reach as 53.
 * The engine (net/dns.h) starts it with the first such container: in the directory that says who is in which network
 * (resolver/zone.h) and with a lock on a file there, held as long as the process lives: who finds the lock free starts
 * another one. It follows the files, so nobody has to talk to it; it ends a moment after the last container left.
 *
 * Asked from another network's addresses it refuses. What it does not know it asks the name servers of the container, of
 * the network or of the host's /etc/resolv.conf (forward.c: how forged replies are kept out).
 *
 * Everything it reads comes from containers or name servers: after the start it has no rights, sees only its directory,
 * /etc and /run, read-only, and may use few system calls (sandbox.c). */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "resolver/resolver.h"

enum { EVENTS = 64, TICK_MS = 200 };
static struct resolver resolver;

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int event_control(struct resolver *r, int op, int fd, uint32_t events, enum event kind, size_t index)
{
	struct epoll_event e = { .events = events, .data.u64 = (uint64_t)kind << 32 | index };

	return epoll_ctl(r->epoll, op, fd, &e);
}

int event_watch(struct resolver *r, int fd, uint32_t events, enum event kind, size_t index)
{
	return event_control(r, EPOLL_CTL_ADD, fd, events, kind, index);
}

int event_change(struct resolver *r, int fd, uint32_t events, enum event kind, size_t index)
{
	return event_control(r, EPOLL_CTL_MOD, fd, events, kind, index);
}

static void dispatch(struct resolver *r, const struct epoll_event *e)
{
	size_t i = (uint32_t)e->data.u64;

	switch ((enum event)(e->data.u64 >> 32)) {
	case EVENT_INOTIFY:
		break;   /* done before all others */
	case EVENT_UDP:
		udp_receive(r, i);
		break;
	case EVENT_TCP:
		if (r->listeners[i].tcp >= 0)
			stream_accept(r, i);
		break;
	case EVENT_PENDING:
		pending_receive(r, i);
		break;
	case EVENT_CLIENT:
		stream_client(r, i, e->events);
		break;
	case EVENT_UPSTREAM:
		stream_upstream(r, i, e->events);
		break;
	}
}

static bool is_waiting(const struct resolver *r)
{
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (r->pending[i].fd >= 0)
			return true;
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (r->streams[i].client >= 0)
			return true;
	return r->unbound;
}

/* Whether the last container has been gone for a while. */
static bool is_over(struct resolver *r, int64_t now)
{
	if (zone_count_members(&r->zone)) {
		r->empty_since = 0;
		return false;
	}
	if (!r->empty_since)
		r->empty_since = now;
	if (now - r->empty_since < LINGER_MS)
		return false;
	zone_scan(&r->zone, r->dir);
	return !zone_count_members(&r->zone);
}

static void serve(struct resolver *r)
{
	struct epoll_event events[EVENTS];
	int64_t bound = now_ms();

	for (;;) {
		int64_t now = now_ms();
		if (is_over(r, now))
			return;
		if (r->unbound && now - bound > RETRY_BIND_MS) {
			bound = now;
			listen_sync(r);
		}
		int n = epoll_wait(r->epoll, events, EVENTS, is_waiting(r) || r->empty_since ? TICK_MS : -1);
		if (n < 0 && errno != EINTR)
			return;
		listen_changed(r);
		for (int i = 0; i < n; i++)
			dispatch(r, &events[i]);
		now = now_ms();
		pending_expire(r, now);
		stream_expire(r, now);
	}
}

static int parse_fd(const char *text)
{
	char *end;
	long fd = strtol(text, &end, 10);

	return *text && !*end && fd > 2 && fd < 1024 ? (int)fd : -1;
}

int main(int argc, char **argv)
{
	struct resolver *r = &resolver;
	int lock = argc > 1 ? parse_fd(argv[1]) : -1, netns = argc > 2 ? parse_fd(argv[2]) : -1;

	if (lock < 0 || argc > 3 || (argc == 3 && netns < 0))
		return 2;
	if (netns >= 0 && setns(netns, CLONE_NEWNET) < 0)
		return 1;
	if (netns >= 0)
		close(netns);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (size_t i = 0; i < PENDING_MAX; i++)
		r->pending[i].fd = -1;
	for (size_t i = 0; i < STREAMS_MAX; i++)
		r->streams[i].client = r->streams[i].upstream = -1;
	r->dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->dir < 0 || r->epoll < 0)
		return 1;
	sandbox_enter();
	if (listen_setup(r) < 0)
		return 1;
	serve(r);
	return 0;
}
