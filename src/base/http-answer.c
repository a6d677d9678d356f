/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http-answer.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"

#define HEAD_MAX 16384

struct head {
	int status;
	bool chunked, has_length;
	uint64_t length;
	size_t size;   /* with the empty line */
};

static int bad(struct error *err, const char *what)
{
	return fail(err, ERROR_INVALID, "not an HTTP answer: %s", what);
}

/* The line at `at` without its end; the rest behind it. NULL: no whole line. */
static const char *line_end(const char *at, const char *end, const char **ret_next)
{
	const char *nl = memchr(at, '\n', (size_t)(end - at));

	if (!nl)
		return NULL;
	*ret_next = nl + 1;
	return nl > at && nl[-1] == '\r' ? nl - 1 : nl;
}

static int parse_status(const char *at, const char *end, int *ret, struct error *err)
{
	if (end - at < 12 || memcmp(at, "HTTP/1.", 7) != 0 || at[8] != ' ')
		return bad(err, "no status line");
	for (int i = 9; i < 12; i++)
		if (at[i] < '0' || at[i] > '9')
			return bad(err, "no status");
	*ret = (at[9] - '0') * 100 + (at[10] - '0') * 10 + at[11] - '0';
	return 0;
}

static int take_length(struct head *h, const char *value, struct error *err)
{
	uint64_t n;

	if (!parse_u64(value, &n) || (h->has_length && h->length != n))
		return bad(err, "Content-Length");
	h->has_length = true;
	h->length = n;
	return 0;
}

static int take_encoding(struct head *h, const char *value, struct error *err)
{
	if (strcasecmp(value, "chunked") != 0)
		return bad(err, "Transfer-Encoding is not chunked");
	h->chunked = true;
	return 0;
}

static int take_field(struct head *h, const char *at, const char *end, struct error *err)
{
	const char *colon = memchr(at, ':', (size_t)(end - at));
	char name[32], value[64];

	if (!colon)
		return bad(err, "a header without a colon");
	const char *v = colon + 1;
	while (v < end && (*v == ' ' || *v == '\t'))
		v++;
	while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if ((size_t)(colon - at) >= sizeof(name) || (size_t)(end - v) >= sizeof(value))
		return 0;   /* none that we know */
	snprintf(name, sizeof(name), "%.*s", (int)(colon - at), at);
	snprintf(value, sizeof(value), "%.*s", (int)(end - v), v);
	if (strcasecmp(name, "Content-Length") == 0)
		return take_length(h, value, err);
	return strcasecmp(name, "Transfer-Encoding") == 0 ? take_encoding(h, value, err) : 0;
}

/* 1; 0: not all of it is there. */
static int parse_head(const char *bytes, size_t len, struct head *ret, struct error *err)
{
	const char *at = bytes, *end = bytes + len, *next = NULL;
	struct head h = {};

	for (bool first = true;; first = false, at = next) {
		const char *stop = line_end(at, end, &next);
		if (!stop)
			return len > HEAD_MAX ? bad(err, "its head is too long") : 0;
		if (stop == at && !first)
			break;
		TRY(first ? parse_status(at, stop, &h.status, err) : take_field(&h, at, stop, err));
	}
	h.size = (size_t)(next - bytes);
	*ret = h;
	return 1;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The size before a chunk: at most 7 hexadecimal digits; extensions are skipped. */
static int chunk_size(const char *at, const char *end, size_t *ret, struct error *err)
{
	size_t n = 0, digits = 0;

	for (; at < end && is_hex(*at) && digits < 8; at++, digits++)
		n = n * 16 + (size_t)(*at <= '9' ? *at - '0' : (*at | 0x20) - 'a' + 10);
	if (!digits || digits > 7 || (at < end && *at != ';' && *at != ' '))
		return bad(err, "the size of a chunk");
	*ret = n;
	return 0;
}

/* 1: up to the last chunk (trailers are not waited for); 0: more must come. */
static int add_chunks(const char *at, const char *end, struct buf *body, struct error *err)
{
	const char *next;
	size_t n;

	for (;;) {
		const char *stop = line_end(at, end, &next);
		if (!stop)
			return 0;
		TRY(chunk_size(at, stop, &n, err));
		if (n == 0)
			return 1;
		if ((size_t)(end - next) < n + 1)
			return 0;
		buf_add(body, next, n);
		at = next + n;
		if (*at == '\r' && ++at == end)
			return 0;
		if (*at++ != '\n')
			return bad(err, "a chunk is longer than it says");
	}
}

int http_answer_parse(const char *bytes, size_t len, bool ended, int *ret_status, struct buf *body, struct error *err)
{
	auto_buf text = BUF_INIT(body->max);
	struct head h = {};
	int r = len ? parse_head(bytes, len, &h, err) : 0;

	if (r > 0 && h.chunked) {
		r = add_chunks(bytes + h.size, bytes + len, &text, err);
	} else if (r > 0 && h.has_length) {
		r = len - h.size >= h.length;
		if (r)
			buf_add(&text, bytes + h.size, h.length);
	} else if (r > 0) {
		r = h.status == 204 || ended;
		if (r)
			buf_add(&text, bytes + h.size, len - h.size);
	}
	if (r < 0)
		return r;
	if (r == 0)
		return ended ? bad(err, "it ends too early") : 0;
	TRY(buf_ok(&text, "HTTP answer", err));
	buf_add(body, text.data ? text.data : "", text.len);
	TRY(buf_ok(body, "HTTP answer", err));
	*ret_status = h.status;
	return 1;
}
