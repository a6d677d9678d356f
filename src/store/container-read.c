/* SPDX-License-Identifier: Apache-2.0
 * store/container-read.c - looking containers up and listing them: one query on the run database, columns only. */
#include "store/internal.h"

#include <string.h>

static const char *const state_names[CONTAINER_STATE_MAX] = {
	"created", "initialized", "running", "paused", "stopping", "stopped", "exited", "removing",
};

const char *container_state_name(enum container_state state)
{
	return state_names[state];
}

bool container_state_parse(const char *name, enum container_state *ret)
{
	if (streq(name, "configured"))
		name = "created";
	for (int i = 0; i < CONTAINER_STATE_MAX; i++) {
		if (!streq(name, state_names[i]))
			continue;
		*ret = (enum container_state)i;
		return true;
	}
	return false;
}

void container_status_done(struct container_status *st)
{
	free(st->health);
	free(st->error);
	free(st->runtime);
	*st = (struct container_status){ 0 };
}

void container_done(struct container *c)
{
	container_record_done(&c->record);
	container_status_done(&c->status);
}

void container_list_done(struct container_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		container_done(&l->v[i]);
	free(l->v);
	*l = (struct container_list){ 0 };
}

/* ---- columns ---- */
#define STATUS_COLUMNS "state,pid,pid_start,monitor_pid,monitor_start,exited,exit_code,started,finished,oom,by_user,restarts,"\
	"health,error,runtime"
enum { STATUS_N = 15 };
#define CONTAINER_COLUMNS STATUS_COLUMNS ",id,name,transient,infra,read_only,created,image_id,image_name,command,labels,pod,"\
	"ports,networks,mounts,restart_policy,rootfs,size_limit,layers"
#define CONTAINER_COLUMNS_PARAMS CONTAINER_COLUMNS ",params"

static int read_status(struct db_rows *r, struct container_status *st, struct error *err)
{
	st->state = (enum container_state)db_int(r, 0);
	st->pid = (pid_t)db_int(r, 1);
	st->pid_start = (uint64_t)db_int(r, 2);
	st->monitor_pid = (pid_t)db_int(r, 3);
	st->monitor_start = (uint64_t)db_int(r, 4);
	st->exited = db_int(r, 5);
	st->exit_code = (int)db_int(r, 6);
	st->started = db_int(r, 7);
	st->finished = db_int(r, 8);
	st->oom_killed = db_int(r, 9);
	st->stopped_by_user = db_int(r, 10);
	st->restarts = db_int(r, 11);
	TRY(db_dup(r, 12, &st->health, err));
	TRY(db_dup(r, 13, &st->error, err));
	return db_dup(r, 14, &st->runtime, err);
}

static int read_record(struct db_rows *r, bool params, struct container_record *c, struct error *err)
{
	char **const texts[] = { &c->image_id, &c->image_name, &c->command, &c->labels, &c->pod, &c->ports, &c->networks,
				 &c->mounts, &c->restart_policy, &c->rootfs, &c->size_limit };
	int column = STATUS_N;

	snprintf(c->id, sizeof(c->id), "%s", db_text(r, column++));
	TRY(db_dup(r, column++, &c->name, err));
	c->transient = db_int(r, column++);
	c->infra = db_int(r, column++);
	c->read_only = db_int(r, column++);
	c->created = db_int(r, column++);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		TRY(db_dup(r, column++, texts[i], err));
	const char *layers = db_text(r, column++);
	if (layers)
		TRY(strv_split(&c->layers, layers, ' ', err));
	return params ? db_dup(r, column, &c->params, err) : 0;
}

static int read_container(struct db_rows *r, unsigned want, struct container *ret, struct error *err)
{
	struct container c = { 0 };

	if (read_status(r, &c.status, err) < 0 || read_record(r, want & CONTAINER_PARAMS, &c.record, err) < 0) {
		container_done(&c);
		return -1;
	}
	*ret = c;
	return 1;
}

