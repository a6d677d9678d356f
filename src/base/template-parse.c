/* SPDX-License-Identifier: Apache-2.0
 * base/template-parse.c - tokens to a tree. The grammar is that of Go's text/template/parse; messages too, because
 * scripts and tests look for them. */
#include "base/template-internal.h"

#include <inttypes.h>

#define MAX_TEXT ((size_t)1 << 20)
#define MAX_DEPTH 100      /* of blocks and parentheses */
#define MAX_VARIABLES 1000

struct parser {
	struct template *t;
	struct lexer lexer;
	struct token token[3];   /* read ahead */
	int ahead;
	int depth, ranges;
	struct strv vars;        /* in scope */
	struct error *err;
};

int template_bad(const struct template *t, size_t pos, struct error *err, const char *reason)
{
	size_t line = 1;

	for (size_t i = 0; i < pos; i++)
		line += t->text[i] == '\n';
	return fail(err, ERROR_INVALID, "template: %s:%zu: %s", t->name, line, reason);
}

static int __attribute__((format(printf, 3, 4))) bad(struct parser *p, size_t pos, const char *fmt, ...)
{
	char reason[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	return template_bad(p->t, pos, p->err, reason);
}

/* ---- tokens with look-ahead ---- */
static struct token next(struct parser *p)
{
	if (p->ahead)
		return p->token[--p->ahead];
	return lexer_next(&p->lexer);
}

static void back(struct parser *p, struct token t)
{
	p->token[p->ahead++] = t;
}

static struct token peek(struct parser *p)
{
	struct token t = next(p);

	back(p, t);
	return t;
}

static struct token next_word(struct parser *p)
{
	struct token t;

	do
		t = next(p);
	while (t.kind == TOKEN_SPACE);
	return t;
}

static int unexpected(struct parser *p, const struct token *t, const char *context)
{
	if (t->kind == TOKEN_ERROR)
		return bad(p, t->pos, "%s", t->s);
	if (t->kind == TOKEN_EOF)
		return bad(p, t->pos, "unexpected EOF");
	if (t->kind == TOKEN_KEYWORD || t->kind == TOKEN_DOT)
		return bad(p, t->pos, "unexpected <%.*s> in %s", (int)t->len, t->s, context);
	const char *dot = t->kind == TOKEN_FIELD ? "." : "";
	if (t->len > 10)
		return bad(p, t->pos, "unexpected \"%s%.10s\"... in %s", dot, t->s, context);
	return bad(p, t->pos, "unexpected \"%s%.*s\" in %s", dot, (int)t->len, t->s, context);
}

static void *make(struct parser *p, size_t size)
{
	void *at = value_pool_alloc(&p->t->pool, size);

	if (!at)
		fail_oom(p->err);
	return at;
}

static struct node *make_node(struct parser *p, enum node_kind kind, size_t pos, size_t len)
{
	struct node *n = make(p, sizeof(*n));

	if (n) {
		n->kind = kind;
		n->pos = n->at = pos;
		n->len = len;
	}
	return n;
}

static const char *copy(struct parser *p, const char *s, size_t len)
{
	char *to = make(p, len + 1);
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

static int unquote(struct parser *p, const struct token *t, struct buf *to)
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
			return bad(p, t->pos, "invalid syntax: %.*s", (int)t->len, t->s);
	}
	return 0;
}

static int parse_char(struct parser *p, const struct token *t, struct value *ret)
{
	auto_buf text = BUF_INIT(64);

	TRY(unquote(p, t, &text));
	size_t n = text.len ? utf8_length(text.data, text.len) : 0;
	if (!text.len || (n ? n : 1) != text.len)
		return bad(p, t->pos, "malformed character constant: %.*s", (int)t->len, t->s);
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
	return bad(p, t->pos, "bad number syntax: \"%.*s\"", (int)t->len, t->s);
}

static struct node *literal(struct parser *p, const struct token *t)
{
	auto_buf text = BUF_INIT(MAX_TEXT);
	struct node *n = make_node(p, NODE_LITERAL, t->pos, t->len);

	if (!n)
		return NULL;
	if (t->kind == TOKEN_IDENT) {
		n->literal = value_bool(*t->s == 't');
		return n;
	}
	if (t->kind == TOKEN_NUMBER)
		return parse_number(p, t, &n->literal) < 0 ? NULL : n;
	if (unquote(p, t, &text) < 0)
		return NULL;
	n->literal = value_str_copy(&p->t->pool, text.data ? text.data : "", text.len);
	if (n->literal.kind != VALUE_STR)
		return fail_oom(p->err), NULL;
	return n;
}

