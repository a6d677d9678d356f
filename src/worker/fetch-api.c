/* SPDX-License-Identifier: Apache-2.0
 * worker/fetch-api.c - documents of a registry that are no manifests (referrers, catalog, search), and deletions. */
#include "worker/fetch.h"

#include <string.h>
#include <sys/stat.h>

static const int missing_ok[] = { 404, 0 };

int fetch_next_page(const char *link, char **ret, struct error *err)
{
	const char *start = link ? strchr(link, '<') : NULL, *end = start ? strchr(start, '>') : NULL;

	if (!end || !strstr(end, "next"))
		return 0;
	const char *path = strstr(start, "/v2/");
	if (!path || path > end)
		return 0;
	return str_printf(ret, err, "%.*s", (int)(end - path), path) < 0 ? -1 : 1;
}

static int check_path(const struct op_get *a, struct error *err)
{
	if (!a->reference || strpbrk(a->reference, "# \r\n") || strncmp(a->reference, "http", 4) == 0)
		return fail(err, ERROR_INVALID, "bad request path");
	return 0;
}

int fetch_get_path(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	struct endpoint *e;
	auto_http_response r = {};
	auto_strv headers = {};

	TRY(check_path(a, err));
	TRY(fetch_endpoint(t, a->endpoint, &e, err));
	if (a->media_type)
		TRY(strv_addf(&headers, err, "Accept: %s", a->media_type));
	struct registry_call c = { .path = a->reference, .ok = missing_ok };
	c.q = (struct http_request){ .method = "GET", .headers = &headers, .out_fd = t->r.fds[0], .in_fd = -1,
				     .max = a->max > 0 ? a->max : (int64_t)MANIFEST_BYTES_MAX };
	if (endpoint_call(e, &c, &r, err) < 0)
		return fail_wrap(err, "reading %s of registry %s", a->reference, e->o.host);
	ret->found = r.status != 404;
	ret->bytes = r.bytes;
	ret->media_type = take_ptr(r.content_type);
	return fetch_next_page(r.link, &ret->next, err) < 0 ? -1 : 0;
}

int fetch_delete(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	struct endpoint *e;
	auto_http_response r = {};

	TRY(check_path(a, err));
	TRY(fetch_endpoint(t, a->endpoint, &e, err));
	struct registry_call c = { .path = a->reference, .ok = missing_ok };
	c.q = (struct http_request){ .method = "DELETE", .out_fd = -1, .in_fd = -1 };
	if (endpoint_call(e, &c, &r, err) < 0)
		return fail_wrap(err, "deleting %s in %s/%s", a->reference, e->o.host, e->o.repository);
	ret->found = r.status != 404;
	return 0;
}

/* A daemon answers 200 and a stream of JSON lines, the last of which may be an error. */
static int check_stream(const struct buf *body, struct error *err)
{
	const char *text = body->data ? body->data : "", *at = strstr(text, "\"error\":\"");

	if (!at)
		return 0;
	at += strlen("\"error\":\"");
	return fail(err, ERROR_INVALID, "the daemon refuses the image: %.*s", (int)strcspn(at, "\"\n"), at);
}

int fetch_put_url(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	struct http_trust trust = {};
	auto_http_response r = {};
	auto_buf body = BUF_INIT((size_t)4 << 20);
	struct stat st;

	if (!a->socket || fstat(t->r.fds[0], &st) < 0 || !S_ISREG(st.st_mode))
		return fail(err, ERROR_INVALID, "bad request");
	struct http_request q = { .method = "POST", .out_fd = -1, .body = &body, .in_fd = t->r.fds[0], .in_size = st.st_size,
				  .upload_type = "application/x-tar", .big = true, .socket = a->socket, .max = 4 << 20 };
	TRY(http_get_url(fetch_client(t), &trust, a->reference, &q, &r, err));
	ret->bytes = st.st_size;
	return check_stream(&body, err);
}
