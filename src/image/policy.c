/* SPDX-License-Identifier: Apache-2.0
 * image/policy.c - policy.json: finding the file, finding the scope, deciding. */
#include "image/policy.h"

#include <fcntl.h>
#include <string.h>

#include "base/str.h"
#include "os/file.h"

#define POLICY_BYTES_MAX ((size_t)1 << 20)

/* ---- strictness: every member is known ---- */
static const char *const top_members[] = { "default", "transports", NULL };

static const struct requirement_type {
	const char *name;
	const char *const *members;
	enum { ACCEPT, REJECT, SIGNED } effect;
} requirement_types[] = {
	{ "insecureAcceptAnything", (const char *const[]){ "type", NULL }, ACCEPT },
	{ "reject", (const char *const[]){ "type", NULL }, REJECT },
	{ "signedBy", (const char *const[]){ "type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity", NULL },
	  SIGNED },
	{ "signedBaseLayer", (const char *const[]){ "type", "baseLayerIdentity", NULL }, SIGNED },
	{ "sigstoreSigned", (const char *const[]){ "type", "keyPath", "keyPaths", "keyData", "keyDatas", "fulcio",
	  "rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas", "pki", "signedIdentity",
	  NULL }, SIGNED },
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

static int find_type(struct json_object *requirement, const char *what, const struct requirement_type **ret,
		     struct error *err)
{
	const char *name = json_get_str(requirement, "type");

	for (size_t i = 0; i < ARRAY_LEN(requirement_types); i++)
		if (name && streq(requirement_types[i].name, name)) {
			*ret = &requirement_types[i];
			return check_members(requirement, requirement_types[i].members, what, err);
		}
	return fail(err, ERROR_INVALID, "%s: unknown policy requirement type \"%.60s\"", what, name ? name : "");
}

static int check_requirements(struct json_object *list, const char *what, struct error *err)
{
	const struct requirement_type *type;

	if (!json_object_is_type(list, json_type_array) || !json_object_array_length(list))
		return fail(err, ERROR_INVALID, "%s: a list of policy requirements must not be empty", what);
	for (size_t i = 0; i < json_object_array_length(list); i++)
		TRY(find_type(json_object_array_get_idx(list, i), what, &type, err));
	return 0;
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

int policy_decide(struct json_object *policy, const char *what, enum transport transport, const char *scope,
		  struct error *err)
{
	const struct requirement_type *type;

	TRY(check_document(policy, what, err));
	struct json_object *list = find_requirements(policy, transport, scope);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		TRY(find_type(json_object_array_get_idx(list, i), what, &type, err));
		if (type->effect == REJECT)
			return fail(err, ERROR_DENIED, "Source image rejected: Running image %s:%s is rejected by policy (%s)",
				    transport_prefix(transport), scope, what);
		if (type->effect == SIGNED)
			return fail(err, ERROR_DENIED, "Source image rejected: the policy (%s) demands a %s signature of %s:%s, and this "
				    "version cannot verify signatures yet", what, type->name, transport_prefix(transport), scope);
	}
	return 0;
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
	const char *named = file ? file : getenv("CONTAINERS_POLICY_JSON");

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

int policy_check(const struct paths *paths, const char *file, enum transport transport, const char *scope,
		 struct error *err)
{
	struct json_limits limits = { .max_bytes = POLICY_BYTES_MAX, .max_depth = 16, .unique_keys = true };
	autofree char *path = NULL;
	autofree char *text = NULL;
	auto_json *policy = NULL;
	size_t len;
	int r = find_policy(paths, file, &path, &text, &len, err);

	if (r <= 0)
		return r;
	TRY(json_parse(path, text, len, &limits, &policy, err));
	return policy_decide(policy, path, transport, scope, err);
}
