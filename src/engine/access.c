/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

#define OVERFLOW_UID 65534   /* what ids without a place in our namespace look like */

/* The first directory on the way that does not let us through, else the path itself. */
static bool find_wall(const char *path, char *ret, size_t size)
{
	size_t len = strlen(path);

	if (*path != '/' || len >= size)
		return false;
	for (size_t i = 1; i <= len; i++) {
		if (i < len && path[i] != '/')
			continue;
		memcpy(ret, path, i);
		ret[i] = '\0';
		if (i == len || faccessat(AT_FDCWD, ret, X_OK, AT_EACCESS) < 0)
			return true;
	}
	return false;
}

static void name_owner(const struct engine *e, uid_t uid, char *out, size_t size)
{
	if (!e->paths.rootless)
		snprintf(out, size, "uid %u", uid);
	else if (uid == 0)
		snprintf(out, size, "uid %u (you)", e->paths.uid);
	else if (uid == OVERFLOW_UID)
		snprintf(out, size, "a user outside of your ids");   /* which is which the kernel does not tell here */
	else
		snprintf(out, size, "uid %u of your subordinate ids", uid);
}

static void add(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct error *err, const char *fmt, ...)
{
	size_t len = strlen(err->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text + len, sizeof(err->text) - len, fmt, ap);
	va_end(ap);
}

static bool is_refusal(const struct error *err, enum access_act act)
{
	return err->errnum == EACCES || err->errnum == EPERM || (act == ACCESS_CHOWN && err->errnum == EINVAL);
}

int fail_access(const struct engine *e, enum access_act act, const char *path, struct error *err)
{
	char wall[1024], owner[64];
	struct stat st;

	if (!is_refusal(err, act) || !find_wall(path, wall, sizeof(wall)) || stat(wall, &st) < 0)
		return -1;
	if (err->errnum == EINVAL) {
		add(err, ": that owner is not among the ids of uid %u: see /etc/subuid and /etc/subgid", e->paths.uid);
		return -1;
	}
	name_owner(e, st.st_uid, owner, sizeof(owner));
	add(err, ": %s%s belongs to %s%s, mode %04o, and we are uid %u", S_ISDIR(st.st_mode) ? "directory " : "", wall, owner,
	    e->paths.rootless && st.st_gid == OVERFLOW_UID ? " and a group outside of them" : "", st.st_mode & 07777u, e->paths.uid);
	if (act == ACCESS_LOOK)
		add(err, ": let uid %u in (chmod o+rx, setfacl -m u:%u:rx) or use another directory", e->paths.uid, e->paths.uid);
	else if (e->paths.rootless)
		add(err, ": only what is yours can be given away: change its owner first, or leave out :U and run as yourself with "
			 "--userns keep-id");
	return -1;
}
