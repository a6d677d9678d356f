/* SPDX-License-Identifier: Apache-2.0
 * base/toml.c - TOML 1.0 (toml.io/en/v1.0.0) read into a json-c tree.
 *
 * A recursive-descent parser over the text. What may be extended later is tracked beside the tree, because TOML
 * forbids what JSON cannot express: a table may be opened by [header] once, a table made by a dotted key or an inline
 * table is closed, an array of tables is not an ordinary array. `marks` lists those objects with their kind. */
#include "base/toml-internal.h"

/* How a table or array came to be; decides what may still be added. */
enum origin {
	ORIGIN_IMPLICIT,   /* parent of a [a.b] header: may still get its own header */
	ORIGIN_HEADER,     /* [a]: no second header */
	ORIGIN_DOTTED,     /* a.b = 1: no header, more dotted keys of the same table only */
	ORIGIN_CLOSED,     /* inline table or array value */
	ORIGIN_TABLES,     /* [[a]] */
};

struct mark {
	struct json_object *object;   /* borrowed from the tree */
	enum origin origin;
	struct json_object *owner;    /* ORIGIN_DOTTED: the table whose line made it */
};

/* ---- marks ---- */
static struct mark *mark_of(struct toml_parser *t, struct json_object *o)
{
	for (size_t i = t->marks_n; i-- > 0;)
		if (t->marks[i].object == o)
			return &t->marks[i];
	return NULL;
}

static int mark(struct toml_parser *t, struct json_object *o, enum origin origin, struct json_object *owner)
{
	if (t->marks_n == t->marks_cap) {
		size_t cap = t->marks_cap ? 2 * t->marks_cap : 32;
		struct mark *m = reallocarray(t->marks, cap, sizeof(*m));
		if (!m)
			return fail_oom(t->err);
		t->marks = m;
		t->marks_cap = cap;
	}
	t->marks[t->marks_n++] = (struct mark){ o, origin, owner };
	return 0;
}

/* ---- tables ---- */
static int new_table(struct toml_parser *t, struct json_object *in, const char *key, enum origin origin,
		     struct json_object *owner, struct json_object **ret)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return fail_oom(t->err);
	TRY(json_add(in, key, o, t->err));
	*ret = o;
	return mark(t, o, origin, owner);
}

/* The table to go on in behind one part of a [header]: an existing table, or the last element of [[...]]. */
static int step_header(struct toml_parser *t, struct json_object **table, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(*table, key, &v))
		return new_table(t, *table, key, ORIGIN_IMPLICIT, NULL, table);
	struct mark *m = mark_of(t, v);
	if (m && m->origin == ORIGIN_TABLES) {
		*table = json_object_array_get_idx(v, json_object_array_length(v) - 1);
		return 0;
	}
	if (!json_object_is_type(v, json_type_object) || (m && m->origin == ORIGIN_CLOSED))
		return toml_bad(t, "key \"%s\" is already used and cannot be extended", key);
	*table = v;
	return 0;
}

static int open_table(struct toml_parser *t, const struct strv *path, struct json_object **ret)
{
	struct json_object *table = t->root, *v;

	for (size_t i = 0; i + 1 < path->n; i++)
		TRY(step_header(t, &table, path->v[i]));
	const char *last = path->v[path->n - 1];
	if (!json_object_object_get_ex(table, last, &v))
		return new_table(t, table, last, ORIGIN_HEADER, NULL, ret);
	struct mark *m = mark_of(t, v);
	if (!json_object_is_type(v, json_type_object) || !m || m->origin != ORIGIN_IMPLICIT)
		return toml_bad(t, "table [%s] is already defined", last);
	m->origin = ORIGIN_HEADER;
	*ret = v;
	return 0;
}

static int open_array(struct toml_parser *t, const struct strv *path, struct json_object **ret)
{
	struct json_object *table = t->root, *v;

	for (size_t i = 0; i + 1 < path->n; i++)
		TRY(step_header(t, &table, path->v[i]));
	const char *last = path->v[path->n - 1];
	if (!json_object_object_get_ex(table, last, &v)) {
		v = json_object_new_array();
		if (!v)
			return fail_oom(t->err);
		TRY(json_add(table, last, v, t->err));
		TRY(mark(t, v, ORIGIN_TABLES, NULL));
	}
	struct mark *m = mark_of(t, v);
	if (!m || m->origin != ORIGIN_TABLES)
		return toml_bad(t, "\"%s\" is already defined and is no array of tables", last);
	struct json_object *o = json_object_new_object();
	if (!o || json_object_array_add(v, o) < 0)
		return fail_oom(t->err);
	*ret = o;
	return mark(t, o, ORIGIN_HEADER, NULL);
}

static int header(struct toml_parser *t, struct json_object **ret)
{
	auto_strv path = {};
	bool array = toml_starts(t, "[[");

	t->p += array ? 2 : 1;
	TRY(toml_key(t, &path));
	if (!toml_accept(t, ']') || (array && !toml_accept(t, ']')))
		return toml_bad(t, "expected %s behind the table's name", array ? "]]" : "]");
	TRY(array ? open_array(t, &path, ret) : open_table(t, &path, ret));
	return toml_end_of_line(t);
}

