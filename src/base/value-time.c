/* SPDX-License-Identifier: Apache-2.0
 * base/value-time.c - the methods templates may call on points in time and durations, and Go's time layouts. */
#include <time.h>

#include "base/value-internal.h"

#pragma GCC diagnostic ignored "-Wformat-nonliteral"   /* strftime formats come from the tables below */

/* ---- layouts: "2006-01-02T15:04:05Z07:00" ---- */
struct moment {
	struct tm tm;
	int64_t ns;
};

enum layout_word {
	LAYOUT_YEAR, LAYOUT_YEAR2, LAYOUT_MONTH, LAYOUT_MON, LAYOUT_MONTH02, LAYOUT_MONTH1, LAYOUT_WEEKDAY, LAYOUT_WDAY,
	LAYOUT_DAY02, LAYOUT_DAY_2, LAYOUT_DAY2, LAYOUT_HOUR24, LAYOUT_HOUR03, LAYOUT_HOUR3, LAYOUT_MINUTE, LAYOUT_MINUTE4,
	LAYOUT_SECOND, LAYOUT_SECOND5, LAYOUT_AMPM, LAYOUT_ampm, LAYOUT_ZONE_NAME, LAYOUT_ZONE_Z, LAYOUT_ZONE_COLON,
	LAYOUT_ZONE,
};

/* The longer spelling first. */
static const struct { const char *text; enum layout_word word; } layout_words[] = {
	{ "2006", LAYOUT_YEAR }, { "January", LAYOUT_MONTH }, { "Jan", LAYOUT_MON }, { "Monday", LAYOUT_WEEKDAY },
	{ "Mon", LAYOUT_WDAY }, { "MST", LAYOUT_ZONE_NAME }, { "Z07:00", LAYOUT_ZONE_Z }, { "-07:00", LAYOUT_ZONE_COLON },
	{ "-0700", LAYOUT_ZONE }, { "01", LAYOUT_MONTH02 }, { "02", LAYOUT_DAY02 }, { "03", LAYOUT_HOUR03 },
	{ "04", LAYOUT_MINUTE }, { "05", LAYOUT_SECOND }, { "06", LAYOUT_YEAR2 }, { "15", LAYOUT_HOUR24 },
	{ "_2", LAYOUT_DAY_2 }, { "PM", LAYOUT_AMPM }, { "pm", LAYOUT_ampm }, { "1", LAYOUT_MONTH1 }, { "2", LAYOUT_DAY2 },
	{ "3", LAYOUT_HOUR3 }, { "4", LAYOUT_MINUTE4 }, { "5", LAYOUT_SECOND5 },
};

static void add_strftime(struct buf *to, const char *format, const struct tm *tm)
{
	char text[64];

	buf_add(to, text, strftime(text, sizeof(text), format, tm));
}

static void add_zone(struct buf *to, const struct tm *tm, const char *colon)
{
	long minutes = labs(tm->tm_gmtoff) / 60;

	buf_addf(to, "%c%02ld%s%02ld", tm->tm_gmtoff < 0 ? '-' : '+', minutes / 60, colon, minutes % 60);
}

static void add_layout_word(struct buf *to, enum layout_word word, const struct moment *m)
{
	static const char *const formats[] = {
		[LAYOUT_YEAR] = "%Y", [LAYOUT_YEAR2] = "%y", [LAYOUT_MONTH] = "%B", [LAYOUT_MON] = "%b", [LAYOUT_MONTH02] = "%m",
		[LAYOUT_WEEKDAY] = "%A", [LAYOUT_WDAY] = "%a", [LAYOUT_DAY02] = "%d", [LAYOUT_DAY_2] = "%e",
		[LAYOUT_HOUR24] = "%H", [LAYOUT_HOUR03] = "%I", [LAYOUT_MINUTE] = "%M", [LAYOUT_SECOND] = "%S",
		[LAYOUT_AMPM] = "%p", [LAYOUT_ampm] = "%P", [LAYOUT_ZONE_NAME] = "%Z", [LAYOUT_ZONE] = "%z",
	};

	switch (word) {
	case LAYOUT_MONTH1:   buf_addf(to, "%d", m->tm.tm_mon + 1); break;
	case LAYOUT_DAY2:     buf_addf(to, "%d", m->tm.tm_mday); break;
	case LAYOUT_HOUR3:    buf_addf(to, "%d", m->tm.tm_hour % 12 ? m->tm.tm_hour % 12 : 12); break;
	case LAYOUT_MINUTE4:  buf_addf(to, "%d", m->tm.tm_min); break;
	case LAYOUT_SECOND5:  buf_addf(to, "%d", m->tm.tm_sec); break;
	case LAYOUT_ZONE_COLON: add_zone(to, &m->tm, ":"); break;
	case LAYOUT_ZONE_Z:
		if (m->tm.tm_gmtoff)
			add_zone(to, &m->tm, ":");
		else
			buf_add_char(to, 'Z');
		break;
	default:
		add_strftime(to, formats[word], &m->tm);
	}
}

