/* SPDX-License-Identifier: Apache-2.0
 * engine/log-line.h - one line of a container's log: parse, print.
 *
 * Two file formats, told apart by their first byte:
 *     2026-11-22T10:00:00.123456789+01:00 stdout F text          k8s-file; P instead of F: the line goes on
 *     {"log":"text\n","stream":"stdout","time":"2026-..."}       json-file (Docker's)
 * Log files hold what a hostile container wrote: parsing never trusts them, and printing passes bytes on as they are.
 * Owns nothing: text is borrowed from the input (json-file: from the given buffer). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct log_line {
	int64_t time_ns;     /* Unix */
	int32_t offset_s;    /* local time's offset as the line carries it, for --timestamps */
	bool is_stderr;
	bool partial;        /* no newline behind it */
	bool continues;      /* the piece of this stream before it was partial (set by logs_read()): no second prefix */
	const char *text;    /* not terminated */
	size_t len;
};

/* Parses one line without its newline. `scratch` holds the decoded text of json-file lines until its next use.
 * 1: *ret; 0: no log line (garbage, a torn write): skip it. */
int log_line_parse(const char *line, size_t len, struct buf *scratch, struct log_line *ret);

struct log_style {
	const char *prefix;    /* container's name or short ID when several are shown; NULL: none */
	bool timestamps, colour;
	unsigned colour_number;   /* the how manieth container this is */
};
/* Appends the line as `podman logs` prints it, newline included unless partial. */
void log_line_print(const struct log_line *l, const struct log_style *s, struct buf *out);
/* "2006-01-02T15:04:05.000000000Z07:00": nanoseconds always nine digits. */
char *log_time_format(int64_t time_ns, int32_t offset_s, char out[40]);
