/* SPDX-License-Identifier: Apache-2.0
 * engine/log-file.h - one log with its rotated files as one sequence of lines; internal to engine/logs*.c.
 * Owns the descriptor of the file being read and a line buffer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

#define LOG_FILES_MAX 1000            /* PATH.1 ... */
#define LOG_FILE_LINE_MAX (1 << 20)   /* longer lines are skipped */

struct log_file {
	const char *path;      /* borrowed */
	int fd;                /* -1: nothing is there yet */
	unsigned index;        /* 0: PATH, n: PATH.n, as it was when opened */
	off_t offset;          /* of the next read */
	char *buffer;
	size_t start, len, room;   /* unread bytes: buffer[start .. len) */
	bool skipping;         /* inside a line that is too long */
	unsigned generation;   /* counts when our file vanished and another took its name */
};
#define LOG_FILE_INIT ((struct log_file){ .fd = -1 })
void log_file_done(struct log_file *f);

/* Opens at the oldest file's beginning; a log that does not exist is an empty one. */
int log_file_open(struct log_file *f, const char *path, struct error *err);
/* Opens so that the next line is the first of the last `tail` whole lines (0: behind the end). */
int log_file_open_tail(struct log_file *f, const char *path, int64_t tail, struct error *err);
/* Opens the newest file behind its last byte. */
int log_file_open_end(struct log_file *f, const char *path, struct error *err);
/* The next line, without its newline, borrowed until the next call. 1; 0: at the end of what is written now (a line
 * without newline is kept back unless `last`). Goes on to newer files by itself, also when rotation happens meanwhile,
 * and starts again at 0 when the file was truncated. */
int log_file_next(struct log_file *f, bool last, const char **ret, size_t *ret_len, struct error *err);
/* Searches the current file for a line and goes on behind it. 1: found; 0: not there, the position stays. For files
 * that are replaced by a shorter copy of themselves (events). */
int log_file_skip_past(struct log_file *f, const char *line, size_t len, struct error *err);
