/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy-from.c - sources of a copy: registries, archives and directories through image/source.h, the store
 * by itself. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/helpers.h"
#include "engine/image-copy-internal.h"
#include "engine/image-local.h"
#include "engine/image-remote.h"
#include "os/file.h"
#include "store/layer.h"

void copy_from_done(struct copy_from *f)
{
	for (size_t i = 0; f->places && i < f->docker.layers.n; i++)
		close_p(&f->places[i].owned_fd);
	free(f->places);
	source_image_done(&f->docker);
	source_free(f->source);
	image_out_done(&f->out);
	reference_done(&f->at);
	close_p(&f->shared);
	close_p(&f->spool);
	*f = (struct copy_from){ .shared = -1, .spool = -1 };
}

/* ---- registries: mirrors first, the registry itself last ---- */
static int open_place(struct copy_from *f, const struct registries_conf *conf, const struct registry_source *place,
		      const struct image_copy *o, struct error *err)
{
	auto_endpoint ep = {};
	auto_source_document probe = {};
	auto_reference at = {};

	TRY(reference_parse(place->name, &at, err));
	TRY(reference_default_tag(&at, err));
	TRY(endpoint_params(f->engine, &o->from, conf, &at, place->insecure, &ep, err));
	TRY(source_open_registry(f->source, &ep, &ep.cert_dirs, err));
	reference_done(&f->at);
	f->at = at;
	at = (struct reference){};
	return place->mirror ? copy_from_manifest(f, NULL, NULL, &probe, err) : 0;
}

static int open_registry(struct copy_from *f, const struct image_copy *o, struct error *err)
{
	CLEANUP(registries_conf_done) struct registries_conf conf = {};
	CLEANUP(registry_sources_done) struct list places = {};
	autofree char *text = reference_text(&f->name->reference);
	int r = -1;

	if (!text)
		return fail_oom(err);
	f->registry = true;
	TRY(registries_conf_load(&conf, &f->engine->paths, err));
	TRY(registries_conf_sources(&conf, text, &places, err));
	for (size_t i = 0; r < 0 && i < places.n; i++) {
		const struct registry_source *place = &((struct registry_source *)places.v)[i];
		r = open_place(f, &conf, place, o, err);
		if (r < 0)
			log_debug(f->engine->log, "%s: %s", place->name, err->text);
	}
	return r;
}

/* ---- archives and directories ---- */
static bool is_compressed(const struct blob_place *p)
{
	unsigned char head[COMPRESSION_MAGIC_BYTES];
	ssize_t n = pread(p->fd, head, p->size < (int64_t)sizeof(head) ? (size_t)p->size : sizeof(head), p->offset);

	return n > 0 && compression_detect(head, (size_t)n) != COMPRESSION_NONE;
}

/* The config names the tar's digest: a layer that was compressed inside the archive is unrolled. */
static int unroll(struct copy_from *f, struct blob_place *p, const char *diff_id, struct error *err)
{
	struct op_recompress q = { .compression = COMPRESSION_NONE, .level = -1, .in_offset = p->offset, .in_size = p->size };
	struct op_unpacked u = {};
	autofree char *program = NULL;
	auto_worker *packer = NULL;
	autoclose int out = image_scratch(f->engine, err);

	if (out < 0)
		return -1;
	TRY(helper_find("umiak-worker", &program, err));
	struct worker_options w = { .program = program, .root_fd = -1, .log = f->engine->log };
	TRY(worker_start(WORKER_PACK, &w, &packer, err));
	TRY(worker_call(packer, OP_RECOMPRESS, &q, (int[]){ p->fd, out }, 2, &u, NULL, err));
	bool same = streq0(u.diff_id, diff_id);
	int64_t size = u.tar_size;
	fields_done(worker_ops[OP_RECOMPRESS].reply, &u);
	if (!same)
		return fail(err, ERROR_CORRUPT, "layer %s: the archive holds other bytes", diff_id);
	close_p(&p->owned_fd);
	*p = (struct blob_place){ .fd = out, .owned_fd = out, .size = size };
	take_fd(out);
	return 0;
}

static int find_layers(struct copy_from *f, struct error *err)
{
	struct source_image *i = &f->docker;

	TRY(source_get_image(f->source, NULL, f->entry, NULL, i, err));
	f->places = calloc(i->layers.n ? i->layers.n : 1, sizeof(*f->places));
	if (!f->places)
		return fail_oom(err);
	for (size_t k = 0; k < i->layers.n; k++)
		f->places[k] = (struct blob_place){ .fd = -1, .owned_fd = -1 };
	for (size_t k = 0; k < i->layers.n; k++) {
		TRY(source_place(f->source, i->blob_names.v[k], &f->places[k], err));
		if (is_compressed(&f->places[k]))
			TRY(unroll(f, &f->places[k], i->info.diff_ids.v[k], err));
	}
	return 0;
}

static bool fits(enum transport t, const struct op_archive *a, bool directory)
{
	switch (t) {
	case TRANSPORT_DOCKER_ARCHIVE: case TRANSPORT_DOCKER_DAEMON: return a->format == ARCHIVE_DOCKER;
	case TRANSPORT_DIR: return a->format == ARCHIVE_DIR;
	case TRANSPORT_OCI: return a->format == ARCHIVE_OCI && directory;
	default: return a->format == ARCHIVE_OCI && !directory;
	}
}

