/* SPDX-License-Identifier: Apache-2.0
 * base/template-func.c - the functions of templates: Go's built-in ones and those Podman adds.
 * Every function is one row of the table at the end; arguments are counted there, types are checked here. */
#include "base/template-internal.h"

#include <math.h>

#define MAX_RESULT ((size_t)16 << 20)

static int give_text(struct call *c, struct buf *text)
{
	TRY(buf_ok(text, "result", c->err));
	*c->ret = value_str_copy(c->pool, text->data ? text->data : "", text->len);
	return c->ret->kind == VALUE_STR ? 0 : fail_oom(c->err);
}

static bool is_nil(const struct value *v)
{
	return v->kind == VALUE_NIL || v->kind == VALUE_MISSING;
}

static int want_string(struct call *c, size_t i, struct value *ret)
{
	const struct value *v = &c->args[i];

	if (v->kind == VALUE_STR) {
		*ret = *v;
		return 0;
	}
	if (is_nil(v)) {   /* the zero value of what a map does not have */
		*ret = value_str("");
		return 0;
	}
	return fail(c->err, ERROR_INVALID, "wrong type for value; expected string; got %s", value_type_name(v));
}

static int want_int(struct call *c, size_t i, int64_t *ret)
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

	if (is_nil(v))
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

	if (is_nil(&v))
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

	if (is_nil(v))
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
	auto_buf text = BUF_INIT(MAX_RESULT);

	value_sprint(c->pool, &text, c->args, c->n, false);
	return give_text(c, &text);
}

static int call_println(struct call *c)
{
	auto_buf text = BUF_INIT(MAX_RESULT);

	value_sprint(c->pool, &text, c->args, c->n, true);
	return give_text(c, &text);
}

static int call_printf(struct call *c)
{
	auto_buf text = BUF_INIT(MAX_RESULT);
	struct value format;

	TRY(want_string(c, 0, &format));
	value_printf(c->pool, &text, format.str.s, format.str.len, c->args + 1, c->n - 1);
	return give_text(c, &text);
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
	auto_buf plain = BUF_INIT(MAX_RESULT), text = BUF_INIT(MAX_RESULT);

	if (c->n == 1 && c->args[0].kind == VALUE_MISSING)
		buf_add_str(&plain, "<no value>");
	else
		value_sprint(c->pool, &plain, c->args, c->n, false);
	TRY(buf_ok(&plain, "result", c->err));
	add(&text, plain.data ? plain.data : "", plain.len);
	return give_text(c, &text);
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
	if (is_nil(&c->args[0]))
		return fail(c->err, ERROR_INVALID, "call of nil");
	return fail(c->err, ERROR_INVALID, "non-function of type %s", value_type_name(&c->args[0]));
}

/* ---- Podman's ---- */
static int call_json(struct call *c)
{
	auto_buf text = BUF_INIT(MAX_RESULT);
	auto_json *tree = NULL;

	TRY(value_save(&c->args[0], &tree, c->err));
	json_format(&text, tree, 0);
	return give_text(c, &text);
}

static int call_join(struct call *c)
{
	auto_buf text = BUF_INIT(MAX_RESULT);
	struct value separator;

	if (c->args[0].kind != VALUE_LIST && !is_nil(&c->args[0]))
		return fail(c->err, ERROR_INVALID, "wrong type for value; expected []string; got %s", value_type_name(&c->args[0]));
	TRY(want_string(c, 1, &separator));
	for (size_t i = 0; i < value_len(&c->args[0]); i++) {
		struct value v;
		TRY(value_at(c->pool, &c->args[0], i, NULL, &v, c->err));
		if (i)
			buf_add(&text, separator.str.s, separator.str.len);
		value_print(c->pool, &text, &v);
	}
	return give_text(c, &text);
}

static int call_split(struct call *c)
{
	struct value s, separator;

	TRY(want_string(c, 0, &s));
	TRY(want_string(c, 1, &separator));
	const char *p = s.str.s, *end = p + s.str.len;
	/* An empty separator splits between characters. */
	size_t most = s.str.len + 1, n = 0, step = separator.str.len;
	struct value *pieces = value_pool_alloc(c->pool, most * sizeof(*pieces));
	if (!pieces)
		return fail_oom(c->err);
	while (p < end || step) {
		size_t one = p < end ? utf8_length(p, end - p) : 0;
		const char *stop = step ? memmem(p, end - p, separator.str.s, step) : p + (one ? one : 1);
		pieces[n++] = value_str_n(p, (stop ? stop : end) - p);
		if (!stop)
			break;
		p = stop + step;
	}
	*c->ret = value_list(pieces, n);
	return 0;
}

/* ASCII letters; others stay as they are. */
static int map_letters(struct call *c, int (*change)(int previous, int letter))
{
	auto_buf text = BUF_INIT(MAX_RESULT);
	struct value s;
	int previous = ' ';

	TRY(want_string(c, 0, &s));
	for (size_t i = 0; i < s.str.len; i++) {
		int letter = (unsigned char)s.str.s[i];
		buf_add_char(&text, (char)change(previous, letter));
		previous = letter;
	}
	return give_text(c, &text);
}

static bool is_letter(int c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int lower(int previous, int c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static int upper(int previous, int c)
{
	return c >= 'a' && c <= 'z' ? c & ~0x20 : c;
}

/* strings.Title: the first letter of every word; digits, '_' and non-ASCII letters do not separate. */
static int title(int previous, int c)
{
	bool inside = is_letter(previous) || (previous >= '0' && previous <= '9') || previous == '_' || previous == '\'' ||
		      previous >= 0x80;
	return previous == '\'' ? upper(0, c) : inside ? c : upper(0, c);
}

static int call_lower(struct call *c)
{
	return map_letters(c, lower);
}

static int call_upper(struct call *c)
{
	return map_letters(c, upper);
}

static int call_title(struct call *c)
{
	return map_letters(c, title);
}

static int call_pad(struct call *c)
{
	auto_buf text = BUF_INIT(MAX_RESULT);
	struct value s;
	int64_t before, after;

	TRY(want_string(c, 0, &s));
	TRY(want_int(c, 1, &before));
	TRY(want_int(c, 2, &after));
	if (before < 0 || after < 0 || before > 4096 || after > 4096)
		return fail(c->err, ERROR_INVALID, "pad: counts must be between 0 and 4096");
	if (s.str.len) {
		buf_addf(&text, "%*s", (int)before, "");
		buf_add(&text, s.str.s, s.str.len);
		buf_addf(&text, "%*s", (int)after, "");
	}
	return give_text(c, &text);
}

static int call_truncate(struct call *c)
{
	struct value s;
	int64_t n;

	TRY(want_string(c, 0, &s));
	TRY(want_int(c, 1, &n));
	if (n < 0)
		return fail(c->err, ERROR_INVALID, "truncate: the length must not be negative");
	*c->ret = value_str_n(s.str.s, (uint64_t)n < s.str.len ? (size_t)n : s.str.len);
	return 0;
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
	{ "join", call_join, 2, 2, true },
	{ "json", call_json, 1, 1, true },
	{ "lower", call_lower, 1, 1, true },
	{ "pad", call_pad, 3, 3 },
	{ "split", call_split, 2, 2, true },
	{ "title", call_title, 1, 1, true },
	{ "truncate", call_truncate, 2, 2, true },
	{ "upper", call_upper, 1, 1, true },
};

const struct template_function *template_function_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		if (strlen(functions[i].name) == len && memcmp(functions[i].name, name, len) == 0)
			return &functions[i];
	return NULL;
}
