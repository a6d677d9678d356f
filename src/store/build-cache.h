/* SPDX-License-Identifier: Apache-2.0
 * store/build-cache.h - what steps of builds gave, by a key over everything they depended on.
 *
 * Owns <root>/cache.db: one row per key, durable (and rows of images: store/step-image.h). A row may name a layer (diff-id): as long as it does, the layer is not
 * garbage (store/collect.c asks). A row whose layer is gone counts as no row. The file appears with the first row; it can
 * be deleted at any time: builds are slower once, layers nobody else needs are swept.
 * Keys are 64 hexadecimal digits made by the builder; this module knows nothing of what they mean. Not after fork(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/stage.h"
#include "store/store.h"

struct build_cache_entry {
	char key[65];
	char *diff_id;       /* the layer the step made; NULL: it made none */
	int64_t created;     /* Unix nanoseconds: when the step was done; goes into histories of images */
	int64_t used;        /* when it was found last */
	int64_t size;        /* of the layer's tar, bytes */
	char *note;          /* the builder's own text; may be NULL */
};
void build_cache_entry_done(struct build_cache_entry *e);
#define auto_build_cache_entry CLEANUP(build_cache_entry_done) struct build_cache_entry

/* 1: found, its layer (if it names one) is here and pinned by the stage; 0: not. */
int build_cache_find(struct stage *st, const char *key, struct build_cache_entry *ret, struct error *err);
struct step_image;   /* store/step-image.h */
struct build_cache_batch {
	const struct build_cache_entry *v;
	size_t n;
	const struct step_image *images;   /* what the builds were after their steps */
	size_t n_images;
};
/* Adds or replaces rows in one transaction; their layers have been committed. Durable on return. */
int build_cache_put(struct store *s, const struct build_cache_batch *b, struct error *err);
/* Notes that these keys were of use now (one transaction, not worth an error). */
void build_cache_touch(struct store *s, const struct strv *keys);

struct build_cache_prune {
	bool all;                /* else only rows no image was made from */
	int64_t before;          /* > 0: only rows not used since (Unix nanoseconds) */
	int64_t ret_rows, ret_bytes;
};
/* Forgets rows and removes layers that nobody else needs. */
int build_cache_prune(struct store *s, struct build_cache_prune *p, struct error *err);
/* How many rows there are, and bytes of layers that no image has. */
int build_cache_usage(struct store *s, int64_t *ret_rows, int64_t *ret_bytes, struct error *err);
