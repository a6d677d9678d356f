/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy-sign.c - signatures that exist go along: "simple signing" ones from a lookaside or a dir: directory, to
 * one or the other. They name a digest, so a manifest that had to change cannot keep them: that is an error, as in
 * Skopeo, unless the signatures are to be left behind. (Attached sigstore signatures are images of their own.) */
#include <string.h>

#include "engine/documents.h"
#include "engine/image-copy-internal.h"
#include "engine/image-sign.h"
#include "engine/image-trust.h"

static int find_at(struct engine *e, const struct transport_name *n, const struct reference *place,
		   const struct image_remote *remote, const char *digest, struct list *ret, struct error *err)
{
	auto_documents d = { .engine = e };
	auto_strv digests = {};
	struct image_origin o = { .transport = n->transport, .remote = remote, .digests = &digests,
				  .directory = n->transport == TRANSPORT_DIR ? n->path : NULL };
	const struct signature_query q = { .digest = digest, .simple = true };

	TRY(strv_add(&digests, digest, err));
	if (!n->path) {
		o.name = &n->reference;
		o.place = place;
	}
	return image_signatures_find(e, &d, &o, &q, ret, err);
}

static bool has_signatures(const struct transport_name *n)
{
	return n->transport == TRANSPORT_DIR || n->transport == TRANSPORT_DOCKER || n->transport == TRANSPORT_NONE;
}

static bool is_among(const struct list *l, const struct buf *bytes)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct buf *b = &SIGNATURE(l, i)->bytes;
		if (b->len == bytes->len && memcmp(b->data, bytes->data, b->len) == 0)
			return true;
	}
	return false;
}

static int to_directory(struct copy_to *t, const struct list *found, struct error *err)
{
	char name[32];

	for (size_t i = 0; i < found->n; i++) {
		snprintf(name, sizeof(name), "signature-%zu", i + 1);
		TRY(image_target_bytes(&t->target, name, SIGNATURE(found, i)->bytes.data, SIGNATURE(found, i)->bytes.len, err));
	}
	return 0;
}

static int to_lookaside(struct copy_to *t, const struct list *found, const char *digest, struct error *err)
{
	const struct reference *name = &t->name->reference;
	auto_image_signatures there = {};
	autofree char *dir = NULL;

	TRY(image_signature_dir(t->engine, t->o->to.registries_d, name, &dir, err));
	TRY(find_at(t->engine, t->name, name, &t->o->to, digest, &there, err));
	for (size_t i = 0; i < found->n; i++)
		if (!is_among(&there, &SIGNATURE(found, i)->bytes))
			TRY(image_signature_save(dir, name, digest, &SIGNATURE(found, i)->bytes, err));
	return 0;
}

int copy_signatures_find(struct copy_from *f, const struct image_copy *o, const char *digest, struct list *ret,
			 struct error *err)
{
	if (o->remove_signatures || f->from_store || !has_signatures(f->name))
		return 0;
	return find_at(f->engine, f->name, &f->at, &o->from, digest, ret, err);
}

int copy_signatures_put(struct copy_to *t, const struct list *found, const char *digest, struct error *err)
{
	if (!found->n)
		return 0;
	image_say(&t->o->progress, "Storing signatures");
	if (t->kind == COPY_TO_DIR)
		return to_directory(t, found, err);
	if (t->kind == COPY_TO_REGISTRY)
		return to_lookaside(t, found, digest, err);
	return fail(err, ERROR_UNSUPPORTED, "Can not copy signatures to %s: use --remove-signatures", transport_prefix(t->name->transport));
}
