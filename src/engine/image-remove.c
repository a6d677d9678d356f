/* SPDX-License-Identifier: Apache-2.0
 * engine/image-remove.c - who goes when an image goes.
 *
 * `rmi NAME` takes the name away while others remain; the last name takes the image with it. An id with several names
 * is refused without force, so that nobody loses names by a typo. Containers that use the image are an error, or with
 * force are removed first. Then unnamed parents (steps of a build) go that nothing else is made of. */
#include "engine/image-remove.h"

#include "engine/container.h"
#include "engine/event.h"
#include "engine/image-list.h"
#include "engine/image-mount.h"
#include "engine/image-remove-stores.h"
#include "engine/pod.h"
#include "image/oci-image.h"
#include "image/reference.h"
#include "store/step-image.h"

static void write_event(struct engine *e, enum event_status status, const char *id, const char *name)
{
	engine_event(e, &(struct event){ .type = EVENT_IMAGE, .status = status, .id = id, .name = name });
}

/* ---- names ---- */
static int normalize(const char *name, char **ret, struct error *err)
{
	auto_reference r = {};

	if (str_after(name, "sha256:"))
		return fail(err, ERROR_INVALID, "%s: tag by digest not supported", name);
	TRY(reference_parse(name, &r, err));
	TRY(reference_normalize_local(&r, err));
	*ret = reference_text(&r);
	return *ret ? 0 : fail_oom(err);
}

int image_tag(struct engine *e, const char *what, const char *name, struct error *err)
{
	auto_store_image image = {};
	autofree char *full = NULL;
	struct engine *owner;
	struct store *s;

	TRY(image_find(e, what, IMAGE_LIST_ITSELF, &image, NULL, err));
	TRY(engine_of_image(e, image.read_only, &owner, err));
	TRY(engine_store(owner, &s, err));
	if (normalize(name, &full, err) < 0)
		return fail_wrap(err, "normalizing name \"%s\"", name);
	if (strchr(full, '@'))
		return fail(err, ERROR_INVALID, "%s: tag by digest not supported", name);
	TRY(store_image_tag(s, image.id, full, err));
	write_event(e, EVENT_TAG, image.id, name);   /* as it was typed */
	return 0;
}

static int untag_one(struct engine *e, const struct store_image *image, const char *full, const char *shown,
		     struct error *err)
{
	struct engine *owner;
	struct store *s;

	TRY(engine_of_image(e, image->read_only, &owner, err));
	TRY(engine_store(owner, &s, err));
	int r = store_image_untag(s, image->id, full, err);
	if (r < 0)
		return r;
	if (!r)
		return fail(err, ERROR_NOT_FOUND, "%s: tag not known", shown);
	write_event(e, EVENT_UNTAG, image->id, full);
	return 0;
}

int image_untag(struct engine *e, const char *what, const struct strv *names, struct error *err)
{
	auto_store_image image = {};

	TRY(image_find(e, what, STORE_IMAGE_NAMES | IMAGE_LIST_ITSELF, &image, NULL, err));
	for (size_t i = 0; !names->n && i < image.names.n; i++)
		TRY(untag_one(e, &image, image.names.v[i], image.names.v[i], err));
	for (size_t i = 0; i < names->n; i++) {
		autofree char *full = NULL;
		TRY(normalize(names->v[i], &full, err));
		TRY(untag_one(e, &image, full, full, err));
	}
	return 0;
}

/* ---- removal ---- */
void image_removal_done(struct image_removal *r)
{
	strv_done(&r->untagged);
	strv_done(&r->deleted);
}

/* A container made from the image; of a pod's infra container nothing remains without it, so the pod goes. */
static int remove_user(struct engine *e, struct ctr *c, struct error *err)
{
	const struct ctr_remove_options how = { .force = true, .depend = true, .volumes = true, .timeout = { true, 0 } };
	const struct pod_remove_options all = { .force = true, .timeout = { true, 0 } };
	auto_pod *pod = NULL;

	if (!c->at.record.infra || !c->at.record.pod)
		return ctr_remove(c, &how, NULL, err);
	TRY(pod_find(e, c->at.record.pod, &pod, err));
	return pod_remove(pod, &all, &(struct pod_report){}, err);
}

