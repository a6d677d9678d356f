/* SPDX-License-Identifier: Apache-2.0
 * engine/tree-pack-internal.h - what the stream's half and the copy's half of packing share; nobody else includes it. */
#pragma once
#include <sys/stat.h>

#include "engine/tree-pack.h"
#include "image/tar.h"

struct pack_link {
	dev_t dev;
	ino_t ino;
	char *name;                /* in the stream */
};

struct pack {
	struct tree_pack *how;
	size_t prefix_len;
	struct pack_link *links;   /* open addressing; name NULL: free */
	size_t n_links, links_cap;
	char *piece;               /* of a file, on its way through the hash */
};

struct pack_level {
	int from, to;              /* to: -1 without a copy */
	const char *path;          /* of this directory in the stream: "" or "a/b/" */
	dev_t dev;
};

struct entry {
	char *name, *link;
	struct stat st;
	struct timespec mtime;     /* for the copy */
	struct tar_entry tar;
	int fd;                    /* of files and directories */
};
void pack_entry_done(struct entry *e);

/* tree-pack.c */
int pack_describe(struct pack *p, int dir, const char *name, struct entry *e, struct error *err);
int pack_level(struct pack *p, const struct pack_level *l, struct error *err);

/* tree-pack-copy.c: nothing is done where there is no copy and nothing is to be put right in place */
int pack_copy_object(struct pack *p, const struct pack_level *l, const char *name, struct entry *e, struct error *err);
int pack_copy_link(struct pack *p, const struct pack_level *l, const char *name, struct entry *e, struct error *err);
int pack_copy_whiteout(struct pack *p, const struct pack_level *l, const char *name, struct error *err);
int pack_copy_directory(const struct pack_level *l, const char *name, int *ret_fd, struct error *err);
int pack_finish_directory(struct pack *p, const struct pack_level *l, struct entry *e, bool opaque, struct error *err);
int pack_drop(const struct pack_level *l, const char *name, struct error *err);
bool pack_is_empty(int dir, const char *name);
