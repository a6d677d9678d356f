/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy-internal.h - what the parts of a copy share; nobody else includes it. */
#pragma once
#include "base/json.h"
#include "engine/image-copy.h"
#include "engine/image-out.h"
#include "engine/image-target.h"
#include "image/compress.h"
#include "image/repository.h"
#include "image/source.h"

/* ---- where it comes from (image-copy-from.c) ---- */
struct copy_from {
	struct engine *engine;
	const struct transport_name *name;
	struct source *source;            /* also hashes and parses what others bring */
	bool registry, from_store;
	struct reference at;              /* registry: the place that answered */
	size_t entry;                     /* archives and directories: which image */
	struct image_out out;             /* from_store */
	struct source_image docker;       /* docker archives: what stands in for a manifest ... */
	struct blob_place *places;        /* ... and where each layer's tar is */
	int shared;                       /* directory of shared blobs, or -1 */
	int spool;                        /* what was fetched or unrolled, or -1 */
};
int copy_from_open(struct copy_from *f, struct engine *e, const struct transport_name *name, const char *what,
		   const struct image_copy *o, struct error *err);
void copy_from_done(struct copy_from *f);
/* digest NULL: the image itself, else an entry of its index. */
int copy_from_manifest(struct copy_from *f, const char *digest, const char *media_type, struct source_document *ret,
		       struct error *err);
/* Not for registries. Bytes are as the digest says only when they come from the store. */
int copy_from_place(struct copy_from *f, const char *digest, struct blob_place *ret, struct error *err);

/* ---- where it goes (image-copy-to.c) ---- */
enum copy_to_kind { COPY_TO_REGISTRY, COPY_TO_OCI, COPY_TO_DIR, COPY_TO_DOCKER };
enum copy_layers { COPY_LAYERS_KEEP, COPY_LAYERS_COMPRESS, COPY_LAYERS_PLAIN };

struct copy_to {
	struct engine *engine;
	const struct transport_name *name;
	const struct image_copy *o;
	enum copy_to_kind kind;
	enum copy_layers layers;          /* what becomes of bare tars and compressed ones */
	struct repository *repository;
	struct strv mounts;               /* repositories of the same registry that may have the blobs */
	struct image_target target;
	int shared;                       /* directory of shared blobs, or -1 */
	int daemon;                       /* docker-daemon: the archive to be sent, or -1 */
	char config[DIGEST_TEXT_MAX];     /* of the instance under way: archives name it differently */
	struct json_object *index;        /* oci: index.json as it will be; docker: manifest.json */
	char digest[DIGEST_TEXT_MAX];     /* of the manifest written last at top level */
};
int copy_to_open(struct copy_to *t, struct engine *e, const struct transport_name *name, const struct copy_from *from,
		 const struct image_copy *o, struct error *err);
void copy_to_done(struct copy_to *t);
/* May the destination hold this manifest type? Otherwise what it should become. */
enum media_type copy_to_type(const struct copy_to *t, enum media_type is);
/* Files: is the blob there? Registries are asked elsewhere (they answer later). */
bool copy_to_has_file(struct copy_to *t, const char *digest);
/* A file to write a blob into before its digest is certain: anonymous, or (directories) to be placed by a rename. */
int copy_to_scratch(struct copy_to *t, size_t job, struct error *err);
/* The blob is the scratch file of that job / a range of another file. */
int copy_to_place_scratch(struct copy_to *t, size_t job, int fd, const char *digest, int64_t size, struct error *err);
int copy_to_place_range(struct copy_to *t, const struct blob_place *p, const char *digest, struct error *err);
/* instance: digest of an entry of an index; NULL: the image itself. digest: of the bytes. */
int copy_to_manifest(struct copy_to *t, const struct source_document *d, bool instance, struct error *err);
/* Afterwards: archives are closed, daemons fed. */
int copy_to_finish(struct copy_to *t, struct copy_from *from, struct error *err);
/* image-copy-docker.c: manifest.json of a docker archive, and daemons. */
int copy_to_docker_manifest(struct copy_to *t, const struct source_document *d, struct error *err);
int copy_daemon_fetch(struct copy_from *f, const struct image_copy *o, struct error *err);
int copy_daemon_send(struct copy_to *t, struct error *err);

/* ---- what happens to the blobs (image-copy-run.c) ---- */
struct copy_blob {
	const struct op_descriptor *from;
	bool is_config, change;           /* change: into another compression, or de- or encrypted */
	enum copy_crypt { COPY_CRYPT_NONE, COPY_ENCRYPT, COPY_DECRYPT } crypt;
	bool raw;                         /* ... with the compression as it is */
	const struct image_crypt *keys;
	enum compression compression;     /* ... this one */
	int64_t level;
	/* results, owned */
	char *digest, *toc_place, *toc_digest, *enc_jwe, *enc_pubopts;
	enum media_type media_type;       /* UNKNOWN: as it was */
	int64_t size;
};
/* Brings all of them over; digest and size of each are filled in. */
int copy_blobs(struct copy_from *f, struct copy_to *t, struct copy_blob *v, size_t n, struct error *err);

/* As image_copy(), the store meant by "containers-storage:" being e's (image-copy-stores.c knows others). */
int image_copy_here(struct engine *e, const char *from, const char *to, const struct image_copy *o, char *ret_digest,
		    struct error *err);

/* ---- signatures that exist (image-copy-sign.c) ---- */
/* Appends those of a manifest at the source (struct image_signature); puts them beside it at the destination. */
int copy_signatures_find(struct copy_from *f, const struct image_copy *o, const char *digest, struct list *ret,
			 struct error *err);
int copy_signatures_put(struct copy_to *t, const struct list *found, const char *digest, struct error *err);

/* ---- documents (image-copy-manifest.c) ---- */
/* The manifest with other blobs, or of another type, as bytes in *ret. */
int copy_edit_manifest(const struct source_document *d, const struct copy_blob *v, size_t n, enum media_type type,
		       struct buf *ret, struct error *err);
/* An index whose entry number i became now[i] (digest NULL: as it was). */
int copy_edit_index(const struct source_document *d, const struct op_descriptor *now, size_t n, enum media_type type,
		    struct buf *ret, struct error *err);
/* A schema 2 manifest for an image of a docker archive. */
int copy_docker_manifest(const struct source_image *i, const int64_t *sizes, struct buf *ret, struct error *err);
