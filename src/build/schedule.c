/* SPDX-License-Identifier: Apache-2.0
 * build/schedule.c - steps in their order: stages advance until they wait for a process or for another stage.
 *
 * Layers become durable in batches: when half a second of work would be lost by a kill, and at the end. Until then they
 * lie in the build's stage and are used from there. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "base/units.h"
#include "build/schedule.h"
#include "os/file.h"
#include "store/layer.h"

#define FLUSH_NS (NSEC_PER_SEC / 2)

/* ---- configuration ---- */
static int do_config(struct stage_run *st, struct op *op, struct error *err)
{
	struct build *b = st->b;
	auto_build_cache_entry e = {};
	struct sha256 h;

	key_begin(&h, "config");
	key_text(&h, st->chain);
	key_text(&h, op->created_by);
	sha256_end_hex(&h, op->key);
	int found = b->single ? 0 : schedule_look_up(st, op, &e, err);
	if (found)
		return found < 0 ? -1 : schedule_use_cached(st, op, &e, err);
	op->created = time_now();
	if (!b->single)
		TRY(schedule_remember(b, op, op->key, NULL, err));
	return schedule_finish(st, op, err);
}

/* Where it goes and what it is. */
static void key_of_copy(struct op *op)
{
	struct sha256 h;

	key_begin(&h, "copied");
	key_text(&h, op->quick);
	key_text(&h, op->content);
	sha256_end_hex(&h, op->key);
}

/* What a step made becomes part of its stage. */
static int take_result(struct stage_run *st, struct op *op, const struct step_message *m, struct error *err)
{
	struct build *b = st->b;
	struct build_layer *l = NULL;
	char before[65];

	op->created = time_now();
	op->has_layer = m->has_layer;
	if (*m->content && op->kind == OP_COPY && *op->quick) {
		snprintf(op->content, sizeof(op->content), "%s", m->content);
		key_of_copy(op);
	}
	if (m->has_layer)
		TRY(schedule_take_layer(st, op, m, &l, err));
	if (op->kind != OP_SQUASH && !b->single) {
		TRY(schedule_remember(b, op, op->key, l, err));
		if (*op->quick)
			TRY(schedule_remember(b, op, op->quick, NULL, err));
		if (ahead_key(b, op, before))
			TRY(schedule_remember(b, op, before, NULL, err));
	}
	TRY(schedule_finish(st, op, err));
	return time_now() - b->flushed > FLUSH_NS ? schedule_flush(b, err) : 0;
}

/* ---- beginning a step: 1: done or under way; 0: it has to wait ---- */
static bool may_start(const struct build *b)
{
	return !b->o->jobs.value || b->running < (size_t)b->o->jobs.value;
}

static int begin_files(struct stage_run *st, struct op *op, struct error *err)
{
	static int (*const prepare[])(struct stage_run *st, struct op *op, struct error *err) = {
		[OP_RUN] = prepare_run, [OP_COPY] = prepare_copy, [OP_WORKDIR] = prepare_workdir,
	};
	struct build *b = st->b;

	if (!op->prepared && op->ahead == AHEAD_PENDING)
		return 0;
	if (!op->prepared)
		TRY(prepare[op->kind](st, op, err));
	op->prepared = true;
	if (!op->keyed) {
		auto_build_cache_entry e = {};
		if (op->kind == OP_COPY)
			prepare_copy_key(st, op);
		op->keyed = true;
		if (op->ahead == AHEAD_KNOWN && op->from_files)
			key_of_copy(op);
		int found = b->single ? 0 : schedule_look_up(st, op, &e, err);
		if (found)
			return found < 0 || schedule_use_cached(st, op, &e, err) < 0 ? -1 : 1;
		found = b->single || !*op->quick || *op->key ? 0 : schedule_look_up_key(b, op->quick, &e, err);
		if (found < 0)
			return -1;
		op->job.ask_first = !*op->key && op->early == EARLY_NOT && (found || (b->remote.from.n && b->use_cache && *op->quick));
	}
	if (op->early == EARLY_RUNNING)
		return 0;
	if (op->early == EARLY_DONE) {
		int counts = schedule_accept_early(st, op, err);
		if (counts)
			return counts < 0 || take_result(st, op, &op->early_result, err) < 0 ? -1 : 1;
	}
	if (!may_start(b))
		return 0;
	if (op->kind == OP_RUN) {
		int open = prepare_run_caches(st, op, err);
		if (open != 1)
			return open;
	}
	TRY(schedule_start_step(st, op, err));
	return ahead_begin(st, err) < 0 ? -1 : 1;
}

