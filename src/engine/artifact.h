/* SPDX-License-Identifier: Apache-2.0
 * engine/artifact.h - OCI artifacts: files kept and sent like images, never run.
 *
 * Owns <root>/artifacts, an OCI layout of its own: each entry of its index.json has the artifact's full name as
 * "org.opencontainers.image.ref.name". Changes happen under the lock artifacts/store; a blob is durable before an index
 * names it, and goes when none does. Copying from and to registries is engine/image-copy.h's. Allocates. */
#pragma once
#include "engine/image.h"
#include "image/oci-image.h"

struct artifact {
	char *name, *digest;             /* full name with tag; digest of the manifest */
	struct json_object *manifest;    /* the document */
	int64_t size;                    /* bytes of all its files */
};
void artifact_done(struct artifact *a);
#define auto_artifact CLEANUP(artifact_done) struct artifact
void artifacts_done(struct list *l);
#define auto_artifacts CLEANUP(artifacts_done) struct list
#define ARTIFACT(l, i) (&((struct artifact *)(l)->v)[i])

/* Appends struct artifact, sorted by name. */
int artifact_list(struct engine *e, struct list *ret, struct error *err);
/* Files only: may be called after fork(). A name, or (the beginning of) a digest's hex. ERROR_NOT_FOUND "NAME: artifact does not exist". */
int artifact_find(struct engine *e, const char *what, struct artifact *ret, struct error *err);

struct artifact_add {
	bool append, replace;
	char *type, *file_type;
	struct strmap annotations;       /* of the files */
};
int artifact_add(struct engine *e, const char *name, const struct strv *files, const struct artifact_add *o,
		 char ret_digest[DIGEST_TEXT_MAX], struct error *err);
/* names: empty with all. ignore: what is not there is no error. Appends the digests that went. */
int artifact_remove(struct engine *e, const struct strv *names, bool all, bool ignore, struct strv *ret, struct error *err);

struct artifact_choice {
	const char *digest, *title;      /* one file only; NULL: all */
};
/* Files of an artifact to a directory, a file, or ("-") as a tar stream to fd. */
int artifact_extract(struct engine *e, const char *what, const char *target, int fd, const struct artifact_choice *c,
		     struct error *err);

/* A chosen file and where it lies. */
struct artifact_file {
	char *path, *name;
};
void artifact_files_done(struct list *l);
#define auto_artifact_files CLEANUP(artifact_files_done) struct list
/* Appends struct artifact_file: absolute paths, for mounts. */
int artifact_files(struct engine *e, const struct artifact *a, const struct artifact_choice *c, struct list *ret,
		   struct error *err);

int artifact_pull(struct engine *e, const char *name, const struct image_pull *o, char ret_digest[DIGEST_TEXT_MAX],
		  struct error *err);
int artifact_push(struct engine *e, const char *what, const char *destination, const struct image_push *o,
		  char ret_digest[DIGEST_TEXT_MAX], struct error *err);
