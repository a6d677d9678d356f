/* SPDX-License-Identifier: Apache-2.0
 * worker/crypt-jwe-key.c - a content key for one recipient (RFC 7518): RSA-OAEP for RSA keys; ECDH-ES+A256KW for those on
 * the NIST curves, that is a key agreed upon with a key pair made for this one message, and RFC 3394 with it. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "worker/crypt-internal.h"

/* As Go's crypto/rsa: what other engines accept can be read and written. */
enum { RSA_BITS_MIN = 1024 };

#define KEK 32
#define EC_WRAPPED (JWE_CEK + 8)
#define COORDINATE_MAX 66

static void pkey_free_p(EVP_PKEY **p) { EVP_PKEY_free(*p); }
static void pctx_free_p(EVP_PKEY_CTX **p) { EVP_PKEY_CTX_free(*p); }
static void cipher_free_p(EVP_CIPHER_CTX **p) { EVP_CIPHER_CTX_free(*p); }
static void bio_free_p(BIO **p) { BIO_free(*p); }

static const struct curve { const char *group, *name; size_t bytes; } curves[] = {
	{ "prime256v1", "P-256", 32 }, { "secp384r1", "P-384", 48 }, { "secp521r1", "P-521", COORDINATE_MAX }, {},
};

/* ---- base64url without padding ---- */
void jwe_url_encode(struct buf *to, const void *bytes, size_t len)
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

int jwe_url_decode(const char *s, struct buf *to, struct error *err)
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

static const struct curve *curve_of(EVP_PKEY *key)
{
	char group[64];
	const struct curve *c = curves;

	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC || EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
		return NULL;
	while (c->group && !streq(c->group, group))
		c++;
	return c->group ? c : NULL;
}

static int check_key(EVP_PKEY *key, const char *what, struct error *err)
{
	if (!key)
		return fail(err, ERROR_INVALID, "%s cannot be read as PEM (wrong passphrase?)", what);
	if (curve_of(key))
		return 0;
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
		return fail(err, ERROR_UNSUPPORTED, "%s is neither RSA nor on P-256, P-384 or P-521: not supported for layers", what);
	return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN ? 0 : fail(err, ERROR_INVALID, "%s has fewer than %d bits", what, RSA_BITS_MIN);
}

int jwe_key_private(const char *pem, const char *passphrase, EVP_PKEY **ret, struct error *err)
{
	*ret = private_key(pem, passphrase);
	return check_key(*ret, "the decryption key", err);
}

bool jwe_alg_known(const char *alg)
{
	return streq(alg, JWE_ALG_RSA) || streq(alg, JWE_ALG_EC);
}

/* ---- RSA ---- */
static EVP_PKEY_CTX *oaep(EVP_PKEY *key, bool encrypt)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);

	if (c && (encrypt ? EVP_PKEY_encrypt_init(c) : EVP_PKEY_decrypt_init(c)) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1)
		return c;
	EVP_PKEY_CTX_free(c);
	return NULL;
}

static int wrap_rsa(EVP_PKEY *key, const uint8_t cek[JWE_CEK], struct buf *head, struct buf *to, struct error *err)
{
	CLEANUP(pctx_free_p) EVP_PKEY_CTX *c = oaep(key, true);
	uint8_t out[2048];
	size_t n = sizeof(out);

	if (!c || EVP_PKEY_get_size(key) > (int)sizeof(out) || EVP_PKEY_encrypt(c, out, &n, cek, JWE_CEK) != 1)
		return fail(err, ERROR_SYSTEM, "OpenSSL: RSA-OAEP fails");
	buf_add_str(head, "\"alg\":\"" JWE_ALG_RSA "\"");
	jwe_url_encode(to, out, n);
	return 0;
}

static int unwrap_rsa(EVP_PKEY *key, const struct buf *in, uint8_t ret[JWE_CEK])
{
	CLEANUP(pctx_free_p) EVP_PKEY_CTX *c = oaep(key, false);
	uint8_t out[2048];
	size_t n = sizeof(out);

	int r = c && EVP_PKEY_get_size(key) <= (int)sizeof(out) && EVP_PKEY_decrypt(c, out, &n, (uint8_t *)in->data, in->len) == 1 &&
		n == JWE_CEK;
	if (r)
		memcpy(ret, out, JWE_CEK);
	OPENSSL_cleanse(out, sizeof(out));
	return r;
}

/* ---- elliptic curves ---- */
/* Concat KDF (RFC 7518 4.6.2) with one round: who is written to and from is not said. */
static bool derive(EVP_PKEY *own, EVP_PKEY *other, uint8_t kek[KEK])
{
	static const uint8_t counter[] = { 0, 0, 0, 1 };
	static const uint8_t info[] = "\0\0\0\x0e" JWE_ALG_EC "\0\0\0\0" "\0\0\0\0" "\0\0\x01";   /* and the final 0: 256 bits */
	CLEANUP(pctx_free_p) EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(own, NULL);
	uint8_t text[sizeof(counter) + COORDINATE_MAX + sizeof(info)];
	size_t n = COORDINATE_MAX;

	if (!c || EVP_PKEY_derive_init(c) != 1 || EVP_PKEY_derive_set_peer(c, other) != 1 ||
	    EVP_PKEY_derive(c, text + sizeof(counter), &n) != 1)
		return false;
	memcpy(text, counter, sizeof(counter));
	memcpy(text + sizeof(counter) + n, info, sizeof(info));
	int r = EVP_Digest(text, sizeof(counter) + n + sizeof(info), kek, NULL, EVP_sha256(), NULL);
	OPENSSL_cleanse(text, sizeof(text));
	return r == 1;
}

