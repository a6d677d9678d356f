/* SPDX-License-Identifier: Apache-2.0
 * conf/storage-conf.c - containers-storage.conf(5) as far as it concerns our store. */
#include "conf/storage-conf.h"

#include "base/toml.h"
#include "conf/search.h"

#define S struct storage_conf

/* [storage.options.overlay]; the same keys are accepted in [storage.options] and [storage.options.vfs]. */
#define DRIVER_ROWS                                                        \
	{ .conf = "ignore_chown_errors", F_BOOL(S, ignore_chown_errors) }, \
	{ .conf = "force_mask", F_STR(S, force_mask) },                    \
	{ .conf = "mount_program", F_STR(S, mount_program) },              \
	{ .conf = "mountopt", F_STR(S, mountopt) },                        \
	{ .conf = "size", F_STR(S, size) },                                \
	{ .conf = "inodes", F_STR(S, inodes) },                            \
	{ .conf = "skip_mount_home", F_BOOL(S, skip_mount_home) },         \
	{ .conf = "use_composefs", F_BOOL(S, use_composefs) },             \
	{ .conf = "sync", F_STR(S, sync) }

static const struct field driver_rows[] = { DRIVER_ROWS, {} };

static const struct field option_rows[] = {
	{ .conf = "additionalimagestores", F_STRV(S, additional_image_stores) },
	{ .conf = "additionallayerstores", F_STRV(S, additional_layer_stores) },
	{ .conf = "root-auto-userns-user", F_STR(S, root_auto_userns_user) },
	{ .conf = "auto-userns-min-size", F_UINT(S, auto_userns_min_size) },
	{ .conf = "auto-userns-max-size", F_UINT(S, auto_userns_max_size) },
	{ .conf = "disable-volatile", F_BOOL(S, disable_volatile) },
	{ .conf = "pull_options", F_MAP(S, pull_options) },
	DRIVER_ROWS,
	{ .conf = "overlay", .type = FIELD_OBJECT, .rows = driver_rows },
	{ .conf = "vfs", .type = FIELD_OBJECT, .rows = driver_rows },
	{}
};

static const struct field table_rows[] = {
	{ .conf = "driver", F_STR(S, driver) },
	{ .conf = "graphroot", F_STR(S, graphroot) },
	{ .conf = "runroot", F_STR(S, runroot) },
	{ .conf = "imagestore", F_STR(S, imagestore) },
	{ .conf = "rootless_storage_path", F_STR(S, rootless_storage_path) },
	{ .conf = "transient_store", F_BOOL(S, transient_store) },
	{ .conf = "options", .type = FIELD_OBJECT, .rows = option_rows },
	{}
};

/* Each member once, for freeing: the tables above name some of them two or three times. */
static const struct field owned_rows[] = {
	{ F_STR(S, driver) }, { F_STR(S, graphroot) }, { F_STR(S, runroot) }, { F_STR(S, imagestore) },
	{ F_STR(S, rootless_storage_path) }, { F_STRV(S, additional_image_stores) },
	{ F_STRV(S, additional_layer_stores) }, { F_STR(S, root_auto_userns_user) }, { F_MAP(S, pull_options) },
	DRIVER_ROWS, { F_STRV(S, options) }, { F_STRV(S, warnings) }, {}
};

int storage_conf_merge(struct storage_conf *conf, const char *what, const char *text, size_t len, struct error *err)
{
	auto_json *tree = NULL;
	auto_strv unknown = {};

	TRY(toml_parse(what, text, len, &tree, err));
	struct json_object *table = json_get_object(tree, "storage");
	if (!table)
		return 0;
	if (fields_load(table_rows, FIELD_COLUMN_CONF, table, conf, &unknown, err) < 0)
		return fail_wrap(err, "%s: storage", what);
	for (size_t i = 0; i < unknown.n; i++)
		TRY(strv_addf(&conf->warnings, err, "Failed to decode the keys [\"storage.%s\"] from \"%s\"", unknown.v[i], what));
	return 0;
}

static int merge(void *arg, const char *what, const char *text, size_t len, bool drop_in, struct error *err)
{
	return storage_conf_merge(arg, what, text, len, err);
}

