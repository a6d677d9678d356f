/* SPDX-License-Identifier: Apache-2.0
 * store/store.c - opening a store.
 *
 * The common case costs: three opens, a statfs, a stat of the run database's name and one of staging/. A missing format
 * file means a new store (made under the epoch lock, the format file last); a missing run database means a new epoch
 * (epoch.c); a staging directory with children means that somebody works or that somebody died (sweep.c). */
#include "store/foreign.h"
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "os/file.h"

static const char *const driver_names[STORE_DRIVER_MAX] = { "overlay", "vfs" };

const char *store_driver_name(enum store_driver driver)
{
	return driver_names[driver];
}

int store_driver_parse(const char *name, enum store_driver *ret, struct error *err)
{
	for (int i = 0; i < STORE_DRIVER_MAX; i++) {
		if (!streq(name, driver_names[i]))
			continue;
		*ret = (enum store_driver)i;
		return 0;
	}
	return fail(err, ERROR_INVALID, "unknown storage driver \"%s\": known are overlay and vfs", name);
}

/* ---- getters ---- */
const char *store_root(const struct store *s) { return s->root; }
const char *store_runroot(const struct store *s) { return s->runroot; }
int store_root_fd(const struct store *s) { return s->root_fd; }
int store_runroot_fd(const struct store *s) { return s->runroot_fd; }
enum store_driver store_get_driver(const struct store *s) { return s->driver; }
void store_epoch(const struct store *s, char out[32])
{
	const char *word = s->run_name + strlen("run-");

	snprintf(out, 32, "%.*s", (int)strcspn(word, "."), word);
}

bool store_is_syncing(const struct store *s) { return !s->no_sync; }
const struct strv *store_additional(const struct store *s) { return &s->additional; }
bool store_was_recovered(const struct store *s) { return s->recovered; }

unsigned store_sync_flag(const struct store *s)
{
	return s->no_sync ? 0 : FILE_SYNC;
}

int64_t store_timeout(const struct store *s, int64_t timeout_ns)
{
	if (timeout_ns >= 0)
		return timeout_ns;
	return s->lock_timeout_ns > 0 ? s->lock_timeout_ns : LOCK_TIMEOUT_DEFAULT;
}

/* ---- making ---- */
struct bad_file_system {
	unsigned long magic;
	const char *name;
};
/* No shared memory between machines, or none at all: SQLite's WAL would lose or corrupt data there. */
static const struct bad_file_system bad_file_systems[] = {
	{ NFS_SUPER_MAGIC, "NFS" }, { V9FS_MAGIC, "9p" }, { 0x65735546, "FUSE" },
	{ 0xff534d42, "SMB" }, { 0xfe534d42, "SMB" }, { 0x5346414f, "AFS" },
};

static int check_file_system(int fd, const char *path, struct error *err)
{
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return fail_errno(err, "statfs %s", path);
	for (size_t i = 0; i < ARRAY_LEN(bad_file_systems); i++)
		if ((unsigned long)(uint32_t)st.f_type == bad_file_systems[i].magic)
			return fail(err, ERROR_UNSUPPORTED, "%s is on %s, where the store's database is not safe: "
				    "choose a local directory with --root and --runroot", path, bad_file_systems[i].name);
	return 0;
}

static const char *const root_dirs[] = { "blobs/sha256", "layers", "images", "containers", "volumes", "staging",
					 "locks" };

static int make_layout(struct store *s, struct error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
	static const char index[] = "{\"schemaVersion\":2,\"manifests\":[]}\n";

	for (size_t i = 0; i < ARRAY_LEN(root_dirs); i++)
		TRY(file_mkdirs(s->root_fd, root_dirs[i], 0700, err));
	store_reserve_room(s);
	TRY(file_replace(s->root_fd, "oci-layout", layout, sizeof(layout) - 1, 0600, 0, err));
	if (faccessat(s->root_fd, "index.json", F_OK, 0) < 0)
		TRY(file_replace(s->root_fd, "index.json", index, sizeof(index) - 1, 0600, 0, err));
	if (!s->no_sync)
		TRY(file_sync_fs(s->root_fd, err));
	return file_replace(s->root_fd, "format", STORE_FORMAT, sizeof(STORE_FORMAT) - 1, 0600, store_sync_flag(s), err);
}

