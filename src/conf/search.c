/* SPDX-License-Identifier: Apache-2.0
 * conf/search.c - the one search rule of the containers/ configuration family. */
#include "conf/search.h"

#include <dirent.h>
#include <fcntl.h>

#include "os/file.h"

#define MAX_BYTES ((size_t)1 << 20)
#define SYSTEM_DIR "/usr/share/containers"
#define ADMIN_DIR "/etc/containers"

/* 1: merged; 0: no such file. */
static int merge_file(const struct conf_search *s, const char *path, bool drop_in, struct error *err)
{
	autofree char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, MAX_BYTES, &text, &len, err);

	if (r <= 0)
		return r;
	TRY(s->merge(s->arg, path, text, len, drop_in, err));
	return 1;
}

static int merge_required(const struct conf_search *s, const char *path, struct error *err)
{
	int r = merge_file(s, path, false, err);
	return r == 0 ? fail(err, ERROR_NOT_FOUND, "open %s: no such file or directory", path) : r;
}

static int merge_main(const struct conf_search *s, const struct paths *paths, struct error *err)
{
	autofree char *home = NULL, *admin = NULL, *vendor = NULL;

	TRY(str_printf(&home, err, "%s/containers/%s.conf", paths->config_home, s->name));
	TRY(str_printf(&admin, err, ADMIN_DIR "/%s.conf", s->name));
	TRY(str_printf(&vendor, err, SYSTEM_DIR "/%s.conf", s->name));
	const char *const places[] = { home, admin, vendor };
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		int r = merge_file(s, places[i], false, err);
		if (r != 0)
			return r;
	}
	return 0;
}

/* Remembers the *.conf files of dir: name -> path, a stronger directory (called later) replaces. */
static int collect(const char *dir, struct strmap *found, struct error *err)
{
	DIR *d = opendir(dir);
	int r = 0;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : fail_errno(err, "open %s", dir);
	for (struct dirent *e; r >= 0 && (e = file_next_entry(d, dir, &r, err));) {
		autofree char *path = NULL;
		if (!str_ends(e->d_name, ".conf") || (e->d_type != DT_REG && e->d_type != DT_LNK && e->d_type != DT_UNKNOWN))
			continue;
		r = path_join(&path, dir, e->d_name, err);
		if (r >= 0)
			r = strmap_set(found, e->d_name, path, err);
	}
	closedir(d);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct strmap_entry *)a)->key, ((const struct strmap_entry *)b)->key);
}

static int collect_flavours(const struct conf_search *s, const struct paths *paths, const char *base,
			    struct strmap *found, struct error *err)
{
	autofree char *common = NULL, *flavour = NULL, *user = NULL;

	TRY(str_printf(&common, err, "%s/%s.conf.d", base, s->name));
	TRY(collect(common, found, err));
	if (!s->flavours)
		return 0;
	TRY(str_printf(&flavour, err, "%s/%s.%s.conf.d", base, s->name, paths->rootless ? "rootless" : "rootful"));
	TRY(collect(flavour, found, err));
	if (!paths->rootless)
		return 0;
	TRY(str_printf(&user, err, "%s/%u", flavour, paths->uid));
	return collect(user, found, err);
}

static int merge_drop_ins(const struct conf_search *s, const struct paths *paths, struct error *err)
{
	auto_strmap found = {};
	autofree char *home = NULL;

	TRY(collect_flavours(s, paths, SYSTEM_DIR, &found, err));
	TRY(collect_flavours(s, paths, ADMIN_DIR, &found, err));
	TRY(str_printf(&home, err, "%s/containers/%s.conf.d", paths->config_home, s->name));
	TRY(collect(home, &found, err));
	if (found.n > 1)
		qsort(found.v, found.n, sizeof(*found.v), by_name);
	for (size_t i = 0; i < found.n; i++)
		TRY(merge_file(s, found.v[i].value, true, err));
	return 0;
}

int conf_search_files(const struct conf_search *s, const struct paths *paths, struct error *err)
{
	const char *only = getenv(s->env);

	if (!str_empty(only))
		return merge_required(s, only, err);
	TRY(merge_main(s, paths, err));
	return merge_drop_ins(s, paths, err);
}

int conf_search_override(const struct conf_search *s, struct error *err)
{
	autofree char *name = NULL;

	TRY(str_printf(&name, err, "%s_OVERRIDE", s->env));
	const char *path = getenv(name);
	return str_empty(path) ? 0 : merge_required(s, path, err);
}

int conf_search_module(const struct conf_search *s, const struct paths *paths, const char *module, char **ret_path,
		       struct error *err)
{
	autofree char *home = NULL, *admin = NULL, *vendor = NULL;

	TRY(str_printf(&home, err, "%s/containers/%s.conf.modules/%s", paths->config_home, s->name, module));
	TRY(str_printf(&admin, err, ADMIN_DIR "/%s.conf.modules/%s", s->name, module));
	TRY(str_printf(&vendor, err, SYSTEM_DIR "/%s.conf.modules/%s", s->name, module));
	const char *const absolute[] = { module, NULL }, *const places[] = { home, admin, vendor, NULL };
	for (const char *const *p = *module == '/' ? absolute : places; *p; p++) {
		int r = merge_file(s, *p, true, err);
		if (r < 0)
			return r;
		if (r > 0)
			return str_set(ret_path, *p, err);
	}
	if (*module == '/')
		return fail(err, ERROR_NOT_FOUND, "could not resolve module: open %s: no such file or directory", module);
	return fail(err, ERROR_NOT_FOUND, "could not resolve module: open %s: no such file or directory\n"
		    "open %s: no such file or directory\nopen %s: no such file or directory", home, admin, vendor);
}
