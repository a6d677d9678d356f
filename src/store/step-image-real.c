/* SPDX-License-Identifier: Apache-2.0
 * store/step-image-real.c - rows of images of steps become images: as lists show them, or proper ones. */
#include <string.h>

#include "base/sha256.h"
#include "base/units.h"
#include "image/oci-image.h"
#include "store/stage-internal.h"
#include "store/step-image.h"

/* ---- as lists show them ---- */
/* Bytes of layers that were asked for already: many rows have the same ones. */
struct sizes {
	struct known {
		char *diff_id;
		int64_t bytes;   /* -1: the layer is not here */
	} *v;
	size_t n;
};

static void sizes_done(struct sizes *z)
{
	for (size_t i = 0; i < z->n; i++)
		free(z->v[i].diff_id);
	free(z->v);
}

static int layer_bytes(struct store *s, struct sizes *z, const char *diff_id, int64_t *ret, struct error *err)
{
	struct store_layer found = { 0 };

	for (size_t i = z->n; i-- > 0;)
		if (streq(z->v[i].diff_id, diff_id))
			return *ret = z->v[i].bytes, 0;
	int there = store_layer_find(s, diff_id, &found, err);
	*ret = there == 1 ? found.bytes : -1;
	store_layer_done(&found);
	TRY(there);
	struct known *v = reallocarray(z->v, z->n + 1, sizeof(*v));
	if (!v)
		return fail_oom(err);
	z->v = v;
	v[z->n] = (struct known){ .diff_id = strdup(diff_id), .bytes = *ret };
	return v[z->n].diff_id ? (z->n++, 0) : fail_oom(err);
}

static int add_layers(struct store *s, struct sizes *z, const struct image_config *c, struct store_image *i, struct error *err)
{
	i->layers = calloc(c->diff_ids.n + 1, sizeof(*i->layers));
	if (!i->layers)
		return fail_oom(err);
	for (size_t n = 0; n < c->diff_ids.n; n++) {
		int64_t bytes;
		TRY(layer_bytes(s, z, c->diff_ids.v[n], &bytes, err));
		if (bytes < 0)
			return 0;
		i->size += bytes;
		TRY(str_set(&i->layers[i->n_layers++].diff_id, c->diff_ids.v[n], err));
	}
	return 1;
}

static int labels_text(const struct strmap *labels, char **ret, struct error *err)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);
	auto_json *o = json_object_new_object();

	if (!labels->n)
		return 0;
	for (size_t i = 0; i < labels->n; i++)
		TRY(json_add_str(o, labels->v[i].key, labels->v[i].value, err));
	json_format(&text, o, 0);
	TRY(buf_ok(&text, "labels", err));
	*ret = buf_steal(&text);
	return *ret ? 0 : fail_oom(err);
}

/* 1; 0: a layer is gone, or the text is not what the id says. */
static int describe(struct store *s, struct sizes *z, const char *id, const char *text, struct store_image *i, struct error *err)
{
	auto_image_config c = { 0 };
	struct error why;
	char digest[SHA256_TEXT_MAX];

	sha256_text(text, strlen(text), digest);
	if (!streq(digest + strlen("sha256:"), id) || image_config_parse(text, strlen(text), &c, &why) < 0)
		return 0;
	memcpy(i->id, digest + strlen("sha256:"), sizeof(i->id));
	int whole = add_layers(s, z, &c, i, err);
	if (whole != 1)
		return whole;
	i->size += (int64_t)strlen(text);
	if (!str_empty(c.created) && time_parse(c.created, 0, &i->created, &why) < 0)
		i->created = 0;
	i->added = i->created;
	TRY(str_set(&i->os, c.platform.os, err));
	TRY(str_set(&i->arch, c.platform.architecture, err));
	TRY(str_set(&i->variant, c.platform.variant, err));
	TRY(labels_text(&c.config.labels, &i->labels, err));
	return str_set(&i->config, text, err) < 0 ? -1 : 1;
}

static int append(struct store_image_list *to, struct store_image *i, struct error *err)
{
	struct store_image *v = reallocarray(to->v, to->n + 1, sizeof(*v));

	if (!v)
		return fail_oom(err);
	to->v = v;
	v[to->n++] = *i;
	*i = (struct store_image){ 0 };
	return 0;
}

int step_image_list(struct store *s, unsigned want, struct store_image_list *to, struct error *err)
{
	CLEANUP(sizes_done) struct sizes z = { 0 };
	auto_rows r = { 0 };
	struct db *db, *index;
	int more = build_cache_db(s, false, &db, err);

	if (more != 1)
		return more;
	TRY(store_index(s, &index, err));
	TRY(db_query(db, &r, err, "SELECT id,config,docker FROM images", ""));
	while ((more = db_next(&r, err)) == 1) {
		auto_store_image i = { 0 };
		int64_t row;
		int there = image_rowid(index, db_text(&r, 0), &row, err);
		if (!there)
			there = describe(s, &z, db_text(&r, 0), db_text(&r, 1), &i, err) - 1;
		if (there)   /* an image, or (-1) no whole one */
			continue;
		TRY(str_set(&i.manifest_type, media_type_name(db_int(&r, 2) ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST), err));
		if (!(want & STORE_IMAGE_CONFIG))
			TRY(str_set(&i.config, NULL, err));
		TRY(append(to, &i, err));
	}
	return more;
}

