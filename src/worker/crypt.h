/* SPDX-License-Identifier: Apache-2.0
 * worker/crypt.h - encrypted layers as ocicrypt makes them: AES-256-CTR with an HMAC-SHA256 over what was encrypted
 * ("AES_256_CTR_HMAC_SHA256"), its key wrapped for each recipient in a JWE (RFC 7516; RSA-OAEP or ECDH-ES+A256KW, A256GCM).
 *
 * The values of two annotations of the layer come in and go out: the wrapped key (org.opencontainers.image.enc.keys.jwe,
 * base64 of JWEs, commas between) and the public options (...enc.pubopts, base64 of JSON). Both are hostile input.
 * What was decrypted counts only after crypt_end_decrypt(). Keys are wiped by crypt_free(). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

struct crypt;
int crypt_new_encrypt(struct crypt **ret, struct error *err);
/* keys: PEM private keys of which one must fit; passphrases: one each, "" for none. ERROR_DENIED when none does. */
int crypt_new_decrypt(const struct strv *keys, const struct strv *passphrases, const char *jwe, const char *pubopts,
		      struct crypt **ret, struct error *err);
/* len bytes; in and out may be the same. */
int crypt_run(struct crypt *c, const void *in, void *out, size_t len, struct error *err);
/* Both annotations, malloc'ed. keys: PEM public keys or certificates; digest: of the bytes before encryption. */
int crypt_end_encrypt(struct crypt *c, const struct strv *keys, const char *digest, char **ret_jwe, char **ret_pubopts,
		      struct error *err);
/* digest: of the bytes that came out. ERROR_CORRUPT when they were changed on the way. */
int crypt_end_decrypt(struct crypt *c, const char *digest, struct error *err);
void crypt_free(struct crypt *c);
DEFINE_CLEANUP(struct crypt, crypt_free);
#define auto_crypt CLEANUP(crypt_free_p) struct crypt
