/* SPDX-License-Identifier: Apache-2.0
 * image/compress.h - which compression a byte stream or a media type has. Names and magic numbers only: the codecs are
 * the worker's (worker/inflate.h, worker/deflate.h). Owns nothing; may be used anywhere. */
#pragma once
#include <stddef.h>

#include "image/oci-image.h"

enum compression {
	COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_ZSTD_CHUNKED, COMPRESSION_XZ,
	COMPRESSION_BZIP2, COMPRESSION_MAX
};
#define COMPRESSION_MAGIC_BYTES 6

/* The compression a layer type names (NONE for other types), and the layer type of a compression (UNKNOWN: there is none).
 * In media-type.c. */
enum compression media_type_compression(enum media_type layer);
enum media_type media_type_layer(enum compression c, bool docker);

const char *compression_name(enum compression c);   /* "none", "gzip", "zstd", "zstd:chunked", "xz", "bzip2" */
/* By the first bytes of a stream (COMPRESSION_MAGIC_BYTES are enough, fewer may be given). */
enum compression compression_detect(const void *head, size_t len);
