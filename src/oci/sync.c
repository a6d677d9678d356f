/* SPDX-License-Identifier: Apache-2.0
 * oci/sync.c - messages between the runtime and the container's process before exec. */
#include "oci/sync.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"

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
	return send_bytes(sock, &m, HEAD_SIZE, err);
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
	struct sync_message m = { .kind = kind, .value = value };
	struct iovec iov = { .iov_base = &m, .iov_len = HEAD_SIZE };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	ssize_t n;
	do
		n = sendmsg(sock, &h, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? fail_errno(err, "pass a descriptor") : 0;
}

static int received_fd(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len == CMSG_LEN(sizeof(int))) {
			int fd;
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
			return fd;
		}
	return -1;
}

int sync_receive(int sock, struct sync_message *ret, int *ret_fd, struct error *err)
{
	union {
		struct error error;
		struct sync_message message;
	} u;
	struct iovec iov = { .iov_base = &u, .iov_len = sizeof(u) };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	_Static_assert(sizeof(struct error) > sizeof(struct sync_message), "told apart by size");
	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != ECONNRESET)
		return fail_errno(err, "read from sync socket");
	autoclose int fd = n > 0 ? received_fd(&h) : -1;
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
