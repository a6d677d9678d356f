/* SPDX-License-Identifier: Apache-2.0
 * store/oci-layout.c - index.json, so that other tools can read the store as an OCI image layout.
 * Every change of images ends here. Derived and never read back: written after the index transaction, without fsync, again after every recovery. Names
 * are annotations org.opencontainers.image.ref.name, one descriptor per name. */
#include "store/internal.h"

#include <sys/stat.h>

#include "os/file.h"

static int add_descriptor(struct store *s, struct buf *to, struct db_rows *r, bool *first, struct error *err)
{
	char path[BLOB_PATH_MAX];
	struct stat st;

	TRY(blob_relpath(db_text(r, 0), path, err));
	if (fstatat(s->root_fd, path, &st, 0) < 0)
		return 0;
	buf_addf(to, "%s{\"mediaType\":", *first ? "" : ",");
	buf_add_json(to, db_text(r, 1) ? db_text(r, 1) : "application/vnd.oci.image.manifest.v1+json");
	buf_addf(to, ",\"digest\":\"%s\",\"size\":%lld", db_text(r, 0), (long long)st.st_size);
	if (db_text(r, 2)) {
		buf_add_str(to, ",\"annotations\":{\"org.opencontainers.image.ref.name\":");
		buf_add_json(to, db_text(r, 2));
		buf_add_char(to, '}');
	}
	buf_add_char(to, '}');
	*first = false;
	return 0;
}

static int format_index(struct store *s, struct buf *to, struct error *err)
{
	auto_rows r = { 0 };
	struct db *index;
	bool first = true;
	int more;

	TRY(store_index(s, &index, err));
	TRY(db_query(index, &r, err, "SELECT i.manifest,i.manifest_type,n.name FROM images i LEFT JOIN names n"
		     " ON n.image=i.row ORDER BY i.row,n.since", ""));
	buf_add_str(to, "{\"schemaVersion\":2,\"manifests\":[");
	while ((more = db_next(&r, err)) == 1)
		TRY(add_descriptor(s, to, &r, &first, err));
	buf_add_str(to, "]}\n");
	return more < 0 ? -1 : buf_ok(to, "index.json", err);
}

int oci_layout_save(struct store *s, struct error *err)
{
	auto_lock l = LOCK_INIT;
	auto_buf text = BUF_INIT(STORE_JSON_MAX);

	/* read and written under one lock: the last writer has seen the last change */
	TRY(lock_acquire(s->root_fd, "locks/index-json", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED,
			 store_timeout(s, -1) }, &l, err));
	TRY(format_index(s, &text, err));
	TRY(file_replace(s->root_fd, "index.json", text.data, text.len, 0644, 0, err));
	/* whoever reads this store from a read-only medium cannot use the WAL: images belong into the main file */
	struct error ignored;
	db_script(s->index, "PRAGMA wal_checkpoint(PASSIVE)", &ignored);
	return 0;
}
