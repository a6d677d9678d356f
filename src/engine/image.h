/* SPDX-License-Identifier: Apache-2.0
 * engine/image.h - images come in and go out: pull, load, import, save, push.
 *
 * Owns the way from a name or a file to a committed image: registries.conf, credentials, policy.json, the worker
 * processes (image/source.h), the store's stage. Does not own: finding, listing (engine/image-list.h) and removing
 * (engine/image-remove.h) what is there; bytes from outside (all parsed in the worker). "Done" means durable: the id is
 * returned after the store's index transaction. Not after fork(). Rootless: inside the user namespace.
 *
 * Progress lines are Podman's ("Copying blob sha256:..."); the caller decides where they go. */
#pragma once
#include "base/field.h"
#include "base/str.h"
#include "engine/engine.h"

/* Where progress lines go; line == NULL: nowhere (--quiet). */
struct image_progress {
	void (*line)(void *data, const char *text);   /* without newline */
	/* A blob of `total` bytes (-1: unknown) is `bytes` far; may be NULL. bytes == total: it is there. */
	void (*moved)(void *data, const char *digest, int64_t bytes, int64_t total);
	void *data;
};
void image_progress_moved(const struct image_progress *p, const char *digest, int64_t bytes, int64_t total);

enum pull_policy { PULL_ALWAYS, PULL_MISSING, PULL_NEVER, PULL_NEWER, PULL_POLICY_MAX };
extern const char *const pull_policy_names[];   /* "always", "missing", "never", "newer", NULL */
/* Also "true"/"false" and "ifnotpresent", as Podman takes them. */
int pull_policy_parse(const char *s, enum pull_policy *ret, struct error *err);

/* What talks to registries is told. Members are owned by the struct. */
struct image_remote {
	char *authfile, *cert_dir, *creds, *signature_policy;
	struct opt_bool tls_verify;
	struct opt_uint retry;      /* attempts; unset: containers.conf */
	char *retry_delay;          /* Go duration */
	char *registries_d;         /* --registries.d: instead of the usual places */
	char *username, *password, *registry_token;   /* --username, --password, --registry-token of Skopeo */
	char *user_agent_prefix;
	bool no_creds;              /* ask anonymously */
	bool insecure_policy;       /* policy.json is not asked */
};
extern const struct field image_remote_rows[];   /* --authfile --cert-dir --creds --tls-verify ... */
extern const struct field image_pull_retry_rows[], image_push_retry_rows[];   /* --retry --retry-delay */
void image_remote_done(struct image_remote *r);
/* --authfile must be a file that can be read: Podman's words when it is not. */
int image_remote_check_authfile(const struct image_remote *r, struct error *err);

struct image_pull {
	struct image_remote remote;
	int policy;                 /* enum pull_policy */
	char *os, *arch, *variant, *platform;
	bool all_tags;
	struct strv decryption_keys;
	const char *as;             /* full name the image gets instead of its own; NULL */
	struct image_progress progress;
};
/* Pulls what `name` says (a reference, a short name, or any transport: "oci-archive:x.tar", "dir:/x", ...) and appends
 * the ids (64 hex digits) of the images: several with all_tags. A policy that finds the image here contacts nobody. */
int image_pull(struct engine *e, const char *name, const struct image_pull *o, struct strv *ret_ids, struct error *err);
/* The event of an image that was asked for under that name and is here. */
void image_pull_event(const struct engine *e, const char *id, const char *name);

struct image_load {
	const char *path;           /* file or directory; NULL: read `fd` (a pipe or a file) */
	int fd;
	char *signature_policy;
	struct image_progress progress;
};
/* Appends what was loaded: full names, or "sha256:ID" for an image without one. */
int image_load_archive(struct engine *e, const struct image_load *o, struct strv *ret_names, struct error *err);

struct image_import {
	const char *path;           /* file, URL; "-" or NULL: read `fd` */
	int fd;
	const char *reference;      /* name for the image; NULL: none */
	struct strv changes;        /* Containerfile instructions */
	char *message, *os, *arch, *variant, *signature_policy;
	struct image_progress progress;
};
int image_import(struct engine *e, const struct image_import *o, char ret_id[65], struct error *err);

enum image_format { IMAGE_FORMAT_KEEP, IMAGE_FORMAT_OCI, IMAGE_FORMAT_V2S2, IMAGE_FORMAT_MAX };
/* "", "oci", "v2s2" (also "docker"); "v2s1" and unknown ones are refused by name. */
int image_format_parse(const char *s, enum image_format *ret, struct error *err);

struct image_signing;
struct image_push {
	struct image_remote remote;
	enum image_format format;
	const char *compression;    /* "gzip", "zstd"; NULL: as stored, bare tars with gzip */
	struct opt_int compression_level;
	bool force_compression;     /* also layers that have the format already */
	struct strv encryption_keys, encrypt_layers;   /* engine/image-crypt.h; borrowed */
	const struct image_signing *signing;   /* engine/image-sign.h; NULL: none */
	bool compress;              /* dir: layers shall be compressed */
	bool accept_uncompressed;   /* oci: layers may stay bare tars */
	struct image_progress progress;
};
/* Pushes an image to `destination` (a reference, docker://, oci:, oci-archive:, docker-archive:, dir:; NULL: the name it
 * was found by). ret_digest: of the manifest at the destination, DIGEST_TEXT_MAX bytes. */
int image_push(struct engine *e, const char *what, const char *destination, const struct image_push *o, char *ret_digest,
	       struct error *err);

enum archive_kind { SAVE_DOCKER_ARCHIVE, SAVE_OCI_ARCHIVE, SAVE_OCI_DIR, SAVE_DOCKER_DIR, SAVE_MAX };
/* "docker-archive", "oci-archive", "oci-dir", "docker-dir" */
int archive_kind_parse(const char *s, enum archive_kind *ret, struct error *err);

struct image_save {
	enum archive_kind kind;
	const char *path;           /* file or directory to make; NULL: write to fd (archives) */
	int fd;
	enum image_format format;   /* of directories and OCI: KEEP */
	bool compress, uncompressed;   /* dir: layers shall be compressed; OCI: shall not be */
	struct strv extra_names;    /* further RepoTags for a single image (docker-archive); borrowed */
	struct image_progress progress;
};
/* Writes images (names or ids) into one archive. More than one: docker-archive only, as Podman. */
int image_save(struct engine *e, const struct strv *what, const struct image_save *o, struct error *err);
