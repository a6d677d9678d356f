/* SPDX-License-Identifier: Apache-2.0
 * image/policy.c - policy.json: finding the file, finding the scope, deciding. */
#include "image/policy.h"

#include <fcntl.h>
#include <string.h>

#include "base/str.h"
#include "os/file.h"

#define POLICY_BYTES_MAX ((size_t)1 << 20)

void policy_done(struct policy *p)
{
	json_put_p(&p->doc);
	free(p->path);
	*p = (struct policy){};
}

/* ---- strictness: every member is known ---- */
static const char *const top_members[] = { "default", "transports", NULL };

enum effect { ACCEPT, REJECT, SIGNED, REFUSED };
static const struct requirement_type {
	const char *name;
	enum effect effect;
} requirement_types[] = {
	{ "insecureAcceptAnything", ACCEPT }, { "reject", REJECT }, { "signedBy", SIGNED }, { "sigstoreSigned", SIGNED },
	{ "signedBaseLayer", REFUSED },
};

static int check_members(struct json_object *o, const char *const *known, const char *what, struct error *err)
{
	json_object_object_foreach(o, key, value) {
		bool found = false;
		(void)value;
		for (size_t i = 0; known[i]; i++)
			found |= streq(known[i], key);
		if (!found)
			return fail(err, ERROR_INVALID, "%s: unknown key \"%.60s\"", what, key);
	}
	return 0;
}

/* The requirement's effect; what needs signatures is parsed into *ret. */
static int parse_requirement(struct json_object *requirement, const char *what, struct policy_need *ret, struct error *err)
{
	static const char *const plain[] = { "type", NULL }, *const base[] = { "type", "baseLayerIdentity", NULL };
	const char *name = json_get_str(requirement, "type");

	for (size_t i = 0; name && i < ARRAY_LEN(requirement_types); i++) {
		enum effect effect = requirement_types[i].effect;
		if (!streq(requirement_types[i].name, name))
			continue;
		if (effect == SIGNED)
			TRY(policy_need_parse(requirement, what, ret, err));
		else
			TRY(check_members(requirement, effect == REFUSED ? base : plain, what, err));
		return (int)effect;
	}
	return fail(err, ERROR_INVALID, "%s: unknown policy requirement type \"%.60s\"", what, name ? name : "");
}

/* Appends the needs of a list; the strongest effect of its members. */
static int parse_requirements(struct json_object *list, const char *what, struct list *needs, struct error *err)
{
	enum effect all = ACCEPT;

	if (!json_object_is_type(list, json_type_array) || !json_object_array_length(list))
		return fail(err, ERROR_INVALID, "%s: a list of policy requirements must not be empty", what);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct policy_need need = {};
		int effect = parse_requirement(json_object_array_get_idx(list, i), what, &need, err);
		if (effect < 0)
			return -1;
		if (effect == SIGNED) {
			struct policy_need *to = list_add(needs, sizeof(*to), err);
			if (!to)
				return -1;
			*to = need;
		}
		if (effect == REJECT || (effect == REFUSED && all != REJECT) || all == ACCEPT)
			all = (enum effect)effect;
	}
	return (int)all;
}

static int check_requirements(struct json_object *list, const char *what, struct error *err)
{
	auto_policy_needs needs = {};

	return parse_requirements(list, what, &needs, err);
}

static int check_document(struct json_object *policy, const char *what, struct error *err)
{
	if (!json_object_is_type(policy, json_type_object))
		return fail(err, ERROR_INVALID, "%s: not a JSON object", what);
	TRY(check_members(policy, top_members, what, err));
	TRY(check_requirements(json_get_array(policy, "default"), what, err));
	struct json_object *transports = json_get_object(policy, "transports");
	if (!transports)
		return 0;
	json_object_object_foreach(transports, name, scopes) {
		(void)name;
		if (!json_object_is_type(scopes, json_type_object))
			return fail(err, ERROR_INVALID, "%s: transports.%.40s: not an object", what, name);
		json_object_object_foreach(scopes, scope, list) {
			(void)scope;
			TRY(check_requirements(list, what, err));
		}
	}
	return 0;
}

/* ---- the scope that counts ---- */
static struct json_object *member(struct json_object *scopes, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(scopes, name, &v) ? v : NULL;
}

/* "host/a/b:tag" -> "host/a/b" -> "host/a" -> "host" -> "*.domain" ...: the most specific that is listed. */
static struct json_object *docker_scope(struct json_object *scopes, const char *name)
{
	autofree char *s = strdup(name);
	struct json_object *found;

