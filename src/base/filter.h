/* SPDX-License-Identifier: Apache-2.0
 * base/filter.h - --filter key=value.
 *
 * Owns the parsed filters and their compiled expressions. Several values of one key: any of them (labels: all);
 * different keys: all of them. A command gives the list of keys it knows; which object matches is a callback per
 * key built from the match helpers below.
 * Life cycle: filters_add() for every option, filters_match() per object, filters_done().
 * Allocates: not between clone() and exec(). */
#pragma once
#include "base/str.h"

struct filter_key {
	const char *name;      /* "status", "label", "label!" */
	unsigned flags;        /* enum filter_flag */
	/* 1 the object matches this value, 0 not, -1 *err. `object` is what filters_match() got. */
	int (*match)(const void *object, const char *value, struct error *err);
};
enum filter_flag {
	FILTER_ALL = 1 << 0,   /* several values of this key: all must match (labels), instead of any */
	FILTER_REGEX = 1 << 1, /* the value goes to match_regex(): a bad expression is refused when it is added */
};

struct filter {
	const struct filter_key *key;
	struct strv values;
};
struct filters {
	struct filter *v;
	size_t n;
};

/* Adds "key=value" (or "key!=value" where the table has "key!"). ERROR_INVALID: no '=', or a key not in `keys`:
 * "<key> is an invalid filter". keys ends with {}. */
int filters_add(struct filters *f, const struct filter_key *keys, const char *text, struct error *err);
/* Adds all of a vector. */
int filters_add_all(struct filters *f, const struct filter_key *keys, const struct strv *texts, struct error *err);
/* 1 when the object passes all filters (or there are none), 0 when not, -1 *err. */
int filters_match(const struct filters *f, const void *object, struct error *err);
/* The values of one key, or NULL when it was not given. */
const struct strv *filters_values(const struct filters *f, const char *key);
void filters_done(struct filters *f);
#define auto_filters CLEANUP(filters_done) struct filters

/* ---- match helpers: 1, 0, or -1 and *err for a bad expression ---- */
/* Go (RE2) regular expression, unanchored; \d \w \s \b and friends, (?i), non-capturing groups. */
int match_regex(const char *pattern, const char *text, struct error *err);
/* A prefix of the id, or a regular expression over it when the value is no plain hexadecimal. */
int match_id(const char *value, const char *id, struct error *err);
/* "key", "key=value"; "key=" is any value; '*' in the key is a wildcard that matches anywhere (as Podman does). */
int match_label(const char *value, const struct strmap *labels);
/* An "until=" value (see time_parse() in units.h) as Unix nanoseconds. */
int filter_time(const char *value, int64_t *ret, struct error *err);
