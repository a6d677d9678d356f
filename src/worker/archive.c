/* SPDX-License-Identifier: Apache-2.0
 * worker/archive.c - oci-archive and docker-archive files: a table of contents, made in one pass over the headers.
 *
 * A plain tar file that can seek is left where it is; what is compressed or comes from a pipe is unrolled into the spool
 * file in the same pass. Blobs are then ranges of a file: whoever unpacks them reads them there, nothing is copied.
 * Names are looked up in the table only; links in the archive lead to other names of the table, never to files
 * (security-matrix F13). */
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "image/tar.h"
#include "os/file.h"
#include "worker/archive-table.h"
#include "worker/role.h"

#define DOCUMENT_MAX ((size_t)4 << 20)
#define ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"
#define ANNOTATION_CONTAINERD_NAME "io.containerd.image.name"

/* ---- one image in a docker-archive's manifest.json ---- */
struct docker_image {
	char *config;
	struct strv repo_tags, layers;
};

static const struct field docker_image_rows[] = {
	{ F_STR(struct docker_image, config), .json = "Config", .flags = FIELD_REQUIRED },
	{ F_STRV(struct docker_image, repo_tags), .json = "RepoTags" },
	{ F_STRV(struct docker_image, layers), .json = "Layers" },
	{},
};

struct archive {
	struct archive_table table;
	enum archive_format format;
	struct list docker;   /* struct docker_image */
	struct list images;   /* struct op_archive_entry */
};

void archive_free(struct archive *a)
{
	if (!a)
		return;
	archive_table_done(&a->table);
	for (size_t i = 0; i < a->docker.n; i++)
		fields_done(docker_image_rows, &((struct docker_image *)a->docker.v)[i]);
	free(a->docker.v);
	free(a);
}
DEFINE_CLEANUP(struct archive, archive_free);

/* ---- documents inside ---- */
/* 1: read; 0: no such entry. */
static int read_member(const struct archive_table *t, const char *name, char **ret, size_t *ret_len, struct error *err)
{
	const struct archive_file *f = archive_table_find(t, name);

	if (!f)
		return 0;
	if ((uint64_t)f->size > DOCUMENT_MAX)
		return fail(err, ERROR_CORRUPT, "%s: larger than %zu bytes", name, DOCUMENT_MAX);
	autofree char *bytes = malloc((size_t)f->size + 1);
	if (!bytes)
		return fail_oom(err);
	for (int64_t done = 0; done < f->size;) {
		ssize_t n = pread(t->fd, bytes + done, (size_t)(f->size - done), f->offset + done);
		if (n == 0)
			return fail(err, ERROR_CORRUPT, "%s: cut off", name);
		if (n < 0 && errno != EINTR)
			return fail_errno(err, "read %s", name);
		done += n > 0 ? n : 0;
	}
	*ret = take_ptr(bytes);
	*ret_len = (size_t)f->size;
	return 1;
}

/* ---- OCI layouts ---- */
static int add_name(struct strv *names, const struct oci_descriptor *d, struct error *err)
{
	const char *name = strmap_get(&d->annotations, ANNOTATION_CONTAINERD_NAME);

	if (!name)
		name = strmap_get(&d->annotations, ANNOTATION_REF_NAME);
	return name && *name ? strv_add(names, name, err) : 0;
}

static int take_index(const char *bytes, size_t len, struct list *images, struct error *err)
{
	auto_manifest m = {};

	if (oci_manifest_parse(bytes, len, MEDIA_OCI_INDEX, &m, err) < 0)
		return fail_wrap(err, "index.json");
	for (size_t i = 0; i < m.manifests.n; i++) {
		const struct oci_descriptor *d = DESCRIPTOR(&m.manifests, i);
		struct op_archive_entry *e = list_add(images, sizeof(*e), err);
		if (!e)
			return -1;
		e->size = d->size;
		TRY(str_set(&e->digest, d->digest, err));
		TRY(str_set(&e->media_type, d->media_type, err));
		TRY(add_name(&e->names, d, err));
	}
	return 0;
}

/* ---- docker archives ---- */
static int take_docker_image(struct archive *a, struct json_object *o, struct error *err)
{
	struct docker_image *d = list_add(&a->docker, sizeof(*d), err);
	struct op_archive_entry *e = d ? list_add(&a->images, sizeof(*e), err) : NULL;

	if (!e)
		return -1;
	if (fields_load(docker_image_rows, FIELD_COLUMN_JSON, o, d, NULL, err) < 0)
		return err->kind = ERROR_CORRUPT, -1;
	if (d->layers.n > IMAGE_LAYERS_MAX)
		return fail(err, ERROR_UNSUPPORTED, "%zu layers; at most %d can be mounted", d->layers.n, IMAGE_LAYERS_MAX);
	e->size = -1;
	return strv_copy(&e->names, &d->repo_tags, err);
}

