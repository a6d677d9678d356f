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
