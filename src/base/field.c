/* SPDX-License-Identifier: Apache-2.0
 * base/field.c - the walks between a json-c tree and a struct described by rows.
 *
 * One static table, `types`, has the load/save/done functions of every field type (field-scalar.c, field-compound.c); the
 * walks themselves only loop over rows. The dotted path to where a walk stands is kept on the way, for messages. */
#include "base/field-internal.h"

struct type_ops {
	load_fn *load;
	save_fn *save;
	done_fn *done;   /* NULL: nothing owned */
	size_t size;     /* bytes to zero after done */
};

static const struct type_ops types[FIELD_TYPE_MAX] = {
	[FIELD_BOOL]       = { field_load_bool, field_save_bool, NULL, sizeof(bool) },
	[FIELD_STR]        = { field_load_str, field_save_str, field_done_str, sizeof(char *) },
	[FIELD_INT]        = { field_load_int, field_save_int, NULL, sizeof(int64_t) },
	[FIELD_UINT]       = { field_load_uint, field_save_uint, NULL, sizeof(uint64_t) },
	[FIELD_DOUBLE]     = { field_load_double, field_save_double, NULL, sizeof(double) },
	[FIELD_OPT_BOOL]   = { field_load_opt_bool, field_save_opt_bool, NULL, sizeof(struct opt_bool) },
	[FIELD_OPT_INT]    = { field_load_opt_int, field_save_opt_int, NULL, sizeof(struct opt_int) },
	[FIELD_OPT_UINT]   = { field_load_opt_uint, field_save_opt_uint, NULL, sizeof(struct opt_uint) },
	[FIELD_ENUM]       = { field_load_enum, field_save_enum, NULL, sizeof(int) },
	[FIELD_STRV]       = { field_load_strv, field_save_strv, field_done_strv, sizeof(struct strv) },
	[FIELD_CSV]        = { field_load_strv, field_save_strv, field_done_strv, sizeof(struct strv) },
	[FIELD_MAP]        = { field_load_map, field_save_map, field_done_map, sizeof(struct strmap) },
	[FIELD_DURATION]   = { field_load_duration, field_save_int, NULL, sizeof(int64_t) },
	[FIELD_TIME]       = { field_load_time, field_save_time, NULL, sizeof(int64_t) },
	[FIELD_SIZE]       = { field_load_size, field_save_int, NULL, sizeof(int64_t) },
	[FIELD_NUMBERS]    = { field_load_numbers, field_save_numbers, field_done_numbers, sizeof(struct numv) },
	[FIELD_OBJECT]     = { field_load_object, field_save_object, field_done_object, 0 },
	[FIELD_OPT_OBJECT] = { field_load_opt_object, field_save_opt_object, field_done_opt_object, sizeof(void *) },
	[FIELD_LIST]       = { field_load_list, field_save_list, field_done_list, sizeof(struct list) },
	[FIELD_JSON]       = { field_load_json, field_save_json, field_done_json, sizeof(struct json_object *) },
	[FIELD_CUSTOM]     = { field_load_custom, field_save_custom, field_done_custom, 0 },
};

static const char *column_name(const struct field *f, enum field_column c)
{
	switch (c) {
	case FIELD_COLUMN_DOCKER:  return field_more(f)->docker;
	case FIELD_COLUMN_CONF:    return f->conf;
	case FIELD_COLUMN_QUADLET: return field_more(f)->quadlet;
	default:                   return f->json;
	}
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

size_t field_path_name(struct walk *w, const char *name)
{
	return path_add(w, "%s%s", w->len ? "." : "", name);
}

size_t field_path_index(struct walk *w, size_t i)
{
	return path_add(w, "[%zu]", i);
}

void field_path_back(struct walk *w, size_t to)
{
	w->len = to;
	w->path[to] = '\0';
}

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
			size_t back = field_path_name(w, key);
			TRY(strv_add(w->unknown, w->path, err));
			field_path_back(w, back);
		}
	}
	return 0;
}

int field_load_rows(const struct field *rows, struct walk *w, struct json_object *tree, void *to, struct error *err)
{
	if (!json_object_is_type(tree, json_type_object))
		return field_wrong_type(tree, "an object", err);
	EACH_FIELD(f, rows) {
		const char *name = column_name(f, w->column);
		if (!name)
			continue;
		bool found;
		struct json_object *v = member(tree, name, &found);
		if (!v && (found || !(f->flags & FIELD_REQUIRED)))
			continue;   /* absent, or null: Go leaves the member alone */
		size_t back = field_path_name(w, name);
		if (!found)
			return fail(err, ERROR_INVALID, "is missing");
		TRY(types[f->type].load(f, w, v, (char *)to + f->off, err));
		field_path_back(w, back);
	}
	return w->unknown ? note_unknown(rows, w, tree, err) : 0;
}

int fields_load(const struct field *rows, enum field_column column, struct json_object *tree, void *to,
		struct strv *unknown, struct error *err)
{
	struct walk w = { .column = column, .unknown = unknown };

	if (field_load_rows(rows, &w, tree, to, err) == 0)
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
