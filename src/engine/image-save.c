/* SPDX-License-Identifier: Apache-2.0
 * engine/image-save.c - images into archives and directories that Docker, Podman and Skopeo read.
 *
 * docker-archive: manifest.json, configs as HEX.json, layers as uncompressed HEX.tar (named by diff-id, shared by the
 * images of one archive). oci-archive and oci-dir: the blobs as they are. docker-dir: Skopeo's "dir:". A file that cannot
 * seek gets a layer by way of a temporary file, because a tar header wants the size first. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "conf/helpers.h"
#include "engine/event.h"
#include "engine/image-copy.h"
#include "engine/image-list.h"
#include "engine/image-out.h"
#include "engine/image-target.h"
#include "image/reference.h"
#include "image/tar.h"

#define TAR_OCTAL_MAX INT64_C(077777777777)   /* what a plain header can say */

int archive_kind_parse(const char *s, enum archive_kind *ret, struct error *err)
{
	static const char *const names[SAVE_MAX] = {
		[SAVE_DOCKER_ARCHIVE] = "docker-archive", [SAVE_OCI_ARCHIVE] = "oci-archive", [SAVE_OCI_DIR] = "oci-dir",
		[SAVE_DOCKER_DIR] = "docker-dir",
	};

	for (int i = 0; i < SAVE_MAX; i++)
		if (streq(names[i], s)) {
			*ret = (enum archive_kind)i;
			return 0;
		}
	return fail(err, ERROR_INVALID, "unknown format \"%s\" (use docker-archive, oci-archive, oci-dir or docker-dir)", s);
}

/* What saving needs besides the place its members go to. */
struct target {
	struct engine *engine;
	struct image_target to;
	struct worker *packer;
	struct stage *stage;
};

static void target_done(struct target *t)
{
	worker_free(t->packer);
	stage_done(t->stage);
	image_target_done(&t->to);
}

static int put_blob(struct target *t, struct image_out *o, const char *digest, const char *name, struct error *err)
{
	int fresh = image_target_is_new(&t->to, name, err);

	if (fresh <= 0)
		return fresh;
	autoclose int fd = image_out_open_blob(o, digest, err);
	return fd < 0 ? -1 : image_target_file(&t->to, name, fd, err);
}

/* ---- uncompressed layers ---- */
static int start_packer(struct target *t, struct error *err)
{
	autofree char *program = NULL;

	if (t->packer)
		return 0;
	TRY(helper_find("umiak-worker", &program, err));
	struct worker_options o = { .program = program, .root_fd = -1, .log = t->engine->log };
	return worker_start(WORKER_PACK, &o, &t->packer, err);
}

static int unroll(struct target *t, int blob, int out, const char *diff_id, int64_t *ret_size, struct error *err)
{
	struct op_recompress q = { .compression = COMPRESSION_NONE, .level = -1, .in_size = -1 };
	struct op_unpacked u = {};
	int fds[2] = { blob, out };

	TRY(start_packer(t, err));
	TRY(worker_call(t->packer, OP_RECOMPRESS, &q, fds, 2, &u, NULL, err));
	bool same = streq0(u.diff_id, diff_id);
	*ret_size = u.tar_size;
	fields_done(worker_ops[OP_RECOMPRESS].reply, &u);
	return same && *ret_size >= 0 ? 0 : fail(err, ERROR_CORRUPT, "layer %s: its blob is damaged: pull the image again",
						 diff_id);
}

