/* SPDX-License-Identifier: Apache-2.0
 * image/policy-need.c - the requirements that ask for signatures, and whose names they let through. */
#include <string.h>

#include "image/policy.h"

/* ---- rows: what is no row is unknown ---- */
#define I struct policy_identity
static const struct field identity_rows[] = {
	{ .json = "type", F_STR(I, type) },
	{ .json = "dockerReference", F_STR(I, docker_reference) },
	{ .json = "dockerRepository", F_STR(I, docker_repository) },
	{ .json = "prefix", F_STR(I, prefix) },
	{ .json = "signedPrefix", F_STR(I, signed_prefix) },
	{},
};
#define F struct policy_fulcio
static const struct field fulcio_rows[] = {
	{ .json = "caPath", F_STR(F, ca_path) },
	{ .json = "caData", F_STR(F, ca_data) },
	{ .json = "oidcIssuer", F_STR(F, oidc_issuer) },
	{ .json = "subjectEmail", F_STR(F, email) },
	{},
};
#define K struct policy_pki
static const struct field pki_rows[] = {
	{ .json = "caRootsPath", F_STR(K, roots_path) },
	{ .json = "caRootsData", F_STR(K, roots_data) },
	{ .json = "caIntermediatesPath", F_STR(K, intermediates_path) },
	{ .json = "caIntermediatesData", F_STR(K, intermediates_data) },
	{ .json = "subjectEmail", F_STR(K, email) },
	{ .json = "subjectHostname", F_STR(K, hostname) },
	{},
};
#define N struct policy_need
#define COMMON                                                                                       \
	{ .json = "type", F_STR(N, type) }, { .json = "keyPath", F_STR(N, key_path) },               \
	{ .json = "keyPaths", F_STRV(N, key_paths) }, { .json = "keyData", F_STR(N, key_data) },     \
	{ .json = "signedIdentity", F_OPT_OBJECT(N, identity, struct policy_identity, identity_rows) }
#define SIGSTORE                                                                                     \
	{ .json = "keyDatas", F_STRV(N, key_datas) },                                                \
	{ .json = "fulcio", F_OPT_OBJECT(N, fulcio, struct policy_fulcio, fulcio_rows) },            \
	{ .json = "pki", F_OPT_OBJECT(N, pki, struct policy_pki, pki_rows) },                        \
	{ .json = "rekorPublicKeyPath", F_STR(N, rekor_path) },                                      \
	{ .json = "rekorPublicKeyPaths", F_STRV(N, rekor_paths) },                                   \
	{ .json = "rekorPublicKeyData", F_STR(N, rekor_data) },                                      \
	{ .json = "rekorPublicKeyDatas", F_STRV(N, rekor_datas) }
static const struct field signed_by_rows[] = { COMMON, { .json = "keyType", F_STR(N, key_type) }, {} };
static const struct field sigstore_rows[] = { COMMON, SIGSTORE, {} };
static const struct field all_rows[] = { COMMON, SIGSTORE, { .json = "keyType", F_STR(N, key_type) }, {} };

void policy_needs_done(struct list *needs)
{
	for (size_t i = 0; i < needs->n; i++)
		fields_done(all_rows, POLICY_NEED(needs, i));
	free(needs->v);
	*needs = (struct list){};
}

/* ---- checks ---- */
static int exactly_one(const char *what, const char *names, size_t given, struct error *err)
{
	return given == 1 ? 0 : fail(err, ERROR_INVALID, "%s: exactly one of %s must be specified, %s", what, names,
				     given ? "more than one is" : "none is");
}

static int at_most_one(const char *what, const char *names, size_t given, struct error *err)
{
	return given <= 1 ? 0 : exactly_one(what, names, given, err);
}

static size_t rekor_keys(const struct policy_need *n)
{
	return !!n->rekor_path + !!n->rekor_data + !!n->rekor_paths.n + !!n->rekor_datas.n;
}

static int check_fulcio(const struct policy_need *n, const char *what, struct error *err)
{
	const struct policy_fulcio *f = n->fulcio;

	TRY(exactly_one(what, "caPath and caData", !!f->ca_path + !!f->ca_data, err));
	if (str_empty(f->oidc_issuer) || str_empty(f->email))
		return fail(err, ERROR_INVALID, "%s: fulcio needs oidcIssuer and subjectEmail", what);
	if (!rekor_keys(n))
		return fail(err, ERROR_INVALID, "%s: fulcio needs a rekorPublicKey", what);
	return 0;
}

static int check_pki(const struct policy_need *n, const char *what, struct error *err)
{
	const struct policy_pki *k = n->pki;

	TRY(exactly_one(what, "caRootsPath and caRootsData", !!k->roots_path + !!k->roots_data, err));
	TRY(at_most_one(what, "caIntermediatesPath and caIntermediatesData",
			!!k->intermediates_path + !!k->intermediates_data, err));
	if (str_empty(k->email) && str_empty(k->hostname))
		return fail(err, ERROR_INVALID, "%s: pki needs subjectEmail or subjectHostname", what);
	if (rekor_keys(n))
		return fail(err, ERROR_INVALID, "%s: a rekorPublicKey cannot be used with pki", what);
	return 0;
}

static int check_sigstore(const struct policy_need *n, const char *what, struct error *err)
{
	size_t keys = !!n->key_path + !!n->key_data + !!n->key_paths.n + !!n->key_datas.n;

	TRY(exactly_one(what, "keyPath, keyPaths, keyData, keyDatas, fulcio and pki", keys + !!n->fulcio + !!n->pki, err));
	TRY(at_most_one(what, "the rekorPublicKey members", rekor_keys(n), err));
	if (n->fulcio)
		TRY(check_fulcio(n, what, err));
	return n->pki ? check_pki(n, what, err) : 0;
}

