/* SPDX-License-Identifier: Apache-2.0
 * engine/artifact-layout.c - the OCI layout of artifacts on disk. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sha256.h"
#include "engine/artifact-internal.h"
#include "engine/artifact-manifest.h"
#include "image/reference.h"
#include "os/file.h"
#include "store/store.h"

#define INDEX_BYTES_MAX ((size_t)16 << 20)
#define BLOBS "blobs/sha256"

void layout_done(struct layout *l)
{
	lock_release(&l->lock);
	close_p(&l->fd);
	free(l->path);
	json_put_p(&l->index);
	*l = (struct layout)LAYOUT_INIT;
}

void artifact_done(struct artifact *a)
{
	free(a->name);
	free(a->digest);
	json_put_p(&a->manifest);
	*a = (struct artifact){};
}

void artifacts_done(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		artifact_done(ARTIFACT(l, i));
	free(l->v);
	*l = (struct list){};
}

int artifact_full_name(const char *typed, char **ret, struct error *err)
{
	auto_reference r = {};

	TRY(reference_parse(typed, &r, err));
	TRY(reference_normalize_docker(&r, err));
	TRY(reference_default_tag(&r, err));
	*ret = reference_text(&r);
	return *ret ? 0 : fail_oom(err);
}

/* ---- opening ---- */
static int read_json(int dir, const char *path, struct json_object **ret, struct error *err)
{
	struct json_limits limits = { .max_bytes = INDEX_BYTES_MAX };
	autofree char *text = NULL;
	size_t len;
	int r = file_read(dir, path, INDEX_BYTES_MAX, &text, &len, err);

	if (r <= 0)
		return r;
	return json_parse(path, text, len, &limits, ret, err) < 0 ? -1 : 1;
}

static int empty_index(struct json_object **ret, struct error *err)
{
	*ret = json_object_new_object();
	if (!*ret)
		return fail_oom(err);
	TRY(json_add(*ret, "schemaVersion", json_object_new_int(2), err));
	return json_add(*ret, "manifests", json_object_new_array(), err);
}

static int make(struct layout *l, struct error *err)
{
	static const char mark[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

	TRY(file_mkdirs(l->fd, BLOBS, 0755, err));
	if (faccessat(l->fd, "oci-layout", F_OK, 0) == 0)
		return 0;
	return file_replace(l->fd, "oci-layout", mark, sizeof(mark) - 1, 0644, FILE_SYNC, err);
}

static int open_directory(struct layout *l, bool create, struct error *err)
{
	TRY(str_printf(&l->path, err, "%s/artifacts", l->engine->root));
	if (create && file_mkdirs(AT_FDCWD, l->path, 0700, err) < 0)
		return -1;
	l->fd = open(l->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->fd < 0)
		return !create && errno == ENOENT ? 0 : fail_errno(err, "open %s", l->path);
	return create ? make(l, err) : 0;
}

static int lock_layout(struct layout *l, struct error *err)
{
	struct store *s;

	TRY(engine_store(l->engine, &s, err));
	return store_lock(s, "artifacts", "store", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, -1 }, &l->lock, err);
}

int layout_open(struct engine *e, bool change, struct layout *ret, struct error *err)
{
	auto_layout l = LAYOUT_INIT;
	int found = 0;

	l.engine = e;
	TRY(open_directory(&l, change, err));
	if (change)
		TRY(lock_layout(&l, err));
	if (l.fd >= 0)
		found = read_json(l.fd, "index.json", &l.index, err);
	if (found < 0 || (!found && empty_index(&l.index, err) < 0))
		return -1;
	if (!layout_entries(&l))
		return fail(err, ERROR_CORRUPT, "%s/index.json has no list of manifests", l.path);
	*ret = l;
	l = (struct layout)LAYOUT_INIT;
	return 0;
}

struct json_object *layout_entries(const struct layout *l)
{
	return json_object_is_type(l->index, json_type_object) ? json_get_array(l->index, "manifests") : NULL;
}

static const char *entry_name(struct json_object *entry)
{
	struct json_object *notes = json_get_object(entry, "annotations");

	return notes ? json_get_str(notes, REF_NAME) : NULL;
}

int layout_find(const struct layout *l, const char *name)
{
	struct json_object *all = layout_entries(l);

	for (size_t i = 0; i < json_object_array_length(all); i++)
		if (streq0(entry_name(json_object_array_get_idx(all, i)), name))
			return (int)i;
	return -1;
}

int layout_enter(struct layout *l, const char *name, const struct oci_descriptor *manifest, struct error *err)
{
	struct json_object *entry = NULL, *notes = json_object_new_object();
	int at = layout_find(l, name);

	TRY(fields_save(oci_descriptor_rows, FIELD_COLUMN_JSON, manifest, &entry, err));
	TRY(json_add(entry, "annotations", notes, err));
	TRY(json_add_str(notes, REF_NAME, name, err));
	int r = at >= 0 ? json_object_array_put_idx(layout_entries(l), (size_t)at, entry) :
		json_object_array_add(layout_entries(l), entry);
	return r < 0 ? fail_oom(err) : 0;
}

/* ---- blobs ---- */
static int blob_path(const char *digest, char out[128], struct error *err)
{
	if (!digest_is_valid(digest) || strncmp(digest, "sha256:", 7) != 0)
		return fail(err, ERROR_CORRUPT, "\"%.80s\" is no digest known here", digest ? digest : "");
	snprintf(out, 128, BLOBS "/%s", digest_hex(digest));
	return 0;
}

static int64_t total_size(struct json_object *manifest)
{
	struct json_object *layers = json_get_array(manifest, "layers");
	int64_t n = 0;

	for (size_t i = 0; layers && i < json_object_array_length(layers); i++)
		n += json_get_i64(json_object_array_get_idx(layers, i), "size", 0);
	return n;
}