static int remove_containers(struct engine *e, const char *image_id, struct error *err)
{
	auto_ctr_list all = {};

	TRY(ctr_list(e, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		const char *used = all.v[i]->at.record.image_id;
		struct error why = {};
		if (!used || !streq(used, image_id))
			continue;
		if (remove_user(e, all.v[i], &why) < 0 && why.kind != ERROR_NOT_FOUND) {
			*err = why;
			return fail_wrap(err, "removing container %s using image %s", all.v[i]->id, image_id);
		}
	}
	return 0;
}

static int in_use(const struct store_image_removal *gone, struct error *err)
{
	return fail(err, ERROR_IN_USE,
		    "image used by %s: image is in use by a container: consider listing external containers and "
		    "force-removing image", gone->ret_users.n ? gone->ret_users.v[0] : "a container");
}

/* A mounted image is in use, too. */
static int unmount(struct engine *e, const char *id, bool force, struct error *err)
{
	autofree char *path = NULL;
	int mounted = image_mounted(e, id, &path, err);

	if (mounted <= 0)
		return mounted;
	if (!force)
		return fail(err, ERROR_IN_USE, "image %s is mounted at %s: image is in use: unmount it first", id, path);
	return image_unmount(e, id, true, err) < 0 ? -1 : 0;
}

/* The image itself, with all its names. `what`: how it was called, for the event; NULL: nobody did. */
static int remove_whole(struct engine *e, const struct store_image *image, const char *what, struct image_removal *r,
			struct error *err)
{
	CLEANUP(store_image_removal_done) struct store_image_removal gone = { .force = r->force };
	struct engine *owner;
	struct store *s;

	TRY(engine_of_image(e, image->read_only, &owner, err));
	TRY(engine_store(owner, &s, err));
	int children = store_image_children(s, image->id, NULL, err);
	TRY(children);
	if (e->split)
		TRY(image_removal_check(owner, image->id, err));
	if (r->force)
		TRY(remove_containers(e, image->id, err));
	else if (owner != e)
		TRY(image_removal_users(e, image->id, &gone.ret_users, err));
	if (gone.ret_users.n)
		return in_use(&gone, err);
	TRY(unmount(e, image->id, r->force, err));
	if (store_image_remove(s, image->id, &gone, err) < 0)
		return err->kind == ERROR_IN_USE ? in_use(&gone, err) : -1;
	for (size_t i = image->names.n; i > 0; i--)   /* the newest first */
		write_event(e, EVENT_UNTAG, image->id, image->names.v[i - 1]);
	write_event(e, EVENT_REMOVE, image->id, what ? what : "");
	TRY(strv_copy(&r->untagged, &image->names, err));
	r->bytes += gone.ret_bytes;
	/* With children its content is still there: "deleted" would promise room that is not freed. */
	return children ? 0 : strv_add(&r->deleted, image->id, err);
}

/* Was `parent` a step on the way to `child`: a true prefix of its layers and of its history? */
static bool is_parent(const struct store_image *parent, const struct store_image *child)
{
	auto_image_config a = {}, b = {};
	struct error ignored = {};

	if (parent->n_layers > child->n_layers || !parent->config || !child->config)
		return false;
	for (size_t i = 0; i < parent->n_layers; i++)
		if (!streq(parent->layers[i].diff_id, child->layers[i].diff_id))
			return false;
	if (image_config_parse(parent->config, strlen(parent->config), &a, &ignored) < 0 ||
	    image_config_parse(child->config, strlen(child->config), &b, &ignored) < 0 || a.history.n >= b.history.n)
		return false;
	const struct image_history *x = a.history.v, *y = b.history.v;
	for (size_t i = 0; i < a.history.n; i++)
		if (!streq0(x[i].created_by, y[i].created_by) || !streq0(x[i].created, y[i].created))
			return false;
	return true;
}

/* Unnamed parents without other children and without containers follow their last child. */
static int remove_parents(struct engine *e, const struct store_image *child, struct image_removal *r, struct error *err)
{
	auto_store_image_list all = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(store_image_list(s, STORE_IMAGE_ALL, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		const struct store_image *p = &all.v[i];
		struct error ignored = {};
		if (p->names.n || p->containers || p->read_only || streq(p->id, child->id) || !is_parent(p, child))
			continue;
		int children = store_image_children(s, p->id, NULL, err);
		TRY(children);
		if (!children)
			(void)remove_whole(e, p, NULL, r, &ignored);
	}
	return 0;
}

/* ---- steps of builds ---- */
/* One that was named once is an image as well. */
static int remove_named_step(struct engine *e, struct store *s, const char *id, struct image_removal *r, struct error *err)
{
	auto_store_image image = {};
	int found = store_image_get(s, id, STORE_IMAGE_NAMES, &image, err);

	return found == 1 && !image.read_only ? remove_whole(e, &image, NULL, r, err) : found;
}

static int drop_steps(struct engine *e, struct store *s, const struct strv *ids, struct image_removal *r, struct error *err)
{
	auto_strv going = {};

	for (size_t i = 0; i < ids->n; i++) {
		struct error why = {};
		if (remove_named_step(e, s, ids->v[i], r, &why) < 0)   /* somebody uses it meanwhile: it stays, as what is below */
			break;
		TRY(strv_add(&going, ids->v[i], err));
	}
	TRY(step_image_drop(s, &going, &r->bytes, err));
	for (size_t i = 0; i < going.n; i++)
		if (!strv_has(&r->deleted, going.v[i]))
			TRY(strv_add(&r->deleted, going.v[i], err));
	return 0;
}

/* The image was a step or a result of a build and is gone: so are the steps on the way to it that led nowhere else.
 * What was made from it is made from what is below now. */
static int remove_steps(struct engine *e, const char *id, struct image_removal *r, struct error *err)
{
	auto_strv chain = {}, self = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(step_image_chain(s, id, true, &chain, err));
	if (!chain.n)
		return 0;
	if (chain.n > 1 && !r->no_prune)
		return drop_steps(e, s, &chain, r, err);
	TRY(strv_add(&self, id, err));
	return step_image_drop(s, &self, &r->bytes, err);
}

/* Steps that lead to no image that is here: those that pass the filters, but for the one about leading nowhere. */
static int remove_unused_steps(struct engine *e, const struct strv *filters, struct image_removal *r, struct error *err)
{
	auto_strv unused = {}, passing = {}, own = {}, going = {};
	struct image_list_options o = { .all = true, .filters = &own };
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(step_image_unused(s, &unused, err));
	if (!unused.n)
		return 0;
	for (size_t i = 0; filters && i < filters->n; i++)
		if (!str_after(filters->v[i], "dangling"))
			TRY(strv_add(&own, filters->v[i], err));
	if (own.n)
		TRY(image_list_ids(e, &o, &passing, err));
	for (size_t i = 0; i < unused.n; i++)
		if (!own.n || strv_has(&passing, unused.v[i]))
			TRY(strv_add(&going, unused.v[i], err));
	return drop_steps(e, s, &going, r, err);
}

static bool is_id(const struct store_image *image, const char *what)
{
	const char *hex = str_after(what, "sha256:");
	return str_after(image->id, hex ? hex : what);
}

static int too_many_names(const struct store_image *image, const char *what, struct error *err)
{
	autofree char *names = strv_join(&image->names, " ");

	return fail(err, ERROR_STATE,
		    "unable to delete image \"%s\" by %s with more than one tag ([%s]): please force removal",
		    image->id, str_after(what, "sha256:") ? "digest" : "ID", names ? names : "");
}

/* `what`: as typed; NULL: by --all, the whole image. */
static int remove_image(struct engine *e, const struct store_image *image, const char *what, const char *full,
			struct image_removal *r, struct error *err)
{
	bool by_id = what && !full && is_id(image, what);

	if (by_id && image->names.n > 1 && !r->force)
		return too_many_names(image, what, err);
	if (full && image->names.n > 1) {
		TRY(untag_one(e, image, full, full, err));
		return strv_add(&r->untagged, full, err);
	}
	TRY(remove_whole(e, image, what, r, err));
	if (!image->read_only)
		TRY(remove_steps(e, image->id, r, err));
	return r->no_prune ? 0 : remove_parents(e, image, r, err);
}

static int remove_named(struct engine *e, const char *what, struct image_removal *r, struct error *err)
{
	auto_store_image image = {};
	autofree char *full = NULL;

	if (image_find(e, what, STORE_IMAGE_ALL | IMAGE_LIST_ITSELF, &image, &full, err) < 0)
		return err->kind == ERROR_NOT_FOUND && r->ignore ? 0 : -1;
	return remove_image(e, &image, what, full && strv_has(&image.names, full) ? full : NULL, r, err);
}

static int remove_by_id(struct engine *e, const char *id, struct image_removal *r, struct error *err)
{
	auto_store_image image = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	int found = store_image_get(s, id, STORE_IMAGE_ALL, &image, err);
	return found <= 0 ? found : remove_image(e, &image, NULL, NULL, r, err);
}

static void report(struct image_removal *r, const struct error *e)
{
	if (r->failed)
		r->failed(r->arg, e);
}

int image_remove(struct engine *e, const struct strv *names, struct image_removal *r, struct error *err)
{
	auto_strv ids = {}, filters = {};
	struct image_list_options o = { .all = true, .filters = &filters };

	engine_make_room(e);
	for (size_t i = 0; i < names->n; i++) {
		struct error why = {};
		if (remove_named(e, names->v[i], r, &why) < 0)
			report(r, &why);
	}
	if (!r->all)
		return 0;
	TRY(strv_add(&filters, "readonly=false", err));
	TRY(image_removal_list(e, &o, false, &ids, err));
	for (size_t i = 0; i < ids.n; i++) {
		struct error why = {};
		if (remove_by_id(e, ids.v[i], r, &why) < 0)
			report(r, &why);
	}
	return remove_unused_steps(e, NULL, r, err);
}

/* ---- prune ---- */
static int prune_filters(const struct image_prune_options *o, struct strv *ret, struct error *err)
{
	bool dangling_given = false;

	for (size_t i = 0; o->filters && i < o->filters->n; i++) {
		dangling_given |= str_after(o->filters->v[i], "dangling=") != NULL;
		TRY(strv_add(ret, o->filters->v[i], err));
	}
	TRY(strv_add(ret, "readonly=false", err));
	TRY(strv_add(ret, "containers=false", err));
	return o->all || dangling_given ? 0 : strv_add(ret, "dangling=true", err);
}

/* Without a mount: nobody works in them. */
static int remove_working(struct engine *e, bool all_images, struct error *err)
{
	const struct ctr_remove_options o = { .volumes = true };
	auto_ctr_list list = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(ctr_list(e, &list, err));
	for (size_t i = 0; i < list.n; i++) {
		auto_store_image image = {};
		struct error why;
		const char *id = list.v[i]->at.record.image_id;
		if (!id || !ctr_is_working(list.v[i]))
			continue;
		int found = store_image_get(s, id, STORE_IMAGE_NAMES, &image, err);
		TRY(found);
		if (found && (all_images || !image.names.n))
			ctr_remove(list.v[i], &o, NULL, &why);
	}
	return 0;
}

int image_prune(struct engine *e, const struct image_prune_options *o, struct image_removal *r, struct error *err)
{
	auto_strv filters = {};
	struct image_list_options list = { .filters = &filters };

	engine_make_room(e);
	TRY(prune_filters(o, &filters, err));
	if (o->external)
		TRY(remove_working(e, o->all, err));
	for (;;) {   /* what was the child of a removed image's parent may be free now */
		auto_strv ids = {};
		size_t before = r->deleted.n;
		TRY(image_removal_list(e, &list, true, &ids, err));
		for (size_t i = 0; i < ids.n; i++) {
			struct error why = {};
			if (remove_by_id(e, ids.v[i], r, &why) < 0)
				report(r, &why);
		}
		if (r->deleted.n == before)
			return remove_unused_steps(e, o->filters, r, err);
	}
}
