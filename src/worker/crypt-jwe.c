/* SPDX-License-Identifier: Apache-2.0
 * worker/crypt-jwe.c - JSON Web Encryption (RFC 7516), JSON serialization: RSA-OAEP around a key for A256GCM. */
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "worker/crypt-internal.h"

/* As Go's crypto/rsa: what other engines accept can be read and written. */
enum { RSA_BITS_MIN = 1024 };

#define CEK 32
#define IV 12
#define TAG 16
#define ALG "RSA-OAEP"
#define ENC "A256GCM"
#define RECIPIENTS_MAX 64

static void pkey_free_p(EVP_PKEY **p) { EVP_PKEY_free(*p); }
static void pctx_free_p(EVP_PKEY_CTX **p) { EVP_PKEY_CTX_free(*p); }
static void cipher_free_p(EVP_CIPHER_CTX **p) { EVP_CIPHER_CTX_free(*p); }
static void bio_free_p(BIO **p) { BIO_free(*p); }

/* ---- base64url without padding ---- */
static void url_encode(struct buf *to, const void *bytes, size_t len)
{
	size_t from = to->len;

	base64_encode(to, bytes, len);
	for (size_t i = from; !to->failed && i < to->len; i++) {
		if (to->data[i] == '=') {
			buf_truncate(to, i);
			return;
		}
		to->data[i] = to->data[i] == '+' ? '-' : to->data[i] == '/' ? '_' : to->data[i];
	}
}

static int url_decode(const char *s, struct buf *to, struct error *err)
{
	auto_buf plain = BUF_INIT(CRYPT_TEXT_MAX);

	for (const char *p = s; p && *p; p++)
		buf_add_char(&plain, *p == '-' ? '+' : *p == '_' ? '/' : *p);
	while (plain.len % 4)
		buf_add_char(&plain, '=');
	TRY(buf_ok(&plain, "JWE", err));
	return base64_decode(plain.data ? plain.data : "", to, err);
}

/* ---- keys ---- */
static int give_passphrase(char *to, int room, int writing, void *data)
{
	const char *s = data;
	size_t n = s ? strlen(s) : 0;

	(void)writing;
	if (!n || n > (size_t)room)
		return -1;   /* never asked on a terminal */
	memcpy(to, s, n);
	return (int)n;
}

static EVP_PKEY *private_key(const char *pem, const char *passphrase)
{
	CLEANUP(bio_free_p) BIO *bio = BIO_new_mem_buf(pem, -1);

	return bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, (void *)(uintptr_t)passphrase) : NULL;
}

static EVP_PKEY *public_key(const char *pem)
{
	CLEANUP(bio_free_p) BIO *bio = BIO_new_mem_buf(pem, -1);

	if (!bio)
		return NULL;
	if (!strstr(pem, "BEGIN CERTIFICATE"))
		return PEM_read_bio_PUBKEY(bio, NULL, give_passphrase, NULL);
	X509 *x = PEM_read_bio_X509(bio, NULL, give_passphrase, NULL);
	EVP_PKEY *key = x ? X509_get_pubkey(x) : NULL;
	X509_free(x);
	return key;
}

static int check_rsa(EVP_PKEY *key, const char *what, struct error *err)
{
	if (!key)
		return fail(err, ERROR_INVALID, "%s cannot be read as PEM (wrong passphrase?)", what);
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
		return fail(err, ERROR_UNSUPPORTED, "%s is no RSA key, which is not supported for layers", what);
	return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN ? 0 : fail(err, ERROR_INVALID, "%s has fewer than %d bits", what, RSA_BITS_MIN);
}

static EVP_PKEY_CTX *oaep(EVP_PKEY *key, bool encrypt)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);

	if (c && (encrypt ? EVP_PKEY_encrypt_init(c) : EVP_PKEY_decrypt_init(c)) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1)
		return c;
	EVP_PKEY_CTX_free(c);
	return NULL;
}

/* ---- wrapping ---- */
struct sealed {
	uint8_t iv[IV], tag[TAG];
	struct buf text;
};

static int seal(const uint8_t cek[CEK], const struct buf *aad, const struct buf *secret, struct sealed *ret, struct error *err)
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

static int wrap_key(const char *pem, const uint8_t cek[CEK], struct buf *to, struct error *err)
{
	CLEANUP(pkey_free_p) EVP_PKEY *key = public_key(pem);
	uint8_t out[2048];
	size_t n = sizeof(out);

	TRY(check_rsa(key, "the encryption key", err));
	CLEANUP(pctx_free_p) EVP_PKEY_CTX *c = oaep(key, true);
	if (!c || EVP_PKEY_get_size(key) > (int)sizeof(out) || EVP_PKEY_encrypt(c, out, &n, cek, CEK) != 1)
		return fail(err, ERROR_SYSTEM, "OpenSSL: RSA-OAEP fails");
	url_encode(to, out, n);
	return 0;
}

static void add_member(struct buf *to, const char *key, const void *bytes, size_t len)
{
	buf_addf(to, ",\"%s\":\"", key);
	url_encode(to, bytes, len);
	buf_add_char(to, '"');
}

