/* SPDX-License-Identifier: Apache-2.0
 * engine/tree-merge.h - copies files into a directory that may hold something already, as `cp` does.
 *
 * Both sides may be strangers' and may be changing. Every name is one component below a descriptor that was opened with
 * O_NOFOLLOW: no link is followed on either side, so nothing outside of the two directories is touched whatever is moved
 * or exchanged meanwhile (security-matrix H). Existing directories are filled, everything else of that name is replaced.
 * Owns nothing. Allocates. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct idmap_pair;

struct tree_merge {
	bool overwrite;                      /* a directory may replace something else and the other way round */
	bool set_owner;                      /* all owners are uid:gid, as stored at the destination */
	uint32_t uid, gid;
	const struct idmap_pair *from_maps;  /* owners of the source as seen inside; NULL: as they are */
	const struct idmap_pair *to_maps;    /* and back to what is stored at the destination; NULL: as they are */
	bool no_devices;                     /* devices are left out */
	bool skip_unreadable;                /* what may not be read is left out */
	bool no_link;                        /* tree_merge_object(): links were followed to find the object, so a link in its
	                                      * place was put there meanwhile and is refused */
	const struct strv *skip_top;         /* names left out of the top directory; may be NULL */
	const char *where;                   /* the destination's name in messages, without the slash at its end */
};

/* The object `name` of `from` becomes `as` in the directory `to`. "file exists" (ERROR_EXISTS) for a directory against
 * something else without `overwrite`. */
int tree_merge_object(const struct tree_merge *m, int from, const char *name, int to, const char *as, struct error *err);
/* What directory `from` holds goes into directory `to`, whose own owner, mode and times stay. */
int tree_merge_contents(const struct tree_merge *m, int from, int to, struct error *err);
