/* SPDX-License-Identifier: Apache-2.0
 * os/overlay-marks.c - whiteouts and opaque directories. */
#include "os/overlay-marks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"

static const char *const prefixes[] = { "trusted.overlay.", "user.overlay." };

/* The one-letter value of a mark; 0: there is none. */
static char get_mark(int fd, const char *prefix, const char *mark)
{
	char name[64], value[2];

	snprintf(name, sizeof(name), "%s%s", prefix, mark);
	return fgetxattr(fd, name, value, sizeof(value)) >= 1 ? value[0] : 0;
}

static int set_mark(int fd, const char *mark, char value)
{
	char name[64];
	int r = -1;

	for (size_t i = 0; r < 0 && i < ARRAY_LEN(prefixes); i++) {
		snprintf(name, sizeof(name), "%s%s", prefixes[i], mark);
		r = fsetxattr(fd, name, &value, 1, 0);
	}
	return r;
}

/* ---- opaque directories ---- */
bool opaque_is(int dir)
{
	return get_mark(dir, prefixes[0], "opaque") == 'y' || get_mark(dir, prefixes[1], "opaque") == 'y';
}

int opaque_make(int dir)
{
	return set_mark(dir, "opaque", 'y');
}

/* ---- whiteouts ---- */
static int mark_parent(int dir)
{
	autoclose int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	return opaque_is(fd) ? 0 : set_mark(fd, "opaque", 'x');
}

static int make_marked_file(int dir, const char *name)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	if (set_mark(fd, "whiteout", 'y') == 0 && mark_parent(dir) == 0)
		return 0;
	int why = errno;
	unlinkat(dir, name, 0);
	errno = why;
	return -1;
}

int whiteout_make(int dir, const char *name)
{
	if (mknodat(dir, name, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno != EPERM && errno != EOPNOTSUPP)
		return -1;
	return make_marked_file(dir, name);
}

bool whiteout_is(int dir, const char *name, const struct stat *st)
{
	if (S_ISCHR(st->st_mode))
		return st->st_rdev == makedev(0, 0);
	if (!S_ISREG(st->st_mode) || st->st_size)
		return false;
	autoclose int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && (get_mark(fd, prefixes[0], "whiteout") || get_mark(fd, prefixes[1], "whiteout"));
}

/* ---- settling ---- */
static int settle_mark(int fd, const char *mark)
{
	char to[64], from[64], value = get_mark(fd, prefixes[1], mark);

	if (!value)
		return 0;
	snprintf(to, sizeof(to), "%s%s", prefixes[0], mark);
	snprintf(from, sizeof(from), "%s%s", prefixes[1], mark);
	if (fsetxattr(fd, to, &value, 1, 0) < 0)
		return errno == EOPNOTSUPP ? 0 : -1;   /* an overlay before Linux 6.7: the copies read the note as it is */
	return fremovexattr(fd, from);
}

int overlay_marks_settle(int fd)
{
	return settle_mark(fd, "opaque") < 0 || settle_mark(fd, "whiteout") < 0 ? -1 : 0;
}
