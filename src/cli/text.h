/* SPDX-License-Identifier: Apache-2.0
 * cli/text.h - small pieces of text several commands print the same way.
 * Owns nothing. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* go-units HumanSizeWithPrecision: base 1000, `digits` significant digits: "7.76MB"; `between`: "" or " ". */
char *text_size(int64_t bytes, int digits, const char *between, char out[32]);
/* "3 weeks ago"; 0: "N/A". */
char *text_ago(int64_t unix_ns, char out[56]);
/* Go's time.String() in UTC, whole seconds: "2026-11-22 21:40:01 +0000 UTC". */
char *text_utc(int64_t unix_seconds, char out[40]);
/* RFC 3339 in UTC, whole seconds: "2026-11-22T21:40:01Z". */
char *text_rfc3339(int64_t unix_seconds, char out[40]);
/* Into a file that is made or emptied, not replaced: it may be a device or a pipe. */
int text_write_file(const char *path, const char *text, size_t len, struct error *err);
/* The buffer to stdout, or -1 when it had failed. */
int text_print(const struct buf *b, const char *what, struct error *err);