/* ---- values ---- */
static int value(struct toml_parser *t, int depth, struct json_object **ret);
static int key_value(struct toml_parser *t, struct json_object *table, int depth);

static int array(struct toml_parser *t, int depth, struct json_object **ret)
{
	auto_json *a = json_object_new_array();

	if (!a)
		return fail_oom(t->err);
	t->p++;
	for (;;) {
		TRY(toml_filler(t));
		if (toml_accept(t, ']'))
			break;
		struct json_object *v = NULL;
		if (value(t, depth + 1, &v) < 0 || json_object_array_add(a, v) < 0) {
			json_object_put(v);
			return t->err->kind ? -1 : fail_oom(t->err);
		}
		TRY(toml_filler(t));
		if (!toml_accept(t, ',') && toml_peek(t) != ']')
			return toml_bad(t, "expected , or ] in an array");
	}
	*ret = take_ptr(a);
	return 0;
}

static int inline_table(struct toml_parser *t, int depth, struct json_object **ret)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(t->err);
	t->p++;
	toml_blanks(t);
	for (bool first = true; !toml_accept(t, '}'); first = false) {
		if (!first && !toml_accept(t, ','))
			return toml_bad(t, "expected , or } in an inline table");
		TRY(key_value(t, o, depth + 1));
		toml_blanks(t);
	}
	*ret = take_ptr(o);
	return 0;
}

static int value(struct toml_parser *t, int depth, struct json_object **ret)
{
	if (depth > TOML_DEPTH_MAX)
		return toml_bad(t, "nested too deeply");
	switch (toml_peek(t)) {
	case '"':
	case '\'': {
		autofree char *s = NULL;
		TRY(toml_string(t, &s, false));
		*ret = json_object_new_string(s);
		return *ret ? 0 : fail_oom(t->err);
	}
	case '[':
		TRY(array(t, depth, ret));
		return mark(t, *ret, ORIGIN_CLOSED, NULL);
	case '{':
		TRY(inline_table(t, depth, ret));
		return mark(t, *ret, ORIGIN_CLOSED, NULL);
	}
	for (int b = 0; b < 2; b++) {
		const char *word = b ? "true" : "false";
		if (toml_starts(t, word) && (t->p + strlen(word) == t->end || !toml_is_bare(t->p[strlen(word)]))) {
			t->p += strlen(word);
			*ret = json_object_new_boolean(b);
			return *ret ? 0 : fail_oom(t->err);
		}
	}
	return toml_number(t, ret);
}

/* One part of a dotted key left of "=": tables made this way belong to `owner`, the table of the line. */
static int step_dotted(struct toml_parser *t, struct json_object **table, const char *key, struct json_object *owner)
{
	struct json_object *v;

	if (!json_object_object_get_ex(*table, key, &v))
		return new_table(t, *table, key, ORIGIN_DOTTED, owner, table);
	struct mark *m = mark_of(t, v);
	if (!json_object_is_type(v, json_type_object) || !m || m->origin != ORIGIN_DOTTED || m->owner != owner)
		return toml_bad(t, "key \"%s\" is already used and cannot be extended", key);
	*table = v;
	return 0;
}

static int key_value(struct toml_parser *t, struct json_object *table, int depth)
{
	auto_strv key = {};
	struct json_object *owner = table, *v = NULL;

	TRY(toml_key(t, &key));
	if (!toml_accept(t, '='))
		return toml_bad(t, "expected = behind the key");
	for (size_t i = 0; i + 1 < key.n; i++)
		TRY(step_dotted(t, &table, key.v[i], owner));
	const char *last = key.v[key.n - 1];
	if (json_object_object_get_ex(table, last, NULL))
		return toml_bad(t, "key \"%s\" is given twice", last);
	toml_blanks(t);
	if (value(t, depth, &v) < 0) {
		if (v)
			json_object_put(v);
		return -1;
	}
	return json_add(table, last, v, t->err);
}

static int document(struct toml_parser *t)
{
	struct json_object *table = t->root;

	for (;;) {
		TRY(toml_filler(t));
		if (t->p >= t->end)
			return 0;
		if (toml_peek(t) == '[') {
			TRY(header(t, &table));
			continue;
		}
		TRY(key_value(t, table, 0));
		TRY(toml_end_of_line(t));
	}
}

int toml_parse(const char *what, const char *text, size_t len, struct json_object **ret, struct error *err)
{
	if (len > TOML_BYTES_MAX)
		return fail(err, ERROR_INVALID, "%s: larger than %zu bytes", what, TOML_BYTES_MAX);
	auto_json *root = json_object_new_object();
	if (!root)
		return fail_oom(err);
	*err = (struct error){};
	struct toml_parser t = { .what = what, .start = text, .p = text, .end = text + len, .root = root, .err = err };
	int r = document(&t);
	free(t.marks);
	if (r < 0)
		return r;
	*ret = take_ptr(root);
	return 0;
}