static int check_format(struct store *s, const char *text, struct error *err)
{
	if (streq(text, "umiak store 1"))
		return 1;
	if (str_after(text, "umiak store "))
		return fail(err, ERROR_UNSUPPORTED, "%s has the newer format \"%s\": use the newer program", s->root, text);
	return fail(err, ERROR_CORRUPT, "%s/format does not say \"umiak store\": this is no store of umiak", s->root);
}

/* 1: there is a store of our format; 0: there is none yet. */
static int read_format(struct store *s, struct error *err)
{
	char text[64];
	ssize_t n = file_read_small(s->root_fd, "format", text, sizeof(text));

	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return fail_with(err, (int)-n, "%s/format", s->root);
	return check_format(s, text, err);
}

static int make_store(struct store *s, struct error *err)
{
	auto_lock l = LOCK_INIT;

	TRY(file_mkdirs(s->root_fd, "locks", 0700, err));
	TRY(lock_acquire(s->root_fd, "locks/epoch", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_EPOCH, store_timeout(s, -1) },
			 &l, err));
	int made = read_format(s, err);
	if (made)
		return made;
	return make_layout(s, err);
}

static int open_root(const char *path, const char *what, int *ret, struct error *err)
{
	if (path[0] != '/')
		return fail(err, ERROR_INVALID, "%s \"%s\" is not an absolute path", what, path);
	int fd = file_open_dir(AT_FDCWD, path, true, 0700, err);
	if (fd < 0)
		return fail_wrap(err, "%s", what);
	*ret = fd;
	return check_file_system(fd, path, err);
}

/* A directory's link count shows subdirectories without reading it; btrfs always says 1. */
static bool has_children(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, 0) == 0 && st.st_nlink != 2;
}

int store_check_owner(const char *root, struct error *err)
{
	autoclose int fd = open(root, O_DIRECTORY | O_PATH | O_CLOEXEC);

	if (fd < 0 || faccessat(fd, "format", F_OK, 0) == 0 || faccessat(fd, "overlay-images", F_OK, 0) < 0)
		return 0;
	return fail(err, ERROR_UNSUPPORTED, "%s is a store of another program; read it as an additional store: --storage-opt "
		    "additionalimagestore=%s", root, root);
}

static int open_store(struct store *s, struct error *err)
{
	TRY(open_root(s->root, "storage root", &s->root_fd, err));
	TRY(open_root(s->runroot, "storage run root", &s->runroot_fd, err));
	int made = read_format(s, err);
	if (made < 0)
		return -1;
	if (!made)
		TRY(make_store(s, err));
	TRY(epoch_name(s->run_name, err));
	if (faccessat(s->runroot_fd, s->run_name, F_OK, 0) < 0)
		TRY(epoch_enter(s, err));
	/* now, while no lock is held: it is made under the first of their order (a run root may outlive its root) */
	struct db *index;
	if (!index_exists(s))
		TRY(store_index(s, &index, err));
	/* as far as it goes: on a full or read-only disk a reader still reads; store_sweep() says what is wrong */
	struct error ignored;
	if (has_children(s->root_fd, "staging"))
		sweep_stages(s, &ignored);
	return 0;
}

int store_open(const struct store_options *o, struct store **ret, struct error *err)
{
	auto_store *s = calloc(1, sizeof(*s));

	if (!s)
		return fail_oom(err);
	s->root_fd = s->runroot_fd = -1;
	s->driver = o->driver;
	s->quota = o->quota;
	s->no_sync = o->no_sync;
	s->userxattr = o->userxattr;
	s->lock_timeout_ns = o->lock_timeout_ns;
	TRY(str_set(&s->root, o->root, err));
	TRY(str_set(&s->runroot, o->runroot, err));
	if (o->additional)
		TRY(strv_copy(&s->additional, o->additional, err));
	s->extra = calloc(s->additional.n + 1, sizeof(struct db *));
	s->foreign = calloc(s->additional.n + 1, sizeof(*s->foreign));
	if (!s->extra)
		return fail_oom(err);
	TRY(open_store(s, err));
	*ret = take_ptr(s);
	return 0;
}

