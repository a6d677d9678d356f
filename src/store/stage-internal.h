/* SPDX-License-Identifier: Apache-2.0
 * store/stage-internal.h - (internal) what the two halves of a stage share. */
#pragma once
#include "store/internal.h"

struct lease {
	char *digest;
	struct lock lock;
	bool shared;
};

struct stage {
	struct store *store;
	char *path;
	char name[48];
	int fd, notes_fd;
	struct lock lock;
	unsigned serial;          /* of names inside */
	struct lease *leases;
	size_t n_leases;
	bool adopted;             /* its owner died, we are the sweeper */
};

/* A shared lease: it stays while we live. 1, or -1. */
int stage_pin(struct stage *st, const char *digest, struct error *err);
/* The content is in place: an exclusive lease becomes a shared one. */
int stage_publish(struct stage *st, const char *digest, struct error *err);
