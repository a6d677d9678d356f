/* SPDX-License-Identifier: Apache-2.0
 * base/json.c - strict JSON on top of json-c's tree. */
#include "base/json.h"

#include <string.h>

#define DEFAULT_MAX_BYTES ((size_t)4 << 20)
#define DEFAULT_MAX_DEPTH 64

int json_parse(const char *what, const char *text, size_t len, const struct json_limits *limits,
	       struct json_object **ret, struct error *err)
{
	size_t max = limits && limits->max_bytes ? limits->max_bytes : DEFAULT_MAX_BYTES;
	int depth = limits && limits->max_depth ? limits->max_depth : DEFAULT_MAX_DEPTH;

	if (len > max)
		return fail(err, ERROR_INVALID, "%s: larger than %zu bytes", what, max);
	struct json_tokener *tok = json_tokener_new_ex(depth);
	if (!tok)
		return fail_oom(err);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* The tokener needs to see the end of a top-level number: a NUL-terminated copy is the price of a span. */
	autofree char *copy = strndup(text, len);
	struct json_object *o = copy ? json_tokener_parse_ex(tok, copy, (int)len + 1) : NULL;
	enum json_tokener_error e = json_tokener_get_error(tok);
	size_t at = json_tokener_get_parse_end(tok);
	json_tokener_free(tok);
	if (!copy)
		return fail_oom(err);
	if (e != json_tokener_success) {
		if (o)
			json_object_put(o);
		return fail(err, ERROR_INVALID, "%s: byte %zu: %s", what, at, json_tokener_error_desc(e));
	}
	*ret = o;
	return 0;
}

void json_format(struct buf *to, struct json_object *o, int indent)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;

	if (indent)
		flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	const char *s = json_object_to_json_string_ext(o, flags);
	if (s)
		buf_add_str(to, s);
	else
		to->failed = true;
}

static struct json_object *get(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *v;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &v) ||
	    !json_object_is_type(v, type))
		return NULL;
	return v;
}

const char *json_get_str(struct json_object *o, const char *key)
{
	struct json_object *v = get(o, key, json_type_string);
	return v ? json_object_get_string(v) : NULL;
}

int64_t json_get_i64(struct json_object *o, const char *key, int64_t fallback)
{
	struct json_object *v = get(o, key, json_type_int);
	return v ? json_object_get_int64(v) : fallback;
}

bool json_get_bool(struct json_object *o, const char *key, bool fallback)
{
	struct json_object *v = get(o, key, json_type_boolean);
	return v ? json_object_get_boolean(v) : fallback;
}

struct json_object *json_get_object(struct json_object *o, const char *key)
{
	return get(o, key, json_type_object);
}

struct json_object *json_get_array(struct json_object *o, const char *key)
{
	return get(o, key, json_type_array);
}

int json_add(struct json_object *o, const char *key, struct json_object *value, struct error *err)
{
	if (json_object_object_add(o, key, value) == 0)
		return 0;
	json_object_put(value);
	return fail_oom(err);
}

int json_add_str(struct json_object *o, const char *key, const char *value, struct error *err)
{
	struct json_object *v = value ? json_object_new_string(value) : NULL;

	if (value && !v)
		return fail_oom(err);
	return json_add(o, key, v, err);
}
