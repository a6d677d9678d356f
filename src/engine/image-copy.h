/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy.h - an image from any place to any other, blob by blob, without unpacking it.
 *
 * Owns the way between two transports: which instances of an index go along, what the manifest must become for the
 * destination, which blobs are there already, can be mounted, or have to be compressed anew; many blobs at once, from
 * registry to registry through a pipe. `push` is a copy from the store. A copy *into* the store is a pull (it
 * unpacks): image_copy() hands it on to engine/image.h.
 * Bytes from outside are parsed and hashed in workers. Nothing of the destination is visible before its manifest, which
 * comes last. Not after fork(). Internals: engine/image-copy-internal.h. */
#pragma once
#include "engine/image.h"
#include "image/oci-image.h"
#include "image/reference.h"

enum copy_multi { COPY_SYSTEM, COPY_ALL, COPY_INDEX_ONLY };

struct image_copy {
	struct image_remote from, to;         /* registries: how to talk to them; borrowed */
	enum image_format format;
	enum copy_multi multi;
	struct platform platform;             /* COPY_SYSTEM; members unset: this machine's; borrowed */
	const char *compression;              /* "gzip", "zstd", "zstd:chunked"; NULL: the destination's habit */
	struct opt_int compression_level;
	bool force_compression;               /* also what has the format already */
	bool compress, decompress;            /* dir: and oci: layers shall be / shall not be compressed */
	bool accept_uncompressed;             /* oci: layers may stay bare tars */
	bool preserve_digests;                /* fail instead of changing the manifest */
	bool remove_signatures;               /* leave them behind */
	struct strv tags;                     /* further names (docker-archive, containers-storage); borrowed */
	const char *from_blobs, *to_blobs;    /* oci: layouts: directories of shared blobs */
	const char *from_daemon, *to_daemon;  /* docker-daemon: socket; NULL: $DOCKER_HOST or the usual one */
	struct strv decryption_keys;          /* into the store (image_copy()); borrowed */
	struct strv encryption_keys, encrypt_layers;   /* image_copy(); borrowed */
	const struct image_crypt *crypt;      /* engine/image-crypt.h; NULL: bytes stay encrypted or not */
	int to_fd;                            /* archives without a path: written here */
	uint64_t parallel;                    /* blobs at once; 0: 6 */
	struct image_progress progress;
	const struct image_signing *signing;  /* engine/image-sign.h: sign what was written; NULL: nothing */
	const char *sign_identity;            /* name to sign it as; NULL: the destination's */
};

/* Names with a transport ("docker://...", "oci:...", "containers-storage:..."). ret_digest (DIGEST_TEXT_MAX bytes, may be
 * NULL): of what was written. */
int image_copy(struct engine *e, const char *from, const char *to, const struct image_copy *o, char *ret_digest,
	       struct error *err);
/* The same with parsed names; an image of the store as TRANSPORT_STORAGE with its name or id in `what`. */
int image_copy_parsed(struct engine *e, const struct transport_name *from, const char *what, const struct transport_name *to,
		      const struct image_copy *o, char *ret_digest, struct error *err);
/* "transport:rest", as Skopeo wants it: a transport must be there. Docker references are completed ("docker.io/library/",
 * ":latest"). */
int image_copy_name(const char *s, struct transport_name *ret, struct error *err);
