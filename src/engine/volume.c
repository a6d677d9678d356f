/* SPDX-License-Identifier: Apache-2.0
 * The record is written last and durable; a directory without one is what a killed creation left and is taken over by
 * the next creation of that name. Removal takes the record away first. */
#include "engine/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/access.h"
#include "engine/container.h"
#include "engine/copy.h"
#include "engine/event.h"
#include "engine/image-list.h"
#include "engine/names.h"
#include "engine/volume-plugin.h"
#include "os/file.h"
#include "os/path.h"

#define RECORD "volume.json"

const struct field volume_rows[] = {
	{ .json = "Name", F_STR(struct volume, name), .flags = FIELD_ALWAYS },
	{ .json = "Driver", F_STR(struct volume, driver), .flags = FIELD_ALWAYS },
	{ .json = "Mountpoint", F_STR(struct volume, mountpoint), .flags = FIELD_ALWAYS },
	{ .json = "CreatedAt", F_TIME(struct volume, created), .flags = FIELD_ALWAYS },
	{ .json = "Labels", F_MAP(struct volume, labels), .flags = FIELD_ALWAYS },
	{ .json = "Scope", F_STR(struct volume, scope), .flags = FIELD_ALWAYS },
	{ .json = "Options", F_MAP(struct volume, options), .flags = FIELD_ALWAYS },
	{ .json = "UID", F_INT(struct volume, uid) },
	{ .json = "GID", F_INT(struct volume, gid) },
	{ .json = "Anonymous", F_BOOL(struct volume, anonymous) },
	{ .json = "NeedsCopyUp", F_BOOL(struct volume, needs_copy_up) },
	{ .json = "NeedsChown", F_BOOL(struct volume, needs_chown) },
	{},
};

void volume_done(struct volume *v)
{
	fields_done(volume_rows, v);
}

static int volumes_dir(const struct engine *e, char **ret, struct error *err)
{
	const char *path = e->opt.volume_path ? e->opt.volume_path : e->conf.engine.volume_path;

	return path ? str_set(ret, path, err) : str_printf(ret, err, "%s/volumes", e->root);
}

static int record_path(const struct engine *e, const char *name, char **ret, struct error *err)
{
	autofree char *dir = NULL;

	TRY(volumes_dir(e, &dir, err));
	return str_printf(ret, err, "%s/%s/" RECORD, dir, name);
}

int volume_find(struct engine *e, const char *name, struct volume *ret, struct error *err)
{
	autofree char *path = NULL, *text = NULL;
	auto_json *tree = NULL;
	auto_volume v = {};
	size_t len;
	int r;

	TRY(name_check(name, err));
	TRY(record_path(e, name, &path, err));
	r = file_read(AT_FDCWD, path, 1 << 20, &text, &len, err);
	if (r <= 0)
		return r;
	TRY(json_parse(path, text, len, NULL, &tree, err));
	if (fields_load(volume_rows, FIELD_COLUMN_JSON, tree, &v, NULL, err) < 0)
		return fail_wrap(err, "%s", path);
	if (volume_uses_plugin(e, &v))
		TRY(volume_plugin_place(e, &v, err));
	*ret = v;
	v = (struct volume){};
	return 1;
}

int volume_save(struct engine *e, const struct volume *v, struct error *err)
{
	struct volume record = *v;   /* borrows */
	autofree char *path = NULL;
	auto_json *tree = NULL;
	auto_buf text = BUF_INIT(1 << 20);

	if (volume_uses_plugin(e, v))
		record.mountpoint = NULL;   /* true for this boot at most */
	TRY(record_path(e, v->name, &path, err));
	TRY(fields_save(volume_rows, FIELD_COLUMN_JSON, &record, &tree, err));
	json_format(&text, tree, 1);
	buf_add_char(&text, '\n');
	TRY(buf_ok(&text, path, err));
	return file_replace(AT_FDCWD, path, text.data, text.len, 0600, FILE_SYNC, err);
}

static int fill_defaults(struct volume *v, struct error *err)
{
	if (!v->name) {
		char id[65];
		TRY(random_id(id, err));
		TRY(str_set(&v->name, id, err));
		v->anonymous = true;
	}
	TRY(name_check(v->name, err));
	if (!v->driver)
		TRY(str_set(&v->driver, "local", err));
	TRY(str_set(&v->scope, "local", err));
	v->created = time_now();
	v->needs_copy_up = true;
	v->needs_chown = !v->uid && !v->gid;
	return 0;
}

