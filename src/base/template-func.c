/* SPDX-License-Identifier: Apache-2.0
 * base/template-func.c - the functions of templates that Go has (template-words.c: those Podman adds).
 * Every function is one row of the table at the end; arguments are counted there, types are checked here. */
#include "base/template-internal.h"

#include <math.h>

int template_give_text(struct call *c, struct buf *text)
{
	TRY(buf_ok(text, "result", c->err));
	*c->ret = value_str_copy(c->pool, text->data ? text->data : "", text->len);
	return c->ret->kind == VALUE_STR ? 0 : fail_oom(c->err);
}

bool template_is_nil(const struct value *v)
{
	return v->kind == VALUE_NIL || v->kind == VALUE_MISSING;
}

int template_want_string(struct call *c, size_t i, struct value *ret)
{
	const struct value *v = &c->args[i];

	if (v->kind == VALUE_STR) {
		*ret = *v;
		return 0;
	}
	if (template_is_nil(v)) {   /* the zero value of what a map does not have */
		*ret = value_str("");
		return 0;
	}
	return fail(c->err, ERROR_INVALID, "wrong type for value; expected string; got %s", value_type_name(v));
}

int template_want_int(struct call *c, size_t i, int64_t *ret)
{
	const struct value *v = &c->args[i];

	if (v->kind == VALUE_INT || (v->kind == VALUE_UINT && v->u <= INT64_MAX)) {
		*ret = v->i;
		return 0;
	}
	return fail(c->err, ERROR_INVALID, "wrong type for value; expected int; got %s", value_type_name(v));
}

/* ---- comparison ---- */
enum basic { BASIC_NONE, BASIC_NIL, BASIC_BOOL, BASIC_INT, BASIC_UINT, BASIC_FLOAT, BASIC_STRING, BASIC_TIME };

static enum basic basic_kind(const struct value *v)
{
	static const enum basic kinds[VALUE_KIND_MAX] = {
		[VALUE_NIL] = BASIC_NIL, [VALUE_MISSING] = BASIC_NIL, [VALUE_BOOL] = BASIC_BOOL, [VALUE_INT] = BASIC_INT,
		[VALUE_DURATION] = BASIC_INT, [VALUE_UINT] = BASIC_UINT, [VALUE_FLOAT] = BASIC_FLOAT, [VALUE_STR] = BASIC_STRING,
		[VALUE_TIME] = BASIC_TIME,
	};
	return kinds[v->kind];
}

static int compare_strings(const struct value *a, const struct value *b)
{
	size_t n = a->str.len < b->str.len ? a->str.len : b->str.len;
	int r = memcmp(a->str.s, b->str.s, n);
	return r ? r : (a->str.len > b->str.len) - (a->str.len < b->str.len);
}

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/* Both are of kinds that can be ordered; *ret <0, 0, >0. */
static int compare(const struct value *a, const struct value *b, int *ret, struct error *err)
{
	enum basic x = basic_kind(a), y = basic_kind(b);

	if (x == BASIC_INT && y == BASIC_UINT)
		*ret = a->i < 0 ? -1 : ORDER((uint64_t)a->i, b->u);
	else if (x == BASIC_UINT && y == BASIC_INT)
		*ret = b->i < 0 ? 1 : ORDER(a->u, (uint64_t)b->i);
	else if (x != y)
		return fail(err, ERROR_INVALID, "incompatible types for comparison: %s and %s", value_type_name(a),
			    value_type_name(b));
	else if (x == BASIC_STRING)
		*ret = compare_strings(a, b);
	else if (x == BASIC_FLOAT)
		*ret = ORDER(a->f, b->f);
	else if (x == BASIC_UINT)
		*ret = ORDER(a->u, b->u);
	else
		*ret = ORDER(a->i, b->i);
	return 0;
}

static int equal(const struct value *a, const struct value *b, bool *ret, struct error *err)
{
	enum basic x = basic_kind(a), y = basic_kind(b);
	int order;

	if (x == BASIC_NIL || y == BASIC_NIL) {
		*ret = x == y;
		return 0;
	}
	if (x == BASIC_NONE || y == BASIC_NONE)
		return fail(err, ERROR_INVALID, "non-comparable type %s", value_type_name(x == BASIC_NONE ? a : b));
	if (x == BASIC_BOOL && y == BASIC_BOOL) {
		*ret = a->b == b->b;
		return 0;
	}
	TRY(compare(a, b, &order, err));
	*ret = order == 0;
	return 0;
}

static int call_eq(struct call *c)
{
	bool same = false;

	if (c->n < 2)
		return fail(c->err, ERROR_INVALID, "missing argument for comparison");
	for (size_t i = 1; i < c->n && !same; i++)
		TRY(equal(&c->args[0], &c->args[i], &same, c->err));
	*c->ret = value_bool(same);
	return 0;
}

static int call_ne(struct call *c)
{
	TRY(call_eq(c));
	c->ret->b = !c->ret->b;
	return 0;
}

