/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "engine/container-impl.h"
#include "engine/event.h"
#include "engine/inspect.h"

/* The labels without the params: from the record's text. */
static void labels_from_record(const struct ctr *c, struct strmap *ret)
{
	const char *text = c->at.record.labels;
	auto_json *tree = NULL;
	struct error ignored;

	if (str_empty(text) || json_parse("labels", text, strlen(text), NULL, &tree, &ignored) < 0 ||
	    !json_object_is_type(tree, json_type_object))
		return;
	json_object_object_foreach(tree, key, value) {
		if (strmap_set(ret, key, json_object_get_string(value), &ignored) < 0)
			return;
	}
}

/* events_container_create_inspect_data: the whole inspect document goes along. Never fails: then it is left out. */
static void add_inspect_data(const struct ctr *c, struct buf *text, struct event *e)
{
	CLEANUP(container_inspect_free_p) struct container_inspect *view = NULL;
	auto_json *tree = NULL;
	struct error ignored;

	if (ctr_inspect((struct ctr *)(uintptr_t)c, true, &view, &ignored) < 0)
		return;
	const struct value v = value_struct(&container_inspect_type, view);
	if (value_save(&v, &tree, &ignored) < 0)
		return;
	json_format(text, tree, 0);
	if (buf_ok(text, "inspect data", &ignored) >= 0)
		e->inspect_data = text->data;
}

void ctr_event(const struct ctr *c, enum event_status status)
{
	auto_buf inspect = BUF_INIT(1 << 22);

	auto_strmap labels = {};
	struct event e = {
		.type = EVENT_CONTAINER, .status = status, .id = c->id, .name = c->at.record.name, .image = c->at.record.image_name,
		.pod_id = c->at.record.pod, .attributes = c->loaded ? &c->params.basic.labels : &labels,
	};

	if (!c->loaded)
		labels_from_record(c, &labels);
	if (status == EVENT_CREATE && c->engine->conf.engine.events_container_create_inspect_data)
		add_inspect_data(c, &inspect, &e);
	if (status == EVENT_DIED) {
		e.exit_code = (struct opt_int){ true, c->at.status.exit_code };
		e.oom_killed = (struct opt_bool){ c->at.status.oom_killed, true };
	}
	engine_event(c->engine, &e);
}
