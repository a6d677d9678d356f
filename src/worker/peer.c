/* SPDX-License-Identifier: Apache-2.0
 * worker/peer.c - the worker's end of the socket. */
#include "worker/peer.h"

#include <string.h>

#include "image/wire.h"

void request_done(struct request *r)
{
	if (r->args) {
		fields_done(worker_ops[r->op].request, r->args);
		free(r->args);
	}
	for (size_t i = 0; i < MESSAGE_FDS_MAX; i++)
		close_p(&r->fds[i]);
	*r = (struct request)REQUEST_INIT;
}

static int decode(const struct peer *p, struct message *m, struct request *r, struct error *err)
{
	if (m->head.type != MESSAGE_REQUEST || m->head.op >= OP_MAX || !(worker_ops[m->head.op].roles & 1u << p->role))
		return fail(err, ERROR_CORRUPT, "a request this role does not know");
	r->op = (enum worker_op)m->head.op;
	r->id = m->head.id;
	const struct worker_op_info *info = &worker_ops[r->op];
	if (m->n_fds > info->fds)
		return fail(err, ERROR_CORRUPT, "%s: too many descriptors", info->name);
	r->args = calloc(1, info->request_size);
	if (!r->args)
		return fail_oom(err);
	if (wire_decode(info->request, m->body.data, m->body.len, r->args, err) < 0)
		return fail_wrap(err, "%s", info->name);
	for (size_t i = 0; i < m->n_fds; i++)
		r->fds[r->n_fds++] = take_fd(m->fds[i]);
	return 0;
}

int peer_receive(struct peer *p, struct request *ret, struct error *err)
{
	auto_message m = { .fds = { -1, -1, -1 } };
	auto_request r = REQUEST_INIT;

	int n = message_receive(p->sock, &m, err);
	if (n <= 0)
		return n;
	TRY(decode(p, &m, &r, err));
	*ret = r;
	r = (struct request)REQUEST_INIT;
	return 1;
}

int peer_reply(struct peer *p, const struct request *r, const void *reply, int fd, struct error *err)
{
	auto_buf body = BUF_INIT(MESSAGE_BODY_MAX);
	struct message_header head = { .type = MESSAGE_REPLY, .op = r->op, .id = r->id };

	TRY(wire_encode(worker_ops[r->op].reply, reply, &body, err));
	return message_send(p->sock, head, &body, &fd, fd >= 0 ? 1 : 0, err);
}

int peer_fail(struct peer *p, const struct request *r, const struct error *why, struct error *err)
{
	auto_buf body = BUF_INIT(sizeof(*why));
	struct message_header head = { .type = MESSAGE_FAILED, .op = r->op, .id = r->id };

	buf_add(&body, why, sizeof(*why));
	return message_send(p->sock, head, &body, NULL, 0, err);
}

int peer_notice(struct peer *p, const char *text, struct error *err)
{
	auto_buf body = BUF_INIT(NOTICE_MAX);
	struct message_header head = { .type = MESSAGE_NOTICE };
	size_t len = strlen(text);

	buf_add(&body, text, len < NOTICE_MAX ? len : NOTICE_MAX - 1);
	return message_send(p->sock, head, &body, NULL, 0, err);
}

int peer_progress(struct peer *p, const struct request *r, int64_t bytes, struct error *err)
{
	auto_buf body = BUF_INIT(sizeof(bytes));
	struct message_header head = { .type = MESSAGE_PROGRESS, .op = r->op, .id = r->id };

	buf_add(&body, &bytes, sizeof(bytes));
	return message_send(p->sock, head, &body, NULL, 0, err);
}
