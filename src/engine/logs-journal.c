/* SPDX-License-Identifier: Apache-2.0
 * Reading container lines from the systemd journal through journalctl: no libsystemd in every start of the program. */
#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/own.h"
#include "base/str.h"
#include "engine/logs-impl.h"
#include "os/spawn.h"

#define JOURNAL_MAX ((size_t)64 << 20)

void logs_journal_done(struct logs_journal *j)
{
	close_p(&j->fd);
	if (j->pid > 0) {
		kill(j->pid, SIGTERM);
		while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	buf_done(&j->data);
	*j = LOGS_JOURNAL_INIT;
}

static const char *find_journalctl(void)
{
	static const char *const places[] = { "/usr/bin/journalctl", "/bin/journalctl", "/usr/local/bin/journalctl" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static int command_line(struct strv *argv, const struct logs_source *s, const struct logs_options *o, struct error *err)
{
	TRY(strv_add(argv, "journalctl", err));
	TRY(strv_add(argv, "--output=export", err));
	TRY(strv_add(argv, "--quiet", err));
	TRY(strv_add(argv, "--no-pager", err));
	if (o->follow)
		TRY(strv_add(argv, "--follow", err));
	if (o->tail >= 0)
		TRY(strv_addf(argv, err, "--lines=%lld", (long long)o->tail));
	else
		TRY(strv_add(argv, o->follow ? "--no-tail" : "--lines=all", err));
	return strv_addf(argv, err, "CONTAINER_ID_FULL=%s", s->id);
}

int logs_journal_open(struct logs_journal *j, const struct logs_source *s, const struct logs_options *o,
		      struct error *err)
{
	const char *path = find_journalctl();
	auto_strv argv = {};
	char *const env[] = { (char *)"LC_ALL=C", NULL };
	struct spawned child = SPAWNED_INIT;
	int ends[2];

	if (!path)
		return fail(err, ERROR_UNSUPPORTED, "container %s logs to journald, and journalctl is not installed here", s->id);
	TRY(command_line(&argv, s, o, err));
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(err, "make a pipe");
	autoclose int from = ends[0], to = ends[1];
	struct spawn spawn = SPAWN_INIT;
	spawn.path = path;
	spawn.argv = argv.v;
	spawn.envp = env;
	spawn.stdout_fd = to;
	spawn.die_with_parent = true;
	TRY(spawn_start(&spawn, &child, err));
	close_p(&child.pidfd);
	*j = (struct logs_journal){ .pid = child.pid, .fd = take_fd(from), .data = BUF_INIT(JOURNAL_MAX) };
	return 0;
}

int logs_journal_read(struct logs_journal *j, bool wait, struct error *err)
{
	struct pollfd p = { j->fd, POLLIN, 0 };
	char *at;
	ssize_t n;

	if (poll(&p, 1, wait ? -1 : 0) <= 0)
		return 0;
	if (j->used > 0) {
		memmove(j->data.data, j->data.data + j->used, j->data.len - j->used);
		buf_truncate(&j->data, j->data.len - j->used);
		j->used = 0;
	}
	at = buf_reserve(&j->data, 65536);
	if (!at)
		return buf_ok(&j->data, "journal entry", err);
	n = read(j->fd, at, 65536);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : fail_errno(err, "read from journalctl");
	j->data.len += (size_t)n;
	j->at_end = n == 0;
	return n > 0;
}

int logs_journal_next(struct logs_journal *j, struct log_line *ret)
{
	while (j->used < j->data.len) {
		bool ok;
		size_t n = logs_journal_parse(j->data.data + j->used, j->data.len - j->used, &ok, ret);

		if (n == 0)
			return 0;
		j->used += n;
		if (ok)
			return 1;
	}
	return 0;
}

struct export_field {
	const char *name, *value;
	size_t name_len, value_len;
};

/* One field: NAME=VALUE\n, or NAME\n, 64 bits of length, bytes, \n. Bytes taken; 0: incomplete. An empty line (1 byte,
 * no name) ends the entry. */
static size_t parse_field(const char *data, size_t len, struct export_field *ret)
{
	const char *nl = memchr(data, '\n', len), *eq;
	uint64_t size;

	*ret = (struct export_field){};
	if (!nl)
		return 0;
	ret->name = data;
	eq = memchr(data, '=', (size_t)(nl - data));
	if (eq || nl == data) {
		ret->name_len = eq ? (size_t)(eq - data) : 0;
		ret->value = eq ? eq + 1 : nl;
		ret->value_len = (size_t)(nl - ret->value);
		return (size_t)(nl - data) + 1;
	}
	ret->name_len = (size_t)(nl - data);
	if (len - ret->name_len - 1 < sizeof(size))
		return 0;
	memcpy(&size, nl + 1, sizeof(size));
	size = le64toh(size);
	if (size >= len - ret->name_len - 1 - sizeof(size))
		return 0;
	ret->value = nl + 1 + sizeof(size);
	ret->value_len = (size_t)size;
	return ret->name_len + 1 + sizeof(size) + (size_t)size + 1;
}

static bool is_named(const struct export_field *f, const char *name)
{
	return f->name_len == strlen(name) && memcmp(f->name, name, f->name_len) == 0;
}

static int64_t to_number(const struct export_field *f)
{
	int64_t v = 0;

	for (size_t i = 0; i < f->value_len && i < 18; i++) {
		if (f->value[i] < '0' || f->value[i] > '9')
			return 0;
		v = v * 10 + (f->value[i] - '0');
	}
	return v;
}

size_t logs_journal_parse(const char *data, size_t len, bool *ret_ok, struct log_line *ret)
{
	struct log_line l = {};
	size_t used = 0;

	for (;;) {
		struct export_field f;
		size_t n = parse_field(data + used, len - used, &f);

		if (n == 0)
			return 0;
		used += n;
		if (f.name_len == 0)
			break;
		if (is_named(&f, "MESSAGE")) {
			l.text = f.value;
			l.len = f.value_len;
		} else if (is_named(&f, "PRIORITY")) {
			l.is_stderr = to_number(&f) == 3;
		} else if (is_named(&f, "CONTAINER_PARTIAL_MESSAGE")) {
			l.partial = true;
		} else if (is_named(&f, "__REALTIME_TIMESTAMP")) {
			l.time_ns = to_number(&f) < INT64_MAX / 1000 ? to_number(&f) * 1000 : 0;
		}
	}
	*ret_ok = l.text != NULL && l.time_ns > 0;
	if (*ret_ok) {
		time_t t = l.time_ns / 1000000000;
		struct tm tm;
		l.offset_s = localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
		*ret = l;
	}
	return used;
}
