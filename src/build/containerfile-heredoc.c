/* SPDX-License-Identifier: Apache-2.0
 * build/containerfile-heredoc.c - "<<NAME" in RUN, COPY and ADD: finding them, reading their bodies, running them. */
#include <ctype.h>

#include "base/buf.h"
#include "build/containerfile-internal.h"

static void heredoc_done(struct heredoc *d)
{
	free(d->name);
	free(d->text);
	free(d->raw);
	*d = (struct heredoc){};
}

void heredocs_done(struct list *docs)
{
	for (size_t i = 0; i < docs->n; i++)
		heredoc_done(&((struct heredoc *)docs->v)[i]);
	free(docs->v);
	*docs = (struct list){};
}

/* The delimiter without its quotes; *ret_quoted says whether there were any. 1; 0: no single word. */
static int unquote(const char *s, char **ret, bool *ret_quoted, struct error *err)
{
	auto_buf name = BUF_INIT(4096);
	char quote = 0;

	*ret_quoted = false;
	for (; *s; s++) {
		if (!quote && is_blank(*s))
			return 0;
		if (*s == '\\' && quote != '\'') {
			*ret_quoted = true;
			if (!s[1])
				break;
			s++;
		} else if (quote ? *s == quote : *s == '"' || *s == '\'') {
			quote = quote ? 0 : *s;
			*ret_quoted = true;
			continue;
		}
		buf_add_char(&name, *s);
	}
	if (quote || !name.len)
		return 0;
	TRY(buf_ok(&name, "heredoc delimiter", err));
	*ret = buf_steal(&name);
	return *ret ? 1 : fail_oom(err);
}

int heredoc_parse(const char *word, struct heredoc *ret, struct error *err)
{
	struct heredoc d = {};
	bool quoted;

	while (isdigit((unsigned char)*word))
		word++;
	if (!(word = str_after(word, "<<")))
		return 0;
	d.chomp = *word == '-';
	word += d.chomp;
	if (!*word || strchr(word, '<'))
		return 0;
	int r = unquote(word, &d.name, &quoted, err);
	if (r <= 0)
		return r;
	d.expand = !quoted;
	*ret = d;
	return 1;
}

int heredocs_find(const char *line, struct list *to, struct error *err)
{
	auto_strv words = {};

	if (!strstr(line, "<<"))
		return 0;
	TRY(words_quoted(line, '\\', &words, err));
	for (size_t i = 0; i < words.n; i++) {
		struct heredoc d = {};
		int is = heredoc_parse(words.v[i], &d, err);
		TRY(is);
		if (!is)
			continue;
		struct heredoc *new = to->n < CONTAINERFILE_HEREDOCS_MAX ? list_add(to, sizeof(*new), err) :
			(fail(err, ERROR_INVALID, "more than %d heredocs in one instruction", CONTAINERFILE_HEREDOCS_MAX), NULL);
		if (!new)
			return heredoc_done(&d), -1;
		*new = d;
	}
	return 0;
}

static bool is_end(const struct heredoc *d, const char *s, size_t len)
{
	while (len && (s[len - 1] == '\n' || s[len - 1] == '\r'))
		len--;
	for (; d->chomp && len && *s == '\t'; s++)
		len--;
	return len == strlen(d->name) && memcmp(s, d->name, len) == 0;
}

static int read_body(struct line_reader *r, struct heredoc *d, struct error *err)
{
	auto_buf text = BUF_INIT(CONTAINERFILE_BYTES_MAX), raw = BUF_INIT(CONTAINERFILE_BYTES_MAX);
	const char *s;
	size_t len;

	d->line = r->line + 1;
	while (reader_physical(r, &s, &len)) {
		if (is_end(d, s, len)) {
			TRY(buf_ok(&text, "heredoc", err));
			TRY(buf_ok(&raw, "heredoc", err));
			d->text = buf_steal(&text);
			d->raw = buf_steal(&raw);
			return d->text && d->raw ? 0 : fail_oom(err);
		}
		if (memchr(s, '\0', len))
			return fail(err, ERROR_INVALID, "a NUL byte in the heredoc %s", d->name);
		buf_add(&raw, s, len);
		for (; d->chomp && len && *s == '\t'; s++)
			len--;
		buf_add(&text, s, len);
	}
	return fail(err, ERROR_INVALID, "unterminated heredoc: no line \"%s\" follows", d->name);
}

int heredocs_read(struct line_reader *r, struct list *docs, struct error *err)
{
	for (size_t i = 0; i < docs->n; i++)
		TRY(read_body(r, &((struct heredoc *)docs->v)[i], err));
	return 0;
}

void instruction_summary(const struct instruction *in, struct buf *to)
{
	const struct heredoc *docs = in->heredocs.v;

	buf_add(to, in->text, strcspn(in->text, "\n"));
	for (size_t i = 0; i < in->heredocs.n; i++) {
		const char *s = docs[i].text;
		while (is_blank(*s))
			s++;
		size_t n = strcspn(s, "\r\n");
		bool more = s[n + strspn(s + n, " \t\v\f\r\n")];
		buf_addf(to, " (%.*s%s)", (int)n, s, more ? "..." : "");
	}
}

/* ---- RUN ---- */
void run_script_done(struct run_script *s)
{
	free(s->line);
	free(s->file);
	free(s->name);
	*s = (struct run_script){};
}

/* The line is nothing but one "<<NAME": its body is the script. */
static bool is_whole_script(const struct instruction *in, const char *line)
{
	struct heredoc d = {};
	struct error ignored;
	bool whole = in->heredocs.n == 1 && heredoc_parse(line, &d, &ignored) == 1;

	heredoc_done(&d);
	return whole;
}

int instruction_script(const struct instruction *in, struct run_script *ret, struct error *err)
{
	const char *line = in->words.n ? in->words.v[0] : "";
	const struct heredoc *docs = in->heredocs.v;

	if (is_whole_script(in, line)) {
		bool shebang = str_after(docs->text, "#!");
		TRY(str_set(shebang ? &ret->file : &ret->line, docs->text, err));
		return shebang ? str_set(&ret->name, strchr(docs->name, '/') ? "script" : docs->name, err) : 0;
	}
	/* Anything else is the shell's own heredoc. */
	auto_buf full = BUF_INIT(2 * CONTAINERFILE_BYTES_MAX);
	buf_add_str(&full, line);
	for (size_t i = 0; i < in->heredocs.n; i++)
		buf_addf(&full, "\n%s%s", docs[i].raw, docs[i].name);
	TRY(buf_ok(&full, "RUN", err));
	ret->line = buf_steal(&full);
	return ret->line ? 0 : fail_oom(err);
}
