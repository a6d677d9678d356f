/* SPDX-License-Identifier: Apache-2.0
 * base/format.h - the one way a command turns rows into text: --format json, table, templates, default.
 *
 * A list command calls format_rows() with its rows, an inspect command format_each(). Rules (Podman's):
 * - "json" prints one indented JSON list;
 * - "table {{.A}} {{.B}}" prints a header and columns;
 * - another template without {{range .}} is run once per row, each followed by a newline;
 * - no --format: the command's own default template, with a header unless noheading;
 * - literal \t and \n in the user's text become tab and newline first; if it no longer parses, the original is used.
 * Owns nothing. Allocates: not between clone() and exec(). */
#pragma once
#include "base/buf.h"
#include "base/value.h"

struct format_header {
	const char *field;    /* "PIDS" or "State.Status", without the leading dot */
	const char *words;    /* "PIDS" */
};

struct format_request {
	const char *name;             /* the command's name in error messages */
	const char *format;           /* --format as the user gave it; NULL: the default below */
	const char *fallback;         /* default: "table {{.ID}}\t{{.Names}}" (with header) or a plain template */
	bool noheading;
	const struct format_header *headers;   /* ends with {}; may be NULL */
	const struct value_type *type;         /* of one row: fields are checked even when there are no rows; may be NULL */
	unsigned json_indent;         /* blanks; 0: 4 */
};

bool format_is_json(const char *format);   /* "json", "{{json}}", "{{json.}}"; "{{json .}}" is a template: one line per row */
/* Appends the rows (a list value). */
int format_rows(const struct format_request *rq, const struct value *rows, struct buf *out, struct error *err);
/* Inspect: "json" or no format prints the list indented (json_indent, default 5); a template runs once per
 * element, each followed by a newline. */
int format_each(const struct format_request *rq, const struct value *rows, struct buf *out, struct error *err);
