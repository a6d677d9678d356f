/* SPDX-License-Identifier: Apache-2.0
 * Opening a log file: the engine does it first (so that a bad path fails the container's start), the monitor again
 * after rotation. */
#include <fcntl.h>

#include "base/str.h"
#include "monitor/config.h"

int monitor_log_open(const char *path, struct error *err)
{
	/* O_NOFOLLOW: where the container can write beside its log, a link in the log's place would have the host's files
	 * written. /dev/stdout and its like are links, and nobody's but the host's.
	 * O_NONBLOCK: a FIFO nobody reads must not stop the container (regular files do not care). */
	int follow = str_after(path, "/dev/") ? 0 : O_NOFOLLOW;
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | follow, 0640);

	return fd < 0 ? fail_errno(err, "open log file %s", path) : fd;
}
