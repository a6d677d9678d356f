/* SPDX-License-Identifier: Apache-2.0
 * worker/hash.h - computing digests (OpenSSL EVP: SHA-NI where the machine has it). */
#pragma once
#include "image/digest.h"

struct hash {
	void *ctx;   /* EVP_MD_CTX */
	enum digest_algorithm algorithm;
};

int hash_init(struct hash *h, enum digest_algorithm a, struct error *err);
/* By the algorithm of an expected digest; NULL: SHA-256. */
int hash_init_like(struct hash *h, const char *digest, struct error *err);
void hash_add(struct hash *h, const void *data, size_t len);
/* Ends the computation: the digest's text. Returns out. */
char *hash_text(struct hash *h, char out[DIGEST_TEXT_MAX]);
void hash_done(struct hash *h);
#define auto_hash CLEANUP(hash_done) struct hash
/* ERROR_CORRUPT "<what>: digest is X, expected Y" unless they are equal or `want` is NULL. */
int hash_expect(const char *what, const char *got, const char *want, struct error *err);
