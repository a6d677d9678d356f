/* SPDX-License-Identifier: Apache-2.0
 * worker/unpack.c - OP_UNPACK: one pass over a layer blob.
 *
 *   pipe or file -> [this thread]  SHA-256 of the blob, write the blob file, inflate ----> ring of chunks
 *                                                                                           |        |
 *                                                  [second thread] SHA-256 of the tar <-----+        |
 *                                                  [third thread]  untar into the tree  <------------+
 * (A tar that came uncompressed, from a docker archive, is kept as a recipe, which the third thread writes; or, where
 * there is no tree or the tree cannot give the tar back, compressed: a fourth thread, the same ring, or a second pass.)
 *
 * Nothing is stored twice or copied between the threads. The blob's size, the blob's digest and the tar's digest are
 * compared with what the caller expects before the reply says "done"; the tree counts only then. */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "os/file.h"
#include "worker/deflate.h"
#include "worker/hash.h"
#include "worker/input.h"
#include "worker/ring-fill.h"
#include "worker/role.h"
#include "worker/untar.h"

#define BOMB_FREE_BYTES (INT64_C(1) << 30)   /* no ratio is asked below this much output */
#define BOMB_RATIO 200                       /* gzip can do 1032, layers do 3 to 20 */
#define PROGRESS_STEP (INT64_C(4) << 20)
#define FLUSH_STEP (INT64_C(8) << 20)        /* so much of the blob is sent to the disk at once, while the next comes */

enum { HASHER, UNTARRER, COMPRESSOR, CONSUMERS };

struct pipeline {
	struct ring ring;
	const struct op_unpack *args;
	int tree, blob;
	bool userns;
	struct input in;
	struct hash blob_hash;
	struct ring_fill fill;
	int64_t flushed;             /* of the blob file: on its way to the disk */
	/* second thread */
	struct hash tar_hash;
	/* third thread */
	struct untar_result tree_result;
	struct error untar_error;
	bool untar_failed;
	/* fourth thread, only with `recompress` and a layer that came uncompressed */
	struct deflate *deflate;
	struct recipe_tap tap;
	int64_t written;
	struct error compress_error;
	bool compress_failed;
};

/* ---- consumers ---- */
static void *hash_thread(void *data)
{
	struct pipeline *p = data;
	const uint8_t *bytes;
	struct error stopped;
	size_t len;

	while (ring_next(&p->ring, HASHER, &bytes, &len, &stopped) > 0)
		hash_add(&p->tar_hash, bytes, len);
	return NULL;
}

static int next_for_untar(void *data, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	struct pipeline *p = data;

	TRY(recipe_tap_chunk(&p->tap, NULL, 0, err));   /* before the ring takes the chunk back */
	int n = ring_next(&p->ring, UNTARRER, ret, ret_len, err);
	return n > 0 && recipe_tap_chunk(&p->tap, *ret, *ret_len, err) < 0 ? -1 : n;
}

static int untar_all(struct pipeline *p, struct error *err)
{
	struct untar_options o = { .root = p->tree, .userns = p->userns, .ignore_chown = p->args->ignore_chown,
				   .plain = p->args->plain_tree, .max_entries = p->args->max_entries,
				   .max_bytes = p->args->max_bytes, .tap = p->tap.fd >= 0 ? &p->tap : NULL };
	const uint8_t *bytes;
	size_t len;
	int n;

	if (p->tree >= 0)
		TRY(untar((struct tar_source){ next_for_untar, p }, &o, &p->tree_result, err));
	while ((n = next_for_untar(p, &bytes, &len, err)) > 0)
		;   /* what follows the end of the archive belongs to the digest, and to the recipe */
	return n < 0 ? -1 : recipe_tap_end(&p->tap, err);
}

static void *untar_thread(void *data)
{
	struct pipeline *p = data;

	if (untar_all(p, &p->untar_error) < 0) {
		p->untar_failed = p->untar_error.errnum != ECANCELED;
		ring_stop(&p->ring);
	}
	return NULL;
}

static int put_compressed(void *data, const void *bytes, size_t len, struct error *err)
{
	struct pipeline *p = data;

	hash_add(&p->blob_hash, bytes, len);
	p->written += (int64_t)len;
	return file_write_all(p->blob, bytes, len, err);
}

static int compress_all(struct pipeline *p, struct error *err)
{
	const uint8_t *bytes;
	size_t len;
	int n;

	while ((n = ring_next(&p->ring, COMPRESSOR, &bytes, &len, err)) > 0)
		TRY(deflate_add(p->deflate, bytes, len, false, err));
	return n < 0 ? -1 : deflate_add(p->deflate, "", 0, true, err);
}

