/* SPDX-License-Identifier: Apache-2.0
 * base/buf.c - a growable byte buffer with a ceiling. */
#include "base/buf.h"

#include <string.h>

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ .max = b->max };
}

char *buf_reserve(struct buf *b, size_t len)
{
	if (b->failed || len > b->max || b->len > b->max - len) {
		b->failed = true;
		return NULL;
	}
	size_t need = b->len + len + 1;
	if (need > b->cap) {
		size_t cap = b->cap ? b->cap : 64;
		while (cap < need)
			cap *= 2;
		char *data = realloc(b->data, cap);
		if (!data) {
			b->failed = true;
			return NULL;
		}
		b->data = data;
		b->cap = cap;
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	char *to = buf_reserve(b, len);

	if (!to)
		return;
	if (len)
		memcpy(to, data, len);
	to[len] = '\0';
	b->len += len;
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0) {
		b->failed = true;
		return;
	}
	char *to = buf_reserve(b, n);
	if (!to)
		return;
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	b->len += n;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

/* Length of the valid UTF-8 sequence at s (no overlong forms, no surrogates, Unicode 15 table 3-7), 0 if none. */
static size_t utf8_len(const unsigned char *s)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if (s[0] >= 0xe0 && s[0] <= 0xef) {
		unsigned char lo = s[0] == 0xe0 ? 0xa0 : 0x80, hi = s[0] == 0xed ? 0x9f : 0xbf;
		return s[1] >= lo && s[1] <= hi && (s[2] & 0xc0) == 0x80 ? 3 : 0;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		unsigned char lo = s[0] == 0xf0 ? 0x90 : 0x80, hi = s[0] == 0xf4 ? 0x8f : 0xbf;
		return s[1] >= lo && s[1] <= hi && (s[2] & 0xc0) == 0x80 && (s[3] & 0xc0) == 0x80 ? 4 : 0;
	}
	return 0;
}

void buf_add_json(struct buf *b, const char *s)
{
	static const char short_form[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };

	buf_add_char(b, '"');
	while (*s) {
		unsigned char c = *s;
		size_t n = utf8_len((const unsigned char *)s);
		if (c == '"' || c == '\\')
			buf_addf(b, "\\%c", c);
		else if (c < sizeof(short_form) && short_form[c])
			buf_addf(b, "\\%c", short_form[c]);
		else if (c < 0x20 || c == 0x7f)
			buf_addf(b, "\\u%04x", c);
		else if (n)
			buf_add(b, s, n);
		else
			buf_add_str(b, "\xef\xbf\xbd");
		s += n ? n : 1;
	}
	buf_add_char(b, '"');
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len < b->len) {
		b->len = len;
		b->data[len] = '\0';
	}
}

int buf_ok(const struct buf *b, const char *what, struct error *err)
{
	if (!b->failed)
		return 0;
	return fail(err, ERROR_INVALID, "%s: larger than %zu bytes, or out of memory", what, b->max);
}

char *buf_steal(struct buf *b)
{
	if (b->failed)
		return NULL;
	if (!b->data)
		return calloc(1, 1);
	char *data = b->data;
	*b = (struct buf){ .max = b->max };
	return data;
}
