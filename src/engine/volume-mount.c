/* SPDX-License-Identifier: Apache-2.0
 * engine/volume-mount.c - volumes that are mounted while somebody uses them: type, device and o of the local driver.
 *
 * Who uses one is a file below <runroot>/volumes/NAME/: a container's id, or "host-N" for each `volume mount`. The first
 * user mounts, the last one unmounts, under the volume's lock. What a killed command left is found by the next: the
 * mount table is asked, not the files alone, and a container that does not run any more is no user. Both die with the
 * boot. mount(8) does the work, as it knows helpers of every kind (mount.nfs, mount.cifs). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/units.h"
#include "engine/container-impl.h"
#include "engine/event.h"
#include "engine/image-list.h"
#include "engine/volume-plugin.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/process.h"
#include "os/spawn.h"
#include "store/rootfs.h"
#include "store/store.h"

#define MOUNT_TIME_NS (60 * NSEC_PER_SEC)

static bool needs_mount(const struct engine *e, const struct volume *v)
{
	return volume_uses_plugin(e, v) || streq0(v->driver, "image") || !str_empty(strmap_get(&v->options, "type")) ||
	       !str_empty(strmap_get(&v->options, "device"));
}

/* ---- users ---- */
static int lock_volume(struct engine *e, const char *name, struct lock *ret, struct error *err)
{
	struct store *s;

	TRY(engine_store(e, &s, err));
	return store_lock(s, "volumes", name, (struct lock_how){ .mode = LOCK_EXCLUSIVE, .timeout_ns = -1 }, ret, err) < 0 ? -1 : 0;
}

static int open_users(struct engine *e, const char *name, bool create, struct error *err)
{
	autofree char *path = NULL;

	TRY(str_printf(&path, err, "%s/volumes/%s", e->runroot, name));
	return file_open_dir(AT_FDCWD, path, create, 0700, err);
}

