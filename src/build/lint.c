/* SPDX-License-Identifier: Apache-2.0
 * build/lint.c - one walk over the instructions, every rule that wants the kind is asked; the check directive; the text. */
#include "build/lint.h"

#include <ctype.h>

#include "build/graph.h"
#include "build/lint-internal.h"

#define WARNINGS_MAX 10000

void lint_result_done(struct lint_result *r)
{
	struct lint_warning *w = r->warnings.v;

	for (size_t i = 0; i < r->warnings.n; i++)
		free(w[i].text);
	free(r->warnings.v);
	*r = (struct lint_result){};
}

const struct lint_rule *lint_rules(size_t *ret_n)
{
	static struct lint_rule rules[64];   /* names only: filled once, always the same */

	for (size_t i = 0; i < lint_checks_n && i < ARRAY_LEN(rules); i++)
		rules[i] = lint_checks[i].rule;
	*ret_n = lint_checks_n;
	return rules;
}

/* ---- "# check=" ---- */
static bool names_rule(const struct strv *names, const char *rule)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcasecmp(names->v[i], "all") == 0 || strcasecmp(names->v[i], rule) == 0)
			return true;
	return false;
}

static int take_names(struct strv *to, const char *value, struct error *err)
{
	auto_strv names = {};

	TRY(strv_split(&names, value, ',', err));
	for (size_t i = 0; i < names.n; i++) {
		char *s = names.v[i];
		s += strspn(s, " \t");
		s[strcspn(s, " \t")] = '\0';
		if (*s)
			TRY(strv_add(to, s, err));
	}
	return 0;
}

static int take_setting(struct lint *l, char *setting, struct error *err)
{
	char *value = strchr(setting, '=');

	setting += strspn(setting, " \t");
	if (!*setting)
		return 0;
	if (!value)
		return fail(err, ERROR_INVALID, "invalid check option \"%s\": want skip=, error= or experimental=", setting);
	*value++ = '\0';
	if (strcasecmp(setting, "skip") == 0)
		return take_names(&l->skip, value, err);
	if (strcasecmp(setting, "experimental") == 0)
		return take_names(&l->experimental, value, err);
	if (strcasecmp(setting, "error") == 0)
		return parse_bool(value, &l->result->error) ? 0 : fail(err, ERROR_INVALID, "failed to parse check option error: \"%s\"",
								       value);
	return fail(err, ERROR_INVALID, "invalid check option \"%s\"", setting);
}

static int take_directive(struct lint *l, struct error *err)
{
	const char *given = l->o->build_args ? strmap_get(l->o->build_args, "BUILDKIT_DOCKERFILE_CHECK") : NULL;
	const char *text = given ? given : l->file->check;
	auto_strv settings = {};

	if (!text)
		return 0;
	TRY(strv_split(&settings, text, ';', err));
	for (size_t i = 0; i < settings.n; i++)
		if (take_setting(l, settings.v[i], err) < 0)
			return fail_wrap(err, "%s", l->file->name);
	return 0;
}

/* ---- warnings ---- */
static bool is_on(const struct lint *l, const struct lint_rule *rule)
{
	if (rule->experimental && !names_rule(&l->experimental, rule->name))
		return false;
	return !names_rule(&l->skip, rule->name);
}

int lint_warn(struct lint *l, const struct lint_rule *rule, uint32_t line, struct error *err, const char *fmt, ...)
{
	auto_buf text = BUF_INIT(64 << 10);
	va_list ap;

	if (!is_on(l, rule) || l->result->warnings.n >= WARNINGS_MAX)
		return 0;
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	struct lint_warning *w = list_add(&l->result->warnings, sizeof(*w), err);
	if (!w)
		return -1;
	*w = (struct lint_warning){ .rule = rule, .line = line, .text = buf_steal(&text) };
	return w->text ? 0 : fail_oom(err);
}

static int by_line(const void *a, const void *b)
{
	const struct lint_warning *x = a, *y = b;

	return x->line != y->line ? (x->line > y->line) - (x->line < y->line) : strcmp(x->text, y->text);
}

/* ---- the walk ---- */
static bool is_lower(const char *s)
{
	for (; *s; s++)
		if (isupper((unsigned char)*s))
			return false;
	return true;
}

static void count_case(struct lint *l)
{
	size_t lower = 0, n = l->file->instructions.n;

	for (size_t i = 0; i < n; i++)
		lower += is_lower(INSTRUCTION(l->file, i)->word);
	l->mostly_lower = lower > n - lower;
}

static int ask_rules(struct lint *l, const struct lint_visit *v, struct error *err)
{
	for (size_t i = 0; i < lint_checks_n; i++)
		if (lint_checks[i].kinds & 1u << v->in->kind)
			TRY(lint_checks[i].check(l, &lint_checks[i].rule, v, err));
	return 0;
}

