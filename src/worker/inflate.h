/* SPDX-License-Identifier: Apache-2.0
 * worker/inflate.h - decompression as a stream filter: bytes in, bytes out, nothing kept but the codec's window.
 * gzip: several members in a row are one stream; zstd: several frames and skippable ones. Anything that follows the
 * last member and is no further member is ERROR_CORRUPT, as is a stream that ends in the middle. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "image/compress.h"

struct inflate;

/* Bytes offered and room offered; inflate_run() moves both along. */
struct inflate_io {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
};

struct inflate_codec {
	void *(*new)(void);
	/* Works until input or room is used up. *at_boundary: nothing is missing at this point. */
	int (*run)(void *state, struct inflate_io *io, bool *at_boundary, struct error *err);
	void (*free)(void *state);
};
/* Linked in as the build finds the libraries: inflate-isal.c or inflate-zlib.c, inflate-zstd.c. */
extern const struct inflate_codec inflate_gzip, inflate_zstd;
extern const struct inflate_codec inflate_xz, inflate_bzip2;   /* without functions where the libraries are missing */

/* ERROR_UNSUPPORTED for a compression this build cannot undo, by name. */
int inflate_new(enum compression c, struct inflate **ret, struct error *err);
int inflate_run(struct inflate *z, struct inflate_io *io, struct error *err);
/* At the end of the input: fails when the stream was cut. */
int inflate_end(struct inflate *z, struct error *err);
void inflate_free(struct inflate *z);
DEFINE_CLEANUP(struct inflate, inflate_free);
#define auto_inflate CLEANUP(inflate_free_p) struct inflate
