/* SPDX-License-Identifier: Apache-2.0
 * engine/image-sign.h - signatures are made: "simple signing" by gpg into a lookaside directory, sigstore by a private
 * key beside the image in its registry.
 * Does not own: finding and judging them (engine/image-trust.h). Allocates; not after fork(). */
#pragma once
#include "base/buf.h"
#include "engine/image-remote.h"

struct image_signing {
	char *sign_by;             /* gpg key */
	char *sigstore_params;     /* parameter file (YAML) */
	char *sigstore_key;        /* private key file */
	char *sequoia;             /* refused by name */
	char *passphrase_file;
};
extern const struct field image_signing_rows[];   /* --sign-by --sign-by-sigstore --sign-by-sigstore-private-key ... */
bool image_signing_wanted(const struct image_signing *s);

struct image_signer {
	char *gpg_key, *sigstore_pem, *passphrase, *write_url;
	bool attachments;
};
void image_signer_done(struct image_signer *s);   /* wipes the secrets */
#define auto_image_signer CLEANUP(image_signer_done) struct image_signer
/* Reads keys and registries.d for a destination before anything is sent. Asked for nothing: signs nothing. */
int image_signer_open(struct engine *e, const struct image_signing *s, const struct image_remote *o,
		      const struct reference *to, struct image_signer *ret, struct error *err);
/* Signs a manifest that is at `to` now. digest: its own. */
int image_signer_sign(struct engine *e, const struct image_signer *s, struct repository *repository,
		      const struct reference *to, const char *digest, struct error *err);
/* Asked to sign for a destination where signatures cannot be put. ERROR_UNSUPPORTED naming it, or 0. */
int image_signing_refuse(const struct image_signing *s, const char *destination, struct error *err);

/* sigstore-sign.c: a layer more in the image of signatures beside the image. */
int image_sign_sigstore(struct engine *e, const struct image_signer *s, struct repository *repository,
			const struct reference *to, const char *digest, struct error *err);
/* An OpenPGP signed message that says "digest is reference". passphrase may be NULL. */
int image_sign_simple(const char *key, const char *passphrase, const char *reference, const char *digest, struct buf *ret,
		      struct error *err);
/* Its next free place below a directory: "<dir>/<repository path>@sha256=<hex>/signature-N". */
int image_signature_save(const char *dir, const struct reference *name, const char *digest, const struct buf *signature,
			 struct error *err);
/* "file:///dir" of the registries.d configuration for a name, as a path; malloc'ed. */
int image_signature_dir(struct engine *e, const char *registries_d, const struct reference *name, char **ret,
			struct error *err);
/* The file's first line, malloc'ed, for passphrases. */
int image_read_passphrase(const char *file, char **ret, struct error *err);
/* A new pair of keys for sigstore: PREFIX.private (encrypted) and PREFIX.pub, neither of which may exist. */
int image_make_sigstore_key(struct engine *e, const char *prefix, const char *passphrase, struct error *err);

/* `image sign`: names with transports. */
struct image_sign_options {
	struct image_remote remote;
	char *directory, *sign_by;
	bool all;
};
int image_sign(struct engine *e, const char *name, const struct image_sign_options *o, struct error *err);
