/* SPDX-License-Identifier: Apache-2.0
 * store/image-read.c - finding and listing images. Reads a snapshot, takes no lock, waits for nobody. */
#include "store/internal.h"

#include <string.h>

#include "store/step-image.h"

#define IMAGE_COLUMNS "i.id,i.manifest,i.manifest_type,i.created,i.added,i.size,i.os,i.arch,i.variant,i.labels,i.history,i.row"
enum { COLUMN_HISTORY = 10, COLUMN_ROW, COLUMN_CONFIG };

/* ---- one row ---- */
static int read_columns(struct db_rows *r, struct store_image *i, struct error *err)
{
	struct { int column; char **to; } texts[] = {
		{ 1, &i->manifest }, { 2, &i->manifest_type }, { 6, &i->os }, { 7, &i->arch }, { 8, &i->variant },
		{ 9, &i->labels },
	};

	snprintf(i->id, sizeof(i->id), "%s", db_text(r, 0));
	i->created = db_int(r, 3);
	i->added = db_int(r, 4);
	i->size = db_int(r, 5);
	for (size_t n = 0; n < ARRAY_LEN(texts); n++)
		TRY(db_dup(r, texts[n].column, texts[n].to, err));
	return 0;
}

static int read_strings(struct db *db, int64_t row, struct strv *to, const char *sql, struct error *err)
{
	auto_rows r = { 0 };
	int more;

	TRY(db_query(db, &r, err, sql, "i", row));
	while ((more = db_next(&r, err)) == 1)
		TRY(strv_add(to, db_text(&r, 0), err));
	return more;
}

static int read_layers(struct db *db, int64_t row, struct store_image *i, struct error *err)
{
	auto_rows r = { 0 };
	int more;

	TRY(db_query(db, &r, err, "SELECT diff_id,blob,media_type,blob_size FROM image_layers WHERE image=? ORDER BY pos", "i",
		     row));
	while ((more = db_next(&r, err)) == 1) {
		struct store_image_layer *v = realloc(i->layers, (i->n_layers + 1) * sizeof(*v));
		if (!v)
			return fail_oom(err);
		i->layers = v;
		struct store_image_layer *l = &v[i->n_layers++];
		*l = (struct store_image_layer){ .blob_size = db_int(&r, 3) };
		TRY(db_dup(&r, 0, &l->diff_id, err));
		TRY(db_dup(&r, 1, &l->blob, err));
		TRY(db_dup(&r, 2, &l->media_type, err));
	}
	return more;
}

static int read_image(struct db *db, struct db_rows *r, unsigned want, struct store_image *i, struct error *err)
{
	int64_t row = db_int(r, COLUMN_ROW);
	const char *history = db_text(r, COLUMN_HISTORY);

	TRY(read_columns(r, i, err));
	if (want & STORE_IMAGE_CONFIG)
		TRY(db_dup(r, COLUMN_CONFIG, &i->config, err));
	if (want & STORE_IMAGE_LAYERS)
		TRY(read_layers(db, row, i, err));
	if (!(want & STORE_IMAGE_NAMES))
		return 0;
	if (history)
		TRY(strv_split(&i->history, history, '\n', err));
	TRY(read_strings(db, row, &i->names, "SELECT name FROM names WHERE image=? ORDER BY since", err));
	return read_strings(db, row, &i->digests, "SELECT digest FROM image_digests WHERE image=? ORDER BY pos,digest", err);
}

/* The first row of a query that selects IMAGE_COLUMNS and config. */
static int take_image(struct db *db, struct db_rows *r, unsigned want, struct store_image *ret, struct error *err)
{
	struct store_image i = { 0 };

	int found = db_next(r, err);
	if (found != 1)
		return found;
	if (read_image(db, r, want, &i, err) < 0) {
		store_image_done(&i);
		return -1;
	}
	*ret = i;
	return 1;
}

int image_load(struct db *db, const char *id, unsigned want, struct store_image *ret, struct error *err)
{
	auto_rows r = { 0 };

	TRY(db_query(db, &r, err, "SELECT " IMAGE_COLUMNS ",i.config FROM images i WHERE i.id=?", "s", id));
	return take_image(db, &r, want, ret, err);
}

