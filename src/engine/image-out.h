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
	struct stage *stage;              /* holds what was recompressed; NULL: nothing was */
	int *files;                       /* by layer: the recompressed blob, or -1; NULL: nothing was */
};
/* Finds the image and makes its manifest ready. ret_name: malloc'ed name it was found by, or NULL. */
int image_out_begin(struct engine *e, const char *what, enum image_format format, struct image_out *ret, char **ret_name,
		    struct error *err);
void image_out_done(struct image_out *o);
#define auto_image_out CLEANUP(image_out_done) struct image_out
struct image_compression {
	enum compression format;          /* NONE: as stored, except that bare tars are compressed with gzip */
	int64_t level;                    /* -1: default */
	bool force;                       /* also what has the format already */
};
/* Brings the layers into the wanted compression and writes the manifest anew when one changed. After begin. */
int image_out_recompress(struct image_out *o, const struct image_compression *want, struct error *err);
/* A blob for reading. That of a layer made here (engine/commit.h) is made from the layer's tree. */
int image_out_open_blob(struct image_out *o, const char *digest, struct error *err);

/* image-save.c: one image under a name of the caller's choice (NULL: its own). */
int image_save_as(struct engine *e, const char *what, const char *name, const struct image_save *o, struct error *err);
