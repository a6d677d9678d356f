/* SPDX-License-Identifier: Apache-2.0
 * build/copy-walk.c - walking what is copied: hashing it, writing it, or both in one pass. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "build/copy-internal.h"
#include "build/place.h"
#include "os/file.h"
#include "os/path.h"

enum { DEPTH_MAX = 1024 };

/* ---- what counts ---- */
void copy_add_text(struct copier *c, const char *s)
{
	sha256_add(&c->hash, s, strlen(s) + 1);
}

static void add_number(struct copier *c, uint64_t v)
{
	sha256_add(&c->hash, &v, sizeof(v));
}

int copy_add_entry(struct copier *c, const struct source *s, struct error *err)
{
	struct copy_owner o;
	mode_t mode;

	if (!c->job->hash)
		return 0;
	TRY(copy_owner_of(c->job, &s->st, &o, err));
	TRY(copy_mode_of(c->job, &s->st, &mode, err));
	copy_add_text(c, s->called);
	add_number(c, (uint64_t)c->depth);
	add_number(c, (uint64_t)(s->st.st_mode & S_IFMT) | mode);
	add_number(c, (uint64_t)o.uid << 32 | o.gid);
	return 0;
}

/* ---- hard links: the copy of a file with several names is linked to its first copy ---- */
static struct linked *find_link(struct copier *c, dev_t dev, ino_t ino)
{
	size_t i = (ino * UINT64_C(0x9e3779b97f4a7c15)) & (c->cap_links - 1);

	while (c->links[i].ino && (c->links[i].ino != ino || c->links[i].dev != dev))
		i = (i + 1) & (c->cap_links - 1);
	return &c->links[i];
}

static int grow_links(struct copier *c, struct error *err)
{
	struct linked *old = c->links;
	size_t n = c->cap_links;

	c->cap_links = n ? n * 2 : 64;
	c->links = calloc(c->cap_links, sizeof(*c->links));
	if (!c->links) {
		c->links = old;
		c->cap_links = n;
		return fail_oom(err);
	}
	for (size_t i = 0; i < n; i++)
		if (old[i].ino)
			*find_link(c, old[i].dev, old[i].ino) = old[i];
	free(old);
	return 0;
}

/* 1: linked to its first copy; 0: this is the first, or linking is not possible. */
static int link_copy(struct copier *c, const struct source *s, const struct target *t, struct error *err)
{
	if (s->st.st_nlink < 2 || t->upper < 0)
		return 0;
	if (c->n_links * 2 >= c->cap_links)
		TRY(grow_links(c, err));
	struct linked *l = find_link(c, s->st.st_dev, s->st.st_ino);
	if (l->ino)
		return linkat(l->dir, l->name, t->upper, s->to, 0) == 0 ||
		       (errno == EEXIST && unlinkat(t->upper, s->to, 0) == 0 && linkat(l->dir, l->name, t->upper, s->to, 0) == 0);
	l->name = strdup(s->to);
	l->dir = fcntl(t->upper, F_DUPFD_CLOEXEC, 3);
	if (!l->name || l->dir < 0) {
		free(l->name);
		close_p(&l->dir);
		*l = (struct linked){};
		return 0;   /* out of descriptors: a second copy will do */
	}
	l->dev = s->st.st_dev;
	l->ino = s->st.st_ino;
	c->n_links++;
	return 0;
}

/* ---- plain files ---- */
/* What the task found out, in its place of the order. */
static int take_file(struct copier *c, struct file_task *k, struct error *err)
{
	if (k->result < 0) {
		*err = k->error;
		return -1;
	}
	if (c->job->hash) {
		add_number(c, (uint64_t)k->from.st.st_size);
		sha256_add(&c->hash, k->digest, sizeof(k->digest));
	}
	c->job->files++;
	c->job->bytes += k->from.st.st_size;
	return 0;
}

static int copy_file(struct copier *c, const struct source *s, const struct target *t, struct error *err)
{
	struct file_task k = { .job = c->job, .from = *s, .to = *t };
	int linked = link_copy(c, s, t, err);

	if (linked < 0)
		return -1;
	if (linked)
		k.to.upper = -1;
	copy_file_run(&k, c->data);
	return take_file(c, &k, err);
}

