/* SPDX-License-Identifier: Apache-2.0
 * image/worker-message.h - one message on the socket between `umiak` and `umiak-worker`: framing and descriptors.
 * A frame is a header and a body; a body over MESSAGE_INLINE_MAX travels in a memfd that comes as the last descriptor.
 * Owns nothing. Both ends use it; nothing else does. */
#pragma once
#include "base/buf.h"
#include "base/error.h"

#define MESSAGE_MAGIC 0x756d6b31u            /* changes with the format: both ends are one build */
#define MESSAGE_INLINE_MAX ((size_t)48 << 10)
#define MESSAGE_BODY_MAX ((size_t)16 << 20)
#define MESSAGE_FDS_MAX 3
#define NOTICE_MAX 1500

enum message_type { MESSAGE_REQUEST, MESSAGE_REPLY, MESSAGE_FAILED, MESSAGE_PROGRESS, MESSAGE_NOTICE, MESSAGE_TYPE_MAX };

struct message_header {
	uint32_t magic, type, op, len;
	int32_t id;
	uint32_t in_memfd;
};

struct message {
	struct message_header head;
	struct buf body;
	int fds[MESSAGE_FDS_MAX];   /* owned; unused ones -1 */
	size_t n_fds;
};

void message_done(struct message *m);
#define auto_message CLEANUP(message_done) struct message
int message_send(int sock, struct message_header head, const struct buf *body, const int *fds, size_t n_fds,
		 struct error *err);
/* 1: *ret; 0: the peer closed its end. Blocks. Everything about the frame is checked, nothing about the body. */
int message_receive(int sock, struct message *ret, struct error *err);
