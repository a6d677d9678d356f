/* SPDX-License-Identifier: Apache-2.0
 * An event as text: the file's line and back, the printed line, the JSON of --format and the API. */
#include "base/units.h"
#include "engine/events-impl.h"

static const char *const type_names[] = {
	[EVENT_CONTAINER] = "container", [EVENT_IMAGE] = "image",   [EVENT_ARTIFACT] = "artifact",
	[EVENT_NETWORK] = "network",     [EVENT_POD] = "pod",       [EVENT_SYSTEM] = "system",
	[EVENT_VOLUME] = "volume",       [EVENT_MACHINE] = "machine", [EVENT_SECRET] = "secret",
};
_Static_assert(ARRAY_LEN(type_names) == EVENT_TYPE_MAX, "every event type needs a name");

static const char *const status_names[] = {
	[EVENT_ATTACH] = "attach",         [EVENT_AUTO_UPDATE] = "auto-update", [EVENT_BUILD] = "build",
	[EVENT_CHECKPOINT] = "checkpoint", [EVENT_CLEANUP] = "cleanup",         [EVENT_COMMIT] = "commit",
	[EVENT_COPY] = "copy",             [EVENT_CREATE] = "create",           [EVENT_EXEC] = "exec",
	[EVENT_EXEC_DIED] = "exec_died",   [EVENT_DIED] = "died",               [EVENT_EXPORT] = "export",
	[EVENT_HEALTH_STATUS] = "health_status", [EVENT_HISTORY] = "history",   [EVENT_IMPORT] = "import",
	[EVENT_INIT] = "init",             [EVENT_KILL] = "kill",               [EVENT_LOAD] = "loadfromarchive",
	[EVENT_MOUNT] = "mount",           [EVENT_CONNECT] = "connect",         [EVENT_DISCONNECT] = "disconnect",
	[EVENT_PAUSE] = "pause",           [EVENT_PRUNE] = "prune",             [EVENT_PULL] = "pull",
	[EVENT_PULL_ERROR] = "pull-error", [EVENT_PUSH] = "push",               [EVENT_REFRESH] = "refresh",
	[EVENT_REMOVE] = "remove",         [EVENT_RENAME] = "rename",           [EVENT_RENUMBER] = "renumber",
	[EVENT_RESTART] = "restart",       [EVENT_RESTORE] = "restore",         [EVENT_ROTATE] = "log-rotation",
	[EVENT_SAVE] = "save",             [EVENT_START] = "start",             [EVENT_STOP] = "stop",
	[EVENT_SYNC] = "sync",             [EVENT_TAG] = "tag",                 [EVENT_UNMOUNT] = "unmount",
	[EVENT_UNPAUSE] = "unpause",       [EVENT_UNTAG] = "untag",             [EVENT_UPDATE] = "update",
};
_Static_assert(ARRAY_LEN(status_names) == EVENT_STATUS_MAX, "every event status needs a name");

const char *event_type_name(enum event_type t)
{
	return t < EVENT_TYPE_MAX ? type_names[t] : "";
}

const char *event_status_name(enum event_status s)
{
	return s < EVENT_STATUS_MAX ? status_names[s] : "";
}

static int find_name(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; name && i < n; i++)
		if (streq(names[i], name))
			return (int)i;
	return -1;
}

int event_type_find(const char *name, enum event_type *ret)
{
	int i = find_name(type_names, EVENT_TYPE_MAX, name);

	if (i >= 0)
		*ret = (enum event_type)i;
	return i >= 0;
}

int event_status_find(const char *name, enum event_status *ret)
{
	int i = find_name(status_names, EVENT_STATUS_MAX, name);

	if (i >= 0)
		*ret = (enum event_status)i;
	return i >= 0;
}

/* ---- the file's line ---- */

static void add_member(struct buf *out, const char *key, const char *value)
{
	if (str_empty(value))
		return;
	buf_addf(out, "%s\"%s\":", out->len > 1 ? "," : "", key);
	buf_add_json(out, value);
}

static void add_attributes(struct buf *out, const struct strmap *m)
{
	if (!m || m->n == 0) {
		buf_add_str(out, ",\"Attributes\":null}");
		return;
	}
	buf_add_str(out, ",\"Attributes\":");
	for (size_t i = 0; i < m->n; i++) {
		buf_add_char(out, i ? ',' : '{');
		buf_add_json(out, m->v[i].key);
		buf_add_char(out, ':');
		buf_add_json(out, m->v[i].value);
	}
	buf_add_str(out, "}}");
}

