/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml-tree.h"

#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/str.h"
#include "base/units.h"

struct reading {
	const char *what;
	yaml_parser_t parser;
	yaml_document_t *document;
	size_t nodes, bytes;
};

static int bad_at(const struct reading *r, const yaml_mark_t *mark, const char *reason, struct error *err)
{
	return fail(err, ERROR_INVALID, "%s:%zu: %s", r->what, mark->line + 1, reason);
}

static int bad(const struct reading *r, const yaml_node_t *n, const char *reason, struct error *err)
{
	return bad_at(r, &n->start_mark, reason, err);
}

/* ---- scalars ---- */
static bool is_one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (streq(s, *words))
			return true;
	return false;
}

/* Whole digits of a base, and a sign; 0o, 0 and 0x choose the base. */
static bool parse_integer(const char *s, struct json_object **ret)
{
	bool negative = *s == '-';
	const char *p = s + (*s == '-' || *s == '+');
	int base = p[0] != '0' || !p[1] ? 10 : p[1] == 'x' ? 16 : 8;
	char *end;

	if (base != 10)
		p += p[1] == 'x' || p[1] == 'o' ? 2 : 1;
	static const char digits[] = "0123456789abcdefABCDEF";
	if (!*p || strspn(p, digits) != strlen(p))
		return false;
	errno = 0;
	unsigned long long n = strtoull(p, &end, base);
	if (errno || *end)
		return false;
	if (negative && n > (unsigned long long)INT64_MAX + 1)
		return false;
	*ret = negative ? json_object_new_int64((int64_t)(0 - n)) :
	       n > INT64_MAX ? json_object_new_uint64(n) : json_object_new_int64((int64_t)n);
	return true;
}

static bool is_fraction(const char *s)
{
	const char *p = s + (*s == '-' || *s == '+');
	size_t whole = strspn(p, "0123456789"), part = 0;

	p += whole;
	if (*p == '.') {
		part = strspn(p + 1, "0123456789");
		p += 1 + part;
	}
	if (!whole && !part)
		return false;
	if (*p == 'e' || *p == 'E') {
		p += 1 + (p[1] == '-' || p[1] == '+');
		size_t n = strspn(p, "0123456789");
		if (!n || n > 3)
			return false;
		p += n;
	}
	return !*p;
}

/* Written as JSON writes numbers: .5 and 1. and +1 are not. */
static struct json_object *new_fraction(const char *s)
{
	double d = strtod(s, NULL);
	char text[FLOAT_FORMAT_SIZE];

	return json_object_new_double_s(d, float_format_json(d, text));
}

/* False: a string. *ret NULL: null. */
static bool plain_value(const char *s, struct json_object **ret)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL }, *const yes[] = { "true", "True", "TRUE", NULL },
				*const no[] = { "false", "False", "FALSE", NULL };

	*ret = NULL;
	if (is_one_of(s, nulls))
		return true;
	if (is_one_of(s, yes) || is_one_of(s, no)) {
		*ret = json_object_new_boolean(is_one_of(s, yes));
		return true;
	}
	if (parse_integer(s, ret))
		return true;
	if (!is_fraction(s))
		return false;
	*ret = new_fraction(s);
	return true;
}

static int add_scalar(struct reading *r, const yaml_node_t *n, struct json_object **ret, struct error *err)
{
	const char *s = (const char *)n->data.scalar.value, *tag = (const char *)n->tag;
	size_t len = n->data.scalar.length;
	bool plain = n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && streq0(tag, YAML_STR_TAG);

	/* libyaml gives untagged scalars the tag of strings; "!!str 1" in plain style is not told from "1" by it */
	if (strlen(s) == len && (plain || (tag && !streq(tag, YAML_STR_TAG) && str_after(tag, "tag:yaml.org,2002:"))) &&
	    plain_value(s, ret))
		return 0;
	r->bytes += len;
	if (r->bytes > 4 * YAML_TREE_BYTES_MAX)
		return bad(r, n, "too much text (aliases count each time)", err);
	if (tag && streq(tag, "tag:yaml.org,2002:binary"))
		return bad(r, n, "binary values are not supported", err);
	*ret = json_object_new_string_len(s, (int)len);
	return *ret ? 0 : fail_oom(err);
}