static int open_files(struct copy_from *f, const struct image_copy *o, struct error *err)
{
	const char *what = f->name->path ? f->name->path : transport_prefix(f->name->transport);
	struct stat st;
	autoclose int fd = f->spool >= 0 ? fcntl(f->spool, F_DUPFD_CLOEXEC, 3) : open(f->name->path, O_RDONLY | O_CLOEXEC);
	autoclose int spool = fd < 0 ? -1 : image_scratch(f->engine, err);

	if (fd < 0)
		return errno == ENOENT ? fail(err, ERROR_NOT_FOUND, "open %s: no such file or directory", what) :
			fail_errno(err, "%s", what);
	if (spool < 0)
		return -1;
	TRY(image_open_source(f->source, fd, spool, what, err));
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "%s", what);
	const struct op_archive *a = source_archive(f->source);
	if (!fits(f->name->transport, a, S_ISDIR(st.st_mode)))
		return fail(err, ERROR_INVALID, "%s: this is no %s", what, transport_prefix(f->name->transport));
	if (o->from_blobs && a->format == ARCHIVE_OCI) {
		f->shared = open(o->from_blobs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (f->shared < 0)
			return fail_errno(err, "%s", o->from_blobs);
		source_share_blobs(f->source, f->shared);
	}
	if (a->format == ARCHIVE_DIR || f->name->transport == TRANSPORT_DOCKER_DAEMON)
		f->entry = 0;
	else
		TRY(image_find_entry(a, f->name, &f->entry, err));
	return a->format == ARCHIVE_DOCKER ? find_layers(f, err) : 0;
}

int copy_from_open(struct copy_from *f, struct engine *e, const struct transport_name *name, const char *what,
		   const struct image_copy *o, struct error *err)
{
	autofree char *program = NULL;

	*f = (struct copy_from){ .engine = e, .name = name, .shared = -1, .spool = -1 };
	TRY(helper_find("umiak-worker", &program, err));
	struct source_options so = { .worker = program, .log = e->log, .stage_fd = -1 };
	TRY(source_new(&so, &f->source, err));
	if (name->transport == TRANSPORT_STORAGE) {
		f->from_store = true;
		return image_out_begin(e, what, IMAGE_FORMAT_KEEP, &f->out, NULL, err);
	}
	if (name->transport == TRANSPORT_NONE || name->transport == TRANSPORT_DOCKER)
		return open_registry(f, o, err);
	if (name->transport == TRANSPORT_DOCKER_DAEMON)
		TRY(copy_daemon_fetch(f, o, err));
	return open_files(f, o, err);
}

/* ---- documents ---- */
static int made_up_manifest(struct copy_from *f, struct source_document *ret, struct error *err)
{
	auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	size_t n = f->docker.layers.n;
	autofree int64_t *sizes = calloc(n ? n : 1, sizeof(*sizes));

	if (!sizes)
		return fail_oom(err);
	for (size_t i = 0; i < n; i++)
		sizes[i] = f->places[i].size;
	TRY(copy_docker_manifest(&f->docker, sizes, &text, err));
	return source_read_document(f->source, text.data, text.len, NULL, media_type_name(MEDIA_DOCKER_MANIFEST), ret, err);
}

int copy_from_manifest(struct copy_from *f, const char *digest, const char *media_type, struct source_document *ret,
		       struct error *err)
{
	if (f->from_store && !digest)
		return source_read_document(f->source, f->out.manifest.data, f->out.manifest.len, f->out.digest,
					    f->out.image.manifest_type, ret, err);
	if (f->from_store) {
		auto_buf text = BUF_INIT(MANIFEST_BYTES_MAX);
		TRY(store_blob_read(f->out.store, digest, &text, err));
		return source_read_document(f->source, text.data, text.len, digest, media_type, ret, err);
	}
	if (f->places)
		return made_up_manifest(f, ret, err);
	const char *which = digest ? digest : f->registry ? (f->at.digest ? f->at.digest : f->at.tag) : NULL;
	return source_get_document(f->source, which, f->entry, media_type, ret, err);
}

/* ---- blobs ---- */
static int place_in_store(struct copy_from *f, const char *digest, struct blob_place *ret, struct error *err)
{
	struct stat st;
	autoclose int fd = image_out_open_blob(&f->out, digest, err);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "blob %s", digest);
	*ret = (struct blob_place){ .fd = fd, .owned_fd = fd, .size = st.st_size };
	take_fd(fd);
	return 0;
}

/* The config was read when the archive was opened. */
static int place_in_docker(struct copy_from *f, const char *digest, struct blob_place *ret, struct error *err)
{
	if (streq(digest, f->docker.config_digest)) {
		autoclose int fd = file_memfd_data("config", f->docker.config, f->docker.config_len, err);
		if (fd < 0)
			return -1;
		*ret = (struct blob_place){ .fd = fd, .owned_fd = fd, .size = (int64_t)f->docker.config_len };
		take_fd(fd);
		return 0;
	}
	for (size_t i = 0; i < f->docker.layers.n; i++)
		if (streq(f->docker.info.diff_ids.v[i], digest)) {
			*ret = f->places[i];
			ret->owned_fd = -1;
			return 0;
		}
	return fail(err, ERROR_CORRUPT, "%s is missing in the archive", digest);
}

int copy_from_place(struct copy_from *f, const char *digest, struct blob_place *ret, struct error *err)
{
	if (f->from_store)
		return place_in_store(f, digest, ret, err);
	if (f->places)
		return place_in_docker(f, digest, ret, err);
	return source_place(f->source, digest, ret, err);
}
