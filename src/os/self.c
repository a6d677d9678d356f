/* SPDX-License-Identifier: Apache-2.0
 * os/self.c - see self.h for what this defends against. */
#include "os/self.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "base/own.h"
#include "os/file.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* A one-file mount of its own, read-only: the flag belongs to the mount, so no capability in a container (which does
 * not have this mount) can take it off. -1: not permitted or not supported here. */
static int clone_read_only(const char *path)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	autoclose int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -1;
	return take_fd(fd);
}

static int copy_sealed(const char *path, struct error *err)
{
	autoclose int in = open(path, O_RDONLY | O_CLOEXEC);
	char link[64];

	if (in < 0)
		return fail_errno(err, "%s", path);
	autoclose int copy = file_memfd_exec("umiak", err);
	if (copy < 0)
		return -1;
	TRY(file_copy_fd(in, copy, NULL, err));
	if (fchmod(copy, 0511) < 0)
		return fail_errno(err, "chmod");
	TRY(file_seal(copy, err));
	/* a file open for writing cannot be executed (ETXTBSY): the same one again, for reading */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", copy);
	int fd = open(link, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : fail_errno(err, "%s", link);
}

int self_open_protected(const char *path, struct error *err)
{
	int fd = clone_read_only(path);

	if (fd >= 0)
		return fd;
	fd = copy_sealed(path, err);
	return fd >= 0 ? fd : fail_wrap(err, "protect %s", path);
}

bool self_is_protected(void)
{
	struct statvfs st;
	char name[16];
	autoclose int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0)
		return (seals & ALL_SEALS) == ALL_SEALS;
	/* "/": the root of a mount that holds this file alone, which only we make */
	if (readlink("/proc/self/exe", name, sizeof(name)) != 1 || name[0] != '/')
		return false;
	return fstatvfs(fd, &st) == 0 && (st.f_flag & ST_RDONLY);
}

int self_protect(char *const argv[], char *const envp[], struct error *err)
{
	if (self_is_protected())
		return 0;
	autoclose int fd = self_open_protected("/proc/self/exe", err);
	if (fd < 0)
		return -1;
	syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
	return fail_errno(err, "run from a protected file");
}
