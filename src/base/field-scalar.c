/* SPDX-License-Identifier: Apache-2.0
 * Fields of one value. */
#include "base/field-internal.h"
#include "base/units.h"

int field_wrong_type(struct json_object *v, const char *want, struct error *err)
{
	return fail(err, ERROR_INVALID, "expected %s, got %s", want, json_type_to_name(json_object_get_type(v)));
}

int field_save_new(struct json_object *o, struct json_object **ret, struct error *err)
{
	if (!o)
		return fail_oom(err);
	*ret = o;
	return 0;
}

static int get_bool(struct json_object *v, bool *ret, struct error *err)
{
	if (json_object_is_type(v, json_type_boolean)) {
		*ret = json_object_get_boolean(v);
		return 0;
	}
	/* storage.conf writes many booleans as strings. */
	if (json_object_is_type(v, json_type_string) && parse_bool(json_object_get_string(v), ret))
		return 0;
	return field_wrong_type(v, "true or false", err);
}

static int get_int(struct json_object *v, int64_t *ret, struct error *err)
{
	if (!json_object_is_type(v, json_type_int))
		return field_wrong_type(v, "a number", err);
	if (json_object_get_int64(v) == INT64_MAX && json_object_get_uint64(v) > INT64_MAX)   /* json-c clamps */
		return fail(err, ERROR_INVALID, "number is too large");
	*ret = json_object_get_int64(v);
	return 0;
}

int field_get_uint(struct json_object *v, uint64_t *ret, struct error *err)
{
	if (!json_object_is_type(v, json_type_int))
		return field_wrong_type(v, "a number", err);
	if (json_object_get_int64(v) < 0)
		return fail(err, ERROR_INVALID, "must not be negative");
	*ret = json_object_get_uint64(v);
	return 0;
}

LOAD(bool) { UNUSED_LOAD; return get_bool(v, at, err); }
LOAD(int) { UNUSED_LOAD; return get_int(v, at, err); }
LOAD(uint) { UNUSED_LOAD; return field_get_uint(v, at, err); }

SAVE(bool)
{
	UNUSED_SAVE;
	bool b = *(const bool *)at;
	return b || (f->flags & FIELD_ALWAYS) ? field_save_new(json_object_new_boolean(b), ret, err) : 0;
}

SAVE(int)
{
	UNUSED_SAVE;
	int64_t n = *(const int64_t *)at;
	return n || (f->flags & FIELD_ALWAYS) ? field_save_new(json_object_new_int64(n), ret, err) : 0;
}

SAVE(uint)
{
	UNUSED_SAVE;
	uint64_t n = *(const uint64_t *)at;
	return n || (f->flags & FIELD_ALWAYS) ? field_save_new(json_object_new_uint64(n), ret, err) : 0;
}

LOAD(double)
{
	UNUSED_LOAD;
	if (!json_object_is_type(v, json_type_double) && !json_object_is_type(v, json_type_int))
		return field_wrong_type(v, "a number", err);
	*(double *)at = json_object_get_double(v);
	return 0;
}

SAVE(double)
{
	UNUSED_SAVE;
	double n = *(const double *)at;
	return n != 0 || (f->flags & FIELD_ALWAYS) ? field_save_new(json_object_new_double(n), ret, err) : 0;
}

LOAD(opt_bool)
{
	UNUSED_LOAD;
	struct opt_bool *o = at;
	TRY(get_bool(v, &o->value, err));
	o->set = true;
	return 0;
}

SAVE(opt_bool)
{
	UNUSED_SAVE;
	const struct opt_bool *o = at;
	return o->set ? field_save_new(json_object_new_boolean(o->value), ret, err) : 0;
}

LOAD(opt_int)
{
	UNUSED_LOAD;
	struct opt_int *o = at;
	TRY(get_int(v, &o->value, err));
	o->set = true;
	return 0;
}

SAVE(opt_int)
{
	UNUSED_SAVE;
	const struct opt_int *o = at;
	return o->set ? field_save_new(json_object_new_int64(o->value), ret, err) : 0;
}

LOAD(opt_uint)
{
	UNUSED_LOAD;
	struct opt_uint *o = at;
	TRY(field_get_uint(v, &o->value, err));
	o->set = true;
	return 0;
}

SAVE(opt_uint)
{
	UNUSED_SAVE;
	const struct opt_uint *o = at;
	return o->set ? field_save_new(json_object_new_uint64(o->value), ret, err) : 0;
}

int field_get_str(struct json_object *v, const char **ret, struct error *err)
{
	if (!json_object_is_type(v, json_type_string))
		return field_wrong_type(v, "a string", err);
	const char *s = json_object_get_string(v);
	if (strlen(s) != (size_t)json_object_get_string_len(v))
		return fail(err, ERROR_INVALID, "contains a NUL byte");
	*ret = s;
	return 0;
}

LOAD(str)
{
	UNUSED_LOAD;
	const char *s;
	TRY(field_get_str(v, &s, err));
	return str_set(at, s, err);
}

SAVE(str)
{
	UNUSED_SAVE;
	const char *s = *(char *const *)at;
	if (str_empty(s) && !(f->flags & FIELD_ALWAYS))
		return 0;
	return field_save_new(json_object_new_string(s ? s : ""), ret, err);
}

void field_done_str(const struct field *f, void *at)
{
	(void)f;
	free(*(char **)at);
}

LOAD(enum)
{
	UNUSED_LOAD;
	const char *s;
	TRY(field_get_str(v, &s, err));
	for (int i = 0; f->choices[i]; i++)
		if (streq(f->choices[i], s)) {
			*(int *)at = i;
			return 0;
		}
	if (!*s)   /* clients send "" for "not set" */
		return 0;
	return fail(err, ERROR_INVALID, "unknown value \"%s\"", s);
}

SAVE(enum)
{
	UNUSED_SAVE;
	int i = *(const int *)at;
	return i || (f->flags & FIELD_ALWAYS) ? field_save_new(json_object_new_string(f->choices[i]), ret, err) : 0;
}

LOAD(duration)
{
	UNUSED_LOAD;
	if (json_object_is_type(v, json_type_string))
		return duration_parse(json_object_get_string(v), at, err);
	return get_int(v, at, err);
}

LOAD(size)
{
	UNUSED_LOAD;
	if (json_object_is_type(v, json_type_string))
		return size_parse(json_object_get_string(v), at, err);
	return get_int(v, at, err);
}

LOAD(time)
{
	UNUSED_LOAD;
	if (!json_object_is_type(v, json_type_string))
		return field_wrong_type(v, "a date and time", err);
	const char *s = json_object_get_string(v);
	if (str_empty(s) || str_after(s, "0001-01-01T00:00:00")) {   /* Go's zero time */
		*(int64_t *)at = 0;
		return 0;
	}
	return time_parse(s, 0, at, err);
}

SAVE(time)
{
	UNUSED_SAVE;
	int64_t t = *(const int64_t *)at;
	char text[48];
	if (!t && !(f->flags & FIELD_ALWAYS))
		return 0;
	return field_save_new(json_object_new_string(t ? time_format_rfc3339(t, text) : "0001-01-01T00:00:00Z"), ret, err);
}
