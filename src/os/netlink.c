/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/str.h"
#include "os/file.h"
#include "os/netlink.h"
#include "os/netns.h"

#define ALIGNED(n) (((n) + 3u) & ~(size_t)3)

void netlink_close(struct netlink *n)
{
	close_p(&n->fd);
	n->fd = -1;
}

void netlink_adopt(int fd, int protocol, struct netlink *ret)
{
	static const int on = 1, receive = 1 << 20;

	/* the kernel's own sentence in errors, and errors without our whole message behind them; old kernels do without */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
	*ret = (struct netlink){ .fd = fd, .protocol = protocol, .seq = 1 };
}

int netlink_open(int netns_fd, int protocol, struct netlink *ret, struct error *err)
{
	int fd = netns_socket(netns_fd, AF_NETLINK, SOCK_RAW, protocol, err);

	if (fd < 0)
		return fail_wrap(err, "netlink");
	netlink_adopt(fd, protocol, ret);
	return 0;
}

/* ---- building ---- */
void netlink_batch_done(struct netlink_batch *b)
{
	buf_done(&b->b);
	free(b->notes);
	b->notes = NULL;
	b->n = 0;
}

static void pad(struct buf *b)
{
	static const char zeros[4];

	buf_add(b, zeros, ALIGNED(b->len) - b->len);
}

static void close_message(struct netlink_batch *b)
{
	if (b->n && !b->b.failed)
		((struct nlmsghdr *)(void *)(b->b.data + b->at))->nlmsg_len = (uint32_t)(b->b.len - b->at);
}

void netlink_message(struct netlink_batch *b, uint16_t type, uint16_t flags, const void *header, size_t header_len,
		     const char *what, ...)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST), .nlmsg_seq = b->n };
	struct netlink_note *notes = b->n % 16 ? b->notes : reallocarray(b->notes, b->n + 16, sizeof(*notes));
	va_list ap;

	close_message(b);
	if (!notes) {
		b->b.failed = true;
		return;
	}
	b->notes = notes;
	va_start(ap, what);
	vsnprintf(notes[b->n].text, sizeof(notes[b->n].text), what, ap);
	va_end(ap);
	b->n++;
	b->at = b->b.len;
	buf_add(&b->b, &h, sizeof(h));
	buf_add(&b->b, header, header_len);
	pad(&b->b);
}

void netlink_put(struct netlink_batch *b, uint16_t attr, const void *data, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(sizeof(a) + len), .nla_type = attr };

	if (len > UINT16_MAX - sizeof(a)) {
		b->b.failed = true;
		return;
	}
	buf_add(&b->b, &a, sizeof(a));
	buf_add(&b->b, data, len);
	pad(&b->b);
}

void netlink_put_u8(struct netlink_batch *b, uint16_t attr, uint8_t value)
{
	netlink_put(b, attr, &value, sizeof(value));
}

void netlink_put_u16(struct netlink_batch *b, uint16_t attr, uint16_t value)
{
	netlink_put(b, attr, &value, sizeof(value));
}

void netlink_put_u32(struct netlink_batch *b, uint16_t attr, uint32_t value)
{
	netlink_put(b, attr, &value, sizeof(value));
}

void netlink_put_be32(struct netlink_batch *b, uint16_t attr, uint32_t value)
{
	netlink_put_u32(b, attr, htonl(value));
}

void netlink_put_str(struct netlink_batch *b, uint16_t attr, const char *value)
{
	netlink_put(b, attr, value, strlen(value) + 1);
}

size_t netlink_nest(struct netlink_batch *b, uint16_t attr)
{
	size_t at = b->b.len;
	struct nlattr a = { .nla_len = sizeof(a), .nla_type = (uint16_t)(attr | NLA_F_NESTED) };

	buf_add(&b->b, &a, sizeof(a));
	return at;
}

void netlink_nest_end(struct netlink_batch *b, size_t nest)
{
	size_t len = b->b.len - nest;

	if (b->b.failed)
		return;
	if (len > UINT16_MAX)
		b->b.failed = true;
	else
		((struct nlattr *)(void *)(b->b.data + nest))->nla_len = (uint16_t)len;
}

