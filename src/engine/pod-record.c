/* SPDX-License-Identifier: Apache-2.0
 * Pods' records: one file each, so that a name or state is never further away than a read. */
#include "engine/pod.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/units.h"
#include "engine/event.h"
#include "engine/pod-impl.h"
#include "os/file.h"
#include "os/process.h"

#define RECORD_MAX ((size_t)4 << 20)
#define SUFFIX ".json"

#define C struct pod_config
const struct field pod_config_rows[] = {
	{ .json = "id", F_STR(C, id) },
	{ .json = "name", F_STR(C, name) },
	{ .json = "created", F_INT(C, created) },
	{ .json = "hostname", F_STR(C, hostname) },
	{ .json = "exit_policy", F_STR(C, exit_policy) },
	{ .json = "infra_id", F_STR(C, infra_id) },
	{ .json = "cgroup_parent", F_STR(C, cgroup_parent) },
	{ .json = "cgroup", F_STR(C, cgroup) },
	{ .json = "labels", F_MAP(C, labels) },
	{ .json = "create_command", F_STRV(C, create_command) },
	{ .json = "shared", F_STRV(C, shared) },
	{ .json = "infra", F_BOOL(C, infra) },
	{ .json = "share_parent", F_BOOL(C, share_parent) },
	{ .json = "restart_policy", F_ENUM(C, restart.policy, restart_policy_names) },
	{ .json = "restart_tries", F_INT(C, restart.retries) },
	{ .json = "intent", F_INT(C, intent) },
	{ .json = "owner", F_INT(C, owner) },
	{ .json = "owner_start", F_UINT(C, owner_start) },
	{ .json = "settings", F_JSON(C, settings) },
	{},
};
#undef C

void pod_free(struct pod *p)
{
	if (!p)
		return;
	fields_done(pod_config_rows, &p->config);
	free(p);
}

void pod_list_done(struct pod_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		pod_free(l->v[i]);
	free(l->v);
	*l = (struct pod_list){};
}

static int list_add_pod(struct pod_list *l, struct pod **p, struct error *err)
{
	struct pod **v = reallocarray(l->v, l->n + 1, sizeof(struct pod *));

	if (!v)
		return fail_oom(err);
	l->v = v;
	l->v[l->n++] = take_ptr(*p);
	return 0;
}

/* ---- files ---- */
static int record_path(const struct engine *e, const char *id, char **ret, struct error *err)
{
	return str_printf(ret, err, "%s/pods/%s" SUFFIX, e->root, id);
}

int pod_save(const struct pod *p, struct error *err)
{
	autofree char *path = NULL, *dir = NULL;
	auto_json *tree = NULL;
	auto_buf text = BUF_INIT(RECORD_MAX);

	TRY(str_printf(&dir, err, "%s/pods", p->engine->root));
	if (file_mkdirs(AT_FDCWD, dir, 0700, err) < 0)
		return -1;
	TRY(record_path(p->engine, p->config.id, &path, err));
	TRY(fields_save(pod_config_rows, FIELD_COLUMN_JSON, &p->config, &tree, err));
	json_format(&text, tree, 0);
	TRY(buf_ok(&text, path, err));
	return file_replace(AT_FDCWD, path, text.data, text.len, 0600, FILE_SYNC, err);
}

int pod_delete_record(const struct pod *p, struct error *err)
{
	autofree char *path = NULL;

	TRY(record_path(p->engine, p->config.id, &path, err));
	return unlink(path) < 0 && errno != ENOENT ? fail_errno(err, "remove %s", path) : 0;
}

int pod_set_intent(struct pod *p, enum pod_intent intent, struct error *err)
{
	p->config.intent = intent;
	p->config.owner = intent == POD_READY ? 0 : getpid();
	p->config.owner_start = 0;
	if (p->config.owner)
		TRY(process_start_time(PROC_HOST, getpid(), &p->config.owner_start, err));
	return pod_save(p, err);
}

