/* SPDX-License-Identifier: Apache-2.0
 * cli/complete-paths.c - paths inside an image or container, read from its layers without mounting anything.
 *
 * A directory of an image is what its layers have there together, the highest layer deciding about a name: names seen
 * once are not looked at again further down, and overlay's whiteouts hide what is below. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "cli/cli.h"
#include "cli/complete.h"
#include "engine/image-list.h"
#include "os/path.h"
#include "store/container.h"
#include "store/layer.h"
#include "store/rootfs.h"

/* What lies on top of each other. */
struct stack {
	struct store *s;
	int upper;                   /* a container's own directory, -1: none */
	const char *const *layers;   /* diff-ids, lowest first */
	size_t n;
};

struct listing {
	struct completion *c;
	const char *prefix;      /* "web:" in front of a container's path, "" */
	const char *typed_dir;   /* "etc/", "../../", "" as it stands behind the prefix */
	struct strv seen;
	bool exists;             /* some layer has the directory */
};

static void listing_done(struct listing *l)
{
	strv_done(&l->seen);
}

static int add_entry(struct listing *l, int dir, const char *name, struct error *err)
{
	autofree char *text = NULL;
	struct stat st;

	if (streq(name, ".") || streq(name, "..") || strv_has(&l->seen, name))
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	TRY(strv_add(&l->seen, name, err));
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0))   /* a whiteout */
		return 0;
	TRY(str_printf(&text, err, "%s%s%s%s", l->prefix, l->typed_dir, name, S_ISDIR(st.st_mode) ? "/" : ""));
	return complete_add(l->c, text, NULL, err);
}

/* Returns 1 when layers below are hidden here. */
static int add_layer(struct listing *l, int tree, const char *path, struct error *err)
{
	struct error ignored = {};
	char opaque[2];
	int fd = path_open_in_root(tree, path, (struct path_open){ .oflags = O_RDONLY | O_DIRECTORY }, &ignored);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return 0;   /* this layer has no such directory */
	}
	l->exists = true;
	for (struct dirent *e; r >= 0 && (e = readdir(d));)
		r = add_entry(l, dirfd(d), e->d_name, err);
	if (r >= 0)
		r = fgetxattr(dirfd(d), "trusted.overlay.opaque", opaque, 2) > 0 ||
		    fgetxattr(dirfd(d), "user.overlay.opaque", opaque, 2) > 0;
	closedir(d);
	return r;
}

static int list_stack(const struct stack *k, const char *path, struct listing *l, struct error *err)
{
	int r = k->upper >= 0 ? add_layer(l, k->upper, path, err) : 0;

	for (size_t i = k->n; i > 0 && r == 0; i--) {
		autoclose int tree = store_layer_open(k->s, k->layers[i - 1], err);
		if (tree < 0)
			return -1;
		r = add_layer(l, tree, path, err);
	}
	return r < 0 ? r : 0;
}

/* What begins with the word: in the directory it names, else in the one in front of its last '/'. */
static int complete_in(const struct stack *k, struct completion *c, const char *prefix, struct error *err)
{
	CLEANUP(listing_done) struct listing inside = { .c = c, .prefix = prefix }, beside = { .c = c, .prefix = prefix };
	const char *word = c->word + strlen(prefix), *slash = strrchr(word, '/');
	autofree char *as_dir = NULL, *whole = NULL, *dir = strndup(word, slash ? (size_t)(slash - word) + 1 : 0);

	if (!dir)
		return fail_oom(err);
	TRY(str_printf(&as_dir, err, "%s%s", word, str_ends(word, "/") ? "" : "/"));
	inside.typed_dir = as_dir;
	TRY(list_stack(k, as_dir, &inside, err));
	if (!inside.exists) {
		beside.typed_dir = dir;
		TRY(list_stack(k, dir, &beside, err));
	} else if (!c->found.n) {
		TRY(str_printf(&whole, err, "%s%s", prefix, as_dir));
		TRY(complete_add(c, whole, NULL, err));
	}
	strv_sort(&c->found);
	return 0;
}

int complete_image_path(struct cli *cli, struct completion *c, const char *image, struct error *err)
{
	auto_store_image found = {};
	auto_strv layers = {};
	struct error unknown = {};
	struct engine *e;
	struct store *s;

	TRY(cli_engine(cli, &e, err));
	TRY(engine_store(e, &s, err));
	if (image_find(e, image, STORE_IMAGE_LAYERS, &found, NULL, &unknown) < 0)
		return 0;
	for (size_t i = 0; i < found.n_layers; i++)
		TRY(strv_add(&layers, found.layers[i].diff_id, err));
	const struct stack k = { s, -1, (const char *const *)layers.v, layers.n };
	c->directive = COMPLETE_NO_SPACE | COMPLETE_NO_FILES;
	TRY(complete_in(&k, c, "", err));
	return 1;
}

int complete_container_path(struct cli *cli, struct completion *c, struct error *err)
{
	const char *colon = strchr(c->word, ':');
	autofree char *name = strndup(c->word, (size_t)(colon - c->word)), *prefix = strndup(c->word, (size_t)(colon - c->word) + 1);
	auto_container found = {};
	struct error unknown = {};
	struct engine *e;
	struct store *s;

	if (!name || !prefix)
		return fail_oom(err);
	TRY(cli_engine(cli, &e, err));
	TRY(engine_store(e, &s, err));
	if (store_container_find(s, name, 0, &found, &unknown) <= 0 || found.record.rootfs)
		return 0;
	autoclose int upper = store_rootfs_upper(s, found.record.id, &unknown);   /* -1: it never ran */
	const struct stack k = { s, upper, (const char *const *)found.record.layers.v, found.record.layers.n };
	return complete_in(&k, c, prefix, err);
}
