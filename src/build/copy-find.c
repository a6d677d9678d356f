/* SPDX-License-Identifier: Apache-2.0
 * build/copy-find.c - which files a source of COPY names. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "build/copy.h"
#include "build/place.h"
#include "os/path.h"

static void item_done(struct copy_item *i)
{
	free(i->path);
	free(i->name);
}

void copy_items_done(struct copy_items *l)
{
	for (size_t i = 0; i < l->v.n; i++)
		item_done(COPY_ITEM(l, i));
	free(l->v.v);
	l->v = (struct list){};
}

/* Components of the text up to `end` that say something. */
static size_t count_parts(const char *s, const char *end)
{
	size_t n = 0;

	while (s < end) {
		size_t len = strcspn(s, "/");
		n += len > 1 || (len == 1 && *s != '.');
		s += len + (s[len] == '/');
	}
	return n;
}

/* What the pattern is called at the destination: with --parents all behind a "/./" in it; "": all of it is in front. */
static const char *kept_name(const char *pattern, const char *path)
{
	const char *pivot = strstr(pattern, "/./");
	size_t skip = pivot && pivot > pattern ? count_parts(pattern, pivot) : 0;

	while (skip-- && *path)
		path += strcspn(path, "/") + (strchr(path, '/') ? 1 : 0);
	return path;
}

static int add_item(const struct copy_source *s, struct copy_items *to, const char *path, mode_t type, struct error *err)
{
	const char *slash = strrchr(path, '/'), *kept = s->parents ? kept_name(s->pattern, path) : slash ? slash + 1 : path;
	struct copy_item *i = list_add(&to->v, sizeof(*i), err);

	if (!i)
		return -1;
	*i = (struct copy_item){ .root = s->root, .ignore = s->ignore, .strip_setid = s->strip_setid, .is_dir = S_ISDIR(type),
				 .contents = S_ISDIR(type) && (!s->parents || !*kept) };
	TRY(str_set(&i->path, path, err));
	return str_set(&i->name, kept, err);
}

static bool is_ignored(const struct copy_source *s, const char *path, mode_t type)
{
	enum ignore_verdict v = ignore_is_empty(s->ignore) || !*path ? IGNORE_KEEP : ignore_check(s->ignore, path);

	return v == IGNORE_PRUNE || (v == IGNORE_DROP && !S_ISDIR(type));
}

/* Whether an ignored directory has files that an exception keeps. */
static int keeps_anything(const struct copy_item *item, struct error *err)
{
	struct copy_items one = { .v = { (void *)item, 1 } };
	struct copy_job j = { .items = &one, .destination = "/", .directory = true, .view = -1, .upper = -1 };

	return copy_run(&j, err) < 0 ? -1 : j.files > 0;
}

static bool is_link(int root, const char *path)
{
	struct error missing;
	struct stat st;
	autoclose int fd = path_open_in_root(root, path, (struct path_open){ .oflags = O_PATH | O_NOFOLLOW }, &missing);

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
}

/* 1: it is one. */
static int find_link(const struct copy_source *s, const char *clean, struct copy_items *to, size_t *dropped, struct error *err)
{
	if (!*clean || !is_link(s->root, clean))
		return 0;
	if (is_ignored(s, clean, S_IFLNK)) {
		++*dropped;
		return 1;
	}
	TRY(add_item(s, to, clean, S_IFLNK, err));
	COPY_ITEM(to, to->v.n - 1)->link = true;
	return 1;
}

/* A name without wildcards: links on the way and at its end are followed, in root. */
static int find_plain(const struct copy_source *s, const char *clean, struct copy_items *to, size_t *dropped, struct error *err)
{
	char real[PATH_MAX];
	mode_t type = 0;
	int found = place_resolve(s->root, clean, real, &type, err);

	if (found != 1)
		return found;
	if (is_ignored(s, clean, type)) {
		++*dropped;
		return 0;
	}
	size_t before = to->v.n;
	TRY(add_item(s, to, real + 1, type, err));
	if (S_ISDIR(type) && *clean && !ignore_is_empty(s->ignore) && ignore_check(s->ignore, clean) == IGNORE_DROP) {
		int any = keeps_anything(COPY_ITEM(to, before), err);
		if (any < 0)
			return -1;
		if (!any) {
			item_done(COPY_ITEM(to, before));
			to->v.n--;
			++*dropped;
			return 0;
		}
	}
	const char *last = strrchr(clean, '/');
	if (!s->parents)
		TRY(str_set(&COPY_ITEM(to, before)->name, last ? last + 1 : clean, err));
	return 1;
}

/* ---- wildcards ---- */
struct globber {
	const struct copy_source *s;
	struct copy_items *to;
	struct strv parts;           /* of the pattern */
	size_t dropped, first;       /* first: of the items that are this pattern's */
};

