/* SPDX-License-Identifier: Apache-2.0
 * store/rootfs-mapped.c - layers with other owners, for user namespaces where the kernel cannot map ids.
 *
 * Rootless (and on file systems without id-mapped mounts) a container with a user namespace of its own needs its layers'
 * files owned by the ids that namespace maps. One copy per layer and mapping is made the first time and kept:
 * <root>/mapped/HEX/<hash of the mapping>/, made in a stage and renamed, removed with the layer. File data is shared
 * where the file system can. The maker logs nothing itself; store_rootfs_needs_copy() lets the engine say so. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>

#include "os/file.h"
#include "os/idmap.h"
#include "store/internal.h"
#include "store/rootfs.h"

enum { MAPPED_PATH = 128 };

static uint64_t hash_map(uint64_t h, const struct idmap *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const uint32_t v[3] = { m->v[i].inside, m->v[i].outside, m->v[i].count };
		for (size_t n = 0; n < ARRAY_LEN(v); n++)
			h = (h ^ v[n]) * UINT64_C(0x100000001b3);
	}
	return h;
}

static int mapped_path(const char *diff_id, const struct idmap_pair *maps, char out[MAPPED_PATH], struct error *err)
{
	const char *hex = store_digest_hex(diff_id, err);
	uint64_t h = hash_map(hash_map(UINT64_C(0xcbf29ce484222325), &maps->uids) * 31, &maps->gids);

	if (!hex)
		return -1;
	snprintf(out, MAPPED_PATH, "mapped/%.64s/%016" PRIx64, hex, h);
	return 0;
}

static int fill(struct stage *st, int from, const struct idmap_pair *maps, struct error *err)
{
	if (mkdirat(stage_fd(st), "tree", 0755) < 0)
		return fail_errno(err, "make %s/tree", stage_path(st));
	autoclose int to = openat(stage_fd(st), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return fail_errno(err, "open %s/tree", stage_path(st));
	TRY(layer_copy(from, to, (struct layer_copy_how){ .maps = maps, .verbatim = true }, err));
	return store_is_syncing(stage_store(st)) ? file_sync_fs(to, err) : 0;
}

static int make_mapped(struct store *s, int from, const char *path, const struct idmap_pair *maps, struct error *err)
{
	auto_stage *st = NULL;
	char parent[MAPPED_PATH];

	snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
	/* nothing is noted in this stage, so ending it touches no database: we may be a forked child */
	TRY(stage_begin(s, "map", &st, err));
	TRY(fill(st, from, maps, err));
	TRY(file_mkdirs(s->root_fd, parent, 0700, err));
	if (renameat2(stage_fd(st), "tree", s->root_fd, path, RENAME_NOREPLACE) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		return fail_errno(err, "rename to %s/%s", s->root, path);
	return store_sync_dir(s, s->root_fd, parent, err);
}

static int open_mapped(const struct store *s, const char *path)
{
	return openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

int layer_fds_map_by_copy(const struct store *s, const struct strv *layers, struct layer_fds *l,
			  const struct idmap_pair *maps, struct error *err)
{
	char path[MAPPED_PATH];

	for (size_t i = 0; i < l->n; i++) {
		TRY(mapped_path(layers->v[i], maps, path, err));
		int fd = open_mapped(s, path);
		if (fd < 0 && make_mapped((struct store *)s, l->v[i], path, maps, err) < 0)
			return fail_wrap(err, "give layer %s the owners of the user namespace", layers->v[i]);
		if (fd < 0)
			fd = open_mapped(s, path);
		if (fd < 0)
			return fail_errno(err, "%s/%s", s->root, path);
		close_p(&l->v[i]);
		l->v[i] = fd;
	}
	return 0;
}

int store_rootfs_needs_copy(const struct store *s, const struct rootfs_options *o, struct error *err)
{
	char path[MAPPED_PATH];

	for (size_t i = 0; o->maps && s->userxattr && i < o->layers->n; i++) {
		TRY(mapped_path(o->layers->v[i], o->maps, path, err));
		if (faccessat(s->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return 1;
	}
	return 0;
}
