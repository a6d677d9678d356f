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
#include "engine/image-out.h"
#include "engine/image-target.h"
#include "image/reference.h"
#include "image/tar.h"

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
	if (size > INT64_C(077777777777))
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

/* ---- OCI layouts ---- */
static int put_named_blob(struct target *t, struct image_out *o, const char *digest, struct error *err)
{
	char name[32 + DIGEST_TEXT_MAX];

	if (!digest)
		return image_out_open_blob(o, digest, err);
	snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex(digest));
	return put_blob(t, o, digest, name, err);
}

static int save_oci(struct target *t, struct image_out *o, const char *name, struct error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	char member[32 + DIGEST_TEXT_MAX];
	auto_buf index = BUF_INIT(1 << 16);

	for (size_t i = 0; i < o->image.n_layers; i++)
		TRY(put_named_blob(t, o, o->image.layers[i].blob, err));
	TRY(put_named_blob(t, o, o->config_digest, err));
	snprintf(member, sizeof(member), "blobs/sha256/%s", digest_hex(o->digest));
	TRY(image_target_bytes(&t->to, member, o->manifest.data, o->manifest.len, err));
	TRY(image_target_bytes(&t->to, "oci-layout", layout, sizeof(layout) - 1, err));
	buf_addf(&index, "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu",
		 media_type_name(o->type), o->digest, o->manifest.len);
	if (name) {
		buf_add_str(&index, ",\"annotations\":{\"org.opencontainers.image.ref.name\":");
		buf_add_json(&index, name);
		buf_add_char(&index, '}');
	}
	buf_add_str(&index, "}]}");
	TRY(buf_ok(&index, "index.json", err));
	return image_target_bytes(&t->to, "index.json", index.data, index.len, err);
}

/* ---- dir: ---- */
static int save_directory(struct target *t, struct image_out *o, struct error *err)
{
	static const char version[] = "Directory Transport Version: 1.1\n";

	for (size_t i = 0; i < o->image.n_layers; i++) {
		if (!o->image.layers[i].blob)
			return image_out_open_blob(o, NULL, err);
		TRY(put_blob(t, o, o->image.layers[i].blob, digest_hex(o->image.layers[i].blob), err));
	}
	TRY(put_blob(t, o, o->config_digest, o->image.id, err));
	TRY(image_target_bytes(&t->to, "version", version, sizeof(version) - 1, err));
	return image_target_bytes(&t->to, "manifest.json", o->manifest.data, o->manifest.len, err);
}

/* ---- all of it ---- */
static int open_target(struct engine *e, const struct image_save *o, struct target *t, struct error *err)
{
	bool archive = o->kind == SAVE_DOCKER_ARCHIVE || o->kind == SAVE_OCI_ARCHIVE;

	t->engine = e;
	if (!archive && !o->path)
		return fail(err, ERROR_INVALID, "a directory format needs --output");
	return image_target_open(&t->to, archive, o->path, o->fd, err);
}

static enum image_format format_of(const struct image_save *o)
{
	if (o->kind == SAVE_DOCKER_DIR && o->format == IMAGE_FORMAT_KEEP)
		return IMAGE_FORMAT_V2S2;
	return o->kind == SAVE_DOCKER_ARCHIVE ? IMAGE_FORMAT_KEEP : o->kind == SAVE_DOCKER_DIR ? o->format : IMAGE_FORMAT_OCI;
}

static int save_one(struct target *t, const char *what, const char *name, const struct image_save *o,
		    struct json_object *manifest, struct error *err)
{
	auto_image_out out = {};
	autofree char *found = NULL;

	TRY(image_out_begin(t->engine, what, format_of(o), &out, &found, err));
	for (size_t i = 0; i < out.image.n_layers; i++)
		image_say(&o->progress, "Copying blob %s", out.image.layers[i].diff_id);
	image_say(&o->progress, "Copying config %s", out.config_digest);
	image_say(&o->progress, "Writing manifest to image destination");
	auto_strv names = {};
	if (name || found)
		TRY(strv_add(&names, name ? name : found, err));
	TRY(strv_copy(&names, &o->extra_names, err));
	if (o->kind == SAVE_DOCKER_ARCHIVE)
		TRY(save_docker(t, &out, &names, manifest, err));
	else if (o->kind == SAVE_DOCKER_DIR)
		TRY(save_directory(t, &out, err));
	else
		TRY(save_oci(t, &out, name ? name : found, err));
	engine_event(t->engine, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_SAVE, .id = out.image.id,
						 .name = o->path ? o->path : what });
	return 0;
}

static int finish(struct target *t, const struct image_save *o, struct json_object *manifest, struct error *err)
{
	auto_buf text = BUF_INIT((size_t)16 << 20);

	if (o->kind == SAVE_DOCKER_ARCHIVE) {
		json_format(&text, manifest, 0);
		TRY(buf_ok(&text, "manifest.json", err));
		TRY(image_target_bytes(&t->to, "manifest.json", text.data, text.len, err));
	}
	return image_target_end(&t->to, err);
}

static int save_all(struct engine *e, const struct strv *what, const char *name, const struct image_save *o,
		    struct error *err)
{
	CLEANUP(target_done) struct target t = { .to = { .fd = -1 } };
	auto_json *manifest = json_object_new_array();

	if (!manifest)
		return fail_oom(err);
	for (size_t i = 0; i < what->n; i++) {   /* a misspelt name is told before a file is made */
		auto_image_out probe = {};
		TRY(image_out_begin(e, what->v[i], IMAGE_FORMAT_KEEP, &probe, NULL, err));
	}
	TRY(open_target(e, o, &t, err));
	for (size_t i = 0; i < what->n; i++)
		TRY(save_one(&t, what->v[i], name, o, manifest, err));
	return finish(&t, o, manifest, err);
}

int image_save(struct engine *e, const struct strv *what, const struct image_save *o, struct error *err)
{
	if (what->n + o->extra_names.n > 1 && o->kind != SAVE_DOCKER_ARCHIVE)
		return fail(err, ERROR_INVALID, "multi-image archives are only supported with the docker-archive format");
	if (save_all(e, what, NULL, o, err) == 0)
		return 0;
	struct stat st;   /* half an archive is worse than none */
	if (o->path && stat(o->path, &st) == 0 && S_ISREG(st.st_mode))
		unlink(o->path);
	return -1;
}
