/* SPDX-License-Identifier: Apache-2.0
 * store/image.c - committing and naming images.
 *
 * Every change goes: record file (durable) -> index transaction (durable, the moment of truth) -> records of images
 * that lost a name, index.json (derived, not synced). Killed before the transaction, the record file is ahead of the
 * index by a change nobody was told of; the stage's note or the next change brings it back. The lock image/ID orders
 * writers of one record. */
#include "store/stage-internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "os/file.h"

int image_rowid(struct db *db, const char *id, int64_t *ret, struct error *err)
{
	return db_get_int(db, ret, err, "SELECT row FROM images WHERE id=?", "s", id);
}

/* ---- rows ---- */
static int insert_layers(struct db *db, int64_t row, const struct store_image *i, const int64_t *bytes, struct error *err)
{
	for (size_t n = 0; n < i->n_layers; n++) {
		const struct store_image_layer *l = &i->layers[n];
		TRY(db_run(db, err, "INSERT INTO image_layers(image,pos,diff_id,blob,media_type,blob_size,bytes)"
			   " VALUES(?,?,?,?,?,?,?)", "iisssii", row, (int64_t)n, l->diff_id, l->blob, l->media_type,
			   l->blob_size, bytes[n]));
	}
	return 0;
}

static int insert_digests(struct db *db, int64_t row, const struct store_image *i, struct error *err)
{
	for (size_t n = 0; n < i->digests.n; n++)
		TRY(db_run(db, err, "INSERT OR IGNORE INTO image_digests(digest,image,pos) VALUES(?,?,?)", "sii",
			   i->digests.v[n], row, (int64_t)n));
	return 0;
}

static char *join_layers(const struct store_image *i)
{
	auto_buf b = BUF_INIT(1 << 20);

	for (size_t n = 0; n < i->n_layers; n++)
		buf_addf(&b, "%s%s", n ? " " : "", i->layers[n].diff_id);
	return buf_steal(&b);
}

int image_insert_rows(struct db *db, const struct store_image *i, const char *config, const int64_t *layer_bytes,
		      struct error *err)
{
	autofree char *layers = join_layers(i), *history = strv_join(&i->history, "\n");

	if (!layers || !history)
		return fail_oom(err);
	TRY(db_run(db, err, "INSERT INTO images(id,manifest,manifest_type,created,added,size,os,arch,variant,history,layers,"
		   "labels,config) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)", "sssiiisssssss", i->id, i->manifest,
		   i->manifest_type, i->created, i->added, i->size, i->os, i->arch, i->variant,
		   *history ? history : NULL, layers, i->labels, config));
	int64_t row = sqlite3_last_insert_rowid(db_handle(db));
	TRY(insert_layers(db, row, i, layer_bytes, err));
	return insert_digests(db, row, i, err);
}

/* The name goes into the history of the image that loses it. */
static int remember_name(struct db *db, int64_t row, const char *name, struct error *err)
{
	return db_run(db, err, "UPDATE images SET history=CASE WHEN history IS NULL THEN ?2 ELSE history||char(10)||?2 END"
		      " WHERE row=?1 AND instr(char(10)||ifnull(history,'')||char(10), char(10)||?2||char(10))=0", "is", row,
		      name);
}

static int name_owner(struct db *db, const char *name, int64_t *row, char id[65], struct error *err)
{
	auto_rows r = { 0 };

	TRY(db_query(db, &r, err, "SELECT i.row,i.id FROM names n JOIN images i ON i.row=n.image WHERE n.name=?", "s", name));
	int found = db_next(&r, err);
	if (found == 1) {
		*row = db_int(&r, 0);
		snprintf(id, 65, "%s", db_text(&r, 1));
	}
	return found;
}

/* Strictly later than every name given before, whatever the clock does. */
static int next_since(struct db *db, int64_t *ret, struct error *err)
{
	int64_t newest = 0, now = time_now();

	TRY(db_get_int(db, &newest, err, "SELECT ifnull(max(since),0) FROM names", ""));
	*ret = newest >= now ? newest + 1 : now;
	return 0;
}

int image_move_name(struct db *db, int64_t rowid, const char *name, char former[65], struct error *err)
{
	int64_t owner = 0, since;
	char id[65] = "";

	int taken = name_owner(db, name, &owner, id, err);
	if (taken < 0 || (taken && owner == rowid))
		return taken < 0 ? -1 : 0;
	if (taken)
		TRY(remember_name(db, owner, name, err));
	TRY(next_since(db, &since, err));
	TRY(db_run(db, err, "INSERT OR REPLACE INTO names(name,image,since) VALUES(?,?,?)", "sii", name, rowid, since));
	if (taken)
		snprintf(former, 65, "%s", id);
	return taken;
}

