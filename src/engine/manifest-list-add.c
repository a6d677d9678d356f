/* SPDX-License-Identifier: Apache-2.0
 * engine/manifest-list-add.c - what becomes an entry of a list: images of the store, images of registries, files. All is
 * looked up before the list is locked. */
#include <fcntl.h>
#include <string.h>

#include "engine/artifact-manifest.h"
#include "engine/documents.h"
#include "engine/image-list.h"
#include "engine/manifest-list.h"
#include "os/file.h"
#include "store/layer.h"

#define CONFIG_FILE_MAX ((size_t)4 << 20)

/* ---- what was found ---- */
struct found {
	struct list entries;         /* struct oci_descriptor */
	char *source;                /* text before the digest: "docker://host/path@", or "containers-storage:@" */
};

static void found_done(struct found *f)
{
	for (size_t i = 0; i < f->entries.n; i++)
		fields_done(oci_descriptor_rows, DESCRIPTOR(&f->entries, i));
	free(f->entries.v);
	free(f->source);
}

static int copy_strv(const struct strv *from, struct strv *to, struct error *err)
{
	return strv_copy(to, from, err);
}

static int copy_platform(const struct platform *from, struct platform **ret, struct error *err)
{
	struct platform *p = calloc(1, sizeof(*p));

	if (!p)
		return fail_oom(err);
	*ret = p;
	TRY(str_set(&p->os, from->os, err));
	TRY(str_set(&p->architecture, from->architecture, err));
	TRY(str_set(&p->variant, from->variant, err));
	TRY(str_set(&p->os_version, from->os_version, err));
	return copy_strv(&from->os_features, &p->os_features, err);
}

static int add_copy(const struct oci_descriptor *from, struct found *f, struct error *err)
{
	struct oci_descriptor *d = list_add(&f->entries, sizeof(*d), err);

	if (!d)
		return -1;
	d->size = from->size;
	TRY(str_set(&d->media_type, from->media_type, err));
	TRY(str_set(&d->digest, from->digest, err));
	TRY(str_set(&d->artifact_type, from->artifact_type, err));
	TRY(strmap_copy(&d->annotations, &from->annotations, err));
	return from->platform ? copy_platform(from->platform, &d->platform, err) : 0;
}

static int add_image(struct found *f, const char *digest, const char *type, int64_t size, const struct platform *p,
		     struct error *err)
{
	struct oci_descriptor d = { .media_type = (char *)(uintptr_t)type, .digest = (char *)(uintptr_t)digest, .size = size,
				    .platform = (struct platform *)(uintptr_t)p };

	return add_copy(&d, f, err);
}

/* Of an index: all entries, or the one for this machine. */
static int take_entries(const struct list *entries, bool all, struct found *f, struct error *err)
{
	struct oci_manifest index = { .type = MEDIA_OCI_INDEX, .manifests = *entries };
	const struct oci_descriptor *chosen;
	struct platform host = {};

	if (!all) {
		TRY(oci_index_choose(&index, &host, &chosen, err));
		return add_copy(chosen, f, err);
	}
	for (size_t i = 0; i < entries->n; i++)
		TRY(add_copy(DESCRIPTOR(entries, i), f, err));
	return 0;
}

/* ---- images of the store ---- */
static int find_list_here(struct engine *e, const struct store_image *image, bool all, struct found *f, struct error *err)
{
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	auto_manifest m = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(store_blob_read(s, image->manifest, &text, err));
	TRY(oci_manifest_parse(text.data ? text.data : "", text.len, media_type_parse(image->manifest_type), &m, err));
	return take_entries(&m.manifests, all, f, err);
}