static void *compress_thread(void *data)
{
	struct pipeline *p = data;

	if (compress_all(p, &p->compress_error) < 0) {
		p->compress_failed = p->compress_error.errnum != ECANCELED;
		ring_stop(&p->ring);
	}
	return NULL;
}

/* ---- producer ---- */
static int check_bomb(void *data, int64_t total, struct error *err)
{
	const struct pipeline *p = data;
	int64_t max = p->args->max_bytes ? p->args->max_bytes : UNTAR_BYTES_MAX;

	if (total > BOMB_FREE_BYTES && total / BOMB_RATIO > p->in.total)
		return fail(err, ERROR_CORRUPT, "the layer inflates more than %d times: refused as a decompression bomb",
			    BOMB_RATIO);
	if (total > max + max / 4)
		return fail(err, ERROR_CORRUPT, "the layer unpacks to more than %lld bytes", (long long)max);
	return 0;
}

static int store_bytes(struct pipeline *p, const uint8_t *bytes, size_t len, bool fresh, struct error *err)
{
	if (!p->deflate && p->tap.fd < 0)
		hash_add(&p->blob_hash, bytes, len);
	if (p->args->blob_size >= 0 && p->in.total > p->args->blob_size)
		return fail(err, ERROR_CORRUPT, "more bytes than the announced %lld came", (long long)p->args->blob_size);
	return fresh && p->blob >= 0 && !p->deflate && p->tap.fd < 0 ? file_write_all(p->blob, bytes, len, err) : 0;
}

/* The commit waits for the disk: what is on its way by then need not be waited for. Only a hint. */
static void flush_blob(struct pipeline *p)
{
	if (p->blob < 0 || p->deflate || p->tap.fd >= 0 || p->in.total - p->flushed < FLUSH_STEP)
		return;
	sync_file_range(p->blob, p->flushed, p->in.total - p->flushed, SYNC_FILE_RANGE_WRITE);
	p->flushed = p->in.total;
}

static int produce(struct pipeline *p, struct peer *peer, const struct request *r, struct error *err)
{
	const uint8_t *bytes;
	size_t len;
	bool fresh;
	int n;
	int64_t told = 0;

	while ((n = input_next(&p->in, &bytes, &len, &fresh, err)) > 0) {
		TRY(store_bytes(p, bytes, len, fresh, err));
		TRY(ring_fill_add(&p->fill, bytes, len, err));
		flush_blob(p);
		if (p->in.total - told >= PROGRESS_STEP)
			TRY(peer_progress(peer, r, told = p->in.total, err));
	}
	TRY(n);
	if (p->args->blob_size >= 0 && p->in.total != p->args->blob_size)
		return fail(err, ERROR_CORRUPT, "%lld of %lld bytes came", (long long)p->in.total,
			    (long long)p->args->blob_size);
	return ring_fill_end(&p->fill, err);
}

/* ---- the whole ---- */
static void *(*const consumers[CONSUMERS])(void *) = {
	[HASHER] = hash_thread, [UNTARRER] = untar_thread, [COMPRESSOR] = compress_thread,
};

static int start_threads(struct pipeline *p, pthread_t threads[CONSUMERS], struct error *err)
{
	for (unsigned i = 0; i < p->ring.consumers; i++) {
		int e = pthread_create(&threads[i], NULL, consumers[i], p);
		if (!e)
			continue;
		ring_stop(&p->ring);
		while (i-- > 0)
			pthread_join(threads[i], NULL);
		return fail_with(err, e, "start a thread");
	}
	return 0;
}

static int run_pipeline(struct pipeline *p, struct peer *peer, const struct request *r, struct error *err)
{
	pthread_t threads[CONSUMERS];

	TRY(start_threads(p, threads, err));
	int result = produce(p, peer, r, err);
	if (result < 0)
		ring_stop(&p->ring);
	for (unsigned i = 0; i < p->ring.consumers; i++)
		pthread_join(threads[i], NULL);
	if (p->untar_failed || p->compress_failed) {   /* the cause; the producer was only told to stop */
		*err = p->untar_failed ? p->untar_error : p->compress_error;
		return -1;
	}
	return result;
}

