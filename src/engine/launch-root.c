/* SPDX-License-Identifier: Apache-2.0
 * A container's root file system, seen from M: of an image, a directory of the user's, or an empty one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/launch-impl.h"
#include "oci/plan.h"
#include "os/file.h"
#include "os/idmap.h"
#include "os/mount.h"
#include "os/path.h"
#include "store/rootfs.h"

/* Whether every place of the shared lowest layer will be mounted over. */
static bool covers_mountpoints(const struct container_params *p)
{
	return !p->net.no_hosts.value && !p->ns.no_hostname && !(p->net.dns.n && streq(p->net.dns.v[0], "none"));
}

/* An infra container without an image: an empty tree that belongs to its root. */
static int open_empty_root(struct launch_root *k, struct error *err)
{
	uint32_t uid = 0, gid = 0;
	char uid_text[16], gid_text[16];

	if (k->job->maps) {
		idmap_to_outside(&k->job->maps->uids, 0, &uid);
		idmap_to_outside(&k->job->maps->gids, 0, &gid);
	}
	snprintf(uid_text, sizeof(uid_text), "%u", uid);
	snprintf(gid_text, sizeof(gid_text), "%u", gid);
	const struct mount_option options[] = { { .key = "mode", .value = "0755" }, { .key = "uid", .value = uid_text },
						{ .key = "gid", .value = gid_text }, { .key = "size", .value = "1m" } };
	const struct mount_new m = { .fstype = "tmpfs", .source = "tmpfs", .options = options, .n_options = ARRAY_LEN(options) };
	k->rootfs_fd = mount_new(&m, err);
	return k->rootfs_fd < 0 ? -1 : 0;
}

static int open_below(int dir, const char *name, struct error *err)
{
	return file_open_dir(dir, name, true, 0755, err);
}

/* --rootfs DIR:O: the directory stays as it is, changes go into the container's own. */
static int lay_over(struct launch_root *k, int lower, struct error *err)
{
	const struct ctr *c = k->job->c;
	struct rootfs_trees t = ROOTFS_TREES_INIT;
	autoclose int dir = open(c->at.record.transient ? k->job->run_dir : k->job->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int upper = -1, work = -1;

	if (dir < 0)
		return fail_errno(err, "open the container's directory");
	upper = open_below(dir, "rootfs-upper", err);
	if (upper < 0)
		return -1;
	work = open_below(dir, "rootfs-work", err);
	if (work < 0)
		return -1;
	if (c->params.basic.rootfs_idmap && k->job->maps) {
		uint32_t uid = 0, gid = 0;
		idmap_to_outside(&k->job->maps->uids, 0, &uid);
		idmap_to_outside(&k->job->maps->gids, 0, &gid);
		if (fchown(upper, uid, gid) < 0)
			return fail_errno(err, "chown the upper directory");
	}
	t = (struct rootfs_trees){ .lower = &lower, .n = 1, .upper = upper, .work = work,
				    .kept = !c->at.record.transient };
	return store_rootfs_open_trees(k->job->store, &t, &k->rootfs_fd, err);
}

static int open_given_root(struct launch_root *k, struct error *err)
{
	const struct ctr *c = k->job->c;
	const struct params_basic *b = &c->params.basic;
	autoclose int fd = mount_clone(AT_FDCWD, c->at.record.rootfs, true, err);

	if (fd < 0)
		return -1;
	if (b->rootfs_idmap && k->job->maps) {
		struct mount_attrs a = MOUNT_ATTRS_INIT;
		autofree struct idmap_pair *own = calloc(1, sizeof(*own));
		if (!own)
			return fail_oom(err);
		if (b->rootfs_mapping)
			TRY(plan_idmap_parse(b->rootfs_mapping, k->job->maps, own, err));
		k->userns_fd = idmap_make_userns(b->rootfs_mapping ? own : k->job->maps, err);
		if (k->userns_fd < 0)
			return -1;
		a.idmap_fd = k->userns_fd;
		TRY(mount_set_attrs(fd, a, err));
	}
	if (b->rootfs_overlay)
		return lay_over(k, fd, err);
	k->rootfs_fd = take_fd(fd);
	return 0;
}

/* /etc/mtab where the image has removed it or never had it; programs still read it. Where that cannot be written, it is
 * left out. */
static void link_mtab(struct launch_root *k)
{
	struct error ignored;
	uint32_t uid = 0, gid = 0;

	autoclose int etc = path_open_in_root(k->rootfs_fd, "etc", (struct path_open){ .oflags = O_RDONLY | O_DIRECTORY }, &ignored);
	if (etc < 0 || faccessat(etc, "mtab", F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return;
	if (symlinkat("/proc/mounts", etc, "mtab") < 0 || !k->job->maps)
		return;
	idmap_to_outside(&k->job->maps->uids, 0, &uid);
	idmap_to_outside(&k->job->maps->gids, 0, &gid);
	if (fchownat(etc, "mtab", uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		unlinkat(etc, "mtab", 0);
}

int launch_open_root(struct launch_root *k, struct error *err)
{
	const struct ctr *c = k->job->c;
	struct rootfs_options o = ROOTFS_OPTIONS_INIT;

	if (c->at.record.infra && !c->at.record.image_id && !c->at.record.rootfs)
		return open_empty_root(k, err);
	if (c->at.record.rootfs)
		return open_given_root(k, err) < 0 ? fail_wrap(err, "rootfs %s", c->at.record.rootfs) : 0;
	if (k->job->maps) {
		uint32_t uid = 0, gid = 0;
		k->userns_fd = idmap_make_userns(k->job->maps, err);
		if (k->userns_fd < 0)
			return -1;
		idmap_to_outside(&k->job->maps->uids, 0, &uid);
		idmap_to_outside(&k->job->maps->gids, 0, &gid);
		o.userns_fd = k->userns_fd;
		o.maps = k->job->maps;
		o.root_uid = uid;
		o.root_gid = gid;
	}
	o.id = c->id;
	o.layers = &c->at.record.layers;
	o.transient = c->at.record.transient;
	o.mountpoints = covers_mountpoints(&c->params);
	if (store_rootfs_open(k->job->store, &o, &k->rootfs_fd, err) < 0)
		return fail_wrap(err, "mounting the root file system of container %s", c->id);
	link_mtab(k);
	return 0;
}
