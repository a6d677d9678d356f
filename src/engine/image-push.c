/* SPDX-License-Identifier: Apache-2.0
 * engine/image-push.c - an image of the store goes to a registry, an archive, a directory or a daemon: a copy with the
 * store as its source. */
#include <string.h>

#include "engine/event.h"
#include "engine/image-copy.h"
#include "engine/image-crypt.h"
#include "engine/image-list.h"
#include "engine/image-remote.h"
#include "engine/image-remove.h"
#include "engine/registry-sources.h"
#include "store/image.h"

static int decide_destination(const char *destination, const char *found_name, const char *what,
			      struct transport_name *to, struct error *err)
{
	if (!destination && !found_name)
		return fail(err, ERROR_INVALID, "%s has no name: say where to push it", what);
	TRY(transport_parse(destination ? destination : found_name, to, err));
	if (to->transport == TRANSPORT_STORAGE) {
		TRY(reference_normalize_local(&to->reference, err));
		return reference_default_tag(&to->reference, err);
	}
	if (to->path)   /* a docker archive names its images */
		return to->transport == TRANSPORT_DOCKER_ARCHIVE && !to->selector ? str_set(&to->selector, found_name, err) : 0;
	if (!to->reference.domain && to->transport == TRANSPORT_NONE && !destination)
		return fail(err, ERROR_INVALID, "%s: a short name cannot be pushed: say where to", what);
	TRY(reference_normalize_docker(&to->reference, err));
	TRY(registry_sources_check(to->reference.domain, err));
	return reference_default_tag(&to->reference, err);
}

/* To the store it comes from: one more name. */
static int give_name(struct engine *e, const char *what, const struct transport_name *to, const struct store_image *image,
		     char *ret_digest, struct error *err)
{
	autofree char *name = reference_text(&to->reference);

	if (!name)
		return fail_oom(err);
	TRY(image_tag(e, what, name, err));
	if (ret_digest)
		snprintf(ret_digest, DIGEST_TEXT_MAX, "%s", image->manifest ? image->manifest : "");
	return 0;
}

static bool names_registry(const char *destination)
{
	auto_transport_name to = { .index = -1 };
	struct error ignored;

	return !destination || (transport_parse(destination, &to, &ignored) == 0 &&
				(to.transport == TRANSPORT_NONE || to.transport == TRANSPORT_DOCKER));
}

int image_push(struct engine *e, const char *what, const char *destination, const struct image_push *o, char *ret_digest,
	       struct error *err)
{
	const struct transport_name from = { .transport = TRANSPORT_STORAGE, .index = -1 };
	auto_transport_name to = { .index = -1 };
	auto_store_image image = {};
	auto_image_crypt keys = {};
	autofree char *name = NULL;
	struct image_copy c = {
		.to = o->remote, .format = o->format, .compression = o->compression, .compression_level = o->compression_level,
		.force_compression = o->force_compression, .compress = o->compress, .progress = o->progress,
		.signing = o->signing, .accept_uncompressed = o->accept_uncompressed,
	};

	/* containers.conf: gzip is the habit anyway, and no reason to compress anew what is zstd */
	if (!c.compression && !str_empty(e->conf.engine.compression_format) && !streq(e->conf.engine.compression_format, "gzip"))
		c.compression = e->conf.engine.compression_format;
	if (!c.compression_level.set)
		c.compression_level = e->conf.engine.compression_level;
	TRY(image_remote_check_authfile(&o->remote, err));
	TRY(image_crypt_load(&o->encryption_keys, &o->encrypt_layers, NULL, &keys, err));
	c.crypt = &keys;
	if (names_registry(destination))
		fetcher_begin(e);
	TRY(image_find(e, what, 0, &image, &name, err));
	TRY(decide_destination(destination, name, what, &to, err));
	TRY(to.transport == TRANSPORT_STORAGE ? give_name(e, what, &to, &image, ret_digest, err)
					      : image_copy_parsed(e, &from, what, &to, &c, ret_digest, err));
	engine_event(e, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_PUSH, .id = image.id,
					 .name = destination ? destination : name });
	return 0;
}