/* ---- operands ---- */
static int parse_pipeline(struct parser *p, const char *context, enum token_kind end, struct node **ret);

static int declared(struct parser *p, const struct token *t)
{
	for (size_t i = p->vars.n; i-- > 0;)
		if (token_is(t, p->vars.v[i]))
			return 0;
	return bad(p, t->pos, "undefined variable \"%.*s\"", (int)t->len, t->s);
}

static struct node *function(struct parser *p, const struct token *t)
{
	if (token_is(t, "true") || token_is(t, "false"))
		return literal(p, t);
	const struct template_function *f = template_function_find(t->s, t->len);
	if (!f) {
		bad(p, t->pos, "function \"%.*s\" not defined", (int)t->len, t->s);
		return NULL;
	}
	struct node *n = make_node(p, NODE_FUNCTION, t->pos, t->len);
	if (n)
		n->function = f;
	return n;
}

static struct node *chain(struct parser *p, const struct token *t)
{
	struct node *n = make_node(p, NODE_CHAIN, t->pos, t->len);

	if (n && t->kind == TOKEN_FIELD)
		back(p, *t);   /* for parse_fields() */
	if (n && t->kind == TOKEN_VARIABLE) {
		if (declared(p, t) < 0)
			return NULL;
		n->chain.variable = copy(p, t->s, t->len);
	}
	return n;
}

static struct node *parentheses(struct parser *p, const struct token *t)
{
	struct node *n = make_node(p, NODE_CHAIN, t->pos, 0);

	if (!n || parse_pipeline(p, "parenthesized pipeline", TOKEN_RPAREN, &n->chain.base) < 0)
		return NULL;
	n->len = p->lexer.p - p->t->text - n->pos;
	return n;
}

/* 1 and *ret, 0 when no operand starts here, -1. */
static int parse_term(struct parser *p, struct node **ret)
{
	struct token t = next_word(p);

	switch (t.kind) {
	case TOKEN_IDENT:    *ret = function(p, &t); break;
	case TOKEN_DOT:      *ret = make_node(p, NODE_DOT, t.pos, t.len); break;
	case TOKEN_VARIABLE:
	case TOKEN_FIELD:    *ret = chain(p, &t); break;
	case TOKEN_NUMBER:
	case TOKEN_STRING:   *ret = literal(p, &t); break;
	case TOKEN_LPAREN:   *ret = parentheses(p, &t); break;
	case TOKEN_KEYWORD:
		if (token_is(&t, "nil")) {
			*ret = make_node(p, NODE_NIL, t.pos, t.len);
			break;
		}
		__attribute__((fallthrough));
	default:
		back(p, t);
		return 0;
	}
	return *ret ? 1 : -1;
}

/* ".A.B" behind a term. */
static int parse_fields(struct parser *p, struct node *n)
{
	const char *fields[64];
	size_t count = 0;

	while (peek(p).kind == TOKEN_FIELD) {
		struct token t = next(p);
		if (n->kind != NODE_CHAIN)
			return bad(p, t.pos, "unexpected <.> after term");
		if (count == ARRAY_LEN(fields))
			return bad(p, t.pos, "too many fields in a row");
		if (!(fields[count++] = copy(p, t.s, t.len)))
			return -1;
		if (count == 2)
			n->at = t.pos;
		n->len = t.pos + 1 + t.len - n->pos;
	}
	if (n->kind != NODE_CHAIN || !count)
		return 0;
	n->chain.fields = make(p, count * sizeof(*fields));
	if (!n->chain.fields)
		return -1;
	memcpy(n->chain.fields, fields, count * sizeof(*fields));
	n->chain.n = count;
	return 0;
}

static int parse_command(struct parser *p, struct command *c)
{
	struct node **tail = &c->args;
	struct token first = peek(p);

	for (;;) {
		struct node *n;
		int r = parse_term(p, &n);
		if (r < 0 || (r > 0 && parse_fields(p, n) < 0))
			return -1;
		if (r > 0) {
			*tail = n;
			tail = &n->next;
			c->n++;
		}
		struct token t = next(p);
		if (t.kind == TOKEN_SPACE)
			continue;
		if (t.kind == TOKEN_CLOSE || t.kind == TOKEN_RPAREN)
			back(p, t);
		else if (t.kind != TOKEN_PIPE)
			return unexpected(p, &t, "operand");
		break;
	}
	return c->n ? 0 : bad(p, first.pos, "empty command");
}

