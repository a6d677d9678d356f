/* SPDX-License-Identifier: Apache-2.0
 * engine/commit-internal.h - what the files of commit share; nobody else includes it. */
#pragma once
#include "base/units.h"
#include "engine/commit.h"
#include "engine/image-commit.h"
#include "store/layer.h"
#include "store/stage.h"

struct new_layer {
	char diff_id[DIGEST_TEXT_MAX];
	int64_t bytes;             /* of the tar */
};
/* The layer of c->layer, in the store and pinned by the transfer's stage. */
int commit_new_layer(struct image_transfer *t, const struct commit *c, struct new_layer *ret, struct error *err);
