/* SPDX-License-Identifier: Apache-2.0
 * base/sha256.h - SHA-256 (FIPS 180-4) in this process: for bytes of our own making and files of the user.
 *
 * What comes from a registry or an archive is hashed in the worker (image/worker.h), which links OpenSSL. This is for
 * what would cost more to hand over than to hash: layers of a build on their way into the store, cache keys. Uses the
 * processor's SHA instructions where it has them. Owns nothing, allocates nothing: usable between clone() and exec(). */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_HEX_MAX 65           /* 64 digits and NUL */
#define SHA256_TEXT_MAX 72          /* "sha256:" + 64 digits + NUL */

struct sha256 {
	uint32_t state[8];
	uint64_t len;                /* bytes so far */
	uint8_t block[64];
};

void sha256_init(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *data, size_t len);
/* Ends the computation. */
void sha256_end(struct sha256 *h, uint8_t out[SHA256_BYTES]);
/* Ends it as 64 lower-case digits, or as a digest's text. Both return out. */
char *sha256_end_hex(struct sha256 *h, char out[SHA256_HEX_MAX]);
char *sha256_end_text(struct sha256 *h, char out[SHA256_TEXT_MAX]);
/* The digest's text of bytes that are all there. Returns out. */
char *sha256_text(const void *data, size_t len, char out[SHA256_TEXT_MAX]);
