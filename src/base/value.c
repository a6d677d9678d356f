/* SPDX-License-Identifier: Apache-2.0
 * base/value.c - Go-like views of structs, vectors and JSON trees.
 *
 * A container's view is a table of functions (struct value_ops), one table per way of keeping data; the rest of
 * the engine knows only kinds and tables. Here: scalars, lists, maps of strings and what can be asked of any value;
 * JSON trees are in value-json.c, structs in value-struct.c, printing in value-print.c, times in value-time.c. */
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

int value_pool_keep(struct value_pool *p, struct json_object *tree, struct error *err)
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

struct value value_join(struct value_pool *p, const struct strv *words, const char *between)
{
	autofree char *text = strv_join(words, between);

	return text ? value_str_copy(p, text, strlen(text)) : value_nil();
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

bool value_name_is_exported(const char *name)
{
	return *name >= 'A' && *name <= 'Z';
}

/* ---- lists ---- */
size_t value_count(const struct value *v)
{
	return v->c.n;
}

static int at_values(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		     struct error *err)
{
	*ret = ((const struct value *)v->c.at)[i];
	return 0;
}

static const struct value_ops values_ops = { .kind_name = "[]interface {}", .len = value_count, .at = at_values };

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

static const struct value_ops strv_ops = { .kind_name = "[]string", .len = value_count, .at = at_strv };

struct value value_strv(const struct strv *l)
{
	return (struct value){ .kind = VALUE_LIST, .c = { .ops = &strv_ops, .at = l->v, .n = l->n } };
}

static int at_structs(struct value_pool *p, const struct value *v, size_t i, struct value *key, struct value *ret,
		      struct error *err)
{
	*ret = value_struct(v->c.type, (const char *)v->c.at + i * v->c.stride);
	return 0;
}

static const struct value_ops structs_ops = { .kind_name = "[]struct", .len = value_count, .at = at_structs };

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

static const struct value_ops pointers_ops = { .kind_name = "[]struct", .len = value_count, .at = at_pointers };

struct value value_struct_ptrs(const struct value_type *type, const void *const *v, size_t n)
{
	return (struct value){ .kind = VALUE_LIST, .c = { .ops = &pointers_ops, .at = v, .type = type, .n = n } };
}

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
	if (n && !v->c.ops->takes_args)
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
