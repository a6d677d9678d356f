/* SPDX-License-Identifier: Apache-2.0
 * How a row of `ps` looks: Podman's field names for templates, its JSON for --format json. */
#include "engine/network.h"
#include "engine/ps-row.h"

#include "base/json.h"
#include "base/units.h"
#include "engine/container.h"

#define R struct ps_row

const struct field ps_row_fields[] = {
	{ .json = "AutoRemove", F_BOOL(R, auto_remove), .flags = FIELD_ALWAYS },
	{ .json = "Exited", F_BOOL(R, exited), .flags = FIELD_ALWAYS },
	{ .json = "ExitCode", F_INT(R, exit_code), .flags = FIELD_ALWAYS },
	{ .json = "ImageID", F_STR(R, image_id), .flags = FIELD_ALWAYS },
	{ .json = "IsInfra", F_BOOL(R, infra), .flags = FIELD_ALWAYS },
	{ .json = "Labels", F_MAP(R, labels), .flags = FIELD_ALWAYS },
	{ .json = "Pid", F_INT(R, pid), .flags = FIELD_ALWAYS },
	{ .json = "PodName", F_STR(R, pod_name), .flags = FIELD_ALWAYS },
	{ .json = "Restarts", F_INT(R, restarts), .flags = FIELD_ALWAYS },
	/* shown through methods below */
	{ .json = "id", F_STR(R, id) }, { .json = "image", F_STR(R, image) }, { .json = "pod", F_STR(R, pod) },
	{ .json = "state", F_STR(R, state_name) }, { .json = "health", F_STR(R, health) }, { .json = "names", F_STRV(R, names) },
	{ .json = "command", F_STRV(R, command) }, { .json = "mounts", F_STRV(R, mounts) },
	{ .json = "networks", F_STRV(R, networks) }, { .json = "ports", F_LIST(R, ports, struct param_port, param_port_rows) },
	 { .json = "cgroup", F_STR(R, ns_cgroup) }, { .json = "ipc", F_STR(R, ns_ipc) },
	{ .json = "mnt", F_STR(R, ns_mnt) }, { .json = "net", F_STR(R, ns_net) }, { .json = "pidns", F_STR(R, ns_pid) },
	{ .json = "user", F_STR(R, ns_user) }, { .json = "uts", F_STR(R, ns_uts) },
	{},
};

#define METHOD(name) \
	static int name(const void *self, struct value_call *c, struct value *ret, struct error *err)
#define ROW const struct ps_row *r = self; (void)r, (void)c, (void)err

METHOD(row_id)
{
	ROW;
	*ret = r->no_trunc ? value_str(r->id) : value_str_n(r->id, 12);
	return 0;
}

METHOD(row_names)
{
	ROW;
	*ret = value_join(c->pool, &r->names, ",");
	return 0;
}

METHOD(row_image)
{
	ROW;
	*ret = value_str(r->image);
	return 0;
}

METHOD(row_command)
{
	ROW;
	autofree char *text = strv_join(&r->command, " ");
	if (!text)
		return fail_oom(err);
	size_t n = strlen(text);
	if (r->no_trunc || n <= 17)
		*ret = value_str_copy(c->pool, text, n);
	else
		*ret = value_strf(c->pool, "%.17s...", text);
	return 0;
}

METHOD(row_mounts)
{
	ROW;
	auto_strv shown = {};
	for (size_t i = 0; i < r->mounts.n; i++)
		TRY(strlen(r->mounts.v[i]) > 15 && !r->no_trunc ? strv_addf(&shown, err, "%.15s...", r->mounts.v[i]) :
								     strv_add(&shown, r->mounts.v[i], err));
	*ret = value_join(c->pool, &shown, ",");
	return 0;
}

METHOD(row_networks)
{
	ROW;
	*ret = value_join(c->pool, &r->networks, ",");
	return 0;
}

METHOD(row_ports)
{
	ROW;
	autofree char *text = NULL;
	if (!r->ports.n) {
		*ret = value_str("");
		return 0;
	}
	TRY(ports_format(&r->ports, &text, err));
	*ret = value_strf(c->pool, "%s", text);
	return 0;
}

METHOD(row_state)
{
	ROW;
	*ret = value_str(r->state_name);
	return 0;
}

METHOD(row_status)
{
	ROW;
	char ago[40];
	const char *health = r->health && *r->health ? r->health : NULL;

	if (r->working) {
		*ret = value_str("Storage");
		return 0;
	}
	switch (r->state) {
	case CONTAINER_RUNNING:
	case CONTAINER_STOPPING:
		*ret = value_strf(c->pool, "Up %s%s%s%s", duration_human(time_now() - r->started, ago), health ? " (" : "",
				  health ? health : "", health ? ")" : "");
		break;
	case CONTAINER_PAUSED:
		*ret = value_str("Paused");
		break;
	case CONTAINER_EXITED:
	case CONTAINER_STOPPED:
		*ret = value_strf(c->pool, "Exited (%lld) %s ago", (long long)r->exit_code,
				  duration_human(time_now() - r->exited_at, ago));
		break;
	case CONTAINER_INITIALIZED:
		*ret = value_str("Initialized");
		break;
	case CONTAINER_REMOVING:
		*ret = value_str("Removing");
		break;
	default:
		*ret = value_str("Created");
	}
	return 0;
}

