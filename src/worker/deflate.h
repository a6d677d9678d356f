/* SPDX-License-Identifier: Apache-2.0
 * worker/deflate.h - compression as a stream: bytes in, compressed bytes to a sink. The same input gives the same output
 * (no time stamps, no threads inside): digests of what we make are reproducible by the same build. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "image/compress.h"

#define DEFLATE_LEVEL_DEFAULT (-1)

struct deflate_sink {
	int (*put)(void *data, const void *bytes, size_t len, struct error *err);
	void *data;
};

struct deflate;
/* gzip level: 0-3 by ISA-L, 4-9 by zlib, default 1; zstd: its own, default 3; none: bytes pass through. */
int deflate_new(enum compression c, int64_t level, struct deflate_sink sink, struct deflate **ret, struct error *err);
/* last: the stream ends with these bytes (len may be 0). */
int deflate_add(struct deflate *d, const void *bytes, size_t len, bool last, struct error *err);
void deflate_free(struct deflate *d);
DEFINE_CLEANUP(struct deflate, deflate_free);
#define auto_deflate CLEANUP(deflate_free_p) struct deflate

struct deflate_io {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
	bool last;
};
/* One step: uses input, fills output; *done: everything was written (with last: also the trailer). */
struct deflate_codec {
	void *(*new)(int64_t level);
	int (*run)(void *state, struct deflate_io *io, bool *done, struct error *err);
	void (*free)(void *state);
};
extern const struct deflate_codec deflate_gzip_fast, deflate_gzip_small, deflate_zstd;   /* fast: ISA-L, or zlib */
