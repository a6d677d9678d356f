/* SPDX-License-Identifier: Apache-2.0
 * engine/verify.h - hashing a stored file in a worker, for store_check().
 * Owns the worker process while it lives. Allocates; not after fork(). */
#pragma once
#include "engine/engine.h"

struct verifier {
	struct engine *engine;
	struct worker *worker;   /* started with the first file */
};
void verifier_done(struct verifier *v);
#define auto_verifier CLEANUP(verifier_done) struct verifier
/* check_options.verify; arg is a struct verifier. */
int verifier_digest(void *arg, int fd, char ret_digest[72], struct error *err);
