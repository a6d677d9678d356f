/* SPDX-License-Identifier: Apache-2.0
 * base/template-exec.c - walks the tree with the cursor (dot) and the variables.
 *
 * What a walk returns: 0, -1 and *err, or one of the positive jumps that a {{range}} swallows. Steps, depth and
 * output are bounded: a template may loop over its own calls. */
#include "base/table.h"
#include "base/template-internal.h"

#define MAX_DEPTH 500        /* of walks inside each other: blocks times template calls */
#define MAX_STEPS 5000000    /* nodes visited */
#define MAX_ARGS 64

enum jump { JUMP_BREAK = 1, JUMP_CONTINUE };

struct variable {
	const char *name;
	struct value value;
};

struct exec {
	const struct template *t;
	const char *executing;    /* the definition's name */
	struct value_pool pool;
	struct buf *out;
	struct variable *vars;
	size_t nvars, base;       /* variables of the running definition start at base */
	int depth;
	size_t steps;
	struct error *err;
	bool heading;             /* see template_execute_headers() */
	const struct format_header *headers;
	const struct value_type *type;
};

/* `template: NAME:LINE:COL: executing "X" at <.Foo>: ` before what went wrong; the quoted text starts at n and ends
 * with `last`. */
static int fail_between(struct exec *x, const struct node *n, const struct node *last)
{
	const char *text = x->t->text;
	size_t line = 1, column = 0, len = last->pos + last->len - n->pos;

	for (size_t i = 0; i < n->at; i++) {
		column++;
		if (text[i] == '\n') {
			line++;
			column = 0;
		}
	}
	return fail_wrap(x->err, "template: %s:%zu:%zu: executing \"%s\" at <%.*s>", x->t->name, line, column, x->executing,
			 (int)(len > 200 ? 200 : len), text + n->pos);
}

static int fail_at(struct exec *x, const struct node *n)
{
	return fail_between(x, n, n);
}

