/* SPDX-License-Identifier: Apache-2.0
 * worker/http.c - one HTTP exchange by libcurl. */
#include "worker/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "os/file.h"

#define CONNECT_SECONDS 30L

struct exchange {
	const struct http_request *q;
	struct http_response *r;
	CURL *curl;
	struct error error;         /* set by a callback that broke the transfer off */
	size_t header_bytes;
	int64_t skipped, uploaded;
	/* stall detection: bytes since the window began, and time not ours */
	int64_t window_start, window_bytes, blocked;
};

void http_client_init(struct http_client *c)
{
	*c = (struct http_client){};
	pthread_mutex_init(&c->mutex, NULL);
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

void http_response_done(struct http_response *r)
{
	free(r->content_type);
	free(r->content_range);
	free(r->digest);
	free(r->location);
	free(r->link);
	free(r->retry_after);
	free(r->range);
	strv_done(&r->challenges);
	*r = (struct http_response){};
}

static CURL *take_handle(struct http_client *c)
{
	pthread_mutex_lock(&c->mutex);
	CURL *h = c->n_idle ? c->idle[--c->n_idle] : NULL;
	pthread_mutex_unlock(&c->mutex);
	return h ? h : curl_easy_init();
}

static void give_handle(struct http_client *c, CURL *h)
{
	curl_easy_reset(h);   /* options go, connections stay */
	pthread_mutex_lock(&c->mutex);
	bool kept = c->n_idle < HTTP_IDLE_MAX;
	if (kept)
		c->idle[c->n_idle++] = h;
	pthread_mutex_unlock(&c->mutex);
	if (!kept)
		curl_easy_cleanup(h);
}

/* ---- headers ---- */
static const struct {
	const char *name;
	size_t off;
} wanted_headers[] = {
	{ "content-type", offsetof(struct http_response, content_type) },
	{ "content-range", offsetof(struct http_response, content_range) },
	{ "docker-content-digest", offsetof(struct http_response, digest) },
	{ "location", offsetof(struct http_response, location) },
	{ "link", offsetof(struct http_response, link) },
	{ "retry-after", offsetof(struct http_response, retry_after) },
	{ "range", offsetof(struct http_response, range) },
};

static void forget_headers(struct http_response *r)
{
	for (size_t i = 0; i < ARRAY_LEN(wanted_headers); i++) {
		char **at = (char **)((char *)r + wanted_headers[i].off);
		free(*at);
		*at = NULL;
	}
	strv_done(&r->challenges);
}

static int take_header(struct http_response *r, const char *name, size_t n, const char *value, struct error *err)
{
	if (n == 16 && strncasecmp(name, "www-authenticate", n) == 0)
		return strv_add(&r->challenges, value, err);
	for (size_t i = 0; i < ARRAY_LEN(wanted_headers); i++)
		if (strlen(wanted_headers[i].name) == n && strncasecmp(wanted_headers[i].name, name, n) == 0)
			return str_set((char **)((char *)r + wanted_headers[i].off), value, err);
	return 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *data)
{
	struct exchange *x = data;
	char text[8192];
	size_t len = size * n;

	x->header_bytes += len;
	if (x->header_bytes > HTTP_HEADER_BYTES_MAX) {
		fail(&x->error, ERROR_CORRUPT, "the server's headers are larger than 256 KiB");
		return 0;
	}
	if (len >= 5 && strncasecmp(line, "HTTP/", 5) == 0)
		forget_headers(x->r);   /* 100 Continue, proxies: the last block counts */
	const char *colon = memchr(line, ':', len);
	if (!colon)
		return len;
	const char *value = colon + 1, *end = line + len;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
		end--;
	if ((size_t)(end - value) >= sizeof(text) || memchr(value, 0, (size_t)(end - value)))
		return len;
	memcpy(text, value, (size_t)(end - value));
	text[end - value] = '\0';
	return take_header(x->r, line, (size_t)(colon - line), text, &x->error) < 0 ? 0 : len;
}

/* ---- bodies ---- */
static int store(struct exchange *x, const char *bytes, size_t len)
{
	const struct http_request *q = x->q;

	if (q->out_fd < 0) {
		if (q->body)
			buf_add(q->body, bytes, len);
		return q->body ? buf_ok(q->body, "answer", &x->error) : 0;
	}
	int64_t before = time_monotonic();
	int r = file_write_all(q->out_fd, bytes, len, &x->error);
	x->blocked += time_monotonic() - before;
	return r;
}

static long status_of(const struct exchange *x)
{
	long status = 0;

	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool is_success(const struct exchange *x)
{
	long status = status_of(x);

	return status >= 200 && status < 300;
}

/* "bytes FROM-TO/SIZE": must start where we asked, or what came before and after would not fit together. */
static int check_range(struct exchange *x)
{
	const char *got = x->r->content_range ? str_after(x->r->content_range, "bytes ") : NULL;
	autofree char *number = got ? strndup(got, strcspn(got, "-")) : NULL;
	int64_t from;

	if (number && parse_i64(number, &from) && from == x->q->skip)
		return 0;
	return fail(&x->error, ERROR_CORRUPT, "the registry resumes at the wrong place (Content-Range: %.60s)",
		    x->r->content_range ? x->r->content_range : "none");
}

static size_t on_body(char *bytes, size_t size, size_t n, void *data)
{
	struct exchange *x = data;
	size_t len = size * n, all = len;

	x->window_bytes += (int64_t)len;
	if (!is_success(x))   /* error pages are never taken for content */
		return len;
	if (status_of(x) == 206 && x->r->bytes == 0 && check_range(x) < 0)
		return 0;
	if (x->skipped < x->q->skip && status_of(x) == 200) {
		size_t drop = x->q->skip - x->skipped < (int64_t)len ? (size_t)(x->q->skip - x->skipped) : len;
		x->skipped += (int64_t)drop;
		bytes += drop;
		len -= drop;
	}
	if (x->r->bytes + (int64_t)len > x->q->max) {
		fail(&x->error, ERROR_CORRUPT, "more than %lld bytes came", (long long)x->q->max);
		return 0;
	}
	if (len && store(x, bytes, len) < 0)
		return 0;
	if (x->q->tee)
		x->q->tee(x->q->tee_data, bytes, len);
	x->r->bytes += (int64_t)len;
	if (x->q->progress)
		x->q->progress(x->q->progress_data, x->r->bytes);
	return all;
}

static size_t on_upload(char *to, size_t size, size_t n, void *data)
{
	struct exchange *x = data;
	const struct http_request *q = x->q;
	int64_t before = time_monotonic();
	size_t want = size * n;
	ssize_t got;

	if (q->in_size >= 0 && q->in_size - x->uploaded < (int64_t)want)
		want = (size_t)(q->in_size - x->uploaded);
	do {
		got = q->in_offset < 0 ? read(q->in_fd, to, want) : pread(q->in_fd, to, want, q->in_offset + x->uploaded);
	} while (got < 0 && errno == EINTR);
	x->blocked += time_monotonic() - before;
	if (got < 0) {
		fail_errno(&x->error, "read what is to be sent");
		return CURL_READFUNC_ABORT;
	}
	if (got == 0 && q->in_size > x->uploaded) {
		fail(&x->error, ERROR_CORRUPT, "only %lld of %lld bytes are there to be sent", (long long)x->uploaded,
		     (long long)q->in_size);
		return CURL_READFUNC_ABORT;
	}
	x->window_bytes += got;
	x->uploaded += got;
	if (q->progress && q->in_fd >= 0)
		q->progress(q->progress_data, x->uploaded);
	return (size_t)got;
}

/* Called about once a second and with every piece. */
static int on_progress(void *data, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
	struct exchange *x = data;
	int64_t now = time_monotonic();

	(void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
	if (now - x->window_start - x->blocked < HTTP_STALL_SECONDS * NSEC_PER_SEC)
		return 0;
	bool stalled = x->window_bytes < HTTP_STALL_BYTES;
	x->window_start = now;
	x->window_bytes = x->blocked = 0;
	return stalled ? fail(&x->error, ERROR_TIMEOUT, "the transfer stalled: less than 1 KiB/s for %d s",
			      HTTP_STALL_SECONDS) : 0;
}

/* ---- addresses ---- */
static bool is_local_address(const char *text)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, text, &four) == 1) {
		uint32_t a = ntohl(four.s_addr);
		return a >> 24 == 127 || a >> 16 == 0xa9fe || a >> 24 == 0;
	}
	if (inet_pton(AF_INET6, text, &six) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&six))
		return six.s6_addr[12] == 127 || (six.s6_addr[12] == 169 && six.s6_addr[13] == 254);
	return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_LINKLOCAL(&six) || IN6_IS_ADDR_UNSPECIFIED(&six);
}

