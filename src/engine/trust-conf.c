/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/trust-conf.h"

#include <fcntl.h>
#include <string.h>

#include "base/base64.h"
#include "conf/registries-d.h"
#include "engine/gpg.h"
#include "image/policy.h"
#include "os/file.h"

#define POLICY_BYTES_MAX ((size_t)1 << 20)
#define KEY_BYTES_MAX ((size_t)4 << 20)

#define R struct trust_row
const struct field trust_row_rows[] = {
	{ .json = "transport", F_STR(R, transport) }, { .json = "name", F_STR(R, name) },
	{ .json = "repo_name", F_STR(R, repo_name) }, { .json = "sigstore", F_STR(R, store) },
	{ .json = "type", F_STR(R, type), .flags = FIELD_ALWAYS }, { .json = "gpg_id", F_STR(R, gpg_id) }, {},
};

void trust_rows_done(struct list *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		fields_done(trust_row_rows, &((struct trust_row *)rows->v)[i]);
	free(rows->v);
	*rows = (struct list){};
}

/* ---- show ---- */
static const struct { const char *shown, *type; } types[] = {
	{ "accept", "insecureAcceptAnything" }, { "reject", "reject" }, { "signed", "signedBy" },
	{ "sigstoreSigned", "sigstoreSigned" },
};

static const char *shown_type(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (streq(types[i].type, type))
			return types[i].shown;
	return type;
}

/* The addresses of a key; one that cannot be read has none (as Podman). */
static void add_names(struct engine *e, const struct buf *key, struct strv *to)
{
	struct error ignored;

	if (gpg_key_names(e, key, 1, to, &ignored) < 0)
		log_debug(e->log, "key of the policy: %s", ignored.text);
}

static void add_file_names(struct engine *e, const char *path, struct strv *to)
{
	auto_buf key = BUF_INIT(KEY_BYTES_MAX);
	autofree char *bytes = NULL;
	struct error ignored;
	size_t len;

	if (!path || file_read(AT_FDCWD, path, KEY_BYTES_MAX, &bytes, &len, &ignored) != 1)
		return;
	buf_add(&key, bytes, len);
	add_names(e, &key, to);
}

static int gpg_ids(struct engine *e, struct json_object *o, char **ret, struct error *err)
{
	struct json_object *paths = json_get_array(o, "keyPaths");
	const char *data = json_get_str(o, "keyData");
	auto_strv names = {};

	add_file_names(e, json_get_str(o, "keyPath"), &names);
	for (size_t i = 0; paths && i < json_object_array_length(paths); i++)
		add_file_names(e, json_object_get_string(json_object_array_get_idx(paths, i)), &names);
	if (data) {
		auto_buf key = BUF_INIT(KEY_BYTES_MAX);
		TRY(base64_decode(data, &key, err));
		add_names(e, &key, &names);
	}
	*ret = strv_join(&names, ", ");
	return *ret ? 0 : fail_oom(err);
}

static const char *store_of(struct json_object *o)
{
	const char *s = json_get_str(o, "lookaside");

	return str_empty(s) ? json_get_str(o, "sigstore") : s;
}

/* Where the scope's signatures are read; "" for the default scope. */
static const char *find_store(struct json_object *registries, const char *scope)
{
	struct json_object *docker = json_get_object(registries, "docker"), *o;
	autofree char *s = strdup(scope);

	if (s && *s)
		do {
			if (json_object_object_get_ex(docker, s, &o) && json_object_is_type(o, json_type_object))
				return store_of(o);
		} while (scope_widen(s));
	o = json_get_object(registries, "default-docker");
	return o ? store_of(o) : NULL;
}

struct show {
	struct engine *engine;
	struct json_object *registries;
	struct list *to;
	const char *transport, *name, *repo_name, *scope;
};

static int add_requirements(const struct show *s, struct json_object *list, struct error *err)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *type = json_get_str(o, "type");
		struct trust_row *r = list_add(s->to, sizeof(*r), err);
		if (!r)
			return -1;
		TRY(str_set(&r->transport, s->transport, err));
		TRY(str_set(&r->name, s->name, err));
		TRY(str_set(&r->repo_name, s->repo_name, err));
		TRY(str_set(&r->store, find_store(s->registries, s->scope), err));
		TRY(str_set(&r->type, shown_type(type), err));
		if (streq(type, "signedBy"))
			TRY(gpg_ids(s->engine, o, &r->gpg_id, err));
		else if (streq(type, "sigstoreSigned"))
			TRY(str_set(&r->gpg_id, "N/A", err));
	}
	return 0;
}

/* The keys of an object in alphabetical order. */
static int sorted_keys(struct json_object *o, struct strv *ret, struct error *err)
{
	json_object_object_foreach(o, key, value) {
		(void)value;
		TRY(strv_add(ret, key, err));
	}
	strv_sort(ret);
	return 0;
}

static int add_transport(struct show *s, const char *name, struct json_object *scopes, struct error *err)
{
	auto_strv keys = {};
	struct json_object *list;

	TRY(sorted_keys(scopes, &keys, err));
	s->transport = streq(name, "docker") ? "repository" : name;
	for (size_t i = 0; i < keys.n; i++) {
		s->name = s->repo_name = s->scope = keys.v[i];
		json_object_object_get_ex(scopes, keys.v[i], &list);
		TRY(add_requirements(s, list, err));
	}
	return 0;
}