/* ---- sending ---- */
/* Gives the messages their numbers and asks for the last one's acknowledgement. */
static int finish(struct netlink *n, struct netlink_batch *b, struct error *err)
{
	close_message(b);
	TRY(buf_ok(&b->b, "netlink message", err));
	b->first_seq = n->seq;
	n->seq += b->n;
	if (!b->ack)
		b->ack = b->n;
	for (size_t at = 0; at + sizeof(struct nlmsghdr) <= b->b.len;) {
		struct nlmsghdr *h = (void *)(b->b.data + at);
		if (h->nlmsg_seq + 1 == b->ack && (h->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
			h->nlmsg_flags |= NLM_F_ACK;
		h->nlmsg_seq += b->first_seq;
		at += ALIGNED(h->nlmsg_len);
	}
	return 0;
}

static int transmit(struct netlink *n, struct netlink_batch *b, struct error *err)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int size = (int)b->b.len * 2;
	ssize_t sent;

	TRY(finish(n, b, err));
	if (b->b.len > 100 << 10 && setsockopt(n->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(n->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	do
		sent = sendto(n->fd, b->b.data, b->b.len, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? fail_errno(err, "netlink: %s", b->n ? b->notes[0].text : "send") : 0;
}

bool netlink_next_attr(const void **pos, const void *end, struct netlink_attr *ret)
{
	const struct nlattr *a = *pos;
	size_t left = (size_t)((const char *)end - (const char *)*pos);

	if (*pos > end || left < sizeof(*a) || a->nla_len < sizeof(*a) || a->nla_len > left)
		return false;
	*ret = (struct netlink_attr){ a->nla_type & NLA_TYPE_MASK, a + 1, a->nla_len - sizeof(*a) };
	*pos = (const char *)*pos + (ALIGNED(a->nla_len) > left ? left : ALIGNED(a->nla_len));
	return true;
}

void netlink_attrs(const void *data, size_t len, struct netlink_attr *table, uint16_t max)
{
	const void *pos = data, *end = (const char *)data + len;
	struct netlink_attr a;

	memset(table, 0, sizeof(*table) * (max + 1u));
	while (netlink_next_attr(&pos, end, &a))
		if (a.type <= max)
			table[a.type] = a;
}

/* The sentence of an extended acknowledgement, or NULL. */
static const char *kernel_words(const struct nlmsghdr *h, size_t len)
{
	const struct nlmsgerr *e = (const void *)(h + 1);
	size_t skip = sizeof(*h) + sizeof(*e);
	struct netlink_attr table[NLMSGERR_ATTR_MSG + 1];

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += ALIGNED(e->msg.nlmsg_len) - sizeof(e->msg);
	if (skip >= len)
		return NULL;
	netlink_attrs((const char *)h + skip, len - skip, table, NLMSGERR_ATTR_MSG);
	const struct netlink_attr *m = &table[NLMSGERR_ATTR_MSG];
	return m->data && m->len && ((const char *)m->data)[m->len - 1] == '\0' ? m->data : NULL;
}

struct exchange {
	struct netlink_batch *b;
	netlink_judge judge;
	void *judge_arg;
	int (*each)(void *arg, const struct netlink_answer *a, struct error *err);
	void *arg;
	struct error *err;
	bool failed, done, whole;
};

static void take_error(struct exchange *x, const struct nlmsghdr *h, size_t len)
{
	const struct nlmsgerr *e = (const void *)(h + 1);
	uint32_t i = h->nlmsg_seq - x->b->first_seq;
	const char *what = i < x->b->n ? x->b->notes[i].text : "?";
	const char *words;

	/* an error about the first of an nftables transaction is about all of it */
	x->done |= i + 1 == x->b->ack || (x->whole && i == 0);
	if (!e->error || (x->judge && x->judge(x->judge_arg, what, -e->error) == 0) || x->failed)
		return;
	words = kernel_words(h, len);
	x->failed = true;
	if (words)
		fail_with(x->err, -e->error, "%s: %s", what, words);
	else
		fail_with(x->err, -e->error, "%s", what);
}

/* One datagram. */
static int take(struct exchange *x, const char *data, size_t len)
{
	for (size_t at = 0; at + sizeof(struct nlmsghdr) <= len;) {
		const struct nlmsghdr *h = (const void *)(data + at);
		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len - at)
			return fail(x->err, ERROR_SYSTEM, "netlink: malformed answer");
		at += ALIGNED(h->nlmsg_len);
		if (h->nlmsg_seq - x->b->first_seq >= x->b->n)
			continue;   /* of an earlier exchange that was given up */
		if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= sizeof(*h) + sizeof(struct nlmsgerr)) {
			take_error(x, h, h->nlmsg_len);
		} else if (h->nlmsg_type == NLMSG_DONE) {
			x->done = true;
		} else if (x->each) {
			const struct netlink_answer a = { h->nlmsg_type, h + 1, h->nlmsg_len - sizeof(*h) };
			TRY(x->each(x->arg, &a, x->err));
		}
	}
	return 0;
}

/* The next datagram of the kernel's: its length. */
static ssize_t receive_one(struct netlink *n, void *data, size_t max, struct error *err)
{
	struct sockaddr_nl from;

	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t len = recvfrom(n->fd, data, max, MSG_TRUNC, (struct sockaddr *)&from, &size);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return fail_errno(err, "netlink: receive");
		if (len > (ssize_t)max)
			return fail(err, ERROR_SYSTEM, "netlink: answer too large");
		if (!from.nl_pid)
			return len;
	}
}

static int receive(struct netlink *n, struct exchange *x)
{
	static _Alignas(8) char data[32768];   /* what the kernel uses at most for one dump datagram */

	while (!x->done) {
		ssize_t len = receive_one(n, data, sizeof(data), x->err);
		if (len < 0)
			return -1;
		TRY(take(x, data, (size_t)len));
	}
	return x->failed ? -1 : 0;
}

int netlink_send_judged(struct netlink *n, struct netlink_batch *b, netlink_judge judge, void *arg, struct error *err)
{
	struct exchange x = { .b = b, .judge = judge, .judge_arg = arg, .err = err,
			      .whole = n->protocol == NETLINK_NETFILTER };

	if (!b->n && !b->b.failed)
		return 0;
	TRY(transmit(n, b, err));
	return receive(n, &x);
}

int netlink_send(struct netlink *n, struct netlink_batch *b, struct error *err)
{
	return netlink_send_judged(n, b, NULL, NULL, err);
}

/* A process that does nothing but `work` and is waited for by nobody: it has no signal at its end and is not a child anybody
 * counts. False: there is none. */
static bool leave_behind(struct netlink *n, struct netlink *last, void (*work)(struct netlink *n, struct netlink_batch *b),
			 struct netlink_batch *b)
{
	const int keep[] = { n->fd, last && last->fd >= 0 ? last->fd : n->fd };
	struct error ignored;
	long pid = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);

	if (pid != 0)
		return pid > 0;
	file_close_from(0, keep, ARRAY_LEN(keep), &ignored);
	work(n, b);
	_exit(0);
}

static void send_quietly(struct netlink *n, struct netlink_batch *b)
{
	struct error ignored;

	if (b->n && !b->b.failed)
		netlink_send(n, b, &ignored);
}

void netlink_send_detached(struct netlink *n, struct netlink_batch *b, struct netlink *last)
{
	const bool closes = last && last->fd >= 0, sends = b->n && !b->b.failed;

	if (!sends && !closes)
		return;
	leave_behind(n, last, send_quietly, b);
	if (closes)
		netlink_close(last);
}

/* ---- an effect that is seen before its cause is over ---- */
enum { WATCH_MS = 5000 };

static void send_only(struct netlink *n, struct netlink_batch *b)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	/* the answer comes to whoever reads the socket: our parent */
	while (sendto(n->fd, b->b.data, b->b.len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0 && errno == EINTR)
		;
}

/* 1: it was told of. */
static int look_for(const struct netlink_watch *w, const char *data, size_t len)
{
	for (size_t at = 0; at + sizeof(struct nlmsghdr) <= len;) {
		const struct nlmsghdr *h = (const void *)(data + at);
		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > len - at)
			return 0;
		at += ALIGNED(h->nlmsg_len);
		const struct netlink_answer a = { h->nlmsg_type, h + 1, h->nlmsg_len - sizeof(*h) };
		if (h->nlmsg_type >= NLMSG_MIN_TYPE && w->seen(w->arg, &a) == 1)
			return 1;
	}
	return 0;
}

