/* SPDX-License-Identifier: Apache-2.0
 * worker/crypt.c - the cipher of encrypted layers; its key's wrapping is crypt-jwe.c. */
#include "worker/crypt-internal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define CIPHER "AES_256_CTR_HMAC_SHA256"

struct crypt {
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;
	bool encrypt;
	uint8_t key[CRYPT_KEY], nonce[CRYPT_NONCE], want[CRYPT_MAC];
	char *digest;             /* decryption: what the bytes must have */
};

void crypt_free(struct crypt *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->cipher);
	EVP_MAC_CTX_free(c->mac);
	OPENSSL_cleanse(c->key, sizeof(c->key));
	free(c->digest);
	free(c);
}

static int start(struct crypt *c, struct error *err)
{
	OSSL_PARAM sha256[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0), OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	c->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	c->cipher = EVP_CIPHER_CTX_new();
	if (!c->mac || !c->cipher || !EVP_MAC_init(c->mac, c->key, sizeof(c->key), sha256) ||
	    !EVP_CipherInit_ex(c->cipher, EVP_aes_256_ctr(), NULL, c->key, c->nonce, 1))   /* CTR: both ways the same */
		return fail(err, ERROR_SYSTEM, "OpenSSL: AES-256-CTR or HMAC is missing");
	return 0;
}

int crypt_new_encrypt(struct crypt **ret, struct error *err)
{
	auto_crypt *c = calloc(1, sizeof(*c));

	if (!c)
		return fail_oom(err);
	c->encrypt = true;
	if (RAND_bytes(c->key, sizeof(c->key)) != 1 || RAND_bytes(c->nonce, sizeof(c->nonce)) != 1)
		return fail(err, ERROR_SYSTEM, "OpenSSL: no random numbers");
	TRY(start(c, err));
	*ret = take_ptr(c);
	return 0;
}

int crypt_run(struct crypt *c, const void *in, void *out, size_t len, struct error *err)
{
	int n = 0;

	if (len > INT32_MAX || (!c->encrypt && !EVP_MAC_update(c->mac, in, len)) ||
	    !EVP_CipherUpdate(c->cipher, out, &n, in, (int)len) || (size_t)n != len ||
	    (c->encrypt && !EVP_MAC_update(c->mac, out, len)))
		return fail(err, ERROR_SYSTEM, "OpenSSL: a layer cannot be %scrypted", c->encrypt ? "en" : "de");
	return 0;
}

static int end_mac(struct crypt *c, uint8_t out[CRYPT_MAC], struct error *err)
{
	size_t n = 0;

	return EVP_MAC_final(c->mac, out, &n, CRYPT_MAC) && n == CRYPT_MAC ? 0 : fail(err, ERROR_SYSTEM, "OpenSSL: HMAC fails");
}

/* ---- options ---- */
static int get_bytes(struct json_object *o, const char *key, uint8_t *to, size_t len, struct error *err)
{
	const char *text = o ? json_get_str(o, key) : NULL;
	auto_buf b = BUF_INIT(1024);

	if (!text || base64_decode(text, &b, err) < 0 || b.len != len)
		return fail(err, ERROR_CORRUPT, "the encryption's options have no valid \"%s\"", key);
	memcpy(to, b.data, len);
	OPENSSL_cleanse(b.data, b.len);
	return 0;
}

static int read_public(struct crypt *c, const char *pubopts, struct error *err)
{
	struct json_limits limits = { .max_bytes = CRYPT_TEXT_MAX, .max_depth = 8 };
	auto_buf text = BUF_INIT(CRYPT_TEXT_MAX);
	auto_json *o = NULL;

	TRY(base64_decode(pubopts, &text, err));
	TRY(json_parse("encryption options", text.data ? text.data : "", text.len, &limits, &o, err));
	const char *cipher = json_get_str(o, "cipher");
	if (!cipher || !streq(cipher, CIPHER))
		return fail(err, ERROR_UNSUPPORTED, "layers encrypted with %.60s are not supported (" CIPHER " is)", cipher ? cipher : "an unnamed cipher");
	return get_bytes(o, "hmac", c->want, CRYPT_MAC, err);
}

static int read_private(struct crypt *c, const struct buf *text, struct error *err)
{
	struct json_limits limits = { .max_bytes = CRYPT_TEXT_MAX, .max_depth = 8 };
	auto_json *o = NULL;

	TRY(json_parse("wrapped key", text->data ? text->data : "", text->len, &limits, &o, err));
	TRY(get_bytes(o, "symkey", c->key, CRYPT_KEY, err));
	TRY(get_bytes(json_get_object(o, "cipheroptions"), "nonce", c->nonce, CRYPT_NONCE, err));
	const char *digest = json_get_str(o, "digest");
	return str_set(&c->digest, digest, err);
}

int crypt_new_decrypt(const struct strv *keys, const struct strv *passphrases, const char *jwe, const char *pubopts,
		      struct crypt **ret, struct error *err)
{
	auto_crypt *c = calloc(1, sizeof(*c));
	auto_buf secret = BUF_INIT(CRYPT_TEXT_MAX);

	if (!c)
		return fail_oom(err);
	TRY(read_public(c, pubopts, err));
	int r = jwe_unwrap(keys, passphrases, jwe, &secret, err);
	if (r == 0)
		r = read_private(c, &secret, err);
	if (secret.data)
		OPENSSL_cleanse(secret.data, secret.len);
	TRY(r);
	TRY(start(c, err));
	*ret = take_ptr(c);
	return 0;
}

int crypt_end_decrypt(struct crypt *c, const char *digest, struct error *err)
{
	uint8_t got[CRYPT_MAC];

	TRY(end_mac(c, got, err));
	if (CRYPTO_memcmp(got, c->want, CRYPT_MAC) != 0)
		return fail(err, ERROR_CORRUPT, "the encrypted layer was changed: its HMAC does not fit");
	if (c->digest && *c->digest && !streq(c->digest, digest))
		return fail(err, ERROR_CORRUPT, "the decrypted layer has the digest %s, expected %.80s", digest, c->digest);
	return 0;
}

int crypt_end_encrypt(struct crypt *c, const struct strv *keys, const char *digest, char **ret_jwe, char **ret_pubopts,
		      struct error *err)
{
	auto_buf secret = BUF_INIT(4096), public = BUF_INIT(4096), text = BUF_INIT(4096);
	uint8_t mac[CRYPT_MAC];

	TRY(end_mac(c, mac, err));
	buf_add_str(&public, "{\"cipher\":\"" CIPHER "\",\"hmac\":\"");
	base64_encode(&public, mac, sizeof(mac));
	buf_add_str(&public, "\",\"cipheroptions\":{}}");
	base64_encode(&text, public.data, public.len);
	buf_add_str(&secret, "{\"symkey\":\"");
	base64_encode(&secret, c->key, sizeof(c->key));
	buf_addf(&secret, "\",\"digest\":\"%s\",\"cipheroptions\":{\"nonce\":\"", digest);
	base64_encode(&secret, c->nonce, sizeof(c->nonce));
	buf_add_str(&secret, "\"}}");
	TRY(buf_ok(&public, "encryption options", err));
	TRY(buf_ok(&text, "encryption options", err));
	int r = buf_ok(&secret, "wrapped key", err) < 0 ? -1 : jwe_wrap(keys, &secret, ret_jwe, err);
	OPENSSL_cleanse(secret.data, secret.len);
	TRY(r);
	*ret_pubopts = buf_steal(&text);
	return *ret_pubopts ? 0 : fail_oom(err);
}
