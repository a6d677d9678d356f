/* SPDX-License-Identifier: Apache-2.0
 * worker/secretbox.h - NaCl's secretbox (XSalsa20 and Poly1305), in which cosign keeps private keys: OpenSSL has
 * Poly1305 but no Salsa20. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/own.h"

enum { SECRETBOX_KEY = 32, SECRETBOX_NONCE = 24, SECRETBOX_TAG = 16 };

/* out: len + SECRETBOX_TAG bytes. */
int secretbox_seal(const uint8_t key[SECRETBOX_KEY], const uint8_t nonce[SECRETBOX_NONCE], const uint8_t *text, size_t len,
		   uint8_t *out, struct error *err);
/* box: len bytes, out: len - SECRETBOX_TAG. ERROR_DENIED: another key made it, or it was changed. */
int secretbox_open(const uint8_t key[SECRETBOX_KEY], const uint8_t nonce[SECRETBOX_NONCE], const uint8_t *box, size_t len,
		   uint8_t *out, struct error *err);
