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

const char *compression_name(enum compression c);   /* "none", "gzip", "zstd", "zstd:chunked", "xz", "bzip2" */
/* By the first bytes of a stream (COMPRESSION_MAGIC_BYTES are enough, fewer may be given). */
enum compression compression_detect(const void *head, size_t len);
