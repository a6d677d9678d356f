/* SPDX-License-Identifier: Apache-2.0
 * engine/image-out.c - documents of an image that leaves: kept byte for byte, or written anew in another format. */
#include "engine/image-out.h"

#include <fcntl.h>
#include <string.h>

#include "base/sha256.h"
#include "conf/helpers.h"
#include "engine/image-list.h"
#include "engine/tree-pack.h"
#include "image/tar-recipe.h"
#include "store/layer.h"

int image_format_parse(const char *s, enum image_format *ret, struct error *err)
{
	static const struct {
		const char *name;
		enum image_format format;
	} formats[] = { { "", IMAGE_FORMAT_KEEP }, { "oci", IMAGE_FORMAT_OCI }, { "v2s2", IMAGE_FORMAT_V2S2 },
		{ "docker", IMAGE_FORMAT_V2S2 } };

	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (streq(formats[i].name, s)) {
			*ret = formats[i].format;
			return 0;
		}
	if (streq(s, "v2s1"))
		return fail(err, ERROR_UNSUPPORTED, "v2s1: Docker schema 1 manifests are no longer written (use oci or v2s2)");
	return fail(err, ERROR_INVALID, "unknown format \"%s\". Choose on of the supported formats: 'oci', 'v2s2'", s);
}

void image_out_done(struct image_out *o)
{
	stage_done(o->stage);
	store_image_done(&o->image);
	buf_done(&o->manifest);
	*o = (struct image_out){};
}

static int open_scratch(struct image_out *o, struct error *err)
{
	if (!o->stage)
		TRY(stage_begin(o->store, "push", &o->stage, err));
	int fd = openat(stage_fd(o->stage), "blob", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || unlinkat(stage_fd(o->stage), "blob", 0) < 0)
		return fail_errno(err, "make a temporary file in %s", stage_path(o->stage));
	return fd;
}

static int pack_tree(int tree, int out, struct sha256 *hash, int64_t *ret_bytes, struct error *err)
{
	struct tree_pack pack = TREE_PACK_INIT;

	pack.from = tree;
	pack.out = out;
	pack.hash = hash;
	pack.overlay = true;
	TRY(tree_pack(&pack, err));
	*ret_bytes = pack.ret_bytes;
	return 0;
}

int image_tar_open(const struct image_out *o, const struct store_image_layer *l, struct image_tar *ret, struct error *err)
{
	struct error none;

	*ret = (struct image_tar){ .recipe = -1, .layer = l, .read_only = o->image.read_only };
	ret->tree = store_layer_open(o->store, l->diff_id, err);
	if (ret->tree < 0)
		return -1;
	ret->recipe = store_layer_open_recipe(o->store, l->diff_id, &none);
	return 0;
}

void image_tar_done(struct image_tar *t)
{
	close_p(&t->tree);
	close_p(&t->recipe);
}

int image_tar_write(const struct image_tar *t, int out, struct error *err)
{
	const struct store_image_layer *l = t->layer;
	char digest[SHA256_TEXT_MAX];
	struct sha256 hash;
	int64_t bytes = l->blob_size;

	sha256_init(&hash);
	int r = t->recipe >= 0 ? recipe_play(t->recipe, t->tree, out, &hash, bytes, err) :
		pack_tree(t->tree, out, &hash, &bytes, err);
	if (r == 0 && bytes == l->blob_size && streq(sha256_end_text(&hash, digest), l->diff_id))
		return 0;
	if (r < 0 && err->kind != ERROR_CORRUPT)
		return -1;
	if (t->read_only)
		return fail(err, ERROR_UNSUPPORTED, "layer %s lies in a read-only store that keeps no archive of it, and another program "
			    "packed it: let that program send the image", l->diff_id);
	return fail(err, ERROR_CORRUPT, "layer %s has changed in the store: remove the image and make it again", l->diff_id);
}

int image_out_pack_layer(struct image_out *o, const struct store_image_layer *l, int out, struct error *err)
{
	auto_image_tar t = IMAGE_TAR_INIT;

	TRY(image_tar_open(o, l, &t, err));
	return image_tar_write(&t, out, err);
}

bool image_out_is_kept(struct image_out *o, const struct store_image_layer *l, struct error *err)
{
	return !streq(l->diff_id, l->blob) || store_blob_find(o->store, l->blob, NULL, err) != 0;
}

