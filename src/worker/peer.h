/* SPDX-License-Identifier: Apache-2.0
 * worker/peer.h - the worker's end of the socket: requests in, replies out.
 * A struct request owns its decoded arguments and descriptors. One thread at a time uses the peer; progress may be sent
 * from any thread (one send is one message). */
#pragma once
#include "image/worker-message.h"
#include "image/worker.h"

struct peer {
	int sock;
	enum worker_role role;
};

struct request {
	int id;
	enum worker_op op;
	void *args;               /* the op's request struct */
	int fds[MESSAGE_FDS_MAX]; /* owned; -1: none */
	size_t n_fds;
};
#define REQUEST_INIT { .fds = { -1, -1, -1 } }
void request_done(struct request *r);
#define auto_request CLEANUP(request_done) struct request

/* 1: a request this role may get; 0: the client is gone. A malformed one is an error: the worker ends. */
int peer_receive(struct peer *p, struct request *ret, struct error *err);
/* fd: sent along, or -1; stays the caller's. */
int peer_reply(struct peer *p, const struct request *r, const void *reply, int fd, struct error *err);
int peer_fail(struct peer *p, const struct request *r, const struct error *why, struct error *err);
/* A sentence for the user while the work goes on ("Failed, retrying in 5s"): a warning in the client's log. */
int peer_notice(struct peer *p, const char *text, struct error *err);
int peer_progress(struct peer *p, const struct request *r, int64_t bytes, struct error *err);
