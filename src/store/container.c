/* SPDX-License-Identifier: Apache-2.0
 * store/container.c - how a container comes, changes its record and goes.
 *
 * Create: row in the run database with intent "create" (takes the name for both kinds of containers) -> directories ->
 * durable ones: container.json synced, index row committed -> intent cleared. Remove: state removing + intent ->
 * index row gone (from here on a reboot does not bring it back) -> directories gone -> row gone. Update and rename of a
 * durable one: intent "reload" -> file -> index -> row. There only the index is synced: it is the truth, and the first
 * command after a power cut writes every file again that says something else (sweep.c). Whoever finds an intent whose lock is free finishes: create and
 * remove by removing, reload by copying what the index says. A transient container touches the index never. */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/units.h"
#include "os/file.h"
#include "os/process.h"
#include "store/rootfs.h"

int store_container_dir(const struct store *s, const char *id, char **ret, struct error *err)
{
	return store_path_join(ret, err, s->root, "containers", id);
}

int store_container_rundir(const struct store *s, const char *id, char **ret, struct error *err)
{
	return store_path_join(ret, err, s->runroot, "containers", id);
}

int store_container_lock(struct store *s, const char *id, int64_t timeout_ns, struct lock *ret, struct error *err)
{
	return lock_named(s->runroot_fd, "container", id, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_CONTAINER,
			  store_timeout(s, timeout_ns) }, ret, err);
}

/* ---- rows ---- */
int container_insert_run(struct db *run, const struct container *c, enum container_intent intent, struct error *err)
{
	const struct container_record *r = &c->record;
	const struct container_status *st = &c->status;
	autofree char *layers = r->layers.n ? strv_join(&r->layers, " ") : NULL;

	return db_run(run, err, "INSERT INTO containers(id,name,intent,transient,infra,read_only,image_id,image_name,created,"
		      "command,labels,pod,ports,networks,mounts,restart_policy,rootfs,size_limit,layers,params,"
		      "state,exited,exit_code,started,finished,oom,by_user,monitor_pid,monitor_start,error)"
		      " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", "ssiiiissis" "ssssssssss" "iiiiiiiiis",
		      r->id, r->name, (int64_t)intent, (int64_t)r->transient, (int64_t)r->infra, (int64_t)r->read_only,
		      r->image_id, r->image_name, r->created, r->command, r->labels, r->pod, r->ports, r->networks,
		      r->mounts, r->restart_policy, r->rootfs, r->size_limit, layers, r->params, (int64_t)st->state,
		      (int64_t)st->exited, (int64_t)st->exit_code, st->started, st->finished, (int64_t)st->oom_killed,
		      (int64_t)st->stopped_by_user, (int64_t)st->monitor_pid, (int64_t)st->monitor_start, st->error);
}

int container_insert_index(struct db *index, const struct container_record *r, struct error *err)
{
	auto_buf text = BUF_INIT(STORE_JSON_MAX);

	TRY(container_record_format(r, &text, err));
	return db_run(index, err, "INSERT INTO containers(id,name,record) VALUES(?,?,?)", "sss", r->id, r->name, text.data);
}

/* ---- create ---- */
/* 1: the first row that has the name or the id stands in *rows (column 0: its id, 1: whether it is the id asked for). */
static int find_taken(struct db *run, const char *name, const char *id, struct db_rows *rows, struct error *err)
{
	TRY(db_query(run, rows, err, "SELECT id,id=?2 FROM containers WHERE name=?1 OR new_name=?1 OR id=?2", "ss", name, id));
	return db_next(rows, err);
}

int store_container_name_taken(struct store *s, const char *name, struct error *err)
{
	auto_rows rows = { 0 };
	struct db *run;

	TRY(store_run(s, &run, err));
	return find_taken(run, name, "", &rows, err);
}

static int check_free(struct db *run, const struct container_record *r, struct error *err)
{
	auto_rows rows = { 0 };

	int taken = find_taken(run, r->name, r->id, &rows, err);
	if (taken <= 0)
		return taken;
	if (db_int(&rows, 1))
		return fail(err, ERROR_EXISTS, "a container with ID %s exists already", r->id);
	return fail(err, ERROR_EXISTS, "the container name \"%s\" is already in use by %s. You have to remove that container to "
		    "be able to reuse that name: that name is already in use", r->name, db_text(&rows, 0));
}

