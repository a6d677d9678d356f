/* SPDX-License-Identifier: Apache-2.0
 * engine/image-crypt.h - keys for encrypted layers, as --encryption-key and --decryption-key name them.
 *
 * Owns the texts of the keys (wiped at the end); what they do to bytes is worker/crypt.h. Only JWE, with RSA keys and EC keys: other
 * schemes are refused by their names. */
#pragma once
#include "engine/image-copy.h"

struct image_crypt {
	struct strv encrypt;                /* PEM: public keys or certificates; none: nothing is encrypted */
	struct strv decrypt, passphrases;   /* PEM: private keys; one passphrase each, "" for none */
	struct strv layers;                 /* --encrypt-layer: numbers, negative ones from the end; none: all */
};
/* encryption: "jwe:FILE". decryption: "FILE[:PASSPHRASE]", "FILE:pass=WORD", "FILE:file=FILE". May be NULL. */
int image_crypt_load(const struct strv *encryption, const struct strv *layers, const struct strv *decryption,
		     struct image_crypt *ret, struct error *err);
void image_crypt_done(struct image_crypt *c);
#define auto_image_crypt CLEANUP(image_crypt_done) struct image_crypt
/* Is layer i of n to be encrypted? */
bool image_crypt_wants(const struct image_crypt *c, size_t i, size_t n);

/* A pull of an image whose layers are encrypted: decrypted into an archive without a name, and loaded from that. n: a full
 * name; full: it as text. */
int image_pull_encrypted(struct engine *e, const struct transport_name *n, const char *full, const struct platform *platform,
			 const struct image_pull *o, struct strv *ids, struct error *err);
