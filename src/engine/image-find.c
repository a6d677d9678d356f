/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/registries-conf.h"
#include "engine/image-list.h"
#include "engine/manifest-list.h"

/* The prefixes a short name may be looked up under, as registries.conf says. */
static int search_prefixes(struct engine *e, const char *what, struct strv *ret, struct error *err)
{
	auto_registries_conf conf = {};

	TRY(registries_conf_load(&conf, &e->paths, err));
	const char *alias = strmap_get(&conf.aliases, what);
	if (alias) {   /* "busybox" = "docker.io/library/busybox": the prefix is what stands before the short name */
		size_t n = strlen(alias), m = strlen(what);
		if (n > m && alias[n - m - 1] == '/' && streq(alias + n - m, what))
			TRY(strv_add_n(ret, alias, n - m - 1, err));
	}
	for (size_t i = 0; i < conf.unqualified_search.n; i++) {
		const char *registry = conf.unqualified_search.v[i];
		if (streq(registry, "docker.io") && !strchr(what, '/'))
			TRY(strv_add(ret, "docker.io/library", err));
		else
			TRY(strv_add(ret, registry, err));
	}
	return 0;
}

static int find(struct engine *e, const char *what, unsigned want, struct store_image *ret, char **ret_name,
		struct error *err)
{
	auto_strv search = {};
	struct error first = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	if (str_empty(what))
		return fail(err, ERROR_INVALID, "image name or ID cannot be empty");
	int r = store_image_find(s, what, NULL, want, ret, ret_name, &first);
	if (r > 0)
		return r;
	if ((r < 0 && first.kind != ERROR_INVALID) || registry_name_is_full(what)) {
		*err = first;
		return r;
	}
	TRY(search_prefixes(e, what, &search, err));
	if (search.n)
		return store_image_find(s, what, &search, want, ret, ret_name, err);
	*err = first;
	return r;
}

int image_find(struct engine *e, const char *what, unsigned want, struct store_image *ret, char **ret_name,
	       struct error *err)
{
	static const char transport[] = "containers-storage:";
	const char *name = str_after(what, transport) ? what + sizeof(transport) - 1 : what;
	auto_store_image found = {};
	int r = find(e, name, want & STORE_IMAGE_ALL, &found, ret_name, err);

	if (r <= 0)
		return r ? r : fail(err, ERROR_NOT_FOUND, "%s: image not known", what);
	if (!(want & IMAGE_LIST_ITSELF) && media_type_kind(media_type_parse(found.manifest_type)) == MEDIA_KIND_INDEX)
		return manifest_list_choose(e, &found, what, NULL, want, ret, err);
	*ret = found;
	found = (struct store_image){};
	return r;
}

int image_exists(struct engine *e, const char *what, struct error *err)
{
	auto_store_image image = {};

	return find(e, what, 0, &image, NULL, err);
}
