/* SPDX-License-Identifier: Apache-2.0
 * os/path-walk.h - internal to os/path: the component-by-component walker. Allocates nothing. */
#pragma once
#include "os/path.h"

enum path_walk_make { PATH_WALK_MAKE_NOTHING, PATH_WALK_MAKE_DIR, PATH_WALK_MAKE_FILE };

struct path_walk {
	struct path_open how;
	bool beneath;                /* no links, no "..", not absolute */
	enum path_walk_make make;    /* create missing directories, and a last component of this kind */
	mode_t dir_mode;
	int *ret_made;               /* may be NULL: set to 1 when the last component was created */
};

/* The descriptor, or -errno. */
int path_walk(int root, const char *path, struct path_walk w);
