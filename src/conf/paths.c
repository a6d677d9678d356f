/* SPDX-License-Identifier: Apache-2.0
 * conf/paths.c - who we are and where our files lie. */
#include "conf/paths.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#include "base/str.h"

int path_join(char **ret, const char *dir, const char *name, struct error *err)
{
	size_t n = strlen(dir);
	return str_printf(ret, err, "%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
}

int path_make(const char *path, unsigned mode, struct error *err)
{
	autofree char *p = strdup(path);

	if (!p)
		return fail_oom(err);
	for (char *slash = p + 1; slash; slash++) {
		slash = strchr(slash, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return fail_errno(err, "create directory %s", p);
		if (!slash)
			break;
		*slash = '/';
	}
	return 0;
}

/* $name when it is an absolute path (XDG base directory specification: others are to be ignored), else fallback. */
static int xdg(char **ret, const char *name, const char *home, const char *fallback, struct error *err)
{
	const char *v = getenv(name);
	return v && *v == '/' ? str_set(ret, v, err) : path_join(ret, home, fallback, err);
}

static int find_user(struct paths *p, struct error *err)
{
	const char *uid = getenv("_CONTAINERS_ROOTLESS_UID"), *gid = getenv("_CONTAINERS_ROOTLESS_GID");
	bool inside = !str_empty(getenv("_CONTAINERS_USERNS_CONFIGURED"));

	p->uid = geteuid();
	p->gid = getegid();
	p->rootless = p->uid != 0;
	if (inside && uid && (!parse_u32(uid, &p->uid) || !gid || !parse_u32(gid, &p->gid)))
		return fail(err, ERROR_INVALID, "_CONTAINERS_ROOTLESS_UID and _GID in the environment must be numbers");
	if (inside && uid)
		p->rootless = p->uid != 0;
	return 0;
}

static int find_home(struct paths *p, struct error *err)
{
	const char *home = getenv("HOME");

	if (!str_empty(home))
		return str_set(&p->home, home, err);
	struct passwd *pw = getpwuid(p->uid);
	return str_set(&p->home, pw && pw->pw_dir ? pw->pw_dir : "/", err);
}

/* A directory that only this user can use; inside a user namespace our own uid looks like 0. */
static bool is_private(const char *dir, const struct paths *p)
{
	struct stat st;
	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_uid == p->uid || st.st_uid == geteuid()) &&
	       access(dir, W_OK) == 0;
}

static int find_runtime_dir(struct paths *p, struct error *err)
{
	const char *env = getenv("XDG_RUNTIME_DIR"), *tmp = getenv("TMPDIR");
	autofree char *dir = NULL;

	if (!p->rootless)
		return str_set(&p->runtime_dir, "/run", err);
	if (env && *env == '/')
		return str_set(&p->runtime_dir, env, err);
	TRY(str_printf(&dir, err, "/run/user/%u", p->uid));
	if (is_private(dir, p)) {
		p->runtime_dir = take_ptr(dir);
		return 0;
	}
	free(take_ptr(dir));
	TRY(str_printf(&dir, err, "%s/umiak-run-%u", tmp && *tmp == '/' ? tmp : P_tmpdir, p->uid));
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail_errno(err, "create run-time directory %s (set XDG_RUNTIME_DIR to choose another)", dir);
	/* Somebody else may have made it first, or a link in its place. */
	if (!is_private(dir, p))
		return fail(err, ERROR_DENIED, "run-time directory %s belongs to somebody else: set XDG_RUNTIME_DIR", dir);
	p->runtime_dir = take_ptr(dir);
	return 0;
}

static int load(struct paths *p, struct error *err)
{
	const char *tmp = getenv("TMPDIR");

	TRY(find_user(p, err));
	TRY(find_home(p, err));
	TRY(xdg(&p->config_home, "XDG_CONFIG_HOME", p->home, ".config", err));
	TRY(xdg(&p->data_home, "XDG_DATA_HOME", p->home, ".local/share", err));
	TRY(xdg(&p->cache_home, "XDG_CACHE_HOME", p->home, ".cache", err));
	TRY(find_runtime_dir(p, err));
	TRY(p->rootless ? path_join(&p->store_root, p->data_home, "umiak", err)
			: str_set(&p->store_root, "/var/lib/umiak", err));
	TRY(path_join(&p->run_root, p->runtime_dir, "umiak", err));
	TRY(path_join(&p->socket, p->run_root, "umiak.sock", err));
	return str_set(&p->tmp, tmp && *tmp == '/' ? tmp : "/var/tmp", err);
}

int paths_load(struct paths *ret, struct error *err)
{
	auto_paths p = {};

	TRY(load(&p, err));
	*ret = p;
	p = (struct paths){};
	return 0;
}

void paths_done(struct paths *p)
{
	char **const owned[] = { &p->home, &p->config_home, &p->data_home, &p->cache_home, &p->runtime_dir,
				 &p->store_root, &p->run_root, &p->socket, &p->tmp,
				 &p->registries_d, &p->short_name_aliases, &p->policy };

	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(*owned[i]);
	*p = (struct paths){};
}
