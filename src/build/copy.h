/* SPDX-License-Identifier: Apache-2.0
 * build/copy.h - COPY and ADD: files of a context, a stage or an image become a layer.
 *
 * copy_find() turns sources (names, globs) into items; copy_run() walks them, sorted, and does one or both of: hash what
 * counts (names, types, modes, owners, contents; never times) for the cache key, write the copies. Sources are hostile
 * trees: every name is one component below a descriptor, a link is copied as a link, only the named source itself is
 * followed, in root. The destination is resolved by build/place.h. Structs own their members. Safe after fork. Allocates. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/field.h"
#include "base/sha256.h"
#include "build/ignore.h"

struct copy_item {
	int root;                   /* directory the path lies in; borrowed */
	char *path;                 /* below it, clean, no links but in its last component; "" is the root itself */
	char *name;                 /* what it is called at the destination (may have slashes: --parents) */
	const char *text;           /* a file with these bytes instead (heredoc); borrowed */
	size_t text_len;
	const struct ignore *ignore;   /* of the context; borrowed, may be NULL */
	bool is_dir;
	bool contents;              /* a directory whose contents go into the destination */
	bool link;                  /* the link itself, not what it leads to */
	bool strip_setid;           /* set-user-ID and set-group-ID of files are not kept */
};
struct copy_items {
	struct list v;              /* struct copy_item */
};
void copy_items_done(struct copy_items *l);
#define auto_copy_items CLEANUP(copy_items_done) struct copy_items
#define COPY_ITEM(l, i) (&((struct copy_item *)(l)->v.v)[i])

struct copy_source {
	int root;                   /* O_PATH | O_DIRECTORY */
	const char *what;           /* for messages: the context's directory, the stage */
	const char *pattern;        /* as written, variables expanded */
	const struct ignore *ignore;
	const char *ignore_name;    /* of the ignore file, for messages */
	bool parents;
	bool no_follow;             /* a link that is named is copied as a link */
	bool strip_setid;
};
/* Appends what the pattern names, sorted. Nothing: ERROR_NOT_FOUND in Buildah's words. */
int copy_find(const struct copy_source *s, struct copy_items *to, struct error *err);

struct idmap_pair;
struct copy_owner {
	bool set;                   /* --chown; else `keep`, else 0:0 */
	bool keep;                  /* --from, archives: as the source has it */
	uid_t uid;
	gid_t gid;
};

struct copy_job {
	const struct copy_items *items;
	const char *destination;    /* absolute, variables expanded; a slash at the end makes it a directory */
	bool directory;             /* it must be one: several sources */
	bool parents;               /* items keep the directories above them; the destination is a directory */
	struct copy_owner owner;
	const char *chmod;          /* octal or symbolic ("u+x,go=rX"); NULL */
	const struct ignore *excludes;   /* --exclude; NULL */
	struct opt_int time;        /* Unix seconds everything gets; unset: as the source has it */
	const struct idmap_pair *maps;   /* owners that are kept become what these say; NULL. One without a place is an error */
	bool maps_back;             /* from outside to inside */
	int view, upper;            /* layers below (-1: none); where to write: -1 only hash */
	bool hash;
	/* results */
	char digest[SHA256_HEX_MAX];
	int64_t files, bytes;
};
int copy_run(struct copy_job *j, struct error *err);
/* Symbolic and octal modes as chmod(1) and COPY --chmod take them, applied to `mode`. */
int copy_mode_parse(const char *text, mode_t mode, bool is_dir, mode_t *ret, struct error *err);
