/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cdi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/yaml-tree.h"
#include "os/file.h"

#define FILE_MAX ((size_t)4 << 20)

/* ---- rows ---- */
static const struct field node_rows[] = {
	{ .json = "path", F_STR(struct cdi_node, path), .flags = FIELD_REQUIRED },
	{ .json = "hostPath", F_STR(struct cdi_node, host) },
	{ .json = "type", F_STR(struct cdi_node, type) },
	{ .json = "major", F_OPT_INT(struct cdi_node, major) },
	{ .json = "minor", F_OPT_INT(struct cdi_node, minor) },
	{ .json = "fileMode", F_OPT_UINT(struct cdi_node, mode) },
	{ .json = "permissions", F_STR(struct cdi_node, permissions) },
	{ .json = "uid", F_OPT_UINT(struct cdi_node, uid) },
	{ .json = "gid", F_OPT_UINT(struct cdi_node, gid) },
	{},
};
static const struct field mount_rows[] = {
	{ .json = "hostPath", F_STR(struct cdi_mount, host), .flags = FIELD_REQUIRED },
	{ .json = "containerPath", F_STR(struct cdi_mount, container), .flags = FIELD_REQUIRED },
	{ .json = "type", F_STR(struct cdi_mount, type) },
	{ .json = "options", F_STRV(struct cdi_mount, options) },
	{},
};
static const struct field hook_rows[] = {
	{ .json = "hookName", F_STR(struct cdi_hook, name), .flags = FIELD_REQUIRED },
	{ .json = "path", F_STR(struct cdi_hook, path), .flags = FIELD_REQUIRED },
	{ .json = "args", F_STRV(struct cdi_hook, args) },
	{ .json = "env", F_STRV(struct cdi_hook, env) },
	{ .json = "timeout", F_OPT_INT(struct cdi_hook, timeout) },
	{},
};
static const struct field edit_rows[] = {
	{ .json = "env", F_STRV(struct cdi_edits, env) },
	{ .json = "deviceNodes", F_LIST(struct cdi_edits, nodes, struct cdi_node, node_rows) },
	{ .json = "mounts", F_LIST(struct cdi_edits, mounts, struct cdi_mount, mount_rows) },
	{ .json = "hooks", F_LIST(struct cdi_edits, hooks, struct cdi_hook, hook_rows) },
	{ .json = "additionalGids", F_NUMBERS(struct cdi_edits, gids) },
	{},
};
static const struct field device_rows[] = {
	{ .json = "name", F_STR(struct cdi_device, name), .flags = FIELD_REQUIRED },
	{ .json = "containerEdits", F_OBJECT(struct cdi_device, edits, edit_rows) },
	{},
};
static const struct field spec_rows[] = {
	{ .json = "cdiVersion", F_STR(struct cdi_spec, version), .flags = FIELD_REQUIRED },
	{ .json = "kind", F_STR(struct cdi_spec, kind), .flags = FIELD_REQUIRED },
	{ .json = "devices", F_LIST(struct cdi_spec, devices, struct cdi_device, device_rows) },
	{ .json = "containerEdits", F_OBJECT(struct cdi_spec, edits, edit_rows) },
	{},
};

void cdi_spec_done(struct cdi_spec *s)
{
	fields_done(spec_rows, s);
}

/* ---- names ---- */
static bool is_word(const char *s, size_t len, const char *extra)
{
	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!letter && (!c || !strchr(extra, c)))
			return false;
	}
	return true;
}

static bool is_kind(const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);

	return slash && is_word(s, (size_t)(slash - s), "_-.") && is_word(slash + 1, len - (size_t)(slash + 1 - s), "_-.");
}

bool cdi_is_name(const char *word)
{
	const char *eq = strchr(word, '=');

	return eq && is_kind(word, (size_t)(eq - word)) && is_word(eq + 1, strlen(eq + 1), "_-.:");
}

int cdi_gpu_name(const char *word, char **ret, struct error *err)
{
	if (cdi_is_name(word))
		return str_set(ret, word, err);
	if (!is_word(word, strlen(word), "_-.:"))
		return fail(err, ERROR_INVALID, "--gpus %s: neither \"all\" nor the name of a GPU", word);
	return str_printf(ret, err, "nvidia.com/gpu=%s", word);
}

/* ---- files ---- */
static bool is_absolute(const char *path)
{
	return path && *path == '/' && !strstr(path, "/../") && !str_ends(path, "/..");
}

static int check_edits(const char *what, const struct cdi_edits *e, struct error *err)
{
	const struct cdi_node *n = e->nodes.v;
	const struct cdi_mount *m = e->mounts.v;
	const struct cdi_hook *h = e->hooks.v;

	for (size_t i = 0; i < e->env.n; i++)
		if (!strchr(e->env.v[i], '='))
			return fail(err, ERROR_INVALID, "%s: env \"%s\" is not NAME=VALUE", what, e->env.v[i]);
	for (size_t i = 0; i < e->nodes.n; i++)
		if (!is_absolute(n[i].path) || (n[i].host && !is_absolute(n[i].host)))
			return fail(err, ERROR_INVALID, "%s: device node \"%s\" is not an absolute path", what, n[i].path ? n[i].path : "");
	for (size_t i = 0; i < e->mounts.n; i++)
		if (!is_absolute(m[i].host) || !is_absolute(m[i].container))
			return fail(err, ERROR_INVALID, "%s: mounts need absolute paths", what);
	for (size_t i = 0; i < e->hooks.n; i++)
		if (!is_absolute(h[i].path))
			return fail(err, ERROR_INVALID, "%s: the path of hook \"%s\" is not absolute", what, h[i].name ? h[i].name : "");
	return 0;
}

