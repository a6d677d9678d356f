/* SPDX-License-Identifier: Apache-2.0
 * worker/recompress.c - OP_RECOMPRESS: a blob as another compression of the same tar, written at the descriptor's
 * offset. This thread inflates into a ring; one compresses, hashes and writes, one hashes the tar if its digest is wanted. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "os/file.h"
#include "worker/deflate.h"
#include "worker/hash.h"
#include "worker/input.h"
#include "worker/ring-fill.h"
#include "worker/recompress.h"
#include "worker/role.h"

enum { PACKER, HASHER, CONSUMERS };

struct recompress {
	int out;
	bool plain;                  /* not compressed: the tar's digest is that of what is written */
	size_t consumers;            /* without the hasher: one */
	struct ring ring;
	struct ring_fill fill;
	struct input in;
	/* the hasher's */
	struct hash tar_hash;
	/* the packer's */
	struct hash out_hash;
	struct deflate *deflate;
	int64_t out_bytes;
	struct error pack_error;
	bool pack_failed;
};

static void recompress_done(struct recompress *c)
{
	hash_done(&c->out_hash);
	hash_done(&c->tar_hash);
	input_done(&c->in);
	ring_fill_done(&c->fill);
	deflate_free(c->deflate);
	ring_done(&c->ring);
}

/* ---- consumers ---- */
static void *hash_thread(void *data)
{
	struct recompress *c = data;
	const uint8_t *bytes;
	struct error stopped;
	size_t len;

	while (ring_next(&c->ring, HASHER, &bytes, &len, &stopped) > 0)
		hash_add(&c->tar_hash, bytes, len);
	return NULL;
}

static int put(void *data, const void *bytes, size_t len, struct error *err)
{
	struct recompress *c = data;

	if (!c->plain)
		hash_add(&c->out_hash, bytes, len);
	c->out_bytes += (int64_t)len;
	return file_write_all(c->out, bytes, len, err);
}

static int pack_all(struct recompress *c, struct error *err)
{
	const uint8_t *bytes;
	size_t len;
	int n;

	while ((n = ring_next(&c->ring, PACKER, &bytes, &len, err)) > 0)
		TRY(deflate_add(c->deflate, bytes, len, false, err));
	return n < 0 ? -1 : deflate_add(c->deflate, "", 0, true, err);
}

static void *pack_thread(void *data)
{
	struct recompress *c = data;

	if (pack_all(c, &c->pack_error) < 0) {
		c->pack_failed = c->pack_error.errnum != ECANCELED;
		ring_stop(&c->ring);
	}
	return NULL;
}

/* ---- producer ---- */
static int produce(struct recompress *c, struct error *err)
{
	const uint8_t *bytes;
	size_t len;
	bool fresh;
	int n;

	while ((n = input_next(&c->in, &bytes, &len, &fresh, err)) > 0)
		TRY(ring_fill_add(&c->fill, bytes, len, err));
	return n < 0 ? -1 : ring_fill_end(&c->fill, err);
}

static int run(struct recompress *c, struct error *err)
{
	static void *(*const work[CONSUMERS])(void *) = { [HASHER] = hash_thread, [PACKER] = pack_thread };
	pthread_t threads[CONSUMERS];
	int n = 0, e = 0;

	while ((size_t)n < c->consumers && !(e = pthread_create(&threads[n], NULL, work[n], c)))
		n++;
	int r = e ? fail_with(err, e, "start a thread") : produce(c, err);
	if (r < 0)
		ring_stop(&c->ring);
	while (n-- > 0)
		pthread_join(threads[n], NULL);
	if (c->pack_failed) {   /* the cause; the producer was only told to stop */
		*err = c->pack_error;
		return -1;
	}
	return r;
}

int op_recompress(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_recompress *a = r->args;
	struct op_unpacked *ret = reply;
	char text[DIGEST_TEXT_MAX];

	(void)w;
	if (r->n_fds != 2 || a->compression < 0 || a->compression >= COMPRESSION_MAX)
		return fail(err, ERROR_INVALID, "recompress: bad request");
	if (recompress_is_special(a))
		return recompress_special(r, ret, err);
	CLEANUP(recompress_done) struct recompress c = { .out = r->fds[1], .plain = a->compression == COMPRESSION_NONE };
	c.consumers = a->no_diff_id && !c.plain ? 1 : CONSUMERS;
	TRY(ring_init(&c.ring, c.consumers, err));
	c.fill.ring = &c.ring;
	c.in = (struct input){ .fd = r->fds[0], .offset = a->in_offset, .left = a->in_size, .head_fd = -1 };
	TRY(input_init(&c.in, err));
	TRY(hash_init(&c.out_hash, DIGEST_SHA256, err));
	TRY(hash_init(&c.tar_hash, DIGEST_SHA256, err));
	TRY(deflate_new((enum compression)a->compression, a->level, (struct deflate_sink){ put, &c }, &c.deflate, err));
	TRY(run(&c, err));
	ret->blob_size = c.out_bytes;
	ret->tar_size = c.fill.total;
	ret->compression = a->compression;
	if (c.consumers > HASHER)
		TRY(str_set(&ret->diff_id, hash_text(&c.tar_hash, text), err));
	return str_set(&ret->blob_digest, c.plain ? text : hash_text(&c.out_hash, text), err);
}
