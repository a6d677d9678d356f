/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/container-impl.h"
#include "engine/event.h"

void ctr_event(const struct ctr *c, enum event_status status)
{
	struct event e = {
		.type = EVENT_CONTAINER, .status = status, .id = c->id, .name = c->at.record.name, .image = c->at.record.image_name,
		.pod_id = c->at.record.pod, .attributes = c->loaded ? &c->params.basic.labels : NULL,
	};

	if (status == EVENT_DIED)
		e.exit_code = (struct opt_int){ true, c->at.status.exit_code };
	engine_event(c->engine, &e);
}
