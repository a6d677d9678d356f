/* SPDX-License-Identifier: Apache-2.0
 * engine/container-files.c - diff, export, mount. */
#include "engine/container-files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "engine/container-impl.h"
#include "engine/image-list.h"
#include "engine/tree-pack.h"
#include "engine/userns.h"
#include "os/file.h"

#define TAR_RECORD 10240

/* ---- diff ---- */
/* Something with layers: a container or an image. */
struct side {
	struct ctr *c;
	struct store_image image;
};

static void side_done(struct side *s)
{
	ctr_free(s->c);
	store_image_done(&s->image);
}

static int find_image_side(struct engine *e, const char *name, struct side *ret, struct error *err)
{
	return image_find(e, name, STORE_IMAGE_LAYERS, &ret->image, NULL, err) < 0 ? -1 : 0;
}

static int find_side(struct engine *e, const char *name, enum diff_kind kind, struct side *ret, struct error *err)
{
	if (kind == DIFF_IMAGE)
		return find_image_side(e, name, ret, err);
	if (ctr_find(e, name, &ret->c, err) == 0)
		return 0;
	if (kind == DIFF_CONTAINER || err->kind != ERROR_NOT_FOUND)
		return -1;
	if (find_image_side(e, name, ret, err) == 0)
		return 0;
	return err->kind != ERROR_NOT_FOUND ? -1 : fail(err, ERROR_NOT_FOUND, "%s: no container or image of that name or ID", name);
}

static int image_layers(const struct store_image *i, struct strv *ret, struct error *err)
{
	for (size_t k = 0; k < i->n_layers; k++)
		TRY(strv_add(ret, i->layers[k].diff_id, err));
	return 0;
}

static int open_side(struct store *s, const struct side *from, struct error *err)
{
	auto_strv layers = {};
	autoclose int fd = -1;

	if (from->c) {
		TRY(store_rootfs_bare(s, &from->c->at, &fd, err));
	} else {
		TRY(image_layers(&from->image, &layers, err));
		TRY(store_rootfs_open_layers(s, &layers, &fd, err));
	}
	int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? fail_errno(err, "open the root directory") : dir;
}

static int diff_two(struct store *s, const struct side *from, const struct side *base, struct rootfs_changes *ret,
		    struct error *err)
{
	autoclose int a = open_side(s, from, err);
	autoclose int b = a < 0 ? -1 : open_side(s, base, err);

	return b < 0 ? -1 : store_trees_diff(a, b, ret, err);
}

/* Files and directories every container gets, whoever asks. */
static const char *const made_by_us[] = {
	"/dev", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab", "/proc", "/run", "/run/.containerenv",
	"/run/notify", "/run/secrets", "/sys",
};

static bool is_ours(const struct ctr *c, const char *path)
{
	const struct list *mounts = &c->params.storage.mounts;

	for (size_t i = 0; i < ARRAY_LEN(made_by_us); i++)
		if (streq(made_by_us[i], path))
			return true;
	for (size_t i = 0; i < mounts->n; i++)
		if (streq0(((const struct param_mount *)mounts->v)[i].destination, path))
			return true;
	return false;
}

static void drop_ours(const struct ctr *c, struct rootfs_changes *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (is_ours(c, l->v[i].path))
			free(l->v[i].path);
		else
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
}

static int diff_one(struct store *s, const struct side *from, struct rootfs_changes *ret, struct error *err)
{
	auto_strv layers = {};

	if (from->c)
		return store_rootfs_diff(s, &from->c->at, ret, err);
	TRY(image_layers(&from->image, &layers, err));
	return layers.n ? store_layers_diff(s, &layers, layers.n - 1, ret, err) : 0;
}

int engine_diff(struct engine *e, const char *name, const char *base, enum diff_kind kind, struct rootfs_changes *ret,
		struct error *err)
{
	CLEANUP(side_done) struct side a = {}, b = {};
	auto_rootfs_changes found = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(find_side(e, name, kind, &a, err));
	if (base)
		TRY(find_side(e, base, DIFF_ANY, &b, err));
	TRY(base ? diff_two(s, &a, &b, &found, err) : diff_one(s, &a, &found, err));
	if (a.c) {
		TRY(ctr_load(a.c, err));
		drop_ours(a.c, &found);
	}
	*ret = found;
	found = (struct rootfs_changes){};
	return 0;
}

/* ---- export ---- */
/* Whole records, as tar itself writes: its --delete damages an archive that ends in the middle of one. */
static int fill_record(int out, int64_t bytes, struct error *err)
{
	static const char zeros[TAR_RECORD];
	size_t over = (size_t)(bytes % TAR_RECORD);

	return over ? file_write_all(out, zeros, TAR_RECORD - over, err) : 0;
}

int ctr_export(struct ctr *c, int out, struct error *err)
{
	autofree struct idmap_pair *maps = NULL;
	struct tree_pack pack = TREE_PACK_INIT;
	struct store *s;
	autoclose int root = -1, dir = -1;

	TRY(engine_store(c->engine, &s, err));
	TRY(ctr_load(c, err));
	TRY(userns_maps(c->engine, &c->params, &maps, err));
	TRY(store_rootfs_bare(s, &c->at, &root, err));
	dir = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail_errno(err, "container %.12s", c->id);
	pack.from = dir;
	pack.out = out;
	pack.one_fs = true;
	pack.maps = maps;
	pack.maps_part = true;
	if (tree_pack(&pack, err) < 0)
		return fail_wrap(err, "exporting container %.12s", c->id);
	TRY(fill_record(out, pack.ret_bytes, err));
	ctr_event(c, EVENT_EXPORT);
	return 0;
}

/* ---- mount ---- */
int ctr_mount(struct ctr *c, char **ret_path, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	TRY(ctr_lock(c, &lock, err));
	TRY(ctr_reread(c, err));
	TRY(store_rootfs_mount(s, &c->at, ret_path, err));
	ctr_event(c, EVENT_MOUNT);
	return 0;
}

int ctr_unmount(struct ctr *c, bool force, struct error *err)
{
	auto_lock lock = LOCK_INIT;
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	TRY(ctr_lock(c, &lock, err));
	int r = store_rootfs_unmount(s, c->id, force, err);
	if (r == 1)
		ctr_event(c, EVENT_UNMOUNT);
	return r;
}

int ctr_mounted(struct ctr *c, char **ret_path, struct error *err)
{
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	return store_rootfs_mounted(s, c->id, ret_path, err);
}
