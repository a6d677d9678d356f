/* SPDX-License-Identifier: Apache-2.0
 * store/foreign.c - reading stores of containers/storage. */
#include "store/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/base64.h"
#include "base/units.h"
#include "os/file.h"

#define LIST_MAX ((size_t)64 << 20)
#define CHAIN_MAX 500

/* ---- the lists ---- */
static struct json_object *load(const char *root, const char *name)
{
	struct json_limits limits = { .max_bytes = LIST_MAX, .max_depth = 16 };
	autofree char *path = NULL, *text = NULL;
	struct json_object *tree = NULL;
	struct error ignored;
	size_t len;

	if (store_path_join(&path, &ignored, root, name, NULL) < 0 || file_read(AT_FDCWD, path, LIST_MAX, &text, &len, &ignored) <= 0 ||
	    json_parse(path, text, len, &limits, &tree, &ignored) < 0)
		return NULL;
	if (json_object_is_type(tree, json_type_array))
		return tree;
	json_object_put(tree);
	return NULL;
}

static const struct foreign_store *lists(const struct store *s, size_t i)
{
	struct foreign_store *f = &s->foreign[i];

	if (!f->looked) {
		f->looked = true;
		f->images = load(s->additional.v[i], "overlay-images/images.json");
		f->layers = f->images ? load(s->additional.v[i], "overlay-layers/layers.json") : NULL;
	}
	return f;
}

void foreign_free(struct foreign_store *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		json_put_p(&v[i].images);
		json_put_p(&v[i].layers);
	}
	free(v);
}

int foreign_is(const struct store *s, size_t i)
{
	return lists(s, i)->images != NULL;
}

static struct json_object *find(struct json_object *list, const char *key, const char *value)
{
	for (size_t i = 0; list && value && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		if (streq0(json_get_str(o, key), value))
			return o;
	}
	return NULL;
}

/* ids become parts of paths */
static const char *id_of(struct json_object *o)
{
	const char *id = json_get_str(o, "id");

	return id && is_hex64(id) ? id : NULL;
}

/* ---- layers ---- */
static int layer_path(const struct store *s, size_t i, const char *diff_id, struct json_object **ret_layer, char **ret,
		      struct error *err)
{
	struct json_object *l = find(lists(s, i)->layers, "diff-digest", diff_id);
	const char *id = l ? id_of(l) : NULL;

	if (!id)
		return 0;
	*ret_layer = l;
	return str_printf(ret, err, "%s/overlay/%s/diff", s->additional.v[i], id) < 0 ? -1 : 1;
}

int foreign_layer_open(const struct store *s, size_t i, const char *diff_id)
{
	autofree char *path = NULL;
	struct json_object *l;
	struct error ignored;

	if (layer_path(s, i, diff_id, &l, &path, &ignored) == 1)
		return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	errno = ENOENT;
	return -1;
}

static int64_t created(struct json_object *o)
{
	const char *text = json_get_str(o, "created");
	struct error ignored;
	int64_t ns;

	return text && time_parse(text, 0, &ns, &ignored) == 0 ? ns : 0;
}

int foreign_layer_find(const struct store *s, size_t i, const char *diff_id, struct store_layer *ret, struct error *err)
{
	autofree char *path = NULL;
	struct json_object *o = NULL;
	int r = layer_path(s, i, diff_id, &o, &path, err);

	if (r != 1 || faccessat(AT_FDCWD, path, F_OK, 0) < 0)
		return r < 0 ? r : 0;
	struct store_layer l = { .bytes = json_get_i64(o, "diff-size", 0), .created = created(o), .read_only = true };
	TRY(str_set(&l.diff_id, diff_id, err));
	l.tree = take_ptr(path);
	*ret = l;
	return 1;
}

