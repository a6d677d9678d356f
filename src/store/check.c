/* SPDX-License-Identifier: Apache-2.0
 * store/check.c - system check: the invariants of the store, looked at and put right.
 *
 * A list of steps over one `struct check`: index, blobs, layers, images, containers, garbage. Each reports what it finds
 * and, when asked, repairs at once: damaged content is moved into our stage (and goes with it), so the next pull brings
 * it again; lost records are written from the index; what no row knows is collected. Content a running container has
 * mounted is left where it is. */
#include "store/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/units.h"
#include "os/file.h"
#include "store/internal.h"
#include "store/rootfs.h"

#define DEFAULT_MAX_AGE (24 * 3600 * NSEC_PER_SEC)
enum { SAMPLE = 100 };   /* without `full` one layer in so many is counted */

struct check {
	struct store *store;
	const struct check_options *o;
	struct check_report *report;
	struct stage *stage;
	struct strv busy;         /* layers of running containers */
	unsigned serial;
};

void check_report_done(struct check_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].name);
		free(r->v[i].text);
	}
	free(r->v);
	*r = (struct check_report){ 0 };
}

/* Marks the newest finding. */
static void outcome(struct check *c, bool fixable, bool fixed)
{
	if (!c->report->n)
		return;
	c->report->v[c->report->n - 1].fixable = fixable;
	c->report->v[c->report->n - 1].fixed = fixed;
}

static bool is_young(struct check *c, int dir, const char *name)
{
	struct stat st;
	int64_t max_age = c->o->max_age_ns ? c->o->max_age_ns : DEFAULT_MAX_AGE;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	return time_now() - (st.st_ctim.tv_sec * NSEC_PER_SEC + st.st_ctim.tv_nsec) < max_age;
}

/* ---- index ---- */
static int pragma_rows(struct check *c, struct db *db, const char *sql, const char *good, struct error *err)
{
	auto_rows r = { 0 };
	int more;

	TRY(db_query(db, &r, err, sql, ""));
	while ((more = db_next(&r, err)) == 1) {
		if (good && streq0(db_text(&r, 0), good))
			continue;
		TRY(report_add(c->report, CHECK_INDEX, "index.db", err, "%s", db_text(&r, 0) ? db_text(&r, 0) : "a broken row"));
		outcome(c, true, false);
	}
	return more;
}

static int rebuild(struct check *c, struct error *err)
{
	auto_lock l = LOCK_INIT;
	struct store *s = c->store;

	TRY(lock_acquire(s->root_fd, "locks/epoch", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_EPOCH, store_timeout(s, -1) }, &l,
			 err));
	return index_rebuild(s, c->report, err);
}

static int check_index(struct check *c, struct error *err)
{
	size_t before = c->report->n;
	struct db *index = NULL;
	struct error why = {};

	if (c->o->rebuild_index)
		return rebuild(c, err);
	if (store_index(c->store, &index, &why) < 0 ||
	    pragma_rows(c, index, c->o->full ? "PRAGMA integrity_check" : "PRAGMA quick_check", "ok", &why) < 0 ||
	    pragma_rows(c, index, "PRAGMA foreign_key_check", NULL, &why) < 0) {
		TRY(report_add(c->report, CHECK_INDEX, "index.db", err, "%s", why.text));
		outcome(c, true, false);
	}
	if (db_is_device_error(&why) || (index && db_check_device(index, &why) < 0)) {
		*err = why;   /* no damage: nobody knows what is there */
		return -1;
	}
	if (c->report->n == before || !c->o->repair)
		return 0;
	TRY(rebuild(c, err));
	for (size_t i = before; i < c->report->n; i++)
		c->report->v[i].fixed = c->report->v[i].object == CHECK_INDEX;
	return 0;
}

/* ---- content ---- */
static bool is_busy(const struct check *c, const char *digest)
{
	return strv_has(&c->busy, digest);
}

/* Takes damaged content out of the way. */
static int quarantine(struct check *c, const char *digest, const char *path, struct error *err)
{
	if (!c->o->repair || is_busy(c, digest)) {
		outcome(c, !is_busy(c, digest), false);
		return 0;
	}
	TRY(stage_trash(c->stage, c->store->root_fd, path, err));
	outcome(c, true, true);
	return 0;
}

