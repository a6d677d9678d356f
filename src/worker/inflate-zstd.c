/* SPDX-License-Identifier: Apache-2.0
 * worker/inflate-zstd.c - zstd frames. The window is bounded: what needs more memory is refused by the library. */
#include <zstd.h>

#include "worker/inflate.h"

#define WINDOW_LOG_MAX 27   /* 128 MiB: what `zstd --ultra -22` makes; --long=31 is not for images */

static void *zstd_new(void)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();

	if (d)
		ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	return d;
}

static int zstd_run(void *state, struct inflate_io *io, bool *at_boundary, struct error *err)
{
	ZSTD_inBuffer in = { io->in, io->in_len, 0 };
	ZSTD_outBuffer out = { io->out, io->out_len, 0 };

	while (in.pos < in.size || out.pos < out.size) {
		size_t in_pos = in.pos, out_pos = out.pos;
		size_t r = ZSTD_decompressStream(state, &out, &in);
		if (ZSTD_isError(r))
			return fail(err, ERROR_CORRUPT, "zstd: %s", ZSTD_getErrorName(r));
		*at_boundary = r == 0;
		if (out.pos == out.size || (in.pos == in_pos && out.pos == out_pos))
			break;
		if (r == 0 && in.pos == in.size)
			break;
	}
	io->in += in.pos;
	io->in_len -= in.pos;
	io->out += out.pos;
	io->out_len -= out.pos;
	return 0;
}

static void zstd_free(void *state)
{
	ZSTD_freeDCtx(state);
}

const struct inflate_codec inflate_zstd = { zstd_new, zstd_run, zstd_free };
