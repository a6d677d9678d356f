/* SPDX-License-Identifier: Apache-2.0
 * base/str.h - string vectors, key=value maps, and small string helpers.
 * Vectors and maps own their strings. Allocates: not between clone() and exec(). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/own.h"

/* ---- a vector of owned strings; v is NULL-terminated whenever it is not NULL ---- */
struct strv {
	char **v;
	size_t n;
};

void strv_done(struct strv *l);
#define auto_strv CLEANUP(strv_done) struct strv
/* Appends a copy / the given owned string (freed on failure). 0, or -1 and *err. */
int strv_add(struct strv *l, const char *s, struct error *err);
int strv_add_n(struct strv *l, const char *s, size_t len, struct error *err);
int strv_add_owned(struct strv *l, char *s, struct error *err);
int strv_addf(struct strv *l, struct error *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int strv_copy(struct strv *to, const struct strv *from, struct error *err);   /* appends all */
bool strv_has(const struct strv *l, const char *s);
/* Removes and frees element i. */
void strv_remove(struct strv *l, size_t i);
/* Appends the pieces of s between separators; empty pieces are kept (Go's strings.Split; "" gives one ""). */
int strv_split(struct strv *l, const char *s, char sep, struct error *err);
/* malloc'ed "a<sep>b<sep>c", or NULL when out of memory. */
char *strv_join(const struct strv *l, const char *sep);
void strv_sort(struct strv *l);
/* Sets NAME=VALUE in an environment vector: replaces an entry of that name or appends. */
int strv_env_set(struct strv *env, const char *name, const char *value, struct error *err);
void strv_env_unset(struct strv *env, const char *name);
/* The value of NAME, or NULL. */
const char *strv_env_get(const struct strv *env, const char *name);

/* ---- an ordered map string -> string ---- */
struct strmap_entry {
	char *key, *value;
};
struct strmap {
	struct strmap_entry *v;
	size_t n;
};

void strmap_done(struct strmap *m);
#define auto_strmap CLEANUP(strmap_done) struct strmap
/* Sets key to a copy of value, replacing an older one in place. */
int strmap_set(struct strmap *m, const char *key, const char *value, struct error *err);
const char *strmap_get(const struct strmap *m, const char *key);   /* NULL: no such key */
bool strmap_remove(struct strmap *m, const char *key);
int strmap_copy(struct strmap *to, const struct strmap *from, struct error *err);
/* By key: the order in which other engines print maps. */
void strmap_sort(struct strmap *m);
/* Parses "key=value" or "key" (empty value) into the map. */
int strmap_add_pair(struct strmap *m, const char *pair, struct error *err);

/* ---- helpers ---- */
static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}
/* As streq, with NULL equal only to NULL. */
static inline bool streq0(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}
/* The rest of s behind prefix, or NULL. */
static inline const char *str_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}
bool str_ends(const char *s, const char *suffix);
static inline bool str_empty(const char *s)
{
	return !s || !*s;
}
/* Replaces *to by a copy of s (NULL clears). */
int str_set(char **to, const char *s, struct error *err);
/* malloc'ed printf; -1 and *err when out of memory. *ret is untouched on failure and must not own anything. */
int str_printf(char **ret, struct error *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Whole-string decimal numbers, Go's strconv: no spaces, no trailing bytes. Base 10 only; a sign only for i64.
 * Returns false and leaves *ret alone when s is not such a number or out of range. */
bool parse_i64(const char *s, int64_t *ret);
bool parse_u64(const char *s, uint64_t *ret);
bool parse_u32(const char *s, uint32_t *ret);
/* Octal with optional leading zeros, as modes are written ("0755"). At most 07777. */
bool parse_mode(const char *s, uint32_t *ret);
/* Go's strconv.ParseBool: 1 t T TRUE true True 0 f F FALSE false False. */
bool parse_bool(const char *s, bool *ret);
/* Length of the valid UTF-8 sequence at s (no overlong forms, no surrogates), 0 when there is none; len > 0. */
size_t utf8_length(const char *s, size_t len);
/* The code point of a sequence utf8_length() found; U+FFFD for n == 0. */
uint32_t utf8_decode(const char *s, size_t n);
/* How many edits (insert, remove, change a byte, exchange two neighbours) make b of a, without regard to case; SIZE_MAX
 * when one has more than 63 bytes. For "did you mean ...?". */
size_t str_distance(const char *a, const char *b);
/* Code points in s; a byte that is no UTF-8 counts as one. */
size_t utf8_count(const char *s, size_t len);
/* Lower-case hexadecimal of len bytes into out[2 * len + 1]. */
void hex_encode(const void *data, size_t len, char *out);
/* 64 lower-case hexadecimal digits from the kernel's random source into out[65]: an object id. */
int random_id(char out[65], struct error *err);
