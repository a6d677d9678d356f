/* SPDX-License-Identifier: Apache-2.0
 * base/value-struct.c - views of C structs: described by field rows alone, or by a value_type (rows and methods). */
#include "base/value-internal.h"

/* ---- lists in rows ---- */
static int at_numbers(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		      struct error *err)
{
	*ret = value_uint(((const uint64_t *)v->c.at)[i]);
	return 0;
}

static const struct value_ops numbers_ops = { .kind_name = "[]uint64", .len = value_count, .at = at_numbers };

static int at_row_structs(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
			  struct error *err)
{
	*ret = value_rows(v->c.type, (const char *)v->c.at + i * v->c.stride);
	return 0;
}

static const struct value_ops row_structs_ops = { .kind_name = "[]struct", .len = value_count, .at = at_row_structs };

/* ---- structs described by rows ---- */
static int show_custom(struct value_pool *p, const struct field *f, const void *at, struct value *ret,
		       struct error *err)
{
	struct json_object *tree = NULL;

	if (f->custom->save)
		TRY(f->custom->save(f, at, &tree, err));
	*ret = value_json(tree);
	return tree ? value_pool_keep(p, tree, err) : 0;
}

static struct value show_list(const struct field *f, const struct list *l)
{
	return (struct value){ .kind = VALUE_LIST,
			       .c = { .ops = &row_structs_ops, .at = l->v, .type = f->rows, .n = l->n, .stride = f->size } };
}

static struct value show_numbers(const struct numv *l)
{
	return (struct value){ .kind = VALUE_LIST, .c = { .ops = &numbers_ops, .at = l->v, .n = l->n } };
}

#define OPT(type, make) (((const type *)at)->set ? make(((const type *)at)->value) : value_nil())

static int show_field(struct value_pool *p, const struct field *f, const void *at, struct value *ret, struct error *err)
{
	switch (f->type) {
	case FIELD_BOOL:       *ret = value_bool(*(const bool *)at); return 0;
	case FIELD_STR:        *ret = value_str(*(char *const *)at); return 0;
	case FIELD_SIZE:
	case FIELD_INT:        *ret = value_int(*(const int64_t *)at); return 0;
	case FIELD_UINT:       *ret = value_uint(*(const uint64_t *)at); return 0;
	case FIELD_DOUBLE:     *ret = value_float(*(const double *)at); return 0;
	case FIELD_OPT_BOOL:   *ret = OPT(struct opt_bool, value_bool); return 0;
	case FIELD_OPT_INT:    *ret = OPT(struct opt_int, value_int); return 0;
	case FIELD_OPT_UINT:   *ret = OPT(struct opt_uint, value_uint); return 0;
	case FIELD_ENUM:       *ret = value_str(f->choices[*(const int *)at]); return 0;
	case FIELD_STRV:
	case FIELD_CSV:        *ret = value_strv(at); return 0;
	case FIELD_MAP:        *ret = value_strmap(at); return 0;
	case FIELD_DURATION:   *ret = value_duration(*(const int64_t *)at); return 0;
	case FIELD_TIME:       *ret = value_time(*(const int64_t *)at); return 0;
	case FIELD_NUMBERS:    *ret = show_numbers(at); return 0;
	case FIELD_OBJECT:     *ret = value_rows(f->rows, at); return 0;
	case FIELD_OPT_OBJECT: *ret = value_rows(f->rows, *(void *const *)at); return 0;
	case FIELD_LIST:       *ret = show_list(f, at); return 0;
	case FIELD_JSON:       *ret = value_json(*(struct json_object *const *)at); return 0;
	case FIELD_CUSTOM:     return show_custom(p, f, at, ret, err);
	default:               *ret = value_missing(); return 0;
	}
}

static const char *field_name(const struct field *f)
{
	return field_more(f)->go ?: f->json;
}

static const struct field *find_field(const struct field *rows, const char *name)
{
	if (!rows)
		return NULL;
	EACH_FIELD(f, rows)
		if (field_more(f)->go && streq(field_more(f)->go, name))
			return f;
	if (value_name_is_exported(name))
		EACH_FIELD(f, rows)
			if (!field_more(f)->go && f->json && value_name_matches(name, f->json))
				return f;
	return NULL;
}

