/* SPDX-License-Identifier: Apache-2.0
 * base/units.c - durations and sizes as Go and Docker write them (times: time.c).
 *
 * Durations are computed in integers, as Go does: a float would lose nanoseconds above a few weeks, and
 * "0.3h" must not become 17m59.999999999s. */
#include "base/units.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

#define MINUTE (60 * NSEC_PER_SEC)
#define HOUR (60 * MINUTE)

int64_t time_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

int64_t time_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

/* ---- durations ---- */
static const struct duration_unit {
	const char *name;
	uint64_t ns;
} duration_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 },   /* U+00B5 micro sign */
	{ "\xce\xbcs", 1000 },   /* U+03BC Greek mu */
	{ "ms", 1000000 },
	{ "s", NSEC_PER_SEC },
	{ "m", MINUTE },
	{ "h", HOUR },
};

static uint64_t find_duration_unit(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(duration_units); i++)
		if (strlen(duration_units[i].name) == len && memcmp(duration_units[i].name, name, len) == 0)
			return duration_units[i].ns;
	return 0;
}

/* One "1.5h": adds to *total, moves *p behind it. False: no such thing, or too large. */
static bool add_duration_part(const char **p, uint64_t *total)
{
	const uint64_t limit = UINT64_C(1) << 63;
	uint64_t whole = 0, fraction = 0;
	double scale = 1;
	const char *s = *p, *digits = s;
	size_t n;

	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(whole, 10, &whole) || (whole += *s - '0') > limit)
			return false;
	n = s - digits;
	if (*s == '.') {
		bool full = false;   /* digits that no longer fit are dropped, as in Go */
		for (digits = ++s; *s >= '0' && *s <= '9'; s++) {
			full |= fraction > (limit - 1) / 10 || fraction * 10 + (*s - '0') > limit;
			if (full)
				continue;
			fraction = fraction * 10 + (*s - '0');
			scale *= 10;
		}
		n += s - digits;
	}
	size_t len = strcspn(s, ".0123456789");
	uint64_t unit = find_duration_unit(s, len);
	if (!n || !unit || whole > limit / unit)
		return false;
	whole = whole * unit + (uint64_t)((double)fraction * ((double)unit / scale));
	if (whole > limit || (*total += whole) > limit)
		return false;
	*p = s + len;
	return true;
}

int duration_parse(const char *s, int64_t *ret, struct error *err)
{
	bool negative = *s == '-';
	const char *p = s + (*s == '-' || *s == '+');
	uint64_t total = 0;

	if (streq(p, "0")) {
		*ret = 0;
		return 0;
	}
	if (!*p)
		goto bad;
	while (*p)
		if (!add_duration_part(&p, &total))
			goto bad;
	if (total > (uint64_t)INT64_MAX + negative)
		goto bad;
	*ret = negative ? (int64_t)(0 - total) : (int64_t)total;
	return 0;
bad:
	return fail(err, ERROR_INVALID, "invalid duration \"%s\": want a number with a unit, as in 1h30m, 10s or 250ms", s);
}

/* Writes n / 10^digits with the trailing zeros of the fraction removed. */
static int format_fraction(char *out, size_t room, uint64_t n, int digits)
{
	uint64_t scale = 1;

	for (int i = 0; i < digits; i++)
		scale *= 10;
	uint64_t fraction = n % scale;
	while (digits && fraction % 10 == 0) {
		fraction /= 10;
		digits--;
	}
	if (!digits)
		return snprintf(out, room, "%" PRIu64, n / scale);
	return snprintf(out, room, "%" PRIu64 ".%0*" PRIu64, n / scale, digits, fraction);
}

char *duration_format(int64_t ns, char out[40])
{
	uint64_t u = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	char *p = out, *end = out + 40;

	if (ns < 0)
		*p++ = '-';
	if (u < NSEC_PER_SEC) {
		static const struct { uint64_t below; const char *unit; int digits; } small[] = {
			{ 1, "s", 0 }, { 1000, "ns", 0 }, { 1000000, "\xc2\xb5s", 3 }, { NSEC_PER_SEC, "ms", 6 },
		};
		size_t i = 0;
		while (u >= small[i].below)
			i++;
		p += format_fraction(p, end - p, u, small[i].digits);
		snprintf(p, end - p, "%s", small[i].unit);
		return out;
	}
	if (u >= HOUR)
		p += snprintf(p, end - p, "%" PRIu64 "h", u / HOUR);
	if (u >= MINUTE)
		p += snprintf(p, end - p, "%" PRIu64 "m", u % HOUR / MINUTE);
	p += format_fraction(p, end - p, u % MINUTE, 9);
	snprintf(p, end - p, "s");
	return out;
}

