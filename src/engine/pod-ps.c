/* SPDX-License-Identifier: Apache-2.0
 * `pod ps`: one row a pod, and the filters over them. */
#include <stdlib.h>

#include "base/filter.h"
#include "base/units.h"
#include "engine/pod-impl.h"

struct pod_row {
	struct pod *pod;              /* owned */
	struct ctr_list members;
	struct strv networks;
	const char *state;
	bool no_trunc;
};

static size_t id_length(const struct pod_row *r)
{
	return r->no_trunc ? 64 : 12;
}

/* ---- columns ---- */
#define METHOD(name) static int name(const void *self, struct value_call *c, struct value *ret, struct error *err)
#define ROW const struct pod_row *r = self; (void)r, (void)c, (void)err

METHOD(row_id)
{
	ROW;
	*ret = value_str_n(r->pod->config.id, id_length(r));
	return 0;
}

METHOD(row_name)
{
	ROW;
	*ret = value_str(r->pod->config.name);
	return 0;
}

METHOD(row_status)
{
	ROW;
	*ret = value_str(r->state);
	return 0;
}

METHOD(row_created)
{
	ROW;
	char ago[40];
	*ret = value_strf(c->pool, "%s ago", duration_human(time_now() - r->pod->config.created, ago));
	return 0;
}

METHOD(row_infra)
{
	ROW;
	*ret = r->pod->config.infra_id ? value_str_n(r->pod->config.infra_id, id_length(r)) : value_str("");
	return 0;
}

METHOD(row_number)
{
	ROW;
	*ret = value_int((int64_t)r->members.n);
	return 0;
}

METHOD(row_cgroup)
{
	ROW;
	*ret = value_str(r->pod->config.cgroup_parent ? r->pod->config.cgroup_parent : "/libpod_parent");
	return 0;
}

METHOD(row_namespace)
{
	ROW;
	*ret = value_join(c->pool, &r->pod->config.shared, ",");
	return 0;
}

METHOD(row_networks)
{
	ROW;
	*ret = value_join(c->pool, &r->networks, ",");
	return 0;
}

METHOD(row_labels)
{
	ROW;
	auto_buf text = BUF_INIT(1 << 20);
	const struct strmap *m = &r->pod->config.labels;
	for (size_t i = 0; i < m->n; i++)
		buf_addf(&text, "%s%s=%s", i ? "," : "", m->v[i].key, m->v[i].value);
	*ret = value_str_copy(c->pool, text.data ? text.data : "", text.len);
	return 0;
}

METHOD(row_label)
{
	ROW;
	autofree char *key = strndup(c->args[0].str.s, c->args[0].str.len);
	*ret = value_str(key ? strmap_get(&r->pod->config.labels, key) : NULL);
	return 0;
}

METHOD(row_restarts)
{
	ROW;
	int64_t n = 0;
	for (size_t i = 0; i < r->members.n; i++)
		n += r->members.v[i]->at.status.restarts;
	*ret = value_strf(c->pool, "%lld", (long long)n);
	return 0;
}

enum member_column { MEMBER_ID, MEMBER_NAME, MEMBER_STATUS };

static const char *member_text(const struct ctr *c, enum member_column which)
{
	return which == MEMBER_ID ? c->id : which == MEMBER_NAME ? c->at.record.name : container_state_name(c->at.status.state);
}

static struct value member_list(const struct pod_row *r, enum member_column which, struct value_pool *pool)
{
	auto_buf text = BUF_INIT(1 << 20);

	for (size_t i = 0; i < r->members.n; i++) {
		const char *word = member_text(r->members.v[i], which);
		buf_addf(&text, "%s%.*s", i ? "," : "", which == MEMBER_ID ? (int)id_length(r) : (int)strlen(word), word);
	}
	return value_str_copy(pool, text.data ? text.data : "", text.len);
}

METHOD(row_ids)
{
	ROW;
	*ret = member_list(r, MEMBER_ID, c->pool);
	return 0;
}

METHOD(row_names)
{
	ROW;
	*ret = member_list(r, MEMBER_NAME, c->pool);
	return 0;
}

METHOD(row_statuses)
{
	ROW;
	*ret = member_list(r, MEMBER_STATUS, c->pool);
	return 0;
}

static struct json_object *members_json(const struct pod_row *r)
{
	struct json_object *a = json_object_new_array();

	for (size_t i = 0; i < r->members.n; i++) {
		const struct ctr *m = r->members.v[i];
		struct json_object *o = json_object_new_object();
		json_object_object_add(o, "Id", json_object_new_string(m->id));
		json_object_object_add(o, "Names", json_object_new_string(m->at.record.name));
		json_object_object_add(o, "Status", json_object_new_string(container_state_name(m->at.status.state)));
		json_object_object_add(o, "RestartCount", json_object_new_int64(m->at.status.restarts));
		json_object_array_add(a, o);
	}
	return a;
}

/* "{{range .Containers}}{{.Names}} {{.Status}}{{end}}" */
#define MEMBER(name, text)                                          \
	METHOD(name)                                                \
	{                                                           \
		const struct ctr *m = self;                         \
		(void)c, (void)err;                                 \
		*ret = value_str(text);                             \
		return 0;                                           \
	}
