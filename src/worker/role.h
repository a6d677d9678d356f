/* SPDX-License-Identifier: Apache-2.0
 * worker/role.h - operations of the worker: one handler each, and the loop that serves them.
 * A handler reads r->args and r->fds (owned by the request), fills the zeroed reply struct, and fails with a sentence
 * that becomes the client's error. The fetch role has a loop of its own (worker/fetch.h): its requests overlap. */
#pragma once
#include "base/str.h"
#include "worker/peer.h"

struct archive;

struct worker_state {
	struct peer peer;
	struct op_setup setup;
	struct archive *archive;   /* OP_OPEN_ARCHIVE's, for the requests after it */
};

typedef int op_handler(struct worker_state *w, const struct request *r, void *reply, struct error *err);

op_handler op_unpack;             /* unpack.c */
op_handler op_digest;             /* digest-op.c */
op_handler op_parse_manifest;     /* manifest-op.c */
op_handler op_parse_config;
op_handler op_describe_manifest;
op_handler op_parse_payload;      /* verify-op.c */
op_handler op_verify_sigstore;
op_handler op_sign_sigstore;      /* sign-op.c */
op_handler op_make_key;
op_handler op_open_archive;       /* archive.c */
op_handler op_archive_image;
op_handler op_archive_blob;
op_handler op_pack;               /* pack.c */
op_handler op_recompress;
op_handler op_chunk_toc;          /* chunked-op.c */
op_handler op_chunk_plan;

void archive_free(struct archive *a);
/* The fetch role: serves until the client goes. */
int fetch_serve(struct worker_state *w, struct error *err);
