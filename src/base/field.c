/* SPDX-License-Identifier: Apache-2.0
 * base/field.c - the walks between a json-c tree and a struct described by rows.
 *
 * One static table, `types`, has the load/save/done functions of every field type; the walks themselves only
 * loop over rows. The dotted path to where a walk stands is kept on the way, for messages. */
#include "base/field.h"

#include <assert.h>

#include "base/units.h"

/* One walk over a tree; path is where it stands ("mounts[2].source"), cut when it gets too long for a message. */
struct walk {
	enum field_column column;
	struct strv *unknown;   /* NULL: unknown members do not matter */
	char path[256];
	size_t len;
};

typedef int load_fn(const struct field *f, struct walk *w, struct json_object *v, void *at, struct error *err);
/* Returns 0 and a new reference, or 0 and NULL for "nothing to write". */
typedef int save_fn(const struct field *f, enum field_column c, const void *at, struct json_object **ret,
		    struct error *err);
typedef void done_fn(const struct field *f, void *at);

struct type_ops {
	load_fn *load;
	save_fn *save;
	done_fn *done;   /* NULL: nothing owned */
	size_t size;     /* bytes to zero after done */
};

static const struct type_ops types[FIELD_TYPE_MAX];

static const char *column_name(const struct field *f, enum field_column c)
{
	switch (c) {
	case FIELD_COLUMN_DOCKER:  return field_more(f)->docker;
	case FIELD_COLUMN_CONF:    return f->conf;
	case FIELD_COLUMN_QUADLET: return field_more(f)->quadlet;
	default:                   return f->json;
	}
}

static int wrong_type(struct json_object *v, const char *want, struct error *err)
{
	return fail(err, ERROR_INVALID, "expected %s, got %s", want, json_type_to_name(json_object_get_type(v)));
}

static int save_new(struct json_object *o, struct json_object **ret, struct error *err)
{
	if (!o)
		return fail_oom(err);
	*ret = o;
	return 0;
}

/* ---- scalars ---- */
static int get_bool(struct json_object *v, bool *ret, struct error *err)
{
	if (json_object_is_type(v, json_type_boolean)) {
		*ret = json_object_get_boolean(v);
		return 0;
	}
	/* storage.conf writes many booleans as strings. */
	if (json_object_is_type(v, json_type_string) && parse_bool(json_object_get_string(v), ret))
		return 0;
	return wrong_type(v, "true or false", err);
}

static int get_int(struct json_object *v, int64_t *ret, struct error *err)
{
	if (!json_object_is_type(v, json_type_int))
		return wrong_type(v, "a number", err);
	if (json_object_get_int64(v) == INT64_MAX && json_object_get_uint64(v) > INT64_MAX)   /* json-c clamps */
		return fail(err, ERROR_INVALID, "number is too large");
	*ret = json_object_get_int64(v);
	return 0;
}

static int get_uint(struct json_object *v, uint64_t *ret, struct error *err)
{
	if (!json_object_is_type(v, json_type_int))
		return wrong_type(v, "a number", err);
	if (json_object_get_int64(v) < 0)
		return fail(err, ERROR_INVALID, "must not be negative");
	*ret = json_object_get_uint64(v);
	return 0;
}

#define LOAD(name) \
	static int load_##name(const struct field *f, struct walk *w, struct json_object *v, void *at, struct error *err)
#define SAVE(name) \
	static int save_##name(const struct field *f, enum field_column c, const void *at, struct json_object **ret, \
			       struct error *err)
#define UNUSED_LOAD (void)f, (void)w
#define UNUSED_SAVE (void)f, (void)c, (void)err

LOAD(bool) { UNUSED_LOAD; return get_bool(v, at, err); }
LOAD(int) { UNUSED_LOAD; return get_int(v, at, err); }
LOAD(uint) { UNUSED_LOAD; return get_uint(v, at, err); }

SAVE(bool)
{
	UNUSED_SAVE;
	bool b = *(const bool *)at;
	return b || (f->flags & FIELD_ALWAYS) ? save_new(json_object_new_boolean(b), ret, err) : 0;
}

SAVE(int)
{
	UNUSED_SAVE;
	int64_t n = *(const int64_t *)at;
	return n || (f->flags & FIELD_ALWAYS) ? save_new(json_object_new_int64(n), ret, err) : 0;
}

