/* SPDX-License-Identifier: Apache-2.0
 * base/buf.h - a growable byte buffer with a ceiling.
 * Owns its bytes. Always NUL-terminated behind `len` once something was added, so `data` is also a C string.
 * An addition that would pass the ceiling or that memory refuses sets `failed` and adds nothing from then on:
 * check once, at the end, with buf_ok(). Allocates: not between clone() and exec(). */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/own.h"

struct buf {
	char *data;   /* NULL until the first addition */
	size_t len, cap;
	size_t max;   /* ceiling of len, in bytes */
	bool failed;
};

#define BUF_MAX_DEFAULT ((size_t)64 << 20)
#define BUF_INIT(ceiling) ((struct buf){ .max = (ceiling) })

void buf_done(struct buf *b);
#define auto_buf CLEANUP(buf_done) struct buf

void buf_add(struct buf *b, const void *data, size_t len);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Appends the UTF-8 of a code point; what is none (surrogates, above 0x10ffff) becomes U+FFFD. */
void buf_add_rune(struct buf *b, uint32_t rune);
/* Appends s as a JSON string literal with quotes; control characters escaped, bytes that are no UTF-8 become U+FFFD. */
void buf_add_json(struct buf *b, const char *s);
/* Room for `len` more bytes at the returned place (not yet counted in len), or NULL and failed set. */
char *buf_reserve(struct buf *b, size_t len);
void buf_truncate(struct buf *b, size_t len);
/* 0, or -1 and *err ("<what>: larger than N bytes" / out of memory). */
int buf_ok(const struct buf *b, const char *what, struct error *err);
/* Hands the bytes over as a malloc'ed C string ("" when empty; NULL when failed); the buffer is empty again. */
char *buf_steal(struct buf *b);
