/* SPDX-License-Identifier: Apache-2.0
 * os/netlink.h - netlink framing: one socket, messages collected into a batch, one send, errors by message.
 *
 * Owns the socket of a struct netlink and the bytes of a batch; knows nothing of the protocols (os/link.h: rtnetlink,
 * os/nft.h: nfnetlink). A batch is sent with one sendmsg(); the kernel works through its messages in order and answers
 * each that fails. Only the last asks for an acknowledgement, so that a batch costs two system calls. Messages carry a
 * short text that names what they were about in the error. Untrusted input: none, the peer is the kernel (checked), but
 * lengths are still bounded. Allocates: not between clone() and exec(). */
#pragma once
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct netlink {
	int fd;
	int protocol;   /* NETLINK_ROUTE, NETLINK_NETFILTER */
	uint32_t seq;
};
#define NETLINK_INIT { .fd = -1 }
void netlink_close(struct netlink *n);
#define auto_netlink CLEANUP(netlink_close) struct netlink

/* Opens the socket inside the namespace (netns_fd < 0: ours). */
int netlink_open(int netns_fd, int protocol, struct netlink *ret, struct error *err);
/* Takes over a socket that was opened otherwise. */
void netlink_adopt(int fd, int protocol, struct netlink *ret);

enum { NETLINK_NOTE = 72 };
struct netlink_note {
	uint32_t seq;
	char text[NETLINK_NOTE];
};
struct netlink_batch {
	struct buf b;
	uint32_t first_seq, n;
	uint32_t ack;            /* how many messages until the one whose acknowledgement ends the exchange; 0: all */
	size_t at;               /* where the message being built begins */
	struct netlink_note *notes;
};
#define NETLINK_BATCH_MAX ((size_t)4 << 20)
#define NETLINK_BATCH_INIT { .b = { .max = NETLINK_BATCH_MAX } }
void netlink_batch_done(struct netlink_batch *b);
#define auto_netlink_batch CLEANUP(netlink_batch_done) struct netlink_batch

/* ---- building. Failures (memory, ceiling) are kept in the buffer and told by netlink_send() ---- */
/* Begins a message: type, NLM_F_* flags (NLM_F_REQUEST is added), and `header_len` bytes of its own header. */
void netlink_message(struct netlink_batch *b, uint16_t type, uint16_t flags, const void *header, size_t header_len,
		     const char *what, ...) __attribute__((format(printf, 6, 7)));
void netlink_put(struct netlink_batch *b, uint16_t attr, const void *data, size_t len);
void netlink_put_u8(struct netlink_batch *b, uint16_t attr, uint8_t value);
void netlink_put_u16(struct netlink_batch *b, uint16_t attr, uint16_t value);
void netlink_put_u32(struct netlink_batch *b, uint16_t attr, uint32_t value);
void netlink_put_be32(struct netlink_batch *b, uint16_t attr, uint32_t value);   /* host order in, network order out */
void netlink_put_str(struct netlink_batch *b, uint16_t attr, const char *value); /* with the final NUL */
/* Nested attributes: what is put between the two goes inside. */
size_t netlink_nest(struct netlink_batch *b, uint16_t attr);
void netlink_nest_end(struct netlink_batch *b, size_t nest);

/* ---- sending ---- */
struct netlink_answer {
	uint16_t type;
	const void *data;      /* behind nlmsghdr */
	size_t len;
};
/* What the caller lets pass: called for every error with the message's note; 0: ignore it, else it is the batch's. */
typedef int (*netlink_judge)(void *arg, const char *what, int errnum);
/* Sends everything and waits until the kernel has worked through it. The first error becomes ERROR_SYSTEM
 * "<what>: <strerror>" with its errnum (the kernel's own sentence is added when it gives one). */
int netlink_send(struct netlink *n, struct netlink_batch *b, struct error *err);
int netlink_send_judged(struct netlink *n, struct netlink_batch *b, netlink_judge judge, void *arg, struct error *err);

/* Sends it from a process of its own that nobody waits for: what takes the kernel long (an interface is removed after
 * a grace period of milliseconds) and whose outcome does not matter. It holds no descriptor but copies of the sockets.
 * `last` (may be NULL) is closed there: whoever closes a nfnetlink socket after elements were removed waits for a grace
 * period of all processors. Nothing to send and nothing to close: no process. */
void netlink_send_detached(struct netlink *n, struct netlink_batch *b, struct netlink *last);

/* The same of what the kernel also tells listeners of `group`: over as soon as `seen` returns 1 for such a message, or with
 * the request's own outcome, whichever is first. A process of its own stays behind in the kernel (and closes `last`). The
 * socket is of no use for anything else afterwards. */
struct netlink_watch {
	uint32_t group;        /* RTNLGRP_* */
	int (*seen)(void *arg, const struct netlink_answer *a);
	void *arg;
	struct netlink *last;  /* may be NULL */
};
int netlink_send_watched(struct netlink *n, struct netlink_batch *b, const struct netlink_watch *w, netlink_judge judge,
			 struct error *err);

/* Sends a request of one message and calls `each` for every answer (dump or single). `each` < 0 stops. */
int netlink_ask(struct netlink *n, struct netlink_batch *b, int (*each)(void *arg, const struct netlink_answer *a, struct error *err),
		void *arg, struct error *err);

/* ---- reading attributes ---- */
struct netlink_attr {
	uint16_t type;
	const void *data;
	size_t len;
};
/* Walks: *pos starts at the first attribute; false at the end or at malformed bytes. */
bool netlink_next_attr(const void **pos, const void *end, struct netlink_attr *ret);
/* Fills table[0..max] by type from the attributes in data (missing: data NULL). */
void netlink_attrs(const void *data, size_t len, struct netlink_attr *table, uint16_t max);
