/* SPDX-License-Identifier: Apache-2.0
 * engine/manifest-list-push.c - a list goes to a registry: first its images, each under its digest, then the list with
 * the digests they have there (a change of format or compression changes them). To files it goes by way of a layout
 * (engine/manifest-list-files.h). */
#include <string.h>

#include "base/sha256.h"
#include "engine/documents.h"
#include "engine/event.h"
#include "engine/image-commit.h"
#include "engine/image-copy.h"
#include "engine/image-sign.h"
#include "engine/manifest-list-files.h"
#include "engine/manifest-list.h"
#include "store/layer.h"

#define ZSTD_ANNOTATION "io.github.containers.compression.zstd"

struct list_push {
	struct engine *engine;
	struct store *store;
	struct manifest_list *list;
	const struct manifest_list_push *o;
	struct reference to;
	struct repository *repository;   /* or: */
	struct list_layout layout;       /* path NULL: to a registry */
	struct transport_name files;     /* where it goes from there */
};

static void list_push_done(struct list_push *p)
{
	repository_free(p->repository);
	reference_done(&p->to);
	list_layout_done(&p->layout);
	transport_name_done(&p->files);
}

/* ---- artifacts: their blobs are here ---- */
static int put_stored_blob(struct list_push *p, const char *digest, struct error *err)
{
	if (p->layout.path)
		return list_layout_put_stored(&p->layout, digest, err);
	autoclose int fd = store_blob_open(p->store, digest, err);

	if (fd < 0)
		return -1;
	image_say(&p->o->push.progress, "Copying blob %s", digest);
	return repository_put_blob_file(p->repository, digest, fd, NULL, err);
}

static int put_stored_manifest(struct list_push *p, const char *digest, const char *type, struct error *err)
{
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);

	if (p->layout.path)
		return list_layout_put_stored(&p->layout, digest, err);
	TRY(store_blob_read(p->store, digest, &text, err));
	return repository_put_manifest(p->repository, digest, type, text.data, text.len, NULL, err);
}

static int push_artifact(struct list_push *p, struct json_object *entry, struct json_object *blobs, struct error *err)
{
	for (size_t i = 0; i < json_object_array_length(blobs); i++)
		TRY(put_stored_blob(p, json_object_get_string(json_object_array_get_idx(blobs, i)), err));
	return put_stored_manifest(p, json_get_str(entry, "digest"), json_get_str(entry, "mediaType"), err);
}

/* ---- images ---- */
static int set_descriptor(struct list_push *p, struct json_object *entry, const char *digest, struct error *err)
{
	auto_repository_document doc = {};
	auto_documents documents = { .engine = p->engine };
	auto_described m = {};

	if (streq0(json_get_str(entry, "digest"), digest))
		return 0;
	if (p->layout.path)
		TRY(list_layout_read(&p->layout, digest, &doc.bytes, &doc.len, err));
	int there = p->layout.path ? 1 : repository_get_manifest(p->repository, digest, &doc, err);
	if (there <= 0)
		return there ? there : fail(err, ERROR_CORRUPT, "the registry does not know the manifest %s that was put there", digest);
	TRY(documents_describe(&documents, doc.bytes, doc.len, doc.media_type, digest, &m, err));
	TRY(json_add_str(entry, "mediaType", media_type_name((enum media_type)m.type), err));
	TRY(json_add_str(entry, "digest", digest, err));
	return json_add(entry, "size", json_object_new_int64((int64_t)doc.len), err);
}

static int note_compression(struct json_object *entry, const char *compression, struct error *err)
{
	if (!compression || strncmp(compression, "zstd", 4) != 0)
		return 0;
	if (!json_get_object(entry, "annotations"))
		TRY(json_add(entry, "annotations", json_object_new_object(), err));
	return json_add_str(json_get_object(entry, "annotations"), ZSTD_ANNOTATION, "true", err);
}

