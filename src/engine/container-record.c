/* SPDX-License-Identifier: Apache-2.0
 * Containers between the store and the engine: reading records, finding, listing, selecting. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "engine/cgroup-sweep.h"
#include "engine/container-impl.h"
#include "engine/ps.h"
#include "net/setup.h"
#include "os/file.h"

#define RECORD_MAX ((size_t)4 << 20)

const struct field ctr_config_rows[] = {
	{ .json = "image_digest", F_STR(struct ctr_config, image_digest) },
	{ .json = "runtime", F_STR(struct ctr_config, runtime) },
	{ .json = "log_path", F_STR(struct ctr_config, log_path) },
	{ .json = "depends", F_STRV(struct ctr_config, depends) },
	{ .json = "anonymous_volumes", F_STRV(struct ctr_config, anonymous_volumes) },
	{ .json = "args", F_STRV(struct ctr_config, args) },
	{},
};

const struct field ctr_live_rows[] = {
	{ .json = "cgroup", F_STR(struct ctr_live, cgroup) },
	{ .json = "runtime", F_STR(struct ctr_live, runtime) },
	{ .json = "nofile", F_INT(struct ctr_live, nofile) },
	{ .json = "nproc", F_INT(struct ctr_live, nproc) },
	{ .json = "net", F_OPT_OBJECT(struct ctr_live, net, struct net_status, net_status_rows) },
	{},
};

void ctr_free(struct ctr *c)
{
	if (!c)
		return;
	container_done(&c->at);
	if (!c->bare) {
		fields_done(ctr_config_rows, &c->config);
		params_done(&c->params);
	}
	free(c);
}

void ctr_list_done(struct ctr_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		ctr_free(l->v[i]);
	free(l->v);
	*l = (struct ctr_list){};
}

int ctr_list_add(struct ctr_list *l, struct ctr **c, struct error *err)
{
	struct ctr **v = reallocarray(l->v, l->n + 1, sizeof(*v));

	if (!v)
		return fail_oom(err);
	l->v = v;
	l->v[l->n++] = take_ptr(*c);
	return 0;
}

int ctr_new(struct engine *e, struct container *at, struct ctr **ret, struct error *err)
{
	struct ctr *c = calloc(1, sizeof(*c));

	if (!c)
		return fail_oom(err);
	c->engine = e;
	c->at = *at;
	*at = (struct container){};
	c->id = c->at.record.id;
	c->bare = *c->id != '\0';   /* one that is being created is filled by its creator */
	*ret = c;
	return 0;
}

int ctr_load(struct ctr *c, struct error *err)
{
	auto_json *tree = NULL;
	const struct json_limits limits = { .max_bytes = RECORD_MAX };

	if (c->loaded)
		return 0;
	if (!c->at.record.params) {
		auto_container whole = {};
		struct store *s;
		TRY(engine_store(c->engine, &s, err));
		TRY(store_container_get(s, c->id, CONTAINER_PARAMS, &whole, err));
		c->at.record.params = take_ptr(whole.record.params);
	}
	if (!c->at.record.params)
		return fail(err, ERROR_CORRUPT, "the record of container %s has no parameters", c->id);
	TRY(json_parse("container record", c->at.record.params, strlen(c->at.record.params), &limits, &tree, err));
	c->bare = false;
	TRY(fields_load(ctr_config_rows, FIELD_COLUMN_JSON, tree, &c->config, NULL, err));
	TRY(params_load(tree, &c->params, err));
	c->loaded = true;
	return 0;
}

int ctr_format_record(const struct ctr *c, char **ret, struct error *err)
{
	auto_json *all = NULL, *config = NULL;
	auto_buf text = BUF_INIT(RECORD_MAX);

	TRY(params_save(&c->params, &all, err));
	TRY(fields_save(ctr_config_rows, FIELD_COLUMN_JSON, &c->config, &config, err));
	json_object_object_foreach(config, key, value)
		if (json_object_object_add(all, key, json_object_get(value)) < 0)
			return fail_oom(err);
	json_format(&text, all, 0);
	TRY(buf_ok(&text, "container record", err));
	*ret = buf_steal(&text);
	return 0;
}

void ctr_live_done(struct ctr_live *l)
{
	fields_done(ctr_live_rows, l);
}

