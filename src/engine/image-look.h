/* SPDX-License-Identifier: Apache-2.0
 * engine/image-look.h - what an image at any place is, without fetching its layers: manifest and config as bytes.
 * Also: tags, digests, deletions. Owns the documents. Everything was checked in a worker. Not after fork(). */
#pragma once
#include "engine/image-copy.h"
#include "image/source.h"

struct image_look {
	char *name;                       /* "host/path" of a registry's image, else NULL */
	char *tag;                        /* as asked for, or NULL */
	struct source_document top;       /* what the name leads to: manifest or index */
	struct source_document manifest;  /* of the image chosen (bytes NULL: not asked for) */
	char *config;                     /* NULL: not asked for */
	size_t config_len;
	struct strv tags;                 /* of the repository, when asked for */
};
void image_look_done(struct image_look *l);
#define auto_image_look CLEANUP(image_look_done) struct image_look

enum { IMAGE_LOOK_CONFIG = 1, IMAGE_LOOK_TAGS = 2 };
/* name: with a transport. o: from, platform, from_blobs, from_daemon. want: which parts besides `top`. */
int image_look(struct engine *e, const char *name, const struct image_copy *o, unsigned want, struct image_look *ret,
	       struct error *err);
/* Tags of a repository (docker://) or names inside a docker archive; *ret_repository: malloc'ed name, or NULL. */
int image_list_tags(struct engine *e, const char *name, const struct image_remote *o, struct strv *ret,
		    char **ret_repository, struct error *err);
/* Takes the manifest a docker:// name leads to out of its registry; of an oci: layout the entry and what only it used. */
int image_delete_remote(struct engine *e, const char *name, const struct image_remote *o, struct error *err);