/* ---- pipelines ---- */
static int declare(struct parser *p, const struct token *t)
{
	if (p->vars.n >= MAX_VARIABLES)
		return bad(p, t->pos, "too many variables");
	return strv_add_n(&p->vars, t->s, t->len, p->err);
}

static void forget_variables(struct parser *p, size_t n)
{
	while (p->vars.n > n)
		strv_remove(&p->vars, p->vars.n - 1);
}

/* "$x :=", "$x =", "$i, $x :=". Puts back what is none of these. */
static int parse_declarations(struct parser *p, struct node *pipe, const char *context)
{
	struct token first = next_word(p), second = {};
	bool range = streq(context, "range");

	if (first.kind != TOKEN_VARIABLE) {
		back(p, first);
		return 0;
	}
	struct token space = next(p), t = space;
	if (space.kind == TOKEN_SPACE)
		t = next(p);
	if (t.kind == TOKEN_COMMA && range) {
		second = next_word(p);
		t = next_word(p);
		if (second.kind != TOKEN_VARIABLE || (t.kind != TOKEN_DECLARE && t.kind != TOKEN_ASSIGN))
			return unexpected(p, second.kind != TOKEN_VARIABLE ? &second : &t, "range");
	}
	if (t.kind != TOKEN_DECLARE && t.kind != TOKEN_ASSIGN) {
		if (t.kind == TOKEN_COMMA)
			return bad(p, t.pos, "too many declarations in %s", context);
		back(p, t);
		if (space.kind == TOKEN_SPACE)
			back(p, space);
		back(p, first);
		return 0;
	}
	pipe->pipe.assign = t.kind == TOKEN_ASSIGN;
	for (const struct token *v = &first; v; v = v == &first && second.s ? &second : NULL) {
		if (!(pipe->pipe.vars[pipe->pipe.nvars++] = copy(p, v->s, v->len)))
			return -1;
		TRY(pipe->pipe.assign ? declared(p, v) : declare(p, v));
	}
	return 0;
}

/* Only the first command of a pipeline may start with something that cannot be called. */
static int check_pipeline(struct parser *p, const struct node *pipe, const char *context, size_t pos)
{
	int stage = 2;

	if (!pipe->pipe.first)
		return bad(p, pos, "missing value for %s", context);
	for (const struct command *c = pipe->pipe.first->next; c; c = c->next, stage++) {
		enum node_kind k = c->args->kind;
		if (k == NODE_DOT || k == NODE_NIL || k == NODE_LITERAL)
			return bad(p, c->args->pos, "non executable command in pipeline stage %d", stage);
	}
	return 0;
}

static int parse_commands(struct parser *p, const char *context, enum token_kind end, struct node *pipe)
{
	struct command **tail = &pipe->pipe.first;

	for (;;) {
		struct token t = next_word(p);
		if (t.kind == end) {
			pipe->len = t.pos - pipe->pos;
			while (pipe->len && strchr(" -\t\n", p->t->text[pipe->pos + pipe->len - 1]))
				pipe->len--;
			return check_pipeline(p, pipe, context, t.pos);
		}
		bool operand = t.kind == TOKEN_DOT || t.kind == TOKEN_FIELD || t.kind == TOKEN_IDENT || t.kind == TOKEN_NUMBER ||
			       t.kind == TOKEN_STRING || t.kind == TOKEN_VARIABLE || t.kind == TOKEN_LPAREN ||
			       (t.kind == TOKEN_KEYWORD && token_is(&t, "nil"));
		if (!operand)
			return unexpected(p, &t, context);
		back(p, t);
		struct command *c = make(p, sizeof(*c));
		if (!c || parse_command(p, c) < 0)
			return -1;
		*tail = c;
		tail = &c->next;
	}
}

static int parse_pipeline(struct parser *p, const char *context, enum token_kind end, struct node **ret)
{
	struct token t = next_word(p);
	struct node *n = make_node(p, NODE_PIPE, t.pos, 0);

	back(p, t);
	if (!n)
		return -1;
	if (++p->depth > MAX_DEPTH)
		return bad(p, t.pos, "nested too deeply");
	if (end == TOKEN_CLOSE)
		TRY(parse_declarations(p, n, context));
	TRY(parse_commands(p, context, end, n));
	p->depth--;
	*ret = n;
	return 0;
}