void event_format_line(const struct event *ev, struct buf *out)
{
	char stamp[48];

	buf_truncate(out, 0);
	buf_add_char(out, '{');
	if (ev->exit_code.set)
		buf_addf(out, "\"ContainerExitCode\":%lld", (long long)ev->exit_code.value);
	if (ev->oom_killed.set)
		buf_addf(out, "%s\"OOMKilled\":%s", out->len > 1 ? "," : "", ev->oom_killed.value ? "true" : "false");
	add_member(out, "ID", ev->id);
	add_member(out, "Image", ev->image);
	add_member(out, "Name", ev->name);
	add_member(out, "network", ev->network);
	add_member(out, "Status", event_status_name(ev->status));
	add_member(out, "Time", time_format_rfc3339(ev->time_ns, stamp));
	add_member(out, "Type", event_type_name(ev->type));
	add_member(out, "health_status", ev->health_status);
	add_member(out, "health_log", ev->health_log);
	if (ev->health_failing_streak)
		buf_addf(out, ",\"health_failing_streak\":%lld", (long long)ev->health_failing_streak);
	add_member(out, "error", ev->error);
	add_member(out, "ContainerInspectData", ev->inspect_data);
	add_member(out, "PodID", ev->pod_id);
	add_attributes(out, ev->attributes);
}

void event_read_done(struct event_read *e)
{
	json_put_p(&e->tree);
	e->tree = NULL;
	strmap_done(&e->attributes);
}

static int read_attributes(struct json_object *tree, struct event_read *ret)
{
	struct json_object *o = json_get_object(tree, "Attributes");
	struct error ignored;

	if (!o)
		return 0;
	json_object_object_foreach(o, key, value) {
		if (json_object_is_type(value, json_type_string))
			TRY(strmap_set(&ret->attributes, key, json_object_get_string(value), &ignored));
	}
	ret->event.attributes = &ret->attributes;
	return 0;
}

int event_parse_line(const char *line, size_t len, struct event_read *ret)
{
	struct error ignored;
	struct event *ev = &ret->event;
	struct json_object *member;

	*ret = (struct event_read){};
	if (json_parse("event", line, len, NULL, &ret->tree, &ignored) < 0)
		return 0;
	const char *time = json_get_str(ret->tree, "Time");
	if (!event_type_find(json_get_str(ret->tree, "Type"), &ev->type) ||
	    !event_status_find(json_get_str(ret->tree, "Status"), &ev->status) || !time ||
	    time_parse(time, 0, &ev->time_ns, &ignored) < 0 || read_attributes(ret->tree, ret) < 0) {
		event_read_done(ret);
		return 0;
	}
	ev->id = json_get_str(ret->tree, "ID");
	ev->name = json_get_str(ret->tree, "Name");
	ev->image = json_get_str(ret->tree, "Image");
	ev->network = json_get_str(ret->tree, "network");
	ev->pod_id = json_get_str(ret->tree, "PodID");
	ev->error = json_get_str(ret->tree, "error");
	ev->health_status = json_get_str(ret->tree, "health_status");
	ev->health_log = json_get_str(ret->tree, "health_log");
	ev->health_failing_streak = json_get_i64(ret->tree, "health_failing_streak", 0);
	ev->inspect_data = json_get_str(ret->tree, "ContainerInspectData");
	if (json_object_object_get_ex(ret->tree, "ContainerExitCode", &member))
		ev->exit_code = (struct opt_int){ true, json_object_get_int64(member) };
	if (json_object_object_get_ex(ret->tree, "OOMKilled", &member))
		ev->oom_killed = (struct opt_bool){ true, json_object_get_boolean(member) };
	return 1;
}

/* ---- the printed line ---- */

static const char *text_of(const char *s)
{
	return s ? s : "";
}

