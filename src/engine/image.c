/* SPDX-License-Identifier: Apache-2.0
 * engine/image.c - what the ways in and out have in common: options, policies, endpoints. */
#include "engine/image.h"

#include <string.h>
#include <unistd.h>

#include "config.h"

#include "base/units.h"
#include "conf/helpers.h"
#include "engine/image-remote.h"
#include "image/auth.h"

#define RETRIES_DEFAULT 3

const char *const pull_policy_names[] = { "always", "missing", "never", "newer", NULL };

int pull_policy_parse(const char *s, enum pull_policy *ret, struct error *err)
{
	static const struct {
		const char *word;
		enum pull_policy policy;
	} words[] = {
		{ "always", PULL_ALWAYS }, { "true", PULL_ALWAYS }, { "missing", PULL_MISSING }, { "ifnotpresent", PULL_MISSING },
		{ "ifmissing", PULL_MISSING }, { "false", PULL_MISSING }, { "never", PULL_NEVER }, { "newer", PULL_NEWER },
		{ "ifnewer", PULL_NEWER }, { "", PULL_MISSING },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(words[i].word, s) == 0) {
			*ret = words[i].policy;
			return 0;
		}
	return fail(err, ERROR_INVALID, "unsupported pull policy \"%s\"", s);
}

#define R struct image_remote
const struct field image_remote_rows[] = {
	{ .cli = "authfile", F_STR(R, authfile), .arg = "path", .complete = "files",
	  .help = "File with registry logins (REGISTRY_AUTH_FILE)" },
	{ .cli = "cert-dir", F_STR(R, cert_dir), .arg = "path", .complete = "files",
	  .help = "Directory with certificates of the registry and for it" },
	{ .cli = "creds", F_STR(R, creds), .arg = "[username[:password]]",
	  .help = "Login for the registry (USER[:PASSWORD])" },
	{ .cli = "registries.d", F_STR(R, registries_d), .arg = "dir", .flags = FIELD_HIDDEN,
	  .help = "Directory that says where signatures lie" },
	{ .cli = "signature-policy", F_STR(R, signature_policy), .arg = "path", .flags = FIELD_HIDDEN,
	  .help = "Signature policy to use instead of policy.json" },
	{ .cli = "tls-verify", F_OPT_BOOL(R, tls_verify),
	  .help = "Insist on HTTPS and on a valid certificate of the registry" },
	{},
};

int image_remote_check_authfile(const struct image_remote *r, struct error *err)
{
	return auth_check_file(r->authfile, err);
}

#define RETRY_ROWS(verb) { \
	{ .cli = "retry", F_OPT_UINT(R, retry), .arg = "attempts", .fallback = "@engine.retry:3", \
	  .help = "How often to try again when performing\u00a0" verb }, \
	{ .cli = "retry-delay", F_STR(R, retry_delay), .arg = "duration", .fallback = "@engine.retry_delay:", \
	  .help = "Time to wait between " verb "\u00a0failures" }, {} }
const struct field image_pull_retry_rows[] = RETRY_ROWS("pull"), image_push_retry_rows[] = RETRY_ROWS("push");

void image_remote_done(struct image_remote *r)
{
	fields_done(image_pull_retry_rows, r);
	fields_done(image_remote_rows, r);
}

/* ---- endpoints ---- */
void endpoint_params_done(struct op_endpoint *e)
{
	if (e->password)
		explicit_bzero(e->password, strlen(e->password));
	fields_done(worker_ops[OP_ENDPOINT].request, e);
}

void fetcher_begin(struct engine *e)
{
	autofree char *program = NULL;
	struct error why;

	if (!e->fetcher && helper_find("umiak-worker", &program, &why) >= 0)
		worker_begin(WORKER_FETCH, program, e->log, &e->fetcher, &why);
}

struct worker *fetcher_take(struct engine *e)
{
	return take_ptr(e->fetcher);
}

/* certs.d: every place that exists, strongest first; --cert-dir replaces them. */
static int add_cert_dirs(struct engine *e, const struct image_remote *o, const char *host, struct strv *to,
			 struct error *err)
{
	if (o->cert_dir)
		return strv_add(to, o->cert_dir, err);
	TRY(strv_addf(to, err, "%s/containers/certs.d/%s", e->paths.config_home, host));
	TRY(strv_addf(to, err, "/etc/containers/certs.d/%s", host));
	TRY(strv_addf(to, err, "/usr/share/containers/certs.d/%s", host));
	TRY(strv_addf(to, err, "/etc/docker/certs.d/%s", host));
	for (size_t i = to->n; i-- > 0;)
		if (access(to->v[i], F_OK) < 0)
			strv_remove(to, i);
	return 0;
}

