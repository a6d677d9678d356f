/* SPDX-License-Identifier: Apache-2.0
 * engine/image-inspect.h - what `inspect` and `history` show of an image: structs with Podman's names as rows.
 * Owns its strings. Allocates. */
#pragma once
#include "base/value.h"
#include "engine/engine.h"
#include "image/oci-image.h"
#include "store/image.h"

struct image_inspect {
	char *id, *digest, *parent, *manifest_type;
	struct strv repo_tags, repo_digests, names_history;
	int64_t created;                  /* Unix nanoseconds */
	struct image_config image;        /* the image's configuration document */
	struct { char *name; struct strmap data; } graph;
	struct { char *type; struct strv layers; } rootfs;
	struct strmap annotations;
	int64_t size;
};
extern const struct value_type image_inspect_type;

/* Fills a new struct; the image was found with STORE_IMAGE_ALL. */
int image_inspect_new(struct engine *e, const struct store_image *image, struct image_inspect **ret, struct error *err);
void image_inspect_free(struct image_inspect *i);
DEFINE_CLEANUP(struct image_inspect, image_inspect_free);
#define auto_image_inspect CLEANUP(image_inspect_free_p) struct image_inspect

/* One step of an image's history, newest first. */
struct image_history_step {
	char *id;                /* of an image that ends here, or "<missing>" */
	int64_t created;         /* Unix nanoseconds, 0: unknown */
	char *created_by, *comment;
	int64_t size;
	struct strv tags;
};
struct image_history_steps {
	struct image_history_step *v;
	size_t n;
};
void image_history_steps_done(struct image_history_steps *h);
#define auto_image_history_steps CLEANUP(image_history_steps_done) struct image_history_steps
int image_history_get(struct engine *e, const struct store_image *image, struct image_history_steps *ret,
		      struct error *err);