static int find_here(struct engine *e, const char *name, bool all, struct found *f, struct error *err)
{
	auto_store_image image = {};
	struct store *s;
	int64_t size = 0;

	TRY(engine_store(e, &s, err));
	TRY(image_find(e, name, STORE_IMAGE_NAMES | IMAGE_LIST_ITSELF, &image, NULL, err));
	TRY(str_set(&f->source, "containers-storage:@", err));
	if (media_type_kind(media_type_parse(image.manifest_type)) == MEDIA_KIND_INDEX)
		return find_list_here(e, &image, all, f, err);
	TRY(store_blob_find(s, image.manifest, &size, err));
	struct platform p = { .os = image.os, .architecture = image.arch, .variant = str_empty(image.variant) ? NULL : image.variant };
	return add_image(f, image.manifest, image.manifest_type, size, &p, err);
}

/* ---- images of registries ---- */
static void config_done(struct op_config *c)
{
	fields_done(worker_ops[OP_PARSE_CONFIG].reply, c);
}

static int find_platform(struct documents *d, struct repository *repository, const struct oci_descriptor *config,
			 struct op_config *ret, struct error *err)
{
	auto_repository_document doc = {};
	struct op_parse q = { .digest = config->digest, .size = config->size };
	enum media_type type = media_type_parse(config->media_type);

	if (type != MEDIA_OCI_CONFIG && type != MEDIA_DOCKER_CONFIG)
		return 0;   /* an artifact */
	TRY(repository_get_blob(repository, config->digest, CONFIG_BYTES_MAX, &doc, err));
	return documents_ask(d, OP_PARSE_CONFIG, &q, doc.bytes, doc.len, ret, err);
}

static int take_remote(struct engine *e, const struct repository_document *doc, struct repository *repository, bool all,
		       struct found *f, struct error *err)
{
	CLEANUP(config_done) struct op_config c = {};
	auto_documents d = { .engine = e };
	auto_described m = {};

	TRY(documents_describe(&d, doc->bytes, doc->len, doc->media_type, NULL, &m, err));
	if (m.type == MEDIA_OCI_INDEX || m.type == MEDIA_DOCKER_LIST)
		return take_entries(&m.entries, all, f, err);
	TRY(find_platform(&d, repository, &m.config, &c, err));
	struct platform p = { .os = c.os, .architecture = c.architecture, .variant = str_empty(c.variant) ? NULL : c.variant };
	TRY(add_image(f, m.digest, media_type_name((enum media_type)m.type), m.size, c.os ? &p : NULL, err));
	return str_set(&DESCRIPTOR(&f->entries, 0)->artifact_type, m.artifact_type, err);
}

static int find_remote(struct engine *e, const struct reference *r, const struct manifest_list_add *o, struct found *f,
		       struct error *err)
{
	auto_reference full = {};
	auto_repository *repository = NULL;
	auto_repository_document doc = {};
	autofree char *name = NULL;

	TRY(reference_copy(r, &full, err));
	TRY(reference_normalize_docker(&full, err));
	TRY(reference_default_tag(&full, err));
	TRY(remote_manifest_read(e, &o->remote, &full, &doc, &repository, NULL, err));
	name = reference_name(&full);
	if (!name)
		return fail_oom(err);
	TRY(str_printf(&f->source, err, "docker://%s@", name));
	return take_remote(e, &doc, repository, o->all, f, err);
}

/* A name without a transport is the registry's; what was made here, or is here and not there, is the store's. */
static int find_by_name(struct engine *e, const char *image, const struct reference *r, const struct manifest_list_add *o,
			struct found *f, struct error *err)
{
	struct error remote;

	if (!r->domain || streq(r->domain, "localhost")) {
		struct error missing;
		if (find_here(e, image, o->all, f, &missing) == 0)
			return 0;
	}
	if (find_remote(e, r, o, f, &remote) == 0)
		return 0;
	struct error missing;
	if (find_here(e, image, o->all, f, &missing) == 0)
		return 0;
	*err = remote;
	return -1;
}

static int find_image(struct engine *e, const char *image, const struct manifest_list_add *o, struct found *f,
		      struct error *err)
{
	auto_transport_name n = { .index = -1 };

