/* SPDX-License-Identifier: Apache-2.0
 * worker/ring-fill.c - a compressed stream into a ring. */
#include "worker/ring-fill.h"

#include <errno.h>

/* A full chunk is published, and there is room for the next. */
static int publish(struct ring_fill *f, struct error *err)
{
	if (f->room && f->used) {
		f->total += (int64_t)f->used;
		ring_publish(f->ring, f->used);
	}
	f->room = ring_room(f->ring);
	f->used = 0;
	if (!f->room)
		return fail_with(err, ECANCELED, "ring");
	return f->check ? f->check(f->data, f->total, err) : 0;
}

int ring_fill_add(struct ring_fill *f, const uint8_t *bytes, size_t len, struct error *err)
{
	struct inflate_io io = { .in = bytes, .in_len = len };

	if (!f->inflate) {
		f->compression = compression_detect(bytes, len);
		TRY(inflate_new(f->compression, &f->inflate, err));
	}
	do {
		if (!f->room || f->used == RING_CHUNK)
			TRY(publish(f, err));
		io.out = f->room + f->used;
		io.out_len = RING_CHUNK - f->used;
		size_t before_in = io.in_len, before_out = io.out_len;
		TRY(inflate_run(f->inflate, &io, err));
		f->used = RING_CHUNK - io.out_len;
		if (io.in_len && io.in_len == before_in && io.out_len == before_out)
			return fail(err, ERROR_CORRUPT, "the compressed stream is damaged");
	} while (io.in_len || f->used == RING_CHUNK);
	return 0;
}

int ring_fill_end(struct ring_fill *f, struct error *err)
{
	if (f->inflate)
		TRY(inflate_end(f->inflate, err));
	if (f->room && f->used)
		TRY(publish(f, err));
	ring_end(f->ring);
	return 0;
}

void ring_fill_done(struct ring_fill *f)
{
	inflate_free(f->inflate);
	f->inflate = NULL;
}
