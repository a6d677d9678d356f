/* SPDX-License-Identifier: Apache-2.0 */
#include "store/build-cache.h"

#include <fcntl.h>
#include <string.h>

#include "base/units.h"
#include "store/stage-internal.h"
#include "store/step-image.h"

/* Version 1 had none. */
#define IMAGES "CREATE TABLE images(id TEXT PRIMARY KEY, parent TEXT NOT NULL, key TEXT NOT NULL, docker INT NOT NULL," \
	       "  hidden INT NOT NULL DEFAULT 0, config TEXT NOT NULL);" \
	       "CREATE INDEX images_by_parent ON images(parent); CREATE INDEX images_by_key ON images(key)"

static const struct db_schema schema = {
	.version = 2, .what = "build cache",
	.sql = "CREATE TABLE steps(key TEXT PRIMARY KEY, diff_id TEXT, created INT NOT NULL, used INT NOT NULL,"
	       "  size INT NOT NULL, note TEXT) WITHOUT ROWID;"
	       "CREATE INDEX steps_by_layer ON steps(diff_id) WHERE diff_id IS NOT NULL;" IMAGES,
	.upgrade = IMAGES,
};

void build_cache_entry_done(struct build_cache_entry *e)
{
	free(e->diff_id);
	free(e->note);
	e->diff_id = e->note = NULL;
}

int build_cache_db(struct store *s, bool make, struct db **ret, struct error *err)
{
	autofree char *path = NULL;

	if (!s->cache) {
		if (!make && faccessat(s->root_fd, "cache.db", F_OK, 0) < 0)
			return 0;
		TRY(store_path_join(&path, err, s->root, "cache.db", NULL));
		const struct db_options o = { .path = path, .schema = &schema, .lock_dirfd = s->root_fd,
					      .lock_name = "locks/cache-writer", .durable = !s->no_sync };
		TRY(db_open(&o, &s->cache, err));
	}
	*ret = s->cache;
	return 1;
}

int build_cache_refers(struct store *s, const char *digest, struct error *err)
{
	struct db *db;
	int64_t n = 0;
	int r = build_cache_db(s, false, &db, err);

	if (r != 1)
		return r;
	TRY(db_get_int(db, &n, err, "SELECT EXISTS(SELECT 1 FROM steps WHERE diff_id=?1)", "s", digest));
	return n != 0;
}

int build_cache_find(struct stage *st, const char *key, struct build_cache_entry *ret, struct error *err)
{
	auto_rows r = { 0 };
	auto_build_cache_entry e = { 0 };
	struct db *db;
	int there = build_cache_db(stage_store(st), false, &db, err);

	if (there != 1)
		return there;
	TRY(db_query(db, &r, err, "SELECT diff_id,created,used,size,note FROM steps WHERE key=?1", "s", key));
	int found = db_next(&r, err);
	if (found != 1)
		return found;
	snprintf(e.key, sizeof(e.key), "%s", key);
	TRY(db_dup(&r, 0, &e.diff_id, err));
	e.created = db_int(&r, 1);
	e.used = db_int(&r, 2);
	e.size = db_int(&r, 3);
	TRY(db_dup(&r, 4, &e.note, err));
	if (e.diff_id) {
		int pinned = stage_pin_layer(st, e.diff_id, err);
		if (pinned != 1)
			return pinned;
	}
	*ret = e;
	e = (struct build_cache_entry){ 0 };
	return 1;
}

static int put_image(struct db *db, const struct step_image *i, struct error *err)
{
	return db_run(db, err, "INSERT INTO images(id,parent,key,docker,config) VALUES(?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET"
		      " parent=excluded.parent, key=excluded.key, docker=excluded.docker", "sssis", i->id, i->parent, i->key,
		      (int64_t)i->docker, i->config);
}

int build_cache_put(struct store *s, const struct build_cache_batch *b, struct error *err)
{
	const struct build_cache_entry *v = b->v;
	auto_txn t = DB_TXN_INIT;
	struct db *db;

	if (!b->n && !b->n_images)
		return 0;
	TRY(build_cache_db(s, true, &db, err));
	TRY(db_begin(db, &t, err));
	for (size_t i = 0; i < b->n; i++)
		TRY(db_run(db, err, "INSERT OR REPLACE INTO steps(key,diff_id,created,used,size,note) VALUES(?,?,?,?,?,?)", "ssiiis",
			   v[i].key, v[i].diff_id, v[i].created, v[i].used, v[i].size, v[i].note));
	for (size_t i = 0; i < b->n_images; i++)
		TRY(put_image(db, &b->images[i], err));
	return db_commit(&t, err);
}

