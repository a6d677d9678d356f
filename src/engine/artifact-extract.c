/* SPDX-License-Identifier: Apache-2.0
 * engine/artifact-extract.c - files out of artifacts. A title comes from whoever made the artifact: it is one file name
 * or it is refused. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/artifact-internal.h"
#include "engine/artifact-manifest.h"
#include "image/tar.h"
#include "os/file.h"

void artifact_files_done(struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(((struct artifact_file *)l->v)[i].path);
		free(((struct artifact_file *)l->v)[i].name);
	}
	free(l->v);
	*l = (struct list){};
}

static int file_name(const char *title, const char *digest, char **ret, struct error *err)
{
	if (!str_empty(title)) {
		if (strchr(title, '/') || streq(title, ".") || streq(title, ".."))
			return fail(err, ERROR_INVALID, "invalid name: \"%s\" cannot be a file's: title annotation is invalid", title);
		return str_set(ret, title, err);
	}
	return str_printf(ret, err, "sha256-%s", digest_hex(digest));
}

static bool is_chosen(struct json_object *layer, const struct artifact_choice *c)
{
	struct json_object *notes = json_get_object(layer, "annotations");

	if (c->digest)
		return streq0(json_get_str(layer, "digest"), c->digest);
	return !c->title || (notes && streq0(json_get_str(notes, ANNOTATION_TITLE), c->title));
}

static int add_file(struct engine *e, struct json_object *layer, const struct artifact_choice *c, struct list *ret,
		    struct error *err)
{
	struct json_object *notes = json_get_object(layer, "annotations");
	const char *digest = json_get_str(layer, "digest"), *title = notes ? json_get_str(notes, ANNOTATION_TITLE) : NULL;

	if (!digest_is_valid(digest))
		return fail(err, ERROR_CORRUPT, "a file of the artifact has no digest");
	struct artifact_file *f = list_add(ret, sizeof(*f), err);
	if (!f)
		return -1;
	TRY(str_printf(&f->path, err, "%s/artifacts/blobs/sha256/%s", e->root, digest_hex(digest)));
	return file_name(c->digest ? NULL : title, digest, &f->name, err);
}

static int check_unique(const struct list *files, struct error *err)
{
	const struct artifact_file *f = files->v;

	for (size_t i = 0; i < files->n; i++)
		for (size_t k = 0; k < i; k++)
			if (streq(f[i].name, f[k].name))
				return fail(err, ERROR_INVALID, "annotation \"" ANNOTATION_TITLE "\":\"%s\" is used in multiple different "
					    "layers within artifact", f[i].name);
	return 0;
}

int artifact_files(struct engine *e, const struct artifact *a, const struct artifact_choice *c, struct list *ret,
		   struct error *err)
{
	struct json_object *layers = json_get_array(a->manifest, "layers");

	if (c->digest && c->title)
		return fail(err, ERROR_INVALID, "cannot specify both digest and title");
	if (!layers || !json_object_array_length(layers))
		return fail(err, ERROR_INVALID, "the artifact has no blobs, nothing to extract");
	for (size_t i = 0; i < json_object_array_length(layers); i++) {
		struct json_object *layer = json_object_array_get_idx(layers, i);
		if (is_chosen(layer, c))
			TRY(add_file(e, layer, c, ret, err));
		if (c->digest && ret->n)
			break;
	}
	if (!ret->n)
		return fail(err, ERROR_NOT_FOUND, "no blob with the %s \"%s\"", c->digest ? "digest" : "title",
			    c->digest ? c->digest : c->title);
	if (c->title && ret->n > 1)
		return fail(err, ERROR_INVALID, "more than one blob with the title \"%s\"", c->title);
	return check_unique(ret, err);
}

/* ---- to files ---- */
static int copy_out(const struct artifact_file *f, int dir, const char *to, struct error *err)
{
	autoclose int from = open(f->path, O_RDONLY | O_CLOEXEC), out = -1;

	if (from < 0)
		return fail_errno(err, "open %s", f->path);
	out = openat(dir, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (out < 0)
		return fail_errno(err, "open %s", to);
	return file_copy_fd(from, out, NULL, err);
}

static int extract_all(const struct list *files, const char *target, const struct artifact_choice *c, struct error *err)
{
	const struct artifact_file *f = files->v;
	struct stat st;

	if (stat(target, &st) < 0 || !S_ISDIR(st.st_mode)) {
		if (files->n > 1 && !c->digest && !c->title)
			return fail(err, ERROR_INVALID, "the artifact consists of several blobs and the target \"%s\" is not a directory and "
				    "neither digest or title was specified to only copy a single blob", target);
		return copy_out(f, AT_FDCWD, target, err);
	}
	autoclose int dir = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail_errno(err, "open %s", target);
	for (size_t i = 0; i < files->n; i++)
		TRY(copy_out(&f[i], dir, f[i].name, err));
	return 0;
}

/* ---- to a stream ---- */
static int write_member(const struct artifact_file *f, int fd, struct error *err)
{
	auto_buf head = BUF_INIT((size_t)1 << 20);
	autoclose int from = open(f->path, O_RDONLY | O_CLOEXEC);
	char none[] = "";
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return fail_errno(err, "open %s", f->path);
	struct tar_entry t = { .type = TAR_FILE, .name = f->name, .link = none, .uname = none, .gname = none, .mode = 0644,
			       .size = st.st_size, .stored = st.st_size };
	TRY(tar_write_header(&head, &t, err));
	TRY(file_write_all(fd, head.data, head.len, err));
	TRY(file_copy_fd(from, fd, NULL, err));
	buf_truncate(&head, 0);
	tar_write_padding(&head, st.st_size);
	TRY(buf_ok(&head, "tar", err));
	return head.len ? file_write_all(fd, head.data, head.len, err) : 0;
}

static int write_stream(const struct list *files, int fd, struct error *err)
{
	auto_buf end = BUF_INIT((size_t)4096);

	for (size_t i = 0; i < files->n; i++)
		TRY(write_member(&((struct artifact_file *)files->v)[i], fd, err));
	tar_write_end(&end);
	TRY(buf_ok(&end, "tar", err));
	return file_write_all(fd, end.data, end.len, err);
}

int artifact_extract(struct engine *e, const char *what, const char *target, int fd, const struct artifact_choice *c,
		     struct error *err)
{
	auto_artifact_files files = {};
	auto_artifact a = {};

	TRY(artifact_find(e, what, &a, err));
	TRY(artifact_files(e, &a, c, &files, err));
	return streq(target, "-") ? write_stream(&files, fd, err) : extract_all(&files, target, c, err);
}
