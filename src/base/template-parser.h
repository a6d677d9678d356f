/* SPDX-License-Identifier: Apache-2.0
 * base/template-parser.h - between template-parse.c (statements), template-pipeline.c (what stands in them) and
 * template-parser.c (tokens with look-ahead, nodes, literals). */
#pragma once
#include "base/template-internal.h"

#define TEMPLATE_TEXT_MAX ((size_t)1 << 20)
enum { TEMPLATE_DEPTH_MAX = 100 };   /* of blocks and parentheses */

struct parser {
	struct template *t;
	struct lexer lexer;
	struct token token[3];   /* read ahead */
	int ahead;
	int depth, ranges;
	struct strv vars;        /* in scope */
	struct error *err;
};

/* ---- template-parser.c ---- */
/* The parser's error, with the line of `pos`. */
int parser_bad(struct parser *p, size_t pos, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int parser_unexpected(struct parser *p, const struct token *t, const char *context);
struct token parser_next(struct parser *p);
struct token parser_next_word(struct parser *p);   /* spaces are passed over */
void parser_back(struct parser *p, struct token t);
/* All three from the template's pool; NULL: the error is set. */
void *parser_make(struct parser *p, size_t size);
struct node *parser_make_node(struct parser *p, enum node_kind kind, size_t pos, size_t len);
const char *parser_copy(struct parser *p, const char *s, size_t len);
/* A string's text; true, false, a number or a string as a node. */
int parser_unquote(struct parser *p, const struct token *t, struct buf *to);
struct node *parser_literal(struct parser *p, const struct token *t);

/* ---- template-pipeline.c ---- */
/* A pipeline with its declarations, `end` included; `context` names it in messages. */
int parser_pipeline(struct parser *p, const char *context, enum token_kind end, struct node **ret);
/* All variables but the first n go out of scope. */
void parser_forget_variables(struct parser *p, size_t n);
