/* SPDX-License-Identifier: Apache-2.0
 * engine/layer-tar.h - a layer's tree as the tar stream that its diff-id is the digest of.
 *
 * The same tree always gives the same bytes: entries sorted by name, times in whole seconds, no user names, hard links to
 * the first name. So a layer that was made here needs no blob: whoever wants the bytes (push, save) has them made again,
 * and the digest proves that nothing changed. The tree is an overlay upper directory or a layer of the store: 0:0 devices
 * and opaque directories become whiteout files. Sockets are left out, overlay's own attributes too.
 * Walks descriptors, follows no link. Nobody else may change the tree meanwhile. Safe after fork. Allocates. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"

struct layer_tar {
	int tree;                    /* directory; its own entry is not part of the stream */
	int out;                     /* where the bytes go, or -1: only the digest is wanted */
	bool clamp;                  /* times later than `latest` become it */
	int64_t latest;              /* Unix seconds */
	/* results */
	char digest[SHA256_TEXT_MAX];
	int64_t size;                /* of the stream */
	int64_t entries, bytes;      /* entries written; sum of regular files' sizes */
};
#define LAYER_TAR_INIT { .tree = -1, .out = -1 }
int layer_tar_make(struct layer_tar *t, struct error *err);
