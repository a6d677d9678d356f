/* SPDX-License-Identifier: Apache-2.0 */
#include "build/independent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/field.h"
#include "build/place.h"

enum { DEPTH_MAX = 1024, NAMES_MAX = 65536 };

/* Attributes other than those of the file system's own (overlay marks) may have been copied on. */
static bool has_attributes(int dir)
{
	char names[NAMES_MAX];
	ssize_t n = flistxattr(dir, names, sizeof(names));

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1)
		if (strncmp(names + i, "user.", 5) == 0 || streq(names + i, "security.capability") || strstr(names + i, "overlay"))
			return true;
	return n < 0 && errno != ENOTSUP;
}

static int compare(int first, int second, unsigned depth, struct error *err);

/* 1: the name is no matter of both, or a directory that is. */
static int compare_name(int first, int second, const char *name, unsigned depth, struct error *err)
{
	struct stat a, b;

	if (fstatat(first, name, &a, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 1 : fail_errno(err, "stat %s", name);
	if (fstatat(second, name, &b, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "stat %s", name);
	if (!S_ISDIR(a.st_mode) || a.st_mode != b.st_mode || a.st_uid != b.st_uid || a.st_gid != b.st_gid)
		return 0;
	autoclose int x = openat(first, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int y = openat(second, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (x < 0 || y < 0)   /* too deep to be looked at: built in turn */
		return errno == EMFILE ? 0 : fail_errno(err, "open %s", name);
	if (has_attributes(x) || has_attributes(y))
		return 0;
	return compare(x, y, depth + 1, err);
}

static int compare(int first, int second, unsigned depth, struct error *err)
{
	auto_strv names = {};
	int same = depth < DEPTH_MAX;

	TRY(place_list(second, &names, err));
	for (size_t i = 0; same == 1 && i < names.n; i++)
		same = compare_name(first, second, names.v[i], depth, err);
	return same;
}

int trees_are_independent(int first, int second, struct error *err)
{
	return compare(first, second, 0, err);
}