static int ordered(struct call *c, int *ret)
{
	for (size_t i = 0; i < 2; i++) {
		enum basic k = basic_kind(&c->args[i]);
		if (k == BASIC_NONE || k == BASIC_NIL || k == BASIC_BOOL)
			return fail(c->err, ERROR_INVALID, "invalid type for comparison");
	}
	return compare(&c->args[0], &c->args[1], ret, c->err);
}

#define COMPARISON(name, test)                            \
	static int call_##name(struct call *c)            \
	{                                                 \
		int order;                                \
		TRY(ordered(c, &order));                  \
		*c->ret = value_bool(order test 0);       \
		return 0;                                 \
	}
COMPARISON(lt, <)
COMPARISON(le, <=)
COMPARISON(gt, >)
COMPARISON(ge, >=)

static int call_not(struct call *c)
{
	*c->ret = value_bool(!value_true(&c->args[0]));
	return 0;
}

/* ---- parts ---- */
static int call_len(struct call *c)
{
	const struct value *v = &c->args[0];

	if (template_is_nil(v))
		return fail(c->err, ERROR_INVALID, "len of nil pointer");
	if (v->kind != VALUE_STR && v->kind != VALUE_LIST && v->kind != VALUE_MAP)
		return fail(c->err, ERROR_INVALID, "len of type %s", value_type_name(v));
	*c->ret = value_int((int64_t)value_len(v));
	return 0;
}

static int index_map(struct call *c, const struct value *map, const struct value *key, struct value *ret)
{
	if (key->kind != VALUE_STR)
		return fail(c->err, ERROR_INVALID, "value has type %s; should be string", value_type_name(key));
	autofree char *name = strndup(key->str.s, key->str.len);
	if (!name)
		return fail_oom(c->err);
	TRY(value_get(c->pool, map, name, ret, c->err));
	if (ret->kind == VALUE_MISSING)
		*ret = value_zero_of(map);
	return 0;
}

static int want_index(const struct value *v, size_t len, int64_t *ret, struct error *err)
{
	if (v->kind != VALUE_INT && v->kind != VALUE_UINT)
		return fail(err, ERROR_INVALID, "cannot index slice/array with type %s", value_type_name(v));
	if (v->i < 0 || (uint64_t)v->i > len)
		return fail(err, ERROR_INVALID, "index out of range: %lld", (long long)v->i);
	*ret = v->i;
	return 0;
}

static int call_index(struct call *c)
{
	struct value v = c->args[0];
	int64_t at;

	if (template_is_nil(&v))
		return fail(c->err, ERROR_INVALID, "index of untyped nil");
	for (size_t i = 1; i < c->n; i++) {
		struct value member;
		switch (v.kind) {
		case VALUE_MAP:
			TRY(index_map(c, &v, &c->args[i], &member));
			break;
		case VALUE_LIST:
		case VALUE_STR:
			TRY(want_index(&c->args[i], value_len(&v), &at, c->err));
			if ((size_t)at == value_len(&v))
				return fail(c->err, ERROR_INVALID, "index out of range: %lld", (long long)at);
			if (v.kind == VALUE_STR)
				member = value_uint((unsigned char)v.str.s[at]);
			else
				TRY(value_at(c->pool, &v, at, NULL, &member, c->err));
			break;
		case VALUE_MISSING:
		case VALUE_NIL:
			return fail(c->err, ERROR_INVALID, "index of nil pointer");
		default:
			return fail(c->err, ERROR_INVALID, "can't index item of type %s", value_type_name(&v));
		}
		v = member;
	}
	*c->ret = v;
	return 0;
}

static int call_slice(struct call *c)
{
	const struct value *v = &c->args[0];
	int64_t from = 0, to = (int64_t)value_len(v), cap = to;

	if (template_is_nil(v))
		return fail(c->err, ERROR_INVALID, "slice of untyped nil");
	if (v->kind != VALUE_STR && v->kind != VALUE_LIST)
		return fail(c->err, ERROR_INVALID, "can't slice item of type %s", value_type_name(v));
	if (c->n == 4 && v->kind == VALUE_STR)
		return fail(c->err, ERROR_INVALID, "cannot 3-index slice a string");
	int64_t *const bounds[] = { &from, &to, &cap };
	for (size_t i = 1; i < c->n; i++)
		TRY(want_index(&c->args[i], value_len(v), bounds[i - 1], c->err));
	if (from > to || to > cap)
		return fail(c->err, ERROR_INVALID, "invalid slice index: %lld > %lld", (long long)from, (long long)to);
	if (v->kind == VALUE_STR) {
		*c->ret = value_str_n(v->str.s + from, to - from);
		return 0;
	}
	struct value *members = value_pool_alloc(c->pool, (size_t)(to - from) * sizeof(*members));
	if (!members)
		return fail_oom(c->err);
	for (int64_t i = from; i < to; i++)
		TRY(value_at(c->pool, v, i, NULL, &members[i - from], c->err));
	*c->ret = value_list(members, to - from);
	return 0;
}

