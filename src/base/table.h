/* SPDX-License-Identifier: Apache-2.0
 * base/table.h - columns of text as Go's text/tabwriter aligns them for Podman.
 * Owns nothing. Cells end in a tab, lines in a newline; a column is as wide as its widest cell plus the padding
 * of 2, at least 12; a column block ends where a line has no cell there; the last cell of a line is not padded.
 * Widths count Unicode characters. Allocates: not between clone() and exec(). */
#pragma once
#include "base/buf.h"

/* Appends `text` with its tabs turned into columns. */
int table_format(struct buf *to, const char *text, size_t len, struct error *err);
/* Appends the header words of a field name: "CreatedAt" -> "CREATED AT", "ImageID" -> "IMAGE ID". */
void table_header_word(struct buf *to, const char *field);
