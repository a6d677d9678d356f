/* SPDX-License-Identifier: Apache-2.0
 * worker/inflate-zlib.c - gzip by zlib, where there is no ISA-L. */
#include <string.h>
#include <zlib.h>

#include "base/own.h"
#include "worker/inflate.h"

struct gzip_in {
	z_stream z;
	bool between;
};

static void *gzip_new(void)
{
	struct gzip_in *g = calloc(1, sizeof(*g));

	if (g && inflateInit2(&g->z, 15 + 16) != Z_OK) {
		free(g);
		return NULL;
	}
	if (g)
		g->between = true;
	return g;
}

static int start_member(struct gzip_in *g, const struct inflate_io *io, struct error *err)
{
	if (io->in[0] != 0x1f)
		return fail(err, ERROR_CORRUPT, "garbage behind the gzip stream");
	inflateReset(&g->z);
	g->between = false;
	return 0;
}

static int gzip_run(void *state, struct inflate_io *io, bool *at_boundary, struct error *err)
{
	struct gzip_in *g = state;

	for (;;) {
		if (g->between && io->in_len)
			TRY(start_member(g, io, err));
		if (g->between)
			break;
		g->z.next_in = (Bytef *)(uintptr_t)io->in;
		g->z.avail_in = (uInt)io->in_len;
		g->z.next_out = io->out;
		g->z.avail_out = (uInt)io->out_len;
		int r = inflate(&g->z, Z_NO_FLUSH);
		io->in = g->z.next_in;
		io->in_len = g->z.avail_in;
		io->out = g->z.next_out;
		io->out_len = g->z.avail_out;
		if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
			return fail(err, ERROR_CORRUPT, "the gzip stream is damaged");
		g->between = r == Z_STREAM_END;
		if (!g->between && (!io->out_len || !io->in_len))
			break;
	}
	*at_boundary = g->between;
	return 0;
}

static void gzip_free(void *state)
{
	inflateEnd(&((struct gzip_in *)state)->z);
	free(state);
}

const struct inflate_codec inflate_gzip = { gzip_new, gzip_run, gzip_free };
