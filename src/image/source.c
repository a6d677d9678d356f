/* SPDX-License-Identifier: Apache-2.0
 * image/source.c - opening a source and finding out what an image is. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "image/source-internal.h"
#include "os/file.h"
#include "os/path.h"

#define INDEX_DEPTH_MAX 2

int source_new(const struct source_options *o, struct source **ret, struct error *err)
{
	struct source *s = calloc(1, sizeof(*s));

	if (!s)
		return fail_oom(err);
	*s = (struct source){ .o = *o, .fd = -1, .spool = -1 };
	s->o.worker = s->worker = strdup(o->worker);
	if (!s->worker) {
		free(s);
		return fail_oom(err);
	}
	*ret = s;
	return 0;
}

void source_dismiss(struct source *s)
{
	if (!s)
		return;
	worker_dismiss(s->o.fetcher);
	worker_dismiss(s->fetch);
	worker_dismiss(s->parse);
	for (size_t i = 0; i < UNPACKERS_MAX; i++)
		worker_dismiss(s->unpack[i]);
}

void source_free(struct source *s)
{
	if (!s)
		return;
	source_dismiss(s);
	worker_free(s->o.fetcher);
	worker_free(s->fetch);
	worker_free(s->parse);
	for (size_t i = 0; i < UNPACKERS_MAX; i++)
		worker_free(s->unpack[i]);
	close_p(&s->fd);
	close_p(&s->spool);
	free(s->what);
	free(s->worker);
	fields_done(worker_ops[OP_OPEN_ARCHIVE].reply, &s->archive);
	free(s);
}

int source_worker(struct source *s, enum worker_role role, const struct strv *read_paths, struct worker **at,
		  struct error *err)
{
	struct worker_options o = { .program = s->o.worker, .log = s->o.log, .root_fd = -1 };

	if (*at)
		return 0;
	o.setup.userns = s->o.userns;
	o.setup.log_level = s->o.log ? (int64_t)s->o.log->level : LOG_LEVEL_ERROR;
	if (read_paths)
		o.setup.read_paths = *read_paths;
	if (role == WORKER_UNPACK) {
		o.setup.has_root = true;
		o.root_fd = s->o.stage_fd;
	}
	if (role != WORKER_FETCH || !s->o.fetcher)
		return worker_start(role, &o, at, err);
	*at = take_ptr(s->o.fetcher);
	return worker_set_up(*at, &o.setup, -1, err);
}

const struct op_archive *source_archive(const struct source *s)
{
	return &s->archive;
}

/* ---- opening ---- */
int source_open_registry(struct source *s, const struct op_endpoint *endpoint, const struct strv *read_paths,
			 struct error *err)
{
	struct op_number n = {};

	s->kind = SOURCE_REGISTRY;
	TRY(source_worker(s, WORKER_FETCH, read_paths, &s->fetch, err));
	TRY(source_worker(s, WORKER_ARCHIVE, NULL, &s->parse, err));
	TRY(worker_call(s->fetch, OP_ENDPOINT, endpoint, NULL, 0, &n, NULL, err));
	s->endpoint = n.n;
	return 0;
}

static int keep_fds(struct source *s, int fd, int spool, const char *what, struct error *err)
{
	close_p(&s->fd);
	close_p(&s->spool);
	s->spool = -1;
	s->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (spool >= 0)
		s->spool = fcntl(spool, F_DUPFD_CLOEXEC, 3);
	if (s->fd < 0 || (spool >= 0 && s->spool < 0))
		return fail_errno(err, "dup");
	return str_set(&s->what, what, err);
}

static int open_archive(struct source *s, const int *fds, size_t n, int64_t offset, struct error *err)
{
	struct op_open_archive q = { .what = s->what, .in_offset = offset };
	struct op_archive a = {};

	TRY(source_worker(s, WORKER_ARCHIVE, NULL, &s->parse, err));
	TRY(worker_call(s->parse, OP_OPEN_ARCHIVE, &q, fds, n, &a, NULL, err));
	fields_done(worker_ops[OP_OPEN_ARCHIVE].reply, &s->archive);
	s->archive = a;
	if (a.format < 0 || a.format >= ARCHIVE_FORMAT_MAX)
		return fail(err, ERROR_CORRUPT, "worker archive: unknown format");
	return 0;
}

