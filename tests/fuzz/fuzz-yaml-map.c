/* SPDX-License-Identifier: Apache-2.0 - registries.d and sigstore parameter files. */
#include <stdint.h>

#include "conf/yaml-map.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	auto_json *doc = NULL;
	struct error err;

	if (yaml_map_parse("file", (const char *)bytes, len, &doc, &err) == 0 && !json_object_is_type(doc, json_type_object))
		__builtin_trap();
	return 0;
}
