/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/registries-d.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/field.h"
#include "base/str.h"
#include "conf/yaml-map.h"
#include "os/file.h"

void lookaside_done(struct lookaside *l)
{
	free(l->read);
	free(l->write);
	*l = (struct lookaside){};
}

/* ---- files ---- */
static int merge_namespaces(struct json_object *to, struct json_object *from, const char *file, struct error *err)
{
	json_object_object_foreach(from, name, value) {
		if (!json_object_is_type(value, json_type_object))
			return fail(err, ERROR_INVALID, "%s: docker: %s: a mapping is expected", file, name);
		if (json_object_object_get_ex(to, name, NULL))
			return fail(err, ERROR_INVALID, "%s: \"docker\" namespace \"%s\" is defined in another file, too", file, name);
		TRY(json_add(to, name, json_object_get(value), err));
	}
	return 0;
}

static int merge_file(struct json_object *all, const char *file, struct error *err)
{
	autofree char *text = NULL;
	auto_json *doc = NULL;
	size_t len;

	if (file_read(AT_FDCWD, file, YAML_MAP_BYTES_MAX, &text, &len, err) < 0)
		return -1;
	TRY(yaml_map_parse(file, text ? text : "", text ? len : 0, &doc, err));
	json_object_object_foreach(doc, key, value) {
		if (streq(key, "docker")) {
			struct json_object *to = json_get_object(all, "docker");
			if (value && !json_object_is_type(value, json_type_object))
				return fail(err, ERROR_INVALID, "%s: docker: a mapping is expected", file);
			TRY(value ? merge_namespaces(to, value, file, err) : 0);
		} else if (streq(key, "default-docker")) {
			if (json_get_object(all, key))
				return fail(err, ERROR_INVALID, "%s: \"default-docker\" is defined in another file, too", file);
			TRY(json_add(all, key, json_object_get(value), err));
		} else {
			return fail(err, ERROR_INVALID, "%s: unknown key \"%.60s\"", file, key);
		}
	}
	return 0;
}

static int list_files(const char *dir, struct strv *files, struct error *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(err, "%s", dir);
	while (r == 0 && (e = file_next_entry(d, dir, &r, err)))
		if (str_ends(e->d_name, ".yaml"))
			r = strv_addf(files, err, "%s/%s", dir, e->d_name);
	closedir(d);
	strv_sort(files);
	return r < 0 ? r : 1;
}

int registries_d_load(const struct paths *paths, const char *dir, struct json_object **ret, struct error *err)
{
	auto_json *all = json_object_new_object();
	auto_strv files = {};
	autofree char *own = NULL;

	if (!all)
		return fail_oom(err);
	TRY(json_add(all, "docker", json_object_new_object(), err));
	TRY(str_printf(&own, err, "%s/containers/registries.d", paths->config_home));
	if (!dir)
		dir = paths->registries_d;
	const char *places[] = { dir ? dir : own, dir ? NULL : "/etc/containers/registries.d",
				 dir ? NULL : "/usr/share/containers/registries.d" };
	int found = 0;
	for (size_t i = 0; found == 0 && i < ARRAY_LEN(places); i++)
		found = places[i] ? list_files(places[i], &files, err) : 0;
	if (found < 0)
		return found;
	for (size_t i = 0; i < files.n; i++)
		TRY(merge_file(all, files.v[i], err));
	*ret = take_ptr(all);
	return 0;
}

/* ---- scopes ---- */
bool scope_widen(char *scope)
{
	char *at = strchr(scope, '@'), *slash = strrchr(scope, '/'), *colon = strrchr(slash ? slash : scope, ':');

	if (at)
		return *at = '\0', true;
	if (slash && colon)
		return *colon = '\0', true;
	if (slash)
		return *slash = '\0', true;
	char *dot = strchr(scope + (scope[0] == '*'), '.');
	if (scope[0] == '*' && dot)
		dot = strchr(dot + 1, '.');
	if (!dot)
		return false;
	memmove(scope + 1, dot, strlen(dot) + 1);
	scope[0] = '*';
	return true;
}

static const char *first_text(struct json_object *o, const char *a, const char *b)
{
	const char *s = json_get_str(o, a);

	return str_empty(s) ? json_get_str(o, b) : s;
}

/* Takes from one namespace what narrower ones left open. */
static int take(struct json_object *o, struct lookaside *l, struct opt_bool *attachments, struct error *err)
{
	const char *read = first_text(o, "lookaside", "sigstore");
	const char *write = first_text(o, "lookaside-staging", "sigstore-staging");
	struct json_object *v;

	if (str_empty(write))
		write = read;
	if (!l->read && !str_empty(read))
		TRY(str_set(&l->read, read, err));
	if (!l->write && !str_empty(write))
		TRY(str_set(&l->write, write, err));
	if (!attachments->set && json_object_object_get_ex(o, "use-sigstore-attachments", &v))
		*attachments = (struct opt_bool){ true, json_object_get_boolean(v) };
	return 0;
}

static int take_default(const struct paths *paths, struct lookaside *l, struct error *err)
{
	autofree char *url = NULL;

	TRY(paths->rootless || paths->uid ? str_printf(&url, err, "file://%s/containers/sigstore", paths->data_home)
					  : str_set(&url, "file:///var/lib/containers/sigstore", err));
	if (!l->read)
		TRY(str_set(&l->read, url, err));
	return l->write ? 0 : str_set(&l->write, url, err);
}

static void trim_slash(char *s)
{
	size_t n = strlen(s);

	while (n && s[n - 1] == '/')
		s[--n] = '\0';
}

int lookaside_find(const struct paths *paths, const char *dir, const char *name, struct lookaside *ret, struct error *err)
{
	auto_json *all = NULL;
	auto_lookaside l = {};
	struct opt_bool attachments = {};
	autofree char *scope = strdup(name);

	if (!scope)
		return fail_oom(err);
	TRY(registries_d_load(paths, dir, &all, err));
	struct json_object *docker = json_get_object(all, "docker"), *o;
	do {
		if (json_object_object_get_ex(docker, scope, &o))
			TRY(take(o, &l, &attachments, err));
	} while (scope_widen(scope));
	if ((o = json_get_object(all, "default-docker")))
		TRY(take(o, &l, &attachments, err));
	TRY(take_default(paths, &l, err));
	trim_slash(l.read);
	trim_slash(l.write);
	l.attachments = attachments.value;
	*ret = l;
	l = (struct lookaside){};
	return 0;
}