int ctr_live(const struct ctr *c, struct ctr_live *ret, struct error *err)
{
	auto_json *tree = NULL;
	const char *text = c->at.status.runtime;

	if (str_empty(text))
		return 0;
	TRY(json_parse("run-time record", text, strlen(text), NULL, &tree, err));
	return fields_load(ctr_live_rows, FIELD_COLUMN_JSON, tree, ret, NULL, err);
}

int ctr_live_format(const struct ctr_live *l, char **ret, struct error *err)
{
	auto_json *tree = NULL;
	auto_buf text = BUF_INIT(1 << 22);

	TRY(fields_save(ctr_live_rows, FIELD_COLUMN_JSON, l, &tree, err));
	json_format(&text, tree, 0);
	TRY(buf_ok(&text, "run-time record", err));
	*ret = buf_steal(&text);
	return 0;
}

int ctr_reread(struct ctr *c, struct error *err)
{
	struct store *s;
	struct container_status fresh = {};
	int r;

	TRY(engine_store(c->engine, &s, err));
	r = store_container_status(s, c->id, &fresh, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return fail(err, ERROR_NOT_FOUND, "no container with ID %s found in database: no such container", c->id);
	container_status_done(&c->at.status);
	c->at.status = fresh;
	return 0;
}

int ctr_refresh(struct ctr *c, struct error *err)
{
	auto_container fresh = {};
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	TRY(store_container_get(s, c->id, CONTAINER_PARAMS, &fresh, err));
	if (c->loaded && !streq0(fresh.record.params, c->at.record.params)) {
		fields_done(ctr_config_rows, &c->config);
		params_done(&c->params);
		c->loaded = false;
	}
	container_done(&c->at);
	c->at = fresh;
	fresh = (struct container){};
	return ctr_load(c, err);
}

/* ---- look-up ---- */
int ctr_find_unsynced(struct engine *e, const char *name_or_id, struct ctr **ret, struct error *err)
{
	auto_container at = {};
	struct store *s;

	if (str_empty(name_or_id))
		return fail(err, ERROR_INVALID, "name or ID cannot be empty: invalid argument");
	TRY(engine_store(e, &s, err));
	TRY(store_container_get(s, name_or_id, CONTAINER_PARAMS, &at, err));
	return ctr_new(e, &at, ret, err);
}

int ctr_find(struct engine *e, const char *name_or_id, struct ctr **ret, struct error *err)
{
	auto_ctr *c = NULL;

	TRY(ctr_find_unsynced(e, name_or_id, &c, err));
	TRY(ctr_sync(c, err));
	*ret = take_ptr(c);
	return 0;
}

bool ctr_is_working(struct ctr *c)
{
	struct error ignored;

	return streq0(c->at.record.command, CTR_WORKING_COMMAND) && ctr_load(c, &ignored) >= 0 && c->params.basic.external;
}

int ctr_exists(struct engine *e, const char *name_or_id, struct error *err)
{
	auto_container at = {};
	struct store *s;

	if (str_empty(name_or_id))
		return fail(err, ERROR_INVALID, "name or ID cannot be empty: invalid argument");
	TRY(engine_store(e, &s, err));
	return store_container_find(s, name_or_id, 0, &at, err);
}

/* A --rm container that ended and that nobody is removing: its remover was killed. True: it is gone now. */
static bool ctr_finish_removal(struct ctr *c)
{
	const struct ctr_cleanup_options plain = {};
	auto_lock lock = LOCK_INIT;
	struct error ignored;
	struct store *s;

	if (c->at.status.state != CONTAINER_EXITED || !c->at.record.transient || engine_store(c->engine, &s, &ignored) < 0 ||
	    store_container_lock(s, c->id, 0, &lock, &ignored) <= 0)
		return false;
	lock_release(&lock);
	return ctr_cleanup(c, &plain, &ignored) >= 0;
}

int ctr_list(struct engine *e, struct ctr_list *ret, struct error *err)
{
	CLEANUP(container_list_done) struct container_list all = {};
	const struct container_query q = {};
	auto_ctr_list list = {};
	struct store *s;

	TRY(engine_store(e, &s, err));
	TRY(store_container_list(s, &q, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		auto_ctr *c = NULL;
		struct error gone = {};
		TRY(ctr_new(e, &all.v[i], &c, err));
		if (ctr_sync_listed(c, &gone) < 0) {
			if (gone.kind == ERROR_NOT_FOUND)
				continue;
			*err = gone;
			return -1;
		}
		if (ctr_finish_removal(c))
			continue;
		TRY(ctr_list_add(&list, &c, err));
	}
	if (!e->paths.rootless)
		cgroup_sweep(e->runroot, &list);
	*ret = list;
	list = (struct ctr_list){};
	return 0;
}

int ctr_latest(struct engine *e, struct ctr **ret, struct error *err)
{
	auto_ctr_list all = {};

	TRY(ctr_list(e, &all, err));
	for (size_t i = all.n; i-- > 0;)
		if (!ctr_is_working(all.v[i])) {
			*ret = take_ptr(all.v[i]);
			return 0;
		}
	return fail(err, ERROR_NOT_FOUND, "no containers found: no such container");
}

/* ---- selection ---- */
static int read_cid(const char *path, char **ret, struct error *err)
{
	autofree char *text = NULL;
	int r = file_read(AT_FDCWD, path, 4096, &text, NULL, err);

	if (r == 0) {
		fail(err, ERROR_INVALID, "reading CIDFile: open %s: no such file or directory", path);
		err->errnum = ENOENT;
		return -1;
	}
	if (r < 0)
		return fail_wrap(err, "reading CIDFile");
	text[strcspn(text, "\n")] = '\0';
	*ret = take_ptr(text);
	return 0;
}

static bool listed(const struct ctr_list *l, const char *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->v[i]->id, id))
			return true;
	return false;
}

