/* SPDX-License-Identifier: Apache-2.0
 * engine/image-commit.c - layers into the store, then the documents, then the row that makes the image visible. */
#include "engine/image-commit.h"
#include "engine/image-remote.h"

#include <stdarg.h>
#include <string.h>

#include "base/units.h"
#include "conf/helpers.h"
#include "store/image.h"

/* How long to wait for another process that pulls the same layer. */
#define LEASE_WAIT_NS (INT64_C(1800) * NSEC_PER_SEC)

void image_say(const struct image_progress *p, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!p || !p->line)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->line(p->data, text);
}

void image_progress_moved(const struct image_progress *p, const char *digest, int64_t bytes, int64_t total)
{
	if (p && p->moved && digest)
		p->moved(p->data, digest, bytes, total);
}

/* ---- transfer ---- */
int image_transfer_begin(struct engine *e, const char *purpose, const struct image_progress *progress,
			 struct image_transfer *ret, struct error *err)
{
	auto_image_transfer t = { .engine = e, .progress = progress };
	autofree char *worker = NULL;

	TRY(engine_store(e, &t.store, err));
	TRY(helper_find("umiak-worker", &worker, err));
	TRY(stage_begin(t.store, purpose, &t.stage, err));
	struct source_options o = { .worker = worker, .log = e->log, .stage_fd = stage_fd(t.stage),
				    .userns = e->paths.rootless, .ignore_chown = e->storage.ignore_chown_errors, .parallel = e->opt.max_workers, .fetcher = e->fetcher };
	TRY(source_new(&o, &t.source, err));
	fetcher_take(e);
	*ret = t;
	t = (struct image_transfer){};
	return 0;
}

void image_transfer_done(struct image_transfer *t)
{
	image_chunks_done(t->chunks);
	source_free(t->source);   /* workers first: nobody writes into the stage any more */
	stage_done(t->stage);
	*t = (struct image_transfer){};
}

/* ---- layers ---- */
struct layer_work {
	struct source_job job;
	struct stage_layer tree;
	struct stage_blob blob;
	bool wants_tree, wants_blob;
};

struct layers {
	struct layer_work *v;
	size_t n;             /* what is to be done: at most one per diff-id */
};

static void layers_done(struct layers *l)
{
	for (size_t i = 0; i < l->n; i++) {
		source_job_done(&l->v[i].job);
		stage_layer_abort(&l->v[i].tree);
		stage_blob_abort(&l->v[i].blob);
	}
	free(l->v);
}

static struct op_descriptor *layer_of(const struct source_image *i, size_t layer)
{
	return &((struct op_descriptor *)i->layers.v)[layer];
}

static int take_leases(struct image_transfer *t, const struct source_image *i, struct error *err)
{
	auto_strv sorted = {};

	TRY(strv_copy(&sorted, &i->info.diff_ids, err));
	strv_sort(&sorted);
	for (size_t k = 0; k < sorted.n; k++)
		if (k == 0 || !streq(sorted.v[k], sorted.v[k - 1]))
			TRY(stage_lease(t->stage, sorted.v[k], LEASE_WAIT_NS, err));
	return 0;
}

static bool seen_before(const struct source_image *i, size_t layer)
{
	for (size_t k = 0; k < layer; k++)
		if (streq(i->info.diff_ids.v[k], i->info.diff_ids.v[layer]))
			return true;
	return false;
}

/* Goes on where an interrupted pull of the same blob stopped; the worker hashes what is there like what comes. */
static int open_blob(struct image_transfer *t, struct layer_work *w, const struct op_descriptor *d, struct error *err)
{
	if (!t->resumable || image_chunks_wanted(t->engine, d)) {
		TRY(stage_blob_begin(t->stage, &w->blob, err));
		if (!t->resumable || image_chunks_assemble(t, d, w->blob.fd) == 1) {
			w->job.have = t->resumable ? d->size : 0;
			return 0;
		}
		stage_blob_abort(&w->blob);
	}
	TRY(stage_blob_resume(t->stage, d->digest, &w->blob, &w->job.have, err));
	if (w->job.have <= d->size)
		return 0;
	w->job.have = 0;
	return ftruncate(w->blob.fd, 0) < 0 ? fail_errno(err, "blob %s", d->digest) : 0;
}

