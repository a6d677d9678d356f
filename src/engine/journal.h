/* SPDX-License-Identifier: Apache-2.0
 * engine/journal.h - reading the systemd journal through `journalctl -o export`: no libsystemd in every start of the
 * program. Internal to engine/logs*.c and engine/events*.c. Owns the child process and its pipe. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/str.h"

struct journal {
	pid_t pid;      /* 0: none */
	int fd;         /* its output; -1 */
	struct buf data;
	size_t used;    /* bytes of data already taken */
	bool at_end;
};
#define JOURNAL_INIT ((struct journal){ .fd = -1 })
void journal_done(struct journal *j);

struct journal_query {
	bool follow;
	int64_t lines;       /* only the last ones; < 0: all (or with follow and lines 0: only new ones) */
	const char *match;   /* "FIELD=value" */
	const char *what;    /* for messages: whose entries these are */
};
int journal_open(struct journal *j, const struct journal_query *q, struct error *err);
/* Reads what is there (blocks once when `wait`). 1: something came; 0: nothing now; the end sets at_end. */
int journal_read(struct journal *j, bool wait, struct error *err);
/* The next complete entry's bytes, borrowed until the next journal_read(). */
bool journal_next(struct journal *j, const char **ret, size_t *ret_len);

struct journal_field {
	const char *name, *value;   /* not terminated */
	size_t name_len, value_len;
};
/* One field of the export format (systemd.io/JOURNAL_EXPORT_FORMATS): NAME=VALUE\n, or NAME\n, 64 bits of length, bytes,
 * \n. Returns the bytes it takes, 0 when incomplete. An empty line (no name) ends the entry. */
size_t journal_field_parse(const char *data, size_t len, struct journal_field *ret);
/* The length of the entry at the beginning of data with its empty line; 0: incomplete. */
size_t journal_entry_length(const char *data, size_t len);
bool journal_field_is(const struct journal_field *f, const char *name);
int64_t journal_field_number(const struct journal_field *f);   /* 0 for anything that is no number */