/* 1: go on with the next; 0: wait. */
static int begin(struct stage_run *st, struct op *op, struct error *err)
{
	const struct build *b = st->b;
	struct stage_run *other;

	if (!op->created_by && op->kind != OP_FROM) {
		op->began = time_monotonic();
		schedule_tell(st, op, BUILD_STEP, op->text, strlen(op->text), false);
		if (plan_expand(st, op, err) < 0)
			return instruction_fail(&b->file, op->raw, err);
	}
	TRY(plan_needs(st, op, &other, err));
	if (other)
		return 0;
	if (op->kind == OP_CONFIG || op->kind == OP_WORKDIR) {
		if (!op->applied)
			TRY(plan_apply(st, op, err));
		op->applied = true;
	}
	if (op->kind == OP_CONFIG)
		return do_config(st, op, err) < 0 ? -1 : 1;
	int r = begin_files(st, op, err);
	return r < 1 ? r : op->state == OP_DONE;
}

static void blame(struct build *b, const struct op *op, struct error *err, int status)
{
	if (op && op->kind != OP_SQUASH) {
		const char *rest = op->text + strcspn(op->text, " ");
		fail_wrap(err, "building at STEP \"%s%s\"", instruction_name(op->raw->kind), rest);
	}
	if (!b->failed)
		b->failure = *err;
	if (!b->failed)
		b->failed_op = op;
	if (!b->failed)
		b->failed_status = status;
	b->failed = true;
}

static bool base_is_ready(const struct stage_run *st)
{
	return st->s->base.kind != GRAPH_STAGE || st->b->stages[st->s->base.stage].done;
}

/* FROM with variables, or replaced by --from or --build-context: shown as what it comes to. */
static int base_text(const struct stage_run *st, char **ret, struct error *err)
{
	const struct build_stage *s = st->s;
	const struct instruction *from = INSTRUCTION(&st->b->file, s->first);
	bool forced = st->b->o->from && s->index == 0 && s->base.kind != GRAPH_STAGE;
	const char *context = base_context_image(st->b, &s->base);
	bool replaced = forced || context;
	const char *name = forced ? st->b->o->from : context ? context : s->base.name;

	if (!name || (!strchr(from->text, '$') && !replaced))
		return str_set(ret, from->text, err);
	return str_printf(ret, err, "FROM %s%s%s%s%s%s", s->platform ? "--platform=" : "", s->platform ? s->platform : "",
			  s->platform ? " " : "", name, s->name ? " AS " : "", s->name ? s->name : "");
}

static int enter(struct stage_run *st, struct error *err)
{
	struct build *b = st->b;
	autofree char *from = NULL;

	TRY(base_text(st, &from, err));
	build_tell(b, &(struct build_event){ .type = BUILD_STEP, .stage = st->s->index, .n_stages = b->n_stages, .step = 1,
					     .n_steps = st->s->n + st->triggers.n, .name = st->s->name, .text = from,
					     .len = strlen(from) });
	TRY(base_prepare(b, st, err));
	TRY(plan_stage(b, st, err));
	st->ops[0].state = OP_DONE;
	st->next = 1;
	st->prepared = true;
	return 0;
}