static void tell(const struct engine *e, enum event_status status, const char *name)
{
	engine_event(e, &(struct event){ .type = EVENT_VOLUME, .status = status, .name = name });
}

static int check_image(struct engine *e, struct volume *v, struct error *err)
{
	auto_store_image found = {};
	const char *name = strmap_get(&v->options, "image");

	if (str_empty(name))
		return fail(err, ERROR_INVALID, "must provide an image name when creating a volume with the image driver (--opt image=NAME): "
			    "invalid argument");
	for (size_t i = 0; i < v->options.n; i++)
		if (!streq(v->options.v[i].key, "image"))
			return fail(err, ERROR_INVALID, "invalid option %s for driver 'image': invalid argument", v->options.v[i].key);
	v->needs_copy_up = v->needs_chown = false;
	return image_find(e, name, 0, &found, NULL, err) < 0 ? -1 : 0;
}

/* What the driver has to say. */
static int check_driver(struct engine *e, struct volume *v, struct error *err)
{
	if (volume_uses_plugin(e, v)) {
		if (!strmap_get(&e->conf.engine.volume_plugins, v->driver))
			return fail(err, ERROR_UNSUPPORTED, "no volume plugin with name %s available: required plugin missing", v->driver);
		v->needs_chown = false;   /* the plugin's files are its own */
		return 0;
	}
	return streq(v->driver, "image") ? check_image(e, v, err) : volume_options_check(v, err);
}

/* Before anything lies there. */
static int limit_contents(const struct volume *v, const char *home, struct error *err)
{
	struct error ignored;
	struct quota q;
	uint32_t project;
	autoclose int home_fd = -1, dir = -1;
	int limited = volume_options_quota(v, &q, err);

	if (limited <= 0)
		return limited;
	home_fd = file_open_dir(AT_FDCWD, home, false, 0, err);
	dir = home_fd < 0 ? -1 : file_open_dir(AT_FDCWD, v->mountpoint, false, 0, err);
	if (dir < 0)
		return -1;
	if (quota_assign(home_fd, "_data", dir, &q, &project, err) == 0)
		return 0;
	file_remove_tree(home_fd, v->name, &ignored);
	return fail_wrap(err, "volume options size and inodes not supported (a tmpfs limits itself: --opt type=tmpfs --opt device=tmpfs)");
}

/* Where the contents will be: nothing to make for a plugin's volume but a place for the record. */
static int make_place(struct engine *e, struct volume *v, struct error *err)
{
	autofree char *dir = NULL, *own = NULL;

	TRY(volumes_dir(e, &dir, err));
	TRY(file_mkdirs(AT_FDCWD, dir, 0711, err));
	if (volume_uses_plugin(e, v)) {
		TRY(str_printf(&own, err, "%s/%s", dir, v->name));
		return file_mkdirs(AT_FDCWD, own, 0755, err);
	}
	free(take_ptr(v->mountpoint));
	TRY(str_printf(&v->mountpoint, err, "%s/%s/_data", dir, v->name));
	TRY(file_mkdirs(AT_FDCWD, v->mountpoint, 0755, err));
	TRY(limit_contents(v, dir, err));
	if ((!v->uid && !v->gid) || lchown(v->mountpoint, (uid_t)v->uid, (gid_t)v->gid) == 0)
		return 0;
	fail_errno(err, "give volume %s to %lld:%lld", v->name, (long long)v->uid, (long long)v->gid);
	return fail_access(e, ACCESS_CHOWN, v->mountpoint, err);
}

/* No record could be written: the empty place goes, too (another creation of that name would take it over, but it may
 * never come). */
static void undo_place(const struct engine *e, const struct volume *v)
{
	autofree char *dir = NULL, *own = NULL;
	struct error ignored;

	if (!v->mountpoint || rmdir(v->mountpoint) < 0 || volumes_dir(e, &dir, &ignored) < 0 ||
	    str_printf(&own, &ignored, "%s/%s", dir, v->name) < 0)
		return;
	rmdir(own);
}

