/* SPDX-License-Identifier: Apache-2.0
 * fuzz-monitor: what a client may send to umiak-monitor: packets, each with a length byte before it. The container's
 * process is marked as reaped, so no signal goes anywhere. The program has no library: its parts are included. */
#include "../../src/monitor/clients.c"
#include "../../src/monitor/finish.c"
#include "../../src/monitor/log-journald.c"
#include "../../src/monitor/log.c"
#include "../../src/monitor/notify.c"
#include "../../src/monitor/streams.c"
#include "../../src/monitor/timers.c"

static void drain(int fd)
{
	char data[4096];

	while (recv(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
}

static void feed(struct monitor *m, int fd, const uint8_t *data, size_t size)
{
	while (size > 0 && m->client[0].fd >= 0) {
		size_t n = data[0] < size - 1 ? data[0] : size - 1;

		if (n > 0 && send(fd, data + 1, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			client_read(m, 0);
		drain(fd);
		data += n + 1;
		size -= n + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct monitor_config config = { .flags = MONITOR_STDIN_ONCE, .kill_fd = -1, .oom_fd = -1 };
	static struct monitor state, *m = &state;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	memset(m, 0, sizeof(*m));
	m->config = &config;
	m->phase = PHASE_RUNNING;
	m->reaped = true;
	m->listen_fd = m->start_fd = m->stdin_fd = m->notify_fd = m->pidfd = m->signal_fd = m->starter = m->log.fd = -1;
	for (int s = 0; s < STREAM_MAX; s++)
		m->stream[s] = (struct stream){ .fd = -1, .data = m->chunk[s], .len = 100 };
	for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
		m->client[i].fd = -1;
	m->client[0] = (struct client){ .fd = pair[1] };
	feed(m, pair[0], data, size);
	if (m->client[0].fd >= 0)
		client_close(m, 0);
	close(pair[0]);
	return 0;
}
