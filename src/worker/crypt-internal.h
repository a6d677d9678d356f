/* SPDX-License-Identifier: Apache-2.0
 * worker/crypt-internal.h - what the cipher and the wrapping of its key share; nobody else includes it. */
#pragma once
#include <openssl/evp.h>

#include "base/base64.h"
#include "base/json.h"
#include "worker/crypt.h"

#define CRYPT_KEY 32
#define CRYPT_NONCE 16
#define CRYPT_MAC 32
#define CRYPT_TEXT_MAX ((size_t)256 << 10)

/* The secret for all of the keys, as the annotation holds it. */
int jwe_wrap(const struct strv *keys, const struct buf *secret, char **ret, struct error *err);
int jwe_unwrap(const struct strv *keys, const struct strv *passphrases, const char *annotation, struct buf *ret,
	       struct error *err);

/* ---- crypt-jwe-key.c: the content key for one recipient ---- */
#define JWE_CEK 32
#define JWE_ALG_RSA "RSA-OAEP"
#define JWE_ALG_EC "ECDH-ES+A256KW"
bool jwe_alg_known(const char *alg);
/* base64url without padding. */
void jwe_url_encode(struct buf *to, const void *bytes, size_t len);
int jwe_url_decode(const char *s, struct buf *to, struct error *err);
/* Appends the members of the recipient's header ("alg":...) and the wrapped key, base64url. pem: a public key or certificate. */
int jwe_key_wrap(const char *pem, const uint8_t cek[JWE_CEK], struct buf *head, struct buf *to, struct error *err);
int jwe_key_private(const char *pem, const char *passphrase, EVP_PKEY **ret, struct error *err);
/* head: the header that names the algorithm; hostile. 1: *ret filled (whether it is right, the tag tells); 0: not this key. */
int jwe_key_unwrap(EVP_PKEY *key, struct json_object *head, const char *wrapped, uint8_t ret[JWE_CEK]);
