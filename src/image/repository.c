/* SPDX-License-Identifier: Apache-2.0
 * image/repository.c - documents of one repository. */
#include "image/repository.h"

#include <string.h>

#include "base/json.h"
#include "base/sha256.h"
#include "os/file.h"

#define PAGES_MAX 100
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"

struct repository {
	struct worker *fetch;
	int64_t endpoint;
};

void repository_dismiss(struct repository *r)
{
	if (r)
		worker_dismiss(r->fetch);
}

void repository_free(struct repository *r)
{
	if (!r)
		return;
	worker_free(r->fetch);
	free(r);
}

void repository_document_done(struct repository_document *d)
{
	free(d->bytes);
	free(d->media_type);
	*d = (struct repository_document){};
}

int repository_switch(struct repository *r, const struct op_endpoint *endpoint, struct error *err)
{
	struct op_number n = {};

	TRY(worker_call(r->fetch, OP_ENDPOINT, endpoint, NULL, 0, &n, NULL, err));
	r->endpoint = n.n;
	return 0;
}

int repository_open(const struct repository_options *o, const struct op_endpoint *endpoint, struct repository **ret,
		  struct error *err)
{
	auto_repository *r = calloc(1, sizeof(*r));
	const struct op_setup setup = { .read_paths = endpoint->cert_dirs };

	if (!r) {
		worker_free(o->fetcher);
		return fail_oom(err);
	}
	r->fetch = o->fetcher;
	if (!r->fetch)
		TRY(worker_begin(WORKER_FETCH, o->worker, o->log, &r->fetch, err));
	TRY(worker_set_up(r->fetch, &setup, -1, err));
	TRY(worker_tell(r->fetch, OP_ENDPOINT, endpoint, err));   /* it will be number 0 */
	*ret = take_ptr(r);
	return 0;
}

struct worker *repository_worker(const struct repository *r)
{
	return r->fetch;
}

int64_t repository_endpoint(const struct repository *r)
{
	return r->endpoint;
}

/* ---- hashing ---- */
static void digest_of(const void *bytes, size_t len, char ret[DIGEST_TEXT_MAX])
{
	sha256_text(bytes, len, ret);
}

int repository_digest(struct repository *r, const void *bytes, size_t len, char *ret, struct error *err)
{
	(void)r, (void)err;
	digest_of(bytes, len, ret);
	return 0;
}

