/* SPDX-License-Identifier: Apache-2.0
 * base/template-parse.c - tokens to a tree. The grammar is that of Go's text/template/parse; messages too, because
 * scripts and tests look for them. */
#include "base/template-parser.h"

/* Statements up to {{end}}, {{else}} (whose keyword is returned in *stop) or, at top level, the end of the text. */
static int parse_list(struct parser *p, bool top, struct token *stop, struct node **ret);

static int expect_close(struct parser *p, const char *context)
{
	struct token t = parser_next_word(p);
	return t.kind == TOKEN_CLOSE ? 0 : parser_unexpected(p, &t, context);
}

/* Behind "if", "with", "range": pipeline }} body [{{else [if|with ...]}} body] {{end}}. */
static int parse_branch(struct parser *p, enum node_kind kind, const struct token *word, struct node **ret)
{
	static const char *const names[] = { [NODE_IF] = "if", [NODE_RANGE] = "range", [NODE_WITH] = "with" };
	struct node *n = parser_make_node(p, kind, word->pos, word->len);
	size_t vars = p->vars.n;
	struct token stop;

	if (!n)
		return -1;
	if (++p->depth > TEMPLATE_DEPTH_MAX)
		return parser_bad(p, word->pos, "nested too deeply");
	TRY(parser_pipeline(p, names[kind], TOKEN_CLOSE, &n->branch.pipe));
	p->ranges += kind == NODE_RANGE;
	TRY(parse_list(p, false, &stop, &n->branch.body));
	p->ranges -= kind == NODE_RANGE;
	if (token_is(&stop, "else")) {
		struct token t = parser_next_word(p);
		if (kind != NODE_RANGE && t.kind == TOKEN_KEYWORD && token_is(&t, names[kind])) {
			/* {{else if}}: a branch inside the else, sharing our {{end}} */
			TRY(parse_branch(p, kind, &t, &n->branch.other));
		} else {
			if (t.kind != TOKEN_CLOSE)
				return parser_unexpected(p, &t, "else");
			TRY(parse_list(p, false, &stop, &n->branch.other));
			if (!token_is(&stop, "end"))
				return parser_bad(p, stop.pos, "expected end; found {{else}}");
			TRY(expect_close(p, "end"));
		}
	} else {
		TRY(expect_close(p, "end"));
	}
	parser_forget_variables(p, vars);
	p->depth--;
	*ret = n;
	return 0;
}

static int parse_name(struct parser *p, const char *context, const char **ret)
{
	auto_buf text = BUF_INIT(4096);
	struct token t = parser_next_word(p);

	if (t.kind != TOKEN_STRING)
		return parser_unexpected(p, &t, context);
	TRY(parser_unquote(p, &t, &text));
	*ret = parser_copy(p, text.data ? text.data : "", text.len);
	return *ret ? 0 : -1;
}

static int parse_definition_list(struct parser *p, struct definition *d, const struct token *word)
{
	struct token stop;

	TRY(strv_add(&p->vars, "$", p->err));
	TRY(parse_list(p, false, &stop, &d->body));
	if (!token_is(&stop, "end"))
		return parser_bad(p, word->pos, "unexpected {{else}} in define clause");
	return expect_close(p, "define clause");
}

/* A body of its own: of the variables, only $ is in scope. */
static int parse_definition_body(struct parser *p, const char *name, const struct token *word)
{
	struct definition *d = parser_make(p, sizeof(*d));
	struct strv outer = p->vars;
	int ranges = p->ranges;

	if (!d)
		return -1;
	for (const struct definition *other = p->t->definitions; other; other = other->next)
		if (streq(other->name, name))
			return parser_bad(p, word->pos, "multiple definition of template \"%s\"", name);
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
		return parser_unexpected(p, word, "command");
	TRY(parse_name(p, "define clause", &name));
	TRY(expect_close(p, "define clause"));
	return parse_definition_body(p, name, word);
}

/* {{template "name" pipeline}} and, with a body, {{block "name" pipeline}}body{{end}}. */
static int parse_call(struct parser *p, const struct token *word, bool block, struct node **ret)
{
	const char *context = block ? "block clause" : "template clause";
	struct node *n = parser_make_node(p, NODE_TEMPLATE, word->pos, word->len);

	if (!n)
		return -1;
	TRY(parse_name(p, context, &n->call.name));
	struct token t = parser_next_word(p);
	if (block || t.kind != TOKEN_CLOSE) {
		parser_back(p, t);
		TRY(parser_pipeline(p, context, TOKEN_CLOSE, &n->call.pipe));
	}
	if (block) {
		if (++p->depth > TEMPLATE_DEPTH_MAX)
			return parser_bad(p, word->pos, "nested too deeply");
		TRY(parse_definition_body(p, n->call.name, word));
		p->depth--;
	}
	*ret = n;
	return 0;
}

static int parse_jump(struct parser *p, const struct token *word, enum node_kind kind, struct node **ret)
{
	if (!p->ranges)
		return parser_bad(p, word->pos, "{{%.*s}} outside {{range}}", (int)word->len, word->s);
	TRY(expect_close(p, kind == NODE_BREAK ? "{{break}}" : "{{continue}}"));
	*ret = parser_make_node(p, kind, word->pos, word->len);
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
	parser_back(p, *word);
	struct node *n = parser_make_node(p, NODE_ACTION, word->pos, 0);
	if (!n)
		return -1;
	TRY(parser_pipeline(p, "command", TOKEN_CLOSE, &n->branch.pipe));
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
		struct token t = parser_next(p);
		if (t.kind == TOKEN_EOF && top)
			return 0;
		if (t.kind == TOKEN_TEXT) {
			if (!(*tail = parser_make_node(p, NODE_TEXT, t.pos, t.len)))
				return -1;
			(*tail)->literal = value_str_n(t.s, t.len);
		} else if (t.kind == TOKEN_OPEN) {
			*stop = parser_next_word(p);
			if (stops_list(stop))
				return top ? parser_bad(p, stop->pos, "unexpected {{%.*s}}", (int)stop->len, stop->s) : 0;
			TRY(parse_action(p, stop, tail));
		} else {
			return parser_unexpected(p, &t, "input");
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
	if (strlen(text) > TEMPLATE_TEXT_MAX)
		return fail(err, ERROR_INVALID, "template: %s: longer than %zu bytes", name, TEMPLATE_TEXT_MAX);
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
