/* SPDX-License-Identifier: Apache-2.0
 * image/tar.h - tar streams: v7, ustar, GNU and PAX (POSIX.1-2001) headers, read and written.
 *
 * The reader is a pure parser of hostile bytes: it turns a stream into entries and never touches a file system
 * (unpacking is worker/untar.h, whiteouts are worker/whiteout rules of it). It agrees with Go's archive/tar about what a
 * stream contains, because that is what made and judges layers: two zero blocks end the archive, a lone one is an
 * error, PAX beats GNU beats ustar, special headers are at most TAR_SPECIAL_MAX bytes.
 * Memory is bounded by TAR_SPECIAL_MAX + TAR_SPARSE_MAX whatever the input. Life cycle: tar_reader_init, then
 * tar_next until 0, tar_data between; tar_reader_done. Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define TAR_BLOCK 512
#define TAR_SPECIAL_MAX ((size_t)1 << 20)   /* bytes of one PAX header, GNU long name; Go's limit */
#define TAR_SPARSE_MAX 65536                /* fragments of one sparse file */
#define TAR_NAME_MAX 4096                   /* a longer name cannot be opened by anybody */

enum tar_type {
	TAR_FILE, TAR_HARDLINK, TAR_SYMLINK, TAR_CHAR, TAR_BLOCK_DEVICE, TAR_DIRECTORY, TAR_FIFO,
	TAR_GLOBAL,   /* a PAX global header without effect on files (git's comment), or an empty file without a name;
	               * nothing to unpack */
	TAR_TYPE_MAX
};

struct tar_xattr {
	char *name;       /* "security.capability" */
	char *value;
	size_t len;       /* value may hold any bytes */
};

struct tar_extent {
	int64_t offset, len;   /* where stored data belongs in a sparse file */
};

struct tar_entry {
	enum tar_type type;
	char *name;              /* as stored, never empty; no NUL inside */
	char *link;              /* target of links, "" otherwise */
	char *uname, *gname;     /* "" when absent; not used for ownership */
	uint32_t mode;           /* 07777 */
	uint64_t uid, gid;
	int64_t size;            /* of the file as it will be (sparse: expanded) */
	int64_t stored;          /* bytes of data in the stream */
	int64_t mtime_ns;        /* Unix nanoseconds, floor; clamped to what 64 bits hold */
	uint32_t major, minor;
	struct tar_xattr *xattrs;
	size_t n_xattrs;
	struct tar_extent *extents;   /* sparse only: n_extents > 0, or is_sparse with none = one hole */
	size_t n_extents;
	bool is_sparse;
};

/* Where bytes come from: *ret points at the next run of bytes (valid until the next call), *ret_len > 0; returns 1, or
 * 0 at the end of the stream, or -1 and *err. Runs may have any length. */
struct tar_source {
	int (*next)(void *data, const uint8_t **ret, size_t *ret_len, struct error *err);
	void *data;
	/* Optional, for files: passes over n bytes without reading them (they need not exist: the caller checks). */
	int (*skip)(void *data, int64_t n, struct error *err);
};

struct tar_reader;
int tar_reader_new(struct tar_source source, struct tar_reader **ret, struct error *err);
void tar_reader_free(struct tar_reader *r);
DEFINE_CLEANUP(struct tar_reader, tar_reader_free);
#define auto_tar_reader CLEANUP(tar_reader_free_p) struct tar_reader

/* The next entry, borrowed from the reader until the next call; unread data of the one before is skipped.
 * 1: *ret; 0: end of archive; -1: ERROR_CORRUPT naming the entry before and the offset. */
int tar_next(struct tar_reader *r, const struct tar_entry **ret, struct error *err);
/* Stored data of the current entry, piece by piece, borrowed until the next call. 1: a piece; 0: all read. */
int tar_data(struct tar_reader *r, const uint8_t **ret, size_t *ret_len, struct error *err);
/* Stored data at hand as (offset in the file, bytes): as tar_data() with sparse extents resolved. */
int tar_data_at(struct tar_reader *r, int64_t *ret_offset, const uint8_t **ret, size_t *ret_len, struct error *err);
/* Bytes of the stream consumed so far: after tar_next() where the entry's data starts. */
int64_t tar_offset(const struct tar_reader *r);

/* ---- writer ---- */
/* Appends the header block(s) of e (and a PAX header where ustar cannot say it: Go's choice of format for the same
 * entry, so that identical input gives identical bytes). The data must follow, then tar_write_padding(). */
int tar_write_header(struct buf *to, const struct tar_entry *e, struct error *err);
void tar_write_padding(struct buf *to, int64_t size);
void tar_write_end(struct buf *to);   /* two zero blocks */