/* ---- records ---- */
static bool record_is_current(struct store *s, const struct store_image *i)
{
	auto_buf text = BUF_INIT(STORE_JSON_MAX);
	autofree char *path = NULL, *old = NULL;
	struct error ignored = { 0 };
	size_t len = 0;

	return image_record_format(i, &text, &ignored) == 0 && str_printf(&path, &ignored, "images/%s.json", i->id) == 0 &&
	       file_read(s->root_fd, path, STORE_JSON_MAX, &old, &len, &ignored) == 1 && len == text.len &&
	       memcmp(old, text.data, len) == 0;
}

/* The record file as the index has the image now; an image that is gone has none. */
int image_record_refresh(struct store *s, const char *id, struct error *err)
{
	auto_store_image i = { 0 };
	struct db *index;

	TRY(store_index(s, &index, err));
	int found = image_load(index, id, STORE_IMAGE_LAYERS | STORE_IMAGE_NAMES, &i, err);
	if (found == 1 && s->recovering && record_is_current(s, &i))
		return 0;   /* nearly all are; a write each would be felt */
	return found == 1 ? image_record_save(s, &i, err) : found;
}

static int refresh_records(struct store *s, const struct strv *ids, struct error *err)
{
	for (size_t i = 0; i < ids->n; i++) {
		auto_lock l = LOCK_INIT;
		TRY(lock_named(s->root_fd, "image", ids->v[i], (struct lock_how){ LOCK_EXCLUSIVE, LOCK_IMAGE,
			       store_timeout(s, -1) }, &l, err));
		TRY(image_record_refresh(s, ids->v[i], err));
	}
	return oci_layout_save(s, err);
}

/* After the transaction: what fails now is done again with the stage, and by the next command when it fails there, too. */
static int settle_records(struct stage *st, struct store *s, const struct strv *ids, struct error *err)
{
	if (refresh_records(s, ids, err) == 0)
		return 0;
	st->adopted = true;
	return -1;
}

/* Whoever sweeps our stage after a kill brings this image's record up to date. */
static int note_image(struct stage *st, const char *id, struct strv *changed, struct error *err)
{
	char note[80];

	snprintf(note, sizeof(note), "image:%s", id);
	TRY(stage_note(st, note, err));
	return strv_add(changed, id, err);
}

static int lock_image(struct store *s, const char *id, struct lock *ret, struct error *err)
{
	return lock_named(s->root_fd, "image", id, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_IMAGE, store_timeout(s, -1) }, ret,
			  err);
}

/* ---- commit ---- */
struct commit {
	struct store *store;
	struct stage *stage;
	const struct store_image_new *new;
	struct store_image image;
	int64_t *layer_bytes;
	char *config;
	bool exists;
	struct strv former;    /* images that lose a name */
	struct strv dropped;   /* digests that a replaced manifest let go */
};

static void commit_done(struct commit *c)
{
	store_image_done(&c->image);
	strv_done(&c->former);
	strv_done(&c->dropped);
	free(c->layer_bytes);
	free(c->config);
}

static int need_blob(struct commit *c, const char *digest, const char *what, int64_t *size, struct error *err)
{
	/* not ours to pin: it may lie in an additional store, as the layer it belongs to does */
	int r = stage_pin_blob(c->stage, digest, err);

	if (r >= 0)
		r = store_blob_find(c->store, digest, size, err);
	return r ? r : fail(err, ERROR_INVALID, "%s %s is not in the store", what, digest);
}

static int check_layer(struct commit *c, size_t i, struct error *err)
{
	const struct store_image_layer *l = &c->new->layers[i];
	struct store_layer found = { 0 };
	int64_t size = l->blob_size;

	TRY(stage_pin_layer(c->stage, l->diff_id, err));
	int r = store_layer_find(c->store, l->diff_id, &found, err);
	if (r != 1)
		return r ? r : fail(err, ERROR_INVALID, "layer %s is not in the store", l->diff_id);
	c->layer_bytes[i] = found.bytes;
	c->image.size += found.bytes;
	store_layer_done(&found);
	if (l->blob)
		TRY(need_blob(c, l->blob, "layer blob", &size, err));
	struct store_image_layer *to = &c->image.layers[i];
	to->blob_size = size;
	TRY(str_set(&to->diff_id, l->diff_id, err));
	TRY(str_set(&to->blob, l->blob, err));
	return str_set(&to->media_type, l->media_type, err);
}

