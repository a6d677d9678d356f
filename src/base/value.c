/* SPDX-License-Identifier: Apache-2.0
 * base/value.c - Go-like views of structs, vectors and JSON trees.
 *
 * A container's view is a table of functions (struct value_ops), one table per way of keeping data; the rest of
 * the engine knows only kinds and tables. Printing is in value-print.c, times and durations in value-time.c. */
#include "base/value-internal.h"

#include <stdarg.h>
#include <strings.h>

/* ---- pool ---- */
struct value_chunk {
	struct value_chunk *next;
	struct json_object *tree;   /* owned reference, or NULL */
	max_align_t data[];
};

void value_pool_done(struct value_pool *p)
{
	while (p->chunks) {
		struct value_chunk *c = p->chunks;
		p->chunks = c->next;
		if (c->tree)
			json_object_put(c->tree);
		free(c);
	}
	p->used = 0;
}

static struct value_chunk *new_chunk(struct value_pool *p, size_t size)
{
	size_t total = sizeof(struct value_chunk) + size;

	if (size > p->max || p->used > p->max - size)
		return NULL;
	struct value_chunk *c = calloc(1, total);
	if (!c)
		return NULL;
	p->used += total;
	c->next = p->chunks;
	p->chunks = c;
	return c;
}

void *value_pool_alloc(struct value_pool *p, size_t size)
{
	struct value_chunk *c = new_chunk(p, size);
	return c ? c->data : NULL;
}

/* The pool owns the reference from now on, also on failure. */
static int pool_keep(struct value_pool *p, struct json_object *tree, struct error *err)
{
	struct value_chunk *c = new_chunk(p, 0);

	if (!c) {
		json_object_put(tree);
		return fail_oom(err);
	}
	c->tree = tree;
	return 0;
}

/* ---- scalars ---- */
struct value value_nil(void)
{
	return (struct value){ .kind = VALUE_NIL };
}

struct value value_missing(void)
{
	return (struct value){ .kind = VALUE_MISSING };
}

struct value value_bool(bool b)
{
	return (struct value){ .kind = VALUE_BOOL, .b = b };
}

struct value value_int(int64_t i)
{
	return (struct value){ .kind = VALUE_INT, .i = i };
}

struct value value_uint(uint64_t u)
{
	return (struct value){ .kind = VALUE_UINT, .u = u };
}

struct value value_float(double f)
{
	return (struct value){ .kind = VALUE_FLOAT, .f = f };
}

struct value value_str_n(const char *s, size_t len)
{
	return (struct value){ .kind = VALUE_STR, .str = { s, len } };
}

struct value value_str(const char *s)
{
	return value_str_n(s ? s : "", s ? strlen(s) : 0);
}

struct value value_time(int64_t unix_ns)
{
	return (struct value){ .kind = VALUE_TIME, .i = unix_ns };
}

struct value value_duration(int64_t ns)
{
	return (struct value){ .kind = VALUE_DURATION, .i = ns };
}

struct value value_str_copy(struct value_pool *p, const char *s, size_t len)
{
	char *copy = value_pool_alloc(p, len + 1);

	if (!copy)
		return value_nil();
	memcpy(copy, s, len);
	return value_str_n(copy, len);
}

struct value value_strf(struct value_pool *p, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		return value_nil();
	struct value v = value_str_copy(p, s, n);
	free(s);
	return v;
}

/* ---- names ---- */
bool value_name_matches(const char *want, const char *have)
{
	for (;; want++, have++) {
		while (*have == '_')
			have++;
		while (*want == '_')
			want++;
		int a = *want, b = *have;
		a = a >= 'A' && a <= 'Z' ? a | 0x20 : a;
		b = b >= 'A' && b <= 'Z' ? b | 0x20 : b;
		if (a != b)
			return false;
		if (!a)
			return true;
	}
}

static bool is_exported(const char *name)
{
	return *name >= 'A' && *name <= 'Z';
}