/* Connected, nothing sent yet: the last moment to think better of it. */
static int on_connected(void *data, char *peer, char *own, int peer_port, int own_port)
{
	struct exchange *x = data;

	(void)own, (void)peer_port, (void)own_port;
	x->r->local = is_local_address(peer);
	if (!x->q->refuse_local || !x->r->local)
		return CURL_PREREQFUNC_OK;
	fail(&x->error, ERROR_DENIED, "%.200s leads to the local address %s: refused", x->q->url, peer);
	return CURL_PREREQFUNC_ABORT;
}

/* ---- options ---- */
static void set_trust(CURL *c, const struct http_trust *t)
{
	struct curl_blob ca = { t->ca.data, t->ca.len, CURL_BLOB_NOCOPY };

	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (t->user_agent)
		curl_easy_setopt(c, CURLOPT_USERAGENT, t->user_agent);
	if (t->insecure) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (t->ca.len)
		curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &ca);
	if (t->client_cert) {
		curl_easy_setopt(c, CURLOPT_SSLCERT, t->client_cert);
		curl_easy_setopt(c, CURLOPT_SSLKEY, t->client_key);
	}
}

static void set_callbacks(struct exchange *x)
{
	CURL *c = x->curl;

	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(c, CURLOPT_PREREQDATA, x);
	if (!x->q->big) {
		curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)HTTP_DOCUMENT_SECONDS);
		return;
	}
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, x);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 512L << 10);
}

