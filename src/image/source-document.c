/* SPDX-License-Identifier: Apache-2.0
 * image/source-document.c - manifests as bytes, for copies that unpack nothing. */
#include <string.h>

#include "image/source-internal.h"
#include "os/file.h"

void source_document_done(struct source_document *d)
{
	free(d->bytes);
	free(d->media_type);
	fields_done(worker_ops[OP_PARSE_MANIFEST].reply, &d->parsed);
	*d = (struct source_document){};
}

struct worker *source_parser(const struct source *s)
{
	return s->parse;
}

struct worker *source_fetcher(const struct source *s, int64_t *ret_endpoint)
{
	*ret_endpoint = s->endpoint;
	return s->fetch;
}

void source_share_blobs(struct source *s, int dirfd)
{
	s->shared = dirfd;
}

/* What to ask for, and what is known of it before it comes. */
struct wanted {
	const char *name, *digest, *media_type;
	int64_t size;
};

static int decide(struct source *s, const char *which, size_t index, struct wanted *w, struct error *err)
{
	bool is_digest = which && digest_is_valid(which);

	*w = (struct wanted){ which, is_digest ? which : NULL, NULL, -1 };
	if (s->kind == SOURCE_REGISTRY || is_digest)
		return 0;
	if (s->archive.format == ARCHIVE_DOCKER)
		return fail(err, ERROR_UNSUPPORTED, "%s: a docker archive has no manifest", s->what);
	if (index >= s->archive.images.n)
		return fail(err, ERROR_NOT_FOUND, "%s: there is no image %zu", s->what, index);
	const struct op_archive_entry *e = &((struct op_archive_entry *)s->archive.images.v)[index];
	*w = (struct wanted){ e->digest ? e->digest : "manifest.json", e->digest, e->media_type, e->size };
	return 0;
}

static int parse(struct source *s, int fd, const struct wanted *w, struct source_document *d, struct error *err)
{
	struct op_parse q = { .digest = (char *)(uintptr_t)w->digest, .size = w->size, .media_type = d->media_type,
			      .whole_index = true };

	TRY(source_worker(s, WORKER_ARCHIVE, NULL, &s->parse, err));
	TRY(worker_call(s->parse, OP_PARSE_MANIFEST, &q, &fd, 1, &d->parsed, NULL, err));
	TRY(source_check_digest(d->parsed.digest, "manifest", err));
	return source_slurp(fd, "manifest", MANIFEST_BYTES_MAX, &d->bytes, &d->len, err);
}

int source_get_document(struct source *s, const char *which, size_t index, const char *media_type,
			struct source_document *ret, struct error *err)
{
	auto_source_document d = {};
	struct wanted w;

	TRY(decide(s, which, index, &w, err));
	autoclose int fd = source_document(s, w.name, MANIFEST_BYTES_MAX, &d.media_type, err);
	if (fd < 0)
		return -1;
	if (media_type || w.media_type)
		TRY(str_set(&d.media_type, media_type ? media_type : w.media_type, err));
	TRY(parse(s, fd, &w, &d, err));
	*ret = d;
	d = (struct source_document){};
	return 0;
}

int source_read_document(struct source *s, const void *bytes, size_t len, const char *digest, const char *media_type,
			 struct source_document *ret, struct error *err)
{
	auto_source_document d = {};
	struct wanted w = { NULL, digest, NULL, (int64_t)len };
	autoclose int fd = file_memfd_data("umiak-document", bytes, len, err);

	if (fd < 0)
		return -1;
	TRY(str_set(&d.media_type, media_type, err));
	TRY(parse(s, fd, &w, &d, err));
	*ret = d;
	d = (struct source_document){};
	return 0;
}

int source_choose(struct source *s, const struct source_document *index, const struct platform *platform,
		  struct op_manifest *ret, struct error *err)
{
	struct op_parse q = { .digest = index->parsed.digest, .size = (int64_t)index->len, .media_type = index->media_type };
	autoclose int fd = file_memfd_data("umiak-document", index->bytes, index->len, err);

	if (fd < 0)
		return -1;
	if (platform)
		q.platform = *platform;
	TRY(worker_call(s->parse, OP_PARSE_MANIFEST, &q, &fd, 1, ret, NULL, err));
	return source_check_digest(ret->chosen.digest, "manifest", err);
}

int source_verify(struct source *s, const struct blob_place *p, const char *digest, struct error *err)
{
	struct op_digest q = { .offset = p->offset, .size = p->size };
	struct op_digested d = {};
	struct digest want;

	TRY(digest_parse(digest, &want, err));
	q.algorithm = want.algorithm;
	TRY(source_worker(s, WORKER_ARCHIVE, NULL, &s->parse, err));
	TRY(worker_call(s->parse, OP_DIGEST, &q, &p->fd, 1, &d, NULL, err));
	int r = streq0(d.digest, digest) ? 0 : fail(err, ERROR_CORRUPT, "blob %s: its bytes have the digest %s", digest, d.digest);
	free(d.digest);
	return r;
}

int source_get_config(struct source *s, const struct op_descriptor *d, const struct blob_place *p, char **ret,
		      size_t *ret_len, struct error *err)
{
	struct op_parse q = { .digest = d->digest, .size = d->size };
	struct op_config c = {};
	autoclose int fd = p ? source_copy_range(p, CONFIG_BYTES_MAX, "config", err) :
		source_document(s, d->digest, CONFIG_BYTES_MAX, NULL, err);

	if (fd < 0)
		return -1;
	TRY(worker_call(s->parse, OP_PARSE_CONFIG, &q, &fd, 1, &c, NULL, err));
	fields_done(worker_ops[OP_PARSE_CONFIG].reply, &c);
	return source_slurp(fd, "config", CONFIG_BYTES_MAX, ret, ret_len, err);
}
