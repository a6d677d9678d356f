/* SPDX-License-Identifier: Apache-2.0
 * store/db.c - SQLite as the store uses it: errors, questions, transactions. */
#include "store/db-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

enum { WAL_PAGES_DURABLE = 32, WAL_PAGES = 12 };
enum { WAL_ROOM = 2 * WAL_PAGES_DURABLE * (4096 + 24) };
/* Transactions are short, their queue need not be: hundreds of commands on a machine that does other things as well. */
#define WRITER_WAIT_NS (5 * LOCK_TIMEOUT_DEFAULT)

struct db_error_row {
	int code;
	enum error_kind kind;
	int errnum;
	const char *text;
};
static const struct db_error_row db_errors[] = {
	{ SQLITE_FULL, ERROR_SYSTEM, ENOSPC, "no space left on device" },
	{ SQLITE_BUSY, ERROR_TIMEOUT, 0, "another process has kept it locked for too long" },
	{ SQLITE_READONLY, ERROR_SYSTEM, EROFS, "the store is read-only" },
	{ SQLITE_CORRUPT, ERROR_CORRUPT, 0, "is damaged; run 'system check --repair' to rebuild it from the store's files" },
	{ SQLITE_NOTADB, ERROR_CORRUPT, 0, "is no database; run 'system check --repair' to rebuild it from the store's files" },
	{ SQLITE_NOMEM, ERROR_SYSTEM, ENOMEM, "out of memory" },
};

static bool is_device_errno(int e)
{
	return e == EIO || e == ENXIO || e == ERANGE;
}

/* SQLite calls a read that fails on the device (EIO, ENXIO, ERANGE) damage, which it is not: nothing is known of the
 * bytes. What the operating system said last of the database and its log tells the two apart. */
static int device_errno(struct db *db)
{
	sqlite3_file *log = NULL;
	int of_base = 0, of_log = 0;

	if (!db->handle)
		return 0;
	sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_LAST_ERRNO, &of_base);
	sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (log && log->pMethods)
		log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &of_log);
	int e = of_base ? of_base : of_log;
	return is_device_errno(e) ? e : 0;
}

bool db_is_device_error(const struct error *e)
{
	return is_device_errno(e->errnum);
}

static int tell_device(struct db *db, int errnum, struct error *err)
{
	return fail_with(err, errnum, "%s: it cannot be read (nothing was changed; the kernel's log says more)", db->path);
}

int db_check_device(struct db *db, struct error *err)
{
	int errnum = device_errno(db);

	return errnum ? tell_device(db, errnum, err) : 0;
}

int db_fail(struct db *db, int rc, struct error *err)
{
	int device = (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB ? device_errno(db) : 0;

	if (device)
		return tell_device(db, device, err);
	for (size_t i = 0; i < ARRAY_LEN(db_errors); i++) {
		if (db_errors[i].code != (rc & 0xff))
			continue;
		fail(err, db_errors[i].kind, "%s: %s", db->path, db_errors[i].text);
		err->errnum = db_errors[i].errnum;
		return -1;
	}
	int errnum = db->handle ? sqlite3_system_errno(db->handle) : 0;
	if ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN)
		return fail_with(err, errnum ? errnum : EIO, "%s: %s", db->path, sqlite3_errstr(rc));
	return fail(err, ERROR_SYSTEM, "%s: %s", db->path, db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc));
}

sqlite3 *db_handle(struct db *db)
{
	return db->handle;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->n_cached; i++)
		sqlite3_finalize(db->cache[i].stmt);
	sqlite3_close(db->handle);
	free(db->path);
	free(db->what);
	free(db->lock_name);
	free(db);
}

int db_script(struct db *db, const char *sql, struct error *err)
{
	int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_fail(db, rc, err);
}

