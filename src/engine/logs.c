/* SPDX-License-Identifier: Apache-2.0
 * How logs are read. Every source is read to its present end, one after the other; with --follow they are then
 * watched together: inotify tells that something changed in a log's directory, wake_fd that the container may have
 * stopped, and each round reads all sources to their ends again. A source is over when the container was seen
 * stopped *before* such a round, so nothing that was written can be missed. */
#include "engine/logs.h"

#include <libgen.h>
#include <poll.h>
#include <sys/inotify.h>

#include "base/str.h"
#include "base/units.h"
#include "engine/log-file.h"
#include "engine/logs-impl.h"

#define POLL_NS INT64_C(250000000)

static const struct {
	const char *name;
	enum logs_driver driver;
} drivers[] = {
	{ "k8s-file", LOGS_FILE }, { "json-file", LOGS_FILE }, { "journald", LOGS_JOURNALD }, { "none", LOGS_NONE },
	{ "passthrough", LOGS_PASSTHROUGH },
	{ "passthrough-tty", LOGS_PASSTHROUGH },
};

int logs_driver_parse(const char *name, enum logs_driver *ret, struct error *err)
{
	for (size_t i = 0; name && i < ARRAY_LEN(drivers); i++)
		if (streq(drivers[i].name, name)) {
			*ret = drivers[i].driver;
			return 0;
		}
	return fail(err, ERROR_INVALID, "unknown log driver \"%s\": invalid argument", name ? name : "");
}

int until_parse(const char *s, int64_t *ret, struct error *err)
{
	int64_t now = time_now(), ahead;
	struct error no_duration;

	if (duration_parse(s, &ahead, &no_duration) == 0) {
		*ret = now + ahead;
		return 0;
	}
	return time_parse(s, now, ret, err);
}

struct reader {
	const struct logs_source *source;
	size_t number;
	bool over;
	bool partial[2];   /* stdout, stderr: the last piece had no newline */
	struct log_file file;
	struct journal journal;
	struct buf scratch;
	int watch;     /* inotify, the log's directory */
};

struct readers {
	struct reader *v;
	size_t n;
	int inotify;
	const struct logs_options *options;
	const struct logs_output *out;
};

static void readers_done(struct readers *rs)
{
	for (size_t i = 0; i < rs->n; i++) {
		log_file_done(&rs->v[i].file);
		journal_done(&rs->v[i].journal);
		buf_done(&rs->v[i].scratch);
	}
	free(rs->v);
	close_p(&rs->inotify);
}

/* Filters by since and until, then calls the sink. 1: delivered or left out; 0: past until, no later line counts. */
static int deliver(struct readers *rs, struct reader *r, struct log_line *l, struct error *err)
{
	const struct logs_options *o = rs->options;

	l->continues = r->partial[l->is_stderr];
	r->partial[l->is_stderr] = l->partial;
	if (o->since_ns && l->time_ns <= o->since_ns)
		return 1;
	if (o->until_ns && l->time_ns >= o->until_ns)
		return 0;
	TRY(rs->out->line(rs->out->arg, r->number, l, err));
	return 1;
}

static int open_journal(struct reader *r, const struct logs_options *o, struct error *err)
{
	autofree char *match = NULL;

	TRY(str_printf(&match, err, "CONTAINER_ID_FULL=%s", r->source->id));
	return journal_open(&r->journal, &(struct journal_query){ .follow = o->follow, .lines = o->tail, .match = match,
								   .what = "container's logs" }, err);
}

static int reader_open(struct reader *r, const struct logs_source *s, const struct logs_options *o, struct error *err)
{
	r->source = s;
	r->watch = -1;
	r->file = LOG_FILE_INIT;
	r->journal = JOURNAL_INIT;
	r->scratch = BUF_INIT(8 * LOG_FILE_LINE_MAX);
	if (s->driver == LOGS_JOURNALD)
		return open_journal(r, o, err);
	if (s->driver == LOGS_NONE || s->driver == LOGS_PASSTHROUGH)
		return fail(
			err, ERROR_UNSUPPORTED,
			"this container is using the '%s' log driver, cannot read logs: this container is not logging "
			"output",
			s->driver == LOGS_NONE ? "none" : "passthrough");
	if (o->tail >= 0)
		return log_file_open_tail(&r->file, s->path, o->tail, err);
	return log_file_open(&r->file, s->path, err);
}

static int file_round(struct readers *rs, struct reader *r, bool last, struct error *err)
{
	const char *text;
	size_t len;
	int more;

	while ((more = log_file_next(&r->file, last, &text, &len, err)) > 0) {
		struct log_line l;

		if (!log_line_parse(text, len, &r->scratch, &l))
			continue;
		int go = deliver(rs, r, &l, err);
		if (go < 0)
			return go;
		if (go == 0 && !rs->options->follow) {
			r->over = true;
			return 0;
		}
	}
	return more;
}

/* Without follow journalctl ends by itself; with it, a first silence is the present end. */
static int journal_round(struct readers *rs, struct reader *r, struct error *err)
{
	for (;;) {
		struct log_line l;
		const char *entry;
		size_t len;

		while (journal_next(&r->journal, &entry, &len))
			if (logs_journal_parse(entry, len, &l))
				TRY(deliver(rs, r, &l, err));
		if (r->journal.at_end)
			return 0;
		int got = journal_read(&r->journal, !rs->options->follow, err);
		if (got <= 0)
			return got;
	}
}

