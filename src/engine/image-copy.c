/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy.c - one image from one transport to another: which instances, which type of manifest, which
 * compression; the bytes are image-copy-run.c's. */
#include "engine/image-copy.h"

#include <string.h>

#include "engine/image-copy-internal.h"
#include "engine/image-crypt.h"
#include "engine/image-sign.h"
#include "engine/image-trust.h"

struct copy {
	struct engine *engine;
	const struct image_copy *o;
	struct copy_from from;
	struct copy_to to;
	enum compression wanted;     /* NONE: nothing was asked for */
	struct image_signer signer;
	struct reference identity;   /* what is signed */
};

static void copy_done(struct copy *c)
{
	image_signer_done(&c->signer);
	reference_done(&c->identity);
	repository_dismiss(c->to.repository);   /* all of them leave at the same time */
	source_dismiss(c->from.source);
	copy_to_done(&c->to);
	copy_from_done(&c->from);
}

static void blobs_done(struct copy_blob *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].digest);
		free(v[i].toc_place);
		free(v[i].toc_digest);
		free(v[i].enc_jwe);
		free(v[i].enc_pubopts);
	}
	free(v);
}

static int check_descriptor(const struct op_descriptor *d, struct error *err)
{
	return digest_is_valid(d->digest ? d->digest : "") ? 0 : fail(err, ERROR_CORRUPT, "worker: no valid digest");
}

/* ---- compression ---- */
static int decide_compression(struct copy *c, struct error *err)
{
	static const enum compression known[] = { COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_ZSTD_CHUNKED };
	const struct image_copy *o = c->o;
	int64_t level = o->compression_level.set ? o->compression_level.value : -1;

	for (size_t i = 0; o->compression && i < ARRAY_LEN(known); i++)
		if (streq(compression_name(known[i]), o->compression))
			c->wanted = known[i];
	if (o->compression && c->wanted == COMPRESSION_NONE)
		return fail(err, ERROR_UNSUPPORTED, "--compression-format %s is not supported (use gzip, zstd or zstd:chunked)",
			    o->compression);
	if (!o->compression && o->force_compression)
		c->wanted = COMPRESSION_GZIP;
	int64_t most = c->wanted == COMPRESSION_GZIP || c->wanted == COMPRESSION_NONE ? 9 : 22;
	if (level < -1 || level > most)
		return fail(err, ERROR_INVALID, "--compression-level %lld: want 0 to %lld", (long long)level, (long long)most);
	return 0;
}

/* What becomes of a layer; *to: its compression afterwards. */
static bool must_change(const struct copy *c, enum compression is, enum compression *to)
{
	enum copy_layers layers = c->to.layers;

	*to = is;
	if (layers == COPY_LAYERS_PLAIN) {
		*to = COMPRESSION_NONE;
	} else if (c->wanted != COMPRESSION_NONE) {
		*to = c->wanted;
	} else if (layers == COPY_LAYERS_COMPRESS && is == COMPRESSION_NONE) {
		*to = COMPRESSION_GZIP;
	}
	return *to != is || (c->o->force_compression && *to != COMPRESSION_NONE);
}

/* An encrypted layer is decrypted when there are keys for it, and goes as it is when there are none. */
static int plan_decryption(const struct copy *c, const struct op_descriptor *d, struct copy_blob *b, struct error *err)
{
	autofree char *plain = strndup(d->media_type, strlen(d->media_type) - strlen("+encrypted"));

	if (!plain)
		return fail_oom(err);
	if (!c->o->crypt || !c->o->crypt->decrypt.n)
		return c->to.layers == COPY_LAYERS_PLAIN ? fail(err, ERROR_UNSUPPORTED, "layer %s is encrypted: the destination cannot hold "
								"it without --decryption-key", d->digest) : 0;
	if (!d->enc_jwe || !d->enc_pubopts)
		return fail(err, ERROR_UNSUPPORTED, "layer %s is encrypted by another scheme than jwe, which is not supported", d->digest);
	bool recompress = must_change(c, media_type_compression(media_type_parse(plain)), &b->compression);
	b->raw = !recompress;
	b->crypt = COPY_DECRYPT;
	b->change = true;
	return 0;
}