/* One image into the repository, under no name but its digest; the entry says what it is there. */
static int copy_image(struct list_push *p, const struct transport_name *from, const char *id, const struct image_push *how,
		      struct json_object *entry, struct error *err)
{
	const struct transport_name files = { .transport = TRANSPORT_OCI, .index = -1, .path = p->layout.path };
	const struct transport_name registry = { .transport = TRANSPORT_DOCKER, .index = -1,
						 .reference = { .domain = p->to.domain, .path = p->to.path } };
	struct image_copy c = {
		.from = how->remote, .to = how->remote, .format = how->format, .compression = how->compression,
		.compression_level = how->compression_level, .force_compression = how->force_compression,
		.progress = how->progress,
	};
	char digest[DIGEST_TEXT_MAX];

	TRY(image_copy_parsed(p->engine, from, id, p->layout.path ? &files : &registry, &c, digest, err));
	TRY(set_descriptor(p, entry, digest, err));
	return note_compression(entry, how->compression, err);
}

/* An entry's image: of the store when it is there, else of the registry it was added from. */
static int copy_entry(struct list_push *p, const char *digest, const struct image_push *how, struct json_object *entry,
		      struct error *err)
{
	const char *source = json_get_str(json_get_object(p->list->note, "sources"), digest);
	auto_transport_name from = { .transport = TRANSPORT_STORAGE, .index = -1 };
	auto_store_image image = {};
	int here = store_image_find(p->store, digest, NULL, 0, &image, NULL, err);

	if (here)
		return here < 0 ? -1 : copy_image(p, &from, image.id, how, entry, err);
	if (!source || !str_after(source, "docker://"))
		return fail(err, ERROR_NOT_FOUND, "%s of the manifest list is not in the store any more: add it again", digest);
	TRY(transport_parse(source, &from, err));
	return copy_image(p, &from, NULL, how, entry, err);
}

/* ---- entries ---- */
static int push_entry(struct list_push *p, struct json_object *entry, const char *digest, struct error *err)
{
	struct json_object *blobs = json_get_array(json_get_object(p->list->note, "blobs"), digest);

	return blobs ? push_artifact(p, entry, blobs, err) : copy_entry(p, digest, &p->o->push, entry, err);
}

/* --add-compression: one more entry for every image. */
static int push_variant(struct list_push *p, struct json_object *entries, const char *digest, struct json_object *original,
			const char *compression, struct error *err)
{
	struct image_push how = p->o->push;
	auto_json *copy = NULL;

	how.compression = compression;
	how.force_compression = true;
	how.format = IMAGE_FORMAT_OCI;
	if (json_object_deep_copy(original, &copy, NULL) < 0)
		return fail_oom(err);
	TRY(copy_entry(p, digest, &how, copy, err));
	return json_object_array_add(entries, take_ptr(copy)) < 0 ? fail_oom(err) : 0;
}

static int push_variants(struct list_push *p, const struct strv *digests, struct error *err)
{
	struct json_object *entries = manifest_list_entries(p->list), *blobs = json_get_object(p->list->note, "blobs");

	for (size_t c = 0; c < p->o->add_compression.n; c++)
		for (size_t i = 0; i < digests->n; i++)
			if (!json_object_object_get_ex(blobs, digests->v[i], NULL))   /* an artifact has no compression */
				TRY(push_variant(p, entries, digests->v[i], json_object_array_get_idx(entries, i),
						 p->o->add_compression.v[c], err));
	return 0;
}

static int push_entries(struct list_push *p, struct error *err)
{
	struct json_object *entries = manifest_list_entries(p->list);
	auto_strv digests = {};
	size_t n = json_object_array_length(entries);

	for (size_t i = 0; i < n; i++)
		TRY(strv_add(&digests, json_get_str(json_object_array_get_idx(entries, i), "digest"), err));
	for (size_t i = 0; i < n; i++) {
		image_say(&p->o->push.progress, "Copying image %s (%zu/%zu)", digests.v[i], i + 1, n);
		TRY(push_entry(p, json_object_array_get_idx(entries, i), digests.v[i], err));
	}
	return push_variants(p, &digests, err);
}

