/* SPDX-License-Identifier: Apache-2.0
 * worker/sigstore-certificate.c - certificates behind signatures: Fulcio's short-lived ones and those of a company.
 * Only what the policy gives is trusted, never the system's authorities. */
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "worker/sigstore.h"

#define CHAIN_MAX 16
#define OID_ISSUER_V1 "1.3.6.1.4.1.57264.1.1"   /* the bytes are the URL */
#define OID_ISSUER_V2 "1.3.6.1.4.1.57264.1.8"   /* a DER UTF8String */

static void stack_free_p(STACK_OF(X509) **s)
{
	sk_X509_pop_free(*s, X509_free);
}

static void store_free_p(X509_STORE **s)
{
	X509_STORE_free(*s);
}

static void store_ctx_free_p(X509_STORE_CTX **s)
{
	X509_STORE_CTX_free(*s);
}

int certificate_parse(const char *pem, X509 **ret, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *c = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	auto_x509 *second = c ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	if (c && !second) {
		*ret = c;
		return 0;
	}
	X509_free(c);
	return fail(err, ERROR_CORRUPT, c ? "more than one certificate where one was expected" : "not a PEM certificate");
}

/* Adds every certificate of a PEM text. */
static int add_all(const char *pem, STACK_OF(X509) *to, struct error *err)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *c;
	int n = 0;

	while (bio && n < CHAIN_MAX && (c = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		n++;
		if (!sk_X509_push(to, c))
			X509_free(c);
	}
	BIO_free(bio);
	ERR_clear_error();
	return n ? 0 : fail(err, ERROR_INVALID, "not a PEM certificate");
}

static int add_lists(const struct strv *pems, STACK_OF(X509) *to, struct error *err)
{
	for (size_t i = 0; i < pems->n; i++)
		TRY(add_all(pems->v[i], to, err));
	return 0;
}

static int check_chain(const struct op_verify *v, X509 *leaf, int64_t time, struct error *err)
{
	CLEANUP(stack_free_p) STACK_OF(X509) *roots = sk_X509_new_null(), *others = sk_X509_new_null();
	CLEANUP(store_free_p) X509_STORE *store = X509_STORE_new();
	CLEANUP(store_ctx_free_p) X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	if (!roots || !others || !store || !ctx)
		return fail_oom(err);
	TRY(add_lists(&v->roots, roots, err));
	TRY(add_lists(&v->intermediates, others, err));
	if (v->chain && *v->chain && add_all(v->chain, others, err) < 0)
		return fail_wrap(err, "the signature's certificate chain");
	for (int i = 0; i < sk_X509_num(roots); i++)
		X509_STORE_add_cert(store, sk_X509_value(roots, i));
	if (!X509_STORE_CTX_init(ctx, store, leaf, others))
		return fail_oom(err);
	X509_STORE_CTX_set_time(ctx, 0, (time_t)time);
	int good = X509_verify_cert(ctx);
	int why = X509_STORE_CTX_get_error(ctx);
	ERR_clear_error();
	return good == 1 ? 0 : fail(err, ERROR_DENIED, "the certificate is not to be trusted: %s", X509_verify_cert_error_string(why));
}

static int check_usage(X509 *leaf, struct error *err)
{
	if (X509_get_extension_flags(leaf) & EXFLAG_CA)
		return fail(err, ERROR_DENIED, "the certificate is an authority's, not a signer's");
	if (!(X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) || !(X509_get_extended_key_usage(leaf) & XKU_CODE_SIGN))
		return fail(err, ERROR_DENIED, "the certificate is not for signing code");
	return 0;
}

/* ---- who it is ---- */
static bool has_email(X509 *leaf, const char *email)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
		if (n->type != GEN_EMAIL)
			continue;
		const ASN1_STRING *s = n->d.rfc822Name;
		found |= (size_t)ASN1_STRING_length(s) == strlen(email) &&
			memcmp(ASN1_STRING_get0_data(s), email, strlen(email)) == 0;
	}
	GENERAL_NAMES_free(names);
	return found;
}

static const ASN1_OCTET_STRING *extension(X509 *leaf, const char *oid)
{
	ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
	int at = o ? X509_get_ext_by_OBJ(leaf, o, -1) : -1;

	ASN1_OBJECT_free(o);
	return at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(leaf, at));
}

static bool bytes_are(const unsigned char *data, int len, const char *want)
{
	return len >= 0 && (size_t)len == strlen(want) && memcmp(data, want, (size_t)len) == 0;
}

static int check_issuer(X509 *leaf, const char *want, struct error *err)
{
	const ASN1_OCTET_STRING *v1 = extension(leaf, OID_ISSUER_V1), *v2 = extension(leaf, OID_ISSUER_V2);
	bool good = v1 || v2;

	if (v1)
		good = bytes_are(ASN1_STRING_get0_data(v1), ASN1_STRING_length(v1), want);
	if (v2 && good) {
		const unsigned char *at = ASN1_STRING_get0_data(v2);
		ASN1_UTF8STRING *s = d2i_ASN1_UTF8STRING(NULL, &at, ASN1_STRING_length(v2));
		good = s && bytes_are(ASN1_STRING_get0_data(s), ASN1_STRING_length(s), want);
		ASN1_UTF8STRING_free(s);
	}
	ERR_clear_error();
	return good ? 0 : fail(err, ERROR_DENIED, "the certificate's OIDC issuer is not %s", want);
}

int certificate_verify(const struct op_verify *v, X509 *leaf, int64_t time, struct error *err)
{
	if (!v->roots.n)
		return fail(err, ERROR_INVALID, "no authority is trusted for certificates");
	TRY(check_chain(v, leaf, time, err));
	TRY(check_usage(leaf, err));
	if (v->oidc_issuer)
		TRY(check_issuer(leaf, v->oidc_issuer, err));
	if (v->email && !has_email(leaf, v->email))
		return fail(err, ERROR_DENIED, "the certificate is not %s's", v->email);
	if (v->hostname && X509_check_host(leaf, v->hostname, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) != 1)
		return fail(err, ERROR_DENIED, "the certificate is not for %s", v->hostname);
	return 0;
}
