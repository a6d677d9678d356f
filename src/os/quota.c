/* SPDX-License-Identifier: Apache-2.0 */
#include "os/quota.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "os/file.h"

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#define PER_HOME 10000   /* numbers kept apart for one directory, as containers/storage counts */

uint32_t quota_project(int dir_fd)
{
	struct fsxattr x = {};

	return ioctl(dir_fd, FS_IOC_FSGETXATTR, &x) < 0 ? 0 : x.fsx_projid;
}

static int unsupported(struct error *err, int errnum)
{
	if (errnum == EPERM || errnum == EACCES)
		return fail(err, ERROR_UNSUPPORTED, "project quotas can be set by root only");
	return fail(err, ERROR_UNSUPPORTED, "Filesystem does not support Project Quota: mount it with prjquota (on ext4 after "
		    "tune2fs -O project,quota; xfs calls it pquota)");
}

int quota_join(int dir_fd, uint32_t project, struct error *err)
{
	struct fsxattr x = {};

	if (ioctl(dir_fd, FS_IOC_FSGETXATTR, &x) < 0)
		return unsupported(err, errno);
	x.fsx_projid = project;
	x.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	return ioctl(dir_fd, FS_IOC_FSSETXATTR, &x) < 0 ? unsupported(err, errno) : 0;
}

/* Both limits always: the number may have been another's before. */
static int set_limits(int dir_fd, uint32_t project, const struct quota *q, struct error *err)
{
	struct if_dqblk d = { .dqb_valid = QIF_LIMITS };

	d.dqb_bhardlimit = d.dqb_bsoftlimit = (q->bytes + QIF_DQBLKSIZE - 1) / QIF_DQBLKSIZE;
	d.dqb_ihardlimit = d.dqb_isoftlimit = q->inodes;
	return syscall(SYS_quotactl_fd, dir_fd, QCMD(Q_SETQUOTA, PRJQUOTA), project, &d) < 0 ? unsupported(err, errno) : 0;
}

static int project_of_entry(int home_fd, const char *name, const char *inner, uint32_t *ret)
{
	char path[512];

	if (name[0] == '.' || snprintf(path, sizeof(path), "%s/%s", name, inner) >= (int)sizeof(path))
		return 0;
	int fd = openat(home_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	*ret = quota_project(fd);
	close(fd);
	return 1;
}

/* One more than the largest in use. */
static int next_project(int home_fd, const char *inner, uint32_t *ret, struct error *err)
{
	uint32_t next = quota_project(home_fd), used;
	struct dirent *entry;
	struct stat st;

	if (fstat(home_fd, &st) < 0)
		return fail_errno(err, "stat");
	if (!next)
		next = (uint32_t)(PER_HOME + (st.st_ino * PER_HOME) % (UINT32_MAX - PER_HOME));
	DIR *d = file_stream(home_fd, ".");
	if (!d)
		return fail_errno(err, "read directory");
	for (next++; (entry = readdir(d));)
		if (project_of_entry(home_fd, entry->d_name, inner, &used) && used >= next)
			next = used + 1;
	closedir(d);
	*ret = next;
	return 0;
}

int quota_assign(int home_fd, const char *inner, int dir_fd, const struct quota *q, uint32_t *ret_project, struct error *err)
{
	/* a description of its own: the lock goes with it, also when we are killed */
	autoclose int lock = openat(home_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t project;

	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return fail_errno(err, "lock the directory of quotas");
	TRY(next_project(home_fd, inner, &project, err));
	TRY(set_limits(dir_fd, project, q, err));
	TRY(quota_join(dir_fd, project, err));
	*ret_project = project;
	return 0;
}
