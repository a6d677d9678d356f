/* SPDX-License-Identifier: Apache-2.0
 * engine/image-trust.h - may this image come in? policy.json applied, signatures found and verified.
 *
 * Signatures lie in a lookaside directory or server (registries.d), as images beside the image (sigstore attachments),
 * or as files of a "dir:" directory. gpg verifies OpenPGP (engine/gpg.h), the sandboxed worker everything else.
 * Allocates; not after fork(). */
#pragma once
#include "engine/image-remote.h"
#include "image/policy.h"

/* Where an image comes from. Everything is borrowed. */
struct image_origin {
	enum transport transport;
	const char *scope;               /* docker: full name; else the path */
	const struct reference *name;    /* docker: as it was asked for; NULL: none */
	const struct reference *place;   /* docker: where it is read from (a mirror); NULL: name */
	const struct image_remote *remote;   /* docker */
	const char *directory;           /* dir: its path; NULL */
	const struct strv *digests;      /* of its manifest, then of the lists it was chosen from */
};
/* Before anything is fetched: ERROR_DENIED when no signature could help. policy: --signature-policy or NULL. */
int image_trust_precheck(struct engine *e, const char *policy, enum transport transport, const char *scope,
			 struct error *err);
/* Before anything is committed: ERROR_DENIED "Source image rejected: ...". */
int image_trust_check(struct engine *e, const char *policy, const struct image_origin *o, struct error *err);

/* One signature as it was found. Owned. */
struct image_signature {
	bool sigstore;
	struct buf bytes;      /* an OpenPGP message; sigstore: the payload */
	char *signature, *certificate, *chain, *bundle;   /* sigstore */
};
#define SIGNATURE(l, i) (&((struct image_signature *)(l)->v)[i])
void image_signatures_done(struct list *l);
#define auto_image_signatures CLEANUP(image_signatures_done) struct list
/* Appends all signatures of one manifest (signatures.c). simple, sigstore: which kinds. */
struct documents;
struct signature_query {
	const char *digest;
	bool simple, sigstore;
};
int image_signatures_find(struct engine *e, struct documents *d, const struct image_origin *o,
			  const struct signature_query *q, struct list *ret, struct error *err);
