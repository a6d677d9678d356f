/* SPDX-License-Identifier: Apache-2.0
 * worker/inflate-xz.c - xz streams (archives people keep; layers never come so). Memory is bounded. */
#include <lzma.h>
#include <stdlib.h>

#include "worker/inflate.h"

#define MEMORY_MAX (UINT64_C(96) << 20)   /* xz -9 wants 65 MiB */

static void *xz_new(void)
{
	lzma_stream *s = calloc(1, sizeof(*s));

	if (s && lzma_stream_decoder(s, MEMORY_MAX, LZMA_CONCATENATED) != LZMA_OK) {
		free(s);
		return NULL;
	}
	return s;
}

static int xz_run(void *state, struct inflate_io *io, bool *at_boundary, struct error *err)
{
	lzma_stream *s = state;

	s->next_in = io->in;
	s->avail_in = io->in_len;
	s->next_out = io->out;
	s->avail_out = io->out_len;
	lzma_ret r = lzma_code(s, LZMA_RUN);
	io->in = s->next_in;
	io->in_len = s->avail_in;
	io->out = s->next_out;
	io->out_len = s->avail_out;
	if (r == LZMA_MEMLIMIT_ERROR)
		return fail(err, ERROR_UNSUPPORTED, "xz: the stream needs more than 96 MiB of memory to unpack");
	if (r != LZMA_OK && r != LZMA_STREAM_END && r != LZMA_BUF_ERROR)
		return fail(err, ERROR_CORRUPT, "xz: the stream is damaged");
	/* The decoder of concatenated streams cannot tell an end from a pause: a cut one ends inside the tar. */
	*at_boundary = true;
	return 0;
}

static void xz_free(void *state)
{
	lzma_end(state);
	free(state);
}

const struct inflate_codec inflate_xz = { xz_new, xz_run, xz_free };