static int visit(struct lint *l, struct lint_visit *v, struct error *err)
{
	auto_instruction expanded = {};
	auto_strv unset = {};
	struct error ignored;
	struct expand x = v->scope && v->in->kind != INSTRUCTION_FROM ? scope_expand(v->scope) :
			  scope_head_expand(&l->head, l->file->escape);

	x.unset = v->unset = &unset;
	/* What does not expand (${V:?}) is the build's error, not a matter of style. */
	v->expanded = instruction_expand(v->in, &x, &expanded, &ignored) == 0 ? &expanded : NULL;
	return ask_rules(l, v, err);
}

struct walk {
	struct scope *scopes;      /* one a stage, as it is at the stage's end */
	bool *known, *workdir;     /* likewise */
	size_t stage;
	bool in_stage;
	struct lint_visit v;
};

/* The stage's base by name: an earlier stage's index, or n. */
static size_t find_base(const struct lint *l, const char *name, size_t n)
{
	for (size_t i = n; i-- > 0;)
		if (*l->stage_names.v[i] && strcasecmp(l->stage_names.v[i], name) == 0)
			return i;
	return n;
}

static const struct lint_rule *find_rule(const char *name)
{
	for (size_t k = 0; k < lint_checks_n; k++)
		if (streq(lint_checks[k].rule.name, name))
			return &lint_checks[k].rule;
	return NULL;
}

/* An image of another machine is here under the name: --platform was forgotten, or the image has no other. */
static int check_platform(struct lint *l, const struct instruction *from, const struct instruction *expanded,
			  const struct platform *got, struct error *err)
{
	const char *text = expanded->flags.platform ? expanded->flags.platform : l->o->platform;
	struct platform want = {};
	struct error ignored;
	int r = 0;

	if (str_empty(text) || str_empty(got->os) || str_empty(got->architecture) || platform_parse(text, &want, &ignored) < 0)
		return 0;
	if ((want.os && !streq(want.os, got->os)) || (want.architecture && !streq(want.architecture, got->architecture)))
		r = lint_warn(l, find_rule("InvalidBaseImagePlatform"), from->line, err,
			      "Base image %s was pulled with platform \"%s/%s\", expected \"%s\" for current build", expanded->words.v[0],
			      got->os, got->architecture, text);
	platform_done(&want);
	return r;
}

static int begin_stage(struct lint *l, struct walk *w, const struct instruction *from, struct error *err)
{
	struct expand x = scope_head_expand(&l->head, l->file->escape);
	auto_instruction expanded = {};
	auto_lint_base known = {};
	struct error ignored;
	size_t n = l->stage_names.n;
	int r = 0;

	w->stage = n;
	const char *base = instruction_expand(from, &x, &expanded, &ignored) == 0 ? expanded.words.v[0] : "";
	size_t on = find_base(l, base, n);
	TRY(strv_add(&l->stage_names, from->words.n > 1 ? from->words.v[1] : "", err));
	if (on == n && *base && !streq(base, "scratch") && l->o->base)
		r = l->o->base(l->o->data, base, &known, err);
	if (r < 0 || (r && check_platform(l, from, &expanded, &known.platform, err) < 0))
		return -1;
	w->known[n] = on < n ? w->known[on] : r || streq(base, "scratch");
	w->workdir[n] = on < n && w->workdir[on];
	if (!strv_env_get(&known.env, "PATH"))
		TRY(strv_add(&known.env, "PATH=", err));   /* every step has one */
	return scope_init(&w->scopes[n], &l->head, l->file->escape, on < n ? &w->scopes[on].env : &known.env, on < n ? &w->scopes[on] : NULL, err);
}

static size_t stage_end(const struct containerfile *f, size_t i)
{
	for (i++; i < f->instructions.n && INSTRUCTION(f, i)->kind != INSTRUCTION_FROM;)
		i++;
	return i;
}

/* What the instruction means for those behind it. */
static int note_effects(struct lint *l, struct walk *w, const struct instruction *in, struct error *err)
{
	struct error ignored;

	if (!w->in_stage)
		return in->kind == INSTRUCTION_ARG && scope_head_arg(&l->head, in, l->file->escape, &ignored) < 0 ? 0 : 0;
	if (in->kind == INSTRUCTION_ARG)
		(void)scope_arg(&w->scopes[w->stage], in, &ignored);
	else if (in->kind == INSTRUCTION_ENV)
		(void)scope_env(&w->scopes[w->stage], in, &ignored);
	else if (in->kind == INSTRUCTION_WORKDIR)
		w->workdir[w->stage] = w->workdir[w->stage] || *in->words.v[0] == '/' || *in->words.v[0] == '$';
	else if (in->kind == INSTRUCTION_SHELL)
		w->v.shell_set = true;
	return 0;
}