	TRY(transport_parse(image, &n, err));
	switch (n.transport) {
	case TRANSPORT_STORAGE: return find_here(e, image, o->all, f, err);
	case TRANSPORT_DOCKER:  return find_remote(e, &n.reference, o, f, err);
	case TRANSPORT_NONE:    return find_by_name(e, image, &n.reference, o, f, err);
	default:
		return fail(err, ERROR_UNSUPPORTED, "%s: adding from %s: is not supported: pull it first and add "
			    "containers-storage:NAME", image, transport_prefix(n.transport));
	}
}

/* ---- into the list ---- */
/* An entry with the same digest is replaced where it stands. */
static int enter(struct manifest_list *l, const struct oci_descriptor *d, const char *source, struct error *err)
{
	struct json_object *o = NULL, *text;
	autofree char *where = NULL;
	size_t at;

	TRY(fields_save(oci_descriptor_rows, FIELD_COLUMN_JSON, d, &o, err));
	if (manifest_list_entry(l, d->digest, &at)) {
		if (json_object_array_put_idx(manifest_list_entries(l), at, o) < 0)
			return fail_oom(err);
	} else if (json_object_array_add(manifest_list_entries(l), o) < 0) {
		return fail_oom(err);
	}
	if (!source)
		return 0;
	TRY(str_printf(&where, err, "%s%s", source, d->digest));
	text = json_object_new_string(where);
	return manifest_list_note(l, "sources", d->digest, text, err);
}

int manifest_list_add_image(struct engine *e, const char *list, const char *image, const struct manifest_list_add *o,
			    struct strv *ret_digests, char ret_id[65], struct error *err)
{
	CLEANUP(found_done) struct found f = {};
	auto_manifest_list l = MANIFEST_LIST_INIT;

	TRY(manifest_list_open(e, list, false, &l, err));   /* first of all: is there a list? */
	manifest_list_done(&l);
	TRY(find_image(e, image, o, &f, err));
	TRY(manifest_list_open(e, list, true, &l, err));
	for (size_t i = 0; i < f.entries.n; i++) {
		TRY(enter(&l, DESCRIPTOR(&f.entries, i), f.source, err));
		TRY(strv_add(ret_digests, DESCRIPTOR(&f.entries, i)->digest, err));
	}
	TRY(manifest_list_save(&l, NULL, err));
	memcpy(ret_id, l.image.id, sizeof(l.image.id));
	return 0;
}

/* ---- files ---- */
static int add_config(struct stage *st, const struct manifest_list_artifact *o, struct oci_descriptor *ret,
		      struct error *err)
{
	autofree char *bytes = NULL;
	size_t len = 0;

	if (!str_empty(o->config_file)) {
		int r = file_read(AT_FDCWD, o->config_file, CONFIG_FILE_MAX, &bytes, &len, err);
		if (r <= 0)
			return r ? r : fail(err, ERROR_NOT_FOUND, "open %s: no such file or directory", o->config_file);
	}
	if (!len)
		TRY(artifact_empty_config(st, ret, err));
	else
		TRY(artifact_add_bytes(st, bytes, len, media_type_name(MEDIA_OCI_CONFIG), ret, err));
	return str_empty(o->config_type) ? 0 : str_set(&ret->media_type, o->config_type, err);
}

static int add_layer(struct stage *st, const char *path, const struct manifest_list_artifact *o, struct oci_manifest *m,
		     struct error *err)
{
	const char *slash = strrchr(path, '/');
	struct oci_descriptor *d = list_add(&m->layers, sizeof(*d), err);

	if (!d)
		return -1;
	if (!str_empty(o->layer_type))
		TRY(str_set(&d->media_type, o->layer_type, err));
	TRY(artifact_add_file(st, path, d, err));
	if (str_empty(o->layer_type))
		d->media_type[strcspn(d->media_type, ";")] = '\0';
	return o->exclude_titles ? 0 : strmap_set(&d->annotations, ANNOTATION_TITLE, slash ? slash + 1 : path, err);
}

