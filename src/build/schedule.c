/* SPDX-License-Identifier: Apache-2.0
 * build/schedule.c - steps in their order: stages advance until they wait for a process or for another stage.
 *
 * Layers become durable in batches: when half a second of work would be lost by a kill, and at the end. Until then they
 * lie in the build's stage and are used from there. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "base/units.h"
#include "build/build-impl.h"
#include "os/file.h"
#include "store/layer.h"

#define FLUSH_NS (NSEC_PER_SEC / 2)
#define TOUCH_NS (3600 * NSEC_PER_SEC)   /* last use is noted to the hour */
enum { OUTPUT_MAX = 65536 };

/* ---- telling ---- */
static void tell(struct stage_run *st, const struct op *op, enum build_event_type type, const char *text, size_t len, bool is_err)
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

static int remember(struct build *b, const struct op *op, const char *key, const struct build_layer *l, struct error *err)
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

static int look_up(struct build *b, const char *key, struct build_cache_entry *ret, struct error *err)
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

/* The local cache, then --cache-from: what comes from there is entered here. */
static int look_up_all(struct stage_run *st, struct op *op, struct build_cache_entry *ret, struct error *err)
{
	struct build *b = st->b;
	autofree char *where = NULL, *line = NULL;
	int found = look_up(b, op->key, ret, err);

	if (found || !b->use_cache || !*op->key || !b->remote.from.n)
		return found;
	found = remote_cache_find(b, op->key, ret, &where, err);
	if (found != 1)
		return found;
	op->pulled = true;
	TRY(str_printf(&line, err, "--> Cache pulled from remote %s\n", where));
	tell(st, op, BUILD_OUTPUT, line, strlen(line), false);
	op->created = ret->created;
	snprintf(op->content, sizeof(op->content), "%s", ret->note ? ret->note : "");
	TRY(remember(b, op, op->key, NULL, err));
	struct build_cache_entry *row = &b->rows[b->n_rows - 1];
	row->size = ret->size;
	TRY(str_set(&row->diff_id, ret->diff_id, err));
	return *op->quick && remember(b, op, op->quick, NULL, err) < 0 ? -1 : 1;
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
	TRY(build_cache_put(b->store, b->rows, b->n_rows, err));
	for (size_t i = 0; i < b->n_rows; i++)
		build_cache_entry_done(&b->rows[i]);
	b->n_rows = 0;
	b->flushed = time_now();
	return remote_cache_push(b, tell_line, err);
}

/* ---- the state ---- */
static int push_layer(struct stage_run *st, struct build_layer *l, struct error *err)
{
	struct build_layer **grown = realloc(st->layers, (st->n_layers + 1) * sizeof(*grown));

	if (!grown)
		return fail_oom(err);
	st->layers = grown;
	st->layers[st->n_layers++] = l;
	return strv_add(&st->config.diff_ids, l->diff_id, err);
}

static int take_new_layer(struct stage_run *st, struct op *op, const struct step_message *m, struct build_layer **ret,
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
	return 0;
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
		tell(st, op, BUILD_OUTPUT, line, strlen(line), false);
}

static int finish_op(struct stage_run *st, struct op *op, struct error *err)
{
	struct build *b = st->b;
	char when[48];

	op->state = OP_DONE;
	tell_usage(st, op);
	TRY(str_set(&st->config.created, time_format_rfc3339(b->has_time ? b->time_s * NSEC_PER_SEC : op->created, when), err));
	if (op->kind != OP_SQUASH) {
		TRY(add_history(st, op, err));
		next_chain(st, op);
	}
	if (st->s->index == b->graph.target && st->next + 1 >= st->n)
		TRY(image_describe(b, st, err));
	if (!b->single)
		TRY(image_id_now(st, op->id, err));
	if (op->cached) {
		log_debug(b->engine->log, "Found a cache hit in the first iteration");
		tell(st, op, BUILD_CACHED, NULL, 0, false);
	}
	tell(st, op, BUILD_STEP_DONE, NULL, 0, false);
	st->next++;
	return note_remote(st, op, err);
}

static int use_cached(struct stage_run *st, struct op *op, struct build_cache_entry *e, struct error *err)
{
	op->cached = true;
	op->created = e->created;
	op->has_layer = e->diff_id != NULL;
	if (e->note)
		snprintf(op->content, sizeof(op->content), "%s", e->note);
	TRY(take_cached_layer(st, e, err));
	if (time_now() - e->used > TOUCH_NS)
		TRY(strv_add(&st->b->touched, e->key, err));
	return finish_op(st, op, err);
}

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
	int found = b->single ? 0 : look_up_all(st, op, &e, err);
	if (found)
		return found < 0 ? -1 : use_cached(st, op, &e, err);
	op->created = time_now();
	if (!b->single)
		TRY(remember(b, op, op->key, NULL, err));
	return finish_op(st, op, err);
}

/* ---- processes ---- */
static int make_pipe(int *ret_read, int *ret_write, struct error *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return fail_errno(err, "pipe");
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	*ret_read = p[0];
	*ret_write = p[1];
	return 0;
}

