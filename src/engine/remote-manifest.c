/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/helpers.h"
#include "engine/image-remote.h"

static int try_place(struct engine *e, const struct image_remote *o, const struct registries_conf *conf,
		     const struct registry_source *place, struct reference *at, struct repository **ret,
		     struct repository_document *doc, struct error *err)
{
	auto_repository *repository = NULL;
	auto_endpoint ep = {};
	autofree char *worker = NULL;

	TRY(reference_parse(place->name, at, err));
	TRY(reference_default_tag(at, err));
	TRY(endpoint_params(e, o, conf, at, place->insecure, &ep, err));
	TRY(helper_find("umiak-worker", &worker, err));
	TRY(repository_open(&(struct repository_options){ worker, e->log }, &ep, &repository, err));
	int found = repository_get_manifest(repository, at->digest ? at->digest : at->tag, doc, err);
	if (found <= 0)
		return found ? found : fail(err, ERROR_NOT_FOUND, "reading manifest %s in %s/%s: manifest unknown",
					    at->digest ? at->digest : at->tag, at->domain, at->path);
	*ret = take_ptr(repository);
	return 0;
}

int remote_manifest_read(struct engine *e, const struct image_remote *o, const struct reference *r,
			 struct repository_document *ret, struct repository **ret_repository, struct reference *ret_place,
			 struct error *err)
{
	auto_registries_conf conf = {};
	CLEANUP(registry_sources_done) struct list places = {};
	autofree char *name = reference_text(r);
	auto_repository *repository = NULL;
	auto_reference at = {};

	if (!name)
		return fail_oom(err);
	TRY(registries_conf_load(&conf, &e->paths, err));
	TRY(registries_conf_sources(&conf, name, &places, err));
	int result = fail(err, ERROR_NOT_FOUND, "%s: no place to get it from", name);
	for (size_t i = 0; result < 0 && i < places.n; i++) {
		reference_done(&at);
		at = (struct reference){};
		result = try_place(e, o, &conf, &((struct registry_source *)places.v)[i], &at, &repository, ret, err);
	}
	if (result < 0)
		return result;
	if (ret_repository)
		*ret_repository = take_ptr(repository);
	if (ret_place) {
		*ret_place = at;
		at = (struct reference){};
	}
	return 0;
}