static int glob_level(struct globber *g, const char *dir, size_t part, struct error *err);

static int glob_entry(struct globber *g, const char *path, size_t part, struct error *err)
{
	struct stat st;
	struct error missing;
	autoclose int fd = path_open_in_root(g->s->root, path, (struct path_open){ .oflags = O_PATH | O_NOFOLLOW }, &missing);

	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	if (part + 1 < g->parts.n)
		return S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode) ? glob_level(g, path, part + 1, err) : 0;
	for (size_t i = g->first; i < g->to->v.n; i++)   /* "**" leads to a file in more than one way */
		if (streq(COPY_ITEM(g->to, i)->path, path) && COPY_ITEM(g->to, i)->root == g->s->root)
			return 0;
	if (S_ISLNK(st.st_mode) && !g->s->no_follow) {
		char real[PATH_MAX];
		mode_t type;
		if (place_resolve(g->s->root, path, real, &type, &missing) == 1)
			st.st_mode = type;
	}
	if (is_ignored(g->s, path, st.st_mode)) {
		g->dropped++;
		return 0;
	}
	TRY(add_item(g->s, g->to, path, st.st_mode, err));
	COPY_ITEM(g->to, g->to->v.n - 1)->link = S_ISLNK(st.st_mode) && g->s->no_follow;
	return 0;
}

/* "**": no directory, or any number of them. */
static int glob_deep(struct globber *g, const char *dir, const struct strv *names, size_t part, struct error *err)
{
	if (part + 1 < g->parts.n)
		TRY(glob_level(g, dir, part + 1, err));
	for (size_t i = 0; i < names->n; i++) {
		autofree char *path = NULL;
		struct error missing;
		struct stat st;
		TRY(str_printf(&path, err, "%s%s%s", dir, *dir ? "/" : "", names->v[i]));
		autoclose int fd = path_open_in_root(g->s->root, path, (struct path_open){ .oflags = O_PATH | O_NOFOLLOW }, &missing);
		if (fd < 0 || fstat(fd, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			TRY(glob_level(g, path, part, err));
		else if (part + 1 == g->parts.n)
			TRY(glob_entry(g, path, part, err));
	}
	return 0;
}

static int glob_level(struct globber *g, const char *dir, size_t part, struct error *err)
{
	auto_strv names = {};
	struct error missing;
	autoclose int fd = path_open_in_root(g->s->root, dir, (struct path_open){ .oflags = O_RDONLY | O_DIRECTORY }, &missing);

	if (fd < 0)
		return 0;
	TRY(place_list(fd, &names, err));
	if (streq(g->parts.v[part], "**"))
		return glob_deep(g, dir, &names, part, err);
	for (size_t i = 0; i < names.n; i++) {
		autofree char *path = NULL;
		if (!ignore_glob(g->parts.v[part], names.v[i]))
			continue;
		TRY(str_printf(&path, err, "%s%s%s", dir, *dir ? "/" : "", names.v[i]));
		TRY(glob_entry(g, path, part, err));
	}
	return 0;
}

static int find_glob(const struct copy_source *s, const char *clean, struct copy_items *to, size_t *dropped, struct error *err)
{
	size_t before = to->v.n;
	struct globber g = { .s = s, .to = to, .first = before };
	int r = strv_split(&g.parts, clean, '/', err);

	if (r >= 0)
		r = glob_level(&g, "", 0, err);
	strv_done(&g.parts);
	*dropped += g.dropped;
	return r < 0 ? -1 : to->v.n > before;
}

int copy_find(const struct copy_source *s, struct copy_items *to, struct error *err)
{
	autofree char *rooted = NULL, *clean = NULL;
	size_t dropped = 0;

	TRY(str_printf(&rooted, err, "/%s", s->pattern));
	clean = path_clean(rooted);
	if (!clean)
		return fail_oom(err);
	int found = s->no_follow ? find_link(s, clean + 1, to, &dropped, err) : 0;
	if (!found)
		found = find_plain(s, clean + 1, to, &dropped, err);
	if (!found && ignore_has_glob(clean + 1))
		found = find_glob(s, clean + 1, to, &dropped, err);
	if (found)
		return found < 0 ? -1 : 0;
	if (dropped && s->ignore_name)
		return fail(err, ERROR_NOT_FOUND, "no items matching glob \"%s%s\" copied (%zu filtered out using %s): no such file or directory",
			    s->what, clean, dropped, s->ignore_name);
	bool escapes = str_after(s->pattern, "../") || strstr(s->pattern, "/../");
	return fail(err, ERROR_NOT_FOUND, "checking on sources under \"%s\": %scopier: stat: \"%s\": %sno such file or directory", s->what,
		    escapes ? "possible escaping context directory error: " : "", clean, ignore_has_glob(clean + 1) ? "the wildcard matched nothing: " : "");
}
