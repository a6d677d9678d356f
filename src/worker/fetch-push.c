/* SPDX-License-Identifier: Apache-2.0
 * worker/fetch-push.c - giving blobs and manifests to a registry (distribution spec, "Push").
 * A blob goes in one PUT (monolithic upload): POST names the place, PUT brings the bytes and the digest. A registry, or a
 * proxy before it, that does not take so much at once gets it in chunks. A blob that is being made goes in one PATCH
 * while it is made, and its digest in a PUT afterwards. */
#include "worker/fetch.h"

#include <string.h>
#include <sys/stat.h>

#include "base/units.h"

#define CHUNK_BYTES (INT64_C(32) << 20)

static int prepare_blob(struct task *t, const struct op_get *a, struct endpoint **ret, struct error *err)
{
	struct digest d;

	TRY(digest_parse(a->reference, &d, err));
	return fetch_endpoint(t, a->endpoint, ret, err);
}

int fetch_has_blob(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	static const int missing[] = { 404, 0 };
	auto_http_response r = {};
	autofree char *path = NULL;
	struct endpoint *e;

	TRY(prepare_blob(t, a, &e, err));
	TRY(str_printf(&path, err, "blobs/%s", a->reference));
	struct registry_call c = { .path = path, .ok = missing };
	c.q = (struct http_request){ .method = "HEAD", .out_fd = -1, .in_fd = -1 };
	if (endpoint_call(e, &c, &r, err) < 0)
		return fail_wrap(err, "checking whether a blob %s exists in %s/%s", a->reference, e->o.host, e->o.repository);
	ret->found = r.status == 200;
	ret->bytes = r.length;
	return 0;
}

/* POST: where to, or (mounted from another repository) there already. */
static int open_upload(struct endpoint *e, const struct op_get *a, char **ret_location, bool *ret_mounted,
		       struct error *err)
{
	auto_http_response r = {};
	autofree char *path = NULL;

	if (a->mount_from)
		TRY(str_printf(&path, err, "blobs/uploads/?mount=%s&from=%s", a->reference, a->mount_from));
	else
		TRY(str_printf(&path, err, "blobs/uploads/"));
	struct registry_call c = { .path = path };
	c.q = (struct http_request){ .method = "POST", .out_fd = -1, .in_fd = -1 };
	TRY(endpoint_call(e, &c, &r, err));
	*ret_mounted = r.status == 201;
	if (*ret_mounted)
		return 0;
	if (r.status != 202 || !r.location)
		return fail(err, ERROR_CORRUPT, "the registry accepts an upload but does not say where to");
	*ret_location = take_ptr(r.location);
	return 0;
}

/* The bytes of one blob: a range of a file, or a pipe of known length. */
struct upload {
	struct task *task;
	struct endpoint *e;
	const char *digest;
	int fd;
	int64_t offset, size;   /* offset -1: a pipe */
};

static int add_digest(const char *location, const char *digest, char **ret, struct error *err)
{
	return str_printf(ret, err, "%s%cdigest=%s", location, strchr(location, '?') ? '&' : '?', digest);
}

static int send_bytes(const struct upload *u, const char *location, struct http_response *r, struct error *err)
{
	autofree char *path = NULL;

	TRY(add_digest(location, u->digest, &path, err));
	struct registry_call c = { .path = path };
	c.q = (struct http_request){ .method = "PUT", .out_fd = -1, .in_fd = u->fd, .in_offset = u->offset, .in_size = u->size,
				     .big = true, .progress = fetch_tell_progress, .progress_data = u->task };
	TRY(endpoint_call(u->e, &c, r, err));
	return r->status == 201 || r->status == 204 ? 0 : fail(err, ERROR_UNREACHABLE, "the registry answers %ld", r->status);
}

/* PATCH by PATCH (distribution spec, "Pushing a blob in chunks"), for who takes no large request. */
static int send_chunk(const struct upload *u, int64_t at, char **location, struct error *err)
{
	auto_http_response r = {};
	auto_strv headers = {};
	int64_t n = u->size - at < CHUNK_BYTES ? u->size - at : CHUNK_BYTES;

	TRY(strv_addf(&headers, err, "Content-Range: %lld-%lld", (long long)at, (long long)(at + n - 1)));
	struct registry_call c = { .path = *location };
	c.q = (struct http_request){ .method = "PATCH", .headers = &headers, .out_fd = -1, .in_fd = u->fd,
				     .in_offset = u->offset + at, .in_size = n };
	TRY(endpoint_call(u->e, &c, &r, err));
	if (r.location) {
		free(*location);
		*location = take_ptr(r.location);
	}
	return 0;
}

/* The bytes are there: PUT without any. */
static int end_upload(struct endpoint *e, const char *location, const char *digest, struct http_response *r,
		      struct error *err)
{
	autofree char *path = NULL;

	TRY(add_digest(location, digest, &path, err));
	struct registry_call c = { .path = path };
	c.q = (struct http_request){ .method = "PUT", .out_fd = -1, .in_fd = -1 };
	return endpoint_call(e, &c, r, err);
}

static int send_chunks(const struct upload *u, char **location, struct http_response *r, struct error *err)
{
	for (int64_t at = 0; at < u->size; at += CHUNK_BYTES)
		TRY(send_chunk(u, at, location, err));
	return end_upload(u->e, *location, u->digest, r, err);
}

static bool wants_chunks(long status)
{
	return status == 413 || status == 405 || status == 501;
}

