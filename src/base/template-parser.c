/* SPDX-License-Identifier: Apache-2.0 */
#include "base/template-parser.h"

#include <inttypes.h>

int template_bad(const struct template *t, size_t pos, struct error *err, const char *reason)
{
	size_t line = 1;

	for (size_t i = 0; i < pos; i++)
		line += t->text[i] == '\n';
	return fail(err, ERROR_INVALID, "template: %s:%zu: %s", t->name, line, reason);
}

int parser_bad(struct parser *p, size_t pos, const char *fmt, ...)
{
	char reason[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	return template_bad(p->t, pos, p->err, reason);
}

/* ---- tokens with look-ahead ---- */
struct token parser_next(struct parser *p)
{
	if (p->ahead)
		return p->token[--p->ahead];
	return lexer_next(&p->lexer);
}

void parser_back(struct parser *p, struct token t)
{
	p->token[p->ahead++] = t;
}

struct token parser_next_word(struct parser *p)
{
	struct token t;

	do
		t = parser_next(p);
	while (t.kind == TOKEN_SPACE);
	return t;
}

int parser_unexpected(struct parser *p, const struct token *t, const char *context)
{
	if (t->kind == TOKEN_ERROR)
		return parser_bad(p, t->pos, "%s", t->s);
	if (t->kind == TOKEN_EOF)
		return parser_bad(p, t->pos, "unexpected EOF");
	if (t->kind == TOKEN_KEYWORD || t->kind == TOKEN_DOT)
		return parser_bad(p, t->pos, "unexpected <%.*s> in %s", (int)t->len, t->s, context);
	const char *dot = t->kind == TOKEN_FIELD ? "." : "";
	if (t->len > 10)
		return parser_bad(p, t->pos, "unexpected \"%s%.10s\"... in %s", dot, t->s, context);
	return parser_bad(p, t->pos, "unexpected \"%s%.*s\" in %s", dot, (int)t->len, t->s, context);
}

void *parser_make(struct parser *p, size_t size)
{
	void *at = value_pool_alloc(&p->t->pool, size);

	if (!at)
		fail_oom(p->err);
	return at;
}

struct node *parser_make_node(struct parser *p, enum node_kind kind, size_t pos, size_t len)
{
	struct node *n = parser_make(p, sizeof(*n));

	if (n) {
		n->kind = kind;
		n->pos = n->at = pos;
		n->len = len;
	}
	return n;
}

const char *parser_copy(struct parser *p, const char *s, size_t len)
{
	char *to = parser_make(p, len + 1);
	return to ? memcpy(to, s, len) : NULL;
}

/* ---- literals ---- */
/* One escape of a quoted string, *s behind the backslash. */
static bool unescape(const char **s, struct buf *to)
{
	static const char plain[128] = { ['a'] = '\a', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
					 ['v'] = '\v', ['\\'] = '\\', ['"'] = '"', ['\''] = '\'' };
	unsigned char c = *(*s)++;
	int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : c >= '0' && c <= '7' ? 3 : 0, base = digits == 3 ? 8 : 16;
	uint32_t n = 0;

	if (!digits) {
		if (c >= 128 || !plain[c])
			return false;
		buf_add_char(to, plain[c]);
		return true;
	}
	if (digits == 3)
		(*s)--;
	for (int i = 0; i < digits; i++, (*s)++) {
		int d = **s >= '0' && **s <= '9' ? **s - '0' : (**s | 0x20) >= 'a' && (**s | 0x20) <= 'f' ? (**s | 0x20) - 'a' + 10 : 99;
		if (d >= base)
			return false;
		n = n * base + d;
	}
	if (c == 'u' || c == 'U') {
		if (n > 0x10ffff || (n >= 0xd800 && n < 0xe000))
			return false;
		buf_add_rune(to, n);
	} else if (n > 255) {
		return false;
	} else {
		buf_add_char(to, (char)n);
	}
	return true;
}

int parser_unquote(struct parser *p, const struct token *t, struct buf *to)
{
	const char *s = t->s + 1, *end = t->s + t->len - 1;

	if (*t->s == '`') {
		buf_add(to, s, end - s);
		return 0;
	}
	while (s < end) {
		if (*s != '\\') {
			buf_add_char(to, *s++);
			continue;
		}
		s++;
		if (!unescape(&s, to) || s > end)
			return parser_bad(p, t->pos, "invalid syntax: %.*s", (int)t->len, t->s);
	}
	return 0;
}

static int parse_char(struct parser *p, const struct token *t, struct value *ret)
{
	auto_buf text = BUF_INIT(64);

	TRY(parser_unquote(p, t, &text));
	size_t n = text.len ? utf8_length(text.data, text.len) : 0;
	if (!text.len || (n ? n : 1) != text.len)
		return parser_bad(p, t->pos, "malformed character constant: %.*s", (int)t->len, t->s);
	*ret = value_int(n ? utf8_decode(text.data, n) : (unsigned char)text.data[0]);
	return 0;
}

/* "0xff": 16, and *s at "ff". */
static int number_base(const char **s)
{
	static const struct { char c; int base; } prefixes[] = { { 'x', 16 }, { 'o', 8 }, { 'b', 2 } };

	if (**s != '0' || !(*s)[1])
		return 10;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (((*s)[1] | 0x20) == prefixes[i].c) {
			*s += 2;
			return prefixes[i].base;
		}
	return strspn(*s, "01234567") == strlen(*s) ? 8 : 10;
}

static int parse_number(struct parser *p, const struct token *t, struct value *ret)
{
	char text[80], *end;
	size_t len = 0;

	if (*t->s == '\'')
		return parse_char(p, t, ret);
	for (size_t i = 0; i < t->len && len < sizeof(text) - 1; i++)
		if (t->s[i] != '_')
			text[len++] = t->s[i];
	text[len] = '\0';
	const char *digits = text + (*text == '-' || *text == '+');
	bool negative = *text == '-';
	int base = number_base(&digits);
	errno = 0;
	uint64_t u = strtoull(digits, &end, base);
	bool digit = (*digits >= '0' && *digits <= '9') || base == 16;
	if (digit && !*end && *digits && !errno && u <= (uint64_t)INT64_MAX + negative) {
		*ret = value_int(negative ? (int64_t)(0 - u) : (int64_t)u);
		return 0;
	}
	if (digit && !*end && *digits && !errno && !negative) {
		*ret = value_uint(u);
		return 0;
	}
	errno = 0;
	double f = strtod(text, &end);
	if (!*end && len && strspn(text, "+-.0123456789eE") == len && !errno) {
		*ret = value_float(f);
		return 0;
	}
	return parser_bad(p, t->pos, "bad number syntax: \"%.*s\"", (int)t->len, t->s);
}

struct node *parser_literal(struct parser *p, const struct token *t)
{
	auto_buf text = BUF_INIT(TEMPLATE_TEXT_MAX);
	struct node *n = parser_make_node(p, NODE_LITERAL, t->pos, t->len);

	if (!n)
		return NULL;
	if (t->kind == TOKEN_IDENT) {
		n->literal = value_bool(*t->s == 't');
		return n;
	}
	if (t->kind == TOKEN_NUMBER)
		return parse_number(p, t, &n->literal) < 0 ? NULL : n;
	if (parser_unquote(p, t, &text) < 0)
		return NULL;
	n->literal = value_str_copy(&p->t->pool, text.data ? text.data : "", text.len);
	if (n->literal.kind != VALUE_STR)
		return fail_oom(p->err), NULL;
	return n;
}
