/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/filter.h"
#include "base/json.h"
#include "engine/container-impl.h"
#include "os/file.h"

/* ---- one file ---- */
struct hook_when {
	struct opt_bool always, has_bind_mounts;
	struct strmap annotations;   /* regular expressions on both sides */
	struct strv commands;        /* regular expressions */
};
struct hook_file {
	char *version;
	struct oci_hook hook;
	struct hook_when when;
	struct strv stages;
};

static const struct field hook_rows[] = {
	{ .json = "path", F_STR(struct oci_hook, path), .flags = FIELD_REQUIRED }, { .json = "args", F_STRV(struct oci_hook, args) },
	{ .json = "env", F_STRV(struct oci_hook, env) }, { .json = "timeout", F_OPT_INT(struct oci_hook, timeout) }, {},
};
static const struct field when_rows[] = {
	{ .json = "always", F_OPT_BOOL(struct hook_when, always) },
	{ .json = "hasBindMounts", F_OPT_BOOL(struct hook_when, has_bind_mounts) },
	{ .json = "annotations", F_MAP(struct hook_when, annotations) }, { .json = "commands", F_STRV(struct hook_when, commands) }, {},
};
static const struct field file_rows[] = {
	{ .json = "version", F_STR(struct hook_file, version) }, { .json = "hook", F_OBJECT(struct hook_file, hook, hook_rows) },
	{ .json = "when", F_OBJECT(struct hook_file, when, when_rows) }, { .json = "stages", F_STRV(struct hook_file, stages) }, {},
};

static void hook_file_done(struct hook_file *f)
{
	fields_done(file_rows, f);
}

static int load_file(const char *path, struct hook_file *ret, struct error *err)
{
	autofree char *text = NULL;
	auto_json *tree = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, 1 << 20, &text, &len, err);

	if (r <= 0)
		return r < 0 ? -1 : fail_with(err, ENOENT, "open %s", path);
	TRY(json_parse(path, text, len, NULL, &tree, err));
	if (fields_load(file_rows, FIELD_COLUMN_JSON, tree, ret, NULL, err) < 0)
		return fail_wrap(err, "parsing hook \"%s\"", path);
	if (!streq0(ret->version, "1.0.0"))
		return fail(err, ERROR_INVALID, "parsing hook \"%s\": unrecognized hook version: \"%s\"", path,
			    ret->version ? ret->version : "");
	return 0;
}

/* ---- does it match? ---- */
static bool has_bind(const struct container_params *p)
{
	const struct param_mount *m = p->storage.mounts.v;

	for (size_t i = 0; i < p->storage.mounts.n; i++)
		if (streq(m[i].type, "bind"))
			return true;
	return false;
}

static int annotations_match(const struct hook_when *w, const struct container_params *p, struct error *err)
{
	for (size_t i = 0; i < w->annotations.n; i++) {
		bool found = false;
		for (size_t j = 0; j < p->basic.annotations.n && !found; j++) {
			int key = match_regex(w->annotations.v[i].key, p->basic.annotations.v[j].key, err);
			int value = key <= 0 ? key : match_regex(w->annotations.v[i].value, p->basic.annotations.v[j].value, err);
			if (value < 0)
				return -1;
			found = value > 0;
		}
		if (!found)
			return 0;
	}
	return 1;
}

/* Every condition that is given must hold; a file without conditions never matches. */
static int matches(const struct hook_when *w, const struct ctr *c, struct error *err)
{
	bool any = w->always.set || w->has_bind_mounts.set || w->annotations.n || w->commands.n;
	int r;

	if (!any || (w->always.set && !w->always.value) ||
	    (w->has_bind_mounts.set && w->has_bind_mounts.value != has_bind(&c->params)))
		return 0;
	r = annotations_match(w, &c->params, err);
	if (r <= 0 || !w->commands.n)
		return r;
	for (size_t i = 0; i < w->commands.n; i++) {
		r = match_regex(w->commands.v[i], c->config.args.n ? c->config.args.v[0] : "", err);
		if (r != 0)
			return r;
	}
	return 0;
}

