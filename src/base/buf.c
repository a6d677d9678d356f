/* SPDX-License-Identifier: Apache-2.0
 * base/buf.c - a growable byte buffer with a ceiling. */
#include "base/buf.h"

#include <string.h>

#include "base/json.h"

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

/* Where there is room it is written at once, else it is measured. */
void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	size_t room = b->failed || !b->data ? 0 : b->cap - b->len;
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, again);
	va_end(again);
	if (n >= 0 && (size_t)n < room && b->len <= b->max && (size_t)n <= b->max - b->len) {
		b->len += (size_t)n;
		return;
	}
	if (room)
		b->data[b->len] = '\0';
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

void buf_add_rune(struct buf *b, uint32_t rune)
{
	if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
		rune = 0xfffd;
	if (rune < 0x80) {
		buf_add_char(b, (char)rune);
		return;
	}
	int more = rune < 0x800 ? 1 : rune < 0x10000 ? 2 : 3;
	static const unsigned char first[] = { 0, 0xc0, 0xe0, 0xf0 };
	buf_add_char(b, (char)(first[more] | rune >> (6 * more)));
	while (more-- > 0)
		buf_add_char(b, (char)(0x80 | (rune >> (6 * more) & 0x3f)));
}

void buf_add_json(struct buf *b, const char *s)
{
	json_write_string(b, s, strlen(s), false);
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