static int add_subject(struct engine *e, const char *name, struct oci_manifest *m, struct error *err)
{
	CLEANUP(found_done) struct found f = {};
	struct manifest_list_add o = {};

	TRY(find_image(e, name, &o, &f, err));
	m->subject = calloc(1, sizeof(*m->subject));
	if (!m->subject)
		return fail_oom(err);
	m->subject->size = DESCRIPTOR(&f.entries, 0)->size;
	TRY(str_set(&m->subject->media_type, DESCRIPTOR(&f.entries, 0)->media_type, err));
	return str_set(&m->subject->digest, DESCRIPTOR(&f.entries, 0)->digest, err);
}

static int build_manifest(struct engine *e, struct stage *st, const struct strv *files, const struct manifest_list_artifact *o,
			  struct oci_manifest *m, struct error *err)
{
	TRY(str_set(&m->artifact_type, o->has_type ? o->type : ARTIFACT_TYPE_UNKNOWN, err));
	TRY(add_config(st, o, &m->config, err));
	for (size_t i = 0; i < files->n; i++)
		TRY(add_layer(st, files->v[i], o, m, err));
	TRY(strmap_copy(&m->annotations, &o->annotations, err));
	return str_empty(o->subject) ? 0 : add_subject(e, o->subject, m, err);
}

/* Which blobs and files belong to the entry. */
static int note_artifact(struct manifest_list *l, const struct oci_manifest *m, const char *digest, const struct strv *files,
			 struct error *err)
{
	struct json_object *blobs = json_object_new_array(), *names = json_object_new_array();

	if (!blobs || !names)
		return fail_oom(err);
	json_object_array_add(blobs, json_object_new_string(m->config.digest));
	for (size_t i = 0; i < m->layers.n; i++)
		json_object_array_add(blobs, json_object_new_string(DESCRIPTOR(&m->layers, i)->digest));
	for (size_t i = 0; i < files->n; i++) {
		const char *slash = strrchr(files->v[i], '/');
		json_object_array_add(names, json_object_new_string(slash ? slash + 1 : files->v[i]));
	}
	TRY(manifest_list_note(l, "blobs", digest, blobs, err));
	return manifest_list_note(l, "files", digest, names, err);
}

int manifest_list_add_files(struct engine *e, const char *list, const struct strv *files,
			    const struct manifest_list_artifact *o, char ret_digest[DIGEST_TEXT_MAX], char ret_id[65],
			    struct error *err)
{
	auto_manifest_list l = MANIFEST_LIST_INIT;
	auto_manifest m = {};
	auto_stage *st = NULL;
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	CLEANUP(found_done) struct found f = {};
	struct store *s;

	TRY(manifest_list_open(e, list, false, &l, err));
	TRY(engine_of_image(e, l.image.read_only, &e, err));
	TRY(engine_store(e, &s, err));
	manifest_list_done(&l);
	TRY(stage_begin(s, "manifest", &st, err));
	TRY(build_manifest(e, st, files, o, &m, err));
	TRY(artifact_format(&m, &text, err));
	struct oci_descriptor *d = list_add(&f.entries, sizeof(*d), err);
	if (!d)
		return -1;
	TRY(artifact_add_bytes(st, text.data, text.len, media_type_name(MEDIA_OCI_MANIFEST), d, err));
	if (!str_empty(m.artifact_type))
		TRY(str_set(&d->artifact_type, m.artifact_type, err));
	TRY(manifest_list_open(e, list, true, &l, err));
	TRY(enter(&l, d, NULL, err));
	TRY(note_artifact(&l, &m, d->digest, files, err));
	TRY(manifest_list_save(&l, st, err));
	snprintf(ret_digest, DIGEST_TEXT_MAX, "%s", d->digest);
	memcpy(ret_id, l.image.id, sizeof(l.image.id));
	return 0;
}