METHOD(row_created_human)
{
	ROW;
	char ago[40];
	*ret = value_strf(c->pool, "%s ago", duration_human(time_now() - r->created, ago));
	return 0;
}

METHOD(row_created)
{
	ROW;
	*ret = value_time(r->created);
	return 0;
}

METHOD(row_created_at)
{
	ROW;
	char text[64];
	*ret = value_strf(c->pool, "%s", time_format_go(r->created, text));
	return 0;
}

METHOD(row_started)
{
	ROW;
	*ret = value_int(r->started / NSEC_PER_SEC);
	return 0;
}

METHOD(row_exited_at)
{
	ROW;
	*ret = value_int(r->exited_at ? r->exited_at / NSEC_PER_SEC : INT64_C(-62135596800));
	return 0;
}

METHOD(row_size)
{
	ROW;
	char rw[24], virtual_size[24];
	*ret = r->has_size ? value_strf(c->pool, "%s (virtual %s)", size_format(r->size_rw, rw),
					 size_format(r->size_root, virtual_size)) : value_str("");
	return 0;
}

METHOD(row_label)
{
	ROW;
	autofree char *key = strndup(c->args[0].str.s, c->args[0].str.len);
	*ret = value_str(key ? strmap_get(&r->labels, key) : NULL);
	return 0;
}

METHOD(row_labels)
{
	ROW;
	auto_buf text = BUF_INIT(1 << 20);
	for (size_t i = 0; i < r->labels.n; i++)
		buf_addf(&text, "%s%s=%s", i ? "," : "", r->labels.v[i].key, r->labels.v[i].value);
	*ret = value_str_copy(c->pool, text.data ? text.data : "", text.len);
	return 0;
}

METHOD(row_pod)
{
	ROW;
	*ret = r->pod && !r->no_trunc ? value_str_n(r->pod, strlen(r->pod) < 12 ? strlen(r->pod) : 12) : value_str(r->pod);
	return 0;
}

METHOD(row_none)
{
	ROW;
	*ret = value_str("");
	return 0;
}

#define TEXT_METHOD(name, member) \
	METHOD(name)              \
	{                         \
		ROW;              \
		*ret = value_str(r->member); \
		return 0;         \
	}
TEXT_METHOD(row_ns_cgroup, ns_cgroup)
TEXT_METHOD(row_ns_ipc, ns_ipc)
TEXT_METHOD(row_ns_mnt, ns_mnt)
TEXT_METHOD(row_ns_net, ns_net)
TEXT_METHOD(row_ns_pid, ns_pid)
TEXT_METHOD(row_ns_user, ns_user)
TEXT_METHOD(row_ns_uts, ns_uts)

/* Podman's ListContainerNamespaces: "{{.Namespaces.MNT}}". */
static const struct value_method namespace_methods[] = {
	{ "MNT", row_ns_mnt }, { "Cgroup", row_ns_cgroup }, { "IPC", row_ns_ipc }, { "NET", row_ns_net }, { "PIDNS", row_ns_pid },
	{ "UTS", row_ns_uts }, { "User", row_ns_user }, {},
};
static const struct value_type namespaces_type = { .name = "entities.ListContainerNamespaces", .methods = namespace_methods };

METHOD(row_namespaces)
{
	ROW;
	*ret = value_struct(&namespaces_type, r);
	return 0;
}

static const struct value_method methods[] = {
	{ "ID", row_id }, { "Names", row_names }, { "Image", row_image }, { "Command", row_command }, { "Mounts", row_mounts },
	{ "Networks", row_networks }, { "Ports", row_ports }, { "ExposedPorts", row_none }, { "State", row_state },
	{ "Status", row_status }, { "Created", row_created }, { "CreatedAt", row_created_at },
	{ "CreatedHuman", row_created_human }, { "RunningFor", row_created_human }, { "StartedAt", row_started },
	{ "ExitedAt", row_exited_at }, { "Size", row_size }, { "Label", row_label, 1, 1 }, { "Labels", row_labels }, { "Pod", row_pod },
	{ "CIDFile", row_none }, { "Cgroup", row_ns_cgroup }, { "IPC", row_ns_ipc }, { "MNT", row_ns_mnt },
	{ "NET", row_ns_net }, { "PIDNS", row_ns_pid }, { "Namespaces", row_namespaces }, { "CGROUPNS", row_ns_cgroup },
	{ "User", row_ns_user }, { "USERNS", row_ns_user }, { "UTS", row_ns_uts },
	{},
};

