/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/image-mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "os/file.h"
#include "os/mount.h"
#include "store/image.h"
#include "store/rootfs.h"

static int places(struct engine *e, const char *id, char **ret_dir, char **ret_root, struct error *err)
{
	TRY(str_printf(ret_dir, err, "%s/images/%s", e->runroot, id));
	return str_printf(ret_root, err, "%s/root", *ret_dir);
}

/* 1: something is mounted exactly there; 0: not, or there is no such place. */
static int is_mounted(const char *place, struct error *err)
{
	struct statx s;

	if (statx(AT_FDCWD, place, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &s) < 0)
		return errno == ENOENT ? 0 : fail_errno(err, "%s", place);
	return !!(s.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* ---- the count ---- */
static int64_t get_count(const char *dir)
{
	autofree char *path = NULL;
	char text[24];
	struct error ignored;
	int64_t n = 0;

	if (str_printf(&path, &ignored, "%s/count", dir) < 0 || file_read_small(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return 0;
	return parse_i64(text, &n) && n > 0 ? n : 0;
}

static int set_count(const char *dir, int64_t n, struct error *err)
{
	autofree char *path = NULL;
	char text[24];

	TRY(str_printf(&path, err, "%s/count", dir));
	int len = snprintf(text, sizeof(text), "%lld", (long long)n);
	return file_replace(AT_FDCWD, path, text, (size_t)len, 0600, 0, err);
}

static int lock(struct engine *e, const char *id, struct lock *ret, struct error *err)
{
	struct store *s;

	TRY(engine_store(e, &s, err));
	return store_lock(s, "image-mount", id, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, -1 }, ret, err);
}

/* ---- mounting ---- */
static int attach(struct engine *e, const char *id, const char *root, struct error *err)
{
	auto_store_image image = {};
	auto_strv layers = {};
	struct store *s;
	int tree = -1;

	TRY(engine_store(e, &s, err));
	int found = store_image_get(s, id, STORE_IMAGE_LAYERS, &image, err);
	if (found <= 0)
		return found ? found : fail(err, ERROR_NOT_FOUND, "%s: image not known", id);
	for (size_t i = 0; i < image.n_layers; i++)
		TRY(strv_add(&layers, image.layers[i].diff_id, err));
	TRY(store_rootfs_open_layers(s, &layers, &tree, err));
	autoclose int mount = tree;
	autoclose int target = open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return fail_errno(err, "%s", root);
	return mount_attach(mount, target, err);
}

int image_mount(struct engine *e, const char *id, char **ret_path, struct error *err)
{
	autofree char *dir = NULL, *root = NULL;
	auto_lock held = LOCK_INIT;

	TRY(places(e, id, &dir, &root, err));
	TRY(lock(e, id, &held, err));
	if (file_mkdirs(AT_FDCWD, root, 0700, err) < 0)
		return -1;
	int mounted = is_mounted(root, err);
	TRY(mounted);
	TRY(set_count(dir, mounted ? get_count(dir) + 1 : 1, err));   /* first: killed in between, unmount still looks */
	if (!mounted && attach(e, id, root, err) < 0)
		return fail_wrap(err, "mount image %.12s", id);
	*ret_path = take_ptr(root);
	return 0;
}

static int detach(const char *dir, const char *root, struct error *err)
{
	int mounted;

	while ((mounted = is_mounted(root, err)) == 1)
		TRY(mount_detach(root, err));
	return mounted < 0 ? -1 : file_remove_tree(AT_FDCWD, dir, err);
}

int image_unmount(struct engine *e, const char *id, bool force, struct error *err)
{
	autofree char *dir = NULL, *root = NULL;
	auto_lock held = LOCK_INIT;

	TRY(places(e, id, &dir, &root, err));
	TRY(lock(e, id, &held, err));
	int mounted = is_mounted(root, err);
	if (mounted <= 0)
		return mounted;
	int64_t n = get_count(dir);
	if (!force && n > 1)
		return set_count(dir, n - 1, err) < 0 ? -1 : 0;
	return detach(dir, root, err) < 0 ? -1 : 1;
}

int image_mounted(struct engine *e, const char *id, char **ret_path, struct error *err)
{
	autofree char *dir = NULL, *root = NULL;

	TRY(places(e, id, &dir, &root, err));
	int mounted = is_mounted(root, err);
	if (mounted == 1)
		*ret_path = take_ptr(root);
	return mounted;
}

int image_mounts(struct engine *e, struct strv *ret, struct error *err)
{
	autofree char *base = NULL;
	struct dirent *d;
	int r = 0;

	TRY(str_printf(&base, err, "%s/images", e->runroot));
	DIR *dir = opendir(base);
	if (!dir)
		return errno == ENOENT ? 0 : fail_errno(err, "%s", base);
	while (r >= 0 && (d = file_next_entry(dir, base, &r, err))) {
		autofree char *path = NULL;
		if (d->d_name[0] == '.')
			continue;
		r = image_mounted(e, d->d_name, &path, err);
		if (r == 1)
			r = strv_add(ret, d->d_name, err);
	}
	closedir(dir);
	return r < 0 ? r : 0;
}
