/* SPDX-License-Identifier: Apache-2.0
 * base/json-parse.c - RFC 8259 text to a json-c tree.
 *
 * json-c's own tokener lets NaN, raw control characters, single quotes, clamped integers, cut keys and bad UTF-8
 * through, and each would need a guard before or behind it. Reading the text ourselves is shorter than the guards:
 * one pass, one place for every rule, and errors with line and column. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"

#define DEFAULT_MAX_BYTES ((size_t)4 << 20)
#define DEFAULT_MAX_DEPTH 64

struct parser {
	const char *what, *text, *p, *end;
	struct json_limits limits;
	struct error *err;
};

static int bad_at(struct parser *s, const char *at, const char *reason)
{
	size_t line = 1;
	const char *start = s->text;

	for (const char *p = s->text; p < at; p++)
		if (*p == '\n') {
			line++;
			start = p + 1;
		}
	return fail(s->err, ERROR_INVALID, "%s:%zu:%zu: %s", s->what, line, (size_t)(at - start) + 1, reason);
}

static int bad(struct parser *s, const char *reason)
{
	return bad_at(s, s->p, s->p < s->end ? reason : "unexpected end of the text");
}

static void skip_blanks(struct parser *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool take_char(struct parser *s, char c)
{
	if (s->p >= s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* The new object, or out of memory. */
static int made(struct parser *s, struct json_object *o, struct json_object **ret)
{
	if (!o)
		return fail_oom(s->err);
	*ret = o;
	return 0;
}

/* ---- strings ---- */
static int parse_hex4(struct parser *s, unsigned *ret)
{
	unsigned n = 0;

	for (int i = 0; i < 4; i++, s->p++) {
		char c = s->p < s->end ? *s->p : '\0';
		if (c >= '0' && c <= '9')
			n = n * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			n = n * 16 + ((c | 0x20) - 'a' + 10);
		else
			return bad(s, "want four hexadecimal digits after \\u");
	}
	*ret = n;
	return 0;
}

/* Behind "\u". Lone surrogates become U+FFFD, as in Go. */
static int parse_unicode(struct parser *s, struct buf *to, bool key)
{
	const char *start = s->p - 2;
	unsigned c, low;

	TRY(parse_hex4(s, &c));
	if (c == 0 && key)
		return bad_at(s, start, "a key may not contain \\u0000");
	if (c >= 0xd800 && c < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u') {
		const char *back = s->p;
		s->p += 2;
		TRY(parse_hex4(s, &low));
		if (low >= 0xdc00 && low < 0xe000)
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		else
			s->p = back;
	}
	buf_add_rune(to, c);
	return 0;
}

static int parse_escape(struct parser *s, struct buf *to, bool key)
{
	static const char plain[] = { ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f',
				      ['n'] = '\n', ['r'] = '\r', ['t'] = '\t' };

	if (s->p >= s->end)
		return bad(s, "");
	unsigned char c = *s->p++;
	if (c == 'u')
		return parse_unicode(s, to, key);
	if (c >= sizeof(plain) || !plain[c])
		return bad_at(s, s->p - 2, "unknown escape in a string");
	buf_add_char(to, plain[c]);
	return 0;
}

/* At the opening quote. */
static int parse_string(struct parser *s, struct buf *to, bool key)
{
	s->p++;
	for (;;) {
		const char *start = s->p;
		while (s->p < s->end && (unsigned char)*s->p >= 0x20 && (unsigned char)*s->p < 0x80 && *s->p != '"' &&
		       *s->p != '\\')
			s->p++;
		buf_add(to, start, s->p - start);
		if (take_char(s, '"'))
			return to->failed ? fail_oom(s->err) : 0;
		if (take_char(s, '\\')) {
			TRY(parse_escape(s, to, key));
			continue;
		}
		if (s->p >= s->end || (unsigned char)*s->p < 0x20)
			return bad(s, "control character in a string");
		size_t n = utf8_length(s->p, s->end - s->p);
		if (!n)
			return bad(s, "invalid UTF-8 in a string");
		buf_add(to, s->p, n);
		s->p += n;
	}
}

static int parse_string_value(struct parser *s, struct json_object **ret)
{
	auto_buf text = BUF_INIT(s->limits.max_bytes);

	TRY(parse_string(s, &text, false));
	return made(s, json_object_new_string_len(text.data ? text.data : "", (int)text.len), ret);
}

/* ---- numbers ---- */
static bool skip_digits(struct parser *s)
{
	const char *start = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return s->p > start;
}

static int make_integer(struct parser *s, const char *start, const char *text, struct json_object **ret)
{
	int64_t i;
	uint64_t u;

	if (parse_i64(text, &i))
		return made(s, json_object_new_int64(i), ret);
	if (parse_u64(text, &u))
		return made(s, json_object_new_uint64(u), ret);
	return bad_at(s, start, "number does not fit into 64 bits");
}

