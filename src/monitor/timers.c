/* SPDX-License-Identifier: Apache-2.0
 * Time and children: --timeout, health checks, giving memory back; starting and reaping programs. All clocks are
 * CLOCK_MONOTONIC: setting the date moves nothing (durability.md R-11). */
#include "monitor/monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"

#define ARGS_MAX 128
#define ENV_MAX 256
#define FOREVER (INT64_MAX / 4)   /* longer than any clock runs; sums of it with now do not overflow */
#define OWNER_PATIENCE INT64_C(60000000000)   /* clients that do not read after the end */

int64_t monitor_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t monitor_realtime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- the container's first process ---- */

int container_signal(struct monitor *m, int sig)
{
	if (m->reaped || m->phase == PHASE_FINISHING)
		return -ESRCH;
	if (m->pidfd >= 0)
		return syscall(SYS_pidfd_send_signal, m->pidfd, sig, NULL, 0) < 0 ? -errno : 0;
	/* Our child (or subreaped): its pid cannot be taken over before we reap it. */
	if (m->config->flags & MONITOR_WATCH)
		return -ESRCH;
	return kill(m->pid, sig) < 0 ? -errno : 0;
}

void container_kill(struct monitor *m)
{
	if (m->config->kill_fd < 0 || write(m->config->kill_fd, "1", 1) != 1)
		container_signal(m, SIGKILL);
}

/* ---- children ---- */

static void list_to_vector(const struct monitor *m, const struct monitor_list *l, char **v, size_t max)
{
	const char *s = monitor_config_string(m->config, l->off);
	size_t n = 0;

	for (; s && n < l->n && n < max - 1; n++, s += strlen(s) + 1)
		v[n] = (char *)s;
	v[n] = NULL;
}

static void restore_oom_score(const struct monitor *m)
{
	char text[12];
	int n = snprintf(text, sizeof(text), "%d", m->config->oom_score_restore);
	autoclose int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, text, (size_t)n);
}

void child_exec(struct monitor *m, const struct monitor_list *argv)
{
	char *args[ARGS_MAX], *env[ENV_MAX];
	sigset_t none;

	list_to_vector(m, argv, args, ARRAY_LEN(args));
	list_to_vector(m, &m->config->env, env, ARRAY_LEN(env));
	if (!args[0])
		return;
	prctl(PR_SET_DUMPABLE, 1);   /* else /proc/self belongs to root */
	restore_oom_score(m);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(args[0], args, env);
}

pid_t child_spawn(struct monitor *m, const struct monitor_list *argv)
{
	pid_t pid = argv->n ? fork() : -1;

	if (pid == 0) {
		child_exec(m, argv);
		_exit(127);
	}
	return pid;
}

void children_reap(struct monitor *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->pid && !m->reaped) {
			container_exited(m, status, true);
		} else if (pid == m->health_pid) {
			m->health_pid = 0;
			monitor_set_health_interval(m, m->health_interval);
		} else if (pid == m->cleanup_pid) {
			m->cleanup_pid = 0;
		}
	}
}

/* ---- timers ---- */

static int64_t bounded(int64_t ns)
{
	return ns < 0 ? 0 : ns > FOREVER ? FOREVER : ns;
}

void monitor_set_timeout(struct monitor *m, int64_t ns)
{
	m->timers.timeout = ns > 0 && m->phase <= PHASE_RUNNING ? monitor_now() + bounded(ns) : 0;
}

void monitor_set_health_interval(struct monitor *m, int64_t ns)
{
	m->health_interval = bounded(ns);
	/* A running check sets the timer when it ends. */
	m->timers.health = m->health_interval && m->phase == PHASE_RUNNING && !m->health_pid
				   ? monitor_now() + m->health_interval : 0;
}

/* Late on purpose: none of this may delay the container's start. */
static void prefer_others_for_oom(void)
{
	autoclose int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, "-999", 4);   /* without CAP_SYS_RESOURCE: stays as it was */
	prctl(PR_SET_DUMPABLE, 0);
}

void timers_start(struct monitor *m)
{
	m->phase = PHASE_RUNNING;
	m->exit.started_ns = monitor_realtime();
	monitor_set_timeout(m, m->config->timeout_ns);
	monitor_set_health_interval(m, m->config->health_interval_ns);
	if (m->health_interval)
		m->timers.health = monitor_now() + bounded(m->config->health_first_ns);
	notify_started(m);
	prefer_others_for_oom();
}

int64_t timers_next(const struct monitor *m)
{
	const int64_t at[] = { m->timers.timeout, m->timers.health, m->timers.trim, m->timers.finish };
	int64_t next = INT64_MAX, now;

	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		if (at[i] && at[i] < next)
			next = at[i];
	if (next == INT64_MAX)
		return -1;
	now = monitor_now();
	return next > now ? next - now : 0;
}

/* Is the timer over? Then it is off. */
static bool is_over(int64_t *at, int64_t now)
{
	if (!*at || *at > now)
		return false;
	*at = 0;
	return true;
}

void timers_run(struct monitor *m)
{
	int64_t now = monitor_now();

	if (is_over(&m->timers.timeout, now)) {
		m->exit.timed_out = m->phase == PHASE_RUNNING;
		container_kill(m);
	}
	if (is_over(&m->timers.health, now) && m->phase == PHASE_RUNNING) {
		m->health_pid = child_spawn(m, &m->config->health_argv);
		if (m->health_pid < 0) {
			m->health_pid = 0;
			monitor_set_health_interval(m, m->health_interval);
		}
	}
	if (is_over(&m->timers.trim, now))
		streams_trim(m);
	if (is_over(&m->timers.finish, now))
		for (size_t i = 0; i < MONITOR_CLIENTS_MAX; i++)
			if (m->client[i].fd >= 0 && !m->client[i].exit_sent)
				client_close(m, i);
	if (m->phase == PHASE_FINISHING && !m->timers.finish)
		m->timers.finish = now + OWNER_PATIENCE;
}
