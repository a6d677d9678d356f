/* SPDX-License-Identifier: Apache-2.0
 * engine/image-out.h - an image of the store on its way out: its documents in the wanted format, its blobs.
 * Shared by push and save; nobody else includes it. */
#pragma once
#include "base/buf.h"
#include "engine/image-commit.h"
#include "os/file.h"
#include "store/image.h"

struct image_out {
	struct engine *engine;
	struct store *store;
	struct store_image image;         /* all of it */
	char config_digest[DIGEST_TEXT_MAX];
	struct buf manifest;              /* in the wanted format; byte-exact when nothing had to change */
	char digest[DIGEST_TEXT_MAX];     /* of the manifest */
	enum media_type type;
	struct stage *stage;              /* holds what was packed anew; NULL: nothing was */
};
/* Finds the image and makes its manifest ready. ret_name: malloc'ed name it was found by, or NULL. */
int image_out_begin(struct engine *e, const char *what, enum image_format format, struct image_out *ret, char **ret_name,
		    struct error *err);
void image_out_done(struct image_out *o);
#define auto_image_out CLEANUP(image_out_done) struct image_out
/* Whether the layer's blob lies in the store; else its tar is made from the tree: of layers made here (engine/commit.h), and
 * of those that came as a tar, by their recipe (image/tar-recipe.h). */
bool image_out_is_kept(struct image_out *o, const struct store_image_layer *l, struct error *err);
/* What such a tar is made of. */
struct image_tar {
	int tree, recipe;                     /* recipe -1: the tree is packed */
	const struct store_image_layer *layer;   /* borrowed from the image */
	bool read_only;
};
int image_tar_open(const struct image_out *o, const struct store_image_layer *l, struct image_tar *ret, struct error *err);
void image_tar_done(struct image_tar *t);
#define auto_image_tar CLEANUP(image_tar_done) struct image_tar
#define IMAGE_TAR_INIT { .tree = -1, .recipe = -1 }
/* Writes it, blob_size bytes; needs no store and may run in a thread. ERROR_CORRUPT when it is not what its digest says:
 * `out` has other bytes then. */
int image_tar_write(const struct image_tar *t, int out, struct error *err);
/* The layer whose tar `digest` would have to be made from its tree, or NULL. */
const struct store_image_layer *image_out_find_made(struct image_out *o, const char *digest, struct error *err);
/* Opens and writes that tar, blob_size bytes. ERROR_CORRUPT when it is not what its digest says: `out` has other bytes then. */
int image_out_pack_layer(struct image_out *o, const struct store_image_layer *l, int out, struct error *err);
/* A blob for reading, kept or made in a file without a name. */
int image_out_open_blob(struct image_out *o, const char *digest, struct error *err);
