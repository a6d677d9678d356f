/* SPDX-License-Identifier: Apache-2.0
 * engine/image-remove-stores.c - removals where there are two stores, of images and of containers (--imagestore). */
#include "engine/image-remove-stores.h"

#include "engine/container.h"
#include "engine/image-list.h"
#include "store/layer.h"

int image_removal_users(struct engine *e, const char *image_id, struct strv *to, struct error *err)
{
	auto_ctr_list all = {};

	TRY(ctr_list(e, &all, err));
	for (size_t i = 0; i < all.n; i++)
		if (streq0(all.v[i]->at.record.image_id, image_id))
			TRY(strv_add(to, all.v[i]->id, err));
	return 0;
}

/* May it go from the other store? Not when ours has it as well: that one would be meant. `unused`: nor when a container
 * of ours is made of it, of which the other store knows nothing. 1/0. */
static int may_go(struct engine *e, const char *id, bool unused, struct error *err)
{
	auto_store_image found = {};
	auto_strv users = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	int r = store_image_get(s, id, 0, &found, err);
	if (r <= 0 || !found.read_only)
		return r < 0 ? -1 : 0;
	if (unused)
		TRY(image_removal_users(e, id, &users, err));
	return !users.n;
}

static bool has_layer(const struct store_image *i, const char *diff_id)
{
	for (size_t k = 0; k < i->n_layers; k++)
		if (streq(i->layers[k].diff_id, diff_id))
			return true;
	return false;
}

/* An image of the list's own store that has the layer; NULL: none. */
static const struct store_image *find_user(const struct store_image_list *l, const char *diff_id, const char *but)
{
	for (size_t i = 0; i < l->n; i++)
		if (!l->v[i].read_only && !(but && streq(l->v[i].id, but)) && has_layer(&l->v[i], diff_id))
			return &l->v[i];
	return NULL;
}

/* Has the other store only borrowed the layer? 1/0. */
static int is_borrowed(struct store *s, const char *diff_id, struct error *err)
{
	CLEANUP(store_layer_done) struct store_layer l = {};
	int r = store_layer_find(s, diff_id, &l, err);

	return r == 1 ? l.read_only : r;
}

/* An image of one store may stand on layers of the other: they must not go before it does. */
int image_removal_check(struct engine *owner, const char *id, struct error *err)
{
	auto_store_image image = {};
	auto_store_image_list ours = {}, theirs = {};
	struct engine *beside;
	struct store *s, *other;

	TRY(engine_of_image(owner, true, &beside, err));
	TRY(engine_store(owner, &s, err));
	TRY(engine_store(beside, &other, err));
	TRY(store_image_get(s, id, STORE_IMAGE_LAYERS, &image, err));
	TRY(store_image_list(s, STORE_IMAGE_LAYERS, &ours, err));
	TRY(store_image_list(other, STORE_IMAGE_LAYERS | STORE_IMAGE_NAMES | STORE_IMAGE_DOUBLES, &theirs, err));
	for (size_t i = 0; i < image.n_layers; i++) {
		const char *layer = image.layers[i].diff_id;
		const struct store_image *user = find_user(&theirs, layer, NULL);
		if (!user || find_user(&ours, layer, id))
			continue;
		int borrowed = is_borrowed(other, layer, err);
		TRY(borrowed);
		if (borrowed)
			return fail(err, ERROR_IN_USE, "image %s is in use: image %s in %s is made of its layers: remove that one first", id,
				    user->names.n ? user->names.v[0] : user->id, beside->root);
	}
	return 0;
}

/* Images of both stores. */
int image_removal_list(struct engine *e, const struct image_list_options *o, bool unused, struct strv *ids, struct error *err)
{
	auto_strv more = {};
	struct engine *images;

	TRY(image_list_ids(e, o, ids, err));
	TRY(engine_of_images(e, &images, err));
	if (images != e)
		TRY(image_list_ids(images, o, &more, err));
	for (size_t i = 0; i < more.n; i++) {
		int r = may_go(e, more.v[i], unused, err);
		TRY(r);
		if (r)
			TRY(strv_add(ids, more.v[i], err));
	}
	return 0;
}
