/* SPDX-License-Identifier: Apache-2.0
 * worker/sign-op.c - OP_SIGN_SIGSTORE and OP_MAKE_KEY. Private keys come as PEM text: PKCS#8 as it is, or encrypted the
 * way cosign does it (scrypt, secretbox). Keys and passphrases are wiped. */
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "image/payload.h"
#include "os/file.h"
#include "worker/role.h"
#include "worker/secretbox.h"
#include "worker/sigstore.h"

#define KEY_BYTES_MAX 65536
#define SCRYPT_MEMORY_MAX ((uint64_t)512 << 20)
#define SCRYPT_N 65536
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SALT_BYTES 32

struct scrypt {
	int64_t n, r, p;
};

static int derive(const char *passphrase, const struct buf *salt, const struct scrypt *s, uint8_t key[SECRETBOX_KEY],
		  struct error *err)
{
	if (s->n < 2 || s->n > 1 << 22 || s->r < 1 || s->r > 64 || s->p < 1 || s->p > 16)
		return fail(err, ERROR_INVALID, "scrypt parameters out of range");
	if (EVP_PBE_scrypt(passphrase, strlen(passphrase), (const unsigned char *)salt->data, salt->len, (uint64_t)s->n,
			   (uint64_t)s->r, (uint64_t)s->p, SCRYPT_MEMORY_MAX, key, SECRETBOX_KEY) != 1)
		return fail(err, ERROR_INVALID, "scrypt parameters out of range");
	return 0;
}

/* ---- reading ---- */
struct sealed {
	struct scrypt scrypt;
	struct buf salt, nonce, text;
};

static void sealed_done(struct sealed *s)
{
	buf_done(&s->salt);
	buf_done(&s->nonce);
	buf_done(&s->text);
}

static int take_bytes(struct json_object *o, const char *name, struct buf *to, struct error *err)
{
	const char *s = o ? json_get_str(o, name) : NULL;

	return s ? base64_decode(s, to, err) : fail(err, ERROR_INVALID, "\"%s\" is missing", name);
}

static int parse_sealed(const char *text, size_t len, struct sealed *ret, struct error *err)
{
	auto_json *tree = NULL;

	TRY(json_parse("encrypted key", text, len, NULL, &tree, err));
	struct json_object *kdf = json_get_object(tree, "kdf"), *params = kdf ? json_get_object(kdf, "params") : NULL;
	struct json_object *cipher = json_get_object(tree, "cipher");
	if (!params || !cipher || !streq0(json_get_str(kdf, "name"), "scrypt") ||
	    !streq0(json_get_str(cipher, "name"), "nacl/secretbox"))
		return fail(err, ERROR_UNSUPPORTED, "encrypted in an unknown way (scrypt and nacl/secretbox are known)");
	ret->scrypt = (struct scrypt){ json_get_i64(params, "N", 0), json_get_i64(params, "r", 0), json_get_i64(params, "p", 0) };
	TRY(take_bytes(kdf, "salt", &ret->salt, err));
	TRY(take_bytes(cipher, "nonce", &ret->nonce, err));
	TRY(take_bytes(tree, "ciphertext", &ret->text, err));
	if (ret->nonce.len != SECRETBOX_NONCE || ret->text.len <= SECRETBOX_TAG)
		return fail(err, ERROR_INVALID, "nonce or text of the wrong length");
	return 0;
}

static int unseal(const char *json, size_t len, const char *passphrase, struct buf *to, struct error *err)
{
	CLEANUP(sealed_done) struct sealed s = { {}, BUF_INIT(4096), BUF_INIT(4096), BUF_INIT(KEY_BYTES_MAX) };
	uint8_t key[SECRETBOX_KEY];

	TRY(parse_sealed(json, len, &s, err));
	TRY(derive(passphrase, &s.salt, &s.scrypt, key, err));
	char *out = buf_reserve(to, s.text.len);
	int r = out ? secretbox_open(key, (uint8_t *)s.nonce.data, (uint8_t *)s.text.data, s.text.len, (uint8_t *)out, err) :
		fail_oom(err);
	OPENSSL_cleanse(key, sizeof(key));
	if (r == 0)
		to->len = s.text.len - SECRETBOX_TAG;
	return r;
}

/* The block of a PEM text: its label and its bytes. */
static int read_pem(const char *pem, char **ret_label, unsigned char **ret, long *ret_len, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	char *header = NULL;
	int ok = bio && PEM_read_bio(bio, ret_label, &header, ret, ret_len);

	BIO_free(bio);
	OPENSSL_free(header);
	ERR_clear_error();
	return ok ? 0 : fail(err, ERROR_INVALID, "not a PEM file");
}

static int decode_key(const char *label, const unsigned char *bytes, long len, const char *passphrase, EVP_PKEY **ret,
		      struct error *err)
{
	auto_buf plain = BUF_INIT(KEY_BYTES_MAX);
	const unsigned char *at = bytes;

	if (streq(label, "ENCRYPTED SIGSTORE PRIVATE KEY") || streq(label, "ENCRYPTED COSIGN PRIVATE KEY")) {
		TRY(unseal((const char *)bytes, (size_t)len, passphrase ? passphrase : "", &plain, err));
		at = (const unsigned char *)plain.data;
		len = (long)plain.len;
	} else if (!streq(label, "PRIVATE KEY") && !streq(label, "EC PRIVATE KEY") && !streq(label, "RSA PRIVATE KEY")) {
		return fail(err, ERROR_UNSUPPORTED, "a PEM block \"%.40s\" is no private key known here", label);
	}
	*ret = d2i_AutoPrivateKey(NULL, &at, len);
	if (plain.data)
		OPENSSL_cleanse(plain.data, plain.len);
	ERR_clear_error();
	return *ret ? public_key_check(*ret, err) : fail(err, ERROR_INVALID, "not a private key");
}

