/* SPDX-License-Identifier: Apache-2.0
 * worker/fetch.c - the fetch role: one thread per request, blobs side by side, one set of connections and tokens.
 * When the client closes its socket the process ends, and with it whatever is under way. */
#include <pthread.h>
#include <string.h>

#include "base/json.h"
#include "os/file.h"
#include "worker/fetch.h"
#include "worker/hash.h"
#include "worker/token.h"

#define ENDPOINTS_MAX 64
#define PROGRESS_STEP (INT64_C(1) << 20)
#define TAGS_BYTES_MAX ((size_t)16 << 20)
#define TAG_PAGES_MAX 1000
#define THREAD_STACK ((size_t)1 << 20)

struct fetcher {
	struct peer *peer;
	struct http_client client;
	struct endpoint *endpoints[ENDPOINTS_MAX];
	int64_t n_endpoints;
};

struct http_client *fetch_client(struct task *t)
{
	return &t->f->client;
}

int fetch_endpoint(struct task *t, int64_t n, struct endpoint **ret, struct error *err)
{
	if (n < 0 || n >= t->f->n_endpoints)
		return fail(err, ERROR_INVALID, "no such endpoint");
	*ret = t->f->endpoints[n];
	return 0;
}

/* ---- operations ---- */
void fetch_tell_progress(void *data, int64_t bytes)
{
	struct task *t = data;
	struct error ignored;

	if (bytes - t->told < PROGRESS_STEP)
		return;
	t->told = bytes;
	peer_progress(t->f->peer, &t->r, bytes, &ignored);
}

static int get_manifest(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	struct endpoint *e;
	auto_http_response r = {};
	auto_strv headers = {};
	autofree char *path = NULL;

	TRY(fetch_endpoint(t, a->endpoint, &e, err));
	TRY(strv_addf(&headers, err, "Accept: %s", a->media_type ? a->media_type : media_accept_manifest));
	TRY(str_printf(&path, err, "manifests/%s", a->reference));
	struct registry_call c = { .path = path };
	c.q = (struct http_request){ .method = "GET", .headers = &headers, .out_fd = t->r.fds[0], .in_fd = -1,
				     .max = a->max > 0 ? a->max : (int64_t)MANIFEST_BYTES_MAX };
	if (endpoint_call(e, &c, &r, err) < 0)
		return fail_wrap(err, "%s manifest %s in %s/%s", r.status ? "reading" : "fetching", a->reference, e->o.host,
				 e->o.repository);
	ret->media_type = take_ptr(r.content_type);
	ret->digest = take_ptr(r.digest);
	ret->bytes = r.bytes;
	return 0;
}

static void hash_tee(void *data, const void *bytes, size_t len)
{
	hash_add(data, bytes, len);
}

static int get_blob(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	struct endpoint *e;
	struct digest d;
	struct http_request q = { .method = "GET", .out_fd = t->r.fds[0], .in_fd = -1, .progress = fetch_tell_progress,
				  .progress_data = t, .max = a->max > 0 ? a->max : BLOB_BYTES_MAX };
	auto_hash hash = {};
	char text[DIGEST_TEXT_MAX];

	TRY(digest_parse(a->reference, &d, err));
	TRY(fetch_endpoint(t, a->endpoint, &e, err));
	q.until = a->end;
	if (!a->verify)
		return endpoint_get_blob(e, a->reference, a->offset, a->end > 0 ? a->end : a->size, &q, &ret->bytes, err);
	TRY(hash_init(&hash, d.algorithm, err));
	q.tee = hash_tee;
	q.tee_data = &hash;
	TRY(endpoint_get_blob(e, a->reference, 0, a->size, &q, &ret->bytes, err));
	return hash_expect("blob", hash_text(&hash, text), a->reference, err);
}

static int get_url(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	CLEANUP(trust_done) struct http_trust trust = { .insecure = a->insecure, .ca = BUF_INIT((size_t)4 << 20) };
	const struct strv certs = { .v = (char **)&a->cert_dir, .n = a->cert_dir != NULL };
	auto_http_response r = {};
	struct http_request q = { .method = "GET", .out_fd = t->r.fds[0], .in_fd = -1, .big = true, .socket = a->socket,
				  .max = a->max > 0 ? a->max : BLOB_BYTES_MAX };

	TRY(trust_load(&trust, &certs, err));
	if (http_get_url(&t->f->client, &trust, a->reference, &q, &r, err) < 0)
		return r.tls_failed ? trust_blame(err) : -1;
	ret->bytes = r.bytes;
	ret->mtime = r.mtime;
	return 0;
}

/* The names, one a line; pages follow by Link (distribution spec, "Listing tags"). */
static int write_tags(struct task *t, const struct buf *body, struct error *err)
{
	struct json_limits limits = { .max_bytes = TAGS_BYTES_MAX, .max_depth = 8 };
	auto_buf out = BUF_INIT(TAGS_BYTES_MAX);
	auto_json *tree = NULL;

	TRY(json_parse("tag list", body->data ? body->data : "", body->len, &limits, &tree, err));
	struct json_object *tags = json_get_array(tree, "tags");
	for (size_t i = 0; tags && i < json_object_array_length(tags); i++) {
		const char *tag = json_object_get_string(json_object_array_get_idx(tags, i));
		if (!tag || strlen(tag) > 128 || strpbrk(tag, "\n\r/ "))
			return fail(err, ERROR_CORRUPT, "the registry lists an impossible tag");
		buf_addf(&out, "%s\n", tag);
	}
	TRY(buf_ok(&out, "tag list", err));
	return out.len ? file_write_all(t->r.fds[0], out.data, out.len, err) : 0;
}

