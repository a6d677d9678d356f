/* SPDX-License-Identifier: Apache-2.0
 * An event as a --format template sees it (Podman's field names). */
#include "base/units.h"
#include "engine/events-impl.h"

#define STRING(name, member)                                                                                \
	static int get_##name(const void *self, struct value_call *c, struct value *ret, struct error *err) \
	{                                                                                                   \
		*ret = value_str(((const struct event *)self)->member);                                     \
		return 0;                                                                                   \
	}                                                                                                   \
	_Static_assert(1, "needs a semicolon")
STRING(id, id);
STRING(image, image);
STRING(name, name);
STRING(network, network);
STRING(health_status, health_status);
STRING(error, error);
STRING(pod_id, pod_id);
STRING(inspect_data, inspect_data);
STRING(health_log, health_log);

static int get_status(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	*ret = value_str(event_status_name(((const struct event *)self)->status));
	return 0;
}

static int get_type(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	*ret = value_str(event_type_name(((const struct event *)self)->type));
	return 0;
}

static int get_time(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	*ret = value_int(((const struct event *)self)->time_ns / NSEC_PER_SEC);
	return 0;
}

static int get_time_nano(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	*ret = value_int(((const struct event *)self)->time_ns);
	return 0;
}

static int get_exit_code(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	const struct event *ev = self;

	*ret = ev->exit_code.set ? value_int(ev->exit_code.value) : value_nil();
	return 0;
}

static int get_oom_killed(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	const struct event *ev = self;

	*ret = ev->oom_killed.set ? value_bool(ev->oom_killed.value) : value_nil();
	return 0;
}

static int get_failing_streak(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	*ret = value_int(((const struct event *)self)->health_failing_streak);
	return 0;
}

static int get_attributes(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	static const struct strmap none = {};
	const struct event *ev = self;

	*ret = value_strmap(ev->attributes ? ev->attributes : &none);
	return 0;
}

static int to_json(const void *self, struct json_object **ret, struct error *err)
{
	return event_save(self, ret, err);
}

static int get_json_string(const void *self, struct value_call *c, struct value *ret, struct error *err)
{
	auto_json *o = NULL;

	TRY(event_save(self, &o, err));
	*ret = value_strf(c->pool, "%s", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	return 0;
}

static const struct value_method methods[] = {
	{ .name = "Attributes", .call = get_attributes },
	{ .name = "ContainerExitCode", .call = get_exit_code },
	{ .name = "ContainerInspectData", .call = get_inspect_data },
	{ .name = "Error", .call = get_error },
	{ .name = "HealthFailingStreak", .call = get_failing_streak },
	{ .name = "HealthLog", .call = get_health_log },
	{ .name = "HealthStatus", .call = get_health_status },
	{ .name = "ID", .call = get_id },
	{ .name = "Image", .call = get_image },
	{ .name = "Name", .call = get_name },
	{ .name = "Network", .call = get_network },
	{ .name = "OOMKilled", .call = get_oom_killed },
	{ .name = "PodID", .call = get_pod_id },
	{ .name = "Status", .call = get_status },
	{ .name = "Time", .call = get_time },
	{ .name = "TimeNano", .call = get_time_nano },
	{ .name = "ToJSONString", .call = get_json_string },
	{ .name = "Type", .call = get_type },
	{},
};

const struct value_type event_value_type = { .name = "Event", .methods = methods, .json = to_json };
