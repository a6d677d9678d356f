/* SPDX-License-Identifier: Apache-2.0
 * image/digest.h - content digests as text: "sha256:<64 hex>" (OCI image spec, descriptor.md, "Digests").
 *
 * A digest is checked by digest_parse() before it is used for anything, above all before it becomes part of a path
 * (security-matrix G2). Nothing here computes digests: hashing is the worker's (image/worker.h) and needs
 * OpenSSL, which `umiak` does not link. Owns nothing, allocates nothing; may be used anywhere. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum digest_algorithm { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_ALGORITHM_MAX };

#define DIGEST_BYTES_MAX 64
#define DIGEST_TEXT_MAX (7 + 2 * DIGEST_BYTES_MAX + 1)   /* "sha512:" + hex + NUL */

struct digest {
	enum digest_algorithm algorithm;
	uint8_t bytes[DIGEST_BYTES_MAX];   /* digest_size() of them count */
};

const char *digest_algorithm_name(enum digest_algorithm a);
size_t digest_size(enum digest_algorithm a);   /* in bytes: 32, 48, 64 */
/* "<algorithm>:<lower-case hex of exactly the right length>"; everything else is ERROR_INVALID. */
int digest_parse(const char *s, struct digest *ret, struct error *err);
bool digest_is_valid(const char *s);
/* Returns out. */
char *digest_format(const struct digest *d, char out[DIGEST_TEXT_MAX]);
bool digest_equal(const struct digest *a, const struct digest *b);
/* The hex part of a *valid* digest text: what stands behind the colon. */
const char *digest_hex(const char *s);
