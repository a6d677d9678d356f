/* SPDX-License-Identifier: Apache-2.0 */
#include "build/source-image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/sha256.h"
#include "base/units.h"
#include "conf/helpers.h"
#include "engine/tree-pack.h"
#include "image/oci-image.h"
#include "image/worker.h"
#include "os/file.h"

#define BLOBS "blobs/sha256"
#define TEMP BLOBS "/.tmp-layer"
enum { DOCUMENT_BYTES_MAX = 4 << 20 };

/* ---- blobs ---- */
static int descriptor(const char *type, const char *digest, int64_t size, struct json_object **ret, struct error *err)
{
	*ret = json_object_new_object();
	if (!*ret)
		return fail_oom(err);
	TRY(json_add_str(*ret, "mediaType", type, err));
	TRY(json_add_str(*ret, "digest", digest, err));
	return json_add(*ret, "size", json_object_new_int64(size), err);
}

static int blob_path(const char *digest, char ret[128], struct error *err)
{
	const char *hex = digest ? str_after(digest, "sha256:") : NULL;

	if (!hex || !digest_is_valid(digest))
		return fail(err, ERROR_CORRUPT, "\"%s\" is no digest of a blob", digest ? digest : "");
	snprintf(ret, 128, BLOBS "/%s", hex);
	return 0;
}

/* A document becomes a blob; *ret: what refers to it, owned. */
static int add_document(int dir, struct json_object *doc, const char *type, struct json_object **ret, struct error *err)
{
	auto_buf text = BUF_INIT(DOCUMENT_BYTES_MAX);
	char digest[SHA256_TEXT_MAX], path[128];

	json_format(&text, doc, 0);
	TRY(buf_ok(&text, "source image", err));
	sha256_text(text.data, text.len, digest);
	TRY(blob_path(digest, path, err));
	TRY(file_replace(dir, path, text.data, text.len, 0644, FILE_SYNC, err));
	return descriptor(type, digest, (int64_t)text.len, ret, err);
}

static int read_document(int dir, const char *path, struct json_object **ret, struct error *err)
{
	const struct json_limits limits = { .max_bytes = DOCUMENT_BYTES_MAX };
	autofree char *text = NULL;
	size_t len;
	int r = file_read(dir, path, DOCUMENT_BYTES_MAX, &text, &len, err);

	if (r == 0)
		return fail_with(err, ENOENT, "open %s", path);
	return r < 0 ? -1 : json_parse(path, text, len, &limits, ret, err);
}

/* ---- the index ---- */
/* Takes the descriptor. */
static int write_index(int dir, struct json_object *manifest, struct error *err)
{
	auto_json *index = json_object_new_object();
	struct json_object *list = json_object_new_array();
	auto_buf text = BUF_INIT(DOCUMENT_BYTES_MAX);

	if (!index || !list || json_object_array_add(list, manifest) < 0)
		return fail_oom(err);
	TRY(json_add(index, "schemaVersion", json_object_new_int(2), err));
	TRY(json_add_str(index, "mediaType", media_type_name(MEDIA_OCI_INDEX), err));
	TRY(json_add(index, "manifests", list, err));
	json_format(&text, index, 0);
	TRY(buf_ok(&text, "index.json", err));
	return file_replace(dir, "index.json", text.data, text.len, 0644, FILE_SYNC, err);
}

/* *ret: the only manifest; ret_path: where it lies. */
static int read_manifest(int dir, struct json_object **ret, char ret_path[128], struct error *err)
{
	auto_json *index = NULL;

	TRY(read_document(dir, "index.json", &index, err));
	struct json_object *list = json_get_array(index, "manifests");
	if (!list || json_object_array_length(list) != 1)
		return fail(err, ERROR_INVALID, "index.json: a source image has one manifest");
	struct json_object *entry = json_object_array_get_idx(list, 0);
	const char *type = json_get_str(entry, "mediaType");
	if (!streq0(type, media_type_name(MEDIA_OCI_MANIFEST)))
		return fail(err, ERROR_INVALID, "image is of type \"%s\" (expected: \"%s\")", type ? type : "", media_type_name(MEDIA_OCI_MANIFEST));
	TRY(blob_path(json_get_str(entry, "digest"), ret_path, err));
	return read_document(dir, ret_path, ret, err);
}

