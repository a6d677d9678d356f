/* SPDX-License-Identifier: Apache-2.0
 * The rows of `ps`: from the records' columns, which were rendered once at creation. */
#include "engine/ps.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/units.h"
#include "engine/container-impl.h"
#include "engine/pod.h"
#include "engine/network.h"
#include "engine/ps-row.h"
#include "os/process.h"
#include "store/rootfs.h"

const size_t ps_row_size = sizeof(struct ps_row);

/* ---- filling ---- */
static int load_list(const char *text, struct strv *to, struct error *err)
{
	auto_json *tree = NULL;

	if (str_empty(text))
		return 0;
	TRY(json_parse("record", text, strlen(text), NULL, &tree, err));
	for (size_t i = 0; json_object_is_type(tree, json_type_array) && i < json_object_array_length(tree); i++) {
		const char *s = json_object_get_string(json_object_array_get_idx(tree, i));
		TRY(strv_add(to, s ? s : "", err));
	}
	return 0;
}

int ps_load_labels(const char *text, struct strmap *to, struct error *err)
{
	auto_json *tree = NULL;

	if (str_empty(text))
		return 0;
	TRY(json_parse("labels", text, strlen(text), NULL, &tree, err));
	json_object_object_foreach(tree, key, value)
		TRY(strmap_set(to, key, json_object_get_string(value) ? json_object_get_string(value) : "", err));
	return 0;
}

static int fill_namespaces(struct ps_row *r, pid_t pid, struct error *err)
{
	const struct {
		char **to;
		const char *kind;
	} all[] = { { &r->ns_cgroup, "cgroup" }, { &r->ns_ipc, "ipc" }, { &r->ns_mnt, "mnt" }, { &r->ns_net, "net" },
		{ &r->ns_pid, "pid" }, { &r->ns_user, "user" }, { &r->ns_uts, "uts" } };

	for (size_t i = 0; pid && i < ARRAY_LEN(all); i++) {
		uint64_t inode = process_ns_inode(pid, all[i].kind);
		if (inode)
			TRY(str_printf(all[i].to, err, "%llu", (unsigned long long)inode));
	}
	return 0;
}

static int fill_size(struct ps_row *r, struct ctr *c, struct error *err)
{
	struct rootfs_size size;
	struct store *s;

	TRY(engine_store(c->engine, &s, err));
	TRY(store_rootfs_size(s, &c->at, &size, err));
	r->has_size = true;
	r->size_rw = size.rw;
	r->size_root = size.root;
	return 0;
}

/* What Podman says of Buildah's containers. */
static int fill_working(struct ps_row *r, struct error *err)
{
	r->working = true;
	strv_done(&r->command);
	TRY(strv_add(&r->command, "buildah", err));
	return str_set(&r->state_name, "storage", err);
}

static int fill_row(struct ps_row *r, struct ctr *c, const struct ps_options *o, struct error *err)
{
	const struct container_record *rec = &c->at.record;
	const struct container_status *st = &c->at.status;
	bool alive = ctr_is_in(c, CONTAINER_STATE_ALIVE);

	r->no_trunc = o->no_trunc;
	TRY(str_set(&r->id, rec->id, err));
	TRY(strv_add(&r->names, rec->name, err));
	TRY(str_set(&r->image, rec->image_name ? rec->image_name : rec->rootfs, err));
	TRY(str_set(&r->image_id, rec->image_id, err));
	TRY(str_set(&r->pod, rec->pod, err));
	TRY(load_list(rec->command, &r->command, err));
	TRY(load_list(rec->mounts, &r->mounts, err));
	TRY(load_list(rec->networks, &r->networks, err));
	TRY(ps_load_labels(rec->labels, &r->labels, err));
	TRY(ports_parse(rec->ports, &r->ports, err));
	r->auto_remove = rec->transient;
	r->created = rec->created;
	r->started = st->started;
	r->exited_at = alive ? 0 : st->finished;
	r->exited = !alive && st->state != CONTAINER_CREATED;
	r->exit_code = st->exit_code;
	r->pid = alive ? st->pid : 0;
	r->restarts = st->restarts;
	r->infra = rec->infra;
	r->state = (int)(st->state == CONTAINER_STOPPED ? CONTAINER_EXITED : st->state);
	TRY(str_set(&r->state_name, container_state_name((enum container_state)r->state), err));
	TRY(str_set(&r->health, st->health, err));
	if (ctr_is_working(c))
		TRY(fill_working(r, err));
	if (o->namespaces)
		TRY(fill_namespaces(r, alive ? st->pid : 0, err));
	return o->size ? fill_size(r, c, err) : 0;
}

/* ---- choosing ---- */
static bool shown_by_default(const struct ctr *c)
{
	return ctr_is_running(c);
}

