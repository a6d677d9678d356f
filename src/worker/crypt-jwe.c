/* SPDX-License-Identifier: Apache-2.0
 * worker/crypt-jwe.c - JSON Web Encryption (RFC 7516), JSON serialization: the secret under A256GCM, its key for
 * each recipient (crypt-jwe-key.c). */
#include <openssl/rand.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "worker/crypt-internal.h"

#define IV 12
#define TAG 16
#define ENC "A256GCM"
#define RECIPIENTS_MAX 64

static void pkey_free_p(EVP_PKEY **p) { EVP_PKEY_free(*p); }
static void cipher_free_p(EVP_CIPHER_CTX **p) { EVP_CIPHER_CTX_free(*p); }

/* ---- wrapping ---- */
struct sealed {
	uint8_t iv[IV], tag[TAG];
	struct buf text;
};

static int seal(const uint8_t cek[JWE_CEK], const struct buf *aad, const struct buf *secret, struct sealed *ret, struct error *err)
{
	CLEANUP(cipher_free_p) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	char *to = buf_reserve(&ret->text, secret->len);
	int n = 0, more = 0;

	if (!c || !to || RAND_bytes(ret->iv, IV) != 1 || !EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, cek, ret->iv) ||
	    !EVP_EncryptUpdate(c, NULL, &n, (uint8_t *)aad->data, (int)aad->len) ||
	    !EVP_EncryptUpdate(c, (uint8_t *)to, &n, (uint8_t *)secret->data, (int)secret->len) ||
	    !EVP_EncryptFinal_ex(c, (uint8_t *)to + n, &more) || !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, ret->tag))
		return fail(err, ERROR_SYSTEM, "OpenSSL: A256GCM fails");
	ret->text.len += (size_t)(n + more);
	return 0;
}

static void add_member(struct buf *to, const char *key, const void *bytes, size_t len)
{
	buf_addf(to, ",\"%s\":\"", key);
	jwe_url_encode(to, bytes, len);
	buf_add_char(to, '"');
}

/* One recipient's place in the general serialization; a single one's header stands in the protected one. */
static int add_recipient(const char *pem, const uint8_t cek[JWE_CEK], struct buf *head, struct buf *to, struct error *err)
{
	auto_buf wrapped = BUF_INIT(CRYPT_TEXT_MAX);

	TRY(jwe_key_wrap(pem, cek, head, &wrapped, err));
	buf_addf(to, "\"encrypted_key\":\"%s\"", wrapped.data);
	return 0;
}

static int add_recipients(const struct strv *keys, const uint8_t cek[JWE_CEK], struct buf *protected, struct buf *to, struct error *err)
{
	auto_buf head = BUF_INIT(4096);

	if (keys->n == 1) {
		TRY(add_recipient(keys->v[0], cek, &head, to, err));
		buf_addf(protected, "{%s,\"enc\":\"" ENC "\"}", head.data);
		return 0;
	}
	buf_add_str(protected, "{\"enc\":\"" ENC "\"}");
	buf_add_str(to, "\"recipients\":[");
	for (size_t i = 0; i < keys->n; i++) {
		auto_buf one = BUF_INIT(CRYPT_TEXT_MAX);
		buf_truncate(&head, 0);
		TRY(add_recipient(keys->v[i], cek, &head, &one, err));
		buf_addf(to, "%s{\"header\":{%s},%s}", i ? "," : "", head.data, one.data);
	}
	buf_add_char(to, ']');
	return 0;
}

static int write_jwe(const struct strv *keys, const uint8_t cek[JWE_CEK], const struct buf *secret, struct buf *to, struct error *err)
{
	auto_buf head = BUF_INIT(4096), protected = BUF_INIT(8192), recipients = BUF_INIT(CRYPT_TEXT_MAX);
	struct sealed sealed = { .text = BUF_INIT(CRYPT_TEXT_MAX) };

	TRY(add_recipients(keys, cek, &head, &recipients, err));
	TRY(buf_ok(&head, "JWE", err));
	jwe_url_encode(&protected, head.data, head.len);
	TRY(buf_ok(&protected, "JWE", err));
	int r = seal(cek, &protected, secret, &sealed, err);
	buf_addf(to, "{\"protected\":\"%s\",%s", protected.data, recipients.data);
	add_member(to, "iv", sealed.iv, IV);
	add_member(to, "ciphertext", sealed.text.data, sealed.text.len);
	add_member(to, "tag", sealed.tag, TAG);
	buf_add_char(to, '}');
	buf_done(&sealed.text);
	return r < 0 ? r : buf_ok(to, "JWE", err);
}

int jwe_wrap(const struct strv *keys, const struct buf *secret, char **ret, struct error *err)
{
	auto_buf jwe = BUF_INIT(CRYPT_TEXT_MAX), text = BUF_INIT(CRYPT_TEXT_MAX);
	uint8_t cek[JWE_CEK];

	if (!keys->n || keys->n > RECIPIENTS_MAX)
		return fail(err, ERROR_INVALID, "a layer is encrypted for 1 to %d keys", RECIPIENTS_MAX);
	if (RAND_bytes(cek, JWE_CEK) != 1)
		return fail(err, ERROR_SYSTEM, "OpenSSL: no random numbers");
	int r = write_jwe(keys, cek, secret, &jwe, err);
	OPENSSL_cleanse(cek, JWE_CEK);
	TRY(r);
	base64_encode(&text, jwe.data, jwe.len);
	TRY(buf_ok(&text, "JWE", err));
	*ret = buf_steal(&text);
	return *ret ? 0 : fail_oom(err);
}

