/* SPDX-License-Identifier: Apache-2.0
 * oci/agent.c - talking to the agent of seccomp notifications. */
#include "oci/agent.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"

int agent_connect(const char *path, struct error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		return fail(err, ERROR_INVALID, "linux.seccomp: listenerPath `%s` is too long", path);
	memcpy(a.sun_path, path, strlen(path));
	autoclose int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail_errno(err, "connect to the seccomp listener `%s`", path);
	return take_fd(sock);
}

int agent_send(int sock, const struct iovec *text, size_t n, int listener, struct error *err)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct msghdr h = { .msg_iov = (struct iovec *)text, .msg_iovlen = n, .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *m = CMSG_FIRSTHDR(&h);

	m->cmsg_level = SOL_SOCKET;
	m->cmsg_type = SCM_RIGHTS;
	m->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(m), &listener, sizeof(int));
	return sendmsg(sock, &h, MSG_NOSIGNAL) < 0 ? fail_errno(err, "pass the seccomp listener on") : 0;
}
