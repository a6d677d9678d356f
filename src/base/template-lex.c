/* SPDX-License-Identifier: Apache-2.0
 * base/template-lex.c - template text to tokens: text, then the words between {{ and }}.
 * Trim markers ("{{- ", " -}}") and comments are dealt with here; the parser never sees them. */
#include "base/template-internal.h"

static const char blanks[] = " \t\r\n";

static bool is_blank(char c)
{
	return c && strchr(blanks, c);
}

static bool is_word(unsigned char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0x80;
}

static bool starts(const struct lexer *l, const char *s)
{
	return str_after(l->p, s) != NULL;
}

static struct token make(const struct lexer *l, enum token_kind kind, const char *s, size_t len)
{
	return (struct token){ kind, s, len, s - l->text };
}

static struct token error_at(struct lexer *l, const char *at, const char *message)
{
	snprintf(l->message, sizeof(l->message), "%s", message);
	return (struct token){ TOKEN_ERROR, l->message, strlen(l->message), at - l->text };
}

bool token_is(const struct token *t, const char *text)
{
	return strlen(text) == t->len && memcmp(t->s, text, t->len) == 0;
}

/* ---- outside ---- */
static size_t left_marker(const char *p)
{
	return p[0] == '-' && is_blank(p[1]) ? 2 : 0;
}

/* " -}}": length of blank, minus and braces; 0 when something else is there. */
static bool right_trims(const char *p)
{
	return is_blank(p[0]) && str_after(p + 1, "-}}");
}

/* At the slash of a comment. 0, or -1 and *ret is the error. */
static int skip_comment(struct lexer *l, struct token *ret)
{
	const char *end = strstr(l->p, "*/");

	if (!end) {
		*ret = error_at(l, l->p, "unclosed comment");
		return -1;
	}
	l->p = end + 2;
	if (right_trims(l->p)) {
		l->trim = true;
		l->p += 4;
	} else if (starts(l, "}}")) {
		l->p += 2;
	} else {
		*ret = error_at(l, end, "comment ends before closing delimiter");
		return -1;
	}
	return 0;
}

/* Returns false when there was nothing to show (empty text, a comment): ask again. */
static bool next_outside(struct lexer *l, struct token *ret)
{
	if (l->trim) {
		l->p += strspn(l->p, blanks);
		l->trim = false;
	}
	const char *open = strstr(l->p, "{{"), *start = l->p, *stop = open ? open : l->end;
	if (stop > start) {
		if (open && left_marker(open + 2))
			while (stop > start && is_blank(stop[-1]))
				stop--;
		l->p = open ? open : l->end;
		*ret = make(l, TOKEN_TEXT, start, stop - start);
		return stop > start;
	}
	if (!open) {
		*ret = make(l, TOKEN_EOF, l->end, 0);
		return true;
	}
	const char *inner = open + 2 + left_marker(open + 2);
	l->p = inner;
	if (starts(l, "/*"))
		return skip_comment(l, ret) < 0;
	l->inside = true;
	l->parens = 0;
	*ret = make(l, TOKEN_OPEN, open, 2);
	return true;
}

/* ---- inside ---- */
static struct token close_action(struct lexer *l, size_t skip)
{
	if (l->parens)
		return error_at(l, l->p, "unclosed left paren");
	struct token t = make(l, TOKEN_CLOSE, l->p + skip, 2);
	l->p += skip + 2;
	l->inside = false;
	l->trim = skip > 0;
	return t;
}

static struct token take_space(struct lexer *l)
{
	const char *start = l->p;

	while (is_blank(*l->p) && !right_trims(l->p))
		l->p++;
	if (l->p == start)
		return close_action(l, 2);
	return make(l, TOKEN_SPACE, start, l->p - start);
}

/* Behind a word there must be something that cannot continue it. */
static bool at_terminator(const struct lexer *l)
{
	return !*l->p || is_blank(*l->p) || strchr(".,|:=()", *l->p) || starts(l, "}}");
}

static struct token bad_character(struct lexer *l)
{
	char message[64];
	size_t n = utf8_length(l->p, l->end - l->p);