/* ---- lists ---- */
static size_t count(const struct value *v)
{
	return v->c.n;
}

static int at_values(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		     struct error *err)
{
	*ret = ((const struct value *)v->c.at)[i];
	return 0;
}

static const struct value_ops values_ops = { .kind_name = "[]interface {}", .len = count, .at = at_values };

struct value value_list(const struct value *v, size_t n)
{
	return (struct value){ .kind = VALUE_LIST, .c = { .ops = &values_ops, .at = v, .n = n } };
}

static int at_strv(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		   struct error *err)
{
	*ret = value_str(((char *const *)v->c.at)[i]);
	return 0;
}

static const struct value_ops strv_ops = { .kind_name = "[]string", .len = count, .at = at_strv };

struct value value_strv(const struct strv *l)
{
	return (struct value){ .kind = VALUE_LIST, .c = { .ops = &strv_ops, .at = l->v, .n = l->n } };
}

static int at_numbers(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		      struct error *err)
{
	*ret = value_uint(((const uint64_t *)v->c.at)[i]);
	return 0;
}

static const struct value_ops numbers_ops = { .kind_name = "[]uint64", .len = count, .at = at_numbers };

static int at_structs(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		      struct error *err)
{
	*ret = value_struct(v->c.type, (const char *)v->c.at + i * v->c.stride);
	return 0;
}

static const struct value_ops structs_ops = { .kind_name = "[]struct", .len = count, .at = at_structs };

struct value value_structs(const struct value_type *type, const void *first, size_t n, size_t stride)
{
	return (struct value){ .kind = VALUE_LIST,
			       .c = { .ops = &structs_ops, .at = first, .type = type, .n = n, .stride = stride } };
}

static int at_pointers(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		       struct error *err)
{
	*ret = value_struct(v->c.type, ((const void *const *)v->c.at)[i]);
	return 0;
}

static const struct value_ops pointers_ops = { .kind_name = "[]struct", .len = count, .at = at_pointers };

struct value value_struct_ptrs(const struct value_type *type, const void *const *v, size_t n)
{
	return (struct value){ .kind = VALUE_LIST, .c = { .ops = &pointers_ops, .at = v, .type = type, .n = n } };
}

static int at_row_structs(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
			  struct error *err)
{
	*ret = value_rows(v->c.type, (const char *)v->c.at + i * v->c.stride);
	return 0;
}

static const struct value_ops row_structs_ops = { .kind_name = "[]struct", .len = count, .at = at_row_structs };

/* ---- maps of strings ---- */
static int at_strmap(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		     struct error *err)
{
	const struct strmap *m = v->c.at;

	if (key)
		*key = value_str(m->v[i].key);
	*ret = value_str(m->v[i].value);
	return 0;
}

static size_t count_strmap(const struct value *v)
{
	return ((const struct strmap *)v->c.at)->n;
}

static int get_strmap(struct value_pool *p, const struct value *v, const char *name, const struct value *args,
		      size_t n, struct value *ret, struct error *err)
{
	const char *s = strmap_get(v->c.at, name);

	*ret = s ? value_str(s) : value_missing();
	return 1;
}

static const struct value_ops strmap_ops = {
	.kind_name = "map[string]string", .len = count_strmap, .at = at_strmap, .get = get_strmap, .zero_is_string = true,
};

struct value value_strmap(const struct strmap *m)
{
	return (struct value){ .kind = VALUE_MAP, .c = { .ops = &strmap_ops, .at = m } };
}

/* ---- JSON trees ---- */
static const struct value_ops json_array_ops, json_object_ops, document_ops, documents_ops, document_map_ops;

static struct value json_scalar(struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_boolean:
		return value_bool(json_object_get_boolean(o));
	case json_type_int:
		if (json_object_get_int64(o) == INT64_MAX)
			return value_uint(json_object_get_uint64(o));
		return value_int(json_object_get_int64(o));
	case json_type_double:
		return value_float(json_object_get_double(o));
	case json_type_string:
		return value_str_n(json_object_get_string(o), json_object_get_string_len(o));
	default:
		return value_missing();   /* a nil interface prints as <no value> */
	}
}