static int choose(struct engine *e, const struct ps_options *o, struct ctr_list *all, struct ctr_list *ret,
		  struct error *err)
{
	auto_filters filters = {};
	bool everything = o->all || o->latest || o->last > 0;

	if (o->filters)
		TRY(filters_add_all(&filters, container_filter_keys, o->filters, err));
	everything |= filters_values(&filters, "status") != NULL || filters_values(&filters, "exited") != NULL;
	for (size_t i = 0; i < all->n; i++) {
		struct container_filter_object object = { all->v[i], e };
		bool working = (everything || o->external) && ctr_is_working(all->v[i]);
		if (working ? !o->external : !everything && !shown_by_default(all->v[i]))
			continue;
		int r = filters_match(&filters, &object, err);
		if (r < 0)
			return -1;
		if (r)
			TRY(ctr_list_add(ret, &all->v[i], err));
	}
	return 0;
}

/* ---- sorting ---- */
static int by_created(const void *a, const void *b)
{
	const struct ps_row *x = a, *y = b;
	return (x->created > y->created) - (x->created < y->created);   /* oldest first */
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct ps_row *)a)->id, ((const struct ps_row *)b)->id);
}

static int by_image(const void *a, const void *b)
{
	const struct ps_row *x = a, *y = b;
	return strcmp(x->image ? x->image : "", y->image ? y->image : "");
}

static int by_names(const void *a, const void *b)
{
	return strcmp(((const struct ps_row *)a)->names.v[0], ((const struct ps_row *)b)->names.v[0]);
}

static int by_command(const void *a, const void *b)
{
	const struct ps_row *x = a, *y = b;
	return strcmp(x->command.n ? x->command.v[0] : "", y->command.n ? y->command.v[0] : "");
}

static int by_started(const void *a, const void *b)
{
	const struct ps_row *x = a, *y = b;
	return (x->started > y->started) - (x->started < y->started);
}

static int by_size(const void *a, const void *b)
{
	const struct ps_row *x = a, *y = b;
	return (x->size_root > y->size_root) - (x->size_root < y->size_root);
}

static int by_status(const void *a, const void *b)
{
	const struct ps_row *x = a, *y = b;
	return x->state - y->state;
}

static int by_pod(const void *a, const void *b)
{
	const struct ps_row *x = a, *y = b;
	return strcmp(x->pod ? x->pod : "", y->pod ? y->pod : "");
}

static const struct {
	const char *key;
	int (*compare)(const void *a, const void *b);
} orders[] = {
	{ "created", by_created }, { "id", by_id }, { "image", by_image }, { "names", by_names }, { "command", by_command },
	{ "runningfor", by_started }, { "size", by_size }, { "status", by_status }, { "pod", by_pod },
};

static int sort_rows(struct ps_rows *rows, const char *key, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(orders); i++)
		if (strcasecmp(key, orders[i].key) == 0) {
			qsort(rows->v, rows->n, sizeof(*rows->v), orders[i].compare);
			return 0;
		}
	return fail(err, ERROR_INVALID, "invalid option for --sort: %s", key);
}

static int fill_pod_names(struct engine *e, struct ps_rows *rows, struct error *err)
{
	auto_strmap names = {};
	bool any = false;

	for (size_t i = 0; i < rows->n; i++)
		any |= rows->v[i].pod != NULL;
	if (!any)
		return 0;
	TRY(pod_names(e, &names, err));
	for (size_t i = 0; i < rows->n; i++)
		if (rows->v[i].pod)
			TRY(str_set(&rows->v[i].pod_name, strmap_get(&names, rows->v[i].pod), err));
	return 0;
}

int ps_list(struct engine *e, const struct ps_options *o, struct ps_rows *ret, struct error *err)
{
	auto_ctr_list all = {}, chosen = {};
	CLEANUP(ps_rows_done) struct ps_rows rows = {};
	size_t limit = o->latest ? 1 : o->last > 0 ? (size_t)o->last : SIZE_MAX;

	TRY(ctr_list(e, &all, err));
	TRY(choose(e, o, &all, &chosen, err));
	rows.v = calloc(chosen.n ? chosen.n : 1, sizeof(*rows.v));
	if (!rows.v)
		return fail_oom(err);
	/* newest first */
	for (size_t i = chosen.n; i-- > 0 && rows.n < limit;)
		TRY(fill_row(&rows.v[rows.n++], chosen.v[i], o, err));
	TRY(fill_pod_names(e, &rows, err));
	TRY(sort_rows(&rows, o->sort ? o->sort : "created", err));
	*ret = rows;
	rows = (struct ps_rows){};
	return 0;
}

void ps_rows_done(struct ps_rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		fields_done(ps_row_fields, &r->v[i]);
	free(r->v);
	*r = (struct ps_rows){};
}

struct value ps_rows_value(const struct ps_rows *r)
{
	return value_structs(&ps_row_type, r->v, r->n, sizeof(struct ps_row));
}
