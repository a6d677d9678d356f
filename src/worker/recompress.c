/* SPDX-License-Identifier: Apache-2.0
 * worker/recompress.c - OP_RECOMPRESS: a blob as another compression of the same tar, written at the descriptor's
 * offset. */
#include <string.h>

#include "os/file.h"
#include "worker/deflate.h"
#include "worker/hash.h"
#include "worker/inflate.h"
#include "worker/input.h"
#include "worker/role.h"

#define PIECE ((size_t)256 << 10)

struct recompress {
	int out;
	struct hash out_hash, tar_hash;
	int64_t out_bytes, tar_bytes;
	struct input in;
	struct inflate *inflate;
	struct deflate *deflate;
	uint8_t *piece;
};

static void recompress_done(struct recompress *c)
{
	hash_done(&c->out_hash);
	hash_done(&c->tar_hash);
	input_done(&c->in);
	inflate_free(c->inflate);
	deflate_free(c->deflate);
	free(c->piece);
}

static int put(void *data, const void *bytes, size_t len, struct error *err)
{
	struct recompress *c = data;

	hash_add(&c->out_hash, bytes, len);
	c->out_bytes += (int64_t)len;
	return file_write_all(c->out, bytes, len, err);
}

static int take(struct recompress *c, const uint8_t *bytes, size_t len, struct error *err)
{
	struct inflate_io io = { .in = bytes, .in_len = len };
	size_t made;

	if (!c->inflate)
		TRY(inflate_new(compression_detect(bytes, len), &c->inflate, err));
	do {
		size_t before = io.in_len;
		io.out = c->piece;
		io.out_len = PIECE;
		TRY(inflate_run(c->inflate, &io, err));
		made = PIECE - io.out_len;
		if (!made && io.in_len && io.in_len == before)
			return fail(err, ERROR_CORRUPT, "the compressed stream is damaged");
		hash_add(&c->tar_hash, c->piece, made);
		c->tar_bytes += (int64_t)made;
		TRY(deflate_add(c->deflate, c->piece, made, false, err));
	} while (io.in_len || made == PIECE);
	return 0;
}

static int run(struct recompress *c, struct error *err)
{
	const uint8_t *bytes;
	size_t len;
	bool fresh;
	int n;

	while ((n = input_next(&c->in, &bytes, &len, &fresh, err)) > 0)
		TRY(take(c, bytes, len, err));
	TRY(n);
	if (c->inflate)
		TRY(inflate_end(c->inflate, err));
	return deflate_add(c->deflate, "", 0, true, err);
}

int op_recompress(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_recompress *a = r->args;
	struct op_unpacked *ret = reply;
	char text[DIGEST_TEXT_MAX];

	(void)w;
	if (r->n_fds != 2 || a->compression < 0 || a->compression >= COMPRESSION_MAX)
		return fail(err, ERROR_INVALID, "recompress: bad request");
	CLEANUP(recompress_done) struct recompress c = { .out = r->fds[1], .piece = malloc(PIECE) };
	if (!c.piece)
		return fail_oom(err);
	c.in = (struct input){ .fd = r->fds[0], .offset = a->in_offset, .left = a->in_size, .head_fd = -1 };
	TRY(input_init(&c.in, err));
	TRY(hash_init(&c.out_hash, DIGEST_SHA256, err));
	TRY(hash_init(&c.tar_hash, DIGEST_SHA256, err));
	TRY(deflate_new((enum compression)a->compression, a->level, (struct deflate_sink){ put, &c }, &c.deflate, err));
	TRY(run(&c, err));
	ret->blob_size = c.out_bytes;
	ret->tar_size = c.tar_bytes;
	ret->compression = a->compression;
	TRY(str_set(&ret->blob_digest, hash_text(&c.out_hash, text), err));
	return str_set(&ret->diff_id, hash_text(&c.tar_hash, text), err);
}
