/* SPDX-License-Identifier: Apache-2.0
 * base/base64.h - RFC 4648 base64 (the standard alphabet).
 * Owns nothing. Allocates: not between clone() and exec(). */
#pragma once
#include "base/buf.h"

/* Appends the encoding, padded, in one line. */
void base64_encode(struct buf *to, const void *data, size_t len);
/* Appends the bytes. Line breaks are passed over; padding may be missing; what follows it and any other character is
 * ERROR_INVALID. */
int base64_decode(const char *s, struct buf *to, struct error *err);
/* As base64_decode() into a malloc'ed string; a NUL byte in it is ERROR_INVALID. */
int base64_decode_text(const char *s, char **ret, struct error *err);