/* ---- statements ---- */
static int prepare(struct db *db, const char *sql, struct db_rows *ret, struct error *err)
{
	struct db_rows r = { .db = db };

	for (size_t i = 0; i < db->n_cached; i++) {
		struct db_cached *c = &db->cache[i];
		if (c->sql != sql || c->busy)
			continue;
		c->busy = true;
		*ret = (struct db_rows){ .db = db, .stmt = c->stmt, .cached = true };
		return 0;
	}
	int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &r.stmt, NULL);
	if (rc != SQLITE_OK)
		return db_fail(db, rc, err);
	if (db->n_cached < DB_STATEMENTS_MAX) {
		db->cache[db->n_cached++] = (struct db_cached){ sql, r.stmt, true };
		r.cached = true;
	}
	*ret = r;
	return 0;
}

void db_rows_done(struct db_rows *r)
{
	if (!r->stmt)
		return;
	if (!r->cached) {
		sqlite3_finalize(r->stmt);
		return;
	}
	sqlite3_reset(r->stmt);
	sqlite3_clear_bindings(r->stmt);
	for (size_t i = 0; i < r->db->n_cached; i++)
		if (r->db->cache[i].stmt == r->stmt)
			r->db->cache[i].busy = false;
	r->stmt = NULL;
}

static int bind(struct db_rows *r, const char *types, va_list ap, struct error *err)
{
	int rc = SQLITE_OK;

	for (int i = 1; *types && rc == SQLITE_OK; types++, i++) {
		if (*types == 's') {
			const char *text = va_arg(ap, const char *);
			rc = text ? sqlite3_bind_text(r->stmt, i, text, -1, SQLITE_TRANSIENT) : sqlite3_bind_null(r->stmt, i);
		} else {
			rc = sqlite3_bind_int64(r->stmt, i, va_arg(ap, int64_t));
		}
	}
	return rc == SQLITE_OK ? 0 : db_fail(r->db, rc, err);
}

static int start(struct db *db, const char *sql, const char *types, va_list ap, struct db_rows *ret, struct error *err)
{
	TRY(prepare(db, sql, ret, err));
	return bind(ret, types, ap, err);
}

int db_run(struct db *db, struct error *err, const char *sql, const char *types, ...)
{
	auto_rows r = { 0 };
	va_list ap;
	int rc;

	va_start(ap, types);
	int started = start(db, sql, types, ap, &r, err);
	va_end(ap);
	if (started < 0)
		return -1;
	while ((rc = sqlite3_step(r.stmt)) == SQLITE_ROW)
		;
	return rc == SQLITE_DONE ? sqlite3_changes(db->handle) : db_fail(db, rc, err);
}

int db_query(struct db *db, struct db_rows *ret, struct error *err, const char *sql, const char *types, ...)
{
	auto_rows r = { 0 };
	va_list ap;

	va_start(ap, types);
	int started = start(db, sql, types, ap, &r, err);
	va_end(ap);
	if (started < 0)
		return -1;
	*ret = r;
	r.stmt = NULL;
	return 0;
}

int db_next(struct db_rows *r, struct error *err)
{
	int rc = sqlite3_step(r->stmt);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : db_fail(r->db, rc, err);
}

const char *db_text(struct db_rows *r, int column)
{
	return (const char *)sqlite3_column_text(r->stmt, column);
}

int64_t db_int(struct db_rows *r, int column)
{
	return sqlite3_column_int64(r->stmt, column);
}

int db_dup(struct db_rows *r, int column, char **ret, struct error *err)
{
	const char *text = db_text(r, column);
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return fail_oom(err);
	free(*ret);
	*ret = copy;
	return 0;
}

int db_get_int(struct db *db, int64_t *ret, struct error *err, const char *sql, const char *types, ...)
{
	auto_rows r = { 0 };
	va_list ap;

	TRY(prepare(db, sql, &r, err));
	va_start(ap, types);
	int bound = bind(&r, types, ap, err);
	va_end(ap);
	if (bound < 0)
		return -1;
	int n = db_next(&r, err);
	if (n == 1)
		*ret = db_int(&r, 0);
	return n;
}

