/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy-to.c - destinations of a copy that are files: OCI layouts, dir:, and archives of both families.
 * (Registries are spoken to by image-copy-run.c and, for manifests, by image/repository.h.) */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/helpers.h"
#include "engine/image-copy-internal.h"
#include "engine/image-local.h"
#include "engine/image-remote.h"
#include "os/file.h"

#define INDEX_MAX ((size_t)16 << 20)
#define REF_NAME "org.opencontainers.image.ref.name"
#define SCRATCH_NAME ".umiak-copy-%zu"

void copy_to_done(struct copy_to *t)
{
	if (t->target.fd >= 0 && !t->target.archive)
		for (size_t i = 0; i < 64; i++) {
			char name[64];
			snprintf(name, sizeof(name), SCRATCH_NAME, i);
			unlinkat(t->target.fd, name, 0);
		}
	repository_free(t->repository);
	strv_done(&t->mounts);
	image_target_done(&t->target);
	close_p(&t->shared);
	close_p(&t->daemon);
	json_put_p(&t->index);
	*t = (struct copy_to){ .target = { .fd = -1 }, .shared = -1, .daemon = -1 };
}

/* ---- opening ---- */
/* 1/0 */
static int is_empty_dir(int dirfd, const char *path, struct error *err)
{
	DIR *d = file_stream(dirfd, ".");
	int r = 1;

	if (!d)
		return fail_errno(err, "open %s", path);
	if (file_next_entry(d, path, &r, err))
		r = 0;
	closedir(d);
	return r;
}

/* dir: holds one image; an older one is overwritten, anything else is not touched. */
static int check_dir(struct copy_to *t, struct error *err)
{
	static const char version[] = "Directory Transport Version: 1.1\n";

	int fits = faccessat(t->target.fd, "version", F_OK, 0) == 0 || is_empty_dir(t->target.fd, t->name->path, err);
	if (fits <= 0)
		return fits < 0 ? -1 : fail(err, ERROR_INVALID, "%s: the directory is not empty and holds no image", t->name->path);
	for (int i = 1; i <= 64; i++) {   /* of the image that lay here */
		char old[32];
		snprintf(old, sizeof(old), "signature-%d", i);
		if (unlinkat(t->target.fd, old, 0) < 0)
			break;
	}
	return image_target_bytes(&t->target, "version", version, sizeof(version) - 1, err);
}

static int load_index(struct copy_to *t, struct error *err)
{
	struct json_limits limits = { .max_bytes = INDEX_MAX, .max_depth = 32 };
	autofree char *text = NULL;
	size_t len;
	int found = t->target.archive ? 0 : file_read(t->target.fd, "index.json", INDEX_MAX, &text, &len, err);

	TRY(found);
	if (found)
		TRY(json_parse("index.json", text, len, &limits, &t->index, err));
	if (found && json_get_array(t->index, "manifests"))
		return 0;
	json_put_p(&t->index);
	t->index = json_object_new_object();
	if (!t->index)
		return fail_oom(err);
	TRY(json_add(t->index, "schemaVersion", json_object_new_int(2), err));
	return json_add(t->index, "manifests", json_object_new_array(), err);
}

static int open_oci(struct copy_to *t, struct error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

	TRY(load_index(t, err));
	if (t->o->to_blobs) {
		t->shared = file_open_dir(AT_FDCWD, t->o->to_blobs, true, 0755, err);
		TRY(t->shared);
	}
	if (!t->target.archive)
		TRY(file_mkdirs(t->target.fd, "blobs", 0755, err) < 0 ? -1 : 0);
	return image_target_bytes(&t->target, "oci-layout", layout, sizeof(layout) - 1, err);
}

static int refuse_existing(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		return fail(err, ERROR_EXISTS, "docker-archive doesn't support modifying existing images (%s)", path);
	return 0;
}

static int open_docker(struct copy_to *t, struct error *err)
{
	t->index = json_object_new_array();
	if (!t->index)
		return fail_oom(err);
	if (t->name->transport == TRANSPORT_DOCKER_ARCHIVE) {
		TRY(refuse_existing(t->name->path, err));
		return image_target_open(&t->target, true, t->name->path, -1, err);
	}
	t->daemon = image_scratch(t->engine, err);
	return t->daemon < 0 ? -1 : image_target_open(&t->target, true, NULL, t->daemon, err);
}

/* Repositories of the same registry from which blobs may be mounted. */
static int add_mounts(const struct copy_to *t, const struct copy_from *from, struct op_endpoint *ep, struct error *err)
{
	const char *domain = t->name->reference.domain;

	if (from->registry && streq0(from->at.domain, domain) && !streq(from->at.path, t->name->reference.path))
		return strv_add(&ep->mount_from, from->at.path, err);
	for (size_t i = 0; from->from_store && i < from->out.image.names.n && ep->mount_from.n < 4; i++) {
		auto_reference r = {};
		if (reference_parse(from->out.image.names.v[i], &r, err) == 0 && streq0(r.domain, domain) &&
		    !streq(r.path, t->name->reference.path))
			TRY(strv_add(&ep->mount_from, r.path, err));
	}
	return 0;
}