SAVE(uint)
{
	UNUSED_SAVE;
	uint64_t n = *(const uint64_t *)at;
	return n || (f->flags & FIELD_ALWAYS) ? save_new(json_object_new_uint64(n), ret, err) : 0;
}

LOAD(double)
{
	UNUSED_LOAD;
	if (!json_object_is_type(v, json_type_double) && !json_object_is_type(v, json_type_int))
		return wrong_type(v, "a number", err);
	*(double *)at = json_object_get_double(v);
	return 0;
}

SAVE(double)
{
	UNUSED_SAVE;
	double n = *(const double *)at;
	return n != 0 || (f->flags & FIELD_ALWAYS) ? save_new(json_object_new_double(n), ret, err) : 0;
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
	return o->set ? save_new(json_object_new_boolean(o->value), ret, err) : 0;
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
	return o->set ? save_new(json_object_new_int64(o->value), ret, err) : 0;
}

LOAD(opt_uint)
{
	UNUSED_LOAD;
	struct opt_uint *o = at;
	TRY(get_uint(v, &o->value, err));
	o->set = true;
	return 0;
}

SAVE(opt_uint)
{
	UNUSED_SAVE;
	const struct opt_uint *o = at;
	return o->set ? save_new(json_object_new_uint64(o->value), ret, err) : 0;
}

/* *ret borrows from v. */
static int get_str(struct json_object *v, const char **ret, struct error *err)
{
	if (!json_object_is_type(v, json_type_string))
		return wrong_type(v, "a string", err);
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
	TRY(get_str(v, &s, err));
	return str_set(at, s, err);
}

SAVE(str)
{
	UNUSED_SAVE;
	const char *s = *(char *const *)at;
	if (str_empty(s) && !(f->flags & FIELD_ALWAYS))
		return 0;
	return save_new(json_object_new_string(s ? s : ""), ret, err);
}

static void done_str(const struct field *f, void *at)
{
	(void)f;
	free(*(char **)at);
}

LOAD(enum)
{
	UNUSED_LOAD;
	const char *s;
	TRY(get_str(v, &s, err));
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
	return i || (f->flags & FIELD_ALWAYS) ? save_new(json_object_new_string(f->choices[i]), ret, err) : 0;
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
		return wrong_type(v, "a date and time", err);
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
	return save_new(json_object_new_string(t ? time_format_rfc3339(t, text) : "0001-01-01T00:00:00Z"), ret, err);
}

