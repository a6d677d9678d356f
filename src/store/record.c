/* SPDX-License-Identifier: Apache-2.0
 * store/record.c - the self-describing files: container.json and images/HEX.json, from and to their structs. */
#include "store/internal.h"

#include <fcntl.h>
#include <string.h>

#include "base/field.h"
#include "os/file.h"

static const struct field container_rows[] = {
	{ .json = "name", F_STR(struct container_record, name), .flags = FIELD_REQUIRED },
	{ .json = "imageId", F_STR(struct container_record, image_id) },
	{ .json = "imageName", F_STR(struct container_record, image_name) },
	{ .json = "created", F_INT(struct container_record, created) },
	{ .json = "command", F_STR(struct container_record, command) },
	{ .json = "labels", F_STR(struct container_record, labels) },
	{ .json = "pod", F_STR(struct container_record, pod) },
	{ .json = "ports", F_STR(struct container_record, ports) },
	{ .json = "networks", F_STR(struct container_record, networks) },
	{ .json = "mounts", F_STR(struct container_record, mounts) },
	{ .json = "restartPolicy", F_STR(struct container_record, restart_policy) },
	{ .json = "rootfs", F_STR(struct container_record, rootfs) },
	{ .json = "sizeLimit", F_STR(struct container_record, size_limit) },
	{ .json = "layers", F_STRV(struct container_record, layers) },
	{ .json = "transient", F_BOOL(struct container_record, transient) },
	{ .json = "infra", F_BOOL(struct container_record, infra) },
	{ .json = "readOnly", F_BOOL(struct container_record, read_only) },
	{ .json = "params", F_STR(struct container_record, params) },
	{},
};

void container_record_done(struct container_record *r)
{
	fields_done(container_rows, r);
	r->id[0] = '\0';
}

static const struct field image_layer_rows[] = {
	{ .json = "diffId", F_STR(struct store_image_layer, diff_id), .flags = FIELD_REQUIRED },
	{ .json = "blob", F_STR(struct store_image_layer, blob) },
	{ .json = "mediaType", F_STR(struct store_image_layer, media_type) },
	{ .json = "size", F_INT(struct store_image_layer, blob_size) },
	{},
};

/* struct store_image with its layers as the list the field walk knows. */
struct image_file {
	char *manifest, *manifest_type, *os, *arch, *variant, *labels;
	int64_t created, added;
	struct strv digests, names, history;
	struct list layers;
};

static const struct field image_rows[] = {
	{ .json = "manifest", F_STR(struct image_file, manifest), .flags = FIELD_REQUIRED },
	{ .json = "manifestType", F_STR(struct image_file, manifest_type) },
	{ .json = "digests", F_STRV(struct image_file, digests) },
	{ .json = "names", F_STRV(struct image_file, names) },
	{ .json = "history", F_STRV(struct image_file, history) },
	{ .json = "created", F_INT(struct image_file, created) },
	{ .json = "added", F_INT(struct image_file, added) },
	{ .json = "os", F_STR(struct image_file, os) },
	{ .json = "architecture", F_STR(struct image_file, arch) },
	{ .json = "variant", F_STR(struct image_file, variant) },
	{ .json = "labels", F_STR(struct image_file, labels) },
	{ .json = "layers", F_LIST(struct image_file, layers, struct store_image_layer, image_layer_rows) },
	{},
};

/* ---- common ---- */
static int format(const struct field *rows, const char *id, const void *from, struct buf *to, struct error *err)
{
	auto_json *tree = NULL;

	TRY(fields_save(rows, FIELD_COLUMN_JSON, from, &tree, err));
	TRY(json_add_str(tree, "id", id, err));
	json_format(to, tree, 0);
	return buf_ok(to, "record", err);
}

static int parse(const char *what, const char *text, size_t len, struct json_object **ret, char id[65],
		 struct error *err)
{
	auto_json *tree = NULL;
	const struct json_limits limits = { .max_bytes = STORE_JSON_MAX, .unique_keys = true };

	TRY(json_parse(what, text, len, &limits, &tree, err));
	const char *found = json_get_str(tree, "id");
	if (!found || !is_hex64(found))
		return fail(err, ERROR_CORRUPT, "%s: it has no id of 64 hexadecimal digits", what);
	memcpy(id, found, 65);
	*ret = take_ptr(tree);
	return 0;
}

