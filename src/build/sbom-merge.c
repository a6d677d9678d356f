/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom-merge.h"

#include <string.h>

#include "base/json.h"

/* What the two kinds of documents call things. */
static const struct dialect {
	const char *name;         /* of the strategy */
	const char *list, *version;
} dialects[] = {
	[SBOM_CAT] = { .name = "cat" },
	[SBOM_CYCLONEDX] = { "merge-cyclonedx-by-component-name-and-version", "components", "version" },
	[SBOM_SPDX] = { "merge-spdx-by-package-name-and-versioninfo", "packages", "versionInfo" },
};

int sbom_strategy_parse(const char *s, enum sbom_strategy *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
		if (streq(dialects[i].name, s)) {
			*ret = (enum sbom_strategy)i;
			return 0;
		}
	return fail(err, ERROR_INVALID, "unrecognized --sbom-merge-strategy \"%s\"", s);
}

static const char *spdx_purl(struct json_object *package)
{
	struct json_object *refs = json_get_array(package, "externalRefs");

	for (size_t i = 0; refs && i < json_object_array_length(refs); i++) {
		struct json_object *one = json_object_array_get_idx(refs, i);
		if (json_object_is_type(one, json_type_object) && streq0(json_get_str(one, "referenceCategory"), "PACKAGE-MANAGER") &&
		    streq0(json_get_str(one, "referenceType"), "purl"))
			return json_get_str(one, "referenceLocator");
	}
	return NULL;
}

/* The key of an entry; its purl is noted. */
static int look_at(enum sbom_strategy how, struct json_object *one, char **ret, struct strv *purls, struct error *err)
{
	const struct dialect *d = &dialects[how];
	const char *name = json_object_is_type(one, json_type_object) ? json_get_str(one, "name") : NULL;

	if (!name)
		return fail(err, ERROR_INVALID, "an entry of \"%s\" has no name", d->list);
	const char *version = json_get_str(one, d->version);
	const char *purl = how == SBOM_SPDX ? spdx_purl(one) : json_get_str(one, "purl");
	if (!str_empty(purl))
		TRY(strv_add(purls, purl, err));
	return str_printf(ret, err, "%s%s%s", name, str_empty(version) ? "" : "@", version ? version : "");
}

/* Entries of `from` whose key is not among the base's go there. */
static int merge_list(enum sbom_strategy how, struct json_object *base, struct json_object *from, struct strv *purls, struct error *err)
{
	struct json_object *to = json_get_array(base, dialects[how].list), *v = json_get_array(from, dialects[how].list);
	auto_strmap seen = {};

	if (!to && v) {
		to = json_object_new_array();
		TRY(json_add(base, dialects[how].list, to, err));
	}
	for (size_t i = 0; to && i < json_object_array_length(to); i++) {
		autofree char *key = NULL;
		TRY(look_at(how, json_object_array_get_idx(to, i), &key, purls, err));
		TRY(strmap_set(&seen, key, "", err));
	}
	for (size_t i = 0; v && v != to && i < json_object_array_length(v); i++) {
		autofree char *key = NULL;
		struct json_object *one = json_object_array_get_idx(v, i);
		TRY(look_at(how, one, &key, purls, err));
		if (strmap_get(&seen, key))
			continue;
		if (json_object_array_add(to, json_object_get(one)) < 0)
			return fail_oom(err);
	}
	return 0;
}

static int merge_json(enum sbom_strategy how, const struct strv *documents, struct buf *ret, struct strv *purls, struct error *err)
{
	auto_json *base = NULL;

	for (size_t i = 0; i < documents->n; i++) {
		auto_json *one = NULL;
		if (json_parse("bill of materials", documents->v[i], strlen(documents->v[i]), NULL, i ? &one : &base, err) < 0)
			return fail_wrap(err, "merging scan %zu", i);
		if (!json_object_is_type(i ? one : base, json_type_object))
			return fail(err, ERROR_INVALID, "scan %zu: not a JSON object", i);
		TRY(merge_list(how, base, i ? one : base, purls, err));
	}
	json_format(ret, base, 0);
	buf_add_char(ret, '\n');
	return buf_ok(ret, "bill of materials", err);
}

static void write_purls(struct strv *purls, struct buf *to)
{
	const char *before = NULL;

	strv_sort(purls);
	buf_add_str(to, "{\"image_contents\":{");
	for (size_t i = 0; i < purls->n; i++) {
		if (before && streq(before, purls->v[i]))
			continue;
		buf_add_str(to, before ? "," : "\"dependencies\":[");
		buf_add_json(to, purls->v[i]);
		before = purls->v[i];
	}
	buf_add_str(to, before ? "]}}\n" : "}}\n");
}

int sbom_merge(enum sbom_strategy how, const struct strv *documents, struct buf *ret, struct buf *ret_purls, struct error *err)
{
	auto_strv purls = {};

	if (how != SBOM_CAT && documents->n)
		TRY(merge_json(how, documents, ret, &purls, err));
	for (size_t i = 0; how == SBOM_CAT && i < documents->n; i++)
		buf_add_str(ret, documents->v[i]);
	write_purls(&purls, ret_purls);
	TRY(buf_ok(ret, "bill of materials", err));
	return buf_ok(ret_purls, "package URLs", err);
}
