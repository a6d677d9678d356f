/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/own.h"
#include "base/str.h"
#include "engine/journal.h"
#include "os/spawn.h"

#define JOURNAL_MAX ((size_t)64 << 20)

void journal_done(struct journal *j)
{
	close_p(&j->fd);
	if (j->pid > 0) {
		kill(j->pid, SIGTERM);
		while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	buf_done(&j->data);
	*j = JOURNAL_INIT;
}

static const char *find_journalctl(void)
{
	static const char *const places[] = { "/usr/bin/journalctl", "/bin/journalctl", "/usr/local/bin/journalctl" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static int command_line(struct strv *argv, const struct journal_query *q, struct error *err)
{
	TRY(strv_add(argv, "journalctl", err));
	TRY(strv_add(argv, "--output=export", err));
	TRY(strv_add(argv, "--quiet", err));
	TRY(strv_add(argv, "--no-pager", err));
	if (q->follow)
		TRY(strv_add(argv, "--follow", err));
	if (q->lines >= 0)
		TRY(strv_addf(argv, err, "--lines=%lld", (long long)q->lines));
	else
		TRY(strv_add(argv, q->follow ? "--no-tail" : "--lines=all", err));
	return strv_add(argv, q->match, err);
}

int journal_open(struct journal *j, const struct journal_query *q, struct error *err)
{
	const char *path = find_journalctl();
	auto_strv argv = {};
	char *const env[] = { (char *)"LC_ALL=C", NULL };
	struct spawned child = SPAWNED_INIT;
	int ends[2];

	if (!path)
		return fail(err, ERROR_UNSUPPORTED, "%s: the journal is needed, and journalctl is not installed here",
			    q->what);
	TRY(command_line(&argv, q, err));
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
	*j = (struct journal){ .pid = child.pid, .fd = take_fd(from), .data = BUF_INIT(JOURNAL_MAX) };
	return 0;
}

int journal_read(struct journal *j, bool wait, struct error *err)
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

size_t journal_field_parse(const char *data, size_t len, struct journal_field *ret)
{
	const char *nl = memchr(data, '\n', len), *eq;
	uint64_t size;

	*ret = (struct journal_field){};
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

bool journal_field_is(const struct journal_field *f, const char *name)
{
	return f->name_len == strlen(name) && memcmp(f->name, name, f->name_len) == 0;
}

int64_t journal_field_number(const struct journal_field *f)
{
	int64_t v = 0;

	for (size_t i = 0; i < f->value_len && i < 18; i++) {
		if (f->value[i] < '0' || f->value[i] > '9')
			return 0;
		v = v * 10 + (f->value[i] - '0');
	}
	return v;
}

size_t journal_entry_length(const char *data, size_t len)
{
	struct journal_field f;
	size_t used = 0;

	do {
		size_t n = journal_field_parse(data + used, len - used, &f);
		if (n == 0)
			return 0;
		used += n;
	} while (f.name_len > 0);
	return used;
}

bool journal_next(struct journal *j, const char **ret, size_t *ret_len)
{
	size_t n = j->used < j->data.len ? journal_entry_length(j->data.data + j->used, j->data.len - j->used) : 0;

	if (n == 0)
		return false;
	*ret = j->data.data + j->used;
	*ret_len = n;
	j->used += n;
	return true;
}