static int copy_link(struct copier *c, const struct source *s, const struct target *t, struct error *err)
{
	autofree char *text = NULL;
	struct copy_owner o;
	const struct timespec times[2] = { copy_time_of(c->job, &s->st), copy_time_of(c->job, &s->st) };

	TRY(copy_owner_of(c->job, &s->st, &o, err));
	TRY(path_readlink(s->dir, s->name, &text, err));
	if (c->job->hash)
		copy_add_text(c, text);
	if (t->upper < 0)
		return 0;
	TRY(copy_make_way(t, s->to, err));
	if (symlinkat(text, t->upper, s->to) < 0)
		return fail_errno(err, "make link");
	if (fchownat(t->upper, s->to, o.uid, o.gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(t->upper, s->to, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "set owner and time of a link");
	return 0;
}

static int copy_node(struct copier *c, const struct source *s, const struct target *t, struct error *err)
{
	struct copy_owner o;
	mode_t mode;

	TRY(copy_owner_of(c->job, &s->st, &o, err));
	if (S_ISSOCK(s->st.st_mode))
		return 0;
	if (c->job->hash)
		add_number(c, s->st.st_rdev);
	if (t->upper < 0)
		return 0;
	TRY(copy_mode_of(c->job, &s->st, &mode, err));
	TRY(copy_make_way(t, s->to, err));
	if (mknodat(t->upper, s->to, (s->st.st_mode & S_IFMT) | mode, s->st.st_rdev) < 0)
		return fail_errno(err, "make a special file");
	if (fchownat(t->upper, s->to, o.uid, o.gid, AT_SYMLINK_NOFOLLOW) < 0 || fchmodat(t->upper, s->to, mode, 0) < 0)
		return fail_errno(err, "set owner and mode");
	return 0;
}

/* ---- directories ---- */
static bool is_left_out(const struct ignore *ig, const char *path, bool is_dir, bool *ret_maybe)
{
	enum ignore_verdict v = ignore_is_empty(ig) || !*path ? IGNORE_KEEP : ignore_check(ig, path);

	if (v == IGNORE_DROP && is_dir)
		*ret_maybe = true;   /* something below may count */
	return v == IGNORE_PRUNE || (v == IGNORE_DROP && !is_dir);
}

/* --exclude counts from the source that is named; a file by its name. */
static bool is_excluded(const struct copier *c, const struct copy_item *i, const char *path, bool is_dir, bool *ret_maybe)
{
	const char *rest = str_after(path, i->path), *slash = strrchr(path, '/');

	if (ignore_is_empty(c->job->excludes))
		return false;
	if (rest && (*rest == '/' || !*i->path))
		path = rest + (*rest == '/');
	else if (rest && !*rest)
		path = is_dir ? "" : slash ? slash + 1 : path;
	return is_left_out(c->job->excludes, path, is_dir, ret_maybe);
}

/* The directory s->to of the target: the image's own is added to, anything else of that name gives way. */
static int open_target(const struct target *t, const char *name, struct target *ret, bool *made,
		       struct error *err)
{
	auto_target n = TARGET_INIT;

	*made = false;
	n.view = t->view < 0 ? -1 : openat(t->view, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	n.upper = place_mkdir(t->upper, name, made, err);
	if (n.upper < 0)
		return -1;
	*ret = n;
	n = (struct target)TARGET_INIT;
	return 0;
}

/* The builder's own files give nobody's rights to the image (as Docker and Buildah). */
static void strip(const struct copy_item *i, struct stat *st)
{
	if (i->strip_setid && S_ISREG(st->st_mode))
		st->st_mode &= ~(mode_t)(S_ISUID | S_ISGID);
}

/* An entry that many threads may take: a plain file with one name, that counts. */
static int begin_file(struct copier *c, const struct source *s, int dir, const char *name, const struct target *t,
		      struct file_task *k, struct error *err)
{
	char path[PATH_MAX];
	bool maybe;

	*k = (struct file_task){ .job = c->job, .to = *t,
				 .from = { .item = s->item, .dir = dir, .name = name, .to = name, .called = name } };
	if (snprintf(path, sizeof(path), "%s%s%s", s->path, *s->path ? "/" : "", name) >= PATH_MAX)
		return fail_with(err, ENAMETOOLONG, "%s/%s", s->path, name);
	if (fstatat(dir, name, &k->from.st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(err, "stat %s", path);
	strip(s->item, &k->from.st);
	k->wanted = S_ISREG(k->from.st.st_mode) && k->from.st.st_nlink == 1 && !is_left_out(s->item->ignore, path, false, &maybe) &&
		    !is_excluded(c, s->item, path, false, &maybe);
	return 0;
}

/* Anything else, in its place of the order. */
static int copy_other(struct copier *c, const struct source *s, int dir, const char *name, const struct target *t, struct error *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s%s", s->path, *s->path ? "/" : "", name);
	struct source child = { .item = s->item, .dir = dir, .name = name, .path = path, .to = name, .called = name };
	return copy_entry(c, &child, t, err);
}

static int copy_some(struct copier *c, const struct source *s, int dir, const struct target *t, char **names, size_t n,
		     struct file_task *tasks, struct error *err)
{
	for (size_t i = 0; i < n; i++)
		TRY(begin_file(c, s, dir, names[i], t, &tasks[i], err));
	copy_files_run(c, tasks, n);
	for (size_t i = 0; i < n; i++) {
		if (tasks[i].wanted)
			TRY(copy_add_entry(c, &tasks[i].from, err));
		if (tasks[i].wanted && take_file(c, &tasks[i], err) < 0)
			return fail_wrap(err, "%s", names[i]);
		if (!tasks[i].wanted)
			TRY(copy_other(c, s, dir, names[i], t, err));
	}
	return 0;
}

int copy_contents(struct copier *c, const struct source *s, int dir, const struct target *t, struct error *err)
{
	auto_strv names = {};
	enum { SOME = 128 };
	autofree struct file_task *tasks = NULL;

	if (++c->depth > DEPTH_MAX)
		return fail(err, ERROR_UNSUPPORTED, "directories are nested more than %d deep", DEPTH_MAX);
	TRY(place_list(dir, &names, err));
	tasks = calloc(names.n < SOME ? names.n + 1 : SOME, sizeof(*tasks));
	if (!tasks)
		return fail_oom(err);
	for (size_t i = 0; i < names.n; i += SOME)
		TRY(copy_some(c, s, dir, t, names.v + i, names.n - i < SOME ? names.n - i : SOME, tasks, err));
	c->depth--;
	return 0;
}

static int copy_directory(struct copier *c, const struct source *s, const struct target *t, bool maybe, struct error *err)
{
	auto_target n = TARGET_INIT;
	bool made = false;
	autoclose int dir = openat(s->dir, *s->name ? s->name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return fail_errno(err, "open");
	if (t->upper >= 0)
		TRY(open_target(t, s->to, &n, &made, err));
	TRY(copy_contents(c, s, dir, &n, err));
	if (n.upper < 0)
		return 0;
	if (maybe && made && unlinkat(t->upper, s->to, AT_REMOVEDIR) == 0)
		return 0;   /* left out itself, and nothing in it counted */
	TRY(copy_set_state(c->job, n.upper, &s->st, err));
	return place_copy_attributes(dir, n.upper, err);
}

int copy_entry(struct copier *c, struct source *s, const struct target *t, struct error *err)
{
	bool maybe = false;
	int r;

	if (fstatat(s->dir, s->name, &s->st, *s->name ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH) < 0)
		return fail_errno(err, "stat %s", s->path);
	strip(s->item, &s->st);
	bool is_dir = S_ISDIR(s->st.st_mode);
	if (is_left_out(s->item->ignore, s->path, is_dir, &maybe) || is_excluded(c, s->item, s->path, is_dir, &maybe))
		return 0;
	if (!(maybe && is_dir))
		TRY(copy_add_entry(c, s, err));
	if (is_dir)
		r = copy_directory(c, s, t, maybe, err);
	else if (S_ISREG(s->st.st_mode))
		r = copy_file(c, s, t, err);
	else if (S_ISLNK(s->st.st_mode))
		r = copy_link(c, s, t, err);
	else
		r = copy_node(c, s, t, err);
	return r < 0 && c->depth == 0 ? fail_wrap(err, "copy %s", s->path) : r;
}
