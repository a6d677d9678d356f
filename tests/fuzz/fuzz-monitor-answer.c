/* SPDX-License-Identifier: Apache-2.0
 * fuzz-monitor-answer: what a container's monitor, or whoever sits in its place, may answer to a client: packets, each with a
 * length byte before it. The first byte chooses what the client waits for. */
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		size_t n = data[0] < size - 1 ? data[0] : size - 1;

		if (n > 0 && send(fd, data + 1, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return;
		data += n + 1;
		size -= n + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct monitor_welcome w;
	struct monitor_exit x;
	struct error err = {};
	int pair[2], passed = -1;

	if (size < 1 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	send_all(pair[1], data + 1, size - 1);
	shutdown(pair[1], SHUT_WR);   /* nobody waits for more */
	switch (data[0] & 3) {
	case 0:
		(void)monitor_hello(pair[0], MONITOR_ROLE_STDIN, &w, &passed, &err);
		break;
	case 1:
		(void)monitor_start(pair[0], &err);
		break;
	case 2:
		(void)monitor_welcome(pair[0], NULL, NULL, &err);
		break;
	default:
		(void)monitor_wait(pair[0], -1, &x, &err);
	}
	if (memchr(err.text, 0, sizeof(err.text)) == NULL)
		__builtin_trap();   /* a story without an end */
	if (passed >= 0)
		close(passed);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
