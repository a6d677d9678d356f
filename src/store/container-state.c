/* SPDX-License-Identifier: Apache-2.0
 * store/container-state.c - what changes while containers run: compare-and-set of their state, exec sessions.
 *
 * One UPDATE ... WHERE id AND state IN expected: the winner of a race is whoever's row count is 1. The columns to set are
 * built from rows, one statement per combination of fields (few are in use, each is prepared once). */
#include "store/internal.h"

#include <string.h>

/* Which columns a bit of enum container_change_field sets, in order of binding. */
struct change_column {
	unsigned field;
	const char *name;
};
static const struct change_column change_columns[] = {
	{ CONTAINER_SET_STATE, "state" },
	{ CONTAINER_SET_PID, "pid" }, { CONTAINER_SET_PID, "pid_start" },
	{ CONTAINER_SET_MONITOR, "monitor_pid" }, { CONTAINER_SET_MONITOR, "monitor_start" },
	{ CONTAINER_SET_EXIT, "exited" }, { CONTAINER_SET_EXIT, "exit_code" }, { CONTAINER_SET_EXIT, "finished" },
	{ CONTAINER_SET_EXIT, "oom" },
	{ CONTAINER_SET_STARTED, "started" },
	{ CONTAINER_SET_STOPPED_BY_USER, "by_user" },
	{ CONTAINER_SET_RESTARTS, "restarts" },
	{ CONTAINER_SET_HEALTH, "health" },
	{ CONTAINER_SET_ERROR, "error" },
	{ CONTAINER_SET_RUNTIME, "runtime" },
};
enum { COLUMNS_N = ARRAY_LEN(change_columns), FIRST_TEXT = COLUMNS_N - 3 };

static int64_t number_of(const struct container_status *to, size_t column)
{
	const int64_t values[FIRST_TEXT] = {
		to->state, to->pid, (int64_t)to->pid_start, to->monitor_pid, (int64_t)to->monitor_start, to->exited,
		to->exit_code, to->finished, to->oom_killed, to->started, to->stopped_by_user, to->restarts,
	};
	return values[column];
}

static const char *text_of(const struct container_status *to, size_t column)
{
	const char *values[COLUMNS_N - FIRST_TEXT] = { to->health, to->error, to->runtime };

	return values[column - FIRST_TEXT];
}

static int bind_changes(sqlite3_stmt *st, const struct container_change *c)
{
	int n = 3;   /* ?1 id, ?2 expected */

	for (size_t i = 0; i < COLUMNS_N; i++) {
		if (!(c->set & change_columns[i].field))
			continue;
		const char *text = i >= FIRST_TEXT ? text_of(&c->to, i) : NULL;
		int rc = i < FIRST_TEXT ? sqlite3_bind_int64(st, n, number_of(&c->to, i))
					: text ? sqlite3_bind_text(st, n, text, -1, SQLITE_TRANSIENT) : sqlite3_bind_null(st, n);
		if (rc != SQLITE_OK)
			return rc;
		n++;
	}
	return SQLITE_OK;
}

static void finalize_p(sqlite3_stmt **st)
{
	sqlite3_finalize(*st);
}