static int check(const char *what, const struct cdi_spec *s, struct error *err)
{
	const struct cdi_device *d = s->devices.v;

	if (!s->kind || !is_kind(s->kind, strlen(s->kind)))
		return fail(err, ERROR_INVALID, "%s: kind \"%s\" is not VENDOR/CLASS", what, s->kind ? s->kind : "");
	TRY(check_edits(what, &s->edits, err));
	for (size_t i = 0; i < s->devices.n; i++) {
		if (!d[i].name || !is_word(d[i].name, strlen(d[i].name), "_-.:"))
			return fail(err, ERROR_INVALID, "%s: \"%s\" is no name for a device", what, d[i].name ? d[i].name : "");
		TRY(check_edits(what, &d[i].edits, err));
	}
	return 0;
}

int cdi_parse(const char *what, const char *text, size_t len, enum cdi_format format, struct cdi_spec *ret, struct error *err)
{
	CLEANUP(cdi_spec_done) struct cdi_spec s = {};
	auto_json *tree = NULL;
	const struct json_limits limits = { .max_bytes = FILE_MAX, .unique_keys = true };

	TRY(format == CDI_YAML ? yaml_tree_parse(what, text, len, &tree, err) : json_parse(what, text, len, &limits, &tree, err));
	if (!json_object_is_type(tree, json_type_object))
		return fail(err, ERROR_INVALID, "%s: is not %s", what, format == CDI_YAML ? "a mapping" : "a JSON object");
	if (fields_load(spec_rows, FIELD_COLUMN_JSON, tree, &s, NULL, err) < 0)
		return fail_wrap(err, "%s", what);
	TRY(check(what, &s, err));
	*ret = s;
	s = (struct cdi_spec){};
	return 0;
}

/* ---- looking for a device ---- */
struct hunt {
	const char *kind, *name;      /* kind: len bytes */
	size_t kind_len;
	struct cdi_spec found;        /* the file that has it; kind NULL: none yet */
	size_t index;
};

static bool is_yaml(const char *name)
{
	return str_ends(name, ".yaml") || str_ends(name, ".yml");
}

static int look_at_file(struct hunt *h, const char *path, struct error *err)
{
	CLEANUP(cdi_spec_done) struct cdi_spec s = {};
	autofree char *text = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, FILE_MAX, &text, &len, err);

	if (r <= 0)
		return r;
	TRY(cdi_parse(path, text, len, is_yaml(path) ? CDI_YAML : CDI_JSON, &s, err));
	if (strlen(s.kind) != h->kind_len || strncmp(s.kind, h->kind, h->kind_len) != 0)
		return 0;
	const struct cdi_device *d = s.devices.v;
	for (size_t i = 0; i < s.devices.n; i++) {
		if (!streq(d[i].name, h->name))
			continue;
		cdi_spec_done(&h->found);
		h->found = s;
		h->index = i;
		s = (struct cdi_spec){};
		return 1;
	}
	return 0;
}

static int look_in(struct hunt *h, const struct engine *e, const char *dir, struct error *err)
{
	auto_strv names = {};
	struct dirent *entry;
	DIR *d = opendir(dir);
	int r = 0;

	if (!d)
		return errno == ENOENT || errno == EACCES ? 0 : fail_errno(err, "open %s", dir);
	while (r >= 0 && (entry = readdir(d))) {
		if (str_ends(entry->d_name, ".json") || is_yaml(entry->d_name))
			r = strv_addf(&names, err, "%s/%s", dir, entry->d_name);
	}
	closedir(d);
	if (r < 0)
		return -1;
	strv_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		struct error odd;
		if (look_at_file(h, names.v[i], &odd) < 0)
			log_warn(e->log, "%s", odd.text);   /* somebody else's broken file is no reason to refuse ours */
	}
	return 0;
}

int cdi_find(const struct engine *e, const char *name,
	     int (*fn)(void *arg, const struct cdi_spec *s, const struct cdi_device *d, struct error *err), void *arg,
	     struct error *err)
{
	const char *eq = strchr(name, '=');
	const struct strv *dirs = e->opt.cdi_spec_dirs && e->opt.cdi_spec_dirs->n ? e->opt.cdi_spec_dirs : &e->conf.engine.cdi_spec_dirs;
	struct hunt h = { .kind = name, .name = eq ? eq + 1 : "", .kind_len = eq ? (size_t)(eq - name) : 0 };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < dirs->n; i++)
		r = look_in(&h, e, dirs->v[i], err);
	if (r >= 0 && !h.found.kind)
		r = fail(err, ERROR_NOT_FOUND, "setting up CDI devices: unresolvable CDI devices %s", name);
	if (r >= 0)
		r = fn(arg, &h.found, (const struct cdi_device *)h.found.devices.v + h.index, err);
	cdi_spec_done(&h.found);
	return r;
}
