/* SPDX-License-Identifier: Apache-2.0
 * build/expand.h - $variables in the words of a Containerfile, by BuildKit's rules.
 *
 *   $V ${V}  ${V:-w} ${V-w}  ${V:+w} ${V+w}  ${V:?w} ${V?w}  ${V#p} ${V##p}  ${V%p} ${V%%p}  ${V/p/r} ${V//p/r}
 * Words w, r are expanded in turn; patterns have * and ? and the escape character. In '...' nothing counts; in "..."
 * variables count and the escape character takes itself, '"' and '$'; outside the escape character takes any one.
 * Pure text; bounded by EXPAND_BYTES_MAX and EXPAND_DEPTH_MAX (expansion bombs). Allocates. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

#define EXPAND_BYTES_MAX ((size_t)1 << 20)
#define EXPAND_DEPTH_MAX 32

struct expand {
	/* The value of a name of len bytes, or NULL when it is not set. Borrowed until the next call. */
	const char *(*get)(void *data, const char *name, size_t len);
	void *data;
	char escape;             /* '\\' or '`' */
	bool keep_unset;         /* "$V" of an unset V stays as written (linter, FROM checks) instead of "" */
	bool keep_quotes;        /* quotes and escapes stay: a body of a heredoc, an intermediate pass */
	struct strv *unset;      /* names that had no value and no default are appended; may be NULL */
};

/* malloc'ed result with quotes removed. ERROR_INVALID: unclosed quote or brace, ${V:?w} of an unset V, too large. */
int expand_word(const struct expand *x, const char *word, char **ret, struct error *err);
/* As expand_word(), then split at unquoted blanks that were in the word or came from a variable; appended to ret. */
int expand_words(const struct expand *x, const char *word, struct strv *ret, struct error *err);
/* Body of a heredoc: variables only, quotes are ordinary characters; the escape character before '$' or itself. */
int expand_text(const struct expand *x, const char *text, char **ret, struct error *err);
/* expand.get over an environment "NAME=VALUE" (data: struct strv *). */
const char *expand_get_env(void *data, const char *name, size_t len);
