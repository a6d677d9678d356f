/* SPDX-License-Identifier: Apache-2.0
 * engine/search.h - looking for images at registries. Owns its lists. Allocates. */
#pragma once
#include "base/value.h"
#include "engine/image.h"

struct search_hit {
	char *index, *name, *description, *official, *automated, *tag;   /* official, automated: "[OK]" or "" */
	int64_t stars;
};
extern const struct field search_hit_rows[];

struct search {
	struct image_remote remote;
	int64_t limit;               /* 0: the default, 25 */
	bool list_tags, no_trunc;
	struct strv filters;         /* stars=N, is-automated=BOOL, is-official=BOOL */
};
/* Appends struct search_hit. Several registries are asked when the term names none; one answer is enough. */
int search_images(struct engine *e, const char *term, const struct search *o, struct list *ret, struct error *err);
void search_hits_done(struct list *hits);
