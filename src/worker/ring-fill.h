/* SPDX-License-Identifier: Apache-2.0
 * worker/ring-fill.h - the producer's side of a ring: a compressed stream is inflated straight into its chunks.
 * Owns the decompressor, borrows the ring. Which compression it is the first bytes tell. */
#pragma once
#include "worker/inflate.h"
#include "worker/ring.h"

struct ring_fill {
	struct ring *ring;
	struct inflate *inflate;
	enum compression compression;
	uint8_t *room;
	size_t used;
	int64_t total;               /* bytes published */
	/* Asked after each chunk: -1 and *err breaks it off. NULL: never. */
	int (*check)(void *data, int64_t total, struct error *err);
	void *data;
};
int ring_fill_add(struct ring_fill *f, const uint8_t *bytes, size_t len, struct error *err);
/* The stream ends here: fails when it was cut. The ring is ended. */
int ring_fill_end(struct ring_fill *f, struct error *err);
void ring_fill_done(struct ring_fill *f);
