/* SPDX-License-Identifier: Apache-2.0
 * engine/copy-place.h - one end of a `cp`: a path of the host or of a container, resolved to descriptors.
 * Shared by container-copy.c and copy-place.c; nobody else includes it. */
#pragma once
#include <limits.h>

#include "engine/container.h"
#include "os/idmap.h"

/* A mount point that was made for a container at rest, to be taken away again. */
struct made_target {
	int parent, mount;
	char name[NAME_MAX + 1];
};
struct place {
	struct ctr *c;            /* NULL: the host */
	char *given;              /* the container as the user called it */
	char *path;               /* as the user wrote it */
	int root;                 /* of the container, or "/" */
	struct idmap_pair *maps;  /* of its user namespace; NULL: none */
	int dir;                  /* the directory that holds it ... */
	char name[NAME_MAX + 1];  /* ... under this name; "." for the root */
	char *dir_path;           /* absolute path of `dir` inside the root, for messages */
	struct made_target *made;
	size_t n_made;
	bool is_root, is_dir, exists;
	bool contents;            /* a source that ends in "/.": what is inside, not the directory itself */
};
#define PLACE_INIT { .root = -1, .dir = -1 }
void place_done(struct place *p);

/* "CONTAINER:PATH" or a path. A container that is not there: ERROR_NOT_FOUND. */
int place_parse(struct engine *e, const char *text, struct place *ret, struct error *err);
/* Opens the roots of both: after this the mount namespace may be another. */
int place_enter(struct engine *e, struct place *from, struct place *to, struct error *err);
/* Follows links to the end. `"X" could not be found on container C: no such file or directory`. */
int place_find_source(struct place *p, struct error *err);
/* The same, but the last component need not exist when its directory does. */
int place_find_target(struct place *p, struct error *err);
/* The place itself, a directory, readable. */
int place_open_dir(const struct place *p, struct error *err);
