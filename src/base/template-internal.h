/* SPDX-License-Identifier: Apache-2.0
 * base/template-internal.h - between template-*.c only: tokens, tree, functions. */
#pragma once
#include "base/format.h"
#include "base/template.h"
#include "base/value-internal.h"

/* ---- tokens ---- */
enum token_kind {
	TOKEN_ERROR,      /* text is the message */
	TOKEN_EOF,
	TOKEN_TEXT,       /* between actions, trimmed */
	TOKEN_OPEN,       /* {{ */
	TOKEN_CLOSE,      /* }} */
	TOKEN_SPACE,
	TOKEN_DOT,        /* the cursor */
	TOKEN_FIELD,      /* .Name; text without the dot */
	TOKEN_VARIABLE,   /* $ or $name */
	TOKEN_IDENT,      /* a function's name, true, false */
	TOKEN_KEYWORD,    /* if, range, ... nil is one too */
	TOKEN_NUMBER,     /* also 'c' */
	TOKEN_STRING,     /* "..." or `...`, as written */
	TOKEN_LPAREN,
	TOKEN_RPAREN,
	TOKEN_PIPE,
	TOKEN_DECLARE,    /* := */
	TOKEN_ASSIGN,     /* = */
	TOKEN_COMMA,
};

struct token {
	enum token_kind kind;
	const char *s;
	size_t len;
	size_t pos;    /* of s in the template's text */
};

struct lexer {
	const char *text, *p, *end;
	bool inside;          /* between {{ and }} */
	bool trim;            /* the text that follows loses its leading white space */
	int parens;
	char message[96];     /* of TOKEN_ERROR */
};
struct token lexer_next(struct lexer *l);
bool token_is(const struct token *t, const char *text);

/* ---- tree: all nodes live in the template's pool ---- */
enum node_kind {
	NODE_TEXT, NODE_ACTION, NODE_IF, NODE_RANGE, NODE_WITH, NODE_TEMPLATE, NODE_BREAK, NODE_CONTINUE,   /* statements */
	NODE_PIPE, NODE_DOT, NODE_NIL, NODE_LITERAL, NODE_FUNCTION, NODE_CHAIN,                              /* operands */
};

struct template_function;

/* One operand and its neighbours: `next` links the arguments of a command. */
struct node {
	enum node_kind kind;
	size_t pos, len;            /* where it is written */
	size_t at;                  /* what messages point at: Go points behind the first field of a chain */
	struct node *next;
	union {
		struct value literal;   /* TEXT, LITERAL */
		const struct template_function *function;
		struct {                /* CHAIN: .A.B, $x.A, (pipe).A */
			const char *variable;   /* "$x", or NULL */
			struct node *base;      /* a parenthesised pipeline; NULL with variable NULL: the cursor */
			const char **fields;
			size_t n;
		} chain;
		struct {
			const char *vars[2];    /* declared or assigned */
			int nvars;
			bool assign;
			struct command *first;
		} pipe;
		struct {                /* ACTION (pipe only), IF, WITH, RANGE */
			struct node *pipe, *body, *other;
		} branch;
		struct {                /* TEMPLATE */
			const char *name;
			struct node *pipe;
		} call;
	};
};

struct command {
	struct node *args;   /* the first one is what is called */
	size_t n;
	struct command *next;
};

struct definition {
	const char *name;
	struct node *body;
	struct definition *next;
};

struct template {
	char *name, *text;
	struct value_pool pool;
	struct definition *definitions;   /* the main one is named like the template and comes last */
	struct node *body;
};

/* "template: NAME:LINE: reason" */
int template_bad(const struct template *t, size_t pos, struct error *err, const char *reason);

/* Runs the template once for the header of a table: fields print their words ("CreatedAt" -> "CREATED AT", or an
 * override; headers may be NULL), functions of Podman and those that take values apart pass them on. A field that
 * `type` (may be NULL) does not have is an error. */
int template_execute_headers(const struct template *t, const struct format_header *headers,
			     const struct value_type *type, struct buf *out, struct error *err);

/* ---- functions ---- */
struct call {
	struct value_pool *pool;
	const struct value *args;
	size_t n;
	struct value *ret;
	struct error *err;
};
struct template_function {
	const char *name;
	int (*call)(struct call *c);   /* NULL: and, or - which do not evaluate all of their arguments */
	unsigned char min, max;        /* max 255: any number */
	bool transparent;              /* in a table's header: gives its first argument */
};
extern const struct template_function template_word_functions[];   /* ends with {} */

/* ---- for functions ---- */
#define TEMPLATE_MAX_RESULT ((size_t)16 << 20)
int template_give_text(struct call *c, struct buf *text);
bool template_is_nil(const struct value *v);
/* The i-th argument as what it must be; nil is "". */
int template_want_string(struct call *c, size_t i, struct value *ret);
int template_want_int(struct call *c, size_t i, int64_t *ret);
const struct template_function *template_function_find(const char *name, size_t len);
