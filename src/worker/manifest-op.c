/* SPDX-License-Identifier: Apache-2.0
 * worker/manifest-op.c - OP_PARSE_MANIFEST, OP_DESCRIBE_MANIFEST and OP_PARSE_CONFIG: bytes are hashed, compared with the digest the caller
 * expects, and only then parsed; what goes back are checked digests, sizes and types. */
#include <string.h>

#include "os/file.h"
#include "worker/hash.h"
#include "worker/role.h"

struct document {
	char *bytes;
	size_t len;
	char digest[DIGEST_TEXT_MAX];
};

static void document_done(struct document *d)
{
	free(d->bytes);
}

static int read_document(const struct request *r, const char *what, size_t max, struct document *d, struct error *err)
{
	const struct op_parse *a = r->args;
	auto_hash hash = {};

	if (r->n_fds != 1 || lseek(r->fds[0], 0, SEEK_SET) < 0)
		return fail(err, ERROR_INVALID, "%s: bad request", what);
	TRY(file_read_fd(r->fds[0], what, max, &d->bytes, &d->len, err));
	if (a->size >= 0 && (uint64_t)a->size != d->len)
		return fail(err, ERROR_CORRUPT, "%s: %zu bytes came, %lld were announced", what, d->len, (long long)a->size);
	TRY(hash_init_like(&hash, a->digest, err));
	hash_add(&hash, d->bytes, d->len);
	return hash_expect(what, hash_text(&hash, d->digest), a->digest, err);
}

static int copy_descriptor(const struct oci_descriptor *from, struct op_descriptor *to, struct error *err)
{
	to->size = from->size;
	TRY(str_set(&to->media_type, from->media_type, err));
	TRY(str_set(&to->enc_jwe, strmap_get(&from->annotations, MEDIA_ENC_JWE), err));
	TRY(str_set(&to->enc_pubopts, strmap_get(&from->annotations, MEDIA_ENC_PUBOPTS), err));
	bool old = !strmap_get(&from->annotations, MEDIA_TOC_PLACE);
	TRY(str_set(&to->toc_place, strmap_get(&from->annotations, old ? MEDIA_TOC_PLACE_OLD : MEDIA_TOC_PLACE), err));
	TRY(str_set(&to->toc_digest, strmap_get(&from->annotations, old ? MEDIA_TOC_DIGEST_OLD : MEDIA_TOC_DIGEST), err));
	return str_set(&to->digest, from->digest, err);
}

static int copy_descriptors(const struct list *from, struct list *to, struct error *err)
{
	for (size_t i = 0; i < from->n; i++) {
		struct op_descriptor *d = list_add(to, sizeof(*d), err);
		if (!d)
			return -1;
		TRY(copy_descriptor(DESCRIPTOR(from, i), d, err));
	}
	return 0;
}

static int answer(const struct oci_manifest *m, const struct op_parse *a, struct op_manifest *ret, struct error *err)
{
	const struct oci_descriptor *chosen;

	ret->type = m->type;
	TRY(str_set(&ret->artifact_type, m->artifact_type, err));
	if (!oci_manifest_is_index(m)) {
		TRY(copy_descriptor(&m->config, &ret->config, err));
		return copy_descriptors(&m->layers, &ret->layers, err);
	}
	if (a->whole_index)
		return copy_descriptors(&m->manifests, &ret->layers, err);
	TRY(oci_index_choose(m, &a->platform, &chosen, err));
	return copy_descriptor(chosen, &ret->chosen, err);
}

int op_parse_manifest(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_parse *a = r->args;
	struct op_manifest *ret = reply;
	CLEANUP(document_done) struct document d = {};
	auto_manifest m = {};

	(void)w;
	TRY(read_document(r, "manifest", MANIFEST_BYTES_MAX, &d, err));
	TRY(oci_manifest_parse(d.bytes, d.len, media_type_parse(a->media_type), &m, err));
	ret->size = (int64_t)d.len;
	TRY(str_set(&ret->digest, d.digest, err));
	return answer(&m, a, ret, err);
}

int op_parse_config(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	struct op_config *ret = reply;
	CLEANUP(document_done) struct document d = {};
	auto_image_config c = {};

	(void)w;
	TRY(read_document(r, "image config", CONFIG_BYTES_MAX, &d, err));
	TRY(image_config_parse(d.bytes, d.len, &c, err));
	ret->size = (int64_t)d.len;
	TRY(str_set(&ret->digest, d.digest, err));
	TRY(str_set(&ret->os, c.platform.os, err));
	TRY(str_set(&ret->architecture, c.platform.architecture, err));
	TRY(str_set(&ret->variant, c.platform.variant, err));
	TRY(str_set(&ret->created, c.created, err));
	TRY(strmap_copy(&ret->labels, &c.config.labels, err));
	return strv_copy(&ret->diff_ids, &c.diff_ids, err);
}

/* ---- everything ---- */
static int indent(const struct document *d, char **ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = MANIFEST_BYTES_MAX, .unique_keys = true };
	auto_buf text = BUF_INIT(4 * MANIFEST_BYTES_MAX);
	auto_json *tree = NULL;

	TRY(json_parse("manifest", d->bytes, d->len, &limits, &tree, err));
	json_format(&text, tree, 4);
	TRY(buf_ok(&text, "manifest", err));
	*ret = buf_steal(&text);
	return *ret ? 0 : fail_oom(err);
}

int op_describe_manifest(struct worker_state *w, const struct request *r, void *reply, struct error *err)
{
	const struct op_describe *a = r->args;
	struct op_parse parse = { .digest = a->digest, .size = -1 };
	struct request inner = *r;
	struct op_described *ret = reply;
	CLEANUP(document_done) struct document d = {};
	auto_manifest m = {};

	(void)w;
	inner.args = &parse;
	TRY(read_document(&inner, "manifest", MANIFEST_BYTES_MAX, &d, err));
	TRY(oci_manifest_parse(d.bytes, d.len, media_type_parse(a->media_type ? a->media_type : ""), &m, err));
	ret->size = (int64_t)d.len;
	ret->type = m.type;
	TRY(str_set(&ret->digest, d.digest, err));
	TRY(indent(&d, &ret->text, err));
	ret->artifact_type = take_ptr(m.artifact_type);
	if (m.subject)
		ret->subject = take_ptr(m.subject->digest);
	ret->annotations = m.annotations;
	m.annotations = (struct strmap){};
	ret->config = m.config;
	m.config = (struct oci_descriptor){};
	struct list *entries = oci_manifest_is_index(&m) ? &m.manifests : &m.layers;
	ret->entries = *entries;
	*entries = (struct list){};
	return 0;
}
