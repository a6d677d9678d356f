/* SPDX-License-Identifier: Apache-2.0
 * build/remote-cache.c - what a step gave, as an image of a registry: written as a layout in the build's stage and copied
 * from there, so that a kill leaves nothing; read by its documents, its layer brought straight into the stage. */
#include "build/remote-cache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/units.h"
#include "build/build-impl.h"
#include "engine/image-copy.h"
#include "engine/tree-pack.h"
#include "os/file.h"
#include "store/layer.h"

#define NOTE_CREATED "io.umiak.build.created"   /* Unix nanoseconds */
#define NOTE_SIZE "io.umiak.build.size"         /* of the layer's tar */
#define NOTE_CONTENT "io.umiak.build.content"   /* the row's note */

struct remote_repository {
	char *name;
	struct image_fetch *fetch;   /* NULL: not asked yet */
	bool broken;
};

/* ---- which ---- */
static int repository_name(const char *given, const char *option, char **ret, struct error *err)
{
	auto_reference r = {};
	int parsed = reference_parse(given, &r, err);

	if (parsed >= 0 && (r.tag || r.digest))
		parsed = fail(err, ERROR_INVALID, "repository must contain neither a tag nor digest: %s", given);
	if (parsed < 0)
		return fail_wrap(err, "unable to parse value provided \"%s\" to %s", given, option);
	TRY(reference_normalize_docker(&r, err));
	*ret = reference_name(&r);
	return *ret ? 0 : fail_oom(err);
}

int remote_cache_open(struct build *b, struct error *err)
{
	for (size_t i = 0; i < b->o->cache_from.n; i++) {
		struct remote_repository *r = list_add(&b->remote.from, sizeof(*r), err);
		if (!r)
			return -1;
		*r = (struct remote_repository){};
		TRY(repository_name(b->o->cache_from.v[i], "--cache-from", &r->name, err));
	}
	for (size_t i = 0; i < b->o->cache_to.n; i++) {
		autofree char *name = NULL;
		TRY(repository_name(b->o->cache_to.v[i], "--cache-to", &name, err));
		TRY(strv_add(&b->remote.to, name, err));
	}
	return 0;
}

void remote_cache_done(struct remote_cache *c)
{
	struct remote_repository *r = c->from.v;
	struct build_cache_entry *e = c->pending.v;

	for (size_t i = 0; i < c->from.n; i++) {
		image_fetch_free(r[i].fetch);
		free(r[i].name);
	}
	free(c->from.v);
	for (size_t i = 0; i < c->pending.n; i++)
		build_cache_entry_done(&e[i]);
	free(c->pending.v);
	strv_done(&c->to);
	*c = (struct remote_cache){};
}

