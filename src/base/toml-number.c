/* SPDX-License-Identifier: Apache-2.0
 * Numbers, dates and times: what a value is that is neither quoted nor bracketed. */
#include <math.h>

#include "base/toml-internal.h"

/* Copies the digits of a number without underscores; every underscore must stand between two digits. */
static int digits(struct toml_parser *t, const char *s, size_t n, char *out, size_t size)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '_' && (i == 0 || i + 1 == n || !toml_is_bare(s[i - 1]) || !toml_is_bare(s[i + 1]) || s[i - 1] == '_'))
			return toml_bad(t, "misplaced _ in a number");
		if (s[i] == '_')
			continue;
		if (k + 1 >= size)
			return toml_bad(t, "number is too long");
		out[k++] = s[i];
	}
	out[k] = '\0';
	return 0;
}

static int integer(struct toml_parser *t, const char *s, struct json_object **ret)
{
	int64_t n = 0;
	int base = s[0] != '0' ? 10 : s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : s[1] == 'b' ? 2 : 10;

	if (base == 10) {
		const char *d = s + (*s == '+' || *s == '-');
		if ((d[0] == '0' && d[1]) || !parse_i64(s, &n))
			return toml_bad(t, "invalid number \"%s\"", s);
	}
	for (const char *p = s + 2; base != 10; p++) {
		static const char hex[] = "0123456789abcdef";
		const char *at = *p ? strchr(hex, *p >= 'A' && *p <= 'F' ? *p | 0x20 : *p) : NULL;
		if (!*p && p > s + 2)
			break;
		if (!at || at - hex >= base || __builtin_mul_overflow(n, base, &n) ||
		    __builtin_add_overflow(n, at - hex, &n))
			return toml_bad(t, "invalid number \"%s\"", s);
	}
	*ret = json_object_new_int64(n);
	return *ret ? 0 : fail_oom(t->err);
}

/* digits [. digits] [e [sign] digits], no leading zeros: what strtod would also take is refused before it is called. */
static bool is_float(const char *s)
{
	const char *p = s + (*s == '+' || *s == '-');
	size_t n = strspn(p, "0123456789");

	if (n == 0 || (n > 1 && *p == '0'))
		return false;
	p += n;
	if (*p == '.') {
		n = strspn(p + 1, "0123456789");
		if (n == 0)
			return false;
		p += n + 1;
	}
	if (*p == 'e' || *p == 'E') {
		p += 1 + (p[1] == '+' || p[1] == '-');
		n = strspn(p, "0123456789");
		if (n == 0)
			return false;
		p += n;
	}
	return !*p;
}

/* yyyy-mm-dd, hh:mm:ss and both with T or a blank between, optional fraction and offset: kept as a string. */
static bool is_date_time(const char *s)
{
	static const char *const forms[] = { "dddd-dd-dd", "dd:dd:dd" };
	const char *p = s;

	for (size_t f = strchr(s, '-') ? 0 : 1; f < 2; f++) {
		for (const char *m = forms[f]; *m; m++, p++)
			if (*m == 'd' ? (*p < '0' || *p > '9') : *p != *m)
				return false;
		if (f == 0 && *p && !strchr("Tt ", *p))
			return false;
		if (f == 0 && !*p++)
			return true;
	}
	if (*p == '.') {
		size_t n = strspn(p + 1, "0123456789");
		if (!n)
			return false;
		p += n + 1;
	}
	if (*p == 'Z' || *p == 'z')
		return !p[1];
	if (*p == '+' || *p == '-')
		return strlen(p) == 6 && p[3] == ':';
	return !*p;
}

int toml_number(struct toml_parser *t, struct json_object **ret)
{
	const char *start = t->p;
	char text[80];

	while (toml_is_bare(toml_peek(t)) || strchr("+.:", toml_peek(t) > 0 ? toml_peek(t) : 'x'))
		t->p++;
	/* a date and a time with a blank between */
	if (t->p - start == 10 && start[4] == '-' && toml_peek(t) == ' ' && t->end - t->p > 3 && t->p[1] >= '0' && t->p[1] <= '9')
		for (t->p++; toml_is_bare(toml_peek(t)) || strchr("+.:", toml_peek(t) > 0 ? toml_peek(t) : 'x');)
			t->p++;
	size_t n = t->p - start;
	if (n == 0)
		return toml_bad(t, "expected a value");
	if (n >= sizeof(text))
		return toml_bad(t, "value is too long");
	memcpy(text, start, n);
	text[n] = '\0';
	if (is_date_time(text)) {
		*ret = json_object_new_string(text);
		return *ret ? 0 : fail_oom(t->err);
	}
	const char *bare = text + (*text == '+' || *text == '-');
	if (streq(bare, "inf") || streq(bare, "nan"))
		return toml_bad(t, "inf and nan have no use here");
	TRY(digits(t, start, n, text, sizeof(text)));
	if (strchr(text, '.') || (strpbrk(text, "eE") && text[1] != 'x')) {
		if (!is_float(text))
			return toml_bad(t, "invalid number \"%s\"", text);
		double d = strtod(text, NULL);
		if (!isfinite(d))
			return toml_bad(t, "number is out of range");
		*ret = json_object_new_double(d);
		return *ret ? 0 : fail_oom(t->err);
	}
	return integer(t, text, ret);
}
