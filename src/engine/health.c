/* SPDX-License-Identifier: Apache-2.0
 * The state machine of health checks and its record.
 *
 *     starting --success--> healthy <--success-- unhealthy
 *        |  failures count only after the start period, and never while startup checks run
 *        +--retries failures in a row--> unhealthy
 *     any --container stopped during the check--> stopped */
#include "engine/health.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/units.h"
#include "os/file.h"

#define RECORD_MAX ((size_t)64 << 20)
#define RETRIES_DEFAULT 3

const char *const health_action_names[] = { "none", "kill", "restart", "stop", NULL };
_Static_assert(ARRAY_LEN(health_action_names) == HEALTH_ACTION_MAX + 1, "every action needs a name");

static const struct field log_rows[] = {
	{ .json = "Start", F_STR(struct health_log, start), .flags = FIELD_ALWAYS },
	{ .json = "End", F_STR(struct health_log, end), .flags = FIELD_ALWAYS },
	{ .json = "ExitCode", F_INT(struct health_log, exit_code), .flags = FIELD_ALWAYS },
	{ .json = "Output", F_STR(struct health_log, output), .flags = FIELD_ALWAYS },
	{},
};

const struct field health_record_rows[] = {
	{ .json = "Status", F_STR(struct health_record, status), .flags = FIELD_ALWAYS },
	{ .json = "FailingStreak", F_INT(struct health_record, failing_streak), .flags = FIELD_ALWAYS },
	{ .json = "Log", F_LIST(struct health_record, log, struct health_log, log_rows), .flags = FIELD_ALWAYS },
	{ .json = "StartupPassed", F_BOOL(struct health_record, startup_passed), .flags = FIELD_HIDDEN },
	{ .json = "StartupSuccesses", F_INT(struct health_record, startup_successes), .flags = FIELD_HIDDEN },
	{ .json = "StartupFailures", F_INT(struct health_record, startup_failures), .flags = FIELD_HIDDEN },
	{},
};

void health_record_done(struct health_record *r)
{
	fields_done(health_record_rows, r);
}

int health_command(const char *id, const struct strv *test, struct strv *ret, struct error *err)
{
	const char *kind = test && test->n ? test->v[0] : "";
	auto_strv rest = {};
	size_t first = streq(kind, "CMD") ? 1 : 0;

	if (test && streq(kind, "CMD-SHELL") && test->n > 1) {
		for (size_t i = 1; i < test->n; i++)
			TRY(strv_add(&rest, test->v[i], err));
		char *text = strv_join(&rest, " ");
		if (!text)
			return fail_oom(err);
		if (strv_add(ret, "/bin/sh", err) < 0 || strv_add(ret, "-c", err) < 0) {
			free(text);
			return -1;
		}
		return strv_add_owned(ret, text, err);
	}
	if (!*kind || streq(kind, "NONE") || streq(kind, "CMD-SHELL") || test->n <= first || !*test->v[first])
		return fail(err, ERROR_STATE, "container %s has no defined healthcheck", id);
	for (size_t i = first; i < test->n; i++)
		TRY(strv_add(ret, test->v[i], err));
	return 0;
}

/* ---- the state machine ---- */

static int add_log(const struct health_check *c, const struct health_result *r, struct health_record *record,
		   struct error *err)
{
	struct health_log *entries, *l = list_add(&record->log, sizeof(*l), err);
	size_t len = r->output ? strlen(r->output) : 0;
	char stamp[48];

	if (!l)
		return -1;
	if (c->max_log_size && len > c->max_log_size)
		len = (size_t)c->max_log_size;
	TRY(str_set(&l->start, time_format_rfc3339(r->start_ns, stamp), err));
	TRY(str_set(&l->end, time_format_rfc3339(r->end_ns, stamp), err));
	TRY(str_printf(&l->output, err, "%.*s", (int)len, r->output ? r->output : ""));
	l->exit_code = r->exit_code;
	entries = record->log.v;
	while (c->max_log_count && record->log.n > c->max_log_count) {
		fields_done(log_rows, &entries[0]);
		memmove(entries, entries + 1, (record->log.n - 1) * sizeof(*entries));
		record->log.n--;
	}
	return 0;
}

