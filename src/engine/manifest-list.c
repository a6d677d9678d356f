/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/manifest-list.h"

#include <string.h>

#include "base/sha256.h"
#include "base/units.h"
#include "engine/event.h"
#include "engine/image-list.h"
#include "store/layer.h"

#define LIST_MEDIA "application/vnd.docker.distribution.manifest.list.v2+json"

void manifest_list_done(struct manifest_list *l)
{
	lock_release(&l->lock);
	store_image_done(&l->image);
	free(l->name);
	json_put_p(&l->index);
	json_put_p(&l->note);
	*l = (struct manifest_list)MANIFEST_LIST_INIT;
}

static bool is_list(const struct store_image *i)
{
	return media_type_kind(media_type_parse(i->manifest_type)) == MEDIA_KIND_INDEX;
}

/* ---- reading ---- */
static int read_json(struct store *s, const char *digest, struct json_object **ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = MANIFEST_BYTES_MAX };
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);

	TRY(store_blob_read(s, digest, &text, err));
	return json_parse(digest, text.data ? text.data : "", text.len, &limits, ret, err);
}

static int new_note(struct json_object **ret, struct error *err)
{
	static const char *const members[] = { "sources", "files", "blobs" };

	*ret = json_object_new_object();
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (!*ret || json_add(*ret, members[i], json_object_new_object(), err) < 0)
			return fail_oom(err);
	return 0;
}

/* The note is the one of the image's blobs that has its members. */
static int load(struct manifest_list *l, struct error *err)
{
	struct store *s;

	TRY(engine_store(l->engine, &s, err));
	TRY(read_json(s, l->image.manifest, &l->index, err));
	for (size_t i = 0; !l->note && i < l->image.digests.n; i++) {
		auto_json *doc = NULL;
		struct error ignored;
		if (streq(l->image.digests.v[i], l->image.manifest) || read_json(s, l->image.digests.v[i], &doc, &ignored) < 0)
			continue;
		if (json_object_is_type(doc, json_type_object) && json_get_object(doc, "sources") && json_get_object(doc, "blobs"))
			l->note = take_ptr(doc);
	}
	return l->note ? 0 : new_note(&l->note, err);
}

static int find(struct engine *e, const char *what, struct manifest_list *l, struct error *err)
{
	l->engine = e;
	TRY(image_find(e, what, STORE_IMAGE_NAMES | IMAGE_LIST_ITSELF, &l->image, &l->name, err));
	return is_list(&l->image) ? 0 : fail(err, ERROR_INVALID, "%s: image is not a manifest list", what);
}

int manifest_list_open(struct engine *e, const char *what, bool change, struct manifest_list *ret, struct error *err)
{
	auto_manifest_list l = MANIFEST_LIST_INIT;
	struct store *s;

	TRY(find(e, what, &l, err));
	if (change) {
		auto_store_image now = {};
		TRY(engine_of_image(e, l.image.read_only, &e, err));
		l.engine = e;
		TRY(engine_store(e, &s, err));
		TRY(store_lock(s, "manifest-list", l.image.id, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, -1 }, &l.lock,
			       err));
		int there = store_image_get(s, l.image.id, STORE_IMAGE_NAMES, &now, err);
		if (there <= 0)
			return there ? there : fail(err, ERROR_NOT_FOUND, "%s: image not known", what);
		store_image_done(&l.image);
		l.image = now;
		now = (struct store_image){};
	}
	TRY(load(&l, err));
	*ret = l;
	l = (struct manifest_list)MANIFEST_LIST_INIT;
	return 0;
}

int manifest_list_exists(struct engine *e, const char *what, struct error *err)
{
	auto_manifest_list l = MANIFEST_LIST_INIT;

	if (find(e, what, &l, err) == 0)
		return 1;
	return err->kind == ERROR_NOT_FOUND || err->kind == ERROR_INVALID ? 0 : -1;
}

struct json_object *manifest_list_entries(const struct manifest_list *l)
{
	return json_get_array(l->index, "manifests");
}

struct json_object *manifest_list_entry(const struct manifest_list *l, const char *digest, size_t *ret_at)
{
	struct json_object *all = manifest_list_entries(l);

