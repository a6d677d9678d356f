/* SPDX-License-Identifier: Apache-2.0
 * store/foreign.h - (internal) additional stores that Podman, Buildah or Skopeo wrote (containers/storage, overlay driver).
 *
 *   <root>/overlay-images/images.json, overlay-images/ID/=BASE64      images, their manifests and configs
 *          overlay-layers/layers.json                                layers: id, parent, diff-id
 *          overlay/ID/diff                                           a layer's files, whiteouts as overlay wants them
 *
 * Read only, never locked: what is there is taken as it is at the moment. Its images become rows of an index in memory,
 * so every look-up goes the usual way; its layers are found by diff-id and mounted where they lie. There are no blobs
 * of layers. The files are the administrator's, not a stranger's, but are read with bounds all the same.
 * Owns the parsed lists (struct store has one struct foreign_store per additional store). No SQLite but in foreign_index():
 * the rest may be used after fork. */
#pragma once
#include "store/internal.h"

void foreign_free(struct foreign_store *v, size_t n);
/* Is additional store i such a one? 1/0. */
int foreign_is(const struct store *s, size_t i);
/* Its images as an index of ours, in memory. */
int foreign_index(struct store *s, size_t i, struct db **ret, struct error *err);
/* 1: *ret filled; 0: no such layer there. */
int foreign_layer_find(const struct store *s, size_t i, const char *diff_id, struct store_layer *ret, struct error *err);
/* A descriptor, or -1 with errno: not there. */
int foreign_layer_open(const struct store *s, size_t i, const char *diff_id);
int foreign_blob_open(const struct store *s, size_t i, const char *digest);
