/* SPDX-License-Identifier: Apache-2.0
 * store/step-image.c - rows of images of steps: whose parents they are, who is still needed, which go. */
#include "store/step-image.h"

#include <string.h>

#include "image/oci-image.h"
#include "store/stage-internal.h"

enum { CHAIN_MAX = 4096 };   /* more steps than any image has layers and history */

void step_image_done(struct step_image *i)
{
	free(i->config);
	i->config = NULL;
}

/* ---- one row ---- */
/* 1: EXISTS says so. 0 too when there is no cache. */
static int ask(struct store *s, const char *sql, const char *id, struct error *err)
{
	struct db *db;
	int64_t n = 0;
	int there = build_cache_db(s, false, &db, err);

	if (there != 1)
		return there;
	TRY(db_get_int(db, &n, err, sql, "s", id));
	return n != 0;
}

int step_image_known(struct store *s, const char *id, struct error *err)
{
	return ask(s, "SELECT EXISTS(SELECT 1 FROM images WHERE id=?1)", id, err);
}

int step_image_is_hidden(struct store *s, const char *id, struct error *err)
{
	return ask(s, "SELECT EXISTS(SELECT 1 FROM images WHERE id=?1 AND hidden<>0)", id, err);
}

int step_image_has_children(struct store *s, const char *id, struct error *err)
{
	return ask(s, "SELECT EXISTS(SELECT 1 FROM images WHERE parent=?1)", id, err);
}

int step_image_show(struct store *s, const char *id, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *db;
	int hidden = step_image_is_hidden(s, id, err);

	if (hidden != 1)
		return hidden;
	TRY(build_cache_db(s, false, &db, err));
	TRY(db_begin(db, &t, err));
	TRY(db_run(db, err, "UPDATE images SET hidden=0 WHERE id=?1", "s", id));
	return db_commit(&t, err);
}

/* ---- families ---- */
/* 1: somebody wants this image for itself: it is in the store, and not only because its id was named once. */
static int is_wanted(struct store *s, const char *id, struct error *err)
{
	auto_store_image i = { 0 };
	struct db *run;
	int64_t users = 0;
	int there = store_image_get(s, id, STORE_IMAGE_NAMES, &i, err);

	if (there != 1)
		return there;
	TRY(store_run(s, &run, err));
	TRY(db_get_int(run, &users, err, "SELECT count(*) FROM containers WHERE image_id=?1", "s", id));
	int hidden = step_image_is_hidden(s, id, err);
	return hidden < 0 ? -1 : i.names.n || users || !hidden;
}

/* 1: a row; its parent ("": none). */
static int read_parent(struct db *db, const char *id, char ret[65], struct error *err)
{
	auto_rows r = { 0 };

	TRY(db_query(db, &r, err, "SELECT parent FROM images WHERE id=?1", "s", id));
	int found = db_next(&r, err);
	if (found == 1)
		snprintf(ret, 65, "%s", db_text(&r, 0));
	return found;
}

/* 1: nothing but the row we come from (none: nothing at all) was made from it. */
static int is_free(struct store *s, struct db *db, const char *id, const char *from, struct error *err)
{
	int64_t others = 0;

	TRY(db_get_int(db, &others, err, "SELECT count(*) FROM images WHERE parent=?1 AND id<>?2", "ss", id, from));
	if (others || !*from)
		return !others;
	int wanted = is_wanted(s, id, err);
	return wanted < 0 ? -1 : !wanted;
}

int step_image_chain(struct store *s, const char *id, bool sole, struct strv *ret, struct error *err)
{
	char at[65], from[65] = "";
	struct db *db;
	int there = build_cache_db(s, false, &db, err);

	snprintf(at, sizeof(at), "%s", id);
	for (size_t n = 0; there == 1 && *at && n < CHAIN_MAX; n++) {
		char parent[65];
		if (n && sole && (there = is_free(s, db, at, from, err)) != 1)
			break;
		there = read_parent(db, at, parent, err);
		if (there != 1)
			break;
		TRY(strv_add(ret, at, err));
		if (!n && sole && (there = step_image_has_children(s, at, err)))
			break;
		there = 1;
		memcpy(from, at, sizeof(from));
		memcpy(at, parent, sizeof(at));
	}
	return there < 0 ? -1 : 0;
}

/* ---- who is needed ---- */
struct row {
	char id[65], parent[65], key[65];
	bool live;
};

struct table {
	struct row *v;   /* by id */
	size_t n;
};

static void table_done(struct table *t)
{
	free(t->v);
}