static void set_upload(struct exchange *x)
{
	CURL *c = x->curl;
	const struct http_request *q = x->q;

	if (q->upload) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(q->upload));
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->upload);
	} else if (q->in_fd >= 0) {
		curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(c, CURLOPT_READFUNCTION, on_upload);
		curl_easy_setopt(c, CURLOPT_READDATA, x);
		curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
		curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->in_size);
	} else if (!streq(q->method, "GET") && !streq(q->method, "HEAD")) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, 0L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
	}
	if (streq(q->method, "HEAD"))
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
}

static int add_header(struct curl_slist **list, const char *line, struct error *err)
{
	struct curl_slist *l = curl_slist_append(*list, line);

	if (!l)
		return fail_oom(err);
	*list = l;
	return 0;
}

static int make_headers(const struct http_request *q, struct curl_slist **list, struct error *err)
{
	char line[16384];

	TRY(add_header(list, "Expect:", err));   /* no waiting for 100 Continue */
	for (size_t i = 0; q->headers && i < q->headers->n; i++)
		TRY(add_header(list, q->headers->v[i], err));
	if (q->upload || q->in_fd >= 0) {
		snprintf(line, sizeof(line), "Content-Type: %s", q->upload_type ? q->upload_type : "application/octet-stream");
		TRY(add_header(list, line, err));
	}
	if (!q->authorization)
		return 0;
	autofree char *auth = NULL;
	TRY(str_printf(&auth, err, "Authorization: %s", q->authorization));
	return add_header(list, auth, err);
}