static int finish(struct pipeline *p, struct op_unpacked *ret, struct error *err)
{
	char blob[DIGEST_TEXT_MAX], tar[DIGEST_TEXT_MAX];

	TRY(hash_expect("blob", hash_text(&p->blob_hash, blob), p->args->blob_digest, err));
	TRY(hash_expect("uncompressed layer", hash_text(&p->tar_hash, tar), p->args->diff_id, err));
	ret->is_recipe = p->tap.fd >= 0;
	TRY(str_set(&ret->blob_digest, ret->is_recipe ? tar : blob, err));
	TRY(str_set(&ret->diff_id, tar, err));
	ret->blob_size = p->deflate ? p->written : p->in.total;
	ret->tar_size = p->fill.total;
	ret->entries = p->tree_result.entries;
	ret->tree_bytes = p->tree_result.bytes;
	ret->compression = p->deflate ? p->args->recompress : (int64_t)p->fill.compression;
	return 0;
}

static int new_compressor(struct pipeline *p, struct error *err)
{
	return deflate_new((enum compression)p->args->recompress, DEFLATE_LEVEL_DEFAULT,
			   (struct deflate_sink){ put_compressed, p }, &p->deflate, err);
}

/* A tar that came as such is kept as a recipe or compressed when the caller has no digest of it to keep to. */
static int choose_form(struct pipeline *p, struct error *err)
{
	uint8_t head[COMPRESSION_MAGIC_BYTES];
	enum compression to = (enum compression)p->args->recompress;

	if (to <= COMPRESSION_NONE || to >= COMPRESSION_MAX || p->blob < 0 || p->args->blob_digest || p->in.offset < 0)
		return 0;
	ssize_t n = pread(p->in.fd, head, sizeof(head), p->in.offset);
	if (n <= 0 || compression_detect(head, (size_t)n) != COMPRESSION_NONE)
		return 0;
	if (!p->args->recipe || p->tree < 0)
		return new_compressor(p, err);
	recipe_tap_init(&p->tap, p->blob);
	return 0;
}

/* The archive replaced some of its own entries: their bytes stand nowhere any more. The tar is read once more. */
static int compress_after_all(struct pipeline *p, struct error *err)
{
	struct input again = { .fd = p->in.fd, .offset = p->args->in_offset, .left = p->args->in_size, .head_fd = -1,
			       .buffer = p->in.buffer };
	const uint8_t *bytes;
	size_t len;
	bool fresh;
	int n;

	recipe_tap_done(&p->tap);
	if (ftruncate(p->blob, 0) < 0 || lseek(p->blob, 0, SEEK_SET) < 0)
		return fail_errno(err, "begin the blob file anew");
	TRY(new_compressor(p, err));
	while ((n = input_next(&again, &bytes, &len, &fresh, err)) > 0)
		TRY(deflate_add(p->deflate, bytes, len, false, err));
	return n < 0 ? -1 : deflate_add(p->deflate, "", 0, true, err);
}

static int unpack(struct pipeline *p, struct peer *peer, const struct request *r, struct op_unpacked *ret,
		  struct error *err)
{
	TRY(choose_form(p, err));
	TRY(ring_init(&p->ring, p->deflate ? 3 : 2, err));
	p->fill = (struct ring_fill){ .ring = &p->ring, .check = check_bomb, .data = p };
	TRY(input_init(&p->in, err));
	TRY(hash_init_like(&p->blob_hash, p->args->blob_digest, err));
	TRY(hash_init_like(&p->tar_hash, p->args->diff_id, err));
	TRY(run_pipeline(p, peer, r, err));
	if (p->tap.fd >= 0 && p->tree_result.entries < 0)
		TRY(compress_after_all(p, err));
	return finish(p, ret, err);
}

int op_unpack(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_unpack *a = r->args;
	struct pipeline p = { .args = a, .tree = -1, .blob = -1, .tap.fd = -1, .userns = w->setup.userns };
	size_t fd = 0;

	p.in = (struct input){ .fd = r->fds[fd++], .offset = a->in_offset, .left = a->in_size, .head_fd = -1 };
	if (a->has_tree)
		p.tree = r->fds[fd++];
	if (a->has_blob)
		p.blob = r->fds[fd++];
	if (fd != r->n_fds)
		return fail(err, ERROR_INVALID, "unpack: wrong number of descriptors");
	if (a->have > 0) {
		p.in.head_fd = p.blob;
		p.in.head_left = a->have;
	}
	if (p.blob >= 0 && lseek(p.blob, a->have, SEEK_SET) < 0)
		return fail_errno(err, "seek in the blob file");
	int result = unpack(&p, &w->peer, r, reply, err);
	ring_fill_done(&p.fill);
	deflate_free(p.deflate);
	recipe_tap_done(&p.tap);
	hash_done(&p.blob_hash);
	hash_done(&p.tar_hash);
	input_done(&p.in);
	ring_done(&p.ring);
	return result;
}