	if (!s)
		return NULL;
	if ((found = member(scopes, s)))
		return found;
	char *at = strchr(s, '@'), *slash, *colon;
	if (at)
		*at = '\0';
	slash = strrchr(s, '/');
	colon = strrchr(slash ? slash : s, ':');
	if (colon && slash)
		*colon = '\0';
	for (;;) {
		if ((found = member(scopes, s)))
			return found;
		slash = strrchr(s, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	for (char *dot = strchr(s, '.'); dot; dot = strchr(dot + 1, '.')) {
		char wild[300];
		snprintf(wild, sizeof(wild), "*%s", dot);
		if ((found = member(scopes, wild)))
			return found;
	}
	return NULL;
}

/* "/a/b/c" -> "/a/b" -> "/a" -> "/". */
static struct json_object *path_scope(struct json_object *scopes, const char *path)
{
	autofree char *s = strdup(path);
	struct json_object *found;

	for (char *slash = s; slash && *s; slash = strrchr(s, '/')) {
		if (slash != s)
			*slash = '\0';
		if ((found = member(scopes, s)))
			return found;
		if (strrchr(s, '/') == s)
			break;
	}
	return member(scopes, "/");
}

static struct json_object *find_requirements(struct json_object *policy, enum transport transport, const char *scope)
{
	struct json_object *transports = json_get_object(policy, "transports");
	struct json_object *scopes = transports ? json_get_object(transports, transport_prefix(transport)) : NULL, *found = NULL;

	if (scopes)
		found = transport == TRANSPORT_DOCKER ? docker_scope(scopes, scope) : path_scope(scopes, scope);
	if (scopes && !found)
		found = member(scopes, "");
	return found ? found : json_get_array(policy, "default");
}

int policy_decide(const struct policy *p, enum transport transport, const char *scope, struct list *ret_needs,
		  struct error *err)
{
	const char *what = p->path ? p->path : "policy";

	if (!p->doc)
		return 0;
	TRY(check_document(p->doc, what, err));
	int effect = parse_requirements(find_requirements(p->doc, transport, scope), what, ret_needs, err);
	if (effect == REJECT)
		return fail(err, ERROR_DENIED, "Source image rejected: Running image %s:%s%s is rejected by policy (%s)",
			    transport_prefix(transport), transport == TRANSPORT_DOCKER ? "//" : "", scope, what);
	if (effect == REFUSED)
		return fail(err, ERROR_DENIED, "Source image rejected: the policy (%s) demands signedBaseLayer of %s:%s, which nobody "
			    "implements", what, transport_prefix(transport), scope);
	return effect < 0 ? -1 : 0;
}

/* ---- the file ---- */
static int read_policy(const char *path, char **ret, size_t *ret_len, struct error *err)
{
	return file_read(AT_FDCWD, path, POLICY_BYTES_MAX, ret, ret_len, err);
}

/* 1: found; 0: nowhere. A file that was named must exist. */
static int find_policy(const struct paths *paths, const char *file, char **ret_path, char **ret, size_t *ret_len,
		       struct error *err)
{
	static const char *const system_files[] = { "/etc/containers/policy.json", "/usr/share/containers/policy.json" };
	const char *named = file ? file : paths->policy ? paths->policy : getenv("CONTAINERS_POLICY_JSON");

	if (named && *named) {
		TRY(str_set(ret_path, named, err));
		int r = read_policy(named, ret, ret_len, err);
		return r ? r : fail(err, ERROR_NOT_FOUND, "%s: no such file", named);
	}
	TRY(str_printf(ret_path, err, "%s/containers/policy.json", paths->config_home));
	int r = read_policy(*ret_path, ret, ret_len, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(system_files); i++) {
		TRY(str_set(ret_path, system_files[i], err));
		r = read_policy(system_files[i], ret, ret_len, err);
	}
	return r;
}

int policy_load(const struct paths *paths, const char *file, struct policy *ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = POLICY_BYTES_MAX, .max_depth = 16, .unique_keys = true };
	auto_policy p = {};
	autofree char *text = NULL;
	size_t len;
	int r = find_policy(paths, file, &p.path, &text, &len, err);

	if (r <= 0)
		return r;
	TRY(json_parse(p.path, text, len, &limits, &p.doc, err));
	*ret = p;
	p = (struct policy){};
	return 0;
}

int policy_own_path(const struct paths *paths, const char *file, char **ret, struct error *err)
{
	const char *named = str_empty(file) ? getenv("CONTAINERS_POLICY_JSON") : file;

	if (!str_empty(named))
		return str_set(ret, named, err);
	if (!paths->rootless && !paths->uid)
		return str_set(ret, "/etc/containers/policy.json", err);
	return str_printf(ret, err, "%s/containers/policy.json", paths->config_home);
}

int policy_check(const struct paths *paths, const char *file, enum transport transport, const char *scope,
		 struct error *err)
{
	auto_policy p = {};
	auto_policy_needs needs = {};

	TRY(policy_load(paths, file, &p, err));
	TRY(policy_decide(&p, transport, scope, &needs, err));
	if (needs.n)
		return fail(err, ERROR_DENIED, "Source image rejected: A signature was required, but no signature exists (%s)", p.path);
	return 0;
}
