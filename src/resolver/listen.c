/* SPDX-License-Identifier: Apache-2.0
 * The zone's files are watched; the sockets follow them. News that were written before a question was sent are read before
 * the question is: events are worked on in this order (main.c). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "resolver/resolver.h"

#define ROOT_MASK (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR)
#define DIR_MASK  (IN_MOVED_TO | IN_DELETE | IN_ONLYDIR)

static void watch_network(struct resolver *r, const char *id)
{
	int wd = inotify_add_watch(r->inotify, id, DIR_MASK);

	for (size_t i = 0; wd >= 0 && i < r->n_watches; i++)
		if (r->watches[i].wd == wd)
			return;
	if (wd < 0 || r->n_watches == ZONE_NETWORKS)
		return;
	r->watches[r->n_watches].wd = wd;
	memcpy(r->watches[r->n_watches++].id, id, strlen(id) + 1);
}

/* First the watches, then the reading: nothing is missed. */
static void rescan(struct resolver *r)
{
	zone_scan(&r->zone, r->dir);
	for (size_t i = 0; i < r->zone.n_networks; i++)
		watch_network(r, r->zone.networks[i].id);
	zone_scan(&r->zone, r->dir);
	listen_sync(r);
}

int listen_setup(struct resolver *r)
{
	r->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (r->inotify < 0 || event_watch(r, r->inotify, EPOLLIN, EVENT_INOTIFY, 0) < 0)
		return -1;
	r->root_watch = inotify_add_watch(r->inotify, ".", ROOT_MASK);
	if (r->root_watch < 0)
		return -1;
	rescan(r);
	return 0;
}

static void forget_watch(struct resolver *r, int wd)
{
	for (size_t i = 0; i < r->n_watches; i++)
		if (r->watches[i].wd == wd)
			r->watches[i] = r->watches[--r->n_watches];
}

/* true: everything must be read again. */
static bool take_event(struct resolver *r, const struct inotify_event *e)
{
	struct zone_network *n = NULL;

	if (e->mask & IN_IGNORED) {
		forget_watch(r, e->wd);
		return false;
	}
	if (e->wd == r->root_watch || (e->mask & IN_Q_OVERFLOW))
		return true;
	for (size_t i = 0; i < r->n_watches && !n; i++)
		if (r->watches[i].wd == e->wd)
			n = zone_find(&r->zone, r->watches[i].id);
	if (!n || !e->len)
		return false;
	int dir = openat(r->dir, n->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return true;
	zone_update(n, dir, e->name);
	close(dir);
	if (strcmp(e->name, "listen") == 0)
		listen_sync(r);
	return false;
}

void listen_changed(struct resolver *r)
{
	char buf[16384] __attribute__((aligned(8)));
	bool all = false;
	ssize_t n;

	while ((n = read(r->inotify, buf, sizeof(buf))) > 0)
		for (const char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const void *)p;
			all |= take_event(r, e);
			p += sizeof(*e) + e->len;
		}
	if (all)
		rescan(r);
}

/* ---- sockets ---- */
static int open_socket(const struct dns_addr *a, uint16_t port, int type)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool v6 = a->len == 16;
	int on = 1, fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	memcpy(v6 ? (void *)&six.sin6_addr : (void *)&four.sin_addr, a->b, a->len);
	/* the bridge may get its address a moment later; a fresh socket must not wait for old connections */
	setsockopt(fd, SOL_IP, IP_FREEBIND, &on, sizeof(on));
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (v6)
		setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, v6 ? (void *)&six : (void *)&four, v6 ? sizeof(six) : sizeof(four)) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, 64) == 0))
		return fd;
	close(fd);
	return -1;
}

static void open_one(struct resolver *r, const struct listener *l, int *fd, int type, enum event kind)
{
	if (*fd >= 0)
		return;
	*fd = open_socket(&l->addr, l->port, type);
	if (*fd >= 0)
		event_watch(r, *fd, EPOLLIN, kind, (size_t)(l - r->listeners));
}

static void open_missing(struct resolver *r, struct listener *l)
{
	open_one(r, l, &l->udp, SOCK_DGRAM, EVENT_UDP);
	open_one(r, l, &l->tcp, SOCK_STREAM, EVENT_TCP);
	r->unbound |= l->udp < 0 || l->tcp < 0;
}

static struct listener *find_listener(struct resolver *r, const struct zone_network *n, const struct dns_addr *a)
{
	for (size_t i = 0; i < r->n_listeners; i++) {
		struct listener *l = &r->listeners[i];
		if (l->port == n->port && dns_addr_equal(&l->addr, a) && strcmp(l->network, n->id) == 0)
			return l;
	}
	return NULL;
}

static struct listener *new_listener(struct resolver *r, const struct zone_network *n, const struct dns_addr *a)
{
	struct listener *l = NULL;

	/* places are kept: questions under way know their listener by number */
	for (size_t i = 0; i < r->n_listeners && !l; i++)
		if (!r->listeners[i].network[0])
			l = &r->listeners[i];
	if (!l && r->n_listeners < LISTENERS_MAX)
		l = &r->listeners[r->n_listeners++];
	if (l) {
		*l = (struct listener){ .addr = *a, .port = n->port, .udp = -1, .tcp = -1 };
		memcpy(l->network, n->id, sizeof(l->network));
	}
	return l;
}

static void close_listener(struct listener *l)
{
	if (l->udp >= 0)
		close(l->udp);
	if (l->tcp >= 0)
		close(l->tcp);
	*l = (struct listener){ .udp = -1, .tcp = -1 };
}

void listen_sync(struct resolver *r)
{
	r->unbound = false;
	for (size_t i = 0; i < r->n_listeners; i++)
		r->listeners[i].seen = false;
	for (size_t i = 0; i < r->zone.n_networks; i++) {
		const struct zone_network *n = &r->zone.networks[i];
		for (size_t k = 0; n->port && k < n->n_listen; k++) {
			struct listener *l = find_listener(r, n, &n->listen[k]);
			if (!l)
				l = new_listener(r, n, &n->listen[k]);
			if (l)
				l->seen = true;
		}
	}
	for (size_t i = 0; i < r->n_listeners; i++)
		if (r->listeners[i].network[0] && !r->listeners[i].seen)
			close_listener(&r->listeners[i]);
	for (size_t i = 0; i < r->n_listeners; i++)
		if (r->listeners[i].network[0])
			open_missing(r, &r->listeners[i]);
}