static void plan_encryption(const struct copy *c, size_t layer, size_t n, struct copy_blob *b)
{
	if (!image_crypt_wants(c->o->crypt, layer, n))
		return;
	b->raw = !b->change;
	b->crypt = COPY_ENCRYPT;
	b->change = true;
}

static int plan_layer(const struct copy *c, const struct op_manifest *m, size_t layer, struct copy_blob *b, struct error *err)
{
	const struct op_descriptor *d = &((struct op_descriptor *)m->layers.v)[layer];
	enum media_type type = media_type_parse(d->media_type);
	enum media_kind kind = media_type_kind(type);

	TRY(check_descriptor(d, err));
	*b = (struct copy_blob){ .from = d, .keys = c->o->crypt, .level = c->o->compression_level.set ? c->o->compression_level.value : -1 };
	if (kind == MEDIA_KIND_FOREIGN_LAYER)
		return fail(err, ERROR_UNSUPPORTED, "layer %s is foreign (not distributable), which is not supported", d->digest);
	enum compression is = d->toc_digest ? COMPRESSION_ZSTD_CHUNKED : media_type_compression(type);
	if (kind == MEDIA_KIND_LAYER)
		b->change = must_change(c, is, &b->compression);
	if (kind == MEDIA_KIND_ENCRYPTED_LAYER)
		TRY(plan_decryption(c, d, b, err));
	else
		plan_encryption(c, layer, m->layers.n, b);
	if (b->change && c->o->preserve_digests)
		return fail(err, ERROR_INVALID, "Instructed to preserve digests, but the layers would have to be %s for the destination",
			    b->crypt == COPY_ENCRYPT ? "encrypted" : b->crypt ? "decrypted" :
			    b->compression == COMPRESSION_NONE ? "decompressed" : "compressed");
	return 0;
}

static int plan_blobs(const struct copy *c, const struct op_manifest *m, struct copy_blob **ret, struct error *err)
{
	size_t n = m->layers.n;
	struct copy_blob *v = calloc(n + 1, sizeof(*v));
	int r = v ? 0 : fail_oom(err);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = plan_layer(c, m, i, &v[i], err);
	if (r == 0)
		r = check_descriptor(&m->config, err);
	if (r < 0) {
		free(v);
		return r;
	}
	v[n] = (struct copy_blob){ .from = &m->config, .is_config = true };
	*ret = v;
	return 0;
}

/* ---- the type of the manifest ---- */
static bool has_zstd(const struct copy_blob *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum compression c = v[i].change ? v[i].compression : media_type_compression(media_type_parse(v[i].from->media_type));
		if (c == COMPRESSION_ZSTD || c == COMPRESSION_ZSTD_CHUNKED)
			return true;
	}
	return false;
}

static bool has_encrypted(const struct copy_blob *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].crypt == COPY_ENCRYPT)
			return true;
	return false;
}

/* Artifacts are no images: Docker's family has no words for them. */
static bool is_image(const struct op_manifest *m)
{
	return media_type_kind(media_type_parse(m->config.media_type)) == MEDIA_KIND_CONFIG;
}

static int decide_type(const struct copy *c, const struct op_manifest *m, const struct copy_blob *v, enum media_type *ret,
		       struct error *err)
{
	enum media_type is = (enum media_type)m->type, want = is;

