/* SPDX-License-Identifier: Apache-2.0
 * engine/image-list.h - finding images by what users type, listing them with Podman's filters.
 * Does not own: bringing images in or out (engine/image.h), removing (engine/image-remove.h). Structs own their
 * strings. Allocates. */
#pragma once
#include "base/field.h"
#include "base/value.h"
#include "engine/engine.h"
#include "store/image.h"

/* The image a user means: full name, id or prefix, repository@digest, short name (registries.conf is read only when
 * nothing else matched). want: enum store_image_want. ret_name (may be NULL): the full name it matched, malloc'ed, or
 * NULL for an id. ERROR_NOT_FOUND "WHAT: image not known". */
int image_find(struct engine *e, const char *what, unsigned want, struct store_image *ret, char **ret_name,
	       struct error *err);
/* A manifest list of that name gives its image for this machine, when that is here (ERROR_NOT_FOUND otherwise), unless
 * the list itself is meant: beside enum store_image_want. */
#define IMAGE_LIST_ITSELF (1u << 16)
/* 1 known, 0 not. */
int image_exists(struct engine *e, const char *what, struct error *err);

/* One image as lists show it (Podman's ImageSummary). */
struct image_summary {
	char *id, *parent_id, *digest, *arch, *os;
	struct strv names, repo_tags, repo_digests, history;
	struct strmap labels;
	int64_t created;         /* Unix seconds */
	int64_t size, shared_size, virtual_size, containers;
	bool read_only, dangling;
	struct opt_bool is_manifest_list;
};
extern const struct field image_summary_rows[];

struct image_summaries {
	struct image_summary *v;
	size_t n;
};
void image_summaries_done(struct image_summaries *l);
#define auto_image_summaries CLEANUP(image_summaries_done) struct image_summaries

struct image_list_options {
	bool all;                      /* intermediate images too */
	const struct strv *filters;    /* "key=value", "key!=value"; may be NULL */
};
/* Newest first. ERROR_INVALID: an unknown filter. */
int image_list(struct engine *e, const struct image_list_options *o, struct image_summaries *ret, struct error *err);
/* The ids (64 hex digits) of the images that pass the filters, newest first. */
int image_list_ids(struct engine *e, const struct image_list_options *o, struct strv *ret, struct error *err);

/* Appends "REPOSITORY@DIGEST" for every name and digest, sorted, each once. */
int image_repo_digests(const struct store_image *image, struct strv *ret, struct error *err);
/* Appends the names that have a tag. */
int image_repo_tags(const struct store_image *image, struct strv *ret, struct error *err);
/* Length of the repository part of a full name: up to the tag or digest. */
size_t image_repository_len(const char *name);
/* All names it has or had: present ones, then past ones, latest first. */
int image_names_history(const struct store_image *image, struct strv *ret, struct error *err);
