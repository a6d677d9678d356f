/* SPDX-License-Identifier: Apache-2.0
 * base/template-words.c - the functions Podman adds to Go's templates: words, letters, JSON. */
#include "base/template-internal.h"

static int call_json(struct call *c)
{
	auto_buf text = BUF_INIT(TEMPLATE_MAX_RESULT);
	auto_json *tree = NULL;

	TRY(value_save(&c->args[0], &tree, c->err));
	json_format(&text, tree, 0);
	return template_give_text(c, &text);
}

static int call_join(struct call *c)
{
	auto_buf text = BUF_INIT(TEMPLATE_MAX_RESULT);
	struct value separator;

	if (c->args[0].kind != VALUE_LIST && !template_is_nil(&c->args[0]))
		return fail(c->err, ERROR_INVALID, "wrong type for value; expected []string; got %s", value_type_name(&c->args[0]));
	TRY(template_want_string(c, 1, &separator));
	for (size_t i = 0; i < value_len(&c->args[0]); i++) {
		struct value v;
		TRY(value_at(c->pool, &c->args[0], i, NULL, &v, c->err));
		if (i)
			buf_add(&text, separator.str.s, separator.str.len);
		value_print(c->pool, &text, &v);
	}
	return template_give_text(c, &text);
}

static int call_split(struct call *c)
{
	struct value s, separator;

	TRY(template_want_string(c, 0, &s));
	TRY(template_want_string(c, 1, &separator));
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
	auto_buf text = BUF_INIT(TEMPLATE_MAX_RESULT);
	struct value s;
	int previous = ' ';

	TRY(template_want_string(c, 0, &s));
	for (size_t i = 0; i < s.str.len; i++) {
		int letter = (unsigned char)s.str.s[i];
		buf_add_char(&text, (char)change(previous, letter));
		previous = letter;
	}
	return template_give_text(c, &text);
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
	auto_buf text = BUF_INIT(TEMPLATE_MAX_RESULT);
	struct value s;
	int64_t before, after;

	TRY(template_want_string(c, 0, &s));
	TRY(template_want_int(c, 1, &before));
	TRY(template_want_int(c, 2, &after));
	if (before < 0 || after < 0 || before > 4096 || after > 4096)
		return fail(c->err, ERROR_INVALID, "pad: counts must be between 0 and 4096");
	if (s.str.len) {
		buf_addf(&text, "%*s", (int)before, "");
		buf_add(&text, s.str.s, s.str.len);
		buf_addf(&text, "%*s", (int)after, "");
	}
	return template_give_text(c, &text);
}

static int call_truncate(struct call *c)
{
	struct value s;
	int64_t n;

	TRY(template_want_string(c, 0, &s));
	TRY(template_want_int(c, 1, &n));
	if (n < 0)
		return fail(c->err, ERROR_INVALID, "truncate: the length must not be negative");
	*c->ret = value_str_n(s.str.s, (uint64_t)n < s.str.len ? (size_t)n : s.str.len);
	return 0;
}

const struct template_function template_word_functions[] = {
	{ "join", call_join, 2, 2, true },
	{ "json", call_json, 1, 1, true },
	{ "lower", call_lower, 1, 1, true },
	{ "pad", call_pad, 3, 3 },
	{ "split", call_split, 2, 2, true },
	{ "title", call_title, 1, 1, true },
	{ "truncate", call_truncate, 2, 2, true },
	{ "upper", call_upper, 1, 1, true },
	{}
};
