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

int step_run_copy_tree(int from, int to, struct error *err)
{
	auto_copy_items items = {};
	struct copy_job c = { .items = &items, .destination = "/", .directory = true, .owner = { .keep = true }, .view = -1,
			      .upper = to };
	struct copy_item *i = list_add(&items.v, sizeof(*i), err);

	if (!i)
		return -1;
	*i = (struct copy_item){ .root = from, .is_dir = true, .contents = true };
	TRY(str_set(&i->path, "", err));
	TRY(str_set(&i->name, "", err));
	return copy_run(&c, err);
}

static int make_targets(struct runner *k, struct error *err)
{
	const struct oci_mount *m = k->spec.mounts.v;

	for (size_t i = 0; i < k->spec.mounts.n; i++)
		TRY(strv_add(&k->targets, m[i].destination, err));
	return 0;
}

int step_run_copy_root(struct runner *k, struct error *err)
{
	autoclose int base = -1;
	struct stat st;

	if (mkdirat(k->job->scratch, "root", 0755) < 0)
		return fail_errno(err, "make a directory for the copy");
	k->copy = openat(k->job->scratch, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->copy < 0 || fstat(k->job->upper, &st) < 0 || fchmod(k->copy, st.st_mode & 07777) < 0)
		return fail_errno(err, "open the copy");
	TRY(open_base(k, &base, err));
	if (step_run_copy_tree(base, k->copy, err) < 0)
		return fail_wrap(err, "copy the root file system of a build step");
	TRY(make_targets(k, err));
	k->rootfs = mount_clone(k->copy, "", false, err);
	return k->rootfs < 0 ? -1 : step_run_map_mount(k, k->rootfs, err);
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
