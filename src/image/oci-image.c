/* SPDX-License-Identifier: Apache-2.0
 * image/oci-image.c - manifests and indexes: rows, and the checks that make a parsed document safe to act on. */
#include "image/oci-image.h"

#include <string.h>

#include "base/json.h"

const struct field oci_descriptor_rows[] = {
	{ F_STR(struct oci_descriptor, media_type), .json = "mediaType" },
	{ F_STR(struct oci_descriptor, digest), .json = "digest", .flags = FIELD_REQUIRED },
	{ F_INT(struct oci_descriptor, size), .json = "size", .flags = FIELD_REQUIRED | FIELD_ALWAYS },
	{ F_STRV(struct oci_descriptor, urls), .json = "urls" },
	{ F_MAP(struct oci_descriptor, annotations), .json = "annotations" },
	{ F_STR(struct oci_descriptor, data), .json = "data" },
	{ F_OPT_OBJECT(struct oci_descriptor, platform, struct platform, platform_rows), .json = "platform" },
	{ F_STR(struct oci_descriptor, artifact_type), .json = "artifactType" },
	{},
};

const struct field oci_manifest_rows[] = {
	{ F_INT(struct oci_manifest, schema_version), .json = "schemaVersion" },
	{ F_STR(struct oci_manifest, media_type), .json = "mediaType" },
	{ F_STR(struct oci_manifest, artifact_type), .json = "artifactType" },
	{ F_OBJECT(struct oci_manifest, config, oci_descriptor_rows), .json = "config" },
	{ F_LIST(struct oci_manifest, layers, struct oci_descriptor, oci_descriptor_rows), .json = "layers" },
	{ F_LIST(struct oci_manifest, manifests, struct oci_descriptor, oci_descriptor_rows), .json = "manifests" },
	{ F_OPT_OBJECT(struct oci_manifest, subject, struct oci_descriptor, oci_descriptor_rows), .json = "subject" },
	{ F_MAP(struct oci_manifest, annotations), .json = "annotations" },
	{},
};

void oci_manifest_done(struct oci_manifest *m)
{
	fields_done(oci_manifest_rows, m);
	m->type = MEDIA_UNKNOWN;
}

static int check_descriptor(const struct oci_descriptor *d, const char *what, size_t i, int64_t max, struct error *err)
{
	if (!digest_is_valid(d->digest))
		return fail(err, ERROR_CORRUPT, "%s %zu: invalid digest \"%.80s\"", what, i, d->digest ? d->digest : "");
	if (d->size < 0 || d->size > max)
		return fail(err, ERROR_CORRUPT, "%s %zu: size %lld is out of bounds", what, i, (long long)d->size);
	return 0;
}

/* Members as written, without regard to case: Go's readers fold keys, so "Layers" beside "layers" is two readings. */
static int check_members(struct json_object *tree, struct error *err)
{
	json_object_object_foreach(tree, a, va) {
		(void)va;
		json_object_object_foreach(tree, b, vb) {
			(void)vb;
			if (a != b && strcasecmp(a, b) == 0)
				return fail(err, ERROR_CORRUPT, "members \"%.40s\" and \"%.40s\" differ only in case", a, b);
		}
	}
	return 0;
}

static bool has(struct json_object *tree, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(tree, name, &v);
}

/* One document, one meaning (CVE-2021-41190): what kind it is by its members. */
static int shape_of(struct json_object *tree, enum media_kind *ret, struct error *err)
{
	bool index = has(tree, "manifests"), manifest = has(tree, "layers") || has(tree, "config");

	if (has(tree, "fsLayers") || has(tree, "signatures"))
		return fail(err, ERROR_UNSUPPORTED, "Docker schema 1 manifests are no longer supported: push the image again "
			    "with a current tool");
	if (index && manifest)
		return fail(err, ERROR_CORRUPT, "the document has members of both a manifest and an index");
	if (!index && !manifest)
		return fail(err, ERROR_CORRUPT, "neither a manifest nor an index");
	*ret = index ? MEDIA_KIND_INDEX : MEDIA_KIND_MANIFEST;
	return 0;
}

static enum media_type default_type(const struct oci_manifest *m, enum media_kind shape)
{
	bool docker = media_type_parse(m->config.media_type) == MEDIA_DOCKER_CONFIG;

	if (shape == MEDIA_KIND_INDEX)
		return MEDIA_OCI_INDEX;
	return docker ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST;
}

