/* SPDX-License-Identifier: Apache-2.0
 * engine/image-fetch.h - layers of a registry's images for somebody who makes no image of them (a build's cache).
 *
 * Owns one connection to one repository (mirrors, credentials and policy.json as a pull would have them). Layers land in
 * the caller's stage: durable and pinned, but garbage as soon as the stage ends and nothing refers to them. Nothing is
 * kept of blobs and documents. One thread; not after fork(). Allocates. */
#pragma once
#include "engine/image-commit.h"

struct image_fetch;

/* repository: a full name without tag and digest. remote and stage are borrowed. Contacts nobody yet. */
int image_fetch_open(struct engine *e, const char *repository, const struct image_remote *remote, struct stage *stage,
		     struct image_fetch **ret, struct error *err);
void image_fetch_free(struct image_fetch *f);
DEFINE_CLEANUP(struct image_fetch, image_fetch_free);
#define auto_image_fetch CLEANUP(image_fetch_free_p) struct image_fetch

/* The documents of a tag, once the policy allows them. 1; 0: there is no such tag. */
int image_fetch_tag(struct image_fetch *f, const char *tag, struct source_image *ret, struct error *err);
/* Brings the layers of what image_fetch_tag() told last; those that are here already are pinned. */
int image_fetch_layers(struct image_fetch *f, struct source_image *i, struct error *err);