static void apply_startup(const struct health_check *c, struct health_record *record, struct health_outcome *out)
{
	if (out->passed) {
		record->startup_successes++;
		if (c->startup_successes == 0 || record->startup_successes >= c->startup_successes) {
			record->startup_passed = out->startup_done = true;
			record->startup_successes = record->startup_failures = 0;
		}
		return;
	}
	record->startup_failures++;
	out->restart = c->startup_retries && record->startup_failures >= c->startup_retries;
}

/* The next status; may count the failure. */
static const char *next_status(const struct health_check *c, int64_t started_ns, const struct health_result *r,
			       struct health_record *record, const struct health_outcome *out)
{
	int64_t retries = c->retries > 0 ? c->retries : RETRIES_DEFAULT;

	if (out->passed) {
		record->failing_streak = 0;
		return "healthy";
	}
	if (r->container_stopped)
		return "stopped";
	if (!out->startup && (c->start_period_ns <= 0 || r->start_ns >= started_ns + c->start_period_ns) &&
	    ++record->failing_streak >= retries)
		return "unhealthy";
	return str_empty(record->status) ? "starting" : record->status;
}

static void decide_answer(const struct health_result *r, struct health_outcome *out)
{
	if (out->passed)
		return;
	out->exit_code = 1;
	out->print = r->container_stopped ? "stopped" : out->startup ? "starting" : "unhealthy";
}

int health_apply(const struct health_check *c, int64_t started_ns, const struct health_result *r,
		 struct health_record *record, struct health_outcome *ret, struct error *err)
{
	struct health_outcome out = { .startup = c->startup_test && c->startup_test->n && !record->startup_passed,
				      .passed = r->exit_code == 0 };
	bool was_healthy = record->status && streq(record->status, "healthy");
	const char *status;
	autofree char *next = NULL;

	if (out.startup)
		apply_startup(c, record, &out);
	status = next_status(c, started_ns, r, record, &out);
	out.turned_unhealthy = !out.startup && !out.passed && streq(status, "unhealthy");
	out.ready = !was_healthy && streq(status, "healthy");
	TRY(str_set(&next, status, err));
	TRY(add_log(c, r, record, err));
	decide_answer(r, &out);
	free(record->status);
	record->status = take_ptr(next);
	*ret = out;
	return 0;
}

/* ---- the record ---- */

int health_record_path(const struct health_check *c, const char *id, char **ret_path, struct error *err)
{
	const char *where = c->log_destination;

	if (str_empty(where) || streq(where, "local") || streq(where, "events_logger"))
		return str_set(ret_path, "healthcheck.log", err);
	return str_printf(ret_path, err, "%s/%s-healthcheck.log", where, id);
}

int health_record_load(int run_dir_fd, const char *path, struct health_record *ret, struct error *err)
{
	auto_json *tree = NULL;
	auto_health_record record = {};
	autofree char *text = NULL;
	const struct json_limits limits = { .max_bytes = RECORD_MAX };
	size_t len;
	int r = file_read(run_dir_fd, path, RECORD_MAX, &text, &len, err);

	if (r <= 0)
		return r;
	TRY(json_parse(path, text, len, &limits, &tree, err));
	TRY(fields_load(health_record_rows, FIELD_COLUMN_JSON, tree, &record, NULL, err));
	*ret = record;
	record = (struct health_record){};
	return 1;
}

int health_record_save(int run_dir_fd, const char *path, const struct health_record *r, struct error *err)
{
	auto_json *tree = NULL;
	auto_buf text = BUF_INIT(RECORD_MAX);

	TRY(fields_save(health_record_rows, FIELD_COLUMN_JSON, r, &tree, err));
	json_format(&text, tree, 0);
	TRY(buf_ok(&text, path, err));
	return file_replace(run_dir_fd, path, text.data, text.len, 0600, 0, err);
}

int health_reset(int run_dir_fd, const struct health_check *c, const char *id, struct error *err)
{
	const struct health_record fresh = { .status = (char *)"starting" };
	autofree char *path = NULL;

	TRY(health_record_path(c, id, &path, err));
	return health_record_save(run_dir_fd, path, &fresh, err);
}