/* ---- reading ---- */
/* One request whose answer lands in memory. 1; 0: not found. */
static int get(struct repository *r, enum worker_op op, const struct op_get *q, size_t max, struct repository_document *ret,
	       char **ret_next, struct error *err)
{
	autoclose int fd = file_memfd("umiak-document", err);
	struct op_got got = {};

	if (fd < 0)
		return -1;
	if (worker_call(r->fetch, op, q, &fd, 1, &got, NULL, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	ret->media_type = take_ptr(got.media_type);
	bool found = op != OP_GET_PATH || got.found;
	if (ret_next)
		*ret_next = take_ptr(got.next);
	fields_done(worker_ops[op].reply, &got);
	if (!found)
		return 0;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	TRY(file_read_fd(fd, "document", max, &ret->bytes, &ret->len, err));
	if (op != OP_GET_PATH)
		digest_of(ret->bytes, ret->len, ret->digest);
	return 1;
}

static int check_digest(const struct repository_document *d, const char *want, struct error *err)
{
	if (!digest_is_valid(want) || streq(d->digest, want))
		return 0;
	if (strncmp(want, "sha256:", 7) != 0)
		return fail(err, ERROR_UNSUPPORTED, "%s: only sha256 digests are supported here", want);
	return fail(err, ERROR_CORRUPT, "digest is %s, expected %s", d->digest, want);
}

int repository_get_manifest(struct repository *r, const char *reference, struct repository_document *ret, struct error *err)
{
	struct op_get q = { .endpoint = r->endpoint, .reference = (char *)(uintptr_t)reference, .size = -1 };
	int n = get(r, OP_GET_MANIFEST, &q, MANIFEST_BYTES_MAX, ret, NULL, err);

	return n <= 0 ? n : check_digest(ret, reference, err) < 0 ? fail_wrap(err, "manifest %s", reference) : 1;
}

int repository_get_blob(struct repository *r, const char *digest, size_t max, struct repository_document *ret, struct error *err)
{
	struct op_get q = { .endpoint = r->endpoint, .reference = (char *)(uintptr_t)digest, .size = -1, .max = (int64_t)max };
	int n = get(r, OP_GET_BLOB, &q, max, ret, NULL, err);

	if (n == 0)
		return fail(err, ERROR_NOT_FOUND, "blob %s: the registry does not have it", digest);
	return n < 0 ? n : check_digest(ret, digest, err) < 0 ? fail_wrap(err, "blob %s", digest) : 0;
}

int repository_get_path(struct repository *r, const char *path, struct repository_document *ret, char **ret_next,
		      struct error *err)
{
	struct op_get q = { .endpoint = r->endpoint, .reference = (char *)(uintptr_t)path, .size = -1,
			    .media_type = (char *)(uintptr_t)"application/json, " INDEX_TYPE };

	return get(r, OP_GET_PATH, &q, MANIFEST_BYTES_MAX, ret, ret_next, err);
}

int repository_ping(struct repository *r, struct error *err)
{
	auto_repository_document d = {};

	return repository_get_path(r, "/v2/", &d, NULL, err) < 0 ? -1 : 0;
}

int repository_list_tags_of(struct worker *fetch, int64_t endpoint, struct strv *ret, struct error *err)
{
	struct op_get q = { .endpoint = endpoint };
	autoclose int fd = file_memfd("umiak-tags", err);
	autofree char *text = NULL;
	size_t len;

	if (fd < 0)
		return -1;
	TRY(worker_call(fetch, OP_LIST_TAGS, &q, &fd, 1, NULL, NULL, err));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	TRY(file_read_fd(fd, "tags", (size_t)64 << 20, &text, &len, err));
	for (char *line = text, *end; line && *line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
		if (*line)
			TRY(strv_add(ret, line, err));
	}
	return 0;
}

int repository_list_tags(struct repository *r, struct strv *ret, struct error *err)
{
	return repository_list_tags_of(r->fetch, r->endpoint, ret, err);
}

/* ---- writing ---- */
int repository_put_manifest(struct repository *r, const char *reference, const char *media_type, const void *bytes, size_t len,
			  char *ret_digest, struct error *err)
{
	struct op_get q = { .endpoint = r->endpoint, .reference = (char *)(uintptr_t)reference,
			    .media_type = (char *)(uintptr_t)media_type };
	struct op_got got = {};
	char digest[DIGEST_TEXT_MAX];
	autoclose int fd = file_memfd_data("umiak-document", bytes, len, err);

	if (fd < 0)
		return -1;
	digest_of(bytes, len, digest);
	if (digest_is_valid(reference) && !streq(reference, digest) && strncmp(reference, "sha256:", 7) == 0)
		return fail(err, ERROR_INVALID, "the manifest's digest is %s, it cannot be written as %s", digest, reference);
	TRY(worker_call(r->fetch, OP_PUT_MANIFEST, &q, &fd, 1, &got, NULL, err));
	bool differs = got.digest && strncmp(got.digest, "sha256:", 7) == 0 && !streq(got.digest, digest);
	fields_done(worker_ops[OP_PUT_MANIFEST].reply, &got);
	if (ret_digest)
		snprintf(ret_digest, DIGEST_TEXT_MAX, "%s", digest);
	return differs ? fail(err, ERROR_CORRUPT, "the registry stored another manifest than was sent") : 0;
}

int repository_delete_manifest(struct repository *r, const char *reference, struct error *err)
{
	autofree char *path = NULL;
	struct op_got got = {};

	TRY(str_printf(&path, err, "manifests/%s", reference));
	struct op_get q = { .endpoint = r->endpoint, .reference = path };
	TRY(worker_call(r->fetch, OP_DELETE, &q, NULL, 0, &got, NULL, err));
	bool found = got.found;
	fields_done(worker_ops[OP_DELETE].reply, &got);
	return found;
}

int repository_has_blob(struct repository *r, const char *digest, struct error *err)
{
	struct op_get q = { .endpoint = r->endpoint, .reference = (char *)(uintptr_t)digest };
	struct op_got got = {};

	TRY(worker_call(r->fetch, OP_HAS_BLOB, &q, NULL, 0, &got, NULL, err));
	bool found = got.found;
	fields_done(worker_ops[OP_HAS_BLOB].reply, &got);
	return found;
}

int repository_put_blob_file(struct repository *r, const char *digest, int fd, const char *mount_from, struct error *err)
{
	struct op_get q = { .endpoint = r->endpoint, .reference = (char *)(uintptr_t)digest,
			    .mount_from = (char *)(uintptr_t)mount_from };
	struct op_got got = {};
	int there = repository_has_blob(r, digest, err);

	if (there)
		return there < 0 ? there : 0;
	TRY(worker_call(r->fetch, OP_PUT_BLOB, &q, &fd, 1, &got, NULL, err));
	fields_done(worker_ops[OP_PUT_BLOB].reply, &got);
	return 0;
}

/* The worker wants a regular file that can be read twice: a sealed memfd is one. */
int repository_put_blob(struct repository *r, const void *bytes, size_t len, char *ret_digest, struct error *err)
{
	char digest[DIGEST_TEXT_MAX];
	autoclose int fd = file_memfd_data("umiak-document", bytes, len, err);

	if (fd < 0)
		return -1;
	digest_of(bytes, len, digest);
	if (ret_digest)
		snprintf(ret_digest, DIGEST_TEXT_MAX, "%s", digest);
	return repository_put_blob_file(r, digest, fd, NULL, err);
}

/* ---- referrers ---- */
static void referrers_tag(const char *digest, char out[DIGEST_TEXT_MAX])
{
	snprintf(out, DIGEST_TEXT_MAX, "%s", digest);
	char *colon = strchr(out, ':');
	if (colon)
		*colon = '-';
}

static int parse_index(const struct repository_document *d, struct json_object **ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = MANIFEST_BYTES_MAX, .max_depth = 32, .unique_keys = true };

	TRY(json_parse("referrers", d->bytes, d->len, &limits, ret, err));
	if (!json_get_array(*ret, "manifests"))
		return fail(err, ERROR_CORRUPT, "the registry's list of referrers is no image index");
	return 0;
}

/* Appends the entries of a further page to the first one's. */
static int add_page(struct json_object *first, const struct repository_document *page, struct error *err)
{
	auto_json *more = NULL;

	TRY(parse_index(page, &more, err));
	struct json_object *from = json_get_array(more, "manifests"), *to = json_get_array(first, "manifests");
	for (size_t i = 0; i < json_object_array_length(from); i++)
		if (json_object_array_add(to, json_object_get(json_object_array_get_idx(from, i))) < 0)
			return fail_oom(err);
	return 0;
}

static int set_index(struct repository_document *d, struct json_object *index, struct error *err)
{
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);

	json_format(&text, index, 0);
	TRY(buf_ok(&text, "index", err));
	free(d->bytes);
	d->len = text.len;
	d->bytes = buf_steal(&text);
	return d->bytes ? 0 : fail_oom(err);
}

