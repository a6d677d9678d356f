/* SPDX-License-Identifier: Apache-2.0
 * engine/sigstore-sign.c - a sigstore signature is a layer (the payload) of the image "sha256-<hex>.sig" in the same
 * repository, with the signature in its annotations. Signatures that are there stay. */
#include <string.h>
#include <time.h>

#include "config.h"

#include "engine/documents.h"
#include "engine/image-sign.h"
#include "image/payload.h"

#define SIMPLE_SIGNING "application/vnd.dev.cosign.simplesigning.v1+json"
#define SIGNATURE_ANNOTATION "dev.cosignproject.cosign/signature"

static int make_layer(struct engine *e, const struct image_signer *s, struct repository *repository,
		      const struct op_signed *claim, struct oci_descriptor *ret, struct error *err)
{
	auto_documents d = { .engine = e };
	auto_buf payload = BUF_INIT(PAYLOAD_BYTES_MAX);
	struct op_sign q = { .key = s->sigstore_pem, .passphrase = s->passphrase };
	struct op_signature a = {};
	char digest[DIGEST_TEXT_MAX];

	TRY(payload_format(claim, true, &payload, err));
	if (documents_ask(&d, OP_SIGN_SIGSTORE, &q, payload.data, payload.len, &a, err) < 0)
		return s->passphrase ? -1 : fail_wrap(err, "(a passphrase is taken from --sign-passphrase-file)");
	int r = strmap_set(&ret->annotations, SIGNATURE_ANNOTATION, a.signature ? a.signature : "", err);
	free(a.signature);
	TRY(r);
	TRY(repository_put_blob(repository, payload.data, payload.len, digest, err));
	ret->size = (int64_t)payload.len;
	TRY(str_set(&ret->media_type, SIMPLE_SIGNING, err));
	return str_set(&ret->digest, digest, err);
}

static int save_descriptor(struct json_object *layers, const struct oci_descriptor *l, struct error *err)
{
	struct json_object *o = NULL;

	TRY(fields_save(oci_descriptor_rows, FIELD_COLUMN_JSON, l, &o, err));
	return json_object_array_add(layers, o) < 0 ? fail_oom(err) : 0;
}

/* A config whose diff-ids are the payloads: they are not compressed. */
static int put_config(struct repository *repository, const struct list *layers, const struct oci_descriptor *more,
		      struct oci_descriptor *ret, struct error *err)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);
	char digest[DIGEST_TEXT_MAX];

	buf_add_str(&text, "{\"architecture\":\"\",\"os\":\"\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	for (size_t i = 0; i < layers->n; i++)
		buf_addf(&text, "\"%s\",", DESCRIPTOR(layers, i)->digest);
	buf_addf(&text, "\"%s\"]}}", more->digest);
	TRY(buf_ok(&text, "config", err));
	TRY(repository_put_blob(repository, text.data, text.len, digest, err));
	ret->size = (int64_t)text.len;
	TRY(str_set(&ret->media_type, media_type_name(MEDIA_OCI_CONFIG), err));
	return str_set(&ret->digest, digest, err);
}

static int put_manifest(struct repository *repository, const char *tag, const struct oci_descriptor *config,
			const struct list *layers, const struct oci_descriptor *more, struct error *err)
{
	auto_json *doc = json_object_new_object();
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	struct json_object *list = json_object_new_array(), *o = NULL;

	if (!doc || !list || json_add(doc, "schemaVersion", json_object_new_int(2), err) < 0)
		return fail_oom(err);
	TRY(json_add_str(doc, "mediaType", media_type_name(MEDIA_OCI_MANIFEST), err));
	TRY(fields_save(oci_descriptor_rows, FIELD_COLUMN_JSON, config, &o, err));
	TRY(json_add(doc, "config", o, err));
	TRY(json_add(doc, "layers", list, err));
	for (size_t i = 0; i < layers->n; i++)
		TRY(save_descriptor(list, DESCRIPTOR(layers, i), err));
	TRY(save_descriptor(list, more, err));
	json_format(&text, doc, 0);
	TRY(buf_ok(&text, "manifest", err));
	return repository_put_manifest(repository, tag, media_type_name(MEDIA_OCI_MANIFEST), text.data, text.len, NULL, err);
}

static void descriptor_done(struct oci_descriptor *d)
{
	fields_done(oci_descriptor_rows, d);
}

int image_sign_sigstore(struct engine *e, const struct image_signer *s, struct repository *repository,
			const struct reference *to, const char *digest, struct error *err)
{
	CLEANUP(descriptor_done) struct oci_descriptor layer = {}, config = {};
	auto_repository_document old = {};
	auto_described m = {};
	auto_documents d = { .engine = e };
	autofree char *name = reference_text(to);
	struct op_signed claim = { .reference = name, .digest = (char *)(uintptr_t)digest,
				   .creator = (char *)(uintptr_t)"umiak " UMIAK_VERSION, .time = (int64_t)time(NULL) };
	char tag[DIGEST_TEXT_MAX + 8];

	if (!name)
		return fail_oom(err);
	snprintf(tag, sizeof(tag), "%s.sig", digest);
	*strchr(tag, ':') = '-';
	TRY(make_layer(e, s, repository, &claim, &layer, err));
	int there = repository_get_manifest(repository, tag, &old, err);
	if (there < 0 || (there && documents_describe(&d, old.bytes, old.len, old.media_type, NULL, &m, err) < 0))
		return -1;
	TRY(put_config(repository, &m.entries, &layer, &config, err));
	return put_manifest(repository, tag, &config, &m.entries, &layer, err);
}