/* ---- finding ---- */
struct lookup {
	struct db *db;
	unsigned want;
	struct store_image *image;
	char **name;     /* may be NULL */
};

static int by_name(const struct lookup *l, const char *name, struct error *err)
{
	auto_rows r = { 0 };

	TRY(db_query(l->db, &r, err, "SELECT " IMAGE_COLUMNS ",i.config FROM names n JOIN images i ON i.row=n.image"
		     " WHERE n.name=?", "s", name));
	int found = take_image(l->db, &r, l->want, l->image, err);
	return found == 1 && l->name ? str_set(l->name, name, err) < 0 ? -1 : 1 : found;
}

static bool has_tag(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strchr(slash ? slash : name, ':') || strchr(name, '@');
}

static int by_name_or_latest(const struct lookup *l, const char *prefix, const char *name, struct error *err)
{
	autofree char *full = NULL;
	bool hub = (streq(prefix, "docker.io") && !strchr(name, '/')) || streq(prefix, "docker.io/library");

	TRY(str_printf(&full, err, "%s%s%s%s", hub ? "docker.io/library" : prefix, *prefix ? "/" : "", name,
		       has_tag(name) ? "" : ":latest"));
	return by_name(l, full, err);
}

/* An id: full, or the beginning of exactly one (of several: 0, and *ret_ambiguous). */
static int by_id(const struct lookup *l, const char *what, bool *ret_ambiguous, struct error *err)
{
	const char *hex = str_after(what, "sha256:") ?: what;
	size_t len = strspn(hex, "0123456789abcdef");
	auto_rows r = { 0 };
	char first[65];

	if (!len || len > DIGEST_HEX || hex[len])
		return 0;
	TRY(db_query(l->db, &r, err, "SELECT id FROM images WHERE id>=?1 AND id<?1||'g' ORDER BY id LIMIT 2", "s", hex));
	int found = db_next(&r, err);
	if (found != 1)
		return found;
	snprintf(first, sizeof(first), "%s", db_text(&r, 0));
	int more = db_next(&r, err);
	*ret_ambiguous = more == 1;
	if (more)
		return more < 0 ? -1 : 0;
	return image_load(l->db, first, l->want, l->image, err);
}

static int by_digest(const struct lookup *l, const char *digest, struct error *err)
{
	auto_rows r = { 0 };

	TRY(db_query(l->db, &r, err, "SELECT " IMAGE_COLUMNS ",i.config FROM image_digests d JOIN images i ON i.row=d.image"
		     " WHERE d.digest=? ORDER BY i.row LIMIT 1", "s", digest));
	return take_image(l->db, &r, l->want, l->image, err);
}

/* repository@digest: some name of the image must be of that repository, written in full or short. */
static int by_repository_digest(const struct lookup *l, const char *what, struct error *err)
{
	const char *at = strchr(what, '@');
	auto_rows r = { 0 };
	int64_t len = at ? at - what : 0;

	if (!at)
		return store_digest_is_valid(what) ? by_digest(l, what, err) : 0;
	const char *slash = memrchr(what, '/', (size_t)len);
	const char *tag = memchr(slash ? slash : what, ':', (size_t)(at - (slash ? slash : what)));
	autofree char *repo = strndup(what, (size_t)((tag ? tag : at) - what));
	if (!repo)
		return fail_oom(err);
	TRY(db_query(l->db, &r, err, "SELECT " IMAGE_COLUMNS ",i.config FROM image_digests d JOIN images i ON i.row=d.image"
		     " JOIN names n ON n.image=i.row WHERE d.digest=?1 AND ("
		     " substr(n.name,1,length(?2)+1) IN (?2||':',?2||'@') OR instr(n.name,'/'||?2||':')>0 OR"
		     " instr(n.name,'/'||?2||'@')>0) LIMIT 1", "ss", at + 1, repo));
	return take_image(l->db, &r, l->want, l->image, err);
}

