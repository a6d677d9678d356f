/* SPDX-License-Identifier: Apache-2.0
 * engine/manifest-list.h - manifest lists (image indexes) made here.
 *
 * A list is an image of the store without layers: its manifest is the index, its id the digest of a small seed (the
 * config), so that it stays the same while the index changes. Beside the index lies a note of our own: where each entry
 * came from and the files of artifacts; both blobs and those of artifacts are kept by the list's digests. Entries that are
 * images of this store are named by digest and not kept.
 * Changes are made under the lock manifest-list/ID: list_open() ... list_save() or list_done(). Allocates. */
#pragma once
#include "engine/image-remote.h"
#include "image/oci-image.h"
#include "os/lock.h"
#include "store/image.h"

struct manifest_list {
	struct engine *engine;
	struct store_image image;
	char *name;                    /* full name it was found by; NULL: an id */
	struct json_object *index;     /* as the OCI has it */
	struct json_object *note;      /* {"sources": {DIGEST: TEXT}, "files": {DIGEST: [NAME]}, "blobs": {DIGEST: [DIGEST]}} */
	struct lock lock;
};
#define MANIFEST_LIST_INIT { .lock = LOCK_INIT }
void manifest_list_done(struct manifest_list *l);
#define auto_manifest_list CLEANUP(manifest_list_done) struct manifest_list

/* ERROR_NOT_FOUND: no such image; ERROR_INVALID: it is no list. change: takes the lock. */
int manifest_list_open(struct engine *e, const char *what, bool change, struct manifest_list *ret, struct error *err);
/* 1: a list of that name is here, 0: not (an image is none). */
int manifest_list_exists(struct engine *e, const char *what, struct error *err);
/* Makes the change durable. stage: holds blobs added meanwhile; NULL: none were. */
int manifest_list_save(struct manifest_list *l, struct stage *stage, struct error *err);

struct manifest_list_create {
	bool amend;                    /* one that is there is taken; an image of the name becomes the list's first entry */
	bool replace;                  /* what has the name loses it */
	struct strmap annotations;     /* of the index */
};
/* An empty list; ret_id: 64 digits. ERROR_EXISTS: the name is taken. */
int manifest_list_create(struct engine *e, const char *name, const struct manifest_list_create *o, char ret_id[65],
			 struct error *err);

/* ---- entries ---- */
struct manifest_list_add {
	struct image_remote remote;
	bool all;                      /* every image of a list that is added */
	struct strmap annotations;     /* filled from the command line's by the caller */
};
/* Finds the image ("docker://", "containers-storage:", or a name) and adds it; appends digests of what was added. */
int manifest_list_add_image(struct engine *e, const char *list, const char *image, const struct manifest_list_add *o,
			    struct strv *ret_digests, char ret_id[65], struct error *err);

struct manifest_list_artifact {
	bool has_type;
	char *type, *config_file, *config_type, *layer_type, *subject;
	bool exclude_titles;
	struct strmap annotations;     /* of the artifact's manifest */
};
/* Files as one artifact. */
int manifest_list_add_files(struct engine *e, const char *list, const struct strv *files,
			    const struct manifest_list_artifact *o, char ret_digest[DIGEST_TEXT_MAX], char ret_id[65],
			    struct error *err);

struct manifest_list_annotate {
	char *arch, *os, *os_version, *variant;
	struct strv features, os_features;
	struct strmap annotations;     /* of the entry, or with index of the whole */
	char *subject;                 /* index only */
	bool index;
};
/* entry: digest, file or image name; NULL with o->index. */
int manifest_list_annotate(struct engine *e, const char *list, const char *entry, const struct manifest_list_annotate *o,
			   char ret_id[65], struct error *err);
int manifest_list_remove_entry(struct engine *e, const char *list, const char *digest, char ret_id[65], struct error *err);

/* Indented JSON as Podman prints it: the list here, else what the registry has. */
int manifest_list_inspect(struct engine *e, const char *what, const struct image_remote *o, struct buf *to, struct error *err);

struct image_signing;
struct manifest_list_push {
	struct image_push push;        /* remote, compression, signing, progress; format of lists and images */
	struct strv add_compression;
	bool all;                      /* the images, too; else the list only */
};
int manifest_list_push(struct engine *e, const char *what, const char *destination, const struct manifest_list_push *o,
		       char ret_digest[DIGEST_TEXT_MAX], struct error *err);

/* ---- parts ---- */
/* image_find()'s: the image of a list for a platform (NULL: this machine's). */
int manifest_list_choose(struct engine *e, const struct store_image *list, const char *what, const struct platform *platform,
			 unsigned want, struct store_image *ret, struct error *err);
struct json_object *manifest_list_entries(const struct manifest_list *l);   /* borrowed array */
/* The entry with that digest, borrowed, or NULL; ret_at (may be NULL): its position. */
struct json_object *manifest_list_entry(const struct manifest_list *l, const char *digest, size_t *ret_at);
/* Notes text about a digest below a member of the note ("sources"). */
int manifest_list_note(struct manifest_list *l, const char *member, const char *digest, struct json_object *value,
		       struct error *err);
/* The index as it is written: its type is Docker's unless something only the OCI's knows is in it; IMAGE_FORMAT_* forces. */
int manifest_list_format(const struct manifest_list *l, enum image_format format, struct buf *to, enum media_type *ret_type,
			 struct error *err);
/* Adds to the annotations of an index or of an entry. */
int manifest_list_set_annotations(struct json_object *o, const struct strmap *from, struct error *err);
