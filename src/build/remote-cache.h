/* SPDX-License-Identifier: Apache-2.0
 * build/remote-cache.h - results of steps in repositories of registries: --cache-from, --cache-to.
 *
 * A result is a small image tagged with the step's cache key: the step's layer (or none), and in the manifest's annotations
 * what the local cache keeps beside it (store/build-cache.h). Keys are made of what was read, so whoever finds one gets
 * what the step would make. Repositories that cannot be asked are named once and left out: a cache is no reason to fail.
 * Writing is: who asks for --cache-to wants it there. Owned by the build; not after fork(). Allocates. */
#pragma once
#include "base/field.h"
#include "engine/image-fetch.h"
#include "store/build-cache.h"

struct build;

struct remote_cache {
	struct list from;            /* struct remote_repository */
	struct strv to;              /* full names */
	struct list pending;         /* struct build_cache_entry: done, not there yet */
	unsigned serial;             /* of layouts in the stage */
};
/* The repositories as the options name them; ERROR_INVALID for what has a tag or digest. Contacts nobody. */
int remote_cache_open(struct build *b, struct error *err);
void remote_cache_done(struct remote_cache *c);

/* 1: a repository has it, its layer is in the store and pinned; *ret_where: malloc'ed REPOSITORY:KEY. 0: none has. */
int remote_cache_find(struct build *b, const char *key, struct build_cache_entry *ret, char **ret_where, struct error *err);
/* Notes a result for --cache-to. */
int remote_cache_note(struct build *b, const struct build_cache_entry *e, struct error *err);
/* Uploads what was noted; its layers have been committed. told: each line of what happens. */
int remote_cache_push(struct build *b, void (*told)(struct build *b, const char *line), struct error *err);
