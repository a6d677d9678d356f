/* SPDX-License-Identifier: Apache-2.0
 * engine/artifact-internal.h - the layout the parts of artifacts share; nobody else includes it. */
#pragma once
#include "engine/artifact.h"
#include "os/lock.h"

#define REF_NAME "org.opencontainers.image.ref.name"

struct layout {
	struct engine *engine;
	char *path;                      /* <root>/artifacts */
	int fd;
	struct json_object *index;       /* index.json */
	struct lock lock;
};
#define LAYOUT_INIT { .fd = -1, .lock = LOCK_INIT }
void layout_done(struct layout *l);
#define auto_layout CLEANUP(layout_done) struct layout
/* change: made when missing, and locked. Reading a layout that is not there gives an empty one. */
int layout_open(struct engine *e, bool change, struct layout *ret, struct error *err);
/* index.json durably, then blobs nobody names any more go. */
int layout_save(struct layout *l, struct error *err);
struct json_object *layout_entries(const struct layout *l);
/* The entry of that full name: its position, or -1. */
int layout_find(const struct layout *l, const char *name);
/* Replaces or adds the entry of that name. */
int layout_enter(struct layout *l, const char *name, const struct oci_descriptor *manifest, struct error *err);
int layout_load(const struct layout *l, size_t at, struct artifact *ret, struct error *err);
/* Durable blobs. */
int layout_add_file(struct layout *l, const char *path, struct oci_descriptor *ret, struct error *err);
int layout_add_bytes(struct layout *l, const void *bytes, size_t len, const char *type, struct oci_descriptor *ret,
		     struct error *err);
/* "host/path:tag" of what a user typed. */
int artifact_full_name(const char *typed, char **ret, struct error *err);
