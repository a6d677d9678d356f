/* SPDX-License-Identifier: Apache-2.0
 * engine/image-commit.h - an image of a source becomes an image of the store.
 * Shared by pull, load and import; nobody else includes it. Leases of the layers' digests let several processes that
 * want the same layer share one download. Nothing is visible before the last step. */
#pragma once
#include "engine/image.h"
#include "image/source.h"
#include "store/stage.h"

/* A stage and a source whose unpackers are confined to it. */
struct image_transfer {
	struct engine *engine;
	struct store *store;
	struct stage *stage;
	struct source *source;
	const struct image_progress *progress;
	struct image_chunks *chunks;   /* engine/image-chunks.c; NULL: not looked for yet */
	bool resumable;           /* from a registry: what has come of a blob survives a failure and a kill */
	bool trees_only;          /* blobs are not kept */
};
int image_transfer_begin(struct engine *e, const char *purpose, const struct image_progress *progress,
			 struct image_transfer *ret, struct error *err);
void image_transfer_done(struct image_transfer *t);
#define auto_image_transfer CLEANUP(image_transfer_done) struct image_transfer

void image_say(const struct image_progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Unpacks what is missing and makes it durable; the stage pins all of it. */
int image_bring_layers(struct image_transfer *t, struct source_image *i, struct error *err);

/* zstd:chunked layers of a registry (image-chunks.c): does the layer say where its pieces are, and may we look? */
bool image_chunks_wanted(const struct engine *e, const struct op_descriptor *d);
/* Puts the blob together in fd from pieces of blobs that are here and ranges of the registry's. 1: there it is, its digest
 * fits; 0: it does not pay or something was wrong: take the whole blob. */
int image_chunks_assemble(struct image_transfer *t, const struct op_descriptor *d, int fd);
void image_chunks_done(struct image_chunks *c);

/* Unpacks what is missing, makes everything durable, gives the names. The stage may take several images in a row. */
int image_commit(struct image_transfer *t, struct source_image *i, const struct strv *names, char ret_id[65],
		 struct error *err);
/* The same when all layers are in the store and pinned by the stage already. */
int image_commit_documents(struct image_transfer *t, struct source_image *i, const struct strv *names, char ret_id[65],
			   struct error *err);
