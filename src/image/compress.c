/* SPDX-License-Identifier: Apache-2.0
 * image/compress.c - compression names and magic numbers. */
#include "image/compress.h"

#include <string.h>

static const struct {
	const char *name;
	unsigned char magic[COMPRESSION_MAGIC_BYTES];
	size_t len;
} kinds[COMPRESSION_MAX] = {
	[COMPRESSION_NONE] = { "none", {}, 0 },
	[COMPRESSION_GZIP] = { "gzip", { 0x1f, 0x8b, 0x08 }, 3 },
	[COMPRESSION_ZSTD] = { "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4 },
	[COMPRESSION_ZSTD_CHUNKED] = { "zstd:chunked", {}, 0 },   /* zstd to who does not look at annotations */
	[COMPRESSION_XZ] = { "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6 },
	[COMPRESSION_BZIP2] = { "bzip2", { 'B', 'Z', 'h' }, 3 },
};

const char *compression_name(enum compression c)
{
	return kinds[c].name;
}

enum compression compression_detect(const void *head, size_t len)
{
	const unsigned char *b = head;

	for (int i = 0; i < COMPRESSION_MAX; i++)
		if (kinds[i].len && len >= kinds[i].len && memcmp(b, kinds[i].magic, kinds[i].len) == 0)
			return (enum compression)i;
	/* zstd skippable frames (0x184D2A50..5F) come first in seekable zstd files. */
	if (len >= 4 && (b[0] & 0xf0) == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18)
		return COMPRESSION_ZSTD;
	return COMPRESSION_NONE;
}
