/* SPDX-License-Identifier: Apache-2.0
 * worker/token.c - Basic, bearer tokens, certs.d. */
#include "worker/token.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/json.h"
#include "os/file.h"

#define TOKEN_BYTES_MAX ((size_t)1 << 20)

/* ---- Basic ---- */
static void add_base64(struct buf *to, const char *bytes, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned char)bytes[i] << 16;
		v |= i + 1 < n ? (unsigned)(unsigned char)bytes[i + 1] << 8 : 0;
		v |= i + 2 < n ? (unsigned char)bytes[i + 2] : 0;
		buf_add_char(to, digits[v >> 18]);
		buf_add_char(to, digits[v >> 12 & 63]);
		buf_add_char(to, i + 1 < n ? digits[v >> 6 & 63] : '=');
		buf_add_char(to, i + 2 < n ? digits[v & 63] : '=');
	}
}

int basic_credentials(const char *user, const char *password, char **ret, struct error *err)
{
	auto_buf pair = BUF_INIT(8192);
	auto_buf text = BUF_INIT(16384);

	buf_addf(&pair, "%s:%s", user, password ? password : "");
	TRY(buf_ok(&pair, "credentials", err));
	buf_add_str(&text, "Basic ");
	add_base64(&text, pair.data, pair.len);
	TRY(buf_ok(&text, "credentials", err));
	*ret = buf_steal(&text);
	return *ret ? 0 : fail_oom(err);
}

/* ---- bearer ---- */
static void add_query(struct buf *url, const char *name, const char *value)
{
	buf_add_char(url, strchr(url->data, '?') ? '&' : '?');
	buf_addf(url, "%s=", name);
	for (const char *p = value; *p; p++) {
		if (isalnum((unsigned char)*p) || strchr("-._~:/,", *p))
			buf_add_char(url, *p);
		else
			buf_addf(url, "%%%02X", (unsigned char)*p);
	}
}

static void add_scopes(struct buf *url, const struct endpoint *e)
{
	auto_buf scope = BUF_INIT(4096);

	if (*e->o.repository) {
		buf_addf(&scope, "repository:%s:%s", e->o.repository, e->o.remove ? "*" : e->o.push ? "pull,push" : "pull");
		add_query(url, "scope", scope.data ? scope.data : "");
	} else if (e->o.catalog) {
		add_query(url, "scope", "registry:catalog:*");
	}
	for (size_t i = 0; i < e->o.mount_from.n; i++) {
		buf_truncate(&scope, 0);
		buf_addf(&scope, "repository:%s:pull", e->o.mount_from.v[i]);
		add_query(url, "scope", scope.data ? scope.data : "");
	}
}

static bool has_credentials(const struct endpoint *e)
{
	return e->o.username || e->o.identity_token;
}

static int parse_token(const struct buf *body, char **ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = TOKEN_BYTES_MAX, .max_depth = 16 };
	auto_json *tree = NULL;

	TRY(json_parse("token", body->data ? body->data : "", body->len, &limits, &tree, err));
	const char *token = json_get_str(tree, "token");
	if (str_empty(token))
		token = json_get_str(tree, "access_token");
	if (str_empty(token))
		return fail(err, ERROR_CORRUPT, "the token server sent no token");
	for (const char *p = token; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
			return fail(err, ERROR_CORRUPT, "the token server sent a malformed token");
	return str_set(ret, token, err);
}

struct token_request {
	struct buf url, form;
	char *auth;
	bool trusted;   /* the realm may see credentials */
};

static void token_request_done(struct token_request *t)
{
	buf_done(&t->url);
	buf_done(&t->form);
	free(t->auth);
}

static int build_request(const struct endpoint *e, struct token_request *t, struct error *err)
{
	struct origin realm;

	TRY(origin_parse(e->challenge.realm, &realm, err));
	if (streq(e->origin.scheme, "https") && streq(realm.scheme, "http") && !e->o.insecure)
		return fail(err, ERROR_DENIED, "the registry sends us to a token server without TLS (%.200s): refused",
			    e->challenge.realm);
	t->trusted = origin_may_have_credentials(&e->origin, &realm);
	buf_add_str(&t->url, e->challenge.realm);
	if (e->o.identity_token && t->trusted) {
		buf_add_str(&t->form, "?grant_type=refresh_token");   /* the '?' makes add_query() add '&' */
		add_query(&t->form, "client_id", "umiak");
		add_query(&t->form, "refresh_token", e->o.identity_token);
		if (e->challenge.service)
			add_query(&t->form, "service", e->challenge.service);
		add_scopes(&t->form, e);
		return buf_ok(&t->form, "token request", err);
	}
	if (e->challenge.service)
		add_query(&t->url, "service", e->challenge.service);
	add_scopes(&t->url, e);
	if (e->o.username && t->trusted) {
		add_query(&t->url, "account", e->o.username);
		TRY(basic_credentials(e->o.username, e->o.password, &t->auth, err));
	}
	return buf_ok(&t->url, "token request", err);
}