static bool is_provisional(const struct container_record *r)
{
	return r->transient && r->provisional;
}

static int reserve(struct store *s, const struct container_record *r, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *run;
	struct container c = { .record = *r };

	if (is_provisional(r)) {
		c.status.monitor_pid = getpid();
		TRY(process_start_time(PROC_HOST, c.status.monitor_pid, &c.status.monitor_start, err));
	}
	TRY(store_run(s, &run, err));
	TRY(db_begin(run, &t, err));
	TRY(check_free(run, r, err));
	TRY(container_insert_run(run, &c, is_provisional(r) ? INTENT_PROVISIONAL : INTENT_CREATE, err));
	return db_commit(&t, err);
}

static int check_image(struct store *s, const char *id, struct error *err)
{
	struct db *index;
	int64_t row;

	if (!id)
		return 0;
	TRY(store_index(s, &index, err));
	int found = image_rowid(index, id, &row, err);
	for (size_t i = 0; !found && i < s->additional.n; i++) {
		found = store_extra_index(s, i, &index, err);
		if (found == 1)
			found = image_rowid(index, id, &row, err);
	}
	return found ? found : fail(err, ERROR_NOT_FOUND, "%s: image not known", id);
}

/* store-gc is held shared from the look at the image until the row that uses it is there: no rmi in between. */
static int reserve_with_image(struct store *s, const struct container_record *r, struct lock *self, struct error *err)
{
	auto_lock gc = LOCK_INIT;

	TRY(lock_acquire(s->root_fd, "locks/store-gc", (struct lock_how){ LOCK_SHARED, LOCK_STORE_GC, store_timeout(s, -1) },
			 &gc, err));
	TRY(store_container_lock(s, r->id, -1, self, err));
	TRY(check_image(s, r->rootfs ? NULL : r->image_id, err));
	return reserve(s, r, err);
}

static int make_directories(struct store *s, const struct container_record *r, struct error *err)
{
	char path[96];

	snprintf(path, sizeof(path), "containers/%s", r->id);
	if (mkdirat(s->root_fd, path, 0700) < 0 && errno != EEXIST)
		return fail_errno(err, "make %s/%s", s->root, path);
	if (mkdirat(s->runroot_fd, path, 0700) < 0) {
		if (errno == ENOENT)
			return file_mkdirs(s->runroot_fd, path, 0700, err);
		return errno == EEXIST ? 0 : fail_errno(err, "make %s/%s", s->runroot, path);
	}
	return 0;
}

int container_save_file(struct store *s, const struct container_record *r, bool is_new, struct error *err)
{
	auto_buf text = BUF_INIT(STORE_JSON_MAX);
	char path[112];

	TRY(container_record_format(r, &text, err));
	snprintf(path, sizeof(path), "containers/%s/container.json", r->id);
	TRY(file_replace(s->root_fd, path, text.data, text.len, 0600, is_new ? store_sync_flag(s) : 0, err));
	return is_new ? store_sync_dir(s, s->root_fd, "containers", err) : 0;
}

static int save_durable(struct store *s, const struct container_record *r, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *index;

	TRY(container_save_file(s, r, true, err));
	TRY(store_index(s, &index, err));
	TRY(db_begin(index, &t, err));
	TRY(container_insert_index(index, r, err));
	return db_commit(&t, err);
}

static int clear_intent(struct store *s, const char *id, struct error *err)
{
	auto_txn t = DB_TXN_INIT;

	TRY(db_begin(s->run, &t, err));
	TRY(db_run(s->run, err, "UPDATE containers SET intent=0 WHERE id=?", "s", id));
	return db_commit(&t, err);
}

static int materialise(struct store *s, const struct container_record *r, struct error *err)
{
	TRY(make_directories(s, r, err));
	if (!r->transient)
		TRY(save_durable(s, r, err));
	return is_provisional(r) ? 0 : clear_intent(s, r->id, err);
}