int trust_show(struct engine *e, const char *file, const char *registries_d, struct list *ret, struct error *err)
{
	auto_policy p = {};
	auto_policy_needs needs = {};
	auto_json *registries = NULL;
	auto_strv keys = {};
	struct error refused;

	TRY(policy_load(&e->paths, file, &p, err));
	if (!p.doc)
		return 0;
	if (policy_decide(&p, TRANSPORT_DIR, "/", &needs, &refused) < 0 && refused.kind != ERROR_DENIED) {
		*err = refused;
		return fail_wrap(err, "could not read trust policies");
	}
	TRY(registries_d_load(&e->paths, registries_d, &registries, err));
	struct show s = { e, registries, ret, "all", "* (default)", "default", "" };
	TRY(add_requirements(&s, json_get_array(p.doc, "default"), err));
	struct json_object *transports = json_get_object(p.doc, "transports");
	if (!transports)
		return 0;
	TRY(sorted_keys(transports, &keys, err));
	for (size_t i = 0; i < keys.n; i++)
		TRY(add_transport(&s, keys.v[i], json_get_object(transports, keys.v[i]), err));
	return 0;
}

int trust_raw(struct engine *e, const char *file, char **ret, struct error *err)
{
	auto_policy p = {};

	TRY(policy_load(&e->paths, file, &p, err));
	if (!p.path)
		return fail(err, ERROR_NOT_FOUND, "there is no policy.json");
	return file_read(AT_FDCWD, p.path, POLICY_BYTES_MAX, ret, NULL, err) < 0 ? -1 : 0;
}

/* ---- set ---- */
static int key_requirement(const char *type, const char *key, struct json_object *list, struct error *err)
{
	struct json_object *o = json_object_new_object();
	autofree char *path = realpath(key, NULL);

	if (!o || json_object_array_add(list, o) < 0)
		return fail_oom(err);
	if (!path)
		return fail_errno(err, "%s", key);
	TRY(json_add_str(o, "type", type, err));
	if (streq(type, "signedBy"))
		TRY(json_add_str(o, "keyType", "GPGKeys", err));
	return json_add_str(o, "keyPath", path, err);
}

static int requirements(const struct trust_change *c, struct json_object **ret, struct error *err)
{
	auto_json *list = json_object_new_array();
	bool is_signed = streq(c->type, "signedBy") || streq(c->type, "sigstoreSigned");

	if (!list)
		return fail_oom(err);
	if (is_signed && !c->keys->n)
		return fail(err, ERROR_INVALID, "at least one public key must be defined for type '%s'", c->type);
	if (!is_signed && c->keys->n)
		return fail(err, ERROR_INVALID, "%d public keys unexpectedly provided for trust type %s", (int)c->keys->n, c->type);
	for (size_t i = 0; i < c->keys->n; i++)
		TRY(key_requirement(c->type, c->keys->v[i], list, err));
	if (!is_signed) {
		struct json_object *o = json_object_new_object();
		if (!o || json_object_array_add(list, o) < 0)
			return fail_oom(err);
		TRY(json_add_str(o, "type", streq(c->type, "reject") ? "reject" : "insecureAcceptAnything", err));
	}
	*ret = take_ptr(list);
	return 0;
}

/* The object `name` of `o`, made when missing. */
static int member(struct json_object *o, const char *name, struct json_object **ret, struct error *err)
{
	if (!json_get_object(o, name))
		TRY(json_add(o, name, json_object_new_object(), err));
	*ret = json_get_object(o, name);
	return *ret ? 0 : fail_oom(err);
}

static int change(struct json_object *doc, const struct trust_change *c, struct error *err)
{
	auto_json *list = NULL;
	struct json_object *transports, *docker;

	TRY(requirements(c, &list, err));
	if (streq(c->scope, "default"))
		return json_add(doc, "default", take_ptr(list), err);
	if (!json_get_array(doc, "default"))
		return fail(err, ERROR_INVALID, "default trust policy must be set");
	TRY(member(doc, "transports", &transports, err));
	TRY(member(transports, "docker", &docker, err));
	return json_add(docker, c->scope, take_ptr(list), err);
}

/* The document to change: the file that is in force, which may lie elsewhere than the one written. */
static int load(struct engine *e, const char *file, struct json_object **ret, struct error *err)
{
	auto_policy p = {};
	struct error missing;

	if (policy_load(&e->paths, file, &p, &missing) < 0 && missing.kind != ERROR_NOT_FOUND) {
		*err = missing;
		return -1;
	}
	*ret = p.doc ? json_object_get(p.doc) : json_object_new_object();
	return *ret ? 0 : fail_oom(err);
}

int trust_set(struct engine *e, const struct trust_change *c, struct error *err)
{
	auto_json *doc = NULL;
	auto_buf text = BUF_INIT(POLICY_BYTES_MAX);
	autofree char *path = NULL, *dir = NULL;

	TRY(load(e, c->file, &doc, err));
	TRY(change(doc, c, err));
	json_format(&text, doc, 4);
	buf_add_char(&text, '\n');
	TRY(buf_ok(&text, "policy.json", err));
	TRY(policy_own_path(&e->paths, c->file, &path, err));
	dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;
	if (slash && slash != dir) {
		*slash = '\0';
		TRY(path_make(dir, 0755, err));
	}
	return file_replace(AT_FDCWD, path, text.data, text.len, 0644, FILE_SYNC, err) < 0 ? fail_wrap(err, "write %s", path) : 0;
}
