/* SPDX-License-Identifier: Apache-2.0
 * base/time.c - points in time as Go and Docker read and write them.
 *
 * One small scanner reads "YYYY-MM-DD[THH[:MM[:SS[.fraction]]]][Z|+HH:MM]"; what is missing is zero, a missing
 * zone is the local one. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "base/units.h"

/* Days since 1970-01-01 in the proleptic Gregorian calendar (works for all years; timegm() would do, but its
 * range check differs between libcs). */
static int64_t days_from_civil(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

struct scan {
	const char *p;
	bool failed;
};

/* Exactly `digits` decimal digits, value at most `max`. */
static int scan_number(struct scan *s, int digits, int max)
{
	int n = 0;

	for (int i = 0; i < digits; i++, s->p++) {
		if (*s->p < '0' || *s->p > '9') {
			s->failed = true;
			return 0;
		}
		n = n * 10 + (*s->p - '0');
	}
	s->failed |= n > max;
	return n;
}

static bool scan_char(struct scan *s, char c)
{
	if (*s->p != c)
		return false;
	s->p++;
	return true;
}

/* ".123456789123": nanoseconds; further digits are dropped. */
static int64_t scan_fraction(struct scan *s)
{
	int64_t ns = 0, unit = NSEC_PER_SEC / 10;

	if (!scan_char(s, '.') && !scan_char(s, ','))
		return 0;
	s->failed |= *s->p < '0' || *s->p > '9';
	for (; *s->p >= '0' && *s->p <= '9'; s->p++, unit /= 10)
		ns += unit * (*s->p - '0');
	return ns;
}

/* Seconds east of UTC; *local when no zone is written. */
static int scan_zone(struct scan *s, bool *local)
{
	*local = false;
	if (scan_char(s, 'Z') || scan_char(s, 'z'))
		return 0;
	int sign = *s->p == '+' ? 1 : *s->p == '-' ? -1 : 0;
	if (!sign) {
		*local = true;
		return 0;
	}
	s->p++;
	int hours = scan_number(s, 2, 24);
	s->failed |= !scan_char(s, ':');
	return sign * (hours * 3600 + scan_number(s, 2, 59) * 60);
}

static bool parse_date_time(const char *text, int64_t *ret)
{
	struct scan s = { text, false };
	int hour = 0, minute = 0, second = 0;
	int64_t fraction = 0, seconds, ns;
	bool local;

	int year = scan_number(&s, 4, 9999);
	s.failed |= !scan_char(&s, '-');
	int month = scan_number(&s, 2, 12);
	s.failed |= !scan_char(&s, '-');
	int day = scan_number(&s, 2, 31);
	if (!s.failed && (scan_char(&s, 'T') || scan_char(&s, 't') || scan_char(&s, ' '))) {
		hour = scan_number(&s, 2, 23);
		if (scan_char(&s, ':'))
			minute = scan_number(&s, 2, 59);
		if (scan_char(&s, ':'))
			second = scan_number(&s, 2, 59);
		fraction = scan_fraction(&s);
	}
	int offset = scan_zone(&s, &local);
	if (s.failed || *s.p || !month || !day || day > days_in_month(year, month))
		return false;
	if (local) {
		struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour,
				 .tm_min = minute, .tm_sec = second, .tm_isdst = -1 };
		seconds = mktime(&tm);
	} else {
		seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	}
	if (__builtin_mul_overflow(seconds, NSEC_PER_SEC, &ns) || __builtin_add_overflow(ns, fraction, &ns))
		return false;
	*ret = ns;
	return true;
}

/* "1136073600", "1136073600.000000001", "-5". */
static bool parse_unix(const char *text, int64_t *ret)
{
	const char *dot = strchrnul(text, '.');
	char whole[24];
	int64_t seconds, ns;

	if ((size_t)(dot - text) >= sizeof(whole))
		return false;
	memcpy(whole, text, dot - text);
	whole[dot - text] = '\0';
	struct scan s = { dot, false };
	int64_t fraction = *dot ? scan_fraction(&s) : 0;
	if (!parse_i64(whole, &seconds) || s.failed || *s.p)
		return false;
	if (__builtin_mul_overflow(seconds, NSEC_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, *text == '-' ? -fraction : fraction, &ns))
		return false;
	*ret = ns;
	return true;
}

int time_parse(const char *s, int64_t now_ns, int64_t *ret, struct error *err)
{
	struct error ignored;
	int64_t span;

	if (!streq(s, "0") && duration_parse(s, &span, &ignored) == 0) {
		if (__builtin_sub_overflow(now_ns, span, &span))
			return fail(err, ERROR_INVALID, "time \"%s\" is out of range", s);
		*ret = span;
		return 0;
	}
	if (parse_date_time(s, ret) || parse_unix(s, ret))
		return 0;
	return fail(err, ERROR_INVALID,
		    "failed to parse value as time or duration: \"%s\" (want 2006-01-02T15:04:05Z, a Unix time or 10m)", s);
}

/* ---- writing ---- */
/* Floor division: times before 1970 have a fraction that counts upwards too. */
static int64_t split_time(int64_t unix_ns, int64_t *fraction)
{
	int64_t seconds = unix_ns / NSEC_PER_SEC;

	*fraction = unix_ns % NSEC_PER_SEC;
	if (*fraction < 0) {
		*fraction += NSEC_PER_SEC;
		seconds--;
	}
	return seconds;
}

/* ".5", ".000000001" or "". */
static void format_nanoseconds(int64_t fraction, char out[16])
{
	int len = snprintf(out, 16, ".%09" PRId64, fraction);

	while (len > 1 && out[len - 1] == '0')
		len--;
	out[len == 1 ? 0 : len] = '\0';
}

char *time_format_rfc3339(int64_t unix_ns, char out[48])
{
	int64_t fraction;
	time_t seconds = split_time(unix_ns, &fraction);
	struct tm tm;
	char date[24], ns[16], zone[32] = "Z";

	localtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	format_nanoseconds(fraction, ns);
	if (tm.tm_gmtoff) {
		long minutes = labs(tm.tm_gmtoff) / 60;
		snprintf(zone, sizeof(zone), "%c%02ld:%02ld", tm.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
	}
	snprintf(out, 48, "%.23s%.12s%.8s", date, ns, zone);
	return out;
}

char *time_format_utc(int64_t unix_ns, char out[48])
{
	int64_t fraction;
	time_t seconds = split_time(unix_ns, &fraction);
	struct tm tm;
	char date[24], ns[16];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	format_nanoseconds(fraction, ns);
	snprintf(out, 48, "%.23s%.12sZ", date, ns);
	return out;
}

char *time_format_go(int64_t unix_ns, char out[64])
{
	int64_t fraction;
	time_t seconds = split_time(unix_ns, &fraction);
	struct tm tm;
	char date[24], zone[32], ns[16];

	localtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%z %Z", &tm);
	format_nanoseconds(fraction, ns);
	snprintf(out, 64, "%s%s %.20s", date, ns, zone);
	return out;
}