/* ---- into the spec ---- */
static struct list *stage_list(struct oci_hooks *h, const char *stage)
{
	const struct {
		const char *name;
		struct list *list;
	} all[] = { { "prestart", &h->prestart }, { "createRuntime", &h->create_runtime },
		{ "createContainer", &h->create_container }, { "startContainer", &h->start_container },
		{ "poststart", &h->poststart }, { "poststop", &h->poststop } };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (streq(stage, all[i].name))
			return all[i].list;
	return NULL;
}

static int add_hook(const struct hook_file *f, const char *path, struct oci_hooks *to, struct error *err)
{
	for (size_t i = 0; i < f->stages.n; i++) {
		struct list *l = stage_list(to, f->stages.v[i]);
		struct oci_hook *h;
		if (streq(f->stages.v[i], "precreate"))
			return fail(err, ERROR_UNSUPPORTED, "hook \"%s\": stage precreate is not supported", path);
		if (!l)
			return fail(err, ERROR_INVALID, "parsing hook \"%s\": unknown stage \"%s\"", path, f->stages.v[i]);
		h = list_add(l, sizeof(*h), err);
		if (!h)
			return -1;
		h->timeout = f->hook.timeout;
		TRY(str_set(&h->path, f->hook.path, err));
		TRY(strv_copy(&h->args, &f->hook.args, err));
		TRY(strv_copy(&h->env, &f->hook.env, err));
	}
	return 0;
}

/* ---- the directories ---- */
static int list_dir(const char *dir, struct strmap *files, struct error *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail_errno(err, "open %s", dir);
	while (r >= 0 && (e = readdir(d))) {
		autofree char *path = NULL;
		if (e->d_name[0] == '.' || !str_ends(e->d_name, ".json"))
			continue;
		r = str_printf(&path, err, "%s/%s", dir, e->d_name);
		if (r >= 0)
			r = strmap_set(files, e->d_name, path, err);
	}
	closedir(d);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct strmap_entry *)a)->key, ((const struct strmap_entry *)b)->key);
}

static int list_files(const struct engine *e, struct strmap *ret, struct error *err)
{
	static const char *const usual[] = { "/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d" };
	const struct strv *dirs = e->opt.hooks_dirs && e->opt.hooks_dirs->n ? e->opt.hooks_dirs : &e->conf.engine.hooks_dir;

	if (dirs->n)
		for (size_t i = 0; i < dirs->n; i++)
			TRY(list_dir(dirs->v[i], ret, err));
	else if (!e->paths.rootless)   /* a user's containers get a host's hooks only when asked to */
		for (size_t i = 0; i < ARRAY_LEN(usual); i++)
			TRY(list_dir(usual[i], ret, err));
	if (ret->n > 1)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return 0;
}

int hooks_load(const struct ctr *c, struct oci_hooks *to, struct error *err)
{
	auto_strmap files = {};

	TRY(list_files(c->engine, &files, err));
	for (size_t i = 0; i < files.n; i++) {
		CLEANUP(hook_file_done) struct hook_file f = {};
		TRY(load_file(files.v[i].value, &f, err));
		int r = matches(&f.when, c, err);
		if (r < 0)
			return fail_wrap(err, "hook \"%s\"", files.v[i].value);
		if (r)
			TRY(add_hook(&f, files.v[i].value, to, err));
	}
	return 0;
}

int hooks_run(struct ctr *c, enum oci_hook_kind kind, const char *status, struct error *err)
{
	auto_oci_spec spec = {};   /* owns the hooks */
	autofree char *dir = NULL;
	struct oci_hook_state state = { .id = c->id, .status = status, .annotations = &c->params.basic.annotations };

	TRY(hooks_load(c, &spec.hooks, err));
	TRY(ctr_run_dir(c, &dir, err));
	state.bundle = dir;
	state.pid = streq(status, "stopped") ? 0 : c->at.status.pid;
	return oci_hooks_run(&spec.hooks, kind, &state, err);
}