/* ---- where a walk stands ---- */
static size_t __attribute__((format(printf, 2, 3))) path_add(struct walk *w, const char *fmt, ...)
{
	size_t back = w->len;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(w->path + w->len, sizeof(w->path) - w->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		w->len = w->len + n < sizeof(w->path) ? w->len + n : sizeof(w->path) - 1;
	return back;
}

/* Both return what path_back() needs. After a failure nobody goes back: the path then names the culprit. */
static size_t path_name(struct walk *w, const char *name)
{
	return path_add(w, "%s%s", w->len ? "." : "", name);
}

static size_t path_index(struct walk *w, size_t i)
{
	return path_add(w, "[%zu]", i);
}

static void path_back(struct walk *w, size_t to)
{
	w->len = to;
	w->path[to] = '\0';
}

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
		TRY(get_str(v, &s, err));
		TRY(strv_add(&l, s, err));
	} else {
		if (!json_object_is_type(v, json_type_array))
			return wrong_type(v, "a list of strings", err);
		for (size_t i = 0; i < json_object_array_length(v); i++) {
			size_t back = path_index(w, i);
			TRY(get_str(json_object_array_get_idx(v, i), &s, err));
			TRY(strv_add(&l, s, err));
			path_back(w, back);
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
	return save_new(take_ptr(a), ret, err);
}

static void done_strv(const struct field *f, void *at)
{
	(void)f;
	strv_done(at);
}

LOAD(map)
{
	UNUSED_LOAD;
	auto_strmap m = {};

	if (!json_object_is_type(v, json_type_object))
		return wrong_type(v, "an object of strings", err);
	if (w->column == FIELD_COLUMN_CONF)   /* a table of a later file adds to that of an earlier one */
		TRY(strmap_copy(&m, at, err));
	json_object_object_foreach(v, key, value) {
		const char *text = "";
		size_t back = path_name(w, key);
		if (value)   /* null is Go's empty string */
			TRY(get_str(value, &text, err));
		TRY(strmap_set(&m, key, text, err));
		path_back(w, back);
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
	return save_new(take_ptr(o), ret, err);
}

static void done_map(const struct field *f, void *at)
{
	(void)f;
	strmap_done(at);
}

LOAD(numbers)
{
	UNUSED_LOAD;
	if (!json_object_is_type(v, json_type_array))
		return wrong_type(v, "a list of numbers", err);
	size_t n = json_object_array_length(v);
	autofree uint64_t *l = calloc(n ? n : 1, sizeof(*l));
	if (!l)
		return fail_oom(err);
	for (size_t i = 0; i < n; i++) {
		size_t back = path_index(w, i);
		TRY(get_uint(json_object_array_get_idx(v, i), &l[i], err));
		path_back(w, back);
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
	return save_new(take_ptr(a), ret, err);
}

static void done_numbers(const struct field *f, void *at)
{
	(void)f;
	free(((struct numv *)at)->v);
}

/* ---- structs ---- */
static int load_rows(const struct field *rows, struct walk *w, struct json_object *tree, void *to, struct error *err);

LOAD(object)
{
	return load_rows(f->rows, w, v, at, err);
}

SAVE(object)
{
	auto_json *o = NULL;

	TRY(fields_save(f->rows, c, at, &o, err));
	if (json_object_object_length(o) || (f->flags & FIELD_ALWAYS))
		*ret = take_ptr(o);
	return 0;
}

static void done_object(const struct field *f, void *at)
{
	fields_done(f->rows, at);
}

LOAD(opt_object)
{
	void **to = at;

	if (!*to && !(*to = calloc(1, f->size)))
		return fail_oom(err);
	return load_rows(f->rows, w, v, *to, err);
}

SAVE(opt_object)
{
	void *const *from = at;
	return *from ? fields_save(f->rows, c, *from, ret, err) : 0;
}

static void done_opt_object(const struct field *f, void *at)
{
	void *o = *(void **)at;

	if (o)
		fields_done(f->rows, o);
	free(o);
}

static void done_list(const struct field *f, void *at)
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
		return wrong_type(v, "a list", err);
	done_list(f, l);
	*l = (struct list){};
	for (size_t i = 0; i < json_object_array_length(v); i++) {
		void *e = list_add(l, f->size, err);
		if (!e)
			return -1;
		size_t back = path_index(w, i);
		TRY(load_rows(f->rows, w, json_object_array_get_idx(v, i), e, err));
		path_back(w, back);
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

static void done_json(const struct field *f, void *at)
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

static void done_custom(const struct field *f, void *at)
{
	if (f->custom->done)
		f->custom->done(f, at);
}

static const struct type_ops types[FIELD_TYPE_MAX] = {
	[FIELD_BOOL]       = { load_bool, save_bool, NULL, sizeof(bool) },
	[FIELD_STR]        = { load_str, save_str, done_str, sizeof(char *) },
	[FIELD_INT]        = { load_int, save_int, NULL, sizeof(int64_t) },
	[FIELD_UINT]       = { load_uint, save_uint, NULL, sizeof(uint64_t) },
	[FIELD_DOUBLE]     = { load_double, save_double, NULL, sizeof(double) },
	[FIELD_OPT_BOOL]   = { load_opt_bool, save_opt_bool, NULL, sizeof(struct opt_bool) },
	[FIELD_OPT_INT]    = { load_opt_int, save_opt_int, NULL, sizeof(struct opt_int) },
	[FIELD_OPT_UINT]   = { load_opt_uint, save_opt_uint, NULL, sizeof(struct opt_uint) },
	[FIELD_ENUM]       = { load_enum, save_enum, NULL, sizeof(int) },
	[FIELD_STRV]       = { load_strv, save_strv, done_strv, sizeof(struct strv) },
	[FIELD_CSV]        = { load_strv, save_strv, done_strv, sizeof(struct strv) },
	[FIELD_MAP]        = { load_map, save_map, done_map, sizeof(struct strmap) },
	[FIELD_DURATION]   = { load_duration, save_int, NULL, sizeof(int64_t) },
	[FIELD_TIME]       = { load_time, save_time, NULL, sizeof(int64_t) },
	[FIELD_SIZE]       = { load_size, save_int, NULL, sizeof(int64_t) },
	[FIELD_NUMBERS]    = { load_numbers, save_numbers, done_numbers, sizeof(struct numv) },
	[FIELD_OBJECT]     = { load_object, save_object, done_object, 0 },
	[FIELD_OPT_OBJECT] = { load_opt_object, save_opt_object, done_opt_object, sizeof(void *) },
	[FIELD_LIST]       = { load_list, save_list, done_list, sizeof(struct list) },
	[FIELD_JSON]       = { load_json, save_json, done_json, sizeof(struct json_object *) },
	[FIELD_CUSTOM]     = { load_custom, save_custom, done_custom, 0 },
};

/* ---- the walks ---- */
static struct json_object *member(struct json_object *tree, const char *name, bool *ret_found)
{
	struct json_object *v;

	*ret_found = true;
	if (json_object_object_get_ex(tree, name, &v))
		return v;
	json_object_object_foreach(tree, key, value)
		if (strcasecmp(key, name) == 0)
			return value;
	*ret_found = false;
	return NULL;
}

static int note_unknown(const struct field *rows, struct walk *w, struct json_object *tree, struct error *err)
{
	json_object_object_foreach(tree, key, value) {
		(void)value;
		bool known = false;
		EACH_FIELD(f, rows) {
			const char *name = column_name(f, w->column);
			known |= name && strcasecmp(name, key) == 0;
		}
		if (!known) {
			size_t back = path_name(w, key);
			TRY(strv_add(w->unknown, w->path, err));
			path_back(w, back);
		}
	}
	return 0;
}

static int load_rows(const struct field *rows, struct walk *w, struct json_object *tree, void *to, struct error *err)
{
	if (!json_object_is_type(tree, json_type_object))
		return wrong_type(tree, "an object", err);
	EACH_FIELD(f, rows) {
		const char *name = column_name(f, w->column);
		if (!name)
			continue;
		bool found;
		struct json_object *v = member(tree, name, &found);
		if (!v && (found || !(f->flags & FIELD_REQUIRED)))
			continue;   /* absent, or null: Go leaves the member alone */
		size_t back = path_name(w, name);
		if (!found)
			return fail(err, ERROR_INVALID, "is missing");
		TRY(types[f->type].load(f, w, v, (char *)to + f->off, err));
		path_back(w, back);
	}
	return w->unknown ? note_unknown(rows, w, tree, err) : 0;
}

int fields_load(const struct field *rows, enum field_column column, struct json_object *tree, void *to,
		struct strv *unknown, struct error *err)
{
	struct walk w = { .column = column, .unknown = unknown };

	if (load_rows(rows, &w, tree, to, err) == 0)
		return 0;
	return w.len ? fail_wrap(err, "%s", w.path) : -1;
}

int fields_save(const struct field *rows, enum field_column column, const void *from, struct json_object **ret,
		struct error *err)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(err);
	EACH_FIELD(f, rows) {
		const char *name = column_name(f, column);
		struct json_object *v = NULL;
		if (!name)
			continue;
		TRY(types[f->type].save(f, column, (const char *)from + f->off, &v, err));
		if (v || ((f->flags & FIELD_ALWAYS) && f->type != FIELD_CUSTOM))   /* unset pointers are null in Go */
			TRY(json_add(o, name, v, err));
	}
	*ret = take_ptr(o);
	return 0;
}

void fields_done(const struct field *rows, void *at)
{
	EACH_FIELD(f, rows) {
		const struct type_ops *t = &types[f->type];
		if (t->done)
			t->done(f, (char *)at + f->off);
		memset((char *)at + f->off, 0, t->size);
	}
}

void *list_add(struct list *l, size_t size, struct error *err)
{
	char *v = reallocarray(l->v, l->n + 1, size);

	if (!v) {
		fail_oom(err);
		return NULL;
	}
	l->v = v;
	return memset(v + l->n++ * size, 0, size);
}