static int make_scratch(struct build *b, struct op *op, struct error *err)
{
	char name[32];

	snprintf(name, sizeof(name), "s%u", b->serial++);
	if (mkdirat(stage_fd(b->stage), name, 0755) < 0)
		return fail_errno(err, "make %s/%s", stage_path(b->stage), name);
	op->scratch = openat(stage_fd(b->stage), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (op->scratch < 0)
		return fail_errno(err, "open %s", name);
	op->job.scratch = op->scratch;
	return str_printf(&op->job.scratch_path, err, "%s/%s", stage_path(b->stage), name);
}

/* The mode of "/" is that of the topmost tree. */
static int set_root_mode(const struct stage_run *st, int tree, struct error *err)
{
	struct stat sb = { .st_mode = 0755 };

	if (st->n_layers && fstat(st->layers[st->n_layers - 1]->fd, &sb) < 0)
		return fail_errno(err, "stat");
	if (st->n_layers && fchown(tree, sb.st_uid, sb.st_gid) < 0)
		return fail_errno(err, "set owner of the root directory");
	return fchmod(tree, sb.st_mode & 07777) < 0 ? fail_errno(err, "set mode of the root directory") : 0;
}

static int set_trees(struct stage_run *st, struct op *op, struct error *err)
{
	struct build *b = st->b;

	TRY(stage_trees(st, &op->job.below, err));
	if (!b->single) {
		TRY(stage_layer_begin(b->stage, &op->tree, err));
		op->job.upper = op->tree.tree_fd;
		return set_root_mode(st, op->job.upper, err);
	}
	if (st->single.tree_fd < 0) {
		TRY(stage_layer_begin(b->stage, &st->single, err));
		TRY(set_root_mode(st, st->single.tree_fd, err));
	}
	op->job.upper = st->single.tree_fd;
	op->job.no_layer = true;
	if (op->kind == OP_RUN)   /* what earlier steps made counts for users and volumes, */
		op->job.run.in_upper = true;
	else                      /* and is looked at like a layer */
		op->job.below.v[op->job.below.n++] = st->single.tree_fd;
	return 0;
}

static int start(struct stage_run *st, struct op *op, struct error *err)
{
	struct build *b = st->b;
	struct step_job *j = &op->job;
	autoclose int out = -1, errors = -1;

	j->engine = b->engine;
	j->store = b->store;
	j->set_times = b->has_time && b->o->timestamp.set;
	j->clamp = b->has_time && b->o->rewrite_timestamp;
	j->latest = b->time_s;
	if (!op->job.below.v)
		TRY(set_trees(st, op, err));
	TRY(make_scratch(b, op, err));
	if (op->kind == OP_RUN) {
		TRY(make_pipe(&op->out, &out, err));
		TRY(make_pipe(&op->err, &errors, err));
		j->out = out;
		j->err = errors;
	}
	TRY(step_start(&op->step, j, err));
	op->state = OP_RUNNING;
	b->running++;
	return 0;
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
	if (!op->prepared) {
		auto_build_cache_entry e = {};
		TRY(prepare[op->kind](st, op, err));
		op->prepared = true;
		if (op->ahead == AHEAD_KNOWN)
			key_of_copy(op);
		int found = b->single ? 0 : look_up_all(st, op, &e, err);
		if (found)
			return found < 0 || use_cached(st, op, &e, err) < 0 ? -1 : 1;
		found = b->single || !*op->quick || *op->key ? 0 : look_up(b, op->quick, &e, err);
		if (found < 0)
			return -1;
		op->job.ask_first = !*op->key && (found || (b->remote.from.n && b->use_cache && *op->quick));
	}
	if (!may_start(b))
		return 0;
	if (op->kind == OP_RUN) {
		int open = prepare_run_caches(st, op, err);
		if (open != 1)
			return open;
	}
	TRY(start(st, op, err));
	return ahead_begin(st, err) < 0 ? -1 : 1;
}

/* 1: go on with the next; 0: wait. */
static int begin(struct stage_run *st, struct op *op, struct error *err)
{
	const struct build *b = st->b;
	struct stage_run *other;

	if (!op->created_by && op->kind != OP_FROM) {
		op->began = time_monotonic();
		tell(st, op, BUILD_STEP, op->text, strlen(op->text), false);
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
	if (op && op->kind != OP_SQUASH)
		fail_wrap(err, "building at STEP \"%s\"", op->text);
	if (!b->failed)
		b->failure = *err;
	if (!b->failed)
		b->failed_status = status;
	b->failed = true;
}

static bool base_is_ready(const struct stage_run *st)
{
	return st->s->base.kind != GRAPH_STAGE || st->b->stages[st->s->base.stage].done;
}

/* FROM with variables, or replaced by --from: shown as what it comes to. */
static int base_text(const struct stage_run *st, char **ret, struct error *err)
{
	const struct build_stage *s = st->s;
	const struct instruction *from = INSTRUCTION(&st->b->file, s->first);
	bool replaced = st->b->o->from && s->index == 0 && s->base.kind != GRAPH_STAGE;
	const char *name = replaced ? st->b->o->from : s->base.name;

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
		return start(st, op, err) < 0 ? -1 : 1;
	}
	TRY(stage_layer_begin(b->stage, &op->tree, err));
	TRY(stage_trees(st, &op->job.from, err));
	if (st->single.tree_fd >= 0)
		op->job.from.v[op->job.from.n++] = st->single.tree_fd;
	op->job.upper = op->tree.tree_fd;
	TRY(set_root_mode(st, op->job.upper, err));
	st->n_layers = st->n_base = 0;
	strv_done(&st->config.diff_ids);
	return start(st, op, err) < 0 ? -1 : 1;
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
		if (op->state == OP_RUNNING)
			return 0;
		int r = begin(st, op, err);
		if (r < 0) {
			blame(b, op, err, 0);
			return -1;
		}
		if (r == 0)
			return 0;
	}
	int more = b->single ? begin_squash(st, err) : 0;
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
static int read_output(struct stage_run *st, struct op *op, int *fd, bool is_err)
{
	char data[OUTPUT_MAX];
	ssize_t n;

	while (*fd >= 0 && (n = read(*fd, data, sizeof(data))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return 0;
		tell(st, op, BUILD_OUTPUT, data, (size_t)n, is_err);
	}
	close_p(fd);
	*fd = -1;
	return 0;
}

static void drain(struct stage_run *st, struct op *op)
{
	read_output(st, op, &op->out, false);
	read_output(st, op, &op->err, true);
}

static int got_key(struct stage_run *st, struct op *op, const struct step_message *m, struct error *err)
{
	struct build *b = st->b;
	auto_build_cache_entry e = {};

	snprintf(op->content, sizeof(op->content), "%s", m->content);
	key_of_copy(op);
	int found = look_up_all(st, op, &e, err);
	if (found < 0)
		return -1;
	step_answer(&op->step, !found);
	if (!found)
		return 0;
	step_end(&op->step);
	b->running--;
	return use_cached(st, op, &e, err);
}

static int got_layer(struct stage_run *st, struct op *op, const struct step_message *m, struct error *err)
{
	struct build *b = st->b;
	struct build_layer *l = NULL;
	char before[65];

	step_end(&op->step);
	release_run_caches(op);   /* the next step may want them */
	b->running--;
	op->created = time_now();
	op->has_layer = m->has_layer;
	if (*m->content && op->kind == OP_COPY && *op->quick) {
		snprintf(op->content, sizeof(op->content), "%s", m->content);
		key_of_copy(op);
	}
	if (m->has_layer)
		TRY(take_new_layer(st, op, m, &l, err));
	if (op->kind != OP_SQUASH && !b->single) {
		TRY(remember(b, op, op->key, l, err));
		if (*op->quick)
			TRY(remember(b, op, op->quick, NULL, err));
		if (ahead_key(b, op, before))
			TRY(remember(b, op, before, NULL, err));
	}
	TRY(finish_op(st, op, err));
	return time_now() - b->flushed > FLUSH_NS ? schedule_flush(b, err) : 0;
}

static int got_message(struct stage_run *st, struct op *op, struct error *err)
{
	struct step_message m;
	int status = 0;
	int r = step_receive(&op->step, &m, err);

	drain(st, op);
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
		int what;          /* 0: its socket, 1: stdout, 2: stderr, 3: what is hashed ahead */
	} *who;
	size_t n;
};

static void waiting_done(struct waiting *w)
{
	free(w->fds);
	free(w->who);
}

static void add_fd(struct waiting *w, struct stage_run *st, int fd, int what)
{
	if (fd < 0)
		return;
	w->fds[w->n] = (struct pollfd){ .fd = fd, .events = POLLIN };
	w->who[w->n].st = st;
	w->who[w->n++].what = what;
}

static int collect(struct build *b, struct waiting *w, struct error *err)
{
	w->fds = calloc(b->n_stages * 4 + 1, sizeof(*w->fds));
	w->who = calloc(b->n_stages * 4 + 1, sizeof(*w->who));
	if (!w->fds || !w->who)
		return fail_oom(err);
	for (size_t i = 0; i < b->n_stages; i++) {
		struct stage_run *st = &b->stages[i];
		struct op *op = st->next < st->n ? &st->ops[st->next] : NULL;
		add_fd(w, st, st->ahead.socket, 3);
		if (!op || op->state != OP_RUNNING)
			continue;
		add_fd(w, st, op->out, 1);
		add_fd(w, st, op->err, 2);
		add_fd(w, st, op->step.socket, 0);
	}
	return 0;
}

static int handle(struct waiting *w, struct error *err)
{
	for (size_t i = 0; i < w->n; i++) {
		struct stage_run *st = w->who[i].st;
		struct op *op = &st->ops[st->next];
		if (!w->fds[i].revents)
			continue;
		if (w->who[i].what == 3)
			ahead_receive(st);
		else if (w->who[i].what == 1)
			read_output(st, op, &op->out, false);
		else if (w->who[i].what == 2)
			read_output(st, op, &op->err, true);
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
		if (st->next < st->n && st->ops[st->next].prepared && st->ops[st->next].state == OP_WAITING && may_start(b))
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
