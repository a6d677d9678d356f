/* SPDX-License-Identifier: Apache-2.0
 * engine/health.h - health checks: the state machine, its record, and running one check.
 *
 * The container's monitor runs `umiak healthcheck run --ignore-result ID` by its own timers (no systemd). That command
 * comes here: run the command in the container, feed the result to the state machine, write the record, and tell what
 * to do next (event, on-failure action, switch from startup to regular checks).
 *
 * The record "healthcheck.log" (JSON, Podman's names) lies in the container's run-time directory, or as
 * ID-healthcheck.log in --health-log-destination; it is removed when the container starts. Writers hold the
 * lock "healthcheck.lock" beside it. Pure parts (health_apply) do no I/O. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"

struct health_log {
	char *start, *end;      /* RFC 3339 with nanoseconds */
	int64_t exit_code;
	char *output;
};
struct health_record {
	char *status;           /* "starting", "healthy", "unhealthy", "stopped"; NULL or "": none yet */
	int64_t failing_streak;
	struct list log;        /* struct health_log, oldest first */
	/* startup checks */
	bool startup_passed;
	int64_t startup_successes, startup_failures;
};
extern const struct field health_record_rows[];
void health_record_done(struct health_record *r);
#define auto_health_record CLEANUP(health_record_done) struct health_record

enum health_action { HEALTH_NONE, HEALTH_KILL, HEALTH_RESTART, HEALTH_STOP, HEALTH_ACTION_MAX };
extern const char *const health_action_names[];   /* "none" "kill" "restart" "stop" NULL */

struct health_check {            /* what a container is checked by; everything borrowed */
	const struct strv *test;             /* as in images: "CMD" ..., "CMD-SHELL" text, "NONE" */
	int64_t interval_ns, timeout_ns, start_period_ns;   /* 0 interval: no timer */
	int64_t retries;                     /* 0: 3 */
	const struct strv *startup_test;     /* NULL: no startup check */
	int64_t startup_interval_ns, startup_timeout_ns;
	int64_t startup_retries, startup_successes;
	enum health_action on_failure;
	uint64_t max_log_count, max_log_size;   /* 0: no limit */
	const char *log_destination;         /* NULL, "local", "events_logger", or a directory */
};

/* The command to run for a test vector; ERROR_STATE "container ID has no defined healthcheck". */
int health_command(const char *id, const struct strv *test, struct strv *ret, struct error *err);

struct health_result {           /* of one run of the command */
	int64_t start_ns, end_ns;
	int exit_code;               /* of the command; -1: timed out, 125: could not be run */
	const char *output;          /* may be longer than max_log_size */
	bool container_stopped;      /* it stopped meanwhile */
};
struct health_outcome {
	bool startup;                /* it was a startup check */
	bool passed;                 /* this check succeeded */
	bool turned_unhealthy;       /* do config.on_failure */
	bool restart;                /* startup retries used up: restart the container */
	bool startup_done;           /* send the regular interval to the monitor (MONITOR_HEALTH_INTERVAL) */
	bool ready;                  /* first time healthy: MONITOR_HEALTH_READY */
	const char *print;           /* what `healthcheck run` prints: "unhealthy", "starting", "stopped"; NULL: nothing */
	int exit_code;               /* of `healthcheck run`: 0 or 1 */
};
/* Applies one result to the record. `started_ns`: when the container started (for the start period). */
int health_apply(const struct health_check *c, int64_t started_ns, const struct health_result *r,
		 struct health_record *record, struct health_outcome *ret, struct error *err);

/* Where the record lies. *ret_path is relative to the run-time directory or absolute; owned by the caller. */
int health_record_path(const struct health_check *c, const char *id, char **ret_path, struct error *err);
/* 1: read; 0: none yet (*ret zeroed). */
int health_record_load(int run_dir_fd, const char *path, struct health_record *ret, struct error *err);
int health_record_save(int run_dir_fd, const char *path, const struct health_record *r, struct error *err);
/* A fresh record with status "starting": at container start. */
int health_reset(int run_dir_fd, const struct health_check *c, const char *id, struct error *err);

/* ---- with the engine (health-run.c) ---- */
struct ctr;
struct params_health;
/* The check of a container's params, defaults filled in. */
void health_check_from(const struct params_health *p, struct health_check *ret);
bool health_is_defined(const struct params_health *p);
/* `healthcheck run`: runs the container's check, records, tells (event, monitor), acts. *ret is the outcome.
 * ERROR_STATE: not running, no check defined. ERROR_TIMEOUT: the command took too long (recorded as failed). */
int health_run(struct ctr *c, struct health_outcome *ret, struct error *err);
/* The record for inspect. 1, 0: none. */
int health_read(const struct ctr *c, struct health_record *ret, struct error *err);
