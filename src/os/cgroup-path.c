/* SPDX-License-Identifier: Apache-2.0
 * os/cgroup-path.c - paths of groups, and a group as a line of text that a later process opens again. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "os/cgroup-host.h"

/* ---- paths ---- */

static int check_path(const char *path, struct error *err)
{
	for (const char *p = path; *p; p += *p == '/') {
		size_t len = strcspn(p, "/");
		if (len == 2 && p[0] == '.' && p[1] == '.')
			return fail(err, ERROR_INVALID, "control group path %s: may not contain ..", path);
		if (len > NAME_MAX)
			return fail_with(err, ENAMETOOLONG, "control group path");
		p += len;
	}
	return 0;
}

int cgroup_set_path(struct cgroup *c, const char *path, struct error *err)
{
	size_t n = 0;

	TRY(check_path(path, err));
	for (const char *p = path; *p; p += *p == '/') {
		size_t len = strcspn(p, "/");
		if (n + len + 2 > sizeof(c->path))
			return fail_with(err, ENAMETOOLONG, "control group path");
		if (len > 0 && !(len == 1 && *p == '.')) {
			c->path[n++] = '/';
			memcpy(c->path + n, p, len);
			n += len;
		}
		p += len;
	}
	c->path[n] = '\0';
	return n > 0 ? 0 : fail(err, ERROR_INVALID, "control group path %s: names the root", path);
}

/* ---- saving ---- */

int cgroup_save(const struct cgroup *c, char *out, size_t size, struct error *err)
{
	int n = snprintf(out, size, "%d:%d:%u:%s:%s", c->mode, c->manager, c->made, c->scope, c->path);

	return n < (int)size ? n : fail_with(err, ENAMETOOLONG, "control group");
}

int cgroup_open(const char *saved, struct cgroup *ret, struct error *err)
{
	auto_cgroup c = CGROUP_INIT;
	unsigned mode, manager, made;
	int used = 0;

	if (sscanf(saved, "%u:%u:%u:%n", &mode, &manager, &made, &used) != 3 || !used || mode >= CGROUP_MODE_MAX ||
	    manager >= CGROUP_MANAGER_MAX)
		return fail(err, ERROR_CORRUPT, "saved control group: cannot be understood");
	const char *scope = saved + used, *path = strchr(scope, ':');
	if (!path || (size_t)(path - scope) >= sizeof(c.scope))
		return fail(err, ERROR_CORRUPT, "saved control group: cannot be understood");
	c.mode = mode;
	c.manager = manager;
	memcpy(c.scope, scope, (size_t)(path - scope));
	if (*++path)
		TRY(cgroup_set_path(&c, path, err));
	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++)
		if ((made & BIT_OF(i)) && cgroup_open_dir_of(&c, i, err) < 0 && err->errnum != ENOENT)
			return -1;
	c.made = made;
	*ret = c;
	c = (struct cgroup)CGROUP_INIT;
	return 0;
}