static int open_work(struct image_transfer *t, struct layer_work *w, const struct op_descriptor *d, struct error *err)
{
	w->job.tree_fd = w->job.blob_fd = -1;
	if (w->wants_tree) {
		TRY(stage_layer_begin(t->stage, &w->tree, err));
		w->job.tree_fd = w->tree.tree_fd;
	}
	if (w->wants_blob) {
		TRY(open_blob(t, w, d, err));
		w->job.blob_fd = w->blob.fd;
	}
	return 0;
}

static int copy_description(const struct store_image_layer *from, struct op_descriptor *to, struct error *err)
{
	to->size = from->blob_size;
	TRY(str_set(&to->digest, from->blob ? from->blob : from->diff_id, err));
	return str_set(&to->media_type, from->media_type, err);
}

/* A docker archive does not say which blob a layer is; an image that is here may know one with the same diff-id. */
static int find_known_blob(struct image_transfer *t, const char *diff_id, struct op_descriptor *to, struct error *err)
{
	auto_store_image_list all = {};

	TRY(store_image_list(t->store, STORE_IMAGE_LAYERS, &all, err));
	for (size_t i = 0; i < all.n; i++)
		for (size_t k = 0; k < all.v[i].n_layers; k++) {
			const struct store_image_layer *l = &all.v[i].layers[k];
			if (!streq(l->diff_id, diff_id))
				continue;
			if (!l->blob)   /* its tar is made from the tree */
				return copy_description(l, to, err) < 0 ? -1 : 1;
			int pinned = stage_pin_blob(t->stage, l->blob, err);
			TRY(pinned);
			if (pinned)
				return copy_description(l, to, err) < 0 ? -1 : 1;
		}
	return 0;
}

/* 1: the layer's tree and blob are here, and stay. */
static int is_here(struct image_transfer *t, struct op_descriptor *d, const char *diff_id, bool *ret_tree,
		   bool *ret_blob, struct error *err)
{
	int tree = stage_pin_layer(t->stage, diff_id, err);
	int blob = 0;

	TRY(tree);
	if (t->trees_only)
		blob = 1;
	else if (d->digest)
		blob = stage_pin_blob(t->stage, d->digest, err);
	else if (tree)
		blob = find_known_blob(t, diff_id, d, err);
	TRY(blob);
	*ret_tree = tree;
	*ret_blob = blob;
	return tree && blob;
}

/* What is here already stays and is pinned; the rest becomes work. */
static int plan_layer(struct image_transfer *t, const struct source_image *i, size_t layer, struct layers *to,
		      struct error *err)
{
	struct op_descriptor *d = layer_of(i, layer);
	const char *diff_id = i->info.diff_ids.v[layer];
	bool tree, blob;
	int here = is_here(t, d, diff_id, &tree, &blob, err);

	TRY(here);
	if (!here && seen_before(i, layer) && !d->digest)
		return 0;
	image_say(t->progress, "Copying blob %s%s", d->digest ? d->digest : diff_id, here ? " skipped: already exists  " : "");
	if (here)
		return 0;
	struct layer_work *w = &to->v[to->n++];
	*w = (struct layer_work){ .job = { .layer = layer }, .tree = STAGE_LAYER_INIT, .blob = STAGE_BLOB_INIT,
				  .wants_tree = !tree && !seen_before(i, layer), .wants_blob = !blob };
	return open_work(t, w, d, err);
}

