/* SPDX-License-Identifier: Apache-2.0
 * engine/artifact.c - listing, adding, removing and moving artifacts. */
#include "engine/artifact.h"

#include <string.h>

#include "base/units.h"
#include "engine/artifact-internal.h"
#include "engine/artifact-manifest.h"
#include "engine/commit.h"
#include "engine/event.h"
#include "engine/image-copy.h"

#define ANNOTATION_CREATED "org.opencontainers.image.created"

/* ---- finding ---- */
static int by_name(const void *a, const void *b)
{
	const struct artifact *x = a, *y = b;

	return strcmp(x->name ? x->name : "", y->name ? y->name : "");
}

static int list_all(const struct layout *l, struct list *ret, struct error *err)
{
	for (size_t i = 0; i < json_object_array_length(layout_entries(l)); i++) {
		struct artifact *a = list_add(ret, sizeof(*a), err);
		if (!a)
			return -1;
		TRY(layout_load(l, i, a, err));
	}
	if (ret->n > 1)
		qsort(ret->v, ret->n, sizeof(struct artifact), by_name);
	return 0;
}

int artifact_list(struct engine *e, struct list *ret, struct error *err)
{
	auto_layout l = LAYOUT_INIT;

	TRY(layout_open(e, false, &l, err));
	return list_all(&l, ret, err);
}

/* A full or partial digest names one artifact or is refused. *ret: its position, -1: none. */
static int find_by_digest(const struct layout *l, const char *what, int *ret, struct error *err)
{
	const char *hex = str_after(what, "sha256:") ?: what;
	struct json_object *all = layout_entries(l);

	*ret = -1;
	if (!*hex || hex[strspn(hex, "0123456789abcdef")])
		return 0;
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		const char *digest = json_get_str(json_object_array_get_idx(all, i), "digest");
		if (!digest_is_valid(digest) || !str_after(digest_hex(digest), hex))
			continue;
		if (*ret >= 0)
			return fail(err, ERROR_INVALID, "multiple artifacts found with matching digest: \"%s\"", what);
		*ret = (int)i;
	}
	return 0;
}

static int find_at(const struct layout *l, const char *what, int *ret, struct error *err)
{
	autofree char *name = NULL;
	struct error bad;

	if (artifact_full_name(what, &name, &bad) == 0)
		*ret = layout_find(l, name);
	else
		*ret = -1;
	if (*ret < 0)
		TRY(find_by_digest(l, what, ret, err));
	return *ret >= 0 ? 0 : fail(err, ERROR_NOT_FOUND, "%s: artifact does not exist", name ? name : what);
}

int artifact_find(struct engine *e, const char *what, struct artifact *ret, struct error *err)
{
	auto_layout l = LAYOUT_INIT;
	int at;

	TRY(layout_open(e, false, &l, err));
	TRY(find_at(&l, what, &at, err));
	return layout_load(&l, (size_t)at, ret, err);
}

/* ---- adding ---- */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool has_title(const struct oci_manifest *m, const char *title)
{
	for (size_t i = 0; i < m->layers.n; i++)
		if (streq0(strmap_get(&DESCRIPTOR(&m->layers, i)->annotations, ANNOTATION_TITLE), title))
			return true;
	return false;
}

static int add_layer(struct layout *l, const char *path, const struct artifact_add *o, struct oci_manifest *m,
		     struct error *err)
{
	const char *title = strmap_get(&o->annotations, ANNOTATION_TITLE);

	if (!title && has_title(m, base_name(path)))
		return fail(err, ERROR_EXISTS, "%s: file already exists in artifact", base_name(path));
	if (title && has_title(m, title))
		return fail(err, ERROR_EXISTS, "duplicate layers " ANNOTATION_TITLE " labels within an artifact not allowed");
	struct oci_descriptor *d = list_add(&m->layers, sizeof(*d), err);
	if (!d)
		return -1;
	if (!str_empty(o->file_type))
		TRY(str_set(&d->media_type, o->file_type, err));
	TRY(layout_add_file(l, path, d, err));
	TRY(strmap_copy(&d->annotations, &o->annotations, err));
	return title ? 0 : strmap_set(&d->annotations, ANNOTATION_TITLE, base_name(path), err);
}

static int begin_new(struct layout *l, const struct artifact_add *o, struct oci_manifest *m, struct error *err)
{
	char when[64];
	int64_t ns;

	TRY(commit_time(&ns, err));
	TRY(str_set(&m->artifact_type, str_empty(o->type) ? ARTIFACT_TYPE_UNKNOWN : o->type, err));
	TRY(layout_add_bytes(l, "{}", 2, media_type_name(MEDIA_OCI_EMPTY), &m->config, err));
	TRY(str_set(&m->config.data, "e30=", err));
	return strmap_set(&m->annotations, ANNOTATION_CREATED, time_format_utc(ns, when), err);
}

static int begin_append(struct layout *l, int at, struct oci_manifest *m, struct error *err)
{
	auto_artifact old = {};
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);

	TRY(layout_load(l, (size_t)at, &old, err));
	json_format(&text, old.manifest, 0);
	TRY(buf_ok(&text, "manifest", err));
	return oci_manifest_parse(text.data, text.len, MEDIA_UNKNOWN, m, err);
}

static int check_add(const struct artifact_add *o, const char *name, int at, struct error *err)
{
	if (o->append && o->replace)
		return fail(err, ERROR_INVALID, "--append and --replace options cannot be used together");
	if (o->append && !str_empty(o->type))
		return fail(err, ERROR_INVALID, "append option is not compatible with type option");
	if (o->append && at < 0)
		return fail(err, ERROR_NOT_FOUND, "%s: artifact does not exist", name);
	if (at >= 0 && !o->append && !o->replace)
		return fail(err, ERROR_EXISTS, "%s: artifact already exists", name);
	return 0;
}

