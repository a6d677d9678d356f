/* SPDX-License-Identifier: Apache-2.0
 * The journald backend: the native protocol for writing, journalctl for reading. Field names are Podman's, so each
 * program's events show in the other. */
#include <endian.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/events-impl.h"
#include "engine/journal.h"

#define ENTRY_MAX ((size_t)1 << 20)

/* Always the length-prefixed form: values may hold anything. */
static void add_field(struct buf *b, const char *name, const char *value)
{
	uint64_t size;

	if (str_empty(value))
		return;
	size = htole64(strlen(value));
	buf_addf(b, "%s\n", name);
	buf_add(b, &size, sizeof(size));
	buf_add_str(b, value);
	buf_add_char(b, '\n');
}

static int add_labels(struct buf *b, const struct strmap *m, struct error *err)
{
	auto_buf labels = BUF_INIT(ENTRY_MAX);

	for (size_t i = 0; m && i < m->n; i++) {
		buf_add_char(&labels, i ? ',' : '{');
		buf_add_json(&labels, m->v[i].key);
		buf_add_char(&labels, ':');
		buf_add_json(&labels, m->v[i].value);
	}
	if (labels.len)
		buf_add_char(&labels, '}');
	TRY(buf_ok(&labels, "event labels", err));
	add_field(b, "PODMAN_LABELS", labels.data);
	return 0;
}

static int build_entry(const struct event *ev, struct buf *b, struct error *err)
{
	char text[64];
	auto_buf message = BUF_INIT(ENTRY_MAX);

	event_print(ev, false, &message);
	add_field(b, "MESSAGE", message.data);
	add_field(b, "PRIORITY", str_empty(ev->health_status) ? "6" : "5");
	add_field(b, "SYSLOG_IDENTIFIER", "podman");
	add_field(b, "PODMAN_EVENT", event_status_name(ev->status));
	add_field(b, "PODMAN_TYPE", event_type_name(ev->type));
	add_field(b, "PODMAN_TIME", time_format_rfc3339(ev->time_ns, text));
	add_field(b, "PODMAN_NAME", ev->name);
	add_field(b, "PODMAN_ID", ev->id);
	add_field(b, "PODMAN_IMAGE", ev->image);
	add_field(b, "PODMAN_POD_ID", ev->pod_id);
	add_field(b, "PODMAN_NETWORK_NAME", ev->network);
	add_field(b, "ERROR", ev->error);
	add_field(b, "PODMAN_HEALTH_STATUS", ev->health_status);
	add_field(b, "PODMAN_HEALTH_LOG", ev->health_log);
	add_field(b, "PODMAN_CONTAINER_INSPECT_DATA", ev->inspect_data);
	if (!str_empty(ev->health_status)) {
		snprintf(text, sizeof(text), "%lld", (long long)ev->health_failing_streak);
		add_field(b, "PODMAN_HEALTH_FAILING_STREAK", text);
	}
	if (ev->exit_code.set) {
		snprintf(text, sizeof(text), "%lld", (long long)ev->exit_code.value);
		add_field(b, "PODMAN_EXIT_CODE", text);
	}
	if (ev->oom_killed.set)
		add_field(b, "PODMAN_OOM_KILLED", ev->oom_killed.value ? "true" : "false");
	TRY(add_labels(b, ev->attributes, err));
	return buf_ok(b, "event", err);
}

