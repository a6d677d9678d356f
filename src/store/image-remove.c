/* SPDX-License-Identifier: Apache-2.0
 * store/image-remove.c - removing an image and the content nobody else needs.
 *
 * Under store-gc exclusively (creators of containers hold it shared from looking at the image to having recorded
 * themselves): nobody uses it -> notes of all its content -> one index transaction (acknowledged) -> then the content
 * goes, as it would after a kill, by ending the stage. */
#include "store/internal.h"

#include <string.h>

void store_image_removal_done(struct store_image_removal *r)
{
	strv_done(&r->ret_users);
	strv_done(&r->ret_untagged);
	strv_done(&r->ret_layers);
}

static int find_users(struct store *s, const char *id, struct store_image_removal *r, struct error *err)
{
	auto_rows rows = { 0 };
	struct db *run;
	int more;

	TRY(store_run(s, &run, err));
	TRY(db_query(run, &rows, err, "SELECT id FROM containers WHERE image_id=? ORDER BY created", "s", id));
	while ((more = db_next(&rows, err)) == 1)
		TRY(strv_add(&r->ret_users, db_text(&rows, 0), err));
	if (more < 0 || !r->ret_users.n)
		return more;
	return fail(err, ERROR_IN_USE, "image used by %s: image is in use by a container: consider listing external "
		    "containers and force-removing image", r->ret_users.v[0]);
}

static int collect_content_names(const struct store_image *i, struct strv *to, struct error *err)
{
	TRY(strv_addf(to, err, "image:%s", i->id));
	TRY(strv_addf(to, err, "sha256:%s", i->id));
	TRY(strv_copy(to, &i->digests, err));
	for (size_t n = 0; n < i->n_layers; n++) {
		TRY(strv_add(to, i->layers[n].diff_id, err));
		if (i->layers[n].blob)
			TRY(strv_add(to, i->layers[n].blob, err));
	}
	return 0;
}

static int delete_rows(struct store *s, const char *id, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *index;

	TRY(store_index(s, &index, err));
	TRY(db_begin(index, &t, err));
	TRY(db_run(index, err, "DELETE FROM images WHERE id=?", "s", id));
	return db_commit(&t, err);
}

static int remove_locked(struct store *s, const struct store_image *i, struct stage *st, struct strv *content,
			 struct store_image_removal *r, struct error *err)
{
	auto_lock gc = LOCK_INIT, l = LOCK_INIT;

	TRY(lock_acquire(s->root_fd, "locks/store-gc", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_STORE_GC,
			 store_timeout(s, -1) }, &gc, err));
	TRY(find_users(s, i->id, r, err));
	TRY(lock_named(s->root_fd, "image", i->id, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_IMAGE, store_timeout(s, -1) }, &l,
		       err));
	TRY(collect_content_names(i, content, err));
	for (size_t n = 0; n < content->n; n++)
		TRY(stage_note(st, content->v[n], err));
	return delete_rows(s, i->id, err);
}

static int remove_image(struct store *s, const struct store_image *i, struct store_image_removal *r, struct error *err)
{
	auto_stage *st = NULL;
	auto_strv content = { 0 };
	struct collected c = { .layers = &r->ret_layers };

	TRY(stage_begin(s, "rmi", &st, err));
	TRY(remove_locked(s, i, st, &content, r, err));
	TRY(strv_copy(&r->ret_untagged, &i->names, err));
	for (size_t n = 0; n < content.n; n++)
		TRY(collect_digest(s, st, content.v[n], &c, err));
	r->ret_bytes = c.bytes;
	return oci_layout_save(s, err);
}

int store_image_remove(struct store *s, const char *id, struct store_image_removal *r, struct error *err)
{
	auto_store_image i = { 0 };

	store_image_removal_done(r);   /* of an earlier try */
	r->ret_bytes = 0;
	store_make_room(s);
	int found = store_image_get(s, id, STORE_IMAGE_LAYERS | STORE_IMAGE_NAMES, &i, err);
	if (found != 1)
		return found ? found : fail(err, ERROR_NOT_FOUND, "%s: image not known", id);
	if (i.read_only)
		return fail(err, ERROR_DENIED, "image %s lies in a read-only additional store", id);
	return remove_image(s, &i, r, err);
}
