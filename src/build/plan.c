/* SPDX-License-Identifier: Apache-2.0
 * build/plan.c - the steps of a stage, and what those do that change nothing but the configuration. */
#include <string.h>

#include "base/units.h"
#include "base/url.h"
#include "build/build-impl.h"
#include "build/config.h"
#include "os/path.h"

void op_done(struct op *op)
{
	int *trees = op->trees.v;
	struct add_fetched *fetched = op->fetched.v;

	step_end(&op->step);
	step_job_done(&op->job);
	stage_layer_abort(&op->tree);
	for (size_t i = 0; i < op->trees.n; i++)
		close_p(&trees[i]);
	free(op->trees.v);
	for (size_t i = 0; i < op->fetched.n; i++)
		add_fetched_done(&fetched[i]);
	free(op->fetched.v);
	for (size_t i = 0; i < op->n_mounts; i++)
		run_mount_done(&op->mounts[i]);
	free(op->mounts);
	close_p(&op->scratch);
	close_p(&op->out);
	close_p(&op->err);
	instruction_done(&op->in);
	free(op->text);
	free(op->created_by);
}

/* ---- which steps ---- */
static enum op_kind kind_of(const struct instruction *in)
{
	switch (in->kind) {
	case INSTRUCTION_FROM: return OP_FROM;
	case INSTRUCTION_RUN: return OP_RUN;
	case INSTRUCTION_COPY:
	case INSTRUCTION_ADD: return OP_COPY;
	case INSTRUCTION_WORKDIR: return OP_WORKDIR;
	default: return OP_CONFIG;
	}
}

static int set_op(struct op *op, const struct instruction *in, struct error *err)
{
	*op = (struct op){ .kind = kind_of(in), .raw = in, .step = STEP_INIT, .tree = STAGE_LAYER_INIT, .scratch = -1, .out = -1,
			   .err = -1, .job = { .upper = -1, .scratch = -1, .out = -1, .err = -1 } };
	auto_buf text = BUF_INIT(CONTAINERFILE_BYTES_MAX);

	instruction_summary(in, &text);
	TRY(buf_ok(&text, "step", err));
	op->text = buf_steal(&text);
	if (!op->text)
		return fail_oom(err);
	if (op->kind != OP_RUN)   /* what a command says is the command's */
		url_hide_users(op->text);
	return 0;
}

int plan_stage(struct build *b, struct stage_run *st, struct error *err)
{
	const struct instruction *triggers = st->triggers.v;
	size_t extra = b->single || b->o->squash_all ? 1 : 0;   /* for the squashing at the end */

	st->ops = calloc(st->s->n + st->triggers.n + extra, sizeof(*st->ops));
	if (!st->ops)
		return fail_oom(err);
	TRY(set_op(&st->ops[st->n++], INSTRUCTION(&b->file, st->s->first), err));
	for (size_t i = 0; i < st->triggers.n; i++)
		TRY(set_op(&st->ops[st->n++], &triggers[i], err));
	for (size_t i = 1; i < st->s->n; i++)
		TRY(set_op(&st->ops[st->n++], INSTRUCTION(&b->file, st->s->first + i), err));
	return 0;
}

/* ---- needs ---- */
static int need(struct stage_run *st, const char *name, struct stage_run **ret, struct error *err)
{
	struct graph_source source = {};

	if (!name)
		return 0;
	TRY(build_graph_find(&st->b->graph, &st->b->graph_options, st->s->index, name, &source, err));
	if (source.kind == GRAPH_STAGE && !st->b->stages[source.stage].done)
		*ret = &st->b->stages[source.stage];
	graph_source_done(&source);
	return 0;
}

int plan_needs(struct stage_run *st, const struct op *op, struct stage_run **ret, struct error *err)
{
	const struct instruction_flags *f = &op->in.flags;

	*ret = NULL;
	if (op->kind == OP_COPY)
		return need(st, f->from, ret, err);
	for (size_t i = 0; op->kind == OP_RUN && i < f->mounts.n && !*ret; i++) {
		auto_run_mount m = {};
		TRY(run_mount_parse(f->mounts.v[i], &m, err));
		TRY(need(st, m.from, ret, err));
	}
	return 0;
}

int plan_source_is_here(struct stage_run *st, const struct op *op, struct error *err)
{
	struct graph_source source = {};

	if (!op->in.flags.from)
		return st->b->context.fd >= 0;
	TRY(build_graph_find(&st->b->graph, &st->b->graph_options, st->s->index, op->in.flags.from, &source, err));
	int here = source.kind == GRAPH_STAGE && st->b->stages[source.stage].done;
	graph_source_done(&source);
	return here;
}

/* ---- what a step says ---- */
static const struct strv *shell_of(const struct stage_run *st)
{
	static char *words[] = { (char *)"/bin/sh", (char *)"-c", NULL };
	static const struct strv fallback = { words, 2 };

	return st->config.config.shell.n ? &st->config.config.shell : &fallback;
}

bool plan_is_last(const struct stage_run *st, const struct op *op)
{
	return st->s->index == st->b->graph.target && (size_t)(op - st->ops) + 1 == st->n;
}