/* ---- unwrapping ---- */
static int unseal(const uint8_t cek[JWE_CEK], struct json_object *jwe, struct buf *ret)
{
	CLEANUP(cipher_free_p) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	auto_buf iv = BUF_INIT(64), tag = BUF_INIT(64), text = BUF_INIT(CRYPT_TEXT_MAX);
	const char *aad = json_get_str(jwe, "protected");
	struct error ignored;
	int n = 0, more = 0;

	if (jwe_url_decode(json_get_str(jwe, "iv"), &iv, &ignored) < 0 || jwe_url_decode(json_get_str(jwe, "tag"), &tag, &ignored) < 0 ||
	    jwe_url_decode(json_get_str(jwe, "ciphertext"), &text, &ignored) < 0 || iv.len != IV || tag.len != TAG || !text.len)
		return 0;
	char *to = buf_reserve(ret, text.len);
	if (!c || !to || !EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, cek, (uint8_t *)iv.data) ||
	    !EVP_DecryptUpdate(c, NULL, &n, (const uint8_t *)aad, (int)strlen(aad)) ||
	    !EVP_DecryptUpdate(c, (uint8_t *)to, &n, (uint8_t *)text.data, (int)text.len) ||
	    !EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag.data) || EVP_DecryptFinal_ex(c, (uint8_t *)to + n, &more) <= 0)
		return 0;
	ret->len += (size_t)(n + more);
	return 1;
}

/* The header of a recipient adds to the protected one. */
static int read_header(struct json_object *jwe, struct json_object **ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = 65536, .max_depth = 8 };
	auto_buf text = BUF_INIT(65536);

	if (!json_get_str(jwe, "protected"))
		return fail(err, ERROR_CORRUPT, "a JWE without a protected header");
	TRY(jwe_url_decode(json_get_str(jwe, "protected"), &text, err));
	TRY(json_parse("JWE header", text.data ? text.data : "", text.len, &limits, ret, err));
	const char *enc = json_get_str(*ret, "enc"), *alg = json_get_str(*ret, "alg");
	if (!streq0(enc, ENC) || (alg && !jwe_alg_known(alg)))
		return fail(err, ERROR_UNSUPPORTED, "keys wrapped with %.40s and %.40s are not supported (" JWE_ALG_RSA " and " JWE_ALG_EC
			    " with " ENC " are)", alg ? alg : "?", enc ? enc : "?");
	return 0;
}

static int try_key(EVP_PKEY *key, struct json_object *head, const char *wrapped, struct json_object *jwe, struct buf *ret)
{
	uint8_t cek[JWE_CEK];
	int r = wrapped ? jwe_key_unwrap(key, head, wrapped, cek) : 0;

	if (r)
		r = unseal(cek, jwe, ret);
	OPENSSL_cleanse(cek, sizeof(cek));
	return r;
}

static int unwrap_one(EVP_PKEY *key, struct json_object *jwe, struct json_object *head, struct buf *ret)
{
	struct json_object *all = json_get_array(jwe, "recipients");
	int r = try_key(key, head, json_get_str(jwe, "encrypted_key"), jwe, ret);

	for (size_t i = 0; !r && all && i < json_object_array_length(all) && i < RECIPIENTS_MAX; i++) {
		struct json_object *o = json_object_array_get_idx(all, i), *own;
		if (!json_object_is_type(o, json_type_object))
			continue;
		own = json_get_object(o, "header");
		r = try_key(key, own && json_get_str(own, "alg") ? own : head, json_get_str(o, "encrypted_key"), jwe, ret);
	}
	return r;
}

static int unwrap_jwe(const struct strv *keys, const struct strv *passphrases, const char *text, struct buf *ret,
		      struct error *err)
{
	struct json_limits limits = { .max_bytes = CRYPT_TEXT_MAX, .max_depth = 8 };
	auto_buf bytes = BUF_INIT(CRYPT_TEXT_MAX);
	auto_json *jwe = NULL, *head = NULL;
	int r = 0;

	TRY(base64_decode(text, &bytes, err));
	TRY(json_parse("JWE", bytes.data ? bytes.data : "", bytes.len, &limits, &jwe, err));
	TRY(read_header(jwe, &head, err));
	for (size_t i = 0; !r && i < keys->n; i++) {
		CLEANUP(pkey_free_p) EVP_PKEY *key = NULL;
		TRY(jwe_key_private(keys->v[i], i < passphrases->n ? passphrases->v[i] : "", &key, err));
		r = unwrap_one(key, jwe, head, ret);
	}
	return r;
}

int jwe_unwrap(const struct strv *keys, const struct strv *passphrases, const char *annotation, struct buf *ret,
	       struct error *err)
{
	autofree char *all = strdup(annotation);
	char *rest = NULL;
	int r = 0;

	if (!all)
		return fail_oom(err);
	for (char *one = strtok_r(all, ",", &rest); one && !r; one = strtok_r(NULL, ",", &rest))
		r = unwrap_jwe(keys, passphrases, one, ret, err);
	TRY(r);
	return r ? 0 : fail(err, ERROR_DENIED, "no suitable key found for decrypting layer key: - JWE: No suitable private key found for decryption");
}