	for (size_t i = 0; all && i < json_object_array_length(all); i++) {
		struct json_object *o = json_object_array_get_idx(all, i);
		if (!streq0(json_get_str(o, "digest"), digest))
			continue;
		if (ret_at)
			*ret_at = i;
		return o;
	}
	return NULL;
}

int manifest_list_note(struct manifest_list *l, const char *member, const char *digest, struct json_object *value,
		       struct error *err)
{
	return json_add(json_get_object(l->note, member), digest, value, err);
}

/* ---- writing ---- */
/* What only an OCI index can say. */
static bool needs_oci(const struct json_object *index, struct json_object *entries)
{
	static const char *const members[] = { "annotations", "subject", "artifactType" };

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_object_object_get_ex(index, members[i], NULL))
			return true;
	for (size_t i = 0; entries && i < json_object_array_length(entries); i++) {
		struct json_object *o = json_object_array_get_idx(entries, i);
		enum media_type t = media_type_parse(json_get_str(o, "mediaType"));
		if ((t != MEDIA_DOCKER_MANIFEST && t != MEDIA_DOCKER_LIST) || json_object_object_get_ex(o, "annotations", NULL) ||
		    json_object_object_get_ex(o, "artifactType", NULL))
			return true;
	}
	return false;
}

/* Docker's lists always say a platform; OCI's only where one is known. */
static int write_entry(struct json_object *from, bool docker, struct json_object *to, struct error *err)
{
	static const char *const oci_only[] = { "annotations", "artifactType", "data" };
	struct json_object *copy = NULL;

	if (json_object_deep_copy(from, &copy, NULL) < 0)
		return fail_oom(err);
	if (json_object_array_add(to, copy) < 0)
		return fail_oom(err);
	for (size_t i = 0; docker && i < ARRAY_LEN(oci_only); i++)
		json_object_object_del(copy, oci_only[i]);
	if (!docker || json_object_object_get_ex(copy, "platform", NULL))
		return 0;
	struct json_object *platform = json_object_new_object();
	TRY(json_add(copy, "platform", platform, err));
	TRY(json_add_str(platform, "architecture", "", err));
	return json_add_str(platform, "os", "", err);
}

static int write_index(struct json_object *index, struct json_object *entries, bool docker, struct json_object *to,
		       struct error *err)
{
	static const char *const rest[] = { "artifactType", "subject", "annotations" };
	struct json_object *list = json_object_new_array(), *v;

	TRY(json_add(to, "schemaVersion", json_object_new_int(2), err));
	TRY(json_add_str(to, "mediaType", docker ? LIST_MEDIA : media_type_name(MEDIA_OCI_INDEX), err));
	TRY(json_add(to, "manifests", list, err));
	for (size_t i = 0; entries && i < json_object_array_length(entries); i++)
		TRY(write_entry(json_object_array_get_idx(entries, i), docker, list, err));
	for (size_t i = 0; !docker && i < ARRAY_LEN(rest); i++)
		if (json_object_object_get_ex(index, rest[i], &v))
			TRY(json_add(to, rest[i], json_object_get(v), err));
	return 0;
}

int manifest_list_format(const struct manifest_list *l, enum image_format format, struct buf *to, enum media_type *ret_type,
			 struct error *err)
{
	struct json_object *entries = manifest_list_entries(l);
	bool docker = format == IMAGE_FORMAT_V2S2 || (format == IMAGE_FORMAT_KEEP && !needs_oci(l->index, entries));
	auto_json *out = json_object_new_object();

	if (!out)
		return fail_oom(err);
	TRY(write_index(l->index, entries, docker, out, err));
	json_format(to, out, 0);
	*ret_type = docker ? MEDIA_DOCKER_LIST : MEDIA_OCI_INDEX;
	return buf_ok(to, "manifest list", err);
}

static char *digest_of(const struct buf *b, char out[DIGEST_TEXT_MAX])
{
	return sha256_text(b->data, b->len, out);
}

