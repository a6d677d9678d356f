/* SPDX-License-Identifier: Apache-2.0
 * build/source-image.h - Buildah's source images: an OCI layout with one manifest, whose config has a type of its own and whose
 * layers are archives of sources (`buildah source`).
 *
 * Owns the directory's contents: blobs/sha256, oci-layout, index.json. Sending and fetching them is engine/image-copy.h's.
 * A change is visible with index.json, which comes last. Not after fork(). Allocates. */
#pragma once
#include "engine/engine.h"

#define SOURCE_IMAGE_CONFIG_TYPE "application/vnd.oci.source.image.config.v1+json"

struct source_image {
	const char *author;          /* NULL: nobody */
	bool timestamp;              /* the config says when it was made */
};
/* ERROR_EXISTS when there is something at `path`. */
int source_image_create(const char *path, const struct source_image *o, struct error *err);
/* A file or directory as one more layer, a compressed tar. annotations: "KEY=VALUE" each. */
int source_image_add(struct engine *e, const char *path, const char *artifact, const struct strv *annotations, struct error *err);
/* ERROR_INVALID when the layout is no source image. */
int source_image_check(const char *path, struct error *err);
