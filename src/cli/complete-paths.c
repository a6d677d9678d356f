/* SPDX-License-Identifier: Apache-2.0
 * cli/complete-paths.c - paths inside an image, read from its layers without mounting anything.
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
#include "store/layer.h"

struct listing {
	struct completion *c;
	const char *typed_dir;   /* "etc/", "../../", "" as it stands in the word */
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
	TRY(str_printf(&text, err, "%s%s%s", l->typed_dir, name, S_ISDIR(st.st_mode) ? "/" : ""));
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

static int list_image(struct store *s, const struct store_image *image, const char *path, struct listing *l,
		      struct error *err)
{
	for (size_t i = image->n_layers; i > 0; i--) {
		autoclose int tree = store_layer_open(s, image->layers[i - 1].diff_id, err);
		if (tree < 0)
			return -1;
		int r = add_layer(l, tree, path, err);
		if (r)
			return r < 0 ? r : 0;
	}
	return 0;
}

/* What begins with the word: in the directory it names, else in the one in front of its last '/'. */
static int complete_in(struct store *s, const struct store_image *image, struct completion *c, struct error *err)
{
	CLEANUP(listing_done) struct listing inside = { .c = c }, beside = { .c = c };
	const char *slash = strrchr(c->word, '/');
	autofree char *as_dir = NULL, *dir = strndup(c->word, slash ? (size_t)(slash - c->word) + 1 : 0);

	if (!dir)
		return fail_oom(err);
	TRY(str_printf(&as_dir, err, "%s%s", c->word, str_ends(c->word, "/") ? "" : "/"));
	inside.typed_dir = as_dir;
	TRY(list_image(s, image, as_dir, &inside, err));
	if (inside.exists)
		return c->found.n ? 0 : complete_add(c, as_dir, NULL, err);
	beside.typed_dir = dir;
	return list_image(s, image, dir, &beside, err);
}

int complete_image_path(struct cli *cli, struct completion *c, const char *image, struct error *err)
{
	auto_store_image found = {};
	struct error unknown = {};
	struct engine *e;
	struct store *s;

	TRY(cli_engine(cli, &e, err));
	TRY(engine_store(e, &s, err));
	if (image_find(e, image, STORE_IMAGE_LAYERS, &found, NULL, &unknown) < 0)
		return 0;
	c->directive = COMPLETE_NO_SPACE | COMPLETE_NO_FILES;
	TRY(complete_in(s, &found, c, err));
	strv_sort(&c->found);
	return 1;
}
