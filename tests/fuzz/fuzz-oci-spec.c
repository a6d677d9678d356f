/* SPDX-License-Identifier: Apache-2.0
 * config.json of any bytes: loaded, written and loaded again it is the same; what passes the checks becomes a plan. */
#include <stdlib.h>
#include <string.h>

#include "oci/plan.h"
#include "oci/resources.h"

static void plan(const struct oci_spec *s)
{
	struct oci_options o = OCI_OPTIONS_INIT;
	auto_plan p = PLAN_INIT;
	auto_buf text = BUF_INIT((size_t)16 << 20);
	struct cgroup_resources r = {};
	struct error err = {};

	o.id = "fuzz";
	o.bundle = "/fuzz";
	o.dry_run = true;
	if (plan_build(s, &o, &p, &err) == 0)
		for (size_t i = 0; i < p.n; i++)
			plan_step_format(&p.steps[i], &text);
	if (oci_resources_convert(s->lnx.resources, &r, &err) == 0)
		cgroup_resources_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_oci_spec s = {};
	auto_oci_spec again = {};
	auto_buf one = BUF_INIT((size_t)64 << 20);
	auto_buf two = BUF_INIT((size_t)64 << 20);
	struct error err = {};

	if (oci_spec_load("fuzz", (const char *)data, size, &s, &err) < 0)
		return 0;
	if (oci_spec_save(&s, 0, &one, &err) < 0)
		abort();
	if (oci_spec_load("again", one.data, one.len, &again, &err) < 0 || oci_spec_save(&again, 0, &two, &err) < 0)
		abort();
	if (strcmp(one.data, two.data) != 0)
		abort();
	plan(&s);
	return 0;
}