struct value value_json(struct json_object *tree)
{
	bool array = json_object_is_type(tree, json_type_array);

	if (!array && !json_object_is_type(tree, json_type_object))
		return json_scalar(tree);
	return (struct value){ .kind = array ? VALUE_LIST : VALUE_MAP,
			       .c = { .ops = array ? &json_array_ops : &json_object_ops, .at = tree } };
}

static struct json_object *tree_of(const struct value *v)
{
	return (struct json_object *)v->c.at;
}

static size_t count_array(const struct value *v)
{
	return json_object_array_length(tree_of(v));
}

static size_t count_object(const struct value *v)
{
	return json_object_object_length(tree_of(v));
}

static int at_array(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		    struct error *err)
{
	*ret = value_json(json_object_array_get_idx(tree_of(v), i));
	return 0;
}

static struct lh_entry *nth_member(const struct value *v, size_t i)
{
	struct lh_entry *e = json_object_get_object(tree_of(v))->head;

	while (i-- > 0)
		e = lh_entry_next(e);
	return e;
}

static int at_object(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		     struct error *err)
{
	struct lh_entry *e = nth_member(v, i);

	if (key)
		*key = value_str(lh_entry_k(e));
	*ret = value_json((struct json_object *)lh_entry_v(e));
	return 0;
}

static int get_object(struct value_pool *p, const struct value *v, const char *name, const struct value *args, size_t n,
		      struct value *ret, struct error *err)
{
	struct json_object *o = NULL;

	json_object_object_get_ex(tree_of(v), name, &o);
	*ret = value_json(o);
	return 1;
}

static int save_tree(const struct value *v, struct json_object **ret, struct error *err)
{
	*ret = json_object_get(tree_of(v));
	return 0;
}

static const struct value_ops json_array_ops = {
	.kind_name = "[]interface {}", .len = count_array, .at = at_array, .save = save_tree,
};
static const struct value_ops json_object_ops = {
	.kind_name = "map[string]interface {}", .len = count_object, .at = at_object, .get = get_object,
};

/* ---- JSON trees that stand for structs ---- */
static bool is_listed(const char *const *names, const char *name)
{
	for (size_t i = 0; names && names[i]; i++)
		if (streq(names[i], name))
			return true;
	return false;
}

struct value value_document(const struct value_schema *schema, struct json_object *tree)
{
	bool array = json_object_is_type(tree, json_type_array);

	if (!array && !json_object_is_type(tree, json_type_object))
		return json_scalar(tree);
	return (struct value){ .kind = array ? VALUE_LIST : VALUE_STRUCT,
			       .c = { .ops = array ? &documents_ops : &document_ops, .at = tree, .type = schema } };
}

static struct value document_member(const struct value_schema *schema, const char *key, struct json_object *o)
{
	struct error ignored;
	int64_t t = 0;

	if (is_listed(schema->maps, key))
		return value_json(o);
	if (is_listed(schema->struct_maps, key))
		return value_document_map(schema, o);
	if (!is_listed(schema->times, key) || !json_object_is_type(o, json_type_string))
		return value_document(schema, o);
	const char *text = json_object_get_string(o);
	if (!str_after(text, "0001-01-01T00:00:00") && time_parse(text, 0, &t, &ignored) < 0)
		return value_str(text);
	return value_time(t);
}

static int at_document(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		       struct error *err)
{
	struct lh_entry *e = nth_member(v, i);

	if (key)
		*key = value_str(lh_entry_k(e));
	*ret = document_member(v->c.type, lh_entry_k(e), (struct json_object *)lh_entry_v(e));
	return 0;
}

