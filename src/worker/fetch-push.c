/* SPDX-License-Identifier: Apache-2.0
 * worker/fetch-push.c - giving blobs and manifests to a registry (distribution spec, "Push").
 * A blob goes in one PUT (monolithic upload): POST names the place, PUT brings the bytes and the digest. */
#include "worker/fetch.h"

#include <string.h>
#include <sys/stat.h>

#include "base/units.h"

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

static int send_bytes(struct endpoint *e, const char *location, const struct op_get *a, int fd, int64_t size,
		      struct http_response *r, struct error *err)
{
	autofree char *path = NULL;

	TRY(str_printf(&path, err, "%s%cdigest=%s", location, strchr(location, '?') ? '&' : '?', a->reference));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	struct registry_call c = { .path = path };
	c.q = (struct http_request){ .method = "PUT", .out_fd = -1, .in_fd = fd, .in_size = size, .big = true };
	TRY(endpoint_call(e, &c, r, err));
	return r->status == 201 || r->status == 204 ? 0 : fail(err, ERROR_UNREACHABLE, "the registry answers %ld", r->status);
}

int fetch_put_blob(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	struct endpoint *e;
	struct stat st;

	TRY(prepare_blob(t, a, &e, err));
	if (fstat(t->r.fds[0], &st) < 0 || !S_ISREG(st.st_mode))
		return fail(err, ERROR_INVALID, "blob %s: not a file", a->reference);
	for (int64_t attempt = 0;; attempt++) {
		auto_http_response r = {};
		autofree char *location = NULL;
		int n = open_upload(e, a, &location, &ret->found, err);
		if (n == 0 && !ret->found)
			n = send_bytes(e, location, a, t->r.fds[0], st.st_size, &r, err);
		if (n == 0) {
			ret->bytes = st.st_size;
			return 0;
		}
		if (!(r.transient || r.status >= 500) || attempt >= e->o.retries)
			return fail_wrap(err, "writing blob %s to %s/%s", a->reference, e->o.host, e->o.repository);
		registry_pause(e, &r, attempt);
	}
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
	if (lseek(t->r.fds[0], 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	struct registry_call c = { .path = path };
	c.q = (struct http_request){ .method = "PUT", .out_fd = -1, .in_fd = t->r.fds[0], .in_size = st.st_size,
				     .upload_type = a->media_type };
	if (endpoint_call(e, &c, &r, err) < 0)
		return fail_wrap(err, "writing manifest %s to %s/%s", a->reference, e->o.host, e->o.repository);
	ret->digest = take_ptr(r.digest);
	return 0;
}