/* ---- find ---- */
/* Rows that are only just being created are nobody's business yet. */
#define SELECT_ONE(where) \
	{ "SELECT " CONTAINER_COLUMNS " FROM containers WHERE " where, \
	  "SELECT " CONTAINER_COLUMNS_PARAMS " FROM containers WHERE " where }

static int ambiguous(struct db_rows *r, const char *what, struct error *err)
{
	int more = db_next(r, err);

	return more > 0 ? fail(err, ERROR_INVALID, "more than one result for container \"%s\": container already exists",
			       what) : more;
}

int store_container_find(struct store *s, const char *what, unsigned want, struct container *ret, struct error *err)
{
	static const char *const ways[][2] = {
		SELECT_ONE("name=?1 AND intent<>1"),
		SELECT_ONE("id>=?1 AND id<?1||'g' AND intent<>1 LIMIT 2"),
	};
	bool hex = strspn(what, "0123456789abcdef") == strlen(what) && *what;
	const char *key = what + (*what == '/' && what[1]);   /* Docker writes names as "/name" */
	bool whole = is_hex64(key);
	struct db *run;

	TRY(store_run(s, &run, err));
	for (size_t i = 0; i < (hex ? 2 : 1); i++) {
		auto_rows r = { 0 };
		TRY(db_query(run, &r, err, ways[whole ? 1 - i : i][want & CONTAINER_PARAMS ? 1 : 0], "s", key));
		int found = db_next(&r, err);
		if (found < 0)
			return -1;
		if (!found)
			continue;
		auto_container c = { 0 };
		TRY(read_container(&r, want, &c, err));
		TRY(ambiguous(&r, what, err));
		*ret = c;
		c = (struct container){ 0 };
		return 1;
	}
	return 0;
}

int store_container_get(struct store *s, const char *what, unsigned want, struct container *ret, struct error *err)
{
	int r = store_container_find(s, what, want, ret, err);

	return r ? r : fail(err, ERROR_NOT_FOUND, "no container with name or ID \"%s\" found: no such container", what);
}

/* ---- list ---- */
static int add_container(struct container_list *l, struct db_rows *r, unsigned want, struct error *err)
{
	if ((l->n & (l->n - 1)) == 0) {   /* room doubles at powers of two */
		struct container *v = realloc(l->v, (l->n ? l->n * 2 : 1) * sizeof(*v));
		if (!v)
			return fail_oom(err);
		l->v = v;
	}
	TRY(read_container(r, want, &l->v[l->n], err));
	l->n++;
	return 0;
}

#define LIST_WHERE \
	" FROM containers WHERE ((1<<state)&?1)<>0 AND intent<>1 AND (?2 IS NULL OR pod=?2)" \
	" AND (?3 IS NULL OR image_id=?3) ORDER BY created,id"

int store_container_list(struct store *s, const struct container_query *q, struct container_list *ret, struct error *err)
{
	auto_container_list l = { 0 };
	auto_rows r = { 0 };
	struct db *run;
	int more;

	TRY(store_run(s, &run, err));
	TRY(db_query(run, &r, err, q->want & CONTAINER_PARAMS ? "SELECT " CONTAINER_COLUMNS_PARAMS LIST_WHERE
							      : "SELECT " CONTAINER_COLUMNS LIST_WHERE, "iss",
		     (int64_t)(q->states ? q->states : CONTAINER_STATE_ANY), q->pod, q->image_id));
	while ((more = db_next(&r, err)) == 1)
		TRY(add_container(&l, &r, q->want, err));
	if (more < 0)
		return -1;
	*ret = l;
	l = (struct container_list){ 0 };
	return 0;
}

int store_container_status(struct store *s, const char *id, struct container_status *ret, struct error *err)
{
	auto_rows r = { 0 };
	struct container_status st = { 0 };
	struct db *run;

	TRY(store_run(s, &run, err));
	TRY(db_query(run, &r, err, "SELECT " STATUS_COLUMNS " FROM containers WHERE id=?", "s", id));
	int found = db_next(&r, err);
	if (found != 1)
		return found;
	if (read_status(&r, &st, err) < 0) {
		container_status_done(&st);
		return -1;
	}
	*ret = st;
	return 1;
}
