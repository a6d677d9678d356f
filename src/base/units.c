/* SPDX-License-Identifier: Apache-2.0
 * base/units.c - durations, sizes and times as Go and Docker write them. */
#include "base/units.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

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

int duration_parse(const char *s, int64_t *ret, struct error *err)
{
	static const struct { const char *name; double ns; } units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "\u00b5s", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 },
	};
	const char *p = s + (*s == '-' || *s == '+');
	double total = 0;

	if (streq(p, "0")) {
		*ret = 0;
		return 0;
	}
	while (*p) {
		char *end;
		if (!strchr("0123456789.", *p))
			break;
		double n = strtod(p, &end);
		size_t len = strcspn(end, "0123456789.");
		double ns = 0;
		for (size_t i = 0; i < ARRAY_LEN(units); i++)
			if (strlen(units[i].name) == len && memcmp(units[i].name, end, len) == 0)
				ns = units[i].ns;
		if (end == p || !ns)
			break;
		total += n * ns;
		p = end + len;
		if (!*p && fabs(total) < 9.2e18) {
			*ret = *s == '-' ? (int64_t)-llround(total) : (int64_t)llround(total);
			return 0;
		}
	}
	return fail(err, ERROR_INVALID, "invalid duration \"%s\"", s);
}

int size_parse(const char *s, int64_t *ret, struct error *err)
{
	static const char prefixes[] = "bkmgtp";
	char *end;
	double n = *s >= '0' && *s <= '9' ? strtod(s, &end) : -1;

	if (n < 0)
		return fail(err, ERROR_INVALID, "invalid size: '%s'", s);
	end += strspn(end, " ");
	const char *p = *end ? strchr(prefixes, *end | 0x20) : prefixes;
	if (p && *end)
		end++;
	if (p && p > prefixes && (*end | 0x20) == 'i')
		end++;
	if (p && p > prefixes && (*end | 0x20) == 'b')
		end++;
	if (!p || *end)
		return fail(err, ERROR_INVALID, "invalid size: '%s'", s);
	n *= exp2(10.0 * (double)(p - prefixes));
	if (n >= 9.2e18)
		return fail(err, ERROR_INVALID, "invalid size: '%s': too large", s);
	*ret = (int64_t)n;
	return 0;
}