int store_container_create(struct store *s, struct container_record *r, struct error *err)
{
	auto_lock self = LOCK_INIT;
	struct error ignored;

	if (!r->id[0])
		TRY(random_id(r->id, err));
	if (!is_hex64(r->id) || str_empty(r->name))
		return fail(err, ERROR_INVALID, "a container needs a name and an id of 64 hexadecimal digits");
	if (!r->created)
		r->created = time_now();
	if (reserve_with_image(s, r, &self, err) < 0)
		return err->kind == ERROR_SYSTEM ? fail_wrap(err, "record a container in %s", s->root) : -1;
	if (materialise(s, r, err) == 0)
		return 0;
	container_erase(s, r->id, &ignored);
	unlock_named(s->runroot_fd, "container", r->id, &self);
	return -1;
}

/* ---- remove ---- */
static int mark_removing(struct store *s, const char *id, bool *transient, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	auto_rows r = { 0 };

	TRY(db_query(s->run, &r, err, "SELECT transient,intent FROM containers WHERE id=?", "s", id));
	int there = db_next(&r, err);
	if (there != 1)
		return there;
	*transient = db_int(&r, 0);
	if (db_int(&r, 1) == INTENT_REMOVE)
		return 1;   /* promised already, by a change of state or by whom we finish the work of */
	db_rows_done(&r);
	TRY(db_begin(s->run, &t, err));
	TRY(db_run(s->run, err, "UPDATE containers SET state=?,intent=? WHERE id=?", "iis", (int64_t)CONTAINER_REMOVING,
		   (int64_t)INTENT_REMOVE, id));
	return db_commit(&t, err) < 0 ? -1 : 1;
}

static int drop_from_index(struct store *s, const char *id, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *index;

	TRY(store_index(s, &index, err));
	TRY(db_begin(index, &t, err));
	TRY(db_run(index, err, "DELETE FROM containers WHERE id=?", "s", id));
	return db_commit(&t, err);
}

static int drop_from_run(struct store *s, const char *id, struct error *err)
{
	auto_txn t = DB_TXN_INIT;

	TRY(db_begin(s->run, &t, err));
	TRY(db_run(s->run, err, "DELETE FROM containers WHERE id=?", "s", id));
	return db_commit(&t, err);
}

/* A container that changed nothing leaves just what overlayfs made: by name in seven calls, where a walk needs seventy.
 * Whatever else is there stays for the walk. */
static void remove_untouched(struct store *s, const char *dir)
{
	static const struct { const char *path; int flags; } rows[] = {
		{ "/work/work/incompat/volatile/dirty", 0 }, { "/work/work/incompat/volatile", AT_REMOVEDIR },
		{ "/work/work/incompat", AT_REMOVEDIR }, { "/work/work", AT_REMOVEDIR }, { "/work", AT_REMOVEDIR },
		{ "/upper", AT_REMOVEDIR }, { "", AT_REMOVEDIR },
	};
	char path[160];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, rows[i].path);
		if (unlinkat(s->root_fd, path, rows[i].flags) < 0)
			return;
	}
}

int container_erase(struct store *s, const char *id, struct error *err)
{
	bool transient = false;
	char path[96];

	int there = mark_removing(s, id, &transient, err);
	if (there != 1)
		return there;
	if (!transient)
		TRY(drop_from_index(s, id, err));
	TRY(store_rootfs_unmount(s, id, true, err));
	snprintf(path, sizeof(path), "containers/%s", id);
	remove_untouched(s, path);
	TRY(file_remove_tree(s->root_fd, path, err));
	TRY(file_remove_tree(s->runroot_fd, path, err));
	return drop_from_run(s, id, err) < 0 ? -1 : 1;
}

int store_container_remove(struct store *s, const char *id, struct error *err)
{
	struct db *run;
	char path[96];

	store_make_room(s);
	TRY(store_run(s, &run, err));
	int r = container_erase(s, id, err);
	if (r < 0)
		return fail_wrap(err, "remove container %.12s", id);
	snprintf(path, sizeof(path), "locks/container/%.64s", id);
	unlinkat(s->runroot_fd, path, 0);   /* we hold it; waiters notice (lock_named) */
	return r;
}

/* ---- update, rename ---- */
static int update_run(struct db *run, const struct container_record *r, enum container_intent intent, struct error *err)
{
	return db_run(run, err, "UPDATE containers SET name=?,command=?,labels=?,ports=?,networks=?,mounts=?,restart_policy=?,"
		      "params=?,new_name=NULL,intent=? WHERE id=?", "ssssssssis", r->name, r->command, r->labels, r->ports,
		      r->networks, r->mounts, r->restart_policy, r->params, (int64_t)intent, r->id);
}

