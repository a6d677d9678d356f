/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy-manifest.c - manifests and indexes that had to change: the same document with other blobs, or of the
 * other family. What the worker has checked is edited as JSON, so annotations and unknown members survive; Docker's
 * schema 2 knows none of them and gets none. */
#include <string.h>

#include "engine/image-copy-internal.h"

static int parse(const struct source_document *d, struct json_object **ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = MANIFEST_BYTES_MAX, .max_depth = 32, .unique_keys = true };

	return json_parse("manifest", d->bytes, d->len, &limits, ret, err);
}

static int set_str(struct json_object *o, const char *key, const char *value, struct error *err)
{
	json_object_object_del(o, key);
	return json_add_str(o, key, value, err);
}

static int set_descriptor(struct json_object *o, const char *type, const char *digest, int64_t size, struct error *err)
{
	if (type && *type)
		TRY(set_str(o, "mediaType", type, err));
	TRY(set_str(o, "digest", digest, err));
	json_object_object_del(o, "size");
	return json_add(o, "size", json_object_new_int64(size), err);
}

/* Annotations that say something about the bytes, not about the layer. */
static bool is_of_bytes(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(media_toc_annotations); i++)
		if (streq(key, media_toc_annotations[i]))
			return true;
	return str_after(key, MEDIA_ENC_PREFIX) != NULL;
}

/* Other bytes: what was said of the old ones goes, what can be said of the new ones comes. */
static int edit_annotations(struct json_object *o, const struct copy_blob *b, struct error *err)
{
	const struct { const char *key, *value; } now[] = {
		{ MEDIA_TOC_DIGEST, b->crypt ? NULL : b->toc_digest }, { MEDIA_TOC_PLACE, b->crypt ? NULL : b->toc_place },
		{ MEDIA_ENC_JWE, b->enc_jwe }, { MEDIA_ENC_PUBOPTS, b->enc_pubopts },
	};
	auto_json *old = NULL;
	struct json_object *a = json_get_object(o, "annotations"), *kept = json_object_new_object();

	if (!kept)
		return fail_oom(err);
	old = a ? json_object_get(a) : NULL;
	json_object_object_del(o, "annotations");
	TRY(json_add(o, "annotations", kept, err));
	if (old) {
		json_object_object_foreach(old, key, value)
			if (!is_of_bytes(key))
				TRY(json_add(kept, key, json_object_get(value), err));
	}
	for (size_t i = 0; i < ARRAY_LEN(now); i++)
		if (now[i].value)
			TRY(json_add_str(kept, now[i].key, now[i].value, err));
	if (!json_object_object_length(kept))
		json_object_object_del(o, "annotations");
	return 0;
}

static int edit_blob(struct json_object *o, const struct copy_blob *b, enum media_type type, struct error *err)
{
	char name[128];
	bool docker = media_type_is_docker(type);
	enum media_type was = media_type_parse(b->from->media_type), now = b->media_type ? b->media_type : was;

	if (media_type_kind(now) == MEDIA_KIND_LAYER)
		now = media_type_layer(media_type_compression(now), docker);
	else if (media_type_kind(now) == MEDIA_KIND_CONFIG)
		now = docker ? MEDIA_DOCKER_CONFIG : MEDIA_OCI_CONFIG;
	if (docker)
		json_object_object_del(o, "annotations");
	else if (b->change)
		TRY(edit_annotations(o, b, err));
	snprintf(name, sizeof(name), "%s%s", media_type_name(now), b->crypt == COPY_ENCRYPT ? "+encrypted" : "");
	return set_descriptor(o, name, b->digest, b->size, err);
}

static int format(struct json_object *o, struct buf *ret, struct error *err)
{
	json_format(ret, o, 0);
	return buf_ok(ret, "manifest", err);
}

int copy_edit_manifest(const struct source_document *d, const struct copy_blob *v, size_t n, enum media_type type,
		       struct buf *ret, struct error *err)
{
	static const char *const oci_only[] = { "annotations", "artifactType", "subject" };
	auto_json *o = NULL;

	TRY(parse(d, &o, err));
	struct json_object *layers = json_get_array(o, "layers"), *config = json_get_object(o, "config");
	if (!layers || !config || json_object_array_length(layers) + 1 != n)
		return fail(err, ERROR_CORRUPT, "the manifest changed while it was read");
	TRY(set_str(o, "mediaType", media_type_name(type), err));
	TRY(edit_blob(config, &v[n - 1], type, err));
	for (size_t i = 0; i + 1 < n; i++)
		TRY(edit_blob(json_object_array_get_idx(layers, i), &v[i], type, err));
	for (size_t i = 0; media_type_is_docker(type) && i < ARRAY_LEN(oci_only); i++)
		json_object_object_del(o, oci_only[i]);
	return format(o, ret, err);
}

int copy_edit_index(const struct source_document *d, const struct op_descriptor *now, size_t n, enum media_type type,
		    struct buf *ret, struct error *err)
{
	auto_json *o = NULL;

	TRY(parse(d, &o, err));
	struct json_object *entries = json_get_array(o, "manifests");
	if (!entries || json_object_array_length(entries) != n)
		return fail(err, ERROR_CORRUPT, "the index changed while it was read");
	TRY(set_str(o, "mediaType", media_type_name(type), err));
	for (size_t i = 0; i < n; i++)
		if (now[i].digest)
			TRY(set_descriptor(json_object_array_get_idx(entries, i), now[i].media_type, now[i].digest, now[i].size, err));
	if (media_type_is_docker(type))
		json_object_object_del(o, "annotations");
	return format(o, ret, err);
}

static int new_descriptor(enum media_type type, const char *digest, int64_t size, struct json_object **ret, struct error *err)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(err);
	TRY(json_add_str(o, "mediaType", media_type_name(type), err));
	TRY(json_add(o, "size", json_object_new_int64(size), err));
	TRY(json_add_str(o, "digest", digest, err));
	*ret = take_ptr(o);
	return 0;
}

int copy_docker_manifest(const struct source_image *i, const int64_t *sizes, struct buf *ret, struct error *err)
{
	auto_json *o = json_object_new_object();
	struct json_object *layers = json_object_new_array(), *part;

	if (!o || !layers)
		return fail_oom(err);
	TRY(json_add(o, "schemaVersion", json_object_new_int(2), err));
	TRY(json_add_str(o, "mediaType", media_type_name(MEDIA_DOCKER_MANIFEST), err));
	TRY(new_descriptor(MEDIA_DOCKER_CONFIG, i->config_digest, (int64_t)i->config_len, &part, err));
	TRY(json_add(o, "config", part, err));
	TRY(json_add(o, "layers", layers, err));
	for (size_t k = 0; k < i->layers.n; k++) {
		TRY(new_descriptor(MEDIA_DOCKER_LAYER, i->info.diff_ids.v[k], sizes[k], &part, err));
		if (json_object_array_add(layers, part) < 0)
			return fail_oom(err);
	}
	return format(o, ret, err);
}
