/* SPDX-License-Identifier: Apache-2.0
 * worker/chunked.h - zstd:chunked layers: zstd frames that can be fetched one by one, and the table that says which is
 * which (containers/storage docs/containers-storage-zstd-chunked.md).
 *
 *   [frames: headers][frame: a file's bytes][frames: headers]... [skippable: table of contents][skippable: footer]
 *
 * To a plain zstd reader the blob is the tar. The table is JSON, itself zstd-compressed; its place and digest stand in
 * the layer's annotations, its place in the footer as well. Written here: one chunk a file, no tar-split frame.
 * Read here: tables become units (ranges of the blob with a key each: same key, same bytes), never files. A key is only
 * a good guess; whoever assembles a blob from units checks the blob's digest. Tables are hostile input: bounded. */
#pragma once
#include "image/worker.h"
#include "worker/input.h"

#define CHUNKED_TABLE_MAX ((size_t)16 << 20)    /* inflated */
#define CHUNKED_UNITS_MAX 400000
#define CHUNKED_KEY 32

/* ---- writing ---- */
struct chunked_sink {
	int (*put)(void *data, const void *bytes, size_t len, struct error *err);
	void *data;
};
struct chunked_result {
	char place[80], digest[DIGEST_TEXT_MAX];   /* values of the two annotations; "": the tar has files that cannot be
	                                            * described (sparse ones), the blob is plain zstd */
};
/* The tar `source` gives as one zstd:chunked blob. level -1: default. */
struct tar_source;
int chunked_write(struct tar_source *source, int64_t level, const struct chunked_sink *sink, struct chunked_result *ret,
		  struct error *err);

/* ---- reading ---- */
struct chunked_unit {
	uint8_t key[CHUNKED_KEY];
	int64_t offset, size;
};
struct chunked_units {
	struct chunked_unit *v;
	size_t n, cap;
};
void chunked_units_done(struct chunked_units *u);
/* The units of a table (compressed bytes), in order and without gaps from 0 to `end`. table_size: when inflated. */
int chunked_parse(const void *bytes, size_t len, int64_t table_size, int64_t end, struct chunked_units *ret,
		  struct error *err);
/* Where a blob's table lies by its footer (the blob's last CHUNKED_FOOTER bytes, or fewer). 1; 0: it has none. */
#define CHUNKED_FOOTER 72
int chunked_footer(const uint8_t *tail, size_t len, int64_t blob_size, struct op_toc *ret);