static int step(struct lint *l, struct walk *w, size_t i, struct error *err)
{
	const struct instruction *in = INSTRUCTION(l->file, i);

	if (in->kind == INSTRUCTION_FROM) {
		w->v.stage_end = stage_end(l->file, i);
		w->v.shell_set = false;
	}
	w->v.in = in;
	w->v.index = i;
	w->v.scope = w->in_stage ? &w->scopes[w->stage] : NULL;
	w->v.base_known = w->in_stage && w->known[w->stage];
	w->v.workdir_set = w->in_stage && w->workdir[w->stage];
	TRY(visit(l, &w->v, err));
	if (in->kind != INSTRUCTION_FROM)
		return note_effects(l, w, in, err);
	w->in_stage = true;
	return begin_stage(l, w, in, err);
}

static int walk(struct lint *l, struct error *err)
{
	size_t n = 1;
	struct walk w = {};
	int r = 0;

	for (size_t i = 0; i < l->file->instructions.n; i++)
		n += INSTRUCTION(l->file, i)->kind == INSTRUCTION_FROM;
	if (n > GRAPH_STAGES_MAX)
		return fail(err, ERROR_INVALID, "more than %d stages", GRAPH_STAGES_MAX);
	w.scopes = calloc(n, sizeof(*w.scopes));
	w.known = calloc(n, sizeof(*w.known));
	w.workdir = calloc(n, sizeof(*w.workdir));
	if (!w.scopes || !w.known || !w.workdir)
		r = fail_oom(err);
	for (size_t i = 0; r == 0 && i < l->file->instructions.n; i++)
		r = step(l, &w, i, err);
	for (size_t i = 0; w.scopes && i < n; i++)
		scope_done(&w.scopes[i]);
	free(w.scopes);
	free(w.known);
	free(w.workdir);
	return r;
}

static int take_notes(struct lint *l, struct error *err)
{
	const struct containerfile_note *notes = l->file->notes.v;

	for (size_t i = 0; i < l->file->notes.n; i++) {
		const struct lint_rule *rule = find_rule(notes[i].check);
		if (rule)
			TRY(lint_warn(l, rule, notes[i].line, err, "%s", notes[i].text));
	}
	return 0;
}

void lint_base_done(struct lint_base *b)
{
	strv_done(&b->env);
	platform_done(&b->platform);
}

static void lint_done(struct lint *l)
{
	strv_done(&l->skip);
	strv_done(&l->experimental);
	strv_done(&l->stage_names);
	scope_head_done(&l->head);
}

int lint_run(const struct containerfile *f, const struct lint_options *o, struct lint_result *ret, struct error *err)
{
	auto_lint_result result = {};
	CLEANUP(lint_done) struct lint l = { .file = f, .o = o, .result = &result };

	TRY(take_directive(&l, err));
	/* Values of the build do not matter, names do. */
	TRY(scope_head_init(&l.head, "linux/amd64", "linux/amd64", err));
	if (o->build_args)
		TRY(strmap_copy(&l.head.given, o->build_args, err));
	count_case(&l);
	TRY(take_notes(&l, err));
	TRY(walk(&l, err));
	if (result.warnings.n)
		qsort(result.warnings.v, result.warnings.n, sizeof(struct lint_warning), by_line);
	*ret = result;
	result = (struct lint_result){};
	return 0;
}

/* ---- text ---- */
static void print_line(const char *text, size_t len, uint32_t number, struct buf *to)
{
	const char *end = text + len;

	for (uint32_t n = 1; n < number && text < end; n++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		text = newline ? newline + 1 : end;
	}
	size_t n = 0;
	while (text + n < end && text[n] != '\n' && text[n] != '\r' && n < 200)
		n++;
	buf_addf(to, "%4u | >>> %.*s\n", number, (int)n, text);
}

void lint_print(const struct lint_result *r, const char *name, const char *text, size_t len, struct buf *to)
{
	static const char rule_line[] = "--------------------\n";
	const struct lint_warning *w = r->warnings.v;

	if (!r->warnings.n) {
		buf_add_str(to, "Check complete, no warnings found.\n");
		return;
	}
	buf_addf(to, "Check complete, %zu warning%s been found!\n", r->warnings.n, r->warnings.n == 1 ? " has" : "s have");
	for (size_t i = 0; i < r->warnings.n; i++) {
		buf_addf(to, "\nWARNING: %s\n%s: %s\n%s:%u\n%s", w[i].rule->name, w[i].rule->description, w[i].text, name, w[i].line,
			 rule_line);
		if (w[i].line)
			print_line(text, len, w[i].line, to);
		buf_add_str(to, rule_line);
	}
}