/* ".000" and ".999": that many digits; nines drop trailing zeros. Returns the bytes of the layout used, 0: none. */
static size_t add_fraction(struct buf *to, const char *layout, const struct moment *m)
{
	char digits[16];

	if (*layout != '.' && *layout != ',')
		return 0;
	char c = layout[1];
	size_t n = c == '0' || c == '9' ? strspn(layout + 1, c == '0' ? "0" : "9") : 0;
	if (!n || n > 9 || (layout[n + 1] >= '0' && layout[n + 1] <= '9'))
		return 0;
	snprintf(digits, sizeof(digits), "%09d", (int)m->ns);
	size_t len = n;
	while (c == '9' && len && digits[len - 1] == '0')
		len--;
	if (len) {
		buf_add_char(to, *layout);
		buf_add(to, digits, len);
	}
	return n + 1;
}

static void format_layout(struct buf *to, int64_t unix_ns, const char *layout, bool utc)
{
	struct moment m = { .ns = unix_ns % NSEC_PER_SEC };
	time_t seconds = unix_ns / NSEC_PER_SEC - (m.ns < 0);

	if (m.ns < 0)
		m.ns += NSEC_PER_SEC;
	if (utc)
		gmtime_r(&seconds, &m.tm);
	else
		localtime_r(&seconds, &m.tm);
	while (*layout) {
		size_t n = add_fraction(to, layout, &m);
		for (size_t i = 0; !n && i < ARRAY_LEN(layout_words); i++)
			if (str_after(layout, layout_words[i].text)) {
				n = strlen(layout_words[i].text);
				add_layout_word(to, layout_words[i].word, &m);
			}
		if (!n)
			buf_add_char(to, *layout);
		layout += n ? n : 1;
	}
}

/* ---- methods ---- */
static struct value time_part(int64_t t, const char *format)
{
	time_t seconds = t / NSEC_PER_SEC - (t % NSEC_PER_SEC < 0);
	struct tm tm;
	char text[32];
	int64_t n = 0;

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), format, &tm);
	const char *digits = text + strspn(text, "0 ");   /* strtol would be fine, parse_i64 is stricter */
	parse_i64(*digits ? digits : "0", &n);
	return value_int(n);
}

static struct value time_string(int64_t t, struct value_call *c)
{
	char text[64];

	if (!t)
		return value_str("0001-01-01 00:00:00 +0000 UTC");
	time_format_go(t, text);
	return value_str_copy(c->pool, text, strlen(text));
}

static int time_format(int64_t t, struct value_call *c, struct value *ret, struct error *err)
{
	auto_buf out = BUF_INIT(4096);

	if (c->n != 1 || c->args[0].kind != VALUE_STR)
		return fail(err, ERROR_INVALID, "Format wants one layout as in \"2006-01-02 15:04:05\"");
	autofree char *layout = strndup(c->args[0].str.s, c->args[0].str.len);
	if (!layout)
		return fail_oom(err);
	format_layout(&out, t, layout, false);
	TRY(buf_ok(&out, "formatted time", err));
	*ret = value_str_copy(c->pool, out.data ? out.data : "", out.len);
	return 0;
}

static bool call_time(int64_t t, const char *name, struct value_call *c, struct value *ret)
{
	static const struct { const char *name, *format; } parts[] = {
		{ "Year", "%Y" }, { "Day", "%d" }, { "Hour", "%H" }, { "Minute", "%M" }, { "Second", "%S" }, { "YearDay", "%j" },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (streq(name, parts[i].name)) {
			*ret = time_part(t, parts[i].format);
			return true;
		}
	if (streq(name, "Unix"))
		*ret = value_int(t / NSEC_PER_SEC - (t % NSEC_PER_SEC < 0));
	else if (streq(name, "UnixNano"))
		*ret = value_int(t);
	else if (streq(name, "UnixMilli"))
		*ret = value_int(t / 1000000);
	else if (streq(name, "IsZero"))
		*ret = value_bool(t == 0);
	else if (streq(name, "Local") || streq(name, "UTC"))
		*ret = value_time(t);
	else if (streq(name, "String"))
		*ret = time_string(t, c);
	else
		return false;
	return true;
}

static bool call_duration(int64_t ns, const char *name, struct value_call *c, struct value *ret)
{
	static const struct { const char *name; double unit; } floats[] = {
		{ "Seconds", 1e9 }, { "Minutes", 60e9 }, { "Hours", 3600e9 },
	};
	static const struct { const char *name; int64_t unit; } integers[] = {
		{ "Nanoseconds", 1 }, { "Microseconds", 1000 }, { "Milliseconds", 1000000 },
	};
	char text[40];

	for (size_t i = 0; i < ARRAY_LEN(floats); i++)
		if (streq(name, floats[i].name)) {
			*ret = value_float((double)ns / floats[i].unit);
			return true;
		}
	for (size_t i = 0; i < ARRAY_LEN(integers); i++)
		if (streq(name, integers[i].name)) {
			*ret = value_int(ns / integers[i].unit);
			return true;
		}
	if (!streq(name, "String"))
		return false;
	duration_format(ns, text);
	*ret = value_str_copy(c->pool, text, strlen(text));
	return true;
}

int value_time_call(const struct value *v, const char *name, struct value_call *c, struct value *ret, struct error *err)
{
	if (v->kind == VALUE_TIME && streq(name, "Format")) {
		TRY(time_format(v->i, c, ret, err));
		return 1;
	}
	bool found = v->kind == VALUE_TIME ? call_time(v->i, name, c, ret) : call_duration(v->i, name, c, ret);
	if (found && c->n)
		return fail(err, ERROR_INVALID, "wrong number of args for %s: want 0 got %zu", name, c->n);
	return found;
}
