/* SPDX-License-Identifier: Apache-2.0
 * Log files: whole records are collected in a small buffer and written with one O_APPEND write, so that a record is
 * never torn between two files and readers see lines only. Errors (full disk) drop records, never stop the container.
 */
#include "monitor/monitor.h"

#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"

#define RECORD_OVERHEAD 160   /* everything of a record but its text */

static const char *const stream_names[] = { "stdout", "stderr" };

/* ---- time ---- */

struct civil {
	int64_t year;
	unsigned month, day, hour, minute, second;
};

/* Days since 1970-01-01 to the proleptic Gregorian calendar: eras of 400 years that begin in March, so that the leap
 * day is the last of its year. */
static struct civil civil_from(int64_t seconds)
{
	int64_t days = seconds / 86400, left = seconds % 86400;
	if (left < 0) {
		left += 86400;
		days--;
	}
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	unsigned month = mp < 10 ? mp + 3 : mp - 9;

	return (struct civil){ (int64_t)yoe + era * 400 + (month <= 2), month, doy - (153 * mp + 2) / 5 + 1,
			       (unsigned)(left / 3600), (unsigned)(left / 60 % 60), (unsigned)(left % 60) };
}

static char *put_number(char *at, unsigned value, int digits)
{
	for (int i = digits - 1; i >= 0; i--, value /= 10)
		at[i] = (char)('0' + value % 10);
	return at + digits;
}

static int32_t zone_offset(const struct monitor_zone *zone, int64_t seconds)
{
	int32_t offset = zone[0].offset_s;

	for (int i = 1; i < MONITOR_ZONES_MAX && zone[i].from_s <= seconds; i++)
		offset = zone[i].offset_s;
	return offset;
}

size_t log_format_time(const struct monitor_zone *zone, int64_t unix_ns, char out[40])
{
	int64_t seconds = unix_ns / 1000000000;
	int32_t offset = zone_offset(zone, seconds), minutes = (offset < 0 ? -offset : offset) / 60;
	struct civil c = civil_from(seconds + offset);
	char *p = out;

	p = put_number(p, (unsigned)c.year, 4);
	*p++ = '-';
	p = put_number(p, c.month, 2);
	*p++ = '-';
	p = put_number(p, c.day, 2);
	*p++ = 'T';
	p = put_number(p, c.hour, 2);
	*p++ = ':';
	p = put_number(p, c.minute, 2);
	*p++ = ':';
	p = put_number(p, c.second, 2);
	*p++ = '.';
	p = put_number(p, (unsigned)(unix_ns % 1000000000), 9);
	*p++ = offset < 0 ? '-' : '+';
	p = put_number(p, (unsigned)minutes / 60, 2);
	*p++ = ':';
	p = put_number(p, (unsigned)minutes % 60, 2);
	return (size_t)(p - out);
}

/* ---- the file ---- */

static bool is_file(const struct log *l)
{
	return l->driver == MONITOR_LOG_K8S_FILE || l->driver == MONITOR_LOG_JSON_FILE;
}

void log_init(struct log *l, const struct monitor_config *c)
{
	struct stat st;

	l->driver = (enum monitor_log_driver)c->log_driver;
	l->fd = c->log_fd;
	l->max_size = c->log_max_size;
	l->keep = c->log_keep;
	l->path = monitor_config_string(c, c->log_path);
	l->fields = monitor_config_string(c, c->log_fields);
	l->zone = c->zone;
	if (l->driver == MONITOR_LOG_JOURNALD)
		log_journald_init(l);
	else if (l->fd >= 0 && l->max_size > 0 && fstat(l->fd, &st) == 0)
		l->size = st.st_size;
}

int log_reopen(struct log *l)
{
	struct error e;
	struct stat st;
	int fd;

	if (!is_file(l) || !l->path)
		return -EOPNOTSUPP;
	fd = monitor_log_open(l->path, &e);
	if (fd < 0)
		return -(e.errnum ? e.errnum : EIO);
	close_fd(&l->fd);
	l->fd = fd;
	l->size = fstat(fd, &st) == 0 ? st.st_size : 0;
	return 0;
}

/* PATH.1 is the newest old file. Renaming from the oldest on never loses one but the last. */
int log_rotate(struct log *l)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (!is_file(l) || !l->path || strlen(l->path) + 12 > sizeof(from))
		return -EOPNOTSUPP;
	if (l->keep == 0) {
		if (ftruncate(l->fd, 0) < 0)
			return -errno;
		l->size = 0;
		return 0;
	}
	for (uint32_t i = l->keep; i > 0; i--) {
		if (i == 1)
			snprintf(from, sizeof(from), "%s", l->path);
		else
			snprintf(from, sizeof(from), "%s.%u", l->path, i - 1);
		snprintf(to, sizeof(to), "%s.%u", l->path, i);
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return log_reopen(l);
}