static int parse_number(struct parser *s, struct json_object **ret)
{
	const char *start = s->p;
	bool integer = true;
	char text[400];

	take_char(s, '-');
	if (!take_char(s, '0') && !skip_digits(s))
		return bad(s, "want a value");
	if (take_char(s, '.')) {
		integer = false;
		if (!skip_digits(s))
			return bad(s, "want a digit after the decimal point");
	}
	if (take_char(s, 'e') || take_char(s, 'E')) {
		integer = false;
		if (!take_char(s, '+'))
			take_char(s, '-');
		if (!skip_digits(s))
			return bad(s, "want a digit in the exponent");
	}
	size_t len = s->p - start;
	if (len >= sizeof(text))
		return bad_at(s, start, "number is too long");
	memcpy(text, start, len);
	text[len] = '\0';
	if (integer)
		return make_integer(s, start, text, ret);
	double n = strtod(text, NULL);
	if (!isfinite(n))
		return bad_at(s, start, "number is too large");
	return made(s, json_object_new_double_s(n, text), ret);   /* keeps "1.10" as it was written */
}

/* ---- values ---- */
static int parse_value(struct parser *s, int depth, struct json_object **ret);

static int parse_member(struct parser *s, int depth, struct json_object *o)
{
	auto_buf key = BUF_INIT(s->limits.max_bytes);
	struct json_object *value = NULL;
	const char *start = s->p;

	if (s->p >= s->end || *s->p != '"')
		return bad(s, "want a key in double quotes");
	TRY(parse_string(s, &key, true));
	const char *name = key.data ? key.data : "";
	if (s->limits.unique_keys && json_object_object_get_ex(o, name, NULL))
		return bad_at(s, start, "the key was there before");
	skip_blanks(s);
	if (!take_char(s, ':'))
		return bad(s, "want ':' after a key");
	TRY(parse_value(s, depth, &value));
	return json_add(o, name, value, s->err);
}

static int parse_object(struct parser *s, int depth, struct json_object **ret)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(s->err);
	s->p++;
	skip_blanks(s);
	if (!take_char(s, '}'))
		for (;;) {
			skip_blanks(s);
			TRY(parse_member(s, depth, o));
			skip_blanks(s);
			if (take_char(s, '}'))
				break;
			if (!take_char(s, ','))
				return bad(s, "want ',' or '}' after a member");
		}
	*ret = take_ptr(o);
	return 0;
}

static int parse_array(struct parser *s, int depth, struct json_object **ret)
{
	auto_json *a = json_object_new_array();

	if (!a)
		return fail_oom(s->err);
	s->p++;
	skip_blanks(s);
	if (!take_char(s, ']'))
		for (;;) {
			struct json_object *value = NULL;
			TRY(parse_value(s, depth, &value));
			if (json_object_array_add(a, value) < 0) {
				json_object_put(value);
				return fail_oom(s->err);
			}
			skip_blanks(s);
			if (take_char(s, ']'))
				break;
			if (!take_char(s, ','))
				return bad(s, "want ',' or ']' after an element");
		}
	*ret = take_ptr(a);
	return 0;
}

static bool take_word(struct parser *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	return true;
}

static int parse_value(struct parser *s, int depth, struct json_object **ret)
{
	skip_blanks(s);
	if (s->p >= s->end)
		return bad(s, "");
	if (*s->p == '"')
		return parse_string_value(s, ret);
	if (*s->p == '{' || *s->p == '[') {
		if (depth >= s->limits.max_depth)
			return bad(s, "nested too deeply");
		return *s->p == '{' ? parse_object(s, depth + 1, ret) : parse_array(s, depth + 1, ret);
	}
	if (take_word(s, "true"))
		return made(s, json_object_new_boolean(1), ret);
	if (take_word(s, "false"))
		return made(s, json_object_new_boolean(0), ret);
	if (take_word(s, "null")) {
		*ret = NULL;
		return 0;
	}
	if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9'))
		return parse_number(s, ret);
	return bad(s, "want a value");
}

int json_parse(const char *what, const char *text, size_t len, const struct json_limits *limits,
	       struct json_object **ret, struct error *err)
{
	struct parser s = { .what = what, .text = text, .p = text, .end = text + len, .err = err };
	auto_json *o = NULL;

	if (limits)
		s.limits = *limits;
	if (!s.limits.max_bytes)
		s.limits.max_bytes = DEFAULT_MAX_BYTES;
	if (!s.limits.max_depth)
		s.limits.max_depth = DEFAULT_MAX_DEPTH;
	if (len > s.limits.max_bytes || len > INT32_MAX)
		return fail(err, ERROR_INVALID, "%s: larger than %zu bytes", what, s.limits.max_bytes);
	TRY(parse_value(&s, 0, &o));
	skip_blanks(&s);
	if (s.p < s.end)
		return bad(&s, "unexpected text after the value");
	*ret = take_ptr(o);
	return 0;
}
