/* SPDX-License-Identifier: Apache-2.0
 * base/json.c - members of a json-c tree (reading: json-parse.c, writing: json-write.c). */
#include "base/json.h"

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
