/* SPDX-License-Identifier: Apache-2.0
 * engine/image-look.c - looking at images where they are. */
#include "engine/image-look.h"

#include <fcntl.h>
#include <string.h>

#include "conf/helpers.h"
#include "engine/image-copy-internal.h"
#include "engine/image-list.h"
#include "engine/image-remote.h"
#include "engine/named-store.h"
#include "image/policy.h"
#include "os/file.h"

#define STORE_PREFIX "containers-storage:"

void image_look_done(struct image_look *l)
{
	free(l->name);
	free(l->tag);
	source_document_done(&l->top);
	source_document_done(&l->manifest);
	free(l->config);
	strv_done(&l->tags);
	*l = (struct image_look){};
}

/* ---- documents ---- */
static bool is_index(const struct source_document *d)
{
	return d->parsed.type == MEDIA_OCI_INDEX || d->parsed.type == MEDIA_DOCKER_LIST;
}

static int copy_document(struct copy_from *f, const struct source_document *from, struct source_document *to, struct error *err)
{
	return source_read_document(f->source, from->bytes, from->len, from->parsed.digest, from->media_type, to, err);
}

static int choose(struct copy_from *f, const struct image_copy *o, struct image_look *l, struct error *err)
{
	struct op_manifest m = {};

	if (!is_index(&l->top))
		return copy_document(f, &l->top, &l->manifest, err);
	int r = source_choose(f->source, &l->top, &o->platform, &m, err);
	if (r < 0)
		err->kind = ERROR_INVALID, fail_wrap(err, "parsing manifest for image: choosing image instance");
	else
		r = copy_from_manifest(f, m.chosen.digest, m.chosen.media_type, &l->manifest, err);
	fields_done(worker_ops[OP_PARSE_MANIFEST].reply, &m);
	return r;
}

static int read_config(struct copy_from *f, struct image_look *l, struct error *err)
{
	const struct op_descriptor *d = &l->manifest.parsed.config;
	struct blob_place p = { .fd = -1, .owned_fd = -1 };

	if (media_type_kind(media_type_parse(d->media_type)) != MEDIA_KIND_CONFIG)
		return fail(err, ERROR_UNSUPPORTED, "the config has the type \"%.100s\": this is no container image",
			    d->media_type ? d->media_type : "");
	if (f->registry)
		return source_get_config(f->source, d, NULL, &l->config, &l->config_len, err);
	TRY(copy_from_place(f, d->digest, &p, err));
	int r = source_get_config(f->source, d, &p, &l->config, &l->config_len, err);
	close_p(&p.owned_fd);
	return r;
}

/* ---- names ---- */
static int parse_name(const char *name, struct transport_name *t, char **ret_what, struct error *err)
{
	const char *in_store = str_after(name, STORE_PREFIX);

	if (in_store) {
		const char *end = *in_store == '[' ? strchr(in_store, ']') : NULL;
		t->transport = TRANSPORT_STORAGE;
		in_store = end ? end + 1 : in_store;
		return str_set(ret_what, *in_store == '@' ? in_store + 1 : in_store, err);
	}
	if (image_copy_name(name, t, err) < 0)
		return fail_wrap(err, "Error parsing image name \"%s\"", name);
	*ret_what = t->path ? strdup(t->path) : reference_text(&t->reference);
	return *ret_what ? 0 : fail_oom(err);
}

static int note_name(const struct transport_name *t, struct image_look *l, struct error *err)
{
	if (t->transport != TRANSPORT_DOCKER)
		return 0;
	l->name = reference_name(&t->reference);
	return l->name ? str_set(&l->tag, t->reference.tag, err) : fail_oom(err);
}

int image_look(struct engine *e, const char *name, const struct image_copy *o, unsigned want, struct image_look *ret,
	       struct error *err)
{
	auto_named_store store = {};
	CLEANUP(copy_from_done) struct copy_from f = { .shared = -1, .spool = -1 };
	auto_transport_name t = { .index = -1 };
	auto_image_look l = {};
	autofree char *what = NULL;

