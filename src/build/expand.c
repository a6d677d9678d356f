/* SPDX-License-Identifier: Apache-2.0
 * build/expand.c - one walk over a word: quotes, escapes, variables; pieces go to a sink that joins or splits. */
#include "build/expand.h"

#include <ctype.h>

#include "base/buf.h"
#include "build/expand-pattern.h"

struct sink {
	struct buf text;       /* the word so far */
	struct strv *words;    /* NULL: one word; else words are split off here, empty ones left out */
};

struct walk {
	const struct expand *x;
	const char *p;
	struct sink *to;
	int depth;
	bool raw_escapes;      /* patterns: escapes stay for the matcher */
	bool text;             /* a heredoc: quotes are ordinary */
};

static int expand_until(struct walk *w, char stop, struct error *err);
static int take_dollar(struct walk *w, struct error *err);

/* ---- sink ---- */
static bool splits(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int sink_end_word(struct sink *s, struct error *err)
{
	TRY(buf_ok(&s->text, "expanded word", err));
	if (!s->text.len)
		return 0;
	char *word = buf_steal(&s->text);
	return word ? strv_add_owned(s->words, word, err) : fail_oom(err);
}

static void sink_raw(struct sink *s, char c)
{
	buf_add_char(&s->text, c);
}

static int sink_char(struct sink *s, char c, struct error *err)
{
	if (s->words && splits(c))
		return sink_end_word(s, err);
	sink_raw(s, c);
	return 0;
}

static int sink_text(struct sink *s, const char *text, struct error *err)
{
	if (!s->words) {
		buf_add_str(&s->text, text);
		return 0;
	}
	for (; *text; text++)
		TRY(sink_char(s, *text, err));
	return 0;
}

/* ---- ${...} ---- */
static bool is_special(char c)
{
	return c && strchr("@*#?-$!", c);
}

/* [A-Za-z_][A-Za-z0-9_]*, digits alone, or one special parameter. */
static size_t name_length(const char *s)
{
	size_t n = 0;

	if (isdigit((unsigned char)*s)) {
		while (isdigit((unsigned char)s[n]))
			n++;
		return n;
	}
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n ? n : is_special(*s);
}

static const char *get(const struct walk *w, const char *name, size_t len)
{
	return w->x->get ? w->x->get(w->x->data, name, len) : NULL;
}

static int note_unset(const struct walk *w, const char *name, size_t len, struct error *err)
{
	if (!w->x->unset)
		return 0;
	autofree char *copy = strndup(name, len);
	if (!copy)
		return fail_oom(err);
	return strv_has(w->x->unset, copy) ? 0 : strv_add(w->x->unset, copy, err);
}

/* $NAME and ${NAME}: from..w->p is how it was written. */
static int put_plain(struct walk *w, const char *from, const char *name, size_t len, struct error *err)
{
	const char *value = get(w, name, len);

	if (value)
		return sink_text(w->to, value, err);
	TRY(note_unset(w, name, len, err));
	for (const char *s = from; w->x->keep_unset && s < w->p; s++)
		TRY(sink_char(w->to, *s, err));
	return 0;
}

/* The word up to `stop`, expanded, as text of its own. */
static int take_word(struct walk *w, char stop, bool raw_escapes, char **ret, struct error *err)
{
	struct sink to = { .text = BUF_INIT(EXPAND_BYTES_MAX) };
	struct walk inner = { .x = w->x, .p = w->p, .to = &to, .depth = w->depth + 1,
		.raw_escapes = raw_escapes || w->raw_escapes };
	int r;

	if (inner.depth > EXPAND_DEPTH_MAX)
		return fail(err, ERROR_INVALID, "variables nested deeper than %d", EXPAND_DEPTH_MAX);
	r = expand_until(&inner, stop, err);
	w->p = inner.p;
	if (r == 0)
		r = buf_ok(&to.text, "expanded word", err);
	*ret = r == 0 ? buf_steal(&to.text) : NULL;
	buf_done(&to.text);
	return r < 0 || *ret ? r : fail_oom(err);
}

struct parameter {
	const char *from;        /* the '$' */
	const char *name;
	size_t len;
	bool empty_is_unset;     /* ':' */
	char op;
};

static int put_written(struct walk *w, const char *from, struct error *err)
{
	for (const char *s = from; s < w->p; s++)
		TRY(sink_char(w->to, *s, err));
	return 0;
}

static int fail_required(const struct parameter *q, const char *value, const char *word, struct error *err)
{
	const char *why = value ? "is not allowed to be empty" : "is not allowed to be unset";
	return fail(err, ERROR_INVALID, "%.*s: %s", (int)q->len, q->name, *word ? word : why);
}

/* ${NAME-w} ${NAME+w} ${NAME?w} ${NAME#p} ${NAME%p}, the first three with ':' too. */
static int put_modified(struct walk *w, const struct parameter *q, struct error *err)
{
	autofree char *word = NULL, *cut = NULL;
	bool pattern = q->op == '#' || q->op == '%';

	TRY(take_word(w, '}', pattern, &word, err));
	const char *value = get(w, q->name, q->len);
	if (!value && w->x->keep_unset)
		return put_written(w, q->from, err);
	bool missing = !value || (q->empty_is_unset && !*value);
	switch (q->op) {
	case '-':
		return sink_text(w->to, missing ? word : value, err);
	case '+':
		return sink_text(w->to, missing ? "" : word, err);
	case '?':
		return missing ? fail_required(q, value, word, err) : sink_text(w->to, value, err);
	default:
		break;
	}
	bool longest = *word == q->op;
	TRY(pattern_cut(value ? value : "", word + longest, w->x->escape, q->op == '#', longest, &cut, err));
	return sink_text(w->to, cut, err);
}

static int put_replaced(struct walk *w, const struct parameter *q, struct error *err)
{
	autofree char *pattern = NULL, *by = NULL, *result = NULL;
	bool all = *w->p == '/';

	w->p += all;
	if (take_word(w, '/', true, &pattern, err) < 0)
		return *w->p ? -1 : fail(err, ERROR_INVALID, "syntax error: missing '/' in ${%.*s/", (int)q->len, q->name);
	TRY(take_word(w, '}', false, &by, err));
	const char *value = get(w, q->name, q->len);
	if (!value && w->x->keep_unset)
		return put_written(w, q->from, err);
	TRY(pattern_replace(value ? value : "", pattern, w->x->escape, by, all, &result, err));
	return sink_text(w->to, result, err);
}

static int take_braces(struct walk *w, const char *from, struct error *err)
{
	struct parameter q = { .from = from };

	w->p++;   /* '{' */
	if (!*w->p)
		return fail(err, ERROR_INVALID, "syntax error: missing '}'");
	q.name = w->p;
	q.len = name_length(w->p);
	if (!q.len)
		return fail(err, ERROR_INVALID, "syntax error: bad substitution");
	w->p += q.len;
	if (*w->p == '}')
		return w->p++, put_plain(w, from, q.name, q.len, err);
	q.empty_is_unset = *w->p == ':';
	w->p += q.empty_is_unset;
	q.op = *w->p;
	if (!q.op)
		return fail(err, ERROR_INVALID, "syntax error: missing '}'");
	if (!strchr(q.empty_is_unset ? "-+?" : "-+?#%/", q.op))
		return fail(err, ERROR_INVALID, "unsupported modifier (%s%c) in substitution", q.empty_is_unset ? ":" : "", q.op);
	w->p++;
	return q.op == '/' ? put_replaced(w, &q, err) : put_modified(w, &q, err);
}

static int take_dollar(struct walk *w, struct error *err)
{
	const char *from = w->p++;

	if (*w->p == '{')
		return take_braces(w, from, err);
	size_t n = name_length(w->p);
	if (!n)
		return sink_char(w->to, '$', err);
	const char *name = w->p;
	w->p += n;
	return put_plain(w, from, name, n, err);
}

/* ---- quotes ---- */
static int take_single(struct walk *w, struct error *err)
{
	for (w->p++; *w->p != '\''; w->p++) {
		if (!*w->p)
			return fail(err, ERROR_INVALID, "unexpected end of statement while looking for matching single-quote");
		sink_raw(w->to, *w->p);
	}
	w->p++;
	return 0;
}

/* A variable inside "..." is never split. */
static int take_dollar_quoted(struct walk *w, struct error *err)
{
	struct strv *words = take_ptr(w->to->words);
	int r = take_dollar(w, err);

	w->to->words = words;
	return r;
}

static int take_double(struct walk *w, struct error *err)
{
	for (w->p++; *w->p != '"';) {
		if (!*w->p)
			return fail(err, ERROR_INVALID, "unexpected end of statement while looking for matching double-quote");
		if (*w->p == '$') {
			TRY(take_dollar_quoted(w, err));
			continue;
		}
		if (*w->p == w->x->escape) {
			if (!w->p[1]) {
				w->p++;
				continue;
			}
			if (w->p[1] == '"' || w->p[1] == '$' || w->p[1] == w->x->escape) {
				if (w->raw_escapes)
					sink_raw(w->to, *w->p);
				w->p++;
			}
		}
		sink_raw(w->to, *w->p++);
	}
	w->p++;
	return 0;
}

static int take_quotes(struct walk *w, struct error *err)
{
	char quote = *w->p;

	if (w->x->keep_quotes)
		sink_raw(w->to, quote);
	TRY(quote == '"' ? take_double(w, err) : take_single(w, err));
	if (w->x->keep_quotes)
		sink_raw(w->to, quote);
	return 0;
}

static void take_escape(struct walk *w)
{
	char c = *w->p++;

	if (w->text && *w->p != '$' && *w->p != w->x->escape) {
		sink_raw(w->to, c);
		return;
	}
	if ((w->raw_escapes || w->x->keep_quotes) && *w->p)
		sink_raw(w->to, c);
	if (*w->p)
		sink_raw(w->to, *w->p++);
}

/* Up to `stop` (0: the end), which is consumed. */
static int expand_until(struct walk *w, char stop, struct error *err)
{
	while (*w->p && (!stop || *w->p != stop)) {
		if (*w->p == '$')
			TRY(take_dollar(w, err));
		else if ((*w->p == '"' || *w->p == '\'') && !w->text)
			TRY(take_quotes(w, err));
		else if (*w->p == w->x->escape)
			take_escape(w);
		else
			TRY(sink_char(w->to, *w->p++, err));
		if (w->to->text.failed)
			return buf_ok(&w->to->text, "expanded word", err);
	}
	if (stop && !*w->p)
		return fail(err, ERROR_INVALID, "syntax error: missing '%c'", stop);
	w->p += stop != 0;
	return 0;
}

/* ---- the three ways in ---- */
static int expand_one(const struct expand *x, const char *s, bool text, char **ret, struct error *err)
{
	struct sink to = { .text = BUF_INIT(text ? 8 * EXPAND_BYTES_MAX : EXPAND_BYTES_MAX) };
	struct walk w = { .x = x, .p = s, .to = &to, .text = text };
	int r = expand_until(&w, 0, err);

	if (r == 0)
		r = buf_ok(&to.text, "expanded word", err);
	char *result = r == 0 ? buf_steal(&to.text) : NULL;
	buf_done(&to.text);
	if (r == 0 && !result)
		return fail_oom(err);
	if (r == 0)
		*ret = result;
	return r;
}

int expand_word(const struct expand *x, const char *word, char **ret, struct error *err)
{
	return expand_one(x, word, false, ret, err);
}

int expand_text(const struct expand *x, const char *text, char **ret, struct error *err)
{
	return expand_one(x, text, true, ret, err);
}

int expand_words(const struct expand *x, const char *word, struct strv *ret, struct error *err)
{
	auto_strv words = {};
	struct sink to = { .text = BUF_INIT(EXPAND_BYTES_MAX), .words = &words };
	struct walk w = { .x = x, .p = word, .to = &to };
	int r = expand_until(&w, 0, err);

	if (r == 0)
		r = sink_end_word(&to, err);
	buf_done(&to.text);
	TRY(r);
	return strv_copy(ret, &words, err);
}

const char *expand_get_env(void *data, const char *name, size_t len)
{
	const struct strv *env = data;

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], name, len) == 0 && env->v[i][len] == '=')
			return env->v[i] + len + 1;
	return NULL;
}