static int commit_layers(struct image_transfer *t, struct layers *l, struct error *err)
{
	autofree struct stage_layer *trees = calloc(l->n ? l->n : 1, sizeof(*trees));
	autofree struct stage_layer_info *info = calloc(l->n ? l->n : 1, sizeof(*info));
	size_t n = 0;

	if (!trees || !info)
		return fail_oom(err);
	for (size_t k = 0; k < l->n; k++) {
		struct layer_work *w = &l->v[k];
		const struct op_unpacked *u = &w->job.result;
		if (w->wants_blob && u->is_recipe)
			TRY(stage_layer_keep_recipe(&w->tree, &w->blob, err));
		else if (w->wants_blob)
			TRY(stage_blob_commit(&w->blob, u->blob_digest, u->blob_size, err));
	}
	for (size_t k = 0; k < l->n; k++) {
		struct layer_work *w = &l->v[k];
		if (!w->wants_tree)
			continue;
		info[n] = (struct stage_layer_info){ .diff_id = w->job.result.diff_id, .bytes = w->job.result.tree_bytes,
						     .entries = w->job.result.entries };
		trees[n++] = w->tree;
		w->tree = (struct stage_layer)STAGE_LAYER_INIT;   /* the commit ends them, also when it fails */
	}
	return n ? stage_layers_commit(trees, info, n, err) : 0;
}

/* What the source could not say before (docker archives): digests and sizes of the layers' blobs. */
static int describe(struct source_image *i, const struct layers *l, enum media_type type, struct error *err)
{
	for (size_t k = 0; k < i->layers.n; k++) {
		if (layer_of(i, k)->digest)
			continue;
		const struct op_unpacked *u = NULL;
		for (size_t w = 0; w < l->n; w++)
			if (streq(l->v[w].job.result.diff_id, i->info.diff_ids.v[k]))
				u = &l->v[w].job.result;
		if (!u)
			return fail(err, ERROR_CORRUPT, "layer %s: its blob is gone", i->info.diff_ids.v[k]);
		TRY(source_describe_layer(i, k, u, type, err));
	}
	return 0;
}

/* What does not fit its digest must not be gone on with. */
static void drop_partial(struct image_transfer *t, struct layers *l)
{
	for (size_t k = 0; t->resumable && k < l->n; k++)
		if (l->v[k].wants_blob && ftruncate(l->v[k].blob.fd, 0) < 0)
			log_debug(t->engine->log, "truncate a partial blob: %m");
}

/* What a worker tells of a layer becomes the blob's progress. */
struct watched {
	const struct image_progress *progress;
	const struct source_image *image;
};

static void layer_moved(void *data, const struct source_job *j)
{
	const struct watched *w = data;
	const struct op_descriptor *d = layer_of(w->image, j->layer);
	const char *name = d->digest ? d->digest : w->image->info.diff_ids.v[j->layer];

	image_progress_moved(w->progress, name, j->bytes, d->size);
}

static void layers_arrived(const struct watched *w, const struct layers *l)
{
	for (size_t k = 0; k < l->n; k++) {
		size_t layer = l->v[k].job.layer;
		const struct op_descriptor *d = layer_of(w->image, layer);
		const char *name = d->digest ? d->digest : w->image->info.diff_ids.v[layer];
		image_progress_moved(w->progress, name, d->size > 0 ? d->size : 0, d->size > 0 ? d->size : 0);
	}
}

int image_bring_layers(struct image_transfer *t, struct source_image *i, struct error *err)
{
	CLEANUP(layers_done) struct layers l = { .v = calloc(i->layers.n ? i->layers.n : 1, sizeof(*l.v)) };
	autofree struct source_job *jobs = calloc(i->layers.n ? i->layers.n : 1, sizeof(*jobs));

	if (!l.v || !jobs)
		return fail_oom(err);
	TRY(take_leases(t, i, err));
	for (size_t k = 0; k < i->layers.n; k++)
		TRY(plan_layer(t, i, k, &l, err));
	for (size_t k = 0; k < l.n; k++)
		jobs[k] = l.v[k].job;
	struct watched watched = { t->progress, i };
	struct source_progress moved = { layer_moved, &watched };
	int r = source_run(t->source, i, jobs, l.n, &moved, err);
	for (size_t k = 0; k < l.n; k++)
		l.v[k].job = jobs[k];
	if (r < 0 && err->kind == ERROR_CORRUPT)
		drop_partial(t, &l);
	TRY(r);
	layers_arrived(&watched, &l);
	TRY(describe(i, &l, MEDIA_DOCKER_MANIFEST, err));
	return commit_layers(t, &l, err);
}

