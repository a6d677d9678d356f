/* SPDX-License-Identifier: Apache-2.0
 * build/place.h - where a path of an image leads, and making that place in the directory a step's layer grows in.
 *
 * A step that only adds files needs no writable overlay: it looks at the layers below through a read-only `view` and
 * writes into its own `upper` directory, which becomes the layer. Paths are an image's or a user's: they are resolved in
 * root (os/path.h), and what is missing is made with plain names, so no link of a hostile image leads outside.
 * Allocates nothing that outlives a call. Safe after fork. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* The path without links, absolute and clean, whether its end exists or not. view -1: an empty root. Returns 1 when it
 * exists (*ret_type: S_IF...; may be NULL), 0 when something on the way is missing. ENOTDIR when a file is in the way. */
int place_resolve(int view, const char *path, char ret[PATH_MAX], mode_t *ret_type, struct error *err);

struct place_owner {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};
/* The directory `path` (from place_resolve()) in upper, made with all that leads there: what the view has gets the view's
 * owner, mode, attributes and time, what is new gets `owner`. Returns a directory descriptor (O_RDONLY). *ret_made (may
 * be NULL): whether the last component is new to the image. */
int place_mkdirs(int view, int upper, const char *path, struct place_owner owner, bool *ret_made, struct error *err);
/* Makes `path` in `tree` as an empty file or directory where the view has nothing: a target for a mount. 1: made, 0: it
 * is there. */
int place_target(int view, int tree, const char *path, bool directory, struct error *err);
/* Extended attributes that count (user.*, security.capability) from one descriptor to another. */
int place_copy_attributes(int from, int to, struct error *err);
/* Makes a directory in dir that hides what layers below have there when it takes the place of a whiteout. EEXIST is not an
 * error: *ret_made says whether it is new. Other kinds of objects of that name give way. Returns its descriptor. */
int place_mkdir(int dir, const char *name, bool *ret_made, struct error *err);
/* Names in a directory, sorted, without "." and "..". */
struct strv;
int place_list(int dir, struct strv *ret, struct error *err);
