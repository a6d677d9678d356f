/* SPDX-License-Identifier: Apache-2.0
 * build/graph.c - the file's stages, then what each refers to, then which of them the target leads to. */
#include "build/graph.h"

#include <ctype.h>

#include "base/buf.h"
#include "build/containerfile-internal.h"

void graph_source_done(struct graph_source *s)
{
	free(s->name);
	*s = (struct graph_source){};
}

static void stage_done(struct build_stage *s)
{
	struct graph_source *sources = s->sources.v;

	for (size_t i = 0; i < s->sources.n; i++)
		graph_source_done(&sources[i]);
	free(s->sources.v);
	strv_done(&s->missing);
	graph_source_done(&s->base);
	free(s->name);
	free(s->platform);
}

void build_graph_done(struct build_graph *g)
{
	for (size_t i = 0; i < g->stages.n; i++)
		stage_done(STAGE(g, i));
	free(g->stages.v);
	strv_done(&g->warnings);
	*g = (struct build_graph){};
}

/* ---- names ---- */
/* The last of the first n stages that has this name; n: none. */
static size_t find_stage(const struct build_graph *g, size_t n, const char *name)
{
	for (size_t i = n; i-- > 0;)
		if (STAGE(g, i)->name && strcasecmp(STAGE(g, i)->name, name) == 0)
			return i;
	return n;
}

static bool is_context(const struct graph_options *o, const char *name)
{
	for (size_t i = 0; o->contexts && i < o->contexts->n; i++)
		if (strcasecmp(o->contexts->v[i].key, name) == 0)
			return true;
	return false;
}

static int set_source(struct graph_source *ret, int kind, size_t stage, const char *name, struct error *err)
{
	ret->kind = kind;
	ret->stage = stage;
	return str_set(&ret->name, name, err);
}

int build_graph_find(const struct build_graph *g, const struct graph_options *o, size_t s, const char *name,
		     struct graph_source *ret, struct error *err)
{
	uint32_t number;

	if (is_context(o, name))
		return set_source(ret, GRAPH_CONTEXT, 0, name, err);
	size_t i = find_stage(g, s, name);   /* those above first: names may repeat */
	if (i < s)
		return set_source(ret, GRAPH_STAGE, i, name, err);
	i = find_stage(g, g->stages.n, name);
	if (i < g->stages.n && i != s)
		return set_source(ret, GRAPH_STAGE, i, name, err);
	if (!parse_u32(name, &number))
		return set_source(ret, GRAPH_IMAGE, 0, name, err);
	if (number >= g->stages.n || number == s)
		return fail(err, ERROR_INVALID, "invalid stage index \"%s\": the file has %zu stages, this is %zu", name,
			    g->stages.n, s);
	const char *named = STAGE(g, number)->name;
	if (named && is_context(o, named))   /* the context stands for the stage, however that is called */
		return set_source(ret, GRAPH_CONTEXT, 0, named, err);
	return set_source(ret, GRAPH_STAGE, number, name, err);
}

/* ---- stages ---- */
static int check_unset(const struct strv *unset, struct error *err)
{
	return unset->n ? fail(err, ERROR_INVALID, "base name is empty: %s is not set (ARG before the first FROM, or --build-arg)",
			       unset->v[0]) : fail(err, ERROR_INVALID, "base name is empty");
}

static int set_base(struct build_graph *g, const struct graph_options *o, struct build_stage *s, const char *image,
		    const struct strv *unset, struct error *err)
{
	if (!*image)
		return check_unset(unset, err);
	s->base.instruction = s->first;
	if (is_context(o, image))
		return set_source(&s->base, GRAPH_CONTEXT, 0, image, err);
	size_t i = find_stage(g, s->index, image);
	uint32_t number;
	if (i == s->index && parse_u32(image, &number) && number < s->index)   /* Buildah */
		i = number;
	if (i < s->index)
		return set_source(&s->base, GRAPH_STAGE, i, image, err);
	return set_source(&s->base, streq(image, "scratch") ? GRAPH_SCRATCH : GRAPH_IMAGE, 0, image, err);
}