/* ---- nodes ---- */
static int add_node(struct reading *r, int index, int depth, struct json_object **ret, struct error *err);

static int add_sequence(struct reading *r, const yaml_node_t *n, int depth, struct json_object **ret, struct error *err)
{
	auto_json *list = json_object_new_array();

	if (!list)
		return fail_oom(err);
	for (const yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
		struct json_object *o = NULL;
		TRY(add_node(r, *i, depth + 1, &o, err));
		if (json_object_array_add(list, o) < 0) {
			json_put_p(&o);
			return fail_oom(err);
		}
	}
	*ret = take_ptr(list);
	return 0;
}

/* Members of `from` that are not there yet. */
static int merge(struct json_object *to, struct json_object *from, struct error *err)
{
	json_object_object_foreach(from, key, value)
		if (!json_object_object_get_ex(to, key, NULL))
			TRY(json_add(to, key, json_object_get(value), err));
	return 0;
}

/* "<<: *a" or "<<: [*a, *b]". */
static int merge_all(const struct reading *r, const yaml_node_t *at, struct json_object *to, struct json_object *from, struct error *err)
{
	if (json_object_is_type(from, json_type_object))
		return merge(to, from, err);
	if (!json_object_is_type(from, json_type_array))
		return bad(r, at, "<< wants a mapping, or a list of them", err);
	for (size_t i = 0; i < json_object_array_length(from); i++) {
		struct json_object *o = json_object_array_get_idx(from, i);
		if (!json_object_is_type(o, json_type_object))
			return bad(r, at, "<< wants a mapping, or a list of them", err);
		TRY(merge(to, o, err));
	}
	return 0;
}

static int add_pair(struct reading *r, const yaml_node_pair_t *p, int depth, struct json_object *to, struct json_object **merges,
		    struct error *err)
{
	const yaml_node_t *key = yaml_document_get_node(r->document, p->key);
	auto_json *value = NULL;

	if (!key || key->type != YAML_SCALAR_NODE)
		return key ? bad(r, key, "the key of a mapping is not a scalar", err) : fail_oom(err);
	const char *name = (const char *)key->data.scalar.value;
	if (strlen(name) != key->data.scalar.length)
		return bad(r, key, "a key holds a zero byte", err);
	TRY(add_node(r, p->value, depth + 1, &value, err));
	if (streq(name, "<<") && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return json_object_array_add(*merges, take_ptr(value)) < 0 ? fail_oom(err) : 0;
	if (json_object_object_get_ex(to, name, NULL))
		return fail(err, ERROR_INVALID, "%s:%zu: key \"%.100s\" is there twice", r->what, key->start_mark.line + 1, name);
	return json_add(to, name, take_ptr(value), err);
}

static int add_mapping(struct reading *r, const yaml_node_t *n, int depth, struct json_object **ret, struct error *err)
{
	auto_json *o = json_object_new_object(), *merges = json_object_new_array();

	if (!o || !merges)
		return fail_oom(err);
	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++)
		TRY(add_pair(r, p, depth, o, &merges, err));
	for (size_t i = 0; i < json_object_array_length(merges); i++)
		TRY(merge_all(r, n, o, json_object_array_get_idx(merges, i), err));
	*ret = take_ptr(o);
	return 0;
}

static int add_node(struct reading *r, int index, int depth, struct json_object **ret, struct error *err)
{
	const yaml_node_t *n = yaml_document_get_node(r->document, index);

	if (!n)
		return fail_oom(err);
	if (depth > YAML_TREE_DEPTH_MAX)
		return bad(r, n, "nested too deeply", err);
	if (++r->nodes > YAML_TREE_NODES_MAX)
		return bad(r, n, "too many values (aliases count each time)", err);
	if (n->type == YAML_SEQUENCE_NODE)
		return add_sequence(r, n, depth, ret, err);
	return n->type == YAML_MAPPING_NODE ? add_mapping(r, n, depth, ret, err) : add_scalar(r, n, ret, err);
}

