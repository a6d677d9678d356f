/* SPDX-License-Identifier: Apache-2.0
 * store/layer.c - reading committed blobs and layers. A file's existence is the truth; no row is asked. */
#include "store/foreign.h"
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "os/file.h"

void layer_info_done(struct layer_info *l)
{
	free(l->diff_id);
	free(l->tree_digest);
	*l = (struct layer_info){ 0 };
}

static int parse_info(const char *what, const char *text, size_t len, struct layer_info *ret, struct error *err)
{
	auto_json *o = NULL;

	TRY(json_parse(what, text, len, NULL, &o, err));
	const char *diff_id = json_get_str(o, "diffId");
	if (!store_digest_is_valid(diff_id))
		return fail(err, ERROR_CORRUPT, "%s names no diff-id", what);
	ret->bytes = json_get_i64(o, "bytes", -1);
	ret->entries = json_get_i64(o, "entries", -1);
	ret->created = json_get_i64(o, "created", 0);
	TRY(str_set(&ret->tree_digest, json_get_str(o, "treeDigest"), err));
	return str_set(&ret->diff_id, diff_id, err);
}

int layer_info_load(int dirfd, const char *path, struct layer_info *ret, struct error *err)
{
	autofree char *file = NULL, *text = NULL;
	struct layer_info l = { 0 };
	size_t len;

	TRY(store_path_join(&file, err, path, "layer.json", NULL));
	int r = file_read(dirfd, file, 1 << 16, &text, &len, err);
	if (r != 1)
		return r;
	if (parse_info(file, text, len, &l, err) < 0) {
		layer_info_done(&l);
		err->kind = ERROR_CORRUPT;
		return -1;
	}
	*ret = l;
	return 1;
}

void store_layer_done(struct store_layer *l)
{
	free(l->diff_id);
	free(l->tree);
	*l = (struct store_layer){ 0 };
}

/* The layer below the store directory `root`. A damaged one counts as missing: pulled again, it is replaced. */
static int find_in(const char *root, const char *relpath, struct store_layer *ret, struct error *err)
{
	autoclose int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct layer_info info = { 0 };
	struct error why;

	if (fd < 0 || layer_info_load(fd, relpath, &info, &why) != 1)
		return 0;
	*ret = (struct store_layer){ .bytes = info.bytes, .entries = info.entries, .created = info.created };
	ret->diff_id = take_ptr(info.diff_id);
	layer_info_done(&info);
	return store_path_join(&ret->tree, err, root, relpath, "tree") < 0 ? -1 : 1;
}

int store_layer_find(struct store *s, const char *diff_id, struct store_layer *ret, struct error *err)
{
	char path[BLOB_PATH_MAX];

	TRY(layer_relpath(diff_id, path, err));
	int r = find_in(s->root, path, ret, err);
	for (size_t i = 0; !r && i < s->additional.n; i++) {
		r = foreign_is(s, i) ? foreign_layer_find(s, i, diff_id, ret, err) : find_in(s->additional.v[i], path, ret, err);
		if (r == 1)
			ret->read_only = true;
	}
	return r;
}

static int open_part(const struct store *s, const char *diff_id, const char *part, int flags, struct error *err)
{
	char layer[BLOB_PATH_MAX], path[BLOB_PATH_MAX + 8];

	TRY(layer_relpath(diff_id, layer, err));
	snprintf(path, sizeof(path), "%s/%.6s", layer, part);
	int fd = openat(s->root_fd, path, O_RDONLY | O_CLOEXEC | flags);
	for (size_t i = 0; fd < 0 && i < s->additional.n; i++) {
		if (foreign_is(s, i)) {
			fd = streq(part, "tree") ? foreign_layer_open(s, i, diff_id) : (errno = ENOENT, -1);
			continue;
		}
		autoclose int root = open(s->additional.v[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root >= 0)
			fd = openat(root, path, O_RDONLY | O_CLOEXEC | flags);
	}
	return fd >= 0 ? fd : fail_errno(err, "layer %s is missing (pull the image again to heal it)", diff_id);
}

int store_layer_open(const struct store *s, const char *diff_id, struct error *err)
{
	return open_part(s, diff_id, "tree", O_DIRECTORY, err);
}

int store_layer_open_recipe(const struct store *s, const char *diff_id, struct error *err)
{
	int fd = open_part(s, diff_id, "recipe", O_NOFOLLOW, err);

	return fd < 0 && err->errnum == ENOENT ? fail(err, ERROR_NOT_FOUND, "layer %s has no recipe", diff_id) : fd;
}

/* ---- blobs ---- */
int store_blob_open(struct store *s, const char *digest, struct error *err)
{
	char path[BLOB_PATH_MAX];

	TRY(blob_relpath(digest, path, err));
	int fd = openat(s->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	for (size_t i = 0; fd < 0 && i < s->additional.n; i++) {
		if (foreign_is(s, i)) {
			fd = foreign_blob_open(s, i, digest);
			continue;
		}
		autoclose int root = open(s->additional.v[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root >= 0)
			fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return fail(err, ERROR_NOT_FOUND, "blob %s: not in the store", digest);
	return fail_errno(err, "blob %s", digest);
}

int store_blob_find(struct store *s, const char *digest, int64_t *ret_size, struct error *err)
{
	struct stat st;
	autoclose int fd = store_blob_open(s, digest, err);

	if (fd < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "blob %s", digest);
	if (ret_size)
		*ret_size = st.st_size;
	return 1;
}

int store_blob_read(struct store *s, const char *digest, struct buf *to, struct error *err)
{
	autofree char *text = NULL;
	size_t len;
	autoclose int fd = store_blob_open(s, digest, err);

	if (fd < 0)
		return -1;
	TRY(file_read_fd(fd, digest, to->max, &text, &len, err));
	buf_add(to, text, len);
	return buf_ok(to, digest, err);
}

int store_blob_path(const struct store *s, const char *digest, char **ret, struct error *err)
{
	char path[BLOB_PATH_MAX];

	TRY(blob_relpath(digest, path, err));
	return store_path_join(ret, err, s->root, path, NULL);
}