/* busybox finds quay.io/team/busybox:latest when nothing nearer does: the name given last. */
static int by_suffix(const struct lookup *l, const char *what, struct error *err)
{
	auto_rows r = { 0 };
	autofree char *suffix = NULL, *name = NULL;

	TRY(str_printf(&suffix, err, "/%s%s", what, has_tag(what) ? "" : ":latest"));
	TRY(db_query(l->db, &r, err, "SELECT name FROM names WHERE substr(name,-length(?1))=?1 ORDER BY since DESC LIMIT 1",
		     "s", suffix));
	int found = db_next(&r, err);
	if (found != 1)
		return found;
	TRY(db_dup(&r, 0, &name, err));
	return by_name(l, name, err);
}

/* "quay.io/x", "localhost:5000/x": the first component names a registry. */
static bool is_qualified(const char *what)
{
	const char *slash = strchr(what, '/');
	size_t n = slash ? (size_t)(slash - what) : 0;

	return slash && (memchr(what, '.', n) || memchr(what, ':', n) || (n == 9 && strncmp(what, "localhost", n) == 0));
}

static int by_short_name(const struct lookup *l, const char *what, const struct strv *search, struct error *err)
{
	const char *rest = str_after(what, "docker.io/");

	if (rest)
		return by_name_or_latest(l, "docker.io", rest, err);
	if (is_qualified(what))
		return 0;
	int r = by_name_or_latest(l, "localhost", what, err);
	for (size_t i = 0; !r && search && i < search->n; i++)
		r = by_name_or_latest(l, search->v[i], what, err);
	if (!r)
		r = by_name_or_latest(l, "docker.io", what, err);
	return r ? r : by_suffix(l, what, err);
}

static int find_in(const struct lookup *l, const char *what, const struct strv *search, struct error *err)
{
	bool ambiguous = false;
	int r = by_name(l, what, err);

	if (!r)
		r = by_id(l, what, &ambiguous, err);
	if (!r)
		r = by_name_or_latest(l, "", what, err);
	if (!r)
		r = by_repository_digest(l, what, err);
	if (!r)
		r = by_short_name(l, what, search, err);
	return r || !ambiguous ? r : fail(err, ERROR_INVALID, "%s: image ID prefix is ambiguous", what);
}

/* A step of a build, by what is too long to be meant as a name: after all others. */
static int by_step(struct store *s, const struct lookup *l, const char *what, struct error *err)
{
	const char *hex = str_after(what, "sha256:") ?: what;
	size_t len = strspn(hex, "0123456789abcdef");
	char id[65];

	if (len < 6 || len > DIGEST_HEX || hex[len])
		return 0;
	int found = step_image_realize(s, hex, id, err);
	return found == 1 ? image_load(l->db, id, l->want, l->image, err) : found;
}

int store_image_find(struct store *s, const char *what, const struct strv *search, unsigned want,
		     struct store_image *ret, char **ret_name, struct error *err)
{
	autofree char *name = NULL;
	struct store_image found = { 0 };
	struct lookup l = { .want = want, .image = &found, .name = &name };

	if (!*what)
		return fail(err, ERROR_INVALID, "an image name must not be empty");
	TRY(store_index(s, &l.db, err));
	int r = find_in(&l, what, search, err);
	for (size_t i = 0; !r && i < s->additional.n; i++) {
		r = store_extra_index(s, i, &l.db, err);
		if (r == 1)
			r = find_in(&l, what, search, err);
		found.read_only = r == 1;
	}
	TRY(r ? 0 : store_index(s, &l.db, err));
	if (!r)
		r = by_step(s, &l, what, err);
	if (r != 1)
		return r;
	*ret = found;
	if (ret_name)
		*ret_name = take_ptr(name);
	return 1;
}

int store_image_get(struct store *s, const char *id, unsigned want, struct store_image *ret, struct error *err)
{
	struct db *db;

	TRY(store_index(s, &db, err));
	int r = image_load(db, id, want, ret, err);
	for (size_t i = 0; !r && i < s->additional.n; i++) {
		r = store_extra_index(s, i, &db, err);
		if (r == 1)
			r = image_load(db, id, want, ret, err);
		if (r == 1)
			ret->read_only = true;
	}
	return r;
}

/* ---- listing ---- */
static bool list_has(const struct store_image_list *l, const char *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->v[i].id, id))
			return true;
	return false;
}

