/* SPDX-License-Identifier: Apache-2.0
 * image/oci-image.h - descriptors, manifests, indexes and image configs: OCI image spec 1.1 and Docker schema 2.
 *
 * Parsers of hostile bytes (security-matrix E, G1, G2): strict JSON, duplicate keys refused, sizes, depths and counts
 * bounded, every digest checked, nothing taken from a document that could be both a manifest and an index. They are
 * pure: bytes in, struct out. The bytes themselves are what is stored and hashed; a struct is never written back in
 * their place. While an image is on its way they run in the worker (image/worker.h); from the store, where a config
 * has passed once, `umiak` calls image_config_parse() itself.
 * Structs own their members. Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"
#include "image/digest.h"

#define MANIFEST_BYTES_MAX ((size_t)4 << 20)
#define CONFIG_BYTES_MAX ((size_t)8 << 20)
#define IMAGE_LAYERS_MAX 500          /* the kernel's overlay takes 500 lower directories */
#define INDEX_MANIFESTS_MAX 4096
#define BLOB_BYTES_MAX (INT64_C(1) << 40)

/* ---- media types ---- */
enum media_type {
	MEDIA_UNKNOWN,
	MEDIA_OCI_INDEX, MEDIA_OCI_MANIFEST, MEDIA_OCI_CONFIG, MEDIA_OCI_EMPTY,
	MEDIA_DOCKER_LIST, MEDIA_DOCKER_MANIFEST, MEDIA_DOCKER_CONFIG,
	MEDIA_DOCKER_SCHEMA1, MEDIA_DOCKER_SCHEMA1_SIGNED,
	MEDIA_OCI_LAYER, MEDIA_OCI_LAYER_GZIP, MEDIA_OCI_LAYER_ZSTD,
	MEDIA_OCI_LAYER_FOREIGN, MEDIA_OCI_LAYER_FOREIGN_GZIP, MEDIA_OCI_LAYER_FOREIGN_ZSTD,
	MEDIA_OCI_LAYER_ENCRYPTED, MEDIA_OCI_LAYER_GZIP_ENCRYPTED, MEDIA_OCI_LAYER_ZSTD_ENCRYPTED,
	MEDIA_DOCKER_LAYER, MEDIA_DOCKER_LAYER_GZIP, MEDIA_DOCKER_LAYER_FOREIGN,
	MEDIA_DOCKER_LAYER_FOREIGN_GZIP, MEDIA_DOCKER_LAYER_ZSTD,
	MEDIA_MAX
};

enum media_kind { MEDIA_KIND_OTHER, MEDIA_KIND_INDEX, MEDIA_KIND_MANIFEST, MEDIA_KIND_CONFIG, MEDIA_KIND_LAYER,
	MEDIA_KIND_FOREIGN_LAYER, MEDIA_KIND_ENCRYPTED_LAYER, MEDIA_KIND_SCHEMA1 };

enum media_type media_type_parse(const char *s);       /* parameters ("; charset=utf-8") are ignored */
const char *media_type_name(enum media_type t);        /* "" for UNKNOWN */
enum media_kind media_type_kind(enum media_type t);
/* A layer's type (as text) the way a manifest of type `manifest` calls it: OCI's or Docker's word for the same. */
enum media_type media_type_for(enum media_type manifest, const char *layer);
bool media_type_is_docker(enum media_type t);          /* "application/vnd.docker..." */
/* What a registry is asked for, as one Accept value. */
extern const char media_accept_manifest[];

/* ---- platform ---- */
struct platform {
	char *os, *architecture, *variant, *os_version;
	struct strv os_features;
};
extern const struct field platform_rows[];

/* This machine in Go's words: linux/amd64, linux/arm64/v8... Static strings. */
const char *platform_host_os(void);
const char *platform_host_architecture(void);
const char *platform_host_variant(void);   /* "" where Go has none */
/* "OS[/ARCH[/VARIANT]]" (also "ARCH", "OS/ARCH") with aliases normalised: x86_64 -> amd64, aarch64 -> arm64, armhf ->
 * arm/v7. Missing parts are left NULL. */
int platform_parse(const char *s, struct platform *ret, struct error *err);
void platform_done(struct platform *p);

/* ---- descriptor ---- */
/* Annotations of an encrypted layer (ocicrypt): the key in JWE, the cipher's public options. */
#define MEDIA_ENC_PREFIX "org.opencontainers.image.enc."
#define MEDIA_ENC_JWE MEDIA_ENC_PREFIX "keys.jwe"
#define MEDIA_ENC_PUBOPTS MEDIA_ENC_PREFIX "pubopts"

/* Annotations of a zstd:chunked layer: "OFFSET:COMPRESSED:SIZE:1" and the digest of the compressed table. */
#define MEDIA_TOC_PLACE "io.github.containers.zstd-chunked.manifest-position"
#define MEDIA_TOC_DIGEST "io.github.containers.zstd-chunked.manifest-checksum"