static int check_content(struct commit *c, struct error *err)
{
	auto_buf config = BUF_INIT(STORE_JSON_MAX);
	int64_t size = 0;

	c->image.layers = calloc(c->new->n_layers + 1, sizeof(*c->image.layers));
	c->layer_bytes = calloc(c->new->n_layers + 1, sizeof(int64_t));
	if (!c->image.layers || !c->layer_bytes)
		return fail_oom(err);
	c->image.n_layers = c->new->n_layers;
	for (size_t i = 0; i < c->new->n_layers; i++)
		TRY(check_layer(c, i, err));
	TRY(need_blob(c, c->new->manifest, "manifest", &size, err));
	c->image.size += size;
	TRY(need_blob(c, c->new->config_digest, "config", &size, err));
	c->image.size += size;
	TRY(store_blob_read(c->store, c->new->config_digest, &config, err));
	c->config = buf_steal(&config);
	return c->config ? 0 : fail_oom(err);
}

static int add_unique(struct strv *to, const char *s, struct error *err)
{
	return strv_has(to, s) ? 0 : strv_add(to, s, err);
}

static int add_all_unique(struct strv *to, const struct strv *from, struct error *err)
{
	for (size_t i = 0; from && i < from->n; i++)
		TRY(add_unique(to, from->v[i], err));
	return 0;
}

/* Digests the image had and will not have: whoever sweeps our stage looks whether somebody needs them. */
static int note_dropped(struct commit *c, const struct strv *old, struct error *err)
{
	for (size_t n = 0; n < old->n; n++)
		if (!strv_has(&c->image.digests, old->v[n])) {
			TRY(stage_note(c->stage, old->v[n], err));
			TRY(strv_add(&c->dropped, old->v[n], err));
		}
	return 0;
}

/* What the image will be: what it is already (same config: same layers) plus what is new. */
static int describe(struct commit *c, struct error *err)
{
	struct store_image *i = &c->image;
	auto_store_image old = { 0 };
	struct db *index;

	TRY(store_index(c->store, &index, err));
	int found = image_load(index, i->id, STORE_IMAGE_NAMES, &old, err);
	if (found < 0)
		return -1;
	c->exists = found;
	i->created = c->new->created;
	i->added = found ? old.added : time_now();
	bool keep = found && !c->new->replace;
	TRY(str_set(&i->manifest, keep ? old.manifest : c->new->manifest, err));
	TRY(str_set(&i->manifest_type, keep ? old.manifest_type : c->new->manifest_type, err));
	TRY(str_set(&i->os, c->new->os, err));
	TRY(str_set(&i->arch, c->new->arch, err));
	TRY(str_set(&i->variant, c->new->variant, err));
	TRY(str_set(&i->labels, c->new->labels, err));
	if (keep)
		TRY(strv_copy(&i->digests, &old.digests, err));
	TRY(add_unique(&i->digests, c->new->manifest, err));
	TRY(add_all_unique(&i->digests, c->new->more_digests, err));
	if (found && !keep)
		TRY(note_dropped(c, &old.digests, err));
	TRY(strv_copy(&i->history, &old.history, err));
	TRY(strv_copy(&i->names, &old.names, err));
	return add_all_unique(&i->names, c->new->names, err);
}

static int replace_manifest(struct db *index, int64_t row, const struct store_image *i, struct error *err)
{
	TRY(db_run(index, err, "UPDATE images SET manifest=?,manifest_type=?,size=? WHERE row=?", "ssii", i->manifest,
		   i->manifest_type, i->size, row));
	return db_run(index, err, "DELETE FROM image_digests WHERE image=?", "i", row);
}

static int write_rows(struct commit *c, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *index;
	int64_t row;

	TRY(store_index(c->store, &index, err));
	TRY(db_begin(index, &t, err));
	int there = image_rowid(index, c->image.id, &row, err);
	if (there == 0) {
		TRY(image_insert_rows(index, &c->image, c->config, c->layer_bytes, err));
		there = image_rowid(index, c->image.id, &row, err);
	} else if (there == 1) {
		TRY(c->new->replace ? replace_manifest(index, row, &c->image, err) : 0);
		TRY(insert_digests(index, row, &c->image, err));
	}
	if (there != 1)
		return there < 0 ? -1 : fail(err, ERROR_CORRUPT, "image %s: its row is not there", c->image.id);
	for (size_t i = 0; c->new->names && i < c->new->names->n; i++) {
		char former[65] = "";
		TRY(image_move_name(index, row, c->new->names->v[i], former, err));
		if (former[0] && !strv_has(&c->former, former))
			TRY(note_image(c->stage, former, &c->former, err));
	}
	return db_commit(&t, err);
}

