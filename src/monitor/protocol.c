/* SPDX-License-Identifier: Apache-2.0
 * The client's side of monitor/protocol.h. */
#include "monitor/protocol.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int monitor_connect(int dirfd, const char *name, int *ret_fd, struct error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	autoclose int fd = -1, file = openat(dirfd, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);

	if (file < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(err, "open %s", name);
	/* A container's directory is longer than sun_path; the descriptor's name is not. */
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", file);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno(err, "make a socket");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno == ECONNREFUSED || errno == ENOENT)
			return 0;
		return fail_errno(err, "connect to the container's monitor");
	}
	*ret_fd = take_fd(fd);
	return 1;
}

int monitor_send(int fd, uint32_t type, uint32_t value, const void *data, size_t len, struct error *err)
{
	struct monitor_message head = { type, value };
	struct iovec iov[2] = { { &head, sizeof(head) }, { (void *)data, len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = len ? 2 : 1 };

	while (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EPIPE || errno == ECONNRESET)
			return fail(err, ERROR_NOT_FOUND, "the container's monitor is gone");
		return fail_errno(err, "send to the container's monitor");
	}
	return 0;
}

static void take_descriptor(struct msghdr *msg, int *ret)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret, CMSG_DATA(c), sizeof(int));
}

static ssize_t receive(int fd, struct monitor_message *head, struct iovec data, int *ret_fd, struct error *err)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov[2] = { { head, sizeof(*head) }, data };
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)};
	autoclose int passed = -1;
	ssize_t n;

	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != ECONNRESET)
		return fail_errno(err, "receive from the container's monitor");
	if (n <= 0)
		return fail(err, ERROR_NOT_FOUND, "the container's monitor is gone");
	take_descriptor(&msg, &passed);
	if ((size_t)n < sizeof(*head) || (msg.msg_flags & MSG_TRUNC))
		return fail(err, ERROR_CORRUPT, "message of %zd bytes from the container's monitor", n);
	if (ret_fd)
		*ret_fd = take_fd(passed);
	return n - (ssize_t)sizeof(*head);
}

ssize_t monitor_receive(int fd, struct monitor_message *ret, void *data, size_t size, struct error *err)
{
	return receive(fd, ret, (struct iovec){ data, size }, NULL, err);
}

int monitor_welcome(int fd, struct monitor_welcome *ret, int *ret_stdin, struct error *err)
{
	struct monitor_message head;
	struct monitor_welcome w = {};
	char data[256];   /* a newer monitor may say more */
	autoclose int passed = -1;
	ssize_t n = receive(fd, &head, (struct iovec){ data, sizeof(data) }, &passed, err);

	if (n < 0)
		return -1;
	if (head.type != MONITOR_WELCOME || (size_t)n < offsetof(struct monitor_welcome, tty))
		return fail(err, ERROR_CORRUPT, "the container's monitor answered with message %u", head.type);
	memcpy(&w, data, (size_t)n < sizeof(w) ? (size_t)n : sizeof(w));
	if (ret)
		*ret = w;
	if (ret_stdin)
		*ret_stdin = take_fd(passed);
	return 0;
}

int monitor_hello(int fd, unsigned role, struct monitor_welcome *ret, int *ret_stdin, struct error *err)
{
	const uint32_t version = MONITOR_PROTOCOL_VERSION;

	TRY(monitor_send(fd, MONITOR_HELLO, role, &version, sizeof(version), err));
	return monitor_welcome(fd, ret, ret_stdin, err);
}

int monitor_start(int fd, struct error *err)
{
	struct monitor_message head;
	struct error child;
	ssize_t n;

	TRY(monitor_send(fd, MONITOR_START, 0, NULL, 0, err));
	n = monitor_receive(fd, &head, &child, sizeof(child), err);
	if (n < 0)
		return -1;
	if (head.type != MONITOR_STARTED || (n != 0 && n != sizeof(child)))
		return fail(err, ERROR_CORRUPT, "the container's monitor answered with message %u", head.type);
	if (n == 0)
		return 0;
	child.text[sizeof(child.text) - 1] = 0;
	*err = child;
	return -1;
}

int monitor_request(int dirfd, uint32_t type, uint32_t value, const void *data, size_t len, struct error *err)
{
	autoclose int fd = -1;
	struct monitor_message head;
	char ignored[64];

	int r = monitor_connect(dirfd, MONITOR_SOCKET_NAME, &fd, err);
	if (r <= 0)
		return r;
	TRY(monitor_hello(fd, MONITOR_ROLE_WAIT, NULL, NULL, err));
	TRY(monitor_send(fd, type, value, data, len, err));
	do {
		if (monitor_receive(fd, &head, ignored, sizeof(ignored), err) < 0)
			return err->kind == ERROR_NOT_FOUND ? 0 : -1;
		if (head.type == MONITOR_EXIT)
			return 0;
		if (head.type == MONITOR_UNKNOWN)
			return fail(err, ERROR_UNSUPPORTED,
				    "the container's monitor is too old for this; restart the container");
	} while (head.type != MONITOR_DONE);
	if (head.value)
		return fail_with(err, (int)head.value, "the container's monitor");
	return 1;
}

/* 1: readable; 0: the deadline passed. */
static int wait_readable(int fd, int64_t deadline, struct error *err)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = deadline < 0 ? 0 : deadline - now_ns();
		struct timespec ts = { left > 0 ? left / 1000000000 : 0, left > 0 ? left % 1000000000 : 0 };
		int r = ppoll(&p, 1, deadline < 0 ? NULL : &ts, NULL);

		if (r > 0)
			return 1;
		if (r == 0)
			return 0;
		if (errno != EINTR)
			return fail_errno(err, "wait for the container's monitor");
	}
}

int monitor_wait(int fd, int64_t timeout_ns, struct monitor_exit *ret, struct error *err)
{
	int64_t deadline = timeout_ns < 0 ? -1 : now_ns() + timeout_ns;
	struct monitor_message head;
	char data[sizeof(struct monitor_message) + MONITOR_DATA_MAX];

	for (;;) {
		int r = wait_readable(fd, deadline, err);
		if (r <= 0)
			return r;
		ssize_t n = monitor_receive(fd, &head, data, sizeof(data), err);
		if (n < 0)
			return -1;
		if (head.type != MONITOR_EXIT)
			continue;
		memset(ret, 0, sizeof(*ret));
		memcpy(ret, data, (size_t)n < sizeof(*ret) ? (size_t)n : sizeof(*ret));
		return 1;
	}
}