	TRY(named_store_find(e, name, &store, err));
	if (store.is_other)
		e = &store.engine;
	TRY(parse_name(name, &t, &what, err));
	if (copy_from_open(&f, e, &t, what, o, err) < 0) {
		if (t.transport == TRANSPORT_STORAGE && err->kind == ERROR_NOT_FOUND)
			return fail(err, ERROR_NOT_FOUND, "Error parsing image name \"%s\": reference \"%s\" does not resolve to an image ID",
				    name, what);
		return fail_wrap(err, "Error parsing image name \"%s\"", name);
	}
	TRY(note_name(&t, &l, err));
	if (copy_from_manifest(&f, NULL, NULL, &l.top, err) < 0)
		return fail_wrap(err, "Error retrieving manifest for image");
	if (want & IMAGE_LOOK_CONFIG) {
		TRY(choose(&f, o, &l, err));
		TRY(read_config(&f, &l, err));
	}
	if ((want & IMAGE_LOOK_TAGS) && f.registry && source_list_tags(f.source, &l.tags, err) < 0) {
		if (err->kind != ERROR_DENIED && err->kind != ERROR_NOT_FOUND)
			return fail_wrap(err, "Error determining repository tags");
		log_warn(e->log, "Registry disallows tag list retrieval; skipping");
	}
	*ret = l;
	l = (struct image_look){};
	return 0;
}

/* ---- tags ---- */
static int tags_of_archive(struct engine *e, const struct transport_name *t, struct strv *ret, struct error *err)
{
	CLEANUP(copy_from_done) struct copy_from f = { .shared = -1, .spool = -1 };
	const struct transport_name first = { .transport = t->transport, .path = t->path, .index = 0 };
	struct image_copy o = {};

	TRY(copy_from_open(&f, e, &first, t->path, &o, err));
	const struct op_archive *a = source_archive(f.source);
	for (size_t i = 0; i < a->images.n; i++)
		TRY(strv_copy(ret, &((struct op_archive_entry *)a->images.v)[i].names, err));
	return 0;
}

int image_list_tags(struct engine *e, const char *name, const struct image_remote *o, struct strv *ret,
		    char **ret_repository, struct error *err)
{
	auto_transport_name t = { .index = -1 };
	auto_repository *r = NULL;

	if (image_copy_name(name, &t, err) < 0)
		return fail_wrap(err, "Invalid source name %s", name);
	if (t.transport == TRANSPORT_DOCKER_ARCHIVE)
		return tags_of_archive(e, &t, ret, err);
	if (t.transport != TRANSPORT_DOCKER)
		return fail(err, ERROR_UNSUPPORTED, "Unsupported transport '%s' for tag listing. Only supported: docker, "
			    "docker-archive", transport_prefix(t.transport));
	TRY(repository_open_reference(e, o, &t.reference, REPOSITORY_READ, &r, err));
	if (repository_list_tags(r, ret, err) < 0)
		return fail_wrap(err, "Error listing repository tags");
	*ret_repository = reference_name(&t.reference);
	return *ret_repository ? 0 : fail_oom(err);
}

/* ---- deleting ---- */
int image_delete_remote(struct engine *e, const char *name, const struct image_remote *o, struct error *err)
{
	auto_transport_name t = { .index = -1 };
	auto_repository *r = NULL;
	auto_repository_document d = {};

	if (image_copy_name(name, &t, err) < 0)
		return fail_wrap(err, "Invalid source name %s", name);
	if (t.transport != TRANSPORT_DOCKER)
		return fail(err, ERROR_UNSUPPORTED, "Deleting images not implemented for %s: images", transport_prefix(t.transport));
	TRY(repository_open_reference(e, o, &t.reference, REPOSITORY_DELETE, &r, err));
	int found = repository_get_manifest(r, t.reference.digest ? t.reference.digest : t.reference.tag, &d, err);
	if (found > 0)
		found = repository_delete_manifest(r, d.digest, err);
	if (found == 0)
		return fail(err, ERROR_NOT_FOUND, "Unable to delete %s. Image may not exist or is not stored with a v2 Schema in a v2 "
			    "registry", name);
	return found < 0 ? fail_wrap(err, "Failed to delete %s", name) : 0;
}
