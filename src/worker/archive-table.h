/* SPDX-License-Identifier: Apache-2.0
 * worker/archive-table.h - the table of contents of a tar archive: name -> range of bytes.
 * Owns a duplicate of the descriptor the ranges lie in. Bounded: ARCHIVE_FILES_MAX entries, ARCHIVE_NAMES_MAX bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ARCHIVE_FILES_MAX 200000
#define ARCHIVE_NAMES_MAX ((size_t)16 << 20)

struct archive_file {
	char *name;          /* clean, relative */
	char *link;          /* links inside the archive: the clean name they lead to; NULL: a file */
	int64_t offset, size;
};

struct archive_table {
	int fd;
	bool spooled;        /* fd is the spool */
	struct archive_file *v;
	size_t n, cap, bytes;
};

/* Reads the headers of the archive in `in`. A plain tar in a seekable file is left alone; everything else is unrolled
 * into `spool`. Both stay the caller's. */
int archive_table_read(struct archive_table *t, int in, int spool, bool seekable, struct error *err);
void archive_table_done(struct archive_table *t);
/* The file of that name (the last one wins), links followed inside the table; NULL: none. */
const struct archive_file *archive_table_find(const struct archive_table *t, const char *name);
