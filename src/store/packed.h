/* SPDX-License-Identifier: Apache-2.0
 * store/packed.h - what blobs of ours became when they were compressed for somebody else: a second push of the same image
 * learns their digests without compressing again.
 *
 * Owns <root>/packed.db: one row per blob and form, not durable. The file appears with the first row and can be deleted
 * at any time: pushes are slower once. Rows that were of no use for months go. Not after fork(). */
#pragma once
#include <stdint.h>

#include "base/error.h"
#include "store/store.h"

struct packed_blob {
	char *digest;        /* of the compressed blob */
	int64_t size;
	char *toc_place, *toc_digest;   /* zstd:chunked: annotations of its table of contents, else NULL */
};
void packed_blob_done(struct packed_blob *p);
#define auto_packed_blob CLEANUP(packed_blob_done) struct packed_blob

/* What `digest` became as `form` ("gzip 1": compression and level). 1: known; 0: not. */
int packed_find(struct store *s, const char *digest, const char *form, struct packed_blob *ret, struct error *err);
int packed_put(struct store *s, const char *digest, const char *form, const struct packed_blob *p, struct error *err);
