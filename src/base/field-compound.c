/* SPDX-License-Identifier: Apache-2.0
 * Fields of many values, of structs, and those that are somebody else's. */
#include "base/field-internal.h"

/* Takes the reference of e. */
static int add_element(struct json_object *a, struct json_object *e, struct error *err)
{
	if (e && json_object_array_add(a, e) == 0)
		return 0;
	json_object_put(e);
	return fail_oom(err);
}

/* ---- vectors and maps ---- */
LOAD(strv)
{
	UNUSED_LOAD;
	auto_strv l = {};

	const char *s;

	if (json_object_is_type(v, json_type_string) && w->column != FIELD_COLUMN_JSON) {   /* Docker: Cmd may be a string */
		TRY(field_get_str(v, &s, err));
		TRY(strv_add(&l, s, err));
	} else {
		if (!json_object_is_type(v, json_type_array))
			return field_wrong_type(v, "a list of strings", err);
		for (size_t i = 0; i < json_object_array_length(v); i++) {
			size_t back = field_path_index(w, i);
			TRY(field_get_str(json_object_array_get_idx(v, i), &s, err));
			TRY(strv_add(&l, s, err));
			field_path_back(w, back);
		}
	}
	strv_done(at);
	*(struct strv *)at = l;
	l = (struct strv){};
	return 0;
}

SAVE(strv)
{
	UNUSED_SAVE;
	const struct strv *l = at;
	if (!l->n && !(f->flags & FIELD_ALWAYS))
		return 0;
	auto_json *a = json_object_new_array();
	for (size_t i = 0; a && i < l->n; i++)
		TRY(add_element(a, json_object_new_string(l->v[i]), err));
	return field_save_new(take_ptr(a), ret, err);
}

void field_done_strv(const struct field *f, void *at)
{
	(void)f;
	strv_done(at);
}

LOAD(map)
{
	UNUSED_LOAD;
	auto_strmap m = {};

	if (!json_object_is_type(v, json_type_object))
		return field_wrong_type(v, "an object of strings", err);
	if (w->column == FIELD_COLUMN_CONF)   /* a table of a later file adds to that of an earlier one */
		TRY(strmap_copy(&m, at, err));
	json_object_object_foreach(v, key, value) {
		const char *text = "";
		size_t back = field_path_name(w, key);
		if (value)   /* null is Go's empty string */
			TRY(field_get_str(value, &text, err));
		TRY(strmap_set(&m, key, text, err));
		field_path_back(w, back);
	}
	strmap_done(at);
	*(struct strmap *)at = m;
	m = (struct strmap){};
	return 0;
}

SAVE(map)
{
	UNUSED_SAVE;
	const struct strmap *m = at;
	if (!m->n && !(f->flags & FIELD_ALWAYS))
		return 0;
	auto_json *o = json_object_new_object();
	for (size_t i = 0; o && i < m->n; i++)
		TRY(json_add_str(o, m->v[i].key, m->v[i].value, err));
	return field_save_new(take_ptr(o), ret, err);
}

void field_done_map(const struct field *f, void *at)
{
	(void)f;
	strmap_done(at);
}

LOAD(numbers)
{
	UNUSED_LOAD;
	if (!json_object_is_type(v, json_type_array))
		return field_wrong_type(v, "a list of numbers", err);
	size_t n = json_object_array_length(v);
	autofree uint64_t *l = calloc(n ? n : 1, sizeof(*l));
	if (!l)
		return fail_oom(err);
	for (size_t i = 0; i < n; i++) {
		size_t back = field_path_index(w, i);
		TRY(field_get_uint(json_object_array_get_idx(v, i), &l[i], err));
		field_path_back(w, back);
	}
	struct numv *to = at;
	free(to->v);
	*to = (struct numv){ take_ptr(l), n };
	return 0;
}

SAVE(numbers)
{
	UNUSED_SAVE;
	const struct numv *l = at;
	if (!l->n && !(f->flags & FIELD_ALWAYS))
		return 0;
	auto_json *a = json_object_new_array();
	for (size_t i = 0; a && i < l->n; i++)
		TRY(add_element(a, json_object_new_uint64(l->v[i]), err));
	return field_save_new(take_ptr(a), ret, err);
}

void field_done_numbers(const struct field *f, void *at)
{
	(void)f;
	free(((struct numv *)at)->v);
}

/* ---- structs ---- */
LOAD(object)
{
	return field_load_rows(f->rows, w, v, at, err);
}

SAVE(object)
{
	auto_json *o = NULL;

	TRY(fields_save(f->rows, c, at, &o, err));
	if (json_object_object_length(o) || (f->flags & FIELD_ALWAYS))
		*ret = take_ptr(o);
	return 0;
}

void field_done_object(const struct field *f, void *at)
{
	fields_done(f->rows, at);
}

LOAD(opt_object)
{
	void **to = at;

	if (!*to && !(*to = calloc(1, f->size)))
		return fail_oom(err);
	return field_load_rows(f->rows, w, v, *to, err);
}

SAVE(opt_object)
{
	void *const *from = at;
	return *from ? fields_save(f->rows, c, *from, ret, err) : 0;
}

void field_done_opt_object(const struct field *f, void *at)
{
	void *o = *(void **)at;

	if (o)
		fields_done(f->rows, o);
	free(o);
}

void field_done_list(const struct field *f, void *at)
{
	struct list *l = at;

	for (size_t i = 0; i < l->n; i++)
		fields_done(f->rows, (char *)l->v + i * f->size);
	free(l->v);
}

LOAD(list)
{
	struct list *l = at;

	if (!json_object_is_type(v, json_type_array))
		return field_wrong_type(v, "a list", err);
	field_done_list(f, l);
	*l = (struct list){};
	for (size_t i = 0; i < json_object_array_length(v); i++) {
		void *e = list_add(l, f->size, err);
		if (!e)
			return -1;
		size_t back = field_path_index(w, i);
		TRY(field_load_rows(f->rows, w, json_object_array_get_idx(v, i), e, err));
		field_path_back(w, back);
	}
	return 0;
}

SAVE(list)
{
	const struct list *l = at;

	if (!l->n && !(f->flags & FIELD_ALWAYS))
		return 0;
	auto_json *a = json_object_new_array();
	if (!a)
		return fail_oom(err);
	for (size_t i = 0; i < l->n; i++) {
		auto_json *o = NULL;
		TRY(fields_save(f->rows, c, (char *)l->v + i * f->size, &o, err));
		TRY(add_element(a, take_ptr(o), err));
	}
	*ret = take_ptr(a);
	return 0;
}

/* ---- raw and custom ---- */
LOAD(json)
{
	UNUSED_LOAD;
	(void)err;
	struct json_object **to = at;
	if (*to)
		json_object_put(*to);
	*to = json_object_get(v);
	return 0;
}

SAVE(json)
{
	UNUSED_SAVE;
	struct json_object *o = *(struct json_object *const *)at;
	*ret = json_object_get(o);
	return 0;
}

void field_done_json(const struct field *f, void *at)
{
	(void)f;
	if (*(struct json_object **)at)
		json_object_put(*(struct json_object **)at);
}

LOAD(custom)
{
	UNUSED_LOAD;
	if (!f->custom->load)
		return fail(err, ERROR_INVALID, "cannot be set here");
	return f->custom->load(f, at, v, err);
}

SAVE(custom)
{
	UNUSED_SAVE;
	return f->custom->save ? f->custom->save(f, at, ret, err) : 0;
}

void field_done_custom(const struct field *f, void *at)
{
	if (f->custom->done)
		f->custom->done(f, at);
}
