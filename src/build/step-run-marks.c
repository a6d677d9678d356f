/* SPDX-License-Identifier: Apache-2.0
 * build/step-run-marks.c - a command that removed a mount point of ours leaves overlay's mark of it in the upper directory:
 * a deletion of what no layer has. It goes before the directory becomes a layer. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "build/place.h"
#include "build/step-run.h"
#include "os/overlay-marks.h"

/* 1: its parent may be such a mark as well. */
static int drop_mark(int upper, int view, char *path, struct error *err)
{
	struct error ignored;
	struct stat st;
	char *slash = strrchr(path, '/'), *name = slash + 1, real[PATH_MAX];
	int there = view < 0 ? 0 : place_resolve(view, path, real, NULL, &ignored);

	if (there)
		return 0;
	*slash = '\0';
	autoclose int dir = path_open_beneath(upper, *path ? path + 1 : ".", (struct path_open){ .oflags = O_RDONLY | O_DIRECTORY }, &ignored);
	if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !whiteout_is(dir, name, &st))
		return 1;
	return unlinkat(dir, name, 0) < 0 ? fail_errno(err, "remove the mark of a mount point") : 1;
}

int step_run_drop_marks(struct runner *k, struct error *err)
{
	const struct oci_mount *m = k->spec.mounts.v;
	autoclose int view = -1;
	char path[PATH_MAX];
	struct error ignored;

	if (!k->init_used)
		return 0;
	TRY(step_view(k->job, &k->job->below, &view, err));
	for (size_t i = 0; i < k->spec.mounts.n; i++) {
		int r = view < 0 ? 0 : place_resolve(view, m[i].destination, path, NULL, &ignored);
		if (r)
			continue;   /* a layer has it: to delete that is the command's right */
		if (view < 0)
			snprintf(path, sizeof(path), "%s", m[i].destination);
		for (r = 1; r == 1 && *path;)
			r = drop_mark(k->job->upper, view, path, err);
		TRY(r);
	}
	return 0;
}
