/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/image-inspect.h"

#include "base/units.h"
#include "engine/image-list.h"
#include "store/layer.h"
#include "store/step-image.h"

#define I struct image_inspect
#define ALWAYS .flags = FIELD_ALWAYS

static const struct field graph_rows[] = {
	{ .json = "Name", .type = FIELD_STR, .off = offsetof(I, graph.name), ALWAYS },
	{ .json = "Data", .type = FIELD_MAP, .off = offsetof(I, graph.data), ALWAYS },
	{}
};
static const struct field rootfs_rows[] = {
	{ .json = "Type", .type = FIELD_STR, .off = offsetof(I, rootfs.type), ALWAYS },
	{ .json = "Layers", .type = FIELD_STRV, .off = offsetof(I, rootfs.layers), ALWAYS },
	{}
};
static const struct field history_rows[] = {
	{ .json = "created", F_STR(struct image_history, created) },
	{ .json = "created_by", F_STR(struct image_history, created_by) },
	{ .json = "author", F_STR(struct image_history, author) },
	{ .json = "comment", F_STR(struct image_history, comment) },
	{ .json = "empty_layer", F_BOOL(struct image_history, empty_layer) },
	{}
};

static const struct field rows[] = {
	{ .json = "Id", F_STR(I, id), ALWAYS },
	{ .json = "Digest", F_STR(I, digest), ALWAYS },
	{ .json = "RepoTags", F_STRV(I, repo_tags), ALWAYS },
	{ .json = "RepoDigests", F_STRV(I, repo_digests), ALWAYS },
	{ .json = "Parent", F_STR(I, parent), ALWAYS },
	{ .json = "Comment", F_STR(I, image.comment), ALWAYS },
	{ .json = "Created", F_TIME(I, created), ALWAYS },
	{ .json = "Config", F_OBJECT(I, image.config, image_run_config_rows), ALWAYS },
	{ .json = "Version", F_STR(I, image.docker_version), ALWAYS },
	{ .json = "Author", F_STR(I, image.author), ALWAYS },
	{ .json = "Architecture", F_STR(I, image.platform.architecture), ALWAYS },
	{ .json = "Os", F_STR(I, image.platform.os), ALWAYS },
	{ .json = "Variant", F_STR(I, image.platform.variant) },
	{ .json = "Size", F_INT(I, size), ALWAYS },
	{ .json = "VirtualSize", F_INT(I, size), ALWAYS },
	/* Offsets of the inner rows count from the whole struct. */
	{ .json = "GraphDriver", .type = FIELD_OBJECT, .off = 0, .rows = graph_rows, ALWAYS },
	{ .json = "RootFS", .type = FIELD_OBJECT, .off = 0, .rows = rootfs_rows, ALWAYS },
	{ .json = "Labels", F_MAP(I, image.config.labels), ALWAYS },
	{ .json = "Annotations", F_MAP(I, annotations), ALWAYS },
	{ .json = "ManifestType", F_STR(I, manifest_type), ALWAYS },
	{ .json = "User", F_STR(I, image.config.user), ALWAYS },
	{ .json = "History", F_LIST(I, image.history, struct image_history, history_rows), ALWAYS },
	{ .json = "NamesHistory", F_STRV(I, names_history), ALWAYS },
	{ .json = "Healthcheck", F_OPT_OBJECT(I, image.config.healthcheck, struct health_config, health_config_rows) },
	{}
};

const struct value_type image_inspect_type = { .name = "inspect.ImageData", .rows = rows };

void image_inspect_free(struct image_inspect *i)
{
	if (!i)
		return;
	/* Some members are shown by two rows; the first one freed leaves the other empty. */
	fields_done(rows, i);
	image_config_done(&i->image);
	free(i);
}

/* The overlay's directories, top layer first, as Docker and Podman show them. */
static int fill_graph(struct store *s, const struct store_image *image, struct image_inspect *to, struct error *err)
{
	auto_strv lower = {};

	TRY(str_set(&to->graph.name, store_driver_name(store_get_driver(s)), err));
	for (size_t i = image->n_layers; i > 0; i--) {
		struct store_layer layer = {};
		int r = store_layer_find(s, image->layers[i - 1].diff_id, &layer, err);
		if (r > 0)
			r = i == image->n_layers ? strmap_set(&to->graph.data, "UpperDir", layer.tree, err)
						 : strv_add(&lower, layer.tree, err);
		store_layer_done(&layer);
		TRY(r);
	}
	autofree char *joined = lower.n ? strv_join(&lower, ":") : NULL;
	return joined ? strmap_set(&to->graph.data, "LowerDir", joined, err) : 0;
}

static int fill_annotations(struct store *s, const struct store_image *image, struct image_inspect *to,
			    struct error *err)
{
	auto_buf bytes = BUF_INIT(MANIFEST_BYTES_MAX);
	auto_manifest m = {};

	if (!image->manifest || store_blob_find(s, image->manifest, NULL, err) <= 0)
		return 0;
	TRY(store_blob_read(s, image->manifest, &bytes, err));
	TRY(oci_manifest_parse(bytes.data, bytes.len, media_type_parse(image->manifest_type), &m, err));
	strmap_sort(&m.annotations);
	return strmap_copy(&to->annotations, &m.annotations, err);
}