static int create(struct engine *e, struct volume *v, bool known_to_plugin, struct error *err)
{
	auto_volume old = {};

	TRY(fill_defaults(v, err));
	TRY(check_driver(e, v, err));
	int r = volume_find(e, v->name, &old, err);
	if (r < 0)
		return -1;
	if (r)
		return fail(err, ERROR_EXISTS, "volume with name %s already exists: volume already exists", v->name);
	if (volume_uses_plugin(e, v) && !known_to_plugin)
		TRY(volume_plugin_create(e, v, err));
	TRY(make_place(e, v, err));
	if (volume_save(e, v, err) < 0) {
		if (!volume_uses_plugin(e, v))
			undo_place(e, v);
		return fail_wrap(err, "create volume %s", v->name);
	}
	tell(e, EVENT_CREATE, v->name);
	return 0;
}

int volume_lock_use(struct engine *e, enum lock_mode mode, struct lock *ret, struct error *err)
{
	struct store *s;

	TRY(engine_store(e, &s, err));
	return store_lock(s, "volume", "use", (struct lock_how){ mode, LOCK_UNORDERED, -1 }, ret, err);
}

int volume_create(struct engine *e, struct volume *v, struct error *err)
{
	auto_lock use = LOCK_INIT;

	TRY(volume_lock_use(e, LOCK_SHARED, &use, err));
	return create(e, v, false, err);
}

int volume_adopt(struct engine *e, struct volume *v, struct error *err)
{
	return create(e, v, true, err);
}

static int remove_record(struct engine *e, const char *name, struct error *err)
{
	autofree char *path = NULL, *dir = NULL;
	autoclose int fd = -1;

	TRY(record_path(e, name, &path, err));
	if (unlink(path) < 0)
		return errno == ENOENT ? fail(err, ERROR_NOT_FOUND, "no volume with name \"%s\" found: no such volume", name) :
					 fail_errno(err, "remove volume %s", name);
	TRY(volumes_dir(e, &dir, err));
	fd = file_open_dir(AT_FDCWD, dir, false, 0, err);
	if (fd < 0)
		return -1;
	TRY(file_remove_tree(fd, name, err));
	tell(e, EVENT_REMOVE, name);
	return 0;
}

int volume_forget(struct engine *e, const char *name, struct error *err)
{
	TRY(name_check(name, err));
	return remove_record(e, name, err);
}

/* A plugin that is gone, or has not got the volume, does not keep the record; one that refuses does. */
static int remove_from_plugin(struct engine *e, struct volume *v, struct error *ret_note, struct error *err)
{
	struct error why;

	if (volume_unmount(e, v, NULL, &why) >= 0 && volume_plugin_remove(e, v, &why) == 0)
		return 0;
	if (why.kind == ERROR_UNSUPPORTED || (why.kind == ERROR_SYSTEM && (why.errnum == ENOENT || why.errnum == ECONNREFUSED))) {
		fail(ret_note, ERROR_UNSUPPORTED, "cannot remove volume %s from plugin %s, but it has been removed from Podman: required "
		     "plugin missing", v->name, v->driver);
		return 0;
	}
	if (why.kind == ERROR_NOT_FOUND) {
		fail(ret_note, ERROR_INVALID, "volume %s could not be retrieved from plugin %s, but it has been removed from Podman: %s",
		     v->name, v->driver, why.text);
		return 0;
	}
	*err = why;
	return fail_wrap(err, "volume %s could not be removed from plugin %s", v->name, v->driver);
}

static int remove_locked(struct engine *e, const char *name, struct error *err)
{
	struct error note = {};
	auto_volume v = {};

	int found = volume_find(e, name, &v, err);
	if (found == 1 && volume_uses_plugin(e, &v))
		TRY(remove_from_plugin(e, &v, &note, err));
	else if (found == 1)
		TRY(volume_unmount(e, &v, NULL, err));   /* else what is mounted there would be removed */
	TRY(remove_record(e, name, err));
	if (note.kind == ERROR_NONE)
		return 0;
	*err = note;
	return -1;
}

int volume_remove(struct engine *e, const char *name, struct error *err)
{
	auto_lock use = LOCK_INIT;

	TRY(name_check(name, err));
	engine_make_room(e);
	TRY(volume_lock_use(e, LOCK_EXCLUSIVE, &use, err));
	return remove_locked(e, name, err);
}