/* ---- printing ---- */
static int call_print(struct call *c)
{
	auto_buf text = BUF_INIT(TEMPLATE_MAX_RESULT);

	value_sprint(c->pool, &text, c->args, c->n, false);
	return template_give_text(c, &text);
}

static int call_println(struct call *c)
{
	auto_buf text = BUF_INIT(TEMPLATE_MAX_RESULT);

	value_sprint(c->pool, &text, c->args, c->n, true);
	return template_give_text(c, &text);
}

static int call_printf(struct call *c)
{
	auto_buf text = BUF_INIT(TEMPLATE_MAX_RESULT);
	struct value format;

	TRY(template_want_string(c, 0, &format));
	value_printf(c->pool, &text, format.str.s, format.str.len, c->args + 1, c->n - 1);
	return template_give_text(c, &text);
}

/* ---- escapers: of what print would show ---- */
static void escape_html(struct buf *to, const char *s, size_t len)
{
	static const char *const escapes[128] = {
		['"'] = "&#34;", ['\''] = "&#39;", ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;",
	};

	for (size_t i = 0; i < len; i++) {
		unsigned char c = s[i];
		if (!c)
			buf_add_str(to, "\xef\xbf\xbd");
		else if (c < 128 && escapes[c])
			buf_add_str(to, escapes[c]);
		else
			buf_add_char(to, (char)c);
	}
}

static void escape_js(struct buf *to, const char *s, size_t len)
{
	static const char *const escapes[128] = {
		['\\'] = "\\\\", ['\''] = "\\'", ['"'] = "\\\"", ['<'] = "\\u003C", ['>'] = "\\u003E", ['&'] = "\\u0026",
		['='] = "\\u003D",
	};

	for (size_t i = 0; i < len; i++) {
		unsigned char c = s[i];
		if (c < 128 && escapes[c])
			buf_add_str(to, escapes[c]);
		else if (c < 0x20)
			buf_addf(to, "\\u%04X", c);
		else
			buf_add_char(to, (char)c);
	}
}

static void escape_url(struct buf *to, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = s[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("-_.~", c));
		if (plain)
			buf_add_char(to, (char)c);
		else if (c == ' ')
			buf_add_char(to, '+');
		else
			buf_addf(to, "%%%02X", c);
	}
}

static int escape(struct call *c, void (*add)(struct buf *, const char *, size_t))
{
	auto_buf plain = BUF_INIT(TEMPLATE_MAX_RESULT), text = BUF_INIT(TEMPLATE_MAX_RESULT);

	if (c->n == 1 && c->args[0].kind == VALUE_MISSING)
		buf_add_str(&plain, "<no value>");
	else
		value_sprint(c->pool, &plain, c->args, c->n, false);
	TRY(buf_ok(&plain, "result", c->err));
	add(&text, plain.data ? plain.data : "", plain.len);
	return template_give_text(c, &text);
}

static int call_html(struct call *c)
{
	return escape(c, escape_html);
}

static int call_js(struct call *c)
{
	return escape(c, escape_js);
}

static int call_urlquery(struct call *c)
{
	return escape(c, escape_url);
}

static int call_call(struct call *c)
{
	if (template_is_nil(&c->args[0]))
		return fail(c->err, ERROR_INVALID, "call of nil");
	return fail(c->err, ERROR_INVALID, "non-function of type %s", value_type_name(&c->args[0]));
}

static const struct template_function functions[] = {
	{ "and", NULL, 1, 255 },
	{ "or", NULL, 1, 255 },
	{ "not", call_not, 1, 1 },
	{ "eq", call_eq, 1, 255 },
	{ "ne", call_ne, 2, 2 },
	{ "lt", call_lt, 2, 2 },
	{ "le", call_le, 2, 2 },
	{ "gt", call_gt, 2, 2 },
	{ "ge", call_ge, 2, 2 },
	{ "len", call_len, 1, 1, true },
	{ "index", call_index, 1, 255, true },
	{ "slice", call_slice, 1, 4, true },
	{ "print", call_print, 0, 255 },
	{ "printf", call_printf, 1, 255 },
	{ "println", call_println, 0, 255 },
	{ "html", call_html, 0, 255, true },
	{ "js", call_js, 0, 255, true },
	{ "urlquery", call_urlquery, 0, 255, true },
	{ "call", call_call, 1, 255 },
	{}
};

const struct template_function *template_function_find(const char *name, size_t len)
{
	const struct template_function *const tables[] = { functions, template_word_functions };

	for (size_t t = 0; t < ARRAY_LEN(tables); t++)
		for (const struct template_function *f = tables[t]; f->name; f++)
			if (strlen(f->name) == len && memcmp(f->name, name, len) == 0)
				return f;
	return NULL;
}
