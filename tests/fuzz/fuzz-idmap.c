/* SPDX-License-Identifier: Apache-2.0
 * fuzz-idmap: mappings in every notation, the subid files, and what a mapping promises about look-ups. */
#include <stdint.h>
#include <stdlib.h>

#include "os/idmap.h"

static void check(const struct idmap *m)
{
	uint32_t out, in;

	for (size_t i = 0; i < m->n; i++)
		if (!idmap_to_outside(m, m->v[i].inside, &out) || !idmap_to_inside(m, out, &in) || in != m->v[i].inside)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct idmap whole = { .v = { { 0, 0, UINT32_MAX } }, .n = 1 };
	autofree char *text = strndup((const char *)data, size);
	struct idmap m = { .n = 0 }, kernel = { .n = 0 }, composed;
	struct subid_ranges ranges = { .n = 0 };
	struct error err = {};
	char out[16384];

	if (!text)
		return 0;
	for (char *p = text; *p;) {
		size_t len = strcspn(p, "\n");
		char keep = p[len];
		p[len] = '\0';
		(void)idmap_parse(&m, p, len & 1, &err);
		p[len] = keep;
		p += len + (keep != '\0');
	}
	check(&m);
	if (idmap_parse_kernel(&kernel, text, &err) == 0)
		check(&kernel);
	(void)idmap_size(&m);
	(void)idmap_format_kernel(&m, out, sizeof(out));
	(void)idmap_compose(&m, &whole, &composed, &err);
	if (subid_parse(text, "alice", 1000, &ranges, &err) == 0)
		(void)idmap_rootless(1000, &ranges, &composed, &err);
	return 0;
}
