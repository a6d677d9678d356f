/* SPDX-License-Identifier: Apache-2.0
 * store/rootfs-mount.c - a container's root where the host can see it.
 *
 * The place is <root>/containers/ID/merged; how many want it stands in the run database. A running container is not
 * mounted a second time (two overlays on one upper directory lose writes): its own root is cloned out of its mount
 * namespace. A count without a mount (namespace gone, reboot inside one epoch is impossible) heals itself on the next
 * mount, because the mount table is asked first. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "os/file.h"
#include "os/mount.h"
#include "os/ns.h"
#include "os/process.h"
#include "store/internal.h"
#include "store/rootfs.h"

/* ---- a running container's root ---- */
struct foreign {
	struct error err;
	int fd;
	bool recursive;
};

static void clone_foreign(int pidfd, struct foreign *f)
{
	f->fd = -1;
	if (ns_join_process(pidfd, CLONE_NEWNS, &f->err) == 0)
		f->fd = mount_clone(AT_FDCWD, "/", f->recursive, &f->err);
}

/* A child that shares our descriptor table joins the mount namespace and clones "/": the descriptor is ours as well. */
static int clone_running(pid_t pid, uint64_t start, bool recursive, struct error *err)
{
	autoclose int pidfd = -1;
	int found = process_open_verified(pid, start, &pidfd, err);

	if (found != 1)
		return found < 0 ? -1 : fail(err, ERROR_STATE, "its process is gone");
	struct foreign *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f == MAP_FAILED)
		return fail_errno(err, "mmap");
	f->fd = -1;
	f->recursive = recursive;
	long child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (child == 0) {
		clone_foreign(pidfd, f);
		_exit(0);
	}
	int status, fd = -1;
	if (child < 0)
		fail_errno(&f->err, "clone");
	else if (process_reap((pid_t)child, &status, &f->err) == 0)
		fd = f->fd;
	if (fd < 0)
		*err = f->err;
	munmap(f, sizeof(*f));
	return fd;
}

static bool is_alive(const struct container_status *st)
{
	return st->pid > 0 && CONTAINER_STATE_BIT(st->state) & CONTAINER_STATE_ALIVE &&
	       process_is_alive(PROC_HOST, st->pid, st->pid_start);
}

static int open_root_mount(struct store *s, const struct container *c, bool recursive, int *ret_fd, struct error *err)
{
	if (c->record.rootfs) {
		*ret_fd = mount_clone(AT_FDCWD, c->record.rootfs, recursive, err);
		return *ret_fd < 0 ? -1 : 0;
	}
	if (is_alive(&c->status)) {
		*ret_fd = clone_running(c->status.pid, c->status.pid_start, recursive, err);
		return *ret_fd < 0 ? -1 : 0;
	}
	const struct rootfs_options o = { .id = c->record.id, .layers = &c->record.layers, .transient = c->record.transient,
					  .userns_fd = -1 };
	return store_rootfs_open(s, &o, ret_fd, err);
}

/* ---- the place ---- */
static int place_of(const struct store *s, const char *id, char **ret, struct error *err)
{
	autofree char *dir = NULL;

	TRY(store_container_dir(s, id, &dir, err));
	return store_path_join(ret, err, dir, "merged", NULL);
}

