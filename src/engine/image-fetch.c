/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/image-fetch.h"

#include <string.h>

#include "conf/helpers.h"
#include "engine/image-remote.h"
#include "engine/image-trust.h"

struct image_fetch {
	struct engine *engine;
	const struct image_remote *remote;
	struct registries_conf conf;
	struct reference repository;
	struct image_transfer t;
	char *place;                 /* the one that is connected */
};

void image_fetch_free(struct image_fetch *f)
{
	if (!f)
		return;
	source_free(f->t.source);   /* the stage is the caller's */
	registries_conf_done(&f->conf);
	reference_done(&f->repository);
	free(f->place);
	free(f);
}

static int fetch_init(struct image_fetch *f, const char *repository, struct stage *stage, struct error *err)
{
	autofree char *worker = NULL;

	TRY(engine_store(f->engine, &f->t.store, err));
	TRY(helper_find("umiak-worker", &worker, err));
	TRY(reference_parse(repository, &f->repository, err));
	TRY(registries_conf_load(&f->conf, &f->engine->paths, err));
	f->t.engine = f->engine;
	f->t.stage = stage;
	f->t.trees_only = true;
	const struct source_options o = { .worker = worker, .log = f->engine->log, .stage_fd = stage_fd(stage),
					  .userns = f->engine->paths.rootless,
					  .ignore_chown = f->engine->storage.ignore_chown_errors, .parallel = f->engine->opt.max_workers };
	return source_new(&o, &f->t.source, err);
}

int image_fetch_open(struct engine *e, const char *repository, const struct image_remote *remote, struct stage *stage,
		     struct image_fetch **ret, struct error *err)
{
	auto_image_fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return fail_oom(err);
	f->engine = e;
	f->remote = remote;
	TRY(fetch_init(f, repository, stage, err));
	*ret = take_ptr(f);
	return 0;
}

static int connect_to(struct image_fetch *f, const struct registry_source *place, const struct reference *at, struct error *err)
{
	auto_endpoint ep = {};

	if (streq0(f->place, place->name))
		return 0;
	TRY(endpoint_params(f->engine, f->remote, &f->conf, at, place->insecure, &ep, err));
	TRY(source_open_registry(f->t.source, &ep, &ep.cert_dirs, err));
	return str_set(&f->place, place->name, err);
}

static int check_trust(struct image_fetch *f, const char *scope, const struct reference *name, const struct reference *at,
		       const struct source_image *i, struct error *err)
{
	auto_strv digests = {};

	TRY(strv_add(&digests, i->manifest_digest ? i->manifest_digest : "", err));
	TRY(strv_copy(&digests, &i->index_digests, err));
	const struct image_origin o = { .transport = TRANSPORT_DOCKER, .scope = scope, .name = name, .place = at,
					.remote = f->remote, .digests = &digests };
	return image_trust_check(f->engine, f->remote->signature_policy, &o, err);
}

static int fetch_from(struct image_fetch *f, const struct registry_source *place, const struct reference *name, const char *scope,
		      struct source_image *ret, struct error *err)
{
	auto_reference at = {};
	auto_source_image i = {};

	TRY(reference_parse(place->name, &at, err));
	TRY(str_set(&at.tag, name->tag, err));
	TRY(connect_to(f, place, &at, err));
	TRY(source_get_image(f->t.source, at.tag, 0, NULL, &i, err));
	TRY(check_trust(f, scope, name, &at, &i, err));
	*ret = i;
	i = (struct source_image){};
	return 1;
}

int image_fetch_tag(struct image_fetch *f, const char *tag, struct source_image *ret, struct error *err)
{
	auto_reference name = {};
	CLEANUP(registry_sources_done) struct list places = {};
	autofree char *repository = reference_name(&f->repository), *scope = NULL;
	int r = 0;

	if (!repository)
		return fail_oom(err);
	TRY(reference_copy(&f->repository, &name, err));
	TRY(str_set(&name.tag, tag, err));
	scope = reference_text(&name);
	if (!scope)
		return fail_oom(err);
	TRY(image_trust_precheck(f->engine, f->remote->signature_policy, TRANSPORT_DOCKER, scope, err));
	TRY(registries_conf_sources(&f->conf, repository, &places, err));
	for (size_t k = 0; r != 1 && k < places.n; k++)
		r = fetch_from(f, &((struct registry_source *)places.v)[k], &name, scope, ret, err);
	return r < 0 && err->kind == ERROR_NOT_FOUND ? 0 : r;
}

int image_fetch_layers(struct image_fetch *f, struct source_image *i, struct error *err)
{
	return image_bring_layers(&f->t, i, err);
}
