/* SPDX-License-Identifier: Apache-2.0
 * build/context-internal.h - what the parts of build/context.h share. */
#pragma once
#include "build/context.h"

/* A new directory below scratch: its descriptor (O_RDONLY | O_DIRECTORY); *ret_path (may be NULL) its absolute path. */
int scratch_dir(const struct context_options *o, const char *prefix, char **ret_path, struct error *err);
/* A new file below scratch without a name that counts, read-write. */
int scratch_file(const struct context_options *o, struct error *err);

bool is_http(const char *s);
/* A URL's bytes into a scratch file at offset 0. *ret_mtime may be NULL. */
int fetch_url(const struct context_options *o, const char *url, int64_t *ret_mtime, struct error *err);
/* Whether the first bytes look like a tar or like something compressed. */
bool looks_like_archive(int fd);

/* Clones into a scratch directory; *ret_fd: the tree (with subdir resolved), *ret_path: its path. */
int git_fetch(const struct context_options *o, const struct git_address *g, int *ret_fd, char **ret_path, struct error *err);

/* Standard input or a small file whole; ERROR_INVALID when it is larger than a Containerfile may be. */
int read_whole(int fd, const char *what, char **ret, size_t *ret_len, struct error *err);
