/* SPDX-License-Identifier: Apache-2.0
 * engine/commit.h - a directory's changes become a layer, and with a configuration an image. For `commit` and the builder.
 *
 * One pass over the files makes the layer's tree (moved, reflinked or copied) and the digest of its tar, which goes
 * through a pipe to a worker and is written nowhere: the layer has no blob. Its diff-id is also its blob's digest in the
 * manifest (an uncompressed layer), and push and save make the same bytes again from the tree (engine/tree-pack.h).
 * Nothing is visible before the last step; what is acknowledged is durable. HEALTHCHECK and SHELL are written into
 * OCI images as well. Not after fork(). Rootless: inside the user namespace. Allocates. */
#pragma once
#include "engine/container.h"
#include "engine/image.h"
#include "engine/tree-pack.h"
#include "image/oci-image.h"
#include "store/rootfs.h"

struct commit_layer {
	int dir;                  /* the files: an overlay's upper directory, or with `whole` a complete tree; -1: no layer */
	bool whole;               /* no overlay marks to look for (squash, ADD of an archive); one file system */
	/* `dir` is the directory take_name of take_parent and becomes the layer itself: nothing is copied, and it is gone
	 * from its place, also when the commit fails. Only where its owner (a build container that ends here) does not
	 * need it again and has ended. Falls back to a copy across file systems. take_name NULL: copied. */
	int take_parent;
	const char *take_name;
	const struct idmap_pair *maps;   /* owners are those of this user namespace; NULL: as they are */
	const struct rootfs_changes *changes;   /* `dir` is a complete tree of which only these are the layer; NULL: all of it */
	const struct strv *skip;         /* clean absolute paths left out when empty (mount targets); may be NULL */
};
#define COMMIT_LAYER_INIT { .dir = -1, .take_parent = -1 }

/* A further layer above `layer`, with its own entry of the history. */
struct commit_more {
	struct commit_layer layer;
	const char *created_by;
};

struct commit {
	const char *base;                /* id of the image whose layers and manifest entries are kept below; NULL: none */
	/* What the image shall say: commit_config() and then changed at will. Its diff_ids and history are those of the base;
	 * the new layer and the entry below are appended here. `created` is set here. Owned by the caller. */
	struct image_config *config;
	struct commit_layer layer;
	const struct commit_more *more;  /* further layers, lowest first; borrowed */
	size_t n_more;
	const struct image_history *history;   /* appended; created and empty_layer are filled in; NULL: the caller did it */
	enum image_format format;        /* KEEP: OCI */
	struct opt_int timestamp;        /* Unix seconds: of image, history and files (none newer; see set_times) */
	int64_t created;                 /* Unix nanoseconds: of image and history without timestamp; 0: now */
	bool set_times;                  /* with timestamp: all files get exactly this time */
	bool keep_times;                 /* with timestamp: files stay as they are */
	const struct strv *names;        /* full references; may be NULL */
	const struct strmap *annotations;   /* of the manifest (OCI); may be NULL */
	const struct image_progress *progress;   /* may be NULL */
};
#define COMMIT_INIT { .layer = COMMIT_LAYER_INIT }

/* The parsed configuration of an image (full id), as the start for a commit on top of it. */
int commit_config(struct engine *e, const char *image_id, struct image_config *ret, struct error *err);
/* The configuration of an image from nothing: this machine's platform unless `platform` says otherwise; may be NULL. */
int commit_config_new(const struct platform *platform, struct image_config *ret, struct error *err);
/* --config: a JSON file with members of the run configuration that replace the image's. */
int commit_merge_config(const char *path, struct image_config *to, struct error *err);
/* Makes layer and image. ret_id: 64 hex digits. No event is written. */
int commit_image(struct engine *e, const struct commit *c, char ret_id[65], struct error *err);

/* SOURCE_DATE_EPOCH: the time (Unix seconds) that what is made now shall tell, for identical bytes of identical content
 * (reproducible-builds.org/specs); not set: none. A variable that is no time is an error. */
int commit_epoch(struct opt_int *ret, struct error *err);
/* That, or now: Unix nanoseconds. */
int commit_time(int64_t *ret, struct error *err);

/* ---- of a container ---- */
/* The container's upper directory as a layer: *ret borrows from *hold, which the caller ends. An unstarted container
 * gives an empty layer. take: as above, the container must have ended and is not started again. */
struct commit_hold {
	int parent, dir;
	struct idmap_pair *maps;
	struct rootfs_changes *changes;
	struct strv skip;
};
#define COMMIT_HOLD_INIT { .parent = -1, .dir = -1 }
int commit_container_layer(struct ctr *c, bool take, struct commit_hold *hold, struct commit_layer *ret, struct error *err);
void commit_hold_done(struct commit_hold *h);
#define auto_commit_hold CLEANUP(commit_hold_done) struct commit_hold

struct ctr_commit {
	const char *author, *message, *name;   /* name: NULL or as the user typed it */
	struct strv changes;                   /* Containerfile instructions; borrowed */
	const char *config_file;               /* JSON to merge into the run configuration; NULL */
	enum image_format format;
	bool pause, squash, include_volumes;
	struct opt_int timestamp;
	struct image_progress progress;
};
/* `commit`: the container's state as an image. ret_id: 64 hex digits. */
int ctr_commit(struct ctr *c, const struct ctr_commit *o, char ret_id[65], struct error *err);
