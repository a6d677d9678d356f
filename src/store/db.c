/* SPDX-License-Identifier: Apache-2.0
 * store/db.c - SQLite as the store uses it.
 *
 * What keeps opening cheap: journal_mode is a property of the file (set once when it is made), the write-only PRAGMAs
 * wait for the first write, and the WAL stays in place when the last connection closes (PERSIST_WAL, no checkpoint on
 * close). So the WAL must be kept short: whoever opens first after everybody left reads it whole. Monitors hold the databases
 * open for the others (db_hold()): while containers run nobody is the first. */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

enum { STATEMENTS_MAX = 48, WAL_PAGES_DURABLE = 32, WAL_PAGES = 12, BUSY_MS = 30000 };
enum { WAL_ROOM = 2 * WAL_PAGES_DURABLE * (4096 + 24) };
/* Transactions are short, their queue need not be: hundreds of commands on a machine that does other things as well. */
#define WRITER_WAIT_NS (5 * LOCK_TIMEOUT_DEFAULT)

struct cached_stmt {
	const char *sql;
	sqlite3_stmt *stmt;
	bool busy;
};

struct db {
	sqlite3 *handle;
	char *path, *what;
	struct cached_stmt cache[STATEMENTS_MAX];
	size_t n_cached;
	int lock_dirfd;
	char *lock_name;
	bool durable, writable, tuned;
};

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

/* A URI with the path's special characters escaped: immutable is only to be had by URI. */
static int open_uri(const struct db_options *o, char **ret, struct error *err)
{
	static const char hex[] = "0123456789ABCDEF";
	auto_buf uri = BUF_INIT(8192);

	buf_add_str(&uri, "file:");
	for (const char *p = o->path; *p; p++) {
		unsigned char c = (unsigned char)*p;
		if (c == '%' || c == '?' || c == '#' || c < 0x20) {
			buf_add_char(&uri, '%');
			buf_add_char(&uri, hex[c >> 4]);
			buf_add_char(&uri, hex[c & 15]);
		} else {
			buf_add_char(&uri, *p);
		}
	}
	buf_add_str(&uri, "?immutable=1");
	TRY(buf_ok(&uri, "path of the index", err));
	*ret = buf_steal(&uri);
	return *ret ? 0 : fail_oom(err);
}

/* A store that somebody else may be writing needs its shared memory file; on a read-only medium there are no writers. */
static bool is_immutable(const struct db_options *o)
{
	char *slash = strrchr(o->path, '/');
	autofree char *dir = slash ? strndup(o->path, (size_t)(slash - o->path)) : NULL;

	return o->read_only && dir && faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) < 0;
}

/* SQLite sets itself up for long lives and many threads: memory for a hundred pages and a hundred small objects is
 * touched at every open, each object counted under a mutex. A command asks a few questions and ends, on one thread.
 * After the first connection the library refuses and keeps what it has. */
static void configure_library(void)
{
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
	sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
}

/* ---- files ---- */
static bool has_bytes(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size > 0;
}

/* Where SQLite may create a WAL it takes it for new and syncs the directory at its first commit as well, a second wait for
 * the disk in every command that writes. Ours stays in place; one with frames in it was synced by who made it. */
static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	sqlite3_vfs *base = sqlite3_vfs_find(NULL);

	(void)vfs;
	if ((flags & SQLITE_OPEN_WAL) && path && has_bytes(path))
		flags &= ~SQLITE_OPEN_CREATE;
	return base->xOpen(base, path, file, flags, ret_flags);
}

/* SQLite's own way to files but for the above. The library keeps the address. */
static const char *file_system(void)
{
	static sqlite3_vfs ours;
	const sqlite3_vfs *base = sqlite3_vfs_find(NULL);

	if (ours.zName || !base)
		return ours.zName;
	ours = *base;
	ours.pNext = NULL;
	ours.zName = "umiak";
	ours.xOpen = open_file;
	if (sqlite3_vfs_register(&ours, 0) != SQLITE_OK)
		ours.zName = NULL;
	return ours.zName;
}

static int open_handle(struct db *db, const struct db_options *o, struct error *err)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	autofree char *uri = NULL;

	if (is_immutable(o)) {
		TRY(open_uri(o, &uri, err));
		flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
	} else {
		flags |= SQLITE_OPEN_READWRITE | (o->must_exist || o->read_only ? 0 : SQLITE_OPEN_CREATE);
	}
	configure_library();
	int rc = sqlite3_open_v2(uri ? uri : o->path, &db->handle, flags, file_system());
	if (rc != SQLITE_OK)
		return db_fail(db, rc, err);
	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_busy_timeout(db->handle, BUSY_MS);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	int persist = 1;
	sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
	return 0;
}

