/* SPDX-License-Identifier: Apache-2.0
 * conf/registries-conf.c - containers-registries.conf(5). */
#include "conf/registries-conf.h"

#include <fcntl.h>

#include "base/toml.h"
#include "conf/search.h"
#include "os/file.h"

#define ALIASES_MAX ((size_t)4 << 20)

static const char *const short_name_modes[] = { "enforcing", "permissive", "disabled", NULL };
static const char *const pull_froms[] = { "all", "digest-only", "tag-only", NULL };

static const struct field mirror_rows[] = {
	{ .conf = "location", F_STR(struct registry_mirror, location), .flags = FIELD_REQUIRED },
	{ .conf = "insecure", F_BOOL(struct registry_mirror, insecure) },
	{ .conf = "pull-from-mirror", F_ENUM(struct registry_mirror, pull_from, pull_froms) },
	{}
};

static const struct field registry_rows[] = {
	{ .conf = "prefix", F_STR(struct registry, prefix) },
	{ .conf = "location", F_STR(struct registry, location) },
	{ .conf = "insecure", F_BOOL(struct registry, insecure) },
	{ .conf = "blocked", F_BOOL(struct registry, blocked) },
	{ .conf = "mirror-by-digest-only", F_BOOL(struct registry, mirror_by_digest_only) },
	{ .conf = "mirror", F_LIST(struct registry, mirrors, struct registry_mirror, mirror_rows) },
	{}
};

static const struct field conf_rows[] = {
	{ .conf = "unqualified-search-registries", F_STRV(struct registries_conf, unqualified_search) },
	{ .conf = "short-name-mode", F_ENUM(struct registries_conf, short_name_mode, short_name_modes) },
	{ .conf = "aliases", F_MAP(struct registries_conf, aliases) },
	{ .conf = "credential-helpers", F_STRV(struct registries_conf, credential_helpers) },
	{ .conf = "additional-layer-store-auth-helper", F_STR(struct registries_conf, additional_layer_store_auth_helper) },
	{ .conf = "registry", F_LIST(struct registries_conf, registries, struct registry, registry_rows) },
	{}
};

static const struct field source_rows[] = { { F_STR(struct registry_source, name) }, {} };

/* ---- reading ---- */
static int check_registry(struct registry *r, struct error *err)
{
	const char *const names[] = { r->prefix, r->location };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i] && strstr(names[i], "://"))
			return fail(err, ERROR_INVALID, "invalid location \"%s\": URI schemes are not supported", names[i]);
	if (str_empty(r->prefix) && str_empty(r->location))
		return fail(err, ERROR_INVALID, "invalid condition: both location and prefix are unset");
	if (str_empty(r->prefix))
		return str_set(&r->prefix, r->location, err);
	if (str_empty(r->location) && !str_after(r->prefix, "*."))
		return fail(err, ERROR_INVALID, "invalid condition: location is unset and prefix is not in the format: *.example.com");
	size_t n = strlen(r->prefix);
	while (n > 1 && r->prefix[n - 1] == '/')
		r->prefix[--n] = '\0';
	return 0;
}

/* Moves the registries of `from` into `to`; a later file's registry of the same prefix replaces the earlier. */
static int merge_registries(struct list *to, struct list *from, struct error *err)
{
	struct registry *new = from->v;

	for (size_t i = 0; i < from->n; i++) {
		TRY(check_registry(&new[i], err));
		struct registry *old = to->v, *slot = NULL;
		for (size_t k = 0; k < to->n && !slot; k++)
			slot = streq(old[k].prefix, new[i].prefix) ? &old[k] : NULL;
		if (slot)
			fields_done(registry_rows, slot);
		else
			slot = list_add(to, sizeof(*slot), err);
		if (!slot)
			return -1;
		*slot = new[i];
		new[i] = (struct registry){};
	}
	return 0;
}

int registries_conf_merge(struct registries_conf *conf, const char *what, const char *text, size_t len, bool drop_in,
			  struct error *err)
{
	auto_json *tree = NULL;
	auto_strv unknown = {};
	auto_strmap aliases = {};
	struct list registries = conf->registries;