static void descriptor_done(struct oci_descriptor *d)
{
	fields_done(oci_descriptor_rows, d);
}

int artifact_add(struct engine *e, const char *name, const struct strv *files, const struct artifact_add *o,
		 char ret_digest[DIGEST_TEXT_MAX], struct error *err)
{
	CLEANUP(descriptor_done) struct oci_descriptor d = {};
	auto_layout l = LAYOUT_INIT;
	auto_manifest m = {};
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	autofree char *full = NULL;

	TRY(artifact_full_name(name, &full, err));
	TRY(layout_open(e, true, &l, err));
	int at = layout_find(&l, full);
	TRY(check_add(o, full, at, err));
	TRY(o->append ? begin_append(&l, at, &m, err) : begin_new(&l, o, &m, err));
	for (size_t i = 0; i < files->n; i++)
		TRY(add_layer(&l, files->v[i], o, &m, err));
	TRY(artifact_format(&m, &text, err));
	TRY(layout_add_bytes(&l, text.data, text.len, media_type_name(MEDIA_OCI_MANIFEST), &d, err));
	TRY(layout_enter(&l, full, &d, err));
	TRY(layout_save(&l, err));
	snprintf(ret_digest, DIGEST_TEXT_MAX, "%s", d.digest);
	engine_event(e, &(struct event){ .type = EVENT_ARTIFACT, .status = EVENT_CREATE, .id = d.digest, .name = full });
	return 0;
}

/* ---- removing ---- */
static int remove_at(struct layout *l, size_t at, struct strv *ret, struct error *err)
{
	struct json_object *entry = json_object_array_get_idx(layout_entries(l), at);
	const char *digest = json_get_str(entry, "digest");

	TRY(strv_add(ret, digest ? digest : "", err));
	engine_event(l->engine, &(struct event){ .type = EVENT_ARTIFACT, .status = EVENT_REMOVE, .id = digest, .name = digest });
	json_object_array_del_idx(layout_entries(l), at, 1);
	return 0;
}

int artifact_remove(struct engine *e, const struct strv *names, bool all, bool ignore, struct strv *ret, struct error *err)
{
	auto_layout l = LAYOUT_INIT;

	engine_make_room(e);
	TRY(layout_open(e, true, &l, err));
	while (all && json_object_array_length(layout_entries(&l)))
		TRY(remove_at(&l, 0, ret, err));
	for (size_t i = 0; !all && i < names->n; i++) {
		int at;
		if (find_at(&l, names->v[i], &at, err) < 0) {
			if (ignore && err->kind == ERROR_NOT_FOUND)
				continue;
			return -1;
		}
		TRY(remove_at(&l, (size_t)at, ret, err));
	}
	return layout_save(&l, err);
}

/* ---- registries ---- */
static int layout_name(const struct layout *l, const char *name, struct transport_name *ret, struct error *err)
{
	ret->transport = TRANSPORT_OCI;
	ret->index = -1;
	TRY(str_set(&ret->path, l->path, err));
	return str_set(&ret->selector, name, err);
}

static int docker_name(const char *name, struct transport_name *ret, struct error *err)
{
	TRY(transport_parse(name, ret, err));
	if (ret->transport != TRANSPORT_NONE && ret->transport != TRANSPORT_DOCKER)
		return fail(err, ERROR_UNSUPPORTED, "%s: artifacts go to and come from registries only", name);
	ret->transport = TRANSPORT_DOCKER;
	TRY(reference_normalize_docker(&ret->reference, err));
	return reference_default_tag(&ret->reference, err);
}

int artifact_pull(struct engine *e, const char *name, const struct image_pull *o, char ret_digest[DIGEST_TEXT_MAX],
		  struct error *err)
{
	auto_transport_name from = { .index = -1 }, to = { .index = -1 };
	struct image_copy c = { .from = o->remote, .progress = o->progress, .accept_uncompressed = true };
	auto_layout l = LAYOUT_INIT;
	autofree char *full = NULL;

	TRY(docker_name(name, &from, err));
	full = reference_text(&from.reference);
	if (!full)
		return fail_oom(err);
	TRY(layout_open(e, true, &l, err));
	TRY(layout_name(&l, full, &to, err));
	TRY(image_copy_parsed(e, &from, NULL, &to, &c, ret_digest, err));
	engine_event(e, &(struct event){ .type = EVENT_ARTIFACT, .status = EVENT_PULL, .id = ret_digest, .name = full });
	return 0;
}

int artifact_push(struct engine *e, const char *what, const char *destination, const struct image_push *o,
		  char ret_digest[DIGEST_TEXT_MAX], struct error *err)
{
	auto_transport_name from = { .index = -1 }, to = { .index = -1 };
	struct image_copy c = { .to = o->remote, .from = { .insecure_policy = true }, .progress = o->progress,
				.signing = o->signing };
	auto_layout l = LAYOUT_INIT;
	auto_artifact a = {};
	int at;

	TRY(layout_open(e, false, &l, err));
	TRY(find_at(&l, what, &at, err));
	TRY(layout_load(&l, (size_t)at, &a, err));
	TRY(docker_name(destination ? destination : a.name, &to, err));
	TRY(layout_name(&l, a.name, &from, err));
	TRY(image_copy_parsed(e, &from, NULL, &to, &c, ret_digest, err));
	engine_event(e, &(struct event){ .type = EVENT_ARTIFACT, .status = EVENT_PUSH, .id = a.digest, .name = a.name });
	return 0;
}
