/* SPDX-License-Identifier: Apache-2.0
 * build/containerfile.c - a whole file: reader, instructions, their order; and what frees and names them. */
#include "build/containerfile.h"

#include "build/containerfile-internal.h"

static void pairs_done(struct list *pairs)
{
	struct instruction_pair *p = pairs->v;

	for (size_t i = 0; i < pairs->n; i++) {
		free(p[i].name);
		free(p[i].value);
	}
	free(pairs->v);
	*pairs = (struct list){};
}

void instruction_done(struct instruction *in)
{
	free(in->word);
	free(in->text);
	free(in->args);
	free(in->comment);
	strv_done(&in->words);
	pairs_done(&in->pairs);
	heredocs_done(&in->heredocs);
	flags_done(&in->flags);
	if (in->trigger) {
		instruction_done(in->trigger);
		free(in->trigger);
	}
	*in = (struct instruction){};
}

void containerfile_done(struct containerfile *f)
{
	struct containerfile_note *notes = f->notes.v;

	for (size_t i = 0; i < f->instructions.n; i++)
		instruction_done(INSTRUCTION(f, i));
	for (size_t i = 0; i < f->notes.n; i++) {
		free(notes[i].check);
		free(notes[i].text);
	}
	free(f->instructions.v);
	free(f->notes.v);
	free(f->name);
	free(f->syntax);
	free(f->check);
	*f = (struct containerfile){};
}

/* Physical line `number` of the text, for messages. */
static const char *find_line(const char *text, size_t len, uint32_t number, int *ret_len)
{
	struct line_reader r = { .at = text, .end = text + len };
	const char *s = "";
	size_t n = 0;

	while (r.line < number && reader_physical(&r, &s, &n))
		;
	while (n && is_blank(s[n - 1]))
		n--;
	*ret_len = (int)(n > 200 ? 200 : n);
	return s;
}

int containerfile_fail_at(const struct containerfile_place *p, uint32_t line, struct error *err)
{
	struct error reason = *err;
	int n;
	const char *s = find_line(p->text, p->len, line ? line : 1, &n);

	if (!n)
		return fail_wrap(err, "%s:%u", p->name, line ? line : 1);
	return fail(err, reason.kind, "%s:%u: %.600s: \"%.*s\"", p->name, line, reason.text, n, s);
}

int instruction_fail(const struct containerfile *f, const struct instruction *in, struct error *err)
{
	struct error reason = *err;
	int n = (int)strcspn(in->text, "\n");

	return (fail)(err, reason.kind, "%s:%u: %.600s: \"%.*s\"", f->name, in->line, reason.text, n > 200 ? 200 : n, in->text);
}

/* ARG may come before the first FROM, nothing else. */
static int check_order(bool *in_stage, const struct instruction *in, struct error *err)
{
	if (in->kind == INSTRUCTION_FROM)
		*in_stage = true;
	if (*in_stage || in->kind == INSTRUCTION_ARG)
		return 0;
	return fail(err, ERROR_INVALID, "no build stage in current context: only ARG may come before FROM");
}

static int add_instruction(struct line_reader *r, struct logical_line *l, struct list *to, bool *in_stage, struct error *err)
{
	if (to->n >= CONTAINERFILE_INSTRUCTIONS_MAX)
		return fail(err, ERROR_INVALID, "more than %d instructions", CONTAINERFILE_INSTRUCTIONS_MAX);
	struct instruction *in = list_add(to, sizeof(*in), err);
	if (!in)
		return -1;
	TRY(instruction_read(r, l, in, err));
	return check_order(in_stage, in, err);
}

/* On failure *bad is the line it is about. */
static int parse(struct line_reader *r, struct containerfile *f, uint32_t *bad, struct error *err)
{
	bool in_stage = false;

	if (reader_start(r, err) < 0)
		return *bad = r->line, -1;
	f->escape = r->escape;
	for (;;) {
		auto_logical_line l = {};
		int more = reader_next(r, &l, err);
		if (more <= 0) {
			*bad = r->line;
			return more;
		}
		*bad = l.line;
		TRY(add_instruction(r, &l, &f->instructions, &in_stage, err));
	}
}

int containerfile_parse(const char *name, const char *text, size_t len, struct containerfile *ret, struct error *err)
{
	struct containerfile_place place = { name, text, len };
	auto_containerfile f = {};
	struct line_reader r = { .at = text, .end = text + len, .escape = '\\', .file = &f };
	uint32_t bad = 0;

	if (len > CONTAINERFILE_BYTES_MAX)
		return fail(err, ERROR_INVALID, "%s: larger than %zu bytes", name, CONTAINERFILE_BYTES_MAX);
	TRY(str_set(&f.name, name, err));
	if (parse(&r, &f, &bad, err) < 0)
		return containerfile_fail_at(&place, bad, err);
	if (!f.instructions.n)
		return fail(err, ERROR_INVALID, "%s: file with no instructions", name);
	*ret = f;
	f = (struct containerfile){};
	return 0;
}

int containerfile_check_directives(const char *text, size_t len, struct error *err)
{
	auto_containerfile f = {};
	struct line_reader r = { .at = text, .end = text + len, .escape = '\\', .file = &f };

	return reader_start(&r, err);
}

int instruction_parse(const char *text, char escape, struct instruction *ret, struct error *err)
{
	struct line_reader r = { .at = text, .end = text + strlen(text), .escape = escape };
	auto_logical_line l = {}, more = {};
	auto_instruction in = {};
	int got = reader_next(&r, &l, err);

	TRY(got);
	if (!got)
		return fail(err, ERROR_INVALID, "no instruction");
	TRY(instruction_read(&r, &l, &in, err));
	got = reader_next(&r, &more, err);
	TRY(got);
	if (got)
		return fail(err, ERROR_INVALID, "more than one instruction");
	*ret = in;
	in = (struct instruction){};
	return 0;
}