void log_flush(struct log *l)
{
	size_t used = l->used;
	ssize_t n;

	l->used = 0;
	if (used == 0 || l->fd < 0)
		return;
	if (l->max_size > 0 && l->size > 0 && l->size + (int64_t)used > l->max_size)
		log_rotate(l);
	if (l->torn && write(l->fd, "\n", 1) != 1)
		return;
	do
		n = write(l->fd, l->buffer, used);
	while (n < 0 && errno == EINTR);
	l->torn = n >= 0 ? (size_t)n < used : l->torn;
	if (n > 0)
		l->size += n;
}

/* ---- records ---- */

static void put(struct log *l, const char *data, size_t len)
{
	memcpy(l->buffer + l->used, data, len);
	l->used += len;
}

static void put_str(struct log *l, const char *s)
{
	put(l, s, strlen(s));
}

static void reserve(struct log *l, size_t len)
{
	if (LOG_BUFFER_SIZE - l->used < len)
		log_flush(l);
}

static void add_k8s(struct log *l, enum stream_id s, const char *stamp, size_t stamp_len, const char *text, size_t len,
		    bool partial)
{
	reserve(l, len + RECORD_OVERHEAD);
	put(l, stamp, stamp_len);
	put(l, " ", 1);
	put_str(l, stream_names[s]);
	put(l, partial ? " P " : " F ", 3);
	put(l, text, len);
	put(l, "\n", 1);
}

/* Bytes of a well-formed UTF-8 sequence at text, 0: none. */
static size_t utf8_sequence(const unsigned char *t, size_t len)
{
	size_t n = t[0] < 0x80 ? 1 : t[0] >= 0xc2 && t[0] < 0xe0 ? 2 : (t[0] & 0xf0) == 0xe0 ? 3 :
		   t[0] >= 0xf0 && t[0] < 0xf5 ? 4 : 0;

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((t[i] & 0xc0) != 0x80)
			return 0;
	if ((t[0] == 0xe0 && t[1] < 0xa0) || (t[0] == 0xed && t[1] >= 0xa0) || (t[0] == 0xf0 && t[1] < 0x90) ||
	    (t[0] == 0xf4 && t[1] >= 0x90))
		return 0;
	return n;
}

/* One character as in a JSON string; returns how many bytes of text it took. Room for 6 bytes is there. */
static size_t put_json_char(struct log *l, const char *text, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = (unsigned char)*text;
	size_t n;

	if (c == '"' || c == '\\') {
		put(l, (char[]){ '\\', (char)c }, 2);
		return 1;
	}
	if (c < 0x20 || c == 0x7f) {
		put(l, (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
		return 1;
	}
	n = utf8_sequence((const unsigned char *)text, len);
	if (n == 0) {
		put_str(l, "\\ufffd");
		return 1;
	}
	put(l, text, n);
	return n;
}

/* Control characters grow sixfold: a record ends where the buffer does and the line goes on in the next. */
static void add_json(struct log *l, enum stream_id s, const char *stamp, size_t stamp_len, const char *text, size_t len,
		     bool partial)
{
	do {
		reserve(l, LOG_BUFFER_SIZE / 2);
		put_str(l, "{\"log\":\"");
		while (len > 0 && LOG_BUFFER_SIZE - l->used > RECORD_OVERHEAD) {
			size_t n = put_json_char(l, text, len);
			text += n;
			len -= n;
		}
		put_str(l, partial || len > 0 ? "\",\"stream\":\"" : "\\n\",\"stream\":\"");
		put_str(l, stream_names[s]);
		put_str(l, "\",\"time\":\"");
		put(l, stamp, stamp_len);
		put_str(l, "\"}\n");
	} while (len > 0);
}

static void add_record(struct log *l, enum stream_id s, const char *stamp, size_t stamp_len, const char *text,
		       size_t len, bool partial)
{
	if (l->driver == MONITOR_LOG_JOURNALD)
		log_journald_add(l, s, text, len, partial);
	else if (l->driver == MONITOR_LOG_JSON_FILE)
		add_json(l, s, stamp, stamp_len, text, len, partial);
	else
		add_k8s(l, s, stamp, stamp_len, text, len, partial);
}

void log_add(struct log *l, enum stream_id s, const char *data, size_t len, bool *partial)
{
	char stamp[40];
	size_t stamp_len;

	if (l->driver == MONITOR_LOG_NONE || len == 0)
		return;
	stamp_len = log_format_time(l->zone, monitor_realtime(), stamp);
	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;
		bool cut = !end || n > LOG_TEXT_MAX;

		if (n > LOG_TEXT_MAX)
			n = LOG_TEXT_MAX;
		add_record(l, s, stamp, stamp_len, data, n, cut);
		*partial = cut;
		n += cut ? 0 : 1;
		data += n;
		len -= n;
	}
}

void log_end_line(struct log *l, enum stream_id s, bool *partial)
{
	char stamp[40];

	if (!*partial || l->driver == MONITOR_LOG_NONE)
		return;
	add_record(l, s, stamp, log_format_time(l->zone, monitor_realtime(), stamp), "", 0, false);
	*partial = false;
}