	if (c->o->format == IMAGE_FORMAT_OCI)
		want = MEDIA_OCI_MANIFEST;
	else if (c->o->format == IMAGE_FORMAT_V2S2)
		want = MEDIA_DOCKER_MANIFEST;
	want = copy_to_type(&c->to, want);
	if (want == MEDIA_DOCKER_MANIFEST && !is_image(m))
		return fail(err, ERROR_UNSUPPORTED, "this is an artifact and no image: it can only be written as OCI");
	if (want == MEDIA_DOCKER_MANIFEST && has_encrypted(v, m->layers.n)) {
		if (c->o->format == IMAGE_FORMAT_V2S2 || c->to.layers == COPY_LAYERS_PLAIN)
			return fail(err, ERROR_UNSUPPORTED, "encrypted layers can only be written in the format oci");
		want = MEDIA_OCI_MANIFEST;
	}
	if (want == MEDIA_DOCKER_MANIFEST && has_zstd(v, m->layers.n)) {
		if (c->o->format == IMAGE_FORMAT_V2S2)
			return fail(err, ERROR_UNSUPPORTED, "layers compressed with zstd cannot be written in the format v2s2 (use oci)");
		want = MEDIA_OCI_MANIFEST;
	}
	if (want != is && c->o->preserve_digests)
		return fail(err, ERROR_INVALID, "Instructed to preserve digests, but the manifest has to be converted to %s",
			    media_type_name(want));
	*ret = want;
	return 0;
}

/* ---- signatures ---- */
static int prepare_signing(struct copy *c, const struct transport_name *to, struct error *err)
{
	auto_reference identity = {};

	if (!c->o->signing)
		return 0;
	if (c->to.kind != COPY_TO_REGISTRY)
		return image_signing_refuse(c->o->signing, transport_prefix(to->transport), err);
	TRY(reference_copy(&to->reference, &c->identity, err));
	if (c->o->sign_identity) {
		TRY(reference_parse(c->o->sign_identity, &identity, err));
		if (!identity.tag && !identity.digest)
			return fail(err, ERROR_INVALID, "--sign-identity %s: want a reference with a tag or digest", c->o->sign_identity);
		TRY(reference_normalize_docker(&identity, err));
		TRY(reference_copy(&identity, &c->identity, err));
	}
	return image_signer_open(c->engine, c->o->signing, &c->o->to, &to->reference, &c->signer, err);
}

static int sign(struct copy *c, const char *digest, struct error *err)
{
	if (!c->signer.gpg_key && !c->signer.sigstore_pem)
		return 0;
	image_say(&c->o->progress, "Creating signature: Signing image using %s", c->signer.gpg_key ? "simple signing" :
		  "a sigstore signature");
	return image_signer_sign(c->engine, &c->signer, c->to.repository, &c->identity, digest, err);
}

/* ---- one image ---- */
static int write_manifest(struct copy *c, const struct source_document *d, const struct copy_blob *v, enum media_type type,
			  bool instance, struct op_descriptor *ret, struct error *err)
{
	auto_source_document changed = {};
	auto_image_signatures signatures = {};
	bool same = type == (enum media_type)d->parsed.type;
	size_t n = d->parsed.layers.n + 1;

	for (size_t i = 0; i < n; i++)
		same &= streq(v[i].digest, v[i].from->digest);
	if (!instance)
		TRY(copy_signatures_find(&c->from, c->o, d->parsed.digest, &signatures, err));
	if (!same && signatures.n)
		return fail(err, ERROR_INVALID, "Copying this image would require changing its manifest, which would invalidate existing "
			    "signatures. Consider using --remove-signatures");
	if (!same) {
		auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
		TRY(copy_edit_manifest(d, v, n, type, &text, err));
		TRY(source_read_document(c->from.source, text.data, text.len, NULL, media_type_name(type), &changed, err));
		d = &changed;
	}
	if (ret && !same) {
		ret->size = (int64_t)d->len;
		TRY(str_set(&ret->digest, d->parsed.digest, err));
		TRY(str_set(&ret->media_type, media_type_name(type), err));
	}
	if (!instance) {
		image_say(&c->o->progress, "Writing manifest to image destination");
		TRY(copy_to_manifest(&c->to, d, false, err));
		TRY(copy_signatures_put(&c->to, &signatures, d->parsed.digest, err));
		return sign(c, d->parsed.digest, err);
	}
	TRY(copy_to_manifest(&c->to, d, true, err));
	return sign(c, d->parsed.digest, err);
}

