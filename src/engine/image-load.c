/* SPDX-License-Identifier: Apache-2.0
 * engine/image-load.c - images out of archives and directories. */
#include <fcntl.h>
#include <string.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/url.h"
#include "engine/event.h"
#include "engine/image-commit.h"
#include "engine/image-local.h"
#include "engine/image-trust.h"
#include "image/reference.h"
#include "store/stage.h"

/* Where an archive that is no plain tar file is unrolled: a file of the stage that has no name any more. */
static int scratch_file(const struct image_transfer *t, struct error *err)
{
	autoclose int fd = openat(stage_fd(t->stage), "spool", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || unlinkat(stage_fd(t->stage), "spool", 0) < 0)
		return fail_errno(err, "make a temporary file in %s", stage_path(t->stage));
	return take_fd(fd);
}

int image_open_source(struct source *s, int fd, int spool, const char *what, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(err, "%s", what);
	if (S_ISDIR(st.st_mode))
		return source_open_directory(s, fd, what, err);
	return source_open_archive(s, fd, S_ISREG(st.st_mode), spool, what, err);
}

int image_open_local(struct image_transfer *t, int fd, const char *what, struct error *err)
{
	autoclose int spool = scratch_file(t, err);

	return spool < 0 ? -1 : image_open_source(t->source, fd, spool, what, err);
}

int image_scratch(const struct engine *e, struct error *err)
{
	autofree char *path = NULL;

	int fd = open(e->paths.tmp, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	TRY(str_printf(&path, err, "%s/umiak-XXXXXX", e->paths.tmp));   /* no O_TMPFILE on this file system */
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return fail_errno(err, "make a temporary file in %s", e->paths.tmp);
	unlink(path);
	return fd;
}

/* ---- names ---- */
/* "busybox:latest" of an archive: docker.io's full name in docker archives, localhost/ in OCI ones, as Podman. */
int image_local_names(const struct op_archive *a, const struct op_archive_entry *e, struct strv *to, struct error *err)
{
	for (size_t i = 0; i < e->names.n; i++) {
		auto_reference r = {};
		struct error bad;
		if (reference_parse(e->names.v[i], &r, &bad) < 0) {
			if (a->format == ARCHIVE_OCI)   /* an annotation may be any text: then it is no name */
				continue;
			*err = bad;
			return -1;
		}
		if (a->format == ARCHIVE_DOCKER)
			TRY(reference_normalize_docker(&r, err));
		TRY(reference_normalize_local(&r, err));
		autofree char *text = reference_text(&r);
		if (!text)
			return fail_oom(err);
		TRY(strv_add(to, text, err));
	}
	return 0;
}

static int add_loaded(const struct strv *names, const char *id, struct strv *ret, struct error *err)
{
	return names->n ? strv_copy(ret, names, err) : strv_addf(ret, err, "sha256:%s", id);
}

static int check_trust(struct image_transfer *t, const struct image_load *o, enum transport transport,
		       const struct source_image *i, struct error *err)
{
	auto_strv digests = {};
	struct image_origin from = { .transport = transport, .scope = o->path ? o->path : "standard input",
				     .directory = transport == TRANSPORT_DIR ? o->path : NULL, .digests = &digests };

	TRY(strv_add(&digests, i->manifest_digest ? i->manifest_digest : "", err));
	return image_trust_check(t->engine, o->signature_policy, &from, err);
}

static int load_one(struct image_transfer *t, const struct image_load *o, enum transport transport, size_t index,
		    struct strv *ret, struct error *err)
{
	const char *what = o->path ? o->path : "standard input";
	const struct op_archive *a = source_archive(t->source);
	const struct op_archive_entry *e = &((struct op_archive_entry *)a->images.v)[index];
	auto_source_image i = {};
	auto_strv names = {};
	char id[65];

	TRY(image_local_names(a, e, &names, err));
	image_say(t->progress, "Getting image source signatures");
	TRY(source_get_image(t->source, NULL, index, NULL, &i, err));
	TRY(check_trust(t, o, transport, &i, err));
	TRY(image_commit(t, &i, &names, id, err));
	engine_event(t->engine, &(struct event){ .type = EVENT_IMAGE, .status = EVENT_LOAD, .id = id, .name = what });
	return add_loaded(&names, id, ret, err);
}

static enum transport transport_of(const struct op_archive *a, bool directory)
{
	if (a->format == ARCHIVE_DOCKER)
		return TRANSPORT_DOCKER_ARCHIVE;
	if (a->format == ARCHIVE_DIR)
		return TRANSPORT_DIR;
	return directory ? TRANSPORT_OCI : TRANSPORT_OCI_ARCHIVE;
}

/* An archive at an address is fetched first. */
static int download(struct image_transfer *t, const char *url, struct error *err)
{
	autoclose int fd = scratch_file(t, err);

	if (fd < 0)
		return -1;
	autofree char *shown = NULL, *secret = NULL;

	TRY(url_take_user(url, &shown, &secret, err));
	image_say(t->progress, "Downloading from \"%s\"", shown);
	TRY(source_get_url(t->source, url, fd, NULL, err));
	return lseek(fd, 0, SEEK_SET) < 0 ? fail_errno(err, "seek") : take_fd(fd);
}

static int open_input(struct image_transfer *t, const struct image_load *o, struct error *err)
{
	if (o->path && (str_after(o->path, "http://") || str_after(o->path, "https://")))
		return download(t, o->path, err);
	int fd = o->path ? open(o->path, O_RDONLY | O_CLOEXEC) : fcntl(o->fd, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? fail_errno(err, "%s", o->path ? o->path : "standard input") : fd;
}

int image_load_archive(struct engine *e, const struct image_load *o, struct strv *ret_names, struct error *err)
{
	auto_image_transfer t = {};
	autofree char *what = NULL, *secret = NULL;
	struct image_load shown = *o;
	struct stat st;

	TRY(url_take_user(o->path ? o->path : "standard input", &what, &secret, err));
	TRY(image_transfer_begin(e, "load", &o->progress, &t, err));
	autoclose int fd = open_input(&t, o, err);
	if (fd < 0)
		return -1;
	shown.path = o->path ? what : NULL;   /* from here on without a password */
	o = &shown;
	if (fstat(fd, &st) < 0)
		return fail_errno(err, "%s", what);
	TRY(image_open_local(&t, fd, what, err));
	const struct op_archive *a = source_archive(t.source);
	enum transport transport = transport_of(a, S_ISDIR(st.st_mode));
	TRY(image_trust_precheck(e, o->signature_policy, transport, what, err));
	if (!a->images.n)
		return fail(err, ERROR_INVALID, "%s: there is no image in it", what);
	for (size_t i = 0; i < a->images.n; i++)
		if (load_one(&t, o, transport, i, ret_names, err) < 0)
			return fail_wrap(err, "%s", what);
	return 0;
}