static int verify_blob(struct check *c, int dir, const char *hex, bool *good, struct error *err)
{
	char digest[72] = "";
	autoclose int fd = openat(dir, hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	*good = true;
	if (!c->o->full || !c->o->verify)
		return 0;
	if (fd < 0)
		return fail_errno(err, "blob %s", hex);
	TRY(c->o->verify(c->o->verify_arg, fd, digest, err));
	*good = streq(digest + strlen("sha256:"), hex);
	return 0;
}

/* What an image's row says the blob measures; < 0: no row says it. */
static int expected_size(struct check *c, const char *digest, int64_t *ret, struct error *err)
{
	struct db *index;

	*ret = -1;
	TRY(store_index(c->store, &index, err));
	int r = db_get_int(index, ret, err, "SELECT blob_size FROM image_layers WHERE blob=? LIMIT 1", "s", digest);
	if (r == 0)
		r = db_get_int(index, ret, err, "SELECT length(CAST(config AS BLOB)) FROM images WHERE id=substr(?,8)", "s",
			       digest);
	return r < 0 ? -1 : 0;
}

static int check_blob(void *arg, int dir, const char *hex, struct error *err)
{
	struct check *c = arg;
	char digest[80], path[BLOB_PATH_MAX];
	int64_t expected;
	struct stat st;
	bool good;

	if (!is_hex64(hex) || fstatat(dir, hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	c->report->blobs++;
	snprintf(digest, sizeof(digest), "sha256:%s", hex);
	TRY(blob_relpath(digest, path, err));
	TRY(expected_size(c, digest, &expected, err));
	if (!S_ISREG(st.st_mode) || (expected >= 0 && st.st_size != expected)) {
		TRY(report_add(c->report, CHECK_BLOB, digest, err, "%" PRId64 " bytes instead of %" PRId64,
			       (int64_t)st.st_size, expected));
		return quarantine(c, digest, path, err);
	}
	TRY(verify_blob(c, dir, hex, &good, err));
	if (good)
		return 0;
	TRY(report_add(c->report, CHECK_BLOB, digest, err, "its bytes do not have this digest"));
	return quarantine(c, digest, path, err);
}

/* What is wrong with a layer, or "". */
static int judge_layer(struct check *c, const char *digest, const char *path, bool count, char why[160],
		       struct error *err)
{
	struct layer_info info = { 0 };
	autofree char *tree = NULL;
	int64_t bytes = 0, entries = 0;
	struct error bad;

	why[0] = '\0';
	int r = layer_info_load(c->store->root_fd, path, &info, &bad);
	bool same = r == 1 && streq(info.diff_id, digest);
	const int64_t want_bytes = info.bytes, want_entries = info.entries;
	layer_info_done(&info);
	if (!same) {
		snprintf(why, 160, "%.150s", r < 0 ? bad.text : r ? "its record names another layer" : "its record is missing");
		return 0;
	}
	TRY(store_path_join(&tree, err, path, "tree", NULL));
	if (faccessat(c->store->root_fd, tree, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		snprintf(why, 160, "its tree is missing");
		return 0;
	}
	if (!count)
		return 0;
	TRY(store_tree_usage(c->store->root_fd, tree, &bytes, &entries, err));
	if (bytes != want_bytes || entries != want_entries)
		snprintf(why, 160, "%" PRId64 " entries with %" PRId64 " bytes instead of %" PRId64 " with %" PRId64, entries,
			 bytes, want_entries, want_bytes);
	return 0;
}

/* Whether the layer's tar can be made again: the one way to see that bytes of its files have changed. */
static int play_recipe(struct check *c, const char *digest, char why[160], struct error *err)
{
	char have[72] = "";
	struct error bad;
	autoclose int recipe = store_layer_open_recipe(c->store, digest, &bad);
	autoclose int tree = recipe < 0 ? -1 : store_layer_open(c->store, digest, err);

	if (recipe < 0)
		return bad.kind == ERROR_NOT_FOUND ? 0 : (*err = bad, -1);
	if (tree < 0)
		return -1;
	if (c->o->play(c->o->verify_arg, recipe, tree, have, &bad) < 0)
		snprintf(why, 160, "its tar cannot be made again: %.120s", bad.text);
	else if (!streq(have, digest))
		snprintf(why, 160, "its files have changed");
	return 0;
}

static int check_layer(void *arg, int dir, const char *name, struct error *err)
{
	struct check *c = arg;
	const char *hex = str_after(name, "sha256-");
	char digest[80], path[BLOB_PATH_MAX], why[160];

	if (!hex || !is_hex64(hex))
		return 0;
	c->report->layers++;
	snprintf(digest, sizeof(digest), "sha256:%s", hex);
	TRY(layer_relpath(digest, path, err));
	TRY(judge_layer(c, digest, path, c->o->full || c->serial++ % SAMPLE == 0, why, err));
	if (!why[0] && c->o->full && c->o->play)
		TRY(play_recipe(c, digest, why, err));
	if (!why[0])
		return 0;
	TRY(report_add(c->report, CHECK_LAYER, digest, err, "%s; pull an image with it again", why));
	return quarantine(c, digest, path, err);
}

/* ---- images ---- */
static int report_missing(struct check *c, const struct store_image *i, const char *what, const char *digest,
			  size_t *missing, struct error *err)
{
	++*missing;
	TRY(report_add(c->report, CHECK_IMAGE, i->id, err, "%s %s is missing; pull %s again", what, digest,
		       i->names.n ? i->names.v[0] : "it"));
	outcome(c, true, false);
	return 0;
}

static int check_image_blob(struct check *c, const struct store_image *i, const char *what, const char *digest,
			    size_t *missing, struct error *err)
{
	int there = store_blob_find(c->store, digest, NULL, err);

	return there ? there < 0 ? -1 : 0 : report_missing(c, i, what, digest, missing, err);
}

static int check_image_content(struct check *c, const struct store_image *i, size_t *missing, struct error *err)
{
	char config[80];

	snprintf(config, sizeof(config), "sha256:%s", i->id);
	TRY(check_image_blob(c, i, "config", config, missing, err));
	TRY(check_image_blob(c, i, "manifest", i->manifest, missing, err));
	for (size_t n = 0; n < i->n_layers; n++) {
		struct store_layer l = { 0 };
		int there = store_layer_find(c->store, i->layers[n].diff_id, &l, err);
		store_layer_done(&l);
		if (there < 0 || (!there && report_missing(c, i, "layer", i->layers[n].diff_id, missing, err) < 0))
			return -1;
		if (i->layers[n].blob)
			TRY(check_image_blob(c, i, "layer blob", i->layers[n].blob, missing, err));
	}
	return 0;
}

static int check_image_record(struct check *c, const struct store_image *i, struct error *err)
{
	autofree char *path = NULL, *text = NULL;
	auto_store_image file = { 0 };
	struct error why = { 0 };
	size_t len = 0;

	TRY(str_printf(&path, err, "images/%s.json", i->id));
	int there = file_read(c->store->root_fd, path, STORE_JSON_MAX, &text, &len, &why);
	if (there == 1 && image_record_parse(path, text, len, &file, &why) == 0 && file.names.n == i->names.n &&
	    file.n_layers == i->n_layers)
		return 0;
	TRY(report_add(c->report, CHECK_IMAGE, i->id, err, "its record file %s",
		       there == 0 ? "is missing" : why.text[0] ? why.text : "is out of date"));
	outcome(c, true, c->o->repair);
	return c->o->repair ? image_record_refresh(c->store, i->id, err) : 0;
}

static int drop_image(struct check *c, const char *id, struct error *err)
{
	CLEANUP(store_image_removal_done) struct store_image_removal r = { 0 };
	struct error why;

	if (store_image_remove(c->store, id, &r, &why) < 0)
		return 0;   /* a container uses it: stays as it is, and stays reported */
	outcome(c, true, true);
	return 0;
}

static int check_images(struct check *c, struct error *err)
{
	auto_store_image_list l = { 0 };

	TRY(store_image_list(c->store, STORE_IMAGE_ALL, &l, err));
	for (size_t i = 0; i < l.n; i++) {
		size_t missing = 0;
		if (l.v[i].read_only)
			continue;
		c->report->images++;
		TRY(check_image_record(c, &l.v[i], err));
		TRY(check_image_content(c, &l.v[i], &missing, err));
		if (missing && c->o->repair && c->o->force)
			TRY(drop_image(c, l.v[i].id, err));
	}
	return 0;
}

/* ---- containers ---- */
static int check_container(struct check *c, const struct container *k, struct error *err)
{
	char path[112];

	c->report->containers++;
	snprintf(path, sizeof(path), "containers/%s%s", k->record.id, k->record.transient ? "" : "/container.json");
	if (faccessat(c->store->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	TRY(report_add(c->report, CHECK_CONTAINER, k->record.id, err, "%s is missing", path));
	outcome(c, true, false);
	if (!c->o->repair)
		return 0;
	snprintf(path, sizeof(path), "containers/%s", k->record.id);
	TRY(file_mkdirs(c->store->root_fd, path, 0700, err));
	if (!k->record.transient)
		TRY(container_save_file(c->store, &k->record, true, err));
	outcome(c, true, true);
	return 0;
}

/* Durable containers stand in both databases. */
static int compare_databases(struct check *c, struct error *err)
{
	auto_rows r = { 0 };
	struct db *index, *run;
	int64_t one;
	int more;

	TRY(store_index(c->store, &index, err));
	TRY(store_run(c->store, &run, err));
	TRY(db_query(index, &r, err, "SELECT id,name FROM containers", ""));
	while ((more = db_next(&r, err)) == 1) {
		int there = db_get_int(run, &one, err, "SELECT 1 FROM containers WHERE id=?", "s", db_text(&r, 0));
		if (there < 0)
			return -1;
		if (there)
			continue;
		TRY(report_add(c->report, CHECK_CONTAINER, db_text(&r, 0), err, "is not in the run database"));
		outcome(c, false, false);
	}
	return more;
}

static int check_containers(struct check *c, struct error *err)
{
	auto_container_list l = { 0 };

	TRY(store_container_list(c->store, &(struct container_query){ .want = CONTAINER_PARAMS }, &l, err));
	for (size_t i = 0; i < l.n; i++)
		TRY(check_container(c, &l.v[i], err));
	return compare_databases(c, err);
}

static int note_busy(struct check *c, struct error *err)
{
	auto_container_list l = { 0 };

	TRY(store_container_list(c->store, &(struct container_query){ .states = CONTAINER_STATE_ALIVE }, &l, err));
	for (size_t i = 0; i < l.n; i++)
		TRY(strv_copy(&c->busy, &l.v[i].record.layers, err));
	return 0;
}

/* ---- garbage ---- */
static int unknown_container(void *arg, int dir, const char *name, struct error *err)
{
	struct check *c = arg;
	auto_lock l = LOCK_INIT;
	struct db *run;
	int64_t one;

	TRY(store_run(c->store, &run, err));
	int known = db_get_int(run, &one, err, "SELECT 1 FROM containers WHERE id=?", "s", name);
	if (known || is_young(c, dir, name))
		return known < 0 ? -1 : 0;
	TRY(report_add(c->report, CHECK_GARBAGE, name, err, "a container directory nobody knows"));
	outcome(c, true, false);
	if (!c->o->repair || !is_hex64(name))
		return 0;
	int got = lock_named(c->store->runroot_fd, "container", name, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, 0 },
			     &l, err);
	if (got != 1)
		return got;
	TRY(file_remove_tree(dir, name, err));
	unlock_named(c->store->runroot_fd, "container", name, &l);
	outcome(c, true, true);
	return 0;
}

static int unknown_content(void *arg, int dir, const char *name, struct error *err)
{
	struct check *c = arg;
	const char *hex = str_after(name, "sha256-") ?: name;
	char digest[128];

	snprintf(digest, sizeof(digest), "sha256:%.100s", hex);
	if (!is_hex64(hex) || is_young(c, dir, name) || !c->o->repair)
		return 0;
	int gone = collect_digest(c->store, c->stage, digest, NULL, err);
	if (gone != 1)
		return gone;
	TRY(report_add(c->report, CHECK_GARBAGE, digest, err, "no image refers to it"));
	outcome(c, true, true);
	return 0;
}

static int check_garbage(struct check *c, struct error *err)
{
	struct store *s = c->store;

	TRY(dir_each(s->root_fd, "containers", unknown_container, c, err));
	TRY(dir_each(s->root_fd, "blobs/sha256", unknown_content, c, err));
	TRY(dir_each(s->root_fd, "layers", unknown_content, c, err));
	return oci_layout_save(s, err);
}

/* ---- all ---- */
static int check_blobs(struct check *c, struct error *err)
{
	return dir_each(c->store->root_fd, "blobs/sha256", check_blob, c, err);
}

static int check_layers(struct check *c, struct error *err)
{
	return dir_each(c->store->root_fd, "layers", check_layer, c, err);
}

int store_check(struct store *s, const struct check_options *o, struct check_report *ret, struct error *err)
{
	static int (*const steps[])(struct check *c, struct error *err) = {
		check_index, note_busy, check_blobs, check_layers, check_images, check_containers, check_garbage,
	};
	auto_stage *st = NULL;
	auto_check_report report = { 0 };

	TRY(store_sweep(s, err));
	TRY(stage_begin(s, "check", &st, err));
	struct check c = { .store = s, .o = o, .report = &report, .stage = st };
	int r = 0;
	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(steps); i++)
		r = steps[i](&c, err);
	strv_done(&c.busy);
	if (r < 0)
		return fail_wrap(err, "check the store %s", s->root);
	*ret = report;
	report = (struct check_report){ 0 };
	return 0;
}
