/* SPDX-License-Identifier: Apache-2.0
 * worker/verify-op.c - OP_PARSE_PAYLOAD and OP_VERIFY_SIGSTORE. Nothing a payload says goes back before its signature
 * was found good. */
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "image/payload.h"
#include "os/file.h"
#include "worker/role.h"
#include "worker/sigstore.h"

#define RSA_BITS_MIN 2048
#define SIGNATURE_BYTES_MAX 8192

static int read_payload(const struct request *r, char **ret, size_t *ret_len, struct error *err)
{
	if (r->n_fds != 1 || lseek(r->fds[0], 0, SEEK_SET) < 0)
		return fail(err, ERROR_INVALID, "signature: bad request");
	return file_read_fd(r->fds[0], "signature", PAYLOAD_BYTES_MAX, ret, ret_len, err);
}

int op_parse_payload(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_payload *a = r->args;
	autofree char *text = NULL;
	size_t len;

	(void)w;
	TRY(read_payload(r, &text, &len, err));
	return payload_parse(text, len, a->sigstore, reply, err);
}

/* ---- keys ---- */
int public_key_check(const EVP_PKEY *key, struct error *err)
{
	int type = EVP_PKEY_get_base_id(key), bits = EVP_PKEY_get_bits(key);

	if (type == EVP_PKEY_EC || type == EVP_PKEY_ED25519 || (type == EVP_PKEY_RSA && bits >= RSA_BITS_MIN))
		return 0;
	return fail(err, ERROR_UNSUPPORTED, "a key of this kind is not supported (use ECDSA P-256, Ed25519, or RSA of %d bits)",
		    RSA_BITS_MIN);
}

int public_key_parse(const char *pem, EVP_PKEY **ret, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	auto_pkey *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	if (!key)
		return fail(err, ERROR_INVALID, "not a PEM public key");
	TRY(public_key_check(key, err));
	*ret = take_ptr(key);
	return 0;
}

int public_key_verify(EVP_PKEY *key, const void *data, size_t len, const void *signature, size_t signature_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
		EVP_DigestVerify(ctx, signature, signature_len, data, len) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

/* ---- verification ---- */
static int find_key(const struct op_verify *a, const struct signed_bytes *s, EVP_PKEY **ret, int64_t *ret_index,
		    struct error *err)
{
	for (size_t i = 0; i < a->keys.n; i++) {
		auto_pkey *key = NULL;
		TRY(public_key_parse(a->keys.v[i], &key, err));
		if (!public_key_verify(key, s->payload, s->len, s->signature.data, s->signature.len))
			continue;
		*ret = take_ptr(key);
		*ret_index = (int64_t)i;
		return 0;
	}
	return fail(err, ERROR_DENIED, "cryptographic signature verification failed: none of the policy's keys made it");
}

static int verify_by_key(const struct op_verify *a, const struct signed_bytes *s, struct op_signed *ret, struct error *err)
{
	auto_pkey *key = NULL;
	int64_t when;

	TRY(find_key(a, s, &key, &ret->matched, err));
	if (!a->rekor_keys.n)
		return 0;
	return bundle_verify(a->bundle, &a->rekor_keys, s, key, &when, err);
}

static int verify_by_certificate(const struct op_verify *a, const struct signed_bytes *s, struct op_signed *ret,
				 struct error *err)
{
	auto_x509 *leaf = NULL;
	int64_t when = time(NULL);

	if (!a->certificate)
		return fail(err, ERROR_DENIED, "the signature comes without a certificate");
	TRY(certificate_parse(a->certificate, &leaf, err));
	EVP_PKEY *key = X509_get0_pubkey(leaf);
	if (!key)
		return fail(err, ERROR_DENIED, "the certificate has no usable key");
	TRY(public_key_check(key, err));
	if (!public_key_verify(key, s->payload, s->len, s->signature.data, s->signature.len))
		return fail(err, ERROR_DENIED, "cryptographic signature verification failed");
	if (a->rekor_keys.n)
		TRY(bundle_verify(a->bundle, &a->rekor_keys, s, key, &when, err));
	ret->matched = -1;
	return certificate_verify(a, leaf, when, err);
}

static void signed_bytes_done(struct signed_bytes *s)
{
	buf_done(&s->signature);
}

int op_verify_sigstore(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	CLEANUP(signed_bytes_done) struct signed_bytes s = { .signature = BUF_INIT(SIGNATURE_BYTES_MAX) };
	const struct op_verify *a = r->args;
	struct op_signed *ret = reply;
	autofree char *text = NULL;
	size_t len;

	(void)w;
	if (!a->signature)
		return fail(err, ERROR_CORRUPT, "the signature is missing");
	TRY(read_payload(r, &text, &len, err));
	TRY(base64_decode(a->signature, &s.signature, err));
	s.payload = text;
	s.len = len;
	TRY(a->keys.n ? verify_by_key(a, &s, ret, err) : verify_by_certificate(a, &s, ret, err));
	int64_t matched = ret->matched;
	TRY(payload_parse(text, len, true, ret, err));
	ret->matched = matched;
	return 0;
}
