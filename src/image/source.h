/* SPDX-License-Identifier: Apache-2.0
 * image/source.h - where images come from: a registry, an archive, a directory, a bare tar; driven through workers.
 *
 * A source answers two questions: "what is this image" (manifest and config, checked in the worker) and "unpack these
 * layers" (all at once, in as many processes as pay). It knows nothing of the store: the caller opens the directory and
 * the file each layer goes into, and commits them when source_run() says that every digest and size was right. Until
 * then nothing that was written counts.
 * Life cycle: source_new, one source_open_*, source_get_image, source_run; again for the next image; source_free (ends
 * the workers). One thread. Allocates: not between clone() and exec(). */
#pragma once
#include "image/worker.h"

struct source;

struct source_options {
	const char *worker;          /* path of umiak-worker */
	const struct log *log;       /* may be NULL */
	int stage_fd;                /* directory all trees and blob files lie below: unpackers are confined to it */
	bool userns;                 /* we run in a user namespace */
	bool ignore_chown;
	uint64_t parallel;           /* layers at once; 0: as many as pay */
	struct worker *fetcher;      /* WORKER_FETCH that was begun and not set up, taken over when source_new() succeeds; NULL */
};

int source_new(const struct source_options *o, struct source **ret, struct error *err);
/* No more requests: the workers may begin to leave; source_free() waits for them. NULL is fine. */
void source_dismiss(struct source *s);
void source_free(struct source *s);
DEFINE_CLEANUP(struct source, source_free);
#define auto_source CLEANUP(source_free_p) struct source

/* A repository; may be called again with another endpoint (mirrors). read_paths: see op_setup; used the first time. */
int source_open_registry(struct source *s, const struct op_endpoint *endpoint, const struct strv *read_paths,
			 struct error *err);
/* An archive file or pipe (fd; seekable tells) with an empty scratch file. what: its name in messages. */
int source_open_archive(struct source *s, int fd, bool seekable, int spool, const char *what, struct error *err);
/* An OCI layout or a "dir:" directory. */
int source_open_directory(struct source *s, int dirfd, const char *what, struct error *err);
/* What is inside (archives and directories); borrowed. */
const struct op_archive *source_archive(const struct source *s);

struct source_image {
	char *manifest, *manifest_digest;     /* NULL until source_finish() for docker archives */
	size_t manifest_len;
	enum media_type manifest_type;
	struct strv index_digests;            /* of the lists it was chosen from */
	char *config, *config_digest;
	size_t config_len;
	struct op_config info;
	struct list layers;                   /* struct op_descriptor: docker archives have no digest and size -1 */
	struct strv blob_names;               /* docker archives: names of the layers inside */
	struct op_descriptor index;           /* the list itself, when one was met first */
	char *index_bytes;
	size_t index_len;
	struct strmap annotations;            /* source_finish() writes them into an OCI manifest */
};
void source_image_done(struct source_image *i);
#define auto_source_image CLEANUP(source_image_done) struct source_image

/* which: tag or digest of a registry; index: position in source_archive()->images. */
int source_get_image(struct source *s, const char *which, size_t index, const struct platform *platform,
		     struct source_image *ret, struct error *err);

/* ---- bytes as they are, for copying ---- */
/* Where a blob's bytes are: a range of a file. */
struct blob_place {
	int fd;                     /* borrowed when it is the archive, else owned_fd */
	int owned_fd;
	int64_t offset, size;
};
/* A manifest or index. which: tag or digest of a registry, digest or NULL (the entry's own) elsewhere; a digest must fit.
 * Docker archives have none: ERROR_UNSUPPORTED. */
struct source_document {
	char *bytes;
	size_t len;
	char *media_type;                     /* as announced, or NULL */
	struct op_manifest parsed;            /* index: all entries are in layers */
};
void source_document_done(struct source_document *d);
#define auto_source_document CLEANUP(source_document_done) struct source_document
int source_get_document(struct source *s, const char *which, size_t index, const char *media_type,
			struct source_document *ret, struct error *err);
/* The same from bytes at hand (the store's, or made up): checked and parsed by the worker. digest NULL: any. */
int source_read_document(struct source *s, const void *bytes, size_t len, const char *digest, const char *media_type,
			 struct source_document *ret, struct error *err);
/* The entry of an index for a platform (members unset: this machine's); ret: fields_done() with the rows of op_manifest. */
int source_choose(struct source *s, const struct source_document *index, const struct platform *platform,
		  struct op_manifest *ret, struct error *err);
/* An image's config, checked and parsed by the worker. p: where it is; NULL: the registry's blob. */
int source_get_config(struct source *s, const struct op_descriptor *d, const struct blob_place *p, char **ret,
		      size_t *ret_len, struct error *err);
/* SHA-256 (or the digest's own algorithm) of a range must be `digest`. */
int source_verify(struct source *s, const struct blob_place *p, const char *digest, struct error *err);
/* name: digest, or a docker archive's name (archives and directories). */
int source_place(struct source *s, const char *name, struct blob_place *ret, struct error *err);
/* The worker that parses documents. Borrowed. */
struct worker *source_parser(const struct source *s);
/* The fetch worker and its endpoint (registries), for requests of the caller's own. Borrowed. */
struct worker *source_fetcher(const struct source *s, int64_t *ret_endpoint);
/* OCI layouts whose blobs lie elsewhere ("DIR/sha256/HEX"); borrowed descriptor of DIR. */
void source_share_blobs(struct source *s, int dirfd);

/* Work for one layer. Descriptors are the caller's. */
struct source_job {
	size_t layer;                 /* which of the image's */
	int tree_fd, blob_fd;         /* -1: not wanted */
	int64_t have;                 /* bytes of the blob already in blob_fd */
	struct op_unpacked result;    /* filled; source_job_done() */
	int64_t bytes;                /* progress */
	bool done;
};
void source_job_done(struct source_job *j);
struct source_progress {
	void (*moved)(void *data, const struct source_job *j);   /* NULL: not wanted */
	void *data;
};
/* Fills all trees and blobs; success means every digest and size fits. */
int source_run(struct source *s, const struct source_image *image, struct source_job *jobs, size_t n,
	       const struct source_progress *progress, struct error *err);
/* Enters what a finished job found out into image->layers (docker archives, import). */
int source_describe_layer(struct source_image *i, size_t layer, const struct op_unpacked *u, enum media_type type,
			  struct error *err);
/* Writes the manifest of the config and the layers as they are now described. */
int source_finish(struct source *s, struct source_image *image, enum media_type type, struct error *err);

/* Unpacks a bare tar (import): fd at offset 0, or a pipe. */
int source_run_tar(struct source *s, int fd, bool seekable, struct source_job *job, struct error *err);
/* The digest of bytes in memory, by the worker. ret: DIGEST_TEXT_MAX bytes. */
int source_digest(struct source *s, const void *bytes, size_t len, char ret[DIGEST_TEXT_MAX], struct error *err);
/* The digest of a stream: begin with the read end of a pipe (stays the caller's), write and close the other end, then
 * end. Nothing else is asked of the source in between. */
int source_digest_begin(struct source *s, int fd, struct error *err);
int source_digest_end(struct source *s, char ret[DIGEST_TEXT_MAX], int64_t *ret_bytes, struct error *err);
/* Names of all tags of the registry's repository, appended. */
int source_list_tags(struct source *s, struct strv *ret, struct error *err);
/* Downloads a URL into fd. */
int source_get_url(struct source *s, const char *url, int fd, const struct strv *read_paths, struct error *err);
