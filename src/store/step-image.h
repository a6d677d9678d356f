/* SPDX-License-Identifier: Apache-2.0
 * store/step-image.h - images of steps: what a build was after each of its steps.
 *
 * Owns rows in cache.db, written with those of the steps' results (build-cache.h): an id, the image below, and the
 * configuration. That is all that is made while a build runs. Such an image has no manifest, no blob and no record; lists
 * show it only when asked (STORE_IMAGE_STEPS). Whoever names it by its id makes it a proper image first
 * (step_image_realize(), called by store_image_find()): hidden from ordinary lists as long as it has no name.
 * A row whose layers are gone counts as no row. A build's result has a row as well: it says what the result was made
 * from, and so who goes with it. Rows hold no layers by themselves: those of their steps do. Not after fork(). */
#pragma once
#include "store/build-cache.h"
#include "store/image.h"

struct step_image {
	char id[65], parent[65];   /* parent "": none; an image, or a step's */
	char key[65];              /* of the step's row */
	bool docker;               /* format of its manifest, once it has one */
	char *config;              /* the very bytes the id is the digest of */
};
void step_image_done(struct step_image *i);

/* Whether there is a row of that id. 1/0. */
int step_image_known(struct store *s, const char *id, struct error *err);
/* The step whose id begins so becomes an image of the store; ret_id: its id. 1; 0: no such row, or its layers are gone.
 * ERROR_INVALID: several begin so. */
int step_image_realize(struct store *s, const char *prefix, char ret_id[65], struct error *err);
/* It is an image for a reason of its own now (the result of a build): ordinary lists show it. */
int step_image_show(struct store *s, const char *id, struct error *err);
/* 1: an image of the store only because somebody named the step. */
int step_image_is_hidden(struct store *s, const char *id, struct error *err);
/* Appends those that are no images of the store, whole ones only: no manifest, no digests, no names. */
int step_image_list(struct store *s, unsigned want, struct store_image_list *to, struct error *err);
/* Whether another row was made from it. 1/0. */
int step_image_has_children(struct store *s, const char *id, struct error *err);

/* Appends `id` (when it has a row) and the rows below it, nearest first. `sole`: only as far as nothing else was made
 * from them; what is below an image of the store that is not hidden, or has a name or containers, is never among them. */
int step_image_chain(struct store *s, const char *id, bool sole, struct strv *ret, struct error *err);
/* Appends the ids of rows that no image was made from (hidden ones that nobody uses do not count). */
int step_image_unused(struct store *s, struct strv *ret, struct error *err);
/* Forgets the rows with their steps' results, and removes the layers that nobody else needs. What was made from them
 * counts as made from what is below. Images of the store are to be removed before. ret_bytes: freed, added up. */
int step_image_drop(struct store *s, const struct strv *ids, int64_t *ret_bytes, struct error *err);