/* ---- the list ---- */
static int digest_of(struct list_push *p, const struct buf *text, char ret[DIGEST_TEXT_MAX], struct error *err)
{
	if (p->repository)
		return repository_digest(p->repository, text->data, text->len, ret, err);
	sha256_text(text->data, text->len, ret);
	return 0;
}

static int push_index(struct list_push *p, char ret_digest[DIGEST_TEXT_MAX], struct error *err)
{
	enum image_format format = p->layout.path ? IMAGE_FORMAT_OCI : p->o->push.format;
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	enum media_type type;

	TRY(manifest_list_format(p->list, format, &text, &type, err));
	TRY(digest_of(p, &text, ret_digest, err));
	if (p->to.digest && !streq(p->to.digest, ret_digest))
		return fail(err, ERROR_INVALID, "the list's digest is %s, it cannot be pushed as %s", ret_digest, p->to.digest);
	if (p->layout.path)
		return list_layout_finish(&p->layout, &(struct list_index){ p->engine, &text, ret_digest, type, p->o->all }, &p->files,
					  &p->o->push, ret_digest, err);
	image_say(&p->o->push.progress, "Writing manifest list to image destination");
	return repository_put_manifest(p->repository, p->to.digest ? p->to.digest : p->to.tag, media_type_name(type), text.data,
				       text.len, NULL, err);
}

static int decide_destination(struct list_push *p, const char *what, const char *destination, struct error *err)
{
	const char *text = destination ? destination : p->list->name;
	auto_transport_name n = { .index = -1 };

	if (!text)
		return fail(err, ERROR_INVALID, "%s has no name: say where to push it", what);
	TRY(transport_parse(text, &n, err));
	if (n.transport != TRANSPORT_NONE && n.transport != TRANSPORT_DOCKER) {
		if (n.transport != TRANSPORT_OCI && n.transport != TRANSPORT_OCI_ARCHIVE && n.transport != TRANSPORT_DIR)
			return fail(err, ERROR_UNSUPPORTED, "pushing a manifest list to %s: is not supported (docker://, oci:, oci-archive: "
				    "and dir: are)", transport_prefix(n.transport));
		p->files = n;
		n = (struct transport_name){ .index = -1 };
		return list_layout_open(p->store, &p->layout, err);
	}
	TRY(reference_copy(&n.reference, &p->to, err));
	TRY(reference_normalize_docker(&p->to, err));
	return reference_default_tag(&p->to, err);
}

static int check_compression(const struct manifest_list_push *o, struct error *err)
{
	for (size_t i = 0; i < o->add_compression.n; i++) {
		const char *c = o->add_compression.v[i];
		if (!streq(c, "gzip") && !streq(c, "zstd") && !streq(c, "zstd:chunked"))
			return fail(err, ERROR_INVALID, "--add-compression %s: not a known compression (gzip, zstd, zstd:chunked)", c);
	}
	return o->add_compression.n && !o->all ? fail(err, ERROR_INVALID, "--add-compression needs the images: not with --all=false") : 0;
}

int manifest_list_push(struct engine *e, const char *what, const char *destination, const struct manifest_list_push *o,
		       char ret_digest[DIGEST_TEXT_MAX], struct error *err)
{
	auto_manifest_list l = MANIFEST_LIST_INIT;
	CLEANUP(list_push_done) struct list_push p = { .engine = e, .o = o, .list = &l, .layout = { .fd = -1 },
						       .files = { .index = -1 } };
	auto_image_signer signer = {};

	TRY(check_compression(o, err));
	if (manifest_list_open(e, what, false, &l, err) < 0)
		return fail_wrap(err, "retrieving local image from image name %s", what);
	TRY(engine_store(e, &p.store, err));
	TRY(decide_destination(&p, what, destination, err));
	if (o->push.signing && !p.layout.path)
		TRY(image_signer_open(e, o->push.signing, &o->push.remote, &p.to, &signer, err));
	if (!p.layout.path)
		TRY(repository_open_reference(e, &o->push.remote, &p.to, REPOSITORY_WRITE, &p.repository, err));
	image_say(&o->push.progress, "Getting image list signatures");
	if (o->all)
		TRY(push_entries(&p, err));
	TRY(push_index(&p, ret_digest, err));
	if (!p.layout.path)
		TRY(image_signer_sign(e, &signer, p.repository, &p.to, ret_digest, err));
	engine_event(e, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_PUSH, .id = l.image.id,
					 .name = destination ? destination : l.name });
	return 0;
}