/* ---- statements ---- */
/* Statements up to {{end}}, {{else}} (whose keyword is returned in *stop) or, at top level, the end of the text. */
static int parse_list(struct parser *p, bool top, struct token *stop, struct node **ret);

static int expect_close(struct parser *p, const char *context)
{
	struct token t = next_word(p);
	return t.kind == TOKEN_CLOSE ? 0 : unexpected(p, &t, context);
}

/* Behind "if", "with", "range": pipeline }} body [{{else [if|with ...]}} body] {{end}}. */
static int parse_branch(struct parser *p, enum node_kind kind, const struct token *word, struct node **ret)
{
	static const char *const names[] = { [NODE_IF] = "if", [NODE_RANGE] = "range", [NODE_WITH] = "with" };
	struct node *n = make_node(p, kind, word->pos, word->len);
	size_t vars = p->vars.n;
	struct token stop;

	if (!n)
		return -1;
	if (++p->depth > MAX_DEPTH)
		return bad(p, word->pos, "nested too deeply");
	TRY(parse_pipeline(p, names[kind], TOKEN_CLOSE, &n->branch.pipe));
	p->ranges += kind == NODE_RANGE;
	TRY(parse_list(p, false, &stop, &n->branch.body));
	p->ranges -= kind == NODE_RANGE;
	if (token_is(&stop, "else")) {
		struct token t = next_word(p);
		if (kind != NODE_RANGE && t.kind == TOKEN_KEYWORD && token_is(&t, names[kind])) {
			/* {{else if}}: a branch inside the else, sharing our {{end}} */
			TRY(parse_branch(p, kind, &t, &n->branch.other));
		} else {
			if (t.kind != TOKEN_CLOSE)
				return unexpected(p, &t, "else");
			TRY(parse_list(p, false, &stop, &n->branch.other));
			if (!token_is(&stop, "end"))
				return bad(p, stop.pos, "expected end; found {{else}}");
			TRY(expect_close(p, "end"));
		}
	} else {
		TRY(expect_close(p, "end"));
	}
	forget_variables(p, vars);
	p->depth--;
	*ret = n;
	return 0;
}

static int parse_name(struct parser *p, const char *context, const char **ret)
{
	auto_buf text = BUF_INIT(4096);
	struct token t = next_word(p);

	if (t.kind != TOKEN_STRING)
		return unexpected(p, &t, context);
	TRY(unquote(p, &t, &text));
	*ret = copy(p, text.data ? text.data : "", text.len);
	return *ret ? 0 : -1;
}

static int parse_definition_list(struct parser *p, struct definition *d, const struct token *word)
{
	struct token stop;

	TRY(strv_add(&p->vars, "$", p->err));
	TRY(parse_list(p, false, &stop, &d->body));
	if (!token_is(&stop, "end"))
		return bad(p, word->pos, "unexpected {{else}} in define clause");
	return expect_close(p, "define clause");
}

/* A body of its own: of the variables, only $ is in scope. */
static int parse_definition_body(struct parser *p, const char *name, const struct token *word)
{
	struct definition *d = make(p, sizeof(*d));
	struct strv outer = p->vars;
	int ranges = p->ranges;

	if (!d)
		return -1;
	for (const struct definition *other = p->t->definitions; other; other = other->next)
		if (streq(other->name, name))
			return bad(p, word->pos, "multiple definition of template \"%s\"", name);
	d->name = name;
	p->ranges = 0;
	p->vars = (struct strv){};
	int r = parse_definition_list(p, d, word);
	strv_done(&p->vars);
	p->vars = outer;
	p->ranges = ranges;
	d->next = p->t->definitions;
	p->t->definitions = d;
	return r;
}

static int parse_define(struct parser *p, const struct token *word)
{
	const char *name;

	if (p->depth)
		return unexpected(p, word, "command");
	TRY(parse_name(p, "define clause", &name));
	TRY(expect_close(p, "define clause"));
	return parse_definition_body(p, name, word);
}

/* {{template "name" pipeline}} and, with a body, {{block "name" pipeline}}body{{end}}. */
static int parse_call(struct parser *p, const struct token *word, bool block, struct node **ret)
{
	const char *context = block ? "block clause" : "template clause";
	struct node *n = make_node(p, NODE_TEMPLATE, word->pos, word->len);

	if (!n)
		return -1;
	TRY(parse_name(p, context, &n->call.name));
	struct token t = next_word(p);
	if (block || t.kind != TOKEN_CLOSE) {
		back(p, t);
		TRY(parse_pipeline(p, context, TOKEN_CLOSE, &n->call.pipe));
	}
	if (block) {
		if (++p->depth > MAX_DEPTH)
			return bad(p, word->pos, "nested too deeply");
		TRY(parse_definition_body(p, n->call.name, word));
		p->depth--;
	}
	*ret = n;
	return 0;
}

