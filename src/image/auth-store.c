/* SPDX-License-Identifier: Apache-2.0 */
#include "image/auth-store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/base64.h"
#include "image/auth.h"
#include "os/file.h"

#define AUTH_BYTES_MAX ((size_t)4 << 20)

/* ---- the file ---- */
static int file_path(const struct auth_place *at, char **ret, struct error *err)
{
	const char *env = getenv("REGISTRY_AUTH_FILE"), *docker = getenv("DOCKER_CONFIG");

	if (!str_empty(at->file))
		return str_set(ret, at->file, err);
	if (!str_empty(env))
		return str_set(ret, env, err);
	if (!str_empty(docker))
		return str_printf(ret, err, "%s/config.json", docker);
	return auth_runtime_file(at->paths, ret, err);
}

static int load(const char *path, struct json_object **ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = AUTH_BYTES_MAX, .max_depth = 16 };
	autofree char *text = NULL;
	size_t len = 0;
	int r = file_read(AT_FDCWD, path, AUTH_BYTES_MAX, &text, &len, err);

	if (r < 0)
		return r;
	if (!len)
		return (*ret = json_object_new_object()) ? 0 : fail_oom(err);
	r = json_parse(path, text, len, &limits, ret, err);
	explicit_bzero(text, len);
	if (r == 0 && !json_object_is_type(*ret, json_type_object))
		return fail(err, ERROR_INVALID, "%s: not a JSON object", path);
	return r;
}

static int make_parent(const char *path, struct error *err)
{
	autofree char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!dir)
		return fail_oom(err);
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return path_make(dir, 0700, err);
}

static int save(const char *path, struct json_object *doc, struct error *err)
{
	struct json_style style = { .indent = 8 };
	auto_buf text = BUF_INIT(AUTH_BYTES_MAX);

	json_write(&text, doc, &style);
	TRY(buf_ok(&text, path, err));
	TRY(make_parent(path, err));
	int r = file_replace(AT_FDCWD, path, text.data, text.len, 0600, FILE_SYNC, err);
	explicit_bzero(text.data, text.len);
	return r < 0 ? fail_wrap(err, "write %s", path) : 0;
}

/* The "auths" of the document, made when missing. */
static int auths_of(struct json_object *doc, struct json_object **ret, struct error *err)
{
	*ret = json_get_object(doc, "auths");
	if (*ret)
		return 0;
	TRY(json_add(doc, "auths", json_object_new_object(), err));
	*ret = json_get_object(doc, "auths");
	return *ret ? 0 : fail_oom(err);
}

/* ---- helpers ---- */
/* Who keeps this host's secrets; borrowed; NULL: the file itself. */
static const char *helper_for(const struct auth_place *at, struct json_object *doc, const char *key)
{
	struct json_object *helpers = json_get_object(doc, "credHelpers");
	char host[512];

	snprintf(host, sizeof(host), "%.*s", (int)strcspn(key, "/"), key);
	const char *name = helpers ? json_get_str(helpers, host) : NULL;
	if (str_empty(name))
		name = json_get_str(doc, "credsStore");
	for (size_t i = 0; str_empty(name) && at->helpers && i < at->helpers->n; i++) {
		if (streq(at->helpers->v[i], "containers-auth.json"))
			return NULL;
		name = at->helpers->v[i];
	}
	return str_empty(name) ? NULL : name;
}

static int tell_helper(const char *name, const char *verb, const char *input, struct error *err)
{
	auto_buf out = BUF_INIT((size_t)1 << 20);
	int status;

	if (auth_helper_call(name, verb, input, &out, &status, err) < 0)
		return fail_wrap(err, "credential helper %s", name);
	if (status != 0 && out.data && strstr(out.data, "credentials not found"))
		return 0;
	return status == 0 ? 1 : fail(err, ERROR_INVALID, "credential helper %s: %s ended with status %d: %.200s", name, verb,
				      status, out.data ? out.data : "");
}

static int store_by_helper(const char *name, const char *key, const struct auth *a, struct error *err)
{
	auto_buf text = BUF_INIT((size_t)1 << 20);

	buf_add_str(&text, "{\"ServerURL\":");
	buf_add_json(&text, auth_helper_server(key));
	buf_add_str(&text, ",\"Username\":");
	buf_add_json(&text, a->username);
	buf_add_str(&text, ",\"Secret\":");
	buf_add_json(&text, a->password);
	buf_add_str(&text, "}");
	TRY(buf_ok(&text, "credentials", err));
	int r = tell_helper(name, "store", text.data, err);
	explicit_bzero(text.data, text.len);
	return r < 0 ? r : 0;
}

/* ---- store ---- */
static const char *key_in_file(const struct auth_place *at, const char *key)
{
	return at->docker ? auth_helper_server(key) : key;
}

static int store_in_file(const struct auth_place *at, const char *path, struct json_object *doc, const char *key,
			 const struct auth *a, struct error *err)
{
	auto_buf pair = BUF_INIT((size_t)1 << 20), encoded = BUF_INIT((size_t)2 << 20);
	auto_json *entry = json_object_new_object();
	struct json_object *auths;

	if (!entry)
		return fail_oom(err);
	buf_addf(&pair, "%s:%s", a->username, a->password);
	TRY(buf_ok(&pair, "credentials", err));
	base64_encode(&encoded, pair.data, pair.len);
	explicit_bzero(pair.data, pair.len);
	TRY(buf_ok(&encoded, "credentials", err));
	TRY(json_add_str(entry, "auth", encoded.data, err));
	explicit_bzero(encoded.data, encoded.len);
	TRY(auths_of(doc, &auths, err));
	TRY(json_add(auths, key_in_file(at, key), take_ptr(entry), err));
	return save(path, doc, err);
}

int auth_store(const struct auth_place *at, const char *key, const struct auth *a, char **ret_where, struct error *err)
{
	autofree char *path = NULL;
	auto_json *doc = NULL;

	TRY(file_path(at, &path, err));
	TRY(load(path, &doc, err));
	const char *helper = helper_for(at, doc, key);
	if (helper) {
		TRY(store_by_helper(helper, key, a, err));
		return str_printf(ret_where, err, "credential helper %s", helper);
	}
	TRY(store_in_file(at, path, doc, key, a, err));
	*ret_where = take_ptr(path);
	return 0;
}

/* ---- erase ---- */
int auth_erase(const struct auth_place *at, const char *key, struct error *err)
{
	autofree char *path = NULL;
	auto_json *doc = NULL;
	struct json_object *auths, *entry;

	TRY(file_path(at, &path, err));
	TRY(load(path, &doc, err));
	const char *helper = helper_for(at, doc, key), *name = key_in_file(at, key);
	int r = helper ? tell_helper(helper, "erase", auth_helper_server(key), err) : 0;
	if (r < 0)
		return r;
	TRY(auths_of(doc, &auths, err));
	if (!json_object_object_get_ex(auths, name, &entry))
		return r;
	json_object_object_del(auths, name);
	return save(path, doc, err) < 0 ? -1 : 1;
}

int auth_erase_all(const struct auth_place *at, struct error *err)
{
	autofree char *path = NULL;
	auto_json *doc = NULL;

	TRY(file_path(at, &path, err));
	TRY(load(path, &doc, err));
	struct json_object *helpers = json_get_object(doc, "credHelpers");
	if (helpers) {
		json_object_object_foreach(helpers, host, helper)
			TRY(tell_helper(json_object_get_string(helper), "erase", auth_helper_server(host), err));
	}
	json_object_object_del(doc, "credHelpers");
	TRY(json_add(doc, "auths", json_object_new_object(), err));
	return save(path, doc, err);
}