int layout_load(const struct layout *l, size_t at, struct artifact *ret, struct error *err)
{
	struct json_object *entry = json_object_array_get_idx(layout_entries(l), at);
	auto_artifact a = {};
	char path[128];

	TRY(str_set(&a.digest, json_get_str(entry, "digest"), err));
	TRY(str_set(&a.name, entry_name(entry), err));
	TRY(blob_path(a.digest, path, err));
	int r = read_json(l->fd, path, &a.manifest, err);
	if (r <= 0)
		return r ? r : fail(err, ERROR_CORRUPT, "artifact %s: its manifest is gone: remove it", a.name ? a.name : a.digest);
	if (!json_object_is_type(a.manifest, json_type_object))
		return fail(err, ERROR_CORRUPT, "artifact %s: its manifest makes no sense: remove it", a.name ? a.name : a.digest);
	a.size = total_size(a.manifest);
	*ret = a;
	a = (struct artifact){};
	return 0;
}

int layout_add_bytes(struct layout *l, const void *bytes, size_t len, const char *type, struct oci_descriptor *ret,
		     struct error *err)
{
	char digest[SHA256_TEXT_MAX], path[128];

	sha256_text(bytes, len, digest);
	ret->size = (int64_t)len;
	TRY(str_set(&ret->digest, digest, err));
	TRY(str_set(&ret->media_type, type, err));
	TRY(blob_path(digest, path, err));
	return file_replace(l->fd, path, bytes, len, 0644, FILE_SYNC, err);
}

static int place(struct layout *l, int fd, const char *temp, const char *digest, struct error *err)
{
	char path[128];

	TRY(blob_path(digest, path, err));
	if (fsync(fd) < 0)
		return fail_errno(err, "fsync %s", temp);
	if (renameat(l->fd, temp, l->fd, path) < 0)
		return fail_errno(err, "rename %s/%s", l->path, temp);
	return file_sync_dir(l->fd, BLOBS, err);
}

/* What was copied is what is hashed: the file may change meanwhile. */
static int hash_copy(int fd, struct oci_descriptor *ret, struct error *err)
{
	char buffer[1 << 15], digest[SHA256_TEXT_MAX];
	struct sha256 h;
	ssize_t n;

	sha256_init(&h);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	while ((n = file_read_full(fd, buffer, sizeof(buffer), err)) > 0) {
		if (!ret->size && !ret->media_type)
			TRY(str_set(&ret->media_type, content_type_detect(buffer, n < 512 ? (size_t)n : 512), err));
		sha256_add(&h, buffer, (size_t)n);
		ret->size += n;
	}
	if (n < 0)
		return -1;
	if (!ret->media_type)
		TRY(str_set(&ret->media_type, content_type_detect("", 0), err));
	return str_set(&ret->digest, sha256_end_text(&h, digest), err);
}

int layout_add_file(struct layout *l, const char *path, struct oci_descriptor *ret, struct error *err)
{
	static const char temp[] = BLOBS "/.tmp-file";   /* we hold the lock: nobody else's */
	autoclose int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return fail_errno(err, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return fail(err, ERROR_INVALID, "%s: not a regular file", path);
	autoclose int to = openat(l->fd, temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (to < 0)
		return fail_errno(err, "make %s/%s", l->path, temp);
	TRY(file_copy_fd(from, to, NULL, err));
	TRY(hash_copy(to, ret, err));
	return place(l, to, temp, ret->digest, err);
}

/* ---- what nobody names ---- */
static int add_needed(const struct layout *l, size_t at, struct strv *to, struct error *err)
{
	struct json_object *entry = json_object_array_get_idx(layout_entries(l), at), *layers;
	auto_artifact a = {};
	struct error ignored;
	const char *config;

	if (digest_is_valid(json_get_str(entry, "digest")))
		TRY(strv_add(to, digest_hex(json_get_str(entry, "digest")), err));
	if (layout_load(l, at, &a, &ignored) < 0)
		return 0;
	struct json_object *c = json_get_object(a.manifest, "config");
	config = c ? json_get_str(c, "digest") : NULL;
	if (digest_is_valid(config))
		TRY(strv_add(to, digest_hex(config), err));
	layers = json_get_array(a.manifest, "layers");
	for (size_t i = 0; layers && i < json_object_array_length(layers); i++) {
		const char *digest = json_get_str(json_object_array_get_idx(layers, i), "digest");
		if (digest_is_valid(digest))
			TRY(strv_add(to, digest_hex(digest), err));
	}
	return 0;
}

static int sweep(const struct layout *l, struct error *err)
{
	auto_strv needed = {};
	struct dirent *d;
	int r = 0;

	for (size_t i = 0; i < json_object_array_length(layout_entries(l)); i++)
		TRY(add_needed(l, i, &needed, err));
	DIR *dir = file_stream(l->fd, BLOBS);
	if (!dir)
		return fail_errno(err, "open %s/" BLOBS, l->path);
	while ((d = file_next_entry(dir, l->path, &r, err)))
		if (d->d_name[0] != '.' && !strv_has(&needed, d->d_name))
			unlinkat(dirfd(dir), d->d_name, 0);
	closedir(dir);
	return r;
}

int layout_save(struct layout *l, struct error *err)
{
	auto_buf text = BUF_INIT(INDEX_BYTES_MAX);

	json_format(&text, l->index, 0);
	TRY(buf_ok(&text, "index.json", err));
	TRY(file_replace(l->fd, "index.json", text.data, text.len, 0644, FILE_SYNC, err));
	return sweep(l, err);
}
