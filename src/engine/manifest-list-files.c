/* SPDX-License-Identifier: Apache-2.0
 * engine/manifest-list-files.c - a list's way into files: first an OCI layout in the stage, whose blobs are the entries'
 * images and the index, then a copy of that layout to wherever it shall go (engine/image-copy.h). */
#include "engine/manifest-list-files.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/image-copy.h"
#include "image/digest.h"
#include "os/file.h"
#include "store/layer.h"

#define NAME_MAX_BYTES (DIGEST_TEXT_MAX + 16)

void list_layout_done(struct list_layout *l)
{
	close_p(&l->fd);
	stage_done(l->stage);
	free(l->path);
	*l = (struct list_layout){ .fd = -1 };
}

int list_layout_open(struct store *s, struct list_layout *ret, struct error *err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	CLEANUP(list_layout_done) struct list_layout l = { .store = s, .fd = -1 };

	TRY(stage_begin(s, "push", &l.stage, err));
	TRY(str_printf(&l.path, err, "%s/list", stage_path(l.stage)));
	l.fd = file_open_dir(AT_FDCWD, l.path, true, 0700, err);
	TRY(l.fd);
	TRY(file_mkdirs(l.fd, "blobs/sha256", 0700, err) < 0 ? -1 : 0);
	TRY(file_replace(l.fd, "oci-layout", version, sizeof(version) - 1, 0600, 0, err));
	*ret = l;
	l = (struct list_layout){ .fd = -1 };
	return 0;
}

static const char *place(const char *digest, char out[NAME_MAX_BYTES])
{
	snprintf(out, NAME_MAX_BYTES, "blobs/%.*s/%s", (int)strcspn(digest, ":"), digest, digest_hex(digest));
	return out;
}

int list_layout_put_stored(struct list_layout *l, const char *digest, struct error *err)
{
	char name[NAME_MAX_BYTES];
	autoclose int from = store_blob_open(l->store, digest, err);

	TRY(from);
	autoclose int to = openat(l->fd, place(digest, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return fail_errno(err, "%s/%s", l->path, name);
	return file_copy_fd(from, to, NULL, err);
}

int list_layout_read(struct list_layout *l, const char *digest, char **ret, size_t *ret_len, struct error *err)
{
	char name[NAME_MAX_BYTES];
	int found = file_read(l->fd, place(digest, name), MANIFEST_BYTES_MAX, ret, ret_len, err);

	return found > 0 ? 0 : found < 0 ? -1 : fail(err, ERROR_NOT_FOUND, "manifest %s was not written", digest);
}

int list_layout_finish(struct list_layout *l, const struct list_index *index, const struct transport_name *to,
		       const struct image_push *how, char ret_digest[DIGEST_TEXT_MAX], struct error *err)
{
	const struct transport_name from = { .transport = TRANSPORT_OCI, .path = l->path, .index = -1 };
	const struct image_copy c = { .multi = index->all ? COPY_ALL : COPY_INDEX_ONLY, .format = how->format,
				      .to = how->remote, .from = { .insecure_policy = true }, .progress = how->progress,
				      .signing = how->signing };
	auto_buf text = BUF_INIT(4096);
	char name[NAME_MAX_BYTES];

	TRY(file_replace(l->fd, place(index->digest, name), index->text->data, index->text->len, 0600, 0, err));
	buf_addf(&text, "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]}",
		 media_type_name(index->type), index->digest, index->text->len);
	TRY(buf_ok(&text, "index", err));
	TRY(file_replace(l->fd, "index.json", text.data, text.len, 0600, 0, err));
	return image_copy_parsed(index->engine, &from, l->path, to, &c, ret_digest, err);
}
