/* SPDX-License-Identifier: Apache-2.0
 * worker/inflate-isal.c - gzip by ISA-L: more than twice zlib's speed. */
#include <isa-l.h>
#include <string.h>

#include "base/own.h"
#include "worker/inflate.h"

struct gzip_in {
	struct inflate_state z;
	bool between;   /* the next byte starts a member (or there is none) */
};

static void *gzip_new(void)
{
	struct gzip_in *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	isal_inflate_init(&g->z);
	g->z.crc_flag = ISAL_GZIP;
	g->between = true;
	return g;
}

static int start_member(struct gzip_in *g, const struct inflate_io *io, struct error *err)
{
	if (io->in[0] != 0x1f)
		return fail(err, ERROR_CORRUPT, "garbage behind the gzip stream");
	isal_inflate_reset(&g->z);
	g->z.crc_flag = ISAL_GZIP;
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
		g->z.next_in = (uint8_t *)(uintptr_t)io->in;
		g->z.avail_in = (uint32_t)io->in_len;
		g->z.next_out = io->out;
		g->z.avail_out = (uint32_t)io->out_len;
		int r = isal_inflate(&g->z);
		bool moved = g->z.avail_in != io->in_len || g->z.avail_out != io->out_len;
		io->in = g->z.next_in;
		io->in_len = g->z.avail_in;
		io->out = g->z.next_out;
		io->out_len = g->z.avail_out;
		if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT)
			return fail(err, ERROR_CORRUPT, r == ISAL_INCORRECT_CHECKSUM ? "the gzip stream's checksum is wrong" :
				    "the gzip stream is damaged");
		g->between = g->z.block_state == ISAL_BLOCK_FINISH;
		if (!g->between && (!io->out_len || !moved))
			break;
	}
	*at_boundary = g->between;
	return 0;
}

const struct inflate_codec inflate_gzip = { gzip_new, gzip_run, free };