static int open_registry(struct copy_to *t, const struct copy_from *from, struct error *err)
{
	auto_endpoint ep = {};
	autofree char *program = NULL;

	TRY(helper_find("umiak-worker", &program, err));
	TRY(repository_endpoint_params(t->engine, &t->o->to, &t->name->reference, REPOSITORY_WRITE, &ep, err));
	TRY(add_mounts(t, from, &ep, err));
	TRY(strv_copy(&t->mounts, &ep.mount_from, err));
	struct repository_options ro = { .worker = program, .log = t->engine->log, .fetcher = fetcher_take(t->engine) };
	return repository_open(&ro, &ep, &t->repository, err);
}

static enum copy_layers habit(const struct copy_to *t)
{
	const struct image_copy *o = t->o;

	if (t->kind == COPY_TO_DOCKER || o->decompress)
		return COPY_LAYERS_PLAIN;
	if (t->kind == COPY_TO_REGISTRY || o->compress)
		return COPY_LAYERS_COMPRESS;
	return t->kind == COPY_TO_OCI && !o->accept_uncompressed ? COPY_LAYERS_COMPRESS : COPY_LAYERS_KEEP;
}

int copy_to_open(struct copy_to *t, struct engine *e, const struct transport_name *name, const struct copy_from *from,
		 const struct image_copy *o, struct error *err)
{
	static const struct { enum copy_to_kind kind; bool archive; } kinds[TRANSPORT_MAX] = {
		[TRANSPORT_NONE] = { COPY_TO_REGISTRY, false }, [TRANSPORT_DOCKER] = { COPY_TO_REGISTRY, false },
		[TRANSPORT_DOCKER_ARCHIVE] = { COPY_TO_DOCKER, true }, [TRANSPORT_DOCKER_DAEMON] = { COPY_TO_DOCKER, true },
		[TRANSPORT_OCI] = { COPY_TO_OCI, false }, [TRANSPORT_OCI_ARCHIVE] = { COPY_TO_OCI, true },
		[TRANSPORT_DIR] = { COPY_TO_DIR, false },
	};

	*t = (struct copy_to){ .engine = e, .name = name, .o = o, .target = { .fd = -1 }, .shared = -1, .daemon = -1,
			       .kind = kinds[name->transport].kind };
	t->layers = habit(t);
	if (t->kind == COPY_TO_REGISTRY)
		return open_registry(t, from, err);
	if (t->kind == COPY_TO_DOCKER)
		return open_docker(t, err);
	TRY(image_target_open(&t->target, kinds[name->transport].archive, name->path, o->to_fd, err));
	return t->kind == COPY_TO_OCI ? open_oci(t, err) : check_dir(t, err);
}

enum media_type copy_to_type(const struct copy_to *t, enum media_type is)
{
	static const enum media_type oci[] = { [false] = MEDIA_OCI_MANIFEST, [true] = MEDIA_OCI_INDEX };
	bool index = media_type_kind(is) == MEDIA_KIND_INDEX;

	if (t->kind == COPY_TO_OCI)
		return oci[index];
	return t->kind == COPY_TO_DOCKER && !index ? MEDIA_DOCKER_MANIFEST : is;
}

/* ---- blobs ---- */
#define MEMBER_MAX (DIGEST_TEXT_MAX + 32)

static const char *member(const struct copy_to *t, const char *digest, char out[MEMBER_MAX])
{
	const char *hex = digest_hex(digest);

	if (t->kind == COPY_TO_DIR)
		snprintf(out, MEMBER_MAX, "%s", hex);
	else if (t->kind == COPY_TO_DOCKER)
		snprintf(out, MEMBER_MAX, "%s.%s", hex, streq(digest, t->config) ? "json" : "tar");
	else
		snprintf(out, MEMBER_MAX, "%s%.*s/%s", t->shared >= 0 ? "" : "blobs/", (int)strcspn(digest, ":"), digest, hex);
	return out;
}

/* The directory blobs go to, as a target. */
static struct image_target blob_target(const struct copy_to *t)
{
	struct image_target to = t->target;

	if (t->shared >= 0)
		to = (struct image_target){ .fd = t->shared };
	return to;
}