/* 1: seen or answered; 0: neither came (the process was killed, messages were lost). */
static int watch(struct netlink *n, const struct netlink_watch *w, struct exchange *x)
{
	static _Alignas(8) char data[32768];
	struct pollfd p = { .fd = n->fd, .events = POLLIN };
	struct error ignored;

	while (!x->done) {
		if (poll(&p, 1, WATCH_MS) <= 0)
			return 0;
		ssize_t len = receive_one(n, data, sizeof(data), &ignored);
		if (len < 0)
			return 0;
		if (look_for(w, data, (size_t)len))
			return 1;
		if (take(x, data, (size_t)len) < 0)
			return 0;
	}
	return 1;
}

int netlink_send_watched(struct netlink *n, struct netlink_batch *b, const struct netlink_watch *w, netlink_judge judge,
			 struct error *err)
{
	struct exchange x = { .b = b, .judge = judge, .err = err };

	if (setsockopt(n->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &w->group, sizeof(w->group)) < 0)
		return netlink_send_judged(n, b, judge, NULL, err);
	TRY(finish(n, b, err));
	const bool behind = leave_behind(n, w->last, send_only, b);
	if (w->last)
		netlink_close(w->last);
	if (behind && watch(n, w, &x) == 1)
		return x.failed ? -1 : 0;
	/* what happened is not known: by hand, and wait */
	setsockopt(n->fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &w->group, sizeof(w->group));
	send_only(n, b);
	return receive(n, &x);
}

int netlink_ask(struct netlink *n, struct netlink_batch *b, int (*each)(void *arg, const struct netlink_answer *a, struct error *err),
		void *arg, struct error *err)
{
	struct exchange x = { .b = b, .each = each, .arg = arg, .err = err };

	TRY(transmit(n, b, err));
	return receive(n, &x);
}
