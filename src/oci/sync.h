/* SPDX-License-Identifier: Apache-2.0
 * oci/sync.h - the messages between the runtime and the container's process before exec.
 *
 * A SOCK_SEQPACKET pair, one packet a message. An error is the bare struct error (told from a message by its size),
 * end of file means the other side is gone or has exec'ed. Owns nothing, allocates nothing: made for the time between
 * clone() and exec(). Plain read and write where no descriptor is passed, so that seccomp profiles rarely matter. */
#pragma once
#include <sys/types.h>

#include "base/error.h"

enum sync_kind {
	SYNC_GONE,        /* end of file */
	SYNC_ERROR,       /* the child's own sentence is in *err already: sync_receive() returns -1 instead */
	/* child to parent */
	SYNC_MAP,         /* I am in the new user namespace: write my id maps */
	SYNC_CHILD,       /* value: pid of the container's process, descriptor: its pidfd (from the helper stage) */
	SYNC_NETNS,       /* descriptor: my network namespace (the first message, where the plan says tell_netns) */
	SYNC_HOOKS,       /* everything is mounted: run prestart and createRuntime hooks */
	SYNC_CONSOLE,     /* descriptor: the pty's master */
	SYNC_LISTENER,    /* descriptor: listener of a seccomp filter (exec) */
	SYNC_WARNING,     /* text */
	SYNC_STEP,        /* value: number of the step about to be applied (--debug) */
	SYNC_CREATED,     /* I stand before exec and wait for *start* */
	/* parent to child */
	SYNC_GO,          /* done, go on */
	SYNC_START,       /* exec */
	SYNC_KIND_MAX
};

struct sync_message {
	enum sync_kind kind;
	long value;
	char text[240];   /* SYNC_WARNING */
};

/* A pair, close-on-exec both. */
int sync_pair(int ret[2], struct error *err);
int sync_send(int sock, enum sync_kind kind, long value, struct error *err);
int sync_send_fd(int sock, enum sync_kind kind, long value, int fd, struct error *err);
int sync_send_warning(int sock, const char *text, struct error *err);
/* Sends the error; nothing can be done when that fails too. */
void sync_send_error(int sock, const struct error *e);
/* The next message. *ret_fd: the descriptor that came along (owned by the caller) or -1; may be NULL. -1 and *err
 * when the peer sent an error or reading failed. A longer or shorter packet is ERROR_CORRUPT. */
int sync_receive(int sock, struct sync_message *ret, int *ret_fd, struct error *err);
/* Sends and waits for SYNC_GO. */
int sync_ask(int sock, enum sync_kind kind, struct error *err);