/* A mount point differs from its parent directory in device or mount id. */
static int is_mounted(const char *place, struct error *err)
{
	struct statx st;

	if (statx(AT_FDCWD, place, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "%s", place);
	return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static int set_count(struct store *s, const char *id, int64_t count, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *run;

	TRY(store_run(s, &run, err));
	TRY(db_begin(run, &t, err));
	TRY(db_run(run, err, "UPDATE containers SET mount_count=? WHERE id=?", "is", count, id));
	return db_commit(&t, err);
}

static int get_count(struct store *s, const char *id, int64_t *ret, struct error *err)
{
	struct db *run;

	TRY(store_run(s, &run, err));
	return db_get_int(run, ret, err, "SELECT mount_count FROM containers WHERE id=?", "s", id);
}

static int attach(struct store *s, const struct container *c, const char *place, struct error *err)
{
	autoclose int fd = -1;

	if (mkdir(place, 0700) < 0 && errno != EEXIST)
		return fail_errno(err, "make %s", place);
	TRY(open_root_mount(s, c, true, &fd, err));
	autoclose int target = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (target < 0)
		return fail_errno(err, "open %s", place);
	/* nothing that is mounted there later shows inside the container, and the other way round */
	struct mount_attrs a = MOUNT_ATTRS_INIT;
	a.propagation = MS_PRIVATE;
	a.recursive = true;
	TRY(mount_set_attrs(fd, a, err));
	return mount_attach(fd, target, err);
}

int store_rootfs_mount(struct store *s, const struct container *c, char **ret_path, struct error *err)
{
	autofree char *place = NULL;
	int64_t count = 0;

	TRY(place_of(s, c->record.id, &place, err));
	int mounted = is_mounted(place, err);
	if (mounted < 0 || get_count(s, c->record.id, &count, err) < 0)
		return -1;
	/* counted first: killed in between, removal and unmount --force still look at the place */
	TRY(set_count(s, c->record.id, mounted ? count + 1 : 1, err));
	if (!mounted && attach(s, c, place, err) < 0) {
		set_count(s, c->record.id, 0, &(struct error){ 0 });
		return fail_wrap(err, "mount container %.12s", c->record.id);
	}
	*ret_path = take_ptr(place);
	return 0;
}

static int detach(const char *place, struct error *err)
{
	int mounted;

	while ((mounted = is_mounted(place, err)) == 1)
		TRY(mount_detach(place, err));
	if (mounted < 0)
		return -1;
	rmdir(place);
	return 0;
}

int store_rootfs_unmount(struct store *s, const char *id, bool force, struct error *err)
{
	autofree char *place = NULL;
	int64_t count = 0;

	TRY(place_of(s, id, &place, err));
	int mounted = is_mounted(place, err);
	if (mounted != 1)
		return mounted;
	TRY(get_count(s, id, &count, err));
	if (!force && count > 1)
		return set_count(s, id, count - 1, err) < 0 ? -1 : 0;
	TRY(detach(place, err));
	return set_count(s, id, 0, err) < 0 ? -1 : 1;
}

int store_rootfs_mounted(struct store *s, const char *id, char **ret_path, struct error *err)
{
	autofree char *place = NULL;

	TRY(place_of(s, id, &place, err));
	int mounted = is_mounted(place, err);
	if (mounted == 1)
		*ret_path = take_ptr(place);
	return mounted;
}

int store_rootfs_view(struct store *s, const struct container *c, int *ret_fd, struct error *err)
{
	char path[48];

	if (!is_alive(&c->status))
		return open_root_mount(s, c, true, ret_fd, err);
	snprintf(path, sizeof(path), "/proc/%d/root", (int)c->status.pid);
	autoclose int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "%s", path);
	if (!process_is_alive(PROC_HOST, c->status.pid, c->status.pid_start))
		return fail(err, ERROR_STATE, "container %.12s has just ended", c->record.id);
	*ret_fd = take_fd(fd);
	return 0;
}

int store_rootfs_bare(struct store *s, const struct container *c, int *ret_fd, struct error *err)
{
	return open_root_mount(s, c, false, ret_fd, err);
}

/* ---- size ---- */
int store_rootfs_size(struct store *s, const struct container *c, struct rootfs_size *ret, struct error *err)
{
	struct rootfs_size size = { 0 };
	struct error missing;
	int64_t entries;
	autoclose int upper = store_rootfs_upper(s, c->record.id, &missing);

	if (upper >= 0)
		TRY(store_tree_usage(upper, ".", &size.rw, &entries, err));
	for (size_t i = 0; i < c->record.layers.n; i++) {
		struct store_layer l = { 0 };
		int found = store_layer_find(s, c->record.layers.v[i], &l, err);
		if (found < 0)
			return -1;
		size.root += l.bytes;
		store_layer_done(&l);
	}
	if (store_rootfs_is_copy(s, c->record.id))
		size.rw = size.rw > size.root ? size.rw - size.root : 0;
	size.root += size.rw;
	*ret = size;
	return 0;
}