/* An OCI configuration has no comment of its own: Podman shows that of its first step. */
static int fill_comment(struct image_inspect *to, struct error *err)
{
	const struct image_history *first = to->image.history.v;

	if (media_type_parse(to->manifest_type) != MEDIA_OCI_MANIFEST)
		return 0;
	return str_set(&to->image.comment, to->image.history.n && first->comment ? first->comment : "", err);
}

static int fill(struct store *s, const struct store_image *image, struct image_inspect *to, struct error *err)
{
	TRY(str_set(&to->id, image->id, err));
	TRY(str_set(&to->digest, image->digests.n ? image->digests.v[0] : image->manifest, err));
	TRY(str_set(&to->manifest_type, image->manifest_type, err));
	TRY(image_repo_tags(image, &to->repo_tags, err));
	TRY(image_repo_digests(image, &to->repo_digests, err));
	TRY(image_names_history(image, &to->names_history, err));
	if (image->config)
		TRY(image_config_parse(image->config, strlen(image->config), &to->image, err));
	strmap_sort(&to->image.config.labels);
	TRY(fill_comment(to, err));
	to->created = image->created;
	to->size = image->size;
	TRY(str_set(&to->rootfs.type, "layers", err));
	for (size_t i = 0; i < image->n_layers; i++)
		TRY(strv_add(&to->rootfs.layers, image->layers[i].diff_id, err));
	TRY(fill_graph(s, image, to, err));
	return fill_annotations(s, image, to, err);
}

int image_inspect_new(struct engine *e, const struct store_image *image, struct image_inspect **ret, struct error *err)
{
	auto_image_inspect *i = calloc(1, sizeof(*i));
	struct store *s;

	if (!i)
		return fail_oom(err);
	TRY(engine_store(e, &s, err));
	if (fill(s, image, i, err) < 0)
		return fail_wrap(err, "inspect image %.12s", image->id);
	*ret = take_ptr(i);
	return 0;
}

/* ---- history ---- */
static void step_done(struct image_history_step *step)
{
	free(step->id);
	free(step->created_by);
	free(step->comment);
	strv_done(&step->tags);
}

void image_history_steps_done(struct image_history_steps *h)
{
	for (size_t i = 0; i < h->n; i++)
		step_done(&h->v[i]);
	free(h->v);
	*h = (struct image_history_steps){};
}

/* Images here that consist of exactly the first n layers of this one. */
static int images_ending_at(const struct store_image_list *all, const struct store_image *image, size_t n,
			    struct image_history_step *step, struct error *err)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct store_image *other = &all->v[i];
		bool same = other->n_layers == n;
		for (size_t k = 0; same && k < n; k++)
			same = streq(other->layers[k].diff_id, image->layers[k].diff_id);
		if (!same || (n == image->n_layers && !streq(other->id, image->id)))
			continue;
		if (streq(step->id, "<missing>"))
			TRY(str_set(&step->id, other->id, err));
		TRY(strv_copy(&step->tags, &other->names, err));
	}
	return 0;
}

static int layer_size(struct store *s, const char *diff_id, int64_t *ret, struct error *err)
{
	struct store_layer layer = {};
	int r = store_layer_find(s, diff_id, &layer, err);

	if (r > 0)
		*ret = layer.bytes;
	store_layer_done(&layer);
	return r;
}

static int fill_step(const struct image_history *from, struct image_history_step *to, struct error *err)
{
	TRY(str_set(&to->id, "<missing>", err));
	TRY(str_set(&to->created_by, from->created_by ? from->created_by : "", err));
	TRY(str_set(&to->comment, from->comment ? from->comment : "", err));
	if (!str_empty(from->created)) {
		struct error ignored = {};   /* a date nobody can read is shown as unknown */
		if (time_parse(from->created, time_now(), &to->created, &ignored) < 0)
			to->created = 0;
	}
	return 0;
}

static int build_history(struct store *s, const struct store_image *image, const struct list *history,
			 struct image_history_steps *ret, struct error *err)
{
	auto_store_image_list all = {};
	const struct image_history *h = history->v;
	auto_strv steps = {};   /* ids of a build's steps, newest first: one a step */
	size_t layer = image->n_layers;
	bool used = false;   /* an id is shown at its newest step only */

	TRY(step_image_chain(s, image->id, false, &steps, err));
	TRY(store_image_list(s, STORE_IMAGE_NAMES | STORE_IMAGE_LAYERS, &all, err));
	ret->v = calloc(history->n ? history->n : 1, sizeof(*ret->v));
	if (!ret->v)
		return fail_oom(err);
	for (size_t i = history->n; i > 0; i--) {
		struct image_history_step *step = &ret->v[ret->n++];
		TRY(fill_step(&h[i - 1], step, err));
		if (!used)
			TRY(images_ending_at(&all, image, layer, step, err));
		used = true;
		if (history->n - i < steps.n)
			TRY(str_set(&step->id, steps.v[history->n - i], err));
		if (h[i - 1].empty_layer || !layer)
			continue;
		TRY(layer_size(s, image->layers[--layer].diff_id, &step->size, err));
		used = false;
	}
	return 0;
}

int image_history_get(struct engine *e, const struct store_image *image, struct image_history_steps *ret,
		      struct error *err)
{
	auto_image_history_steps h = {};
	auto_image_config config = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	if (image->config)
		TRY(image_config_parse(image->config, strlen(image->config), &config, err));
	TRY(build_history(s, image, &config.history, &h, err));
	*ret = h;
	h = (struct image_history_steps){};
	return 0;
}
