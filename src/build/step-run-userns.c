/* SPDX-License-Identifier: Apache-2.0
 * build/step-run-userns.c - RUN in a user namespace of its own. Layers keep the owners that the image has: what the command
 * sees and writes goes through id-mapped mounts, so a cached layer is the same with and without a namespace. */
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "build/step-run.h"
#include "engine/userns.h"
#include "os/mount.h"

/* All ids we have, each as itself. */
static int map_all(struct list *maps, bool gid, struct error *err)
{
	struct idmap own = {};
	char text[48];

	TRY(idmap_load(0, gid, &own, err));
	uint64_t n = idmap_size(&own);
	snprintf(text, sizeof(text), "0:0:%llu", (unsigned long long)(n > UINT32_MAX ? UINT32_MAX : n));
	return param_idmap_parse(text, maps, err);
}

int step_run_choose_userns(struct container_params *p, struct error *err)
{
	struct params_namespaces *ns = &p->ns;

	if (ns->user.mode != NS_PRIVATE || ns->uidmap.n || ns->gidmap.n || ns->subuid_name || ns->subgid_name)
		return 0;
	TRY(map_all(&ns->uidmap, false, err));
	return map_all(&ns->gidmap, true, err);
}

/* Our own is no other. */
static int check_path(struct param_ns *ns, const char *path, struct error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat theirs, ours;

	if (fd < 0 || fstat(fd, &theirs) < 0 || stat("/proc/self/ns/user", &ours) < 0)
		return fail_errno(err, "--userns: %s", path);
	if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev)
		ns->mode = NS_HOST;
	return ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWUSER ? 0 : fail(err, ERROR_INVALID, "--userns: %s is no user namespace", path);
}

/* Runs where the store can be asked (not in M). */
int build_settle_userns(struct engine *e, struct build_options *o, struct error *err)
{
	struct param_ns *ns = &o->run.ns.user;
	struct lock lock = LOCK_INIT;
	auto_ctr *c = NULL;

	if (ns->mode == NS_AUTO) {   /* nothing is recorded: a container made meanwhile may get the same ids */
		TRY(userns_reserve(e, &o->run, &lock, err));
		lock_release(&lock);
		ns->mode = NS_PRIVATE;
		free(take_ptr(ns->value));
	}
	if (ns->mode == NS_PATH)
		return check_path(ns, ns->value, err);
	if (ns->mode != NS_CONTAINER)
		return 0;
	TRY(ctr_find(e, ns->value, &c, err));
	const struct container_status *s = &c->at.status;
	if (!s->pid)
		return fail(err, ERROR_STATE, "--userns=container:%s: the container is not running: container state improper", ns->value);
	ns->mode = NS_PATH;
	free(take_ptr(ns->value));
	return str_printf(&ns->value, err, "/proc/%d/ns/user", s->pid);
}

static bool is_same(const struct idmap *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].inside != m->v[i].outside)
			return false;
	return true;
}

/* --userns of another process: its mappings are those of what is mounted, too. */
static int join(struct runner *k, const char *path, struct error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail_errno(err, "--userns: %s", path);
	k->maps = calloc(1, sizeof(*k->maps));
	if (!k->maps)
		return fail_oom(err);
	return idmap_load_userns(fd, k->maps, err) < 0 ? fail_wrap(err, "--userns: %s", path) : 0;
}

int step_run_make_userns(struct runner *k, struct error *err)
{
	const struct param_ns *ns = &k->c.params.ns.user;

	TRY(ns->mode == NS_PATH ? join(k, ns->value, err) : userns_maps(k->job->engine, &k->c.params, &k->maps, err));
	k->x.maps = k->maps;
	if (!k->maps || (is_same(&k->maps->uids) && is_same(&k->maps->gids)))
		return 0;
	k->userns = idmap_make_userns(k->maps, err);
	return k->userns < 0 ? fail_wrap(err, "--userns-uid-map") : 0;
}

int step_run_map_mount(const struct runner *k, int mount, struct error *err)
{
	struct mount_attrs a = MOUNT_ATTRS_INIT;

	if (k->userns < 0)
		return 0;
	a.idmap_fd = k->userns;
	return mount_set_attrs(mount, a, err);
}

int step_run_map_tree(const struct runner *k, int fd, struct error *err)
{
	autoclose int mount = mount_clone(fd, "", false, err);

	if (mount < 0 || step_run_map_mount(k, mount, err) < 0)
		return fail_wrap(err, "map the owners of a layer (the store's file system must support id-mapped mounts)");
	return take_fd(mount);
}

/* Upper and work directory must be of one mount: that of the directory both lie in. */
static int open_in(int mount, const char *top, int fd, struct error *err)
{
	char path[PATH_MAX];

	TRY(path_of_fd(fd, path, err));
	const char *rest = str_after(path, top);
	if (!rest || *rest != '/')
		return fail(err, ERROR_INVALID, "%s does not lie in %s", path, top);
	return path_open_beneath(mount, rest + 1, (struct path_open){ .oflags = O_RDONLY | O_DIRECTORY }, err);
}

/* The directory both lie in: a step's own stage, or with a working container's upper directory the store's root. */
static int find_top(int a, int b, char ret[PATH_MAX], struct error *err)
{
	char other[PATH_MAX];
	size_t end = 0;

	TRY(path_of_fd(a, ret, err));
	TRY(path_of_fd(b, other, err));
	for (size_t i = 0; ret[i] && ret[i] == other[i]; i++)
		if (ret[i] == '/')
			end = i;
	ret[end ? end : 1] = '\0';
	return 0;
}

int step_run_map_trees(const struct runner *k, struct rootfs_trees *t, int *lower, struct error *err)
{
	char top[PATH_MAX];

	for (size_t i = 0; i < t->n; i++) {
		lower[i] = step_run_map_tree(k, lower[i], err);   /* as long as M lives */
		if (lower[i] < 0)
			return -1;
	}
	TRY(find_top(t->upper, t->work, top, err));
	autoclose int dir = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail_errno(err, "open %s", top);
	autoclose int mount = step_run_map_tree(k, dir, err);
	if (mount < 0)
		return -1;
	int upper = open_in(mount, top, t->upper, err), work = upper < 0 ? -1 : open_in(mount, top, t->work, err);
	t->upper = upper;
	t->work = work;
	return work < 0 ? -1 : 0;
}
