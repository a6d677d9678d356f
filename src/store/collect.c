/* SPDX-License-Identifier: Apache-2.0
 * store/collect.c - removing content that no image refers to.
 *
 * Content is needed when the index says so or when somebody holds its lease. The collector takes the lease exclusively
 * without waiting (busy: it is needed), asks the index, moves the object into its stage's directory and takes the
 * lease's lock file away. */
#include "store/stage-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "os/file.h"

static int is_referenced(struct store *s, struct db *index, const char *digest, struct error *err)
{
	int64_t n = build_cache_refers(s, digest, err);

	if (n)
		return n < 0 ? -1 : 1;
	TRY(db_get_int(index, &n, err,
		       "SELECT EXISTS(SELECT 1 FROM image_layers WHERE diff_id=?1) OR"
		       " EXISTS(SELECT 1 FROM image_layers WHERE blob=?1) OR"
		       " EXISTS(SELECT 1 FROM image_digests WHERE digest=?1) OR"
		       " EXISTS(SELECT 1 FROM images WHERE id=substr(?1,8))", "s", digest));
	return n != 0;
}

static int64_t blob_size(const struct store *s, const char *path)
{
	struct stat st;

	return fstatat(s->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size : 0;
}

static int trash_content(struct store *s, struct stage *st, const char *digest, struct collected *c, struct error *err)
{
	char blob[BLOB_PATH_MAX], layer[BLOB_PATH_MAX];
	struct layer_info info = { 0 };
	struct error ignored;

	TRY(blob_relpath(digest, blob, err));
	TRY(layer_relpath(digest, layer, err));
	int64_t bytes = blob_size(s, blob);
	TRY(stage_trash(st, s->root_fd, blob, err));
	if (layer_info_load(s->root_fd, layer, &info, &ignored) == 1)
		bytes += info.bytes;
	layer_info_done(&info);
	int had_layer = stage_trash(st, s->root_fd, layer, err);
	snprintf(layer, sizeof(layer), "mapped/%s", digest + strlen("sha256:"));
	if (had_layer < 0 || stage_trash(st, s->root_fd, layer, err) < 0)
		return -1;
	if (c)
		c->bytes += bytes;
	return had_layer && c && c->layers ? strv_add(c->layers, digest, err) : 0;
}

static int collect_content(struct store *s, struct stage *st, const char *digest, struct collected *c, struct error *err)
{
	auto_lock l = LOCK_INIT;
	struct db *index;

	if (stage_holds(st, digest))
		return 0;
	TRY(store_index(s, &index, err));
	int needed = is_referenced(s, index, digest, err);
	if (needed)
		return needed < 0 ? -1 : 0;
	int got = lock_named(s->root_fd, "digest", digest, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, 0 }, &l, err);
	if (got != 1)
		return got;
	needed = is_referenced(s, index, digest, err);   /* again, now that nobody can be about to refer to it */
	if (needed)
		return needed < 0 ? -1 : 0;
	TRY(trash_content(s, st, digest, c, err));
	unlock_named(s->root_fd, "digest", digest, &l);
	return 1;
}

/* The record file of an image without a row: it was never acknowledged, or its removal was. */
static int collect_record(struct store *s, const struct stage *st, const char *id, struct error *err)
{
	auto_lock l = LOCK_INIT;
	struct db *index;
	int64_t row;
	char path[80];

	int got = lock_named(s->root_fd, "image", id, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, 0 }, &l, err);
	if (got != 1)
		return got;
	TRY(store_index(s, &index, err));
	int known = image_rowid(index, id, &row, err);
	if (known < 0 || (known && !st->adopted && !s->recovering))
		return known < 0 ? -1 : 0;
	if (known)   /* its writer died between the transaction and the file; a power cut has taken the note that says so */
		return image_record_refresh(s, id, err);
	snprintf(path, sizeof(path), "images/%s.json", id);
	if (unlinkat(s->root_fd, path, 0) < 0 && errno != ENOENT)
		return fail_errno(err, "remove %s/%s", s->root, path);
	unlock_named(s->root_fd, "image", id, &l);
	return 1;
}

int collect_digest(struct store *s, struct stage *st, const char *digest, struct collected *c, struct error *err)
{
	const char *id = str_after(digest, "image:");

	if (id)
		return is_hex64(id) ? collect_record(s, st, id, err) : 0;
	return store_digest_is_valid(digest) ? collect_content(s, st, digest, c, err) : 0;
}
