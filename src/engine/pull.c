/* SPDX-License-Identifier: Apache-2.0
 * engine/pull.c - the image a container is made of. */
#include "engine/pull.h"

#include <string.h>

#include "engine/image-list.h"
#include "engine/image.h"
#include "engine/manifest-list.h"

static int decide_policy(const struct engine *e, const struct params_image *p, enum pull_policy *ret, struct error *err)
{
	const char *given = p->pull ? p->pull : e->conf.engine.pull_policy;

	*ret = PULL_MISSING;
	return str_empty(given) ? 0 : pull_policy_parse(given, ret, err);
}

/* The same settings under the pull command's names; everything is borrowed. */
static struct image_pull pull_options(const struct engine *e, const struct params_image *p, enum pull_policy policy)
{
	struct image_pull o = {
		.remote = { .authfile = p->authfile, .cert_dir = p->cert_dir, .creds = p->creds,
			    .signature_policy = p->signature_policy, .tls_verify = p->tls_verify, .retry = p->retry,
			    .retry_delay = p->retry_delay },
		.policy = (int)policy, .os = p->os, .arch = p->arch, .variant = p->variant, .platform = p->platform,
		.decryption_keys = p->decryption_keys,
	};

	if (e->progress && !p->quiet)
		o.progress = *e->progress;
	return o;
}

/* A list that is here has an image for the platform that is asked for: 1; 0: it is no list, or no platform is. */
static int find_in_list(struct engine *e, const char *what, const struct params_image *p, unsigned want, struct store_image *ret,
			char **ret_name, struct error *err)
{
	CLEANUP(platform_done) struct platform given = {};
	auto_store_image list = {};
	autofree char *name = NULL;

	if (p->platform)
		TRY(platform_parse(p->platform, &given, err));
	const struct platform *asked = &given, words = { .os = p->os, .architecture = p->arch, .variant = p->variant };
	if (!p->platform)
		asked = &words;
	if (!asked->os && !asked->architecture && !asked->variant)
		return 0;
	if (image_find(e, what, IMAGE_LIST_ITSELF, &list, &name, err) <= 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	if (media_type_kind(media_type_parse(list.manifest_type)) != MEDIA_KIND_INDEX)
		return 0;
	int r = manifest_list_choose(e, &list, what, asked, want, ret, err);
	if (r > 0 && ret_name)
		*ret_name = take_ptr(name);
	return r;
}

/* Was another platform asked for than the image is of? */
static bool is_other_platform(const struct store_image *i, const struct params_image *p)
{
	CLEANUP(platform_done) struct platform given = {};
	struct error ignored;

	if (p->platform && platform_parse(p->platform, &given, &ignored) < 0)
		return false;
	const char *os = p->platform ? given.os : p->os, *arch = p->platform ? given.architecture : p->arch;
	return (!str_empty(os) && !streq0(i->os, os)) || (!str_empty(arch) && !streq0(i->arch, arch));
}

/* Found here, but for another machine: the registry may have the one that is meant. 1: it is here now. */
static int bring_platform(struct engine *e, const char *what, const struct params_image *p, unsigned want, struct store_image *ret,
			  char **ret_name, struct error *err)
{
	const struct image_pull o = pull_options(e, p, PULL_ALWAYS);
	auto_strv ids = {};
	struct error ignored;

	if (!is_other_platform(ret, p) || str_after(ret->id, what) || str_after(what, "localhost/") ||
	    image_pull(e, what, &o, &ids, &ignored) < 0)
		return 0;
	store_image_done(ret);
	if (image_find(e, what, want, ret, ret_name, &ignored) > 0 && streq(ret->id, ids.v[0]))
		return 1;
	store_image_done(ret);
	return image_find(e, ids.v[0], want, ret, ret_name, err);
}

int image_obtain(struct engine *e, const char *what, const struct params_image *p, unsigned want, struct store_image *ret,
		 char **ret_name, struct error *err)
{
	enum pull_policy policy;
	struct error missing = {};
	auto_strv ids = {};

	TRY(decide_policy(e, p, &policy, err));
	if (policy == PULL_MISSING || policy == PULL_NEVER) {
		if (find_in_list(e, what, p, want, ret, ret_name, &missing) > 0 || image_find(e, what, want, ret, ret_name, &missing) > 0) {
			if (policy == PULL_MISSING && bring_platform(e, what, p, want, ret, ret_name, err) < 0)
				return -1;
			if (!str_after(ret->id, what) && !str_after(what, "sha256:"))
				image_pull_event(e, ret->id, what);   /* as Podman: to get at an image is a pull, wherever it is */
			return 0;
		}
		if (policy == PULL_NEVER || missing.kind != ERROR_NOT_FOUND) {
			*err = missing;
			return -1;
		}
		policy = PULL_ALWAYS;   /* we have just looked */
	}
	struct image_pull o = pull_options(e, p, policy);
	if (image_pull(e, what, &o, &ids, err) < 0) {
		/* "newer" is satisfied by what is here when nobody answers. */
		bool have = policy == PULL_NEWER && image_find(e, what, want, ret, ret_name, &missing) > 0;
		return have ? 0 : -1;
	}
	if (image_find(e, what, want, ret, ret_name, &missing) > 0 && streq(ret->id, ids.v[0]))
		return 0;
	store_image_done(ret);   /* an archive or directory: its image has a name of its own, or none */
	return image_find(e, ids.v[0], want, ret, ret_name, err) < 0 ? -1 : 0;
}
