/* SPDX-License-Identifier: Apache-2.0
 * worker/registry.c - one repository: finding out how to talk, then talking, patiently but not forever.
 *
 * First contact is GET /v2/: it says whether TLS is spoken and what authentication is wanted. Requests then carry what
 * was found; a 401 gets one fresh token, a redirect a request without credentials, a passing failure another try. */
#include "worker/registry.h"

#include <string.h>
#include <time.h>

#include "base/units.h"
#include "base/url.h"
#include "image/worker-message.h"
#include "worker/token.h"

#define REDIRECTS_MAX 6
#define WAIT_MAX_SECONDS 60
#define RESUMES_MAX 64            /* continuations of one blob that each brought something */
#define RESUME_PROGRESS (INT64_C(64) << 10)

/* ---- life ---- */
int endpoint_init(struct endpoint *e, struct op_endpoint *o, struct http_client *client, struct error *err)
{
	*e = (struct endpoint){ .o = *o, .client = client, .trust = { .ca = BUF_INIT((size_t)4 << 20) } };
	*o = (struct op_endpoint){};
	e->trust.insecure = e->o.insecure;
	e->trust.user_agent = e->o.user_agent;
	pthread_mutex_init(&e->mutex, NULL);
	if (!e->o.host || !e->o.repository || strpbrk(e->o.host, "/@?# \r\n") || strpbrk(e->o.repository, "?# \r\n"))
		return fail(err, ERROR_INVALID, "invalid registry name");
	return trust_load(&e->trust, &e->o.cert_dirs, err);
}

void endpoint_done(struct endpoint *e)
{
	fields_done(worker_ops[OP_ENDPOINT].request, &e->o);
	trust_done(&e->trust);
	free(e->base);
	free(e->token);
	challenge_done(&e->challenge);
}

