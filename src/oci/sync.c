/* SPDX-License-Identifier: Apache-2.0
 * oci/sync.c - messages between the runtime and the container's process before exec. */
#include "oci/sync.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "os/fd-pass.h"

#define HEAD_SIZE offsetof(struct sync_message, text)

int sync_pair(int ret[2], struct error *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return fail_errno(err, "socketpair");
	return 0;
}

static int send_bytes(int sock, const void *data, size_t len, struct error *err)
{
	ssize_t n;

	do
		n = send(sock, data, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail_errno(err, "write to sync socket");
	return 0;
}

int sync_send(int sock, enum sync_kind kind, long value, struct error *err)
{
	const struct sync_message m = { .kind = kind, .value = value };

	if (send_bytes(sock, &m, HEAD_SIZE, err) == 0)
		return 0;
	if (kind == SYNC_GO || kind == SYNC_START)
		shutdown(sock, SHUT_RDWR);   /* the child waits for this word: the end will do */
	return -1;
}

int sync_send_warning(int sock, const char *text, struct error *err)
{
	struct sync_message m = { .kind = SYNC_WARNING };
	size_t len = strnlen(text, sizeof(m.text) - 1);

	memcpy(m.text, text, len);
	return send_bytes(sock, &m, HEAD_SIZE + len + 1, err);
}

void sync_send_error(int sock, const struct error *e)
{
	struct error ignored;
	(void)send_bytes(sock, e, sizeof(*e), &ignored);
}

int sync_send_fd(int sock, enum sync_kind kind, long value, int fd, struct error *err)
{
	const struct sync_message m = { .kind = kind, .value = value };

	return fd_send(sock, &m, HEAD_SIZE, fd) < 0 ? fail_errno(err, "pass a descriptor") : 0;
}

int sync_receive(int sock, struct sync_message *ret, int *ret_fd, struct error *err)
{
	union {
		struct error error;
		struct sync_message message;
	} u;
	int received;

	_Static_assert(sizeof(struct error) > sizeof(struct sync_message), "told apart by size");
	ssize_t n = fd_receive(sock, &u, sizeof(u), &received);
	if (n < 0 && errno != ECONNRESET)
		return fail_errno(err, "read from sync socket");
	autoclose int fd = received;
	if (n <= 0) {
		*ret = (struct sync_message){ .kind = SYNC_GONE };
		return 0;
	}
	if (n == (ssize_t)sizeof(struct error)) {
		u.error.text[sizeof(u.error.text) - 1] = '\0';
		*err = u.error;
		return -1;
	}
	if (n < (ssize_t)HEAD_SIZE || n > (ssize_t)sizeof(struct sync_message))
		return fail(err, ERROR_CORRUPT, "sync socket: message of %zd bytes", n);
	*ret = (struct sync_message){};
	memcpy(ret, &u.message, (size_t)n);
	ret->text[sizeof(ret->text) - 1] = '\0';
	if (ret_fd)
		*ret_fd = take_fd(fd);
	return 0;
}

int sync_ask(int sock, enum sync_kind kind, struct error *err)
{
	struct sync_message m;

	TRY(sync_send(sock, kind, 0, err));
	TRY(sync_receive(sock, &m, NULL, err));
	if (m.kind != SYNC_GO)
		return fail(err, ERROR_RUNTIME, "the runtime is gone");
	return 0;
}
