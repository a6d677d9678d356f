/* SPDX-License-Identifier: Apache-2.0
 * build/schedule-early.c - COPYs that need not wait: they are made beside the step that runs, and count when their turn comes.
 *
 * COPY --link looks at nothing below it, so it may begin any time. Any other COPY may begin beside a COPY before it: it is
 * made on the layers below both, and afterwards compared with what came in between (build/independent.h). Where the two
 * touch, it is made again, in its turn. Only what no variable has a say in is begun early, and only what the cache does
 * not have. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/independent.h"
#include "build/schedule.h"

enum { AT_ONCE_MIN = 2 };

/* ---- which ---- */
static bool is_fixed(const struct op *op)
{
	const struct instruction *in = op->raw;

	if (op->kind != OP_COPY || in->kind != INSTRUCTION_COPY || in->heredocs.n || strchr(in->text, '$') || in->words.n < 2)
		return false;
	for (size_t i = 0; i + 1 < in->words.n; i++)
		if (add_source_kind(in->words.v[i]) != ADD_PATH)
			return false;
	return *in->words.v[in->words.n - 1] == '/' || *in->words.v[in->words.n - 1] == '"';
}

/* Copies now, rather than finding out first whether it has to. */
static bool is_copying(const struct op *op)
{
	return op->kind == OP_COPY && (op->state == OP_RUNNING || op->early != EARLY_NOT) && !op->job.ask_first;
}

static bool has_numbers(const char *owner)
{
	return !owner || (strchr(owner, ':') && !owner[strspn(owner, "0123456789:")]);
}

/* 1: the cache may have it, so its turn is waited for. */
static int may_be_cached(struct stage_run *st, struct op *op, struct error *err)
{
	struct build *b = st->b;
	auto_build_cache_entry e = {};

	if (!op->job.link)
		return 0;   /* what is below it is new, or the COPY before would not run */
	prepare_copy_key(st, op);
	int found = schedule_look_up_key(b, op->from_files ? op->quick : op->key, &e, err);
	op->keyed = false;
	*op->key = *op->quick = '\0';
	return found;
}

/* 1: prepared; 0: it has to wait for its turn, which tells, too, what is wrong with it. */
static int prepare(struct stage_run *st, struct op *op)
{
	struct expand x = scope_expand(&st->scope);
	struct error ignored;

	if (!op->expanded && instruction_expand(op->raw, &x, &op->in, &ignored) < 0) {
		instruction_done(&op->in);
		op->in = (struct instruction){};
		op->early_failed = true;
		return 0;
	}
	op->expanded = true;
	if (*op->in.words.v[op->in.words.n - 1] != '/' || plan_source_is_here(st, op, &ignored) != 1)
		return 0;
	if (!op->prepared && prepare_copy(st, op, &ignored) < 0) {
		step_job_done(&op->job);
		op->early_failed = true;
		return 0;
	}
	op->prepared = true;
	return 1;
}

static int begin_one(struct stage_run *st, struct op *op, struct error *err)
{
	if (!prepare(st, op))
		return 0;
	int cached = may_be_cached(st, op, err);
	op->early_failed = cached == 1;
	if (cached)
		return cached < 0 ? -1 : 0;
	TRY(schedule_start_step(st, op, err));
	op->state = OP_WAITING;
	op->early = EARLY_RUNNING;
	op->early_layers = st->n_layers;
	return 0;
}

static size_t at_once(const struct build *b)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (b->o->jobs.value)
		return (size_t)b->o->jobs.value;
	return cpus > AT_ONCE_MIN ? (size_t)cpus : AT_ONCE_MIN;
}

int schedule_begin_early(struct stage_run *st, struct error *err)
{
	struct build *b = st->b;
	bool beside = true;   /* all steps from the running one to here are COPYs that copy, or change no files */

	if (b->single || b->remote.from.n || st->next >= st->n || st->ops[st->next].state != OP_RUNNING)
		return 0;
	for (size_t i = st->next; i < st->n && b->running < at_once(b); i++) {
		struct op *op = &st->ops[i];
		const struct instruction_flags *f = &op->raw->flags;
		bool mine = i > st->next && op->early == EARLY_NOT && !op->early_failed && op->ahead != AHEAD_PENDING && is_fixed(op) &&
			    has_numbers(f->chown) && (f->link || (beside && !f->parents));
		if (mine && begin_one(st, op, err) < 0)
			return -1;
		beside = beside && (op->kind == OP_CONFIG || is_copying(op));
	}
	return 0;
}

/* ---- what comes of it ---- */
void schedule_drop_early(struct build *b, struct op *op)
{
	if (op->early == EARLY_RUNNING)
		b->running--;
	step_end(&op->step);
	stage_layer_abort(&op->tree);
	op->tree = (struct stage_layer)STAGE_LAYER_INIT;
	close_p(&op->scratch);
	op->scratch = -1;
	free(op->job.below.v);
	op->job.below = (struct step_trees){};
	free(op->job.scratch_path);
	op->job.scratch_path = NULL;
	op->early = EARLY_NOT;
	op->early_failed = true;
}

int schedule_receive_early(struct stage_run *st, struct op *op, struct error *err)
{
	struct step_message *m = &op->early_result;

	TRY(step_receive(&op->step, m, err));
	if (m->event != STEP_DONE) {   /* said when its turn has come, and only if it is so then */
		schedule_drop_early(st->b, op);
		return 0;
	}
	step_end(&op->step);
	st->b->running--;
	op->early = EARLY_DONE;
	return 0;
}

/* The entry of "/" in its layer is that of the layer below. */
static bool root_is_same(const struct stage_run *st, const struct op *op)
{
	struct stat below = { .st_mode = S_IFDIR | 0755 }, mine;

	if (st->n_layers && fstat(st->layers[st->n_layers - 1]->fd, &below) < 0)
		return false;
	return fstat(op->tree.tree_fd, &mine) == 0 && mine.st_mode == below.st_mode && mine.st_uid == below.st_uid &&
	       mine.st_gid == below.st_gid;
}

int schedule_accept_early(struct stage_run *st, struct op *op, struct error *err)
{
	int counts = root_is_same(st, op) && (op->job.link || op->early_result.plain);

	for (size_t i = op->early_layers; counts == 1 && !op->job.link && i < st->n_layers; i++)
		counts = trees_are_independent(st->layers[i]->fd, op->tree.tree_fd, err);
	if (counts == 0)
		schedule_drop_early(st->b, op);
	return counts;
}
