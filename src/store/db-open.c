/* SPDX-License-Identifier: Apache-2.0
 * store/db-open.c - opening a database: how SQLite is set up, what its files are, which format they have.
 *
 * What keeps opening cheap: journal_mode is a property of the file (set once when it is made), the write-only PRAGMAs
 * wait for the first write, and the WAL stays in place when the last connection closes (PERSIST_WAL, no checkpoint on
 * close). So the WAL must be kept short: whoever opens first after everybody left reads it whole. Monitors hold the databases
 * open for the others (db_hold()): while containers run nobody is the first. */
#include "store/db-internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

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
	sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
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

/* Makes the file of version `from` into the schema's, once. Under the ticket lock: switching to WAL, which a new file (0)
 * needs, fails while others do the same. */
static int change_schema(struct db *db, int from, const struct db_schema *schema, struct error *err)
{
	auto_lock ticket = LOCK_INIT;
	int version = 0;
	autofree char *sql = NULL;

	TRY(lock_acquire(db->lock_dirfd, db->lock_name, (struct lock_how){ LOCK_EXCLUSIVE, LOCK_UNORDERED, -1 }, &ticket,
			 err));
	TRY(read_version(db, &version, err));
	if (version != from)
		return 0;
	if (!from)
		TRY(db_script(db, db->durable ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"
					      : "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF", err));
	TRY(str_printf(&sql, err, "BEGIN IMMEDIATE; %s; PRAGMA user_version=%d; COMMIT", from ? schema->upgrade : schema->sql,
		       schema->version));
	return db_script(db, sql, err);
}

static int check_version(struct db *db, const struct db_schema *schema, struct error *err)
{
	int version = 0;

	TRY(read_version(db, &version, err));
	if (db->writable && (!version || (version == schema->version - 1 && schema->upgrade))) {
		TRY(change_schema(db, version, schema, err));
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