/* ---- what went wrong ---- */
static const struct {
	CURLcode code;
	enum error_kind kind;
	bool transient;
} codes[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, ERROR_UNREACHABLE, false }, { CURLE_COULDNT_CONNECT, ERROR_UNREACHABLE, true },
	{ CURLE_OPERATION_TIMEDOUT, ERROR_TIMEOUT, true }, { CURLE_PEER_FAILED_VERIFICATION, ERROR_UNREACHABLE, false },
	{ CURLE_SSL_CONNECT_ERROR, ERROR_UNREACHABLE, false }, { CURLE_SSL_CERTPROBLEM, ERROR_UNREACHABLE, false },
	{ CURLE_RECV_ERROR, ERROR_UNREACHABLE, true }, { CURLE_SEND_ERROR, ERROR_UNREACHABLE, true },
	{ CURLE_PARTIAL_FILE, ERROR_UNREACHABLE, true }, { CURLE_GOT_NOTHING, ERROR_UNREACHABLE, true },
	{ CURLE_WEIRD_SERVER_REPLY, ERROR_CORRUPT, false }, { CURLE_HTTP2, ERROR_UNREACHABLE, true },
	{ CURLE_HTTP2_STREAM, ERROR_UNREACHABLE, true }, { CURLE_COULDNT_RESOLVE_PROXY, ERROR_UNREACHABLE, false },
};

static int tell(struct exchange *x, CURLcode code, const char *detail, struct error *err)
{
	enum error_kind kind = ERROR_UNREACHABLE;
	long os_errno = 0;

	curl_easy_getinfo(x->curl, CURLINFO_OS_ERRNO, &os_errno);
	x->r->refused = code == CURLE_COULDNT_CONNECT && os_errno == ECONNREFUSED;
	x->r->tls_failed = code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION;
	if (x->error.kind != ERROR_NONE) {
		x->r->transient = x->error.kind == ERROR_TIMEOUT;
		*err = x->error;
		return -1;
	}
	if (x->r->refused) {
		x->r->transient = true;
		return fail(err, kind, "%.200s: connect: connection refused", *detail ? detail : "dial tcp");
	}
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return fail(err, kind, "%s: no such host", *detail ? detail : curl_easy_strerror(code));
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].code == code) {
			kind = codes[i].kind;
			x->r->transient = codes[i].transient;
		}
	return fail(err, kind, "%s", *detail ? detail : curl_easy_strerror(code));
}

static int perform(struct exchange *x, const struct http_trust *trust, struct curl_slist *headers, struct error *err)
{
	CURL *c = x->curl;
	char detail[CURL_ERROR_SIZE] = "";
	curl_off_t length = -1, mtime = -1;

	curl_easy_setopt(c, CURLOPT_FILETIME, 1L);
	curl_easy_setopt(c, CURLOPT_URL, x->q->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_MAXCONNECTS, 4L);
	if (x->q->socket)
		curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, x->q->socket);
	set_trust(c, trust);
	set_callbacks(x);
	set_upload(x);
	CURLcode code = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &x->r->status);
	curl_easy_getinfo(c, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	curl_easy_getinfo(c, CURLINFO_FILETIME_T, &mtime);
	x->r->length = length;
	x->r->mtime = mtime > 0 ? mtime : 0;
	return code == CURLE_OK ? 0 : tell(x, code, detail, err);
}

int http_exchange(struct http_client *c, const struct http_trust *trust, const struct http_request *q,
		  struct http_response *ret, struct error *err)
{
	struct exchange x = { .q = q, .r = ret, .window_start = time_monotonic() };
	struct curl_slist *headers = NULL;

	x.curl = take_handle(c);
	if (!x.curl)
		return fail_oom(err);
	int r = make_headers(q, &headers, err);
	if (r == 0)
		r = perform(&x, trust, headers, err);
	curl_slist_free_all(headers);
	give_handle(c, x.curl);
	return r;
}
