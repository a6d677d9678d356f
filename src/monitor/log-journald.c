/* SPDX-License-Identifier: Apache-2.0
 * The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram per record. No libsystemd: it
 * would be most of the monitor. */
#include "monitor/monitor.h"

#include <endian.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "base/own.h"

void log_journald_init(struct log *l)
{
	/* A journal that hangs costs the container this much per record, not its life. */
	const struct timeval patience = { .tv_sec = 2 };

	l->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (l->fd >= 0)
		setsockopt(l->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

void log_journald_add(struct log *l, enum stream_id s, const char *text, size_t len, bool partial)
{
	static const char *const priority[] = { "PRIORITY=6\n", "PRIORITY=3\n" };
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" };
	const char *fields = l->fields ? l->fields : "", *part = partial ? "CONTAINER_PARTIAL_MESSAGE=true\n" : "";
	uint64_t size = htole64(len);
	/* MESSAGE in the length-prefixed form: the text may hold anything. */
	struct iovec iov[] = {
		{ (void *)priority[s], strlen(priority[s]) },
		{ (void *)fields, strlen(fields) },
		{ (void *)part, strlen(part) },
		{ (void *)"MESSAGE\n", 8 },
		{ &size, sizeof(size) },
		{ (void *)text, len },
		{ (void *)"\n", 1 },
	};
	/* Not connected: a restarted journald is found again. */
	struct msghdr msg = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = ARRAY_LEN(iov)};

	if (l->fd >= 0)
		(void)sendmsg(l->fd, &msg, MSG_NOSIGNAL);
}
