/* SPDX-License-Identifier: Apache-2.0
 * Opening a log file: the engine does it first (so that a bad path fails the container's start), the monitor again
 * after rotation. */
#include <fcntl.h>

#include "monitor/config.h"

int monitor_log_open(const char *path, struct error *err)
{
	/* O_NONBLOCK: a FIFO nobody reads must not stop the container (regular files do not care). */
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

	return fd < 0 ? fail_errno(err, "open log file %s", path) : fd;
}
