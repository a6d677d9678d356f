/* SPDX-License-Identifier: Apache-2.0
 * build/schedule-cache.c - what the scheduler tells, looks up in the cache, and makes durable. */
#include <string.h>

#include "base/units.h"
#include "build/schedule.h"
#include "store/layer.h"

/* ---- telling ---- */
void schedule_tell(struct stage_run *st, const struct op *op, enum build_event_type type, const char *text, size_t len, bool is_err)
{
	struct build *b = st->b;

	build_tell(b, &(struct build_event){
		.type = type, .stage = st->s->index, .n_stages = b->n_stages, .step = (size_t)(op - st->ops) + 1,
		.n_steps = st->s->n + st->triggers.n, .name = st->s->name, .text = text, .len = len, .id = op->id,
		.is_err = is_err, .last = st->s->index == b->graph.target && st->next + 1 >= st->n });
}

static void tell_line(struct build *b, const char *line)
{
	build_tell(b, &(struct build_event){ .type = BUILD_OUTPUT, .stage = b->graph.target, .n_stages = b->n_stages, .text = line,
					     .len = strlen(line), .id = "" });
}

/* ---- the cache ---- */
static void *grow(void *v, size_t n, size_t size)
{
	return (n & (n - 1)) ? v : realloc(v, (n ? n * 2 : 1) * size);
}

int schedule_remember(struct build *b, const struct op *op, const char *key, const struct build_layer *l, struct error *err)
{
	struct build_cache_entry *v = grow(b->rows, b->n_rows, sizeof(*v));

	if (!v)
		return fail_oom(err);
	b->rows = v;
	struct build_cache_entry *e = &v[b->n_rows++];
	*e = (struct build_cache_entry){ .created = op->created, .used = op->created, .size = l ? l->size : 0 };
	snprintf(e->key, sizeof(e->key), "%s", key);
	TRY(str_set(&e->diff_id, l ? l->diff_id : NULL, err));
	return str_set(&e->note, *op->content ? op->content : NULL, err);
}

int schedule_look_up_key(struct build *b, const char *key, struct build_cache_entry *ret, struct error *err)
{
	if (!b->use_cache || !*key)
		return 0;
	int found = build_cache_find(b->stage, key, ret, err);
	if (found == 1 && b->ttl && time_now() - ret->created > b->ttl) {
		build_cache_entry_done(ret);
		return 0;
	}
	return found;
}

int schedule_look_up(struct stage_run *st, struct op *op, struct build_cache_entry *ret, struct error *err)
{
	struct build *b = st->b;
	autofree char *where = NULL, *line = NULL;
	int found = schedule_look_up_key(b, op->key, ret, err);

	if (found || !b->use_cache || !*op->key || !b->remote.from.n)
		return found;
	found = remote_cache_find(b, op->key, ret, &where, err);
	if (found != 1)
		return found;
	op->pulled = true;
	TRY(str_printf(&line, err, "--> Cache pulled from remote %s\n", where));
	schedule_tell(st, op, BUILD_OUTPUT, line, strlen(line), false);
	op->created = ret->created;
	snprintf(op->content, sizeof(op->content), "%s", ret->note ? ret->note : "");
	TRY(schedule_remember(b, op, op->key, NULL, err));
	struct build_cache_entry *row = &b->rows[b->n_rows - 1];
	row->size = ret->size;
	TRY(str_set(&row->diff_id, ret->diff_id, err));
	return *op->quick && schedule_remember(b, op, op->quick, NULL, err) < 0 ? -1 : 1;
}

static int reopen_layer(struct build *b, struct build_layer *l, struct error *err)
{
	int fd = store_layer_open(b->store, l->diff_id, err);

	if (fd < 0)
		return -1;
	close(l->fd);
	l->fd = fd;
	l->is_new = false;
	return 0;
}

void schedule_forget_rows(struct build *b)
{
	struct step_image *images = b->images.v;

	for (size_t i = 0; i < b->n_rows; i++)
		build_cache_entry_done(&b->rows[i]);
	for (size_t i = 0; i < b->images.n; i++)
		step_image_done(&images[i]);
	free(images);
	b->n_rows = 0;
	b->images = (struct list){};
}

int schedule_flush(struct build *b, struct error *err)
{
	struct build_layer **all = b->layers.v;
	autofree struct stage_layer *trees = calloc(b->layers.n + 1, sizeof(*trees));
	autofree struct stage_layer_info *info = calloc(b->layers.n + 1, sizeof(*info));
	size_t n = 0;

	if (!trees || !info)
		return fail_oom(err);
	for (size_t i = 0; i < b->layers.n; i++) {
		if (all[i]->staged.tree_fd < 0)
			continue;
		info[n] = (struct stage_layer_info){ .diff_id = all[i]->diff_id, .entries = all[i]->entries };
		trees[n++] = all[i]->staged;
		all[i]->staged = (struct stage_layer)STAGE_LAYER_INIT;   /* the commit ends it, also when it fails */
	}
	if (n)
		TRY(stage_layers_commit(trees, info, n, err));
	for (size_t i = 0; n && i < b->layers.n; i++)   /* of two equal layers one is kept: maybe not ours */
		if (all[i]->is_new && reopen_layer(b, all[i], err) < 0)
			return -1;
	const struct build_cache_batch batch = { b->rows, b->n_rows, b->images.v, b->images.n };
	TRY(build_cache_put(b->store, &batch, err));
	schedule_forget_rows(b);
	b->flushed = time_now();
	return remote_cache_push(b, tell_line, err);
}
