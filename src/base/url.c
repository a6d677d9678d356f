/* SPDX-License-Identifier: Apache-2.0
 * base/url.c - user information of addresses. */
#include "base/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/str.h"

#define USER_MAX ((size_t)8192)

/* The user, a colon, the password; each without %XX. A user alone has an empty password. */
static int decode(const char *s, size_t n, struct buf *to, struct error *err)
{
	bool colon = memchr(s, ':', n) != NULL;

	for (const char *end = s + n; s < end; s++) {
		char hex[3] = { *s == '%' && end - s > 2 ? s[1] : 0, *s == '%' && end - s > 2 ? s[2] : 0 };
		char c = *s;
		if (c == '%') {
			if (!isxdigit((unsigned char)hex[0]) || !isxdigit((unsigned char)hex[1]))
				return fail(err, ERROR_INVALID, "bad %% in the user of an address");
			c = (char)strtoul(hex, NULL, 16);
			s += 2;
		}
		if (!c)
			return fail(err, ERROR_INVALID, "a NUL byte in the user of an address");
		buf_add_char(to, c);
	}
	if (!colon)
		buf_add_char(to, ':');
	return buf_ok(to, "user of an address", err);
}

int url_take_user(const char *url, char **ret_url, char **ret_basic, struct error *err)
{
	const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;
	const char *at = scheme ? memrchr(host, '@', strcspn(host, "/?#")) : NULL;
	auto_buf plain = BUF_INIT(USER_MAX), basic = BUF_INIT(2 * USER_MAX);
	autofree char *shown = NULL;

	if (!at)
		return str_set(ret_url, url, err);
	TRY(decode(host, (size_t)(at - host), &plain, err));
	buf_add_str(&basic, "Basic ");
	base64_encode(&basic, plain.data, plain.len);
	TRY(buf_ok(&basic, "user of an address", err));
	TRY(str_printf(&shown, err, "%.*s%s", (int)(host - url), url, at + 1));
	TRY(str_set(ret_basic, basic.data, err));
	free(*ret_url);
	*ret_url = take_ptr(shown);
	return 0;
}

/* Where the next address' authority begins; *ret_n: how long its user information is. */
static char *next_user(char *text, size_t *ret_n)
{
	char *scheme = strstr(text, "://"), *host = scheme ? scheme + 3 : NULL;
	const char *at = host ? memrchr(host, '@', strcspn(host, "/?# \t\r\n\"'")) : NULL;

	*ret_n = at ? (size_t)(at - host) : 0;
	return host;
}

void url_hide_users(char *text)
{
	static const char hidden[] = "xxxxx";
	size_t n;

	for (char *host = next_user(text, &n); host; host = next_user(host, &n)) {
		size_t keep = n < strlen(hidden) ? n : strlen(hidden);
		memcpy(host, hidden, keep);
		memmove(host + keep, host + n, strlen(host + n) + 1);
	}
}
