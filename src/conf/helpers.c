/* SPDX-License-Identifier: Apache-2.0
 * conf/helpers.c - where the programs we start lie. */
#include "conf/helpers.h"

#include <limits.h>
#include <sys/stat.h>

#include "conf/paths.h"
#include "config.h"

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* 1: *ret is dir/name; 0: not there. */
static int try_dir(const char *dir, const char *name, char **ret, struct error *err)
{
	autofree char *path = NULL;

	TRY(path_join(&path, dir, name, err));
	if (!is_program(path))
		return 0;
	*ret = take_ptr(path);
	return 1;
}

/* The directory of the running program, without its last component; false when it cannot be known. */
static bool own_directory(char *dir, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", dir, size - 1);

	if (n <= 0)
		return false;
	dir[n] = '\0';
	char *slash = strrchr(dir, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

int helper_find(const char *name, char **ret, struct error *err)
{
	char own[PATH_MAX];
	const char *env = getenv("UMIAK_HELPER_DIR");

	if (!str_empty(env)) {
		int r = try_dir(env, name, ret, err);
		if (r != 0)
			return r;
	}
	bool known = own_directory(own, sizeof(own));
	if (known) {
		/* ../monitor/umiak-monitor: a build directory that was not installed */
		autofree char *sibling = NULL;
		const char *part = str_after(name, "umiak-");
		int r = try_dir(own, name, ret, err);
		if (r == 0 && part && str_printf(&sibling, err, "%s/../%s", own, part) == 0)
			r = try_dir(sibling, name, ret, err);
		if (r != 0)
			return r;
	}
	int r = try_dir(UMIAK_LIBEXECDIR, name, ret, err);
	if (r != 0)
		return r;
	return fail(err, ERROR_NOT_FOUND, "helper program %s not found in %s%s%s: reinstall, or set UMIAK_HELPER_DIR",
		    name, known ? own : "", known ? " and " : "", UMIAK_LIBEXECDIR);
}

int helper_find_foreign(const char *name, const struct strv *dirs, bool in_path, char **ret, struct error *err)
{
	auto_strv places = {};
	const char *path = in_path ? getenv("PATH") : NULL;

	if (*name == '/')
		return is_program(name) ? str_set(ret, name, err)
					: fail(err, ERROR_NOT_FOUND, "program %s not found or not executable", name);
	if (!str_empty(getenv("CONTAINERS_HELPER_BINARY_DIR")))
		TRY(strv_add(&places, getenv("CONTAINERS_HELPER_BINARY_DIR"), err));
	if (dirs)
		TRY(strv_copy(&places, dirs, err));
	if (path)
		TRY(strv_split(&places, path, ':', err));
	for (size_t i = 0; i < places.n; i++) {
		int r = *places.v[i] == '/' ? try_dir(places.v[i], name, ret, err) : 0;
		if (r != 0)
			return r;
	}
	return fail(err, ERROR_NOT_FOUND, "program %s not found in %s", name, path ? "$PATH" : "helper_binaries_dir");
}