static int parse_jump(struct parser *p, const struct token *word, enum node_kind kind, struct node **ret)
{
	if (!p->ranges)
		return bad(p, word->pos, "{{%.*s}} outside {{range}}", (int)word->len, word->s);
	TRY(expect_close(p, kind == NODE_BREAK ? "{{break}}" : "{{continue}}"));
	*ret = make_node(p, kind, word->pos, word->len);
	return *ret ? 0 : -1;
}

/* Behind "{{". *ret stays NULL for what leaves no node (define). */
static int parse_action(struct parser *p, const struct token *word, struct node **ret)
{
	static const struct { const char *word; enum node_kind kind; } branches[] = {
		{ "if", NODE_IF }, { "with", NODE_WITH }, { "range", NODE_RANGE },
	};

	for (size_t i = 0; word->kind == TOKEN_KEYWORD && i < ARRAY_LEN(branches); i++)
		if (token_is(word, branches[i].word))
			return parse_branch(p, branches[i].kind, word, ret);
	if (word->kind == TOKEN_KEYWORD) {
		if (token_is(word, "define"))
			return parse_define(p, word);
		if (token_is(word, "template") || token_is(word, "block"))
			return parse_call(p, word, token_is(word, "block"), ret);
		if (token_is(word, "break"))
			return parse_jump(p, word, NODE_BREAK, ret);
		if (token_is(word, "continue"))
			return parse_jump(p, word, NODE_CONTINUE, ret);
	}
	back(p, *word);
	struct node *n = make_node(p, NODE_ACTION, word->pos, 0);
	if (!n)
		return -1;
	TRY(parse_pipeline(p, "command", TOKEN_CLOSE, &n->branch.pipe));
	*ret = n;
	return 0;
}

/* Behind "{{": true when the list ends here. */
static bool stops_list(const struct token *word)
{
	return word->kind == TOKEN_KEYWORD && (token_is(word, "end") || token_is(word, "else"));
}

static int parse_list(struct parser *p, bool top, struct token *stop, struct node **ret)
{
	struct node **tail = ret;

	*ret = NULL;
	for (;;) {
		struct token t = next(p);
		if (t.kind == TOKEN_EOF && top)
			return 0;
		if (t.kind == TOKEN_TEXT) {
			if (!(*tail = make_node(p, NODE_TEXT, t.pos, t.len)))
				return -1;
			(*tail)->literal = value_str_n(t.s, t.len);
		} else if (t.kind == TOKEN_OPEN) {
			*stop = next_word(p);
			if (stops_list(stop))
				return top ? bad(p, stop->pos, "unexpected {{%.*s}}", (int)stop->len, stop->s) : 0;
			TRY(parse_action(p, stop, tail));
		} else {
			return unexpected(p, &t, "input");
		}
		if (*tail)
			tail = &(*tail)->next;
	}
}

static int parse_all(struct parser *p)
{
	struct token stop;

	TRY(strv_add(&p->vars, "$", p->err));
	return parse_list(p, true, &stop, &p->t->body);
}

int template_parse(const char *name, const char *text, struct template **ret, struct error *err)
{
	if (strlen(text) > MAX_TEXT)
		return fail(err, ERROR_INVALID, "template: %s: longer than %zu bytes", name, MAX_TEXT);
	auto_template *t = calloc(1, sizeof(*t));
	if (!t)
		return fail_oom(err);
	t->pool = VALUE_POOL_INIT;
	TRY(str_set(&t->name, name, err));
	TRY(str_set(&t->text, text, err));
	struct parser p = { .t = t, .err = err };
	p.lexer = (struct lexer){ .text = t->text, .p = t->text, .end = t->text + strlen(t->text) };
	int r = parse_all(&p);
	strv_done(&p.vars);
	if (r < 0)
		return -1;
	*ret = take_ptr(t);
	return 0;
}

void template_free(struct template *t)
{
	if (!t)
		return;
	value_pool_done(&t->pool);
	free(t->name);
	free(t->text);
	free(t);
}
