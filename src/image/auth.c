/* SPDX-License-Identifier: Apache-2.0
 * image/auth.c - finding credentials. */
#include "image/auth.h"

#include <fcntl.h>
#include <string.h>

#include "base/base64.h"
#include "base/str.h"
#include "conf/helpers.h"
#include "os/file.h"
#include "os/spawn.h"

#define AUTH_BYTES_MAX ((size_t)4 << 20)
#define HELPER_TIMEOUT_NS (INT64_C(60) * 1000000000)
#define DOCKER_HUB_KEY "https://index.docker.io/v1/"

static void wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

void auth_done(struct auth *a)
{
	wipe(&a->username);
	wipe(&a->password);
	wipe(&a->identity_token);
}

int auth_parse_creds(const char *creds, struct auth *ret, struct error *err)
{
	const char *colon = strchr(creds, ':');
	size_t n = colon ? (size_t)(colon - creds) : strlen(creds);

	if (!n)
		return fail(err, ERROR_INVALID, "--creds: a user name is missing");
	ret->username = strndup(creds, n);
	if (!ret->username)
		return fail_oom(err);
	return str_set(&ret->password, colon ? colon + 1 : "", err);
}

/* ---- one document ---- */
/* Old keys are URLs: "https://index.docker.io/v1/" is docker.io, "https://host/v2/" is host. */
static void normalise_key(const char *key, char out[512])
{
	const char *rest = strstr(key, "://");
	size_t n;

	snprintf(out, 512, "%s", rest ? rest + 3 : key);
	if (rest)
		out[strcspn(out, "/")] = '\0';
	n = strlen(out);
	while (n && out[n - 1] == '/')
		out[--n] = '\0';
	if (streq(out, "index.docker.io") || streq(out, "registry-1.docker.io"))
		snprintf(out, 512, "docker.io");
}

/* The entry for name: "host/a/b", then "host/a", then "host". */
static struct json_object *find_entry(struct json_object *entries, const char *name)
{
	char want[512], key[512];

	snprintf(want, sizeof(want), "%s", name);
	for (;;) {
		json_object_object_foreach(entries, k, v) {
			normalise_key(k, key);
			if (streq(key, want))
				return v;
		}
		char *slash = strrchr(want, '/');
		if (!slash)
			return NULL;
		*slash = '\0';
	}
}

static int take_entry(struct json_object *entry, const char *name, struct auth *ret, struct error *err)
{
	const char *encoded = json_get_str(entry, "auth"), *token = json_get_str(entry, "identitytoken");

	if (!json_object_is_type(entry, json_type_object))
		return fail(err, ERROR_INVALID, "credentials of %s: not a JSON object", name);
	if (!str_empty(token))
		TRY(str_set(&ret->identity_token, token, err));
	if (str_empty(encoded))
		return !str_empty(token);
	char *pair = NULL;
	if (base64_decode_text(encoded, &pair, err) < 0)
		return fail_wrap(err, "credentials of %s", name);
	char *colon = strchr(pair, ':');
	if (!colon) {
		wipe(&pair);
		return fail(err, ERROR_INVALID, "credentials of %s: \"auth\" is not base64 of user:password", name);
	}
	*colon = '\0';
	int r = str_set(&ret->username, pair, err);
	r = r < 0 ? r : str_set(&ret->password, colon + 1, err);
	*colon = ':';
	wipe(&pair);
	return r < 0 ? r : 1;
}

int auth_find_in(struct json_object *doc, bool legacy, const char *name, struct auth *ret, char **ret_helper,
		 struct error *err)
{
	struct json_object *helpers = json_get_object(doc, "credHelpers"), *helper;
	struct json_object *entries = legacy ? doc : json_get_object(doc, "auths"), *entry;
	char host[512];

	if (!json_object_is_type(doc, json_type_object))
		return fail(err, ERROR_INVALID, "not a JSON object");
	snprintf(host, sizeof(host), "%.*s", (int)strcspn(name, "/"), name);
	if (helpers && json_object_object_get_ex(helpers, host, &helper)) {
		if (!json_object_is_type(helper, json_type_string))
			return fail(err, ERROR_INVALID, "credHelpers of %s: not a name", host);
		return str_set(ret_helper, json_object_get_string(helper), err);
	}
	entry = entries ? find_entry(entries, name) : NULL;
	if (entry && json_object_is_type(entry, json_type_object) && json_object_object_length(entry))
		return take_entry(entry, name, ret, err);
	if (!str_empty(json_get_str(doc, "credsStore")))
		return str_set(ret_helper, json_get_str(doc, "credsStore"), err);
	return 0;
}

/* ---- helpers ---- */
static int take_helper_answer(const struct buf *out, struct auth *ret, struct error *err)
{
	auto_json *doc = NULL;

	TRY(json_parse("answer", out->data ? out->data : "", out->len, NULL, &doc, err));
	const char *user = json_get_str(doc, "Username"), *secret = json_get_str(doc, "Secret");
	if (str_empty(user) || !secret)
		return fail(err, ERROR_INVALID, "the answer has no user name or secret");
	if (streq(user, "<token>"))
		return str_set(&ret->identity_token, secret, err) < 0 ? -1 : 1;
	TRY(str_set(&ret->username, user, err));
	TRY(str_set(&ret->password, secret, err));
	return 1;
}