static int load_key(const struct op_sign *a, EVP_PKEY **ret, struct error *err)
{
	unsigned char *bytes = NULL;
	char *label = NULL;
	long len = 0;
	int r = a->key ? read_pem(a->key, &label, &bytes, &len, err) : fail(err, ERROR_INVALID, "no key");

	if (r == 0)
		r = decode_key(label, bytes, len, a->passphrase, ret, err);
	OPENSSL_clear_free(bytes, (size_t)len);
	OPENSSL_free(label);
	return r < 0 ? fail_wrap(err, "private key") : 0;
}

/* ---- signing ---- */
static int sign(EVP_PKEY *key, const char *data, size_t len, struct buf *to, struct error *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	const unsigned char *bytes = (const unsigned char *)data;
	size_t n = 0;
	char *out = NULL;
	bool ok = ctx && EVP_DigestSignInit(ctx, NULL, md, NULL, key) == 1 && EVP_DigestSign(ctx, NULL, &n, bytes, len) == 1 &&
		(out = buf_reserve(to, n)) && EVP_DigestSign(ctx, (unsigned char *)out, &n, bytes, len) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (!ok)
		return fail(err, ERROR_SYSTEM, "OpenSSL cannot sign with this key");
	to->len = n;
	return 0;
}

int op_sign_sigstore(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	struct op_sign *a = r->args;
	struct op_signature *ret = reply;
	autofree char *payload = NULL;
	auto_buf signature = BUF_INIT(8192), text = BUF_INIT(16384);
	auto_pkey *key = NULL;
	size_t len;

	(void)w;
	if (r->n_fds != 1 || lseek(r->fds[0], 0, SEEK_SET) < 0)
		return fail(err, ERROR_INVALID, "sign: bad request");
	TRY(file_read_fd(r->fds[0], "payload", PAYLOAD_BYTES_MAX, &payload, &len, err));
	TRY(load_key(a, &key, err));
	TRY(sign(key, payload, len, &signature, err));
	base64_encode(&text, signature.data, signature.len);
	ret->signature = buf_steal(&text);
	return ret->signature ? 0 : fail_oom(err);
}

/* ---- a new pair ---- */
static int seal(const unsigned char *der, size_t len, const char *passphrase, struct buf *json, struct error *err)
{
	const struct scrypt scrypt = { SCRYPT_N, SCRYPT_R, SCRYPT_P };
	auto_buf salt = BUF_INIT(SALT_BYTES + 1), box = BUF_INIT(KEY_BYTES_MAX);
	uint8_t key[SECRETBOX_KEY], nonce[SECRETBOX_NONCE], random[SALT_BYTES];

	if (RAND_bytes(random, sizeof(random)) != 1 || RAND_bytes(nonce, sizeof(nonce)) != 1)
		return fail(err, ERROR_SYSTEM, "OpenSSL has no random numbers");
	buf_add(&salt, random, sizeof(random));
	TRY(derive(passphrase, &salt, &scrypt, key, err));
	char *out = buf_reserve(&box, len + SECRETBOX_TAG);
	int r = out ? secretbox_seal(key, nonce, der, len, (uint8_t *)out, err) : fail_oom(err);
	OPENSSL_cleanse(key, sizeof(key));
	TRY(r);
	buf_addf(json, "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":%d,\"r\":%d,\"p\":%d},\"salt\":\"", SCRYPT_N, SCRYPT_R,
		 SCRYPT_P);
	base64_encode(json, random, sizeof(random));
	buf_add_str(json, "\"},\"cipher\":{\"name\":\"nacl/secretbox\",\"nonce\":\"");
	base64_encode(json, nonce, sizeof(nonce));
	buf_add_str(json, "\"},\"ciphertext\":\"");
	base64_encode(json, out, len + SECRETBOX_TAG);
	buf_add_str(json, "\"}");
	return buf_ok(json, "key", err);
}

/* What the memory BIO collected, as malloc'ed text. */
static int take_text(BIO *bio, char **ret, struct error *err)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);

	*ret = n > 0 ? strndup(data, (size_t)n) : NULL;
	return *ret ? 0 : fail_oom(err);
}

static int write_private(const EVP_PKEY *key, const char *passphrase, BIO *bio, struct error *err)
{
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	int len = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : -1;
	auto_buf json = BUF_INIT(KEY_BYTES_MAX);
	int r = len > 0 ? seal(der, (size_t)len, passphrase, &json, err) : fail_oom(err);

	if (r == 0 && PEM_write_bio(bio, "ENCRYPTED SIGSTORE PRIVATE KEY", "", (unsigned char *)json.data, (long)json.len) <= 0)
		r = fail_oom(err);
	OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return r;
}

int op_make_key(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_make_key *a = r->args;
	struct op_key_pair *ret = reply;
	auto_pkey *key = EVP_EC_gen("P-256");
	BIO *private_bio = BIO_new(BIO_s_mem()), *public_bio = BIO_new(BIO_s_mem());
	int result;

	(void)w;
	if (!key || !private_bio || !public_bio || PEM_write_bio_PUBKEY(public_bio, key) != 1)
		result = fail(err, ERROR_SYSTEM, "OpenSSL cannot make a P-256 key");
	else
		result = write_private(key, a->passphrase ? a->passphrase : "", private_bio, err);
	if (result == 0)
		result = take_text(private_bio, &ret->private_key, err);
	if (result == 0)
		result = take_text(public_bio, &ret->public_key, err);
	BIO_free(private_bio);
	BIO_free(public_bio);
	return result;
}
