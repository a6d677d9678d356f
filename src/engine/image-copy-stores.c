/* SPDX-License-Identifier: Apache-2.0
 * engine/image-copy-stores.c - a copy from or to another store than ours. Between two stores it goes by way of an archive
 * without a name. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/image-commit.h"
#include "engine/image-copy-internal.h"
#include "engine/image-local.h"
#include "engine/named-store.h"
#include "store/image.h"

static int load(struct engine *e, int fd, const char *name, const struct image_copy *o, char *ret_digest, struct error *err)
{
	auto_image_transfer t = {};
	auto_source_image i = {};
	auto_strv names = {};
	auto_reference r = {};
	char id[65];

	TRY(reference_parse(name, &r, err));
	TRY(reference_normalize_docker(&r, err));
	TRY(reference_default_tag(&r, err));
	autofree char *full = reference_text(&r);
	if (!full)
		return fail_oom(err);
	TRY(image_transfer_begin(e, "pull", &o->progress, &t, err));
	TRY(image_open_local(&t, fd, name, err));
	TRY(source_get_image(t.source, NULL, 0, &o->platform, &i, err));
	TRY(strv_add(&names, full, err));
	TRY(image_commit(&t, &i, &names, id, err));
	if (ret_digest)
		snprintf(ret_digest, DIGEST_TEXT_MAX, "%s", i.manifest_digest);
	return 0;
}

static int between(struct engine *from, struct engine *to, const char *source, const char *name, const struct image_copy *o,
		   char *ret_digest, struct error *err)
{
	const struct transport_name f = { .transport = TRANSPORT_STORAGE, .index = -1 };
	const struct transport_name archive = { .transport = TRANSPORT_OCI_ARCHIVE, .index = -1 };
	struct image_copy how = *o;
	autoclose int fd = image_scratch(from, err);

	TRY(fd);
	how.to_fd = fd;
	TRY(image_copy_parsed(from, &f, source, &archive, &how, NULL, err));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail_errno(err, "seek");
	return load(to, fd, name, o, ret_digest, err);
}

int image_copy(struct engine *e, const char *from, const char *to, const struct image_copy *o, char *ret_digest,
	       struct error *err)
{
	auto_named_store f = {}, t = {};

	TRY(named_store_find(e, from, &f, err));
	TRY(named_store_find(e, to, &t, err));
	struct engine *fe = f.is_other ? &f.engine : e, *te = t.is_other ? &t.engine : e;
	if (f.is_store && t.is_store && (f.is_other || t.is_other))
		return between(fe, te, str_after(f.name, "containers-storage:"), str_after(t.name, "containers-storage:"), o, ret_digest,
			       err);
	return image_copy_here(f.is_other ? fe : te, f.name, t.name, o, ret_digest, err);
}
