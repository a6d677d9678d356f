/* SPDX-License-Identifier: Apache-2.0
 * worker/ring.c - one producer, every consumer sees every chunk. */
#include "worker/ring.h"

#include <errno.h>
#include <stdlib.h>

int ring_init(struct ring *r, unsigned consumers, struct error *err)
{
	*r = (struct ring){ .consumers = consumers };
	r->bytes = malloc(RING_SLOTS * RING_CHUNK);
	if (!r->bytes)
		return fail_oom(err);
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->changed, NULL);
	return 0;
}

void ring_done(struct ring *r)
{
	if (!r->bytes)
		return;
	free(r->bytes);
	r->bytes = NULL;
	pthread_mutex_destroy(&r->mutex);
	pthread_cond_destroy(&r->changed);
}

static bool full(const struct ring *r)
{
	for (unsigned i = 0; i < r->consumers; i++)
		if (r->made - r->used[i] >= RING_SLOTS)
			return true;
	return false;
}

uint8_t *ring_room(struct ring *r)
{
	pthread_mutex_lock(&r->mutex);
	while (!r->stopped && full(r))
		pthread_cond_wait(&r->changed, &r->mutex);
	uint8_t *room = r->stopped ? NULL : r->bytes + r->made % RING_SLOTS * RING_CHUNK;
	pthread_mutex_unlock(&r->mutex);
	return room;
}

static void change(struct ring *r, bool ended, bool stopped)
{
	pthread_mutex_lock(&r->mutex);
	r->ended |= ended;
	r->stopped |= stopped;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->mutex);
}

void ring_publish(struct ring *r, size_t len)
{
	pthread_mutex_lock(&r->mutex);
	r->len[r->made++ % RING_SLOTS] = len;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->mutex);
}

void ring_end(struct ring *r)
{
	change(r, true, false);
}

void ring_stop(struct ring *r)
{
	change(r, false, true);
}

int ring_next(struct ring *r, unsigned consumer, const uint8_t **ret, size_t *ret_len, struct error *err)
{
	pthread_mutex_lock(&r->mutex);
	if (r->holds[consumer]) {
		r->holds[consumer] = false;
		r->used[consumer]++;
		pthread_cond_broadcast(&r->changed);
	}
	while (!r->stopped && !r->ended && r->used[consumer] == r->made)
		pthread_cond_wait(&r->changed, &r->mutex);
	int n = r->stopped ? -1 : r->used[consumer] < r->made;
	if (n > 0) {
		size_t slot = r->used[consumer] % RING_SLOTS;
		*ret = r->bytes + slot * RING_CHUNK;
		*ret_len = r->len[slot];
		r->holds[consumer] = true;
	}
	pthread_mutex_unlock(&r->mutex);
	return n < 0 ? fail_with(err, ECANCELED, "ring") : n;
}
