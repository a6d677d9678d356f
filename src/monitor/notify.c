/* SPDX-License-Identifier: Apache-2.0
 * sd_notify for --sdnotify: the service's main process is the monitor. What a container may tell the host's service
 * manager is limited to a few words: never MAINPID, FDSTORE or anything with descriptors. */
#include "monitor/monitor.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"

static void notify_send(const struct monitor *m, const char *text, size_t len)
{
	const char *path = monitor_config_string(m->config, m->config->notify_socket);
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;

	if (n == 0 || n >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)sendto(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

static void notify_ready(struct monitor *m)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "MAINPID=%d\nREADY=1", (int)getpid());

	if (!m->want_ready)
		return;
	m->want_ready = false;
	notify_send(m, text, (size_t)n);
}

void notify_started(struct monitor *m)
{
	char text[32];

	if (m->config->notify == MONITOR_NOTIFY_CONMON) {
		notify_ready(m);
	} else if (m->config->notify == MONITOR_NOTIFY_HEALTHY || m->config->notify == MONITOR_NOTIFY_CONTAINER) {
		int n = snprintf(text, sizeof(text), "MAINPID=%d", (int)getpid());
		notify_send(m, text, (size_t)n);
	}
}

void notify_healthy(struct monitor *m)
{
	if (m->config->notify == MONITOR_NOTIFY_HEALTHY)
		notify_ready(m);
}

static const char *const forwarded[] = {"READY=1", "RELOADING=1",     "STOPPING=1",          "WATCHDOG=1",
					"STATUS=", "MONOTONIC_USEC=", "EXTEND_TIMEOUT_USEC="};

static bool is_forwarded(const char *line)
{
	for (size_t i = 0; i < ARRAY_LEN(forwarded); i++)
		if (str_after(line, forwarded[i]))
			return true;
	return false;
}

void notify_forward(struct monitor *m)
{
	char text[2048], out[2048 + 64];
	ssize_t n = recv(m->notify_fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	size_t used = 0;

	if (n <= 0)
		return;
	text[n] = 0;
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (!is_forwarded(line))
			continue;
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%s", used ? "\n" : "", line);
	}
	if (used)
		notify_send(m, out, used);
}