/* The names containers/storage gave them before 2022. */
#define MEDIA_TOC_PLACE_OLD "io.containers.zstd-chunked.manifest-position"
#define MEDIA_TOC_DIGEST_OLD "io.containers.zstd-chunked.manifest-checksum"

/* All annotations that describe a blob's table and so belong to these bytes only. */
static const char *const media_toc_annotations[] = { MEDIA_TOC_PLACE, MEDIA_TOC_DIGEST, MEDIA_TOC_PLACE_OLD, MEDIA_TOC_DIGEST_OLD,
	"io.github.containers.zstd-chunked.tarsplit-position", "io.github.containers.zstd-chunked.tarsplit-checksum" };

struct oci_descriptor {
	char *media_type, *digest, *artifact_type, *data;
	int64_t size;
	struct strv urls;
	struct strmap annotations;
	struct platform *platform;   /* NULL: none */
};
extern const struct field oci_descriptor_rows[];
#define DESCRIPTOR(l, i) (&((struct oci_descriptor *)(l)->v)[i])   /* element of a struct list of descriptors */

/* ---- manifest and index ---- */
struct oci_manifest {
	enum media_type type;        /* what the document is: from mediaType, or from its shape where that is missing */
	int64_t schema_version;
	char *media_type, *artifact_type;
	struct oci_descriptor config;   /* manifests */
	struct list layers;             /* manifests: struct oci_descriptor */
	struct list manifests;          /* indexes: struct oci_descriptor */
	struct oci_descriptor *subject;
	struct strmap annotations;
};
extern const struct field oci_manifest_rows[];

void oci_manifest_done(struct oci_manifest *m);
#define auto_manifest CLEANUP(oci_manifest_done) struct oci_manifest
/* `type_hint`: Content-Type or the parent descriptor's media type; a document that says otherwise is refused.
 * Docker schema 1 is ERROR_UNSUPPORTED by name. All digests and sizes in the result are valid. */
int oci_manifest_parse(const void *bytes, size_t len, enum media_type type_hint, struct oci_manifest *ret,
		       struct error *err);
static inline bool oci_manifest_is_index(const struct oci_manifest *m)
{
	return m->type == MEDIA_OCI_INDEX || m->type == MEDIA_DOCKER_LIST;
}
/* Fails (ERROR_UNSUPPORTED, naming it) on foreign, encrypted and unknown layer types. */
int oci_manifest_check_layers(const struct oci_manifest *m, struct error *err);

/* The entry of an index for the wanted platform (unset members: this machine's), in Go's order of preference for
 * variants; attestation entries (unknown/unknown) are passed over. ERROR_NOT_FOUND "no image found in image index for
 * architecture ..., variant ..., OS ...". *ret is borrowed from the index. */
int oci_index_choose(const struct oci_manifest *index, const struct platform *want, const struct oci_descriptor **ret,
		     struct error *err);

/* ---- image config ---- */
struct health_config {          /* Docker's Healthcheck */
	struct strv test;       /* {"NONE"}, {"CMD", ...}, {"CMD-SHELL", "..."}; empty: inherit */
	int64_t interval, timeout, start_period, start_interval;   /* nanoseconds; 0: inherit */
	int64_t retries;
};
extern const struct field health_config_rows[];

struct image_run_config {       /* "config": what a container of this image starts with */
	char *user, *working_dir, *stop_signal, *hostname, *domainname, *mac_address;
	struct strv env, entrypoint, cmd, on_build, shell;
	struct strv exposed_ports, volumes;   /* JSON: objects with empty values */
	struct strmap labels;
	struct health_config *healthcheck;    /* NULL: none; survives in OCI images too */
	struct opt_int stop_timeout;
	bool args_escaped, tty, open_stdin, stdin_once, network_disabled;
};
extern const struct field image_run_config_rows[];

struct image_history {
	char *created, *created_by, *author, *comment;
	bool empty_layer;
};

struct image_config {
	char *created, *author, *comment, *docker_version;
	struct platform platform;      /* os, architecture, variant, os.version: members of the document itself */
	struct image_run_config config;
	char *rootfs_type;
	struct strv diff_ids;          /* valid digests, bottom layer first */
	struct list history;           /* struct image_history */
};
extern const struct field image_config_rows[];

void image_config_done(struct image_config *c);
/* Empties the history (an image squashed into one layer). */
void image_config_forget_history(struct image_config *c);
#define auto_image_config CLEANUP(image_config_done) struct image_config
/* Refuses bad digests, more than IMAGE_LAYERS_MAX layers and values a container could not be made from. Environment
 * entries that are not NAME=VALUE are dropped (security-matrix E1). history need not match diff_ids. */
int image_config_parse(const void *bytes, size_t len, struct image_config *ret, struct error *err);
/* A new document with exactly the struct's content, members in a fixed order (import, commit, build). */
int image_config_format(const struct image_config *c, struct buf *to, struct error *err);