/* ---- waiting ---- */
static void sleep_ns(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static int64_t retry_delay(const struct endpoint *e, int64_t attempt)
{
	if (e->o.retry_delay_ns > 0)
		return e->o.retry_delay_ns;
	return NSEC_PER_SEC << (attempt < 5 ? attempt : 5);   /* 1, 2, 4 ... 32 s */
}

static bool status_is_transient(long status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

static bool error_is_transient(const struct endpoint *e, const struct http_response *r)
{
	return r->transient && (!r->refused || e->o.patient);
}

/* Who waits is told why: the words are those of containers/common, which scripts look for. */
static void tell_retry(const struct endpoint *e, int64_t ns, int64_t attempt, const char *why)
{
	char text[NOTICE_MAX], delay[40];

	if (!e->notice || !why)
		return;
	snprintf(text, sizeof(text), "Failed, retrying in %s ... (%lld/%lld). Error: initializing %s docker://%s/%s: %s",
		 duration_format(ns, delay), (long long)attempt + 1, (long long)e->o.retries,
		 e->o.push ? "destination" : "source", e->o.host, e->o.repository, why);
	e->notice(e->notice_data, text);
}

/* Seconds, or an HTTP date (then the usual delay). A server may not park us for longer than a minute. */
static int wait_as_told(const struct endpoint *e, const struct http_response *r, int64_t attempt, const char *why,
			struct error *err)
{
	int64_t seconds, ns = retry_delay(e, attempt);

	if (!r->retry_after || !parse_i64(r->retry_after, &seconds)) {
		tell_retry(e, ns, attempt, why);
		sleep_ns(ns);
		return 0;
	}
	if (seconds > WAIT_MAX_SECONDS)
		return fail(err, ERROR_UNREACHABLE, "the registry answers %ld and wants us to wait for %lld s: try again later",
			    r->status, (long long)seconds);
	ns = seconds > 0 ? seconds * NSEC_PER_SEC : retry_delay(e, 0);
	tell_retry(e, ns, attempt, why);
	sleep_ns(ns);
	return 0;
}

void registry_pause(const struct endpoint *e, const struct http_response *r, int64_t attempt)
{
	struct error ignored;

	if (wait_as_told(e, r, attempt, NULL, &ignored) < 0)
		sleep_ns(retry_delay(e, attempt));
}

/* ---- first contact ---- */
static int take_challenges(struct endpoint *e, const struct http_response *r, struct error *err)
{
	auto_challenge best = {};

	for (size_t i = 0; i < r->challenges.n; i++) {
		auto_challenge c = {};
		TRY(challenge_parse(r->challenges.v[i], &c, err));
		if (c.scheme > best.scheme) {
			challenge_done(&best);
			best = c;
			c = (struct challenge){};
		}
	}
	challenge_done(&e->challenge);
	e->challenge = best;
	best = (struct challenge){};
	return 0;
}

static int ping_at(struct endpoint *e, const char *scheme, struct http_response *r, struct error *err)
{
	autofree char *url = NULL;

	TRY(str_printf(&url, err, "%s://%s/v2/", scheme, e->o.host));
	struct http_request q = { .method = "GET", .url = url, .out_fd = -1, .in_fd = -1, .max = 1 << 20 };
	if (http_exchange(e->client, &e->trust, &q, r, err) < 0) {
		if (strstr(err->text, "wrong version number"))
			fail(err, ERROR_UNREACHABLE, "http: server gave HTTP response to HTTPS client (use --tls-verify=false for a "
			     "registry without TLS)");
		if (r->tls_failed)
			trust_blame(err);
		return fail_wrap(err, "pinging container registry %s: Get \"%s\"", e->o.host, url);
	}
	if (r->status != 200 && r->status != 401)
		return fail(err, ERROR_UNREACHABLE, "pinging container registry %s: Get \"%s\": StatusCode: %ld", e->o.host,
			    url, r->status);
	autofree char *base = strndup(url, strlen(url) - 4);
	if (!base)
		return fail_oom(err);
	TRY(origin_parse(base, &e->origin, err));
	free(e->base);
	e->base = take_ptr(base);
	e->local = r->local;
	return r->status == 401 ? take_challenges(e, r, err) : 0;
}

/* An insecure registry may speak plain HTTP: tried second, as containers/image does. */
static int ping_once(struct endpoint *e, struct http_response *r, struct error *err)
{
	struct error first;

	if (ping_at(e, "https", r, &first) == 0)
		return 0;
	if (e->o.insecure && !r->status && first.kind != ERROR_TIMEOUT) {
		http_response_done(r);
		return ping_at(e, "http", r, err);
	}
	*err = first;
	return -1;
}

/* Called with the mutex held. */
static int ping(struct endpoint *e, struct error *err)
{
	if (e->given_up.kind != ERROR_NONE) {
		*err = e->given_up;
		return -1;
	}
	for (int64_t attempt = 0; !e->pinged; attempt++) {
		auto_http_response r = {};
		if (ping_once(e, &r, err) == 0) {
			e->pinged = true;
			break;
		}
		bool again = error_is_transient(e, &r) || status_is_transient(r.status);
		if (!again || attempt >= e->o.retries) {
			e->given_up = *err;
			return -1;
		}
		struct error why = *err;
		TRY(wait_as_told(e, &r, attempt, why.text, err));
	}
	return 0;
}

void endpoint_greet(struct endpoint *e)
{
	struct error ignored;   /* or kept in given_up */

	pthread_mutex_lock(&e->mutex);
	ping(e, &ignored);
	pthread_mutex_unlock(&e->mutex);
}

/* ---- authorization ---- */
/* The header's value, or NULL for none. used: which token it is. */
static int authorization(struct endpoint *e, unsigned refused, char **ret, unsigned *ret_used, struct error *err)
{
	TRY(ping(e, err));
	*ret_used = e->token_serial;
	if (e->o.registry_token)
		return str_printf(ret, err, "Bearer %s", e->o.registry_token);
	if (e->challenge.scheme == AUTH_BASIC)
		return e->o.username ? basic_credentials(e->o.username, e->o.password, ret, err) : 0;
	if (e->challenge.scheme != AUTH_BEARER)
		return 0;
	if (!e->token || refused == e->token_serial) {
		free(take_ptr(e->token));
		e->token_serial++;
		TRY(token_fetch(e, &e->token, err));
	}
	*ret_used = e->token_serial;
	return e->token ? str_printf(ret, err, "Bearer %s", e->token) : 0;
}

static int locked_authorization(struct endpoint *e, unsigned refused, char **ret, unsigned *ret_used,
				struct error *err)
{
	pthread_mutex_lock(&e->mutex);
	int r = authorization(e, refused, ret, ret_used, err);
	pthread_mutex_unlock(&e->mutex);
	return r;
}

/* ---- redirects ---- */
static int absolute_location(const struct endpoint *e, const char *url, const char *location, char **ret,
			     struct error *err)
{
	struct origin o;

	(void)e;
	if (strncmp(location, "http://", 7) == 0 || strncmp(location, "https://", 8) == 0)
		return str_printf(ret, err, "%s", location);
	TRY(origin_parse(url, &o, err));
	if (location[0] != '/')
		return fail(err, ERROR_CORRUPT, "a redirect to \"%.100s\" makes no sense", location);
	return str_printf(ret, err, "%s://%s:%d%s", o.scheme, o.host, o.port, location);
}

static int check_redirect(const struct endpoint *e, const struct origin *from, const struct origin *to,
			  struct error *err)
{
	if (streq(from->scheme, "https") && !streq(to->scheme, "https") && !e->o.insecure)
		return fail(err, ERROR_DENIED, "a redirect from https to http://%s is refused", to->host);
	return 0;
}

static bool is_redirect(const struct http_request *q, const struct http_response *r)
{
	return r->location && (r->status == 301 || r->status == 302 || r->status == 303 || r->status == 307 ||
			       r->status == 308) && (streq(q->method, "GET") || streq(q->method, "HEAD"));
}

/* One request and the redirects after it. Credentials only at the registry's own origin. */
static int exchange_following(struct endpoint *e, struct http_request *q, const char *url, const char *auth,
			      struct http_response *ret, struct error *err)
{
	struct origin at, next;
	autofree char *here = strdup(url);

	if (!here)
		return fail_oom(err);
	TRY(origin_parse(here, &at, err));
	for (int hops = 0; hops <= REDIRECTS_MAX; hops++) {
		bool ours = origin_equal(&at, &e->origin);
		struct http_trust plain = { .insecure = e->trust.insecure, .user_agent = e->trust.user_agent };
		q->url = here;
		q->authorization = ours ? auth : NULL;
		q->refuse_local = !ours && !e->local && !streq(at.host, e->origin.host);
		http_response_done(ret);
		TRY(http_exchange(e->client, ours ? &e->trust : &plain, q, ret, err));
		if (!is_redirect(q, ret))
			return 0;
		autofree char *location = NULL;
		TRY(absolute_location(e, here, ret->location, &location, err));
		TRY(origin_parse(location, &next, err));
		TRY(check_redirect(e, &at, &next, err));
		free(here);
		here = take_ptr(location);
		at = next;
	}
	return fail(err, ERROR_CORRUPT, "more than %d redirects", REDIRECTS_MAX);
}

/* ---- answers ---- */
static const struct {
	long status;
	enum error_kind kind;
	const char *text;
} answers[] = {
	{ 401, ERROR_DENIED, "unauthorized: authentication required" },
	{ 403, ERROR_DENIED, "requested access to the resource is denied" },
	{ 404, ERROR_NOT_FOUND, "not found" },
	{ 405, ERROR_UNSUPPORTED, "the registry does not support this" },
	{ 413, ERROR_INVALID, "the registry finds it too large" },
	{ 429, ERROR_UNREACHABLE, "too many requests to registry" },
};

static int tell_status(const struct registry_call *c, const struct http_response *r, struct error *err)
{
	if (r->status == 401 && streq0(c->q.method, "HEAD"))   /* without a body there is nothing more to be told */
		return fail(err, ERROR_DENIED, "authentication required");
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		if (answers[i].status == r->status) {
			bool manifest = r->status == 404 && str_after(c->path, "manifests/");
			return fail(err, answers[i].kind, "%s", manifest ? "manifest unknown" : answers[i].text);
		}
	return fail(err, ERROR_UNREACHABLE, "the registry answers with status %ld", r->status);
}

static bool is_ok(const struct registry_call *c, long status)
{
	if (status >= 200 && status < 300)
		return true;
	for (const int *ok = c->ok; ok && *ok; ok++)
		if (*ok == status)
			return true;
	return false;
}

static int call_url(struct endpoint *e, const struct registry_call *c, char **ret, struct error *err)
{
	if (str_after(c->path, "http"))
		return str_printf(ret, err, "%s", c->path);
	if (c->path[0] == '/')
		return str_printf(ret, err, "%s%s", e->base, c->path);
	return str_printf(ret, err, "%s/v2/%s%s%s", e->base, e->o.repository, *e->o.repository ? "/" : "", c->path);
}

static bool is_pipe(const struct http_request *q)
{
	return q->in_fd >= 0 && q->in_offset < 0;
}

/* One try: with the token at hand, and once more with a fresh one. */
static int try_call(struct endpoint *e, struct registry_call *c, struct http_response *ret, struct error *err)
{
	unsigned refused = 0;

	for (int round = 0; round < 2; round++) {
		autofree char *auth = NULL;
		autofree char *url = NULL;
		unsigned used;
		TRY(locked_authorization(e, refused, &auth, &used, err));
		TRY(call_url(e, c, &url, err));
		TRY(exchange_following(e, &c->q, url, auth, ret, err));
		if (ret->status != 401 || e->challenge.scheme != AUTH_BEARER || e->o.registry_token)
			return 0;
		pthread_mutex_lock(&e->mutex);
		int r = ret->challenges.n ? take_challenges(e, ret, err) : 0;   /* a narrower scope, perhaps */
		pthread_mutex_unlock(&e->mutex);
		TRY(r);
		refused = used;
		if (is_pipe(&c->q))
			return 0;   /* cannot be sent twice */
	}
	return 0;
}

/* Half a document is thrown away, where it can be. */
static bool may_start_over(const struct http_request *q)
{
	return q->out_fd < 0 || (lseek(q->out_fd, 0, SEEK_SET) == 0 && ftruncate(q->out_fd, 0) == 0);
}

int endpoint_call(struct endpoint *e, struct registry_call *c, struct http_response *ret, struct error *err)
{
	for (int64_t attempt = 0;; attempt++) {
		int r = try_call(e, c, ret, err);
		bool again = r < 0 ? error_is_transient(e, ret) : status_is_transient(ret->status);
		if (r == 0 && is_ok(c, ret->status))
			return 0;
		if (r == 0)
			tell_status(c, ret, err);
		if (!again || attempt >= e->o.retries || c->q.big || is_pipe(&c->q) || (ret->bytes && !may_start_over(&c->q)))
			return -1;
		if (c->q.body)
			buf_truncate(c->q.body, 0);
		struct error why = *err;
		TRY(wait_as_told(e, ret, attempt, why.text, err));
	}
}

/* ---- blobs ---- */
struct blob_get {
	struct endpoint *e;
	const char *path;
	int64_t at, end;        /* next byte wanted; size of the blob, -1 unknown */
	struct http_request *q;
};

/* One request from b->at on. 1: complete; 0: broke off for a passing reason (*err says which); -1. */
static int get_some(struct blob_get *b, struct http_response *r, struct error *err)
{
	static const int range_ok[] = { 416, 0 };
	auto_strv headers = {};
	struct registry_call c = { .q = *b->q, .path = b->path, .ok = range_ok };

	if (b->q->until > 0)
		TRY(strv_addf(&headers, err, "Range: bytes=%lld-%lld", (long long)b->at, (long long)b->q->until - 1));
	else if (b->at > 0)
		TRY(strv_addf(&headers, err, "Range: bytes=%lld-", (long long)b->at));
	c.q.headers = &headers;
	c.q.skip = b->at;   /* a registry that ignores Range starts over */
	c.q.max = b->end >= 0 ? b->end - b->at : b->q->max;
	c.q.big = true;
	int n = try_call(b->e, &c, r, err);
	b->at += r->bytes;
	if (n < 0)
		return error_is_transient(b->e, r) ? 0 : -1;
	if (status_is_transient(r->status))
		return tell_status(&c, r, err), 0;
	if (!is_ok(&c, r->status) || r->status == 416)
		return tell_status(&c, r, err);
	if (b->end >= 0 && b->at < b->end) {
		fail(err, ERROR_UNREACHABLE, "the registry sent %lld of %lld bytes", (long long)b->at, (long long)b->end);
		return 0;
	}
	return 1;
}

int endpoint_get_blob(struct endpoint *e, const char *digest, int64_t offset, int64_t size,
		      struct http_request *q, int64_t *ret_bytes, struct error *err)
{
	autofree char *path = NULL;
	int64_t failures = 0;

	TRY(str_printf(&path, err, "blobs/%s", digest));
	struct blob_get b = { e, path, offset, size, q };
	for (int tries = 0; size < 0 || b.at < size || tries == 0; tries++) {
		auto_http_response r = {};
		int64_t before = b.at;
		if (size >= 0 && b.at == size && offset == size)
			break;   /* everything was there already */
		int n = get_some(&b, &r, err);
		if (n < 0)
			return fail_wrap(err, "blob %s", digest);
		if (n > 0)
			break;
		failures = b.at - before >= RESUME_PROGRESS ? 0 : failures + 1;
		if (failures > e->o.retries || tries >= RESUMES_MAX)
			return fail_wrap(err, "blob %s", digest);
		struct error why = *err;
		if (wait_as_told(e, &r, failures ? failures - 1 : 0, why.text, err) < 0)
			return fail_wrap(err, "blob %s: %s", digest, why.text);
	}
	*ret_bytes = b.at - offset;
	return 0;
}

/* ---- plain URLs ---- */
int http_get_url(struct http_client *c, const struct http_trust *trust, const char *url, struct http_request *q,
		 struct http_response *ret, struct error *err)
{
	struct endpoint e = { .client = c, .trust = *trust, .local = true };
	autofree char *shown = NULL, *auth = NULL;

	TRY(url_take_user(url, &shown, &auth, err));
	url = shown;
	TRY(origin_parse(url, &e.origin, err));
	TRY(exchange_following(&e, q, url, auth, ret, err));
	if (ret->status < 200 || ret->status >= 300)
		return fail(err, ret->status == 404 ? ERROR_NOT_FOUND : ERROR_UNREACHABLE, "%s: invalid response status %ld",
			    url, ret->status);
	return 0;
}
