/* SPDX-License-Identifier: Apache-2.0
 * store/rebuild.c - a new index from the store's files.
 *
 * Needed when the index was deleted or damaged. images/HEX.json and containers/ID/container.json say everything the
 * index knows, except how containers ended; records are taken in the order they were written, so that the later one
 * keeps a name two of them claim. The new index is made under another name; then the old one moves away with its WAL
 * (a foreign WAL must never meet the new file) and the new one moves in. Killed in between there is no index, and the
 * next command starts over. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "os/file.h"

struct record_file {
	char name[80];
	struct timespec written;
};

struct rebuild {
	struct store *store;
	struct db *db;
	struct check_report *report;
	struct record_file *images;
	size_t n_images;
};

static void rebuild_done(struct rebuild *r)
{
	db_close(r->db);
	free(r->images);
}

int report_add(struct check_report *report, enum check_object object, const char *name, struct error *err,
	       const char *fmt, ...)
{
	va_list ap;
	char text[512];

	if (!report)
		return 0;
	struct check_problem *v = realloc(report->v, (report->n + 1) * sizeof(*v));
	if (!v)
		return fail_oom(err);
	report->v = v;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v[report->n] = (struct check_problem){ .object = object, .name = strdup(name), .text = strdup(text) };
	report->n++;
	return v[report->n - 1].name && v[report->n - 1].text ? 0 : fail_oom(err);
}

/* ---- images ---- */
static int note_image_file(void *arg, int dir, const char *name, struct error *err)
{
	struct rebuild *r = arg;
	struct stat st;

	if (!str_ends(name, ".json") || strlen(name) >= sizeof(r->images->name) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	struct record_file *v = realloc(r->images, (r->n_images + 1) * sizeof(*v));
	if (!v)
		return fail_oom(err);
	r->images = v;
	struct record_file *f = &v[r->n_images++];
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->written = st.st_mtim;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct record_file *x = a, *y = b;

	if (x->written.tv_sec != y->written.tv_sec)
		return x->written.tv_sec < y->written.tv_sec ? -1 : 1;
	return x->written.tv_nsec < y->written.tv_nsec ? -1 : x->written.tv_nsec > y->written.tv_nsec;
}

/* Sizes are not in the record but in what it refers to; a missing layer counts nothing and is found by the check. */
static int measure(struct store *s, struct store_image *i, int64_t *bytes, struct error *err)
{
	for (size_t n = 0; n < i->n_layers; n++) {
		struct store_layer l = { 0 };
		if (store_layer_find(s, i->layers[n].diff_id, &l, err) < 0)
			return -1;
		bytes[n] = l.bytes;
		i->size += l.bytes;
		store_layer_done(&l);
	}
	return 0;
}

static int insert_image(struct rebuild *r, struct store_image *i, const char *config, struct error *err)
{
	autofree int64_t *bytes = calloc(i->n_layers + 1, sizeof(*bytes));
	int64_t row, size = 0;

	if (!bytes)
		return fail_oom(err);
	TRY(measure(r->store, i, bytes, err));
	if (store_blob_find(r->store, i->manifest, &size, err) == 1)
		i->size += size;
	i->size += (int64_t)strlen(config);
	TRY(image_insert_rows(r->db, i, config, bytes, err));
	TRY(image_rowid(r->db, i->id, &row, err));
	for (size_t n = 0; n < i->names.n; n++) {
		char former[65];
		TRY(image_move_name(r->db, row, i->names.v[n], former, err));
	}
	return 0;
}

static int add_image(struct rebuild *r, const char *name, struct error *err)
{
	auto_store_image i = { 0 };
	autofree char *text = NULL, *path = NULL;
	auto_buf config = BUF_INIT(STORE_JSON_MAX);
	char digest[80];
	struct error why;
	size_t len;

	TRY(store_path_join(&path, err, "images", name, NULL));
	if (file_read(r->store->root_fd, path, STORE_JSON_MAX, &text, &len, &why) != 1 ||
	    image_record_parse(path, text, len, &i, &why) < 0)
		return report_add(r->report, CHECK_IMAGE, name, err, "its record cannot be read: %s", why.text);
	snprintf(digest, sizeof(digest), "sha256:%s", i.id);
	if (store_blob_read(r->store, digest, &config, &why) < 0)
		return report_add(r->report, CHECK_IMAGE, i.id, err, "its config is lost: %s", why.text);
	return insert_image(r, &i, config.data, err);
}

static int add_images(struct rebuild *r, struct error *err)
{
	TRY(dir_each(r->store->root_fd, "images", note_image_file, r, err));
	if (r->n_images > 1)
		qsort(r->images, r->n_images, sizeof(*r->images), by_time);
	for (size_t i = 0; i < r->n_images; i++)
		TRY(add_image(r, r->images[i].name, err));
	return 0;
}

/* ---- containers ---- */
static int add_container(void *arg, int dir, const char *name, struct error *err)
{
	struct rebuild *r = arg;
	auto_container c = { 0 };
	autofree char *path = NULL, *text = NULL;
	struct error why;
	size_t len;

	TRY(store_path_join(&path, err, name, "container.json", NULL));
	int there = file_read(dir, path, STORE_JSON_MAX, &text, &len, &why);
	if (there == 0)
		return 0;   /* a transient one, or never finished */
	if (there < 0 || container_record_parse(path, text, len, &c.record, &why) < 0)
		return report_add(r->report, CHECK_CONTAINER, name, err, "its record cannot be read: %s", why.text);
	if (container_insert_index(r->db, &c.record, &why) < 0)
		return report_add(r->report, CHECK_CONTAINER, name, err, "cannot be listed again: %s", why.text);
	return 0;
}

/* How they ended is known to this epoch's run database, when there is one. */
static int restore_states(struct rebuild *r, struct error *err)
{
	auto_rows rows = { 0 };
	struct db *run;
	int more;

	if (r->store->recovering || faccessat(r->store->runroot_fd, r->store->run_name, F_OK, 0) < 0)
		return 0;
	TRY(store_run(r->store, &run, err));
	TRY(db_query(run, &rows, err, "SELECT state,exited,exit_code,started,finished,oom,by_user,id FROM containers"
		     " WHERE transient=0", ""));
	while ((more = db_next(&rows, err)) == 1)
		TRY(db_run(r->db, err, "UPDATE containers SET state=?,exited=?,exit_code=?,started=?,finished=?,oom=?,by_user=?"
			   " WHERE id=?", "iiiiiiis", db_int(&rows, 0), db_int(&rows, 1), db_int(&rows, 2),
			   db_int(&rows, 3), db_int(&rows, 4), db_int(&rows, 5), db_int(&rows, 6), db_text(&rows, 7)));
	return more;
}

/* ---- the file ---- */
static const char *const db_suffixes[] = { "", "-wal", "-shm" };

static void forget_files(struct store *s, const char *name, size_t first)
{
	char path[32];

	for (size_t i = first; i < ARRAY_LEN(db_suffixes); i++) {
		snprintf(path, sizeof(path), "%s%s", name, db_suffixes[i]);
		unlinkat(s->root_fd, path, 0);
	}
}

static int fill(struct rebuild *r, struct error *err)
{
	auto_txn t = DB_TXN_INIT;

	TRY(db_begin(r->db, &t, err));
	TRY(add_images(r, err));
	TRY(dir_each(r->store->root_fd, "containers", add_container, r, err));
	TRY(restore_states(r, err));
	TRY(db_commit(&t, err));
	return db_script(r->db, "PRAGMA wal_checkpoint(TRUNCATE)", err);
}

static int put_in_place(struct store *s, struct error *err)
{
	if (renameat(s->root_fd, "index.db", s->root_fd, "index.db.old") < 0 && errno != ENOENT)
		return fail_errno(err, "move %s/index.db away", s->root);
	forget_files(s, "index.db", 1);
	if (renameat(s->root_fd, "index.new", s->root_fd, "index.db") < 0)
		return fail_errno(err, "rename %s/index.new", s->root);
	forget_files(s, "index.new", 1);
	return store_sync_dir(s, s->root_fd, ".", err);
}

static int build(struct rebuild *r, struct error *err)
{
	struct store *s = r->store;
	autofree char *path = NULL;

	forget_files(s, "index.new", 0);
	TRY(store_path_join(&path, err, s->root, "index.new", NULL));
	const struct db_options o = { .path = path, .schema = &index_schema, .lock_dirfd = s->root_fd,
				      .lock_name = "locks/index-new", .durable = !s->no_sync };
	TRY(db_open(&o, &r->db, err));
	TRY(fill(r, err));
	db_close(take_ptr(r->db));
	return put_in_place(s, err);
}

int index_rebuild(struct store *s, struct check_report *report, struct error *err)
{
	CLEANUP(rebuild_done) struct rebuild r = { .store = s, .report = report };

	db_close(take_ptr(s->index));
	return build(&r, err) < 0 ? fail_wrap(err, "rebuild the index of %s", s->root) : 0;
}