static int commit_image(struct commit *c, struct error *err)
{
	auto_lock l = LOCK_INIT;
	auto_strv self = { 0 };

	TRY(check_content(c, err));
	TRY(lock_image(c->store, c->image.id, &l, err));
	TRY(describe(c, err));
	TRY(note_image(c->stage, c->image.id, &self, err));
	TRY(image_record_save(c->store, &c->image, err));
	TRY(write_rows(c, err));
	lock_release(&l);
	for (size_t n = 0; n < c->dropped.n; n++)
		TRY(collect_digest(c->store, c->stage, c->dropped.v[n], NULL, err));
	return settle_records(c->stage, c->store, &c->former, err);
}

int store_image_commit(struct stage *stage, const struct store_image_new *image, char ret_id[65], struct error *err)
{
	CLEANUP(commit_done) struct commit c = { .store = stage_store(stage), .stage = stage, .new = image };
	const char *hex = store_digest_hex(image->config_digest, err);

	if (!hex)
		return fail_wrap(err, "image config");
	memcpy(c.image.id, hex, sizeof(c.image.id));
	if (commit_image(&c, err) < 0)
		return fail_wrap(err, "commit image %.12s", c.image.id);
	memcpy(ret_id, c.image.id, sizeof(c.image.id));
	return 0;
}

/* ---- names ---- */
static int need_image(struct store *s, const char *id, int64_t *row, struct error *err)
{
	struct db *index;

	TRY(store_index(s, &index, err));
	int found = image_rowid(index, id, row, err);
	return found ? found : fail(err, ERROR_NOT_FOUND, "%s: image not known", id);
}

static int give_name(struct db *index, struct stage *st, const char *id, const char *name, struct strv *changed,
		     struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	char former[65] = "";
	int64_t row;

	TRY(db_begin(index, &t, err));
	int there = image_rowid(index, id, &row, err);
	if (there != 1)
		return there < 0 ? -1 : fail(err, ERROR_NOT_FOUND, "%s: image not known", id);
	TRY(image_move_name(index, row, name, former, err));
	if (former[0])
		TRY(note_image(st, former, changed, err));
	return db_commit(&t, err);
}

static int take_names(struct db *index, int64_t row, const struct strv *names, struct error *err)
{
	auto_txn t = DB_TXN_INIT;

	TRY(db_begin(index, &t, err));
	for (size_t n = 0; n < names->n; n++) {
		TRY(remember_name(index, row, names->v[n], err));
		TRY(db_run(index, err, "DELETE FROM names WHERE name=? AND image=?", "si", names->v[n], row));
	}
	return db_commit(&t, err);
}

int store_image_tag(struct store *s, const char *id, const char *name, struct error *err)
{
	auto_stage *st = NULL;
	auto_strv changed = { 0 };
	struct db *index;
	int64_t row;

	TRY(need_image(s, id, &row, err));
	TRY(store_index(s, &index, err));
	TRY(stage_begin(s, "tag", &st, err));
	TRY(note_image(st, id, &changed, err));
	TRY(give_name(index, st, id, name, &changed, err));
	return settle_records(st, s, &changed, err);
}

int store_image_untag(struct store *s, const char *id, const char *name, struct error *err)
{
	auto_stage *st = NULL;
	auto_strv names = { 0 }, changed = { 0 };
	auto_store_image i = { 0 };
	struct db *index;
	int64_t row;

	TRY(need_image(s, id, &row, err));
	TRY(store_index(s, &index, err));
	TRY(image_load(index, id, STORE_IMAGE_NAMES, &i, err));
	if (name && !strv_has(&i.names, name))
		return 0;
	TRY(name ? strv_add(&names, name, err) : strv_copy(&names, &i.names, err));
	if (!names.n)
		return 0;
	TRY(stage_begin(s, "untag", &st, err));
	TRY(note_image(st, id, &changed, err));
	TRY(take_names(index, row, &names, err));
	return settle_records(st, s, &changed, err) < 0 ? -1 : 1;
}