/* One reading of a source to its end. */
static int reader_round(struct readers *rs, struct reader *r, struct error *err)
{
	const struct logs_source *s = r->source;
	bool last = !rs->options->follow || !s->is_running || !s->is_running(s->arg);

	if (r->over)
		return 0;
	/* journald is asynchronous: a stopped container's last lines may be on their way. */
	if (s->driver == LOGS_JOURNALD && last && rs->options->follow)
		poll(NULL, 0, 200);
	TRY(s->driver == LOGS_JOURNALD ? journal_round(rs, r, err) : file_round(rs, r, last, err));
	r->over = r->over || last;
	return 0;
}

static int all_rounds(struct readers *rs, struct error *err)
{
	for (size_t i = 0; i < rs->n; i++)
		TRY(reader_round(rs, &rs->v[i], err));
	return rs->out->flush ? rs->out->flush(rs->out->arg, err) : 0;
}

static bool all_over(const struct readers *rs)
{
	for (size_t i = 0; i < rs->n; i++)
		if (!rs->v[i].over)
			return false;
	return true;
}

/* ---- follow ---- */

/* The directory, not the file: that sees rotation, too. A missing watch only means polling. */
static void watch_files(struct readers *rs)
{
	rs->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	for (size_t i = 0; i < rs->n && rs->inotify >= 0; i++) {
		struct error ignored;
		autofree char *path = NULL;

		if (rs->v[i].source->driver != LOGS_FILE ||
		    str_printf(&path, &ignored, "%s", rs->v[i].source->path) < 0)
			continue;
		rs->v[i].watch = inotify_add_watch(rs->inotify, dirname(path),
						   IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR);
	}
}

static bool needs_polling(const struct readers *rs)
{
	for (size_t i = 0; i < rs->n; i++) {
		const struct reader *r = &rs->v[i];
		if (!r->over && ((r->source->driver == LOGS_FILE && r->watch < 0) || r->source->wake_fd < 0))
			return true;
	}
	return false;
}

/* Until something may have changed. 1: go on; 0: stop (asked to, or the clock passed until). */
static int wait_for_more(struct readers *rs, struct error *err)
{
	size_t n = 2 * rs->n + 2;
	autofree struct pollfd *p = calloc(n, sizeof(*p));
	int64_t until = rs->options->until_ns, wait = needs_polling(rs) ? POLL_NS : -1;
	char events[4096];

	if (!p)
		return fail_oom(err);
	if (until) {
		int64_t left = until - time_now();
		if (left <= 0)
			return 0;
		wait = wait < 0 || left < wait ? left : wait;
	}
	p[0] = (struct pollfd){ rs->inotify, POLLIN, 0 };
	p[1] = (struct pollfd){ rs->options->stop_fd, POLLIN, 0 };
	for (size_t i = 0; i < rs->n; i++) {
		p[2 + 2 * i] = (struct pollfd){ rs->v[i].over ? -1 : rs->v[i].source->wake_fd, POLLIN, 0 };
		p[3 + 2 * i] = (struct pollfd){ rs->v[i].over ? -1 : rs->v[i].journal.fd, POLLIN, 0 };
	}
	struct timespec ts = { wait / NSEC_PER_SEC, wait % NSEC_PER_SEC };
	if (ppoll(p, n, wait < 0 ? NULL : &ts, NULL) < 0 && errno != EINTR)
		return fail_errno(err, "wait for log lines");
	if (p[0].revents)
		while (read(rs->inotify, events, sizeof(events)) > 0)
			;
	return !p[1].revents;
}

/* A descriptor that stays readable after the container's end must not make us spin while its state is not yet seen. */
static int follow(struct readers *rs, struct error *err)
{
	watch_files(rs);
	for (;;) {
		TRY(all_rounds(rs, err));
		if (all_over(rs))
			return 0;
		int64_t before = time_monotonic();
		int r = wait_for_more(rs, err);
		if (r < 0)
			return r;
		if (r == 0)
			return all_rounds(rs, err);
		if (time_monotonic() - before < 1000000)
			poll(NULL, 0, 5);
	}
}

int logs_read(const struct logs_source *sources, size_t n, const struct logs_options *o, const struct logs_output *out,
	      struct error *err)
{
	CLEANUP(readers_done) struct readers rs = { .inotify = -1, .options = o, .out = out };

	rs.v = calloc(n ? n : 1, sizeof(*rs.v));
	if (!rs.v)
		return fail_oom(err);
	for (; rs.n < n; rs.n++) {
		rs.v[rs.n].number = rs.n;
		rs.v[rs.n].journal.fd = rs.v[rs.n].file.fd = -1;
		if (reader_open(&rs.v[rs.n], &sources[rs.n], o, err) < 0) {
			rs.n++;
			return -1;
		}
	}
	return o->follow ? follow(&rs, err) : all_rounds(&rs, err);
}

int logs_remove(const char *path, struct error *err)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return fail_errno(err, "remove log %s", path);
	for (unsigned i = 1; i <= LOG_FILES_MAX; i++) {
		autofree char *name = NULL;
		TRY(str_printf(&name, err, "%s.%u", path, i));
		if (unlink(name) < 0) {
			if (errno == ENOENT)
				return 0;
			return fail_errno(err, "remove log %s", name);
		}
	}
	return 0;
}