/* Blobs of artifacts stay as long as their entry does. */
static int add_kept(const struct manifest_list *l, struct strv *digests, struct error *err)
{
	struct json_object *blobs = json_get_object(l->note, "blobs");

	json_object_object_foreach(blobs, digest, list) {
		if (!manifest_list_entry(l, digest, NULL))
			continue;
		TRY(strv_add(digests, digest, err));
		for (size_t i = 0; i < json_object_array_length(list); i++)
			TRY(strv_add(digests, json_object_get_string(json_object_array_get_idx(list, i)), err));
	}
	return 0;
}

struct parts {
	struct buf index, note;
	char index_digest[DIGEST_TEXT_MAX], note_digest[DIGEST_TEXT_MAX], seed_digest[DIGEST_TEXT_MAX];
	enum media_type type;
	struct strv more;
};

static void parts_done(struct parts *p)
{
	buf_done(&p->index);
	buf_done(&p->note);
	strv_done(&p->more);
}

static int commit(struct manifest_list *l, struct stage *st, struct parts *p, const struct strv *names, struct error *err)
{
	struct store_image_new row = {
		.manifest = p->index_digest, .manifest_type = media_type_name(p->type), .config_digest = p->seed_digest,
		.more_digests = &p->more, .names = names, .created = l->image.created, .replace = true,
	};
	char id[65];

	TRY(stage_blob_add(st, p->index_digest, p->index.data, p->index.len, err));
	TRY(stage_blob_add(st, p->note_digest, p->note.data, p->note.len, err));
	for (size_t i = 0; i < p->more.n; i++)
		TRY(stage_pin_blob(st, p->more.v[i], err));
	return store_image_commit(st, &row, id, err);
}

static int save(struct manifest_list *l, struct stage *st, const struct strv *names, struct error *err)
{
	CLEANUP(parts_done) struct parts p = { .index = BUF_INIT(MANIFEST_BYTES_MAX), .note = BUF_INIT(MANIFEST_BYTES_MAX) };

	TRY(manifest_list_format(l, IMAGE_FORMAT_KEEP, &p.index, &p.type, err));
	json_format(&p.note, l->note, 0);
	TRY(buf_ok(&p.note, "manifest list", err));
	digest_of(&p.index, p.index_digest);
	digest_of(&p.note, p.note_digest);
	snprintf(p.seed_digest, sizeof(p.seed_digest), "sha256:%s", l->image.id);
	TRY(strv_add(&p.more, p.note_digest, err));
	TRY(add_kept(l, &p.more, err));
	return commit(l, st, &p, names, err);
}

int manifest_list_save(struct manifest_list *l, struct stage *stage, struct error *err)
{
	auto_stage *own = NULL;
	struct store *s;

	TRY(engine_store(l->engine, &s, err));
	if (!stage)
		TRY(stage_begin(s, "manifest", &own, err));
	return save(l, stage ? stage : own, NULL, err);
}

/* ---- create ---- */
/* A config nobody else has: its digest is the list's id. */
static int make_seed(struct stage *st, struct manifest_list *l, struct error *err)
{
	auto_buf text = BUF_INIT(4096);
	char random[65], digest[DIGEST_TEXT_MAX];

	TRY(random_id(random, err));
	buf_addf(&text, "{\"comment\":\"manifest list %s\",\"architecture\":\"\",\"os\":\"\",\"config\":{},\"rootfs\":{\"type\":\"layers\","
		 "\"diff_ids\":[]}}", random);
	TRY(buf_ok(&text, "manifest list", err));
	TRY(stage_blob_add(st, digest_of(&text, digest), text.data, text.len, err));
	snprintf(l->image.id, sizeof(l->image.id), "%s", digest_hex(digest));
	return 0;
}

static int create(struct engine *e, const char *name, const struct manifest_list_create *o, char ret_id[65],
		  struct error *err)
{
	auto_manifest_list l = MANIFEST_LIST_INIT;
	auto_stage *st = NULL;
	auto_strv names = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(stage_begin(s, "manifest", &st, err));
	l.engine = e;
	l.image.created = time_now();
	l.index = json_object_new_object();
	if (!l.index)
		return fail_oom(err);
	TRY(json_add(l.index, "manifests", json_object_new_array(), err));
	TRY(manifest_list_set_annotations(l.index, &o->annotations, err));
	TRY(new_note(&l.note, err));
	TRY(make_seed(st, &l, err));
	TRY(strv_add(&names, name, err));
	TRY(save(&l, st, &names, err));
	memcpy(ret_id, l.image.id, sizeof(l.image.id));
	return 0;
}

