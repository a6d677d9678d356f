/* SPDX-License-Identifier: Apache-2.0
 * worker/ring.h - one producer, a few consumers, every consumer sees every byte, nothing is copied.
 * Chunks are RING_CHUNK bytes; a slot is free again when all consumers have gone past it. Whoever fails stops the
 * others: their next call fails too (and their own error counts for nothing). */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define RING_CHUNK ((size_t)256 << 10)   /* stays in the second-level cache between producer and consumers */
#define RING_SLOTS 8
#define RING_CONSUMERS_MAX 3

struct ring {
	uint8_t *bytes;
	size_t len[RING_SLOTS];
	uint64_t made;                            /* chunks published */
	uint64_t used[RING_CONSUMERS_MAX];        /* chunks given back, by consumer */
	bool holds[RING_CONSUMERS_MAX];           /* has chunk number used[] in hand */
	unsigned consumers;
	bool ended, stopped;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

int ring_init(struct ring *r, unsigned consumers, struct error *err);
void ring_done(struct ring *r);
/* Room for the next chunk: RING_CHUNK bytes; NULL: stopped. */
uint8_t *ring_room(struct ring *r);
void ring_publish(struct ring *r, size_t len);
void ring_end(struct ring *r);
/* The next chunk for this consumer, giving back the one before. 1; 0: end; -1: stopped (errnum ECANCELED: an echo of
 * somebody else's failure). */
int ring_next(struct ring *r, unsigned consumer, const uint8_t **ret, size_t *ret_len, struct error *err);
/* Wakes and fails everybody. */
void ring_stop(struct ring *r);
