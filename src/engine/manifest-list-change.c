/* SPDX-License-Identifier: Apache-2.0
 * engine/manifest-list-change.c - what a manifest list says of its entries and of itself is changed. */
#include <string.h>

#include "engine/image-list.h"
#include "engine/manifest-list.h"
#include "store/layer.h"

int manifest_list_set_annotations(struct json_object *o, const struct strmap *from, struct error *err)
{
	if (!from->n)
		return 0;
	if (!json_get_object(o, "annotations"))
		TRY(json_add(o, "annotations", json_object_new_object(), err));
	for (size_t i = 0; i < from->n; i++)
		TRY(json_add_str(json_get_object(o, "annotations"), from->v[i].key, from->v[i].value, err));
	return 0;
}

static int set_platform(struct json_object *entry, const struct manifest_list_annotate *o, struct error *err)
{
	const struct { const char *name, *value; } texts[] = {
		{ "architecture", o->arch }, { "os", o->os }, { "os.version", o->os_version }, { "variant", o->variant },
	};
	const struct { const char *name; const struct strv *list; } lists[] = {
		{ "features", &o->features }, { "os.features", &o->os_features },
	};

	if (!o->arch && !o->os && !o->os_version && !o->variant && !o->features.n && !o->os_features.n)
		return 0;
	if (!json_get_object(entry, "platform"))
		TRY(json_add(entry, "platform", json_object_new_object(), err));
	struct json_object *p = json_get_object(entry, "platform");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].value)
			TRY(json_add_str(p, texts[i].name, texts[i].value, err));
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct json_object *a = lists[i].list->n ? json_object_new_array() : NULL;
		for (size_t k = 0; a && k < lists[i].list->n; k++)
			json_object_array_add(a, json_object_new_string(lists[i].list->v[k]));
		if (a)
			TRY(json_add(p, lists[i].name, a, err));
	}
	return 0;
}

/* A file's name as it was added, or an image's. */
static int digest_by_name(struct manifest_list *l, const char *name, char **ret, struct error *err)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	auto_store_image image = {};

	json_object_object_foreach(json_get_object(l->note, "files"), digest, files) {
		for (size_t i = 0; i < json_object_array_length(files); i++)
			if (streq(json_object_get_string(json_object_array_get_idx(files, i)), base) &&
			    manifest_list_entry(l, digest, NULL))
				return str_set(ret, digest, err);
	}
	json_object_object_foreach(json_get_object(l->note, "sources"), from, source) {
		const char *text = json_object_get_string(source), *rest = str_after(text, "docker://");
		if ((streq(text, name) || (rest && streq(rest, name))) && manifest_list_entry(l, from, NULL))
			return str_set(ret, from, err);
	}
	if (image_find(l->engine, name, STORE_IMAGE_NAMES, &image, NULL, err) > 0)
		for (size_t i = 0; i < image.digests.n; i++)
			if (manifest_list_entry(l, image.digests.v[i], NULL))
				return str_set(ret, image.digests.v[i], err);
	return fail(err, ERROR_NOT_FOUND, "finding instance for \"%s\": no such entry in the manifest list", name);
}

static int find_entry(struct manifest_list *l, const char *name, struct json_object **ret, struct error *err)
{
	autofree char *digest = NULL;

	if (digest_is_valid(name))
		TRY(str_set(&digest, name, err));
	else
		TRY(digest_by_name(l, name, &digest, err));
	*ret = manifest_list_entry(l, digest, NULL);
	return *ret ? 0 : fail(err, ERROR_NOT_FOUND, "no instance matching digest \"%s\" found in manifest list", digest);
}

static int set_subject(struct manifest_list *l, const char *name, struct error *err)
{
	auto_store_image image = {};
	struct json_object *o = json_object_new_object();
	struct store *s;
	int64_t size = 0;

	TRY(json_add(l->index, "subject", o, err));
	TRY(engine_store(l->engine, &s, err));
	TRY(image_find(l->engine, name, STORE_IMAGE_NAMES, &image, NULL, err));
	TRY(store_blob_find(s, image.manifest, &size, err));
	TRY(json_add_str(o, "mediaType", image.manifest_type, err));
	TRY(json_add_str(o, "digest", image.manifest, err));
	return json_add(o, "size", json_object_new_int64(size), err);
}

int manifest_list_annotate(struct engine *e, const char *list, const char *entry, const struct manifest_list_annotate *o,
			   char ret_id[65], struct error *err)
{
	auto_manifest_list l = MANIFEST_LIST_INIT;
	struct json_object *at;

	TRY(manifest_list_open(e, list, true, &l, err));
	if (o->subject && set_subject(&l, o->subject, err) < 0)
		return fail_wrap(err, "subject of the manifest list");
	if (o->index) {
		TRY(manifest_list_set_annotations(l.index, &o->annotations, err));
	} else {
		TRY(find_entry(&l, entry, &at, err));
		TRY(set_platform(at, o, err));
		TRY(manifest_list_set_annotations(at, &o->annotations, err));
	}
	TRY(manifest_list_save(&l, NULL, err));
	memcpy(ret_id, l.image.id, sizeof(l.image.id));
	return 0;
}

int manifest_list_remove_entry(struct engine *e, const char *list, const char *digest, char ret_id[65], struct error *err)
{
	auto_manifest_list l = MANIFEST_LIST_INIT;
	size_t at;

	if (!digest_is_valid(digest))
		return fail(err, ERROR_INVALID, "invalid image digest \"%s\": invalid checksum digest format", digest);
	TRY(manifest_list_open(e, list, true, &l, err));
	if (!manifest_list_entry(&l, digest, &at))
		return fail(err, ERROR_NOT_FOUND, "no instance matching digest \"%s\" found in manifest list", digest);
	json_object_array_del_idx(manifest_list_entries(&l), at, 1);
	json_object_object_del(json_get_object(l.note, "sources"), digest);
	json_object_object_del(json_get_object(l.note, "files"), digest);
	json_object_object_del(json_get_object(l.note, "blobs"), digest);
	TRY(manifest_list_save(&l, NULL, err));
	memcpy(ret_id, l.image.id, sizeof(l.image.id));
	return 0;
}
