/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy-names.c - what the two names of a copy mean; a copy into the store is a pull. */
#include <string.h>

#include "engine/image-copy-internal.h"
#include "engine/image-crypt.h"
#include "engine/image-list.h"
#include "engine/image-remove.h"
#include "engine/image-trust.h"

#define STORE_PREFIX "containers-storage:"

int image_copy_name(const char *s, struct transport_name *ret, struct error *err)
{
	auto_transport_name t = { .index = -1 };
	const char *colon = strchr(s, ':');

	if (!colon)
		return fail(err, ERROR_INVALID, "Invalid image name \"%s\", expected colon-separated transport:reference", s);
	if (!transport_is_known(s))
		return fail(err, ERROR_INVALID, "Invalid image name \"%s\", unknown transport \"%.*s\"", s, (int)(colon - s), s);
	TRY(transport_parse(s, &t, err));
	if (!t.path) {
		TRY(reference_normalize_docker(&t.reference, err));
		TRY(reference_default_tag(&t.reference, err));
	}
	*ret = t;
	t = (struct transport_name){ .index = -1 };
	return 0;
}

static int precheck_policy(struct engine *e, const struct transport_name *from, const char *scope, const struct image_copy *o,
			   struct error *err)
{
	if (o->from.insecure_policy)
		return 0;
	return image_trust_precheck(e, o->from.signature_policy, from->transport, scope, err);
}

/* Into the store: that is a pull, or a further name for what is there. */
static int copy_to_store(struct engine *e, const char *from, const struct transport_name *to, const struct image_copy *o,
			 char *ret_digest, struct error *err)
{
	auto_strv ids = {};
	auto_store_image image = {};
	autofree char *name = reference_text(&to->reference);

	if (!name)
		return fail_oom(err);
	if (o->encryption_keys.n)
		return fail(err, ERROR_UNSUPPORTED, "--encryption-key: containers-storage: holds no encrypted layers");
	if (o->multi != COPY_SYSTEM)
		return fail(err, ERROR_UNSUPPORTED, "copying a whole manifest list into containers-storage: is not supported: copy the "
			    "image for one platform");
	struct image_pull p = { .remote = o->from, .policy = PULL_ALWAYS, .os = o->platform.os, .arch = o->platform.architecture,
				.variant = o->platform.variant, .decryption_keys = o->decryption_keys, .as = name,
				.progress = o->progress };
	const char *in_store = str_after(from, STORE_PREFIX);
	if (in_store)
		TRY(image_tag(e, in_store, name, err));
	else
		TRY(image_pull(e, from, &p, &ids, err));
	TRY(image_find(e, name, STORE_IMAGE_NAMES, &image, NULL, err));
	for (size_t i = 0; i < o->tags.n; i++)
		TRY(image_tag(e, image.id, o->tags.v[i], err));
	if (ret_digest)
		snprintf(ret_digest, DIGEST_TEXT_MAX, "%s", image.manifest);
	return 0;
}

/* An id is no reference, but may stand behind "containers-storage:". */
static int parse_source(const char *from, struct transport_name *ret, char **ret_what, struct error *err)
{
	const char *in_store = str_after(from, STORE_PREFIX);

	if (in_store) {
		const char *end = *in_store == '[' ? strchr(in_store, ']') : NULL;
		ret->transport = TRANSPORT_STORAGE;
		in_store = end ? end + 1 : in_store;
		return str_set(ret_what, *in_store == '@' ? in_store + 1 : in_store, err);
	}
	if (image_copy_name(from, ret, err) < 0)
		return fail_wrap(err, "Invalid source name %s", from);
	*ret_what = ret->path ? strdup(ret->path) : reference_text(&ret->reference);
	return *ret_what ? 0 : fail_oom(err);
}

int image_copy_here(struct engine *e, const char *from, const char *to, const struct image_copy *o, char *ret_digest,
		    struct error *err)
{
	auto_transport_name f = { .index = -1 }, t = { .index = -1 };
	autofree char *what = NULL;

	TRY(parse_source(from, &f, &what, err));
	if (image_copy_name(to, &t, err) < 0)
		return fail_wrap(err, "Invalid destination name %s", to);
	TRY(precheck_policy(e, &f, what, o, err));
	if (t.transport == TRANSPORT_STORAGE)
		return copy_to_store(e, from, &t, o, ret_digest, err);
	auto_image_crypt keys = {};
	struct image_copy how = *o;
	TRY(image_crypt_load(&o->encryption_keys, &o->encrypt_layers, &o->decryption_keys, &keys, err));
	how.crypt = &keys;
	return image_copy_parsed(e, &f, what, &t, &how, ret_digest, err);
}
