/* SPDX-License-Identifier: Apache-2.0
 * engine/documents.h - the archive worker for single documents: manifests described, signatures checked and made.
 * Owns the process, which starts with the first question. Allocates; not after fork(). */
#pragma once
#include "engine/engine.h"
#include "image/worker.h"

struct documents {
	struct engine *engine;
	struct worker *worker;
};
void documents_done(struct documents *d);
#define auto_documents CLEANUP(documents_done) struct documents

void described_done(struct op_described *d);
#define auto_described CLEANUP(described_done) struct op_described

/* Everything a manifest or index says. digest: expected, or NULL. */
int documents_describe(struct documents *d, const void *bytes, size_t len, const char *media_type, const char *digest,
		       struct op_described *ret, struct error *err);
/* One request whose only descriptor holds these bytes (NULL: none). */
int documents_ask(struct documents *d, enum worker_op op, const void *request, const void *bytes, size_t len, void *reply,
		  struct error *err);
int documents_digest(struct documents *d, int fd, char ret[DIGEST_TEXT_MAX], int64_t *ret_size, struct error *err);