/* The single layer of the stage, when all steps are done. 1: there is one to make. */
static int begin_squash(struct stage_run *st, struct error *err)
{
	struct build *b = st->b;
	struct op *op = &st->ops[st->n];
	bool all = b->o->squash_all && st->s->index == b->graph.target;

	if (st->squashed || (st->single.tree_fd < 0 && !all))
		return 0;
	st->squashed = true;
	*op = (struct op){ .kind = OP_SQUASH, .step = STEP_INIT, .tree = STAGE_LAYER_INIT, .scratch = -1, .out = -1, .err = -1,
			   .job = { .kind = STEP_SQUASH, .upper = -1, .scratch = -1, .out = -1, .err = -1 } };
	st->n++;
	op->began = time_monotonic();
	TRY(str_set(&op->text, "squash", err));
	TRY(stage_trees(st, &op->job.below, err));
	if (!all) {
		op->tree = st->single;
		st->single = (struct stage_layer)STAGE_LAYER_INIT;
		op->job.upper = op->tree.tree_fd;
		return schedule_start_step(st, op, err) < 0 ? -1 : 1;
	}
	TRY(stage_layer_begin(b->stage, &op->tree, err));
	TRY(stage_trees(st, &op->job.from, err));
	if (st->single.tree_fd >= 0)
		op->job.from.v[op->job.from.n++] = st->single.tree_fd;
	op->job.upper = op->tree.tree_fd;
	TRY(schedule_set_root_mode(st, op->job.upper, err));
	st->n_layers = st->n_base = 0;
	strv_done(&st->config.diff_ids);
	return schedule_start_step(st, op, err) < 0 ? -1 : 1;
}

/* Runs the stage as far as it goes now. */
static int advance(struct stage_run *st, struct error *err)
{
	struct build *b = st->b;

	if (st->done || !base_is_ready(st))
		return 0;
	if (!st->prepared && enter(st, err) < 0) {
		blame(b, NULL, err, 0);
		return -1;
	}
	while (st->next < st->n) {
		struct op *op = &st->ops[st->next];
		int r = op->state == OP_RUNNING ? 0 : begin(st, op, err);
		if (r == 0)
			r = schedule_begin_early(st, err) < 0 ? -1 : 0;
		if (r < 0)
			blame(b, op, err, 0);
		if (r <= 0)
			return r;
	}
	int more = b->single || b->o->squash_all ? begin_squash(st, err) : 0;
	if (more) {
		if (more < 0)
			blame(b, NULL, err, 0);
		return more < 0 ? -1 : 0;
	}
	if (b->o->save_stages && stages_save(st, err) < 0) {
		blame(b, NULL, err, 0);
		return -1;
	}
	st->done = true;
	build_tell(b, &(struct build_event){ .type = BUILD_STAGE_DONE, .stage = st->s->index, .n_stages = b->n_stages });
	return 1;
}

/* Until nobody moves any more: a stage that ends may let others begin. */
static int advance_all(struct build *b, struct error *err)
{
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < b->n_stages; i++) {
			if (!b->stages[i].s->needed)
				continue;
			int r = advance(&b->stages[i], err);
			if (r < 0)
				return -1;
			again |= r == 1;
		}
	}
	return 0;
}

/* ---- what comes back ---- */
static int got_key(struct stage_run *st, struct op *op, const struct step_message *m, struct error *err)
{
	struct build *b = st->b;
	auto_build_cache_entry e = {};

	snprintf(op->content, sizeof(op->content), "%s", m->content);
	key_of_copy(op);
	int found = schedule_look_up(st, op, &e, err);
	if (found < 0)
		return -1;
	step_answer(&op->step, !found);
	op->job.ask_first = false;
	if (!found)
		return 0;
	step_end(&op->step);
	b->running--;
	return schedule_use_cached(st, op, &e, err);
}

static int got_layer(struct stage_run *st, struct op *op, const struct step_message *m, struct error *err)
{
	step_end(&op->step);
	release_run_caches(op);   /* the next step may want them */
	st->b->running--;
	return take_result(st, op, m, err);
}

static int got_message(struct stage_run *st, struct op *op, struct error *err)
{
	struct step_message m;
	int status = 0;
	int r = step_receive(&op->step, &m, err);

	schedule_drain(st, op);
	if (r >= 0 && m.event == STEP_RUNS)
		return 0;
	if (r >= 0 && m.event == STEP_KEY)
		r = got_key(st, op, &m, err);
	else if (r >= 0 && m.event == STEP_DONE)
		r = got_layer(st, op, &m, err);
	else if (r >= 0) {
		r = m.event == STEP_FAILED ? (*err = m.error, -1) : fail(err, ERROR_RUNTIME, "the process of the step died");
		status = m.event == STEP_FAILED ? m.status : 0;
		st->b->running--;
	}
	if (r < 0)
		blame(st->b, op, err, status);
	return r;
}

