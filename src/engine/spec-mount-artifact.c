/* SPDX-License-Identifier: Apache-2.0
 * engine/spec-mount-artifact.c - --mount type=artifact: each file of an artifact bound read-only, below the destination
 * or, when there is but one and no directory of that name in the image, as the destination itself. */
#include <fcntl.h>
#include <string.h>

#include "engine/artifact.h"
#include "engine/spec.h"
#include "os/path.h"

static const char *option(const struct param_mount *p, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < p->options.n; i++)
		if (strncmp(p->options.v[i], name, n) == 0 && p->options.v[i][n] == '=')
			return p->options.v[i] + n + 1;
	return NULL;
}

static bool is_directory(const struct spec_context *x, const char *path)
{
	struct error missing;
	struct path_open how = { .oflags = O_PATH | O_DIRECTORY };
	autoclose int fd = x->rootfs_fd >= 0 ? path_open_in_root(x->rootfs_fd, path, how, &missing) : -1;

	return fd >= 0;
}

static int bind_file(struct oci_spec *s, const char *source, const char *destination, struct error *err)
{
	struct oci_mount *m = list_add(&s->mounts, sizeof(*m), err);

	if (!m)
		return -1;
	TRY(str_set(&m->destination, destination, err));
	TRY(str_set(&m->type, "bind", err));
	TRY(str_set(&m->source, source, err));
	return strv_split(&m->options, "bind,rprivate,ro,nosuid,nodev", ',', err);
}

/* name=: a single file is called so, several NAME-0, NAME-1, ... */
static int file_destination(const struct param_mount *p, const struct artifact_file *f, size_t i, size_t n, char **ret,
			    struct error *err)
{
	const char *name = option(p, "name");

	if (name && n > 1)
		return str_printf(ret, err, "%s/%s-%zu", p->destination, name, i);
	return str_printf(ret, err, "%s/%s", p->destination, name ? name : f->name);
}

int spec_mount_artifact(struct spec_context *x, struct oci_spec *s, const struct param_mount *p, struct error *err)
{
	struct artifact_choice c = { option(p, "digest"), option(p, "title") };
	auto_artifact_files files = {};
	auto_artifact a = {};
	const char *name = option(p, "name");

	if (name && (strchr(name, '/') || streq(name, ".") || streq(name, "..")))
		return fail(err, ERROR_INVALID, "name=%s: not a file name: invalid mount option", name);
	if (strv_has(&p->options, "rw"))
		return fail(err, ERROR_UNSUPPORTED, "mount of artifact %s: only read-only", p->source);
	TRY(artifact_find(x->engine, p->source, &a, err));
	TRY(artifact_files(x->engine, &a, &c, &files, err));
	const struct artifact_file *f = files.v;
	if (files.n == 1 && !is_directory(x, p->destination))
		return bind_file(s, f->path, p->destination, err);
	for (size_t i = 0; i < files.n; i++) {
		autofree char *destination = NULL;
		TRY(file_destination(p, &f[i], i, files.n, &destination, err));
		TRY(bind_file(s, f[i].path, destination, err));
	}
	return 0;
}