MEMBER(member_id, member_text(m, MEMBER_ID))
MEMBER(member_name, member_text(m, MEMBER_NAME))
MEMBER(member_status, member_text(m, MEMBER_STATUS))

METHOD(member_restarts)
{
	const struct ctr *m = self;
	(void)c, (void)err;
	*ret = value_int(m->at.status.restarts);
	return 0;
}

static const struct value_method member_methods[] = {
	{ "Id", member_id }, { "Names", member_name }, { "Status", member_status }, { "RestartCount", member_restarts }, {},
};
static const struct value_type member_type = { .name = "entities.ListPodContainer", .methods = member_methods };

METHOD(row_containers)
{
	ROW;
	*ret = value_struct_ptrs(&member_type, (const void *const *)r->members.v, r->members.n);
	return 0;
}

static const struct value_method methods[] = {
	{ "Id", row_id }, { "ID", row_id }, { "Name", row_name }, { "Status", row_status }, { "Created", row_created },
	{ "InfraID", row_infra }, { "InfraId", row_infra }, { "NumberOfContainers", row_number }, { "Cgroup", row_cgroup },
	{ "Namespace", row_namespace }, { "Networks", row_networks }, { "Labels", row_labels }, { "Label", row_label, 1, 1 },
	{ "Restarts", row_restarts }, { "ContainerIds", row_ids }, { "ContainerNames", row_names },
	{ "ContainerStatuses", row_statuses }, { "Containers", row_containers }, {},
};

static int row_json(const void *self, struct json_object **ret, struct error *err)
{
	const struct pod_row *r = self;
	const struct pod_config *p = &r->pod->config;
	auto_json *o = json_object_new_object();
	struct json_object *labels = json_object_new_object(), *networks = json_object_new_array();
	char text[64];

	for (size_t i = 0; i < p->labels.n; i++)
		json_object_object_add(labels, p->labels.v[i].key, json_object_new_string(p->labels.v[i].value));
	for (size_t i = 0; i < r->networks.n; i++)
		json_object_array_add(networks, json_object_new_string(r->networks.v[i]));
	TRY(json_add(o, "Labels", labels, err));
	TRY(json_add(o, "Networks", networks, err));
	TRY(json_add_str(o, "Cgroup", p->cgroup_parent ? p->cgroup_parent : "/libpod_parent", err));
	TRY(json_add(o, "Containers", members_json(r), err));
	TRY(json_add_str(o, "Created", time_format_rfc3339(p->created, text), err));
	TRY(json_add_str(o, "Id", p->id, err));
	TRY(json_add_str(o, "InfraId", p->infra_id ? p->infra_id : "", err));
	TRY(json_add_str(o, "Name", p->name, err));
	autofree char *shared = strv_join(&p->shared, ",");
	TRY(json_add_str(o, "Namespace", shared ? shared : "", err));
	TRY(json_add_str(o, "Status", r->state, err));
	*ret = take_ptr(o);
	return 0;
}

const struct value_type pod_row_type = { .name = "pods.ListPodReporter", .methods = methods, .json = row_json };

/* ---- filters ---- */
#define MATCH(name) static int name(const void *object, const char *value, struct error *err)
#define OBJECT const struct pod_row *r = object; (void)err

static int any_member(const struct pod_row *r, enum member_column which, const char *value, struct error *err)
{
	for (size_t i = 0; i < r->members.n; i++) {
		const char *text = member_text(r->members.v[i], which);
		int hit = which == MEMBER_ID ? match_id(value, text, err) : which == MEMBER_NAME ? match_regex(value, text, err) :
							streq(text, value);
		if (hit)
			return hit;
	}
	return 0;
}

MATCH(by_member_id)
{
	OBJECT;
	return any_member(r, MEMBER_ID, value, err);
}

MATCH(by_member_name)
{
	OBJECT;
	return any_member(r, MEMBER_NAME, value, err);
}

MATCH(by_member_status)
{
	OBJECT;
	enum container_state ignored;
	if (!container_state_parse(value, &ignored))
		return fail(err, ERROR_INVALID, "%s is not a valid status", value);
	return any_member(r, MEMBER_STATUS, value, err);
}

MATCH(by_member_number)
{
	OBJECT;
	int64_t n;
	if (!parse_i64(value, &n))
		return fail(err, ERROR_INVALID, "strconv.Atoi: parsing \"%s\": invalid syntax", value);
	return (int64_t)r->members.n == n;
}

MATCH(by_id)
{
	OBJECT;
	return match_id(value, r->pod->config.id, err);
}

MATCH(by_name)
{
	OBJECT;
	return match_regex(value, r->pod->config.name, err);
}

MATCH(by_label)
{
	OBJECT;
	return match_label(value, &r->pod->config.labels);
}

MATCH(by_not_label)
{
	OBJECT;
	return !match_label(value, &r->pod->config.labels);
}

MATCH(by_network)
{
	OBJECT;
	return strv_has(&r->networks, value);
}

