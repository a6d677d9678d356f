/* SPDX-License-Identifier: Apache-2.0
 * worker/sigstore-bundle.c - a transparency log's promise that it took a signature in ("signed entry timestamp").
 *
 * The log signs the canonical JSON (RFC 8785) of its entry's four members. The entry's body is a "hashedrekord", which
 * must be about this payload, this signature and this key: otherwise it vouches for something else. */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "worker/sigstore.h"

#define BUNDLE_BYTES_MAX ((size_t)1 << 20)

static int parse(const char *what, const char *text, size_t len, struct json_object **ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = BUNDLE_BYTES_MAX, .max_depth = 16, .unique_keys = true };

	return json_parse(what, text, len, &limits, ret, err);
}

static const char *need_text(struct json_object *o, const char *name, struct error *err)
{
	const char *s = o ? json_get_str(o, name) : NULL;

	if (!s)
		(void)fail(err, ERROR_CORRUPT, "Rekor bundle: \"%s\" is missing", name);
	return s;
}

static int need_number(struct json_object *o, const char *name, int64_t *ret, struct error *err)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, json_type_int))
		return fail(err, ERROR_CORRUPT, "Rekor bundle: \"%s\" is missing", name);
	*ret = json_object_get_int64(v);
	return 0;
}

/* ---- the log's signature ---- */
static int canonical(struct json_object *payload, struct buf *to, int64_t *ret_time, struct error *err)
{
	const char *body = need_text(payload, "body", err), *log = body ? need_text(payload, "logID", err) : NULL;
	int64_t index;

	if (!log)
		return -1;
	TRY(need_number(payload, "integratedTime", ret_time, err));
	TRY(need_number(payload, "logIndex", &index, err));
	buf_add_str(to, "{\"body\":");
	json_write_string(to, body, strlen(body), false);
	buf_addf(to, ",\"integratedTime\":%lld,\"logID\":", (long long)*ret_time);
	json_write_string(to, log, strlen(log), false);
	buf_addf(to, ",\"logIndex\":%lld}", (long long)index);
	return buf_ok(to, "Rekor bundle", err);
}

static int check_log(const struct buf *text, const char *set, const struct strv *keys, struct error *err)
{
	auto_buf signature = BUF_INIT(8192);

	TRY(base64_decode(set, &signature, err));
	for (size_t i = 0; i < keys->n; i++) {
		auto_pkey *key = NULL;
		TRY(public_key_parse(keys->v[i], &key, err));
		if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC)
			return fail(err, ERROR_INVALID, "a Rekor public key must be ECDSA");
		if (public_key_verify(key, text->data, text->len, signature.data, signature.len))
			return 0;
	}
	return fail(err, ERROR_DENIED, "cryptographic signature verification of the Rekor entry failed");
}

/* ---- what the entry is about ---- */
static int check_hash(struct json_object *spec, const struct signed_bytes *s, struct error *err)
{
	struct json_object *data = json_get_object(spec, "data"), *hash = data ? json_get_object(data, "hash") : NULL;
	const char *algorithm = need_text(hash, "algorithm", err), *value = algorithm ? need_text(hash, "value", err) : NULL;
	unsigned char bytes[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];

	if (!value)
		return -1;
	SHA256(s->payload, s->len, bytes);
	hex_encode(bytes, sizeof(bytes), hex);
	if (!streq(algorithm, "sha256") || !streq(value, hex))
		return fail(err, ERROR_DENIED, "the Rekor entry is about another payload");
	return 0;
}

static int check_signature(struct json_object *signature, const struct signed_bytes *s, struct error *err)
{
	auto_buf bytes = BUF_INIT(8192);
	const char *content = need_text(signature, "content", err);

	if (!content)
		return -1;
	TRY(base64_decode(content, &bytes, err));
	if (bytes.len != s->signature.len || (bytes.len && memcmp(bytes.data, s->signature.data, bytes.len) != 0))
		return fail(err, ERROR_DENIED, "the Rekor entry is about another signature");
	return 0;
}

static int check_key(struct json_object *signature, const EVP_PKEY *key, struct error *err)
{
	const char *content = need_text(json_get_object(signature, "publicKey"), "content", err);
	autofree char *pem = NULL;
	auto_pkey *logged = NULL;
	auto_x509 *certificate = NULL;

	if (!content)
		return -1;
	TRY(base64_decode_text(content, &pem, err));
	if (strstr(pem, "BEGIN CERTIFICATE")) {
		TRY(certificate_parse(pem, &certificate, err));
		logged = X509_get_pubkey(certificate);
	} else {
		TRY(public_key_parse(pem, &logged, err));
	}
	if (!logged || EVP_PKEY_eq(logged, key) != 1)
		return fail(err, ERROR_DENIED, "the Rekor entry is about another key");
	return 0;
}

static int check_body(const char *body, const struct signed_bytes *s, const EVP_PKEY *key, struct error *err)
{
	auto_buf text = BUF_INIT(BUNDLE_BYTES_MAX);
	auto_json *tree = NULL;

	TRY(base64_decode(body, &text, err));
	TRY(parse("Rekor entry", text.data ? text.data : "", text.len, &tree, err));
	struct json_object *spec = json_get_object(tree, "spec");
	struct json_object *signature = spec ? json_get_object(spec, "signature") : NULL;
	if (!streq0(json_get_str(tree, "kind"), "hashedrekord") || !streq0(json_get_str(tree, "apiVersion"), "0.0.1") || !signature)
		return fail(err, ERROR_DENIED, "the Rekor entry is no hashedrekord 0.0.1");
	TRY(check_hash(spec, s, err));
	TRY(check_signature(signature, s, err));
	return check_key(signature, key, err);
}

int bundle_verify(const char *bundle, const struct strv *rekor_keys, const struct signed_bytes *s, const EVP_PKEY *key,
		  int64_t *ret_time, struct error *err)
{
	auto_buf text = BUF_INIT(BUNDLE_BYTES_MAX);
	auto_json *tree = NULL;

	if (!bundle)
		return fail(err, ERROR_DENIED, "the signature comes without a Rekor bundle");
	TRY(parse("Rekor bundle", bundle, strlen(bundle), &tree, err));
	if (!json_object_is_type(tree, json_type_object))
		return fail(err, ERROR_CORRUPT, "Rekor bundle: not a JSON object");
	struct json_object *payload = json_get_object(tree, "Payload");
	const char *set = need_text(tree, "SignedEntryTimestamp", err);
	if (!set || !payload)
		return set ? fail(err, ERROR_CORRUPT, "Rekor bundle: \"Payload\" is missing") : -1;
	TRY(canonical(payload, &text, ret_time, err));
	TRY(check_log(&text, set, rekor_keys, err));
	return check_body(json_get_str(payload, "body"), s, key, err);
}
