/* SPDX-License-Identifier: Apache-2.0
 * engine/spec-default-mounts.c - mounts.conf(5): host files whose content every container gets.
 *
 * Each line "/SRC:/DEST" names a file or a directory. It is copied into the container's run-time directory and the
 * copy is mounted: what the container changes stays there, and the host's own file is never within reach. A missing
 * file, a missing source and a destination the user mounts himself are passed over. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "engine/engine.h"
#include "engine/spec.h"
#include "os/file.h"

#define MAX_CONF ((size_t)64 << 10)
#define MAX_DEPTH 16
#define MAX_FILES 4096

struct copying {
	unsigned left;     /* files that may still be copied */
	int depth;
};

static int copy_directory(struct copying *c, int from, int to, struct error *err);

/* Regular files and directories; links are followed (the user's own configuration), anything else is left out. */
static int copy_entry(struct copying *c, int from, int to, const char *name, const char *as, struct error *err)
{
	struct stat st;

	if (fstatat(from, name, &st, 0) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return 0;
	if (!c->left--)
		return fail(err, ERROR_INVALID, "more than %d files", MAX_FILES);
	if (S_ISREG(st.st_mode))
		return file_copy(from, name, to, as, true, err);
	autoclose int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in < 0)
		return fail_errno(err, "open %s", name);
	autoclose int out = file_open_dir(to, as, true, 0755, err);
	if (out < 0)
		return -1;
	if (fchmod(out, st.st_mode & 07777) < 0)
		return fail_errno(err, "change mode of %s", as);
	return copy_directory(c, in, out, err);
}

static int copy_directory(struct copying *c, int from, int to, struct error *err)
{
	DIR *d = file_stream(from, ".");
	int r = 0;

	if (!d)
		return fail_errno(err, "read a directory");
	if (++c->depth > MAX_DEPTH)
		r = fail(err, ERROR_INVALID, "nested deeper than %d directories", MAX_DEPTH);
	for (struct dirent *e; r >= 0 && (e = readdir(d));)
		if (!streq(e->d_name, ".") && !streq(e->d_name, ".."))
			r = copy_entry(c, from, to, e->d_name, e->d_name, err);
	c->depth--;
	closedir(d);
	return r;
}

static bool is_taken(const struct spec_context *x, const struct oci_spec *s, const char *destination)
{
	const struct param_mount *user = x->params->storage.mounts.v;
	const struct oci_mount *have = s->mounts.v;

	for (size_t i = 0; i < x->params->storage.mounts.n; i++)
		if (streq0(user[i].destination, destination))
			return true;
	for (size_t i = 0; i < s->mounts.n; i++)
		if (streq0(have[i].destination, destination))
			return true;
	return false;
}

static int add_bind(struct oci_spec *s, const char *source, const char *destination, struct error *err)
{
	struct oci_mount *m = list_add(&s->mounts, sizeof(*m), err);

	if (!m)
		return -1;
	TRY(str_set(&m->destination, destination, err));
	TRY(str_set(&m->type, "bind", err));
	TRY(str_set(&m->source, source, err));
	TRY(strv_add(&m->options, "bind", err));
	return strv_add(&m->options, "rprivate", err);
}

/* "/SRC:/DEST"; "/BOTH" means the same place inside. */
static int mount_line(struct spec_context *x, struct oci_spec *s, char *line, struct error *err)
{
	char name[48];
	autofree char *path = NULL;
	struct copying c = { .left = MAX_FILES };
	char *colon = strchr(line, ':');
	const char *destination = colon ? colon + 1 : line;

	if (colon)
		*colon = '\0';
	if (*line != '/' || *destination != '/')
		return fail(err, ERROR_INVALID, "want /SOURCE:/DESTINATION with absolute paths, got \"%s\"", line);
	if (is_taken(x, s, destination))
		return 0;
	if (access(line, F_OK) < 0) {
		log_info(x->engine->log, "Path \"%s\" of mounts.conf does not exist, passed over", line);
		return 0;
	}
	autoclose int dir = file_open_dir(x->run_dir_fd, "mounts", true, 0755, err);
	if (dir < 0)
		return -1;
	snprintf(name, sizeof(name), "%zu", s->mounts.n);
	TRY(copy_entry(&c, AT_FDCWD, dir, line, name, err));
	TRY(str_printf(&path, err, "%s/mounts/%s", x->run_dir, name));
	return faccessat(dir, name, F_OK, 0) < 0 ? 0 : add_bind(s, path, destination, err);
}

static int mount_file(struct spec_context *x, struct oci_spec *s, const char *file, struct error *err)
{
	autofree char *text = NULL;
	char *rest = NULL;
	int r = file_read(AT_FDCWD, file, MAX_CONF, &text, NULL, err);

	if (r <= 0)
		return r;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line += strspn(line, " \t");
		line[strcspn(line, " \t\r")] = '\0';
		if (*line && *line != '#' && mount_line(x, s, line, err) < 0)
			return fail_wrap(err, "%s", file);
	}
	return 0;
}

int spec_default_mounts(struct spec_context *x, struct oci_spec *s, struct error *err)
{
	const char *only = x->engine->opt.default_mounts_file;
	autofree char *home = NULL;

	if (!str_empty(only))
		return mount_file(x, s, only, err);
	TRY(path_join(&home, x->engine->paths.config_home, "containers/mounts.conf", err));
	const char *const files[] = { home, "/etc/containers/mounts.conf", "/usr/share/containers/mounts.conf" };
	for (size_t i = x->rootless ? 0 : 1; i < ARRAY_LEN(files); i++)
		TRY(mount_file(x, s, files[i], err));
	return 0;
}