static int amend(struct engine *e, const char *name, const struct manifest_list_create *o, char ret_id[65],
		 struct error *err)
{
	auto_manifest_list l = MANIFEST_LIST_INIT;

	TRY(manifest_list_open(e, name, true, &l, err));
	TRY(manifest_list_set_annotations(l.index, &o->annotations, err));
	if (o->annotations.n)
		TRY(manifest_list_save(&l, NULL, err));
	memcpy(ret_id, l.image.id, sizeof(l.image.id));
	return 0;
}

/* --amend with an image's name: the name becomes that of a list with the image in it. */
static int convert(struct engine *e, const char *name, const char *id, const struct manifest_list_create *o, char ret_id[65],
		   struct error *err)
{
	const struct manifest_list_add add = {};
	auto_strv digests = {};
	autofree char *image = NULL;
	struct error ignored;
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(str_printf(&image, err, "containers-storage:%.40s", id));   /* a whole id is no reference */
	TRY(create(e, name, o, ret_id, err));
	int r = manifest_list_add_image(e, ret_id, image, &add, &digests, ret_id, err);
	if (r < 0)
		store_image_tag(s, id, name, &ignored);
	return r;
}

int manifest_list_create(struct engine *e, const char *name, const struct manifest_list_create *o, char ret_id[65],
			 struct error *err)
{
	auto_reference r = {};
	auto_store_image known = {};
	autofree char *full = NULL;
	struct engine *owner, *images;
	struct store *s;

	TRY(reference_parse(name, &r, err));
	TRY(reference_normalize_local(&r, err));
	full = reference_text(&r);
	if (!full)
		return fail_oom(err);
	TRY(engine_store(e, &s, err));
	int taken = store_image_find(s, full, NULL, 0, &known, NULL, err);
	if (taken < 0 && err->kind != ERROR_INVALID)
		return taken;
	TRY(engine_of_images(e, &images, err));
	TRY(engine_of_image(e, known.read_only, &owner, err));
	TRY(engine_store(owner, &s, err));
	if (taken > 0 && o->replace)
		TRY(store_image_untag(s, known.id, full, err));
	if (taken <= 0 || o->replace)
		return create(images, full, o, ret_id, err);
	if (!o->amend)
		return fail(err, ERROR_EXISTS, "image name \"%s\" is already associated with image \"%s\": that name is already in use", full,
			    known.id);
	struct error why;
	if (amend(owner, full, o, ret_id, &why) < 0)
		return why.kind == ERROR_INVALID ? convert(owner, full, known.id, o, ret_id, err) : (*err = why, -1);
	return 0;
}

/* ---- one image of it ---- */
int manifest_list_choose(struct engine *e, const struct store_image *list, const char *what, const struct platform *platform,
			 unsigned want, struct store_image *ret, struct error *err)
{
	const struct oci_descriptor *chosen;
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	const struct platform host = {}, *p = platform ? platform : &host;
	const char *os = p->os ? p->os : platform_host_os(), *arch = p->architecture ? p->architecture : platform_host_architecture();
	auto_manifest m = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(store_blob_read(s, list->manifest, &text, err));
	TRY(oci_manifest_parse(text.data ? text.data : "", text.len, media_type_parse(list->manifest_type), &m, err));
	if (oci_index_choose(&m, p, &chosen, err) < 0)
		return fail(err, ERROR_NOT_FOUND, "%s: no image found in manifest list for architecture %s, variant \"%s\", OS %s: image "
			    "not known", what, arch, p->variant ? p->variant : p->architecture ? "" : platform_host_variant(), os);
	int r = store_image_find(s, chosen->digest, NULL, want & STORE_IMAGE_ALL, ret, NULL, err);
	return r ? r : fail(err, ERROR_NOT_FOUND, "%s: the image of this manifest list for %s/%s (%s) is not here: image not known", what,
			    os, arch, chosen->digest);
}