	TRY(toml_parse(what, text, len, &tree, err));
	if (json_get_object(tree, "registries"))
		return fail(err, ERROR_INVALID, "%s: the version 1 table [registries] is no longer read: use "
			    "unqualified-search-registries and [[registry]]", what);
	TRY(strmap_copy(&aliases, &conf->aliases, err));
	conf->registries = (struct list){};
	int r = fields_load(conf_rows, FIELD_COLUMN_CONF, tree, conf, &unknown, err);
	struct list added = conf->registries;
	conf->registries = registries;
	if (r >= 0)
		r = merge_registries(&conf->registries, &added, err);
	for (size_t i = 0; i < added.n; i++)
		fields_done(registry_rows, (struct registry *)added.v + i);
	free(added.v);
	if (r < 0)
		return fail_wrap(err, "%s", what);
	/* aliases add up over files, the later one wins */
	if (json_get_object(tree, "aliases")) {
		TRY(strmap_copy(&aliases, &conf->aliases, err));
		strmap_done(&conf->aliases);
		conf->aliases = aliases;
		aliases = (struct strmap){};
	}
	for (size_t i = 0; i < unknown.n; i++)
		TRY(strv_addf(&conf->warnings, err, "Failed to decode the keys [\"%s\"] from \"%s\"", unknown.v[i], what));
	return 0;
}

static int merge(void *arg, const char *what, const char *text, size_t len, bool drop_in, struct error *err)
{
	return registries_conf_merge(arg, what, text, len, drop_in, err);
}

/* Aliases that short-name resolution learned; the user's file wins. */
static int load_learned_aliases(struct registries_conf *conf, const struct paths *paths, struct error *err)
{
	autofree char *user = NULL;

	TRY(path_join(&user, paths->cache_home, "containers/short-name-aliases.conf", err));
	const char *const usual[] = { "/var/cache/containers/short-name-aliases.conf", user };
	const char *const only[] = { paths->short_name_aliases };
	const char *const *files = *only ? only : usual;
	for (size_t i = 0; i < (*only ? ARRAY_LEN(only) : ARRAY_LEN(usual)); i++) {
		autofree char *text = NULL;
		size_t len;
		int r = file_read(AT_FDCWD, files[i], ALIASES_MAX, &text, &len, err);
		if (r < 0 && err->errnum == EACCES && paths->rootless)
			continue;   /* what root's pulls learned lies in a directory only root may enter */
		if (r < 0)
			return r;
		if (r > 0)
			TRY(registries_conf_merge(conf, files[i], text, len, true, err));
	}
	return 0;
}

static int load(struct registries_conf *conf, const struct paths *paths, struct error *err)
{
	const struct conf_search search = { "registries", "CONTAINERS_REGISTRIES_CONF", true, merge, conf };

	*conf = (struct registries_conf){};
	TRY(conf_search_files(&search, paths, err));
	TRY(load_learned_aliases(conf, paths, err));
	return conf_search_override(&search, err);
}

int registries_conf_load(struct registries_conf *conf, const struct paths *paths, struct error *err)
{
	int r = load(conf, paths, err);

	if (r < 0)
		registries_conf_done(conf);
	return r;
}

void registries_conf_done(struct registries_conf *conf)
{
	fields_done(conf_rows, conf);
	strv_done(&conf->warnings);
	*conf = (struct registries_conf){};
}

/* ---- matching ---- */

/* Length of the part of name that prefix matches, 0: none. A match ends at a component, a tag, a digest or the end. */
static size_t match(const char *name, const char *prefix)
{
	const char *rest = str_after(name, prefix);

	if (str_after(prefix, "*.")) {   /* "*.example.com" stands for any subdomain of the host, never for a path */
		size_t host = strcspn(name, "/:@"), suffix = strlen(prefix) - 1;
		return host > suffix && strncmp(name + host - suffix, prefix + 1, suffix) == 0 ? host : 0;
	}
	/* "host" matches "host:5000/x" only as host[:tag] of nothing: a port is another registry */
	if (!rest || !strchr("/:@", *rest))
		return 0;
	if (*rest == ':' && strchr(rest, '/'))
		return 0;
	return rest - name;
}

const struct registry *registries_conf_find(const struct registries_conf *conf, const char *name)
{
	const struct registry *v = conf->registries.v, *best = NULL;

	for (size_t i = 0; i < conf->registries.n; i++)
		if (match(name, v[i].prefix) && (!best || strlen(v[i].prefix) > strlen(best->prefix)))
			best = &v[i];
	return best;
}

