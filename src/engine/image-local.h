/* SPDX-License-Identifier: Apache-2.0
 * engine/image-local.h - parts of loading that pull shares ("pull oci-archive:..."). */
#pragma once
#include "engine/image-commit.h"

/* Opens a file, pipe or directory as the transfer's source; fd stays the caller's. */
int image_open_local(struct image_transfer *t, int fd, const char *what, struct error *err);
/* The same for any source; spool: an empty scratch file, the caller's. */
int image_open_source(struct source *s, int fd, int spool, const char *what, struct error *err);
/* The names an entry asks for, normalised, appended. */
int image_local_names(const struct op_archive *a, const struct op_archive_entry *e, struct strv *to, struct error *err);
/* Which image of an archive a name means ("PATH:SELECTOR", "PATH:@N"). */
struct transport_name;
int image_find_entry(const struct op_archive *a, const struct transport_name *n, size_t *ret, struct error *err);
/* The archive in which a Docker daemon hands out an image, written into fd; host: unix:///SOCKET, NULL: $DOCKER_HOST or
 * the usual one. */
int image_fetch_daemon(struct engine *e, const char *host, const char *name, int fd, struct error *err);
/* An anonymous temporary file for big things ($TMPDIR, else /var/tmp). */
int image_scratch(const struct engine *e, struct error *err);