/* ---- documents ---- */
static int read_problem(const struct reading *r, struct error *err)
{
	const yaml_parser_t *p = &r->parser;

	if (p->error == YAML_MEMORY_ERROR)
		return fail_oom(err);
	return bad_at(r, &p->problem_mark, p->problem ? p->problem : "not YAML", err);
}

/* libyaml composes a whole document before anybody can look, and its scanner goes through all open brackets for every token:
 * a file of brackets alone would keep it busy for minutes. Read as events first, it is stopped at the first one too many. */
static int check_nesting(struct reading *r, const char *text, size_t len, struct error *err)
{
	static const signed char change[] = {
		[YAML_SEQUENCE_START_EVENT] = 1, [YAML_MAPPING_START_EVENT] = 1, [YAML_SEQUENCE_END_EVENT] = -1, [YAML_MAPPING_END_EVENT] = -1,
	};
	yaml_event_type_t type = YAML_NO_EVENT;
	yaml_event_t e;
	int depth = 0;

	if (!yaml_parser_initialize(&r->parser))
		return fail_oom(err);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, len);
	while (type != YAML_STREAM_END_EVENT && depth <= YAML_TREE_DEPTH_MAX && yaml_parser_parse(&r->parser, &e)) {
		type = e.type;
		depth += (size_t)type < ARRAY_LEN(change) ? change[type] : 0;
		yaml_event_delete(&e);
	}
	int result = depth > YAML_TREE_DEPTH_MAX ? bad_at(r, &r->parser.mark, "nested too deeply", err) : 0;
	yaml_parser_delete(&r->parser);   /* what else is wrong is said when it is composed */
	return result;
}

/* 1: *ret; 0: there are no more. */
static int next_document(struct reading *r, struct json_object **ret, struct error *err)
{
	yaml_document_t d;
	int result = 0;

	if (!yaml_parser_load(&r->parser, &d))
		return read_problem(r, err);
	r->document = &d;
	*ret = NULL;
	if (yaml_document_get_root_node(&d))
		result = add_node(r, 1, 0, ret, err) < 0 ? -1 : 1;
	yaml_document_delete(&d);
	return result;
}

static int add_all(struct reading *r, struct json_object *list, struct error *err)
{
	for (;;) {
		struct json_object *o = NULL;
		int got = next_document(r, &o, err);
		if (got <= 0)
			return got;
		if (o && json_object_array_add(list, o) < 0) {
			json_put_p(&o);
			return fail_oom(err);
		}
	}
}

int yaml_tree_parse_all(const char *what, const char *text, size_t len, struct json_object **ret, struct error *err)
{
	struct reading r = { .what = what };
	auto_json *list = json_object_new_array();

	if (len > YAML_TREE_BYTES_MAX)
		return fail(err, ERROR_INVALID, "%s: larger than %zu bytes", what, YAML_TREE_BYTES_MAX);
	TRY(check_nesting(&r, text, len, err));
	if (!list || !yaml_parser_initialize(&r.parser))
		return fail_oom(err);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	int result = add_all(&r, list, err);
	yaml_parser_delete(&r.parser);
	TRY(result);
	*ret = take_ptr(list);
	return 0;
}

int yaml_tree_parse(const char *what, const char *text, size_t len, struct json_object **ret, struct error *err)
{
	auto_json *list = NULL;

	TRY(yaml_tree_parse_all(what, text, len, &list, err));
	if (json_object_array_length(list) > 1)
		return fail(err, ERROR_INVALID, "%s: has more than one document", what);
	*ret = json_object_get(json_object_array_get_idx(list, 0));
	return 0;
}