int pod_load(struct engine *e, const char *id, struct pod **ret, struct error *err)
{
	autofree char *path = NULL, *text = NULL;
	auto_json *tree = NULL;
	auto_pod *p = calloc(1, sizeof(*p));
	const struct json_limits limits = { .max_bytes = RECORD_MAX };
	size_t len;

	if (!p)
		return fail_oom(err);
	TRY(record_path(e, id, &path, err));
	int r = file_read(AT_FDCWD, path, RECORD_MAX, &text, &len, err);
	if (r <= 0)
		return r;
	TRY(json_parse(path, text, len, &limits, &tree, err));
	if (fields_load(pod_config_rows, FIELD_COLUMN_JSON, tree, &p->config, NULL, err) < 0)
		return fail_wrap(err, "%s", path);
	if (!p->config.id || !p->config.name || !streq(p->config.id, id))
		return fail(err, ERROR_CORRUPT, "%s: is not the record of this pod", path);
	p->engine = e;
	*ret = take_ptr(p);
	return 1;
}

/* ---- all of them ---- */
/* Ids in the directory. */
static int list_ids(const struct engine *e, struct strv *ret, struct error *err)
{
	autofree char *dir = NULL;
	struct dirent *entry;
	int r = 0;

	TRY(str_printf(&dir, err, "%s/pods", e->root));
	DIR *d = opendir(dir);
	if (!d)
		return errno == ENOENT ? 0 : fail_errno(err, "open %s", dir);
	while (r >= 0 && (entry = readdir(d))) {
		const char *name = entry->d_name;
		size_t n = strlen(name);
		if (n == 64 + strlen(SUFFIX) && str_ends(name, SUFFIX) && strspn(name, "0123456789abcdef") == 64)
			r = strv_add_n(ret, name, 64, err);
	}
	closedir(d);
	return r;
}

/* Begun and left: the process is gone. */
static bool is_abandoned(const struct pod *p)
{
	return p->config.intent != POD_READY &&
	       !process_is_alive(PROC_HOST, (pid_t)p->config.owner, p->config.owner_start);
}

static int by_creation(const void *a, const void *b)
{
	const struct pod *x = *(struct pod *const *)a, *y = *(struct pod *const *)b;

	if (x->config.created != y->config.created)
		return x->config.created < y->config.created ? -1 : 1;
	return strcmp(x->config.id, y->config.id);
}

static int load_all(struct engine *e, struct pod_list *ready, struct pod_list *abandoned, struct error *err)
{
	auto_strv ids = {};

	TRY(list_ids(e, &ids, err));
	for (size_t i = 0; i < ids.n; i++) {
		auto_pod *p = NULL;
		struct error damaged;
		int r = pod_load(e, ids.v[i], &p, &damaged);
		if (r < 0)   /* no reason to hide the others */
			log_warn(e->log, "pod %s cannot be read: %s", ids.v[i], damaged.text);
		if (r <= 0)
			continue;   /* or removed this moment */
		if (p->config.intent == POD_READY)
			TRY(list_add_pod(ready, &p, err));
		else if (is_abandoned(p))
			TRY(list_add_pod(abandoned, &p, err));
	}
	if (ready->n > 1)
		qsort(ready->v, ready->n, sizeof(struct pod *), by_creation);
	return 0;
}

/* Finishing what was begun by others must not fail the command that found it. */
static void finish_abandoned(struct pod_list *l)
{
	const struct pod_remove_options o = { .force = true, .timeout = { true, 0 } };
	struct error ignored;

	for (size_t i = 0; i < l->n; i++)
		if (pod_remove(l->v[i], &o, NULL, &ignored) < 0)
			log_debug(l->v[i]->engine->log, "pod %s was left unfinished: %s", l->v[i]->config.id, ignored.text);
}

int pod_list(struct engine *e, struct pod_list *ret, struct error *err)
{
	auto_pod_list ready = {}, abandoned = {};

	TRY(load_all(e, &ready, &abandoned, err));
	finish_abandoned(&abandoned);
	*ret = ready;
	ready = (struct pod_list){};
	return 0;
}

int pod_name_is_taken(struct engine *e, const char *name, struct error *err)
{
	auto_strmap names = {};

	TRY(pod_names(e, &names, err));
	for (size_t i = 0; i < names.n; i++)
		if (streq(names.v[i].value, name))
			return 1;
	return 0;
}

int pod_names(struct engine *e, struct strmap *ret, struct error *err)
{
	auto_strv ids = {};

	TRY(list_ids(e, &ids, err));
	for (size_t i = 0; i < ids.n; i++) {
		auto_pod *p = NULL;
		struct error odd;
		if (pod_load(e, ids.v[i], &p, &odd) > 0)
			TRY(strmap_set(ret, p->config.id, p->config.name, err));
	}
	return 0;
}

