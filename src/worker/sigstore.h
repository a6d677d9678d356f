/* SPDX-License-Identifier: Apache-2.0
 * worker/sigstore.h - what the parts of sigstore verification share; nobody else includes it.
 * Errors name what is wrong with the signature; who asked decides what that means. */
#pragma once
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/str.h"
#include "image/worker.h"

static inline void pkey_free_p(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
#define auto_pkey CLEANUP(pkey_free_p) EVP_PKEY
static inline void x509_free_p(X509 **c)
{
	X509_free(*c);
}
#define auto_x509 CLEANUP(x509_free_p) X509

struct signed_bytes {
	const void *payload;
	size_t len;
	struct buf signature;   /* decoded */
};

/* A PEM public key: ECDSA (P-256, P-384, P-521), Ed25519 or RSA of 2048 bits and more. */
int public_key_parse(const char *pem, EVP_PKEY **ret, struct error *err);
int public_key_check(const EVP_PKEY *key, struct error *err);
/* 1: the key made the signature (SHA-256; Ed25519 over the bytes themselves), 0: it did not. */
int public_key_verify(EVP_PKEY *key, const void *data, size_t len, const void *signature, size_t signature_len);

/* sigstore-bundle.c: Rekor's signed entry timestamp, checked against the policy's keys and this signature by this key
 * (its DER). ret_time: when the log took it in. */
int bundle_verify(const char *bundle, const struct strv *rekor_keys, const struct signed_bytes *s, const EVP_PKEY *key,
		  int64_t *ret_time, struct error *err);
/* sigstore-certificate.c: the certificate is the policy's to trust at that time and says what is asked. */
int certificate_verify(const struct op_verify *v, X509 *leaf, int64_t time, struct error *err);
int certificate_parse(const char *pem, X509 **ret, struct error *err);