int events_journal_write(const struct event *ev, struct error *err)
{
	const struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" };
	auto_buf entry = BUF_INIT(ENTRY_MAX);

	TRY(build_entry(ev, &entry, err));
	autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno(err, "make a socket");
	if (sendto(fd, entry.data, entry.len, MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return fail_errno(err, "write an event to the journal");
	return 0;
}

/* ---- reading ---- */

static const struct {
	const char *field, *member;
} members[] = {
	{ "PODMAN_EVENT", "Status" },   { "PODMAN_TYPE", "Type" },
	{ "PODMAN_TIME", "Time" },      { "PODMAN_NAME", "Name" },
	{ "PODMAN_ID", "ID" },          { "PODMAN_IMAGE", "Image" },
	{ "PODMAN_POD_ID", "PodID" },   { "PODMAN_NETWORK_NAME", "network" },
	{ "ERROR", "error" },           { "PODMAN_HEALTH_STATUS", "health_status" },
	{ "PODMAN_HEALTH_LOG", "health_log" }, { "PODMAN_CONTAINER_INSPECT_DATA", "ContainerInspectData" },
};
/* Values that are JSON already. */
static const struct {
	const char *field, *member;
} raw_members[] = {
	{ "PODMAN_EXIT_CODE", "ContainerExitCode" }, { "PODMAN_OOM_KILLED", "OOMKilled" },
	{ "PODMAN_HEALTH_FAILING_STREAK", "health_failing_streak" }, { "PODMAN_LABELS", "Attributes" },
};

static int add_member(struct buf *out, const struct journal_field *f, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(raw_members); i++)
		if (journal_field_is(f, raw_members[i].field)) {
			buf_addf(out, "%c\"%s\":", out->len ? ',' : '{', raw_members[i].member);
			buf_add(out, f->value, f->value_len);
		}
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (!journal_field_is(f, members[i].field))
			continue;
		autofree char *value = strndup(f->value, f->value_len);
		if (!value)
			return fail_oom(err);
		buf_addf(out, "%c\"%s\":", out->len ? ',' : '{', members[i].member);
		buf_add_json(out, value);
	}
	return 0;
}

/* Through the file backend's line: one parser decides what an event is. */
int event_parse_journal(const char *entry, size_t len, struct event_read *ret, struct error *err)
{
	auto_buf line = BUF_INIT(4 * ENTRY_MAX);
	struct journal_field f;

	for (size_t used = 0, n; (n = journal_field_parse(entry + used, len - used, &f)) > 0 && f.name_len > 0;
	     used += n)
		TRY(add_member(&line, &f, err));
	if (line.len == 0)
		return 0;
	buf_add_char(&line, '}');
	TRY(buf_ok(&line, "journal entry", err));
	return event_parse_line(line.data, line.len, ret);
}

static int offer_entries(struct journal *j, struct event_reader *r, struct error *err)
{
	const char *entry;
	size_t len;

	while (journal_next(j, &entry, &len)) {
		auto_event_read e = {};
		int is = event_parse_journal(entry, len, &e, err);
		if (is < 0 || (is > 0 && event_offer(r, &e.event, err) < 0))
			return -1;
	}
	return 0;
}

/* 1: there may be more; 0: stop. */
static int wait_for_entries(const struct journal *j, const struct event_reader *r, struct error *err)
{
	struct pollfd p[2] = { { j->fd, POLLIN, 0 }, { r->query->stop_fd, POLLIN, 0 } };
	int64_t wait = -1;

	if (r->until_ns && r->query->stream) {
		wait = r->until_ns - time_now();
		if (wait <= 0)
			return 0;
	}
	struct timespec ts = { wait / NSEC_PER_SEC, wait % NSEC_PER_SEC };
	int n = ppoll(p, 2, wait < 0 ? NULL : &ts, NULL);
	if (n < 0 && errno != EINTR)
		return fail_errno(err, "wait for events");
	return n != 0 && !p[1].revents;
}

static int read_all(struct journal *j, struct event_reader *r, struct error *err)
{
	for (;;) {
		int more = wait_for_entries(j, r, err);
		if (more <= 0)
			return more;
		if (journal_read(j, false, err) < 0)
			return -1;
		TRY(offer_entries(j, r, err));
		if (j->at_end)
			return 0;
	}
}

int events_journal_read(struct event_reader *r, struct error *err)
{
	bool only_new = r->query->stream && !r->since_ns && !r->until_ns;
	struct journal j = JOURNAL_INIT;
	int result = journal_open(&j,
				  &(struct journal_query){.follow = r->query->stream,
							  .lines = only_new ? 0 : -1,
							  .match = "SYSLOG_IDENTIFIER=podman",
							  .what = "events"},
				  err);

	if (result == 0)
		result = read_all(&j, r, err);
	journal_done(&j);
	return result;
}
