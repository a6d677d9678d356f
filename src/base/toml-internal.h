/* SPDX-License-Identifier: Apache-2.0
 * base/toml-internal.h - between toml.c (tables and values), toml-text.c (characters, strings, keys) and toml-number.c. */
#pragma once
#include "base/str.h"
#include "base/toml.h"

#define TOML_BYTES_MAX ((size_t)4 << 20)
enum { TOML_DEPTH_MAX = 32 };

struct mark;
struct toml_parser {
	const char *what, *start, *p, *end;
	struct json_object *root;
	struct mark *marks;
	size_t marks_n, marks_cap;
	struct error *err;
};


/* The parser's error, with line and column of where it stands. */
int toml_bad(struct toml_parser *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- toml-text.c ---- */
int toml_peek(const struct toml_parser *t);   /* the next byte; -1: the end */
bool toml_accept(struct toml_parser *t, char c);
bool toml_starts(const struct toml_parser *t, const char *s);
void toml_blanks(struct toml_parser *t);
/* Blanks, comments and newlines between values of an array and between lines. */
int toml_filler(struct toml_parser *t);
int toml_end_of_line(struct toml_parser *t);
/* At its first quote; the caller owns *ret. `key`: never of several lines. */
int toml_string(struct toml_parser *t, char **ret, bool key);
bool toml_is_bare(int c);
/* a.b."c d": appends the parts. */
int toml_key(struct toml_parser *t, struct strv *parts);

/* ---- toml-number.c ---- */
/* Also dates and times, as strings. */
int toml_number(struct toml_parser *t, struct json_object **ret);