static int get_document(struct value_pool *p, const struct value *v, const char *name, const struct value *args,
			size_t n, struct value *ret, struct error *err)
{
	struct json_object *exact;

	if (json_object_object_get_ex(tree_of(v), name, &exact)) {
		*ret = document_member(v->c.type, name, exact);
		return 1;
	}
	if (!is_exported(name))
		return 0;
	json_object_object_foreach(tree_of(v), key, o)
		if (value_name_matches(name, key)) {
			*ret = document_member(v->c.type, key, o);
			return 1;
		}
	return 0;
}

static int at_documents(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
			struct error *err)
{
	*ret = value_document(v->c.type, json_object_array_get_idx(tree_of(v), i));
	return 0;
}

static const char *name_document(const struct value *v)
{
	return ((const struct value_schema *)v->c.type)->name;
}

/* ---- maps of them ---- */
struct value value_document_map(const struct value_schema *schema, struct json_object *tree)
{
	if (!json_object_is_type(tree, json_type_object))
		return value_document(schema, tree);
	return (struct value){ .kind = VALUE_MAP, .c = { .ops = &document_map_ops, .at = tree, .type = schema } };
}

static int at_document_map(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
			   struct error *err)
{
	struct lh_entry *e = nth_member(v, i);

	if (key)
		*key = value_str(lh_entry_k(e));
	*ret = value_document(v->c.type, (struct json_object *)lh_entry_v(e));
	return 0;
}

static int get_document_map(struct value_pool *p, const struct value *v, const char *name, const struct value *args, size_t n,
			    struct value *ret, struct error *err)
{
	struct json_object *o = NULL;

	json_object_object_get_ex(tree_of(v), name, &o);
	*ret = o ? value_document(v->c.type, o) : value_missing();
	return 1;
}

static const struct value_ops document_map_ops = {
	.kind_name = "map[string]struct", .len = count_object, .at = at_document_map, .get = get_document_map,
};
static const struct value_ops document_ops = {
	.type_name = name_document, .len = count_object, .at = at_document, .get = get_document, .save = save_tree,
};
static const struct value_ops documents_ops = {
	.kind_name = "[]struct", .len = count_array, .at = at_documents, .save = save_tree,
};

/* ---- structs described by rows ---- */
static int show_custom(struct value_pool *p, const struct field *f, const void *at, struct value *ret,
		       struct error *err)
{
	struct json_object *tree = NULL;

	if (f->custom->save)
		TRY(f->custom->save(f, at, &tree, err));
	*ret = value_json(tree);
	return tree ? pool_keep(p, tree, err) : 0;
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
	return f->go ? f->go : f->json;
}

