/* SPDX-License-Identifier: Apache-2.0
 * store/check.h - system check, repair, reset, df.
 * Check compares files with the index (invariants I1-I5 and I8 of the durability notes); repair rebuilds the index from
 * the files, takes damaged content out of the way (so that the next pull brings it again) and removes garbage.
 * Digests are only verified with `verify` given, a function that hashes a descriptor (the worker does it); without it
 * sizes, counts and structure are compared. Not after fork(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "store/store.h"

enum check_object { CHECK_BLOB, CHECK_LAYER, CHECK_IMAGE, CHECK_CONTAINER, CHECK_INDEX, CHECK_GARBAGE, CHECK_OBJECT_MAX };

struct check_problem {
	enum check_object object;
	char *name;          /* digest, diff-id, id or path */
	char *text;          /* what is wrong, one line */
	bool fixable;        /* repair can make it right (removing or pulling again) */
	bool fixed;
};
struct check_report {
	struct check_problem *v;
	size_t n;
	int64_t blobs, layers, images, containers;   /* looked at */
};
void check_report_done(struct check_report *r);
#define auto_check_report CLEANUP(check_report_done) struct check_report

struct check_options {
	bool full;            /* every layer's entries and every blob's digest instead of sizes and a sample */
	bool repair;          /* put right what can be */
	bool force;           /* repair may remove images and containers whose content is lost */
	bool rebuild_index;   /* make index.db anew from the files (the old one is kept as index.db.old) */
	/* Hashes fd from its start: "sha256:HEX" into ret_digest[72]. NULL: digests are not verified. */
	int (*verify)(void *arg, int fd, char ret_digest[72], struct error *err);
	/* Makes the tar of a layer that is kept without a blob anew from its recipe and its tree, and hashes it likewise. NULL:
	 * such layers are counted only. */
	int (*play)(void *arg, int recipe, int tree, char ret_digest[72], struct error *err);
	void *verify_arg;
	int64_t max_age_ns;   /* garbage without a dead owner's mark is left alone when younger; 0: default 24 h */
};
/* 0 with the findings in *ret, also when there are some; < 0 when it could not look. */
int store_check(struct store *s, const struct check_options *o, struct check_report *ret, struct error *err);

/* Removes the whole store: containers' mounts undone first; the caller has stopped the containers. Root and runroot
 * are left as empty directories. The store must be closed by the caller afterwards and not used otherwise. */
int store_reset(struct store *s, struct error *err);

struct store_usage {
	int64_t images, images_active, images_bytes, images_reclaimable;
	int64_t containers, containers_active, containers_bytes, containers_reclaimable;
	int64_t volumes, volumes_active, volumes_bytes, volumes_reclaimable;
};
int store_usage(struct store *s, struct store_usage *ret, struct error *err);
/* Bytes below a directory as du counts them (hard links once). ret_entries may be NULL. */
int store_tree_usage(int dirfd, const char *path, int64_t *ret_bytes, int64_t *ret_entries, struct error *err);
