/* SPDX-License-Identifier: Apache-2.0
 * worker/inflate-bzip2.c - bzip2 streams, one after the other. */
#include <bzlib.h>
#include <stdlib.h>

#include "worker/inflate.h"

static void *bzip2_new(void)
{
	bz_stream *s = calloc(1, sizeof(*s));

	if (s && BZ2_bzDecompressInit(s, 0, 0) != BZ_OK) {
		free(s);
		return NULL;
	}
	return s;
}

/* What follows the end of a stream is another one. */
static int restart(bz_stream *s, struct error *err)
{
	bz_stream fresh = { .next_in = s->next_in, .avail_in = s->avail_in };

	BZ2_bzDecompressEnd(s);
	*s = fresh;
	return BZ2_bzDecompressInit(s, 0, 0) == BZ_OK ? 0 : fail_oom(err);
}

static int bzip2_run(void *state, struct inflate_io *io, bool *at_boundary, struct error *err)
{
	bz_stream *s = state;
	int r = BZ_OK;

	s->next_in = (char *)(uintptr_t)io->in;
	s->avail_in = (unsigned)io->in_len;
	s->next_out = (char *)io->out;
	s->avail_out = (unsigned)io->out_len;
	if (*at_boundary && s->avail_in) {
		TRY(restart(s, err));
		*at_boundary = false;
		s->next_out = (char *)io->out;
		s->avail_out = (unsigned)io->out_len;
	}
	if (s->avail_in)
		r = BZ2_bzDecompress(s);
	else if (!*at_boundary && s->avail_out)
		r = BZ2_bzDecompress(s);   /* what it holds back */
	io->in = (const uint8_t *)s->next_in;
	io->in_len = s->avail_in;
	io->out = (uint8_t *)s->next_out;
	io->out_len = s->avail_out;
	if (r != BZ_OK && r != BZ_STREAM_END)
		return fail(err, ERROR_CORRUPT, "bzip2: the stream is damaged");
	if (!*at_boundary || r == BZ_STREAM_END)
		*at_boundary = r == BZ_STREAM_END;
	return 0;
}

static void bzip2_free(void *state)
{
	BZ2_bzDecompressEnd(state);
	free(state);
}

const struct inflate_codec inflate_bzip2 = { bzip2_new, bzip2_run, bzip2_free };
