/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log-line.h"

#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/str.h"
#include "base/units.h"

struct cursor {
	const char *p, *end;
};

static bool take_digits(struct cursor *c, int n, int64_t *ret)
{
	int64_t v = 0;

	for (int i = 0; i < n; i++, c->p++) {
		if (c->p == c->end || *c->p < '0' || *c->p > '9')
			return false;
		v = v * 10 + (*c->p - '0');
	}
	*ret = v;
	return true;
}

static bool take_char(struct cursor *c, char ch)
{
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

/* Any number of digits behind the dot; the first nine count. */
static bool take_fraction(struct cursor *c, int64_t *ret_ns)
{
	int64_t unit = NSEC_PER_SEC;
	const char *start;

	*ret_ns = 0;
	if (!take_char(c, '.'))
		return true;
	for (start = c->p; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
		unit /= 10;
		*ret_ns += (*c->p - '0') * unit;
	}
	return c->p > start;
}

static bool take_offset(struct cursor *c, int32_t *ret)
{
	bool negative;
	int64_t hours, minutes;

	*ret = 0;
	if (take_char(c, 'Z'))
		return true;
	negative = c->p < c->end && *c->p == '-';
	if (!take_char(c, negative ? '-' : '+') || !take_digits(c, 2, &hours) || !take_char(c, ':') ||
	    !take_digits(c, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret = (int32_t)(hours * 3600 + minutes * 60) * (negative ? -1 : 1);
	return true;
}

/* Days from 1970-01-01; years begin in March so that the leap day is their last. */
static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = y / 400, yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool take_time(struct cursor *c, int64_t *ret_ns, int32_t *ret_offset)
{
	int64_t y, mo, d, h, mi, s, ns, seconds;

	if (!take_digits(c, 4, &y) || !take_char(c, '-') || !take_digits(c, 2, &mo) || !take_char(c, '-') ||
	    !take_digits(c, 2, &d) || !take_char(c, 'T') || !take_digits(c, 2, &h) || !take_char(c, ':') ||
	    !take_digits(c, 2, &mi) || !take_char(c, ':') || !take_digits(c, 2, &s) || !take_fraction(c, &ns) ||
	    !take_offset(c, ret_offset))
		return false;
	if (mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || s > 60)
		return false;
	seconds = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - *ret_offset;
	return !__builtin_mul_overflow(seconds, NSEC_PER_SEC, ret_ns) && !__builtin_add_overflow(*ret_ns, ns, ret_ns);
}

static bool take_stream(struct cursor *c, bool *ret_stderr)
{
	size_t left = (size_t)(c->end - c->p);

	if (left < 6 || (memcmp(c->p, "stdout", 6) != 0 && memcmp(c->p, "stderr", 6) != 0))
		return false;
	*ret_stderr = c->p[3] == 'e';
	c->p += 6;
	return true;
}

static int parse_k8s(const char *line, size_t len, struct log_line *ret)
{
	struct cursor c = { line, line + len };
	struct log_line l = {};

	if (!take_time(&c, &l.time_ns, &l.offset_s) || !take_char(&c, ' ') || !take_stream(&c, &l.is_stderr) ||
	    !take_char(&c, ' '))
		return 0;
	l.partial = c.p < c.end && *c.p == 'P';
	if (!take_char(&c, l.partial ? 'P' : 'F') || !take_char(&c, ' '))
		return 0;
	l.text = c.p;
	l.len = (size_t)(c.end - c.p);
	*ret = l;
	return 1;
}

static int parse_json(const char *line, size_t len, struct buf *scratch, struct log_line *ret)
{
	auto_json *tree = NULL;
	struct json_object *text;
	struct log_line l = {};
	struct error ignored;
	const char *time, *stream;

	if (json_parse("log line", line, len, NULL, &tree, &ignored) < 0 ||
	    !json_object_is_type(tree, json_type_object))
		return 0;
	time = json_get_str(tree, "time");
	stream = json_get_str(tree, "stream");
	if (!time || !stream || !json_object_object_get_ex(tree, "log", &text) ||
	    !json_object_is_type(text, json_type_string))
		return 0;
	struct cursor c = { time, time + strlen(time) };
	if (!take_time(&c, &l.time_ns, &l.offset_s) || c.p != c.end)
		return 0;
	buf_truncate(scratch, 0);
	buf_add(scratch, json_object_get_string(text), (size_t)json_object_get_string_len(text));
	if (buf_ok(scratch, "log line", &ignored) < 0)
		return 0;
	l.is_stderr = streq(stream, "stderr");
	l.text = scratch->len ? scratch->data : "";
	l.len = scratch->len;
	l.partial = l.len == 0 || l.text[l.len - 1] != '\n';
	l.len -= l.partial ? 0 : 1;
	*ret = l;
	return 1;
}

int log_line_parse(const char *line, size_t len, struct buf *scratch, struct log_line *ret)
{
	if (len > 0 && *line == '{')
		return parse_json(line, len, scratch, ret);
	return parse_k8s(line, len, ret);
}

char *log_time_format(int64_t time_ns, int32_t offset_s, char out[40])
{
	int64_t ns = time_ns % NSEC_PER_SEC;
	time_t local;
	struct tm tm;
	size_t n;

	ns += ns < 0 ? NSEC_PER_SEC : 0;
	local = (time_ns - ns) / NSEC_PER_SEC + offset_s;
	gmtime_r(&local, &tm);
	n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(out + n, 40 - n, ".%09d", (int)ns);
	if (offset_s == 0)
		snprintf(out + n, 40 - n, "Z");
	else
		snprintf(out + n, 40 - n, "%c%02d:%02d", offset_s < 0 ? '-' : '+', abs(offset_s) / 3600,
			 abs(offset_s) / 60 % 60);
	return out;
}

static const char *const colours[] = {
	"\033[37m", /* light grey */
	"\033[31m", "\033[33m", "\033[34m", "\033[35m", "\033[36m", "\033[32m",
};

void log_line_print(const struct log_line *l, const struct log_style *s, struct buf *out)
{
	char stamp[40];

	if (s->colour)
		buf_add_str(out, colours[s->colour_number % ARRAY_LEN(colours)]);
	if (s->prefix && !l->continues)
		buf_addf(out, "%s ", s->prefix);
	if (s->timestamps && !l->continues)
		buf_addf(out, "%s ", log_time_format(l->time_ns, l->offset_s, stamp));
	buf_add(out, l->text, l->len);
	if (s->colour)
		buf_add_str(out, "\033[0m");
	if (!l->partial)
		buf_add_char(out, '\n');
}
