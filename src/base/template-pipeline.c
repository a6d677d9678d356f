/* SPDX-License-Identifier: Apache-2.0
 * Commands, their operands and the pipelines that join them. */
#include "base/template-parser.h"

#define MAX_VARIABLES 1000

/* ---- operands ---- */
static struct token peek(struct parser *p)
{
	struct token t = parser_next(p);

	parser_back(p, t);
	return t;
}

static int declared(struct parser *p, const struct token *t)
{
	for (size_t i = p->vars.n; i-- > 0;)
		if (token_is(t, p->vars.v[i]))
			return 0;
	return parser_bad(p, t->pos, "undefined variable \"%.*s\"", (int)t->len, t->s);
}

static struct node *function(struct parser *p, const struct token *t)
{
	if (token_is(t, "true") || token_is(t, "false"))
		return parser_literal(p, t);
	const struct template_function *f = template_function_find(t->s, t->len);
	if (!f) {
		parser_bad(p, t->pos, "function \"%.*s\" not defined", (int)t->len, t->s);
		return NULL;
	}
	struct node *n = parser_make_node(p, NODE_FUNCTION, t->pos, t->len);
	if (n)
		n->function = f;
	return n;
}

static struct node *chain(struct parser *p, const struct token *t)
{
	struct node *n = parser_make_node(p, NODE_CHAIN, t->pos, t->len);

	if (n && t->kind == TOKEN_FIELD)
		parser_back(p, *t);   /* for parse_fields() */
	if (n && t->kind == TOKEN_VARIABLE) {
		if (declared(p, t) < 0)
			return NULL;
		n->chain.variable = parser_copy(p, t->s, t->len);
	}
	return n;
}

static struct node *parentheses(struct parser *p, const struct token *t)
{
	struct node *n = parser_make_node(p, NODE_CHAIN, t->pos, 0);

	if (!n || parser_pipeline(p, "parenthesized pipeline", TOKEN_RPAREN, &n->chain.base) < 0)
		return NULL;
	n->len = p->lexer.p - p->t->text - n->pos;
	return n;
}

/* 1 and *ret, 0 when no operand starts here, -1. */
static int parse_term(struct parser *p, struct node **ret)
{
	struct token t = parser_next_word(p);

	switch (t.kind) {
	case TOKEN_IDENT:    *ret = function(p, &t); break;
	case TOKEN_DOT:      *ret = parser_make_node(p, NODE_DOT, t.pos, t.len); break;
	case TOKEN_VARIABLE:
	case TOKEN_FIELD:    *ret = chain(p, &t); break;
	case TOKEN_NUMBER:
	case TOKEN_STRING:   *ret = parser_literal(p, &t); break;
	case TOKEN_LPAREN:   *ret = parentheses(p, &t); break;
	case TOKEN_KEYWORD:
		if (token_is(&t, "nil")) {
			*ret = parser_make_node(p, NODE_NIL, t.pos, t.len);
			break;
		}
		__attribute__((fallthrough));
	default:
		parser_back(p, t);
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
		struct token t = parser_next(p);
		if (n->kind != NODE_CHAIN)
			return parser_bad(p, t.pos, "unexpected <.> after term");
		if (count == ARRAY_LEN(fields))
			return parser_bad(p, t.pos, "too many fields in a row");
		if (!(fields[count++] = parser_copy(p, t.s, t.len)))
			return -1;
		if (count == 2)
			n->at = t.pos;
		n->len = t.pos + 1 + t.len - n->pos;
	}
	if (n->kind != NODE_CHAIN || !count)
		return 0;
	n->chain.fields = parser_make(p, count * sizeof(*fields));
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
		struct token t = parser_next(p);
		if (t.kind == TOKEN_SPACE)
			continue;
		if (t.kind == TOKEN_CLOSE || t.kind == TOKEN_RPAREN)
			parser_back(p, t);
		else if (t.kind != TOKEN_PIPE)
			return parser_unexpected(p, &t, "operand");
		break;
	}
	return c->n ? 0 : parser_bad(p, first.pos, "empty command");
}

/* ---- pipelines ---- */
static int declare(struct parser *p, const struct token *t)
{
	if (p->vars.n >= MAX_VARIABLES)
		return parser_bad(p, t->pos, "too many variables");
	return strv_add_n(&p->vars, t->s, t->len, p->err);
}

void parser_forget_variables(struct parser *p, size_t n)
{
	while (p->vars.n > n)
		strv_remove(&p->vars, p->vars.n - 1);
}

/* "$x :=", "$x =", "$i, $x :=". Puts back what is none of these. */
static int parse_declarations(struct parser *p, struct node *pipe, const char *context)
{
	struct token first = parser_next_word(p), second = {};
	bool range = streq(context, "range");

	if (first.kind != TOKEN_VARIABLE) {
		parser_back(p, first);
		return 0;
	}
	struct token space = parser_next(p), t = space;
	if (space.kind == TOKEN_SPACE)
		t = parser_next(p);
	if (t.kind == TOKEN_COMMA && range) {
		second = parser_next_word(p);
		t = parser_next_word(p);
		if (second.kind != TOKEN_VARIABLE || (t.kind != TOKEN_DECLARE && t.kind != TOKEN_ASSIGN))
			return parser_unexpected(p, second.kind != TOKEN_VARIABLE ? &second : &t, "range");
	}
	if (t.kind != TOKEN_DECLARE && t.kind != TOKEN_ASSIGN) {
		if (t.kind == TOKEN_COMMA)
			return parser_bad(p, t.pos, "too many declarations in %s", context);
		parser_back(p, t);
		if (space.kind == TOKEN_SPACE)
			parser_back(p, space);
		parser_back(p, first);
		return 0;
	}
	pipe->pipe.assign = t.kind == TOKEN_ASSIGN;
	for (const struct token *v = &first; v; v = v == &first && second.s ? &second : NULL) {
		if (!(pipe->pipe.vars[pipe->pipe.nvars++] = parser_copy(p, v->s, v->len)))
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
		return parser_bad(p, pos, "missing value for %s", context);
	for (const struct command *c = pipe->pipe.first->next; c; c = c->next, stage++) {
		enum node_kind k = c->args->kind;
		if (k == NODE_DOT || k == NODE_NIL || k == NODE_LITERAL)
			return parser_bad(p, c->args->pos, "non executable command in pipeline stage %d", stage);
	}
	return 0;
}

static int parse_commands(struct parser *p, const char *context, enum token_kind end, struct node *pipe)
{
	struct command **tail = &pipe->pipe.first;

	for (;;) {
		struct token t = parser_next_word(p);
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
			return parser_unexpected(p, &t, context);
		parser_back(p, t);
		struct command *c = parser_make(p, sizeof(*c));
		if (!c || parse_command(p, c) < 0)
			return -1;
		*tail = c;
		tail = &c->next;
	}
}

int parser_pipeline(struct parser *p, const char *context, enum token_kind end, struct node **ret)
{
	struct token t = parser_next_word(p);
	struct node *n = parser_make_node(p, NODE_PIPE, t.pos, 0);

	parser_back(p, t);
	if (!n)
		return -1;
	if (++p->depth > TEMPLATE_DEPTH_MAX)
		return parser_bad(p, t.pos, "nested too deeply");
	if (end == TOKEN_CLOSE)
		TRY(parse_declarations(p, n, context));
	TRY(parse_commands(p, context, end, n));
	p->depth--;
	*ret = n;
	return 0;
}
