/* SPDX-License-Identifier: Apache-2.0
 * image/tar-internal.h - what the parts of the tar reader share; nobody else includes it. */
#pragma once
#include "base/buf.h"
#include "image/tar-format.h"
#include "image/tar.h"

/* Records of PAX headers: keys and values of any bytes, in order; a later record of a key wins. */
struct tar_record {
	char *key, *value;
	size_t len;
};
struct tar_records {
	struct tar_record *v;
	size_t n, cap;
};

struct tar_reader {
	struct tar_source source;
	const uint8_t *at;          /* bytes at hand */
	size_t len;
	int64_t offset;             /* of `at` in the stream */
	int64_t left, pad;          /* of the current entry's data */
	bool ended;
	struct tar_entry entry;
	struct buf special;
	char *long_name, *long_link;
	struct tar_records local, global;
	size_t extent;              /* sparse: where tar_data_at() is */
	int64_t extent_done;
};

int tar_bad(struct tar_reader *r, const char *why, struct error *err);
int tar_read_block(struct tar_reader *r, void *block, struct error *err);
int tar_number(const char *field, size_t n, int64_t *ret);
int64_t tar_time(int64_t seconds, int64_t ns);

/* tar-pax.c */
int tar_pax_parse(struct tar_reader *r, struct tar_records *to, struct error *err);   /* r->special into records */
int tar_pax_apply(struct tar_reader *r, const struct tar_records *from, struct error *err);
void tar_pax_clear(struct tar_records *l);
const struct tar_record *tar_pax_get(const struct tar_reader *r, const char *key);

/* tar-sparse.c */
int tar_sparse_gnu(struct tar_reader *r, const struct tar_header *h, struct error *err);
int tar_sparse_pax(struct tar_reader *r, struct error *err);
