/* SPDX-License-Identifier: Apache-2.0
 * worker/deflate-zlib.c - fast gzip where there is no ISA-L: zlib at its fastest. */
#include "base/own.h"
#include "worker/deflate.h"

static void *fast_new(int64_t level)
{
	return deflate_gzip_small.new(level < 1 ? 1 : level);
}

static int fast_run(void *state, struct deflate_io *io, bool *done, struct error *err)
{
	return deflate_gzip_small.run(state, io, done, err);
}

static void fast_free(void *state)
{
	deflate_gzip_small.free(state);
}

const struct deflate_codec deflate_gzip_fast = { fast_new, fast_run, fast_free };