/* ---- transactions ---- */
/* Blocks for the WAL beyond its end, so that a full disk does not keep the index from being written: removals write too. It
 * stays in place and does not shrink (PERSIST_WAL), so they are asked for once; a copy of the store has lost them. */
static void reserve_wal(const struct db *db)
{
	autofree char *path = NULL;
	struct error ignored;
	struct stat st;

	if (str_printf(&path, &ignored, "%s-wal", db->path) < 0 || stat(path, &st) < 0 || st.st_blocks * 512 >= WAL_ROOM)
		return;
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)   /* not every file system can, and this one may be full */
		(void)!fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, WAL_ROOM);
}

/* What only writers need; so readers do not pay for it. */
static int tune(struct db *db, struct error *err)
{
	if (db->tuned)
		return 0;
	TRY(db_script(db, db->durable ? "PRAGMA synchronous=FULL; PRAGMA cell_size_check=ON"
				      : "PRAGMA synchronous=OFF", err));
	sqlite3_wal_autocheckpoint(db->handle, db->durable ? WAL_PAGES_DURABLE : WAL_PAGES);
	if (db->durable)
		reserve_wal(db);
	db->tuned = true;
	return 0;
}

/* 1: begun; 0: somebody else writes. */
static int try_begin(struct db *db, struct error *err)
{
	auto_rows r = { 0 };

	TRY(prepare(db, "BEGIN IMMEDIATE", &r, err));
	sqlite3_busy_timeout(db->handle, 0);
	int rc = sqlite3_step(r.stmt);
	sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
	if (rc == SQLITE_DONE)
		return 1;
	return (rc & 0xff) == SQLITE_BUSY ? 0 : db_fail(db, rc, err);
}

/* Nobody else writing is the common case and costs no lock file; who meets a writer queues for the next turn. */
int db_begin(struct db *db, struct db_txn *ret, struct error *err)
{
	struct db_txn t = { .db = db, .ticket = LOCK_INIT };

	if (!db->writable)
		return fail(err, ERROR_DENIED, "%s belongs to a read-only store", db->path);
	TRY(tune(db, err));
	int begun = try_begin(db, err);
	if (begun == 0) {
		TRY(lock_acquire(db->lock_dirfd, db->lock_name, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, WRITER_WAIT_NS },
				 &t.ticket, err));
		begun = db_run(db, err, "BEGIN IMMEDIATE", "");
	}
	if (begun < 0) {
		lock_release(&t.ticket);
		return -1;
	}
	*ret = t;
	return 0;
}

/* A COMMIT whose fsync failed stands complete in the WAL, beyond what the WAL index counts: who opens the database next
 * would read the WAL anew and believe it, though we told our caller that it failed. Another transaction takes its place:
 * one that changes nothing, written over it. */
static void bury_commit(struct db *db)
{
	struct error ignored;
	char sql[64];
	int64_t version;

	if (db_get_int(db, &version, &ignored, "PRAGMA user_version", "") != 1)
		return;
	snprintf(sql, sizeof(sql), "PRAGMA user_version=%lld", (long long)version);
	db_script(db, sql, &ignored);
}

int db_commit(struct db_txn *t, struct error *err)
{
	if (db_run(t->db, err, "COMMIT", "") < 0) {
		struct error ignored;
		if (!sqlite3_get_autocommit(t->db->handle))
			db_run(t->db, &ignored, "ROLLBACK", "");
		bury_commit(t->db);
		db_txn_done(t);
		return -1;
	}
	t->db = NULL;
	lock_release(&t->ticket);
	return 0;
}

void db_txn_done(struct db_txn *t)
{
	struct error ignored;

	if (!t->db)
		return;
	if (!sqlite3_get_autocommit(t->db->handle))
		db_run(t->db, &ignored, "ROLLBACK", "");
	t->db = NULL;
	lock_release(&t->ticket);
}