int volume_remove_unused(struct engine *e, const char *name, struct error *err)
{
	auto_lock use = LOCK_INIT;
	auto_ctr_list containers = {};

	TRY(name_check(name, err));
	engine_make_room(e);
	TRY(volume_lock_use(e, LOCK_EXCLUSIVE, &use, err));
	TRY(ctr_list(e, &containers, err));
	for (size_t i = 0; i < containers.n; i++) {
		int r = ctr_uses_volume(containers.v[i], name, err);
		if (r > 0)
			return fail(err, ERROR_IN_USE, "volume %s is being used by the following container(s): %s: volume is being used",
				    name, containers.v[i]->id);
		if (r < 0 && err->kind != ERROR_NOT_FOUND)   /* it is being removed */
			return -1;
	}
	return remove_locked(e, name, err);
}

int volume_list(struct engine *e, struct strv *ret, struct error *err)
{
	autofree char *dir = NULL;
	DIR *d;
	struct dirent *entry;
	int r = 0;

	TRY(volumes_dir(e, &dir, err));
	d = opendir(dir);
	if (!d)
		return errno == ENOENT ? 0 : fail_errno(err, "open %s", dir);
	while (r >= 0 && (entry = readdir(d))) {
		autofree char *record = NULL;
		if (entry->d_name[0] == '.')
			continue;
		r = record_path(e, entry->d_name, &record, err);
		if (r >= 0 && access(record, F_OK) == 0)
			r = strv_add(ret, entry->d_name, err);
	}
	closedir(d);
	strv_sort(ret);
	return r;
}

static bool dir_is_empty(int fd)
{
	DIR *d = file_stream(fd, ".");
	struct dirent *entry;
	bool empty = true;

	if (!d)
		return false;
	while (empty && (entry = readdir(d)))
		empty = streq(entry->d_name, ".") || streq(entry->d_name, "..");
	closedir(d);
	return empty;
}

bool volume_is_empty(const struct volume *v)
{
	autoclose int fd = open(v->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && dir_is_empty(fd);
}

static int give(int fd, struct volume_owner owner, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_uid == owner.uid && st.st_gid == owner.gid)
		return 0;   /* where we may not: files of a plugin, a bind mount of others */
	return fchown(fd, owner.uid, owner.gid) < 0 ? fail_errno(err, "chown") : 0;
}

/* 1: something was copied; 0: the image has nothing there. */
static int fill_volume(int rootfs_fd, const char *path, int to, struct volume_owner owner, struct error *err)
{
	struct error missing;
	autoclose int from = path_open_in_root(rootfs_fd, path, (struct path_open){ .oflags = O_RDONLY | O_DIRECTORY }, &missing);

	if (from < 0)
		return give(to, owner, err);
	bool has = !dir_is_empty(from);
	return copy_tree(from, to, err) < 0 ? -1 : has;
}

int volume_copy_up(struct engine *e, struct volume *v, int rootfs_fd, const char *path, struct volume_owner owner,
		   struct error *err)
{
	autoclose int to = -1;

	if (!v->needs_copy_up && !v->needs_chown)
		return 0;
	to = open(v->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0) {
		fail_errno(err, "open volume %s at %s", v->name, v->mountpoint);
		return fail_access(e, ACCESS_LOOK, v->mountpoint, err);
	}
	if (!dir_is_empty(to))
		return 0;
	if (!v->needs_chown) {   /* its owner was chosen */
		struct stat st;
		if (fstat(to, &st) == 0)
			owner = (struct volume_owner){ st.st_uid, st.st_gid };
	}
	int filled = v->needs_copy_up ? fill_volume(rootfs_fd, path, to, owner, err) : give(to, owner, err);
	if (filled >= 0 && !v->needs_chown)
		filled = give(to, owner, err) < 0 ? -1 : filled;
	if (filled < 0) {
		fail_wrap(err, "copying %s of the image into volume %s", path, v->name);
		return fail_access(e, ACCESS_CHOWN, v->mountpoint, err);
	}
	if (!filled)
		return 0;
	v->needs_copy_up = v->needs_chown = false;
	return volume_save(e, v, err);
}