static int check_signed_by(const struct policy_need *n, const char *what, struct error *err)
{
	if (!streq0(n->key_type, "GPGKeys"))
		return fail(err, ERROR_INVALID, "%s: signedBy: keyType \"%.40s\" is not supported (use GPGKeys)", what,
			    n->key_type ? n->key_type : "");
	return exactly_one(what, "keyPath, keyPaths and keyData", !!n->key_path + !!n->key_paths.n + !!n->key_data, err);
}

static const struct identity_kind {
	const char *name;
	bool reference, repository, prefixes;   /* which members it has */
} identity_kinds[] = {
	{ "matchExact" }, { "matchRepoDigestOrExact" }, { "matchRepository" }, { "exactReference", .reference = true },
	{ "exactRepository", .repository = true }, { "remapIdentity", .prefixes = true },
};

static int check_identity(const struct policy_identity *id, const char *what, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(identity_kinds); i++) {
		const struct identity_kind *k = &identity_kinds[i];
		if (!streq0(id->type, k->name))
			continue;
		bool good = !str_empty(id->docker_reference) == k->reference && !str_empty(id->docker_repository) == k->repository &&
			!str_empty(id->prefix) == k->prefixes && !str_empty(id->signed_prefix) == k->prefixes;
		return good ? 0 : fail(err, ERROR_INVALID, "%s: signedIdentity %s: members are missing or do not belong there", what,
				       k->name);
	}
	return fail(err, ERROR_INVALID, "%s: unknown signedIdentity type \"%.60s\"", what, id->type ? id->type : "");
}

static int load(const struct field *rows, struct json_object *o, const char *what, struct policy_need *n, struct error *err)
{
	auto_strv unknown = {};

	if (fields_load(rows, FIELD_COLUMN_JSON, o, n, &unknown, err) < 0)
		return fail_wrap(err, "%s", what);
	if (unknown.n)
		return fail(err, ERROR_INVALID, "%s: unknown key \"%.60s\"", what, unknown.v[0]);
	if (n->identity)
		TRY(check_identity(n->identity, what, err));
	return n->sigstore ? check_sigstore(n, what, err) : check_signed_by(n, what, err);
}

int policy_need_parse(struct json_object *requirement, const char *what, struct policy_need *ret, struct error *err)
{
	struct policy_need n = { .sigstore = streq0(json_get_str(requirement, "type"), "sigstoreSigned") };

	if (load(n.sigstore ? sigstore_rows : signed_by_rows, requirement, what, &n, err) < 0) {
		fields_done(all_rows, &n);
		return -1;
	}
	*ret = n;
	return 0;
}

/* ---- names ---- */
static int parse_name(const char *s, struct reference *ret, struct error *err)
{
	TRY(reference_parse(s, ret, err));
	return reference_normalize_docker(ret, err);
}

static bool same_repository(const struct reference *a, const struct reference *b)
{
	return streq0(a->domain, b->domain) && streq0(a->path, b->path);
}

static bool same_reference(const struct reference *a, const struct reference *b)
{
	return same_repository(a, b) && streq0(a->tag, b->tag) && streq0(a->digest, b->digest);
}

/* "host/a" stands for itself and all below it: "host/a:1", "host/a/b", "host/a@sha256:...". */
static const char *below_prefix(const char *name, const char *prefix)
{
	const char *rest = str_after(name, prefix);

	return rest && (!*rest || strchr(":/@", *rest)) ? rest : NULL;
}

static int remap(const struct policy_identity *id, const struct reference *name, struct reference *ret, struct error *err)
{
	autofree char *text = reference_text(name), *mapped = NULL;

	if (!text)
		return fail_oom(err);
	const char *rest = below_prefix(text, id->prefix);
	if (!rest)
		return reference_copy(name, ret, err);
	TRY(str_printf(&mapped, err, "%s%s", id->signed_prefix, rest));
	return parse_name(mapped, ret, err);
}

static bool matches_kind(const char *kind, const struct reference *want, const struct reference *got)
{
	if (streq(kind, "matchRepository"))
		return same_repository(want, got);
	if (want->digest)   /* a tag beside a digest says nothing */
		return !streq(kind, "matchExact") && same_repository(want, got);
	return want->tag && same_reference(want, got);
}

static int check_fixed(const struct policy_identity *id, const struct reference *got, struct error *err)
{
	auto_reference want = {};

	if (id->docker_repository) {
		TRY(parse_name(id->docker_repository, &want, err));
		return same_repository(&want, got);
	}
	TRY(parse_name(id->docker_reference, &want, err));
	return same_reference(&want, got);
}

int policy_identity_check(const struct policy_identity *id, const struct reference *name, const char *signed_name,
			  struct error *err)
{
	const char *kind = id && id->type ? id->type : "matchRepoDigestOrExact";
	auto_reference got = {}, want = {};
	int good;

	if (parse_name(signed_name, &got, err) < 0)
		return fail(err, ERROR_DENIED, "the signature is for \"%.200s\", which is no image name", signed_name);
	if (id && (id->docker_reference || id->docker_repository)) {
		good = check_fixed(id, &got, err);
	} else {
		if (!name)
			return fail(err, ERROR_DENIED, "the policy compares names, and this image has no Docker name");
		TRY(id && id->prefix ? remap(id, name, &want, err) : reference_copy(name, &want, err));
		good = matches_kind(kind, &want, &got);
	}
	if (good < 0)
		return -1;
	return good ? 0 : fail(err, ERROR_DENIED, "Signature for identity \"%.200s\" is not accepted (%s)", signed_name, kind);
}
