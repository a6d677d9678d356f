/* SPDX-License-Identifier: Apache-2.0 */
#include "net/kept.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/own.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/process.h"

#define KILLED_NS INT64_C(1000000000)

int kept_note(int file, pid_t pid, struct error *err)
{
	char text[64];
	uint64_t started;

	if (process_start_time(PROC_HOST, pid, &started, err) <= 0)
		return 0;   /* it ended at once: whoever asks it something notices */
	int n = snprintf(text, sizeof(text), "%d %" PRIu64 "\n", pid, started);
	return ftruncate(file, 0) < 0 || pwrite(file, text, (size_t)n, 0) != n ? fail_errno(err, "note process %d", pid) : 0;
}

/* 1: *ret_fd; 0: it does not run. */
static int find(int dir, const char *name, int *ret_fd, struct error *err)
{
	char text[64];
	uint64_t started;
	pid_t pid;

	if (lock_is_held(dir, name, LOCK_EXCLUSIVE, err) <= 0 || file_read_small(dir, name, text, sizeof(text)) <= 0 ||
	    sscanf(text, "%d %" SCNu64, &pid, &started) != 2)
		return 0;
	return process_open_verified(pid, started, ret_fd, err) > 0;
}

int kept_signal(int dir, const char *name, int sig, struct error *err)
{
	autoclose int pidfd = -1;

	return find(dir, name, &pidfd, err) > 0 ? process_signal(pidfd, sig, err) : 0;
}

int kept_stop(int dir, const char *name, int sig, int64_t timeout_ns, struct error *err)
{
	autoclose int pidfd = -1;

	if (!find(dir, name, &pidfd, err))
		return 0;
	TRY(process_signal(pidfd, sig, err));
	int ended = process_wait_exit(pidfd, timeout_ns, err);
	if (ended)
		return ended < 0 ? -1 : 0;
	TRY(process_signal(pidfd, SIGKILL, err));
	return process_wait_exit(pidfd, KILLED_NS, err) < 0 ? -1 : 0;
}