/* The header is written when the size is known: over a placeholder, or after a temporary file. */
static int unroll_in_place(struct target *t, int blob, const char *name, const char *diff_id, struct error *err)
{
	off_t at = lseek(t->to.fd, 0, SEEK_CUR);
	int64_t size;

	if (at < 0)
		return fail_errno(err, "seek");
	TRY(image_target_header(&t->to, name, 0, err));
	TRY(unroll(t, blob, t->to.fd, diff_id, &size, err));
	TRY(image_target_padding(&t->to, size, err));
	off_t end = lseek(t->to.fd, 0, SEEK_CUR);
	if (lseek(t->to.fd, at, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	if (size > TAR_OCTAL_MAX)
		return fail(err, ERROR_UNSUPPORTED, "layer %s is larger than 8 GiB: save it through a pipe or as oci-archive", diff_id);
	TRY(image_target_header(&t->to, name, size, err));
	return lseek(t->to.fd, end, SEEK_SET) < 0 ? fail_errno(err, "seek") : 0;
}

static int unroll_to_scratch(struct target *t, int blob, const char *name, const char *diff_id, struct error *err)
{
	struct store *s;
	int64_t size;

	TRY(engine_store(t->engine, &s, err));
	if (!t->stage)
		TRY(stage_begin(s, "save", &t->stage, err));
	autoclose int fd = openat(stage_fd(t->stage), "layer", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(err, "make a temporary file in %s", stage_path(t->stage));
	TRY(unroll(t, blob, fd, diff_id, &size, err));
	return image_target_file(&t->to, name, fd, err);
}

static int put_plain_layer(struct target *t, struct image_out *o, size_t layer, const char *name,
			   struct error *err)
{
	const struct store_image_layer *l = &o->image.layers[layer];
	int fresh = image_target_is_new(&t->to, name, err);

	if (fresh <= 0)
		return fresh;
	if (!image_out_is_kept(o, l, err) && l->blob_size <= TAR_OCTAL_MAX) {
		TRY(image_target_header(&t->to, name, l->blob_size, err));
		TRY(image_out_pack_layer(o, l, t->to.fd, err));
		return image_target_padding(&t->to, l->blob_size, err);
	}
	autoclose int blob = image_out_open_blob(o, l->blob, err);
	if (blob < 0)
		return -1;
	if (streq(l->blob, l->diff_id))
		return image_target_file(&t->to, name, blob, err);
	if (t->to.seekable)
		return unroll_in_place(t, blob, name, l->diff_id, err);
	return unroll_to_scratch(t, blob, name, l->diff_id, err);
}

/* ---- docker-archive ---- */
/* Names with a tag, as RepoTags want them. */
static int add_repo_tag(struct json_object *to, const char *name, struct error *err)
{
	auto_reference r = {};

	TRY(reference_parse(name, &r, err));
	if (r.digest && !r.tag)
		return 0;
	TRY(reference_normalize_local(&r, err));
	autofree char *text = reference_text(&r);
	if (!text || json_object_array_add(to, json_object_new_string(text)) < 0)
		return fail_oom(err);
	return 0;
}

static int save_docker(struct target *t, struct image_out *o, const struct strv *names,
		       struct json_object *manifest, struct error *err)
{
	auto_json *item = json_object_new_object();
	struct json_object *tags = json_object_new_array(), *layers = json_object_new_array();
	char member[80];

	if (!item || !tags || !layers)
		return fail_oom(err);
	snprintf(member, sizeof(member), "%s.json", o->image.id);
	TRY(json_add_str(item, "Config", member, err));
	TRY(json_add(item, "RepoTags", tags, err));
	TRY(json_add(item, "Layers", layers, err));
	for (size_t i = 0; i < names->n; i++)
		TRY(add_repo_tag(tags, names->v[i], err));
	for (size_t i = 0; i < o->image.n_layers; i++) {
		snprintf(member, sizeof(member), "%s.tar", digest_hex(o->image.layers[i].diff_id));
		TRY(put_plain_layer(t, o, i, member, err));
		if (json_object_array_add(layers, json_object_new_string(member)) < 0)
			return fail_oom(err);
	}
	snprintf(member, sizeof(member), "%s.json", o->image.id);
	TRY(put_blob(t, o, o->config_digest, member, err));
	return json_object_array_add(manifest, json_object_get(item)) < 0 ? fail_oom(err) : 0;
}

/* ---- docker archives, all of it ---- */
static int save_one(struct target *t, const char *what, const struct image_save *o, struct json_object *manifest,
		    struct error *err)
{
	auto_image_out out = {};
	autofree char *found = NULL;
	auto_strv names = {};

	TRY(image_out_begin(t->engine, what, IMAGE_FORMAT_KEEP, &out, &found, err));
	for (size_t i = 0; i < out.image.n_layers; i++)
		image_say(&o->progress, "Copying blob %s", out.image.layers[i].diff_id);
	image_say(&o->progress, "Copying config %s", out.config_digest);
	image_say(&o->progress, "Writing manifest to image destination");
	if (found)
		TRY(strv_add(&names, found, err));
	TRY(strv_copy(&names, &o->extra_names, err));
	TRY(save_docker(t, &out, &names, manifest, err));
	engine_event(t->engine, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_SAVE, .id = out.image.id,
						 .name = o->path ? o->path : what });
	return 0;
}

static int save_docker_archive(struct engine *e, const struct strv *what, const struct image_save *o, struct error *err)
{
	CLEANUP(target_done) struct target t = { .engine = e, .to = { .fd = -1 } };
	auto_buf text = BUF_INIT((size_t)16 << 20);
	auto_json *manifest = json_object_new_array();

	if (!manifest)
		return fail_oom(err);
	for (size_t i = 0; i < what->n; i++) {   /* a misspelt name is told before a file is made */
		auto_image_out probe = {};
		TRY(image_out_begin(e, what->v[i], IMAGE_FORMAT_KEEP, &probe, NULL, err));
	}
	TRY(image_target_open(&t.to, true, o->path, o->fd, err));
	for (size_t i = 0; i < what->n; i++)
		TRY(save_one(&t, what->v[i], o, manifest, err));
	json_format(&text, manifest, 0);
	TRY(buf_ok(&text, "manifest.json", err));
	TRY(image_target_bytes(&t.to, "manifest.json", text.data, text.len, err));
	return image_target_end(&t.to, err);
}

/* ---- OCI and dir: a copy from the store ---- */
static int save_by_copy(struct engine *e, const char *what, const struct image_save *o, struct error *err)
{
	static const enum transport kinds[SAVE_MAX] = {
		[SAVE_OCI_ARCHIVE] = TRANSPORT_OCI_ARCHIVE, [SAVE_OCI_DIR] = TRANSPORT_OCI, [SAVE_DOCKER_DIR] = TRANSPORT_DIR,
	};
	const struct transport_name from = { .transport = TRANSPORT_STORAGE, .index = -1 };
	struct image_copy c = { .format = o->format, .compress = o->compress, .decompress = o->uncompressed, .to_fd = o->fd,
				.progress = o->progress };
	auto_transport_name to = { .transport = kinds[o->kind], .index = -1 };
	auto_store_image image = {};
	autofree char *name = NULL;

	if (!o->path && o->kind != SAVE_OCI_ARCHIVE)
		return fail(err, ERROR_INVALID, "a directory format needs --output");
	if (o->kind == SAVE_DOCKER_DIR && o->format == IMAGE_FORMAT_KEEP)
		c.format = IMAGE_FORMAT_V2S2;
	TRY(image_find(e, what, 0, &image, &name, err));
	TRY(str_set(&to.path, o->path, err));
	if (o->kind != SAVE_DOCKER_DIR)
		TRY(str_set(&to.selector, name, err));
	TRY(image_copy_parsed(e, &from, what, &to, &c, NULL, err));
	engine_event(e, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_SAVE, .id = image.id,
					 .name = o->path ? o->path : what });
	return 0;
}

int image_save(struct engine *e, const struct strv *what, const struct image_save *o, struct error *err)
{
	struct stat st;

	if (what->n + o->extra_names.n > 1 && o->kind != SAVE_DOCKER_ARCHIVE)
		return fail(err, ERROR_INVALID, "multi-image archives are only supported with the docker-archive format");
	bool was = o->path && stat(o->path, &st) == 0;
	int r = o->kind == SAVE_DOCKER_ARCHIVE ? save_docker_archive(e, what, o, err) : save_by_copy(e, what->v[0], o, err);
	if (r < 0 && !was && o->path && stat(o->path, &st) == 0 && S_ISREG(st.st_mode))
		unlink(o->path);   /* half an archive is worse than none */
	return r;
}
