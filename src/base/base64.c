/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *to, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (; len; p += 3) {
		size_t n = len < 3 ? len : 3;
		unsigned v = (unsigned)p[0] << 16 | (n > 1 ? (unsigned)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
		char out[4] = { digits[v >> 18], digits[v >> 12 & 63], n > 1 ? digits[v >> 6 & 63] : '=',
				n > 2 ? digits[v & 63] : '=' };
		buf_add(to, out, 4);
		len -= n;
	}
}

static int digit(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int base64_decode(const char *s, struct buf *to, struct error *err)
{
	unsigned v = 0;
	int bits = 0;

	for (; *s && *s != '='; s++) {
		if (*s == '\n' || *s == '\r')
			continue;
		int d = digit(*s);
		if (d < 0)
			return fail(err, ERROR_INVALID, "not base64");
		v = (v << 6 | (unsigned)d) & 0xffffff;
		if ((bits += 6) >= 8)
			buf_add_char(to, (char)(v >> (bits -= 8)));
	}
	if (s[strspn(s, "=\r\n")])
		return fail(err, ERROR_INVALID, "not base64");
	return buf_ok(to, "base64", err);
}

int base64_decode_text(const char *s, char **ret, struct error *err)
{
	auto_buf b = BUF_INIT(strlen(s) + 1);

	TRY(base64_decode(s, &b, err));
	if (b.len && memchr(b.data, 0, b.len))
		return fail(err, ERROR_INVALID, "a NUL byte in base64 text");
	*ret = buf_steal(&b);
	return *ret ? 0 : fail_oom(err);
}
