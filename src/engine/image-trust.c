/* SPDX-License-Identifier: Apache-2.0
 * engine/image-trust.c - each requirement of the policy must be met by one signature of the image's manifest (or of the
 * list it was chosen from, which names the manifest by digest). */
#include "engine/image-trust.h"

#include <fcntl.h>
#include <string.h>

#include "base/base64.h"
#include "engine/documents.h"
#include "engine/gpg.h"
#include "image/payload.h"
#include "os/file.h"

#define KEY_BYTES_MAX ((size_t)4 << 20)
#define KEYS_MAX 64

/* Paths in policies are absolute. *ret: malloc'ed. */
static int policy_scope(enum transport transport, const char *scope, char **ret, struct error *err)
{
	if (transport == TRANSPORT_DOCKER || transport == TRANSPORT_NONE || *scope == '/' || access(scope, F_OK) < 0)
		return str_set(ret, scope, err);
	*ret = realpath(scope, NULL);
	return *ret ? 0 : fail_errno(err, "%s", scope);
}

int image_trust_precheck(struct engine *e, const char *policy, enum transport transport, const char *scope,
			 struct error *err)
{
	auto_policy p = {};
	auto_policy_needs needs = {};
	autofree char *place = NULL;

	TRY(policy_scope(transport, scope, &place, err));
	TRY(policy_load(&e->paths, policy, &p, err));
	return policy_decide(&p, transport, place, &needs, err);
}

/* ---- key material ---- */
struct keys {
	struct buf v[KEYS_MAX];
	size_t n;
};

static void keys_done(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		buf_done(&k->v[i]);
}

static int add_file(struct keys *k, const char *path, struct error *err)
{
	autofree char *bytes = NULL;
	size_t len;

	if (str_empty(path))
		return 0;
	if (k->n == KEYS_MAX)
		return fail(err, ERROR_INVALID, "more than %d keys", KEYS_MAX);
	int r = file_read(AT_FDCWD, path, KEY_BYTES_MAX, &bytes, &len, err);
	if (r <= 0)
		return r ? fail_wrap(err, "key %s of the policy", path) : fail(err, ERROR_NOT_FOUND, "key %s of the policy: no such file", path);
	k->v[k->n] = BUF_INIT(KEY_BYTES_MAX + 1);
	buf_add(&k->v[k->n++], bytes, len);
	return 0;
}

static int add_data(struct keys *k, const char *base64, struct error *err)
{
	if (str_empty(base64))
		return 0;
	if (k->n == KEYS_MAX)
		return fail(err, ERROR_INVALID, "more than %d keys", KEYS_MAX);
	k->v[k->n] = BUF_INIT(KEY_BYTES_MAX + 1);
	if (base64_decode(base64, &k->v[k->n++], err) < 0)
		return fail_wrap(err, "key data of the policy");
	return 0;
}

static int add_all(struct keys *k, const char *path, const char *data, const struct strv *paths, const struct strv *datas,
		   struct error *err)
{
	TRY(add_file(k, path, err));
	TRY(add_data(k, data, err));
	for (size_t i = 0; paths && i < paths->n; i++)
		TRY(add_file(k, paths->v[i], err));
	for (size_t i = 0; datas && i < datas->n; i++)
		TRY(add_data(k, datas->v[i], err));
	return 0;
}

/* The same as texts (PEM). */
static int add_texts(struct strv *to, const struct keys *k, struct error *err)
{
	for (size_t i = 0; i < k->n; i++)
		TRY(strv_add(to, k->v[i].data ? k->v[i].data : "", err));
	return 0;
}

/* ---- one signature ---- */
struct trial {
	struct engine *engine;
	struct documents *documents;
	const struct image_origin *o;
	const struct policy_need *need;
	const char *digest;
};

static int judge_claim(const struct trial *t, const struct op_signed *claim, struct error *err)
{
	TRY(policy_identity_check(t->need->identity, t->o->name, claim->reference, err));
	if (!streq(claim->digest, t->digest))
		return fail(err, ERROR_DENIED, "the signature is for digest %s, not for %s", claim->digest, t->digest);
	return 0;
}

static int try_simple(const struct trial *t, const struct image_signature *s, struct error *err)
{
	CLEANUP(keys_done) struct keys keys = {};
	auto_buf payload = BUF_INIT(PAYLOAD_BYTES_MAX);
	struct op_payload q = {};
	auto_payload claim = {};

	TRY(add_all(&keys, t->need->key_path, t->need->key_data, &t->need->key_paths, NULL, err));
	TRY(gpg_verify(t->engine, keys.v, keys.n, s->bytes.data ? s->bytes.data : "", s->bytes.len, &payload, NULL, err));
	TRY(documents_ask(t->documents, OP_PARSE_PAYLOAD, &q, payload.data ? payload.data : "", payload.len, &claim, err));
	return judge_claim(t, &claim, err);
}