static int list_users(int dir, struct strv *ret, struct error *err)
{
	DIR *d = file_stream(dir, ".");
	struct dirent *entry;
	int r = 0;

	if (!d)
		return fail_errno(err, "read the users of a volume");
	while (r == 0 && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			r = strv_add(ret, entry->d_name, err);
	closedir(d);
	return r;
}

/* A container that is being started does not run yet: a young note counts whatever the state says. */
static bool is_young(int dir, const char *user)
{
	struct stat st;

	return fstatat(dir, user, &st, AT_SYMLINK_NOFOLLOW) == 0 && time_now() / NSEC_PER_SEC - st.st_mtime < 60;
}

static bool is_gone(struct engine *e, int dir, const char *user)
{
	auto_ctr *c = NULL;
	struct error why;

	if (str_after(user, "host-") || is_young(dir, user))
		return false;
	/* not brought up to date: that would take its lock below ours */
	if (ctr_find_unsynced(e, user, &c, &why) < 0)
		return why.kind == ERROR_NOT_FOUND;
	const struct container_status *st = &c->at.status;
	return !(CONTAINER_STATE_BIT(st->state) & CONTAINER_STATE_ALIVE) ||
	       (st->pid > 0 && !process_is_alive(PROC_HOST, st->pid, st->pid_start));
}

/* How many users there are besides `own`; those that are gone are forgotten. */
static int count_others(struct engine *e, int dir, const char *own, struct error *err)
{
	auto_strv users = {};
	int n = 0;

	TRY(list_users(dir, &users, err));
	for (size_t i = 0; i < users.n; i++) {
		if (own && streq(users.v[i], own))
			continue;
		if (is_gone(e, dir, users.v[i]))
			unlinkat(dir, users.v[i], 0);
		else
			n++;
	}
	return n;
}

/* ---- the mount ---- */
static bool is_mounted(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) == 0 && st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static const char *find_program(void)
{
	static const char *const places[] = { "/usr/bin/mount", "/bin/mount", "/usr/sbin/mount", "/sbin/mount" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

/* Words of "o" that are about the volume, not for mount(8). Those of a tmpfs are its own. */
static bool is_own_word(const char *word, bool tmpfs)
{
	if (tmpfs)
		return streq(word, "noquota");
	return str_after(word, "uid=") || str_after(word, "gid=") || str_after(word, "size=") || str_after(word, "inodes=") ||
	       streq(word, "noquota") || str_after(word, "timeout=");
}

static int mount_options(const struct volume *v, const char *type, char **ret, struct error *err)
{
	const char *o = strmap_get(&v->options, "o");
	auto_strv words = {}, kept = {};

	if (!str_empty(o))
		TRY(strv_split(&words, o, ',', err));
	for (size_t i = 0; i < words.n; i++)
		if (!is_own_word(words.v[i], streq0(type, "tmpfs")))
			TRY(strv_add(&kept, str_after(words.v[i], "inodes=") ? words.v[i] + 2 : words.v[i], err));
	if (streq0(type, "bind") && !strv_has(&kept, "bind") && !strv_has(&kept, "rbind"))
		TRY(strv_add(&kept, "bind", err));
	*ret = strv_join(&kept, ",");
	return *ret ? 0 : fail_oom(err);
}

static int run_mount(const struct volume *v, struct error *err)
{
	const char *program = find_program(), *type = strmap_get(&v->options, "type"), *device = strmap_get(&v->options, "device");
	autofree char *options = NULL;
	auto_strv argv = {};
	auto_buf message = BUF_INIT(4096);
	struct spawn s = SPAWN_INIT;
	struct spawn_io io = { .out = &message, .errout = &message, .timeout_ns = MOUNT_TIME_NS };
	char *const env[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" }, (char[]){ "LC_ALL=C" }, NULL };
	int status;

	if (!program)
		return fail(err, ERROR_UNSUPPORTED, "volume %s: the program mount is not installed", v->name);
	TRY(mount_options(v, type, &options, err));
	TRY(strv_add(&argv, "mount", err));
	if (*options) {
		TRY(strv_add(&argv, "-o", err));
		TRY(strv_add(&argv, options, err));
	}
	if (!str_empty(type) && !streq(type, "bind")) {
		TRY(strv_add(&argv, "-t", err));
		TRY(strv_add(&argv, type, err));
	}
	TRY(strv_add(&argv, "--", err));
	TRY(strv_add(&argv, str_empty(device) ? type : device, err));
	TRY(strv_add(&argv, v->mountpoint, err));
	s.path = program;
	s.argv = argv.v;
	s.envp = env;
	TRY(spawn_run(&s, &io, &status, err));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	const char *said = message.len ? message.data : "mount failed";
	return fail(err, ERROR_SYSTEM, "mounting volume %s: %.*s", v->name, (int)strcspn(said, "\n"), said);
}

/* ---- driver image ---- */
static int open_layers(struct engine *e, const struct volume *v, int *ret_fd, struct error *err)
{
	auto_store_image image = {};
	auto_strv layers = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	if (image_find(e, strmap_get(&v->options, "image"), STORE_IMAGE_LAYERS, &image, NULL, err) < 0)
		return fail_wrap(err, "volume %s", v->name);
	for (size_t i = 0; i < image.n_layers; i++)
		TRY(strv_add(&layers, image.layers[i].diff_id, err));
	return store_rootfs_open_layers(s, &layers, ret_fd, err);
}

/* The image below, what is written beside the mount point: it stays with the volume. */
static int mount_image(struct engine *e, const struct volume *v, struct error *err)
{
	autofree char *upper = NULL, *work = NULL;
	autoclose int lower = -1, mount = -1, target = -1;
	char path[40];

	TRY(str_printf(&upper, err, "%s/../upper", v->mountpoint));
	TRY(str_printf(&work, err, "%s/../work", v->mountpoint));
	TRY(file_mkdirs(AT_FDCWD, upper, 0755, err));
	TRY(file_mkdirs(AT_FDCWD, work, 0700, err));
	TRY(open_layers(e, v, &lower, err));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", lower);
	const struct mount_option options[] = {
		{ .key = "lowerdir", .value = path }, { .key = "upperdir", .value = upper }, { .key = "workdir", .value = work },
		{ .key = "userxattr" },
	};
	const struct mount_new m = { .fstype = "overlay", .source = "overlay", .options = options,
				     .n_options = ARRAY_LEN(options) - !e->paths.rootless };
	mount = mount_new(&m, err);
	target = mount < 0 ? -1 : open(v->mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mount < 0 || target < 0 || mount_attach(mount, target, err) < 0)
		return mount < 0 ? fail_wrap(err, "mounting volume %s", v->name) : fail_errno(err, "mounting volume %s", v->name);
	return 0;
}

/* A plugin is asked anew by the first user alone: it counts nothing. Read again under the lock. */
static int is_up(struct engine *e, struct volume *v, struct error *err)
{
	if (!volume_uses_plugin(e, v))
		return is_mounted(v->mountpoint);
	TRY(volume_plugin_place(e, v, err));
	return *v->mountpoint != '\0';
}

static int mount_it(struct engine *e, struct volume *v, struct error *err)
{
	if (volume_uses_plugin(e, v))
		return volume_plugin_mount(e, v, err);
	return streq0(v->driver, "image") ? mount_image(e, v, err) : run_mount(v, err);
}

static int add_user(int dir, const char *user, struct error *err)
{
	autoclose int fd = openat(dir, user, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 || futimens(fd, NULL) < 0 ? fail_errno(err, "note the user of a volume") : 0;
}

int volume_mount(struct engine *e, struct volume *v, const char *user, struct error *err)
{
	auto_lock lock = LOCK_INIT;

	if (!needs_mount(e, v))
		return 0;
	TRY(lock_volume(e, v->name, &lock, err));
	autoclose int dir = open_users(e, v->name, true, err);
	if (dir < 0)
		return -1;
	TRY(add_user(dir, user, err));   /* first: killed in between, the next user still knows of the mount */
	int up = is_up(e, v, err);
	if (up > 0)
		return 0;
	if (up == 0 && mount_it(e, v, err) == 0)
		return 0;
	unlinkat(dir, user, 0);
	return -1;
}

int volume_unmount(struct engine *e, struct volume *v, const char *user, struct error *err)
{
	auto_lock lock = LOCK_INIT;

	if (!needs_mount(e, v))
		return 0;
	TRY(lock_volume(e, v->name, &lock, err));
	autoclose int dir = open_users(e, v->name, false, err);
	if (dir < 0)
		return err->errnum == ENOENT ? 0 : -1;
	if (user)
		unlinkat(dir, user, 0);
	int others = user ? count_others(e, dir, user, err) : 0;
	TRY(others);
	int up = others > 0 ? 0 : is_up(e, v, err);
	if (up <= 0)
		return up;
	if (volume_uses_plugin(e, v))
		return volume_plugin_unmount(e, v, err) < 0 ? -1 : 1;
	return mount_detach(v->mountpoint, err) < 0 ? fail_wrap(err, "unmounting volume %s", v->name) : 1;
}

int volume_count_mounts(struct engine *e, struct volume *v, struct error *err)
{
	auto_strv users = {};

	v->mount_count = 0;
	if (!needs_mount(e, v))
		return 0;
	autoclose int dir = open_users(e, v->name, false, err);
	if (dir < 0)
		return err->errnum == ENOENT ? 0 : -1;
	TRY(list_users(dir, &users, err));   /* without the lock: who looks waits for nobody */
	for (size_t i = 0; i < users.n; i++)
		v->mount_count += !is_gone(e, dir, users.v[i]);
	return 0;
}

/* ---- by hand ---- */
int volume_mount_host(struct engine *e, struct volume *v, struct error *err)
{
	char user[32];

	if (!needs_mount(e, v))
		return 0;
	autoclose int dir = open_users(e, v->name, true, err);
	for (int i = 1; dir >= 0 && i < 10000; i++) {
		snprintf(user, sizeof(user), "host-%d", i);
		if (faccessat(dir, user, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return volume_mount(e, v, user, err);
	}
	return dir < 0 ? -1 : fail(err, ERROR_INVALID, "volume %s is mounted too often", v->name);
}

int volume_unmount_host(struct engine *e, struct volume *v, struct error *err)
{
	auto_strv users = {};

	if (!needs_mount(e, v))
		return 0;
	autoclose int dir = open_users(e, v->name, false, err);
	if (dir < 0)
		return err->errnum == ENOENT ? 0 : -1;
	TRY(list_users(dir, &users, err));
	for (size_t i = 0; i < users.n; i++)
		if (str_after(users.v[i], "host-"))
			return volume_unmount(e, v, users.v[i], err);
	return 0;
}

/* ---- of a container ---- */
int ctr_uses_volume(struct ctr *c, const char *name, struct error *err)
{
	TRY(ctr_load(c, err));
	const struct list *l = &c->params.storage.mounts;
	for (size_t i = 0; i < l->n; i++) {
		const struct param_mount *m = &((const struct param_mount *)l->v)[i];
		if (streq0(m->type, "volume") && streq0(m->source, name))
			return 1;
	}
	return 0;
}

static int each_volume(struct ctr *c, int (*act)(struct engine *e, struct volume *v, const char *user, struct error *err),
		       struct error *err)
{
	const struct list *l = &c->params.storage.mounts;

	for (size_t i = 0; i < l->n; i++) {
		const struct param_mount *m = &((const struct param_mount *)l->v)[i];
		auto_volume v = {};
		if (!streq0(m->type, "volume") || !m->source)
			continue;
		int found = volume_find(c->engine, m->source, &v, err);
		TRY(found);
		if (found && act(c->engine, &v, c->id, err) < 0)
			return -1;
	}
	return 0;
}

int volumes_mount_for(struct ctr *c, struct error *err)
{
	TRY(ctr_load(c, err));
	return each_volume(c, volume_mount, err);
}

int volumes_release(struct ctr *c, struct error *err)
{
	TRY(ctr_load(c, err));
	return each_volume(c, volume_unmount, err);
}
