/* SPDX-License-Identifier: Apache-2.0
 * image/payload.h - what a signature of an image says: the "simple signing" JSON of containers-signature(5) and of
 * cosign, which is the same with another type.
 *
 * Pure: bytes in, struct out; who signed them is somebody else's question (gpg, worker/verify-op.c). Strict: a member of
 * "critical" that is not known, a member that is missing, a second one of the same name refuse the payload.
 * Allocates: not between clone() and exec(). */
#pragma once
#include "base/buf.h"
#include "image/worker.h"

#define PAYLOAD_BYTES_MAX ((size_t)1 << 20)

void payload_done(struct op_signed *s);
#define auto_payload CLEANUP(payload_done) struct op_signed

/* *ret must be zeroed. sigstore: cosign's type is wanted instead of the atomic one. */
int payload_parse(const void *bytes, size_t len, bool sigstore, struct op_signed *ret, struct error *err);
/* The document to sign. time 0: no time stamp (cosign's have none). */
int payload_format(const struct op_signed *s, bool sigstore, struct buf *to, struct error *err);
