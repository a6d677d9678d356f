/* SPDX-License-Identifier: Apache-2.0
 * image/worker-message.c - framing over a SOCK_SEQPACKET socket. */
#include "image/worker-message.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

void message_done(struct message *m)
{
	for (size_t i = 0; i < MESSAGE_FDS_MAX; i++)
		close_p(&m->fds[i]);
	buf_done(&m->body);
	*m = (struct message){ .fds = { -1, -1, -1 } };
}

static int body_to_memfd(const struct buf *body, struct error *err)
{
	autoclose int fd = memfd_create("umiak-message", MFD_CLOEXEC);

	if (fd < 0)
		return fail_errno(err, "memfd_create");
	for (size_t done = 0; done < body->len;) {
		ssize_t n = pwrite(fd, body->data + done, body->len - done, (off_t)done);
		if (n < 0 && errno != EINTR)
			return fail_errno(err, "write a worker message");
		done += n > 0 ? (size_t)n : 0;
	}
	return take_fd(fd);
}

static int send_frame(int sock, const struct message_header *head, const struct buf *body, const int *fds, size_t n_fds,
		      struct error *err)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * (MESSAGE_FDS_MAX + 1))];
	} control = {};
	struct iovec iov[2] = { { (void *)(uintptr_t)head, sizeof(*head) },
				{ body->data, head->in_memfd ? 0 : body->len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = iov[1].iov_len ? 2 : 1 };

	if (n_fds) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	while (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return fail_errno(err, "send a worker message");
	return 0;
}

int message_send(int sock, struct message_header head, const struct buf *body, const int *fds, size_t n_fds,
		 struct error *err)
{
	int all[MESSAGE_FDS_MAX + 1];
	autoclose int memfd = -1;

	if (n_fds > MESSAGE_FDS_MAX || body->len > MESSAGE_BODY_MAX)
		return fail(err, ERROR_INVALID, "worker message: too large");
	head.magic = MESSAGE_MAGIC;
	head.len = (uint32_t)body->len;
	head.in_memfd = body->len > MESSAGE_INLINE_MAX;
	for (size_t i = 0; i < n_fds; i++)
		all[i] = fds[i];
	if (head.in_memfd) {
		memfd = body_to_memfd(body, err);
		if (memfd < 0)
			return -1;
		all[n_fds++] = memfd;
	}
	return send_frame(sock, &head, body, all, n_fds, err);
}

/* Takes the descriptors out of the control data; more than fit are closed by the kernel (MSG_CTRUNC). */
static size_t take_fds(struct msghdr *msg, int fds[MESSAGE_FDS_MAX + 1])
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count && n <= MESSAGE_FDS_MAX; i++)
			memcpy(&fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return n;
}

static int read_memfd_body(int fd, size_t len, struct buf *body, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < len)
		return fail(err, ERROR_CORRUPT, "worker message: its body is missing");
	char *to = buf_reserve(body, len);
	if (!to)
		return fail_oom(err);
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, to + done, len - done, (off_t)done);
		if (n == 0 || (n < 0 && errno != EINTR))
			return fail(err, ERROR_CORRUPT, "worker message: its body is cut");
		done += n > 0 ? (size_t)n : 0;
	}
	body->len += len;
	return 0;
}

static int check_frame(struct message *m, int fds[MESSAGE_FDS_MAX + 1], size_t n_fds, const char *bytes, size_t n,
		       bool truncated, struct error *err)
{
	autoclose int memfd = -1;
	bool ok = n >= sizeof(m->head) && !truncated;

	if (ok)
		memcpy(&m->head, bytes, sizeof(m->head));
	ok = ok && m->head.magic == MESSAGE_MAGIC && m->head.type < MESSAGE_TYPE_MAX && m->head.len <= MESSAGE_BODY_MAX &&
	     (m->head.in_memfd ? n_fds > 0 : n == sizeof(m->head) + m->head.len);
	if (ok && m->head.in_memfd)
		memfd = fds[--n_fds];
	for (size_t i = 0; i < n_fds; i++) {
		if (i < MESSAGE_FDS_MAX)
			m->fds[m->n_fds++] = fds[i];
		else
			close(fds[i]), ok = false;
	}
	if (!ok)
		return fail(err, ERROR_CORRUPT, "worker message: malformed frame");
	if (m->head.in_memfd)
		return read_memfd_body(memfd, m->head.len, &m->body, err);
	buf_add(&m->body, bytes + sizeof(m->head), m->head.len);
	return buf_ok(&m->body, "worker message", err);
}

int message_receive(int sock, struct message *ret, struct error *err)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * (MESSAGE_FDS_MAX + 1))];
	} control;
	char bytes[sizeof(struct message_header) + MESSAGE_INLINE_MAX];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	int fds[MESSAGE_FDS_MAX + 1];
	ssize_t n;

	while ((n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC)) < 0)
		if (errno != EINTR)
			return fail_errno(err, "receive a worker message");
	if (n == 0)
		return 0;
	auto_message m = { .fds = { -1, -1, -1 }, .body = BUF_INIT(MESSAGE_BODY_MAX + 1) };
	size_t n_fds = take_fds(&msg, fds);
	if (check_frame(&m, fds, n_fds, bytes, (size_t)n, msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC), err) < 0)
		return -1;
	*ret = m;
	m = (struct message){ .fds = { -1, -1, -1 } };
	return 1;
}