static int add_credentials(struct engine *e, const struct image_remote *o, const struct registries_conf *conf,
			   const char *name, struct op_endpoint *to, struct error *err)
{
	auto_auth a = {};

	if (o->no_creds)
		return 0;
	if (o->registry_token)
		return str_set(&to->registry_token, o->registry_token, err);
	if (o->username) {
		TRY(str_set(&a.username, o->username, err));
		TRY(str_set(&a.password, o->password ? o->password : "", err));
	} else if (o->creds)
		TRY(auth_parse_creds(o->creds, &a, err));
	else
		TRY(auth_find(&e->paths, o->authfile, &conf->credential_helpers, name, &a, err));
	to->username = take_ptr(a.username);
	to->password = take_ptr(a.password);
	to->identity_token = take_ptr(a.identity_token);
	return 0;
}

static int parse_delay(const char *delay, int64_t *ret, struct error *err)
{
	return duration_parse(delay, ret, err) < 0 ? fail(err, ERROR_INVALID, "time: invalid duration \"%s\"", delay) : 0;
}

int image_remote_check(const struct image_remote *o, struct error *err)
{
	int64_t ns;

	return str_empty(o->retry_delay) ? 0 : parse_delay(o->retry_delay, &ns, err);
}

static int add_retries(const struct engine *e, const struct image_remote *o, struct op_endpoint *to, struct error *err)
{
	const char *delay = o->retry_delay ? o->retry_delay : e->conf.engine.retry_delay;

	to->retries = o->retry.set ? (int64_t)o->retry.value : (int64_t)e->conf.engine.retry;
	if (to->retries < 0 || to->retries > 1000)
		to->retries = RETRIES_DEFAULT;
	if (str_empty(delay))
		return 0;
	return parse_delay(delay, &to->retry_delay_ns, err);
}

/* docker.io is a name, not a host that answers. */
static const char *host_of(const char *domain)
{
	return streq(domain, "docker.io") ? "registry-1.docker.io" : domain;
}

int endpoint_params(struct engine *e, const struct image_remote *o, const struct registries_conf *conf,
		    const struct reference *r, bool insecure, struct op_endpoint *ret, struct error *err)
{
	CLEANUP(endpoint_params_done) struct op_endpoint p = {};
	autofree char *name = r->path ? reference_name(r) : strdup(r->domain);

	if (!name)
		return fail_oom(err);
	p.insecure = o->tls_verify.set ? !o->tls_verify.value : insecure;
	TRY(str_set(&p.host, host_of(r->domain), err));
	TRY(str_set(&p.repository, r->path ? r->path : "", err));
	TRY(str_printf(&p.user_agent, err, "%s%sumiak/" UMIAK_VERSION, o->user_agent_prefix ? o->user_agent_prefix : "",
		       o->user_agent_prefix ? " " : ""));
	TRY(add_cert_dirs(e, o, r->domain, &p.cert_dirs, err));
	TRY(add_credentials(e, o, conf, name, &p, err));
	p.patient = o->retry.set;
	TRY(add_retries(e, o, &p, err));
	*ret = p;
	p = (struct op_endpoint){};
	return 0;
}

/* Where the name leads: the rule's location instead of its prefix. Mirrors have no say here. */
static int primary_location(const struct registries_conf *conf, const struct reference *r, struct reference *to,
			    bool *ret_insecure, struct error *err)
{
	CLEANUP(registry_sources_done) struct list places = {};
	autofree char *name = reference_text(r);

	if (!name)
		return fail_oom(err);
	TRY(registries_conf_sources(conf, name, &places, err));
	const struct registry_source *last = &((struct registry_source *)places.v)[places.n - 1];
	*ret_insecure = last->insecure;
	return reference_parse(last->name, to, err);
}

int repository_endpoint_params(struct engine *e, const struct image_remote *o, const struct reference *r,
			     enum repository_access access, struct op_endpoint *ret, struct error *err)
{
	CLEANUP(registries_conf_done) struct registries_conf conf = {};
	auto_reference at = {};
	bool insecure = false;

	TRY(registries_conf_load(&conf, &e->paths, err));
	if (r->path) {
		TRY(primary_location(&conf, r, &at, &insecure, err));
	} else {
		const struct registry *rule = registries_conf_find(&conf, r->domain);
		if (rule && rule->blocked)
			return fail(err, ERROR_DENIED, "registry %s is blocked in registries.conf", r->domain);
		insecure = rule && rule->insecure;
		TRY(str_set(&at.domain, r->domain, err));
	}
	TRY(endpoint_params(e, o, &conf, &at, insecure, ret, err));
	ret->push = ret->patient = access == REPOSITORY_WRITE;
	ret->remove = access == REPOSITORY_DELETE;
	ret->catalog = !r->path;
	return 0;
}

int repository_open_reference(struct engine *e, const struct image_remote *o, const struct reference *r,
			    enum repository_access access, struct repository **ret, struct error *err)
{
	auto_endpoint ep = {};
	autofree char *program = NULL;

	TRY(helper_find("umiak-worker", &program, err));
	TRY(repository_endpoint_params(e, o, r, access, &ep, err));
	struct repository_options options = { .worker = program, .log = e->log, .fetcher = fetcher_take(e) };
	return repository_open(&options, &ep, ret, err);
}