static const struct field *find_field(const struct field *rows, const char *name)
{
	if (!rows)
		return NULL;
	EACH_FIELD(f, rows)
		if (f->go && streq(f->go, name))
			return f;
	if (is_exported(name))
		EACH_FIELD(f, rows)
			if (!f->go && f->json && value_name_matches(name, f->json))
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
	.type_name = name_struct, .len = count_struct, .at = at_struct, .get = get_struct, .save = save_struct,
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

/* ---- questions ---- */
static bool is_container(const struct value *v)
{
	return v->kind == VALUE_LIST || v->kind == VALUE_MAP || v->kind == VALUE_STRUCT;
}

size_t value_len(const struct value *v)
{
	if (v->kind == VALUE_STR)
		return v->str.len;
	return is_container(v) ? v->c.ops->len(v) : 0;
}

int value_at(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
	     struct error *err)
{
	if (!is_container(v) || i >= value_len(v))
		return fail(err, ERROR_INVALID, "index out of range: %zu", i);
	if (key)
		*key = value_int((int64_t)i);
	return v->c.ops->at(p, v, i, key, ret, err);
}

int value_get(struct value_pool *p, const struct value *v, const char *name, struct value *ret, struct error *err)
{
	return value_call(p, v, name, NULL, 0, ret, err);
}

int value_call(struct value_pool *p, const struct value *v, const char *name, const struct value *args, size_t n,
	       struct value *ret, struct error *err)
{
	struct value_call call = { p, args, n };

	if (v->kind == VALUE_TIME || v->kind == VALUE_DURATION)
		return value_time_call(v, name, &call, ret, err);
	if (!is_container(v) || !v->c.ops->get)
		return 0;
	if (n && v->c.ops->get != get_struct)
		return fail(err, ERROR_INVALID, "%s is not a method but has arguments", name);
	return v->c.ops->get(p, v, name, args, n, ret, err);
}

struct value value_zero_of(const struct value *map)
{
	return map->c.ops->zero_is_string ? value_str("") : value_missing();
}

bool value_true(const struct value *v)
{
	switch (v->kind) {
	case VALUE_BOOL:     return v->b;
	case VALUE_INT:
	case VALUE_DURATION: return v->i != 0;
	case VALUE_UINT:     return v->u != 0;
	case VALUE_FLOAT:    return v->f != 0;
	case VALUE_STR:
	case VALUE_LIST:
	case VALUE_MAP:      return value_len(v) > 0;
	case VALUE_TIME:
	case VALUE_STRUCT:   return true;
	default:             return false;
	}
}

const char *value_type_name(const struct value *v)
{
	static const char *const names[VALUE_KIND_MAX] = {
		[VALUE_NIL] = "nil", [VALUE_MISSING] = "nil", [VALUE_BOOL] = "bool", [VALUE_INT] = "int",
		[VALUE_UINT] = "uint64", [VALUE_FLOAT] = "float64", [VALUE_STR] = "string", [VALUE_TIME] = "time.Time",
		[VALUE_DURATION] = "time.Duration",
	};

	if (!is_container(v))
		return names[v->kind];
	return v->c.ops->type_name ? v->c.ops->type_name(v) : v->c.ops->kind_name;
}

/* ---- JSON ---- */
static int save_members(const struct value *v, struct json_object *to, struct error *err)
{
	auto_value_pool pool = VALUE_POOL_INIT;
	size_t *order = v->kind == VALUE_MAP ? value_sorted_keys(&pool, v) : NULL;   /* Go sorts, too */

	if (v->kind == VALUE_MAP && !order)
		return fail_oom(err);
	for (size_t i = 0; i < value_len(v); i++) {
		struct value key, member;
		auto_json *o = NULL;
		TRY(value_at(&pool, v, order ? order[i] : i, &key, &member, err));
		TRY(value_save(&member, &o, err));
		if (v->kind == VALUE_MAP)
			TRY(json_add(to, key.str.s, take_ptr(o), err));
		else if (json_object_array_add(to, o) < 0)
			return fail_oom(err);
		else
			(void)take_ptr(o);
	}
	return 0;
}

static int save_scalar(const struct value *v, struct json_object **ret, struct error *err)
{
	char text[48];
	struct json_object *o = NULL;

	switch (v->kind) {
	case VALUE_BOOL:     o = json_object_new_boolean(v->b); break;
	case VALUE_INT:
	case VALUE_DURATION: o = json_object_new_int64(v->i); break;
	case VALUE_UINT:     o = json_object_new_uint64(v->u); break;
	case VALUE_FLOAT:    o = json_object_new_double(v->f); break;
	case VALUE_STR:      o = json_object_new_string_len(v->str.s, (int)v->str.len); break;
	case VALUE_TIME:
		o = json_object_new_string(v->i ? time_format_rfc3339(v->i, text) : "0001-01-01T00:00:00Z");
		break;
	default:
		*ret = NULL;
		return 0;
	}
	if (!o)
		return fail_oom(err);
	*ret = o;
	return 0;
}

int value_save(const struct value *v, struct json_object **ret, struct error *err)
{
	if (!is_container(v))
		return save_scalar(v, ret, err);
	if (v->c.ops->save)
		return v->c.ops->save(v, ret, err);
	auto_json *o = v->kind == VALUE_MAP ? json_object_new_object() : json_object_new_array();
	if (!o)
		return fail_oom(err);
	TRY(save_members(v, o, err));
	*ret = take_ptr(o);
	return 0;
}