char *duration_human(int64_t ns, char out[40])
{
	/* Up to `below` of these hours: n / divisor of the unit. Go-units rounds hours half up, then truncates. */
	static const struct { int64_t below, divisor; const char *unit; } steps[] = {
		{ 48, 1, "hours" },
		{ 24 * 7 * 2, 24, "days" },
		{ 24 * 30 * 2, 24 * 7, "weeks" },
		{ 24 * 365 * 2, 24 * 30, "months" },
	};
	int64_t seconds = ns / NSEC_PER_SEC, minutes = ns / MINUTE;

	if (seconds < 1)
		snprintf(out, 40, "Less than a second");
	else if (seconds < 60)
		snprintf(out, 40, seconds == 1 ? "1 second" : "%" PRId64 " seconds", seconds);
	else if (minutes < 60)
		snprintf(out, 40, minutes == 1 ? "About a minute" : "%" PRId64 " minutes", minutes);
	else {
		int64_t hours = (int64_t)((double)ns / (double)HOUR + 0.5);
		size_t i = 0;
		while (i < ARRAY_LEN(steps) && hours >= steps[i].below)
			i++;
		if (hours == 1)
			snprintf(out, 40, "About an hour");
		else if (i < ARRAY_LEN(steps))
			snprintf(out, 40, "%" PRId64 " %s", hours / steps[i].divisor, steps[i].unit);
		else
			snprintf(out, 40, "%" PRId64 " years", ns / HOUR / 24 / 365);
	}
	return out;
}

/* ---- sizes ---- */
static int invalid_size(const char *s, struct error *err)
{
	return fail(err, ERROR_INVALID, "invalid size: '%s': want a number with an optional unit b, k, m, g, t or p", s);
}

int size_parse(const char *s, int64_t *ret, struct error *err)
{
	static const char prefixes[] = "bkmgtp";
	const char *digits = s + (*s == '+');
	char *end;

	/* strtod alone also takes blanks, hexadecimal, "inf" and "nan". */
	if (!strchr("0123456789.", *digits) || !*digits || digits[1] == 'x' || digits[1] == 'X')
		return invalid_size(s, err);
	double n = strtod(digits, &end);
	if (end == digits)
		return invalid_size(s, err);
	if (*end == ' ')
		end++;
	const char *p = *end ? strchr(prefixes, *end | 0x20) : prefixes;
	if (!p)
		return invalid_size(s, err);
	if (*end)
		end++;
	if (p > prefixes && (*end | 0x20) == 'i' && (end[1] | 0x20) == 'b')
		end += 2;
	else if (p > prefixes && (*end | 0x20) == 'b')
		end++;
	if (*end)
		return invalid_size(s, err);
	n *= (double)((uint64_t)1 << 10 * (p - prefixes));
	if (!(n < 0x1p63))
		return fail(err, ERROR_INVALID, "invalid size: '%s': too large", s);
	*ret = (int64_t)n;
	return 0;
}

static char *format_size(double n, double base, const char *const *units, char *out, size_t room)
{
	size_t i = 0;

	for (; n >= base && units[i + 1]; i++)
		n /= base;
	snprintf(out, room, "%.4g%s", n, units[i]);
	return out;
}

char *size_format(int64_t bytes, char out[24])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB", NULL };
	return format_size((double)bytes, 1000, units, out, 24);
}

char *size_format_binary(int64_t bytes, char out[24])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL };
	return format_size((double)bytes, 1024, units, out, 24);
}

/* ---- floating point ---- */
/* Digits without point or trailing zeros, and the exponent of the first one. */
static int shortest_digits(double n, char digits[20])
{
	char text[32];

	for (int precision = 0; precision < 18; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, n);
		if (strtod(text, NULL) == n)
			break;
	}
	char *e = strchr(text, 'e'), *to = digits;
	for (char *p = text; p < e; p++)
		if (*p != '.')
			*to++ = *p;
	*to = '\0';
	return (int)strtol(e + 1, NULL, 10);
}

/* Exponent form below 10^least and from 10^most on. */
static char *format_shortest(double n, int least, int most, char out[FLOAT_FORMAT_SIZE])
{
	char digits[20], *p = out, *end = out + FLOAT_FORMAT_SIZE;

	if (isnan(n) || isinf(n)) {
		snprintf(out, FLOAT_FORMAT_SIZE, "%s", isnan(n) ? "NaN" : n > 0 ? "+Inf" : "-Inf");
		return out;
	}
	if (signbit(n))
		*p++ = '-';
	int exponent = shortest_digits(fabs(n), digits), len = (int)strlen(digits);
	if (n != 0 && (exponent < least || exponent >= most))
		snprintf(p, end - p, "%c%s%se%c%02d", digits[0], len > 1 ? "." : "", digits + 1, exponent < 0 ? '-' : '+',
			 abs(exponent));
	else if (exponent < 0)
		snprintf(p, end - p, "0.%.*s%s", -exponent - 1, "00000", digits);
	else if (len <= exponent + 1)
		snprintf(p, end - p, "%s%.*s", digits, exponent + 1 - len, "00000000000000000000");
	else
		snprintf(p, end - p, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
	return out;
}

char *float_format(double n, char out[FLOAT_FORMAT_SIZE])
{
	return format_shortest(n, -4, 6, out);
}

char *float_format_json(double n, char out[FLOAT_FORMAT_SIZE])
{
	format_shortest(n, -6, 21, out);
	char *e = strstr(out, "e-0");   /* "e-09" is "e-9" there */
	if (e)
		memmove(e + 2, e + 3, strlen(e + 3) + 1);
	return out;
}