void store_forget_databases(struct store *s)
{
	db_close(take_ptr(s->index));
	db_close(take_ptr(s->run));
	db_close(take_ptr(s->cache));
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_forget_databases(s);
	if (s->reserve_gone)
		store_reserve_room(s);
	for (size_t i = 0; s->extra && i < s->additional.n; i++)
		db_close(s->extra[i]);
	free(s->extra);
	foreign_free(s->foreign, s->additional.n);
	strv_done(&s->additional);
	close_p(&s->root_fd);
	close_p(&s->runroot_fd);
	free(s->root);
	free(s->runroot);
	free(s);
}

int store_sweep(struct store *s, struct error *err)
{
	if (has_children(s->root_fd, "staging"))
		TRY(sweep_stages(s, err));
	return sweep_containers(s, err);
}

/* ---- databases ---- */
static int open_db(struct store *s, int dirfd, const struct db_options *how, struct db **ret, struct error *err)
{
	struct db_options o = *how;
	autofree char *path = NULL;

	TRY(store_path_join(&path, err, dirfd == s->root_fd ? s->root : s->runroot, how->path, NULL));
	o.path = path;
	o.lock_dirfd = dirfd;
	return db_open(&o, ret, err);
}

int index_exists(const struct store *s)
{
	return faccessat(s->root_fd, "index.db", F_OK, 0) == 0;
}

/* The index may be missing: a new store, or somebody deleted it. Files are the truth, so it is made from them. */
static int make_index(struct store *s, struct error *err)
{
	auto_lock l = LOCK_INIT;

	if (!s->recovering)
		TRY(lock_acquire(s->root_fd, "locks/epoch",
				 (struct lock_how){ LOCK_EXCLUSIVE, LOCK_EPOCH, store_timeout(s, -1) }, &l, err));
	return index_exists(s) ? 0 : index_rebuild(s, NULL, err);
}

int store_index(struct store *s, struct db **ret, struct error *err)
{
	const struct db_options o = { .path = "index.db", .schema = &index_schema, .lock_name = "locks/index-writer",
				      .durable = !s->no_sync, .must_exist = true };

	if (!s->index) {
		if (!index_exists(s))
			TRY(make_index(s, err));
		TRY(open_db(s, s->root_fd, &o, &s->index, err));
	}
	*ret = s->index;
	return 0;
}

int store_run(struct store *s, struct db **ret, struct error *err)
{
	const struct db_options o = { .path = s->run_name, .schema = &run_schema, .lock_name = "run-writer",
				      .must_exist = true };

	if (!s->run) {
		struct error ignored;
		TRY(open_db(s, s->runroot_fd, &o, &s->run, err));
		sweep_containers(s, &ignored);   /* as in open_store() */
	}
	*ret = s->run;
	return 0;
}

void store_hold(const struct store *s, int32_t ret[STORE_HOLDS])
{
	ret[0] = db_hold(s->root_fd, "index.db");
	ret[1] = db_hold(s->runroot_fd, s->run_name);
}

int store_extra_index(struct store *s, size_t i, struct db **ret, struct error *err)
{
	autofree char *path = NULL;

	if (!s->extra[i] && foreign_is(s, i))
		TRY(foreign_index(s, i, &s->extra[i], err));
	if (!s->extra[i]) {
		TRY(store_path_join(&path, err, s->additional.v[i], "index.db", NULL));
		const struct db_options o = { .path = path, .schema = &index_schema, .lock_dirfd = s->root_fd,
					      .read_only = true, .must_exist = true };
		int r = db_open(&o, &s->extra[i], err);
		if (r < 0)
			return err->kind == ERROR_NOT_FOUND ? 0 : r;
	}
	*ret = s->extra[i];
	return 1;
}
