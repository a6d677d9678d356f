/* SPDX-License-Identifier: Apache-2.0
 * engine/commit.c - base, new layer and configuration become an image: layer first, then the documents, then the row. */
#include "engine/commit.h"

#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "engine/commit-internal.h"
#include "engine/image-out.h"
#include "store/image.h"

/* ---- configurations ---- */
int commit_config(struct engine *e, const char *image_id, struct image_config *ret, struct error *err)
{
	auto_store_image i = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	int found = store_image_get(s, image_id, STORE_IMAGE_CONFIG, &i, err);
	if (found <= 0)
		return found < 0 ? -1 : fail(err, ERROR_NOT_FOUND, "%.12s: image not known", image_id);
	if (!i.config || image_config_parse(i.config, strlen(i.config), ret, err) < 0)
		return fail_wrap(err, "image %.12s", image_id);
	return 0;
}

int commit_config_new(const struct platform *platform, struct image_config *ret, struct error *err)
{
	const struct platform none = {}, *p = platform ? platform : &none;
	auto_image_config c = {};

	TRY(str_set(&c.platform.os, p->os ? p->os : platform_host_os(), err));
	TRY(str_set(&c.platform.architecture, p->architecture ? p->architecture : platform_host_architecture(), err));
	TRY(str_set(&c.platform.variant, p->variant ? p->variant : p->architecture ? NULL : platform_host_variant(), err));
	TRY(str_set(&c.rootfs_type, "layers", err));
	*ret = c;
	c = (struct image_config){};
	return 0;
}

/* ---- one commit ---- */
struct making {
	const struct commit *c;
	struct image_transfer t;
	struct source_image image;
	enum media_type type;      /* of the manifest */
};

static void making_done(struct making *m)
{
	source_image_done(&m->image);
	image_transfer_done(&m->t);
}

static int add_layer(struct making *m, const char *digest, const char *media_type, int64_t size, struct error *err)
{
	struct op_descriptor *d = list_add(&m->image.layers, sizeof(*d), err);

	if (!d)
		return -1;
	d->size = size;
	TRY(str_set(&d->digest, digest, err));
	return str_set(&d->media_type, media_type_name(media_type_for(m->type, media_type)), err);
}

static const char plain_layer[] = "application/vnd.oci.image.layer.v1.tar";

/* A layer without a blob stands in manifests as the tar it would be. */
static int add_base_layer(struct making *m, const struct store_image_layer *l, struct error *err)
{
	struct store_layer known = {};
	int here = stage_pin_layer(m->t.stage, l->diff_id, err);

	if (!here)   /* one of an additional store is not ours to pin */
		here = store_layer_find(m->t.store, l->diff_id, &known, err);
	store_layer_done(&known);
	if (here <= 0)
		return here < 0 ? -1 : fail(err, ERROR_NOT_FOUND, "layer %s is not in the store: pull the image again", l->diff_id);
	if (l->blob && stage_pin_blob(m->t.stage, l->blob, err) < 0)
		return -1;
	TRY(strv_add(&m->image.info.diff_ids, l->diff_id, err));
	return add_layer(m, l->blob ? l->blob : l->diff_id, l->media_type ? l->media_type : plain_layer, l->blob_size, err);
}

static int add_base(struct making *m, struct error *err)
{
	auto_store_image i = {};

	if (!m->c->base)
		return 0;
	int found = store_image_get(m->t.store, m->c->base, STORE_IMAGE_LAYERS, &i, err);
	if (found <= 0)
		return found < 0 ? -1 : fail(err, ERROR_NOT_FOUND, "%.12s: image not known", m->c->base);
	for (size_t k = 0; k < i.n_layers; k++)
		TRY(add_base_layer(m, &i.layers[k], err));
	return 0;
}

static int add_new_layer(struct making *m, const struct commit *c, struct error *err)
{
	struct new_layer l = {};

	if (c->layer.dir < 0)
		return 0;
	TRY(commit_new_layer(&m->t, c, &l, err));
	image_say(m->c->progress, "Copying blob %s", l.diff_id);
	TRY(strv_add(&m->image.info.diff_ids, l.diff_id, err));
	return add_layer(m, l.diff_id, plain_layer, l.bytes, err);
}

