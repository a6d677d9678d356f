/* SPDX-License-Identifier: Apache-2.0
 * engine/tree-pack.h - a directory tree as a tar stream and, in the same pass, as a copy in another directory.
 *
 * The stream is a function of what is packed: names sorted, whole seconds, numeric owners, hard links to the first name
 * met; so a layer's tree gives the same bytes (and the same diff-id) every time it is packed. Sockets are left out.
 * The tree may be a stranger's and may be changing: every component is opened with O_NOFOLLOW below its parent's
 * descriptor, devices and FIFOs are never opened, a file that shrinks is filled up with zeros and one that grows is cut.
 * Used by commit (overlay upper directories), export, cp, volume export and images whose blobs are not kept.
 * Owns nothing. Allocates. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"
#include "base/str.h"

struct idmap_pair;
struct rootfs_changes;

enum pack_times {
	PACK_TIMES_KEEP,
	PACK_TIMES_CLAMP,   /* none later than time_ns (SOURCE_DATE_EPOCH) */
	PACK_TIMES_SET,     /* all of them time_ns */
};

struct tree_pack {
	int from;                        /* the directory, readable */
	int out;                         /* where the stream goes: a pipe or a file; -1: nowhere */
	struct sha256 *hash;             /* gets every byte of the stream; NULL: nobody does */
	int to;                          /* empty directory that becomes a copy; -1: none. Reflinks where it can */
	bool in_place;                   /* `from` itself becomes what a copy would be (overlay's notes removed, times set) */
	bool overlay;                    /* whiteouts and opaque marks: ".wh." entries in the stream, marks in the copy */
	const struct rootfs_changes *only;   /* a complete tree of which only these changes are packed, deletions as whiteouts;
	                                  * NULL: all */
	bool root_entry;                 /* "./" first, also when it says nothing */
	bool one_fs;                     /* what is mounted inside stays an empty directory */
	const struct idmap_pair *maps;   /* owners as seen from inside these; NULL: as they are */
	bool maps_part;                  /* owners the maps do not know stay as they are (image files of a container at rest) */
	enum pack_times times;
	int64_t time_ns;
	bool set_owner;                  /* all owners are uid, gid */
	uint32_t uid, gid;
	const char *prefix;              /* put before every name ("dir/"); NULL: nothing */
	const struct strv *skip;         /* clean absolute paths left out when they are empty files or directories; may be NULL */
	int64_t ret_bytes;               /* of the stream, with the end blocks */
	int64_t ret_entries;
};
#define TREE_PACK_INIT { .from = -1, .out = -1, .to = -1 }

/* Packs it all, with the two zero blocks at the end. EPIPE when nobody reads `out`. */
int tree_pack(struct tree_pack *p, struct error *err);
/* One object that is no directory, named `name` below `from`, as entry `as`. Ends the stream as well. */
int tree_pack_one(struct tree_pack *p, const char *name, const char *as, struct error *err);