static size_t count_fields(const struct field *rows)
{
	size_t n = 0;

	if (rows)
		EACH_FIELD(f, rows)
			n += field_name(f) != NULL;
	return n;
}

static int at_field(struct value_pool *p, const struct field *rows, const void *self, size_t i, struct value *key,
		    struct value *ret, struct error *err)
{
	EACH_FIELD(f, rows) {
		if (!field_name(f) || i-- > 0)
			continue;
		if (key)
			*key = value_str(field_name(f));
		return show_field(p, f, (const char *)self + f->off, ret, err);
	}
	return fail(err, ERROR_INVALID, "no such field");
}

static size_t count_rows(const struct value *v)
{
	return count_fields(v->c.type);
}

static int at_rows(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		   struct error *err)
{
	return at_field(p, v->c.type, v->c.at, i, key, ret, err);
}

static int get_rows(struct value_pool *p, const struct value *v, const char *name, const struct value *args, size_t n,
		    struct value *ret, struct error *err)
{
	const struct field *f = find_field(v->c.type, name);

	if (!f)
		return 0;
	TRY(show_field(p, f, (const char *)v->c.at + f->off, ret, err));
	return 1;
}

static int save_rows(const struct value *v, struct json_object **ret, struct error *err)
{
	return fields_save(v->c.type, FIELD_COLUMN_JSON, v->c.at, ret, err);
}

static const struct value_ops rows_ops = {
	.kind_name = "struct", .len = count_rows, .at = at_rows, .get = get_rows, .save = save_rows,
};

struct value value_rows(const struct field *rows, const void *self)
{
	if (!self)
		return value_nil();
	return (struct value){ .kind = VALUE_STRUCT, .c = { .ops = &rows_ops, .at = self, .type = rows } };
}

/* ---- structs with methods ---- */
static size_t count_struct(const struct value *v)
{
	return count_fields(((const struct value_type *)v->c.type)->rows);
}

static int at_struct(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		     struct error *err)
{
	return at_field(p, ((const struct value_type *)v->c.type)->rows, v->c.at, i, key, ret, err);
}

static const struct value_method *find_method(const struct value_type *type, const char *name)
{
	for (const struct value_method *m = type->methods; m && m->name; m++)
		if (streq(m->name, name))
			return m;
	return NULL;
}

static int get_struct(struct value_pool *p, const struct value *v, const char *name, const struct value *args, size_t n,
		      struct value *ret, struct error *err)
{
	const struct value_type *type = v->c.type;
	const struct value_method *m = find_method(type, name);

	if (m) {
		if (n < m->min_args || n > m->max_args)
			return fail(err, ERROR_INVALID, "wrong number of args for %s: want %d got %zu", name, m->min_args, n);
		struct value_call call = { p, args, n };
		TRY(m->call(v->c.at, &call, ret, err));
		return 1;
	}
	const struct field *f = find_field(type->rows, name);
	if (!f)
		return 0;
	if (n)
		return fail(err, ERROR_INVALID, "%s has arguments but cannot be invoked as function", name);
	TRY(show_field(p, f, (const char *)v->c.at + f->off, ret, err));
	return 1;
}

static const char *name_struct(const struct value *v)
{
	return ((const struct value_type *)v->c.type)->name;
}

static int save_struct(const struct value *v, struct json_object **ret, struct error *err)
{
	const struct value_type *type = v->c.type;

	if (type->json)
		return type->json(v->c.at, ret, err);
	if (!type->rows)
		return fail(err, ERROR_UNSUPPORTED, "%s has no JSON form", type->name);
	return fields_save(type->rows, FIELD_COLUMN_JSON, v->c.at, ret, err);
}

static const struct value_ops struct_ops = {
	.type_name = name_struct, .len = count_struct, .at = at_struct, .get = get_struct, .save = save_struct, .takes_args = true,
};

struct value value_struct(const struct value_type *type, const void *self)
{
	if (!self)
		return value_nil();
	return (struct value){ .kind = VALUE_STRUCT, .c = { .ops = &struct_ops, .at = self, .type = type } };
}

bool value_type_has(const struct value_type *type, const char *name)
{
	return find_method(type, name) || find_field(type->rows, name);
}
