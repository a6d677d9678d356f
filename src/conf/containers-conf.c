/* SPDX-License-Identifier: Apache-2.0
 * conf/containers-conf.c - containers.conf(5): found and merged. */
#include "conf/containers-conf.h"

#include "base/toml.h"
#include "conf/search.h"

/* The {append=...} table that may end a list, or NULL. */
static struct json_object *attributes(struct json_object *array)
{
	size_t n = json_object_array_length(array);
	struct json_object *last = n ? json_object_array_get_idx(array, n - 1) : NULL;

	return json_object_is_type(last, json_type_object) ? last : NULL;
}

static int set_appending(struct containers_conf *conf, const char *key, bool on, struct error *err)
{
	for (size_t i = conf->appending.n; i-- > 0;)
		if (streq(conf->appending.v[i], key))
			strv_remove(&conf->appending, i);
	return on ? strv_add(&conf->appending, key, err) : 0;
}

/* Turns ["x", {append=true}] into the plain list that shall hold from now on. */
static int expand_list(struct containers_conf *conf, const char *table, const char *key, struct json_object *in,
		       const struct strv *old, struct json_object *array, struct error *err)
{
	autofree char *name = NULL;
	struct json_object *attr = attributes(array);

	TRY(str_printf(&name, err, "%s.%s", table, key));
	if (attr) {
		struct json_object *on;
		if (!json_object_object_get_ex(attr, "append", &on) || !json_object_is_type(on, json_type_boolean) ||
		    json_object_object_length(attr) != 1)
			return fail(err, ERROR_INVALID, "%s: only {append=true} or {append=false} may end a list", name);
		TRY(set_appending(conf, name, json_object_get_boolean(on), err));
	}
	if (!attr && !strv_has(&conf->appending, name))
		return 0;
	struct json_object *all = json_object_new_array();
	if (!all)
		return fail_oom(err);
	for (size_t i = 0; strv_has(&conf->appending, name) && i < old->n; i++)
		json_object_array_add(all, json_object_new_string(old->v[i]));
	for (size_t i = 0; i < json_object_array_length(array) - (attr ? 1 : 0); i++)
		json_object_array_add(all, json_object_get(json_object_array_get_idx(array, i)));
	return json_add(in, key, all, err);
}

/* Tables of strings (volume_plugins, ...) add up: entries the document does not name stay. */
static int keep_entries(struct json_object *map, const struct strmap *old, struct error *err)
{
	for (size_t i = 0; i < old->n; i++)
		if (!json_object_object_get_ex(map, old->v[i].key, NULL))
			TRY(json_add_str(map, old->v[i].key, old->v[i].value, err));
	return 0;
}

/* Every list and map key of every table of the document. */
static int expand_lists(struct containers_conf *conf, struct json_object *tree, struct error *err)
{
	EACH_FIELD(table, containers_conf_rows) {
		struct json_object *in = json_get_object(tree, table->conf);
		if (!in)
			continue;
		EACH_FIELD(f, table->rows) {
			struct json_object *array = f->type == FIELD_STRV ? json_get_array(in, f->conf) : NULL;
			struct json_object *map = f->type == FIELD_MAP ? json_get_object(in, f->conf) : NULL;
			const void *old = (const char *)conf + table->off + f->off;
			if (array)
				TRY(expand_list(conf, table->conf, f->conf, in, old, array, err));
			if (map)
				TRY(keep_entries(map, old, err));
		}
	}
	return 0;
}

int containers_conf_merge(struct containers_conf *conf, const char *what, const char *text, size_t len,
			  struct error *err)
{
	auto_json *tree = NULL;
	auto_strv unknown = {};

	TRY(toml_parse(what, text, len, &tree, err));
	if (expand_lists(conf, tree, err) < 0 ||
	    fields_load(containers_conf_rows, FIELD_COLUMN_CONF, tree, conf, &unknown, err) < 0)
		return fail_wrap(err, "%s", what);
	for (size_t i = 0; i < unknown.n; i++)
		TRY(strv_addf(&conf->warnings, err, "Failed to decode the keys [\"%s\"] from \"%s\"", unknown.v[i], what));
	return 0;
}

static int merge(void *arg, const char *what, const char *text, size_t len, bool drop_in, struct error *err)
{
	return containers_conf_merge(arg, what, text, len, err);
}

static int load(struct containers_conf *conf, const struct paths *paths, const struct strv *modules, struct error *err)
{
	const struct conf_search search = { "containers", "CONTAINERS_CONF", true, merge, conf };

	TRY(containers_conf_init(conf, paths, err));
	TRY(conf_search_files(&search, paths, err));
	for (size_t i = 0; modules && i < modules->n; i++) {
		autofree char *path = NULL;
		TRY(conf_search_module(&search, paths, modules->v[i], &path, err));
		TRY(strv_add(&conf->loaded_modules, path, err));
	}
	return conf_search_override(&search, err);
}

int containers_conf_load(struct containers_conf *conf, const struct paths *paths, const struct strv *modules,
			 struct error *err)
{
	int r = load(conf, paths, modules, err);

	if (r < 0)
		containers_conf_done(conf);
	return r;
}

void containers_conf_done(struct containers_conf *conf)
{
	fields_done(containers_conf_rows, conf);
	strv_done(&conf->loaded_modules);
	strv_done(&conf->warnings);
	strv_done(&conf->appending);
	*conf = (struct containers_conf){};
}
