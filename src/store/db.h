/* SPDX-License-Identifier: Apache-2.0
 * store/db.h - (internal) SQLite as the store uses it: few system calls, cached statements, queued writers.
 *
 * Owns the connection and its prepared statements, which are cached by the address of their SQL text: pass string
 * literals. Readers see a snapshot and never wait; writers queue on a ticket lock file before BEGIN IMMEDIATE, so that a
 * thousand of them take turns instead of retrying. Rules: durability notes, section 3. Not across fork(). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/own.h"
#include "os/lock.h"

struct db;

struct db_schema {
	int version;         /* PRAGMA user_version; a greater one in the file is refused */
	const char *sql;     /* makes an empty database into this version */
	const char *what;    /* name in messages */
	const char *upgrade; /* makes version - 1 into version; NULL: that one is refused */
};

struct db_options {
	const char *path;
	const struct db_schema *schema;
	int lock_dirfd;             /* where the ticket lock file lies; borrowed, must outlive the connection */
	const char *lock_name;
	bool durable;               /* synchronous=FULL, else OFF */
	bool read_only;             /* somebody else's store: immutable when its directory cannot be written */
	bool must_exist;            /* do not create: ERROR_NOT_FOUND */
};

int db_open(const struct db_options *o, struct db **ret, struct error *err);
void db_close(struct db *db);
DEFINE_CLEANUP(struct db, db_close);
#define auto_db CLEANUP(db_close_p) struct db
/* A close-on-exec descriptor that keeps the database <dirfd>/NAME looking open as long as it (or a copy) is open: see
 * store_hold(). -1: nobody has it open now. Touches no connection: safe after fork. */
int db_hold(int dirfd, const char *name);
/* For PRAGMAs and checks. Borrowed. */
sqlite3 *db_handle(struct db *db);
int db_fail(struct db *db, int rc, struct error *err);
/* Did the device fail when the database was read last (EIO)? Then -1: that says nothing of what is in it. */
int db_check_device(struct db *db, struct error *err);
/* The same of a failure that was told. */
bool db_is_device_error(const struct error *e);

/* ---- statements. `types` says what follows, one letter per parameter: s char * (NULL: NULL), i int64_t (cast!) ---- */
/* Runs to the end; returns the number of rows changed. */
int db_run(struct db *db, struct error *err, const char *sql, const char *types, ...);
/* A script without parameters. */
int db_script(struct db *db, const char *sql, struct error *err);

struct db_rows {
	struct db *db;
	sqlite3_stmt *stmt;
	bool cached;
};
void db_rows_done(struct db_rows *r);
#define auto_rows CLEANUP(db_rows_done) struct db_rows
int db_query(struct db *db, struct db_rows *ret, struct error *err, const char *sql, const char *types, ...);
/* 1: a row is current; 0: no more. */
int db_next(struct db_rows *r, struct error *err);
/* Columns of the current row. Text is borrowed until the next db_next(); NULL for NULL. */
const char *db_text(struct db_rows *r, int column);
int64_t db_int(struct db_rows *r, int column);
/* The column copied into malloc'ed *ret (NULL for NULL). */
int db_dup(struct db_rows *r, int column, char **ret, struct error *err);
/* First column of the first row: 1 and *ret, or 0. */
int db_get_int(struct db *db, int64_t *ret, struct error *err, const char *sql, const char *types, ...);

/* ---- write transactions: short, no fork, mount, network or big file inside ---- */
struct db_txn {
	struct db *db;        /* NULL: not open */
	struct lock ticket;
};
#define DB_TXN_INIT { .ticket = LOCK_INIT }
void db_txn_done(struct db_txn *t);   /* rolls back what was not committed */
#define auto_txn CLEANUP(db_txn_done) struct db_txn
int db_begin(struct db *db, struct db_txn *ret, struct error *err);
int db_commit(struct db_txn *t, struct error *err);
