/* SPDX-License-Identifier: Apache-2.0
 * worker/inflate.c - choosing the codec; "no compression" is one too. */
#include "worker/inflate.h"

#include <string.h>

#include "base/own.h"

struct inflate {
	const struct inflate_codec *codec;
	void *state;
	bool at_boundary;
};

static void *plain_new(void)
{
	return calloc(1, 1);
}

static int plain_run(void *state, struct inflate_io *io, bool *at_boundary, struct error *err)
{
	size_t n = io->in_len < io->out_len ? io->in_len : io->out_len;

	(void)state, (void)err;
	memcpy(io->out, io->in, n);
	io->in += n;
	io->in_len -= n;
	io->out += n;
	io->out_len -= n;
	*at_boundary = true;
	return 0;
}

static const struct inflate_codec plain = { plain_new, plain_run, free };

static const struct inflate_codec *const codecs[COMPRESSION_MAX] = {
	[COMPRESSION_NONE] = &plain,
	[COMPRESSION_GZIP] = &inflate_gzip,
	[COMPRESSION_ZSTD] = &inflate_zstd,
	[COMPRESSION_ZSTD_CHUNKED] = &inflate_zstd,
	[COMPRESSION_XZ] = &inflate_xz,
	[COMPRESSION_BZIP2] = &inflate_bzip2,
};

int inflate_new(enum compression c, struct inflate **ret, struct error *err)
{
	auto_inflate *z = calloc(1, sizeof(*z));

	if (!codecs[c] || !codecs[c]->new)
		return fail(err, ERROR_UNSUPPORTED, "%s compression is not supported: unpack it with the tool of that name first",
			    compression_name(c));
	if (!z)
		return fail_oom(err);
	z->codec = codecs[c];
	z->at_boundary = c == COMPRESSION_NONE;
	z->state = z->codec->new();
	if (!z->state)
		return fail_oom(err);
	*ret = take_ptr(z);
	return 0;
}

int inflate_run(struct inflate *z, struct inflate_io *io, struct error *err)
{
	return z->codec->run(z->state, io, &z->at_boundary, err);
}

int inflate_end(struct inflate *z, struct error *err)
{
	return z->at_boundary ? 0 : fail(err, ERROR_CORRUPT, "the compressed stream is cut off");
}

void inflate_free(struct inflate *z)
{
	if (!z)
		return;
	if (z->state)
		z->codec->free(z->state);
	free(z);
}
