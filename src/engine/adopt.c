/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/adopt.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/helpers.h"
#include "engine/container-impl.h"
#include "engine/launch-impl.h"
#include "os/process.h"

struct adoption {
	struct launch_job job;
	int pidfd, run_dir_fd;
};

/* In the child: become the watching monitor. */
static int watch(struct adoption *a, struct error *err)
{
	auto_monitor_builder b = {};
	const struct container_status *st = &a->job.c->at.status;

	monitor_builder_init(&b);
	b.c.pid = st->pid;
	b.c.pidfd = a->pidfd;
	b.c.run_dir_fd = a->run_dir_fd;
	if (monitor_stdio_adopt(st->pid, b.c.stdio_fd, err) < 0)
		return -1;
	TRY(launch_configure_monitor(&a->job, &b, err));
	TRY(launch_write_pids(&a->job, st->pid, err));
	b.c.flags |= MONITOR_WATCH | MONITOR_STARTED_ALREADY;
	b.c.flags &= ~(uint32_t)MONITOR_TTY;
	return monitor_exec(&b, a->job.monitor_path, err);
}

static int record_monitor(struct ctr *c, pid_t pid, struct error *err)
{
	struct container_change change = {
		.expected = CONTAINER_STATE_ALIVE, .set = CONTAINER_SET_MONITOR, .to = { .monitor_pid = pid },
	};

	TRY(process_start_time(PROC_HOST, pid, &change.to.monitor_start, err));
	return ctr_change(c, &change, err) < 0 ? -1 : 0;
}

/* Twice forked: the monitor must not be a child whose end nobody collects. */
static int fork_monitor(struct adoption *a, pid_t *ret, struct error *err)
{
	int pipe_fd[2];
	pid_t middle, monitor = -1;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	middle = fork();
	if (middle == 0) {
		struct error ignored;
		monitor = fork();
		if (monitor == 0) {
			setsid();
			prctl(PR_SET_CHILD_SUBREAPER, 1);
			watch(a, &ignored);
			_exit(1);
		}
		if (write(pipe_fd[1], &monitor, sizeof(monitor)) < 0)
			_exit(1);
		_exit(0);
	}
	close(pipe_fd[1]);
	if (middle < 0 || read(pipe_fd[0], &monitor, sizeof(monitor)) != sizeof(monitor))
		monitor = -1;
	close(pipe_fd[0]);
	if (middle > 0)
		waitpid(middle, NULL, 0);
	if (monitor < 0)
		return fail_errno(err, "fork");
	*ret = monitor;
	return 0;
}

int ctr_adopt(struct ctr *c, struct error *err)
{
	const struct launch_options o = { .cleanup = true };
	CLEANUP(launch_job_done) struct launch_job j = { .socket = -1, .monitor_client = -1 };
	autoclose int pidfd = -1, dir = -1;
	auto_lock lock = LOCK_INIT;
	pid_t monitor;

	TRY(ctr_lock(c, &lock, err));
	TRY(ctr_reread(c, err));
	if (process_is_alive(PROC_HOST, c->at.status.monitor_pid, c->at.status.monitor_start) ||
	    ctr_open_init(c, &pidfd, err) <= 0)
		return 0;
	TRY(ctr_load(c, err));
	j.c = c;
	j.engine = c->engine;
	j.options = &o;
	TRY(launch_job_commands(&j, err));
	dir = ctr_open_run_dir(c, err);
	if (dir < 0)
		return -1;
	struct adoption a = { .job = j, .pidfd = pidfd, .run_dir_fd = dir };
	TRY(fork_monitor(&a, &monitor, err));
	return record_monitor(c, monitor, err);
}