static bool aes_wrap(const uint8_t kek[KEK], bool encrypt, const void *in, size_t len, uint8_t out[EC_WRAPPED + 8], size_t want)
{
	CLEANUP(cipher_free_p) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0, more = 0;

	if (!c)
		return false;
	EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	return EVP_CipherInit_ex(c, EVP_aes_256_wrap(), NULL, kek, NULL, encrypt) == 1 &&
	       EVP_CipherUpdate(c, out, &n, in, (int)len) == 1 && EVP_CipherFinal_ex(c, out + n, &more) == 1 && (size_t)(n + more) == want;
}

/* The public half as a JWK (RFC 7517): coordinates with their leading zeros. */
static int add_epk(EVP_PKEY *key, const struct curve *curve, struct buf *to, struct error *err)
{
	uint8_t *point = NULL;
	size_t n = EVP_PKEY_get1_encoded_public_key(key, &point);

	if (n == 1 + 2 * curve->bytes && *point == 4) {
		buf_addf(to, "\"alg\":\"" JWE_ALG_EC "\",\"epk\":{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"", curve->name);
		jwe_url_encode(to, point + 1, curve->bytes);
		buf_add_str(to, "\",\"y\":\"");
		jwe_url_encode(to, point + 1 + curve->bytes, curve->bytes);
		buf_add_str(to, "\"}");
	}
	OPENSSL_free(point);
	return n == 1 + 2 * curve->bytes ? 0 : fail(err, ERROR_SYSTEM, "OpenSSL: a public key has %zu bytes", n);
}

static int wrap_ec(EVP_PKEY *key, const uint8_t cek[JWE_CEK], struct buf *head, struct buf *to, struct error *err)
{
	const struct curve *curve = curve_of(key);
	CLEANUP(pkey_free_p) EVP_PKEY *once = EVP_EC_gen(curve->group);
	uint8_t kek[KEK], out[EC_WRAPPED + 8];

	if (!once || !derive(once, key, kek))
		return fail(err, ERROR_SYSTEM, "OpenSSL: ECDH fails");
	bool ok = aes_wrap(kek, true, cek, JWE_CEK, out, EC_WRAPPED);
	OPENSSL_cleanse(kek, sizeof(kek));
	if (!ok)
		return fail(err, ERROR_SYSTEM, "OpenSSL: the AES key wrap fails");
	TRY(add_epk(once, curve, head, err));
	jwe_url_encode(to, out, EC_WRAPPED);
	return 0;
}

/* NULL: not on that curve, or no such point. */
static EVP_PKEY *read_epk(const struct curve *curve, struct json_object *epk)
{
	auto_buf x = BUF_INIT(256), y = BUF_INIT(256);
	uint8_t point[1 + 2 * COORDINATE_MAX] = { 4 };
	struct error ignored;
	EVP_PKEY *key = NULL;

	if (!streq0(json_get_str(epk, "kty"), "EC") || !streq0(json_get_str(epk, "crv"), curve->name) ||
	    jwe_url_decode(json_get_str(epk, "x"), &x, &ignored) < 0 || jwe_url_decode(json_get_str(epk, "y"), &y, &ignored) < 0 ||
	    x.len != curve->bytes || y.len != curve->bytes)
		return NULL;
	memcpy(point + 1, x.data, x.len);
	memcpy(point + 1 + x.len, y.data, y.len);
	OSSL_PARAM parts[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)curve->group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * curve->bytes), OSSL_PARAM_construct_end(),
	};
	CLEANUP(pctx_free_p) EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (!c || EVP_PKEY_fromdata_init(c) != 1 || EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, parts) != 1)
		return NULL;
	return key;
}

static int unwrap_ec(EVP_PKEY *key, struct json_object *head, const struct buf *in, uint8_t ret[JWE_CEK])
{
	struct json_object *epk = json_get_object(head, "epk");
	CLEANUP(pkey_free_p) EVP_PKEY *other = epk ? read_epk(curve_of(key), epk) : NULL;
	uint8_t kek[KEK], out[EC_WRAPPED + 8];

	if (!other || in->len != EC_WRAPPED || !str_empty(json_get_str(head, "apu")) || !str_empty(json_get_str(head, "apv")) ||
	    !derive(key, other, kek))
		return 0;
	int r = aes_wrap(kek, false, in->data, in->len, out, JWE_CEK);
	if (r)
		memcpy(ret, out, JWE_CEK);
	OPENSSL_cleanse(kek, sizeof(kek));
	OPENSSL_cleanse(out, sizeof(out));
	return r;
}

/* ---- either ---- */
int jwe_key_wrap(const char *pem, const uint8_t cek[JWE_CEK], struct buf *head, struct buf *to, struct error *err)
{
	CLEANUP(pkey_free_p) EVP_PKEY *key = public_key(pem);

	TRY(check_key(key, "the encryption key", err));
	TRY((curve_of(key) ? wrap_ec : wrap_rsa)(key, cek, head, to, err));
	TRY(buf_ok(head, "JWE", err));
	return buf_ok(to, "JWE", err);
}

int jwe_key_unwrap(EVP_PKEY *key, struct json_object *head, const char *wrapped, uint8_t ret[JWE_CEK])
{
	const bool ec = curve_of(key) != NULL;
	auto_buf in = BUF_INIT(8192);
	struct error ignored;

	if (!streq0(json_get_str(head, "alg"), ec ? JWE_ALG_EC : JWE_ALG_RSA) || jwe_url_decode(wrapped, &in, &ignored) < 0 || !in.len)
		return 0;
	return ec ? unwrap_ec(key, head, &in, ret) : unwrap_rsa(key, &in, ret);
}
