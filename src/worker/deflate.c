/* SPDX-License-Identifier: Apache-2.0
 * worker/deflate.c - choosing the codec, and the loop every codec needs. */
#include "worker/deflate.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/own.h"

#define OUT_BYTES ((size_t)256 << 10)
#define FAST_LEVEL_MAX 3

struct deflate {
	const struct deflate_codec *codec;   /* NULL: bytes pass through */
	void *state;
	struct deflate_sink sink;
	uint8_t *out;
};

/* ---- gzip by zlib ---- */
static void *small_new(int64_t level)
{
	z_stream *z = calloc(1, sizeof(*z));

	if (z && deflateInit2(z, level < 0 ? 1 : (int)level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

static int small_run(void *state, struct deflate_io *io, bool *done, struct error *err)
{
	z_stream *z = state;

	z->next_in = (Bytef *)(uintptr_t)io->in;
	z->avail_in = (uInt)io->in_len;
	z->next_out = io->out;
	z->avail_out = (uInt)io->out_len;
	int r = deflate(z, io->last ? Z_FINISH : Z_NO_FLUSH);
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return fail(err, ERROR_SYSTEM, "gzip: cannot compress");
	io->in = z->next_in;
	io->in_len = z->avail_in;
	io->out = z->next_out;
	io->out_len = z->avail_out;
	*done = io->last ? r == Z_STREAM_END : !io->in_len && io->out_len;
	return 0;
}

static void small_free(void *state)
{
	deflateEnd(state);
	free(state);
}

const struct deflate_codec deflate_gzip_small = { small_new, small_run, small_free };

/* ---- zstd ---- */
static void *zstd_new(int64_t level)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	if (c)
		ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level < 0 ? 3 : (int)level);
	return c;
}

static int zstd_run(void *state, struct deflate_io *io, bool *done, struct error *err)
{
	ZSTD_inBuffer in = { io->in, io->in_len, 0 };
	ZSTD_outBuffer out = { io->out, io->out_len, 0 };
	size_t left = ZSTD_compressStream2(state, &out, &in, io->last ? ZSTD_e_end : ZSTD_e_continue);

	if (ZSTD_isError(left))
		return fail(err, ERROR_SYSTEM, "zstd: %s", ZSTD_getErrorName(left));
	io->in += in.pos;
	io->in_len -= in.pos;
	io->out += out.pos;
	io->out_len -= out.pos;
	*done = io->last ? left == 0 : !io->in_len;
	return 0;
}

static void zstd_free(void *state)
{
	ZSTD_freeCCtx(state);
}

const struct deflate_codec deflate_zstd = { zstd_new, zstd_run, zstd_free };

/* ---- the stream ---- */
static const struct deflate_codec *choose(enum compression c, int64_t level)
{
	if (c == COMPRESSION_ZSTD)
		return &deflate_zstd;
	return level > FAST_LEVEL_MAX ? &deflate_gzip_small : &deflate_gzip_fast;
}

int deflate_new(enum compression c, int64_t level, struct deflate_sink sink, struct deflate **ret, struct error *err)
{
	auto_deflate *d = calloc(1, sizeof(*d));

	if (c != COMPRESSION_NONE && c != COMPRESSION_GZIP && c != COMPRESSION_ZSTD)
		return fail(err, ERROR_UNSUPPORTED, "compressing with %s is not supported", compression_name(c));
	if (!d)
		return fail_oom(err);
	d->sink = sink;
	d->out = malloc(OUT_BYTES);
	if (c != COMPRESSION_NONE) {
		d->codec = choose(c, level);
		d->state = d->codec->new(level);
	}
	if (!d->out || (d->codec && !d->state))
		return fail_oom(err);
	*ret = take_ptr(d);
	return 0;
}

int deflate_add(struct deflate *d, const void *bytes, size_t len, bool last, struct error *err)
{
	struct deflate_io io = { .in = bytes, .in_len = len, .last = last };

	if (!d->codec)
		return len ? d->sink.put(d->sink.data, bytes, len, err) : 0;
	for (bool done = false; !done;) {
		io.out = d->out;
		io.out_len = OUT_BYTES;
		TRY(d->codec->run(d->state, &io, &done, err));
		if (io.out_len < OUT_BYTES)
			TRY(d->sink.put(d->sink.data, d->out, OUT_BYTES - io.out_len, err));
	}
	return 0;
}

void deflate_free(struct deflate *d)
{
	if (!d)
		return;
	if (d->state)
		d->codec->free(d->state);
	free(d->out);
	free(d);
}