static int check_type(struct json_object *manifest, struct error *err)
{
	struct json_object *config = json_get_object(manifest, "config");
	const char *type = config ? json_get_str(config, "mediaType") : NULL;

	if (streq0(type, SOURCE_IMAGE_CONFIG_TYPE))
		return 0;
	return fail(err, ERROR_INVALID, "invalid media type of image config \"%s\" (expected: \"%s\")", type ? type : "", SOURCE_IMAGE_CONFIG_TYPE);
}

static int open_layout(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? fail_errno(err, "open %s", path) : fd;
}

int source_image_check(const char *path, struct error *err)
{
	autoclose int dir = open_layout(path, err);
	auto_json *manifest = NULL;
	char at[128];

	return dir < 0 || read_manifest(dir, &manifest, at, err) < 0 ? -1 : check_type(manifest, err);
}

/* ---- create ---- */
static int add_config(int dir, const struct source_image *o, struct json_object **ret, struct error *err)
{
	auto_json *doc = json_object_new_object();
	char when[48];

	if (!doc)
		return fail_oom(err);
	if (o->timestamp)
		TRY(json_add_str(doc, "created", time_format_utc(time_now(), when), err));
	if (o->author)
		TRY(json_add_str(doc, "author", o->author, err));
	return add_document(dir, doc, SOURCE_IMAGE_CONFIG_TYPE, ret, err);
}

