/* SPDX-License-Identifier: Apache-2.0
 * os/ns.c - the table of namespace kinds. */
#include "os/ns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/own.h"
#include "base/str.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define INITIAL_USER_NS_INODE 0xEFFFFFFDU   /* PROC_USER_INIT_INO, fixed in the kernel since 3.8 */

static const struct ns_info kinds[] = {
	[NS_USER]   = { "user", "user", CLONE_NEWUSER },
	[NS_CGROUP] = { "cgroup", "cgroup", CLONE_NEWCGROUP },
	[NS_IPC]    = { "ipc", "ipc", CLONE_NEWIPC },
	[NS_UTS]    = { "uts", "uts", CLONE_NEWUTS },
	[NS_NET]    = { "network", "net", CLONE_NEWNET },
	[NS_PID]    = { "pid", "pid", CLONE_NEWPID },
	[NS_TIME]   = { "time", "time", CLONE_NEWTIME },
	[NS_MOUNT]  = { "mount", "mnt", CLONE_NEWNS },
};
_Static_assert(ARRAY_LEN(kinds) == NS_KIND_MAX, "every namespace kind needs a row");

const struct ns_info *ns_info(enum ns_kind kind)
{
	return &kinds[kind];
}

bool ns_kind_parse(const char *name, enum ns_kind *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (streq(name, kinds[i].oci) || streq(name, kinds[i].proc)) {
			*ret = (enum ns_kind)i;
			return true;
		}
	return false;
}

int ns_open(pid_t pid, enum ns_kind kind, struct error *err)
{
	char path[64];

	if (pid == 0)
		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[kind].proc);
	else
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kinds[kind].proc);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : fail_errno(err, "%s", path);
}

int ns_open_path(const char *path, enum ns_kind kind, struct error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return fail_errno(err, "%s namespace %s", kinds[kind].oci, path);
	int type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0)
		return fail(err, ERROR_INVALID, "%s: not a namespace file", path);
	if ((unsigned)type != kinds[kind].flag)
		return fail(err, ERROR_INVALID, "%s: not a %s namespace", path, kinds[kind].oci);
	return take_fd(fd);
}

int ns_make(enum ns_kind kind, struct error *err)
{
	autoclose int own = ns_open(0, kind, err), made = -1;

	if (own < 0)
		return -1;
	TRY(ns_join(own, kind, err));   /* may we? */
	if (unshare((int)kinds[kind].flag) < 0)
		return fail_errno(err, "make a %s namespace", kinds[kind].oci);
	made = ns_open(0, kind, err);
	TRY(ns_join(own, kind, err));
	return take_fd(made);
}

int ns_join(int ns_fd, enum ns_kind kind, struct error *err)
{
	return setns(ns_fd, (int)kinds[kind].flag) < 0 ? fail_errno(err, "join the %s namespace", kinds[kind].oci) : 0;
}

int ns_join_process(int pidfd, uint64_t flags, struct error *err)
{
	return setns(pidfd, (int)flags) < 0 ? fail_errno(err, "join the namespaces of a process") : 0;
}

bool ns_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

bool ns_in_initial_user(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == INITIAL_USER_NS_INODE;
}
