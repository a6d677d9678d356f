/* SPDX-License-Identifier: Apache-2.0
 * fuzz-yaml-tree: YAML documents (Kubernetes, CDI); what is read can be written as JSON and read as such. */
#include <stdint.h>

#include "base/yaml-tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf out = BUF_INIT((size_t)256 << 20);
	auto_json *o = NULL, *again = NULL;
	const struct json_limits limits = { .max_bytes = (size_t)256 << 20, .max_depth = YAML_TREE_DEPTH_MAX + 4 };
	struct error err;

	if (yaml_tree_parse_all("fuzz", (const char *)data, size, &o, &err) < 0)
		return 0;
	json_format(&out, o, 0);
	if (json_parse("again", out.data, out.len, &limits, &again, &err) < 0)
		__builtin_trap();
	return 0;
}