static int decide_type(struct oci_manifest *m, enum media_kind shape, enum media_type hint, struct error *err)
{
	enum media_type said = media_type_parse(m->media_type);

	if (m->media_type && *m->media_type && media_type_kind(said) != shape)
		return fail(err, ERROR_CORRUPT, "mediaType \"%.100s\" does not fit the document", m->media_type);
	if (hint != MEDIA_UNKNOWN && media_type_kind(hint) == MEDIA_KIND_SCHEMA1)
		return fail(err, ERROR_UNSUPPORTED, "Docker schema 1 manifests are no longer supported");
	if (hint != MEDIA_UNKNOWN && media_type_kind(hint) != shape)
		return fail(err, ERROR_CORRUPT, "announced as \"%s\", but the document is something else",
			    media_type_name(hint));
	if (said != MEDIA_UNKNOWN && hint != MEDIA_UNKNOWN && said != hint)
		return fail(err, ERROR_CORRUPT, "announced as \"%s\", but mediaType is \"%s\"", media_type_name(hint),
			    media_type_name(said));
	m->type = said != MEDIA_UNKNOWN ? said : hint != MEDIA_UNKNOWN ? hint : default_type(m, shape);
	return 0;
}

static int check_manifest(const struct oci_manifest *m, struct error *err)
{
	if (m->schema_version != 2)
		return fail(err, ERROR_CORRUPT, "schemaVersion %lld is not 2", (long long)m->schema_version);
	if (oci_manifest_is_index(m)) {
		if (m->manifests.n > INDEX_MANIFESTS_MAX)
			return fail(err, ERROR_CORRUPT, "more than %d manifests", INDEX_MANIFESTS_MAX);
		for (size_t i = 0; i < m->manifests.n; i++)
			TRY(check_descriptor(DESCRIPTOR(&m->manifests, i), "manifest", i, MANIFEST_BYTES_MAX, err));
		return 0;
	}
	if (m->layers.n > IMAGE_LAYERS_MAX)
		return fail(err, ERROR_UNSUPPORTED, "%zu layers; at most %d can be mounted", m->layers.n, IMAGE_LAYERS_MAX);
	TRY(check_descriptor(&m->config, "config", 0, CONFIG_BYTES_MAX, err));
	for (size_t i = 0; i < m->layers.n; i++)
		TRY(check_descriptor(DESCRIPTOR(&m->layers, i), "layer", i, BLOB_BYTES_MAX, err));
	return m->subject ? check_descriptor(m->subject, "subject", 0, MANIFEST_BYTES_MAX, err) : 0;
}

static int parse(struct json_object *tree, enum media_type hint, struct oci_manifest *m, struct error *err)
{
	enum media_kind shape;

	if (!json_object_is_type(tree, json_type_object))
		return fail(err, ERROR_CORRUPT, "not a JSON object");
	TRY(check_members(tree, err));
	TRY(shape_of(tree, &shape, err));
	if (fields_load(oci_manifest_rows, FIELD_COLUMN_JSON, tree, m, NULL, err) < 0)
		return err->kind = ERROR_CORRUPT, -1;
	TRY(decide_type(m, shape, hint, err));
	return check_manifest(m, err);
}

int oci_manifest_parse(const void *bytes, size_t len, enum media_type type_hint, struct oci_manifest *ret,
		       struct error *err)
{
	struct json_limits limits = { .max_bytes = MANIFEST_BYTES_MAX, .max_depth = 32, .unique_keys = true };
	auto_json *tree = NULL;
	auto_manifest m = {};

	if (json_parse("manifest", bytes, len, &limits, &tree, err) < 0)
		return err->kind = ERROR_CORRUPT, -1;
	if (parse(tree, type_hint, &m, err) < 0)
		return fail_wrap(err, "manifest");
	*ret = m;
	m = (struct oci_manifest){};
	return 0;
}

static const char *const refusals[] = {
	[MEDIA_KIND_FOREIGN_LAYER] = "a foreign (non-distributable) layer",
	[MEDIA_KIND_ENCRYPTED_LAYER] = "an encrypted layer",
};

int oci_manifest_check_layers(const struct oci_manifest *m, struct error *err)
{
	for (size_t i = 0; i < m->layers.n; i++) {
		const struct oci_descriptor *d = DESCRIPTOR(&m->layers, i);
		enum media_kind kind = media_type_kind(media_type_parse(d->media_type));
		if (kind == MEDIA_KIND_LAYER)
			continue;
		if (kind < ARRAY_LEN(refusals) && refusals[kind])
			return fail(err, ERROR_UNSUPPORTED, "layer %zu (%s) is %s, which is not supported", i, d->digest,
				    refusals[kind]);
		return fail(err, ERROR_UNSUPPORTED, "layer %zu (%s) has the media type \"%.100s\": not an image layer", i,
			    d->digest, d->media_type ? d->media_type : "");
	}
	return 0;
}
