/* SPDX-License-Identifier: Apache-2.0
 * build/ignore.h - .containerignore, .dockerignore and COPY --exclude: which files of a tree do not count.
 *
 * One pattern a line, '#' comments, '!' makes an exception, the last pattern that fits decides. A pattern that fits a
 * directory fits all below it; an exception counts below a directory that is left out only when it begins with that
 * directory's path ("d", "!d/x"). '*' and '?' and [a-z] stay inside a component, '**' is any number of components.
 * Patterns are relative to the root of the tree; "/x" and "x" are the same. Pure text, no backtracking beyond one
 * component times the number of '**'. Allocates in parse only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/own.h"

#define IGNORE_BYTES_MAX ((size_t)1 << 20)
#define IGNORE_PATTERNS_MAX 10000

struct ignore;
int ignore_new(struct ignore **ret, struct error *err);
void ignore_free(struct ignore *ig);
DEFINE_CLEANUP(struct ignore, ignore_free);
#define auto_ignore CLEANUP(ignore_free_p) struct ignore
/* Appends the patterns of a file's text; `what` names it in errors ("what:LINE: reason"). */
int ignore_parse(struct ignore *ig, const char *what, const char *text, size_t len, struct error *err);
/* Appends one pattern (COPY --exclude, --ignore). */
int ignore_add(struct ignore *ig, const char *pattern, struct error *err);
bool ignore_is_empty(const struct ignore *ig);   /* NULL is empty, too */
/* As text, one normal pattern a line: for a cache key. malloc'ed, NULL: out of memory. */
char *ignore_text(const struct ignore *ig);

enum ignore_verdict {
	IGNORE_KEEP,    /* counts */
	IGNORE_DROP,    /* does not count, but for a directory: something below it may */
	IGNORE_PRUNE,   /* does not count, nor does anything below it */
};
/* `path` is relative to the tree's root: "a/b", no ".", "..", no doubled or trailing slash; "" (the root) is kept. */
enum ignore_verdict ignore_check(const struct ignore *ig, const char *path);

/* filepath.Match over one path pattern without '**' (COPY's sources): whether `path` fits, component by component. */
bool ignore_glob(const char *pattern, const char *path);
bool ignore_has_glob(const char *pattern);   /* any of * ? [ that is not escaped */
