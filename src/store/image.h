/* SPDX-License-Identifier: Apache-2.0
 * store/image.h - images: committing, finding, naming, listing, removing.
 *
 * An image is its config (id = the config digest's HEX), one or more manifests, and ordered layers. Names are full
 * references ("docker.io/library/busybox:latest", "quay.io/a/b@sha256:..."); a name belongs to at most one image.
 * Its truth is <root>/images/HEX.json; rows in the index make it visible. Reference counts of layers and blobs are SQL.
 * Structs returned are owned by the caller (store_image_done). Not after fork(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "store/stage.h"
#include "store/store.h"

struct store_image_layer {
	char *diff_id;       /* sha256:HEX */
	char *blob;          /* digest of the blob in the manifest; NULL: none kept */
	char *media_type;
	int64_t blob_size;   /* of the blob */
};

struct store_image {
	char id[65];
	char *manifest;            /* digest of the primary manifest */
	char *manifest_type;
	struct strv digests;       /* all manifest digests (also of the list it was pulled by); [0] is the primary one */
	struct strv names;         /* newest last */
	struct strv history;       /* names it had once and has no more */
	int64_t created;           /* from the config, Unix nanoseconds; 0: the config says nothing */
	int64_t added;             /* when it was committed here */
	int64_t size;              /* bytes of its layers' trees plus config and manifest */
	char *os, *arch, *variant; /* may be NULL */
	char *config;              /* the config's bytes; only where asked for */
	char *labels;              /* JSON object text of the config's labels, or NULL */
	struct store_image_layer *layers;   /* lowest first; only where asked for */
	size_t n_layers;
	int64_t containers;        /* how many containers use it; list only */
	bool read_only;            /* lies in an additional store */
};
void store_image_done(struct store_image *i);
#define auto_store_image CLEANUP(store_image_done) struct store_image

struct store_image_list {
	struct store_image *v;
	size_t n;
};
void store_image_list_done(struct store_image_list *l);
#define auto_store_image_list CLEANUP(store_image_list_done) struct store_image_list

/* What a commit is told. Everything is borrowed. All blobs named (manifest, config, layer blobs that are not NULL) and
 * layers (diff-ids) must have been committed through or pinned by `stage`. */
struct store_image_new {
	const char *manifest, *manifest_type;   /* digest, media type */
	const char *config_digest;
	const struct strv *more_digests;        /* other manifest digests it is known by (lists); may be NULL */
	const struct strv *names;               /* full references to give it; may be NULL */
	int64_t created;
	const char *os, *arch, *variant;
	const char *labels;                     /* JSON object text or NULL */
	const struct store_image_layer *layers; /* lowest first */
	size_t n_layers;
	bool replace;                           /* manifest lists: the manifest and the digests take the place of those the
	                                         * image had; blobs only those named go */
};
/* Acknowledged = durable: returns after the index transaction. An image that exists gets the names and manifest added.
 * Names move here from other images. ret_id: 64 hex digits. */
int store_image_commit(struct stage *stage, const struct store_image_new *image, char ret_id[65], struct error *err);

enum store_image_want {
	STORE_IMAGE_CONFIG = 1 << 0,
	STORE_IMAGE_LAYERS = 1 << 1,
	STORE_IMAGE_NAMES = 1 << 2,    /* names, history, digests */
	STORE_IMAGE_ALL = 7,
	STORE_IMAGE_DOUBLES = 1 << 3,  /* lists: also images of additional stores that are here as well */
	STORE_IMAGE_STEPS = 1 << 4,    /* lists: also steps of builds that nobody has named yet (step-image.h) */
};
/* What the user typed -> image: in this order an exact name; an id, full or unique prefix (>= 1 digit, "sha256:" in
 * front allowed); a repository@digest known here; then for short names NAME[:TAG] localhost/, each of `search`
 * (prefixes as "docker.io/library", "quay.io"; may be NULL), any unique name that ends in /NAME:TAG, and at last the id of
 * a step of a build (>= 6 digits), which becomes an image by that.
 * TAG defaults to latest. 1: found (ret_name: malloc'ed full name it matched, or NULL; may be NULL to ignore);
 * 0: no such image. An ambiguous id prefix or name is ERROR_INVALID. Our store first, then the additional ones. */
int store_image_find(struct store *s, const char *what, const struct strv *search, unsigned want,
		     struct store_image *ret, char **ret_name, struct error *err);
/* By full id. 1/0. */
int store_image_get(struct store *s, const char *id, unsigned want, struct store_image *ret, struct error *err);
/* All images, newest created first. Never waits for writers. */
int store_image_list(struct store *s, unsigned want, struct store_image_list *ret, struct error *err);
/* Intermediate images: whether some other image here has this one's layers as a true prefix and this one has no name.
 * 1/0. */
int store_image_is_intermediate(struct store *s, const char *id, struct error *err);
/* Whether another image builds on all of this image's layers. 1/0; ids (may be NULL) gets their ids. */
int store_image_children(struct store *s, const char *id, struct strv *ret_ids, struct error *err);

/* Gives the image one more full name (moving it from another image). Durable on return. */
int store_image_tag(struct store *s, const char *id, const char *name, struct error *err);
/* Takes full names away. 1, or 0 when the image has no such name (nothing changed). NULL name: all of them. */
int store_image_untag(struct store *s, const char *id, const char *name, struct error *err);

struct store_image_removal {
	bool force;                  /* also when containers use it: the caller removes those first; see ret_users */
	struct strv ret_users;       /* ids of the containers that use it */
	struct strv ret_untagged;    /* names that went */
	struct strv ret_layers;      /* diff-ids whose trees went */
	int64_t ret_bytes;           /* bytes freed */
};
void store_image_removal_done(struct store_image_removal *r);
/* Removes the image with all names, and layers and blobs nobody else needs. ERROR_IN_USE when containers use it
 * (always: `force` only changes the text's advice) with their ids in ret_users; ERROR_DENIED for one in an additional
 * store. Killed half-way it is finished by the next command. */
int store_image_remove(struct store *s, const char *id, struct store_image_removal *r, struct error *err);
