/* SPDX-License-Identifier: Apache-2.0
 * base/table.c - columns of text as Go's text/tabwriter aligns them for Podman.
 *
 * A cell ends in a tab; what stands behind a line's last tab belongs to no column. A column is a run of neighbouring
 * lines that have a cell there, so a line with fewer cells starts the columns to its right anew. */
#include "base/table.h"

#include "base/str.h"

#define MIN_WIDTH 12
#define PADDING 2

struct cell {
	const char *s;
	size_t len, width;   /* width: characters, later the column's */
};

struct line {
	size_t first, n;     /* cells that end in a tab */
	const char *rest;    /* behind the last tab */
	size_t rest_len;
};

struct table {
	struct cell *cells;
	struct line *lines;
	size_t ncells, nlines;
};

static void table_done(struct table *t)
{
	free(t->cells);
	free(t->lines);
}

static size_t count_char(const char *s, size_t len, char c)
{
	size_t n = 0;

	for (const char *end = s + len; (s = memchr(s, c, end - s)) != NULL; s++)
		n++;
	return n;
}

/* Cuts the text; an unfinished last line is a line of its own (without its newline, see table_format). */
static int split(struct table *t, const char *text, size_t len, struct error *err)
{
	const char *end = text + len;

	t->cells = calloc(count_char(text, len, '\t') + 1, sizeof(*t->cells));
	t->lines = calloc(count_char(text, len, '\n') + 1, sizeof(*t->lines));
	if (!t->cells || !t->lines)
		return fail_oom(err);
	for (const char *p = text; p < end;) {
		const char *stop = memchr(p, '\n', end - p), *tab;
		struct line *l = &t->lines[t->nlines++];
		stop = stop ? stop : end;
		l->first = t->ncells;
		for (; (tab = memchr(p, '\t', stop - p)) != NULL; p = tab + 1)
			t->cells[t->ncells++] = (struct cell){ p, tab - p, utf8_count(p, tab - p) };
		l->n = t->ncells - l->first;
		l->rest = p;
		l->rest_len = stop - p;
		p = stop + (stop < end);
	}
	return 0;
}

/* Gives all cells of one column's run, from line `at` on, the run's width; returns the line behind it. */
static size_t widen_run(struct table *t, size_t at, size_t column)
{
	size_t width = MIN_WIDTH, end = at;

	for (; end < t->nlines && t->lines[end].n > column; end++) {
		size_t w = t->cells[t->lines[end].first + column].width + PADDING;
		width = w > width ? w : width;
	}
	for (size_t i = at; i < end; i++)
		t->cells[t->lines[i].first + column].width = width;
	return end;
}

static void widen(struct table *t)
{
	size_t most = 0;

	for (size_t i = 0; i < t->nlines; i++)
		most = t->lines[i].n > most ? t->lines[i].n : most;
	for (size_t column = 0; column < most; column++)
		for (size_t i = 0; i < t->nlines;)
			i = t->lines[i].n > column ? widen_run(t, i, column) : i + 1;
}

int table_format(struct buf *to, const char *text, size_t len, struct error *err)
{
	CLEANUP(table_done) struct table t = {};

	TRY(split(&t, text, len, err));
	widen(&t);
	for (size_t i = 0; i < t.nlines; i++) {
		const struct line *l = &t.lines[i];
		for (size_t c = l->first; c < l->first + l->n; c++) {
			size_t shown = utf8_count(t.cells[c].s, t.cells[c].len);
			buf_add(to, t.cells[c].s, t.cells[c].len);
			buf_addf(to, "%*s", (int)(t.cells[c].width - shown), "");
		}
		buf_add(to, l->rest, l->rest_len);
		if (i + 1 < t.nlines || (len && text[len - 1] == '\n'))
			buf_add_char(to, '\n');
	}
	return buf_ok(to, "table", err);
}

static int class_of(char c)
{
	return c >= 'a' && c <= 'z' ? 1 : c >= 'A' && c <= 'Z' ? 2 : c >= '0' && c <= '9' ? 3 : 4;
}

void table_header_word(struct buf *to, const char *field)
{
	for (const char *p = field; *p; p++) {
		bool change = p > field && class_of(*p) != class_of(p[-1]);
		/* "PDFLoader": the last capital belongs to the lower-case letters behind it */
		bool lower = class_of(*p) == 2 && class_of(p[1]) == 1;
		bool after_capital = p > field && class_of(p[-1]) == 2;
		if (p > field && ((change && !(after_capital && class_of(*p) == 1)) || (lower && after_capital)))
			buf_add_char(to, ' ');
		buf_add_char(to, class_of(*p) == 1 ? (char)(*p & ~0x20) : *p);
	}
}
