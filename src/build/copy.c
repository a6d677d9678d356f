/* SPDX-License-Identifier: Apache-2.0
 * build/copy.c - the items of a copy one after the other: where each comes from and where it goes. */
#include "build/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "build/copy-internal.h"
#include "build/place.h"
#include "os/file.h"
#include "os/path.h"

/* ---- items ---- */
static int copy_text(struct copier *c, const struct copy_item *i, const struct target *t, struct error *err)
{
	const struct stat st = { .st_mode = S_IFREG | 0644, .st_mtim = { .tv_sec = 0 } };
	const struct source s = { .item = i, .to = i->name, .called = "", .st = st };

	TRY(copy_add_entry(c, &s, err));
	if (c->job->hash)
		sha256_add(&c->hash, i->text, i->text_len);
	if (t->upper < 0)
		return 0;
	autoclose int out = copy_create_file(t, i->name, err);
	if (out < 0)
		return -1;
	TRY(file_write_all(out, i->text, i->text_len, err));
	TRY(copy_set_state(c->job, out, &st, err));
	const struct timespec now[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
	return futimens(out, now) < 0 ? fail_errno(err, "set time") : 0;
}

/* The directory of the item's source and its last component. A link there is followed: `path` is what copy_find() found. */
static int open_source(const struct copy_item *i, char name[NAME_MAX + 1], struct error *err)
{
	char real[PATH_MAX];
	mode_t type;

	if (!*i->path) {
		*name = '\0';
		return openat(i->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (i->link)
		return path_open_parent_in_root(i->root, i->path, (struct path_parent){}, name, err);
	if (place_resolve(i->root, i->path, real, &type, err) != 1)
		return fail_with(err, ENOENT, "%s", i->path);
	if (streq(real, "/")) {
		*name = '\0';
		return openat(i->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	return path_open_parent_in_root(i->root, real, (struct path_parent){}, name, err);
}

static int copy_item(struct copier *c, const struct copy_item *i, const struct target *t, const char *to, struct error *err)
{
	char name[NAME_MAX + 1];
	autoclose int dir = open_source(i, name, err);
	struct source s = { .item = i, .dir = dir, .name = name, .path = i->path, .to = to, .called = i->name };

	if (dir < 0)
		return fail_wrap(err, "open %s", i->path);
	if (!i->contents)
		return copy_entry(c, &s, t, err);
	autoclose int top = openat(dir, *name ? name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0 || fstat(top, &s.st) < 0)
		return fail_errno(err, "open %s", i->path);
	s.called = "";
	TRY(copy_add_entry(c, &s, err));   /* a new destination gets its state */
	return copy_contents(c, &s, top, t, err);
}

/* ---- the destination ---- */
static int open_place(struct copier *c, const char *path, struct target *ret, bool *made, struct error *err)
{
	struct copy_job *j = c->job;
	const struct place_owner owner = { j->owner.set ? j->owner.uid : 0, j->owner.set ? j->owner.gid : 0, 0755 };
	char real[PATH_MAX];
	mode_t type = S_IFDIR;

	if (j->upper < 0)
		return 0;
	int found = place_resolve(j->view, path, real, &type, err);
	if (found < 0)
		return -1;
	if (found && !S_ISDIR(type))
		return fail_with(err, ENOTDIR, "destination %s", path);
	ret->upper = place_mkdirs(j->view, j->upper, real, owner, made, err);
	if (ret->upper < 0)
		return -1;
	if (found && j->view >= 0)
		ret->view = path_open_in_root(j->view, real, (struct path_open){ .oflags = O_PATH | O_DIRECTORY }, err);
	return found && j->view >= 0 && ret->view < 0 ? -1 : 0;
}

static int is_directory(const struct copy_job *j, const char *path, struct error *err)
{
	char real[PATH_MAX];
	mode_t type = 0;
	int found = place_resolve(j->view, path, real, &type, err);

	return found < 0 ? -1 : found && S_ISDIR(type);
}

/* Whether the destination names a directory that things go into, or the file itself. */
static int goes_into(const struct copy_job *j, const struct copy_item *i, struct error *err)
{
	if (j->directory || j->parents || str_ends(j->destination, "/") || str_ends(j->destination, "/.") || i->contents || j->upper < 0)
		return 1;
	return is_directory(j, j->destination, err);
}

/* --parents: a directory above the item that was made is like the source's. `path`: of the item; `to`: its place. */
static int copy_parent_states(struct copier *c, const struct copy_item *i, const char *dir, struct error *err)
{
	const struct copy_job *j = c->job;

	if (!j->parents || j->upper < 0 || i->text || strlen(i->path) < strlen(i->name))
		return 0;
	size_t above = strlen(i->path) - strlen(i->name);
	if (!streq(i->path + above, i->name))
		return 0;
	for (const char *slash = strchr(i->name, '/'); slash; slash = strchr(slash + 1, '/')) {
		autofree char *from = NULL, *to = NULL;
		struct stat st;
		TRY(str_printf(&from, err, "%.*s", (int)(above + (size_t)(slash - i->name)), i->path));
		TRY(str_printf(&to, err, "%s/%.*s", dir, (int)(slash - i->name), i->name));
		char real[PATH_MAX];
		bool made = false;
		autoclose int source = path_open_in_root(i->root, from, (struct path_open){ .oflags = O_RDONLY | O_DIRECTORY }, err);
		if (source < 0 || place_resolve(j->view, to, real, NULL, err) < 0)
			return -1;
		autoclose int made_fd = place_mkdirs(j->view, j->upper, real, (struct place_owner){ 0, 0, 0755 }, &made, err);
		if (made_fd < 0 || fstat(source, &st) < 0)
			return made_fd < 0 ? -1 : fail_errno(err, "stat %s", from);
		if (made)
			TRY(copy_set_state(j, made_fd, &st, err));
	}
	return 0;
}

/* "to" may have directories in front (--parents): they are made. */
static int place_item(struct copier *c, const struct copy_item *i, struct error *err)
{
	const struct copy_job *j = c->job;
	auto_target t = TARGET_INIT;
	autofree char *dir = NULL, *clean = path_clean(j->destination);
	const char *slash = strrchr(i->name, '/');
	bool made = false;
	int into = goes_into(j, i, err);

	if (!clean)
		return fail_oom(err);
	if (into < 0)
		return -1;
	if (into && slash && !i->contents)
		TRY(str_printf(&dir, err, "%s/%.*s", clean, (int)(slash - i->name), i->name));
	else if (into)
		TRY(str_set(&dir, clean, err));
	else
		TRY(str_printf(&dir, err, "%.*s", (int)(strrchr(clean, '/') - clean), clean));
	const char *to = into ? (slash ? slash + 1 : i->name) : strrchr(clean, '/') + 1;
	TRY(copy_parent_states(c, i, clean, err));
	TRY(open_place(c, dir, &t, &made, err));
	if (!i->text)
		return copy_item(c, i, &t, to, err);
	struct copy_item named = *i;
	named.name = (char *)to;
	return copy_text(c, &named, &t, err);
}

static void copier_done(struct copier *c)
{
	for (size_t i = 0; i < c->cap_links; i++) {
		if (c->links[i].ino)
			close_p(&c->links[i].dir);
		free(c->links[i].name);
	}
	free(c->links);
	free(c->data);
	copy_pool_free(c->pool);
}

int copy_run(struct copy_job *j, struct error *err)
{
	CLEANUP(copier_done) struct copier c = { .job = j, .data = malloc(COPY_DATA_MAX) };

	if (!c.data)
		return fail_oom(err);
	sha256_init(&c.hash);
	for (size_t i = 0; i < j->items->v.n; i++) {
		const struct copy_item *item = COPY_ITEM(j->items, i);
		copy_add_text(&c, item->contents ? "" : item->name);
		TRY(place_item(&c, item, err));
	}
	sha256_end_hex(&c.hash, j->digest);
	return 0;
}