/* What the last step's image is without, in Buildah's notation: the same steps with other words give another image. */
int plan_withheld(const struct stage_run *st, const struct op *op, struct buf *to, struct error *err)
{
	const struct build_options *o = st->b->o;

	if (!plan_is_last(st, op))
		return 0;
	for (size_t i = 0; i < o->unset_annotations.n; i++)
		buf_addf(to, "|unsetAnnotation=%s", o->unset_annotations.v[i]);
	if (o->inherit_annotations.set && !o->inherit_annotations.value)
		buf_add_str(to, "|inheritAnnotations=false");
	return buf_ok(to, "history", err);
}

/* Annotations are in the manifest alone; an image is named by its config: so its history tells of them, as Buildah's. */
static void plan_annotations(const struct stage_run *st, struct buf *to)
{
	const struct strv *all = &st->b->o->annotations;

	for (size_t i = 0; i < all->n; i++)
		buf_addf(to, "%s%s", i ? "," : "", all->v[i]);
}

/* History as Docker and Buildah write it: "|N ARG=value ... shell line" or "#(nop) INSTRUCTION". */
static int describe(struct stage_run *st, struct op *op, struct error *err)
{
	auto_buf text = BUF_INIT(CONTAINERFILE_BYTES_MAX);
	auto_strv args = {};
	autofree char *shell = strv_join(shell_of(st), " ");

	if (!shell)
		return fail_oom(err);
	if (op->kind != OP_RUN) {
		buf_addf(&text, "%s #(nop) %s", shell, op->text);
	} else {
		TRY(scope_run_args(&st->scope, &args, err));
		if (args.n)
			buf_addf(&text, "|%zu ", args.n);
		for (size_t i = 0; i < args.n; i++)
			buf_addf(&text, "%s ", args.v[i]);
		auto_run_script script = {};
		if (op->in.json) {
			autofree char *words = strv_join(&op->in.words, " ");
			buf_add_str(&text, words ? words : "");
		} else {
			TRY(instruction_script(&op->in, &script, err));
			buf_addf(&text, "%s %s", shell, script.line ? script.line : script.file);
		}
	}
	TRY(plan_withheld(st, op, &text, err));
	if (plan_is_last(st, op))
		plan_annotations(st, &text);
	TRY(buf_ok(&text, "history", err));
	return str_set(&op->created_by, text.data, err);
}

int plan_note_options(struct stage_run *st, struct error *err)
{
	auto_buf text = BUF_INIT(CONTAINERFILE_BYTES_MAX);
	struct image_history *h = list_add(&st->config.history, sizeof(*h), err);
	const struct build *b = st->b;
	char when[48];

	if (!h)
		return -1;
	buf_addf(&text, "/bin/sh -c #(nop) FROM %s", st->base_name);
	TRY(plan_withheld(st, &st->ops[0], &text, err));
	plan_annotations(st, &text);
	TRY(buf_ok(&text, "history", err));
	h->empty_layer = true;
	TRY(str_set(&h->created_by, text.data, err));
	if (!b->has_time && st->config.created)   /* the base's: the same options give the same image again */
		return str_set(&h->created, st->config.created, err);
	return str_set(&h->created, time_format_rfc3339(b->has_time ? b->time_s * NSEC_PER_SEC : time_now(), when), err);
}

int plan_expand(struct stage_run *st, struct op *op, struct error *err)
{
	struct expand x = scope_expand(&st->scope);
	struct strv *env = &st->config.config.env;

	switch (op->raw->kind) {
	case INSTRUCTION_ARG:
		TRY(scope_arg(&st->scope, op->raw, err));
		break;
	case INSTRUCTION_ENV:
		TRY(scope_env(&st->scope, op->raw, err));
		strv_done(env);
		TRY(strv_copy(env, &st->scope.env, err));
		break;
	case INSTRUCTION_FROM:
		break;
	default:
		if (!op->expanded)
			TRY(instruction_expand(op->raw, &x, &op->in, err));
	}
	if (op->kind == OP_RUN)
		TRY(strv_copy(&op->in.flags.mounts, &st->b->o->run_mounts, err));
	return op->kind == OP_FROM ? 0 : describe(st, op, err);
}

/* A relative WORKDIR is below the one before. */
static int set_workdir(struct stage_run *st, struct op *op, struct error *err)
{
	struct image_run_config *c = &st->config.config;
	const char *word = op->in.words.n ? op->in.words.v[0] : "/";
	autofree char *joined = NULL, *clean = NULL;

	TRY(str_printf(&joined, err, "%s/%s", *word == '/' || str_empty(c->working_dir) ? "" : c->working_dir, word));
	clean = path_clean(joined);
	if (!clean)
		return fail_oom(err);
	return str_set(&c->working_dir, clean, err);
}

int plan_apply(struct stage_run *st, struct op *op, struct error *err)
{
	if (op->kind == OP_WORKDIR)
		return set_workdir(st, op, err);
	if (op->kind != OP_CONFIG || op->raw->kind == INSTRUCTION_ARG || op->raw->kind == INSTRUCTION_ENV)
		return 0;
	return build_config_apply(&st->config, &st->said, &op->in, err);
}