/* ---- the loop ---- */
struct waiting {
	struct pollfd *fds;
	struct {
		struct stage_run *st;
		struct op *op;
		int what;          /* enum below */
	} *who;
	size_t n;
};
enum { WAIT_STEP, WAIT_OUT, WAIT_ERR, WAIT_AHEAD, WAIT_EARLY };

static void waiting_done(struct waiting *w)
{
	free(w->fds);
	free(w->who);
}

static void add_fd(struct waiting *w, struct stage_run *st, struct op *op, int fd, int what)
{
	if (fd < 0)
		return;
	w->fds[w->n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	w->who[w->n].st = st;
	w->who[w->n].op = op;
	w->who[w->n++].what = what;
}

static int collect(struct build *b, struct waiting *w, struct error *err)
{
	w->fds = calloc(b->n_stages * 4 + b->running + 1, sizeof(*w->fds));
	w->who = calloc(b->n_stages * 4 + b->running + 1, sizeof(*w->who));
	if (!w->fds || !w->who)
		return fail_oom(err);
	for (size_t i = 0; i < b->n_stages; i++) {
		struct stage_run *st = &b->stages[i];
		struct op *op = st->next < st->n ? &st->ops[st->next] : NULL;
		add_fd(w, st, op, st->ahead.socket, WAIT_AHEAD);
		for (size_t k = st->next; k < st->n; k++)
			if (st->ops[k].early == EARLY_RUNNING)
				add_fd(w, st, &st->ops[k], st->ops[k].step.socket, WAIT_EARLY);
		if (!op || op->state != OP_RUNNING)
			continue;
		add_fd(w, st, op, op->out, WAIT_OUT);
		add_fd(w, st, op, op->err, WAIT_ERR);
		add_fd(w, st, op, op->step.socket, WAIT_STEP);
	}
	return 0;
}

static int handle(struct waiting *w, struct error *err)
{
	for (size_t i = 0; i < w->n; i++) {
		struct stage_run *st = w->who[i].st;
		struct op *op = w->who[i].op;
		int what = w->who[i].what;
		if (!w->fds[i].revents)
			continue;
		if (what == WAIT_AHEAD)
			ahead_receive(st);
		else if (what == WAIT_EARLY)
			TRY(schedule_receive_early(st, op, err));
		else if (what == WAIT_OUT || what == WAIT_ERR)
			schedule_drain(st, op);
		else
			TRY(got_message(st, op, err));
	}
	return 0;
}

/* Steps wait for a cache that another build has: look again soon. */
static int wait_time(const struct build *b)
{
	for (size_t i = 0; i < b->n_stages; i++) {
		const struct stage_run *st = &b->stages[i];
		if (st->next < st->n && st->ops[st->next].prepared && st->ops[st->next].state == OP_WAITING &&
		    st->ops[st->next].early != EARLY_RUNNING && may_start(b))
			return 100;
	}
	return -1;
}

int schedule_run(struct build *b, struct error *err)
{
	b->flushed = time_now();
	while (!b->stages[b->graph.target].done || b->running) {
		CLEANUP(waiting_done) struct waiting w = {};
		TRY(advance_all(b, err));
		if (!b->running && b->stages[b->graph.target].done)
			break;
		TRY(collect(b, &w, err));
		int wait = wait_time(b);
		if (!w.n && wait < 0)
			return fail(err, ERROR_INVALID, "the stages of %s wait for each other", b->file.name);
		if (wait < 0 && b->request->ticks)
			wait = 100;
		if (poll(w.fds, w.n, wait) < 0 && errno != EINTR)
			return fail_errno(err, "poll");
		if (b->request->ticks)
			build_tell(b, &(struct build_event){ .type = BUILD_TICK });
		TRY(handle(&w, err));
	}
	return 0;
}
