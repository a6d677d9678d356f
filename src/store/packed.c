/* SPDX-License-Identifier: Apache-2.0 */
#include "store/packed.h"

#include <fcntl.h>

#include "base/units.h"
#include "store/internal.h"

#define USELESS_AFTER_NS (INT64_C(120) * 24 * 3600 * 1000000000)

static const struct db_schema schema = {
	.version = 1, .what = "list of compressed blobs",
	.sql = "CREATE TABLE packed(digest TEXT NOT NULL, form TEXT NOT NULL, became TEXT NOT NULL, size INT NOT NULL,"
	       "  toc_place TEXT, toc_digest TEXT, used INT NOT NULL, PRIMARY KEY(digest, form)) WITHOUT ROWID",
};

void packed_blob_done(struct packed_blob *p)
{
	free(p->digest);
	free(p->toc_place);
	free(p->toc_digest);
	*p = (struct packed_blob){ 0 };
}

/* 1, or 0 when there is no list and `make` does not ask for one. */
static int open_list(struct store *s, bool make, struct db **ret, struct error *err)
{
	autofree char *path = NULL;

	if (!make && faccessat(s->root_fd, "packed.db", F_OK, 0) < 0)
		return 0;
	TRY(store_path_join(&path, err, s->root, "packed.db", NULL));
	const struct db_options o = { .path = path, .schema = &schema, .lock_dirfd = s->root_fd,
				      .lock_name = "locks/packed-writer" };
	return db_open(&o, ret, err) < 0 ? -1 : 1;
}

int packed_find(struct store *s, const char *digest, const char *form, struct packed_blob *ret, struct error *err)
{
	auto_packed_blob p = { 0 };
	auto_db *db = NULL;
	auto_rows r = { 0 };
	int there = open_list(s, false, &db, err);

	if (there != 1)
		return there;
	TRY(db_query(db, &r, err, "SELECT became,size,toc_place,toc_digest FROM packed WHERE digest=?1 AND form=?2", "ss",
		     digest, form));
	int found = db_next(&r, err);
	if (found != 1)
		return found;
	TRY(db_dup(&r, 0, &p.digest, err));
	p.size = db_int(&r, 1);
	TRY(db_dup(&r, 2, &p.toc_place, err));
	TRY(db_dup(&r, 3, &p.toc_digest, err));
	*ret = p;
	p = (struct packed_blob){ 0 };
	return 1;
}

int packed_put(struct store *s, const char *digest, const char *form, const struct packed_blob *p, struct error *err)
{
	auto_db *db = NULL;
	auto_txn t = DB_TXN_INIT;
	int64_t now = time_now();

	TRY(open_list(s, true, &db, err));
	TRY(db_begin(db, &t, err));
	TRY(db_run(db, err, "DELETE FROM packed WHERE used<?1", "i", now - USELESS_AFTER_NS));
	TRY(db_run(db, err, "INSERT OR REPLACE INTO packed(digest,form,became,size,toc_place,toc_digest,used)"
			    " VALUES(?,?,?,?,?,?,?)", "sssissi", digest, form, p->digest, p->size, p->toc_place, p->toc_digest, now));
	return db_commit(&t, err);
}