static int take_docker_manifest(struct archive *a, const char *bytes, size_t len, struct error *err)
{
	struct json_limits limits = { .max_bytes = DOCUMENT_MAX, .max_depth = 16, .unique_keys = true };
	auto_json *tree = NULL;

	if (json_parse("manifest.json", bytes, len, &limits, &tree, err) < 0)
		return err->kind = ERROR_CORRUPT, -1;
	if (!json_object_is_type(tree, json_type_array))
		return fail(err, ERROR_CORRUPT, "manifest.json: not a list of images");
	for (size_t i = 0; i < json_object_array_length(tree); i++)
		if (take_docker_image(a, json_object_array_get_idx(tree, i), err) < 0)
			return fail_wrap(err, "manifest.json: image %zu", i);
	return 0;
}

/* Which of the two it is: Docker 25 and later write both into one file; then the OCI reading counts unless it is
 * ambiguous without names. */
static int recognise(struct archive *a, const char *what, struct error *err)
{
	autofree char *index = NULL;
	autofree char *manifest = NULL;
	size_t index_len, manifest_len;
	int has_index = read_member(&a->table, "index.json", &index, &index_len, err);
	int has_manifest = has_index < 0 ? -1 : read_member(&a->table, "manifest.json", &manifest, &manifest_len, err);

	TRY(has_manifest);
	if (!has_index && !has_manifest)
		return fail(err, ERROR_INVALID, "%s: payload does not match any of the supported image formats: neither "
			    "index.json (oci-archive) nor manifest.json (docker-archive) is in it", what);
	if (has_index) {
		a->format = ARCHIVE_OCI;
		TRY(take_index(index, index_len, &a->images, err));
		if (!has_manifest || a->images.n == 1)
			return 0;
		for (size_t i = 0; i < a->images.n; i++) {
			struct op_archive_entry *e = &((struct op_archive_entry *)a->images.v)[i];
			strv_done(&e->names);
			free(e->digest);
			free(e->media_type);
		}
		a->images.n = 0;
	}
	a->format = ARCHIVE_DOCKER;
	return take_docker_manifest(a, manifest, manifest_len, err);
}

/* ---- operations ---- */
static int open_layout(const struct request *r, struct op_archive *ret, struct error *err)
{
	autofree char *bytes = NULL;
	size_t len;

	if (r->n_fds != 1 || lseek(r->fds[0], 0, SEEK_SET) < 0)
		return fail(err, ERROR_INVALID, "bad request");
	TRY(file_read_fd(r->fds[0], "index.json", DOCUMENT_MAX, &bytes, &len, err));
	ret->format = ARCHIVE_OCI;
	return take_index(bytes, len, &ret->images, err);
}

int op_open_archive(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_open_archive *q = r->args;
	struct op_archive *ret = reply;

	if (q->in_offset == -2)
		return open_layout(r, ret, err);
	if (r->n_fds != 2)
		return fail(err, ERROR_INVALID, "bad request");
	CLEANUP(archive_free_p) struct archive *a = calloc(1, sizeof(*a));
	if (!a)
		return fail_oom(err);
	a->table.fd = -1;
	if (archive_table_read(&a->table, r->fds[0], r->fds[1], q->in_offset >= 0, err) < 0) {
		if (err->kind == ERROR_CORRUPT && a->table.n == 0)
			fail_wrap(err, "payload does not match any of the supported image formats: oci, oci-archive, docker-archive, "
				  "dir");
		return fail_wrap(err, "%s", q->what ? q->what : "archive");
	}
	TRY(recognise(a, q->what ? q->what : "archive", err));
	ret->format = a->format;
	ret->spooled = a->table.spooled;
	ret->images = a->images;
	a->images = (struct list){};
	archive_free(w->archive);
	w->archive = take_ptr(a);
	return 0;
}

int op_archive_image(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_archive_image *q = r->args;
	struct op_archive_layers *ret = reply;

	if (!w->archive || q->index < 0 || (uint64_t)q->index >= w->archive->docker.n)
		return fail(err, ERROR_INVALID, "no such image in the archive");
	const struct docker_image *d = &((struct docker_image *)w->archive->docker.v)[q->index];
	TRY(str_set(&ret->config, d->config, err));
	return strv_copy(&ret->layers, &d->layers, err);
}

int op_archive_blob(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_archive_blob *q = r->args;
	struct op_blob_place *ret = reply;
	char name[64 + DIGEST_TEXT_MAX];
	struct digest d;

	if (!w->archive || !q->name)
		return fail(err, ERROR_INVALID, "bad request");
	const char *path = q->name;
	if (w->archive->format == ARCHIVE_OCI) {
		TRY(digest_parse(q->name, &d, err));
		snprintf(name, sizeof(name), "blobs/%s/%s", digest_algorithm_name(d.algorithm), digest_hex(q->name));
		path = name;
	}
	const struct archive_file *f = archive_table_find(&w->archive->table, path);
	if (!f)
		return 0;
	ret->found = true;
	ret->offset = f->offset;
	ret->size = f->size;
	return 0;
}