static int pack_blob(struct image_out *o, const struct store_image_layer *l, struct error *err)
{
	autoclose int fd = open_scratch(o, err);

	if (fd < 0)
		return -1;
	TRY(image_out_pack_layer(o, l, fd, err));
	return lseek(fd, 0, SEEK_SET) < 0 ? fail_errno(err, "seek") : take_fd(fd);
}

const struct store_image_layer *image_out_find_made(struct image_out *o, const char *digest, struct error *err)
{
	for (size_t i = 0; i < o->image.n_layers; i++) {
		const struct store_image_layer *l = &o->image.layers[i];
		if (l->blob && streq(l->blob, digest) && !image_out_is_kept(o, l, err))
			return l;
	}
	return NULL;
}

int image_out_open_blob(struct image_out *o, const char *digest, struct error *err)
{
	if (!digest)
		return fail(err, ERROR_NOT_FOUND, "image %s: the blob of a layer is not kept: pull the image again", o->image.id);
	const struct store_image_layer *made = image_out_find_made(o, digest, err);
	return made ? pack_blob(o, made, err) : store_blob_open(o->store, digest, err);
}

/* A layer without a blob goes by the digest of its tar. */
static int name_blobs(struct image_out *o, struct error *err)
{
	for (size_t i = 0; i < o->image.n_layers; i++)
		if (!o->image.layers[i].blob)
			TRY(str_set(&o->image.layers[i].blob, o->image.layers[i].diff_id, err));
	return 0;
}

/* ---- another format ---- */
static int describe(struct image_out *o, struct source_image *to, size_t config_len, struct error *err)
{
	TRY(str_set(&to->config_digest, o->config_digest, err));
	to->config_len = config_len;
	for (size_t i = 0; i < o->image.n_layers; i++) {
		struct op_descriptor *d = list_add(&to->layers, sizeof(*d), err);
		if (!d)
			return -1;
		d->size = o->image.layers[i].blob_size;
		TRY(str_set(&d->digest, o->image.layers[i].blob, err));
		TRY(str_set(&d->media_type, media_type_name(media_type_for(o->type, o->image.layers[i].media_type)), err));
	}
	return 0;
}

static int convert(struct image_out *o, struct error *err)
{
	autofree char *worker = NULL;
	auto_source *source = NULL;
	auto_source_image i = {};

	TRY(helper_find("umiak-worker", &worker, err));
	struct source_options so = { .worker = worker, .log = o->engine->log, .stage_fd = -1 };
	TRY(source_new(&so, &source, err));
	TRY(describe(o, &i, strlen(o->image.config), err));
	TRY(source_finish(source, &i, o->type, err));
	buf_truncate(&o->manifest, 0);
	buf_add(&o->manifest, i.manifest, i.manifest_len);
	snprintf(o->digest, sizeof(o->digest), "%s", i.manifest_digest);
	return buf_ok(&o->manifest, "manifest", err);
}

static int prepare_manifest(struct image_out *o, enum image_format format, struct error *err)
{
	static const enum media_type wanted[IMAGE_FORMAT_MAX] = {
		[IMAGE_FORMAT_OCI] = MEDIA_OCI_MANIFEST, [IMAGE_FORMAT_V2S2] = MEDIA_DOCKER_MANIFEST,
	};

	o->type = media_type_parse(o->image.manifest_type);
	snprintf(o->digest, sizeof(o->digest), "%s", o->image.manifest ? o->image.manifest : "");
	if (wanted[format] && wanted[format] != o->type) {
		o->type = wanted[format];
		return convert(o, err);
	}
	return store_blob_read(o->store, o->image.manifest, &o->manifest, err);
}

int image_out_begin(struct engine *e, const char *what, enum image_format format, struct image_out *ret, char **ret_name,
		    struct error *err)
{
	auto_image_out o = { .engine = e, .manifest = BUF_INIT(MANIFEST_BYTES_MAX) };

	TRY(engine_store(e, &o.store, err));
	TRY(image_find(e, what, STORE_IMAGE_ALL, &o.image, ret_name, err));
	snprintf(o.config_digest, sizeof(o.config_digest), "sha256:%s", o.image.id);
	TRY(name_blobs(&o, err));
	TRY(prepare_manifest(&o, format, err));
	*ret = o;
	o = (struct image_out){};
	return 0;
}
