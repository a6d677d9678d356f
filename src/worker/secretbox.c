/* SPDX-License-Identifier: Apache-2.0
 * worker/secretbox.c - Salsa20 after its specification (D. J. Bernstein, 2005), extended nonces ("Extending the
 * Salsa20 nonce", 2011), Poly1305 by OpenSSL. */
#include "worker/secretbox.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

static uint32_t load32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void quarter(uint32_t *x, int a, int b, int c, int d)
{
#define ROTATE(v, n) ((v) << (n) | (v) >> (32 - (n)))
	x[b] ^= ROTATE(x[a] + x[d], 7);
	x[c] ^= ROTATE(x[b] + x[a], 9);
	x[d] ^= ROTATE(x[c] + x[b], 13);
	x[a] ^= ROTATE(x[d] + x[c], 18);
}

static void set_state(uint32_t x[16], const uint8_t key[32], const uint8_t in[16])
{
	static const uint8_t sigma[] = "expand 32-byte k";

	for (int i = 0; i < 4; i++) {
		x[5 * i] = load32(sigma + 4 * i);
		x[1 + i] = load32(key + 4 * i);
		x[6 + i] = load32(in + 4 * i);
		x[11 + i] = load32(key + 16 + 4 * i);
	}
}

static void rounds(uint32_t x[16])
{
	for (int i = 0; i < 10; i++) {
		quarter(x, 0, 4, 8, 12), quarter(x, 5, 9, 13, 1), quarter(x, 10, 14, 2, 6), quarter(x, 15, 3, 7, 11);
		quarter(x, 0, 1, 2, 3), quarter(x, 5, 6, 7, 4), quarter(x, 10, 11, 8, 9), quarter(x, 15, 12, 13, 14);
	}
}

static void block(uint8_t out[64], const uint8_t key[32], const uint8_t nonce[8], uint64_t counter)
{
	uint32_t x[16], start[16];
	uint8_t in[16];

	memcpy(in, nonce, 8);
	store32(in + 8, (uint32_t)counter);
	store32(in + 12, (uint32_t)(counter >> 32));
	set_state(x, key, in);
	memcpy(start, x, sizeof(start));
	rounds(x);
	for (int i = 0; i < 16; i++)
		store32(out + 4 * i, x[i] + start[i]);
}

/* HSalsa20: the first 16 bytes of the long nonce become part of the key. */
static void derive_key(uint8_t out[32], const uint8_t key[32], const uint8_t nonce[16])
{
	static const int places[8] = { 0, 5, 10, 15, 6, 7, 8, 9 };
	uint32_t x[16];

	set_state(x, key, nonce);
	rounds(x);
	for (int i = 0; i < 8; i++)
		store32(out + 4 * i, x[places[i]]);
}

/* The key stream begins with the 32 bytes that authenticate. */
static void apply_stream(const uint8_t key[32], const uint8_t nonce[8], const uint8_t *in, size_t len, uint8_t *out,
			 uint8_t ret_auth_key[32])
{
	uint8_t stream[64];

	block(stream, key, nonce, 0);
	memcpy(ret_auth_key, stream, 32);
	for (size_t i = 0; i < len; i++) {
		if ((i + 32) % 64 == 0)
			block(stream, key, nonce, (i + 32) / 64);
		out[i] = in[i] ^ stream[(i + 32) % 64];
	}
	OPENSSL_cleanse(stream, sizeof(stream));
}

static int authenticate(const uint8_t key[32], const uint8_t *data, size_t len, uint8_t tag[SECRETBOX_TAG],
			struct error *err)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	size_t n = 0;
	bool ok = ctx && EVP_MAC_init(ctx, key, 32, NULL) && EVP_MAC_update(ctx, data, len) &&
		EVP_MAC_final(ctx, tag, &n, SECRETBOX_TAG) && n == SECRETBOX_TAG;

	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return ok ? 0 : fail(err, ERROR_SYSTEM, "OpenSSL has no Poly1305");
}

int secretbox_seal(const uint8_t key[SECRETBOX_KEY], const uint8_t nonce[SECRETBOX_NONCE], const uint8_t *text, size_t len,
		   uint8_t *out, struct error *err)
{
	uint8_t sub[32], auth[32];

	derive_key(sub, key, nonce);
	apply_stream(sub, nonce + 16, text, len, out + SECRETBOX_TAG, auth);
	return authenticate(auth, out + SECRETBOX_TAG, len, out, err);
}

int secretbox_open(const uint8_t key[SECRETBOX_KEY], const uint8_t nonce[SECRETBOX_NONCE], const uint8_t *box, size_t len,
		   uint8_t *out, struct error *err)
{
	uint8_t sub[32], auth[32], tag[SECRETBOX_TAG];

	if (len < SECRETBOX_TAG)
		return fail(err, ERROR_DENIED, "too short");
	derive_key(sub, key, nonce);
	apply_stream(sub, nonce + 16, box + SECRETBOX_TAG, len - SECRETBOX_TAG, out, auth);
	TRY(authenticate(auth, box + SECRETBOX_TAG, len - SECRETBOX_TAG, tag, err));
	if (CRYPTO_memcmp(tag, box, SECRETBOX_TAG) == 0)
		return 0;
	OPENSSL_cleanse(out, len - SECRETBOX_TAG);
	return fail(err, ERROR_DENIED, "wrong passphrase");
}