static int touch(struct store *s, const struct strv *keys, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *db;

	if (build_cache_db(s, false, &db, err) != 1)
		return 0;
	TRY(db_begin(db, &t, err));
	for (size_t i = 0; i < keys->n; i++)
		TRY(db_run(db, err, "UPDATE steps SET used=?1 WHERE key=?2", "is", time_now(), keys->v[i]));
	return db_commit(&t, err);
}

void build_cache_touch(struct store *s, const struct strv *keys)
{
	struct error ignored;

	if (keys->n)
		touch(s, keys, &ignored);
}

/* ---- pruning ---- */
/* 1: some image of ours has the layer. */
static int is_in_image(struct store *s, const char *diff_id, struct error *err)
{
	struct db *index;
	int64_t n = 0;

	TRY(store_index(s, &index, err));
	TRY(db_get_int(index, &n, err, "SELECT EXISTS(SELECT 1 FROM image_layers WHERE diff_id=?1)", "s", diff_id));
	return n != 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct victims {
	struct strv keys, layers;
	int64_t bytes;
};

static void victims_done(struct victims *v)
{
	strv_done(&v->keys);
	strv_done(&v->layers);
}

static bool has_sorted(const struct strv *v, const char *key)
{
	return v->n && bsearch(&key, v->v, v->n, sizeof(*v->v), by_text);
}

static int collect_victims(struct store *s, struct db *db, bool all, int64_t before, struct victims *v, struct error *err)
{
	auto_strv live = { 0 };
	auto_rows r = { 0 };
	int more;

	if (!all)
		TRY(step_image_live_keys(s, &live, err));
	TRY(db_query(db, &r, err, "SELECT key,diff_id,size FROM steps WHERE ?1<=0 OR used<?1", "i", before));
	while ((more = db_next(&r, err)) == 1) {
		const char *layer = db_text(&r, 1);
		int kept = layer ? is_in_image(s, layer, err) : 0;
		if (kept < 0)
			return -1;
		if (has_sorted(&live, db_text(&r, 0)))
			continue;
		TRY(strv_add(&v->keys, db_text(&r, 0), err));
		if (layer && !kept && !strv_has(&v->layers, layer)) {
			TRY(strv_add(&v->layers, layer, err));
			v->bytes += db_int(&r, 2);
		}
	}
	return more;
}

static int forget(struct db *db, const struct strv *keys, struct error *err)
{
	auto_txn t = DB_TXN_INIT;

	TRY(db_begin(db, &t, err));
	for (size_t i = 0; i < keys->n; i++)
		TRY(db_run(db, err, "DELETE FROM steps WHERE key=?1", "s", keys->v[i]));
	TRY(db_run(db, err, "DELETE FROM images WHERE NOT EXISTS(SELECT 1 FROM steps WHERE steps.key=images.key)", ""));
	return db_commit(&t, err);
}

int build_cache_prune(struct store *s, struct build_cache_prune *p, struct error *err)
{
	CLEANUP(victims_done) struct victims v = { 0 };
	struct collected freed = { 0 };
	auto_stage *st = NULL;
	struct db *db;
	int there = build_cache_db(s, false, &db, err);

	if (there != 1)
		return there;
	TRY(collect_victims(s, db, p->all, p->before, &v, err));
	if (!v.keys.n)
		return 0;
	store_make_room(s);
	TRY(stage_begin(s, "prune", &st, err));
	for (size_t i = 0; i < v.layers.n; i++)   /* killed half-way, the sweeper offers them again */
		TRY(stage_note(st, v.layers.v[i], err));
	TRY(forget(db, &v.keys, err));
	for (size_t i = 0; i < v.layers.n; i++)
		TRY(collect_digest(s, st, v.layers.v[i], &freed, err));
	p->ret_rows = (int64_t)v.keys.n;
	p->ret_bytes = freed.bytes;
	return 0;
}

int build_cache_usage(struct store *s, int64_t *ret_rows, int64_t *ret_bytes, struct error *err)
{
	CLEANUP(victims_done) struct victims v = { 0 };
	struct db *db;
	int there = build_cache_db(s, false, &db, err);

	*ret_rows = *ret_bytes = 0;
	if (there != 1)
		return there;
	TRY(collect_victims(s, db, true, 0, &v, err));
	*ret_rows = (int64_t)v.keys.n;
	*ret_bytes = v.bytes;
	return 0;
}
