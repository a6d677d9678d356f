/* SPDX-License-Identifier: Apache-2.0
 * base/json.h - strict JSON on top of json-c's tree.
 * Owns nothing between calls. The tree is json-c's (reference-counted), reader and writer are ours: sizes and
 * depth are bounded, and NaN, Infinity, raw control characters, \u0000 in keys, invalid UTF-8, single quotes,
 * numbers outside 64 bits and trailing text are refused (RFC 8259). \u0000 in a value survives: whoever needs a C
 * string compares json_object_get_string_len() with strlen(). Fractions keep the text they were read from.
 * Allocates: not between clone() and exec(). Digests are taken over received bytes, never over a re-written tree. */
#pragma once
#include <json-c/json.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/own.h"

static inline void json_put_p(struct json_object **o)
{
	if (*o)
		json_object_put(*o);
}
#define auto_json CLEANUP(json_put_p) struct json_object

struct json_limits {
	size_t max_bytes;     /* 0: 4 MiB */
	int max_depth;        /* 0: 64 */
	bool unique_keys;     /* refuse duplicate keys (manifests, configs) instead of "last wins" */
};

/* Parses a whole document. *ret is owned by the caller. Errors: ERROR_INVALID "<what>:LINE:COLUMN: reason". */
int json_parse(const char *what, const char *text, size_t len, const struct json_limits *limits,
	       struct json_object **ret, struct error *err);
struct json_style {
	int indent;           /* blanks per level as Go's MarshalIndent; 0: one line */
	const char *prefix;   /* before every line but the first; NULL: nothing */
	bool html;            /* <, > and & as \u003c ...: Go's default, used in API answers */
};
/* Appends the document as Go's encoding/json writes it. NULL is "null". '/' is never escaped. */
void json_write(struct buf *to, struct json_object *o, const struct json_style *style);
/* json_write() without HTML escapes: what commands print. */
void json_format(struct buf *to, struct json_object *o, int indent);
/* Appends len bytes as a string literal with quotes; bytes that are no UTF-8 become \ufffd. */
void json_write_string(struct buf *to, const char *s, size_t len, bool html);

/* Members of an object; missing, null or of another type: NULL / the fallback. Borrowed from the tree. */
const char *json_get_str(struct json_object *o, const char *key);
int64_t json_get_i64(struct json_object *o, const char *key, int64_t fallback);
bool json_get_bool(struct json_object *o, const char *key, bool fallback);
struct json_object *json_get_object(struct json_object *o, const char *key);
struct json_object *json_get_array(struct json_object *o, const char *key);
/* Adds a member; takes the reference of value (also on failure). 0, or -1 and out of memory. */
int json_add(struct json_object *o, const char *key, struct json_object *value, struct error *err);
int json_add_str(struct json_object *o, const char *key, const char *value, struct error *err);   /* NULL value: null */