int source_open_archive(struct source *s, int fd, bool seekable, int spool, const char *what, struct error *err)
{
	int fds[2] = { fd, spool };

	s->kind = SOURCE_ARCHIVE;
	TRY(keep_fds(s, fd, spool, what, err));
	return open_archive(s, fds, 2, seekable ? 0 : -1, err);
}

/* A regular file of the directory, no links (security-matrix F13). */
static int open_member(const struct source *s, int dir, const char *name, struct error *err)
{
	struct path_open how = { .oflags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW };
	struct stat st;
	autoclose int fd = path_open_beneath(dir, name, how, err);

	if (fd < 0)
		return fail_wrap(err, "%s", s->what);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return fail(err, ERROR_INVALID, "%s/%s: not a regular file", s->what, name);
	return take_fd(fd);
}

static bool has_member(const struct source *s, const char *name)
{
	struct stat st;

	return fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* "dir:" holds one manifest and blobs named by their hex digits. */
static int open_plain_directory(struct source *s, struct error *err)
{
	struct op_archive_entry *e = list_add(&s->archive.images, sizeof(*e), err);

	if (!e)
		return -1;
	e->size = -1;
	s->archive.format = ARCHIVE_DIR;
	return source_worker(s, WORKER_ARCHIVE, NULL, &s->parse, err);
}

int source_open_directory(struct source *s, int dirfd, const char *what, struct error *err)
{
	s->kind = SOURCE_DIRECTORY;
	fields_done(worker_ops[OP_OPEN_ARCHIVE].reply, &s->archive);
	TRY(keep_fds(s, dirfd, -1, what, err));
	if (!has_member(s, "index.json")) {
		if (!has_member(s, "manifest.json"))
			return fail(err, ERROR_INVALID, "%s: payload does not match any of the supported image formats: neither "
				    "index.json (oci) nor manifest.json (dir) is in it", what);
		return open_plain_directory(s, err);
	}
	autoclose int index = open_member(s, s->fd, "index.json", err);
	return index < 0 ? -1 : open_archive(s, &index, 1, -2, err);
}

/* ---- blobs ---- */
static int place_in_archive(struct source *s, const char *name, struct blob_place *ret, struct error *err)
{
	struct op_archive_blob q = { .name = (char *)(uintptr_t)name };
	struct op_blob_place p = {};

	TRY(worker_call(s->parse, OP_ARCHIVE_BLOB, &q, NULL, 0, &p, NULL, err));
	if (!p.found)
		return fail(err, ERROR_CORRUPT, "%s: %s is missing in the archive", s->what, name);
	if (p.offset < 0 || p.size < 0)
		return fail(err, ERROR_CORRUPT, "worker archive: impossible place");
	*ret = (struct blob_place){ s->archive.spooled ? s->spool : s->fd, -1, p.offset, p.size };
	return 0;
}

static int place_in_directory(struct source *s, const char *digest, struct blob_place *ret, struct error *err)
{
	char name[32 + DIGEST_TEXT_MAX];
	struct digest d;
	struct stat st;

	TRY(digest_parse(digest, &d, err));
	if (s->archive.format == ARCHIVE_DIR)
		snprintf(name, sizeof(name), "%s", digest_hex(digest));
	else
		snprintf(name, sizeof(name), "%s%s/%s", s->shared ? "" : "blobs/", digest_algorithm_name(d.algorithm),
			 digest_hex(digest));
	autoclose int fd = open_member(s, s->shared ? s->shared : s->fd, name, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "%s/%s", s->what, name);
	*ret = (struct blob_place){ fd, fd, 0, st.st_size };
	take_fd(fd);
	return 0;
}

int source_place(struct source *s, const char *name, struct blob_place *ret, struct error *err)
{
	if (s->kind == SOURCE_DIRECTORY)
		return place_in_directory(s, name, ret, err);
	return place_in_archive(s, name, ret, err);
}

/* ---- documents ---- */
int source_copy_range(const struct blob_place *p, size_t max, const char *what, struct error *err)
{
	autoclose int fd = file_memfd("umiak-document", err);
	char bytes[16384];

	if (fd < 0)
		return -1;
	if ((uint64_t)p->size > max)
		return fail(err, ERROR_CORRUPT, "%s: %lld bytes are too many", what, (long long)p->size);
	for (int64_t done = 0; done < p->size;) {
		size_t want = p->size - done < (int64_t)sizeof(bytes) ? (size_t)(p->size - done) : sizeof(bytes);
		ssize_t n = pread(p->fd, bytes, want, p->offset + done);
		if (n <= 0)
			return n < 0 ? fail_errno(err, "read %s", what) : fail(err, ERROR_CORRUPT, "%s: cut off", what);
		TRY(file_write_all(fd, bytes, (size_t)n, err));
		done += n;
	}
	return take_fd(fd);
}

static int fetch_document(struct source *s, const char *name, size_t max, bool blob, char **ret_type,
			  struct error *err)
{
	struct op_get q = { .endpoint = s->endpoint, .reference = (char *)(uintptr_t)name, .size = -1,
			    .max = (int64_t)max };
	CLEANUP(close_p) int fd = file_memfd("umiak-document", err);
	struct op_got got = {};

	if (fd < 0)
		return -1;
	TRY(worker_call(s->fetch, blob ? OP_GET_BLOB : OP_GET_MANIFEST, &q, &fd, 1, &got, NULL, err));
	if (ret_type)
		*ret_type = take_ptr(got.media_type);
	fields_done(worker_ops[OP_GET_BLOB].reply, &got);
	return take_fd(fd);
}

int source_document(struct source *s, const char *name, size_t max, char **ret_type, struct error *err)
{
	struct blob_place p = { .owned_fd = -1 };

	if (s->kind == SOURCE_REGISTRY)
		return fetch_document(s, name, max, ret_type == NULL, ret_type, err);
	if (s->kind == SOURCE_DIRECTORY && s->archive.format == ARCHIVE_DIR && ret_type) {
		char member[DIGEST_TEXT_MAX + 16] = "manifest.json";   /* an index's entries lie beside it */
		if (digest_is_valid(name))
			snprintf(member, sizeof(member), "%s.manifest.json", digest_hex(name));
		p.fd = p.owned_fd = open_member(s, s->fd, member, err);
		struct stat st;
		if (p.fd < 0 || fstat(p.fd, &st) < 0)
			return -1;
		p.size = st.st_size;
	} else {
		TRY(source_place(s, name, &p, err));
	}
	int fd = source_copy_range(&p, max, name, err);
	close_p(&p.owned_fd);
	return fd;
}

/* ---- what an image is ---- */
void source_image_done(struct source_image *i)
{
	free(i->manifest);
	free(i->manifest_digest);
	free(i->config);
	free(i->config_digest);
	free(i->index_bytes);
	strv_done(&i->index_digests);
	strv_done(&i->blob_names);
	strmap_done(&i->annotations);
	fields_done(worker_ops[OP_PARSE_CONFIG].reply, &i->info);
	struct op_manifest m = { .layers = i->layers, .chosen = i->index };   /* the rows know how to free these */
	fields_done(worker_ops[OP_PARSE_MANIFEST].reply, &m);
	*i = (struct source_image){};
}

int source_slurp(int fd, const char *what, size_t max, char **ret, size_t *ret_len, struct error *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	return file_read_fd(fd, what, max, ret, ret_len, err);
}

/* A digest the worker says it computed. */
int source_check_digest(const char *digest, const char *what, struct error *err)
{
	return digest_is_valid(digest) ? 0 : fail(err, ERROR_CORRUPT, "worker: no valid digest of the %s", what);
}

static int parse_config(struct source *s, const char *name, const char *digest, int64_t size, struct source_image *i,
			struct error *err)
{
	struct op_parse q = { .digest = (char *)(uintptr_t)digest, .size = size };
	autoclose int fd = source_document(s, name, CONFIG_BYTES_MAX, NULL, err);

	if (fd < 0)
		return -1;
	TRY(worker_call(s->parse, OP_PARSE_CONFIG, &q, &fd, 1, &i->info, NULL, err));
	TRY(source_check_digest(i->info.digest, "config", err));
	TRY(str_set(&i->config_digest, i->info.digest, err));
	for (size_t k = 0; k < i->info.diff_ids.n; k++)
		TRY(source_check_digest(i->info.diff_ids.v[k], "layer", err));
	return source_slurp(fd, "config", CONFIG_BYTES_MAX, &i->config, &i->config_len, err);
}

static int check_layers(const struct op_manifest *m, struct error *err)
{
	for (size_t k = 0; k < m->layers.n; k++) {
		const struct op_descriptor *d = &((struct op_descriptor *)m->layers.v)[k];
		enum media_kind kind = media_type_kind(media_type_parse(d->media_type));
		TRY(source_check_digest(d->digest, "layer", err));
		if (kind == MEDIA_KIND_ENCRYPTED_LAYER)
			return fail(err, ERROR_UNSUPPORTED, "layer %s is encrypted: without its key (--decryption-key) it does not match "
				    "config's DiffID", d->digest);
		if (kind == MEDIA_KIND_FOREIGN_LAYER)
			return fail(err, ERROR_UNSUPPORTED, "layer %s is foreign (not distributable), which is not supported", d->digest);
		if (kind != MEDIA_KIND_LAYER)
			return fail(err, ERROR_UNSUPPORTED, "layer %s has the type \"%.100s\": this is no container image",
				    d->digest, d->media_type ? d->media_type : "");
	}
	return 0;
}

static int take_manifest(struct source *s, struct op_manifest *m, struct source_image *i, struct error *err)
{
	if (media_type_kind(media_type_parse(m->config.media_type)) != MEDIA_KIND_CONFIG)
		return fail(err, ERROR_UNSUPPORTED, "the config has the type \"%.100s\": this is no container image",
			    m->config.media_type ? m->config.media_type : "");
	TRY(check_layers(m, err));
	i->manifest_type = (enum media_type)m->type;
	TRY(str_set(&i->manifest_digest, m->digest, err));
	i->layers = m->layers;
	m->layers = (struct list){};
	TRY(source_check_digest(m->config.digest, "config", err));
	TRY(parse_config(s, m->config.digest, m->config.digest, m->config.size, i, err));
	if (i->info.diff_ids.n != i->layers.n)
		return fail(err, ERROR_CORRUPT, "the manifest has %zu layers, the config %zu", i->layers.n,
			    i->info.diff_ids.n);
	return 0;
}

static int take_index(struct op_manifest *m, int fd, struct source_image *i, struct error *err)
{
	TRY(source_check_digest(m->chosen.digest, "manifest", err));
	TRY(strv_add(&i->index_digests, m->digest, err));
	if (i->index.digest)
		return 0;
	TRY(str_set(&i->index.digest, m->digest, err));
	TRY(str_set(&i->index.media_type, media_type_name((enum media_type)m->type), err));
	i->index.size = m->size;
	return source_slurp(fd, "index", MANIFEST_BYTES_MAX, &i->index_bytes, &i->index_len, err);
}

struct manifest_want {
	char *name, *digest, *media_type;   /* digest NULL: a tag */
	int64_t size;
};

static void manifest_want_done(struct manifest_want *w)
{
	free(w->name);
	free(w->digest);
	free(w->media_type);
}

/* One step: the manifest *w names, or an index, which changes *w. 1: done, 0: again. */
static int step(struct source *s, struct manifest_want *w, const struct platform *platform, struct source_image *i,
		struct error *err)
{
	struct op_manifest m = {};
	autofree char *announced = NULL;
	autoclose int fd = source_document(s, w->name, MANIFEST_BYTES_MAX, &announced, err);

	if (fd < 0)
		return -1;
	struct op_parse q = { .digest = w->digest, .size = w->size, .media_type = w->media_type ? w->media_type : announced };
	if (platform)
		q.platform = *platform;
	TRY(worker_call(s->parse, OP_PARSE_MANIFEST, &q, &fd, 1, &m, NULL, err));
	bool is_index = m.type == MEDIA_OCI_INDEX || m.type == MEDIA_DOCKER_LIST;
	int r = source_check_digest(m.digest, "manifest", err);
	if (r == 0 && is_index) {
		r = take_index(&m, fd, i, err);
		manifest_want_done(w);
		*w = (struct manifest_want){ take_ptr(m.chosen.digest), NULL, take_ptr(m.chosen.media_type), m.chosen.size };
		r = r < 0 ? r : str_set(&w->digest, w->name, err);
	} else if (r == 0) {
		r = take_manifest(s, &m, i, err);
		r = r < 0 ? r : source_slurp(fd, "manifest", MANIFEST_BYTES_MAX, &i->manifest, &i->manifest_len, err);
	}
	fields_done(worker_ops[OP_PARSE_MANIFEST].reply, &m);
	return r < 0 ? r : !is_index;
}

static int get_by_manifest(struct source *s, struct manifest_want *w, const struct platform *platform,
			   struct source_image *i, struct error *err)
{
	for (int depth = 0; depth <= INDEX_DEPTH_MAX; depth++) {
		int r = step(s, w, platform, i, err);
		if (r)
			return r < 0 ? r : 0;
	}
	return fail(err, ERROR_CORRUPT, "image indexes are nested more than %d deep", INDEX_DEPTH_MAX);
}

/* docker archives: manifest.json names files; digests come out of the work. */
static int get_docker(struct source *s, size_t index, struct source_image *i, struct error *err)
{
	struct op_archive_image q = { .index = (int64_t)index };
	struct op_archive_layers l = {};

	TRY(worker_call(s->parse, OP_ARCHIVE_IMAGE, &q, NULL, 0, &l, NULL, err));
	i->blob_names = l.layers;
	l.layers = (struct strv){};
	int r = parse_config(s, l.config ? l.config : "", NULL, -1, i, err);
	fields_done(worker_ops[OP_ARCHIVE_IMAGE].reply, &l);
	TRY(r);
	if (i->info.diff_ids.n != i->blob_names.n)
		return fail(err, ERROR_CORRUPT, "manifest.json has %zu layers, the config %zu", i->blob_names.n,
			    i->info.diff_ids.n);
	for (size_t k = 0; k < i->blob_names.n; k++) {
		struct op_descriptor *d = list_add(&i->layers, sizeof(*d), err);
		if (!d)
			return -1;
		d->size = -1;
	}
	return 0;
}

int source_get_image(struct source *s, const char *which, size_t index, const struct platform *platform,
		     struct source_image *ret, struct error *err)
{
	CLEANUP(manifest_want_done) struct manifest_want w = { .size = -1 };
	auto_source_image i = {};

	if (s->kind == SOURCE_ARCHIVE && s->archive.format == ARCHIVE_DOCKER) {
		TRY(get_docker(s, index, &i, err));
	} else if (s->kind == SOURCE_REGISTRY) {
		TRY(str_set(&w.name, which, err));
		if (digest_is_valid(which))
			TRY(str_set(&w.digest, which, err));
		TRY(get_by_manifest(s, &w, platform, &i, err));
	} else {
		if (index >= s->archive.images.n)
			return fail(err, ERROR_NOT_FOUND, "%s: there is no image %zu", s->what, index);
		const struct op_archive_entry *e = &((struct op_archive_entry *)s->archive.images.v)[index];
		TRY(str_set(&w.name, e->digest ? e->digest : "manifest.json", err));
		TRY(str_set(&w.digest, e->digest, err));
		TRY(str_set(&w.media_type, e->media_type, err));
		w.size = e->size;
		TRY(get_by_manifest(s, &w, platform, &i, err));
	}
	*ret = i;
	i = (struct source_image){};
	return 0;
}