/* ---- look-up ---- */
static int pick(struct pod_list *all, const char *word, struct pod **ret, struct error *err)
{
	struct pod **found = NULL;
	size_t hits = 0;

	for (size_t i = 0; i < all->n; i++)
		if (streq(all->v[i]->config.name, word) || streq(all->v[i]->config.id, word)) {
			*ret = take_ptr(all->v[i]);
			return 1;
		}
	for (size_t i = 0; i < all->n; i++)
		if (str_after(all->v[i]->config.id, word)) {
			found = &all->v[i];
			hits++;
		}
	if (hits > 1)
		return fail(err, ERROR_INVALID, "more than one result for pod ID %s: pod already exists", word);
	if (hits)
		*ret = take_ptr(*found);
	return (int)hits;
}

static int find(struct engine *e, const char *word, struct pod **ret, struct error *err)
{
	auto_pod_list all = {};

	if (str_empty(word))
		return fail(err, ERROR_INVALID, "name or ID cannot be empty: invalid argument");
	TRY(pod_list(e, &all, err));
	return pick(&all, word, ret, err);   /* what it takes leaves a NULL */
}

int pod_find(struct engine *e, const char *name_or_id, struct pod **ret, struct error *err)
{
	int r = find(e, name_or_id, ret, err);

	if (r == 0)
		return fail(err, ERROR_NOT_FOUND, "no pod with name or ID %s found: no such pod", name_or_id);
	return r < 0 ? -1 : 0;
}

int pod_exists(struct engine *e, const char *name_or_id, struct error *err)
{
	auto_pod *p = NULL;

	return find(e, name_or_id, &p, err);
}

int pod_latest(struct engine *e, struct pod **ret, struct error *err)
{
	auto_pod_list all = {};

	TRY(pod_list(e, &all, err));
	if (!all.n)
		return fail(err, ERROR_NOT_FOUND, "no pods found: no such pod");
	*ret = take_ptr(all.v[--all.n]);
	return 0;
}

/* ---- members ---- */
int pod_containers(struct pod *p, struct ctr_list *ret, struct error *err)
{
	CLEANUP(container_list_done) struct container_list all = {};
	const struct container_query q = { .pod = p->config.id };
	auto_ctr_list list = {};
	struct store *s;

	TRY(engine_store(p->engine, &s, err));
	TRY(store_container_list(s, &q, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		auto_ctr *c = NULL;
		struct error gone = {};
		TRY(ctr_new(p->engine, &all.v[i], &c, err));
		if (ctr_sync(c, &gone) < 0) {
			if (gone.kind == ERROR_NOT_FOUND)
				continue;
			*err = gone;
			return -1;
		}
		TRY(ctr_list_add(&list, &c, err));
	}
	*ret = list;
	list = (struct ctr_list){};
	return 0;
}

const char *pod_state(const struct ctr_list *members)
{
	size_t running = 0, paused = 0, ended = 0, n = members->n;

	for (size_t i = 0; i < n; i++) {
		const struct ctr *c = members->v[i];
		running += ctr_is_running(c);
		paused += ctr_is_in(c, CONTAINER_STATE_BIT(CONTAINER_PAUSED));
		ended += ctr_is_in(c, CONTAINER_STATE_BIT(CONTAINER_EXITED) | CONTAINER_STATE_BIT(CONTAINER_STOPPED));
	}
	if (!n)
		return "Created";
	if (running)
		return running == n ? "Running" : "Degraded";
	if (ended)
		return ended == n ? "Exited" : "Stopped";
	return paused == n ? "Paused" : "Created";
}

int pod_settings(const struct pod *p, struct container_params *ret, struct error *err)
{
	params_init(ret);
	return p->config.settings ? params_load(p->config.settings, ret, err) : 0;
}

bool pod_shares(const struct pod *p, const char *kind)
{
	return p->config.infra_id && strv_has(&p->config.shared, kind);
}

void pod_event(const struct pod *p, enum event_status status)
{
	engine_event(p->engine, &(struct event){ .type = EVENT_POD, .status = status, .id = p->config.id,
						 .name = p->config.name, .attributes = &p->config.labels });
}
