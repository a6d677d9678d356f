/* SPDX-License-Identifier: Apache-2.0
 * build/containerfile-internal.h - what the parts of the Containerfile parser share: the reader of logical lines, words,
 * flags, heredocs. Reasons come back bare; containerfile.c puts file, line and the line itself around them. */
#pragma once
#include "build/containerfile.h"

/* ---- logical lines (containerfile-lines.c) ---- */
struct line_reader {
	const char *at, *end;      /* borrowed text */
	uint32_t line;             /* of the physical line that was read last; 0: none yet */
	char escape;
	struct containerfile *file;   /* takes directives and notes; NULL: neither are looked for */
};
struct logical_line {
	char *text;                /* joined, blanks around it removed; never empty */
	char *comment;             /* comment lines right above; NULL: none */
	uint32_t line, column;
};
void logical_line_done(struct logical_line *l);
#define auto_logical_line CLEANUP(logical_line_done) struct logical_line
/* Skips a byte order mark and reads the parser directives at the top. */
int reader_start(struct line_reader *r, struct error *err);
/* 1: *ret; 0: end of the text. *ret must be zeroed. On failure r->line is where it went wrong. */
int reader_next(struct line_reader *r, struct logical_line *ret, struct error *err);
/* The next physical line as it is: 1, or 0 at the end. *ret_len counts its newline. */
int reader_physical(struct line_reader *r, const char **ret, size_t *ret_len);

/* ---- words (containerfile-words.c) ---- */
bool is_blank(char c);                         /* what separates words: Go's unicode.IsSpace over bytes */
/* Leading words with "--" are taken off, quotes and backslashes in them resolved. *ret_rest points into s. */
int words_take_flags(const char *s, struct strv *flags, const char **ret_rest, struct error *err);
/* Words at unquoted blanks, with their quotes and escapes. */
int words_quoted(const char *s, char escape, struct strv *to, struct error *err);
/* Words at blanks; quotes are nothing special. */
int words_plain(const char *s, struct strv *to, struct error *err);
/* 1: a JSON array of strings; 0: no JSON array; -1: an array with something else in it. */
int words_json(const char *s, struct strv *to, struct error *err);

/* ---- heredocs (containerfile-heredoc.c) ---- */
/* Finds "<<NAME" words in the line, in order; bodies are not there yet. */
int heredocs_find(const char *line, struct list *to, struct error *err);
/* Whether `word` is one, and then its parts; 1/0/-1. */
int heredoc_parse(const char *word, struct heredoc *ret, struct error *err);
/* Reads the bodies of all of them. */
int heredocs_read(struct line_reader *r, struct list *docs, struct error *err);
void heredocs_done(struct list *docs);

/* ---- flags (containerfile-flags.c) ---- */
int flags_parse(enum instruction_kind k, const struct strv *words, struct instruction_flags *ret, struct error *err);
void flags_done(struct instruction_flags *f);
/* Calls fn on every text of the flags that is set; stops at and returns the first failure. */
typedef int flag_text_fn(char **text, void *data, struct error *err);
int flags_each_text(struct instruction_flags *f, flag_text_fn *fn, void *data, struct error *err);
int flags_copy(const struct instruction_flags *from, struct instruction_flags *to, struct error *err);

/* ---- instructions (containerfile-parse.c) ---- */
/* Fills `in` from one logical line (and the heredocs that follow it in r). */
bool is_stage_name(const char *s);
int fail_stage_name(const char *s, struct error *err);
int instruction_read(struct line_reader *r, struct logical_line *l, struct instruction *in, struct error *err);

/* ---- messages (containerfile.c) ---- */
struct containerfile_place {
	const char *name, *text;   /* the file's; borrowed */
	size_t len;
};
/* Puts "FILE:LINE: " before the reason and the line itself behind it. */
int containerfile_fail_at(const struct containerfile_place *p, uint32_t line, struct error *err);

/* ---- copies (containerfile-expand.c) ---- */
/* Deep copy; x NULL: nothing is expanded. *to must be zeroed and is done by the caller also on failure. */
int instruction_copy(const struct instruction *in, const struct expand *x, struct instruction *to, struct error *err);