/* ---- documents ---- */
static int open_big_data(const char *root, const char *id, const char *name)
{
	auto_buf path = BUF_INIT(8192);

	buf_addf(&path, "%s/overlay-images/%s/", root, id);
	if (streq(name, "manifest")) {
		buf_add_str(&path, name);
	} else {   /* names that are not plain letters are written so */
		buf_add_char(&path, '=');
		base64_encode(&path, name, strlen(name));
	}
	return path.failed ? -1 : open(path.data, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int foreign_blob_open(const struct store *s, size_t i, const char *digest)
{
	struct json_object *images = lists(s, i)->images;

	for (size_t k = 0; images && k < json_object_array_length(images); k++) {
		struct json_object *image = json_object_array_get_idx(images, k), *names = json_get_object(image, "big-data-digests");
		if (!names || !id_of(image))
			continue;
		json_object_object_foreach(names, name, value)
			if (streq0(json_object_get_string(value), digest)) {
				int fd = open_big_data(s->additional.v[i], id_of(image), name);
				if (fd >= 0)
					return fd;
			}
	}
	errno = ENOENT;
	return -1;
}

static int read_blob(const struct store *s, size_t i, const char *digest, char **ret, size_t *ret_len, struct error *err)
{
	autoclose int fd = foreign_blob_open(s, i, digest);

	if (fd < 0)
		return fail_errno(err, "%s in %s", digest, s->additional.v[i]);
	return file_read_fd(fd, digest, STORE_JSON_MAX, ret, ret_len, err);
}

/* ---- images ---- */
struct import {
	const struct store *s;
	size_t i;
	struct db *db;
	struct store_image image;
	int64_t *bytes;
	char *config;
};

static void import_done(struct import *m)
{
	store_image_done(&m->image);
	free(m->bytes);
	free(m->config);
}

/* From the top layer down: 0, or -1 when the chain is broken. */
static int take_layers(struct import *m, const char *top, struct error *err)
{
	struct json_object *list = lists(m->s, m->i)->layers, *chain[CHAIN_MAX];
	size_t n = 0;

	for (const char *id = top; !str_empty(id); n++) {
		struct json_object *l = find(list, "id", id);
		if (!l || n == CHAIN_MAX || !json_get_str(l, "diff-digest"))
			return fail(err, ERROR_CORRUPT, "layer %s is not there", id);
		chain[n] = l;
		id = json_get_str(l, "parent");
	}
	m->image.layers = calloc(n + 1, sizeof(*m->image.layers));
	m->bytes = calloc(n + 1, sizeof(*m->bytes));
	if (!m->image.layers || !m->bytes)
		return fail_oom(err);
	for (; m->image.n_layers < n; m->image.n_layers++) {
		struct json_object *l = chain[n - 1 - m->image.n_layers];
		m->bytes[m->image.n_layers] = json_get_i64(l, "diff-size", 0);
		m->image.size += m->bytes[m->image.n_layers];
		TRY(str_set(&m->image.layers[m->image.n_layers].diff_id, json_get_str(l, "diff-digest"), err));
	}
	return 0;
}

static int take_config(struct import *m, struct error *err)
{
	struct json_limits limits = { .max_bytes = STORE_JSON_MAX, .max_depth = 64 };
	auto_buf labels = BUF_INIT(STORE_JSON_MAX);
	autofree char *digest = NULL;
	auto_json *o = NULL;
	size_t len;

	TRY(str_printf(&digest, err, "sha256:%s", m->image.id));
	TRY(read_blob(m->s, m->i, digest, &m->config, &len, err));
	TRY(json_parse("image config", m->config, len, &limits, &o, err));
	m->image.created = created(o);
	TRY(str_set(&m->image.os, json_get_str(o, "os"), err));
	TRY(str_set(&m->image.arch, json_get_str(o, "architecture"), err));
	TRY(str_set(&m->image.variant, json_get_str(o, "variant"), err));
	struct json_object *config = json_get_object(o, "config"), *l = config ? json_get_object(config, "Labels") : NULL;
	if (!l || !json_object_object_length(l))
		return 0;
	json_format(&labels, l, 0);
	TRY(buf_ok(&labels, "labels", err));
	m->image.labels = buf_steal(&labels);
	return m->image.labels ? 0 : fail_oom(err);
}

/* The manifest it was made from is the one called "manifest"; that of a list stands in "digest". */
static int take_manifest(struct import *m, struct json_object *image, struct error *err)
{
	struct json_limits limits = { .max_bytes = STORE_JSON_MAX, .max_depth = 64 };
	struct json_object *digests = json_get_object(image, "big-data-digests");
	const char *digest = digests ? json_get_str(digests, "manifest") : NULL, *type = NULL;
	autofree char *text = NULL;
	auto_json *o = NULL;
	size_t len;

	if (!digest || !store_digest_is_valid(digest))
		return fail(err, ERROR_CORRUPT, "image %s has no manifest", m->image.id);
	TRY(read_blob(m->s, m->i, digest, &text, &len, err));
	TRY(json_parse("manifest", text, len, &limits, &o, err));
	type = json_get_str(o, "mediaType");
	TRY(str_set(&m->image.manifest, digest, err));
	TRY(str_set(&m->image.manifest_type, type ? type : "application/vnd.oci.image.manifest.v1+json", err));
	TRY(strv_add(&m->image.digests, digest, err));
	json_object_object_foreach(digests, name, value)
		if (str_after(name, "manifest-") && !strv_has(&m->image.digests, json_object_get_string(value)))
			TRY(strv_add(&m->image.digests, json_object_get_string(value), err));
	return 0;
}

static int take_image(struct import *m, struct json_object *o, struct error *err)
{
	struct json_object *names = json_get_array(o, "names");
	int64_t row;

	if (!id_of(o))
		return fail(err, ERROR_CORRUPT, "an image without an id");
	snprintf(m->image.id, sizeof(m->image.id), "%s", id_of(o));
	m->image.added = created(o);
	TRY(take_layers(m, json_get_str(o, "layer"), err));
	TRY(take_config(m, err));
	TRY(take_manifest(m, o, err));
	TRY(image_insert_rows(m->db, &m->image, m->config, m->bytes, err));
	TRY(image_rowid(m->db, m->image.id, &row, err));
	for (size_t i = 0; names && i < json_object_array_length(names); i++) {
		char former[65];
		TRY(image_move_name(m->db, row, json_object_get_string(json_object_array_get_idx(names, i)), former, err));
	}
	return 0;
}

int foreign_index(struct store *s, size_t i, struct db **ret, struct error *err)
{
	const struct db_options o = { .path = ":memory:", .schema = &index_schema, .lock_dirfd = s->root_fd,
				      .lock_name = "index-writer" };
	struct json_object *images = lists(s, i)->images;
	auto_db *db = NULL;

	TRY(db_open(&o, &db, err));
	TRY(db_script(db, "BEGIN", err));
	for (size_t k = 0; k < json_object_array_length(images); k++) {
		CLEANUP(import_done) struct import m = { .s = s, .i = i, .db = db };
		struct error broken;   /* one that is half there, or a list: not an image of ours, the others are */
		(void)take_image(&m, json_object_array_get_idx(images, k), &broken);
	}
	TRY(db_script(db, "COMMIT", err));
	*ret = take_ptr(db);
	return 0;
}
