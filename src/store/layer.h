/* SPDX-License-Identifier: Apache-2.0
 * store/layer.h - committed content: blobs by digest and unpacked layers by diff-id.
 * Reading only; content comes in through store/stage.h and goes when the last image lets go (store/image.h).
 * Digests are strings "sha256:HEX" throughout the store; anything else is ERROR_INVALID. Not after fork() except where
 * said. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "store/store.h"

struct store_layer {
	char *diff_id;
	char *tree;          /* absolute path of the unpacked tree */
	int64_t bytes;       /* sum of regular files' sizes, hard links counted once */
	int64_t entries;
	int64_t created;     /* Unix nanoseconds */
	bool read_only;      /* lies in an additional store */
};
void store_layer_done(struct store_layer *l);

/* 1: committed and healthy, *ret filled; 0: not here (or quarantined: pull it again). */
int store_layer_find(struct store *s, const char *diff_id, struct store_layer *ret, struct error *err);
/* A directory descriptor of the tree, ours or an additional store's; by path alone: safe after fork. ENOENT when
 * missing, text names the layer and the remedy. */
int store_layer_open(const struct store *s, const char *diff_id, struct error *err);

/* The recipe of its tar (image/tar-recipe.h), opened: a descriptor; ERROR_NOT_FOUND: it has none. */
int store_layer_open_recipe(const struct store *s, const char *diff_id, struct error *err);

/* 1: *ret_size bytes are here (ret_size may be NULL); 0: not here. */
int store_blob_find(struct store *s, const char *digest, int64_t *ret_size, struct error *err);
/* The blob opened for reading: a descriptor; ERROR_NOT_FOUND. */
int store_blob_open(struct store *s, const char *digest, struct error *err);
/* The whole blob appended to `to`, at most its ceiling (manifests, configs). */
int store_blob_read(struct store *s, const char *digest, struct buf *to, struct error *err);
/* Absolute path of a blob of ours in malloc'ed *ret, whether it exists or not. */
int store_blob_path(const struct store *s, const char *digest, char **ret, struct error *err);

/* True for "sha256:" and 64 lower-case hexadecimal digits. */
bool store_digest_is_valid(const char *digest);