/* ---- reading ---- */
static bool is_hex_digest(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

/* The row, from annotations a stranger may have written. 1; 0: it is no result of a step. */
static int read_row(const struct source_image *i, struct build_cache_entry *ret, struct error *err)
{
	auto_manifest m = {};
	struct error ignored;

	if (i->layers.n > 1 || i->info.diff_ids.n != i->layers.n ||
	    oci_manifest_parse(i->manifest, i->manifest_len, i->manifest_type, &m, &ignored) < 0)
		return 0;
	const char *created = strmap_get(&m.annotations, NOTE_CREATED), *size = strmap_get(&m.annotations, NOTE_SIZE);
	const char *content = strmap_get(&m.annotations, NOTE_CONTENT);
	if (!created || !size || !parse_i64(created, &ret->created) || !parse_i64(size, &ret->size) || ret->size < 0 || ret->created < 0)
		return 0;
	if (content && !is_hex_digest(content))
		return 0;
	ret->used = time_now();
	TRY(str_set(&ret->note, content, err));
	TRY(str_set(&ret->diff_id, i->layers.n ? i->info.diff_ids.v[0] : NULL, err));
	return 1;
}

static int find_in(struct build *b, struct remote_repository *r, const char *key, struct build_cache_entry *ret, struct error *err)
{
	auto_source_image i = {};
	auto_build_cache_entry e = {};

	if (!r->fetch)
		TRY(image_fetch_open(b->engine, r->name, &b->o->remote, b->stage, &r->fetch, err));
	int found = image_fetch_tag(r->fetch, key, &i, err);
	if (found == 1)
		found = read_row(&i, &e, err);
	if (found != 1 || (b->ttl && time_now() - e.created > b->ttl))
		return found < 0 ? -1 : 0;
	TRY(image_fetch_layers(r->fetch, &i, err));
	snprintf(e.key, sizeof(e.key), "%s", key);
	*ret = e;
	e = (struct build_cache_entry){};
	return 1;
}

int remote_cache_find(struct build *b, const char *key, struct build_cache_entry *ret, char **ret_where, struct error *err)
{
	struct remote_repository *r = b->remote.from.v;

	for (size_t i = 0; i < b->remote.from.n; i++) {
		struct error why;
		if (r[i].broken)
			continue;
		int found = find_in(b, &r[i], key, ret, &why);
		if (found == 1)
			return str_printf(ret_where, err, "%s:%s", r[i].name, key) < 0 ? -1 : 1;
		if (found < 0) {
			autofree char *text = NULL;
			r[i].broken = true;
			TRY(str_printf(&text, err, "[Warning] --cache-from %s: %s", r[i].name, why.text));
			build_note(b, text);
		}
	}
	return 0;
}

/* ---- writing ---- */
int remote_cache_note(struct build *b, const struct build_cache_entry *e, struct error *err)
{
	if (!b->remote.to.n)
		return 0;
	struct build_cache_entry *to = list_add(&b->remote.pending, sizeof(*to), err);
	if (!to)
		return -1;
	*to = (struct build_cache_entry){ .created = e->created, .size = e->size };
	memcpy(to->key, e->key, sizeof(to->key));
	TRY(str_set(&to->diff_id, e->diff_id, err));
	return str_set(&to->note, e->note, err);
}

/* A layout that holds one image: <stage>/cacheN. */
struct layout {
	char name[32];
	char *path;
	int dir, blobs;
};

static void layout_done(struct layout *l)
{
	close_p(&l->dir);
	close_p(&l->blobs);
	free(l->path);
}

static int layout_make(struct build *b, struct layout *l, struct error *err)
{
	snprintf(l->name, sizeof(l->name), "cache%u", b->remote.serial++);
	TRY(str_printf(&l->path, err, "%s/%s", stage_path(b->stage), l->name));
	l->dir = file_open_dir(stage_fd(b->stage), l->name, true, 0700, err);
	l->blobs = l->dir < 0 ? -1 : file_open_dir(l->dir, "blobs/sha256", true, 0700, err);
	return l->blobs < 0 ? -1 : 0;
}

/* Bytes as a blob; their digest. */
static int add_blob(struct layout *l, const struct buf *text, char digest[SHA256_TEXT_MAX], struct error *err)
{
	TRY(buf_ok(text, "cache image", err));
	sha256_text(text->data, text->len, digest);
	return file_replace(l->blobs, digest_hex(digest), text->data, text->len, 0600, 0, err);
}

static int add_layer(struct build *b, struct layout *l, const struct build_cache_entry *e, struct error *err)
{
	struct tree_pack pack = TREE_PACK_INIT;
	struct sha256 hash;
	char digest[SHA256_TEXT_MAX];
	autoclose int tree = store_layer_open(b->store, e->diff_id, err);

	if (tree < 0)
		return -1;
	autoclose int out = openat(l->blobs, digest_hex(e->diff_id), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return fail_errno(err, "make a blob in %s", l->path);
	sha256_init(&hash);
	pack.from = tree;
	pack.out = out;
	pack.hash = &hash;
	pack.overlay = true;
	TRY(tree_pack(&pack, err));
	if (!streq(sha256_end_text(&hash, digest), e->diff_id))
		return fail(err, ERROR_CORRUPT, "layer %s has changed in the store", e->diff_id);
	return 0;
}

static int add_config(struct build *b, struct layout *l, const struct build_cache_entry *e, char digest[SHA256_TEXT_MAX],
		      size_t *ret_len, struct error *err)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);
	char when[48];

	buf_addf(&text, "{\"created\":\"%s\",\"architecture\":", time_format_rfc3339(e->created, when));
	buf_add_json(&text, b->platform.architecture);
	buf_add_str(&text, ",\"os\":");
	buf_add_json(&text, b->platform.os);
	buf_addf(&text, ",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s%s%s]}}", e->diff_id ? "\"" : "",
		 e->diff_id ? e->diff_id : "", e->diff_id ? "\"" : "");
	*ret_len = text.len;
	return add_blob(l, &text, digest, err);
}