static int select_name(struct engine *e, const struct ctr_selection *s, const char *name, struct ctr_list *ret,
		       struct error *err)
{
	auto_ctr *c = NULL;

	if (ctr_find(e, name, &c, err) < 0) {
		if (s->ignore && err->kind == ERROR_NOT_FOUND)
			return 0;
		return -1;
	}
	return listed(ret, c->id) ? 0 : ctr_list_add(ret, &c, err);
}

static bool is_named(const struct ctr *c, const struct strv *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (streq(names->v[i], c->at.record.name) || str_after(c->id, names->v[i]))
			return true;
	return false;
}

static int select_listed(struct engine *e, const struct ctr_selection *s, struct ctr_list *ret, struct error *err)
{
	auto_ctr_list all = {};
	auto_filters filters = {};

	if (s->filters)
		TRY(filters_add_all(&filters, container_filter_keys, s->filters, err));
	TRY(ctr_list(e, &all, err));
	for (size_t i = 0; i < all.n; i++) {
		struct container_filter_object o = { all.v[i], e };
		if (!s->all && s->names && s->names->n && !is_named(all.v[i], s->names))
			continue;
		if ((s->running_only && !ctr_is_running(all.v[i])) || ctr_is_working(all.v[i]))
			continue;
		int r = filters_match(&filters, &o, err);
		if (r < 0)
			return -1;
		if (r)
			TRY(ctr_list_add(ret, &all.v[i], err));
	}
	return 0;
}

int ctr_select(struct engine *e, const struct ctr_selection *s, struct ctr_list *ret,
	       void (*failed)(void *arg, const char *name, const struct error *e), void *arg, struct error *err)
{
	struct error one;

	if (s->all || (s->filters && s->filters->n))
		return select_listed(e, s, ret, err);
	if (s->latest) {
		auto_ctr *c = NULL;
		TRY(ctr_latest(e, &c, err));
		return ctr_list_add(ret, &c, err);
	}
	for (size_t i = 0; s->cid_files && i < s->cid_files->n; i++) {
		autofree char *id = NULL;
		if (read_cid(s->cid_files->v[i], &id, err) < 0) {
			if (s->ignore && err->errnum == ENOENT)
				continue;
			return -1;
		}
		if (select_name(e, s, id, ret, &one) < 0)
			failed(arg, id, &one);
	}
	for (size_t i = 0; s->names && i < s->names->n; i++)
		if (select_name(e, s, s->names->v[i], ret, &one) < 0)
			failed(arg, s->names->v[i], &one);
	return 0;
}

/* ---- places ---- */
int ctr_dir(const struct ctr *c, char **ret, struct error *err)
{
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	return store_container_dir(s, c->id, ret, err);
}

int ctr_run_dir(const struct ctr *c, char **ret, struct error *err)
{
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	return store_container_rundir(s, c->id, ret, err);
}

int ctr_open_run_dir(const struct ctr *c, struct error *err)
{
	autofree char *path = NULL;
	int fd;

	if (c->run_dir_fd > 0) {
		fd = fcntl(c->run_dir_fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? fail_errno(err, "run-time directory") : fd;
	}
	TRY(ctr_run_dir(c, &path, err));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail_errno(err, "open %s", path) : fd;
}
