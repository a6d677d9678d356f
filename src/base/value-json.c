/* SPDX-License-Identifier: Apache-2.0
 * base/value-json.c - views of JSON trees: as they are (Go's map[string]interface {}), and as documents that stand for a
 * Go struct (a schema says which members are maps and times). */
#include "base/value-internal.h"

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

static struct value zero_of(enum value_kind kind)
{
	return kind == VALUE_INT ? value_int(0) : kind == VALUE_LIST ? value_list(NULL, 0) : value_str("");
}

static int get_absent(const struct value *v, const char *name, struct value *ret)
{
	const struct value_schema *schema = v->c.type;
	struct json_object *o;

	for (const struct value_absent *a = schema->absent; a && a->name; a++)
		if (streq(a->name, name)) {
			bool here = json_object_object_get_ex(tree_of(v), a->json, &o);
			*ret = here ? document_member(schema, a->json, o) : zero_of(a->kind);
			return 1;
		}
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
	if (!value_name_is_exported(name))
		return 0;
	json_object_object_foreach(tree_of(v), key, o)
		if (value_name_matches(name, key)) {
			*ret = document_member(v->c.type, key, o);
			return 1;
		}
	return get_absent(v, name, ret);
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