static int list_from(struct db *db, unsigned want, bool read_only, struct store_image_list *to, struct error *err)
{
	auto_rows r = { 0 };
	int more;

	TRY(db_query(db, &r, err, want & STORE_IMAGE_CONFIG ? "SELECT " IMAGE_COLUMNS ",i.config FROM images i"
							    : "SELECT " IMAGE_COLUMNS " FROM images i", ""));
	while ((more = db_next(&r, err)) == 1) {
		if (read_only && !(want & STORE_IMAGE_DOUBLES) && list_has(to, db_text(&r, 0)))
			continue;
		struct store_image *v = realloc(to->v, (to->n + 1) * sizeof(*v));
		if (!v)
			return fail_oom(err);
		to->v = v;
		v[to->n] = (struct store_image){ .read_only = read_only };
		TRY(read_image(db, &r, want, &v[to->n++], err));
	}
	return more;
}

static int count_containers(struct store *s, struct store_image_list *l, struct error *err)
{
	auto_rows r = { 0 };
	struct db *run;
	int more;

	TRY(store_run(s, &run, err));
	TRY(db_query(run, &r, err, "SELECT image_id,count(*) FROM containers WHERE image_id IS NOT NULL GROUP BY image_id",
		     ""));
	while ((more = db_next(&r, err)) == 1)
		for (size_t i = 0; i < l->n; i++)
			if (streq(l->v[i].id, db_text(&r, 0)))
				l->v[i].containers = db_int(&r, 1);
	return more;
}

static int newest_first(const void *a, const void *b)
{
	const struct store_image *x = a, *y = b;

	if (x->created != y->created)
		return x->created < y->created ? 1 : -1;
	return strcmp(x->id, y->id) ?: (int)x->read_only - (int)y->read_only;
}

int store_image_list(struct store *s, unsigned want, struct store_image_list *ret, struct error *err)
{
	auto_store_image_list l = { 0 };
	struct db *db;

	TRY(store_index(s, &db, err));
	TRY(list_from(db, want, false, &l, err));
	for (size_t i = 0; i < s->additional.n; i++) {
		int there = store_extra_index(s, i, &db, err);
		if (there < 0 || (there && list_from(db, want, true, &l, err) < 0))
			return -1;
	}
	if (want & STORE_IMAGE_STEPS)
		TRY(step_image_list(s, want, &l, err));
	if (l.n)
		TRY(count_containers(s, &l, err));
	if (l.n > 1)
		qsort(l.v, l.n, sizeof(*l.v), newest_first);
	*ret = l;
	l = (struct store_image_list){ 0 };
	return 0;
}

/* ---- families ---- */
int store_image_children(struct store *s, const char *id, struct strv *ret_ids, struct error *err)
{
	auto_rows r = { 0 };
	auto_strv ids = { 0 };
	struct db *index;
	int more;

	TRY(store_index(s, &index, err));
	TRY(db_query(index, &r, err, "SELECT c.id FROM images p JOIN images c ON c.row<>p.row AND length(p.layers)>0 AND"
		     " length(c.layers)>length(p.layers) AND substr(c.layers,1,length(p.layers)+1)=p.layers||' '"
		     " WHERE p.id=?", "s", id));
	while ((more = db_next(&r, err)) == 1)
		TRY(strv_add(&ids, db_text(&r, 0), err));
	if (more < 0)
		return -1;
	if (!ids.n && !ret_ids)
		return step_image_has_children(s, id, err);
	return ids.n && ret_ids ? strv_copy(ret_ids, &ids, err) < 0 ? -1 : 1 : ids.n > 0;
}

int store_image_is_intermediate(struct store *s, const char *id, struct error *err)
{
	struct db *index;
	int64_t names = 0;

	TRY(store_index(s, &index, err));
	TRY(db_get_int(index, &names, err, "SELECT count(*) FROM names n JOIN images i ON i.row=n.image WHERE i.id=?", "s",
		       id));
	int hidden = names ? 0 : step_image_is_hidden(s, id, err);
	return names || hidden ? hidden : store_image_children(s, id, NULL, err);
}
