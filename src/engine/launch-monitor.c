/* SPDX-License-Identifier: Apache-2.0
 * What the monitor is told about a container: its log, timers, commands. */
#include <fcntl.h>
#include <stdlib.h>

#include "base/units.h"
#include "engine/launch-impl.h"
#include "os/file.h"

/* json-file is Podman's other word for k8s-file: scripts read its lines. */
static const struct {
	const char *name;
	enum monitor_log_driver driver;
} drivers[] = {
	{ "k8s-file", MONITOR_LOG_K8S_FILE }, { "json-file", MONITOR_LOG_K8S_FILE }, { "journald", MONITOR_LOG_JOURNALD },
	{ "none", MONITOR_LOG_NONE }, { "passthrough", MONITOR_LOG_NONE }, { "passthrough-tty", MONITOR_LOG_NONE },
};

int log_size_parse(const char *text, int64_t *ret, struct error *err)
{
	static const char units[] = "kmgtp";
	char *end;
	double n = strtod(text, &end);
	const char *unit;

	if (end == text || !(n >= 0) || n > 1e15)
		return fail(err, ERROR_INVALID, "invalid log size \"%s\": should be a number with k, m or g behind it", text);
	unit = *end ? strchr(units, *end | 0x20) : NULL;
	for (const char *u = units; unit && u <= unit; u++)
		n *= 1000;
	if ((unit && end[1] && !streq(end + 1, "b") && !streq(end + 1, "B")) || (*end && !unit && !streq(end, "b")))
		return fail(err, ERROR_INVALID, "invalid log size \"%s\": should be a number with k, m or g behind it", text);
	*ret = (int64_t)n;
	return 0;
}

static int configure_log(struct launch_job *j, struct monitor_builder *b, struct error *err)
{
	const struct params_log *l = &j->c->params.log;
	const char *size = strmap_get(&l->options, "max-size"), *files = strmap_get(&l->options, "max-file");
	const char *tag = strmap_get(&l->options, "tag");
	int64_t keep = 0;

	b->c.log_max_size = j->engine->conf.containers.log_size_max;
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (streq0(l->driver, drivers[i].name))
			b->c.log_driver = drivers[i].driver;
	if (size)
		TRY(log_size_parse(size, &b->c.log_max_size, err));
	if (files && parse_i64(files, &keep) && keep > 1)
		b->c.log_keep = (uint32_t)(keep - 1);
	if (b->c.log_driver == MONITOR_LOG_JOURNALD) {
		auto_buf fields = BUF_INIT(65536);
		buf_addf(&fields, "CONTAINER_ID=%.12s\nCONTAINER_ID_FULL=%s\nCONTAINER_NAME=%s\nSYSLOG_IDENTIFIER=%s\n", j->c->id,
			 j->c->id, j->c->at.record.name, tag ? tag : j->c->at.record.name);
		if (tag)
			buf_addf(&fields, "CONTAINER_TAG=%s\n", tag);
		TRY(buf_ok(&fields, "log fields", err));
		b->c.log_fields = monitor_builder_string(b, fields.data);
	}
	if (b->c.log_driver != MONITOR_LOG_K8S_FILE && b->c.log_driver != MONITOR_LOG_JSON_FILE)
		return 0;
	b->c.log_fd = monitor_log_open(j->c->config.log_path, err);
	if (b->c.log_fd < 0)
		return -1;
	b->c.log_path = monitor_builder_string(b, j->c->config.log_path);
	return 0;
}

static void configure_timers(struct launch_job *j, struct monitor_builder *b)
{
	const struct container_params *p = &j->c->params;
	const struct params_health *h = &p->health;

	b->c.timeout_ns = p->basic.timeout * NSEC_PER_SEC;
	/* Startup checks have a timer of their own; the check that passes sets the regular interval. */
	int64_t interval = h->startup_test.n ? (h->startup_interval.set ? h->startup_interval.value : 30 * NSEC_PER_SEC)
					     : h->interval_off ? 0 : h->interval.value;
	b->c.health_argv = monitor_builder_list(b, j->health.v);
	if (!h->test.n || streq(h->test.v[0], "NONE"))
		return;
	b->c.health_interval_ns = interval;
	b->c.health_first_ns = 1;   /* the first check comes right after the start */
}

/* --sdnotify=conmon and =healthy: the monitor is the service's main process and says when it is ready. */
static void configure_notify(struct launch_job *j, struct monitor_builder *b)
{
	const char *mode = j->c->params.basic.sdnotify_mode, *socket = getenv("NOTIFY_SOCKET");

	if (str_empty(socket))
		return;
	if (str_empty(mode) || streq(mode, "container"))
		b->c.notify = b->c.notify_fd >= 0 ? MONITOR_NOTIFY_CONTAINER : MONITOR_NOTIFY_IGNORE;
	else if (streq(mode, "conmon"))
		b->c.notify = MONITOR_NOTIFY_CONMON;
	else if (streq(mode, "healthy"))
		b->c.notify = MONITOR_NOTIFY_HEALTHY;
	if (b->c.notify != MONITOR_NOTIFY_IGNORE)
		b->c.notify_socket = monitor_builder_string(b, socket);
}

static int write_pid(const char *path, pid_t pid, struct error *err)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%d", pid);

	if (!path)
		return 0;
	if (file_replace(AT_FDCWD, path, text, (size_t)n, 0644, 0, err) < 0)
		return fail_wrap(err, "writing pid file");
	return 0;
}

int launch_configure_monitor(struct launch_job *j, struct monitor_builder *b, struct error *err)
{
	const struct container_params *p = &j->c->params;

	b->c.flags |= (j->c->at.record.transient ? MONITOR_TRANSIENT : 0) |
		     (p->process.interactive ? MONITOR_STDIN_ONCE : 0);
	b->c.id = monitor_builder_string(b, j->c->id);
	b->c.name = monitor_builder_string(b, j->c->at.record.name);
	b->c.listen_fd = monitor_listen(b->c.run_dir_fd, MONITOR_SOCKET_NAME, err);
	if (b->c.listen_fd < 0)
		return -1;
	if (!j->c->at.record.transient) {
		b->c.store_dir_fd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (b->c.store_dir_fd < 0)
			return fail_errno(err, "open %s", j->dir);
	}
	TRY(configure_log(j, b, err));
	configure_timers(j, b);
	configure_notify(j, b);
	if (j->options->cleanup)
		b->c.cleanup_argv = monitor_builder_list(b, j->cleanup.v);
	monitor_builder_env(b);
	return 0;
}

int launch_write_pids(const struct launch_job *j, pid_t pid, struct error *err)
{
	const struct container_params *p = &j->c->params;

	TRY(write_pid(p->basic.pid_file, pid, err));
	return write_pid(p->basic.conmon_pid_file, getpid(), err);
}