static void print_container(const struct event *ev, const char *head, struct buf *out)
{
	buf_addf(out, "%s (image=%s, name=%s", head, text_of(ev->image), text_of(ev->name));
	if (!str_empty(ev->pod_id))
		buf_addf(out, ", pod_id=%s", ev->pod_id);
	if (ev->status == EVENT_HEALTH_STATUS)
		buf_addf(out, ", health_status=%s, health_failing_streak=%lld, health_log=%s",
			 text_of(ev->health_status), (long long)ev->health_failing_streak, text_of(ev->health_log));
	for (size_t i = 0; ev->attributes && i < ev->attributes->n; i++)
		buf_addf(out, ", %s=%s", ev->attributes->v[i].key, ev->attributes->v[i].value);
	buf_add_char(out, ')');
}

static void print_network(const struct event *ev, const char *head, const char *id, struct buf *out)
{
	const char *driver = ev->attributes ? strmap_get(ev->attributes, "driver") : NULL;

	if (ev->status == EVENT_CREATE || ev->status == EVENT_REMOVE)
		buf_addf(out, "%s %s (name=%s, type=%s)", head, text_of(ev->id), text_of(ev->network), text_of(driver));
	else
		buf_addf(out, "%s %s (container=%s, name=%s)", head, id, id, text_of(ev->network));
}

void event_print(const struct event *ev, bool truncate, struct buf *out)
{
	char stamp[64], id[128], head[160], with_id[320];

	snprintf(id, sizeof(id), truncate ? "%.12s" : "%s", text_of(ev->id));
	snprintf(head, sizeof(head), "%s %s %s", time_format_go(ev->time_ns, stamp), event_type_name(ev->type),
		 event_status_name(ev->status));
	snprintf(with_id, sizeof(with_id), "%s %s", head, id);
	switch (ev->type) {
	case EVENT_CONTAINER:
	case EVENT_POD:
		print_container(ev, with_id, out);
		break;
	case EVENT_NETWORK:
		print_network(ev, head, id, out);
		break;
	case EVENT_IMAGE:
	case EVENT_ARTIFACT:
		buf_addf(out, "%s %s", with_id, text_of(ev->name));
		if (!str_empty(ev->error))
			buf_addf(out, " %s", ev->error);
		break;
	case EVENT_SECRET:
		buf_add_str(out, with_id);
		break;
	default:
		buf_add_str(out, head);
		if (!str_empty(ev->name))
			buf_addf(out, " %s", ev->name);
		break;
	}
}

/* ---- JSON ---- */

static int save_str(struct json_object *o, const char *key, const char *value, struct error *err)
{
	return str_empty(value) ? 0 : json_add_str(o, key, value, err);
}

static int save_attributes(struct json_object *o, const struct strmap *m, struct error *err)
{
	auto_json *attributes = m && m->n ? json_object_new_object() : NULL;

	for (size_t i = 0; m && i < m->n; i++)
		TRY(json_add_str(attributes, m->v[i].key, m->v[i].value, err));
	return json_add(o, "Attributes", take_ptr(attributes), err);
}

int event_save(const struct event *ev, struct json_object **ret, struct error *err)
{
	auto_json *o = json_object_new_object();

	if (!o)
		return fail_oom(err);
	if (ev->exit_code.set)
		TRY(json_add(o, "ContainerExitCode", json_object_new_int64(ev->exit_code.value), err));
	if (ev->oom_killed.set)
		TRY(json_add(o, "OOMKilled", json_object_new_boolean(ev->oom_killed.value), err));
	TRY(save_str(o, "ID", ev->id, err));
	TRY(save_str(o, "Image", ev->image, err));
	TRY(save_str(o, "Name", ev->name, err));
	TRY(save_str(o, "network", ev->network, err));
	TRY(json_add_str(o, "Status", event_status_name(ev->status), err));
	TRY(json_add(o, "time", json_object_new_int64(ev->time_ns / NSEC_PER_SEC), err));
	TRY(json_add(o, "timeNano", json_object_new_int64(ev->time_ns), err));
	TRY(json_add_str(o, "Type", event_type_name(ev->type), err));
	TRY(save_str(o, "health_status", ev->health_status, err));
	TRY(save_str(o, "Error", ev->error, err));
	TRY(save_str(o, "ContainerInspectData", ev->inspect_data, err));
	TRY(save_str(o, "PodID", ev->pod_id, err));
	TRY(save_attributes(o, ev->attributes, err));
	*ret = take_ptr(o);
	return 0;
}
