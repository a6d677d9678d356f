/* SPDX-License-Identifier: Apache-2.0
 * engine/image-target.h - where the members of an image's archive or directory go: a tar stream, or files below a
 * directory. Owns its descriptor. Members come one after the other; what was begun and not ended is the caller's to
 * remove. Shared by save and copy. Allocates: not between clone() and exec(). */
#pragma once
#include "base/str.h"

struct image_target {
	int fd;                   /* archive or directory */
	bool archive, seekable;
	struct strv written;      /* names: each once */
};

/* path NULL: the descriptor `fd` (duplicated), archives only. */
int image_target_open(struct image_target *t, bool archive, const char *path, int fd, struct error *err);
void image_target_done(struct image_target *t);
/* 1: this name is new and now noted. */
int image_target_is_new(struct image_target *t, const char *name, struct error *err);
int image_target_bytes(struct image_target *t, const char *name, const void *bytes, size_t len, struct error *err);
/* A whole file (offset moves), or a range of one. */
int image_target_file(struct image_target *t, const char *name, int fd, struct error *err);
int image_target_range(struct image_target *t, const char *name, int fd, int64_t offset, int64_t size, struct error *err);
/* Archives, for who writes the data itself. */
int image_target_header(struct image_target *t, const char *name, int64_t size, struct error *err);
int image_target_padding(struct image_target *t, int64_t size, struct error *err);
/* Directories: a new file for `name`, parents made; moved into place by image_target_move() from a temporary name. */
int image_target_create(struct image_target *t, const char *name, struct error *err);
int image_target_move(struct image_target *t, const char *from, const char *to, struct error *err);
/* The end of an archive; nothing for a directory. */
int image_target_end(struct image_target *t, struct error *err);
