/* SPDX-License-Identifier: Apache-2.0
 * build/schedule-state.c - a step is done: what its stage is now. */
#include <fcntl.h>
#include <string.h>

#include "base/units.h"
#include "build/schedule.h"
#include "store/layer.h"

#define TOUCH_NS (3600 * NSEC_PER_SEC)   /* last use is noted to the hour */

static int push_layer(struct stage_run *st, struct build_layer *l, struct error *err)
{
	TRY(stage_push_layer(st, l, err));
	return strv_add(&st->config.diff_ids, l->diff_id, err);
}

int schedule_take_layer(struct stage_run *st, struct op *op, const struct step_message *m, struct build_layer **ret,
			  struct error *err)
{
	TRY(build_add_layer(st->b, ret, err));
	struct build_layer *l = *ret;
	memcpy(l->diff_id, m->diff_id, sizeof(l->diff_id));
	l->size = m->size;
	l->entries = m->entries;
	l->fd = fcntl(op->tree.tree_fd, F_DUPFD_CLOEXEC, 3);
	if (l->fd < 0)
		return fail_errno(err, "keep a layer open");
	l->staged = op->tree;
	l->is_new = true;
	op->tree = (struct stage_layer)STAGE_LAYER_INIT;
	return push_layer(st, l, err);
}

static int take_cached_layer(struct stage_run *st, const struct build_cache_entry *e, struct error *err)
{
	struct build_layer *l;

	if (!e->diff_id)
		return 0;
	TRY(build_add_layer(st->b, &l, err));
	snprintf(l->diff_id, sizeof(l->diff_id), "%s", e->diff_id);
	l->size = e->size;
	l->fd = store_layer_open(st->b->store, e->diff_id, err);
	return l->fd < 0 ? -1 : push_layer(st, l, err);
}

static int add_history(struct stage_run *st, const struct op *op, struct error *err)
{
	struct image_history *h;
	char when[48];

	if (st->b->o->omit_history)
		return 0;
	h = list_add(&st->config.history, sizeof(*h), err);
	if (!h)
		return -1;
	TRY(str_set(&h->created, time_format_rfc3339(st->b->has_time ? st->b->time_s * NSEC_PER_SEC : op->created, when), err));
	TRY(str_set(&h->created_by, op->created_by, err));
	h->empty_layer = !op->has_layer;
	return st->s->base.kind != GRAPH_STAGE && st->base_name && st->config.history.n == st->n_history + 1 && strchr(st->base_name, '/') ?
	       str_printf(&h->comment, err, "FROM %s", st->base_name) : 0;
}

static int next_chain(struct stage_run *st, const struct op *op)
{
	struct sha256 h;
	char when[32];

	key_begin(&h, "history");
	key_text(&h, st->chain);
	key_text(&h, op->created_by);
	snprintf(when, sizeof(when), "%lld", (long long)op->created);
	key_text(&h, when);
	key_text(&h, op->has_layer ? st->layers[st->n_layers - 1]->diff_id : NULL);
	sha256_end_hex(&h, st->chain);
	return 0;
}

static int note_remote(struct stage_run *st, const struct op *op, struct error *err)
{
	const struct build_layer *l = op->has_layer ? st->layers[st->n_layers - 1] : NULL;
	struct build_cache_entry e = { .created = op->created, .size = l ? l->size : 0, .diff_id = l ? (char *)l->diff_id : NULL,
				       .note = *op->content ? (char *)op->content : NULL };

	if (op->pulled || st->b->single || !*op->key)
		return 0;
	memcpy(e.key, op->key, sizeof(e.key));
	return remote_cache_note(st->b, &e, err);
}

/* --log-rusage: into its file, or among the step's output. */
static void tell_usage(struct stage_run *st, const struct op *op)
{
	const struct build *b = st->b;
	char line[200];

	if (!b->o->log_rusage && !b->usage)
		return;
	stages_usage(op, line, sizeof(line));
	if (b->usage)
		fputs(line, b->usage);
	else
		schedule_tell(st, op, BUILD_OUTPUT, line, strlen(line), false);
}

/* What the stage is after the step: an image as soon as somebody asks for it. */
static int note_image(struct stage_run *st, struct op *op, bool last, struct error *err)
{
	struct build *b = st->b;
	CLEANUP(step_image_done) struct step_image now = {};

	TRY(stages_step(st, last, &now, err));
	memcpy(op->id, now.id, sizeof(op->id));
	memcpy(now.parent, st->id, sizeof(now.parent));
	memcpy(now.key, op->key, sizeof(now.key));
	memcpy(st->id, now.id, sizeof(st->id));
	if (op->kind == OP_SQUASH || b->o->squash_all || streq(now.id, now.parent))
		return 0;
	int known = op->cached ? step_image_known(b->store, now.id, err) : 0;
	if (known)
		return known < 0 ? -1 : 0;
	struct step_image *to = list_add(&b->images, sizeof(*to), err);
	if (!to)
		return -1;
	*to = now;
	now.config = NULL;
	return 0;
}

int schedule_finish(struct stage_run *st, struct op *op, struct error *err)
{
	struct build *b = st->b;
	bool last = st->s->index == b->graph.target && st->next + 1 >= st->n;
	char when[48];

	op->state = OP_DONE;
	tell_usage(st, op);
	TRY(str_set(&st->config.created, time_format_rfc3339(b->has_time ? b->time_s * NSEC_PER_SEC : op->created, when), err));
	if (op->kind != OP_SQUASH) {
		TRY(add_history(st, op, err));
		next_chain(st, op);
	}
	TRY(last ? image_describe(b, st, err) : image_set_identity(st, err));
	if (!b->single)
		TRY(note_image(st, op, last, err));
	if (op->cached) {
		log_debug(b->engine->log, "Found a cache hit in the first iteration");
		schedule_tell(st, op, BUILD_CACHED, NULL, 0, false);
	}
	schedule_tell(st, op, BUILD_STEP_DONE, NULL, 0, false);
	st->next++;
	return note_remote(st, op, err);
}

int schedule_use_cached(struct stage_run *st, struct op *op, struct build_cache_entry *e, struct error *err)
{
	if (op->early != EARLY_NOT)
		schedule_drop_early(st->b, op);
	op->cached = true;
	op->created = e->created;
	op->has_layer = e->diff_id != NULL;
	if (e->note)
		snprintf(op->content, sizeof(op->content), "%s", e->note);
	TRY(take_cached_layer(st, e, err));
	if (time_now() - e->used > TOUCH_NS)
		TRY(strv_add(&st->b->touched, e->key, err));
	return schedule_finish(st, op, err);
}