static int list_tags(struct task *t, const struct op_get *a, struct op_got *ret, struct error *err)
{
	struct endpoint *e;
	autofree char *path = NULL;

	(void)ret;
	TRY(fetch_endpoint(t, a->endpoint, &e, err));
	TRY(str_set(&path, "tags/list", err));
	for (int page = 0; page < TAG_PAGES_MAX; page++) {
		auto_buf body = BUF_INIT(TAGS_BYTES_MAX);
		auto_http_response r = {};
		struct registry_call c = { .path = path };
		c.q = (struct http_request){ .method = "GET", .out_fd = -1, .in_fd = -1, .body = &body,
					     .max = (int64_t)TAGS_BYTES_MAX };
		if (endpoint_call(e, &c, &r, err) < 0)
			return fail_wrap(err, "listing tags of %s/%s", e->o.host, e->o.repository);
		TRY(write_tags(t, &body, err));
		autofree char *next = NULL;
		int more = fetch_next_page(r.link, &next, err);
		if (more <= 0)
			return more;
		if (streq(next, path))
			break;
		free(path);
		path = take_ptr(next);
	}
	return fail(err, ERROR_CORRUPT, "the registry's tag list does not end");
}

static fetch_handler *const handlers[OP_MAX] = {
	[OP_GET_MANIFEST] = get_manifest, [OP_GET_BLOB] = get_blob, [OP_GET_URL] = get_url, [OP_LIST_TAGS] = list_tags,
	[OP_HAS_BLOB] = fetch_has_blob, [OP_PUT_BLOB] = fetch_put_blob,
	[OP_PUT_STREAM] = fetch_put_stream, [OP_PUT_END] = fetch_put_end, [OP_PUT_MANIFEST] = fetch_put_manifest,
	[OP_PUT_URL] = fetch_put_url, [OP_GET_PATH] = fetch_get_path, [OP_DELETE] = fetch_delete, [OP_SEARCH] = fetch_search,
};

/* ---- threads ---- */
static void task_free(struct task *t)
{
	request_done(&t->r);
	free(t);
}

static void *run_task(void *data)
{
	struct task *t = data;
	struct op_got got = {};
	struct error why, ignored;

	int r = handlers[t->r.op](t, t->r.args, &got, &why);
	/* The pipe's end must be closed before the answer: its reader wants to see the end of the stream. */
	for (size_t i = 0; i < MESSAGE_FDS_MAX; i++)
		close_p(&t->r.fds[i]), t->r.fds[i] = -1;
	if (r < 0)
		peer_fail(t->f->peer, &t->r, &why, &ignored);
	else
		peer_reply(t->f->peer, &t->r, &got, -1, &ignored);
	fields_done(worker_ops[t->r.op].reply, &got);
	task_free(t);
	return NULL;
}

static int start_thread(void *(*body)(void *data), void *data, struct error *err)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	int e = pthread_create(&thread, &attr, body, data);
	pthread_attr_destroy(&attr);
	return e ? fail_with(err, e, "start a thread") : 0;
}

static int start_task(struct fetcher *f, struct request *r, struct error *err)
{
	struct task *t = calloc(1, sizeof(*t));

	if (!t)
		return fail_oom(err);
	*t = (struct task){ .f = f, .r = *r };
	*r = (struct request)REQUEST_INIT;
	if (start_thread(run_task, t, err) == 0)
		return 0;
	task_free(t);
	return -1;
}

static void *greet(void *data)
{
	endpoint_greet(data);
	return NULL;
}

/* ---- the loop ---- */
static void send_notice(void *data, const char *text)
{
	struct error ignored;

	peer_notice(data, text, &ignored);
}

static int add_endpoint(struct fetcher *f, struct request *r, struct error *err)
{
	struct op_number n = { .n = f->n_endpoints };
	struct error why;
	struct endpoint *e = calloc(1, sizeof(*e));

	if (!e || f->n_endpoints >= ENDPOINTS_MAX) {
		free(e);
		return fail(err, ERROR_INVALID, "too many registries");
	}
	if (endpoint_init(e, r->args, &f->client, &why) < 0) {
		endpoint_done(e);
		free(e);
		return peer_fail(f->peer, r, &why, err);
	}
	e->notice = send_notice;
	e->notice_data = f->peer;
	f->endpoints[f->n_endpoints++] = e;   /* for as long as the process lives */
	start_thread(greet, e, &why);   /* while the client prepares its first request */
	return peer_reply(f->peer, r, &n, -1, err);
}

int fetch_serve(struct worker_state *w, struct error *err)
{
	struct fetcher f = { .peer = &w->peer };

	http_client_init(&f.client);
	for (;;) {
		auto_request r = REQUEST_INIT;
		int n = peer_receive(&w->peer, &r, err);
		if (n < 0)
			return n;
		if (n == 0)
			_exit(0);   /* threads may still be at work on nothing */
		if (r.op == OP_ENDPOINT)
			n = add_endpoint(&f, &r, err);
		else if (handlers[r.op])
			n = start_task(&f, &r, err);
		else
			return fail(err, ERROR_CORRUPT, "%s: not now", worker_ops[r.op].name);
		TRY(n);
	}
}
