/* SPDX-License-Identifier: Apache-2.0
 * store/stage.h - how content becomes durable.
 *
 * A stage owns a directory <root>/staging/<name>, mode 0700, and holds its "lock" file locked for life: when the owner
 * dies, however it dies, the next command sweeps it. Writers (also a sandboxed worker in another process) fill
 * descriptors the stage hands out; nothing is visible to anybody before its commit:
 *   stream -> fsync (blob) / one syncfs (layers) -> renameat2(NOREPLACE) -> fsync of both directories -> index row.
 * The same content committed by someone else meanwhile is success. Uncommitted content goes with stage_done().
 * A failed fsync kills that file: the commit fails, the file is deleted, a retry writes a new one.
 * The digest is the word of whoever hashed while writing (the worker); the store checks sizes and structure.
 *
 * Committed blobs and layers that no image refers to are garbage: protected as long as the stage that committed or
 * pinned them lives, so end the stage after store_image_commit(). Not after fork() (but descriptors may travel). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/store.h"

struct stage;

/* `purpose` is one word for messages and `system check` ("pull", "load", "commit", "build"). */
int stage_begin(struct store *s, const char *purpose, struct stage **ret, struct error *err);
/* Ends it: aborts whatever is not committed and removes the directory. NULL: nothing. */
void stage_done(struct stage *st);
DEFINE_CLEANUP(struct stage, stage_done);
#define auto_stage CLEANUP(stage_done_p) struct stage
/* Absolute path and descriptor of the private directory (scratch space that dies with the stage). */
const char *stage_path(const struct stage *st);
int stage_fd(const struct stage *st);

/* One writer per digest over all processes. Waits while another stage holds the lease of this digest (a blob digest, a
 * diff-id, or any name of 1-200 characters [A-Za-z0-9:._-]), so that its result can be shared. 1: ours until the
 * stage ends or stage_unlease(); 0: busy and timeout_ns was 0. After getting it look again whether the content is
 * there by now. Take leases of several digests in sorted order. */
int stage_lease(struct stage *st, const char *digest, int64_t timeout_ns, struct error *err);
void stage_unlease(struct stage *st, const char *digest);

/* ---- blobs ---- */
struct stage_blob {
	int fd;          /* read-write, offset 0, owned by the blob; may be given to a worker */
	char name[80];   /* file name inside the stage; of a resumable one below the store's root */
	bool resumable;
	struct stage *stage;
};
#define STAGE_BLOB_INIT { .fd = -1 }
int stage_blob_begin(struct stage *st, struct stage_blob *ret, struct error *err);
/* As stage_blob_begin(), but the bytes survive an abort, the stage and a kill: <root>/partial/HEX, *ret_have bytes long
 * when found again (0: new), the offset behind them. Takes the lease of the digest (exclusively). Nothing vouches for
 * what is there: hash it again from the start before the commit. Left alone for a day it is removed. */
int stage_blob_resume(struct stage *st, const char *digest, struct stage_blob *ret, int64_t *ret_have, struct error *err);
/* Makes the bytes written so far the blob `digest`. size: what was announced; the file must have exactly that many
 * bytes (ERROR_CORRUPT otherwise); < 0: take the file's. The blob is done afterwards, also on failure. */
int stage_blob_commit(struct stage_blob *b, const char *digest, int64_t size, struct error *err);
/* begin + write + commit of a small blob that is in memory. */
int stage_blob_add(struct stage *st, const char *digest, const void *data, size_t len, struct error *err);
void stage_blob_abort(struct stage_blob *b);
#define auto_stage_blob CLEANUP(stage_blob_abort) struct stage_blob

/* ---- layers ---- */
struct stage_layer {
	int tree_fd;     /* directory to unpack into, mode 0755 owned by root; owned by the layer */
	char name[32];
	struct stage *stage;
};
#define STAGE_LAYER_INIT { .tree_fd = -1 }
int stage_layer_begin(struct stage *st, struct stage_layer *ret, struct error *err);
/* The directory `name` of `parent` (same file system) is moved here and becomes the tree. ERROR_SYSTEM EXDEV when it
 * cannot be moved. */
int stage_layer_adopt(struct stage_layer *l, int parent, const char *name, struct error *err);
/* The blob becomes the recipe of the layer's tar (image/tar-recipe.h), kept beside the tree. It is done afterwards. */
int stage_layer_keep_recipe(struct stage_layer *l, struct stage_blob *b, struct error *err);
/* Absolute path of the tree in malloc'ed *ret (for workers that are started with a path). */
int stage_layer_path(const struct stage_layer *l, char **ret, struct error *err);
struct stage_layer_info {
	const char *diff_id;       /* digest of the uncompressed tar */
	const char *tree_digest;   /* optional digest over the unpacked tree, as its maker defines it; NULL: none */
	int64_t bytes, entries;    /* what the maker counted; layer.json gets what a walk of the tree finds */
};
/* Makes the tree the layer info->diff_id. Done afterwards, also on failure. */
int stage_layer_commit(struct stage_layer *l, const struct stage_layer_info *info, struct error *err);
/* Several at once with a single syncfs: the way of a pull. All or an error; all are done afterwards. */
int stage_layers_commit(struct stage_layer *l, const struct stage_layer_info *info, size_t n, struct error *err);
void stage_layer_abort(struct stage_layer *l);
#define auto_stage_layer CLEANUP(stage_layer_abort) struct stage_layer

/* Keeps existing content from being collected while the stage lives: 1 it is here (and stays), 0 it is not. */
int stage_pin_blob(struct stage *st, const char *digest, struct error *err);
int stage_pin_layer(struct stage *st, const char *diff_id, struct error *err);
