/* SPDX-License-Identifier: Apache-2.0
 * engine/image-sign-cmd.c - `image sign`: a signature for an image that is somewhere already, in a directory. */
#include <string.h>

#include "engine/documents.h"
#include "engine/image-list.h"
#include "engine/image-sign.h"
#include "store/layer.h"

struct target {
	struct reference name;
	struct strv digests;    /* what is signed */
};

static void target_done(struct target *t)
{
	reference_done(&t->name);
	strv_done(&t->digests);
}

/* The image itself, or with --all every entry of the list it is. */
static int take_digests(struct engine *e, const struct image_sign_options *o, const struct repository_document *doc,
			const char *what, struct target *t, struct error *err)
{
	auto_documents d = { .engine = e };
	auto_described m = {};

	TRY(documents_describe(&d, doc->bytes, doc->len, doc->media_type, NULL, &m, err));
	if (!o->all)
		return strv_add(&t->digests, m.digest, err);
	if (m.type != MEDIA_OCI_INDEX && m.type != MEDIA_DOCKER_LIST)
		return fail(err, ERROR_INVALID, "%s is not a multi-architecture image (manifest type %s)", what,
			    media_type_name((enum media_type)m.type));
	for (size_t i = 0; i < m.entries.n; i++)
		TRY(strv_add(&t->digests, DESCRIPTOR(&m.entries, i)->digest, err));
	return 0;
}

static int find_in_store(struct engine *e, const struct image_sign_options *o, const char *name, struct target *t,
			 struct error *err)
{
	auto_store_image image = {};
	autofree char *full = NULL;
	auto_repository_document doc = {};
	auto_buf manifest = BUF_INIT(MANIFEST_BYTES_MAX);
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(image_find(e, name, STORE_IMAGE_NAMES, &image, &full, err));
	if (!full)
		return fail(err, ERROR_INVALID, "cannot determine canonical Docker reference for destination %s", name);
	TRY(reference_parse(full, &t->name, err));
	TRY(store_blob_read(s, image.manifest, &manifest, err));
	doc.len = manifest.len;
	doc.bytes = buf_steal(&manifest);
	return take_digests(e, o, &doc, name, t, err);
}

static int find_in_registry(struct engine *e, const struct image_sign_options *o, const struct reference *r,
			    const char *what, struct target *t, struct error *err)
{
	auto_repository *repository = NULL;
	auto_repository_document doc = {};

	TRY(reference_copy(r, &t->name, err));
	TRY(reference_normalize_docker(&t->name, err));
	TRY(reference_default_tag(&t->name, err));
	TRY(repository_open_reference(e, &o->remote, &t->name, REPOSITORY_READ, &repository, err));
	int found = repository_get_manifest(repository, t->name.digest ? t->name.digest : t->name.tag, &doc, err);
	if (found <= 0)
		return found ? found : fail(err, ERROR_NOT_FOUND, "%s: manifest unknown", what);
	return take_digests(e, o, &doc, what, t, err);
}

static int find_target(struct engine *e, const struct image_sign_options *o, const char *name, struct target *t,
		       struct error *err)
{
	auto_transport_name n = { .index = -1 };

	TRY(transport_parse(name, &n, err));
	if (n.transport == TRANSPORT_STORAGE)
		return find_in_store(e, o, name, t, err);
	if (n.transport == TRANSPORT_DOCKER)
		return find_in_registry(e, o, &n.reference, name, t, err);
	if (n.transport == TRANSPORT_NONE)
		return fail(err, ERROR_INVALID, "parsing image name: invalid image name \"%s\", expected colon-separated "
			    "transport:reference", name);
	return fail(err, ERROR_INVALID, "cannot determine canonical Docker reference for destination %s", name);
}

int image_sign(struct engine *e, const char *name, const struct image_sign_options *o, struct error *err)
{
	CLEANUP(target_done) struct target t = {};
	autofree char *dir = NULL, *text = NULL;

	TRY(find_target(e, o, name, &t, err));
	if (o->directory)
		TRY(str_set(&dir, o->directory, err));
	else
		TRY(image_signature_dir(e, o->remote.registries_d, &t.name, &dir, err));
	text = reference_text(&t.name);
	if (!text)
		return fail_oom(err);
	for (size_t i = 0; i < t.digests.n; i++) {
		auto_buf signature = BUF_INIT((size_t)1 << 20);
		TRY(image_sign_simple(o->sign_by, NULL, text, t.digests.v[i], &signature, err));
		TRY(image_signature_save(dir, &t.name, t.digests.v[i], &signature, err));
	}
	return 0;
}