/* One attempt. Nothing to send when it could be mounted. */
static int upload_once(const struct upload *u, const struct op_get *a, bool *chunks, bool *ret_mounted,
		       struct http_response *r, struct error *err)
{
	autofree char *location = NULL;

	TRY(open_upload(u->e, a, &location, ret_mounted, err));
	if (*ret_mounted)
		return 0;
	if (*chunks)
		return send_chunks(u, &location, r, err);
	if (send_bytes(u, location, r, err) == 0)
		return 0;
	*chunks = u->offset >= 0 && wants_chunks(r->status);
	return -1;
}

static int upload_range(struct task *t, const struct op_get *a, struct upload *u, struct error *err)
{
	struct stat st;

	*u = (struct upload){ .task = t, .e = u->e, .digest = a->reference, .fd = t->r.fds[0], .offset = a->in_offset,
			      .size = a->size };
	if (t->r.n_fds != 1 || fstat(u->fd, &st) < 0)
		return fail(err, ERROR_INVALID, "blob %s: bad request", a->reference);
	if (u->offset < 0)
		return 0;
	if (!S_ISREG(st.st_mode))
		return fail(err, ERROR_INVALID, "blob %s: not a file", a->reference);
	if (u->size <= 0)
		u->size = st.st_size - u->offset;
	return 0;
}

/* A registry that cannot mount opens an upload instead: it is taken back. */
static int try_mount(struct endpoint *e, const struct op_get *a, struct op_got *ret, struct error *err)
{
	static const int any[] = { 400, 404, 405, 0 };
	autofree char *location = NULL;
	auto_http_response r = {};
	struct error ignored;

	if (open_upload(e, a, &location, &ret->found, err) < 0)
		return fail_wrap(err, "mounting blob %s from %s", a->reference, a->mount_from);
	if (ret->found)
		return 0;
	struct registry_call c = { .path = location, .ok = any };
	c.q = (struct http_request){ .method = "DELETE", .out_fd = -1, .in_fd = -1 };
	endpoint_call(e, &c, &r, &ignored);
	return 0;
}

int fetch_put_blob(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	struct upload u = {};
	bool chunks = false;

	TRY(prepare_blob(t, a, &u.e, err));
	if (a->mount_only)
		return try_mount(u.e, a, ret, err);
	TRY(upload_range(t, a, &u, err));
	for (int64_t attempt = 0;; attempt++) {
		auto_http_response r = {};
		bool before = chunks;
		if (upload_once(&u, a, &chunks, &ret->found, &r, err) == 0)
			break;
		if (chunks && !before)
			continue;
		if (!(r.transient || r.status >= 500) || attempt >= u.e->o.retries || u.offset < 0)
			return fail_wrap(err, "writing blob %s to %s/%s", a->reference, u.e->o.host, u.e->o.repository);
		registry_pause(u.e, &r, attempt);
	}
	ret->bytes = u.size;
	return 0;
}

static int put_stream(struct task *t, struct endpoint *e, const struct op_get *a, struct op_got *ret, struct error *err)
{
	auto_http_response r = {};
	autofree char *location = NULL;
	bool mounted;

	TRY(open_upload(e, a, &location, &mounted, err));
	struct registry_call c = { .path = location };
	c.q = (struct http_request){ .method = "PATCH", .out_fd = -1, .in_fd = t->r.fds[0], .in_offset = -1, .in_size = -1,
				     .big = true, .progress = fetch_tell_progress, .progress_data = t };
	TRY(endpoint_call(e, &c, &r, err));
	ret->next = r.location ? take_ptr(r.location) : take_ptr(location);
	return 0;
}

int fetch_put_stream(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	struct endpoint *e;

	TRY(fetch_endpoint(t, a->endpoint, &e, err));
	if (t->r.n_fds != 1 || a->mount_from)
		return fail(err, ERROR_INVALID, "blob: bad request");
	return put_stream(t, e, a, ret, err) < 0 ? fail_wrap(err, "writing a blob to %s/%s", e->o.host, e->o.repository) : 0;
}

int fetch_put_end(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	auto_http_response r = {};
	struct endpoint *e;

	(void)ret;
	TRY(prepare_blob(t, a, &e, err));
	if (!a->location)
		return fail(err, ERROR_INVALID, "blob %s: bad request", a->reference);
	if (end_upload(e, a->location, a->reference, &r, err) < 0)
		return fail_wrap(err, "writing blob %s to %s/%s", a->reference, e->o.host, e->o.repository);
	return 0;
}

int fetch_put_manifest(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	autofree char *path = NULL;
	auto_http_response r = {};
	struct endpoint *e;
	struct stat st;

	TRY(fetch_endpoint(t, a->endpoint, &e, err));
	if (fstat(t->r.fds[0], &st) < 0 || st.st_size > (off_t)MANIFEST_BYTES_MAX || !a->media_type)
		return fail(err, ERROR_INVALID, "manifest: bad request");
	TRY(str_printf(&path, err, "manifests/%s", a->reference));
	struct registry_call c = { .path = path };
	c.q = (struct http_request){ .method = "PUT", .out_fd = -1, .in_fd = t->r.fds[0], .in_size = st.st_size,
				     .upload_type = a->media_type };
	if (endpoint_call(e, &c, &r, err) < 0)
		return fail_wrap(err, "writing manifest %s to %s/%s", a->reference, e->o.host, e->o.repository);
	ret->digest = take_ptr(r.digest);
	return 0;
}