/* ---- proper ones ---- */
/* A layer's blob and its size as some image has them; else as its step says. 1/0. */
static int find_blob(struct db *db, struct db *cache, struct store_image_layer *l, struct error *err)
{
	auto_rows r = { 0 };

	TRY(db_query(db, &r, err, "SELECT blob,media_type,blob_size FROM image_layers WHERE diff_id=?1 ORDER BY blob IS NULL LIMIT 1",
		     "s", l->diff_id));
	int found = db_next(&r, err);
	if (found == 1) {
		TRY(db_dup(&r, 0, &l->blob, err));
		TRY(db_dup(&r, 1, &l->media_type, err));
		l->blob_size = db_int(&r, 2);
	}
	return found || !cache ? found :
	       db_get_int(cache, &l->blob_size, err, "SELECT size FROM steps WHERE diff_id=?1 LIMIT 1", "s", l->diff_id);
}

static int find_blobs(struct store *s, struct store_image *i, struct error *err)
{
	struct db *index, *cache, *extra;

	TRY(store_index(s, &index, err));
	TRY(build_cache_db(s, false, &cache, err));
	for (size_t n = 0; n < i->n_layers; n++) {
		int found = find_blob(index, cache, &i->layers[n], err);
		for (size_t k = 0; !found && k < s->additional.n; k++) {
			found = store_extra_index(s, k, &extra, err);
			if (found == 1)
				found = find_blob(extra, NULL, &i->layers[n], err);
		}
		if (found != 1)
			return found;
	}
	return 1;
}

static int format_manifest(struct store_image *i, enum media_type type, struct buf *to, struct error *err)
{
	bool docker = type == MEDIA_DOCKER_MANIFEST;

	buf_addf(to, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu},\"layers\":[",
		 media_type_name(type), media_type_name(docker ? MEDIA_DOCKER_CONFIG : MEDIA_OCI_CONFIG), i->id, strlen(i->config));
	for (size_t n = 0; n < i->n_layers; n++) {
		struct store_image_layer *l = &i->layers[n];
		const char *have = l->media_type ? l->media_type : media_type_name(MEDIA_OCI_LAYER);
		TRY(str_set(&l->media_type, media_type_name(media_type_for(type, have)), err));
		buf_addf(to, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%lld}", n ? "," : "", l->media_type,
			 l->blob ? l->blob : l->diff_id, (long long)l->blob_size);
	}
	buf_add_str(to, "]}");
	return buf_ok(to, "manifest", err);
}

static int hide(struct store *s, const char *id, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *db;

	TRY(build_cache_db(s, false, &db, err));
	TRY(db_begin(db, &t, err));
	TRY(db_run(db, err, "UPDATE images SET hidden=1 WHERE id=?1", "s", id));
	return db_commit(&t, err);
}

static int commit(struct store *s, struct store_image *i, enum media_type type, char ret_id[65], struct error *err)
{
	auto_buf manifest = BUF_INIT(MANIFEST_BYTES_MAX);
	char config_digest[SHA256_TEXT_MAX], digest[SHA256_TEXT_MAX];
	auto_stage *st = NULL;

	TRY(format_manifest(i, type, &manifest, err));
	sha256_text(manifest.data, manifest.len, digest);
	snprintf(config_digest, sizeof(config_digest), "sha256:%s", i->id);
	TRY(stage_begin(s, "step", &st, err));
	TRY(stage_blob_add(st, config_digest, i->config, strlen(i->config), err));
	TRY(stage_blob_add(st, digest, manifest.data, manifest.len, err));
	TRY(hide(s, i->id, err));
	const struct store_image_new new = {
		.manifest = digest, .manifest_type = media_type_name(type), .config_digest = config_digest, .created = i->created,
		.os = i->os, .arch = i->arch, .variant = i->variant, .labels = i->labels, .layers = i->layers, .n_layers = i->n_layers,
	};
	return store_image_commit(st, &new, ret_id, err);
}

static int realize(struct store *s, struct db_rows *r, char ret_id[65], struct error *err)
{
	CLEANUP(sizes_done) struct sizes z = { 0 };
	auto_store_image i = { 0 };
	enum media_type type = db_int(r, 2) ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST;
	int whole = describe(s, &z, db_text(r, 0), db_text(r, 1), &i, err);

	if (whole == 1)
		whole = find_blobs(s, &i, err);
	if (whole != 1)
		return whole;
	db_rows_done(r);
	return commit(s, &i, type, ret_id, err) < 0 ? fail_wrap(err, "making an image of step %.12s", i.id) : 1;
}

int step_image_realize(struct store *s, const char *prefix, char ret_id[65], struct error *err)
{
	auto_rows r = { 0 };
	int64_t n = 0;
	struct db *db;
	int there = build_cache_db(s, false, &db, err);

	if (there != 1)
		return there;
	TRY(db_get_int(db, &n, err, "SELECT count(*) FROM images WHERE id>=?1 AND id<?1||'g'", "s", prefix));
	if (n > 1)
		return fail(err, ERROR_INVALID, "%s: image ID prefix is ambiguous", prefix);
	TRY(db_query(db, &r, err, "SELECT id,config,docker FROM images WHERE id>=?1 AND id<?1||'g'", "s", prefix));
	int found = db_next(&r, err);
	return found == 1 ? realize(s, &r, ret_id, err) : found;
}