int auth_helper_call(const char *name, const char *verb, const char *input, struct buf *out, int *ret_status,
		     struct error *err)
{
	autofree char *program = NULL;
	autofree char *path = NULL;

	if (!*name || strchr(name, '/'))
		return fail(err, ERROR_INVALID, "credential helper \"%s\": not a name", name);
	TRY(str_printf(&program, err, "docker-credential-%s", name));
	TRY(helper_find_foreign(program, NULL, true, &path, err));
	char *argv[] = { program, (char *)(uintptr_t)verb, NULL };
	struct spawn s = SPAWN_INIT;
	s.path = path;
	s.argv = argv;
	s.envp = environ;
	s.stderr_fd = STDERR_FILENO;
	struct spawn_io io = { .input = input, .input_len = strlen(input), .out = out, .timeout_ns = HELPER_TIMEOUT_NS };
	return spawn_run(&s, &io, ret_status, err);
}

const char *auth_helper_server(const char *host)
{
	return streq(host, "docker.io") ? DOCKER_HUB_KEY : host;
}

static int ask_helper(const char *name, const char *host, struct auth *ret, struct error *err)
{
	auto_buf out = BUF_INIT((size_t)1 << 20);
	int status;

	TRY(auth_helper_call(name, "get", auth_helper_server(host), &out, &status, err));
	if (status != 0) {
		if (out.data && strstr(out.data, "credentials not found"))
			return 0;
		return fail(err, ERROR_INVALID, "it ended with status %d", status);
	}
	return take_helper_answer(&out, ret, err);
}

static int find_by_helper(const char *helper, const char *name, struct auth *ret, struct error *err)
{
	char host[512];

	snprintf(host, sizeof(host), "%.*s", (int)strcspn(name, "/"), name);
	int r = ask_helper(helper, host, ret, err);
	return r < 0 ? fail_wrap(err, "credential helper %s for %s", helper, host) : r;
}

/* ---- files ---- */
static int find_in_file(const char *path, bool legacy, const char *name, struct auth *ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = AUTH_BYTES_MAX, .max_depth = 16 };
	autofree char *text = NULL;
	autofree char *helper = NULL;
	auto_json *doc = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, AUTH_BYTES_MAX, &text, &len, err);

	if (r <= 0 || !len)
		return r;
	r = json_parse(path, text, len, &limits, &doc, err);
	explicit_bzero(text, len);
	TRY(r);
	r = auth_find_in(doc, legacy, name, ret, &helper, err);
	if (r < 0)
		return fail_wrap(err, "%s", path);
	return helper ? find_by_helper(helper, name, ret, err) : r;
}


static int add_file(struct strv *files, struct error *err, const char *dir, const char *rest)
{
	return str_empty(dir) ? 0 : strv_addf(files, err, "%s/%s", dir, rest);
}

/* XDG_RUNTIME_DIR counts for root, too, when it is set. */
int auth_runtime_file(const struct paths *p, char **ret, struct error *err)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");

	if (p->rootless || p->uid)
		return str_printf(ret, err, "%s/containers/auth.json", p->session_dir ? p->session_dir : p->runtime_dir);
	if (!str_empty(xdg))
		return str_printf(ret, err, "%s/containers/auth.json", xdg);
	return str_set(ret, "/run/containers/0/auth.json", err);
}

static int candidates(const struct paths *p, struct strv *files, struct error *err)
{
	autofree char *run_time = NULL;

	TRY(auth_runtime_file(p, &run_time, err));
	TRY(strv_add(files, run_time, err));
	TRY(add_file(files, err, p->config_home, "containers/auth.json"));
	TRY(add_file(files, err, p->home, ".docker/config.json"));
	return add_file(files, err, p->home, ".dockercfg");
}

int auth_check_file(const char *file, struct error *err)
{
	if (str_empty(file) || access(file, F_OK) == 0)
		return 0;
	if (errno == ENOENT)   /* Go's words */
		return fail(err, ERROR_INVALID, "credential file is not accessible: faccessat %s: no such file or directory", file);
	return fail_errno(err, "credential file is not accessible: faccessat %s", file);
}

int auth_find(const struct paths *paths, const char *authfile, const struct strv *helpers, const char *name,
	      struct auth *ret, struct error *err)
{
	const char *named = str_empty(authfile) ? getenv("REGISTRY_AUTH_FILE") : authfile, *docker = getenv("DOCKER_CONFIG");
	auto_strv files = {};

	if (!str_empty(named)) {
		TRY(auth_check_file(authfile, err));
		TRY(strv_add(&files, named, err));
	} else if (!str_empty(docker)) {   /* then nothing else is looked at, as with Docker */
		TRY(add_file(&files, err, docker, "config.json"));
	} else {
		TRY(candidates(paths, &files, err));
	}
	for (size_t i = 0; i < files.n; i++) {
		int r = find_in_file(files.v[i], str_ends(files.v[i], "/.dockercfg"), name, ret, err);
		if (r)
			return r;
	}
	for (size_t i = 0; helpers && i < helpers->n; i++) {
		if (streq(helpers->v[i], "containers-auth.json"))
			continue;
		int r = find_by_helper(helpers->v[i], name, ret, err);
		if (r)
			return r;
	}
	return 0;
}
