/* SPDX-License-Identifier: Apache-2.0
 * conf/paths.c - who we are and where our files lie. */
#include "conf/paths.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <sys/stat.h>

#include "base/str.h"
#include "os/file.h"
#include "os/process.h"

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

/* What the environment names: links are allowed there, and what is missing is made. */
static bool is_usable(const char *dir, const struct paths *p)
{
	struct error ignored;
	struct stat st;

	if (stat(dir, &st) < 0 && (errno != ENOENT || path_make(dir, 0700, &ignored) < 0 || stat(dir, &st) < 0))
		return false;
	return S_ISDIR(st.st_mode) && (st.st_uid == p->uid || st.st_uid == geteuid()) && access(dir, W_OK) == 0;
}

/* Whether the process that keeps this user's namespace was recorded below `dir` and lives (engine/rootless.h). */
static bool is_in_use(const char *dir, const struct paths *p)
{
	char name[PATH_MAX], text[64];
	uint64_t start;
	int pid;

	if (snprintf(name, sizeof(name), "%s/umiak/pause", dir) >= (int)sizeof(name) || access(name, F_OK) < 0)
		return false;
	return is_private(dir, p) && file_read_small(AT_FDCWD, name, text, sizeof(text)) > 0 &&
	       sscanf(text, "%d %" SCNu64, &pid, &start) == 2 && process_is_alive(PROC_HOST, pid, start);
}

/* Without a session: a directory in a place for everybody's temporary files. */
static int take_fallback(struct paths *p, const char *dir, struct error *err)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail_errno(err, "create run-time directory %s (set XDG_RUNTIME_DIR to choose another)", dir);
	/* Somebody else may have made it first, or a link in its place. */
	if (!is_private(dir, p))
		return fail(err, ERROR_DENIED, "run-time directory %s belongs to somebody else: set XDG_RUNTIME_DIR", dir);
	TRY(str_set(&p->session_dir, dir, err));
	return str_set(&p->runtime_dir, dir, err);
}

static int find_runtime_dir(struct paths *p, struct error *err)
{
	const char *env = getenv("XDG_RUNTIME_DIR"), *tmp = getenv("TMPDIR");
	autofree char *usual = NULL, *fallback = NULL;

	if (!p->rootless) {
		TRY(str_set(&p->session_dir, "/run", err));
		return str_set(&p->runtime_dir, "/run", err);
	}
	TRY(str_printf(&usual, err, "/run/user/%u", p->uid));
	TRY(str_printf(&fallback, err, "%s/umiak-run-%u", tmp && *tmp == '/' ? tmp : P_tmpdir, p->uid));
	bool named = env && *env == '/', usable = named && is_usable(env, p);
	if (usable && !streq(env, usual)) {
		TRY(str_set(&p->session_dir, env, err));
		return str_set(&p->runtime_dir, env, err);
	}
	if (usable || is_private(usual, p)) {
		TRY(str_set(&p->session_dir, usual, err));
		TRY(str_set(&p->runtime_dir, is_in_use(fallback, p) ? fallback : usual, err));
	} else {
		TRY(take_fallback(p, fallback, err));
	}
	if (named && !usable)
		TRY(str_printf(&p->runtime_note, err, "XDG_RUNTIME_DIR=%s is no directory this user can use: %s is used instead "
			       "(su without a login shell? `su -l`, or unset the variable)", env, p->runtime_dir));
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
				 &p->session_dir, &p->runtime_note,
				 &p->store_root, &p->run_root, &p->socket, &p->tmp,
				 &p->registries_d, &p->short_name_aliases, &p->policy };

	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(*owned[i]);
	*p = (struct paths){};
}
