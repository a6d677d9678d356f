/* SPDX-License-Identifier: Apache-2.0
 * store/stage-content.c - how a blob and how a layer become durable.
 *
 * Blob: bytes into staging/X/bN, fsync, note, rename to blobs/sha256/HEX, fsync of that directory.
 * Layer: files below staging/X/tN/tree, layer.json beside it, one syncfs for all layers of a pull, note, rename to
 * layers/sha256-HEX, fsync of layers/. NOREPLACE: the first one wins, the same content again is success. The lease is
 * held (shared at least) from before the rename on, so no collector takes the content before an image refers to it. */
#include "store/stage-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>

#include "base/units.h"
#include "os/file.h"

/* ---- blobs ---- */
int stage_blob_begin(struct stage *st, struct stage_blob *ret, struct error *err)
{
	struct stage_blob b = { .stage = st };

	snprintf(b.name, sizeof(b.name), "b%u", st->serial++);
	b.fd = openat(st->fd, b.name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (b.fd < 0)
		return fail_errno(err, "make a blob in %s", st->path);
	*ret = b;
	return 0;
}

static int open_partial(const struct store *s, const char *path, struct error *err)
{
	int fd = openat(s->root_fd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0 && errno == ENOENT && file_mkdirs(s->root_fd, "partial", 0700, err) >= 0)
		fd = openat(s->root_fd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	return fd >= 0 ? fd : fail_errno(err, "%s/%s", s->root, path);
}

int stage_blob_resume(struct stage *st, const char *digest, struct stage_blob *ret, int64_t *ret_have, struct error *err)
{
	const char *hex = store_digest_hex(digest, err);
	struct stage_blob b = { .stage = st, .resumable = true };

	if (!hex)
		return -1;
	TRY(stage_lease(st, digest, -1, err));
	snprintf(b.name, sizeof(b.name), "partial/%.64s", hex);
	b.fd = open_partial(st->store, b.name, err);
	if (b.fd < 0)
		return -1;
	off_t have = lseek(b.fd, 0, SEEK_END);
	if (have < 0) {
		fail_errno(err, "blob %s", digest);
		close(b.fd);
		return -1;
	}
	*ret = b;
	*ret_have = have;
	return 0;
}

static int blob_dir(const struct stage_blob *b)
{
	return b->resumable ? b->stage->store->root_fd : b->stage->fd;
}

void stage_blob_abort(struct stage_blob *b)
{
	if (b->fd < 0)
		return;
	if (!b->resumable)
		unlinkat(b->stage->fd, b->name, 0);
	close_p(&b->fd);
	b->fd = -1;
}

static int check_size(const struct stage_blob *b, const char *digest, int64_t size, struct error *err)
{
	struct stat st;

	if (fstat(b->fd, &st) < 0)
		return fail_errno(err, "blob %s", digest);
	if (size >= 0 && st.st_size != size)
		return fail(err, ERROR_CORRUPT, "blob %s: %" PRId64 " bytes instead of %" PRId64, digest,
			    (int64_t)st.st_size, size);
	return 0;
}

/* An existing blob of the same size is the same; of another size it is damaged and gives way. */
static bool is_same_blob(const struct store *s, int fd, const char *path)
{
	struct stat ours, theirs;

	return fstat(fd, &ours) == 0 && fstatat(s->root_fd, path, &theirs, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(theirs.st_mode) && ours.st_size == theirs.st_size;
}

static int place_blob(struct stage_blob *b, const char *path, struct error *err)
{
	struct store *s = b->stage->store;
	int dir = blob_dir(b);
	int r = renameat2(dir, b->name, s->root_fd, path, RENAME_NOREPLACE);

	if (r < 0 && errno == EEXIST) {
		if (is_same_blob(s, b->fd, path))
			return unlinkat(dir, b->name, 0);
		r = renameat(dir, b->name, s->root_fd, path);
	}
	if (r < 0 && (errno == EINVAL || errno == ENOSYS))   /* a file system without NOREPLACE */
		r = renameat(dir, b->name, s->root_fd, path);
	if (r < 0)
		return fail_errno(err, "rename to %s/%s", s->root, path);
	return store_sync_dir(s, s->root_fd, "blobs/sha256", err);
}

static int commit_blob(struct stage_blob *b, const char *digest, int64_t size, struct error *err)
{
	char path[BLOB_PATH_MAX];

	TRY(blob_relpath(digest, path, err));
	if (check_size(b, digest, size, err) < 0) {
		unlinkat(blob_dir(b), b->name, 0);
		return -1;
	}
	if (!b->stage->store->no_sync && fsync(b->fd) < 0) {
		unlinkat(blob_dir(b), b->name, 0);   /* what a failed fsync leaves is never tried again */
		return fail_errno(err, "fsync blob %s", digest);
	}
	TRY(stage_note(b->stage, digest, err));
	TRY(stage_pin(b->stage, digest, err));
	TRY(place_blob(b, path, err));
	return 0;
}

int stage_blob_commit(struct stage_blob *b, const char *digest, int64_t size, struct error *err)
{
	int r = commit_blob(b, digest, size, err);

	if (r < 0)
		stage_blob_abort(b);
	else
		close_p(&b->fd);
	b->fd = -1;
	return r;
}

int stage_blob_add(struct stage *st, const char *digest, const void *data, size_t len, struct error *err)
{
	auto_stage_blob b = STAGE_BLOB_INIT;

	if (stage_pin_blob(st, digest, err) == 1)
		return 0;
	TRY(stage_blob_begin(st, &b, err));
	TRY(file_write_all(b.fd, data, len, err));
	return stage_blob_commit(&b, digest, (int64_t)len, err);
}

/* ---- layers ---- */
int stage_layer_begin(struct stage *st, struct stage_layer *ret, struct error *err)
{
	struct stage_layer l = { .stage = st, .tree_fd = -1 };
	char tree[48];

	snprintf(l.name, sizeof(l.name), "t%u", st->serial++);
	snprintf(tree, sizeof(tree), "%s/tree", l.name);
	if (mkdirat(st->fd, l.name, 0755) < 0 || mkdirat(st->fd, tree, 0755) < 0)
		return fail_errno(err, "make %s/%s", st->path, tree);
	l.tree_fd = openat(st->fd, tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Most archives say nothing about "/": then it is read-only, as in Podman. Whatever the umask. */
	if (l.tree_fd < 0 || fchmod(l.tree_fd, 0555) < 0)
		return fail_errno(err, "open %s/%s", st->path, tree);
	*ret = l;
	return 0;
}

int stage_layer_adopt(struct stage_layer *l, int parent, const char *name, struct error *err)
{
	char tree[48];

	snprintf(tree, sizeof(tree), "%s/tree", l->name);
	if (renameat(parent, name, l->stage->fd, tree) < 0)   /* over the empty one */
		return fail_errno(err, "move %s to %s/%s", name, l->stage->path, tree);
	close_p(&l->tree_fd);
	l->tree_fd = openat(l->stage->fd, tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return l->tree_fd < 0 ? fail_errno(err, "open %s/%s", l->stage->path, tree) : 0;
}

int stage_layer_keep_recipe(struct stage_layer *l, struct stage_blob *b, struct error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/recipe", l->name);
	if (renameat(blob_dir(b), b->name, l->stage->fd, path) < 0)
		return fail_errno(err, "keep the recipe of a layer");
	close_p(&b->fd);
	b->fd = -1;
	return 0;
}

int stage_layer_path(const struct stage_layer *l, char **ret, struct error *err)
{
	return store_path_join(ret, err, l->stage->path, l->name, "tree");
}

void stage_layer_abort(struct stage_layer *l)
{
	struct error ignored;

	if (l->tree_fd < 0)
		return;
	close_p(&l->tree_fd);
	l->tree_fd = -1;
	file_remove_tree(l->stage->fd, l->name, &ignored);
}

static int write_info(struct stage_layer *l, const struct stage_layer_info *info, struct error *err)
{
	int64_t bytes, entries;
	auto_json *o = json_object_new_object();
	auto_buf text = BUF_INIT(4096);
	char path[64];

	if (!store_digest_hex(info->diff_id, err))
		return -1;
	TRY(store_tree_settle(l->stage->store, l->tree_fd, &bytes, &entries, err));
	if (!o)
		return fail_oom(err);
	TRY(json_add_str(o, "diffId", info->diff_id, err));
	if (info->tree_digest)
		TRY(json_add_str(o, "treeDigest", info->tree_digest, err));
	TRY(json_add(o, "bytes", json_object_new_int64(bytes), err));
	TRY(json_add(o, "entries", json_object_new_int64(entries), err));
	TRY(json_add(o, "created", json_object_new_int64(time_now()), err));
	json_format(&text, o, 0);
	TRY(buf_ok(&text, "layer.json", err));
	snprintf(path, sizeof(path), "%s/layer.json", l->name);
	return file_replace(l->stage->fd, path, text.data, text.len, 0644, 0, err);
}

/* The layer is here already, but perhaps from a source that came with a blob: then our recipe is what others lack. */
static int give_recipe(struct stage_layer *l, const char *path, struct error *err)
{
	struct store *s = l->stage->store;
	char from[64], to[BLOB_PATH_MAX + 8];

	snprintf(from, sizeof(from), "%s/recipe", l->name);
	snprintf(to, sizeof(to), "%s/recipe", path);
	if (renameat2(l->stage->fd, from, s->root_fd, to, RENAME_NOREPLACE) == 0)
		return store_sync_dir(s, s->root_fd, path, err);
	return errno == ENOENT || errno == EEXIST ? 0 : fail_errno(err, "keep the recipe of a layer");
}

static int place_layer(struct stage_layer *l, const char *diff_id, struct error *err)
{
	struct stage *st = l->stage;
	char path[BLOB_PATH_MAX];

	TRY(layer_relpath(diff_id, path, err));
	TRY(stage_note(st, diff_id, err));
	TRY(stage_pin(st, diff_id, err));
	for (;;) {
		if (renameat2(st->fd, l->name, st->store->root_fd, path, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST && errno != ENOTEMPTY)
			return fail_errno(err, "rename to %s/%s", st->store->root, path);
		struct layer_info have = { 0 };
		int healthy = layer_info_load(st->store->root_fd, path, &have, err);
		layer_info_done(&have);
		if (healthy == 1)   /* ours goes with the stage */
			return give_recipe(l, path, err);
		TRY(stage_trash(st, st->store->root_fd, path, err));
	}
}

static int commit_layers(struct stage_layer *l, const struct stage_layer_info *info, size_t n, struct error *err)
{
	struct store *s = n ? l[0].stage->store : NULL;

	for (size_t i = 0; i < n; i++)
		TRY(write_info(&l[i], &info[i], err));
	if (n && !s->no_sync)
		TRY(file_sync_fs(l[0].stage->fd, err));
	for (size_t i = 0; i < n; i++)
		if (place_layer(&l[i], info[i].diff_id, err) < 0)
			return fail_wrap(err, "layer %s", info[i].diff_id);
	return n ? store_sync_dir(s, s->root_fd, "layers", err) : 0;
}

int stage_layers_commit(struct stage_layer *l, const struct stage_layer_info *info, size_t n, struct error *err)
{
	int r = commit_layers(l, info, n, err);

	for (size_t i = 0; i < n; i++)
		stage_layer_abort(&l[i]);   /* what was placed has no name in the stage any more */
	return r;
}

int stage_layer_commit(struct stage_layer *l, const struct stage_layer_info *info, struct error *err)
{
	return stage_layers_commit(l, info, 1, err);
}

/* ---- pins ---- */
static int pin_path(struct stage *st, const char *digest, const char *path, struct error *err)
{
	bool held = stage_holds(st, digest);

	TRY(stage_pin(st, digest, err));
	/* noted: whoever lets go of it last, after a failure, offers it to the collector */
	if (faccessat(st->store->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return stage_note(st, digest, err) < 0 ? -1 : 1;
	if (!held)
		stage_unlease(st, digest);
	return 0;
}

int stage_pin_blob(struct stage *st, const char *digest, struct error *err)
{
	char path[BLOB_PATH_MAX];

	TRY(blob_relpath(digest, path, err));
	if (faccessat(st->store->root_fd, path, F_OK, 0) < 0)
		return 0;
	return pin_path(st, digest, path, err);
}

int stage_pin_layer(struct stage *st, const char *diff_id, struct error *err)
{
	char path[BLOB_PATH_MAX];

	TRY(layer_relpath(diff_id, path, err));
	if (faccessat(st->store->root_fd, path, F_OK, 0) < 0)
		return 0;
	return pin_path(st, diff_id, path, err);
}
