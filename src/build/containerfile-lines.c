/* SPDX-License-Identifier: Apache-2.0
 * build/containerfile-lines.c - from bytes to logical lines: byte order mark, parser directives, comments, continuations. */
#include <ctype.h>

#include "base/buf.h"
#include "build/containerfile-internal.h"

void logical_line_done(struct logical_line *l)
{
	free(l->text);
	free(l->comment);
	*l = (struct logical_line){};
}

int reader_physical(struct line_reader *r, const char **ret, size_t *ret_len)
{
	if (r->at >= r->end)
		return 0;
	const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	*ret = r->at;
	*ret_len = newline ? (size_t)(newline + 1 - r->at) : (size_t)(r->end - r->at);
	r->at += *ret_len;
	r->line++;
	return 1;
}

static size_t without_newline(const char *s, size_t len)
{
	while (len && (s[len - 1] == '\n' || s[len - 1] == '\r'))
		len--;
	return len;
}

static size_t leading_blanks(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && is_blank(s[n]))
		n++;
	return n;
}

/* ---- directives ---- */
/* "# NAME = value": the name's and the value's places. */
static bool directive_split(const char *s, size_t len, size_t name[2], size_t value[2])
{
	size_t i = 0;

	if (!len || s[i++] != '#')
		return false;
	while (i < len && (s[i] == ' ' || s[i] == '\t'))
		i++;
	name[0] = i;
	while (i < len && isalnum((unsigned char)s[i]))
		i++;
	name[1] = i;
	while (i < len && (s[i] == ' ' || s[i] == '\t'))
		i++;
	if (name[0] == name[1] || !isalpha((unsigned char)s[name[0]]) || i >= len || s[i++] != '=')
		return false;
	while (i < len && (s[i] == ' ' || s[i] == '\t'))
		i++;
	while (len > i && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	value[0] = i;
	value[1] = len;
	return len > i;
}

static int directive_set(struct line_reader *r, char **at, const char *name, const char *value, size_t len, struct error *err)
{
	if (*at)
		return fail(err, ERROR_INVALID, "only one %s parser directive can be used", name);
	*at = strndup(value, len);
	return *at ? 0 : fail_oom(err);
}

/* 1: it was one; 0: it is not, and none may follow. */
static int directive_take(struct line_reader *r, const char *s, size_t len, char **escape, struct error *err)
{
	const struct { const char *name; char **at; } known[] = {
		{ "escape", escape }, { "syntax", &r->file->syntax }, { "check", &r->file->check },
	};
	size_t name[2], value[2];

	if (!directive_split(s, len, name, value))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		size_t n = strlen(known[i].name);
		if (n != name[1] - name[0] || strncasecmp(known[i].name, s + name[0], n) != 0)
			continue;
		TRY(directive_set(r, known[i].at, known[i].name, s + value[0], value[1] - value[0], err));
		return 1;
	}
	return 0;
}

int reader_start(struct line_reader *r, struct error *err)
{
	autofree char *escape = NULL;

	if (r->end - r->at >= 3 && memcmp(r->at, "\xef\xbb\xbf", 3) == 0)
		r->at += 3;
	if (r->end - r->at >= 2 && ((uint8_t)r->at[0] ^ (uint8_t)r->at[1]) == 1 && (uint8_t)r->at[0] >= 0xfe)
		return r->line = 1, fail(err, ERROR_INVALID, "the file is UTF-16; it must be UTF-8");
	for (struct line_reader ahead = *r; r->file;) {
		const char *s;
		size_t len;
		if (!reader_physical(&ahead, &s, &len))
			break;
		bool shebang = ahead.line == 1 && len > 1 && s[0] == '#' && s[1] == '!';
		r->line = ahead.line;
		int is = shebang ? 1 : directive_take(r, s, without_newline(s, len), &escape, err);
		TRY(is);
		if (!is) {
			r->line--;
			break;
		}
		*r = ahead;
	}
	if (escape && !streq(escape, "\\") && !streq(escape, "`"))
		return fail(err, ERROR_INVALID, "invalid ESCAPE '%s' does not match ` or \\", escape);
	if (escape)
		r->escape = *escape;
	return 0;
}

/* ---- logical lines ---- */
/* Whether the line goes on in the next one: ends with one escape character (not two) and blanks. Cuts that off *len. */
static bool cut_continuation(const struct line_reader *r, const char *s, size_t *len)
{
	size_t n = *len;

	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	if (!n || s[n - 1] != r->escape || (n > 1 && s[n - 2] == r->escape))
		return false;
	*len = n - 1;
	return true;
}

static int add_note(struct line_reader *r, const char *check, uint32_t line, const char *text, struct error *err)
{
	struct containerfile_note *note;

	if (!r->file)
		return 0;
	note = list_add(&r->file->notes, sizeof(*note), err);
	if (!note)
		return -1;
	note->line = line;
	TRY(str_set(&note->check, check, err));
	return str_set(&note->text, text, err);
}

/* Appends the lines that continue it; comment lines and (with a note) empty ones are passed over. */
static int add_continuations(struct line_reader *r, uint32_t first, struct buf *text, struct error *err)
{
	bool more = true, empty = false;
	const char *s;
	size_t len;

	while (more && reader_physical(r, &s, &len)) {
		len = without_newline(s, len);
		size_t blanks = leading_blanks(s, len);
		if (blanks < len && s[blanks] == '#')
			continue;
		if (blanks == len) {
			empty = true;
			continue;
		}
		more = cut_continuation(r, s, &len);
		buf_add(text, s, len);
	}
	TRY(buf_ok(text, "instruction", err));
	return empty ? add_note(r, "NoEmptyContinuation", first, "Empty continuation line", err) : 0;
}

static int keep_comment(struct buf *comment, const char *s, size_t len)
{
	size_t blanks;

	s++, len--;
	blanks = leading_blanks(s, len);
	if (comment->len)
		buf_add_char(comment, '\n');
	buf_add(comment, s + blanks, len - blanks);
	return 0;
}

static int finish(struct line_reader *r, struct buf *text, struct buf *comment, struct logical_line *ret, struct error *err)
{
	while (text->len && is_blank(text->data[text->len - 1]))
		buf_truncate(text, text->len - 1);
	TRY(buf_ok(text, "instruction", err));
	if (memchr(text->data, '\0', text->len))
		return fail(err, ERROR_INVALID, "a NUL byte in the text");
	ret->text = buf_steal(text);
	if (comment->len)
		ret->comment = buf_steal(comment);
	return ret->text ? 1 : fail_oom(err);
}

int reader_next(struct line_reader *r, struct logical_line *ret, struct error *err)
{
	auto_buf text = BUF_INIT(CONTAINERFILE_LINE_MAX), comment = BUF_INIT(CONTAINERFILE_LINE_MAX);
	const char *s;
	size_t len;

	while (reader_physical(r, &s, &len)) {
		len = without_newline(s, len);
		size_t blanks = leading_blanks(s, len);
		s += blanks, len -= blanks;
		if (len && *s == '#') {
			keep_comment(&comment, s, len);
			continue;
		}
		if (!len) {
			buf_truncate(&comment, 0);
			continue;
		}
		ret->line = r->line;
		ret->column = (uint32_t)blanks + 1;
		bool more = cut_continuation(r, s, &len);
		buf_add(&text, s, len);
		if (more)
			TRY(add_continuations(r, ret->line, &text, err));
		for (blanks = 0; blanks < text.len && is_blank(text.data[blanks]);)
			blanks++;
		if (blanks < text.len)
			return finish(r, &text, &comment, ret, err);
		buf_truncate(&text, 0);
	}
	return 0;
}
