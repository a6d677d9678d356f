/* SPDX-License-Identifier: Apache-2.0
 * image/repository.h - one repository of a registry, for documents in memory: manifests, small blobs, referrers, tags.
 *
 * Owns a fetch worker (which talks); it ends with repository_free(). Nothing received is believed before its digest was computed. Who may be asked and with which
 * credentials is decided by whoever fills the op_endpoint: engine/image-remote.h, repository_open_reference().
 * Bulk (layers) goes through image/source.h and engine/image-copy.h instead: many blobs at once, no memory.
 * One thread. Allocates: not between clone() and exec(). */
#pragma once
#include "image/worker.h"

struct repository;

struct repository_options {
	const char *worker;          /* path of umiak-worker */
	const struct log *log;       /* may be NULL */
	struct worker *fetcher;      /* WORKER_FETCH that was begun and not set up, taken over in any case; NULL: a new one */
};

/* Comes back while the worker still starts: an endpoint it does not like is the failure of the first call. */
int repository_open(const struct repository_options *o, const struct op_endpoint *endpoint, struct repository **ret,
		  struct error *err);
/* No more requests: the worker may begin to leave; repository_free() waits for it. NULL is fine. */
void repository_dismiss(struct repository *r);
void repository_free(struct repository *r);
DEFINE_CLEANUP(struct repository, repository_free);
#define auto_repository CLEANUP(repository_free_p) struct repository
/* Another repository or host by the same worker (connections are shared); registry functions then mean that one. */
int repository_switch(struct repository *r, const struct op_endpoint *endpoint, struct error *err);
/* Parts for callers that send requests of their own (bulk): the fetch worker and the endpoint's number. Borrowed. */
struct worker *repository_worker(const struct repository *r);
int64_t repository_endpoint(const struct repository *r);

/* First contact and authentication only (GET /v2/): ERROR_DENIED when the credentials are wrong. */
int repository_ping(struct repository *r, struct error *err);

struct repository_document {
	char *bytes;                 /* NUL behind them */
	size_t len;
	char *media_type;            /* Content-Type as sent; NULL */
	char digest[DIGEST_TEXT_MAX];   /* computed */
};
void repository_document_done(struct repository_document *d);
#define auto_repository_document CLEANUP(repository_document_done) struct repository_document

/* Manifest or index by tag or digest (then it must fit). 1; 0: the registry has none of that name. */
int repository_get_manifest(struct repository *r, const char *reference, struct repository_document *ret, struct error *err);
/* reference: tag or digest. ret_digest (may be NULL): DIGEST_TEXT_MAX bytes, what the bytes' digest is. */
int repository_put_manifest(struct repository *r, const char *reference, const char *media_type, const void *bytes, size_t len,
			  char *ret_digest, struct error *err);
/* 1: gone; 0: it was not there. Most registries take digests only. */
int repository_delete_manifest(struct repository *r, const char *reference, struct error *err);

/* A small blob into memory, digest checked; more than max bytes are an error. */
int repository_get_blob(struct repository *r, const char *digest, size_t max, struct repository_document *ret, struct error *err);
int repository_has_blob(struct repository *r, const char *digest, struct error *err);   /* 1/0 */
/* Uploads unless it is there. The first computes the digest into ret_digest (DIGEST_TEXT_MAX bytes, may be NULL). */
int repository_put_blob(struct repository *r, const void *bytes, size_t len, char *ret_digest, struct error *err);
/* A file (whole, from its start) whose digest is known. mount_from: another repository there that has it, or NULL. */
int repository_put_blob_file(struct repository *r, const char *digest, int fd, const char *mount_from, struct error *err);

/* The index of manifests that refer to `digest` (OCI 1.1), by the referrers API or else the tag schema; 1, or 0: none.
 * artifact_type: only such (filtered by the registry at best: look again), or NULL. All pages in one index. */
int repository_referrers(struct repository *r, const char *digest, const char *artifact_type, struct repository_document *ret,
		       struct error *err);
/* After a manifest with a subject was put: adds it to the tag-schema index when the registry has no referrers API.
 * descriptor: {"mediaType", "digest", "size", "artifactType", "annotations"}; borrowed. */
struct json_object;
int repository_note_referrer(struct repository *r, const char *subject_digest, struct json_object *descriptor,
			   struct error *err);

/* Appends all tags. ERROR_NOT_FOUND: no such repository. */
/* The same of an endpoint that a fetch worker has (source_open_registry()). */
int repository_list_tags_of(struct worker *fetch, int64_t endpoint, struct strv *ret, struct error *err);
int repository_list_tags(struct repository *r, struct strv *ret, struct error *err);
/* Any JSON document of the API ("/v2/_catalog?n=100", "/v1/search?q=x"). 1/0; *ret_next (may be NULL): path of the next
 * page, malloc'ed, or NULL. Not hashed: ret->digest is "". */
int repository_get_path(struct repository *r, const char *path, struct repository_document *ret, char **ret_next,
		      struct error *err);
/* The digest of bytes in memory, DIGEST_TEXT_MAX bytes. */
int repository_digest(struct repository *r, const void *bytes, size_t len, char *ret, struct error *err);
