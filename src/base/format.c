/* SPDX-License-Identifier: Apache-2.0
 * base/format.c - the one way a command turns rows into text.
 *
 * The template is prepared as Podman does it: escapes and, in tables, blanks are replaced in the text; what has no
 * {{range .}} gets one around it. If that does not parse, the user's own text is tried ({{"\n"}} breaks when its
 * escape becomes a real newline). */
#include "base/format.h"

#include "base/filter.h"
#include "base/table.h"
#include "base/template-internal.h"

#define MAX_OUTPUT ((size_t)256 << 20)

struct plan {
	struct template *t;
	bool table;      /* aligned in columns */
	bool header;
};

static bool skip(const char **p, const char *word)
{
	const char *rest = str_after(*p, word);

	if (rest)
		*p = rest;
	return rest != NULL;
}

static void skip_blanks(const char **p)
{
	*p += strspn(*p, " \t\r\n\v\f");
}

bool format_is_json(const char *format)
{
	const char *p = format ? format : "";

	skip_blanks(&p);
	bool braces = skip(&p, "{{");
	if (braces)
		skip_blanks(&p);
	if (!skip(&p, "json"))
		return false;
	if (braces) {
		skip(&p, ".");
		skip_blanks(&p);
		if (!skip(&p, "}}"))
			return false;
	}
	skip_blanks(&p);
	return !*p;
}

/* The text with escapes resolved and, in a table, blanks as column breaks; it ends in a newline. */
static void normalize(struct buf *to, const char *text, bool table)
{
	for (const char *p = text; *p;) {
		if (table && skip(&p, "table "))
			continue;
		if (skip(&p, "\\t"))
			buf_add_char(to, '\t');
		else if (skip(&p, "\\n"))
			buf_add_char(to, '\n');
		else
			buf_add_char(to, table && *p == ' ' ? '\t' : *p), p++;
	}
	if (!to->len || to->data[to->len - 1] != '\n')
		buf_add_char(to, '\n');
}

static int has_range(const char *text, struct error *err)
{
	return match_regex("\\{\\{\\s*range\\s*\\.\\s*\\}\\}.*\\{\\{\\s*end\\s*-?\\s*\\}\\}", text, err);
}

/* Parses `text`, with a {{range .}} around it unless it has one and may have. */
static int parse_ranged(const char *name, const char *text, bool table, struct template **ret, struct error *err)
{
	auto_buf whole = BUF_INIT((size_t)2 << 20);
	int ranged = table ? 0 : has_range(text, err);

	if (ranged < 0)
		return -1;
	buf_addf(&whole, ranged ? "%s" : "{{range .}}%s{{end -}}", text);
	TRY(buf_ok(&whole, "format", err));
	return template_parse(name, whole.data, ret, err);
}

static int make_plan(const struct format_request *rq, struct plan *ret, struct error *err)
{
	const char *text = rq->format ? rq->format : rq->fallback;
	const char *rest = str_after(text, "table ");
	struct error ignored;
	auto_buf normal = BUF_INIT((size_t)1 << 20);

	normalize(&normal, text, rest != NULL);
	TRY(buf_ok(&normal, "format", err));
	if (parse_ranged(rq->name, normal.data, rest != NULL, &ret->t, &ignored) < 0 &&
	    parse_ranged(rq->name, rest ? rest : text, rest != NULL, &ret->t, err) < 0) {
		/* the message should speak of what the user wrote, without our {{range .}} */
		auto_template *own = NULL;
		TRY(template_parse(rq->name, rest ? rest : text, &own, err));
		return -1;
	}
	ret->table = rest || !rq->format;
	ret->header = rest && !rq->noheading;
	return 0;
}

static int show_json(const struct value *rows, unsigned indent, struct buf *out, struct error *err)
{
	auto_json *tree = NULL;

	TRY(value_save(rows, &tree, err));
	json_format(out, tree, (int)indent);
	buf_add_char(out, '\n');
	return buf_ok(out, "output", err);
}

static int show_table(const struct format_request *rq, const struct plan *plan, const struct value *rows,
		      struct buf *out, struct error *err)
{
	auto_buf text = BUF_INIT(MAX_OUTPUT);

	if (plan->header)
		TRY(template_execute_headers(plan->t, rq->headers, rq->type, &text, err));
	TRY(template_execute(plan->t, rows, &text, err));
	return text.len ? table_format(out, text.data, text.len, err) : 0;
}

/* Without rows nothing is evaluated: a misspelt field would go unnoticed until there are some. */
static int check_fields(const struct format_request *rq, const struct plan *plan, const struct value *rows,
			struct error *err)
{
	auto_buf ignored = BUF_INIT(MAX_OUTPUT);

	if (!rq->type || value_len(rows) > 0 || plan->header)
		return 0;
	return template_execute_headers(plan->t, rq->headers, rq->type, &ignored, err);
}

static int show(const struct format_request *rq, const struct value *rows, struct buf *out, struct error *err)
{
	struct plan plan = {};
	int r = make_plan(rq, &plan, err);

	if (r == 0)
		r = check_fields(rq, &plan, rows, err);
	if (r == 0)
		r = plan.table ? show_table(rq, &plan, rows, out, err) : template_execute(plan.t, rows, out, err);
	template_free(plan.t);
	return r;
}

int format_rows(const struct format_request *rq, const struct value *rows, struct buf *out, struct error *err)
{
	if (format_is_json(rq->format))
		return show_json(rows, rq->json_indent ? rq->json_indent : 4, out, err);
	return show(rq, rows, out, err);
}

int format_each(const struct format_request *rq, const struct value *rows, struct buf *out, struct error *err)
{
	if (!rq->format || format_is_json(rq->format))
		return show_json(rows, rq->json_indent ? rq->json_indent : 5, out, err);
	return show(rq, rows, out, err);
}