static int add_source(struct list *ret, const char *location, const char *rest, bool insecure, bool mirror,
		      struct error *err)
{
	struct registry_source *s = list_add(ret, sizeof(*s), err);

	if (!s)
		return -1;
	s->insecure = insecure;
	s->mirror = mirror;
	return str_printf(&s->name, err, "%s%s", location, rest);
}

static bool mirror_fits(const struct registry *r, const struct registry_mirror *m, bool has_digest)
{
	int from = r->mirror_by_digest_only ? REGISTRY_PULL_DIGEST_ONLY : m->pull_from;
	return from == REGISTRY_PULL_ALL || (from == REGISTRY_PULL_DIGEST_ONLY) == has_digest;
}

int registries_conf_sources(const struct registries_conf *conf, const char *name, struct list *ret, struct error *err)
{
	const struct registry *r = registries_conf_find(conf, name);

	if (!r)
		return add_source(ret, name, "", false, false, err);
	if (r->blocked)
		return fail(err, ERROR_DENIED, "registry %s is blocked in registries.conf", r->prefix);
	const char *rest = name + match(name, r->prefix);
	const struct registry_mirror *m = r->mirrors.v;
	for (size_t i = 0; i < r->mirrors.n; i++)
		if (mirror_fits(r, &m[i], strchr(name, '@') != NULL))
			TRY(add_source(ret, m[i].location, rest, m[i].insecure, true, err));
	if (str_empty(r->location))
		return add_source(ret, name, "", r->insecure, false, err);
	return add_source(ret, r->location, rest, r->insecure, false, err);
}

void registry_sources_done(struct list *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		fields_done(source_rows, (struct registry_source *)sources->v + i);
	free(sources->v);
	*sources = (struct list){};
}

/* ---- short names ---- */
bool registry_name_is_full(const char *name)
{
	size_t n = strcspn(name, "/");

	if (!name[n])
		return false;
	return memchr(name, '.', n) || memchr(name, ':', n) || (n == 9 && memcmp(name, "localhost", 9) == 0);
}

/* docker.io/busybox is docker.io/library/busybox. */
static int add_candidate(struct strv *ret, const char *registry, const char *name, struct error *err)
{
	bool library = streq(registry, "docker.io") && !strchr(name, '/');
	return strv_addf(ret, err, "%s/%s%s", registry, library ? "library/" : "", name);
}

static int resolve_alias(const struct registries_conf *conf, const char *name, struct strv *ret, struct error *err)
{
	size_t n = strcspn(name, "@");

	for (const char *p = name; p < name + n; p++)
		if (*p == ':' && !memchr(p, '/', name + n - p))
			n = p - name;
	autofree char *bare = strndup(name, n);
	if (!bare)
		return fail_oom(err);
	const char *full = strmap_get(&conf->aliases, bare);
	if (str_empty(full))
		return 0;
	TRY(strv_addf(ret, err, "%s%s", full, name + n));
	return 1;
}

int registries_conf_resolve(const struct registries_conf *conf, const char *name, struct strv *ret,
			    bool *ret_ambiguous, struct error *err)
{
	if (ret_ambiguous)
		*ret_ambiguous = false;
	if (registry_name_is_full(name)) {
		const char *path = str_after(name, "docker.io/");
		return path ? add_candidate(ret, "docker.io", path, err) : strv_add(ret, name, err);
	}
	int r = conf->short_name_mode == SHORT_NAMES_DISABLED ? 0 : resolve_alias(conf, name, ret, err);
	if (r != 0)
		return r;
	if (!conf->unqualified_search.n)
		return fail(err, ERROR_INVALID, "short-name \"%s\" did not resolve to an alias and no unqualified-search registries "
			    "are defined in \"/etc/containers/registries.conf\"", name);
	for (size_t i = 0; i < conf->unqualified_search.n; i++)
		TRY(add_candidate(ret, conf->unqualified_search.v[i], name, err));
	if (ret_ambiguous)
		*ret_ambiguous = conf->short_name_mode == SHORT_NAMES_ENFORCING && conf->unqualified_search.n > 1;
	return 0;
}