/* 1; 0: the registry has no such API. */
static int referrers_by_api(struct repository *r, const char *digest, const char *artifact_type,
			    struct repository_document *ret, struct error *err)
{
	autofree char *path = NULL;
	autofree char *next = NULL;
	auto_json *index = NULL;

	TRY(str_printf(&path, err, "referrers/%s%s%s", digest, artifact_type ? "?artifactType=" : "",
		       artifact_type ? artifact_type : ""));
	for (char *p = path; *p; p++)   /* "application/vnd.x+json": a plus is a blank in queries */
		if (*p == '+')
			*p = '\x01';
	auto_buf url = BUF_INIT(8192);
	for (char *p = path; *p; p++)
		*p == '\x01' ? buf_add_str(&url, "%2B") : buf_add_char(&url, *p);
	TRY(buf_ok(&url, "referrers", err));
	int found = repository_get_path(r, url.data, ret, &next, err);
	if (found <= 0)
		return found < 0 && err->kind != ERROR_UNSUPPORTED ? found : 0;
	if (!ret->media_type || media_type_parse(ret->media_type) != MEDIA_OCI_INDEX)
		return 0;
	TRY(parse_index(ret, &index, err));
	for (int page = 0; next && page < PAGES_MAX; page++) {
		auto_repository_document more = {};
		autofree char *at = take_ptr(next);
		int n = repository_get_path(r, at, &more, &next, err);
		TRY(n);
		if (n)
			TRY(add_page(index, &more, err));
	}
	return set_index(ret, index, err) < 0 ? -1 : 1;
}

int repository_referrers(struct repository *r, const char *digest, const char *artifact_type, struct repository_document *ret,
		       struct error *err)
{
	char tag[DIGEST_TEXT_MAX];
	auto_json *index = NULL;
	int n = referrers_by_api(r, digest, artifact_type, ret, err);

	if (n)
		return n;
	repository_document_done(ret);
	referrers_tag(digest, tag);
	n = repository_get_manifest(r, tag, ret, err);
	if (n <= 0)
		return n;
	return parse_index(ret, &index, err) < 0 ? fail_wrap(err, "tag %s", tag) : 1;
}

static int empty_index(struct json_object **ret, struct error *err)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(err);
	TRY(json_add(o, "schemaVersion", json_object_new_int(2), err));
	TRY(json_add_str(o, "mediaType", INDEX_TYPE, err));
	TRY(json_add(o, "manifests", json_object_new_array(), err));
	*ret = take_ptr(o);
	return 0;
}

int repository_note_referrer(struct repository *r, const char *subject_digest, struct json_object *descriptor,
			   struct error *err)
{
	auto_repository_document d = {};
	auto_json *index = NULL;
	char tag[DIGEST_TEXT_MAX];
	const char *digest = json_get_str(descriptor, "digest");
	int n = referrers_by_api(r, subject_digest, NULL, &d, err);

	if (n)
		return n < 0 ? n : 0;
	repository_document_done(&d);
	referrers_tag(subject_digest, tag);
	n = repository_get_manifest(r, tag, &d, err);
	TRY(n);
	TRY(n ? parse_index(&d, &index, err) : empty_index(&index, err));
	struct json_object *list = json_get_array(index, "manifests");
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (streq0(json_get_str(json_object_array_get_idx(list, i), "digest"), digest))
			return 0;
	if (json_object_array_add(list, json_object_get(descriptor)) < 0)
		return fail_oom(err);
	TRY(set_index(&d, index, err));
	return repository_put_manifest(r, tag, INDEX_TYPE, d.bytes, d.len, NULL, err);
}
