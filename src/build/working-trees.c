/* SPDX-License-Identifier: Apache-2.0
 * build/working-trees.c - the directories a working container consists of, and those that become layers of their own.
 *
 * What `add --link` copies lies in DIR/linked/N of the container's directory. The list of the document says which of them
 * count: one that is not in it was not finished and is made anew. They are not seen in the container, as with Buildah. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "build/working-internal.h"
#include "os/file.h"
#include "store/layer.h"
#include "store/rootfs.h"

#define LINKED "linked"

void trees_done(struct trees *t)
{
	for (size_t i = 0; i < t->n; i++)
		close_p(&t->fds[i]);
	free(t->fds);
}

int trees_add(struct trees *t, int fd, struct error *err)
{
	int *grown = fd < 0 ? NULL : realloc(t->fds, (t->n + 1) * sizeof(int));

	if (!grown) {
		close_p(&fd);
		return fd < 0 ? -1 : fail_oom(err);
	}
	t->fds = grown;
	t->fds[t->n++] = fd;
	return 0;
}

int trees_add_layers(struct trees *t, struct store *s, const struct strv *layers, struct error *err)
{
	for (size_t i = 0; i < layers->n; i++)
		TRY(trees_add(t, store_layer_open(s, layers->v[i], err), err));
	return 0;
}

int trees_borrow(const struct trees *t, struct step_trees *to, struct error *err)
{
	to->v = calloc(t->n + 1, sizeof(int));
	if (!to->v)
		return fail_oom(err);
	if (t->n)
		memcpy(to->v, t->fds, t->n * sizeof(int));
	to->n = t->n;
	return 0;
}

int working_open_upper(struct store *s, const struct ctr *c, struct error *err)
{
	const struct rootfs_options o = { .id = c->id, .layers = &c->at.record.layers, .userns_fd = -1 };
	struct error missing;
	int upper = store_rootfs_upper(s, c->id, &missing);

	return upper >= 0 ? upper : store_rootfs_make_upper(s, &o, err);
}

int working_open_trees(const struct working *w, struct trees *to, struct error *err)
{
	struct store *s;

	TRY(engine_store(w->c->engine, &s, err));
	TRY(trees_add_layers(to, s, &w->c->at.record.layers, err));
	TRY(trees_add(to, working_open_upper(s, w->c, err), err));
	return working_link_trees(w, to, err);
}

/* ---- linked ---- */
static int open_linked(const struct working *w, bool create, struct error *err)
{
	autofree char *dir = NULL, *path = NULL;

	TRY(ctr_dir(w->c, &dir, err));
	TRY(str_printf(&path, err, "%s/" LINKED, dir));
	return file_open_dir(AT_FDCWD, path, create, 0700, err);
}

int working_link_open(const struct working *w, struct error *err)
{
	char name[24];
	autoclose int all = open_linked(w, true, err);

	if (all < 0)
		return -1;
	snprintf(name, sizeof(name), "%zu", w->linked.n);
	TRY(file_remove_tree(all, name, err));
	int fd = file_open_dir(all, name, true, 0755, err);
	if (fd >= 0 && fchmod(fd, 0755) < 0) {
		close(fd);
		return fail_errno(err, "set mode");
	}
	return fd;
}

int working_link_keep(struct working *w, const char *created_by, struct error *err)
{
	TRY(strv_add(&w->linked, created_by, err));
	return working_save(w, err);
}

int working_link_trees(const struct working *w, struct trees *to, struct error *err)
{
	char name[24];

	if (!w->linked.n)
		return 0;
	autoclose int all = open_linked(w, false, err);
	if (all < 0)
		return -1;
	for (size_t i = 0; i < w->linked.n; i++) {
		snprintf(name, sizeof(name), "%zu", i);
		TRY(trees_add(to, file_open_dir(all, name, false, 0, err), err));
	}
	return 0;
}

/* ---- --add-file ---- */
static int add_file(struct working *w, const char *spec, struct working_copy *copy, struct error *err)
{
	const char *colon = strchr(spec, ':');
	autofree char *source = strndup(spec, colon ? (size_t)(colon - spec) : strlen(spec)), *to = NULL;
	auto_strv sources = {};
	char digest[65] = "";
	const char *what = "";
	struct stat st;

	if (!source)
		return fail_oom(err);
	const char *destination = colon ? colon + 1 : source;
	TRY(str_printf(&to, err, "%s%s", *destination == '/' ? "" : "/", destination));
	if (stat(source, &st) < 0)
		return fail_errno(err, "--add-file %s", source);
	if (!S_ISREG(st.st_mode) || to[strlen(to) - 1] == '/')
		return fail(err, ERROR_INVALID, "--add-file %s: want a file and the name it gets (SOURCE[:DESTINATION])", spec);
	TRY(strv_add(&sources, source, err));
	copy->sources = &sources;
	copy->destination = to;
	return working_copy(w, copy, digest, &what, err);
}

int working_add_files(struct working *w, const struct strv *files, const struct build_options *o, struct opt_int timestamp, int into,
		      struct error *err)
{
	const struct strv none = {};
	struct working_copy copy = { .chown = "0:0", .chmod = "0644", .excludes = &none, .options = o, .timestamp = timestamp, .no_wildcard = true,
				     .into = { true, into } };

	for (size_t i = 0; i < files->n; i++)
		TRY(add_file(w, files->v[i], &copy, err));
	return 0;
}
