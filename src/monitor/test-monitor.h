/* SPDX-License-Identifier: Apache-2.0
 * monitor/test-monitor.h - a fake container for tests: a shell with pipes (or a pty) under a real umiak-monitor.
 * Owns the scratch directory and the connection. Shared by the tests of monitor/ and engine/attach. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "monitor/config.h"

struct box_options {
	const char *script;      /* for sh -c; NULL: a program that does not exist */
	unsigned role;           /* of the inherited client; 0: none */
	int client_buffer;       /* bytes its socket holds; 0: the system's default */
	bool take_start;         /* monitor_take_start() before the exec ... */
	bool ended;              /* ... and the container has ended before it */
	uint32_t flags;          /* enum monitor_flag */
	enum monitor_log_driver driver;
	int64_t max_size;
	uint32_t keep;
	int64_t timeout_ns, health_interval_ns;
	const char *health, *cleanup;   /* shell scripts, run in the scratch directory */
	enum monitor_notify notify;
	const char *notify_socket;
};

struct box {
	char dir[64];            /* scratch: run-time and store directory, ctr.log */
	int dir_fd;
	int client;              /* the inherited client's end; -1 */
	pid_t monitor, pid;
};

void box_start(struct box *b, const struct box_options *o);
/* Waits until the monitor has ended; its exit status. */
int box_wait_monitor(struct box *b);
void box_done(struct box *b);
/* The whole file in the scratch directory (malloc'ed), NULL when it is not there. */
char *box_read(const struct box *b, const char *name);
bool box_has(const struct box *b, const char *name);
/* Waits up to 10 s for the file to exist. */
void box_wait_file(const struct box *b, const char *name);