static int fill(int dir, const struct source_image *o, struct error *err)
{
	static const char mark[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	auto_json *doc = json_object_new_object();
	struct json_object *config = NULL, *manifest = NULL;

	if (!doc)
		return fail_oom(err);
	TRY(file_mkdirs(dir, BLOBS, 0755, err));
	TRY(file_replace(dir, "oci-layout", mark, sizeof(mark) - 1, 0644, FILE_SYNC, err));
	TRY(add_config(dir, o, &config, err));
	TRY(json_add(doc, "schemaVersion", json_object_new_int(2), err));
	TRY(json_add_str(doc, "mediaType", media_type_name(MEDIA_OCI_MANIFEST), err));
	TRY(json_add(doc, "config", config, err));
	TRY(json_add(doc, "layers", NULL, err));   /* as Buildah writes it: null */
	TRY(add_document(dir, doc, media_type_name(MEDIA_OCI_MANIFEST), &manifest, err));
	return write_index(dir, manifest, err);
}

int source_image_create(const char *path, const struct source_image *o, struct error *err)
{
	struct error ignored;

	if (mkdir(path, 0755) < 0)
		return errno == EEXIST ? fail(err, ERROR_EXISTS, "creating source image: \"%s\" already exists", path)
				       : fail_errno(err, "creating source image: %s", path);
	autoclose int dir = open_layout(path, err);
	if (dir >= 0 && fill(dir, o, err) == 0)
		return 0;
	file_remove_tree(AT_FDCWD, path, &ignored);
	return -1;
}

/* ---- add ---- */
static int pack(const char *artifact, int out, struct error *err)
{
	struct tree_pack p = TREE_PACK_INIT;
	autofree char *parent = NULL;
	struct stat st;

	if (stat(artifact, &st) < 0)
		return fail_errno(err, "%s", artifact);
	p.out = out;
	if (S_ISDIR(st.st_mode)) {
		autoclose int from = open_layout(artifact, err);
		p.from = from;
		return from < 0 ? -1 : tree_pack(&p, err);
	}
	const char *slash = strrchr(artifact, '/');
	TRY(slash ? str_printf(&parent, err, "%.*s/", (int)(slash - artifact), artifact) : str_set(&parent, ".", err));
	autoclose int from = open_layout(parent, err);
	p.from = from;
	const char *name = slash ? slash + 1 : artifact;
	return from < 0 ? -1 : tree_pack_one(&p, name, name, err);
}

/* In the confined worker, which has the codecs. */
static int compress(struct engine *e, int tar, int out, struct op_unpacked *ret, struct error *err)
{
	struct op_recompress q = { .compression = COMPRESSION_GZIP, .level = -1, .in_size = -1, .no_diff_id = true };
	autofree char *program = NULL;
	auto_worker *w = NULL;

	TRY(helper_find("umiak-worker", &program, err));
	const struct worker_options o = { .program = program, .root_fd = -1, .log = e->log };
	TRY(worker_start(WORKER_PACK, &o, &w, err));
	return worker_call(w, OP_RECOMPRESS, &q, (int[]){ tar, out }, 2, ret, NULL, err);
}

static int place(int dir, int fd, const char *digest, struct error *err)
{
	char path[128];

	TRY(blob_path(digest, path, err));
	if (fsync(fd) < 0 || renameat(dir, TEMP, dir, path) < 0)
		return fail_errno(err, "write %s", path);
	return file_sync_dir(dir, BLOBS, err);
}

static int add_layer(struct engine *e, int dir, const char *artifact, struct json_object **ret, struct error *err)
{
	autoclose int tar = openat(dir, TEMP ".tar", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	autoclose int out = openat(dir, TEMP, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	struct op_unpacked u = {};
	struct stat st;

	if (tar < 0 || out < 0 || unlinkat(dir, TEMP ".tar", 0) < 0)
		return fail_errno(err, "make " TEMP);
	TRY(pack(artifact, tar, err));
	if (lseek(tar, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	int r = compress(e, tar, out, &u, err);
	if (r == 0)
		r = place(dir, out, u.blob_digest, err);
	if (r == 0)
		r = fstat(out, &st) < 0 ? fail_errno(err, "stat a layer")
					: descriptor(media_type_name(MEDIA_OCI_LAYER_GZIP), u.blob_digest, (int64_t)st.st_size, ret, err);
	fields_done(worker_ops[OP_RECOMPRESS].reply, &u);
	return r;
}

static int add_annotations(struct json_object *layer, const struct strv *given, struct error *err)
{
	struct json_object *notes = given->n ? json_object_new_object() : NULL;

	if (!given->n)
		return 0;
	TRY(json_add(layer, "annotations", notes, err));
	for (size_t i = 0; i < given->n; i++) {
		const char *eq = strchr(given->v[i], '=');
		autofree char *key = eq ? strndup(given->v[i], (size_t)(eq - given->v[i])) : NULL;
		if (!key)
			return fail(err, ERROR_INVALID, "invalid annotation \"%s\" (expected format is \"key=value\")", given->v[i]);
		if (json_get_str(notes, key))
			return fail(err, ERROR_INVALID, "annotation \"%s\" specified more than once", key);
		TRY(json_add_str(notes, key, eq + 1, err));
	}
	return 0;
}

static int append(struct json_object *manifest, struct json_object *layer, struct error *err)
{
	struct json_object *layers = json_get_array(manifest, "layers");

	if (!layers) {
		layers = json_object_new_array();
		TRY(json_add(manifest, "layers", layers, err));
	}
	return json_object_array_add(layers, layer) < 0 ? fail_oom(err) : 0;
}

int source_image_add(struct engine *e, const char *path, const char *artifact, const struct strv *annotations, struct error *err)
{
	autoclose int dir = open_layout(path, err);
	struct json_object *layer = NULL, *entry = NULL;
	auto_json *manifest = NULL;
	char before[128];

	if (dir < 0)
		return -1;
	TRY(read_manifest(dir, &manifest, before, err));
	TRY(check_type(manifest, err));
	if (add_layer(e, dir, artifact, &layer, err) < 0) {
		unlinkat(dir, TEMP, 0);
		return fail_wrap(err, "adding source artifact");
	}
	TRY(append(manifest, layer, err));
	TRY(add_annotations(layer, annotations, err));
	TRY(add_document(dir, manifest, media_type_name(MEDIA_OCI_MANIFEST), &entry, err));
	TRY(write_index(dir, entry, err));
	unlinkat(dir, before, 0);   /* nobody names it any more */
	return 0;
}