static int __attribute__((format(printf, 3, 4))) bad(struct exec *x, const struct node *n, const char *fmt, ...)
{
	char reason[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	fail(x->err, ERROR_INVALID, "%s", reason);
	return fail_at(x, n);
}

/* ---- variables ---- */
static struct variable *find_variable(struct exec *x, const char *name)
{
	for (size_t i = x->nvars; i-- > x->base;)
		if (streq(x->vars[i].name, name))
			return &x->vars[i];
	return NULL;
}

static int push_variable(struct exec *x, const char *name, const struct value *v)
{
	if (x->nvars % 16 == 0) {   /* room grows by sixteens */
		struct variable *vars = reallocarray(x->vars, x->nvars + 16, sizeof(*vars));
		if (!vars)
			return fail_oom(x->err);
		x->vars = vars;
	}
	x->vars[x->nvars++] = (struct variable){ name, *v };
	return 0;
}

/* ---- operands ---- */
static int eval_pipe(struct exec *x, const struct value *dot, const struct node *pipe, struct value *ret);
static int eval_operand(struct exec *x, const struct value *dot, const struct node *n, struct value *ret);

struct arguments {
	struct value v[MAX_ARGS];
	size_t n;
};

/* The arguments behind the first word of a command, and the value that came through the pipe. */
static int eval_arguments(struct exec *x, const struct value *dot, const struct node *first, const struct value *final,
			  struct arguments *ret)
{
	ret->n = 0;
	for (const struct node *n = first; n; n = n->next) {
		if (ret->n >= MAX_ARGS - 1)
			return bad(x, n, "too many arguments");
		TRY(eval_operand(x, dot, n, &ret->v[ret->n]));
		ret->n++;
	}
	if (final)
		ret->v[ret->n++] = *final;
	return 0;
}

static int eval_field(struct exec *x, const struct node *n, const char *name, const struct value *receiver,
		      const struct arguments *args, struct value *ret)
{
	if (receiver->kind == VALUE_MISSING) {   /* a field of <no value> is <no value> */
		*ret = *receiver;
		return 0;
	}
	if (receiver->kind == VALUE_NIL)
		return bad(x, n, "nil pointer evaluating %s", name);
	int r = value_call(&x->pool, receiver, name, args ? args->v : NULL, args ? args->n : 0, ret, x->err);
	if (r < 0)
		return fail_at(x, n);
	if (r == 0)
		return bad(x, n, "can't evaluate field %s in type %s", name, value_type_name(receiver));
	return 0;
}

/* A field in a table's header. A row is nil there, what a field gives is its word. */
static int eval_heading(struct exec *x, const struct node *n, const struct value *receiver,
			const struct arguments *args, struct value *ret)
{
	auto_buf name = BUF_INIT(4096), words = BUF_INIT(4096);

	if (receiver->kind == VALUE_NIL && x->type && !value_type_has(x->type, n->chain.fields[0]))
		return bad(x, n, "can't evaluate field %s in type %s", n->chain.fields[0], x->type->name);
	if (args && args->n && args->v[0].kind == VALUE_STR) {   /* {{.Label "app"}} */
		*ret = args->v[0];
		return 0;
	}
	for (size_t i = 0; i < n->chain.n; i++)
		buf_addf(&name, "%s%s", i ? "." : "", n->chain.fields[i]);
	TRY(buf_ok(&name, "field", x->err));
	for (const struct format_header *h = x->headers; h && h->field; h++)
		if (streq(h->field, name.data)) {
			*ret = value_str(h->words);
			return 0;
		}
	table_header_word(&words, n->chain.fields[n->chain.n - 1]);
	*ret = value_str_copy(&x->pool, words.data, words.len);
	return ret->kind == VALUE_STR ? 0 : fail_oom(x->err);
}

/* args: of the last field; NULL when the chain is an argument itself. */
static int eval_chain(struct exec *x, const struct value *dot, const struct node *n, const struct arguments *args,
		      struct value *ret)
{
	struct value v = *dot;

	if (n->chain.base)
		TRY(eval_pipe(x, dot, n->chain.base, &v));
	if (n->chain.variable) {
		const struct variable *var = find_variable(x, n->chain.variable);
		if (!var)
			return bad(x, n, "undefined variable: %s", n->chain.variable);
		v = var->value;
	}
	if (!n->chain.n && args && args->n)
		return bad(x, n, "can't give argument to non-function %.*s", (int)n->len, x->t->text + n->pos);
	if (x->heading && n->chain.n)
		return eval_heading(x, n, &v, args, ret);
	for (size_t i = 0; i < n->chain.n; i++) {
		struct value member;
		TRY(eval_field(x, n, n->chain.fields[i], &v, i + 1 == n->chain.n ? args : NULL, &member));
		v = member;
	}
	*ret = v;
	return 0;
}

/* and, or: the first argument that decides; the rest is not evaluated. */
static int eval_short_circuit(struct exec *x, const struct value *dot, const struct node *function,
			      const struct value *final, struct value *ret)
{
	bool want = streq(function->function->name, "or");

	if (!function->next && !final)
		return bad(x, function, "wrong number of args for %s: want at least 1 got 0", function->function->name);
	for (const struct node *n = function->next; n; n = n->next) {
		TRY(eval_operand(x, dot, n, ret));
		if (value_true(ret) == want)
			return 0;
	}
	if (final)
		*ret = *final;
	return 0;
}

static int eval_function(struct exec *x, const struct value *dot, const struct node *n, const struct node *first,
			 const struct value *final, struct value *ret)
{
	const struct template_function *f = n->function;
	struct arguments args;

	if (!f->call)
		return eval_short_circuit(x, dot, n, final, ret);
	TRY(eval_arguments(x, dot, first, final, &args));
	if (args.n < f->min || (f->max != 255 && args.n > f->max))
		return bad(x, n, "wrong number of args for %s: want %s%d got %zu", f->name, f->max == f->min ? "" : "at least ",
			   f->min, args.n);
	if (x->heading && f->transparent && args.n) {
		*ret = args.v[0];
		return 0;
	}
	struct call c = { &x->pool, args.v, args.n, ret, x->err };
	*ret = value_nil();
	if (f->call(&c) < 0) {
		const struct node *last = n;
		for (const struct node *a = first; a; a = a->next)
			last = a;
		fail_wrap(x->err, "error calling %s", f->name);
		return fail_between(x, n, last);
	}
	return 0;
}

static int eval_operand(struct exec *x, const struct value *dot, const struct node *n, struct value *ret)
{
	switch (n->kind) {
	case NODE_DOT:      *ret = *dot; return 0;
	case NODE_NIL:      *ret = value_missing(); return 0;
	case NODE_LITERAL:  *ret = n->literal; return 0;
	case NODE_FUNCTION: return eval_function(x, dot, n, NULL, NULL, ret);
	default:            return eval_chain(x, dot, n, NULL, ret);
	}
}

/* ---- pipelines ---- */
static int eval_command(struct exec *x, const struct value *dot, const struct command *c, const struct value *final,
			struct value *ret)
{
	const struct node *n = c->args;
	struct arguments args;

	if (n->kind == NODE_FUNCTION)
		return eval_function(x, dot, n, n->next, final, ret);
	if (n->kind == NODE_CHAIN) {
		TRY(eval_arguments(x, dot, n->next, final, &args));
		return eval_chain(x, dot, n, &args, ret);
	}
	if (n->next || final)
		return bad(x, n, "can't give argument to non-function %.*s", (int)n->len, x->t->text + n->pos);
	if (n->kind == NODE_NIL)
		return bad(x, n, "nil is not a command");
	return eval_operand(x, dot, n, ret);
}

static int eval_pipe(struct exec *x, const struct value *dot, const struct node *pipe, struct value *ret)
{
	struct value v = value_nil(), before;

	if (++x->steps > MAX_STEPS)
		return bad(x, pipe, "the template takes too many steps");
	for (const struct command *c = pipe->pipe.first; c; c = c->next) {
		before = v;
		TRY(eval_command(x, dot, c, c == pipe->pipe.first ? NULL : &before, &v));
	}
	for (int i = 0; i < pipe->pipe.nvars; i++) {
		if (!pipe->pipe.assign) {
			TRY(push_variable(x, pipe->pipe.vars[i], &v));
			continue;
		}
		struct variable *var = find_variable(x, pipe->pipe.vars[i]);
		if (var)
			var->value = v;
	}
	*ret = v;
	return 0;
}

/* ---- statements ---- */
static int walk_list(struct exec *x, const struct value *dot, const struct node *list);

static int walk_if_or_with(struct exec *x, const struct value *dot, const struct node *n)
{
	struct value v;

	TRY(eval_pipe(x, dot, n->branch.pipe, &v));
	if (value_true(&v))
		return walk_list(x, n->kind == NODE_WITH ? &v : dot, n->branch.body);
	return walk_list(x, dot, n->branch.other);
}

/* One turn of a range: the index and the element are what the pipeline declared, or assigned. */
static int walk_turn(struct exec *x, const struct node *n, const struct value *key, const struct value *element)
{
	const struct node *pipe = n->branch.pipe;
	const struct value *values[2] = { pipe->pipe.nvars == 1 ? element : key, element };
	size_t vars = x->nvars;

	if (++x->steps > MAX_STEPS)
		return bad(x, n, "the template takes too many steps");
	for (int i = 0; i < pipe->pipe.nvars; i++) {
		struct variable *var = find_variable(x, pipe->pipe.vars[i]);
		if (!var)
			return bad(x, n, "undefined variable: %s", pipe->pipe.vars[i]);
		var->value = *values[i];
	}
	int r = walk_list(x, element, n->branch.body);
	x->nvars = vars;
	return r == JUMP_CONTINUE ? 0 : r;
}

static int walk_members(struct exec *x, const struct node *n, const struct value *v)
{
	size_t *order = v->kind == VALUE_MAP ? value_sorted_keys(&x->pool, v) : NULL;

	if (v->kind == VALUE_MAP && !order)
		return fail_oom(x->err);
	for (size_t i = 0; i < value_len(v); i++) {
		struct value key, element;
		if (value_at(&x->pool, v, order ? order[i] : i, &key, &element, x->err) < 0)
			return fail_at(x, n);
		int r = walk_turn(x, n, &key, &element);
		if (r)
			return r == JUMP_BREAK ? 0 : r;
	}
	return 0;
}

static int walk_count(struct exec *x, const struct node *n, int64_t count)
{
	for (int64_t i = 0; i < count; i++) {
		struct value v = value_int(i);
		int r = walk_turn(x, n, &v, &v);
		if (r)
			return r == JUMP_BREAK ? 0 : r;
	}
	return 0;
}

static int walk_range(struct exec *x, const struct value *dot, const struct node *n)
{
	struct value v;

	TRY(eval_pipe(x, dot, n->branch.pipe, &v));
	switch (v.kind) {
	case VALUE_LIST:
	case VALUE_MAP:
		if (value_len(&v))
			return walk_members(x, n, &v);
		break;
	case VALUE_INT:
	case VALUE_UINT:
		if (v.i > 0)
			return walk_count(x, n, v.i);
		break;
	case VALUE_NIL:
	case VALUE_MISSING:
		break;
	default:
		if (x->heading)
			return walk_turn(x, n, &v, &v) < 0 ? -1 : 0;
		fail(x->err, ERROR_INVALID, "range can't iterate over ");
		size_t used = strlen(x->err->text);
		struct buf text = BUF_INIT(200);
		value_print(&x->pool, &text, &v);
		snprintf(x->err->text + used, sizeof(x->err->text) - used, "%s", text.data ? text.data : "");
		buf_done(&text);
		return fail_at(x, n->branch.pipe);
	}
	return walk_list(x, dot, n->branch.other);
}

static const struct node *find_definition(const struct template *t, const char *name, bool *found)
{
	*found = true;
	for (const struct definition *d = t->definitions; d; d = d->next)
		if (streq(d->name, name))
			return d->body;
	*found = streq(name, t->name);
	return t->body;
}

static int walk_call(struct exec *x, const struct value *dot, const struct node *n)
{
	struct value v = value_missing();
	bool found;
	const struct node *body = find_definition(x->t, n->call.name, &found);
	const char *executing = x->executing;
	size_t vars = x->nvars, base = x->base;

	if (!found)
		return bad(x, n, "template \"%s\" not defined", n->call.name);
	if (n->call.pipe)
		TRY(eval_pipe(x, dot, n->call.pipe, &v));
	x->base = x->nvars;
	x->executing = n->call.name;
	TRY(push_variable(x, "$", &v));
	TRY(walk_list(x, &v, body));
	x->nvars = vars;
	x->base = base;
	x->executing = executing;
	return 0;
}

static int walk_action(struct exec *x, const struct value *dot, const struct node *n)
{
	struct value v;

	TRY(eval_pipe(x, dot, n->branch.pipe, &v));
	if (n->branch.pipe->pipe.nvars)   /* an assignment prints nothing */
		return 0;
	if (v.kind == VALUE_MISSING)
		buf_add_str(x->out, "<no value>");
	else
		value_print(&x->pool, x->out, &v);
	return x->out->failed ? bad(x, n, "the output is larger than %zu bytes", x->out->max) : 0;
}

static int walk_node(struct exec *x, const struct value *dot, const struct node *n)
{
	switch (n->kind) {
	case NODE_TEXT:
		buf_add(x->out, n->literal.str.s, n->literal.str.len);
		return x->out->failed ? bad(x, n, "the output is larger than %zu bytes", x->out->max) : 0;
	case NODE_ACTION:   return walk_action(x, dot, n);
	case NODE_RANGE:    return walk_range(x, dot, n);
	case NODE_TEMPLATE: return walk_call(x, dot, n);
	case NODE_BREAK:    return JUMP_BREAK;
	case NODE_CONTINUE: return JUMP_CONTINUE;
	default:            return walk_if_or_with(x, dot, n);
	}
}

static int walk_list(struct exec *x, const struct value *dot, const struct node *list)
{
	int r = 0;

	if (!list)
		return 0;
	if (++x->depth > MAX_DEPTH)
		return bad(x, list, "exceeded maximum template depth (%d)", MAX_DEPTH);
	for (const struct node *n = list; n && r == 0; n = n->next) {
		bool scope = n->kind == NODE_IF || n->kind == NODE_WITH || n->kind == NODE_RANGE;
		size_t vars = x->nvars;
		if (++x->steps > MAX_STEPS)
			return bad(x, n, "the template takes too many steps");
		r = walk_node(x, dot, n);
		if (scope)
			x->nvars = vars;
	}
	x->depth--;
	return r;
}

static int execute(struct exec *x, const struct value *dot)
{
	x->executing = x->t->name;
	x->pool = VALUE_POOL_INIT;
	int r = push_variable(x, "$", dot);
	if (r == 0)
		r = walk_list(x, dot, x->t->body);
	value_pool_done(&x->pool);
	free(x->vars);
	return r < 0 ? -1 : 0;
}

int template_execute(const struct template *t, const struct value *dot, struct buf *out, struct error *err)
{
	struct exec x = { .t = t, .out = out, .err = err };

	return execute(&x, dot);
}

int template_execute_headers(const struct template *t, const struct format_header *headers,
			     const struct value_type *type, struct buf *out, struct error *err)
{
	struct exec x = { .t = t, .out = out, .err = err, .heading = true, .headers = headers, .type = type };
	struct value row = value_nil(), rows = value_list(&row, 1);

	return execute(&x, &rows);
}