/* ret: for entries of an index: what the entry became, when it changed. */
static int copy_one(struct copy *c, const struct source_document *d, bool instance, struct op_descriptor *ret,
		    struct error *err)
{
	struct copy_blob *v = NULL;
	enum media_type type;
	size_t n = d->parsed.layers.n + 1;

	snprintf(c->to.config, sizeof(c->to.config), "%s", d->parsed.config.digest ? d->parsed.config.digest : "");
	TRY(plan_blobs(c, &d->parsed, &v, err));
	int r = decide_type(c, &d->parsed, v, &type, err);
	if (r == 0)
		r = copy_blobs(&c->from, &c->to, v, n, err);
	if (r == 0)
		r = write_manifest(c, d, v, type, instance, ret, err);
	blobs_done(v, n);
	return r;
}

/* ---- indexes ---- */
static bool is_index(const struct source_document *d)
{
	return d->parsed.type == MEDIA_OCI_INDEX || d->parsed.type == MEDIA_DOCKER_LIST;
}

static int write_index(struct copy *c, const struct source_document *d, const struct op_descriptor *now, struct error *err)
{
	auto_source_document changed = {};
	size_t n = d->parsed.layers.n;
	enum media_type type = copy_to_type(&c->to, (enum media_type)d->parsed.type);
	bool same = type == (enum media_type)d->parsed.type;

	if (c->o->format == IMAGE_FORMAT_OCI && type == MEDIA_DOCKER_LIST)
		type = MEDIA_OCI_INDEX, same = false;
	for (size_t i = 0; i < n; i++)
		same &= !now[i].digest;
	if (!same && c->o->preserve_digests)
		return fail(err, ERROR_INVALID, "Instructed to preserve digests, but the index would have to change");
	if (!same) {
		auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
		TRY(copy_edit_index(d, now, n, type, &text, err));
		TRY(source_read_document(c->from.source, text.data, text.len, NULL, media_type_name(type), &changed, err));
		d = &changed;
	}
	image_say(&c->o->progress, "Writing manifest list to image destination");
	TRY(copy_to_manifest(&c->to, d, false, err));
	return sign(c, d->parsed.digest, err);
}

static int copy_entry(struct copy *c, const struct op_descriptor *entry, struct op_descriptor *now, struct error *err)
{
	auto_source_document d = {};

	TRY(check_descriptor(entry, err));
	TRY(copy_from_manifest(&c->from, entry->digest, entry->media_type, &d, err));
	if (is_index(&d))
		return copy_to_manifest(&c->to, &d, true, err);
	return copy_one(c, &d, true, now, err);
}

static int copy_entries(struct copy *c, const struct source_document *d, struct op_descriptor *now, struct error *err)
{
	const struct op_descriptor *v = d->parsed.layers.v;

	for (size_t i = 0; i < d->parsed.layers.n; i++) {
		image_say(&c->o->progress, "Copying image %s (%zu/%zu)", v[i].digest, i + 1, d->parsed.layers.n);
		if (copy_entry(c, &v[i], &now[i], err) < 0)
			return fail_wrap(err, "copying image %zu/%zu from manifest list", i + 1, d->parsed.layers.n);
	}
	return 0;
}

static int copy_index(struct copy *c, const struct source_document *d, struct error *err)
{
	size_t n = d->parsed.layers.n;
	struct op_descriptor *now = calloc(n ? n : 1, sizeof(*now));

	if (!now)
		return fail_oom(err);
	int r = c->to.kind == COPY_TO_DOCKER ? fail(err, ERROR_UNSUPPORTED, "%s: cannot hold a manifest list", c->to.name->path ?
						    c->to.name->path : transport_prefix(c->to.name->transport)) : 0;
	if (r == 0 && c->o->multi == COPY_ALL) {
		image_say(&c->o->progress, "Copying %zu images generated from %zu images in list", n, n);
		r = copy_entries(c, d, now, err);
	}
	if (r == 0)
		r = write_index(c, d, now, err);
	for (size_t i = 0; i < n; i++) {
		free(now[i].digest);
		free(now[i].media_type);
	}
	free(now);
	return r;
}