int storage_conf_option(struct storage_conf *conf, const char *option, struct error *err)
{
	const char *eq = strchr(option, '=');
	const char *dot = strchr(option, '.');
	const char *key = dot && (!eq || dot < eq) ? dot + 1 : option;

	if (!*option)   /* --storage-opt '': none of the configuration's, as far as that goes here */
		return 0;
	if (!eq)
		return fail(err, ERROR_USAGE, "storage option \"%s\": expected NAME=VALUE", option);
	autofree char *name = strndup(key, eq - key);
	if (!name)
		return fail_oom(err);
	for (char *p = name; *p; p++)   /* overlay.additionalimagestore, .imagestore, .ignore_chown_errors */
		if (*p == '-')
			*p = '_';
	if (streq(name, "imagestore"))   /* the driver's option adds a store to read from; `info` shows the last one */
		TRY(str_set(&conf->imagestore, eq + 1, err));
	if (streq(name, "imagestore") || streq(name, "additionalimagestore"))
		return strv_add(&conf->additional_image_stores, eq + 1, err);
	EACH_FIELD(f, driver_rows) {
		if (!streq(f->conf, name))
			continue;
		auto_json *tree = json_object_new_object();
		if (!tree)
			return fail_oom(err);
		TRY(json_add_str(tree, name, eq + 1, err));
		if (fields_load(driver_rows, FIELD_COLUMN_CONF, tree, conf, NULL, err) < 0)
			return fail_wrap(err, "storage option \"%s\"", option);
		return strv_add(&conf->options, option, err);
	}
	return fail(err, ERROR_USAGE, "unknown storage option \"%s\"", option);
}

/* Replaces $NAME and ${NAME} for HOME, USER, UID and any other environment variable. */
static int expand(char **path, const struct paths *paths, struct error *err)
{
	auto_buf b = BUF_INIT(4096);
	char uid[16];

	snprintf(uid, sizeof(uid), "%u", paths->uid);
	for (const char *p = *path; *p; p++) {
		if (*p != '$') {
			buf_add_char(&b, *p);
			continue;
		}
		bool brace = p[1] == '{';
		const char *name = p + 1 + brace;
		size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
		autofree char *key = strndup(name, n);
		if (!key)
			return fail_oom(err);
		const char *v = streq(key, "UID") ? uid : streq(key, "HOME") ? paths->home : getenv(key);
		buf_add_str(&b, v ? v : "");
		p = name + n - 1 + (brace && name[n] == '}');
	}
	TRY(buf_ok(&b, *path, err));
	char *s = buf_steal(&b);
	if (!s)
		return fail_oom(err);
	free(*path);
	*path = s;
	return 0;
}

/* Podman's own store is never ours: its default place means "the default". */
static bool is_podmans(const char *path, const struct paths *paths)
{
	static const char *const theirs[] = { "/var/lib/containers/storage", "/run/containers/storage", "/var/run/containers/storage" };
	autofree char *home = NULL, *runtime = NULL;
	struct error err;

	for (size_t i = 0; i < ARRAY_LEN(theirs); i++)
		if (streq(path, theirs[i]))
			return true;
	return path_join(&home, paths->data_home, "containers/storage", &err) >= 0 &&
	       path_join(&runtime, paths->session_dir ? paths->session_dir : paths->runtime_dir, "containers", &err) >= 0 && (streq(path, home) || streq(path, runtime));
}

static int settle_root(char **root, const char *fallback, const struct paths *paths, struct error *err)
{
	if (!str_empty(*root))
		TRY(expand(root, paths, err));
	if (str_empty(*root) || is_podmans(*root, paths))
		return str_set(root, fallback, err);
	if (**root != '/')
		return fail(err, ERROR_INVALID, "storage.conf: %s is not an absolute path", *root);
	return 0;
}

static int settle(struct storage_conf *conf, const struct paths *paths, struct error *err)
{
	const char *driver = getenv("STORAGE_DRIVER"), *options = getenv("STORAGE_OPTS");

	if (paths->rootless && !str_empty(conf->rootless_storage_path))
		TRY(str_set(&conf->graphroot, conf->rootless_storage_path, err));
	TRY(settle_root(&conf->graphroot, paths->store_root, paths, err));
	TRY(settle_root(&conf->runroot, paths->run_root, paths, err));
	if (!str_empty(driver))
		TRY(str_set(&conf->driver, driver, err));
	if (!str_empty(options)) {
		auto_strv list = {};
		TRY(strv_split(&list, options, ',', err));
		for (size_t i = 0; i < list.n; i++)
			TRY(storage_conf_option(conf, list.v[i], err));
	}
	return 0;
}

static int load(struct storage_conf *conf, const struct paths *paths, struct error *err)
{
	const struct conf_search search = { "storage", "CONTAINERS_STORAGE_CONF", true, merge, conf };

	*conf = (struct storage_conf){ .auto_userns_min_size = 1024, .auto_userns_max_size = 65536 };
	TRY(conf_search_files(&search, paths, err));
	TRY(conf_search_override(&search, err));
	return settle(conf, paths, err);
}

int storage_conf_load(struct storage_conf *conf, const struct paths *paths, struct error *err)
{
	int r = load(conf, paths, err);

	if (r < 0)
		storage_conf_done(conf);
	return r;
}

void storage_conf_done(struct storage_conf *conf)
{
	fields_done(owned_rows, conf);
	*conf = (struct storage_conf){};
}