static int add_more_layers(struct making *m, struct error *err)
{
	for (size_t i = 0; i < m->c->n_more; i++) {
		struct commit one = *m->c;
		one.layer = m->c->more[i].layer;
		TRY(add_new_layer(m, &one, err));
	}
	return 0;
}

static int add_more_history(const struct commit *c, struct image_config *to, struct error *err)
{
	for (size_t i = 0; i < c->n_more; i++) {
		struct image_history *h = list_add(&to->history, sizeof(*h), err);
		if (!h)
			return -1;
		TRY(str_set(&h->created, to->created, err));
		TRY(str_set(&h->created_by, c->more[i].created_by, err));
	}
	return 0;
}

static int add_history(const struct commit *c, struct image_config *to, struct error *err)
{
	struct image_history *h;

	if (!c->history)
		return 0;
	h = list_add(&to->history, sizeof(*h), err);
	if (!h)
		return -1;
	h->empty_layer = c->layer.dir < 0;
	TRY(str_set(&h->created, to->created, err));
	TRY(str_set(&h->created_by, c->history->created_by, err));
	TRY(str_set(&h->author, c->history->author, err));
	return str_set(&h->comment, c->history->comment, err);
}

int commit_epoch(struct opt_int *ret, struct error *err)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t s;

	if (str_empty(text))
		return 0;
	if (!parse_u64(text, &s) || s > (uint64_t)INT64_MAX / NSEC_PER_SEC)
		return fail(err, ERROR_INVALID, "SOURCE_DATE_EPOCH=%.64s: must be seconds since 1970", text);
	*ret = (struct opt_int){ true, (int64_t)s };
	return 0;
}

int commit_time(int64_t *ret, struct error *err)
{
	struct opt_int epoch = {};

	TRY(commit_epoch(&epoch, err));
	*ret = epoch.set ? epoch.value * NSEC_PER_SEC : time_now();
	return 0;
}

static int finish_config(struct making *m, struct image_config *to, struct error *err)
{
	const struct commit *c = m->c;
	char when[48];
	int64_t ns = c->timestamp.set ? c->timestamp.value * NSEC_PER_SEC : c->created ? c->created : time_now();

	TRY(str_set(&to->created, time_format_utc(ns, when), err));
	TRY(str_set(&to->rootfs_type, "layers", err));
	strv_done(&to->diff_ids);
	to->diff_ids = (struct strv){};
	TRY(strv_copy(&to->diff_ids, &m->image.info.diff_ids, err));
	TRY(add_history(c, to, err));
	return add_more_history(c, to, err);
}

static int write_config(struct making *m, const struct image_config *c, struct error *err)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);
	char digest[DIGEST_TEXT_MAX];
	struct source_image *i = &m->image;

	TRY(image_config_format(c, &text, err));
	TRY(source_digest(m->t.source, text.data, text.len, digest, err));
	i->config_len = text.len;
	i->config = buf_steal(&text);
	if (!i->config)
		return fail_oom(err);
	TRY(str_set(&i->config_digest, digest, err));
	TRY(str_set(&i->info.os, c->platform.os, err));
	TRY(str_set(&i->info.architecture, c->platform.architecture, err));
	TRY(str_set(&i->info.variant, c->platform.variant, err));
	TRY(str_set(&i->info.created, c->created, err));
	return strmap_copy(&i->info.labels, &c->config.labels, err);
}

static int make(struct making *m, char ret_id[65], struct error *err)
{
	const struct commit *c = m->c;

	TRY(image_transfer_begin(m->t.engine, "commit", c->progress, &m->t, err));
	TRY(add_base(m, err));
	TRY(add_new_layer(m, c, err));
	TRY(add_more_layers(m, err));
	TRY(finish_config(m, c->config, err));
	TRY(write_config(m, c->config, err));
	if (c->annotations)
		TRY(strmap_copy(&m->image.annotations, c->annotations, err));
	TRY(source_finish(m->t.source, &m->image, m->type, err));
	return image_commit_documents(&m->t, &m->image, c->names, ret_id, err);
}

int commit_image(struct engine *e, const struct commit *c, char ret_id[65], struct error *err)
{
	TRY(engine_of_images(e, &e, err));
	CLEANUP(making_done) struct making m = {
		.c = c, .t.engine = e, .type = c->format == IMAGE_FORMAT_V2S2 ? MEDIA_DOCKER_MANIFEST : MEDIA_OCI_MANIFEST,
	};

	return make(&m, ret_id, err);
}