/* SQLite's "dead man's switch": every connection holds this byte of the -shm file shared. Who finds it free rebuilds the
 * WAL's index from the WAL; who finds it held believes what stands there. So it may be taken only while somebody with a
 * connection holds it, as then the index is good, or is made good by the next who takes the switch alone. */
enum { SHM_DEAD_MAN = 128 };

int db_hold(int dirfd, const char *name)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = SHM_DEAD_MAN, .l_len = 1 };
	char path[64];

	snprintf(path, sizeof(path), "%s-shm", name);
	autoclose int fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &l) < 0 || l.l_type != F_RDLCK)
		return -1;
	l = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = SHM_DEAD_MAN, .l_len = 1 };
	return fcntl(fd, F_OFD_SETLK, &l) < 0 ? -1 : take_fd(fd);
}

static int read_version(struct db *db, int *ret, struct error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : db_fail(db, rc, err);
}

/* Makes an empty file into the schema. Under the ticket lock: switching to WAL fails while others do the same. */
static int make_schema(struct db *db, const struct db_schema *schema, struct error *err)
{
	auto_lock ticket = LOCK_INIT;
	int version = 0;
	autofree char *sql = NULL;

	TRY(lock_acquire(db->lock_dirfd, db->lock_name, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, -1 }, &ticket,
			 err));
	TRY(read_version(db, &version, err));
	if (version)
		return 0;
	TRY(db_script(db, db->durable ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"
				      : "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF", err));
	TRY(str_printf(&sql, err, "BEGIN IMMEDIATE; %s; PRAGMA user_version=%d; COMMIT", schema->sql, schema->version));
	return db_script(db, sql, err);
}

/* Makes the version before into this one, once. */
static int upgrade_schema(struct db *db, const struct db_schema *schema, struct error *err)
{
	auto_lock ticket = LOCK_INIT;
	int version = 0;
	autofree char *sql = NULL;

	TRY(lock_acquire(db->lock_dirfd, db->lock_name, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, -1 }, &ticket,
			 err));
	TRY(read_version(db, &version, err));
	if (version != schema->version - 1)
		return 0;
	TRY(str_printf(&sql, err, "BEGIN IMMEDIATE; %s; PRAGMA user_version=%d; COMMIT", schema->upgrade, schema->version));
	return db_script(db, sql, err);
}

static int check_version(struct db *db, const struct db_schema *schema, struct error *err)
{
	int version = 0;

	TRY(read_version(db, &version, err));
	if (!version && db->writable) {
		TRY(make_schema(db, schema, err));
		TRY(read_version(db, &version, err));
	} else if (version == schema->version - 1 && schema->upgrade && db->writable) {
		TRY(upgrade_schema(db, schema, err));
		TRY(read_version(db, &version, err));
	}
	if (version == schema->version)
		return 0;
	return fail(err, ERROR_UNSUPPORTED, "%s has format %d, this program knows format %d: use the newer program", db->path,
		    version, schema->version);
}

int db_open(const struct db_options *o, struct db **ret, struct error *err)
{
	auto_db *db = calloc(1, sizeof(*db));

	if (!db || !(db->path = strdup(o->path)) || !(db->lock_name = strdup(o->lock_name ? o->lock_name : "")) ||
	    !(db->what = strdup(o->schema->what)))
		return fail_oom(err);
	db->lock_dirfd = o->lock_dirfd;
	db->durable = o->durable;
	db->writable = !o->read_only;
	if (open_handle(db, o, err) < 0) {
		if (o->must_exist && err->errnum == ENOENT)
			err->kind = ERROR_NOT_FOUND;
		return -1;
	}
	TRY(check_version(db, o->schema, err));
	*ret = take_ptr(db);
	return 0;
}

/* ---- statements ---- */
static int prepare(struct db *db, const char *sql, struct db_rows *ret, struct error *err)
{
	struct db_rows r = { .db = db };

	for (size_t i = 0; i < db->n_cached; i++) {
		struct cached_stmt *c = &db->cache[i];
		if (c->sql != sql || c->busy)
			continue;
		c->busy = true;
		*ret = (struct db_rows){ .db = db, .stmt = c->stmt, .cached = true };
		return 0;
	}
	int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &r.stmt, NULL);
	if (rc != SQLITE_OK)
		return db_fail(db, rc, err);
	if (db->n_cached < STATEMENTS_MAX) {
		db->cache[db->n_cached++] = (struct cached_stmt){ sql, r.stmt, true };
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
	sqlite3_busy_timeout(db->handle, BUSY_MS);
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