static int write_jwe(const struct strv *keys, const uint8_t cek[CEK], const struct buf *secret, struct buf *to, struct error *err)
{
	static const char one[] = "{\"alg\":\"" ALG "\",\"enc\":\"" ENC "\"}", many[] = "{\"enc\":\"" ENC "\"}";
	const char *head = keys->n == 1 ? one : many;
	auto_buf protected = BUF_INIT(256);
	struct sealed sealed = { .text = BUF_INIT(CRYPT_TEXT_MAX) };

	url_encode(&protected, head, strlen(head));
	int r = seal(cek, &protected, secret, &sealed, err);
	buf_addf(to, "{\"protected\":\"%s\"%s", protected.data, keys->n == 1 ? ",\"encrypted_key\":\"" : ",\"recipients\":[");
	for (size_t i = 0; r == 0 && i < keys->n; i++) {
		if (keys->n > 1)
			buf_addf(to, "%s{\"header\":{\"alg\":\"" ALG "\"},\"encrypted_key\":\"", i ? "," : "");
		r = wrap_key(keys->v[i], cek, to, err);
		buf_add_str(to, keys->n > 1 ? "\"}" : "\"");
	}
	if (keys->n > 1)
		buf_add_char(to, ']');
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
	uint8_t cek[CEK];

	if (!keys->n || keys->n > RECIPIENTS_MAX)
		return fail(err, ERROR_INVALID, "a layer is encrypted for 1 to %d keys", RECIPIENTS_MAX);
	if (RAND_bytes(cek, CEK) != 1)
		return fail(err, ERROR_SYSTEM, "OpenSSL: no random numbers");
	int r = write_jwe(keys, cek, secret, &jwe, err);
	OPENSSL_cleanse(cek, CEK);
	TRY(r);
	base64_encode(&text, jwe.data, jwe.len);
	TRY(buf_ok(&text, "JWE", err));
	*ret = buf_steal(&text);
	return *ret ? 0 : fail_oom(err);
}

/* ---- unwrapping ---- */
static int unseal(const uint8_t cek[CEK], struct json_object *jwe, struct buf *ret)
{
	CLEANUP(cipher_free_p) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	auto_buf iv = BUF_INIT(64), tag = BUF_INIT(64), text = BUF_INIT(CRYPT_TEXT_MAX);
	const char *aad = json_get_str(jwe, "protected");
	struct error ignored;
	int n = 0, more = 0;

	if (url_decode(json_get_str(jwe, "iv"), &iv, &ignored) < 0 || url_decode(json_get_str(jwe, "tag"), &tag, &ignored) < 0 ||
	    url_decode(json_get_str(jwe, "ciphertext"), &text, &ignored) < 0 || iv.len != IV || tag.len != TAG || !text.len)
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

static int try_key(EVP_PKEY *key, const char *wrapped, struct json_object *jwe, struct buf *ret)
{
	CLEANUP(pctx_free_p) EVP_PKEY_CTX *c = oaep(key, false);
	auto_buf in = BUF_INIT(8192);
	uint8_t cek[2048];
	size_t n = sizeof(cek);
	struct error ignored;
	int r = 0;

	if (wrapped && c && EVP_PKEY_get_size(key) <= (int)sizeof(cek) && url_decode(wrapped, &in, &ignored) == 0 &&
	    EVP_PKEY_decrypt(c, cek, &n, (uint8_t *)in.data, in.len) == 1 && n == CEK)
		r = unseal(cek, jwe, ret);
	OPENSSL_cleanse(cek, sizeof(cek));
	return r;
}

static int check_header(struct json_object *jwe, struct error *err)
{
	struct json_limits limits = { .max_bytes = 65536, .max_depth = 8 };
	auto_buf text = BUF_INIT(65536);
	auto_json *head = NULL;

	if (!json_get_str(jwe, "protected"))
		return fail(err, ERROR_CORRUPT, "a JWE without a protected header");
	TRY(url_decode(json_get_str(jwe, "protected"), &text, err));
	TRY(json_parse("JWE header", text.data ? text.data : "", text.len, &limits, &head, err));
	const char *enc = json_get_str(head, "enc"), *alg = json_get_str(head, "alg");
	if (!streq0(enc, ENC) || (alg && !streq(alg, ALG)))
		return fail(err, ERROR_UNSUPPORTED, "keys wrapped with %.40s and %.40s are not supported (" ALG " with " ENC " is)",
			    alg ? alg : "?", enc ? enc : "?");
	return 0;
}

static int unwrap_one(EVP_PKEY *key, struct json_object *jwe, struct buf *ret)
{
	struct json_object *all = json_get_array(jwe, "recipients");
	int r = try_key(key, json_get_str(jwe, "encrypted_key"), jwe, ret);

	for (size_t i = 0; !r && all && i < json_object_array_length(all) && i < RECIPIENTS_MAX; i++) {
		struct json_object *o = json_object_array_get_idx(all, i);
		if (json_object_is_type(o, json_type_object))
			r = try_key(key, json_get_str(o, "encrypted_key"), jwe, ret);
	}
	return r;
}

static int unwrap_jwe(const struct strv *keys, const struct strv *passphrases, const char *text, struct buf *ret,
		      struct error *err)
{
	struct json_limits limits = { .max_bytes = CRYPT_TEXT_MAX, .max_depth = 8 };
	auto_buf bytes = BUF_INIT(CRYPT_TEXT_MAX);
	auto_json *jwe = NULL;
	int r = 0;

	TRY(base64_decode(text, &bytes, err));
	TRY(json_parse("JWE", bytes.data ? bytes.data : "", bytes.len, &limits, &jwe, err));
	TRY(check_header(jwe, err));
	for (size_t i = 0; !r && i < keys->n; i++) {
		CLEANUP(pkey_free_p) EVP_PKEY *key = private_key(keys->v[i], i < passphrases->n ? passphrases->v[i] : "");
		TRY(check_rsa(key, "the decryption key", err));
		r = unwrap_one(key, jwe, ret);
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
	return r ? 0 : fail(err, ERROR_DENIED, "no suitable key found for decrypting layer key");
}
