/* SPDX-License-Identifier: Apache-2.0
 * build/step-run-copy.c - RUN where overlay cannot be mounted: in a copy of the whole tree, compared with it afterwards. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/units.h"
#include "build/place.h"
#include "build/step-run.h"
#include "engine/tree-pack.h"
#include "os/file.h"
#include "os/mount.h"
#include "store/rootfs.h"

/* What the step begins with: the layers, and what earlier steps put into the same upper directory. */
static int open_base(struct runner *k, int *ret, struct error *err)
{
	const struct step_job *j = k->job;
	autofree int *v = calloc(j->below.n + 1, sizeof(int));
	struct step_trees t = { .v = v };

	if (!v)
		return fail_oom(err);
	for (size_t i = 0; i < j->below.n; i++)
		v[t.n++] = j->below.v[i];
	v[t.n++] = j->upper;
	return step_view(j, &t, ret, err);
}

static int copy_mapped(int from, int to, const struct idmap_pair *maps, bool back, struct error *err)
{
	auto_copy_items items = {};
	struct copy_job c = { .items = &items, .destination = "/", .directory = true, .owner = { .keep = true }, .view = -1,
			      .upper = to, .maps = maps, .maps_back = back };
	struct copy_item *i = list_add(&items.v, sizeof(*i), err);

	if (!i)
		return -1;
	*i = (struct copy_item){ .root = from, .is_dir = true, .contents = true };
	TRY(str_set(&i->path, "", err));
	TRY(str_set(&i->name, "", err));
	return copy_run(&c, err);
}

int step_run_copy_tree(int from, int to, struct error *err)
{
	return copy_mapped(from, to, NULL, false, err);
}

static int make_copy(struct runner *k, const char *name, int from, const struct idmap_pair *maps, bool back, struct error *err)
{
	struct stat st;
	uint32_t uid = 0, gid = 0;

	if (mkdirat(k->job->scratch, name, 0755) < 0)
		return fail_errno(err, "make a directory for the copy");
	autoclose int fd = openat(k->job->scratch, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (maps && !back && (!idmap_to_outside(&maps->uids, 0, &uid) || !idmap_to_outside(&maps->gids, 0, &gid)))
		return fail(err, ERROR_INVALID, "root has no place in the user namespace");
	if (fd < 0 || fstat(k->job->upper, &st) < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0)
		return fail_errno(err, "open the copy");
	TRY(copy_mapped(from, fd, maps, back, err));
	return take_fd(fd);
}

static int make_targets(struct runner *k, struct error *err)
{
	const struct oci_mount *m = k->spec.mounts.v;

	for (size_t i = 0; i < k->spec.mounts.n; i++)
		TRY(strv_add(&k->targets, m[i].destination, err));
	return 0;
}

static bool can_be_mapped(const struct runner *k)
{
	struct error ignored;
	autoclose int mount = step_run_map_tree(k, k->job->scratch, &ignored);

	return mount >= 0;
}

int step_run_copy_root(struct runner *k, struct error *err)
{
	autoclose int base = -1;

	TRY(open_base(k, &base, err));
	k->mapped_copy = k->userns >= 0 && !can_be_mapped(k);
	k->copy = make_copy(k, "root", base, k->mapped_copy ? k->maps : NULL, false, err);
	if (k->copy < 0)
		return fail_wrap(err, "copy the root file system of a build step");
	TRY(make_targets(k, err));
	k->rootfs = mount_clone(k->copy, "", false, err);
	return k->rootfs < 0 ? -1 : k->mapped_copy ? 0 : step_run_map_mount(k, k->rootfs, err);
}

/* The owners as the image has them, before anybody compares. */
static int map_back(struct runner *k, struct error *err)
{
	int fd = make_copy(k, "root-back", k->copy, k->maps, true, err);

	if (fd < 0)
		return fail_wrap(err, "owners of what a build step made");
	close_p(&k->copy);
	k->copy = fd;
	return 0;
}

static int empty_directory(int fd, struct error *err)
{
	DIR *d = file_stream(fd, ".");
	int r = 0;
	struct dirent *e;

	if (!d)
		return fail_errno(err, "open directory");
	while (r >= 0 && (e = readdir(d)))
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			r = file_remove_tree(fd, e->d_name, err);
	closedir(d);
	return r;
}

int step_run_collect_copy(struct runner *k, struct step_message *ret, struct error *err)
{
	const struct step_job *j = k->job;
	struct tree_pack pack = TREE_PACK_INIT;
	auto_rootfs_changes changes = {};
	autoclose int below = -1, none = -1;
	struct sha256 hash;

	if (k->mapped_copy)
		TRY(map_back(k, err));
	TRY(step_view(j, &j->below, &below, err));
	if (below < 0)
		none = file_open_dir(j->scratch, "none", true, 0755, err);
	if (below < 0 && none < 0)
		return -1;
	TRY(store_trees_diff(k->copy, below < 0 ? none : below, &changes, err));
	TRY(empty_directory(j->upper, err));
	sha256_init(&hash);
	pack.from = k->copy;
	pack.to = j->upper;
	pack.hash = &hash;
	pack.overlay = true;
	pack.only = &changes;
	pack.skip = &k->targets;
	pack.times = j->set_times ? PACK_TIMES_SET : j->clamp ? PACK_TIMES_CLAMP : PACK_TIMES_KEEP;
	pack.time_ns = j->latest * NSEC_PER_SEC;
	if (tree_pack(&pack, err) < 0)
		return fail_wrap(err, "making a layer");
	if (j->no_layer)
		return 0;
	sha256_end_text(&hash, ret->diff_id);
	ret->size = pack.ret_bytes;
	ret->entries = pack.ret_entries;
	ret->has_layer = 1;
	return 0;
}