static int read_table(struct db *db, struct table *t, struct error *err)
{
	auto_rows r = { 0 };
	int more;

	TRY(db_query(db, &r, err, "SELECT id,parent,key FROM images ORDER BY id", ""));
	while ((more = db_next(&r, err)) == 1) {
		struct row *v = (t->n & (t->n - 1)) ? t->v : reallocarray(t->v, t->n ? t->n * 2 : 1, sizeof(*v));
		if (!v)
			return fail_oom(err);
		t->v = v;
		v[t->n] = (struct row){ 0 };
		snprintf(v[t->n].id, sizeof(v->id), "%s", db_text(&r, 0));
		snprintf(v[t->n].parent, sizeof(v->parent), "%s", db_text(&r, 1));
		snprintf(v[t->n++].key, sizeof(v->key), "%s", db_text(&r, 2));
	}
	return more;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(a, ((const struct row *)b)->id);
}

static void mark(struct table *t, const char *id)
{
	struct row *r;

	while (*id && t->n && (r = bsearch(id, t->v, t->n, sizeof(*r), by_id)) && !r->live) {
		r->live = true;
		id = r->parent;
	}
}

/* All rows; live: an image of the store was made from them. */
static int look(struct store *s, struct table *t, struct error *err)
{
	auto_store_image_list all = { 0 };
	struct db *db;
	int there = build_cache_db(s, false, &db, err);

	if (there != 1)
		return there;
	TRY(read_table(db, t, err));
	if (!t->n)
		return 0;
	TRY(store_image_list(s, STORE_IMAGE_NAMES, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		int hidden = all.v[i].names.n || all.v[i].containers ? 0 : step_image_is_hidden(s, all.v[i].id, err);
		TRY(hidden);
		if (!hidden)
			mark(t, all.v[i].id);
	}
	return 0;
}

int step_image_unused(struct store *s, struct strv *ret, struct error *err)
{
	CLEANUP(table_done) struct table t = { 0 };

	TRY(look(s, &t, err));
	for (size_t i = 0; i < t.n; i++)
		if (!t.v[i].live)
			TRY(strv_add(ret, t.v[i].id, err));
	return 0;
}

int step_image_live_keys(struct store *s, struct strv *ret, struct error *err)
{
	CLEANUP(table_done) struct table t = { 0 };

	TRY(look(s, &t, err));
	for (size_t i = 0; i < t.n; i++)
		if (t.v[i].live)
			TRY(strv_add(ret, t.v[i].key, err));
	strv_sort(ret);
	return 0;
}

/* ---- going ---- */
/* The layers of a row; whoever sweeps our stage offers them again. */
static int note_layers(struct db *db, struct stage *st, const char *id, struct strv *layers, struct error *err)
{
	auto_rows r = { 0 };
	auto_image_config c = { 0 };

	TRY(db_query(db, &r, err, "SELECT config FROM images WHERE id=?1", "s", id));
	int found = db_next(&r, err);
	if (found != 1)
		return found;
	const char *text = db_text(&r, 0);
	TRY(image_config_parse(text, strlen(text), &c, err));
	for (size_t i = 0; i < c.diff_ids.n; i++) {
		if (strv_has(layers, c.diff_ids.v[i]))
			continue;
		TRY(stage_note(st, c.diff_ids.v[i], err));
		TRY(strv_add(layers, c.diff_ids.v[i], err));
	}
	return 0;
}

static int drop_rows(struct db *db, const struct strv *ids, struct error *err)
{
	auto_txn t = DB_TXN_INIT;

	TRY(db_begin(db, &t, err));
	for (size_t i = 0; i < ids->n; i++) {
		const char *id = ids->v[i];
		TRY(db_run(db, err, "UPDATE images SET parent=ifnull((SELECT p.parent FROM images p WHERE p.id=?1),'') WHERE parent=?1",
			   "s", id));
		TRY(db_run(db, err, "DELETE FROM steps WHERE key=(SELECT key FROM images WHERE id=?1) AND NOT EXISTS("
			   "SELECT 1 FROM images o WHERE o.key=steps.key AND o.id<>?1)", "s", id));
		TRY(db_run(db, err, "DELETE FROM images WHERE id=?1", "s", id));
	}
	return db_commit(&t, err);
}

int step_image_drop(struct store *s, const struct strv *ids, int64_t *ret_bytes, struct error *err)
{
	auto_strv layers = { 0 };
	auto_stage *st = NULL;
	struct collected freed = { 0 };
	struct db *db;
	int there = ids->n ? build_cache_db(s, false, &db, err) : 0;

	if (there != 1)
		return there;
	TRY(stage_begin(s, "rmi", &st, err));
	for (size_t i = 0; i < ids->n; i++)
		TRY(note_layers(db, st, ids->v[i], &layers, err));
	TRY(drop_rows(db, ids, err));
	for (size_t i = 0; i < layers.n; i++)
		TRY(collect_digest(s, st, layers.v[i], &freed, err));
	*ret_bytes += freed.bytes;
	return 0;
}
