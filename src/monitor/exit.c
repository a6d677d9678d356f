/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/exit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/own.h"

struct exit_member {
	const char *name;
	size_t off, size;
	bool boolean;
};
#define NUMBER(m) { #m, offsetof(struct monitor_exit, m), sizeof(((struct monitor_exit *)0)->m), false }
static const struct exit_member members[] = {
	NUMBER(exit_code),
	NUMBER(signal),
	{ "oom", offsetof(struct monitor_exit, oom), 1, true },
	{ "timed_out", offsetof(struct monitor_exit, timed_out), 1, true },
	NUMBER(started_ns),
	NUMBER(finished_ns),
};

size_t exit_record_format(const struct monitor_exit *e, char out[EXIT_RECORD_MAX])
{
	int n = snprintf(out, EXIT_RECORD_MAX,
			 "{\"exit_code\":%" PRId32 ",\"signal\":%" PRId32 ",\"oom\":%s,\"timed_out\":%s,"
			 "\"started_ns\":%" PRId64 ",\"finished_ns\":%" PRId64 "}\n",
			 e->exit_code, e->signal, e->oom ? "true" : "false", e->timed_out ? "true" : "false",
			 e->started_ns, e->finished_ns);
	return (size_t)n;
}

/* A cursor over the text; every function leaves it behind what it accepted. */
struct cursor {
	const char *p, *end;
};

static void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

static bool take_char(struct cursor *c, char ch)
{
	skip_blanks(c);
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

static bool take_word(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
		return false;
	c->p += n;
	return true;
}

static bool take_number(struct cursor *c, int64_t *ret)
{
	bool negative = false;
	int64_t v = 0;
	const char *start;

	skip_blanks(c);
	if (c->p < c->end && *c->p == '-') {
		negative = true;
		c->p++;
	}
	for (start = c->p; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *c->p - '0', &v))
			return false;
	*ret = negative ? -v : v;
	return c->p > start;
}

static bool take_bool(struct cursor *c, int64_t *ret)
{
	skip_blanks(c);
	*ret = take_word(c, "true");
	return *ret || take_word(c, "false");
}

static const struct exit_member *take_name(struct cursor *c)
{
	if (!take_char(c, '"'))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		struct cursor at = *c;
		if (take_word(&at, members[i].name) && take_char(&at, '"') && take_char(&at, ':')) {
			*c = at;
			return &members[i];
		}
	}
	return NULL;
}

static bool take_member(struct cursor *c, struct monitor_exit *to)
{
	const struct exit_member *m = take_name(c);
	char *at = (char *)to;
	int64_t v;

	if (!m || !(m->boolean ? take_bool(c, &v) : take_number(c, &v)))
		return false;
	if (m->size == 8) {
		memcpy(at + m->off, &v, 8);
	} else if (m->size == 1) {
		at[m->off] = (char)v;
	} else {
		int32_t small = (int32_t)v;
		if (small != v)
			return false;
		memcpy(at + m->off, &small, 4);
	}
	return true;
}

int exit_record_parse(const char *text, size_t len, struct monitor_exit *ret, struct error *err)
{
	struct cursor c = { text, text + len };
	struct monitor_exit e = { .exit_code = -1 };

	if (!take_char(&c, '{'))
		return fail(err, ERROR_CORRUPT, "exit record: not an object");
	do {
		if (!take_member(&c, &e))
			return fail(err, ERROR_CORRUPT, "exit record: unexpected text at byte %td", c.p - text);
	} while (take_char(&c, ','));
	if (!take_char(&c, '}'))
		return fail(err, ERROR_CORRUPT, "exit record: unexpected text at byte %td", c.p - text);
	skip_blanks(&c);
	if (c.p != c.end)
		return fail(err, ERROR_CORRUPT, "exit record: trailing text");
	*ret = e;
	return 0;
}

int exit_record_read(int dirfd, const char *name, struct monitor_exit *ret, struct error *err)
{
	char text[EXIT_RECORD_MAX * 2];
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "open %s", name);
	n = read(fd, text, sizeof(text));
	if (n < 0)
		return fail_errno(err, "read %s", name);
	TRY(exit_record_parse(text, (size_t)n, ret, err));
	return 1;
}

int exit_record_write(int dirfd, const char *name, const struct monitor_exit *e, bool durable)
{
	char text[EXIT_RECORD_MAX], temp[64];
	size_t len = exit_record_format(e, text);
	autoclose int fd = -1;

	snprintf(temp, sizeof(temp), ".%s.tmp", name);
	fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		return errno ? -errno : -EIO;
	if (durable && fsync(fd) < 0)
		return -errno;
	if (renameat(dirfd, temp, dirfd, name) < 0)
		return -errno;
	/* The rename is durable only with the directory (durability.md section 4). */
	if (durable) {
		autoclose int dir = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || fsync(dir) < 0)
			return -errno;
	}
	return 0;
}