static int send_request(struct endpoint *e, struct token_request *t, struct error *err, char **ret)
{
	auto_buf body = BUF_INIT(TOKEN_BYTES_MAX);
	auto_http_response r = {};
	bool post = t->form.len > 0;
	struct http_request q = { .method = post ? "POST" : "GET", .url = t->url.data, .out_fd = -1, .in_fd = -1,
				  .body = &body, .max = TOKEN_BYTES_MAX, .authorization = t->auth };

	if (post) {
		q.upload = t->form.data + 1;
		q.upload_type = "application/x-www-form-urlencoded";
	}
	struct origin realm;
	TRY(origin_parse(t->url.data, &realm, err));
	q.refuse_local = !e->local && !streq(realm.host, e->origin.host);
	TRY(http_exchange(e->client, &e->trust, &q, &r, err));
	if (r.status == 401 || r.status == 403)
		return fail(err, ERROR_DENIED, "unable to retrieve auth token: %s", has_credentials(e) ?
			    "invalid username/password: unauthorized" : "authentication required (use umiak login)");
	if (r.status != 200)
		return fail(err, ERROR_UNREACHABLE, "unable to retrieve auth token: the server answers with status %ld",
			    r.status);
	return parse_token(&body, ret, err);
}

int token_fetch(struct endpoint *e, char **ret, struct error *err)
{
	CLEANUP(token_request_done) struct token_request t = { .url = BUF_INIT(32768), .form = BUF_INIT(65536) };

	if (!e->challenge.realm)
		return fail(err, ERROR_CORRUPT, "the registry asks for a token but names no token server");
	TRY(build_request(e, &t, err));
	if (send_request(e, &t, err, ret) < 0)
		return fail_wrap(err, "registry %s", e->o.host);
	return 0;
}

/* ---- certs.d ---- */
static int add_authority(struct http_trust *t, int dirfd, const char *name, struct error *err)
{
	autofree char *pem = NULL;
	size_t len;

	TRY(file_read(dirfd, name, (size_t)1 << 20, &pem, &len, err));
	buf_add(&t->ca, pem, len);
	buf_add_char(&t->ca, '\n');
	return buf_ok(&t->ca, "certificates", err);
}

static int add_client(struct http_trust *t, const char *dir, const char *cert, struct error *err)
{
	size_t stem = strlen(cert) - strlen(".cert");

	if (t->client_cert)
		return 0;
	TRY(str_printf(&t->client_cert, err, "%s/%s", dir, cert));
	TRY(str_printf(&t->client_key, err, "%s/%.*s.key", dir, (int)stem, cert));
	if (access(t->client_key, F_OK) < 0)
		return fail(err, ERROR_INVALID, "missing key %s for client certificate %s", t->client_key, cert);
	return 0;
}

static int load_directory(struct http_trust *t, const char *dir, struct error *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0 : fail_errno(err, "%s", dir);
	while (r == 0 && (e = file_next_entry(d, dir, &r, err))) {
		if (str_ends(e->d_name, ".crt"))
			r = add_authority(t, dirfd(d), e->d_name, err);
		else if (str_ends(e->d_name, ".cert"))
			r = add_client(t, dir, e->d_name, err);
	}
	closedir(d);
	return r < 0 ? fail_wrap(err, "%s", dir) : 0;
}

void trust_done(struct http_trust *t)
{
	buf_done(&t->ca);
	free(t->client_cert);
	free(t->client_key);
}

int trust_blame(struct error *err)
{
	bool unknown = strstr(err->text, "self-signed") || strstr(err->text, "local issuer");

	return fail_wrap(err, "tls: failed to verify certificate: x509%s", unknown ? ": certificate signed by unknown authority" : "");
}

int trust_load(struct http_trust *t, const struct strv *dirs, struct error *err)
{
	for (size_t i = 0; i < dirs->n; i++)
		TRY(load_directory(t, dirs->v[i], err));
	return 0;
}