/* 1: the row was in an expected state and is changed; 0: not. */
static int update_row(struct db *run, const char *id, const struct container_change *c, struct error *err)
{
	auto_buf sql = BUF_INIT(2048);
	CLEANUP(finalize_p) sqlite3_stmt *st = NULL;
	int n = 3;

	buf_add_str(&sql, "UPDATE containers SET id=id");
	for (size_t i = 0; i < COLUMNS_N; i++)
		if (c->set & change_columns[i].field)
			buf_addf(&sql, ",%s=?%d", change_columns[i].name, n++);
	/* "removing" is a promise: killed now, the next command removes it (container_erase()) */
	if (c->set & CONTAINER_SET_STATE && c->to.state == CONTAINER_REMOVING)
		buf_addf(&sql, ",intent=%d", INTENT_REMOVE);
	else if (c->set & CONTAINER_SET_STATE && c->to.state != CONTAINER_CREATED)
		buf_addf(&sql, ",intent=CASE intent WHEN %d THEN 0 ELSE intent END", INTENT_PROVISIONAL);
	buf_add_str(&sql, " WHERE id=?1 AND ((1<<state)&?2)<>0");
	TRY(buf_ok(&sql, "change of state", err));
	int rc = sqlite3_prepare_v2(db_handle(run), sql.data, -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(st, 1, id, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(st, 2, c->expected ? c->expected : CONTAINER_STATE_ANY);
	if (rc == SQLITE_OK)
		rc = bind_changes(st, c);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	return rc == SQLITE_DONE ? sqlite3_changes(db_handle(run)) : db_fail(run, rc, err);
}

/* What a reboot may know: that it was started, and how it ended. */
static int save_state(struct store *s, const char *id, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	auto_rows r = { 0 };
	struct db *index;

	TRY(db_query(s->run, &r, err, "SELECT state,exited,exit_code,started,finished,oom,by_user FROM containers WHERE id=?",
		     "s", id));
	int found = db_next(&r, err);
	if (found != 1)
		return found;
	TRY(store_index(s, &index, err));
	TRY(db_begin(index, &t, err));
	TRY(db_run(index, err, "UPDATE containers SET state=?,exited=?,exit_code=?,started=?,finished=?,oom=?,by_user=?"
		   " WHERE id=?", "iiiiiiis", db_int(&r, 0), db_int(&r, 1), db_int(&r, 2), db_int(&r, 3), db_int(&r, 4),
		   db_int(&r, 5), db_int(&r, 6), id));
	return db_commit(&t, err);
}

static bool is_durable_change(const struct container_change *c)
{
	return c->set & CONTAINER_SET_STATE && (c->to.state == CONTAINER_RUNNING || c->to.state == CONTAINER_EXITED);
}

/* Outputs are of the row before the change. */
static int change_row(struct store *s, const char *id, const struct container_change *c, enum container_state *state,
		      bool *transient, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	auto_rows r = { 0 };

	TRY(db_begin(s->run, &t, err));
	TRY(db_query(s->run, &r, err, "SELECT state,transient FROM containers WHERE id=?", "s", id));
	int found = db_next(&r, err);
	if (found != 1)
		return found < 0 ? -1 : fail(err, ERROR_NOT_FOUND, "no container with ID %s found: no such container", id);
	*state = (enum container_state)db_int(&r, 0);
	*transient = db_int(&r, 1);
	db_rows_done(&r);
	int changed = update_row(s->run, id, c, err);
	if (changed < 0)
		return -1;
	return db_commit(&t, err) < 0 ? -1 : changed > 0;
}

int store_container_change(struct store *s, const char *id, const struct container_change *c,
			   enum container_state *ret_state, struct error *err)
{
	enum container_state before = CONTAINER_CREATED;
	bool transient = false;
	struct db *run;

	TRY(store_run(s, &run, err));
	int changed = change_row(s, id, c, &before, &transient, err);
	if (changed < 0)
		return -1;
	if (!changed && ret_state)
		*ret_state = before;
	if (changed && !transient && is_durable_change(c))
		TRY(save_state(s, id, err));
	return changed;
}

/* ---- exec sessions ---- */
void exec_session_done(struct exec_session *e)
{
	free(e->params);
	*e = (struct exec_session){ 0 };
}

int store_exec_add(struct store *s, struct exec_session *e, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *run;
	int64_t one;

	if (!e->id[0])
		TRY(random_id(e->id, err));
	TRY(store_run(s, &run, err));
	TRY(db_begin(run, &t, err));
	int there = db_get_int(run, &one, err, "SELECT 1 FROM containers WHERE id=?", "s", e->container);
	if (there != 1)
		return there < 0 ? -1 : fail(err, ERROR_NOT_FOUND, "no container with ID %s found: no such container",
					     e->container);
	TRY(db_run(run, err, "INSERT INTO execs(id,container,created,pid,pid_start,running,exited,exit_code,params)"
		   " VALUES(?,?,?,?,?,?,?,?,?)", "ssiiiiiis", e->id, e->container, e->created, (int64_t)e->pid,
		   (int64_t)e->pid_start, (int64_t)e->running, (int64_t)e->exited, (int64_t)e->exit_code, e->params));
	return db_commit(&t, err);
}

static int read_exec(struct db_rows *r, struct exec_session *ret, struct error *err)
{
	struct exec_session e = { .created = db_int(r, 2), .pid = (pid_t)db_int(r, 3), .pid_start = (uint64_t)db_int(r, 4),
				  .running = db_int(r, 5), .exited = db_int(r, 6), .exit_code = (int)db_int(r, 7) };

	snprintf(e.id, sizeof(e.id), "%s", db_text(r, 0));
	snprintf(e.container, sizeof(e.container), "%s", db_text(r, 1));
	TRY(db_dup(r, 8, &e.params, err));
	*ret = e;
	return 1;
}

int store_exec_get(struct store *s, const char *id, struct exec_session *ret, struct error *err)
{
	auto_rows r = { 0 };
	auto_exec_session e = { 0 };
	struct db *run;

	if (!*id || strspn(id, "0123456789abcdef") != strlen(id))
		return 0;
	TRY(store_run(s, &run, err));
	TRY(db_query(run, &r, err, "SELECT id,container,created,pid,pid_start,running,exited,exit_code,params FROM execs"
		     " WHERE id>=?1 AND id<?1||'g' LIMIT 2", "s", id));
	int found = db_next(&r, err);
	if (found != 1)
		return found;
	TRY(read_exec(&r, &e, err));
	int more = db_next(&r, err);
	if (more)
		return more < 0 ? -1 : fail(err, ERROR_INVALID, "more than one result for exec session \"%s\"", id);
	*ret = e;
	e = (struct exec_session){ 0 };
	return 1;
}

int store_exec_set(struct store *s, const struct exec_session *e, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *run;

	TRY(store_run(s, &run, err));
	TRY(db_begin(run, &t, err));
	int n = db_run(run, err, "UPDATE execs SET pid=?,pid_start=?,running=?,exited=?,exit_code=? WHERE id=?", "iiiiis",
		       (int64_t)e->pid, (int64_t)e->pid_start, (int64_t)e->running, (int64_t)e->exited,
		       (int64_t)e->exit_code, e->id);
	return n < 0 || db_commit(&t, err) < 0 ? -1 : n > 0;
}

int store_exec_remove(struct store *s, const char *id, struct error *err)
{
	auto_txn t = DB_TXN_INIT;
	struct db *run;

	TRY(store_run(s, &run, err));
	TRY(db_begin(run, &t, err));
	int n = db_run(run, err, "DELETE FROM execs WHERE id=?", "s", id);
	return n < 0 || db_commit(&t, err) < 0 ? -1 : n > 0;
}

int store_exec_list(struct store *s, const char *container, struct strv *ret_ids, struct error *err)
{
	auto_rows r = { 0 };
	struct db *run;
	int more;

	TRY(store_run(s, &run, err));
	TRY(db_query(run, &r, err, "SELECT id FROM execs WHERE container=? ORDER BY seq", "s", container));
	while ((more = db_next(&r, err)) == 1)
		TRY(strv_add(ret_ids, db_text(&r, 0), err));
	return more;
}
