/* SPDX-License-Identifier: Apache-2.0
 * store/rootfs-mountpoints.c - the places every container mounts something on, as one shared lowest layer.
 *
 * Most images lack some of /proc, /sys, /dev, /etc/hosts, ... The runtime would make them in each container's upper
 * directory and the removal would delete them again: sixteen inodes a container, and an ext4 that walks over inodes
 * deleted in the last seconds for every new one (a third of a whole `run`). Below the image they cost one open: what
 * the image has lies above and wins, what it removed stays removed. They never show in diff or commit, as
 * they are in no upper directory.
 *
 *   <root>/mountpoints/{proc,sys,dev,run,etc}, etc/{hosts,hostname,resolv.conf}, run/.containerenv: empty;
 *                     etc/mtab -> /proc/mounts
 *
 * Made once, under another name first; a store that cannot be written does without. Not durable: it can be made again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "store/internal.h"
#include "store/rootfs.h"

#define PLACE "mountpoints"

static const struct {
	const char *path;
	bool is_dir;
} places[] = {
	{ "proc", true }, { "sys", true }, { "dev", true }, { "run", true }, { "etc", true },
	{ "etc/hosts" }, { "etc/hostname" }, { "etc/resolv.conf" }, { "run/.containerenv" },
};

static int make_place(int dir, const char *path, bool is_dir)
{
	if (is_dir)
		return mkdirat(dir, path, 0755) < 0 ? -1 : fchmodat(dir, path, 0755, 0);
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	int r = fchmod(fd, 0644);
	close(fd);
	return r;
}

static int fill(int root, const char *name)
{
	if (mkdirat(root, name, 0755) < 0)
		return -1;
	autoclose int dir = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0 || fchmod(dir, 0755) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (make_place(dir, places[i].path, places[i].is_dir) < 0)
			return -1;
	return symlinkat("/proc/mounts", dir, "etc/mtab");
}

/* Two at once: one rename wins, the other's directory goes again. The lock keeps the sweep away (stage.c); what a
 * killed one leaves, the sweep removes. */
static void make(const struct store *s)
{
	auto_lock making = LOCK_INIT;
	struct error ignored;
	char name[40];

	if (lock_acquire(s->root_fd, "locks/staging", (struct lock_how){ LOCK_SHARED, LOCK_UNORDERED, -1 }, &making, &ignored) < 0)
		return;
	snprintf(name, sizeof(name), "staging/" PLACE "-%d", (int)getpid());
	if (fill(s->root_fd, name) < 0 || renameat2(s->root_fd, name, s->root_fd, PLACE, RENAME_NOREPLACE) < 0)
		file_remove_tree(s->root_fd, name, &ignored);
}

int rootfs_mountpoints_open(const struct store *s)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(s->root_fd, PLACE, flags);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	make(s);
	return openat(s->root_fd, PLACE, flags);
}

/* ---- where the root is a copy, they lie in it ---- */
static bool is_place(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (streq(path + 1, places[i].path))
			return true;
	return streq(path, "/etc/mtab");
}

static bool holds_nothing(const struct rootfs_changes *c, size_t i, int root)
{
	struct stat st;
	size_t len = strlen(c->v[i].path);

	if (fstatat(root, c->v[i].path + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	for (size_t k = i + 1; k < c->n && S_ISDIR(st.st_mode); k++)
		if (strncmp(c->v[k].path, c->v[i].path, len) == 0 && c->v[k].path[len] == '/')
			return false;
	return S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode) || st.st_size == 0;
}

void rootfs_changes_drop_places(struct rootfs_changes *c, int root)
{
	for (size_t i = c->n; i > 0; i--) {
		struct rootfs_change *one = &c->v[i - 1];
		if (one->kind != ROOTFS_ADDED || !is_place(one->path) || !holds_nothing(c, i - 1, root))
			continue;
		free(one->path);
		memmove(one, one + 1, (c->n - i) * sizeof(*one));
		c->n--;
	}
}
