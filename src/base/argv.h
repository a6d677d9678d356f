/* SPDX-License-Identifier: Apache-2.0
 * base/argv.h - a command line walked by field rows, with the habits of Go's pflag.
 *
 *   --name=v  --name v  -nv  -n v  -n=v  -abc (short booleans bundled)  --bool  --bool=false  --  (ends options)
 *
 * Repeated: a scalar takes the last value; lists, maps and CSV grow (the first use replaces the struct's default).
 * No abbreviation of long names; `aliases` of a row are accepted silently. A FIELD_OPTIONAL_VALUE row takes its
 * value only behind '='. Errors are pflag's sentences, ERROR_USAGE (the edge adds "See '... --help'").
 *
 * Owns: the list of rows seen and the copies of the positional words. The params structs belong to the caller
 * (fields_done()). Reads only its arguments. Allocates: not between clone() and exec(). */
#pragma once
#include "base/error.h"
#include "base/field.h"
#include "base/str.h"

/* Rows and the struct their offsets count from. An array of these ends with {}; earlier groups win. */
struct argv_group {
	const struct field *rows;
	void *at;
	const char *only;   /* long names, blank-separated: of these rows just those; NULL: all */
};

enum argv_flag {
	ARGV_STOP = 1 << 0,    /* the first positional word ends option parsing; it and all behind it are positional */
	ARGV_AFTER = 1 << 1,   /* we are behind the command word: FIELD_GLOBAL_FIRST rows are unknown options */
	ARGV_LENIENT = 1 << 2, /* completion: unknown options and bad values are skipped, never an error */
};

struct argv {
	struct strv args;            /* positional words in order */
	const struct field **seen;   /* rows given on the command line, once each, in order of first use */
	size_t n_seen;
	int end_of_options;          /* index in args where a literal "--" stood, or -1 */
	int next;                    /* words of argv that were used up: with ARGV_STOP, the index of the first positional */
};

void argv_done(struct argv *a);
#define auto_argv CLEANUP(argv_done) struct argv
#define ARGV_INIT ((struct argv){ .end_of_options = -1 })

/* Parses words argv[0..argc) (without the program name) into the groups' structs and a->args. May be called again
 * for a further part of the same line: `seen` is kept. 0, or -1 and ERROR_USAGE. */
int argv_parse(struct argv *a, const struct argv_group *groups, char *const *argv, int argc, unsigned flags,
	       struct error *err);
/* Was the option `name` (long name of the row, without dashes) given? pflag's Changed. */
bool argv_seen(const struct argv *a, const char *name);

/* The row for a long name (also by alias; `len` bytes) or a short letter; NULL: none. *ret_at: the group's struct. */
const struct field *argv_find(const struct argv_group *groups, const char *name, size_t len, void **ret_at);
const struct field *argv_find_short(const struct argv_group *groups, char c, void **ret_at);
/* Calls fn for every row with a command line name, embedded structs included; stops at and returns the first non-zero. */
typedef int argv_each_fn(const struct field *f, void *at, void *data);
int argv_each(const struct argv_group *groups, argv_each_fn *fn, void *data);
/* Does the row need a value (false for booleans and FIELD_OPTIONAL_VALUE)? */
bool argv_needs_value(const struct field *f);
/* Stores one value as the command line would ("--name=value"); `first`: first use, a list's default is replaced.
 * ERROR_INVALID with the bare reason (strconv.ParseInt: parsing "x": invalid syntax). */
int argv_store(const struct field *f, void *at, const char *value, bool first, struct error *err);
/* One word of comma-separated values with CSV quoting (a,"b,c",d), appended to `to`. ERROR_INVALID on bad quoting. */
int csv_split(struct strv *to, const char *s, struct error *err);