	snprintf(message, sizeof(message), "bad character U+%04X '%.*s'", utf8_decode(l->p, n), (int)(n ? n : 1), l->p);
	return error_at(l, l->p, message);
}

static struct token take_word(struct lexer *l, enum token_kind kind, size_t skip)
{
	static const char *const keywords[] = { "block", "break", "continue", "define", "else", "end", "if", "nil", "range",
						"template", "with" };
	const char *start = l->p;

	l->p += skip;
	while (is_word(*l->p))
		l->p++;
	if (!at_terminator(l))
		return bad_character(l);
	struct token t = make(l, kind, start, l->p - start);
	for (size_t i = 0; kind == TOKEN_IDENT && i < ARRAY_LEN(keywords); i++)
		if (token_is(&t, keywords[i]))
			t.kind = TOKEN_KEYWORD;
	return t;
}

/* ".Name" or the lone cursor. */
static struct token take_field(struct lexer *l)
{
	const char *start = l->p;

	if (!is_word(l->p[1])) {
		l->p++;
		if (!at_terminator(l))
			return bad_character(l);
		return make(l, TOKEN_DOT, start, 1);
	}
	struct token t = take_word(l, TOKEN_FIELD, 1);
	if (t.kind == TOKEN_FIELD) {
		t.s++;
		t.len--;
	}
	return t;
}

static struct token take_quoted(struct lexer *l)
{
	const char *start = l->p;
	char quote = *start;

	for (l->p++; *l->p && *l->p != quote; l->p++) {
		if (quote != '`' && *l->p == '\\' && l->p[1])
			l->p++;
		if (quote != '`' && *l->p == '\n')
			break;
	}
	if (*l->p != quote)
		return error_at(l, start, quote == '`'  ? "unterminated raw quoted string" :
					  quote == '\'' ? "unterminated character constant" :
							  "unterminated quoted string");
	l->p++;
	return make(l, quote == '\'' ? TOKEN_NUMBER : TOKEN_STRING, start, l->p - start);
}

static struct token take_number(struct lexer *l)
{
	const char *start = l->p;

	if (*l->p == '+' || *l->p == '-')
		l->p++;
	while (is_word(*l->p) || *l->p == '.' || ((*l->p == '+' || *l->p == '-') && (l->p[-1] | 0x20) == 'e'))
		l->p++;
	return make(l, TOKEN_NUMBER, start, l->p - start);
}

static struct token take_sign(struct lexer *l)
{
	static const struct { const char *text; enum token_kind kind; } signs[] = {
		{ ":=", TOKEN_DECLARE }, { "=", TOKEN_ASSIGN }, { "|", TOKEN_PIPE }, { "(", TOKEN_LPAREN }, { ")", TOKEN_RPAREN },
		{ ",", TOKEN_COMMA },
	};

	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		size_t n = strlen(signs[i].text);
		if (!starts(l, signs[i].text))
			continue;
		if (signs[i].kind == TOKEN_RPAREN && l->parens == 0)
			return error_at(l, l->p, "unexpected right paren");
		l->parens += (signs[i].kind == TOKEN_LPAREN) - (signs[i].kind == TOKEN_RPAREN);
		l->p += n;
		return make(l, signs[i].kind, l->p - n, n);
	}
	return *l->p ? bad_character(l) : error_at(l, l->p, "unclosed action");
}

static struct token next_inside(struct lexer *l)
{
	char c = *l->p;

	if (starts(l, "}}"))
		return close_action(l, 0);
	if (is_blank(c))
		return take_space(l);
	if (c == '"' || c == '`' || c == '\'')
		return take_quoted(l);
	if (c == '$')
		return take_word(l, TOKEN_VARIABLE, 1);
	if (c == '.' && !(l->p[1] >= '0' && l->p[1] <= '9'))
		return take_field(l);
	if (c == '+' || c == '-' || c == '.' || (c >= '0' && c <= '9'))
		return take_number(l);
	if (is_word(c))
		return take_word(l, TOKEN_IDENT, 0);
	return take_sign(l);
}

struct token lexer_next(struct lexer *l)
{
	struct token t;

	if (l->inside)
		return next_inside(l);
	while (!next_outside(l, &t))
		if (l->inside)
			return next_inside(l);
	return t;
}