/* The policy has the last word before anything is written. */
static int check_policy(struct copy *c, const struct source_document *d, const struct source_document *index,
			struct error *err)
{
	const struct transport_name *n = c->from.name;
	auto_strv digests = {};
	autofree char *scope = n->path ? strdup(n->path) : n->reference.path ? reference_text(&n->reference) : strdup("");
	struct image_origin origin = { .transport = n->transport, .scope = scope, .remote = &c->o->from, .digests = &digests,
				       .directory = n->transport == TRANSPORT_DIR ? n->path : NULL };

	if (c->o->from.insecure_policy || c->from.from_store)
		return 0;
	if (!scope)
		return fail_oom(err);
	TRY(strv_add(&digests, d->parsed.digest, err));
	if (index)
		TRY(strv_add(&digests, index->parsed.digest, err));
	if (c->from.registry) {
		origin.name = &n->reference;
		origin.place = &c->from.at;
	}
	return image_trust_check(c->engine, c->o->from.signature_policy, &origin, err);
}

static int copy_chosen(struct copy *c, const struct source_document *index, struct error *err)
{
	auto_source_document d = {};
	struct op_manifest m = {};

	int r = source_choose(c->from.source, index, &c->o->platform, &m, err);
	if (r < 0)
		err->kind = ERROR_INVALID, fail_wrap(err, "choosing image instance");
	else
		r = copy_from_manifest(&c->from, m.chosen.digest, m.chosen.media_type, &d, err);
	fields_done(worker_ops[OP_PARSE_MANIFEST].reply, &m);
	TRY(r);
	TRY(check_policy(c, &d, index, err));
	return copy_one(c, &d, false, NULL, err);
}

static int copy_image(struct copy *c, struct error *err)
{
	auto_source_document d = {};

	image_say(&c->o->progress, "Getting image source signatures");
	TRY(copy_from_manifest(&c->from, NULL, NULL, &d, err));
	if (!is_index(&d)) {
		if (c->o->multi == COPY_INDEX_ONLY)
			return fail(err, ERROR_INVALID, "only the index was asked for, but the source is a single image");
		TRY(check_policy(c, &d, NULL, err));
		return copy_one(c, &d, false, NULL, err);
	}
	if (c->o->multi != COPY_SYSTEM)
		TRY(check_policy(c, &d, NULL, err));
	return c->o->multi == COPY_SYSTEM ? copy_chosen(c, &d, err) : copy_index(c, &d, err);
}

int image_copy_parsed(struct engine *e, const struct transport_name *from, const char *what, const struct transport_name *to,
		      const struct image_copy *o, char *ret_digest, struct error *err)
{
	CLEANUP(copy_done) struct copy c = { .engine = e, .o = o, .from = { .shared = -1, .spool = -1 },
					     .to = { .target = { .fd = -1 }, .shared = -1, .daemon = -1 } };

	TRY(decide_compression(&c, err));
	if (copy_from_open(&c.from, e, from, what, o, err) < 0)
		return from->transport == TRANSPORT_DOCKER ? fail_wrap(err, "initializing source docker://%s", what) : -1;
	TRY(copy_to_open(&c.to, e, to, &c.from, o, err));
	TRY(prepare_signing(&c, to, err));
	TRY(copy_image(&c, err));
	TRY(copy_to_finish(&c.to, &c.from, err));
	if (ret_digest)
		snprintf(ret_digest, DIGEST_TEXT_MAX, "%s", c.to.digest);
	return 0;
}
