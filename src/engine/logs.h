/* SPDX-License-Identifier: Apache-2.0
 * engine/logs.h - reading containers' logs: k8s-file, json-file (with rotated files), journald; --follow.
 *
 * A log is the current file plus PATH.N ... PATH.1 from rotation, oldest first. Following uses inotify on the file's
 * directory: it sees appended lines, rotation (also by logrotate's copytruncate) and removal, and ends when the
 * container is not running any more and everything was read. journald logs are read through `journalctl -o export`.
 * Owns: descriptors and buffers inside struct logs. Output goes to callbacks: no printing here. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/own.h"
#include "engine/log-line.h"

enum logs_driver { LOGS_NONE, LOGS_PASSTHROUGH, LOGS_FILE, LOGS_JOURNALD };
/* From the name in the container's configuration; json-file and k8s-file are both LOGS_FILE. */
int logs_driver_parse(const char *name, enum logs_driver *ret, struct error *err);

struct logs_source {             /* one container; everything borrowed */
	const char *id, *name;
	enum logs_driver driver;
	const char *path;        /* LOGS_FILE */
	const char *unit_boot;   /* reserved, NULL */
	/* Whether lines can still come. Called while following; NULL: no. */
	bool (*is_running)(void *arg);
	void *arg;
	int wake_fd;             /* becomes readable (or hangs up) when is_running() may have changed (monitor_connect()
	                          * with MONITOR_ROLE_WAIT, a pidfd); -1: polled every 250 ms */
};

struct logs_options {
	int64_t tail;            /* last lines, per container; < 0: all */
	int64_t since_ns, until_ns;   /* Unix; 0: no bound. With follow, reading ends when the clock passes until */
	bool follow;
	int stop_fd;             /* readable: end early (the API's client left, a signalfd); -1: none */
};

/* A line of source number `source`. Return < 0 to stop with *err. */
typedef int (*logs_sink)(void *arg, size_t source, const struct log_line *line, struct error *err);
/* Called when everything at hand was delivered and before waiting: flush. */
typedef int (*logs_flush)(void *arg, struct error *err);

struct logs_output {
	logs_sink line;
	logs_flush flush;   /* may be NULL */
	void *arg;
};

/* Delivers the lines of all sources: one source in its order; several one after the other, then (follow) as they
 * come. A missing log file is an empty log. */
int logs_read(const struct logs_source *sources, size_t n, const struct logs_options *o, const struct logs_output *out,
	      struct error *err);
/* An --until value: as time_parse(), but a Go duration counts ahead from now ("3s": in three seconds). */
int until_parse(const char *s, int64_t *ret, struct error *err);
/* Removes PATH and its rotated files. */
int logs_remove(const char *path, struct error *err);
