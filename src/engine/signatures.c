/* SPDX-License-Identifier: Apache-2.0
 * engine/signatures.c - finding signatures of a manifest. What is there is material to be verified, nothing more. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "conf/registries-d.h"
#include "engine/documents.h"
#include "engine/image-trust.h"
#include "os/file.h"

#define SIGNATURES_MAX 128
#define SIGNATURE_BYTES_MAX ((size_t)4 << 20)
#define SIMPLE_SIGNING "application/vnd.dev.cosign.simplesigning.v1+json"

static void signature_done(struct image_signature *s)
{
	buf_done(&s->bytes);
	free(s->signature);
	free(s->certificate);
	free(s->chain);
	free(s->bundle);
}

void image_signatures_done(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		signature_done(SIGNATURE(l, i));
	free(l->v);
	*l = (struct list){};
}

/* One more, empty. NULL: too many, or no memory. */
static struct image_signature *add(struct list *l, struct error *err)
{
	if (l->n >= SIGNATURES_MAX) {
		(void)fail(err, ERROR_INVALID, "more than %d signatures", SIGNATURES_MAX);
		return NULL;
	}
	struct image_signature *s = list_add(l, sizeof(*s), err);
	if (s)
		s->bytes = BUF_INIT(SIGNATURE_BYTES_MAX);
	return s;
}

/* ---- files ---- */
/* 1; 0: there is no such file. */
static int take_file(const char *path, struct list *to, struct error *err)
{
	autofree char *bytes = NULL;
	size_t len;
	int r = file_read(AT_FDCWD, path, SIGNATURE_BYTES_MAX, &bytes, &len, err);

	if (r <= 0)
		return r;
	struct image_signature *s = add(to, err);
	if (!s)
		return -1;
	buf_add(&s->bytes, bytes, len);
	return buf_ok(&s->bytes, path, err) < 0 ? -1 : 1;
}

static int find_in_directory(const char *directory, struct list *to, struct error *err)
{
	int r = 1;

	for (int i = 1; r == 1 && i <= SIGNATURES_MAX; i++) {
		autofree char *path = NULL;
		TRY(str_printf(&path, err, "%s/signature-%d", directory, i));
		r = take_file(path, to, err);
	}
	return r;
}

/* ---- lookaside ---- */
struct finder {
	struct engine *engine;
	struct documents *documents;
	const struct image_origin *o;
	const char *digest;
	struct repository *repository;
	struct list *to;
};

static int need_repository(struct finder *f, struct error *err)
{
	if (f->repository)
		return 0;
	return repository_open_reference(f->engine, f->o->remote, f->o->place ? f->o->place : f->o->name, REPOSITORY_READ,
					 &f->repository, err);
}

static int take_url(struct finder *f, const char *url, struct error *err)
{
	struct op_get q = { .reference = (char *)(uintptr_t)url, .size = -1, .max = (int64_t)SIGNATURE_BYTES_MAX };
	autoclose int fd = file_memfd("umiak-signature", err);
	autofree char *bytes = NULL;
	size_t len;

	if (fd < 0)
		return -1;
	TRY(need_repository(f, err));
	if (worker_call(repository_worker(f->repository), OP_GET_URL, &q, &fd, 1, NULL, NULL, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : fail_wrap(err, "reading signature from %s", url);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	TRY(file_read_fd(fd, url, SIGNATURE_BYTES_MAX, &bytes, &len, err));
	struct image_signature *s = add(f->to, err);
	if (!s)
		return -1;
	buf_add(&s->bytes, bytes, len);
	return buf_ok(&s->bytes, url, err) < 0 ? -1 : 1;
}

static int find_in_lookaside(struct finder *f, const char *base, struct error *err)
{
	const char *file = str_after(base, "file://"), *colon = strchr(f->digest, ':');
	int r = 1;

	for (int i = 1; r == 1 && i <= SIGNATURES_MAX; i++) {
		autofree char *url = NULL;
		TRY(str_printf(&url, err, "%s/%s@%.*s=%s/signature-%d", file ? file : base, f->o->name->path,
			       (int)(colon - f->digest), f->digest, colon + 1, i));
		r = file ? take_file(url, f->to, err) : take_url(f, url, err);
	}
	return r;
}

/* ---- sigstore attachments ---- */
static int take_annotations(const struct strmap *from, struct image_signature *s, struct error *err)
{
	TRY(str_set(&s->signature, strmap_get(from, "dev.cosignproject.cosign/signature"), err));
	TRY(str_set(&s->certificate, strmap_get(from, "dev.sigstore.cosign/certificate"), err));
	TRY(str_set(&s->chain, strmap_get(from, "dev.sigstore.cosign/chain"), err));
	return str_set(&s->bundle, strmap_get(from, "dev.sigstore.cosign/bundle"), err);
}

static int take_layer(struct finder *f, const struct oci_descriptor *layer, struct error *err)
{
	auto_repository_document payload = {};

	if (!streq0(layer->media_type, SIMPLE_SIGNING))
		return 0;
	TRY(repository_get_blob(f->repository, layer->digest, SIGNATURE_BYTES_MAX, &payload, err));
	struct image_signature *s = add(f->to, err);
	if (!s)
		return -1;
	s->sigstore = true;
	buf_add(&s->bytes, payload.bytes, payload.len);
	TRY(buf_ok(&s->bytes, "signature", err));
	return take_annotations(&layer->annotations, s, err);
}

static int find_attachments(struct finder *f, struct error *err)
{
	auto_repository_document doc = {};
	auto_described m = {};
	char tag[DIGEST_TEXT_MAX + 8];

	snprintf(tag, sizeof(tag), "%s.sig", f->digest);
	*strchr(tag, ':') = '-';
	TRY(need_repository(f, err));
	int r = repository_get_manifest(f->repository, tag, &doc, err);
	if (r <= 0)
		return r;
	TRY(documents_describe(f->documents, doc.bytes, doc.len, doc.media_type, NULL, &m, err));
	for (size_t i = 0; i < m.entries.n; i++)
		TRY(take_layer(f, DESCRIPTOR(&m.entries, i), err));
	return 0;
}

int image_signatures_find(struct engine *e, struct documents *d, const struct image_origin *o,
			  const struct signature_query *q, struct list *ret, struct error *err)
{
	struct finder f = { e, d, o, q->digest, NULL, ret };
	auto_lookaside at = {};
	autofree char *name = o->name ? reference_text(o->name) : NULL;
	int r = 0;

	if (o->directory)
		return q->simple ? find_in_directory(o->directory, ret, err) : 0;
	if (!name || !o->remote || !digest_is_valid(q->digest))
		return 0;
	TRY(lookaside_find(&e->paths, o->remote->registries_d, name, &at, err));
	if (q->simple)
		r = find_in_lookaside(&f, at.read, err);
	if (r >= 0 && q->sigstore && at.attachments)
		r = find_attachments(&f, err);
	repository_free(f.repository);
	return r < 0 ? r : 0;
}