/* ---- containers ---- */
int container_record_format(const struct container_record *r, struct buf *to, struct error *err)
{
	return format(container_rows, r->id, r, to, err);
}

static int check_digests(const struct strv *l, struct error *err)
{
	for (size_t i = 0; i < l->n; i++)
		if (!store_digest_hex(l->v[i], err))
			return -1;
	return 0;
}

static int check_container(const struct container_record *r, struct error *err)
{
	if (str_empty(r->name))
		return fail(err, ERROR_CORRUPT, "the container has no name");
	return check_digests(&r->layers, err);
}

int container_record_parse(const char *what, const char *text, size_t len, struct container_record *ret,
			   struct error *err)
{
	auto_json *tree = NULL;
	struct container_record r = { 0 };

	TRY(parse(what, text, len, &tree, r.id, err));
	if (fields_load(container_rows, FIELD_COLUMN_JSON, tree, &r, NULL, err) < 0 || check_container(&r, err) < 0) {
		container_record_done(&r);
		return fail_wrap(err, "%s", what);
	}
	*ret = r;
	return 0;
}

/* ---- images ---- */
int image_record_format(const struct store_image *i, struct buf *to, struct error *err)
{
	const struct image_file f = {
		.manifest = i->manifest, .manifest_type = i->manifest_type, .os = i->os, .arch = i->arch,
		.variant = i->variant, .labels = i->labels, .created = i->created, .added = i->added,
		.digests = i->digests, .names = i->names, .history = i->history,
		.layers = { .v = i->layers, .n = i->n_layers },
	};
	return format(image_rows, i->id, &f, to, err);
}

static int check_image(const struct image_file *f, struct error *err)
{
	const struct store_image_layer *l = f->layers.v;

	if (!store_digest_hex(f->manifest, err))
		return -1;
	for (size_t i = 0; i < f->layers.n; i++)
		if (!store_digest_hex(l[i].diff_id, err) || (l[i].blob && !store_digest_hex(l[i].blob, err)))
			return -1;
	return check_digests(&f->digests, err);
}

int image_record_parse(const char *what, const char *text, size_t len, struct store_image *ret, struct error *err)
{
	auto_json *tree = NULL;
	struct image_file f = { 0 };
	char id[65];

	TRY(parse(what, text, len, &tree, id, err));
	if (fields_load(image_rows, FIELD_COLUMN_JSON, tree, &f, NULL, err) < 0 || check_image(&f, err) < 0) {
		fields_done(image_rows, &f);
		return fail_wrap(err, "%s", what);
	}
	*ret = (struct store_image){
		.manifest = f.manifest, .manifest_type = f.manifest_type, .os = f.os, .arch = f.arch,
		.variant = f.variant, .labels = f.labels, .created = f.created, .added = f.added,
		.digests = f.digests, .names = f.names, .history = f.history,
		.layers = f.layers.v, .n_layers = f.layers.n,
	};
	memcpy(ret->id, id, sizeof(id));
	return 0;
}

int image_record_save(struct store *s, const struct store_image *i, struct error *err)
{
	auto_buf text = BUF_INIT(STORE_JSON_MAX);
	char path[80];

	TRY(image_record_format(i, &text, err));
	snprintf(path, sizeof(path), "images/%s.json", i->id);
	return file_replace(s->root_fd, path, text.data, text.len, 0600, store_sync_flag(s), err);
}

void store_image_done(struct store_image *i)
{
	struct image_file f = {
		.manifest = i->manifest, .manifest_type = i->manifest_type, .os = i->os, .arch = i->arch,
		.variant = i->variant, .labels = i->labels, .digests = i->digests, .names = i->names,
		.history = i->history, .layers = { .v = i->layers, .n = i->n_layers },
	};
	fields_done(image_rows, &f);
	free(i->config);
	*i = (struct store_image){ 0 };
}

void store_image_list_done(struct store_image_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		store_image_done(&l->v[i]);
	free(l->v);
	*l = (struct store_image_list){ 0 };
}
