/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cgroup-sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "base/str.h"

#define ROOT "/sys/fs/cgroup"
#define PARENT "libpod_parent"
#define PREFIX "libpod-"
#define AGE 60   /* seconds: a start that is under way is younger */

static bool is_known(const struct ctr_list *l, const char *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->v[i]->id, id))
			return true;
	return false;
}

/* Every hierarchy (v1) or the one there is (v2). rmdir refuses groups that hold processes. */
static void remove_everywhere(const char *name)
{
	DIR *d = opendir(ROOT);
	struct dirent *e;
	char path[512];

	snprintf(path, sizeof(path), ROOT "/" PARENT "/%s", name);
	rmdir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_LNK))
			continue;
		if (snprintf(path, sizeof(path), ROOT "/%s/" PARENT "/%s", e->d_name, name) < (int)sizeof(path))
			rmdir(path);
	}
	if (d)
		closedir(d);
}

/* In use is the common case: one call that says so, whatever other hierarchies there are. */
static void sweep_dir(const char *path, const struct ctr_list *known)
{
	DIR *d = opendir(path);
	struct dirent *e;
	struct stat st;
	time_t now = time(NULL);

	while (d && (e = readdir(d))) {
		const char *id = str_after(e->d_name, PREFIX);
		if (id && strlen(id) == 64 && !is_known(known, id) && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtime + AGE < now && unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) == 0)
			remove_everywhere(e->d_name);
	}
	if (d)
		closedir(d);
}

/* A host may run a thousand containers of other stores, and nothing becomes old enough faster than this. */
static bool swept_lately(const char *runroot)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/cgroups-swept", runroot) >= (int)sizeof(path))
		return false;
	if (stat(path, &st) == 0 && st.st_mtime + AGE > time(NULL))
		return true;
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	if (fd >= 0)
		(void)futimens(fd, NULL);
	return false;
}

void cgroup_sweep(const char *runroot, const struct ctr_list *known)
{
	if (swept_lately(runroot))
		return;
	/* v2; v1 and hybrid: each group has a directory in the one used for counting */
	sweep_dir(ROOT "/" PARENT, known);
	sweep_dir(ROOT "/unified/" PARENT, known);
	sweep_dir(ROOT "/pids/" PARENT, known);
}