static void verify_done(struct op_verify *v)
{
	fields_done(worker_ops[OP_VERIFY_SIGSTORE].request, v);
}

static int add_keys(const struct policy_need *n, struct op_verify *v, struct error *err)
{
	CLEANUP(keys_done) struct keys keys = {}, rekor = {};

	TRY(add_all(&keys, n->key_path, n->key_data, &n->key_paths, &n->key_datas, err));
	TRY(add_all(&rekor, n->rekor_path, n->rekor_data, &n->rekor_paths, &n->rekor_datas, err));
	TRY(add_texts(&v->keys, &keys, err));
	return add_texts(&v->rekor_keys, &rekor, err);
}

static int add_authorities(const struct policy_need *n, struct op_verify *v, struct error *err)
{
	CLEANUP(keys_done) struct keys roots = {}, others = {};
	const struct policy_fulcio *f = n->fulcio;
	const struct policy_pki *k = n->pki;

	if (f) {
		TRY(add_all(&roots, f->ca_path, f->ca_data, NULL, NULL, err));
		TRY(str_set(&v->oidc_issuer, f->oidc_issuer, err));
		TRY(str_set(&v->email, f->email, err));
	}
	if (k) {
		TRY(add_all(&roots, k->roots_path, k->roots_data, NULL, NULL, err));
		TRY(add_all(&others, k->intermediates_path, k->intermediates_data, NULL, NULL, err));
		TRY(str_set(&v->email, k->email, err));
		TRY(str_set(&v->hostname, k->hostname, err));
	}
	TRY(add_texts(&v->roots, &roots, err));
	return add_texts(&v->intermediates, &others, err);
}

static int try_sigstore(const struct trial *t, const struct image_signature *s, struct error *err)
{
	CLEANUP(verify_done) struct op_verify v = {};
	auto_payload claim = {};

	TRY(str_set(&v.signature, s->signature, err));
	TRY(str_set(&v.certificate, s->certificate, err));
	TRY(str_set(&v.chain, s->chain, err));
	TRY(str_set(&v.bundle, s->bundle, err));
	TRY(add_keys(t->need, &v, err));
	TRY(add_authorities(t->need, &v, err));
	TRY(documents_ask(t->documents, OP_VERIFY_SIGSTORE, &v, s->bytes.data ? s->bytes.data : "", s->bytes.len, &claim, err));
	return judge_claim(t, &claim, err);
}

/* ---- one requirement ---- */
struct verdict {
	size_t tried;
	struct buf reasons;
	struct error last;
};

static void verdict_done(struct verdict *v)
{
	buf_done(&v->reasons);
}

/* 1: one of the digest's signatures is good. */
static int try_digest(struct trial *t, struct verdict *v, struct error *err)
{
	auto_image_signatures found = {};
	struct signature_query q = { t->digest, !t->need->sigstore, t->need->sigstore };

	TRY(image_signatures_find(t->engine, t->documents, t->o, &q, &found, err));
	for (size_t i = 0; i < found.n; i++) {
		const struct image_signature *s = SIGNATURE(&found, i);
		struct error why;
		if ((s->sigstore ? try_sigstore(t, s, &why) : try_simple(t, s, &why)) == 0)
			return 1;
		buf_addf(&v->reasons, "%s%s", v->tried++ ? "; " : "", why.text);
		v->last = why;
	}
	return 0;
}

static int meet(struct trial *t, struct error *err)
{
	CLEANUP(verdict_done) struct verdict v = { .reasons = BUF_INIT(800) };

	for (size_t i = 0; i < t->o->digests->n; i++) {
		t->digest = t->o->digests->v[i];
		int r = try_digest(t, &v, err);
		if (r)
			return r < 0 ? r : 0;
	}
	if (!v.tried)
		return fail(err, ERROR_DENIED, "A signature was required, but no signature exists");
	if (v.tried == 1)
		return fail(err, ERROR_DENIED, "%s", v.last.text);
	return fail(err, ERROR_DENIED, "None of the signatures were accepted, reasons: %s",
		    v.reasons.data ? v.reasons.data : v.last.text);
}

int image_trust_check(struct engine *e, const char *policy, const struct image_origin *o, struct error *err)
{
	auto_policy p = {};
	auto_policy_needs needs = {};
	auto_documents d = { .engine = e };
	struct trial t = { .engine = e, .documents = &d, .o = o };
	autofree char *place = NULL;

	TRY(policy_scope(o->transport, o->scope, &place, err));
	TRY(policy_load(&e->paths, policy, &p, err));
	TRY(policy_decide(&p, o->transport, place, &needs, err));
	for (size_t i = 0; i < needs.n; i++) {
		t.need = POLICY_NEED(&needs, i);
		if (meet(&t, err) < 0)
			return fail_wrap(err, "Source image rejected");
	}
	return 0;
}