static int set_name(struct build_stage *s, const char *name, struct error *err)
{
	if (strchr(name, '$') || !is_stage_name(name))
		return fail_stage_name(name, err);
	TRY(str_set(&s->name, name, err));
	for (char *p = s->name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

static int add_stage(struct build_graph *g, const struct graph_options *o, size_t first, struct error *err)
{
	const struct instruction *from = INSTRUCTION(g->file, first);
	auto_instruction expanded = {};
	auto_strv unset = {};
	struct expand x = scope_head_expand(o->head, g->file->escape);

	if (g->stages.n >= GRAPH_STAGES_MAX)
		return fail(err, ERROR_INVALID, "more than %d stages", GRAPH_STAGES_MAX);
	struct build_stage *s = list_add(&g->stages, sizeof(*s), err);
	if (!s)
		return -1;
	s->index = g->stages.n - 1;
	s->first = first;
	x.unset = &unset;
	TRY(instruction_expand(from, &x, &expanded, err));
	if (from->words.n > 1)
		TRY(set_name(s, expanded.words.v[1], err));
	if (!str_empty(expanded.flags.platform))
		TRY(str_set(&s->platform, expanded.flags.platform, err));
	return set_base(g, o, s, expanded.words.v[0], &unset, err);
}

static int split_stages(struct build_graph *g, const struct graph_options *o, struct error *err)
{
	for (size_t i = 0; i < g->file->instructions.n; i++) {
		const struct instruction *in = INSTRUCTION(g->file, i);
		int r = 0;
		if (in->kind == INSTRUCTION_FROM)
			r = add_stage(g, o, i, err);
		else if (!g->stages.n)
			r = scope_head_arg(o->head, in, g->file->escape, err);
		if (r < 0)
			return instruction_fail(g->file, in, err);
		if (g->stages.n)
			STAGE(g, g->stages.n - 1)->n++;
	}
	return g->stages.n ? 0 : fail(err, ERROR_INVALID, "%s: no FROM in the file", g->file->name);
}

/* ---- what a stage refers to ---- */
static bool has_source(const struct build_stage *s, const struct graph_source *new)
{
	const struct graph_source *v = s->sources.v;

	for (size_t i = 0; i < s->sources.n; i++)
		if (v[i].kind == new->kind && v[i].stage == new->stage && (new->kind == GRAPH_STAGE || streq(v[i].name, new->name)))
			return true;
	return false;
}

static int add_source(struct build_graph *g, const struct graph_options *o, struct build_stage *s, size_t instruction,
		      const char *name, struct error *err)
{
	struct graph_source new = { .instruction = instruction };

	if (!*name)
		return fail(err, ERROR_INVALID, "from is empty");
	if (build_graph_find(g, o, s->index, name, &new, err) < 0)
		return graph_source_done(&new), -1;
	if (has_source(s, &new))
		return graph_source_done(&new), 0;
	struct graph_source *to = list_add(&s->sources, sizeof(*to), err);
	if (!to)
		return graph_source_done(&new), -1;
	*to = new;
	return 0;
}

static int add_mount_sources(struct build_graph *g, const struct graph_options *o, struct build_stage *s, size_t at,
			     const struct strv *mounts, struct error *err)
{
	for (size_t i = 0; i < mounts->n; i++) {
		auto_run_mount m = {};
		struct error ignored;
		if (run_mount_parse(mounts->v[i], &m, &ignored) == 0 && m.from)
			TRY(add_source(g, o, s, at, m.from, err));
	}
	return 0;
}

static int add_sources(struct build_graph *g, const struct graph_options *o, struct build_stage *s, size_t at,
		       struct scope *scope, struct error *err)
{
	const struct instruction *in = INSTRUCTION(g->file, at);
	auto_instruction expanded = {};
	struct expand x = scope_expand(scope);

	struct error ignored;
	/* What depends on the base's environment ("${V:?}") may fail here only; the step itself will tell. */
	if (in->kind == INSTRUCTION_ARG)
		return (void)scope_arg(scope, in, &ignored), 0;
	if (in->kind == INSTRUCTION_ENV)
		return (void)scope_env(scope, in, &ignored), 0;
	if (!in->flags.from && !in->flags.mounts.n)
		return 0;
	struct instruction flags_only = { .kind = INSTRUCTION_RUN, .word = in->word, .text = in->text, .args = in->args,
		.flags = in->flags };
	TRY(instruction_expand(&flags_only, &x, &expanded, err));
	if (expanded.flags.from)
		TRY(add_source(g, o, s, at, expanded.flags.from, err));
	return add_mount_sources(g, o, s, at, &expanded.flags.mounts, err);
}

/* FROM --after=STAGE: nothing of it is used, but it comes first. */
static int add_after(struct build_graph *g, const struct graph_options *o, struct build_stage *s, struct error *err)
{
	const struct instruction *from = INSTRUCTION(g->file, s->first);
	struct expand x = scope_head_expand(o->head, g->file->escape);
	autofree char *after = NULL;

	if (!from->flags.after)
		return 0;
	TRY(expand_word(&x, from->flags.after, &after, err));
	if (s->name && strcasecmp(s->name, after) == 0)
		return fail(err, ERROR_INVALID, "FROM --after=%s: cannot depend on later stage", after);
	TRY(add_source(g, o, s, s->first, after, err));
	const struct graph_source *found = s->sources.v;
	if (found->kind != GRAPH_STAGE || found->stage > s->index)
		return fail(err, ERROR_INVALID, "FROM --after=%s: stage \"%s\" not found", after, after);
	return 0;
}

static int scan_stage(struct build_graph *g, const struct graph_options *o, struct build_stage *s, struct scope *scopes,
		      struct error *err)
{
	const struct scope *from = s->base.kind == GRAPH_STAGE ? &scopes[s->base.stage] : NULL;

	TRY(scope_init(&scopes[s->index], o->head, g->file->escape, from ? &from->env : NULL, from, err));
	if (add_after(g, o, s, err) < 0)
		return instruction_fail(g->file, INSTRUCTION(g->file, s->first), err);
	for (size_t i = s->first + 1; i < s->first + s->n; i++)
		if (add_sources(g, o, s, i, &scopes[s->index], err) < 0)
			return instruction_fail(g->file, INSTRUCTION(g->file, i), err);
	for (size_t i = 0; i < scopes[s->index].bare.n; i++) {
		const char *name = scopes[s->index].bare.v[i];
		if (!scope_name_is_proxy(name, strlen(name)) && !strmap_get(&scopes[s->index].args, name))
			TRY(strv_add(&s->missing, name, err));
	}
	return 0;
}

static int scan_stages(struct build_graph *g, const struct graph_options *o, struct error *err)
{
	struct scope *scopes = calloc(g->stages.n, sizeof(*scopes));
	int r = scopes ? 0 : fail_oom(err);

	for (size_t i = 0; r == 0 && i < g->stages.n; i++)
		r = scan_stage(g, o, STAGE(g, i), scopes, err);
	for (size_t i = 0; scopes && i < g->stages.n; i++)
		scope_done(&scopes[i]);
	free(scopes);
	return r;
}

/* ---- what the target needs ---- */
static int find_target(struct build_graph *g, const char *target, struct error *err)
{
	uint32_t number;

	g->target = g->stages.n - 1;
	if (str_empty(target))
		return 0;
	g->target = find_stage(g, g->stages.n, target);
	if (g->target < g->stages.n)
		return 0;
	if (!parse_u32(target, &number) || number >= g->stages.n)
		return fail(err, ERROR_INVALID, "the target \"%s\" was not found in the provided Dockerfile %s", target, g->file->name);
	g->target = number;
	return 0;
}

enum { NEW, OPEN, CLOSED };
struct visit {
	size_t stage, next;   /* next: which of its sources comes; 0 is the base */
};

/* The stage that is source `i` of s (0: the base); -1: it is none. */
static ssize_t source_stage(const struct build_stage *s, size_t i)
{
	const struct graph_source *src = i == 0 ? &s->base : &((struct graph_source *)s->sources.v)[i - 1];

	return src->kind == GRAPH_STAGE ? (ssize_t)src->stage : -1;
}

static int fail_circle(const struct build_graph *g, const struct visit *v, struct error *err)
{
	const struct build_stage *s = STAGE(g, v->stage);
	size_t at = v->next == 1 ? s->first : ((struct graph_source *)s->sources.v)[v->next - 2].instruction;

	fail(err, ERROR_INVALID, "circular dependency detected on stage %s", s->name ? s->name : "without a name");
	return instruction_fail(g->file, INSTRUCTION(g->file, at), err);
}

/* Depth first with a stack of its own: a file may have thousands of stages in a row. */
static int mark_from(struct build_graph *g, size_t root, uint8_t *state, struct visit *stack, struct error *err)
{
	size_t depth = 0;

	if (state[root] == CLOSED)
		return 0;
	stack[depth++] = (struct visit){ root, 0 };
	state[root] = OPEN;
	while (depth) {
		struct visit *v = &stack[depth - 1];
		struct build_stage *s = STAGE(g, v->stage);
		if (v->next > s->sources.n) {
			s->needed = true;
			state[v->stage] = CLOSED;
			depth--;
			continue;
		}
		ssize_t on = source_stage(s, v->next++);
		if (on < 0 || state[on] == CLOSED)
			continue;
		if (state[on] == OPEN)
			return fail_circle(g, v, err);
		state[on] = OPEN;
		stack[depth++] = (struct visit){ (size_t)on, 0 };
	}
	return 0;
}

static int mark_needed(struct build_graph *g, bool all, struct error *err)
{
	autofree uint8_t *state = calloc(g->stages.n, 1);
	autofree struct visit *stack = calloc(g->stages.n, sizeof(*stack));

	if (!state || !stack)
		return fail_oom(err);
	TRY(mark_from(g, g->target, state, stack, err));
	for (size_t i = 0; all && i < g->stages.n; i++)
		TRY(mark_from(g, i, state, stack, err));
	return 0;
}

/* As Buildah does. */
static int warn_missing(struct build_graph *g, struct error *err)
{
	for (size_t i = 0; i < g->stages.n; i++) {
		const struct strv *missing = &STAGE(g, i)->missing;
		for (size_t k = 0; STAGE(g, i)->needed && k < missing->n; k++) {
			if (streq(missing->v[k], "SOURCE_DATE_EPOCH"))
				continue;   /* what has no time has none */
			TRY(strv_addf(&g->warnings, err, "missing \"%s\" build argument. Try adding \"--build-arg %s=<VALUE>\" to the "
				      "command line", missing->v[k], missing->v[k]));
		}
	}
	return 0;
}

static int warn_syntax(struct build_graph *g, struct error *err)
{
	const char *syntax = g->file->syntax;

	if (!syntax || strstr(syntax, "docker/dockerfile"))
		return 0;
	return strv_addf(&g->warnings, err, "%s: the frontend \"%s\" is not run: the built-in language is used", g->file->name, syntax);
}

int build_graph_make(const struct containerfile *f, const struct graph_options *o, struct build_graph *ret,
		     struct error *err)
{
	auto_build_graph g = { .file = f };

	TRY(split_stages(&g, o, err));
	TRY(scan_stages(&g, o, err));
	TRY(find_target(&g, o->target, err));
	TRY(mark_needed(&g, o->all_stages, err));
	TRY(warn_missing(&g, err));
	TRY(warn_syntax(&g, err));
	*ret = g;
	g = (struct build_graph){};
	return 0;
}

/* ---- as text ---- */
static const char *const source_names[] = { "stage", "context", "image", "" };

static void print_source(const struct build_graph *g, const struct graph_source *s, struct buf *to)
{
	const char *kind = source_names[s->kind];

	buf_addf(to, " %s%s%s", kind, *kind ? " " : "", s->name);
	if (s->kind == GRAPH_STAGE)
		buf_addf(to, " (%zu)", s->stage);
}

static void print_stage(const struct build_graph *g, const struct build_stage *s, struct buf *to)
{
	buf_addf(to, "stage %zu%s%s from", s->index, s->name ? " " : "", s->name ? s->name : "");
	print_source(g, &s->base, to);
	if (s->platform)
		buf_addf(to, " for %s", s->platform);
	for (size_t i = 0; i < s->sources.n; i++) {
		buf_add_str(to, i ? "," : " needs");
		print_source(g, &((struct graph_source *)s->sources.v)[i], to);
	}
	buf_add_char(to, '\n');
	for (size_t i = s->first + 1; i < s->first + s->n; i++) {
		const struct instruction *in = INSTRUCTION(g->file, i);
		buf_addf(to, "  %s:%u %.*s\n", g->file->name, in->line, (int)strcspn(in->text, "\n"), in->text);
	}
}

void build_graph_print(const struct build_graph *g, struct buf *to)
{
	for (size_t i = 0; i < g->stages.n; i++)
		if (STAGE(g, i)->needed)
			print_stage(g, STAGE(g, i), to);
	buf_addf(to, "image from stage %zu\n", g->target);
}
