/* SPDX-License-Identifier: Apache-2.0
 * engine/image-remove-stores.h - (internal to image-remove.c) what a removal must know of the other store (--imagestore). */
#pragma once
#include "base/str.h"
#include "engine/engine.h"

struct image_list_options;

/* Appends the ids of our containers made of the image. */
int image_removal_users(struct engine *e, const char *image_id, struct strv *to, struct error *err);
/* ERROR_IN_USE: an image of the other store stands on layers that would go with this one of `owner`'s. */
int image_removal_check(struct engine *owner, const char *id, struct error *err);
/* Images of both stores. unused: without those of containers. */
int image_removal_list(struct engine *e, const struct image_list_options *o, bool unused, struct strv *ids,
		       struct error *err);
