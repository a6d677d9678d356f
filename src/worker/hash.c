/* SPDX-License-Identifier: Apache-2.0
 * worker/hash.c - digests by OpenSSL EVP. */
#include "worker/hash.h"

#include <openssl/evp.h>

#include "base/str.h"

int hash_init(struct hash *h, enum digest_algorithm a, struct error *err)
{
	const EVP_MD *md = a == DIGEST_SHA512 ? EVP_sha512() : a == DIGEST_SHA384 ? EVP_sha384() : EVP_sha256();

	*h = (struct hash){ EVP_MD_CTX_new(), a };
	if (!h->ctx || !EVP_DigestInit_ex(h->ctx, md, NULL))
		return fail(err, ERROR_SYSTEM, "OpenSSL has no %s", digest_algorithm_name(a));
	return 0;
}

int hash_init_like(struct hash *h, const char *digest, struct error *err)
{
	struct digest d = { .algorithm = DIGEST_SHA256 };

	if (digest)
		TRY(digest_parse(digest, &d, err));
	return hash_init(h, d.algorithm, err);
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	EVP_DigestUpdate(h->ctx, data, len);
}

char *hash_text(struct hash *h, char out[DIGEST_TEXT_MAX])
{
	struct digest d = { .algorithm = h->algorithm };
	unsigned char bytes[EVP_MAX_MD_SIZE];

	EVP_DigestFinal_ex(h->ctx, bytes, NULL);
	memcpy(d.bytes, bytes, digest_size(h->algorithm));
	return digest_format(&d, out);
}

void hash_done(struct hash *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

int hash_expect(const char *what, const char *got, const char *want, struct error *err)
{
	if (!want || streq(got, want))
		return 0;
	return fail(err, ERROR_CORRUPT, "%s: the digest of what came is %s, expected %s", what, got, want);
}
