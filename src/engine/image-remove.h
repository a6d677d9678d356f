/* SPDX-License-Identifier: Apache-2.0
 * engine/image-remove.h - tag, untag, remove and prune images.
 * Owns the lists of a removal. Allocates. */
#pragma once
#include "base/str.h"
#include "engine/engine.h"

/* One more name for an image. ERROR_INVALID for digests and names that do not parse. */
int image_tag(struct engine *e, const char *what, const char *name, struct error *err);
/* Takes names away; none given: all of them. ERROR_NOT_FOUND "NAME: tag not known". */
int image_untag(struct engine *e, const char *what, const struct strv *names, struct error *err);

struct image_removal {
	/* in */
	bool all;        /* every image */
	bool force;      /* containers that use the image go first; several names are no obstacle */
	bool ignore;     /* unknown names are no error */
	bool no_prune;   /* leave unnamed parents that nothing needs any more */
	/* out */
	struct strv untagged, deleted;   /* names; ids */
	int64_t bytes;                   /* freed */
	/* Called for everything that cannot be removed; the others still are. */
	void (*failed)(void *arg, const struct error *e);
	void *arg;
};
void image_removal_done(struct image_removal *r);
#define auto_image_removal CLEANUP(image_removal_done) struct image_removal
/* `names`: as typed; empty with r->all. < 0 only when nothing could be tried. */
int image_remove(struct engine *e, const struct strv *names, struct image_removal *r, struct error *err);

struct image_prune_options {
	bool all;                       /* not only dangling ones: all that no container uses */
	bool external;                  /* Buildah's working containers of such images go, too */
	const struct strv *filters;     /* image filters */
};
/* Removes until nothing more can go; ids in r->deleted. */
int image_prune(struct engine *e, const struct image_prune_options *o, struct image_removal *r, struct error *err);