MATCH(by_status)
{
	OBJECT;
	static const char *const known[] = { "stopped", "running", "paused", "exited", "dead", "created", "degraded", NULL };
	for (size_t i = 0; known[i]; i++)
		if (strcasecmp(value, known[i]) == 0)
			return strcasecmp(r->state, value) == 0;
	return fail(err, ERROR_INVALID, "%s is not a valid pod status", value);
}

MATCH(by_until)
{
	OBJECT;
	int64_t t;
	TRY(filter_time(value, &t, err));
	return r->pod->config.created < t;
}

static const struct filter_key keys[] = {
	{ "ctr-ids", 0, by_member_id }, { "ctr-names", 0, by_member_name }, { "ctr-number", 0, by_member_number },
	{ "ctr-status", 0, by_member_status }, { "id", 0, by_id }, { "name", FILTER_REGEX, by_name },
	{ "label", FILTER_ALL, by_label }, { "label!", FILTER_ALL, by_not_label }, { "network", 0, by_network },
	{ "status", 0, by_status }, { "until", 0, by_until }, {},
};

/* ---- rows ---- */
static void row_done(struct pod_row *r)
{
	pod_free(r->pod);
	ctr_list_done(&r->members);
	strv_done(&r->networks);
	*r = (struct pod_row){};
}

void pod_rows_done(struct pod_rows *l)
{
	for (size_t i = 0; i < l->n; i++)
		row_done(&l->v[i]);
	free(l->v);
	*l = (struct pod_rows){};
}

static int fill_row(struct pod_row *r, struct pod **p, bool no_trunc, struct error *err)
{
	r->pod = take_ptr(*p);
	r->no_trunc = no_trunc;
	TRY(pod_containers(r->pod, &r->members, err));
	r->state = pod_state(&r->members);
	for (size_t i = 0; i < r->members.n; i++) {
		struct error gone = {};
		if (!r->members.v[i]->at.record.infra)
			continue;
		if (ctr_load(r->members.v[i], &gone) >= 0) {
			TRY(strv_copy(&r->networks, &r->members.v[i]->params.net.networks, err));
		} else if (gone.kind != ERROR_NOT_FOUND) {   /* else its pod is being removed */
			*err = gone;
			return -1;
		}
	}
	return 0;
}

static int later_first(const void *a, const void *b)
{
	const struct pod_row *x = a, *y = b;
	return (x->pod->config.created < y->pod->config.created) - (x->pod->config.created > y->pod->config.created);
}

static int by_row_id(const void *a, const void *b)
{
	return strcmp(((const struct pod_row *)a)->pod->config.id, ((const struct pod_row *)b)->pod->config.id);
}

static int by_row_name(const void *a, const void *b)
{
	return strcmp(((const struct pod_row *)a)->pod->config.name, ((const struct pod_row *)b)->pod->config.name);
}

static int by_row_number(const void *a, const void *b)
{
	const struct pod_row *x = a, *y = b;
	return (x->members.n > y->members.n) - (x->members.n < y->members.n);
}

static int by_row_status(const void *a, const void *b)
{
	return strcmp(((const struct pod_row *)a)->state, ((const struct pod_row *)b)->state);
}

static int sort_rows(struct pod_rows *l, const char *key, struct error *err)
{
	static const struct {
		const char *key;
		int (*compare)(const void *a, const void *b);
	} orders[] = { { "created", later_first }, { "id", by_row_id }, { "name", by_row_name }, { "number", by_row_number },
		{ "status", by_row_status } };

	for (size_t i = 0; i < ARRAY_LEN(orders); i++)
		if (streq(key, orders[i].key)) {
			if (l->n > 1)
				qsort(l->v, l->n, sizeof(*l->v), orders[i].compare);
			return 0;
		}
	return fail(err, ERROR_INVALID, "invalid option for --sort, options are: created, id, name, number, or status");
}

int pod_ps(struct engine *e, const struct pod_ps_options *o, struct pod_rows *ret, struct error *err)
{
	CLEANUP(pod_rows_done) struct pod_rows rows = {};
	auto_pod_list all = {};
	auto_filters filters = {};

	if (o->filters)
		TRY(filters_add_all(&filters, keys, o->filters, err));
	TRY(pod_list(e, &all, err));
	rows.v = calloc(all.n + 1, sizeof(*rows.v));
	if (!rows.v)
		return fail_oom(err);
	for (size_t i = o->latest && all.n ? all.n - 1 : 0; i < all.n; i++) {
		struct pod_row *r = &rows.v[rows.n++];
		TRY(fill_row(r, &all.v[i], o->no_trunc, err));
		int hit = filters_match(&filters, r, err);
		if (hit < 0)
			return -1;
		if (!hit)
			row_done(&rows.v[--rows.n]);
	}
	TRY(sort_rows(&rows, o->sort ? o->sort : "created", err));
	*ret = rows;
	rows = (struct pod_rows){};
	return 0;
}

struct value pod_rows_value(const struct pod_rows *r)
{
	return value_structs(&pod_row_type, r->v, r->n, sizeof(struct pod_row));
}
