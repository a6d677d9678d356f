/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/login.h"

#include <string.h>

#include "engine/image-remote.h"
#include "image/auth-store.h"

#define L struct login
#define AUTH_FILES                                                                                                \
	{ .cli = "authfile", F_STR(L, remote.authfile), .arg = "path", .complete = "files",                       \
	  .help = "File the login is kept in (REGISTRY_AUTH_FILE)" },                                             \
	{ .cli = "compat-auth-file", F_STR(L, compat_auth_file), .arg = "path", .complete = "files",              \
	  .help = "File the login is kept in, in Docker's format" }

const struct field login_rows[] = {
	AUTH_FILES,
	{ .cli = "cert-dir", F_STR(L, remote.cert_dir), .arg = "path", .complete = "files",
	  .help = "Directory with certificates of the registry and for it" },
	{ .cli = "tls-verify", F_OPT_BOOL(L, remote.tls_verify),
	  .help = "Insist on HTTPS and on a valid certificate of the registry" },
	{},
};
const struct field logout_rows[] = { AUTH_FILES, {} };

void login_done(struct login *l)
{
	image_remote_done(&l->remote);
	free(l->compat_auth_file);
	free(l->key);
	free(l->registry);
	*l = (struct login){};
}

/* ---- the target ---- */
static int check_files(const struct login *l, struct error *err)
{
	if (!str_empty(l->remote.authfile) && !str_empty(l->compat_auth_file))
		return fail(err, ERROR_INVALID, "options for paths to the credential file and to the Docker-compatible credential "
			    "file can not be set simultaneously");
	return 0;
}

/* "https://host/v2/" is host; "host/team/app" a key of its own; tags and digests are not. */
static int parse_key(const char *typed, char **ret, struct error *err)
{
	auto_reference r = {};
	const char *rest = str_after(typed, "https://") ?: str_after(typed, "http://");

	if (rest)
		return str_printf(ret, err, "%.*s", (int)strcspn(rest, "/"), rest);
	if (strchr(typed, '/')) {
		if (reference_parse(typed, &r, err) < 0)
			return fail_wrap(err, "parse reference from \"%s\"", typed);
		if (r.tag || r.digest)
			return fail(err, ERROR_INVALID, "reference \"%s\" contains tag or digest", typed);
	}
	return *typed ? str_set(ret, typed, err) : fail(err, ERROR_INVALID, "please provide a registry");
}

static int default_registry(struct engine *e, char **ret, struct error *err)
{
	auto_registries_conf conf = {};

	if (registries_conf_load(&conf, &e->paths, err) < 0)
		return fail_wrap(err, "getting registry from registries.conf, please specify a registry");
	if (!conf.unqualified_search.n)
		return fail(err, ERROR_INVALID, "no registries found in registries.conf, a registry must be provided");
	return str_set(ret, conf.unqualified_search.v[0], err);
}

int login_target(struct engine *e, struct login *l, const char *typed, struct error *err)
{
	TRY(check_files(l, err));
	TRY(typed ? parse_key(typed, &l->key, err) : default_registry(e, &l->key, err));
	l->registry = strndup(l->key, strcspn(l->key, "/"));
	return l->registry ? 0 : fail_oom(err);
}

/* ---- credentials ---- */
static const char *file_of(const struct login *l)
{
	return str_empty(l->remote.authfile) ? l->compat_auth_file : l->remote.authfile;
}

int login_known(struct engine *e, const struct login *l, struct auth *ret, struct error *err)
{
	auto_registries_conf conf = {};
	const char *file = file_of(l);

	TRY(registries_conf_load(&conf, &e->paths, err));
	if (file && access(file, F_OK) < 0)
		return 0;   /* it will be made */
	int r = auth_find(&e->paths, file, &conf.credential_helpers, l->key, ret, err);
	return r < 0 ? fail_wrap(err, "get credentials") : r;
}

int login_check(struct engine *e, const struct login *l, const struct auth *a, struct error *err)
{
	auto_repository *registry = NULL;
	struct reference at = { .domain = l->registry };
	struct image_remote remote = l->remote;
	autofree char *creds = NULL;

	TRY(str_printf(&creds, err, "%s:%s", a->username, a->password));
	remote.creds = creds;
	int r = repository_open_reference(e, &remote, &at, REPOSITORY_READ, &registry, err);
	if (r == 0)
		r = repository_ping(registry, err);
	explicit_bzero(creds, strlen(creds));
	if (r == 0)
		return 0;
	if (err->kind == ERROR_DENIED)
		return fail(err, ERROR_DENIED, "logging into \"%s\": invalid username/password", l->key);
	return fail_wrap(err, "authenticating creds for \"%s\"", l->key);
}

static int place_of(struct engine *e, const struct login *l, struct registries_conf *conf, struct auth_place *ret,
		    struct error *err)
{
	TRY(registries_conf_load(conf, &e->paths, err));
	*ret = (struct auth_place){ &e->paths, file_of(l), !str_empty(l->compat_auth_file), &conf->credential_helpers };
	return 0;
}

int login_store(struct engine *e, const struct login *l, const struct auth *a, char **ret_where, struct error *err)
{
	auto_registries_conf conf = {};
	struct auth_place at;

	TRY(place_of(e, l, &conf, &at, err));
	return auth_store(&at, l->key, a, ret_where, err);
}

int login_forget(struct engine *e, const struct login *l, struct error *err)
{
	auto_registries_conf conf = {};
	struct auth_place at;

	TRY(check_files(l, err));
	TRY(auth_check_file(file_of(l), err));
	TRY(place_of(e, l, &conf, &at, err));
	if (!l->key)
		return auth_erase_all(&at, err) < 0 ? -1 : 1;
	int r = auth_erase(&at, l->key, err);
	return r < 0 ? fail_wrap(err, "logging out of \"%s\"", l->key) : r;
}