bool copy_to_has_file(struct copy_to *t, const char *digest)
{
	char name[MEMBER_MAX];
	struct stat st;

	member(t, digest, name);
	if (t->target.archive)
		return strv_has(&t->target.written, name);
	return fstatat(t->shared >= 0 ? t->shared : t->target.fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

int copy_to_scratch(struct copy_to *t, size_t job, struct error *err)
{
	char name[64];

	if (t->kind == COPY_TO_REGISTRY || t->target.archive || t->shared >= 0)
		return image_scratch(t->engine, err);
	snprintf(name, sizeof(name), SCRATCH_NAME, job % 64);
	return image_target_create(&t->target, name, err);
}

int copy_to_place_scratch(struct copy_to *t, size_t job, int fd, const char *digest, int64_t size, struct error *err)
{
	struct image_target to = blob_target(t);
	char name[MEMBER_MAX], from[64];

	member(t, digest, name);
	if (t->target.archive)
		TRY(strv_add(&t->target.written, name, err));
	if (t->target.archive || t->shared >= 0)
		return image_target_range(&to, name, fd, 0, size, err);
	snprintf(from, sizeof(from), SCRATCH_NAME, job % 64);
	char *slash = strrchr(name, '/');
	if (slash) {
		*slash = '\0';
		TRY(file_mkdirs(t->target.fd, name, 0755, err) < 0 ? -1 : 0);
		*slash = '/';
	}
	return image_target_move(&t->target, from, name, err);
}

int copy_to_place_range(struct copy_to *t, const struct blob_place *p, const char *digest, struct error *err)
{
	struct image_target to = blob_target(t);
	char name[MEMBER_MAX];

	member(t, digest, name);
	if (t->target.archive)
		TRY(strv_add(&t->target.written, name, err));
	return image_target_range(&to, name, p->fd, p->offset, p->size, err);
}

/* ---- manifests ---- */
static bool is_replaced(struct json_object *entry, const char *ref, const char *digest)
{
	struct json_object *a = json_get_object(entry, "annotations");
	const char *has = a ? json_get_str(a, REF_NAME) : NULL;

	return ref ? has && streq(has, ref) : !has && streq0(json_get_str(entry, "digest"), digest);
}

static int add_to_index(struct copy_to *t, const struct source_document *d, struct error *err)
{
	struct json_object *list = json_get_array(t->index, "manifests"), *entry = json_object_new_object();

	for (size_t i = json_object_array_length(list); i-- > 0;)
		if (is_replaced(json_object_array_get_idx(list, i), t->name->selector, d->parsed.digest))
			json_object_array_del_idx(list, i, 1);
	if (!entry || json_object_array_add(list, entry) < 0)
		return fail_oom(err);
	TRY(json_add_str(entry, "mediaType", media_type_name((enum media_type)d->parsed.type), err));
	TRY(json_add_str(entry, "digest", d->parsed.digest, err));
	TRY(json_add(entry, "size", json_object_new_int64((int64_t)d->len), err));
	if (!t->name->selector)
		return 0;
	struct json_object *a = json_object_new_object();
	if (!a)
		return fail_oom(err);
	TRY(json_add(entry, "annotations", a, err));
	return json_add_str(a, REF_NAME, t->name->selector, err);
}

static int manifest_to_oci(struct copy_to *t, const struct source_document *d, bool instance, struct error *err)
{
	struct image_target to = blob_target(t);
	char name[MEMBER_MAX];

	if (!copy_to_has_file(t, d->parsed.digest))
		TRY(image_target_bytes(&to, member(t, d->parsed.digest, name), d->bytes, d->len, err));
	return instance ? 0 : add_to_index(t, d, err);
}

static int manifest_to_dir(struct copy_to *t, const struct source_document *d, bool instance, struct error *err)
{
	char name[MEMBER_MAX] = "manifest.json";

	if (instance)
		snprintf(name, sizeof(name), "%s.manifest.json", digest_hex(d->parsed.digest));
	return image_target_bytes(&t->target, name, d->bytes, d->len, err);
}

static int manifest_to_registry(struct copy_to *t, const struct source_document *d, bool instance, struct error *err)
{
	const struct reference *r = &t->name->reference;
	const char *where = instance ? d->parsed.digest : r->digest ? r->digest : r->tag ? r->tag :
		d->parsed.digest;   /* no name: an entry of a list that comes later */

	return repository_put_manifest(t->repository, where, media_type_name((enum media_type)d->parsed.type), d->bytes, d->len,
				       NULL, err);
}

int copy_to_manifest(struct copy_to *t, const struct source_document *d, bool instance, struct error *err)
{
	if (!instance)
		snprintf(t->digest, sizeof(t->digest), "%s", d->parsed.digest);
	switch (t->kind) {
	case COPY_TO_REGISTRY: return manifest_to_registry(t, d, instance, err);
	case COPY_TO_OCI: return manifest_to_oci(t, d, instance, err);
	case COPY_TO_DIR: return manifest_to_dir(t, d, instance, err);
	default: return copy_to_docker_manifest(t, d, err);
	}
}

int copy_to_finish(struct copy_to *t, struct copy_from *from, struct error *err)
{
	auto_buf text = BUF_INIT(INDEX_MAX);

	(void)from;
	if (t->index) {
		json_format(&text, t->index, 0);
		TRY(buf_ok(&text, "index", err));
		const char *name = t->kind == COPY_TO_OCI ? "index.json" : "manifest.json";
		if (t->target.archive)
			TRY(image_target_bytes(&t->target, name, text.data, text.len, err));
		else
			TRY(file_replace(t->target.fd, name, text.data, text.len, 0644, 0, err));
	}
	TRY(image_target_end(&t->target, err));
	return t->daemon >= 0 ? copy_daemon_send(t, err) : 0;
}