/* ---- documents ---- */
static int commit_documents(struct image_transfer *t, const struct source_image *i, struct error *err)
{
	image_say(t->progress, "Copying config %s", i->config_digest);
	TRY(stage_blob_add(t->stage, i->config_digest, i->config, i->config_len, err));
	image_say(t->progress, "Writing manifest to image destination");
	if (i->index.digest)
		TRY(stage_blob_add(t->stage, i->index.digest, i->index_bytes, i->index_len, err));
	return stage_blob_add(t->stage, i->manifest_digest, i->manifest, i->manifest_len, err);
}

static int labels_text(const struct strmap *labels, struct buf *to, struct error *err)
{
	if (!labels->n)
		return 0;
	buf_add_char(to, '{');
	for (size_t k = 0; k < labels->n; k++) {
		if (k)
			buf_add_char(to, ',');
		buf_add_json(to, labels->v[k].key);
		buf_add_char(to, ':');
		buf_add_json(to, labels->v[k].value);
	}
	buf_add_char(to, '}');
	return buf_ok(to, "labels", err);
}

static int64_t created_time(const struct source_image *i)
{
	struct error ignored;
	int64_t ns;

	return i->info.created && time_parse(i->info.created, 0, &ns, &ignored) == 0 ? ns : 0;
}

/* A layer that was made here (engine/commit.h) has no blob: its tar, whose digest is the diff-id, is made when needed. */
static int has_blob(struct image_transfer *t, const struct op_descriptor *d, const char *diff_id, struct error *err)
{
	return streq0(d->digest, diff_id) ? stage_pin_blob(t->stage, diff_id, err) : 1;
}

static int commit_row(struct image_transfer *t, const struct source_image *i, const struct strv *names,
		      char ret_id[65], struct error *err)
{
	auto_buf labels = BUF_INIT(CONFIG_BYTES_MAX);
	autofree struct store_image_layer *layers = calloc(i->layers.n ? i->layers.n : 1, sizeof(*layers));

	if (!layers)
		return fail_oom(err);
	for (size_t k = 0; k < i->layers.n; k++) {
		struct op_descriptor *d = layer_of(i, k);
		int kept = has_blob(t, d, i->info.diff_ids.v[k], err);
		TRY(kept);
		layers[k] = (struct store_image_layer){ i->info.diff_ids.v[k], kept ? d->digest : NULL, d->media_type, d->size };
	}
	TRY(labels_text(&i->info.labels, &labels, err));
	struct store_image_new row = {
		.manifest = i->manifest_digest, .manifest_type = media_type_name(i->manifest_type),
		.config_digest = i->config_digest, .more_digests = &i->index_digests, .names = names,
		.created = created_time(i), .os = i->info.os, .arch = i->info.architecture, .variant = i->info.variant,
		.labels = labels.data, .layers = layers, .n_layers = i->layers.n,
	};
	return store_image_commit(t->stage, &row, ret_id, err);
}

int image_commit(struct image_transfer *t, struct source_image *i, const struct strv *names, char ret_id[65],
		 struct error *err)
{
	TRY(image_bring_layers(t, i, err));
	return image_commit_documents(t, i, names, ret_id, err);
}

int image_commit_documents(struct image_transfer *t, struct source_image *i, const struct strv *names, char ret_id[65],
			   struct error *err)
{
	if (!i->manifest)
		TRY(source_finish(t->source, i, MEDIA_DOCKER_MANIFEST, err));
	TRY(commit_documents(t, i, err));
	return commit_row(t, i, names, ret_id, err);
}
