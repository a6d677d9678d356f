/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>

#include "base/own.h"
#include "base/units.h"

static const struct level_info {
	const char *name, *letters, *color;
	int syslog;
} levels[LOG_LEVEL_MAX] = {
	[LOG_LEVEL_PANIC] = { "panic", "PANI", "31", LOG_CRIT },   [LOG_LEVEL_FATAL] = { "fatal", "FATA", "31", LOG_CRIT },
	[LOG_LEVEL_ERROR] = { "error", "ERRO", "31", LOG_ERR },    [LOG_LEVEL_WARN] = { "warning", "WARN", "33", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", "INFO", "36", LOG_INFO },     [LOG_LEVEL_DEBUG] = { "debug", "DEBU", "37", LOG_DEBUG },
	[LOG_LEVEL_TRACE] = { "trace", "TRAC", "37", LOG_DEBUG },
};

/* A line under construction: fixed room, a cut shows as "...". */
struct line {
	char text[4096];
	size_t len;
};

static void line_add(struct line *l, const char *s, size_t n)
{
	size_t room = sizeof(l->text) - 8 - l->len;

	if (n > room)
		n = room;
	memcpy(l->text + l->len, s, n);
	l->len += n;
}

static void line_add_str(struct line *l, const char *s)
{
	line_add(l, s, strlen(s));
}

static bool is_plain(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
		      strchr("-._/@^+", *s)))
			return false;
	return true;
}

/* Go's %q: quotes and control characters escaped; other bytes (UTF-8) stay. */
static void line_add_quoted(struct line *l, const char *s)
{
	static const char named[] = { ['\n'] = 'n', ['\t'] = 't', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\' };

	line_add(l, "\"", 1);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		char esc[8];
		if (c < sizeof(named) && named[c])
			line_add(l, (char[]){ '\\', named[c] }, 2);
		else if (c < 0x20 || c == 0x7f)
			line_add(l, esc, (size_t)snprintf(esc, sizeof(esc), "\\x%02x", c));
		else
			line_add(l, s, 1);
	}
	line_add(l, "\"", 1);
}

static void line_add_value(struct line *l, const char *s)
{
	if (is_plain(s))
		line_add_str(l, s);
	else
		line_add_quoted(l, s);
}

static void add_time(struct line *l)
{
	char stamp[40];
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	size_t n = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S%z", &tm);
	if (n > 2 && tm.tm_gmtoff == 0) {
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
	} else if (n > 2) {   /* +0100 -> +01:00 */
		memmove(stamp + n - 1, stamp + n - 2, 3);
		stamp[n - 2] = ':';
	}
	line_add_str(l, "time=\"");
	line_add_str(l, stamp);
	line_add_str(l, "\"");
}

static void start_plain(struct line *l, const struct level_info *info, const char *msg)
{
	add_time(l);
	line_add_str(l, " level=");
	line_add_str(l, info->name);
	line_add_str(l, " msg=");
	line_add_quoted(l, msg);
}

static void start_terminal(struct line *l, const struct log *log, const struct level_info *info, const char *msg)
{
	char head[48];
	long seconds = log->start ? (long)((time_monotonic() - log->start) / NSEC_PER_SEC) : 0;

	if (log->color)
		snprintf(head, sizeof(head), "\033[%sm%s\033[0m[%04ld] ", info->color, info->letters, seconds);
	else
		snprintf(head, sizeof(head), "%s[%04ld] ", info->letters, seconds);
	line_add_str(l, head);
	line_add_str(l, msg);
}

static void line_end(const struct log *log, enum log_level level, struct line *l)
{
	if (l->len == sizeof(l->text) - 8) {
		memcpy(l->text + l->len, "...", 3);
		l->len += 3;
	}
	if (log->to_syslog)
		syslog(levels[level].syslog, "%.*s", (int)l->len, l->text);
	l->text[l->len++] = '\n';
	ssize_t ignored = write(log->fd, l->text, l->len);   /* nobody to tell when stderr is gone */
	(void)ignored;
}

static void start_line(struct line *l, const struct log *log, enum log_level level, const char *msg)
{
	if (log->terminal)
		start_terminal(l, log, &levels[level], msg);
	else
		start_plain(l, &levels[level], msg);
}

void log_printf(const struct log *log, enum log_level level, const char *fmt, ...)
{
	char msg[2048];
	struct line l;
	va_list ap;

	if (!log_on(log, level))
		return;
	l.len = 0;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	start_line(&l, log, level, msg);
	line_end(log, level, &l);
}

void log_notice(const struct log *log, const char *fmt, ...)
{
	char msg[2048];
	va_list ap;

	if (!log_on(log, LOG_LEVEL_WARN))
		return;
	va_start(ap, fmt);
	int n = vsnprintf(msg, sizeof(msg) - 1, fmt, ap);
	va_end(ap);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof(msg) - 1 ? (size_t)n : sizeof(msg) - 2;
	msg[len++] = '\n';
	ssize_t ignored = write(log->fd, msg, len);   /* nobody to tell when stderr is gone */
	(void)ignored;
}

void log_pairs(const struct log *log, enum log_level level, const char *msg, ...)
{
	struct line l;
	va_list ap;

	if (!log_on(log, level))
		return;
	l.len = 0;
	start_line(&l, log, level, msg);
	va_start(ap, msg);
	for (const char *key; (key = va_arg(ap, const char *));) {
		const char *value = va_arg(ap, const char *);
		line_add_str(&l, " ");
		line_add_str(&l, key);
		line_add_str(&l, "=");
		line_add_value(&l, value ? value : "");
	}
	va_end(ap);
	line_end(log, level, &l);
}

void log_init(struct log *l, int fd, const char *no_color)
{
	*l = LOG_INIT;
	l->fd = fd;
	l->terminal = isatty(fd);
	l->color = l->terminal && (!no_color || !*no_color);
	if (l->terminal)
		l->start = time_monotonic();
}

int log_level_parse(const char *s, enum log_level *ret, struct error *err)
{
	for (int i = 0; i < LOG_LEVEL_MAX; i++)
		if (strcasecmp(s, levels[i].name) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	if (strcasecmp(s, "warn") == 0) {
		*ret = LOG_LEVEL_WARN;
		return 0;
	}
	return fail(err, ERROR_INVALID, "not a valid logrus Level: \"%s\"", s);
}
