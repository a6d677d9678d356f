/* SPDX-License-Identifier: Apache-2.0
 * store/db-internal.h - one connection: for db.c (questions, transactions) and db-open.c (files, format). */
#pragma once
#include "store/db.h"

enum { DB_STATEMENTS_MAX = 48, DB_BUSY_MS = 30000 };

struct db_cached {
	const char *sql;
	sqlite3_stmt *stmt;
	bool busy;
};

struct db {
	sqlite3 *handle;
	char *path, *what;
	struct db_cached cache[DB_STATEMENTS_MAX];
	size_t n_cached;
	int lock_dirfd;
	char *lock_name;
	bool durable, writable, tuned;
};
