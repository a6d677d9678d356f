/* SPDX-License-Identifier: Apache-2.0
 * Descriptions of devices (CDI). What is accepted must name every device and every path in full. */
#include <stdlib.h>

#include "engine/cdi.h"

static void check_edits(const struct cdi_edits *e)
{
	const struct cdi_node *n = e->nodes.v;
	const struct cdi_mount *m = e->mounts.v;

	for (size_t i = 0; i < e->nodes.n; i++)
		if (!n[i].path || n[i].path[0] != '/')
			abort();
	for (size_t i = 0; i < e->mounts.n; i++)
		if (!m[i].host || m[i].host[0] != '/' || !m[i].container || m[i].container[0] != '/')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(cdi_spec_done) struct cdi_spec s = {};
	struct error err;
	char name[1024];

	if (cdi_parse("fuzz", (const char *)data, size, size % 2 ? CDI_YAML : CDI_JSON, &s, &err) < 0)
		return 0;
	const struct cdi_device *d = s.devices.v;
	check_edits(&s.edits);
	for (size_t i = 0; i < s.devices.n; i++) {
		check_edits(&d[i].edits);
		if (snprintf(name, sizeof(name), "%s=%s", s.kind, d[i].name) < (int)sizeof(name) && !cdi_is_name(name))
			abort();
	}
	return 0;
}