/* 1: `runtime` was taken. */
static int commit_run(struct store *s, const struct container_record *r, const char *runtime, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	int taken = 0;

	TRY(db_begin(s->run, &t, err));
	TRY(update_run(s->run, r, INTENT_NONE, err));
	if (runtime)
		taken = db_run(s->run, err, "UPDATE containers SET runtime=? WHERE id=? AND ((1<<state)&?)<>0", "ssi", runtime, r->id,
			       (int64_t)CONTAINER_STATE_ALIVE);
	return taken < 0 || db_commit(&t, err) < 0 ? -1 : taken > 0;
}

static int announce(struct store *s, const struct container_record *r, const char *new_name, struct error *err)
{
	auto_txn t = DB_TXN_INIT;

	TRY(db_begin(s->run, &t, err));
	if (new_name) {
		const struct container_record wanted = { .name = (char *)new_name };
		TRY(check_free(s->run, &wanted, err));
	}
	TRY(db_run(s->run, err, "UPDATE containers SET intent=?,new_name=? WHERE id=?", "iss", (int64_t)INTENT_RELOAD,
		   new_name, r->id));
	return db_commit(&t, err);
}

static int update_index(struct store *s, const struct container_record *r, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	auto_buf text = BUF_INIT(STORE_JSON_MAX);
	struct db *index;

	TRY(container_record_format(r, &text, err));
	TRY(store_index(s, &index, err));
	TRY(db_begin(index, &t, err));
	TRY(db_run(index, err, "UPDATE containers SET name=?,record=? WHERE id=?", "sss", r->name, text.data, r->id));
	return db_commit(&t, err);
}

static int save_changes(struct store *s, const struct container_record *r, const char *new_name, const char *runtime,
			struct error *err)
{
	if (!r->transient || new_name)   /* else there is but one step */
		TRY(announce(s, r, new_name, err));
	struct container_record changed = *r;   /* borrows */
	if (new_name)
		changed.name = (char *)new_name;
	if (!r->transient) {
		TRY(container_save_file(s, &changed, false, err));
		TRY(update_index(s, &changed, err));
	}
	return commit_run(s, &changed, runtime, err);
}

int store_container_save(struct store *s, const struct container_record *record, const char *runtime, struct error *err)
{
	struct db *run;

	TRY(store_run(s, &run, err));
	return save_changes(s, record, NULL, runtime, err);
}

int store_container_update(struct store *s, const char *id, const struct container_record *changes, struct error *err)
{
	auto_container c = { 0 };

	TRY(store_container_get(s, id, CONTAINER_PARAMS, &c, err));
	const struct { char **to; const char *from; } members[] = {
		{ &c.record.command, changes->command }, { &c.record.labels, changes->labels },
		{ &c.record.ports, changes->ports }, { &c.record.networks, changes->networks },
		{ &c.record.mounts, changes->mounts }, { &c.record.restart_policy, changes->restart_policy },
		{ &c.record.params, changes->params },
	};
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (members[i].from)
			TRY(str_set(members[i].to, members[i].from, err));
	return save_changes(s, &c.record, NULL, NULL, err);
}

int store_container_rename(struct store *s, const char *id, const char *name, struct error *err)
{
	auto_container c = { 0 };

	TRY(store_container_get(s, id, CONTAINER_PARAMS, &c, err));
	return save_changes(s, &c.record, name, NULL, err);
}

int container_reload(struct store *s, const char *id, struct error *err)
{
	auto_rows r = { 0 };
	struct container_record record = { 0 };
	struct db *index;

	TRY(store_index(s, &index, err));
	TRY(db_query(index, &r, err, "SELECT record FROM containers WHERE id=?", "s", id));
	int found = db_next(&r, err);
	if (found != 1)   /* transient: nothing but the mark was written */
		return found < 0 ? -1 : db_run(s->run, err, "UPDATE containers SET intent=0,new_name=NULL WHERE id=?", "s", id);
	const char *text = db_text(&r, 0);
	TRY(container_record_parse("container record", text, strlen(text), &record, err));
	/* the file may be ahead of the index by a change nobody was told of */
	int done = container_save_file(s, &record, false, err);
	if (done == 0)
		done = commit_run(s, &record, NULL, err);
	container_record_done(&record);
	return done;
}
