/* SPDX-License-Identifier: Apache-2.0
 * store/epoch.c - what happens when the machine (or the container around us) was restarted.
 *
 * The run database is named after the epoch, so "was there a reboot?" is one stat. The first command of a new epoch
 * takes the epoch lock, forgets the run-time directory, sweeps everything on disk that no row knows, and builds the new
 * run database under a temporary name from the index; the rename is the commit. Killed anywhere, the next one starts
 * over. No assumption is made about the run root being a tmpfs. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "os/file.h"
#include "os/process.h"

enum { EXIT_CODE_REBOOT = 255 };

static uint64_t fnv1a(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return h;
}

int epoch_name(char out[32], struct error *err)
{
	char boot[37], text[128];
	uint64_t start = 0;
	TRY(process_boot_id(boot, err));
	/* hidden (hidepid): then always hidden. Anything else must not look like a reboot */
	if (process_start_time(PROC_HOST, 1, &start, err) < 0 && err->errnum != EACCES && err->errnum != EPERM)
		return -1;
	snprintf(text, sizeof(text), "%s %" PRIu64 " %" PRIu64, boot, process_ns_inode(0, "pid"), start);
	snprintf(out, 32, "run-%016" PRIx64 ".db", fnv1a(text));
	return 0;
}

static int forget_entry(void *arg, int dir, const char *name, struct error *err)
{
	const struct store *s = arg;

	if (!str_after(name, "run-") || streq(name, "run-writer"))
		return 0;
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? fail_errno(err, "remove %s/%s", s->runroot, name) : 0;
}

/* Of an earlier epoch nothing in the run root means anything any more. */
static int forget_runroot(struct store *s, struct error *err)
{
	TRY(dir_each(s->runroot_fd, ".", forget_entry, s, err));
	TRY(file_remove_tree(s->runroot_fd, "containers", err));
	TRY(file_remove_tree(s->runroot_fd, "locks", err));
	TRY(file_mkdirs(s->runroot_fd, "containers", 0700, err));
	TRY(file_mkdirs(s->runroot_fd, "locks/container", 0700, err));
	return 0;
}

/* The status a container of the index has in the new epoch. */
static void status_after_reboot(struct db_rows *r, struct container_status *st)
{
	st->state = (enum container_state)db_int(r, 1);
	st->exited = db_int(r, 2);
	st->exit_code = (int)db_int(r, 3);
	st->started = db_int(r, 4);
	st->finished = db_int(r, 5);
	st->oom_killed = db_int(r, 6);
	st->stopped_by_user = db_int(r, 7);
}

static int interrupt(struct container_status *st, struct error *err)
{
	if (!(CONTAINER_STATE_BIT(st->state) & CONTAINER_STATE_ALIVE) && st->state != CONTAINER_STOPPED)
		return 0;
	st->state = CONTAINER_EXITED;
	st->exited = true;
	st->exit_code = EXIT_CODE_REBOOT;
	return str_set(&st->error, "reboot", err);
}

static int copy_containers(struct db *index, struct db *run, struct error *err)
{
	auto_rows r = { 0 };
	int more;

	TRY(db_query(index, &r, err, "SELECT record,state,exited,exit_code,started,finished,oom,by_user FROM containers",
		     ""));
	while ((more = db_next(&r, err)) == 1) {
		auto_container c = { 0 };
		const char *text = db_text(&r, 0);
		TRY(container_record_parse("container record", text, strlen(text), &c.record, err));
		status_after_reboot(&r, &c.status);
		TRY(interrupt(&c.status, err));
		TRY(container_insert_run(run, &c, INTENT_NONE, err));
	}
	return more;
}

static int build_run_database(struct store *s, const char *temp, struct error *err)
{
	auto_db *run = NULL;
	autofree char *path = NULL;
	struct db *index;

	TRY(store_index(s, &index, err));
	TRY(store_path_join(&path, err, s->runroot, temp, NULL));
	const struct db_options o = { .path = path, .schema = &run_schema, .lock_dirfd = s->runroot_fd,
				      .lock_name = "run-writer" };
	TRY(db_open(&o, &run, err));
	{
		auto_txn t = DB_TXN_INIT;
		TRY(db_begin(run, &t, err));
		TRY(copy_containers(index, run, err));
		TRY(db_commit(&t, err));
	}
	/* everything into the main file: a rename takes no WAL along */
	return db_script(run, "PRAGMA wal_checkpoint(TRUNCATE)", err);
}

static int make_run_database(struct store *s, struct error *err)
{
	static const char *const leftovers[] = { "", "-wal", "-shm" };
	char temp[40], name[48];

	snprintf(temp, sizeof(temp), "new-%s", s->run_name);
	for (size_t i = 0; i < ARRAY_LEN(leftovers); i++) {
		snprintf(name, sizeof(name), "%s%s", temp, leftovers[i]);
		unlinkat(s->runroot_fd, name, 0);
	}
	TRY(build_run_database(s, temp, err));
	if (renameat(s->runroot_fd, temp, s->runroot_fd, s->run_name) < 0)
		return fail_errno(err, "rename %s/%s", s->runroot, temp);
	for (size_t i = 1; i < ARRAY_LEN(leftovers); i++) {
		snprintf(name, sizeof(name), "%s%s", temp, leftovers[i]);
		unlinkat(s->runroot_fd, name, 0);
	}
	return 0;
}

/* The index was last written before a crash, for all we know. */
static int check_index(struct store *s, struct error *err)
{
	struct db *index;
	struct error why = {};

	if (!index_exists(s))
		return store_index(s, &index, err);   /* makes it */
	bool good = store_index(s, &index, &why) == 0;
	if (good) {
		auto_rows r = { 0 };
		good = db_query(index, &r, &why, "PRAGMA quick_check(1)", "") == 0 && db_next(&r, &why) == 1 &&
		       streq0(db_text(&r, 0), "ok");
	}
	if (good)
		return 0;
	if (db_is_device_error(&why) || (s->index && db_check_device(s->index, &why) < 0)) {
		*err = why;
		return -1;
	}
	if (!store_is_syncing(s) || why.kind == ERROR_CORRUPT || why.kind == ERROR_NONE) {
		db_close(take_ptr(s->index));
		return index_rebuild(s, NULL, err);
	}
	*err = why;
	return -1;
}

/* Where whole trees are made and removed. */
static void spread_trees(const struct store *s)
{
	static const char *const dirs[] = { "staging", "containers", "volumes" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		file_spread_dirs(s->root_fd, dirs[i]);
}

static int recover(struct store *s, struct error *err)
{
	bool fresh = !index_exists(s);

	TRY(forget_runroot(s, err));
	TRY(check_index(s, err));
	TRY(sweep_stages(s, err));
	TRY(sweep_unknown(s, err));
	spread_trees(s);
	TRY(make_run_database(s, err));
	s->recovered = !fresh;
	return 0;
}

int epoch_enter(struct store *s, struct error *err)
{
	auto_lock l = LOCK_INIT;

	TRY(lock_acquire(s->root_fd, "locks/epoch", (struct lock_how){ LOCK_EXCLUSIVE, LOCK_EPOCH, store_timeout(s, -1) },
			 &l, err));
	if (faccessat(s->runroot_fd, s->run_name, F_OK, 0) == 0)
		return 0;   /* another process has done it while we waited */
	s->recovering = true;
	int r = recover(s, err);
	s->recovering = false;
	return r < 0 ? fail_wrap(err, "recover the store %s after a restart", s->root) : 0;
}
