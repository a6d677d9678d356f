/* SPDX-License-Identifier: Apache-2.0
 * engine/logs-impl.h - what engine/logs*.c share. Internal. */
#pragma once
#include "base/buf.h"
#include "engine/logs.h"

/* Filters by since and until, then calls the sink. 1: delivered or left out; 0: past until, no later line counts. */
int logs_deliver(const struct logs_output *out, const struct logs_options *o, size_t source, const struct log_line *l,
		 struct error *err);

/* A journal reader: one `journalctl -o export` child. Owns the process and the pipe. */
struct logs_journal {
	pid_t pid;      /* 0: none */
	int fd;         /* its output; -1 */
	struct buf data;
	size_t used;    /* bytes of data already taken */
	bool at_end;
};
#define LOGS_JOURNAL_INIT ((struct logs_journal){ .fd = -1 })
void logs_journal_done(struct logs_journal *j);
int logs_journal_open(struct logs_journal *j, const struct logs_source *s, const struct logs_options *o,
		      struct error *err);
/* Reads what is there (blocks once when `wait`). 1: something came; 0: nothing now; the end sets at_end. */
int logs_journal_read(struct logs_journal *j, bool wait, struct error *err);
/* The next entry as a line, borrowed until the next call. 1; 0: none is complete. */
int logs_journal_next(struct logs_journal *j, struct log_line *ret);
/* Parses one entry of the export format (systemd.io/JOURNAL_EXPORT_FORMATS) at the beginning of data. Returns the bytes
 * it takes (its empty line included), 0 when incomplete; *ret_ok: it was a container's line and *ret is set. */
size_t logs_journal_parse(const char *data, size_t len, bool *ret_ok, struct log_line *ret);
