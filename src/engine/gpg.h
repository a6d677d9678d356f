/* SPDX-License-Identifier: Apache-2.0
 * engine/gpg.h - OpenPGP by the program gpg: verifying with given keys only, signing with the user's.
 * Verification happens in a private home below a stage (gone with it, however we end), without agent, options or key
 * servers. Runs programs. Allocates; not after fork(). */
#pragma once
#include "base/buf.h"
#include "engine/engine.h"

/* A signed message: exactly one good signature by one of the keys (files' contents, armoured or binary). Its content is
 * appended to ret_payload. ERROR_DENIED otherwise. ret_fingerprint: of the primary key, 65 bytes, may be NULL. */
int gpg_verify(struct engine *e, const struct buf *keys, size_t n_keys, const void *message, size_t len,
	       struct buf *ret_payload, char *ret_fingerprint, struct error *err);
/* Signs bytes with the user's key (id, fingerprint, address); the message is appended. passphrase: NULL: gpg asks. */
int gpg_sign(const char *key, const char *passphrase, const void *bytes, size_t len, struct buf *ret, struct error *err);
/* The user's own public key (NULL: all of them), appended. */
int gpg_export(const char *key, struct buf *ret, struct error *err);
/* User ids and fingerprints of the keys in a file, for `image trust show`. */
int gpg_key_names(struct engine *e, const struct buf *keys, size_t n_keys, struct strv *ret, struct error *err);
