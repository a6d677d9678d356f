/* SPDX-License-Identifier: Apache-2.0
 * image/tar-recipe.h - how the tar of an unpacked layer is had again, byte for byte: what of it stands in no file
 * (headers, padding), and which file's bytes come where. Some kilobytes instead of a second copy of the layer.
 *
 *   "umiak-recipe 1\n", then items: a letter, numbers (7 bits a byte, lowest first, high bit: more follow), bytes
 *   L n BYTES          n bytes of the tar            Z n              n zero bytes
 *   F n PATH at len    len bytes of the file PATH    E n              the end of a tar of n bytes
 *
 * Written by the sandboxed unpacker while it unpacks (struct recipe_tap), kept beside the layer's tree, played when the
 * layer leaves the store. The tree must be as it was: whoever plays compares the digest. The parser takes any bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct sha256;

/* ---- writing ---- */
struct recipe_tap {
	int fd;                        /* the recipe; -1: none is written. Borrowed */
	struct buf text;               /* not yet written */
	const uint8_t *at;             /* of the chunk at hand, what no item says yet */
	size_t len;
	char *path;                    /* the file the last bytes went to, item not yet written; NULL: none */
	int64_t file_at, file_len;
	int64_t total;
};
void recipe_tap_init(struct recipe_tap *t, int fd);
void recipe_tap_done(struct recipe_tap *t);
/* The next chunk of the stream, or none (NULL, 0) when the one before goes: what is left of that is told first. Borrowed
 * until the next call. */
int recipe_tap_chunk(struct recipe_tap *t, const uint8_t *bytes, size_t len, struct error *err);
/* These bytes of the chunk at hand stand in the file `path` (clean, below the tree's root) from `at` on. */
int recipe_tap_data(struct recipe_tap *t, const char *path, int64_t at, const uint8_t *bytes, size_t len, struct error *err);
int recipe_tap_end(struct recipe_tap *t, struct error *err);

/* ---- reading ---- */
enum recipe_kind { RECIPE_LITERAL, RECIPE_ZEROS, RECIPE_FILE, RECIPE_END };
struct recipe_item {
	enum recipe_kind kind;
	const uint8_t *bytes;          /* literal, or the path: not terminated */
	size_t n;                      /* of bytes */
	int64_t at, len;               /* of the file; zeros, end: len */
};
struct recipe_cursor {
	const uint8_t *at, *end;
	bool begun;
};
/* 1: *ret, bytes borrowed from the text; 0: behind the end item; ERROR_CORRUPT. */
int recipe_next(struct recipe_cursor *c, struct recipe_item *ret, struct error *err);

/* Writes the tar of that many bytes (< 0: as many as the recipe says) to `out` (-1: nowhere) and adds it to `hash` (NULL: nobody). tree: directory the paths
 * are below; links inside lead nowhere else. ERROR_CORRUPT when a file is shorter than it was. */
int recipe_play(int recipe, int tree, int out, struct sha256 *hash, int64_t bytes, struct error *err);
