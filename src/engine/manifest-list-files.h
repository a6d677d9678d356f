/* SPDX-License-Identifier: Apache-2.0
 * engine/manifest-list-files.h - the scratch layout a list is gathered in on its way to a directory or archive.
 * Owns a stage; the layout goes with it. Only for engine/manifest-list-push.c. */
#pragma once
#include "base/buf.h"
#include "engine/image.h"
#include "image/oci-image.h"
#include "image/reference.h"
#include "store/stage.h"

struct list_layout {
	struct store *store;
	struct stage *stage;
	char *path;
	int fd;
};
int list_layout_open(struct store *s, struct list_layout *ret, struct error *err);
void list_layout_done(struct list_layout *l);
/* A blob of the store. */
int list_layout_put_stored(struct list_layout *l, const char *digest, struct error *err);
/* A manifest that was written into it. */
int list_layout_read(struct list_layout *l, const char *digest, char **ret, size_t *ret_len, struct error *err);

struct list_index {
	struct engine *engine;
	const struct buf *text;
	const char *digest;
	enum media_type type;
	bool all;                 /* its images are there, too */
};
/* Writes the index and copies all of it to `to`. */
int list_layout_finish(struct list_layout *l, const struct list_index *index, const struct transport_name *to,
		       const struct image_push *how, char ret_digest[DIGEST_TEXT_MAX], struct error *err);