/* ---- JSON ---- */
static int add_list(struct json_object *o, const char *key, const struct strv *l, struct error *err)
{
	struct json_object *a;

	if (!l->n)
		return json_add(o, key, NULL, err);
	a = json_object_new_array();
	for (size_t i = 0; a && i < l->n; i++)
		json_object_array_add(a, json_object_new_string(l->v[i]));
	return json_add(o, key, a, err);
}

static int add_namespaces(struct json_object *o, const struct ps_row *r, struct error *err)
{
	struct json_object *n = json_object_new_object();
	const struct {
		const char *key, *value;
	} all[] = { { "MNT", r->ns_mnt }, { "Cgroup", r->ns_cgroup }, { "IPC", r->ns_ipc }, { "NET", r->ns_net },
		{ "PIDNS", r->ns_pid }, { "UTS", r->ns_uts }, { "User", r->ns_user } };

	if (!n)
		return fail_oom(err);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].value && json_add_str(n, all[i].key, all[i].value, err) < 0) {
			json_object_put(n);
			return -1;
		}
	return json_add(o, "Namespaces", n, err);
}

static int add_ports(struct json_object *o, const struct list *ports, struct error *err)
{
	const struct param_port *p = ports->v;
	struct json_object *list = ports->n ? json_object_new_array() : NULL;

	TRY(json_add(o, "Ports", list, err));
	for (size_t i = 0; i < ports->n; i++) {
		struct json_object *one = NULL;
		TRY(fields_save(param_port_rows, FIELD_COLUMN_JSON, &p[i], &one, err));
		if (json_object_array_add(list, one) < 0)
			return fail_oom(err);
	}
	return 0;
}

static int row_json(const void *self, struct json_object **ret, struct error *err)
{
	const struct ps_row *r = self;
	static const struct field *plain = ps_row_fields;
	auto_json *o = NULL;
	struct value status;
	auto_value_pool pool = VALUE_POOL_INIT;
	struct value_call call = { .pool = &pool };
	char at[64];

	TRY(fields_save(plain, FIELD_COLUMN_JSON, r, &o, err));
	static const char *const hidden[] = { "ports",  "id", "image", "pod", "state", "health", "names", "command", "mounts", "networks",
		"cgroup", "ipc", "mnt", "net", "pidns", "user", "uts" };
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		json_object_object_del(o, hidden[i]);
	TRY(row_status(r, &call, &status, err));
	TRY(json_add_str(o, "Id", r->id, err));
	TRY(json_add_str(o, "Image", r->image ? r->image : "", err));
	TRY(json_add_str(o, "Pod", r->pod ? r->pod : "", err));
	TRY(json_add_str(o, "State", r->state_name, err));
	TRY(json_add(o, "Status", json_object_new_string_len(status.str.s, (int)status.str.len), err));
	TRY(json_add_str(o, "CreatedAt", time_format_go(r->created, at), err));
	TRY(json_add(o, "Created", json_object_new_int64(r->created / NSEC_PER_SEC), err));
	TRY(json_add(o, "StartedAt", json_object_new_int64(r->started ? r->started / NSEC_PER_SEC : INT64_C(-62135596800)), err));
	TRY(json_add(o, "ExitedAt", json_object_new_int64(r->exited_at ? r->exited_at / NSEC_PER_SEC : INT64_C(-62135596800)), err));
	TRY(json_add(o, "CIDFile", json_object_new_string(""), err));
	TRY(add_list(o, "Names", &r->names, err));
	TRY(add_list(o, "Command", &r->command, err));
	TRY(json_add(o, "Mounts", NULL, err));
	if (r->mounts.n)
		TRY(add_list(o, "Mounts", &r->mounts, err));
	else
		TRY(json_add(o, "Mounts", json_object_new_array(), err));
	TRY(r->networks.n ? add_list(o, "Networks", &r->networks, err) : json_add(o, "Networks", json_object_new_array(), err));
	TRY(add_ports(o, &r->ports, err));
	TRY(json_add(o, "ExposedPorts", NULL, err));
	if (r->has_size) {
		struct json_object *s = json_object_new_object();
		if (!s)
			return fail_oom(err);
		json_object_object_add(s, "rootFsSize", json_object_new_int64(r->size_root));
		json_object_object_add(s, "rwSize", json_object_new_int64(r->size_rw));
		TRY(json_add(o, "Size", s, err));
	} else {
		TRY(json_add(o, "Size", NULL, err));
	}
	TRY(add_namespaces(o, r, err));
	*ret = take_ptr(o);
	return 0;
}

const struct value_type ps_row_type = { .name = "entities.ListContainer", .rows = ps_row_fields, .methods = methods,
	.json = row_json };