static int add_manifest(struct layout *l, const struct build_cache_entry *e, const char *config, size_t config_len, struct error *err)
{
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX), index = BUF_INIT(MANIFEST_BYTES_MAX);
	char digest[SHA256_TEXT_MAX];
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

	buf_addf(&text, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
		 media_type_name(MEDIA_OCI_MANIFEST), media_type_name(MEDIA_OCI_CONFIG), config, config_len);
	if (e->diff_id)
		buf_addf(&text, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%lld}", media_type_name(MEDIA_OCI_LAYER), e->diff_id,
			 (long long)e->size);
	buf_addf(&text, "],\"annotations\":{\"" NOTE_CREATED "\":\"%lld\",\"" NOTE_SIZE "\":\"%lld\"", (long long)e->created,
		 (long long)e->size);
	if (e->note)
		buf_addf(&text, ",\"" NOTE_CONTENT "\":\"%s\"", e->note);
	buf_add_str(&text, "}}");
	TRY(add_blob(l, &text, digest, err));
	buf_addf(&index, "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]}",
		 media_type_name(MEDIA_OCI_MANIFEST), digest, text.len);
	TRY(buf_ok(&index, "index", err));
	TRY(file_replace(l->dir, "index.json", index.data, index.len, 0600, 0, err));
	return file_replace(l->dir, "oci-layout", layout, sizeof(layout) - 1, 0600, 0, err);
}

static int make_layout(struct build *b, const struct build_cache_entry *e, struct layout *l, struct error *err)
{
	char config[SHA256_TEXT_MAX];
	size_t len;

	TRY(layout_make(b, l, err));
	if (e->diff_id)
		TRY(add_layer(b, l, e, err));
	TRY(add_config(b, l, e, config, &len, err));
	return add_manifest(l, e, config, len, err);
}

static int copy_to(struct build *b, const struct layout *l, const char *repository, const char *key, struct error *err)
{
	const struct transport_name from = { .transport = TRANSPORT_OCI, .path = l->path, .index = -1 };
	auto_transport_name to = { .transport = TRANSPORT_DOCKER, .index = -1 };
	const struct image_copy o = { .to = b->o->remote, .compression = b->o->compression ? b->o->compression :
				      b->engine->conf.engine.compression_format, .compression_level = b->o->compression_level,
				      .force_compression = b->o->force_compression };

	TRY(reference_parse(repository, &to.reference, err));
	TRY(str_set(&to.reference.tag, key, err));
	return image_copy_parsed(b->engine, &from, l->path, &to, &o, NULL, err);
}

static int push_one(struct build *b, const struct build_cache_entry *e, void (*told)(struct build *b, const char *line),
		    struct error *err)
{
	CLEANUP(layout_done) struct layout l = { .dir = -1, .blobs = -1 };

	TRY(make_layout(b, e, &l, err));
	for (size_t i = 0; i < b->remote.to.n; i++) {
		autofree char *line = NULL;
		TRY(str_printf(&line, err, "--> Pushing cache %s:%s\n", b->remote.to.v[i], e->key));
		told(b, line);
		if (copy_to(b, &l, b->remote.to.v[i], e->key, err) < 0)
			return fail_wrap(err, "failed pushing cache to %s:%s", b->remote.to.v[i], e->key);
	}
	return file_remove_tree(stage_fd(b->stage), l.name, err);
}

int remote_cache_push(struct build *b, void (*told)(struct build *b, const char *line), struct error *err)
{
	struct build_cache_entry *e = b->remote.pending.v;
	size_t n = b->remote.pending.n, i = 0;
	int r = 0;

	for (; r == 0 && i < n; i++)
		r = push_one(b, &e[i], told, err);
	for (i = 0; i < n; i++)
		build_cache_entry_done(&e[i]);
	b->remote.pending.n = 0;
	return r;
}