/* ---- inspect ---- */
/* Podman shows a list of its own in Docker's words, with what only the OCI knows beside them. */
static int show_local(const struct manifest_list *l, struct buf *to, struct error *err)
{
	struct json_object *entries = manifest_list_entries(l), *files = json_get_object(l->note, "files"), *v;
	static const char *const rest[] = { "artifactType", "subject", "annotations" };
	auto_json *out = json_object_new_object();
	struct json_object *list = json_object_new_array();

	TRY(json_add(out, "schemaVersion", json_object_new_int(2), err));
	TRY(json_add_str(out, "mediaType", media_type_name(MEDIA_DOCKER_LIST), err));
	TRY(json_add(out, "manifests", list, err));
	for (size_t i = 0; i < json_object_array_length(entries); i++) {
		struct json_object *o = json_object_get(json_object_array_get_idx(entries, i));
		if (json_object_array_add(list, o) < 0)
			return fail_oom(err);
		if (!json_get_object(o, "platform")) {
			struct json_object *platform = json_object_new_object();
			TRY(json_add(o, "platform", platform, err));
			TRY(json_add_str(platform, "architecture", "", err));
			TRY(json_add_str(platform, "os", "", err));
		}
		if (json_object_object_get_ex(files, json_get_str(o, "digest"), &v))
			TRY(json_add(o, "files", json_object_get(v), err));
	}
	for (size_t i = 0; i < ARRAY_LEN(rest); i++)
		if (json_object_object_get_ex(l->index, rest[i], &v))
			TRY(json_add(out, rest[i], json_object_get(v), err));
	json_format(to, out, 4);
	return buf_ok(to, "manifest list", err);
}

static int show_remote(struct engine *e, const char *name, const struct image_remote *o, struct buf *to, struct error *err)
{
	auto_reference r = {};
	auto_repository_document doc = {};
	auto_documents d = { .engine = e };
	auto_described m = {};

	TRY(reference_parse(name, &r, err));
	TRY(reference_normalize_docker(&r, err));
	TRY(reference_default_tag(&r, err));
	if (remote_manifest_read(e, o, &r, &doc, NULL, NULL, err) < 0)
		return fail_wrap(err, "reading image \"docker://%s\"", name);
	TRY(documents_describe(&d, doc.bytes, doc.len, doc.media_type, NULL, &m, err));
	if (m.type != MEDIA_OCI_INDEX && m.type != MEDIA_DOCKER_LIST)
		log_warn(e->log, "The manifest type %s is not a manifest list but a single image.", media_type_name((enum media_type)m.type));
	buf_add_str(to, m.text);
	return buf_ok(to, "manifest", err);
}

int manifest_list_inspect(struct engine *e, const char *what, const struct image_remote *o, struct buf *to, struct error *err)
{
	auto_manifest_list l = MANIFEST_LIST_INIT;
	auto_registries_conf conf = {};
	auto_strv names = {};
	const char *name = str_after(what, "docker://") ?: what;

	if (manifest_list_open(e, what, false, &l, err) == 0)
		return show_local(&l, to, err);
	if (err->kind != ERROR_NOT_FOUND && err->kind != ERROR_INVALID)
		return -1;
	TRY(registries_conf_load(&conf, &e->paths, err));
	TRY(registries_conf_resolve(&conf, name, &names, NULL, err));
	int r = fail(err, ERROR_NOT_FOUND, "%s: image not known", what);
	for (size_t i = 0; r < 0 && i < names.n; i++)
		r = show_remote(e, names.v[i], o, to, err);
	return r;
}
